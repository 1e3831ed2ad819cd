# Shared by the benchmarks: databases to start from, timing, proof, and the lines of the report. Source it from bash.
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"
shopt -s inherit_errexit

BENCH=$ROOT/bench
RUNS=${RUNS:-5}
SCALE=${SCALE:-1}
# Time stands still here, so that every run does the same; bench/soak lets it pass.
CLOCK='2025-06-15 12:34:56+00'
# For both sides of a comparison: nothing goes on by itself, and memory holds the tables. A run begins just after a checkpoint,
# where images of pages would be most of what is written; elsewhere they are few, so they are off.
SETTINGS=("synchronous_commit = off" "full_page_writes = off" "autovacuum = off" "checkpoint_timeout = 1h" "max_wal_size = 8GB"
  "shared_buffers = 2GB" "work_mem = 64MB" "maintenance_work_mem = 256MB" "pg_segment.clock = '$CLOCK'")
REPORT=()
declare -A FIGURES

# A number of rows or subscribers at SCALE.
scaled() { awk -v n="$1" -v scale="$SCALE" 'BEGIN { n = int(n * scale); print (n > 0 ? n : 1) }'; }

# The one value that a statement returns in a database.
value() { psql -qAt -d "$1" -c "$2"; }

# Makes the databases named that are not there yet, each by its function make_NAME.
need() {
  local database
  for database; do
    [ "$(value postgres "SELECT count(*) FROM pg_database WHERE datname = '$database'")" = 1 ] && continue
    say "making the database $database"
    "make_$database"
  done
}

# clone FROM TO: a database like another; its pages are in memory and a checkpoint has just passed.
clone() {
  psql -q -d postgres -c "DROP DATABASE IF EXISTS $2" -c "CREATE DATABASE $2 TEMPLATE $1 STRATEGY file_copy"
  warm "$2"
}

# Reads the tables and indexes of a database into memory.
warm() {
  psql -q -d "$1" -c "CREATE EXTENSION IF NOT EXISTS pg_prewarm" \
    -c "SELECT pg_prewarm(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't') AND relpersistence <> 't'" > /dev/null
}

# new_database DATABASE SUBSCRIBERS EVENTS: a new database with the event table.
new_database() {
  psql -q -d postgres -c "CREATE DATABASE $1"
  psql -q -d "$1" -v clock="$CLOCK" -v subscribers="$2" -v rows="$3" -f "$BENCH/history.sql"
}

# stage DATABASE TABLE ROWS FIRST SUBSCRIBERS DAYS: rows to be loaded later, of subscribers from FIRST on.
stage() {
  psql -q -d "$1" -v clock="$CLOCK" -v table="$2" -v rows="$3" -v first="$4" -v subscribers="$5" -v days="$6" -v seed=0.2 \
    -f "$BENCH/staging.sql"
}

# attach DATABASE [SEGMENTS]: attaches its event table.
attach() { psql -q -d "$1" -v clock="$CLOCK" -v segments="${2:-500}" -f "$BENCH/attach.sql"; }

# 100,000 subscribers with 3 events each on average, and rows to load: 5 each for them, 5 each for as many new ones, one each.
make_plain() {
  local subscribers
  subscribers=$(scaled 100000)
  new_database plain "$subscribers" $((3 * subscribers))
  stage plain existing $((5 * subscribers)) 1 "$subscribers" 90
  stage plain new $((5 * subscribers)) $((subscribers + 1)) "$subscribers" 90
  stage plain recent "$subscribers" 1 "$subscribers" 1
}

make_trigger() { need plain; clone plain trigger; psql -q -d trigger -f "$BENCH/trigger.sql"; }
make_attached() { need plain; clone plain attached; attach attached; }

# 1,000,000 subscribers with 3 events each.
make_large() {
  new_database large "$(scaled 1000000)" "$(scaled 3000000)"
  attach large
}

# 1,000,000 subscribers with 50 events each in 90 days: what a recomputation reads.
make_deep() {
  new_database deep "$(scaled 1000000)" "$(scaled 50000000)"
  attach deep
}

# Milliseconds of statements, given as arguments of psql, each with its commit.
milliseconds() {
  local database=$1
  shift
  psql -qAt -d "$database" -c '\timing on' "$@" | awk '/^Time: / { sum += $2 } END { print sum }'
}

# pgbench's report of one-row transactions: writers DATABASE FIRST LAST [OPTION ...], of subscribers FIRST to LAST.
writers() {
  local database=$1 first=$2 last=$3
  shift 3
  "$BIN/pgbench" -n -M prepared -D first="$first" -D last="$last" -f "$BENCH/one_row.pgbench" "$@" "$database" \
    2> "$TARGET/pgbench.log" || fail "pgbench failed; details are in $TARGET/pgbench.log."
}

# Transactions per second of the same.
throughput() { writers "$@" | sed -nE 's/^tps = ([0-9.]+).*/\1/p'; }

# Voids the figures of this benchmark unless everything in a database is exact.
prove() {
  local differences
  differences=$(value "$1" "SELECT count(*) FROM segment.verify()")
  [ "$differences" = 0 ] && return
  say "verify() found $differences differences in $1: the figures are void"
  touch "$TARGET/bench-void"
}

# Forgets the figures of what ran before, and whether they are void.
forget() {
  FIGURES=()
  rm -f "$TARGET/bench-void"
}

# alternate MEASURE SIDE ...: runs `MEASURE SIDE`, which prints a number, for each side, every other time in reverse order,
# and leaves the numbers of a side in FIGURES[SIDE].
alternate() {
  local measure=$1 run side order
  shift
  forget
  for ((run = 1; run <= RUNS; run++)); do
    order=$*
    ((run % 2)) || order=$(printf '%s\n' "$@" | tac)
    for side in $order; do
      FIGURES[$side]+="$($measure "$side") "
      say "$measure, run $run, $side: $(awk '{ print $NF }' <<< "${FIGURES[$side]}")"
    done
  done
}

# report NAME GOAL SIDE DIVISOR: adds the line for the ratios, run by run, of two sides, or of one and a number.
report() {
  local divisors=${FIGURES[$4]:-$4} void=
  [ ! -e "$TARGET/bench-void" ] || void=void
  REPORT+=("$(awk -v above="${FIGURES[$3]}" -v below="$divisors" '
    BEGIN { n = split(above, a); split(below, b); for (i = 1; i <= n; i++) print a[i] / b[i in b ? i : 1] }' | sort -g \
    | awk -v name="$1" -v goal="$2" -v ratio="$void" '
      function short(x) { return sprintf(x < 100 ? "%.3g" : "%.0f", x) }
      { sorted[NR] = $1 }
      END { if (!ratio) ratio = short(sorted[int((NR + 1) / 2)])
            printf "bench\t%s\t%s\t%s to %s\t%s\n", name, ratio, short(sorted[1]), short(sorted[NR]), goal }')")
}
