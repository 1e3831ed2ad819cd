# kill -9 of a backend and of the whole server under a load in which people enter and leave all the time: writers, writers who
# queue, and refreshes.
BACKEND_KILLS=${BACKEND_KILLS:-100}
SERVER_KILLS=${SERVER_KILLS:-25}
# Kills between two comparisons with the oracle.
PER_COMPARISON=5

suite_crash() {
  start_cluster test "restart_after_crash = on"
  new_oracle_database crash
  churning_segments
  kills "backend kill" "$BACKEND_KILLS" kill_backend
  kills "server kill" "$SERVER_KILLS" kill_server
}

churning_segments() {
  psql -q -c "SELECT segment.create_segment('few', '{\"event\": \"purchase\", \"count\": {\"between\": [2, 4]}, \"within\": \"30 days\"}'),
                     segment.create_segment('spent', '{\"event\": \"purchase\", \"sum\": {\"min\": 100}}'),
                     segment.create_segment('pro', '{\"attribute\": \"traits.plan\", \"equals\": \"pro\"}'),
                     segment.create_segment('quiet', '{\"not\": {\"event\": \"open\", \"within\": \"7 days\"}}')" > /dev/null
}

# kills NAME COUNT KILL: so many kills, each under load, compared with the oracle every few and at the end.
kills() {
  local name=$1 count=$2 kill before moved
  before=$(psql -At -c "SELECT clock_timestamp()")
  for ((kill = 1; kill <= count; kill++)); do
    kill_under_load "$3"
    ((kill % PER_COMPARISON == 0 || kill == count)) || continue
    # People must have moved both ways since the last comparison.
    moved=$(psql -At -c "SELECT count(DISTINCT action) FROM segment.transition WHERE at > '$before'")
    [ "$moved" = 2 ] || { flunk "$name $kill" "nobody entered or nobody left under load: $(tail -n 5 "$LOGS/pgbench.log")"; return; }
    expect_empty "$name $kill: verify" "SELECT * FROM segment.verify()"
    psql -q -c "SET client_min_messages = warning" -c "CALL segment.refresh()"
    expect_empty "$name $kill" "SELECT * FROM oracle.difference"
    before=$(psql -At -c "SELECT clock_timestamp()")
  done
}

# Load from several sessions, the kill, and the recovery.
kill_under_load() {
  local script=$ROOT/tests/oracle load
  PGOPTIONS="-c client_min_messages=warning" "$BIN/pgbench" -n -c 5 -T 30 -f "$script/load.sql@6" -f "$script/queued.sql@3" \
    -f "$script/refresh.sql@1" crash > "$LOGS/pgbench.log" 2>&1 &
  load=$!
  sleep 0.$((3 + RANDOM % 4))
  "$1"
  wait "$load" || true
  await_server
}

kill_backend() {
  local pid
  pid=$(psql -At -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench' ORDER BY random() LIMIT 1")
  [ -z "$pid" ] || kill -9 "$pid"
}

kill_server() {
  local postmaster pids
  postmaster=$(head -n 1 "$PGDATA/postmaster.pid")
  # The postmaster and all its children at once, as a loss of power would. A process that ends meanwhile makes grep fail.
  pids="$postmaster $({ grep -lE "^PPid:[[:space:]]*$postmaster$" /proc/[0-9]*/status 2> /dev/null || true; } | cut -d / -f 3 | paste -sd ' ')"
  # shellcheck disable=SC2086
  kill -9 $pids 2> /dev/null || true
  # Where nobody reaps the dead postmaster, its locks would seem to be held.
  rm -f "$PGDATA/postmaster.pid" "$PGHOST"/.s.PGSQL.*
  sleep 0.2
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
