-- A nightly job that computes all members of the segments of rule.sql again: every number that they need, every condition, a row for
-- each membership. It has ample memory and all workers that the server gives it, and writes tables without log and without index.
-- Three passes over the events take less than one would: by kind, windows are filters without a look at the kind; few events are of
-- the categories asked for; and days make groups too small for anything else. What the rule makes of its parameters is not timed.
-- Variables: segments, clock.
\timing off
\ir rule.sql
SET work_mem = '512MB';
DROP TABLE IF EXISTS recomputed;

-- Windows begin with a minute up to 7 days, and else with an hour, as docs/criteria.md has it.
CREATE TEMP TABLE since AS
SELECT span, date_trunc(unit, timestamptz :'clock') + ('1 ' || unit)::interval - length AS at
FROM (VALUES ('1 day', 'minute', interval '1 day'), ('7 days', 'minute', '7 days'), ('14 days', 'hour', '14 days'),
             ('30 days', 'hour', '30 days'), ('60 days', 'hour', '60 days'), ('90 days', 'hour', '90 days'),
             ('1 year', 'hour', '365 days')) spans (span, unit, length);
SELECT at AS quarter FROM since WHERE span = '90 days' \gset
SELECT string_agg(format('count(*) FILTER (WHERE at >= %1$L) AS %2$I, sum(value) FILTER (WHERE at >= %1$L) AS %3$I',
                         at, span, 'value ' || span), ', ') AS spans
FROM since \gset

-- Which numbers the conditions name.
CREATE TEMP TABLE named AS
SELECT DISTINCT names[1] AS kind, names[2] AS what FROM rule, regexp_matches(condition, '"(\w+) ([^"]+)"', 'g') names;
SELECT string_agg(format('coalesce(max(%I) FILTER (WHERE kind = %L), 0) AS %I', what, kind, kind || ' ' || what), ', ') AS kinds
FROM named WHERE what !~ '^category' \gset
SELECT string_agg(format('max(events) FILTER (WHERE kind = %L AND category = %L) AS %I', kind, what, kind || ' ' || what), ', ') AS categories,
       string_agg(format('(%L, %L)', kind, what), ', ') AS categories_of_kinds
FROM named WHERE what ~ '^category' \gset
SELECT string_agg(format('CASE WHEN %s THEN %s END', condition, n), ', ') AS conditions FROM rule \gset
\timing on

CREATE UNLOGGED TABLE by_kind AS
SELECT subscriber, kind, count(*) AS ever, sum(value) AS "value ever", :spans
FROM event WHERE at <= :'clock' GROUP BY subscriber, kind;

CREATE UNLOGGED TABLE by_category AS
SELECT subscriber, kind, properties ->> 'category' AS category, count(*) AS events
FROM event WHERE at <= :'clock' AND (kind, properties ->> 'category') IN (VALUES :categories_of_kinds)
GROUP BY subscriber, kind, category;

CREATE UNLOGGED TABLE by_day AS
SELECT subscriber, sqrt((count(*) * sum(events * events) - sum(events) ^ 2)::float8) / sum(events)::float8 AS consistency
FROM (SELECT subscriber, (at AT TIME ZONE 'UTC')::date, count(*) AS events
      FROM event WHERE at <= :'clock' AND at >= :'quarter' GROUP BY 1, 2) days
GROUP BY subscriber;

CREATE UNLOGGED TABLE numbers AS
SELECT *, round(greatest(0, least(1, 0.30 * least(total_events_7d / 10, 1) + 0.20 * open_rate_30d + 0.25 * (5 * click_rate_30d)
                  + 0.15 * (10 * conversion_rate_90d) + 0.10 * greatest(0, 1 - coalesce(consistency, 0))))::numeric, 9) AS engagement_score
FROM (
  SELECT subscriber, :kinds, coalesce(sum("value 90 days"), 0) AS total_value_90d, sum("7 days")::float8 AS total_events_7d,
         sum("30 days")::float8 AS total_events_30d, sum("90 days")::float8 AS total_events_90d,
         coalesce(max("30 days") FILTER (WHERE kind = 'email_open') / nullif(sum("30 days"), 0)::float8, 0) AS open_rate_30d,
         coalesce(max("30 days") FILTER (WHERE kind = 'email_click') / nullif(sum("30 days"), 0)::float8, 0) AS click_rate_30d,
         coalesce(max("90 days") FILTER (WHERE kind = 'purchase') / nullif(sum("90 days"), 0)::float8, 0) AS conversion_rate_90d
  FROM by_kind GROUP BY subscriber
) kinds
LEFT JOIN (SELECT subscriber, :categories FROM by_category GROUP BY subscriber) categories USING (subscriber)
LEFT JOIN by_day USING (subscriber);

CREATE UNLOGGED TABLE recomputed AS
SELECT subscriber, unnest(array_remove(ARRAY[:conditions], NULL)) AS n FROM numbers;
DROP TABLE by_kind, by_category, by_day, numbers;
