# H10, P38. Random histories against the plain-SQL oracle, each of two sessions. A difference names its seed: SEED=that HISTORIES=1.
HISTORIES=${HISTORIES:-400}
STEPS=${STEPS:-25}
# Steps between two comparisons with the oracle, which take most of the time.
LOOK_EVERY=${LOOK_EVERY:-2}
# As many again, of so many hours, of segments with safeguards.
SAFEGUARDS=${SAFEGUARDS:-$(((HISTORIES + 3) / 4))}
HOURS=${HOURS:-40}

suite_history() {
  start_cluster test "fsync = off" "max_prepared_transactions = 10" "autovacuum = off"
  local first=${SEED:-1000} half=$(((HISTORIES + 1) / 2)) known=() seed
  # Seeds that once found a difference, then as many as asked for, in two databases side by side.
  while read -r seed; do known+=("$seed"); done < "$ROOT/tests/oracle/seeds"
  local database
  for database in histories1 histories2; do
    new_oracle_database "$database"
    psql -q -f "$ROOT/tests/oracle/histories.sql" -f "$ROOT/tests/oracle/safeguards.sql" > /dev/null
  done
  # shellcheck disable=SC2046
  run_histories histories1 "${known[@]}" $(seq "$first" $((first + half - 1))) &
  local other=$!
  # shellcheck disable=SC2046
  run_histories histories2 $(seq $((first + half)) $((first + HISTORIES - 1))) || true
  wait "$other" || true
  count_histories histories1 $((${#known[@]} + half)) "$((2 * STEPS)) steps"
  count_histories histories2 $((HISTORIES - half)) "$((2 * STEPS)) steps"
  half=$(((SAFEGUARDS + 1) / 2))
  # shellcheck disable=SC2046
  run_guarded histories1 $(seq "$first" $((first + half - 1))) &
  other=$!
  # shellcheck disable=SC2046
  run_guarded histories2 $(seq $((first + half)) $((first + SAFEGUARDS - 1))) || true
  wait "$other" || true
  count_histories histories1 "$half" "$HOURS hours with safeguards"
  count_histories histories2 $((SAFEGUARDS - half)) "$HOURS hours with safeguards"
  # About one in two histories has an alarm.
  [ "$SAFEGUARDS" -lt 20 ] || expect_empty "alarms were among them" "SELECT 'no alarm' FROM steady.alarms WHERE NOT is_called"
}

# run_histories DATABASE SEED ...
run_histories() {
  local database=$1 seed
  shift
  {
    echo "\\o /dev/null"
    for seed in "$@"; do
      # What a session left prepared, the next one ends.
      printf 'SELECT oracle.script(%s, 0, %s, %s) \\gexec\n\\c\n' "$seed" "$STEPS" "$LOOK_EVERY"
      printf "SELECT format('/* seed %s */ %s PREPARED %%L', gid) FROM pg_prepared_xacts WHERE database = current_database() \\gexec\n" \
        "$seed" "$([ $((seed % 3)) = 0 ] && echo ROLLBACK || echo COMMIT)"
      printf 'SELECT oracle.script(%s, 1, %s, %s) \\gexec\n\\c\n\\warn seed %s agrees\n' "$seed" "$STEPS" "$LOOK_EVERY" "$seed"
    done
  } > "$LOGS/$database.sql"
  run_script "$database"
}

# run_guarded DATABASE SEED ...
run_guarded() {
  local database=$1 seed
  shift
  {
    echo "\o /dev/null"
    for seed in "$@"; do
      printf 'SELECT steady.script(%s, %s) \gexec
\c
\warn seed %s agrees
' "$seed" "$HOURS" "$seed"
    done
  } > "$LOGS/$database.sql"
  run_script "$database"
}

run_script() {
  PGOPTIONS="-c client_min_messages=error -c lock_timeout=30s -c jit=off" psql -q -b -d "$1" -f "$LOGS/$1.sql" > "$LOGS/$1.log" 2>&1
}

# count_histories DATABASE HOW_MANY OF_WHAT
count_histories() {
  local agreed
  agreed=$(grep -c '^.*seed [0-9]* agrees$' "$LOGS/$1.log" || true)
  PASSED=$((PASSED + agreed))
  printf 'ok    %s random histories of %s agree with the oracle\n' "$agreed" "$3"
  [ "$agreed" = "$2" ] || flunk "random histories: $((agreed + 1)) of $2" "$(grep -v 'agrees$' "$LOGS/$1.log")"
}

# A database with the extension, an application attached to it, and the oracle.
new_oracle_database() {
  export PGDATABASE=postgres
  psql -q -c "CREATE DATABASE $1"
  export PGDATABASE=$1
  psql -q -c "CREATE EXTENSION pg_segment" -f "$ROOT/tests/oracle/schema.sql" -f "$ROOT/tests/oracle/profiles.sql" \
    -f "$ROOT/tests/oracle/oracle.sql" > /dev/null
}
