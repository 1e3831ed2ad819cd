# What is stored and logged.
NAMES+=(state)

bench_state() {
  need plain attached
  state_bytes
  alternate wal_per_transaction plain attached
  FIGURES[more]=$(awk -v all="${FIGURES[attached]}" -v plain="${FIGURES[plain]}" \
    'BEGIN { n = split(all, a); split(plain, b); for (i = 1; i <= n; i++) print a[i] - b[i] }')
  report state_wal "<= 1024 B" more 1
}

# Reports the size of the state rows of 200 subscribers with 50 events each.
state_bytes() {
  local subscriber=$(($(scaled 100000) + 1))
  forget
  clone attached timed
  stage timed fifty 10000 $subscriber 200 90
  value timed "INSERT INTO event (subscriber, at, kind, value, properties)
    SELECT $subscriber + row_number() OVER (ORDER BY at, subscriber) % 200, at, kind, value, properties FROM fifty"
  prove timed
  FIGURES[bytes]=$(value timed "SELECT pg_column_size(s.*) FROM segment.state s
    WHERE subscriber IN (SELECT n::text FROM generate_series($subscriber, $((subscriber + 199))) n)" | tr '\n' ' ')
  report state_bytes "<= 400 B" bytes 1
}

# Bytes of WAL per one-row transaction.
wal_per_transaction() {
  local before
  clone "$1" timed
  before=$(value timed "SELECT pg_current_wal_insert_lsn()")
  writers timed 1 "$(scaled 100000)" -c 1 -t 2000 > /dev/null
  value timed "SELECT round((pg_current_wal_insert_lsn() - '$before') / 2000, 1)"
  [ "$1" != attached ] || prove timed
}
