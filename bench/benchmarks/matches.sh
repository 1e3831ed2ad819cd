# One condition of five parts over 1,000,000 documents of about 300 bytes: matches, against the faster of the same written with
# ->> and casts and of the same written in jsonpath.
NAMES+=(matches)

declare -A CONDITIONS=(
  [matches]="segment.matches(document, '{\"country\": {\"in\": [\"US\", \"CA\", \"GB\"]}, \"age\": {\"between\": [18, 65]},
    \"email\": {\"ends_with\": \".com\"}, \"tags\": {\"has\": \"a\"}, \"stats\": {\"orders\": {\"min\": 3}}}')"
  [operators]="document ->> 'country' IN ('US', 'CA', 'GB') AND (document ->> 'age')::numeric BETWEEN 18 AND 65
    AND document ->> 'email' LIKE '%.com' AND document -> 'tags' ? 'a' AND (document -> 'stats' ->> 'orders')::numeric >= 3"
  [jsonpath]="document @@ '(\$.country == \"US\" || \$.country == \"CA\" || \$.country == \"GB\") && \$.age >= 18 && \$.age <= 65
    && \$.email like_regex \"[.]com\$\" && \$.tags[*] == \"a\" && \$.stats.orders >= 3'"
)

bench_matches() {
  need documents
  warm documents
  alternate count_documents matches operators jsonpath
  FIGURES[faster]=$(awk -v a="${FIGURES[operators]}" -v b="${FIGURES[jsonpath]}" \
    'BEGIN { n = split(a, x); split(b, y); for (i = 1; i <= n; i++) printf "%s ", x[i] < y[i] ? x[i] : y[i] }')
  report matches ">= 2" faster matches
}

# Nine in ten documents pass each part, so that most parts of a condition are looked at.
make_documents() {
  psql -q -d postgres -c "CREATE DATABASE documents"
  psql -q -d documents -v rows="$(scaled 1000000)" -f "$BENCH/documents.sql"
}

# Milliseconds of counting the documents that satisfy a condition. The figures are void where the count is another.
count_documents() {
  local query="SELECT count(*) FROM document WHERE ${CONDITIONS[$1]}"
  [ "$(value documents "$query")" = "$(value documents "SELECT count(*) FROM document WHERE ${CONDITIONS[operators]}")" ] \
    || touch "$TARGET/bench-void"
  milliseconds documents -c "SET max_parallel_workers_per_gather = 0" -c "$query"
}
