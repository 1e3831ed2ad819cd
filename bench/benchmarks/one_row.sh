# One-row transactions: throughput with 1 and 8 clients, not waiting and waiting for the disk.
NAMES+=(one_row)

bench_one_row() {
  local clients commit goal side
  need plain trigger attached
  for commit in off on; do
    [ $commit = off ] && goal=0.6 || goal=0.85
    for clients in 1 8; do
      for side in plain trigger attached; do clone $side "timed_$side"; done
      alternate "one_row_${clients}_$commit" plain trigger attached
      report "one_row_${clients}_$commit" ">= $goal" attached plain
      report "one_row_${clients}_${commit}_vs_trigger" ">= 1.0" attached trigger
    done
  done
}

one_row_1_off() { one_row "$1" 1 off; }
one_row_8_off() { one_row "$1" 8 off; }
one_row_1_on() { one_row "$1" 1 on; }
one_row_8_on() { one_row "$1" 8 on; }

# one_row SIDE CLIENTS COMMIT: transactions per second.
one_row() {
  PGOPTIONS="$PGOPTIONS -c synchronous_commit=$3" throughput "timed_$1" 1 "$(scaled 100000)" -c "$2" -j 2 -T 5
  [ "$1" != attached ] || prove timed_attached
}
