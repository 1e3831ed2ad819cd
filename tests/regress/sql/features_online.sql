-- Features and scores created, altered and dropped while writers go on.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA fonline;
SET search_path = fonline;
CREATE TABLE events (who text, what text, at timestamptz, worth numeric, more jsonb);
SELECT segment.attach_source('events', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');
-- More subscribers than are swept at once.
INSERT INTO events SELECT 'fo.' || i % 300, CASE i % 4 WHEN 0 THEN 'purchase' WHEN 1 THEN 'visit' ELSE 'gift' END, '2026-05-20', i, jsonb_build_object('k', i % 5) FROM generate_series(1, 1500) i;
-- Of events that no state has yet, of what is there, one that is ready, and a score of them.
CALL segment.create_feature_concurrently('gifts', '{"event": "gift", "where": {"k": {"min": 3}}}', 'gifts of the better kind');
CALL segment.create_feature_concurrently('events_ever', '{"event": "*"}');
CALL segment.create_feature_concurrently('frequency');
CALL segment.create_score_concurrently('warmth', '{"terms": [{"of": "gifts", "weight": 2}, {"of": {"event": "visit", "where": {"k": {"equals": 1}}}}]}');
SELECT name, kind, description, changing FROM segment.feature ORDER BY name;
SELECT kind, subscribers, finished_at IS NOT NULL AS finished FROM segment.run ORDER BY run_id DESC LIMIT 4;
-- The numbers, from the rows.
CREATE VIEW counted AS
  SELECT who, count(*) FILTER (WHERE what = 'gift' AND (more ->> 'k')::int >= 3) AS gifts, count(*) AS events_ever, count(*) FILTER (WHERE what = 'purchase') AS frequency,
         2 * count(*) FILTER (WHERE what = 'gift' AND (more ->> 'k')::int >= 3) + count(*) FILTER (WHERE what = 'visit' AND (more ->> 'k')::int = 1) AS warmth
  FROM events GROUP BY who;
CREATE VIEW differs AS
  SELECT who FROM counted c FULL JOIN segment.profile p ON p.subscriber = who
  WHERE (c.gifts, c.events_ever, c.frequency, c.warmth)
        IS DISTINCT FROM ((features ->> 'gifts')::int, (features ->> 'events_ever')::int, p.frequency::int, (features ->> 'warmth')::int);
SELECT count(*), sum(gifts), sum(warmth), count(DISTINCT warmth) FROM counted;
SELECT count(*) FROM differs;
SELECT * FROM segment.verify();
-- Altered: what uses it follows, and those who stay keep the time of their entry.
SELECT segment.create_segment('fo warm', '{"warmth": {"min": 2}}') AS members, (SELECT count(*) FROM counted WHERE warmth >= 2);
SELECT segment.create_segment('fo other', '{"events_ever": {"min": 5}}') > 0 AS others;
SET pg_segment.clock = '2026-06-02 12:00:00+00';
CALL segment.alter_feature('gifts', '{"event": "gift", "where": {"k": {"min": 2}}}');
SELECT (SELECT count(*) FROM segment.members('fo warm')), (SELECT count(*) FROM (SELECT FROM events GROUP BY who HAVING
  2 * count(*) FILTER (WHERE what = 'gift' AND (more ->> 'k')::int >= 2) + count(*) FILTER (WHERE what = 'visit' AND (more ->> 'k')::int = 1) >= 2) w);
SELECT action, cause, at, count(*) FROM segment.transition WHERE segment = 'fo warm' GROUP BY 1, 2, 3 ORDER BY 3, 1;
SELECT event_type, filter, value_path FROM segment.stream WHERE filter IS NOT NULL ORDER BY 1;
SELECT segment, status FROM segment.summary ORDER BY 1;
SELECT * FROM segment.verify();
CALL segment.alter_feature('gifts', '{"event": "gift", "where": {"k": {"min": 3}}}');
SELECT count(*) FROM differs;
SELECT * FROM segment.verify();

-- An error before the end: the segments that use it say so, writers go on exactly, and so does the same call.
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped'; END $$;
CREATE TRIGGER stop BEFORE UPDATE OF changing ON segment.feature FOR EACH ROW WHEN (NEW.changing IS NULL) EXECUTE FUNCTION stop();
CALL segment.create_feature_concurrently('wishes', '{"event": "wish"}');
SELECT name, changing IS NOT NULL AS changing FROM segment.feature WHERE name = 'wishes';
INSERT INTO events VALUES ('fo.1', 'wish', '2026-05-20', 1, NULL), ('fo.new', 'wish', '2026-05-20', 1, NULL);
SELECT count(*) FROM segment.profile WHERE (features ->> 'wishes')::int = 1;
SELECT * FROM segment.verify();
CALL segment.alter_feature('gifts', '{"event": "gift", "where": {"k": {"min": 4}}}');
SELECT segment, status FROM segment.summary ORDER BY 1;
SELECT * FROM segment.verify();
INSERT INTO events SELECT 'fo.late', 'gift', '2026-05-20', 1, '{"k": 4}' FROM generate_series(1, 2);
SELECT segment FROM segment.member WHERE subscriber = 'fo.late' ORDER BY 1;
-- Of another definition, it is another change; that one may be given up, too.
CALL segment.create_feature_concurrently('wishes', '{"event": "wish", "within": "30 days"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_feature('gifts', '{"event": "gift", "where": {"k": {"min": 2}}}');
ALTER TABLE segment.feature DISABLE TRIGGER stop;
CALL segment.create_feature_concurrently('wishes', '{"event": "wish"}');
CALL segment.alter_feature('gifts', '{"event": "gift", "where": {"k": {"min": 3}}}');
SELECT segment, status FROM segment.summary ORDER BY 1;
SELECT name FROM segment.feature WHERE changing IS NOT NULL;
SELECT count(*) FROM differs;
SELECT * FROM segment.verify();
ALTER TABLE segment.feature ENABLE TRIGGER stop;
CALL segment.create_feature_concurrently('given_up', '{"event": "hug"}');
SELECT segment.drop_feature('given_up');
DROP TRIGGER stop ON segment.feature;
SELECT count(*) FROM segment.stream WHERE event_type = 'hug';
SELECT * FROM segment.verify();

-- One that is ready and says something else now does not become what it was under those who use it.
CALL segment.alter_feature('frequency', '{"event": "visit"}');
SELECT segment.create_segment('fo often', '{"frequency": {"min": 2}}') = (SELECT count(*) FROM (SELECT FROM events WHERE what = 'visit' GROUP BY who HAVING count(*) >= 2) v) AS visits;
SELECT segment.drop_feature('frequency');
SELECT * FROM segment.verify();
CALL segment.alter_feature('frequency', '{"event": "purchase"}');
SELECT segment.drop_feature('frequency');
SELECT count(*) = (SELECT count(*) FROM (SELECT FROM events WHERE what = 'purchase' GROUP BY who HAVING count(*) >= 2) v) AS purchases FROM segment.members('fo often');
SELECT * FROM segment.verify();
-- In the transaction of its own writes, and rolled back.
BEGIN;
INSERT INTO events VALUES ('fo.1', 'wish', '2026-05-20', 1, NULL);
SELECT segment.drop_feature('wishes');
INSERT INTO events VALUES ('fo.2', 'wish', '2026-05-20', 1, NULL);
ROLLBACK;
BEGIN;
INSERT INTO events VALUES ('fo.1', 'wish', '2026-05-20', 1, NULL);
SELECT segment.drop_feature('wishes');
INSERT INTO events VALUES ('fo.2', 'gift', '2026-05-20', 1, '{"k": 3}');
COMMIT;
SELECT count(*) FROM differs;
SELECT * FROM segment.verify();

-- Refused: as create_feature refuses it, and inside a transaction block.
BEGIN;
CALL segment.create_feature_concurrently('hugs', '{"event": "hug"}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
CALL segment.alter_feature('gifts', '{"event": "hug"}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
CALL segment.create_feature_concurrently('gifts', '{"event": "hug"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.create_feature_concurrently('gifts', '{"event": "gift", "where": {"k": {"min": 3}}}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.create_feature_concurrently('hugs');
\echo :LAST_ERROR_SQLSTATE
CALL segment.create_feature_concurrently(NULL, '{"event": "hug"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.create_score_concurrently('hugs', '{"event": "hug"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_feature('warmth', '{"event": "hug"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_feature('warmth', '{"terms": [{"of": "warmth"}]}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_feature('gifts', '{"multiply": ["warmth", 2]}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_feature('gift', '{"event": "hug"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_feature('gifts', NULL);
-- A segment would be for nobody.
SELECT segment.create_score('gladness', '{"terms": [{"of": "gifts"}], "clamp": [0, 10]}');
SELECT segment.create_segment('glad', '{"gladness": {"min": 5}}') >= 0 AS created;
CALL segment.alter_feature('gladness', '{"terms": [{"of": "gifts"}], "clamp": [0, 1]}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_segment('glad') >= 0 AS dropped;
SELECT segment.drop_feature('gladness');
SET default_transaction_isolation = 'repeatable read';
CALL segment.create_feature_concurrently('hugs', '{"event": "hug"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_feature('gifts', '{"event": "hug"}');
SELECT segment.drop_feature('events_ever');
\echo :LAST_ERROR_SQLSTATE
RESET default_transaction_isolation;
SELECT count(*) FROM segment.feature WHERE name = 'hugs';
SELECT * FROM segment.verify();
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition WHERE name ^@ 'fo ';
SELECT count(segment.drop_feature(name)) FROM unnest('{warmth,gifts,events_ever}'::text[]) name;
SELECT segment.detach_source('events') > 0 AS detached;
SET client_min_messages = warning;
DROP SCHEMA fonline CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
