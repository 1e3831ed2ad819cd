# Eight clients whose transactions write the same few subscribers in four statements: nobody waits in a circle. Then N27.
HOT_SECONDS=${HOT_SECONDS:-60}

suite_hot() {
  start_cluster test "fsync = off" "deadlock_timeout = 100ms"
  new_oracle_database hot
  churning_segments
  check "8 clients of hot subscribers for $HOT_SECONDS s" \
    "$BIN/pgbench" -n -c 8 -j 2 -T "$HOT_SECONDS" --failures-detailed -f "$ROOT/tests/oracle/hot.sql" hot
  expect_empty "hot subscribers: verify" "SELECT * FROM segment.verify()"
  drained_queue
  check "no deadlock" test "$(psql -At -c "SELECT deadlocks FROM pg_stat_database WHERE datname = 'hot'")" = 0
}

# N27: six clients record opens into the queue for ten seconds, while two workers drain it.
drained_queue() {
  local script=$ROOT/tests/oracle before idle=0 writers workers
  before=$(psql -At -c "SELECT count(*) FROM shop.activity")
  PGOPTIONS="-c pg_segment.flush=queued" "$BIN/pgbench" -n -c 6 -j 2 -T 10 -f "$script/opens.sql" hot > "$LOGS/opens.log" 2>&1 &
  writers=$!
  PGOPTIONS="-c client_min_messages=warning" "$BIN/pgbench" -n -c 2 -T 10 -f "$script/refresh.sql" hot > "$LOGS/drain.log" 2>&1 &
  workers=$!
  while kill -0 "$writers" 2> /dev/null; do
    idle=$((idle + $(psql -At -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench' AND state LIKE 'idle in transaction%'")))
    sleep 0.2
  done
  if wait "$writers" && wait "$workers"; then
    pass "N27: 6 clients record opens and 2 drain the queue"
  else
    flunk "N27: 6 clients record opens and 2 drain the queue" "$(tail -n 5 "$LOGS/opens.log" "$LOGS/drain.log")"
  fi
  check "N27: nothing is idle in transaction" test "$idle" = 0
  check "N27: there were opens" test "$(psql -At -c "SELECT count(*) FROM shop.activity")" -gt $((before + 1000))
  psql -q -c "SET client_min_messages = warning" -c "CALL segment.refresh()"
  check "N27: the queue reaches 0" test "$(psql -At -c "SELECT count(*) FROM segment.queue")" = 0
  expect_empty "N27: each open counts once" "SELECT * FROM segment.verify()"
}
