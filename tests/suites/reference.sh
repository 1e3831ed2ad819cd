# Results that others have published or computed: each file in tests/reference/ is one subject, whose function `reference_NAME`
# compares with them. Data come from the wheel of scikit-learn, and from PG_SEGMENT_DATA.
SCIKIT_LEARN=1.9.1

suite_reference() {
  start_cluster test "fsync = off"
  REFERENCE=$LOGS/reference
  rm -rf "$REFERENCE" && mkdir -p "$REFERENCE"
  local file
  for file in "$ROOT"/tests/reference/*.sh; do
    . "$file"
    "reference_$(basename "$file" .sh)"
  done
}

# A Python with scikit-learn, in PYTHON; false where it cannot be had.
with_scikit_learn() {
  need_python
  PYTHON=$TARGET/venv-scikit-learn/bin/python
  [ "$("$PYTHON" -c 'import sklearn; print(sklearn.__version__)' 2> /dev/null)" = "$SCIKIT_LEARN" ] && return
  python3 -m venv "$TARGET/venv-scikit-learn" \
    && "$TARGET/venv-scikit-learn/bin/pip" install --quiet "scikit-learn==$SCIKIT_LEARN" > "$TARGET/pip.log" 2>&1
}

# judge SUBJECT HOW_MANY: shows the lines "figure: ..." of a log, and checks that there are so many "claim: NAME true" and no others.
judge() {
  local log name
  log=$REFERENCE/$(tr '[:upper:]' '[:lower:]' <<< "$1").log
  sed -n 's/^figure: /      /p' "$log"
  check "$1: $2 claims" test "$(grep -c '^claim: ' "$log")" = "$2"
  while read -r name; do
    check "$1: $name" grep -qx "claim: $name true" "$log"
  done < <(sed -nE 's/^claim: (.*) [a-z]+$/\1/p' "$log")
}
