# Random transactions in the midst of whose statements definitions are changed, people are decided about, merged and forgotten,
# and other rows are written. After each, verify() finds nothing. A difference names its seed: FLIGHT=that FLIGHTS=1.
FLIGHTS=${FLIGHTS:-20}

suite_in_flight() {
  start_cluster test "fsync = off"
  psql -q -d postgres -c "CREATE DATABASE flight" -c "ALTER DATABASE flight SET pg_segment.clock = '2026-06-01 12:00+00'" \
    -c "ALTER DATABASE flight SET client_min_messages = error"
  export PGDATABASE=flight
  local first=${FLIGHT:-1} seed
  for seed in $(seq "$first" $((first + FLIGHTS - 1))); do
    psql -q -c "DROP SCHEMA IF EXISTS flight CASCADE" -c "DROP EXTENSION IF EXISTS pg_segment CASCADE" -c "CREATE EXTENSION pg_segment" \
      -f "$ROOT/tests/oracle/in_flight.sql" > /dev/null
    check "in the midst of statements, seed $seed: 100 random transactions" psql -q -v ON_ERROR_STOP=1 -c "CALL flight.run($seed, 100)"
    psql -q -c "CALL segment.refresh()"
    expect_empty "in the midst of statements, seed $seed: verify" "SELECT * FROM segment.verify()"
  done
}
