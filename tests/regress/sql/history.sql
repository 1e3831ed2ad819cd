-- members_as_of, time_in_segment, and how long history is kept.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
TRUNCATE segment.history;
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA history;
SET search_path = history;
CREATE TABLE events (who text, what text, at timestamptz);
SELECT segment.attach_source('events', subscriber => 'who', occurred_at => 'at', event_type => 'what');
INSERT INTO events VALUES ('hi.1', 'purchase', '2026-06-01 10:00'), ('hi.2', 'purchase', '2026-05-01'), ('hi.3', 'visit', '2026-06-01 11:00');
SELECT segment.create_segment('hi buyers', '{"event": "purchase", "within": "2 days"}');
SELECT segment.create_segment('hi all', '{}');
SET pg_segment.clock = '2026-06-02 12:00:00+00';
INSERT INTO events VALUES ('hi.2', 'purchase', '2026-06-02 12:00');
SET pg_segment.clock = '2026-06-10 12:00:00+00';
-- Time has moved people, and nothing of it is on record yet; then it is.
CREATE VIEW moments (at) AS SELECT unnest('{2026-06-01 12:00,2026-06-02 11:59:59.999999,2026-06-02 12:00,2026-06-03 09:59:59.999999,2026-06-03 10:00,2026-06-04 11:59:59.999999,2026-06-04 12:00,2026-06-10 12:00}'::timestamptz[]);
SELECT m.at, ARRAY(SELECT s FROM segment.members_as_of('hi buyers', m.at) s ORDER BY 1) AS members FROM moments m;
SELECT count(*) FROM segment.transition WHERE cause = 'time';
SELECT segment.time_in_segment('hi buyers', 'hi.1'), segment.time_in_segment('hi buyers', 'hi.2'), segment.time_in_segment('hi buyers', 'hi.3'), segment.time_in_segment('hi all', 'hi.3');
CALL segment.refresh();
SELECT m.at, ARRAY(SELECT s FROM segment.members_as_of('hi buyers', m.at) s ORDER BY 1) AS members FROM moments m;
SELECT segment, subscriber, action, at, cause, leaf FROM segment.transition ORDER BY subscriber, move, segment;
SELECT segment.time_in_segment('hi buyers', 'hi.1'), segment.time_in_segment('hi buyers', 'hi.2'), segment.time_in_segment('hi buyers', 'hi.3'), segment.time_in_segment('hi all', 'hi.3');
-- In again: both stays count, the second until now.
INSERT INTO events VALUES ('hi.1', 'purchase', '2026-06-10 12:00');
SET pg_segment.clock = '2026-06-11 18:30:00+00';
SELECT segment.time_in_segment('hi buyers', 'hi.1');
SELECT segment.time_in_segment('hi buyers', 'hi.1', '2026-06-02 00:00', '2026-06-03 00:00') AS inside, segment.time_in_segment('hi buyers', 'hi.1', '2026-06-03 00:00', '2026-06-10 13:00') AS across,
       segment.time_in_segment('hi buyers', 'hi.1', '2026-06-04', '2026-06-05') AS outside, segment.time_in_segment('hi buyers', 'hi.1', since => '2026-06-11 18:00') AS lately, segment.time_in_segment('hi buyers', 'hi.1', until => '2026-06-03') AS first,
       segment.time_in_segment('hi buyers', 'hi.1', '2026-06-05', '2026-06-04') AS backwards, segment.time_in_segment('hi buyers', 'hi.nobody') AS nobody;
-- As of now it agrees with the view.
SELECT subscriber FROM segment.members('hi buyers') EXCEPT ALL SELECT segment.members_as_of('hi buyers', segment.now());
SELECT segment.members_as_of('hi buyers', segment.now()) EXCEPT ALL SELECT subscriber FROM segment.members('hi buyers');
-- Nothing is written.
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT count(*) FROM segment.members_as_of('hi all', '2026-06-05');
SELECT segment.time_in_segment('hi all', 'hi.1');
SELECT pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing;
COMMIT;
-- Refused: before the segment was created, in the future, of no segment.
SELECT * FROM segment.members_as_of('hi buyers', '2026-06-01 11:59:59.999999');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.members_as_of('hi buyers', '-infinity');
SELECT * FROM segment.members_as_of('hi buyers', '2026-06-11 18:30:00.000001');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.members_as_of('hi buyers', 'infinity');
SELECT * FROM segment.members_as_of('hi byers', '2026-06-05');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.time_in_segment('hi buyers', 'hi.1', '2026-06-01', '2026-06-02');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.time_in_segment('hi buyers', 'hi.1', until => '2026-05-01');
SELECT segment.time_in_segment('hi buyers', 'hi.1', until => 'infinity');
SELECT segment.time_in_segment('hi byers', 'hi.1');
\echo :LAST_ERROR_SQLSTATE
-- NULL in gives NULL out.
SELECT * FROM segment.members_as_of(NULL, '2026-06-05');
SELECT * FROM segment.members_as_of('hi buyers', NULL);
SELECT segment.time_in_segment('hi buyers', NULL), segment.time_in_segment('hi buyers', 'hi.1', NULL), segment.time_in_segment('hi buyers', 'hi.1', until => NULL);
-- A segment of the same name again is another one.
SELECT segment.create_segment('hi again', '{"event": "visit"}');
SELECT segment.drop_segment('hi again');
SET pg_segment.clock = '2026-06-12 12:00:00+00';
SELECT segment.create_segment('hi again', '{"event": "visit", "within": "1 hour"}');
SELECT * FROM segment.members_as_of('hi again', '2026-06-12 12:00');
SELECT * FROM segment.members_as_of('hi again', '2026-06-12 11:59');

-- Retention. For ever, unless told otherwise; not by everybody.
SHOW pg_segment.history_retention;
CREATE ROLE hi_user;
SET ROLE hi_user;
SET pg_segment.history_retention = '1d';
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP ROLE hi_user;
SET pg_segment.history_retention = '-1';
SET pg_segment.history_retention = 'long';
CALL segment.refresh();
SELECT count(*) FROM segment.history_begin;
-- More of it: many who come and go, one of many segments at once, and what is left of a dropped segment.
INSERT INTO events SELECT 'hi.n' || i, 'purchase', '2026-06-12 11:00' FROM generate_series(1, 50) i;
SELECT count(segment.create_segment('hi many ' || i, jsonb_build_object('event', 'gift', 'count', jsonb_build_object('min', i)))) FROM generate_series(1, 10) i;
INSERT INTO events SELECT 'hi.many', 'gift', '2026-06-12 11:00' FROM generate_series(1, 10);
SET pg_segment.clock = '2026-06-20 12:00:00+00';
CALL segment.refresh();
-- Who is in ten segments leaves them and enters nine again.
DELETE FROM events WHERE who = 'hi.many';
INSERT INTO events SELECT 'hi.many', 'gift', '2026-06-20 11:00' FROM generate_series(1, 9);
CREATE TABLE full_history AS TABLE segment.history;
CREATE TABLE full_members AS
  SELECT d.name, t.at, m AS subscriber FROM segment.definition d, generate_series(timestamptz '2026-06-13', '2026-06-20', interval '6 hours') t (at), segment.members_as_of(d.name, t.at) m;
SELECT count(*) AS stored, min(at), max(at) FROM segment.history;
SET pg_segment.history_retention = '7d';
CALL segment.refresh();
SELECT count(*) AS stored, min(at), max(at) FROM segment.history;
TABLE segment.history_begin;
-- What is left of before is who was in at that time, with the time of entry.
SELECT segment, subscriber, action, at FROM segment.transition WHERE at < '2026-06-13 12:00' AND subscriber NOT LIKE 'hi.n%' ORDER BY 1, 2;
SELECT count(*) FROM segment.history h WHERE cardinality(entered) + cardinality(departed) = 0;
SELECT count(*) FROM segment.history h WHERE at < '2026-06-13 12:00' AND NOT EXISTS (SELECT FROM segment.transition t WHERE t.subscriber = h.subscriber AND t.move = h.move);
-- What is retained says the same as before.
SELECT d.name, t.at, m FROM segment.definition d, generate_series(timestamptz '2026-06-13 12:00', '2026-06-20', interval '6 hours') t (at), segment.members_as_of(d.name, t.at) m
EXCEPT ALL SELECT * FROM full_members WHERE at >= '2026-06-13 12:00';
SELECT * FROM full_members WHERE at >= '2026-06-13 12:00'
EXCEPT ALL SELECT d.name, t.at, m FROM segment.definition d, generate_series(timestamptz '2026-06-13 12:00', '2026-06-20', interval '6 hours') t (at), segment.members_as_of(d.name, t.at) m;
SELECT * FROM full_history WHERE at >= '2026-06-13 12:00' EXCEPT ALL TABLE segment.history;
SELECT segment, subscriber, since FROM segment.member WHERE subscriber IN ('hi.1', 'hi.many') ORDER BY 1, 2;
SELECT * FROM segment.verify();
-- Earlier is refused; the time in a segment counts from there.
SELECT * FROM segment.members_as_of('hi all', '2026-06-13 11:59:59');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.time_in_segment('hi all', 'hi.1'), segment.time_in_segment('hi all', 'hi.1', '2026-06-13 12:00');
SELECT segment.time_in_segment('hi all', 'hi.1', '2026-06-01 12:00');
-- A segment created later is on record since then.
SELECT segment.create_segment('hi late', '{"event": "visit"}');
SELECT * FROM segment.members_as_of('hi late', '2026-06-20 11:59');
-- Nothing more goes before a thirtieth of the time has gone by.
SET pg_segment.clock = '2026-06-20 17:00:00+00';
CALL segment.refresh();
TABLE segment.history_begin;
SET pg_segment.clock = '2026-06-20 18:00:00+00';
CALL segment.refresh();
TABLE segment.history_begin;
-- Kept longer from now on: what is gone stays gone.
SET pg_segment.history_retention = '30d';
CALL segment.refresh();
TABLE segment.history_begin;
RESET pg_segment.history_retention;
SELECT * FROM segment.members_as_of('hi all', '2026-06-13 17:59:59');
SELECT * FROM segment.verify();

-- Which leaf made the difference: the first that alone did, else the first of those that changed; none of a definition, a
-- decision, or a first event that a segment does not read.
SELECT segment.create_segment('hi leaf', '{"any": [{"all": [{"event": "gift"}, {"event": "wish", "within": "2 days"}]}, {"none": [{"segment": "hi all"}]}]}'),
       segment.create_segment('hi leafless', '{"not": {"segment": "hi leaf"}}'), segment.create_segment('hi wish', '{"event": "wish", "within": "5 days"}');
INSERT INTO events VALUES ('hi.l1', 'gift', segment.now()), ('hi.l2', 'gift', segment.now()), ('hi.l2', 'wish', segment.now()), ('hi.l3', 'other', segment.now());
INSERT INTO events VALUES ('hi.l1', 'wish', segment.now());
SET pg_segment.clock = '2026-06-24 18:00:00+00';
INSERT INTO events VALUES ('hi.l2', 'wish', segment.now());
SELECT segment.add_member('hi leaf', 'hi.l3');
CALL segment.refresh();
\pset null -
SELECT subscriber, move, segment, action, at, cause, leaf FROM segment.transition WHERE subscriber LIKE 'hi.l_' ORDER BY subscriber, move, segment;
SELECT (SELECT array_agg(name) FROM segment.definition WHERE segment_id = ANY (h.entered)) AS entered,
       (SELECT array_agg(name) FROM segment.definition WHERE segment_id = ANY (h.departed)) AS departed, leaves
FROM segment.history h WHERE subscriber = 'hi.l2' AND departed <> '{}' ORDER BY move;
-- Retained as it was, where half of a row goes.
SET pg_segment.clock = '2026-06-28 18:00:00+00';
SET pg_segment.history_retention = '1d';
CALL segment.refresh();
SELECT subscriber, segment, action, at, leaf FROM segment.transition WHERE subscriber = 'hi.l2' ORDER BY at, segment;
\pset null ''
RESET pg_segment.history_retention;

-- Forgotten: the departure stays on record, and not whose; until it is older than what is retained.
SELECT segment.forget('hi.l2');
SELECT segment.forget('hi.l3');
SELECT count(*) FROM segment.history WHERE subscriber IN ('hi.l2', 'hi.l3');
SELECT segment, subscriber, move, action, at, cause, leaf FROM segment.transition WHERE subscriber IS NULL ORDER BY segment;
SELECT count(*) FILTER (WHERE s IS NULL) AS nameless, count(*) FILTER (WHERE s IN ('hi.l2', 'hi.l3')) AS forgotten, count(*) > 0 AS others FROM segment.members_as_of('hi all', segment.now()) s;
SELECT * FROM segment.verify();
SET pg_segment.clock = '2026-07-28 18:00:00+00';
SET pg_segment.history_retention = '7d';
CALL segment.refresh();
SELECT count(*) FROM segment.transition WHERE subscriber IS NULL;
SELECT * FROM segment.verify();
RESET pg_segment.history_retention;
-- A segment that reads something nobody kept so far has members from its creation on, and not from when they would have come in.
INSERT INTO events (who, what, at) VALUES ('hi.d1', 'trial', '2026-07-20');
SET pg_segment.clock = '2026-07-30 18:00:00+00';
SELECT segment.create_segment('hi tried', '{"event": "trial", "older_than": "9 days"}');
SELECT subscriber, action, at, cause FROM segment.transition WHERE segment = 'hi tried';
SELECT since FROM segment.members('hi tried');
SELECT segment.drop_segment('hi tried');
SELECT * FROM segment.verify();
-- Clean up.
SELECT segment.drop_segment('hi leafless'), segment.drop_segment('hi leaf');
SELECT count(segment.drop_segment(name)) FROM (SELECT name FROM segment.definition ORDER BY 1) d;
SELECT segment.detach_source('events') > 0 AS detached;
SET client_min_messages = warning;
DROP SCHEMA history CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
DELETE FROM segment.history_begin;
TRUNCATE segment.history;
