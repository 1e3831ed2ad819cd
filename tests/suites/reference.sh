# Results that others have published or computed: each file in tests/reference/ is one subject, whose function `reference_NAME`
# compares with them. Data come from the wheels of scikit-learn and lifetimes.

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
