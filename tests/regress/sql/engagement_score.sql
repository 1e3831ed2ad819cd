-- The aggregate engagement_score: the score over any rows, with no set-up.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA score;
SET search_path = score;
-- 0.30 min(events_7d / 10, 1) + 0.20 open_rate_30d + 0.25 * 5 click_rate_30d + 0.15 * 10 conversion_rate_90d + 0.10 max(0, 1 - consistency), at most 1.
CREATE FUNCTION score(VARIADIC events text[]) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT round(segment.engagement_score(split_part(e, ' ', 1), segment.now() - split_part(e, ' ', 2)::numeric * interval '24 hours', NULL)::numeric, 9) FROM unnest(events) e
$$;
SELECT score.score('visit 1'), score.score('visit 100'), score.score('visit 20');
SELECT score.score('email_open 1'), score.score('open 1'), score.score('email_open 1', 'visit 1'), score.score('email_open 40');
SELECT score.score('click 1', 'visit 1', 'visit 1', 'visit 1', 'visit 1', 'visit 1', 'visit 1', 'visit 1', 'visit 1', 'visit 1') AS many, score.score('purchase 1', 'click 1') AS capped, score.score('click 20', 'visit 20', 'visit 20', 'visit 20', 'visit 20') AS clicks, score.score('purchase 80', 'visit 80', 'visit 80', 'visit 80') AS purchases;
-- Two days of 1 and 3 events: mean 2, standard deviation 1, so 0.10 * (1 - 0.5) and 0.03 for each of 4 events.
SELECT score.score('visit 1', 'visit 2', 'visit 2', 'visit 2');
-- A future event counts for nothing; so does a row without a type or a time. A group of such rows, or of none, has no score.
SELECT score.score('visit 1', 'purchase -1');
SELECT segment.engagement_score(NULL, segment.now(), NULL), segment.engagement_score('visit', NULL, NULL), segment.engagement_score('visit', now(), NULL) FILTER (WHERE false);
SELECT segment.engagement_score('visit', t, NULL) FROM (SELECT now() AS t WHERE false) e;
SELECT segment.engagement_score('visit', t, '2026-06-01') FROM unnest(ARRAY['infinity', '-infinity', '4713-01-01 BC']::timestamptz[]) t;
-- As of another time, the same for all rows of a group.
SELECT day, round(segment.engagement_score('email_open', '2026-05-01 12:00+00', day)::numeric, 9) FROM unnest(ARRAY['2026-05-01 12:00+00', '2026-05-08 11:59+00', '2026-05-08 12:00+00', '2026-05-31 11:59+00', '2026-05-31 12:00+00', '2026-09-01']::timestamptz[]) day GROUP BY day ORDER BY day;
SELECT segment.engagement_score('visit', t, t) FROM generate_series('2026-05-01'::timestamptz, '2026-05-02', '1 day') t;
\echo :LAST_ERROR_SQLSTATE
-- The same number as the feature that segments maintain.
CREATE TABLE events (who integer, what text, at timestamptz);
INSERT INTO events SELECT i % 97, (ARRAY['visit', 'open', 'email_open', 'click', 'purchase', 'visit', 'visit'])[1 + i % 7], '2026-06-01 12:00+00'::timestamptz - (i * 7919 % 100000) * interval '90 seconds' FROM generate_series(1, 20000) i;
INSERT INTO segment.event (subscriber, event_type, occurred_at) SELECT 'es.' || who, what, at FROM events WHERE who < 20;
SELECT count(*), count(*) FILTER (WHERE round(a.score::numeric, 9) = p.engagement_score) AS equal
FROM (SELECT 'es.' || who AS subscriber, segment.engagement_score(what, at, NULL) AS score FROM events GROUP BY who) a JOIN segment.profile p USING (subscriber);

-- In parallel: partial states are built, sent, combined, and the scores are the same to the last bit.
CREATE TABLE serial AS SELECT who, segment.engagement_score(what, at, '2026-06-01') AS score FROM events GROUP BY who;
ANALYZE events;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_hashagg = on;
EXPLAIN (COSTS OFF) SELECT segment.engagement_score(what, at, '2026-06-01') FROM events;
EXPLAIN (COSTS OFF) SELECT who, segment.engagement_score(what, at, '2026-06-01') FROM events GROUP BY who;
CREATE TABLE parallel AS SELECT who, segment.engagement_score(what, at, '2026-06-01') AS score FROM events GROUP BY who;
SELECT count(*) FROM serial;
SELECT * FROM serial FULL JOIN parallel USING (who) WHERE serial.score IS DISTINCT FROM parallel.score;
-- Workers see the same clock.
SELECT segment.engagement_score(what, at, NULL) = segment.engagement_score(what, at, '2026-06-01 12:00+00') AS same_clock FROM events;
-- As a window aggregate, and with an order of its own, it is an aggregate like any other.
SELECT n, round((segment.engagement_score('email_open', '2026-05-31', NULL) OVER (ORDER BY n))::numeric, 9) FROM generate_series(1, 3) n;
SELECT round(segment.engagement_score(what, at, NULL ORDER BY at DESC)::numeric, 9) = round(segment.engagement_score(what, at, NULL)::numeric, 9) AS same FROM events WHERE who = 1;
-- Clean up.
TRUNCATE segment.event;
SET client_min_messages = warning;
DROP SCHEMA score CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
