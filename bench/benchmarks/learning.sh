# Learning against scikit-learn on the same numbers, with one thread, the same first centroids, tolerance and parameters; and
# predictions of 1,000,000 customers.
NAMES+=(kmeans_fit kmeans_labels boosting_fit predict)
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# The arithmetic alone, of both: numbers that are in memory.
bench_kmeans_fit() { learn kmeans 1e-9 ">= 2.5"; }
bench_boosting_fit() { learn boosting 0.005 ">= 1"; }

# learn WHAT TOLERANCE GOAL: reports a fit. The figures are void where what is found differs by more, relatively.
learn() {
  need_numbers
  cargo build --quiet --release --locked --manifest-path "$ROOT/tests/domain/Cargo.toml" --example learn
  alternate "fit_$1" scikit_learn own
  agree "$2"
  report "$1_fit" "$3" scikit_learn own
}

fit_kmeans() { fit kmeans "$1"; }
fit_boosting() { fit boosting "$1"; }

# Milliseconds of a fit.
fit() {
  if [ "$2" = own ]; then
    "$TARGET/release/examples/learn" "$1" "$NUMBERS"
  else
    "$PYTHON" "$BENCH/learning.py" "$1" "$NUMBERS"
  fi | took "$2"
}

# took SIDE: of "FOUND MILLISECONDS" keeps what was found by a side, and shows the time.
took() { tee "$TARGET/bench-found-$1" | awk '{ print $2 }'; }

# agree TOLERANCE [SIDE]: voids the figures where a side found something else than the own.
agree() {
  awk -v tolerance="$1" '{ found[NR] = $1 } END { exit !(NR == 2 && (found[1] / found[2] - 1) ^ 2 <= tolerance ^ 2) }' \
    "$TARGET/bench-found-${2:-scikit_learn}" "$TARGET/bench-found-own" && return
  say "what was found differs: the figures are void"
  touch "$TARGET/bench-void"
}

# Makes the files that both sides read.
need_numbers() {
  with_scikit_learn || fail "scikit-learn and psycopg could not be installed; is there a network? Details are in $TARGET/pip.log."
  NUMBERS=$TARGET/learning
  mkdir -p "$NUMBERS"
  "$PYTHON" "$BENCH/learning.py" data "$NUMBERS" "$(scaled 100000)"
}

# From a table of 100,000 rows to one of their labels: fitted and assigned here, or read, fitted and written back by a client, by
# psycopg as it is and with values in binary.
bench_kmeans_labels() {
  need_numbers
  need points
  alternate label text binary own
  agree 1e-9 text
  agree 1e-9 binary
  report kmeans_labels ">= 5" text own
  report kmeans_labels_vs_binary ">= 5" binary own
}

COLUMNS_OF_POINTS=$(seq -f c%g -s, 10)

make_points() {
  psql -q -d postgres -c "CREATE DATABASE points"
  psql -q -d points -c "CREATE TABLE point (id integer PRIMARY KEY, ${COLUMNS_OF_POINTS//,/ float8,} float8)" \
    -c "\\copy point FROM '$NUMBERS/points.csv' CSV" -c "VACUUM ANALYZE point" -c "CREATE EXTENSION pg_segment"
}

label() {
  warm points
  if [ "$1" != own ]; then
    PGDATABASE=points "$PYTHON" "$BENCH/learning.py" labels "$NUMBERS" "$1" | took "$1"
  else
    local time
    value points "DROP TABLE IF EXISTS labels"
    time=$(milliseconds points -o /dev/null -c "SELECT segment.kmeans('point', '{$COLUMNS_OF_POINTS}', 8, model => 'point', standardise => false,
        initial => (SELECT array_agg(x ORDER BY id, place) FROM point, unnest(ARRAY[$COLUMNS_OF_POINTS]) WITH ORDINALITY u (x, place) WHERE id < 8))" \
      -c "CREATE TABLE labels AS SELECT id, segment.kmeans_cluster('point', $COLUMNS_OF_POINTS) AS cluster FROM point")
    echo "$(value points "SELECT inertia FROM segment.cluster_model ORDER BY version DESC LIMIT 1") $time" | took own
  fi
}

# A model of churn, with all its features kept, and 1,000,000 customers: reading and scoring everybody, which is most of what drift
# does, and predictions, for the first time and once more.
bench_predict() {
  local run side customers
  local -A calls=(
    [scored]="SELECT count(*) FROM segment.drift('churn')" [first]="CALL segment.predict('churn')" [again]="CALL segment.predict('churn')")
  need customers
  customers=$(value customers "SELECT count(*) FROM segment.state")
  forget
  for ((run = 1; run <= RUNS; run++)); do
    clone customers timed
    for side in scored first again; do
      FIGURES[$side]+="$(milliseconds timed -o /dev/null -c "${calls[$side]}") "
      say "predict, run $run, $side: $(awk '{ print $NF }' <<< "${FIGURES[$side]}")"
    done
    [ "$(value timed "SELECT count(*) FROM segment.prediction")" = "$customers" ] || touch "$TARGET/bench-void"
    prove timed
  done
  for side in scored first again; do
    report "predict_${side}_seconds_of_1000000" "<= 10 s" $side "$(awk -v n="$customers" 'BEGIN { print n / 1000 }')"
  done
}

make_customers() {
  psql -q -d postgres -c "CREATE DATABASE customers"
  psql -q -d customers -v clock="$CLOCK" -v customers="$(scaled 1000000)" -f "$BENCH/customers.sql"
}
