# Concurrent sessions, every interleaving ending in the oracle, by pg_isolation_regress.
suite_isolation() {
  start_cluster test "fsync = off"
  local isolation out=$LOGS/isolation specs=() name
  isolation=$("$BIN/pg_config" --pkglibdir)/pgxs/src/test/isolation/pg_isolation_regress
  [ -x "$isolation" ] || fail "pg_isolation_regress is missing at $isolation; install the server's development package."
  for name in "$ROOT"/tests/isolation/specs/*.spec; do specs+=("$(basename "$name" .spec)"); done
  rm -rf "$out" && mkdir -p "$out"
  psql -q -c "CREATE DATABASE isolation" && psql -q -d isolation -c "CREATE EXTENSION pg_segment"
  PGTZ=UTC PGISOLATIONTIMEOUT=20 "$isolation" --use-existing --bindir="$BIN" --inputdir="$ROOT/tests/isolation" --outputdir="$out" \
    --host="$PGHOST" --user=postgres --dbname=isolation "${specs[@]}" > "$out/log" 2>&1 || true
  for name in "${specs[@]}"; do
    if grep -qE "^(test|ok).* $name +(\.\.\. ok|[0-9]+ ms)" "$out/log"; then
      pass "isolation $name ($(grep -c '^permutation' "$ROOT/tests/isolation/specs/$name.spec") permutations)"
    else
      flunk "isolation $name" "$(cat "$out/regression.diffs" 2> /dev/null || cat "$out/log")"
    fi
  done
}
