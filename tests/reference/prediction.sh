# Logistic regression, calibration, boosting and drift against scikit-learn and scipy, and models of CDNOW's customers judged by what
# they did afterwards.
reference_prediction() {
  if with_scikit_learn; then
    "$PYTHON" "$ROOT/tests/reference/prediction.py" "$REFERENCE"
    check "logistic regression, calibration, boosting and drift as scikit-learn and scipy have them" \
      env PG_SEGMENT_REFERENCE="$REFERENCE" cargo test --quiet --locked --lib --manifest-path "$ROOT/tests/domain/Cargo.toml" \
      reference -- --ignored
  else
    skip "logistic regression, calibration, boosting and drift" "scikit-learn could not be installed; see $TARGET/pip.log"
  fi
  cdnow_predicted
}

# Trained and tested by what was known on 1998-01-01, then judged by what was known on 1998-06-30.
cdnow_predicted() {
  fetch_cdnow
  psql -q -c "CREATE DATABASE cdnow_predicted"
  export PGDATABASE=cdnow_predicted
  psql -q -c "CREATE TABLE orders (customer text, at date, cds integer, total numeric)"
  python3 -c '
import sys, zipfile
text = zipfile.ZipFile(sys.argv[1]).read("lifetimes/datasets/CDNOW_master.txt").decode()
for row in text.splitlines()[1:]:
    print(",".join(row.split()))' "$CDNOW" | psql -q -c "COPY orders FROM STDIN CSV"
  psql -q -f "$ROOT/tests/reference/prediction.sql" > "$REFERENCE/cdnow.log" 2>&1 \
    || { flunk "models of CDNOW's customers" "$(cat "$REFERENCE/cdnow.log")"; return; }
  judge CDNOW 9
  expect_empty "CDNOW: verify" "SELECT * FROM segment.verify()"
}
