# Eight clients whose transactions write the same few subscribers in four statements: nobody waits in a circle.
HOT_SECONDS=${HOT_SECONDS:-60}

suite_hot() {
  start_cluster test "fsync = off" "deadlock_timeout = 100ms"
  new_oracle_database hot
  churning_segments
  check "8 clients of hot subscribers for $HOT_SECONDS s" \
    "$BIN/pgbench" -n -c 8 -j 2 -T "$HOT_SECONDS" --failures-detailed -f "$ROOT/tests/oracle/hot.sql" hot
  check "no deadlock" test "$(psql -At -c "SELECT deadlocks FROM pg_stat_database WHERE datname = 'hot'")" = 0
  expect_empty "hot subscribers: verify" "SELECT * FROM segment.verify()"
}
