# kill -9 of a backend and of the whole server under a load in which people enter and leave all the time.
BACKEND_KILLS=${BACKEND_KILLS:-10}
SERVER_KILLS=${SERVER_KILLS:-10}

suite_crash() {
  start_cluster test "restart_after_crash = on"
  new_oracle_database crash
  psql -q -c "SELECT segment.create_segment('few', '{\"event\": \"purchase\", \"count\": {\"between\": [2, 4]}, \"within\": \"30 days\"}'),
                     segment.create_segment('spent', '{\"event\": \"purchase\", \"sum\": {\"min\": 100}}'),
                     segment.create_segment('quiet', '{\"not\": {\"event\": \"open\", \"within\": \"7 days\"}}')" > /dev/null
  local kill
  for ((kill = 1; kill <= BACKEND_KILLS; kill++)); do crash_once "backend kill $kill" kill_backend; done
  for ((kill = 1; kill <= SERVER_KILLS; kill++)); do crash_once "server kill $kill" kill_server; done
}

# The load, the kill, the recovery, and the oracle; people must have moved both ways in between.
crash_once() {
  local before after
  before=$(psql -At -c "SELECT clock_timestamp()")
  "$BIN/pgbench" -n -c 4 -T 30 -f "$ROOT/tests/oracle/load.sql" crash > "$LOGS/pgbench.log" 2>&1 &
  local load=$!
  sleep 1.$((RANDOM % 10))
  "$2"
  wait "$load" || true
  await_server
  after=$(psql -At -c "SELECT count(DISTINCT action) FROM segment.transition WHERE at > '$before'")
  [ "$after" = 2 ] || { flunk "$1" "nobody entered or nobody left under load: $(tail -n 5 "$LOGS/pgbench.log")"; return; }
  expect_empty "$1" "SELECT * FROM oracle.difference"
}

kill_backend() {
  local pid
  pid=$(psql -At -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench' ORDER BY random() LIMIT 1")
  [ -z "$pid" ] || kill -9 "$pid"
}

kill_server() {
  local postmaster pids
  postmaster=$(head -n 1 "$PGDATA/postmaster.pid")
  # The postmaster and all its children at once, as a loss of power would.
  pids="$postmaster $(grep -lE "^PPid:[[:space:]]*$postmaster$" /proc/[0-9]*/status 2> /dev/null | cut -d / -f 3 | paste -sd ' ')"
  # shellcheck disable=SC2086
  kill -9 $pids 2> /dev/null || true
  # Where nobody reaps the dead postmaster, its locks would seem to be held.
  rm -f "$PGDATA/postmaster.pid" "$PGHOST"/.s.PGSQL.*
  sleep 0.3
  start_server
}

await_server() {
  local try
  for ((try = 0; try < 300; try++)); do
    "$BIN/pg_isready" -q && psql -At -c "SELECT 1" > /dev/null 2>&1 && return
    sleep 0.1
  done
  fail "the server did not come back; see $PGDATA/server.log."
}
