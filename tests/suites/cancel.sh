# What learns is cancelled within 100 milliseconds, wherever it is: early and late, and where the work is large in one direction.
suite_cancel() {
  start_cluster test "fsync = off" "maintenance_work_mem = 512MB" "shared_buffers = 512MB"
  psql -q > /dev/null <<'SQL'
CREATE EXTENSION pg_segment;
CREATE TABLE points AS SELECT i AS id, i % 97 * i % 1013 AS a, i % 89 * i % 997 AS b, i % 83 * i % 991 AS c FROM generate_series(1, 300000) i;
CREATE TABLE alike AS SELECT i % 2 AS a FROM generate_series(1, 4000000) i;
CREATE TABLE dense AS SELECT i AS id, i % 400 / 1e3 AS a, i / 400 / 1e3 AS b FROM generate_series(1, 150000) i;
SELECT format('CREATE TABLE wide AS SELECT %s FROM generate_series(1, 20000) i', string_agg(format('(i * %s %% 1009)::float8 AS c%s', 7 * n + 1, n), ', '))
FROM generate_series(1, 200) n \gexec
CREATE VIEW few AS SELECT * FROM points WHERE id <= 3000;
SELECT count(*) FROM segment.kmeans('few', '{a,b,c}', 1000, model => 'thousand', starts => 1, max_iterations => 1);
CREATE TABLE purchase AS
  SELECT i AS customer, date '2024-01-01' + (n * (5 + i % 30) + i % 50) AS at, i % 40 + n AS total
  FROM generate_series(1, 40000) i, generate_series(0, 4 + i % 20) n WHERE hashint4(i * 100 + n) % 3 <> 0;
CREATE TABLE event AS SELECT customer, at::timestamptz AS at, total FROM purchase WHERE customer <= 8000 AND at < '2025-01-01';
SELECT segment.attach_source('event', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SQL
  local wide
  wide=$(seq -f c%g -s, 200)
  late "choose_k" "segment.choose_k('points', '{a,b,c}', '[2,50]')"
  late "kmeans of many columns" "segment.kmeans('wide', '{$wide}', 100)"
  late "kmeans of rows that are alike" "segment.kmeans('alike', '{a}', 3)"
  late "silhouette" "segment.silhouette('thousand', 'points', sample => 100000)"
  late "kmeans_assign" "segment.kmeans_assign('thousand', 'points', 'id')"
  late "kmeans_cluster" "points WHERE segment.kmeans_cluster('thousand', a, b, c) > 0"
  late "dbscan" "segment.dbscan('dense', '{a,b}', 'id', 0.5, standardise => false)"
  late "fit_customer_base" "segment.fit_customer_base('buyers', 'purchase', 'customer', 'at', 'total', until => '2024-12-01')"
  late "send_time" "segment.send_time('purchase', 'customer', 'at', lookback => '3000 days')"
  late "train by boosting" "segment.train('left', 'churn', horizon => '60 days', parameters => '{\"trees\": 1000, \"depth\": 8}')"
  late "train by a forest" "segment.train('left', 'churn', horizon => '60 days', algorithm => 'forest', parameters => '{\"trees\": 1000}')"
  late "train by logistic regression" "segment.train('left', 'churn', horizon => '60 days', algorithm => 'logistic')"
}

# late NAME CALL: cancels the call after several times, each until one of three attempts was in time: the machine may be busy.
late() {
  local timeout attempt output time least worst=0 cancelled=0
  for timeout in 30 100 300 900; do
    least=
    for attempt in 1 2 3; do
      output=$(psql -At -v ON_ERROR_STOP=0 -c "SET statement_timeout = $timeout" -c '\timing on' -c "SELECT count(*) FROM $2" 2>&1 || true)
      # It may have ended before.
      grep -q 'canceling statement due to statement timeout' <<< "$output" || continue
      time=$(awk -v timeout=$timeout '/^Time: / { print $2 - timeout }' <<< "$output")
      cancelled=$((cancelled + 1))
      least=$(awk -v a="$time" -v b="${least:-1e9}" 'BEGIN { print (a < b ? a : b) }')
      if awk -v least="$least" 'BEGIN { exit !(least < 100) }'; then break; fi
    done
    [ -z "$least" ] || worst=$(awk -v a="$worst" -v b="$least" 'BEGIN { print (a > b ? a : b) }')
  done
  check "$1 is cancelled within 100 ms: $worst ms at the latest, $cancelled times" \
    awk -v worst="$worst" -v cancelled="$cancelled" 'BEGIN { exit !(worst < 100 && cancelled > 0) }'
}
