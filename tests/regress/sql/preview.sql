-- preview, diff and dependents: what criteria would do, before they are a segment's.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA preview;
SET search_path = preview;
-- Nobody is there: no share.
SELECT * FROM segment.preview('{}');
CREATE TABLE events (who text, what text, at timestamptz, worth numeric, more jsonb);
SELECT segment.attach_source('events', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');
INSERT INTO events
SELECT 'pv.' || i, CASE WHEN i % 2 = 0 THEN 'purchase' ELSE 'visit' END, timestamptz '2026-06-01 12:00+00' - i * interval '1 day', i, jsonb_build_object('colour', CASE WHEN i % 4 = 0 THEN 'red' ELSE 'blue' END)
FROM generate_series(1, 40) i;
-- What create_segment then says, for criteria of all kinds: with streams that are stored, and that are not.
CREATE VIEW asked (n, criteria) AS VALUES
  (1, '{}'::jsonb), (2, '{"any": []}'), (3, '{"event": "purchase"}'), (4, '{"event": "purchase", "within": "10 days"}'), (5, '{"not": {"event": "purchase", "within": "10 days"}}'),
  (6, '{"event": "visit", "within": "10 days"}'), (7, '{"event": "purchase", "where": {"colour": {"equals": "red"}}, "within": "20 days"}'),
  (8, '{"all": [{"event": "purchase", "sum": {"min": 11}, "of": "value"}, {"days_since_last": {"max": 20}}]}'),
  (9, '{"event": "visit", "count": {"equals": 0}, "within": "3 days"}'), (10, '{"event": "nothing", "count": {"max": 0}}'),
  (11, '{"event": "purchase", "maximum": {"min": 30}, "of": "value"}');
CREATE FUNCTION created(criteria jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  n := segment.create_segment('pv created', criteria);
  PERFORM segment.drop_segment('pv created');
  RETURN n;
END
$$;
SELECT n, p.members, round(p.share::numeric, 4) AS share, cardinality(p.sample) AS sampled FROM asked, segment.preview(criteria) p ORDER BY n;
SELECT n FROM asked, segment.preview(criteria) p WHERE p.members <> created(criteria);
-- Nothing was created.
SELECT count(*) FROM segment.definition;
SELECT count(*) FROM segment.stream;
-- The sample: some of the members, always the same ones, ascending; all where there are no more.
SELECT sample FROM segment.preview('{"event": "purchase"}', 3);
SELECT sample FROM segment.preview('{"event": "purchase", "where": {"colour": {"exists": true}}}', sample => 3);
SELECT sample FROM segment.preview('{"event": "purchase", "within": "5 days"}');
SELECT sample FROM segment.preview('{}', 0);

-- Of segments that are there, and as of now: nobody has been brought to this moment.
SELECT segment.create_segment('pv buyers', '{"event": "purchase", "within": "10 days"}');
SELECT segment.create_segment('pv visitors', '{"event": "visit", "within": "10 days"}');
SELECT segment.create_segment('pv both', '{"any": [{"segment": "pv buyers"}, {"segment": "pv visitors"}]}');
SELECT segment.create_segment('pv others', '{"not": {"segment": "pv both"}}');
SET pg_segment.clock = '2026-06-06 12:00:00+00';
SELECT * FROM segment.preview('{"all": [{"segment": "pv both"}, {"not": {"segment": "pv visitors"}}]}');
SELECT count(*) FROM segment.member WHERE segment = 'pv buyers';
-- The stored states are enough: no event is read, nothing is written, and a transaction that is read-only may ask.
CREATE VIEW scans AS SELECT seq_scan + coalesce(idx_scan, 0) AS of_events FROM pg_stat_xact_user_tables WHERE relid = 'events'::regclass;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT coalesce(max(of_events), 0) AS before FROM scans \gset
SELECT members FROM segment.preview('{"event": "visit", "within": "8 days"}');
SELECT count(*) FROM segment.diff('pv buyers', '{"event": "purchase", "within": "8 days"}');
SELECT coalesce(max(of_events), 0) - :before AS scans_of_events FROM scans;
-- They are not, for a stream that nobody has.
SELECT members FROM segment.preview('{"event": "visit", "where": {"colour": {"equals": "blue"}}, "within": "8 days"}');
SELECT coalesce(max(of_events), 0) - :before AS scans_of_events FROM scans;
SELECT pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing;
COMMIT;

-- Whoever was evaluated later than now stays there, by states and by events.
SET pg_segment.clock = '2026-06-09 12:00:00+00';
INSERT INTO events VALUES ('pv.4', 'gift', '2026-06-09', 1, '{}');
SET pg_segment.clock = '2026-06-06 12:00:00+00';
SELECT subscriber FROM segment.members('pv buyers') ORDER BY 1;
SELECT sample FROM segment.preview('{"event": "purchase", "within": "10 days"}');
SELECT sample FROM segment.preview('{"event": "purchase", "where": {"colour": {"exists": true}}, "within": "10 days"}');

-- What is queued counts: additions, removals, and who is new.
SET pg_segment.flush = queued;
INSERT INTO events VALUES ('pv.new', 'purchase', '2026-06-05', 1, '{}'), ('pv.39', 'purchase', '2026-06-05', 1, '{}');
DELETE FROM events WHERE who IN ('pv.2', 'pv.3');
RESET pg_segment.flush;
SELECT count(*) FROM segment.queue;
SELECT members, sample FROM segment.preview('{"event": "purchase", "within": "10 days"}');
SELECT members, sample FROM segment.preview('{"event": "purchase", "where": {"colour": {"exists": false}}, "within": "10 days"}');
SELECT members, round(share::numeric, 4) AS share FROM segment.preview('{}');
-- So does what this transaction has written.
BEGIN;
INSERT INTO events VALUES ('pv.own', 'purchase', '2026-06-05', 1, '{"colour": "green"}');
SELECT members FROM segment.preview('{"event": "purchase", "within": "10 days"}');
SELECT members FROM segment.preview('{"event": "purchase", "where": {"colour": {"equals": "green"}}}');
SELECT * FROM segment.diff('pv visitors', '{"event": "purchase", "where": {"colour": {"equals": "green"}}}') WHERE change = 'enters';
ROLLBACK;
CALL segment.refresh();
SELECT members FROM segment.preview('{"event": "purchase", "within": "10 days"}');
-- A state that is not readable, or lacks a stream, is computed from the events.
UPDATE segment.state SET activity = '\xff' WHERE subscriber = 'pv.4';
SELECT members, sample FROM segment.preview('{"event": "purchase", "within": "10 days"}');
UPDATE segment.state SET version = 0;
UPDATE segment.stream SET since = 1;
SELECT members, sample FROM segment.preview('{"event": "purchase", "within": "10 days"}');
UPDATE segment.stream SET since = 0;
CALL segment.rebuild();
SELECT * FROM segment.verify();

-- diff: what alter_segment then does.
SELECT * FROM segment.diff('pv buyers', '{"event": "purchase", "within": "10 days"}');
SELECT * FROM segment.diff('pv buyers', '{"event": "purchase", "within": "5 days"}');
SELECT * FROM segment.diff('pv buyers', '{"event": "visit", "within": "10 days"}');
CREATE TABLE foretold AS SELECT * FROM segment.diff('pv others', '{"event": "purchase", "where": {"colour": {"equals": "red"}}}');
CREATE TABLE before AS SELECT subscriber FROM segment.members('pv others');
CALL segment.alter_segment('pv others', '{"event": "purchase", "where": {"colour": {"equals": "red"}}}');
CREATE TABLE after AS SELECT subscriber FROM segment.members('pv others');
SELECT change, count(*) FROM foretold GROUP BY 1 ORDER BY 1;
(SELECT subscriber, change FROM foretold
 EXCEPT ALL (SELECT subscriber, 'enters' FROM (TABLE after EXCEPT TABLE before) e UNION ALL SELECT subscriber, 'leaves' FROM (TABLE before EXCEPT TABLE after) l))
UNION ALL
((SELECT subscriber, 'enters' FROM (TABLE after EXCEPT TABLE before) e UNION ALL SELECT subscriber, 'leaves' FROM (TABLE before EXCEPT TABLE after) l)
 EXCEPT ALL SELECT subscriber, change FROM foretold);
-- By other segments.
SELECT * FROM segment.diff('pv both', '{"segment": "pv buyers"}');
SELECT criteria FROM segment.definition WHERE name = 'pv both';

-- dependents: the direct ones first.
CALL segment.alter_segment('pv others', '{"not": {"segment": "pv both"}}');
SELECT * FROM segment.dependents('pv buyers');
SELECT * FROM segment.dependents('pv both');
SELECT * FROM segment.dependents('pv others');
SELECT segment.drop_segment('pv buyers');

-- Refused: what create_segment and alter_segment refuse, with the same words.
SELECT * FROM segment.preview('{"event": "visit", "within": "3 months"}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.preview('{"engagment_score": {"min": 0.5}}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.preview('{"segment": "pv byers"}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.preview('{"segment": ""}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.preview('[1]');
SELECT * FROM segment.diff('pv buyers', '{"event": 5}');
SELECT * FROM segment.diff('pv byers', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.diff('pv buyers', '{"segment": "pv buyers"}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.diff('pv buyers', '{"segment": "pv others"}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.dependents('pv byers');
\echo :LAST_ERROR_SQLSTATE
-- Refused: a sample of a size that makes no sense.
SELECT * FROM segment.preview('{}', -1);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.preview('{}', 10001);
-- Refused: events that cannot be read, where they are needed.
SET client_min_messages = error;
ALTER TABLE events RENAME COLUMN worth TO price;
SELECT members FROM segment.preview('{"event": "purchase", "within": "10 days"}');
SELECT members FROM segment.preview('{"event": "purchase", "where": {"colour": {"exists": true}}}');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE events RENAME COLUMN price TO worth;
RESET client_min_messages;
-- NULL in gives no row.
SELECT * FROM segment.preview(NULL);
SELECT * FROM segment.preview('{}', NULL);
SELECT * FROM segment.diff(NULL, '{}');
SELECT * FROM segment.diff('pv buyers', NULL);
SELECT * FROM segment.dependents(NULL);
SELECT * FROM segment.verify();
-- What was decided by hand about a segment that is dropped says nothing about criteria that are no segment's.
SELECT segment.create_segment('pv dropped', '{"event": "visit"}') > 0 AS created;
SELECT segment.add_member('pv dropped', 'pv.new'), segment.exclude_member('pv dropped', 'pv.39');
SELECT segment.drop_segment('pv dropped') > 0 AS dropped;
SELECT members, sample FROM segment.preview('{"event": "purchase", "within": "10 days"}');
SELECT members FROM segment.preview('{"any": []}');
-- Where most states lack something, the events are read in one pass.
INSERT INTO events SELECT 'pv.many.' || i, 'purchase', '2026-06-05', 1, '{}' FROM generate_series(1, 6000) i;
UPDATE segment.state SET version = 0 WHERE subscriber <> 'pv.many.6000';
UPDATE segment.stream SET since = 1;
BEGIN;
SELECT coalesce(max(of_events), 0) AS before FROM scans \gset
SELECT members, round(share::numeric, 4) AS share FROM segment.preview('{"event": "purchase", "within": "10 days"}');
SELECT coalesce(max(of_events), 0) - :before AS scans_of_events FROM scans;
COMMIT;
UPDATE segment.stream SET since = 0;
SET client_min_messages = warning;
CALL segment.rebuild();
RESET client_min_messages;
SELECT members FROM segment.preview('{"event": "purchase", "within": "10 days"}');
-- Clean up.
SELECT segment.drop_segment('pv others') >= 0, segment.drop_segment('pv both') >= 0, segment.drop_segment('pv buyers') >= 0, segment.drop_segment('pv visitors') >= 0;
SELECT segment.detach_source('events') > 0 AS detached;
SET client_min_messages = warning;
DROP SCHEMA preview CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
