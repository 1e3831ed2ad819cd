-- Writers about people whom a change under way has not reached: those stand by the rules before it, and stay for it to reach.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA unreached;
SET search_path = unreached;
CREATE TABLE events (id serial, who text, what text, at timestamptz, worth numeric, more jsonb);
SELECT segment.attach_source('events', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');
SELECT segment.create_segment('un two', '{"event": "gift", "count": {"min": 2}, "within": "30 days"}');
SELECT segment.create_segment('un rich', '{"event": "gift", "sum": {"min": 30}, "of": "value"}');
SELECT segment.create_segment('un both', '{"all": [{"segment": "un two"}, {"segment": "un rich"}]}');
INSERT INTO events (who, what, at, worth, more) SELECT 'un.' || i % 6, 'gift', timestamptz '2026-05-10' + i * interval '1 day', i, jsonb_build_object('k', i % 3) FROM generate_series(1, 18) i;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
-- Who is behind, who is exact by the rules before and by those after all, and what the views and verify say.
CREATE VIEW behind AS SELECT count(*) FILTER (WHERE version < changed) AS behind, count(*) FILTER (WHERE version >= changed) AS reached
  FROM segment.state, (SELECT min(changing) AS changed FROM segment.definition) d;
CREATE VIEW expected AS
  WITH gift AS (SELECT who, count(*) FILTER (WHERE at > segment.now() - interval '30 days') AS lately, sum(worth) AS worth FROM events WHERE what = 'gift' GROUP BY who),
  said AS (SELECT 'un two' AS segment, who FROM gift WHERE lately >= 2 UNION ALL SELECT 'un rich', who FROM gift WHERE worth >= 30
           UNION ALL SELECT 'un both', who FROM gift WHERE lately >= 2 AND worth >= 30)
  SELECT * FROM said;
CREATE VIEW difference AS
  (TABLE expected EXCEPT ALL SELECT segment, subscriber FROM segment.member WHERE segment IN ('un two', 'un rich', 'un both'))
  UNION ALL (SELECT segment, subscriber FROM segment.member WHERE segment IN ('un two', 'un rich', 'un both') EXCEPT ALL TABLE expected);
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped'; END $$;
CREATE TRIGGER stop BEFORE UPDATE ON segment.run FOR EACH ROW WHEN (NEW.kind NOT IN ('refresh', 'rebuild')) EXECUTE FUNCTION stop();
-- One that needs a new stream, over the same events as another one and with another number of each.
CALL segment.create_segment_concurrently('un k', '{"event": "gift", "where": {"k": {"min": 1}}, "sum": {"min": 4}, "of": "k"}');
TABLE behind;
INSERT INTO events (who, what, at, worth, more) VALUES ('un.1', 'gift', '2026-06-01', 30, '{"k": 2}'), ('un.2', 'wish', '2026-06-01', 1, '{"k": 2}'), ('un.new', 'gift', '2026-06-01', 40, '{"k": 7}');
TABLE behind;
SELECT segment, subscriber FROM segment.member WHERE subscriber IN ('un.1', 'un.2', 'un.new') ORDER BY 1, 2;
SELECT segment, subscriber, action, cause, leaf FROM segment.transition WHERE subscriber = 'un.1' AND at = segment.now() ORDER BY 1;
TABLE difference; SELECT * FROM segment.verify();
-- What goes can be folded like what comes; what cannot, is read again, by the rules after.
DELETE FROM events WHERE who = 'un.1' AND worth = 30;
UPDATE events SET at = at - interval '1 day', worth = worth + 1 WHERE who = 'un.3';
UPDATE events SET who = 'un.5' WHERE who = 'un.4' AND worth = 16;
TABLE behind;
TABLE difference; SELECT * FROM segment.verify();
-- Before the end, in savepoints, and twice in one transaction.
BEGIN;
INSERT INTO events (who, what, at, worth, more) VALUES ('un.2', 'gift', '2026-06-01', 1, '{"k": 1}');
SELECT segment.flush();
SAVEPOINT a;
INSERT INTO events (who, what, at, worth, more) VALUES ('un.2', 'gift', '2026-06-01', 1, '{"k": 1}');
SELECT segment.flush();
ROLLBACK TO a;
INSERT INTO events (who, what, at, worth, more) VALUES ('un.2', 'gift', '2026-06-01', 9, '{"k": 1}');
COMMIT;
TABLE behind;
TABLE difference; SELECT * FROM segment.verify();
-- Queued, and a load.
SET pg_segment.flush = queued;
INSERT INTO events (who, what, at, worth, more) VALUES ('un.2', 'gift', '2026-06-01', 2, '{"k": 1}');
SELECT * FROM segment.verify();
RESET pg_segment.flush;
SET pg_segment.load = 0;
INSERT INTO events (who, what, at, worth, more) VALUES ('un.1', 'gift', '2026-06-01', 2, '{"k": 1}'), ('un.0', 'gift', '2026-06-01', 2, '{"k": 1}');
RESET pg_segment.load;
TABLE behind;
TABLE difference; SELECT * FROM segment.verify();
-- A second change that is stopped too: some are behind both, nobody between them.
CALL segment.create_segment_concurrently('un wishes', '{"event": "wish", "where": {"k": {"min": 1}}}');
INSERT INTO events (who, what, at, worth, more) VALUES ('un.0', 'wish', '2026-06-01', 1, '{"k": 2}'), ('un.1', 'gift', '2026-06-01', 3, '{"k": 2}'), ('un.2', 'wish', '2026-06-01', 3, '{"k": 2}'), ('un.new', 'gift', '2026-06-01', 3, '{"k": 2}');
SELECT count(*) FILTER (WHERE version < changed) AS before_both, count(*) FILTER (WHERE version >= changed AND version < changing) AS between FROM segment.state, (SELECT min(changing) AS changed, max(changing) AS changing FROM segment.definition) d;
TABLE difference; SELECT * FROM segment.verify();
-- Time passes, and nobody is behind whom it moves.
SET pg_segment.clock = '2026-06-15 12:00:00+00';
INSERT INTO events (who, what, at, worth, more) VALUES ('un.1', 'wish', '2026-06-14', 1, '{"k": 2}');
CALL segment.refresh();
TABLE difference; SELECT * FROM segment.verify();
-- Goes on where it ended, and everybody is reached.
ALTER TABLE segment.run DISABLE TRIGGER stop;
CALL segment.create_segment_concurrently('un wishes', '{"event": "wish", "where": {"k": {"min": 1}}}');
CALL segment.create_segment_concurrently('un k', '{"event": "gift", "where": {"k": {"min": 1}}, "sum": {"min": 4}, "of": "k"}');
SELECT segment, subscriber FROM segment.member WHERE segment IN ('un k', 'un wishes') ORDER BY 1, 2;
SELECT who FROM events WHERE what = 'gift' AND (more ->> 'k')::int >= 1 GROUP BY who HAVING sum((more ->> 'k')::int) >= 4 ORDER BY 1;
SELECT DISTINCT who FROM events WHERE what = 'wish' ORDER BY 1;
TABLE behind;
TABLE difference; SELECT * FROM segment.verify();

-- Other criteria: whoever is not reached stands by the ones before.
ALTER TABLE segment.run ENABLE TRIGGER stop;
CALL segment.alter_segment('un wishes', '{"event": "gift", "where": {"k": {"equals": 1}}, "count": {"min": 3}}');
SELECT criteria, criteria_before FROM segment.definition WHERE name = 'un wishes';
INSERT INTO events (who, what, at, worth, more) VALUES ('un.4', 'wish', '2026-06-14', 1, '{"k": 2}'), ('un.4', 'gift', '2026-06-14', 1, '{"k": 1}'), ('un.3', 'gift', '2026-06-14', 1, '{"k": 1}');
TABLE behind;
SELECT segment, subscriber FROM segment.member WHERE segment = 'un wishes' ORDER BY 1, 2;
TABLE difference; SELECT * FROM segment.verify();
-- What nothing reads but they, is kept when something else goes.
SELECT segment.drop_segment('un k');
INSERT INTO events (who, what, at, worth, more) VALUES ('un.3', 'wish', '2026-06-14', 1, '{"k": 1}');
TABLE behind;
SELECT segment, subscriber FROM segment.member WHERE segment = 'un wishes' ORDER BY 1, 2;
TABLE difference; SELECT * FROM segment.verify();
-- Yet others meanwhile: it is not known any more by which criteria who stands.
CALL segment.alter_segment('un wishes', '{"event": "gift", "where": {"k": {"equals": 2}}, "count": {"min": 4}}');
SELECT criteria, criteria_before FROM segment.definition WHERE name = 'un wishes';
INSERT INTO events (who, what, at, worth, more) VALUES ('un.4', 'gift', '2026-06-14', 1, '{"k": 2}');
TABLE behind;
TABLE difference; SELECT * FROM segment.verify();
ALTER TABLE segment.run DISABLE TRIGGER stop;
CALL segment.alter_segment('un wishes', '{"event": "gift", "where": {"k": {"equals": 2}}, "count": {"min": 4}}');
SELECT subscriber FROM segment.members('un wishes') ORDER BY 1;
SELECT who FROM events WHERE what = 'gift' AND more ->> 'k' = '2' GROUP BY who HAVING count(*) >= 4 ORDER BY 1;
SELECT criteria_before FROM segment.definition WHERE name = 'un wishes';
TABLE difference; SELECT * FROM segment.verify();
-- Neither where a feature, a tier set, safeguards or a hold may have changed what they say.
CREATE FUNCTION known_before() RETURNS boolean LANGUAGE sql AS $$ SELECT criteria_before IS NOT NULL FROM segment.definition WHERE name = 'un wishes' $$;
CREATE FUNCTION begin_again() RETURNS void LANGUAGE sql AS $$ UPDATE segment.definition SET changing = NULL, criteria_before = NULL WHERE name = 'un wishes' $$;
ALTER TABLE segment.run ENABLE TRIGGER stop;
CALL segment.alter_segment('un wishes', '{"event": "gift", "where": {"k": {"equals": 2}}, "count": {"min": 5}}');
SELECT known_before();
SELECT segment.create_feature('un_gifts', '{"event": "gift"}');
SELECT known_before();
SELECT segment.drop_feature('un_gifts');
SELECT known_before(), begin_again();
CALL segment.alter_segment('un wishes', '{"event": "gift", "where": {"k": {"equals": 2}}, "count": {"min": 6}}');
SELECT segment.create_tier_set('un_tiers', ARRAY['un rich']);
SELECT known_before();
SELECT segment.drop_tier_set('un_tiers');
SELECT known_before(), begin_again();
CALL segment.alter_segment('un wishes', '{"event": "gift", "where": {"k": {"equals": 2}}, "count": {"min": 5}}');
UPDATE segment.definition SET name = 'un rich' WHERE name = 'un rich';
SELECT known_before(), begin_again();
CALL segment.alter_segment('un wishes', '{"event": "gift", "where": {"k": {"equals": 2}}, "count": {"min": 6}}');
SELECT known_before();
CALL segment.set_safeguards('un wishes', '{"stay": "1 day"}');
SELECT known_before(), begin_again();
CALL segment.alter_segment('un wishes', '{"event": "gift", "where": {"k": {"equals": 2}}, "count": {"min": 7}}');
SELECT known_before();
CALL segment.hold_segment('un wishes');
SELECT known_before(), begin_again();
ALTER TABLE segment.run DISABLE TRIGGER stop;
CALL segment.rebuild();
TABLE difference; SELECT * FROM segment.verify();
-- A feature that is new: its stream is behind, and no definition.
ALTER TABLE segment.run ENABLE TRIGGER stop;
CALL segment.create_feature_concurrently('un_big_gifts', '{"event": "gift", "where": {"k": {"min": 2}}, "within": "90 days"}');
SELECT max(version) < (SELECT changing FROM segment.feature WHERE name = 'un_big_gifts') AS all_behind FROM segment.state;
INSERT INTO events (who, what, at, worth, more) VALUES ('un.4', 'gift', '2026-06-14', 1, '{"k": 2}');
SELECT max(version) < (SELECT changing FROM segment.feature WHERE name = 'un_big_gifts') AS all_behind FROM segment.state;
SELECT features -> 'un_big_gifts' AS value, (SELECT count(*) FROM events WHERE who = 'un.4' AND what = 'gift' AND (more ->> 'k')::int >= 2) FROM segment.profile WHERE subscriber = 'un.4';
TABLE difference; SELECT * FROM segment.verify();
ALTER TABLE segment.run DISABLE TRIGGER stop;
CALL segment.create_feature_concurrently('un_big_gifts', '{"event": "gift", "where": {"k": {"min": 2}}, "within": "90 days"}');
SELECT features -> 'un_big_gifts' AS value FROM segment.profile WHERE subscriber = 'un.4';
TABLE difference; SELECT * FROM segment.verify();
-- A segment that is not there yet gets other criteria, or is put on hold: whoever is new knows it already, and stays in it.
ALTER TABLE segment.run ENABLE TRIGGER stop;
CALL segment.create_segment_concurrently('un nascent', '{"event": "gift", "count": {"min": 1}}');
SELECT criteria_before FROM segment.definition WHERE name = 'un nascent';
INSERT INTO events (who, what, at, worth, more) VALUES ('un.newer', 'gift', '2026-06-14', 1, '{"k": 2}');
CALL segment.alter_segment('un nascent', '{"event": "gift", "count": {"min": 1}, "within": "300 days"}');
INSERT INTO events (who, what, at, worth, more) VALUES ('un.newer', 'gift', '2026-06-14', 1, '{"k": 2}');
CALL segment.hold_segment('un nascent');
INSERT INTO events (who, what, at, worth, more) VALUES ('un.newer', 'gift', '2026-06-14', 1, '{"k": 2}');
ALTER TABLE segment.run DISABLE TRIGGER stop;
CALL segment.resume_segment('un nascent');
SELECT segment, subscriber FROM segment.member WHERE segment = 'un nascent' ORDER BY 1, 2;
SELECT segment, action, cause FROM segment.transition WHERE subscriber = 'un.newer' ORDER BY 1, 2;
TABLE difference; SELECT * FROM segment.verify();
-- What criteria from before a change refer to cannot go.
ALTER TABLE segment.run ENABLE TRIGGER stop;
CALL segment.alter_segment('un both', '{"event": "wish"}');
SELECT segment.drop_segment('un two');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE segment.run DISABLE TRIGGER stop;
CALL segment.alter_segment('un both', '{"all": [{"segment": "un two"}, {"segment": "un rich"}]}');
TABLE difference; SELECT * FROM segment.verify();
-- Time moves whoever is not reached by what was before, in every view.
ALTER TABLE segment.run ENABLE TRIGGER stop;
CALL segment.alter_segment('un two', '{"event": "gift", "count": {"min": 2}, "within": "60 days", "where": {"k": {"min": 0}}}');
SELECT max(version) < max(changing) AS all_behind FROM segment.state, segment.definition;
SET pg_segment.clock = '2026-07-10 12:00:00+00';
INSERT INTO events (who, what, at, worth, more) VALUES ('un.5', 'gift', '2026-07-09', 1, '{"k": 0}'), ('un.5', 'gift', '2026-07-08', 1, '{"k": 0}');
SELECT count(*) FILTER (WHERE due_at <= segment.now()) > 1 AS due, max(version) < max(changing) AS all_behind FROM segment.state, segment.definition;
TABLE difference;
SELECT subscriber, segments FROM segment.profile WHERE 'un two' = ANY (segments) OR 'un both' = ANY (segments) ORDER BY 1;
SELECT condition, actual, holds, changes_at, since FROM segment.explain('un.5', 'un two');
SELECT count(*) FROM segment.members_as_of('un two', segment.now());
ALTER TABLE segment.run DISABLE TRIGGER stop;
CALL segment.refresh();
SELECT * FROM segment.verify();
CALL segment.alter_segment('un two', '{"event": "gift", "count": {"min": 2}, "within": "30 days"}');
TABLE difference; SELECT * FROM segment.verify();
-- Of what states lack, why somebody would be in it is read from the events.
ALTER TABLE segment.run ENABLE TRIGGER stop;
CALL segment.create_segment_concurrently('un third', '{"event": "gift", "where": {"k": {"in": [0, 1]}}}');
SELECT condition, actual, holds FROM segment.explain('un.5', 'un third');
SELECT count(*) FROM events WHERE who = 'un.5' AND what = 'gift' AND more ->> 'k' IN ('0', '1');
ALTER TABLE segment.run DISABLE TRIGGER stop;
-- That it has reached everybody makes no difference to any session, and other changes know it.
SELECT version FROM segment.version \gset
CALL segment.create_segment_concurrently('un third', '{"event": "gift", "where": {"k": {"in": [0, 1]}}}');
SELECT version = :version AS same, (SELECT changing FROM segment.definition WHERE name = 'un third') FROM segment.version;
SELECT subscriber FROM segment.members('un third') ORDER BY 1;
CALL segment.alter_segment('un both', '{"segment": "un third"}');
CALL segment.alter_segment('un both', '{"segment": "un two"}');
SELECT segment.drop_segment('un third');
TABLE behind;
SELECT * FROM segment.verify();
-- Clean up.
DROP TRIGGER stop ON segment.run;
SELECT segment.drop_feature(name) FROM (VALUES ('un_big_gifts')) f (name);
SELECT count(segment.drop_segment(name)) FROM (SELECT name FROM segment.definition ORDER BY name <> 'un both', 1) d;
SELECT segment.detach_source('events') > 0 AS detached;
SET client_min_messages = warning;
DROP SCHEMA unreached CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
