# Time alone: 1,000,000 subscribers with 50 events each, of whom 0.1 % or 1 % are due, against computing all
# members again in SQL, which has to come to the same.
NAMES+=(refresh)

bench_refresh() {
  need deep
  clone deep timed
  alternate refresh_or_recompute recompute few many
  report refresh ">= 500" recompute few
  FIGURES[ten_few]=$(awk '{ for (i = 1; i <= NF; i++) printf "%s ", 10 * $i }' <<< "${FIGURES[few]}")
  report refresh_growth "about 1" many ten_few
}

refresh_or_recompute() {
  case $1 in
    recompute)
      milliseconds timed -v clock="$(value timed "SELECT segment.now()")" -v segments=500 -f "$BENCH/recompute.sql"
      compare timed
      ;;
    few) refresh "$(scaled 1000)" ;;
    many) refresh "$(scaled 10000)" ;;
  esac
}

# Voids the figures unless the recomputation has come to the members that pg_segment has.
compare() {
  local differences
  differences=$(psql -qAt -d "$1" -f "$BENCH/differences.sql")
  [ "$differences" = 0 ] && return
  say "the recomputation differs in $differences memberships: the figures are void"
  touch "$TARGET/bench-void"
}

# Milliseconds of a refresh of so many subscribers. The clock first goes to a full hour, at which most windows end and who is
# due is not timed, then to the moment at which the number of those who are due comes closest; the time is in proportion.
refresh() {
  local moment due
  pass "$(value timed "SELECT date_trunc('hour', segment.now() + interval '1 hour')")"
  # As autovacuum does in between, which is off.
  value timed "CALL segment.refresh()" && value timed "VACUUM segment.due"
  IFS='|' read -r moment due <<< "$(value timed "SELECT due_at, due
    FROM (SELECT due_at, sum(count(*)) OVER (ORDER BY due_at) AS due FROM segment.due GROUP BY due_at) growth
    ORDER BY abs(due - $1) LIMIT 1")"
  pass "$moment"
  say "$due subscribers are due at $moment"
  milliseconds timed -c "CALL segment.refresh()" | awk -v wanted="$1" -v due="$due" '{ print $1 * wanted / due }'
  prove timed
}

# Sets the clock of the database.
pass() { value timed "ALTER DATABASE timed SET pg_segment.clock = '$1'"; }
