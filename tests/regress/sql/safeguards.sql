-- Safeguards: time before entering and leaving, a stay, other criteria to leave; decisions by hand win over them.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
SET client_min_messages = warning;
TRUNCATE segment.history;
SET pg_segment.clock = '2026-06-01 00:00:00+00';
CREATE SCHEMA safe;
SET search_path = safe;
CREATE TABLE event (who text, what text, at timestamptz);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'what');
INSERT INTO event SELECT 'sg.' || i, 'buy', segment.now() FROM generate_series(1, 3) i;
SELECT segment.create_segment('sg fans', '{"event": "buy", "within": "2 days"}'), segment.create_segment('sg others', '{"not": {"segment": "sg fans"}}');
CREATE VIEW moves AS SELECT segment, subscriber, action, at, cause, leaf FROM segment.transition WHERE at > '2026-06-01' ORDER BY at, subscriber, segment;
-- Whoever is in already stays in; who comes waits, and so does who goes.
CALL segment.set_safeguards('sg fans', '{"enter_after": "6 hours", "leave_after": "1 day"}');
SELECT segment, status, safeguards FROM segment.summary WHERE segment = 'sg fans';
SELECT subscriber, since FROM segment.members('sg fans') ORDER BY 1;
SET pg_segment.clock = '2026-06-01 01:00:00+00';
INSERT INTO event VALUES ('sg.4', 'buy', '2026-06-01 01:00'), ('sg.5', 'buy', '2026-06-01 01:00');
SELECT subscriber, since FROM segment.members('sg fans') ORDER BY 1;
SELECT path, condition, holds, changes_at FROM segment.explain('sg.4', 'sg fans');
SET pg_segment.clock = '2026-06-01 05:00:00+00';
-- An interruption begins the waiting anew.
DELETE FROM event WHERE who = 'sg.5';
INSERT INTO event VALUES ('sg.5', 'buy', '2026-06-01 05:00');
SET pg_segment.clock = '2026-06-01 07:00:00+00';
SELECT subscriber, since FROM segment.members('sg fans') ORDER BY 1;
SELECT subscriber, segments FROM segment.profile WHERE subscriber IN ('sg.4', 'sg.5') ORDER BY 1;
-- Nothing is stored yet; what time_in_segment and members_as_of say is as exact.
SELECT count(*) FROM segment.membership m JOIN segment.definition d USING (segment_id) WHERE d.name = 'sg fans';
SELECT segment.time_in_segment('sg fans', 'sg.4'), segment.time_in_segment('sg others', 'sg.4');
CALL segment.refresh();
TABLE moves;
SELECT * FROM segment.verify();
SET pg_segment.clock = '2026-06-03 06:00:00+00';
SELECT path, condition, holds, changes_at, since FROM segment.explain('sg.1', 'sg fans');
SELECT s FROM segment.members_as_of('sg fans', '2026-06-03 05:00') s ORDER BY 1;
SELECT subscriber FROM segment.members('sg others');
-- Somebody comes back within the day, and has not left.
INSERT INTO event VALUES ('sg.1', 'buy', '2026-06-03 06:00');
SET pg_segment.clock = '2026-06-04 12:00:00+00';
SELECT subscriber FROM segment.members('sg fans') ORDER BY 1;
CALL segment.refresh();
TABLE moves;
SELECT * FROM segment.verify();
-- The same again changes nothing; others take effect at once, for those who wait too.
CALL segment.set_safeguards('sg fans', '{"enter_after": "6 hours", "leave_after": "1 day"}');
INSERT INTO event VALUES ('sg.6', 'buy', segment.now());
SET pg_segment.clock = '2026-06-04 14:00:00+00';
CALL segment.set_safeguards('sg fans', '{"enter_after": "1 hour"}');
SELECT subscriber, since FROM segment.members('sg fans') ORDER BY 1;
SELECT subscriber, action, at, cause FROM moves WHERE subscriber = 'sg.6' AND segment = 'sg fans';

-- A stay counts from the entry, of members from before too.
CALL segment.set_safeguards('sg fans', '{"stay": "5 days"}');
SET pg_segment.clock = '2026-06-06 15:00:00+00';
SELECT subscriber, since FROM segment.members('sg fans') ORDER BY 1;
SELECT path, condition, holds, changes_at FROM segment.explain('sg.6', 'sg fans');
SELECT * FROM segment.verify();
-- Criteria and events that change do not cut it short, nor does a rebuild, that keeps what is remembered.
INSERT INTO event VALUES ('sg.6', 'visit', segment.now()), ('sg.7', 'buy', segment.now());
DELETE FROM event WHERE who = 'sg.6' AND what = 'buy';
CALL segment.alter_segment('sg fans', '{"event": "buy", "within": "1 hour"}');
CALL segment.rebuild();
SELECT subscriber, since FROM segment.members('sg fans') ORDER BY 1;
SELECT subscriber FROM segment.state WHERE memory IS NOT NULL ORDER BY 1;
SELECT * FROM segment.verify();
-- preview and diff are about criteria alone, without safeguards.
SELECT members FROM segment.preview('{"event": "buy", "within": "1 hour"}');
SELECT members FROM segment.preview('{"segment": "sg fans"}');
SELECT * FROM segment.diff('sg fans', '{"event": "buy", "within": "1 hour"}');

-- By hand wins; released, the criteria alone decide at once.
SELECT segment.exclude_member('sg fans', 'sg.6'), segment.add_member('sg fans', 'sg.2');
SELECT subscriber, since FROM segment.members('sg fans') ORDER BY 1;
SELECT path, condition, holds, changes_at FROM segment.explain('sg.2', 'sg fans');
SELECT segment.release_member('sg fans', 'sg.6'), segment.release_member('sg fans', 'sg.2');
SELECT subscriber, since FROM segment.members('sg fans') ORDER BY 1;
SELECT * FROM segment.verify();
-- Whoever is forgotten stays nowhere.
SELECT segment.forget('sg.7');
SELECT count(*) FROM segment.members('sg fans');

-- Hysteresis: in with three, out below two.
INSERT INTO event SELECT 'sg.8', 'buy', '2026-06-06 15:00'::timestamptz - i * interval '1 hour' FROM generate_series(0, 2) i;
CALL segment.alter_segment('sg fans', '{"event": "buy", "count": {"min": 3}, "within": "1 day"}');
CALL segment.set_safeguards('sg fans', '{"leave": {"not": {"event": "buy", "count": {"min": 2}, "within": "1 day"}}}');
SET pg_segment.clock = '2026-06-07 13:00:00+00';
SELECT path, condition, actual, threshold, holds, changes_at FROM segment.explain('sg.8', 'sg fans');
SET pg_segment.clock = '2026-06-07 14:00:00+00';
CALL segment.refresh();
SELECT subscriber, action, at, cause, leaf FROM moves WHERE subscriber = 'sg.8' AND segment = 'sg fans';
-- What the criteria to leave read is kept, and whom they refer to cannot go.
SELECT segment.create_segment('sg staff', '{"event": "work", "where": {"value": {"min": 1}}, "within": "3 days"}');
CALL segment.set_safeguards('sg fans', '{"leave": {"any": [{"segment": "sg staff"}, {"event": "quit", "count": {"min": 2}, "within": "200 days"}]}}');
SELECT event_type, horizons[4] / 86400000000 AS days FROM segment.stream ORDER BY 1;
SELECT * FROM segment.dependents('sg staff');
SELECT segment.drop_segment('sg staff');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_tier_set('sg tiers', ARRAY['sg staff']);
CALL segment.set_safeguards('sg fans', '{"leave": {"segment": "sg staff", "tier_set": "sg tiers"}}');
SELECT segment.drop_tier_set('sg tiers');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.verify();
-- Taken away: the criteria alone decide.
CALL segment.set_safeguards('sg fans', NULL);
SELECT count(*) FROM segment.stream WHERE event_type = 'quit';
SELECT count(*) FROM segment.state WHERE memory IS NOT NULL;
SELECT safeguards IS NULL AS none FROM segment.definition WHERE name = 'sg fans';
SELECT * FROM segment.verify();
-- verify sees what somebody else did to what is remembered.
CALL segment.set_safeguards('sg fans', '{"enter_after": "10 days"}');
INSERT INTO event SELECT 'sg.8', 'buy', segment.now() FROM generate_series(1, 3);
BEGIN;
UPDATE segment.state SET memory = NULL WHERE subscriber = 'sg.8';
SELECT subscriber, finding, segment, stored, expected FROM segment.verify();
ROLLBACK;
-- An error half-way: the same call goes on where that one ended.
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped'; END $$;
CREATE TRIGGER stop BEFORE UPDATE OF ready ON segment.definition FOR EACH ROW WHEN (NEW.changing IS NULL) EXECUTE FUNCTION stop();
CALL segment.set_safeguards('sg fans', '{"enter_after": "1 hour"}');
SELECT status, safeguards FROM segment.summary WHERE segment = 'sg fans';
SELECT * FROM segment.verify();
DROP TRIGGER stop ON segment.definition;
CALL segment.set_safeguards('sg fans', '{"enter_after": "1 hour"}');
SELECT status, safeguards FROM segment.summary WHERE segment = 'sg fans';

-- Refused.
CALL segment.set_safeguards('sg fan', '{"stay": "1 day"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.set_safeguards(NULL, '{"stay": "1 day"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.set_safeguards('sg fans', '{}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.set_safeguards('sg fans', '[]');
CALL segment.set_safeguards('sg fans', '{"sty": "1 day"}');
CALL segment.set_safeguards('sg fans', '{"stay": "3 months"}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.set_safeguards('sg fans', '{"stay": 5}');
CALL segment.set_safeguards('sg fans', '{"leave": {"all": [{"event": "buy", "cuont": {"min": 1}}]}}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.set_safeguards('sg fans', '{"leave": {"any": [{"segment": "sg stuff"}]}}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.set_safeguards('sg fans', '{"leave": {"segment": "sg others"}}');
\echo :LAST_ERROR_SQLSTATE
CALL segment.set_safeguards('sg fans', '{"leave": {"segment": "sg fans"}}');
BEGIN;
CALL segment.set_safeguards('sg fans', '{"stay": "1 day"}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
UPDATE segment.definition SET ready = false WHERE name = 'sg staff';
CALL segment.set_safeguards('sg staff', '{"stay": "1 day"}');
\echo :LAST_ERROR_SQLSTATE
UPDATE segment.definition SET ready = true WHERE name = 'sg staff';
CREATE ROLE sg_user;
SET ROLE sg_user;
CALL segment.set_safeguards('sg fans', '{"stay": "1 day"}');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP ROLE sg_user;
SELECT safeguards FROM segment.definition WHERE name = 'sg fans';
SELECT * FROM segment.verify();
-- Clean up.
SELECT segment.drop_segment('sg others'), segment.drop_segment('sg fans'), segment.drop_tier_set('sg tiers'), segment.drop_segment('sg staff');
SELECT count(*) FROM segment.state WHERE memory IS NOT NULL;
SELECT * FROM segment.verify();
SELECT segment.detach_source('event') > 0 AS detached;
DROP SCHEMA safe CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
TRUNCATE segment.history;
