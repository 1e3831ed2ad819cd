# Writers while long work runs beside them: 99th percentile of the latency of one-row transactions, 400 a second. What any busy
# process does to them on this machine is measured too.
NAMES+=(online)

bench_online() {
  need attached
  clone attached timed
  value timed "SELECT segment.create_segment('altered', '$(reads_anew altered)')" > /dev/null
  alternate latency alone busy create alter rebuild
  report online_busy "none" busy alone
  report online_create "<= 2" create alone
  report online_alter "<= 2" alter alone
  report online_rebuild "<= 2" rebuild alone
}

# Milliseconds, over 30 seconds, alone or while the same work is done again and again. What writers do in their first two
# seconds is left out: a session's first event takes longer, with the work or without.
latency() {
  local work=$1 log=$TARGET/bench-latency since
  rm -f "$log".*
  writers timed 1 "$(scaled 100000)" -c 4 -R 400 -T 32 -l --log-prefix="$log" > /dev/null &
  sleep 2
  since=$(date +%s.%N)
  while [ "$work" != alone ] && kill -0 $! 2> /dev/null; do "long_$work"; done
  wait $!
  cat "$log".* | awk -v since="$since" '$5 + $6 / 1e6 >= since { print $3 / 1000 }' | sort -g | awk '{ sorted[NR] = $1 } END { print sorted[int(NR * 0.99 + 0.5)] }'
  prove timed
}

# A query that touches no table.
long_busy() { value timed "SELECT count(*) FROM generate_series(1, 10000000)" > /dev/null; }

long_create() {
  local name=concurrent_$RANDOM
  value timed "CALL segment.create_segment_concurrently('$name', '$(reads_anew $name)')"
}

long_alter() { value timed "CALL segment.alter_segment('altered', '$(reads_anew altered_$RANDOM)')"; }

long_rebuild() { value timed "CALL segment.rebuild()"; }

# Criteria that read what no other segment does, so that the events must be read.
reads_anew() {
  echo "{\"event\": \"page_view\", \"count\": {\"min\": 3}, \"within\": \"30 days\", \"where\": {\"campaign\": {\"in\": [\"spring_1\", \"$1\"]}}}"
}
