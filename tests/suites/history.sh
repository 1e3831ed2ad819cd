# Random histories against the plain-SQL oracle. A difference names its seed: CALL oracle.history(seed, 12).
HISTORIES=${HISTORIES:-500}

suite_history() {
  start_cluster test "fsync = off"
  new_oracle_database histories
  psql -q -f "$ROOT/tests/oracle/histories.sql" > /dev/null
  local first output
  # Seeds that once found a difference, then as many as asked for, in two sessions.
  while read -r first; do
    check "history $first" psql -q -c "SET client_min_messages = warning" -c "CALL oracle.histories($first, 1, 12)"
  done < "$ROOT/tests/oracle/seeds"
  if output=$(psql -q -c "SET client_min_messages = warning" -c "CALL oracle.histories(${SEED:-1000}, $HISTORIES, 12)" 2>&1); then
    PASSED=$((PASSED + HISTORIES))
    printf 'ok    %s random histories agree with the oracle\n' "$HISTORIES"
  else
    flunk "random histories" "$output"
  fi
}

# A database with the extension, an application attached to it, and the oracle.
new_oracle_database() {
  export PGDATABASE=postgres
  psql -q -c "CREATE DATABASE $1"
  export PGDATABASE=$1
  psql -q -c "CREATE EXTENSION pg_segment" -f "$ROOT/tests/oracle/schema.sql" -f "$ROOT/tests/oracle/oracle.sql" > /dev/null
}
