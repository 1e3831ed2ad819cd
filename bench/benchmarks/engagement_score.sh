# The aggregate engagement_score over 1,000,000 events of 100,000 subscribers, against the same formula in SQL; on one core, and
# with the workers that PostgreSQL takes of itself.
NAMES+=(engagement_score)

bench_engagement_score() {
  need scored
  warm scored
  alternate score_all aggregate formula
  report engagement_score ">= 3" formula aggregate
  alternate score_in_parallel aggregate formula
  report engagement_score_parallel ">= 3" formula aggregate
}

make_scored() { new_database scored "$(scaled 100000)" "$(scaled 1000000)"; psql -q -d scored -c "CREATE EXTENSION pg_segment"; }

score_all() { score 0 "$1"; }
score_in_parallel() { score 2 "$1"; }

# Milliseconds of computing all scores with so many workers. The figures are void where the two differ.
score() {
  local workers=$1 query="SELECT subscriber, segment.engagement_score(kind, at, '$CLOCK') AS score FROM event GROUP BY subscriber"
  local formula
  formula=$(sed "s/:'clock'/'$CLOCK'/g" "$BENCH/engagement_score.sql")
  if [ "$2" = formula ]; then
    [ "$(value scored "SELECT count(*) FROM ($query) a FULL JOIN ($formula) f USING (subscriber)
      WHERE (abs(a.score - f.score) < 1e-9) IS NOT TRUE AND NOT (f.score IS NULL AND a.score = 0.1)")" = 0 ] || touch "$TARGET/bench-void"
    query=$formula
  fi
  milliseconds scored -c "SET max_parallel_workers_per_gather = $workers" -c "SELECT count(score), sum(score) FROM ($query) s"
}
