# What an event costs as definitions and customers grow: the time of the same work against the smaller of two databases.
NAMES+=(segments_scaling subscribers_scaling)

# 100,000 rows of existing subscribers, with 1 segment and with 1,000: in one load, of which evaluation is put off, and in one-row
# transactions of 1 and 8 clients, which evaluate at once and write down who moved.
bench_segments_scaling() {
  local clients
  need one_segment many_segments
  alternate load_recent one_segment many_segments
  report segments_scaling "<= 1.3" many_segments one_segment
  for clients in 1 8; do
    clone one_segment timed_one_segment
    clone many_segments timed_many_segments
    alternate "one_row_of_segments_$clients" one_segment many_segments
    report "segments_scaling_one_row_$clients" "<= 1.3" one_segment many_segments
  done
}

one_row_of_segments_1() { proved_throughput "timed_$1" 100000 1; }
one_row_of_segments_8() { proved_throughput "timed_$1" 100000 8; }

# proved_throughput DATABASE SUBSCRIBERS CLIENTS: one-row transactions per second, whose ratio is that of what one takes.
proved_throughput() {
  throughput "$1" 1 "$(scaled "$2")" -c "$3" -j 2 -T 5
  prove "$1"
}

make_one_segment() { need plain; clone plain one_segment; attach one_segment 1; }
make_many_segments() { need plain; clone plain many_segments; attach many_segments 1000; }

load_recent() {
  clone "$1" timed
  milliseconds timed -v staged=recent -f "$BENCH/insert_select.sql"
  prove timed
}

# 50,000 rows in 5 transactions, each with one event of 10,000 subscribers drawn from 10,000 and from 1,000,000; then one-row
# transactions of one client.
bench_subscribers_scaling() {
  need small large
  clone small timed_small
  clone large timed_large
  alternate load_sample timed_small timed_large
  report subscribers_scaling "<= 1.2" timed_large timed_small
  alternate one_row_of_subscribers small large
  report subscribers_scaling_one_row "<= 1.2" small large
}

one_row_of_subscribers() {
  case $1 in
    small) proved_throughput timed_small 10000 1 ;;
    large) proved_throughput timed_large 1000000 1 ;;
  esac
}

make_small() {
  new_database small "$(scaled 10000)" "$(scaled 30000)"
  attach small
}

load_sample() {
  local round loads=()
  for round in 1 2 3 4 5; do
    psql -q -d "$1" -v staged="sample_$round" -v rows="$(scaled 10000)" -f "$BENCH/sample.sql"
    loads+=(-c "\set staged sample_$round" -f "$BENCH/insert_select.sql")
  done
  milliseconds "$1" "${loads[@]}"
  prove "$1"
}
