# The pure folders, without a server: their tests, and that they cannot see one.
suite_domain() {
  local log=$LOGS/domain.log
  if cargo test --quiet --locked --lib --manifest-path "$ROOT/tests/domain/Cargo.toml" > "$log" 2>&1; then
    local count
    count=$(awk '/^test result: ok/ { sum += $4 } END { print sum + 0 }' "$log")
    PASSED=$((PASSED + count))
    printf 'ok    %s domain tests\n' "$count"
  else
    flunk "domain tests" "$(cat "$log")"
  fi
  local impure
  impure=$(grep -rlE 'pgrx|pg_sys|crate::(pg|api)' "$ROOT"/src/{criteria,activity,profile,score,membership,cluster,predict,customer_base,send_time,error.rs} || true)
  if [ -z "$impure" ]; then pass "the domain does not name PostgreSQL"; else flunk "the domain does not name PostgreSQL" "$impure"; fi
}
