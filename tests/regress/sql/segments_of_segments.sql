-- Segments that refer to other segments.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA refer;
SET search_path = refer;
CREATE TABLE events (who text, what text, at timestamptz);
SELECT segment.attach_source('events', subscriber => 'who', occurred_at => 'at', event_type => 'what');
INSERT INTO events VALUES ('sr.1', 'purchase', '2026-05-20'), ('sr.1', 'visit', '2026-05-20'), ('sr.2', 'purchase', '2026-05-20'), ('sr.3', 'visit', '2026-05-20'), ('sr.4', 'gift', '2026-05-20');
SELECT segment.create_segment('sr buyers', '{"event": "purchase", "within": "30 days"}');
SELECT segment.create_segment('sr visitors', '{"event": "visit", "within": "10 days"}');
SELECT segment.validate('{"segment": "sr buyers"}');
SELECT segment.create_segment('sr both', '{"all": [{"segment": "sr buyers"}, {"segment": "sr visitors"}]}');
SELECT segment.create_segment('sr neither', '{"none": [{"segment": "sr buyers"}, {"segment": "sr visitors"}]}');
SELECT segment.create_segment('sr others', '{"not": {"segment": "sr neither"}}');
SELECT segment.create_segment('sr deep', '{"any": [{"segment": "sr others"}, {"event": "gift", "count": {"min": 2}}]}');
CREATE VIEW truth AS
  WITH base AS (SELECT who, bool_or(what = 'purchase' AND at > segment.now() - interval '30 days') AS buyer, bool_or(what = 'visit' AND at > segment.now() - interval '10 days') AS visitor,
                       count(*) FILTER (WHERE what = 'gift') >= 2 AS giver FROM events GROUP BY who)
  SELECT segment, who AS subscriber FROM base, LATERAL (VALUES ('sr buyers', buyer), ('sr visitors', visitor), ('sr both', buyer AND visitor), ('sr neither', NOT buyer AND NOT visitor),
    ('sr others', buyer OR visitor), ('sr deep', buyer OR visitor OR giver)) AS v (segment, holds) WHERE holds;
CREATE VIEW difference AS
  (TABLE truth EXCEPT ALL SELECT segment, subscriber FROM segment.member)
  UNION ALL (SELECT segment, subscriber FROM segment.member EXCEPT ALL TABLE truth)
  UNION ALL SELECT finding, coalesce(subscriber, stored) FROM segment.verify();
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT * FROM difference;
-- An event moves everything that depends on it, at once.
INSERT INTO events VALUES ('sr.4', 'visit', '2026-06-01'), ('sr.5', 'gift', '2026-06-01'), ('sr.5', 'gift', '2026-06-01');
SELECT segment, action, at, cause FROM segment.transition WHERE subscriber = 'sr.4' AND cause = 'event' ORDER BY at, action, segment;
DELETE FROM events WHERE who = 'sr.1' AND what = 'purchase';
SELECT * FROM difference;
-- So does time.
SET pg_segment.clock = '2026-06-11 01:00:00+00';
SELECT * FROM difference;
CALL segment.refresh();
SELECT segment, action, at, cause FROM segment.transition WHERE subscriber = 'sr.4' AND cause = 'time' ORDER BY at, action, segment;
SELECT * FROM difference;
SET pg_segment.clock = '2026-06-20 12:00:00+00';
SELECT * FROM difference;
CALL segment.refresh();
SELECT * FROM difference;
-- It is explained.
SELECT path, condition, actual, threshold, holds, changes_at FROM segment.explain('sr.5', 'sr deep');
SELECT path, condition, holds FROM segment.explain('sr.2', 'sr others');
-- Altering one moves those that refer to it.
CALL segment.alter_segment('sr buyers', '{"event": "purchase"}');
CREATE OR REPLACE VIEW truth AS
  WITH base AS (SELECT who, bool_or(what = 'purchase') AS buyer, bool_or(what = 'visit' AND at > segment.now() - interval '10 days') AS visitor, count(*) FILTER (WHERE what = 'gift') >= 2 AS giver FROM events GROUP BY who)
  SELECT segment, who AS subscriber FROM base, LATERAL (VALUES ('sr buyers', buyer), ('sr visitors', visitor), ('sr both', buyer AND visitor), ('sr neither', NOT buyer AND NOT visitor),
    ('sr others', buyer OR visitor), ('sr deep', buyer OR visitor OR giver)) AS v (segment, holds) WHERE holds;
SELECT * FROM difference;
-- One that is created concurrently.
CALL segment.create_segment_concurrently('sr copy', '{"segment": "sr deep"}');
SELECT count(*) = (SELECT count(*) FROM segment.members('sr deep')) AS same FROM segment.members('sr copy');
SELECT * FROM segment.verify();
-- Refused: what does not exist, with the near name; itself; a circle of any length.
SELECT segment.create_segment('sr new', '{"segment": "sr byers"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('sr new', '{"segment": "sr new"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('sr new', '{"segment": ""}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('sr new', '{"segment": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('sr new', '{"segment": "sr buyers", "event": "visit"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('sr new', '{"event": "visit", "where": {"all": [{"segment": "sr buyers"}]}}');
SELECT segment.validate('{"segment": "sr byers"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.matches('{}', '{"segment": "sr buyers"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_segment('sr buyers', '{"segment": "sr buyers"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_segment('sr buyers', '{"not": {"segment": "sr deep"}}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_segment('sr neither', '{"segment": "sr copy"}');
\echo :LAST_ERROR_SQLSTATE
-- Refused: to drop one that others refer to.
SELECT segment.drop_segment('sr buyers');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_segment('sr deep');
SELECT * FROM difference WHERE segment <> 'sr copy';
-- A name that means something else inside a trait.
SELECT segment.matches('{"segment": "gold"}', '{"attribute": "segment", "equals": "gold"}');
-- From the outside in they can be dropped.
SELECT segment.drop_segment('sr copy'), segment.drop_segment('sr deep'), segment.drop_segment('sr others');
SELECT segment.drop_segment('sr neither'), segment.drop_segment('sr both');
SELECT * FROM segment.verify();
-- A long chain.
SELECT count(segment.create_segment('sr chain ' || i, jsonb_build_object('segment', CASE i WHEN 1 THEN 'sr buyers' ELSE 'sr chain ' || i - 1 END))) FROM generate_series(1, 20) i;
INSERT INTO events VALUES ('sr.6', 'purchase', '2026-06-19');
SELECT count(*) FROM segment.member WHERE subscriber = 'sr.6';
CALL segment.refresh();
SELECT count(*) FROM segment.member WHERE subscriber = 'sr.6';
SELECT * FROM segment.verify();
-- Clean up.
SELECT count(segment.drop_segment('sr chain ' || i)) FROM generate_series(20, 1, -1) i;
SELECT segment.drop_segment('sr buyers'), segment.drop_segment('sr visitors');
SELECT segment.detach_source('events') > 0 AS detached;
SET client_min_messages = warning;
DROP SCHEMA refer CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
