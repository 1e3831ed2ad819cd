# Profiles as BI tools read them: ten columns of everybody, of which those that nobody asks for are not computed, and one subscriber.
NAMES+=(profile)

bench_profile() {
  local run subscribers columns
  columns="subscriber, total_events_7d, total_events_30d, total_events_90d, open_rate_30d, click_rate_30d, conversion_rate_90d, engagement_score, lifetime_value, days_since_last"
  need large
  subscribers=$(value large "SELECT count(*) FROM segment.state")
  warm large
  psql -q -d large -c "VACUUM ANALYZE segment.state"
  forget
  for ((run = 1; run <= RUNS; run++)); do
    FIGURES[ten]+="$(milliseconds large -o /dev/null -c "COPY (SELECT $columns FROM segment.profile) TO '/dev/null'" 2>&1 \
      | awk -v n="$subscribers" '{ print $1 * 1000 / n }') "
    FIGURES[two]+="$(milliseconds large -o /dev/null -c "COPY (SELECT subscriber, lifetime_value FROM (SELECT $columns FROM segment.profile) p) TO '/dev/null'" 2>&1 \
      | awk -v n="$subscribers" '{ print $1 * 1000 / n }') "
    FIGURES[one]+="$(profile_latency) "
  done
  prove large
  report profile_ten_columns_us_each "<= 10 us (10 s of 1,000,000)" ten 1
  report profile_two_of_these_us_each "less than ten columns" two 1
  report profile_one_subscriber_ms "<= 1 ms" one 1
}

# Milliseconds of one statement that reads ten columns of one subscriber, of many different ones in one session.
profile_latency() {
  echo "\\set n random(1, $subscribers)
SELECT $columns FROM segment.profile WHERE subscriber = :n::text;" > "$TARGET/profile.pgbench"
  "$BIN/pgbench" -n -t 2000 -f "$TARGET/profile.pgbench" large 2> "$TARGET/pgbench.log" | sed -nE 's/^latency average = ([0-9.]+) ms.*/\1/p'
}
