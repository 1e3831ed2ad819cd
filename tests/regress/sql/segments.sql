-- create_segment, drop_segment, members and the views, over segments of every kind.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA segments;
SET search_path = segments;
CREATE TABLE events (who text, what text, at timestamptz, worth numeric, more jsonb);
SELECT segment.attach_source('events', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');
INSERT INTO events VALUES
  ('se.1', 'purchase', '2026-05-30 10:00', 30, '{"category": "shoes"}'), ('se.1', 'purchase', '2026-05-31 10:00', 25.5, '{"category": "hats"}'),
  ('se.2', 'purchase', '2026-01-01 10:00', 500, '{"category": "shoes"}'), ('se.2', 'email_open', '2026-05-31 10:00', NULL, NULL),
  ('se.3', 'visit', '2026-05-31 10:00', NULL, '{"depth": 4}');
-- Segments fill from what is stored. The result is the number of members.
SELECT segment.create_segment('se buyers', '{"event": "purchase"}', 'bought at some time');
SELECT segment.create_segment('se recent', '{"event": "purchase", "count": {"min": 2}, "within": "30 days"}');
SELECT segment.create_segment('se shoes', '{"event": "purchase", "where": {"category": {"equals": "shoes"}}}');
SELECT segment.create_segment('se spenders', '{"event": "purchase", "sum": {"min": 55.5}, "of": "value"}');
SELECT segment.create_segment('se deep', '{"event": "visit", "sum": {"gt": 3}, "of": "depth"}');
SELECT segment.create_segment('se not buyers', '{"not": {"event": "purchase"}}');
SELECT segment.create_segment('se no more than one', '{"event": "purchase", "count": {"max": 1}}');
SELECT segment.create_segment('se none in 30 days', '{"event": "purchase", "count": {"equals": 0}, "within": "30 days"}');
SELECT segment.create_segment('se everybody', '{}');
SELECT segment.create_segment('se nobody', '{"any": []}');
SELECT segment.create_segment('se all of none', '{"all": []}');
SELECT segment.create_segment('se features', '{"engagement_score": {"min": 0.1}, "days_since_last": {"max": 2}}');
SELECT segment, subscriber, since FROM segment.member ORDER BY 1, 2;
-- members lists one segment; summary counts all.
SELECT * FROM segment.members('se buyers') ORDER BY 1;
SELECT segment, description, members, status, criteria FROM segment.summary ORDER BY 1;
-- The profile: features and segments of a subscriber.
\x on
SELECT subscriber, first_event_at, last_event_at, total_events_7d, total_events_30d, total_events_90d, open_rate_30d, click_rate_30d, conversion_rate_90d, engagement_consistency,
  engagement_score, total_value_90d, lifetime_value, days_since_last, segments, due_at, evaluated_at FROM segment.profile ORDER BY subscriber;
\x off
-- History: definitions move people in.
SELECT segment, subscriber, action, at, cause FROM segment.transition WHERE segment IN ('se buyers', 'se nobody') ORDER BY 1, 2;
-- An event moves people, in its own transaction.
INSERT INTO events VALUES ('se.3', 'purchase', '2026-06-01 09:00', 1, NULL), ('se.4', 'visit', '2026-06-01 09:00', NULL, NULL);
SELECT segment, subscriber, action, at, cause FROM segment.transition WHERE cause = 'event' ORDER BY 1, 2;
-- A name can have anything in it but nothing.
SELECT segment.create_segment('se "quoted" '' $$ ünïcode', '{"event": "visit"}');
SELECT * FROM segment.members('se "quoted" '' $$ ünïcode') ORDER BY 1;
SELECT segment.drop_segment('se "quoted" '' $$ ünïcode');

-- Refused: a name that is taken, none, or an empty one; no criteria.
SELECT segment.create_segment('se buyers', '{"event": "visit"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment(NULL, '{"event": "visit"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('', '{"event": "visit"}');
SELECT segment.create_segment('se new', NULL);
-- Refused: what does not exist, with the near name.
SELECT segment.create_segment('se new', '{"engagment_score": {"min": 0.5}}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_segment('se buyrs');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_segment('something else entirely');
SELECT * FROM segment.members('se buyrs');
-- Refused: criteria that are none, with the path.
SELECT segment.create_segment('se new', '{"all": [{"event": "visit"}, {"any": [{"event": "purchase", "within": "3 months"}]}]}');
\echo :LAST_ERROR_SQLSTATE
-- Refused: a snapshot that does not see every committed event.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT segment.create_segment('se new', '{"event": "visit"}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT segment.drop_segment('se buyers');
ROLLBACK;
-- None of it has left anything.
SELECT count(*) FROM segment.definition WHERE name = 'se new';
-- NULL in gives NULL out.
SELECT segment.drop_segment(NULL);
SELECT * FROM segment.members(NULL);

-- Rolled back, a segment has neither come nor gone.
BEGIN;
SELECT segment.create_segment('se new', '{"event": "visit", "count": {"min": 3}, "within": "45 minutes"}');
SELECT segment.drop_segment('se buyers');
SELECT * FROM segment.members('se buyers');
ROLLBACK;
SELECT subscriber FROM segment.members('se buyers') ORDER BY 1;
SELECT subscriber FROM segment.members('se new');
-- Events of the same transaction are seen, in any order.
BEGIN;
INSERT INTO events VALUES ('se.5', 'gift', '2026-06-01 09:00', 1, NULL);
SELECT segment.create_segment('se gifts', '{"event": "gift"}');
INSERT INTO events VALUES ('se.6', 'gift', '2026-06-01 09:00', 1, NULL);
COMMIT;
SELECT subscriber FROM segment.members('se gifts') ORDER BY 1;
-- A dropped segment takes its members and its transitions along, and the streams that nobody reads any more.
SELECT event_type, filter, value_path FROM segment.stream ORDER BY 1, 2, 3;
SELECT segment.drop_segment('se gifts');
SELECT count(*) FROM segment.transition WHERE segment = 'se gifts';
SELECT segment.drop_segment('se shoes'), segment.drop_segment('se deep');
SELECT event_type, filter, value_path FROM segment.stream ORDER BY 1, 2, 3;
-- The same name again is another segment.
SELECT segment.create_segment('se gifts', '{"event": "gift", "count": {"min": 2}}');
SELECT count(*) FROM segment.transition WHERE segment = 'se gifts';
SELECT * FROM segment.verify();
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM (SELECT name FROM segment.definition ORDER BY 1) d;
SELECT count(*) FROM segment.membership;
SELECT count(*) FROM segment.transition;
SELECT count(*) FROM segment.stream;
SELECT segment.detach_source('events') > 0 AS detached;
DROP SCHEMA segments CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
