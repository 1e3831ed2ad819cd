-- Segments created and altered while writers go on.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA online;
SET search_path = online;
CREATE TABLE events (who text, what text, at timestamptz, worth numeric, more jsonb);
SELECT segment.attach_source('events', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');
-- More subscribers than are swept at once.
INSERT INTO events SELECT 'on.' || i, CASE i % 3 WHEN 0 THEN 'purchase' WHEN 1 THEN 'visit' ELSE 'gift' END, '2026-05-20', i, jsonb_build_object('k', i % 5) FROM generate_series(1, 1200) i;
-- Of what is captured anyway, and of new streams.
CALL segment.create_segment_concurrently('on buyers', '{"event": "purchase", "within": "30 days"}', 'who bought lately');
CALL segment.create_segment_concurrently('on givers', '{"event": "gift", "where": {"k": {"min": 3}}, "sum": {"gt": 0}, "of": "k"}');
SELECT segment, description, members, status FROM segment.summary ORDER BY 1;
SELECT count(DISTINCT who) FILTER (WHERE what = 'purchase') AS buyers, count(DISTINCT who) FILTER (WHERE what = 'gift' AND (more ->> 'k')::int >= 3) AS givers FROM events;
SELECT segment, action, cause, count(*) FROM segment.transition GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT ready, changing FROM segment.definition;
SELECT kind, subscribers, transitions, finished_at IS NOT NULL AS finished FROM segment.run ORDER BY run_id DESC LIMIT 2;
SELECT * FROM segment.verify();
-- Altered: old members leave, new ones enter, those of both stay with the time of their entry.
SET pg_segment.clock = '2026-06-02 12:00:00+00';
CALL segment.alter_segment('on givers', '{"event": "gift", "where": {"k": {"min": 4}}, "count": {"min": 1}}');
SELECT members, status, criteria FROM segment.summary WHERE segment = 'on givers';
SELECT count(DISTINCT who) FROM events WHERE what = 'gift' AND (more ->> 'k')::int >= 4;
SELECT min(since), max(since) FROM segment.members('on givers');
SELECT segment, action, at, cause, count(*) FROM segment.transition WHERE segment = 'on givers' GROUP BY 1, 2, 3, 4 ORDER BY 2, 3;
-- The streams that only the old criteria read are gone.
SELECT event_type, filter, value_path FROM segment.stream;
SELECT * FROM segment.verify();
CALL segment.alter_segment('on givers', '{"any": [{"event": "visit"}, {"event": "gift", "where": {"k": {"min": 4}}}]}');
SELECT count(*) = (SELECT count(DISTINCT who) FROM events WHERE what = 'visit' OR what = 'gift' AND (more ->> 'k')::int >= 4) AS exact FROM segment.members('on givers');
SELECT count(*), min(since), max(since) FROM segment.members('on givers') WHERE since < '2026-06-02';
SELECT * FROM segment.verify();
-- To the same criteria: nothing moves.
CALL segment.alter_segment('on givers', '{"any": [{"event": "visit"}, {"event": "gift", "where": {"k": {"min": 4}}}]}');
-- Writers afterwards are under the new definition.
INSERT INTO events VALUES ('on.new', 'gift', '2026-05-20', 1, '{"k": 4}'), ('on.3', 'gift', '2026-05-20', 1, '{"k": 4}'), ('on.1', 'purchase', '2026-05-20', 1, NULL);
DELETE FROM events WHERE who = 'on.4';
SELECT segment, subscriber FROM segment.member WHERE subscriber IN ('on.new', 'on.1', 'on.3', 'on.4') ORDER BY 1, 2;
SELECT * FROM segment.verify();

-- An error half-way: the segment is not shown, and the same call goes on where that one ended.
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped'; END $$;
CREATE TRIGGER stop BEFORE UPDATE OF ready ON segment.definition FOR EACH ROW WHEN (NEW.ready AND NEW.changing IS NULL) EXECUTE FUNCTION stop();
CALL segment.create_segment_concurrently('on rich', '{"event": "purchase", "sum": {"min": 600}, "of": "value"}');
SELECT segment, members, status FROM segment.summary ORDER BY 1;
SELECT count(*) FROM segment.members('on rich');
SELECT ready, changing IS NOT NULL AS changing FROM segment.definition WHERE name = 'on rich';
SELECT * FROM segment.verify();
INSERT INTO events VALUES ('on.rich', 'purchase', '2026-05-20', 900, NULL), ('on.3', 'purchase', '2026-05-20', 900, NULL);
DELETE FROM events WHERE who = 'on.600';
SELECT count(*) FROM segment.member WHERE segment = 'on rich';
SELECT * FROM segment.verify();
-- Another definition of that name is refused, the same one goes on.
CALL segment.create_segment_concurrently('on rich', '{"event": "purchase"}');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE segment.definition DISABLE TRIGGER stop;
CALL segment.create_segment_concurrently('on rich', '{"event": "purchase", "sum": {"min": 600}, "of": "value"}');
SELECT segment, members, status FROM segment.summary ORDER BY 1;
SELECT count(*) FROM (SELECT FROM events WHERE what = 'purchase' GROUP BY who HAVING sum(worth) >= 600) e;
SELECT * FROM segment.verify();
ALTER TABLE segment.definition ENABLE TRIGGER stop;
CALL segment.alter_segment('on rich', '{"event": "purchase", "sum": {"min": 900}, "of": "value"}');
SELECT segment, status FROM segment.summary ORDER BY 1;
SELECT * FROM segment.verify();
INSERT INTO events VALUES ('on.6', 'purchase', '2026-05-20', 900, NULL);
SELECT * FROM segment.verify();
ALTER TABLE segment.definition DISABLE TRIGGER stop;
CALL segment.alter_segment('on rich', '{"event": "purchase", "sum": {"min": 900}, "of": "value"}');
SELECT segment, members, status FROM segment.summary ORDER BY 1;
SELECT count(*) FROM (SELECT FROM events WHERE what = 'purchase' GROUP BY who HAVING sum(worth) >= 900) e;
SELECT * FROM segment.verify();
-- Given up: a half-filled segment is dropped, or altered.
ALTER TABLE segment.definition ENABLE TRIGGER stop;
CALL segment.create_segment_concurrently('on given up', '{"event": "wish"}');
CALL segment.create_segment_concurrently('on changed mind', '{"event": "wish"}');
ALTER TABLE segment.definition DISABLE TRIGGER stop;
SELECT segment.drop_segment('on given up');
CALL segment.alter_segment('on changed mind', '{"event": "visit"}');
SELECT segment, members, status FROM segment.summary ORDER BY 1;
SELECT * FROM segment.verify();
DROP TRIGGER stop ON segment.definition;
DROP FUNCTION stop();

-- Refused: inside a transaction block, a function, and with other words where create_segment refuses them.
BEGIN;
CALL segment.create_segment_concurrently('on new', '{"event": "visit"}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
CALL segment.alter_segment('on buyers', '{"event": "visit"}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
CALL segment.refresh();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
CREATE FUNCTION inside() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL segment.alter_segment('on buyers', '{"event": "visit"}'); END $$;
SELECT inside();
\echo :LAST_ERROR_SQLSTATE
-- A DO block on its own may.
DO $$ BEGIN CALL segment.alter_segment('on changed mind', '{"event": "gift"}'); END $$;
SELECT * FROM segment.verify();
CALL segment.create_segment_concurrently('on buyers', '{"event": "visit"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.create_segment_concurrently(NULL, '{"event": "visit"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.create_segment_concurrently('', '{"event": "visit"}');
CALL segment.create_segment_concurrently('on new', NULL);
CALL segment.create_segment_concurrently('on new', '{"event": "visit", "within": "3 months"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.create_segment_concurrently('on new', '{"segment": "on nothing"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_segment('on byers', '{"event": "visit"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_segment(NULL, '{"event": "visit"}');
CALL segment.alter_segment('on buyers', NULL);
CALL segment.alter_segment('on buyers', '{"event": 5}');
\echo :LAST_ERROR_SQLSTATE
SET default_transaction_isolation = 'repeatable read';
CALL segment.create_segment_concurrently('on new', '{"event": "visit"}');
\echo :LAST_ERROR_SQLSTATE
RESET default_transaction_isolation;
SELECT segment, members, status FROM segment.summary ORDER BY 1;
SELECT count(*) FROM segment.definition WHERE name = 'on new';
SELECT * FROM segment.verify();
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM (SELECT name FROM segment.definition ORDER BY 1) d;
SELECT count(*) FROM segment.stream;
SELECT segment.detach_source('events') > 0 AS detached;
SET client_min_messages = warning;
DROP SCHEMA online CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
