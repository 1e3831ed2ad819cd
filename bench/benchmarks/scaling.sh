# What an event costs as definitions and customers grow: time of the same load against the smaller of two databases.
NAMES+=(segments_scaling subscribers_scaling)

# 100,000 rows of existing subscribers, with 1 segment and with 1,000.
bench_segments_scaling() {
  need one_segment many_segments
  alternate load_recent one_segment many_segments
  report segments_scaling "<= 1.3" many_segments one_segment
}

make_one_segment() { need plain; clone plain one_segment; attach one_segment 1; }
make_many_segments() { need plain; clone plain many_segments; attach many_segments 1000; }

load_recent() {
  clone "$1" timed
  milliseconds timed -v staged=recent -f "$BENCH/insert_select.sql"
  prove timed
}

# 50,000 rows in 5 transactions, each with one event of 10,000 subscribers drawn from 10,000 and from 1,000,000.
bench_subscribers_scaling() {
  need small large
  clone small timed_small
  clone large timed_large
  alternate load_sample timed_small timed_large
  report subscribers_scaling "<= 1.2" timed_large timed_small
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
