# Every SQL function, its errors and its privileges, by pg_regress.
suite_regress() {
  start_cluster test "fsync = off" "max_prepared_transactions = 5"
  local pg_regress out=$LOGS/regress tests=() name
  pg_regress=$("$BIN/pg_config" --pkglibdir)/pgxs/src/test/regress/pg_regress
  [ -x "$pg_regress" ] || fail "pg_regress is missing at $pg_regress; install the server's development package."
  for name in "$ROOT"/tests/regress/sql/*.sql; do tests+=("$(basename "$name" .sql)"); done
  rm -rf "$out" && mkdir -p "$out"
  PGTZ=UTC "$pg_regress" --bindir="$BIN" --inputdir="$ROOT/tests/regress" --outputdir="$out" --host="$PGHOST" --user=postgres \
    --dbname=regress --encoding=UTF8 "${tests[@]}" > "$out/log" 2>&1 || true
  for name in "${tests[@]}"; do
    if grep -qE "^(test|ok).* $name +(\.\.\. ok|[0-9]+ ms)" "$out/log"; then
      pass "regress $name"
    else
      flunk "regress $name" "$(cat "$out/regression.diffs" 2> /dev/null || cat "$out/log")"
    fi
  done
}
