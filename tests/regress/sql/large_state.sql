-- A large state lies in two parts: what most events leave as it is, and what came since.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2025-06-01 12:00+00';
CREATE SCHEMA large;
SET search_path = large;
CREATE TABLE ls_event (id int GENERATED ALWAYS AS IDENTITY, who text, kind text, at timestamptz, value numeric);
SELECT segment.attach_source('ls_event', subscriber => 'who', event_type => 'kind', occurred_at => 'at', value => 'value');
SELECT segment.create_segment('ls_busy', '{"event": "ls_visit", "count": {"min": 1505}, "within": "60 days"}');
SELECT segment.create_segment('ls_spent', '{"event": "ls_visit", "sum": {"min": 1512}, "of": "value"}');

-- Where the first part lies, and whether there is a second.
CREATE FUNCTION ls_parts() RETURNS TABLE (large boolean, recent boolean) LANGUAGE sql
AS $$SELECT pg_column_size(activity) > 2000, length(recent) > 8 FROM segment.state WHERE subscriber = 'bot'$$;
CREATE TABLE ls_before (activity bytea);

INSERT INTO ls_event (who, kind, at, value)
SELECT 'bot', 'ls_visit', timestamptz '2025-06-01 12:00+00' - n * interval '57 minutes', 1 FROM generate_series(1, 1500) n;
SELECT * FROM ls_parts();
INSERT INTO ls_before SELECT activity FROM segment.state WHERE subscriber = 'bot';

-- One by one: the first part stays.
INSERT INTO ls_event (who, kind, at, value) VALUES ('bot', 'ls_visit', '2025-06-01 11:00+00', 2);
INSERT INTO ls_event (who, kind, at, value) VALUES ('bot', 'ls_visit', '2025-06-01 11:30+00', 2);
BEGIN;
INSERT INTO ls_event (who, kind, at, value) VALUES ('bot', 'ls_visit', '2025-05-01 11:30+00', 2);
SAVEPOINT s;
INSERT INTO ls_event (who, kind, at, value) SELECT 'bot', 'ls_visit', '2025-05-01 11:31+00', 2 FROM generate_series(1, 9);
SELECT segment.flush();
SELECT count(*) FROM segment.verify();
ROLLBACK TO s;
COMMIT;
SELECT * FROM ls_parts();
SELECT s.activity = b.activity AS same FROM segment.state s CROSS JOIN ls_before b WHERE subscriber = 'bot';
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT total_events_90d, total_events_30d, total_events_7d, total_value_90d, lifetime_value FROM segment.profile;
SELECT count(*) FROM segment.verify();

-- Over a bound, by an event that is still to come, too.
INSERT INTO ls_event (who, kind, at, value) VALUES ('bot', 'ls_visit', '2025-06-01 12:00+00', 2);
INSERT INTO ls_event (who, kind, at, value) VALUES ('bot', 'ls_visit', '2025-06-01 12:30+00', 4);
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SET pg_segment.clock = '2025-06-01 12:31+00';
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
CALL segment.refresh();
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT s.activity = b.activity AS same FROM segment.state s CROSS JOIN ls_before b WHERE subscriber = 'bot';
SELECT leaf.path, leaf.actual, leaf.holds FROM segment.explain('bot', 'ls_busy') leaf;
SELECT count(*) FROM segment.verify();

-- What removes an event makes both one, and what follows begins anew.
DELETE FROM ls_event WHERE value = 4;
SELECT * FROM ls_parts();
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
UPDATE ls_event SET value = 9 WHERE at = '2025-06-01 11:00+00';
INSERT INTO ls_event (who, kind, at, value) VALUES ('bot', 'ls_visit', '2025-06-01 12:10+00', 4);
SELECT * FROM ls_parts();
SELECT count(*) FROM segment.verify();

-- So does what has grown.
INSERT INTO ls_event (who, kind, at, value)
SELECT 'bot', 'ls_visit', timestamptz '2025-06-01 12:20+00' - n * interval '61 seconds', 1 FROM generate_series(1, 600) n;
SELECT * FROM ls_parts();
SELECT count(*) FROM segment.verify();

-- A definition that comes or goes, and a month later.
INSERT INTO ls_event (who, kind, at, value) VALUES ('bot', 'ls_visit', '2025-06-01 12:11+00', 4);
SELECT segment.create_segment('ls_last_hour', '{"event": "ls_visit", "count": {"min": 50}, "within": "1 hour"}');
INSERT INTO ls_event (who, kind, at, value) VALUES ('bot', 'ls_visit', '2025-06-01 12:12+00', 4);
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT segment.drop_segment('ls_spent');
INSERT INTO ls_event (who, kind, at, value) VALUES ('bot', 'ls_visit', '2025-06-01 12:12+00', 4);
SELECT count(*) FROM segment.verify();
SET pg_segment.clock = '2025-07-01 12:00+00';
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
INSERT INTO ls_event (who, kind, at, value) VALUES ('bot', 'ls_visit', '2025-07-01 11:12+00', 4);
CALL segment.refresh();
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT count(*) FROM segment.verify();

-- Nobody any more.
DELETE FROM ls_event;
SELECT length(activity), recent FROM segment.state WHERE subscriber = 'bot';
SELECT count(*) FROM segment.verify();

SELECT count(segment.drop_segment(name)) FROM (SELECT name FROM segment.definition ORDER BY 1) d;
SELECT segment.detach_source('ls_event') > 0 AS detached;
SET client_min_messages = warning;
DROP SCHEMA large CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
