-- G3: conversions attributed to campaigns and channels by the touchpoints before them, and to segments by who was a member.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA att;
SET search_path = att;
CREATE TABLE mail (who text, what text, at timestamptz, details jsonb);
CREATE TABLE orders (customer integer, at timestamptz, total numeric, details jsonb);
SELECT segment.attach_source('mail', subscriber => 'who', occurred_at => 'at', event_type => 'what', properties => 'details');
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total', properties => 'details');
-- 8001 meets four campaigns on the way to an order of 100, 8002 two, 8003 none in time, 8004 one at the instant of the order.
INSERT INTO mail VALUES
  ('8001', 'open',  '2026-05-01 00:00', '{"campaign": "spring"}'), ('8001', 'click', '2026-05-06 00:00', '{"campaign": "may", "channel": "sms"}'),
  ('8001', 'click', '2026-05-08 00:00', '{"campaign": "spring"}'), ('8001', 'open',  '2026-05-15 00:00', '{"campaign": "sale"}'),
  ('8001', 'open',  '2026-05-15 00:00:00.000001', '{"campaign": "after"}'), ('8001', 'open', '2026-05-14 00:00', '{}'), ('8001', 'sent', '2026-05-14 00:00', '{"campaign": "unread"}'),
  ('8002', 'open',  '2026-05-01 00:00', '{"campaign": "spring"}'), ('8002', 'click', '2026-05-08 00:00', '{"campaign": 7}'),
  ('8003', 'open',  '2026-04-01 00:00', '{"campaign": "spring"}'),
  ('8004', 'open',  '2026-05-20 00:00', '{"campaign": "sale"}');
INSERT INTO orders VALUES (8001, '2026-05-15 00:00', 100, '{"margin": 10}'), (8002, '2026-05-15 00:00', 10, NULL), (8003, '2026-05-15 00:00', 1, '{"margin": "none"}'),
  (8004, '2026-05-20 00:00', NULL, NULL), (8001, '2026-06-30 00:00', 1000, NULL);
SELECT * FROM segment.attribution('first_touch');
SELECT * FROM segment.attribution();
SELECT * FROM segment.attribution('linear');
SELECT * FROM segment.attribution('time_decay', half_life => '7 days');
SELECT * FROM segment.attribution('position_based');
-- What lies 44 days before the order of 8003 is not within 44 days; within a microsecond more it is.
SELECT * FROM segment.attribution('linear', lookback => '44 days') WHERE value IS NULL;
SELECT * FROM segment.attribution('linear', lookback => '44 days 0.000001 seconds') WHERE value IS NULL;
-- A channel is the property, and without it that of the type. A value is the column, or any number of the properties.
SELECT * FROM segment.attribution('linear', by => 'channel', touchpoint_types => '{email_open,click}');
SELECT * FROM segment.attribution('linear', conversion_value => 'margin', touchpoint_types => '{click}');
-- Conversions from one time to another, both included, with the touchpoints before them.
SELECT * FROM segment.attribution(since => '2026-05-15', until => '2026-05-15');
SELECT * FROM segment.attribution(since => '2026-05-15 00:00:00.000001');
SELECT * FROM segment.attribution(until => 'infinity') ORDER BY value;
SELECT * FROM segment.attribution(conversion_type => 'download');

-- What makes no sense.
SELECT segment.attribution('shapley');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attribution('last_tuch');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attribution(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attribution(lookback => '0');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attribution('time_decay', half_life => '-1 day');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attribution(touchpoint_types => '{open,purchase}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attribution(touchpoint_types => '{NULL}');
\echo :LAST_ERROR_SQLSTATE

-- Ids that are one person's have one path.
SELECT segment.merge_subscribers('{8003}', '{8001}');
SELECT * FROM segment.attribution('linear') WHERE value IS NULL OR value = 'spring';
SELECT segment.unmerge_subscribers('{8003}');

-- Generated data, against the same computed in SQL: every model, lookback and property.
SELECT setseed(0.25);
CREATE TABLE made AS
SELECT n, 8100 + floor(random() * 40)::integer AS who, CASE WHEN random() < 0.2 THEN 'purchase' WHEN random() < 0.5 THEN 'email_open' ELSE 'email_click' END AS what,
       -- Many at one instant.
       timestamptz '2026-03-01 00:00+00' + floor(random() * 90 * 8) * interval '3 hours' AS at, floor(random() * 10000)::numeric / 100 AS value,
       'c' || floor(random() * 5) AS campaign
FROM generate_series(1, 1500) n;
INSERT INTO mail SELECT who, what, at, jsonb_build_object('campaign', campaign) FROM made WHERE what <> 'purchase';
INSERT INTO orders SELECT who, at, value FROM made WHERE what = 'purchase';
CREATE FUNCTION expected(model text, lookback interval, half_life interval) RETURNS TABLE (value text, touchpoints bigint, conversions float8, revenue float8) LANGUAGE sql AS $$
  WITH path AS (
    SELECT c.n, c.value AS worth, t.campaign, t.at, c.at AS converted,
           row_number() OVER (PARTITION BY c.n ORDER BY t.at, t.campaign) AS place, count(t.n) OVER (PARTITION BY c.n) AS length, max(t.at) OVER (PARTITION BY c.n) AS last
    FROM made c LEFT JOIN made t ON t.who = c.who AND t.what <> 'purchase' AND t.at <= c.at AND t.at > c.at - lookback
    WHERE c.what = 'purchase'
  ), weighed AS (
    SELECT *, CASE WHEN campaign IS NULL THEN 1 WHEN model = 'first_touch' THEN (place = 1)::integer WHEN model = 'last_touch' THEN (place = length)::integer WHEN model = 'linear' THEN 1
                   WHEN model = 'time_decay' THEN 0.5 ^ (extract(epoch FROM converted - at)::float8 / extract(epoch FROM half_life)::float8)
                   WHEN length = 1 THEN 1 WHEN length = 2 THEN 0.5 WHEN place IN (1, length) THEN 0.4 ELSE 0.2 / (length - 2) END::float8 AS weight
    FROM path
  ), shared AS (SELECT *, weight / sum(weight) OVER (PARTITION BY n) AS share FROM weighed)
  SELECT campaign, count(campaign), sum(share), sum(share * worth::float8) FROM shared GROUP BY campaign
$$;
CREATE FUNCTION compare(model text, lookback interval) RETURNS TABLE ("rows" bigint, conversions numeric, revenue numeric, wrong bigint) LANGUAGE sql AS $$
  SELECT count(*), sum(a.conversions), sum(a.revenue),
         count(*) FILTER (WHERE (abs(a.conversions::float8 - e.conversions) <= 1e-6 AND abs(a.revenue::float8 - e.revenue) <= 1e-3 AND a.touchpoints = e.touchpoints) IS NOT TRUE)
  FROM expected(model, lookback, '36 hours') e
  FULL JOIN segment.attribution(model, lookback => lookback, half_life => '36 hours', since => '2026-03-01', until => '2026-05-30',
                                touchpoint_types => '{email_open,email_click}') a ON coalesce(a.value, '') = coalesce(e.value, '')
$$;
DELETE FROM mail WHERE who < '8100';
DELETE FROM orders WHERE customer < 8100;
SELECT count(*) AS conversions, sum(value) AS revenue FROM made WHERE what = 'purchase';
SELECT model, lookback, c.* FROM unnest(ARRAY['first_touch', 'last_touch', 'linear', 'time_decay', 'position_based']) model, unnest(ARRAY['3 hours', '2 days', '30 days', '1 year']::interval[]) lookback,
  LATERAL compare(model, lookback) c;

-- Segments: the members of just before each conversion, by what is on record.
DELETE FROM mail;
DELETE FROM orders;
SET pg_segment.clock = '2026-06-02 00:00+00';
SELECT segment.create_segment('att readers', '{"event": "email_open", "within": "7 days"}');
SELECT segment.create_segment('att buyers', '{"event": "purchase"}');
SELECT segment.create_segment('att nobody', '{"event": "reply"}');
INSERT INTO orders VALUES (8001, '2026-06-01 00:00', 1), (8002, '2026-06-01 00:00', 1), (8003, '2026-06-01 00:00', 1);
SET pg_segment.clock = '2026-06-03 00:00+00';
INSERT INTO mail VALUES ('8001', 'open', '2026-06-03 00:00', '{}'), ('8002', 'open', '2026-06-03 00:00', '{}');
SET pg_segment.clock = '2026-06-05 00:00+00';
-- 8001 as a reader and a buyer; 8004 becomes a buyer by this.
INSERT INTO orders VALUES (8001, '2026-06-05 00:00', 10), (8004, '2026-06-05 00:00', 20);
SET pg_segment.clock = '2026-06-20 00:00+00';
-- Neither reads any more, though nothing has been written about that.
INSERT INTO orders VALUES (8001, '2026-06-20 00:00', 100), (8004, '2026-06-20 00:00', 200.5);
SET pg_segment.clock = '2026-06-21 00:00+00';
SELECT * FROM segment.segment_attribution() WHERE segment ^@ 'att ';
-- What is to come is on nobody's record, however far ahead.
INSERT INTO orders VALUES (8001, '2027-01-01 00:00', 5000);
SELECT segment.create_segment('att daily', '{"event": "email_open", "from": "today"}');
SELECT segment, conversions, all_conversions FROM segment.segment_attribution(until => 'infinity') WHERE segment ^@ 'att ';
SELECT segment.drop_segment('att daily');
DELETE FROM orders WHERE total = 5000;
SELECT * FROM segment.segment_attribution(since => '2026-06-20', until => '2026-06-20') WHERE segment ^@ 'att ';
SELECT segment, conversions, all_conversions FROM segment.segment_attribution('email_open') WHERE segment ^@ 'att ';
-- Generated data over weeks, against members_as_of the instant before.
DO $$
DECLARE day timestamptz;
BEGIN
  FOR day IN SELECT generate_series(timestamptz '2026-07-01', '2026-08-20', '1 day') LOOP
    PERFORM set_config('pg_segment.clock', day::text, false);
    INSERT INTO att.mail SELECT who, what, day - interval '1 hour', '{}' FROM att.made WHERE what = 'email_open' AND at >= day - interval '122 days' AND at < day - interval '121 days';
    INSERT INTO att.orders SELECT who, day, value FROM att.made WHERE what = 'purchase' AND at >= day - interval '122 days' AND at < day - interval '121 days';
    PERFORM segment.flush();
  END LOOP;
END
$$;
SET pg_segment.clock = '2026-08-21 00:00+00';
SELECT segment, conversions, revenue, all_conversions, all_revenue,
       ROW (conversions, revenue) = (SELECT count(*), coalesce(sum(total), 0) FROM orders o WHERE o.customer::text IN (SELECT segment.members_as_of(a.segment, o.at - interval '1 microsecond')) AND o.at > a.since) AS same
FROM segment.segment_attribution() a WHERE segment ^@ 'att ';

-- With the rights of the caller, and under the policies that hold for them.
CREATE ROLE att_reader;
GRANT USAGE ON SCHEMA att TO att_reader;
GRANT SELECT ON mail TO att_reader;
SELECT segment.create_event_table() IS NOT NULL;
GRANT SELECT ON segment.event TO att_reader;
SET ROLE att_reader;
SELECT segment.attribution();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT EXECUTE ON FUNCTION segment.attribution(text, text, text[], text, text, interval, interval, timestamptz, timestamptz), segment.segment_attribution(text, text, timestamptz, timestamptz) TO att_reader;
SET ROLE att_reader;
SELECT segment.attribution();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON orders TO att_reader;
CREATE POLICY small ON orders TO att_reader USING (customer = 8102);
SELECT count(*), sum(total) FROM orders WHERE customer = 8102;
SET ROLE att_reader;
SELECT * FROM segment.attribution();
SELECT * FROM segment.segment_attribution();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
-- What sql/roles.sql grants a reader of it.
GRANT SELECT ON segment.definition, segment.history, segment.history_begin, segment.state TO att_reader;
SET ROLE att_reader;
SELECT segment, conversions, revenue, all_conversions FROM segment.segment_attribution() WHERE segment ^@ 'att ';
RESET ROLE;

-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition WHERE name ^@ 'att ';
SELECT count(segment.forget(subscriber)) FROM (SELECT subscriber FROM segment.state WHERE subscriber ^@ '8') s;
SELECT segment.detach_source('mail') IS NOT NULL, segment.detach_source('orders') IS NOT NULL;
SET client_min_messages = warning;
DROP SCHEMA att CASCADE;
DROP OWNED BY att_reader;
DROP ROLE att_reader;
