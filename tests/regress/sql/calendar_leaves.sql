-- Event leaves about periods of the calendar, in the time zone of their segment.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
CREATE SCHEMA calendar_leaves;
SET search_path = calendar_leaves;
SET pg_segment.clock = '2024-03-30 22:00:00+00';
CREATE TABLE event (who text, at timestamptz, worth numeric);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', constant_type => 'calendar', value => 'worth');
-- In Paris the clocks go forward on 31 March at 01:00 UTC, from 2 to 3, so that the day begins at 23:00 UTC and ends at 22:00.
INSERT INTO event VALUES
  ('cl.1', '2024-03-30 21:30+00', 10), ('cl.1', '2024-03-30 23:00+00', 20), ('cl.2', '2024-03-31 21:59:59+00', 5), ('cl.3', '2024-02-29 23:30+00', 1),
  ('cl.3', '2024-04-01 06:00+00', 2);
SELECT segment.create_segment('cl today', '{"event": "calendar", "on": "today"}', time_zone => 'Europe/Paris'),
       segment.create_segment('cl yesterday', '{"event": "calendar", "sum": {"min": 10}, "on": "yesterday"}', time_zone => 'Europe/Paris'),
       segment.create_segment('cl month', '{"event": "calendar", "count": {"equals": 1}, "from": "this_month"}', time_zone => 'Europe/Paris'),
       segment.create_segment('cl last month', '{"event": "calendar", "maximum": {"min": 1}, "from": "last_month", "until": "this_month"}', time_zone => 'Europe/Paris'),
       segment.create_segment('cl month utc', '{"event": "calendar", "count": {"equals": 1}, "from": "this_month"}'),
       segment.create_segment('cl first', '{"event": "calendar", "first": true, "on": "-1 day"}', time_zone => 'Asia/Kolkata'),
       segment.create_segment('cl not before', '{"not": {"event": "calendar", "until": "now/d+90m"}}', time_zone => 'Asia/Kathmandu');
CREATE VIEW members AS
SELECT segment, string_agg(subscriber, ' ' ORDER BY subscriber) AS members FROM segment.member WHERE segment LIKE 'cl %' GROUP BY segment ORDER BY segment;
SELECT * FROM members;
-- When the next of them changes, by itself.
SELECT path, condition, threshold, actual, holds, changes_at FROM segment.explain('cl.1', 'cl today');
SELECT path, condition, threshold, actual, holds, changes_at FROM segment.explain('cl.2', 'cl last month');
SET pg_segment.clock = '2024-03-30 23:00:00+00';
SELECT * FROM members;
SET pg_segment.clock = '2024-03-31 21:59:59+00';
SELECT * FROM members;
-- At midnight in Paris, two hours before midnight in UTC.
SET pg_segment.clock = '2024-03-31 22:00:00+00';
SELECT * FROM members;
SET pg_segment.clock = '2024-04-01 12:00:00+00';
CALL segment.refresh();
SELECT * FROM members;
SELECT segment, subscriber, action, at FROM segment.transition WHERE segment IN ('cl today', 'cl yesterday') ORDER BY at, subscriber, segment;
SELECT * FROM segment.verify();
-- The same by a preview, from the events.
SELECT members, sample FROM segment.preview('{"event": "calendar", "on": "yesterday", "average": {"min": 0}}', time_zone => 'Europe/Paris');
SELECT members, sample FROM segment.preview('{"event": "calendar", "on": "yesterday", "average": {"min": 0}}');
-- What is kept goes back as far as the bounds do, by hours where that will do.
SELECT event_type, from_time, until_time, horizons, keep, ever FROM segment.stream WHERE event_type = 'calendar' ORDER BY stream_id;
-- Sentences, and one form.
SELECT sentence FROM segment.describe('{"all": [{"event": "a", "on": "today"}, {"event": "a", "on": "-3 days"}, {"event": "a", "on": "2024-03-31"}, {"event": "a", "from": "last_month", "until": "this_month"},
  {"event": "a", "until": "now-1M/d"}, {"event": "a", "from": "2024-03-31", "until": "2024-03-31T12:00Z", "within": "30 days"}]}');
SELECT segment.normalise('{"event": "a", "from": "now-1M/M", "until": "now/M"}');
-- Refused.
CREATE FUNCTION refused(criteria jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  problem text; detail text; hint text;
BEGIN
  PERFORM segment.validate(criteria);
  RETURN 'accepted';
EXCEPTION WHEN invalid_parameter_value THEN
  GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(E'\n', criteria, problem, detail, hint);
END
$$;
\pset format unaligned
\pset tuples_only on
SELECT refused(criteria) FROM unnest(ARRAY['{"event": "a", "from": "-30 days"}', '{"event": "a", "until": "now"}', '{"event": "a", "from": "now-1M"}', '{"event": "a", "from": "now/s"}',
  '{"event": "a", "from": "now/d+30s"}', '{"event": "a", "from": "this_mont"}', '{"event": "a", "from": 7}', '{"event": "a", "on": "tomorrow"}', '{"event": "a", "from": "next_month"}',
  '{"event": "a", "from": "this_month", "until": "last_month"}', '{"event": "a", "from": "today", "until": "today"}', '{"event": "a", "from": "2024-03-02", "until": "2024-03-01"}',
  '{"event": "a", "on": "today", "from": "2024-03-02"}', '{"event": "a", "from": "now-200y/y"}', '{"event": "a", "from": "2024-01-01||+10000y"}', '{"event": "a", "on": "anniversary"}',
  '{"event": "a", "streak": {"min": 1}, "from": "this_month"}', '{"event": "a", "trend": {"min": 1}, "within": "7 days", "on": "today"}', '{"event": "a", "stopped": "7 days", "until": "today"}',
  '{"sequence": [{"event": "a"}, {"event": "b"}], "within": "7 days", "from": "today"}', '{"sequence": [{"event": "a", "on": "today"}, {"event": "b"}], "within": "7 days"}',
  '{"event": "a", "from": "2024-03-01T23:00Z", "until": "2024-03-02"}', '{"event": "a", "from": "2024-03-01", "until": "today"}', '{"event": "a", "until": "tomorrow"}']::jsonb[]) criteria;
\pset format aligned
\pset tuples_only off
SELECT segment.drop_segment(segment) FROM segment.summary WHERE segment LIKE 'cl %' ORDER BY segment;
SELECT segment.detach_source('event');
DROP SCHEMA calendar_leaves CASCADE;
