-- The engagement score in plain SQL: counts per subscriber and day, and the formula over them. Windows begin where those of the
-- aggregate do. Variable: clock.
WITH day AS (
  SELECT subscriber, (at AT TIME ZONE 'UTC')::date AS day,
         count(*) FILTER (WHERE at >= date_trunc('minute', timestamptz :'clock') - interval '7 days' + interval '1 minute') AS week,
         count(*) FILTER (WHERE at >= date_trunc('hour', timestamptz :'clock') - interval '30 days' + interval '1 hour') AS month,
         count(*) AS quarter,
         count(*) FILTER (WHERE kind IN ('email_open', 'open') AND at >= date_trunc('hour', timestamptz :'clock') - interval '30 days' + interval '1 hour') AS opens,
         count(*) FILTER (WHERE kind IN ('email_click', 'click') AND at >= date_trunc('hour', timestamptz :'clock') - interval '30 days' + interval '1 hour') AS clicks,
         count(*) FILTER (WHERE kind = 'purchase') AS purchases
  FROM event
  WHERE at <= timestamptz :'clock' AND at >= date_trunc('hour', timestamptz :'clock') - interval '90 days' + interval '1 hour'
  GROUP BY subscriber, (at AT TIME ZONE 'UTC')::date
), counted AS (
  SELECT subscriber, sum(week)::float8 AS week, nullif(sum(month), 0)::float8 AS month, sum(quarter)::float8 AS quarter,
         sum(opens)::float8 AS opens, sum(clicks)::float8 AS clicks, sum(purchases)::float8 AS purchases,
         stddev_pop(quarter)::float8 / avg(quarter)::float8 AS consistency
  FROM day GROUP BY subscriber
)
SELECT subscriber,
       greatest(0, least(1, 0.30 * least(week / 10, 1) + 0.20 * coalesce(opens / month, 0) + 0.25 * (5 * coalesce(clicks / month, 0))
                            + 0.15 * (10 * purchases / quarter) + 0.10 * greatest(0, 1 - consistency))) AS score
FROM counted
