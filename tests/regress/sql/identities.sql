-- Ids that turn out to be one person's: merged, unmerged, forgotten.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA identities;
SET search_path = identities;
CREATE TABLE visits (visitor text, at timestamptz, page text);
CREATE TABLE orders (buyer integer, at timestamptz, total numeric);
CREATE TABLE customers (id text PRIMARY KEY, country text);
CREATE INDEX ON visits (visitor, at);
SELECT segment.attach_source('visits', subscriber => 'visitor', occurred_at => 'at', constant_type => 'visit');
SELECT segment.attach_source('orders', subscriber => 'buyer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SELECT segment.attach_profiles('customers', subscriber => 'id');
SELECT segment.create_segment('id three', '{"event": "visit", "count": {"min": 3}}');
SELECT segment.create_segment('id lately', '{"event": "visit", "within": "7 days"}');
SELECT segment.create_segment('id buyers', '{"event": "purchase"}');
SELECT segment.create_segment('id north', '{"traits": {"country": {"equals": "NO"}}}');
-- Two visits as c1, one as 42: as one person, three.
INSERT INTO visits VALUES ('c1', '2026-05-30', 'a'), ('c1', '2026-05-31', 'b'), ('42', '2026-05-20', 'c'), ('c2', '2026-05-29', 'd'), ('other', '2026-05-01', 'e');
INSERT INTO orders VALUES (42, '2026-05-21', 30);
INSERT INTO customers VALUES ('42', 'NO'), ('c1', 'SE');
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT segment.merge_subscribers('{c1}', '{42}');
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT subscriber, traits, total_events_30d, lifetime_value, last_event_at FROM segment.profile ORDER BY 1;
SELECT segment, subscriber, action, cause FROM segment.transition WHERE subscriber IN ('c1', '42') ORDER BY subscriber, move, segment;
SELECT * FROM segment.identity;
SELECT * FROM segment.verify();
-- Whatever is written under the id counts for the person: at once, changed, deleted, in the queue, by name, and from the person's view.
INSERT INTO visits VALUES ('c1', '2026-06-01', 'f');
SELECT total_events_30d FROM segment.profile WHERE subscriber = '42';
UPDATE visits SET visitor = 'c1' WHERE visitor = 'c2';
DELETE FROM visits WHERE page = 'a';
SET pg_segment.flush = queued;
INSERT INTO visits VALUES ('c1', '2026-06-01', 'g');
RESET pg_segment.flush;
SELECT subscriber FROM segment.queue;
CALL segment.refresh();
SELECT total_events_30d, lifetime_value FROM segment.profile WHERE subscriber = '42';
SELECT * FROM segment.verify();
SELECT occurred_at, event_type, source FROM segment.journey('42');
SELECT count(*) FROM segment.journey('c1');
SELECT path, actual, holds FROM segment.explain('c1', 'id three');
SELECT segment.add_member('id buyers', 'c1'), segment.release_member('id buyers', '42');
UPDATE customers SET country = 'DK' WHERE id = 'c1';
DELETE FROM customers WHERE id = '42';
SELECT traits FROM segment.profile WHERE subscriber = '42';
INSERT INTO customers VALUES ('42', 'NO');
CALL segment.rebuild();
SELECT subscriber, total_events_30d FROM segment.profile_at('2026-05-30 12:00+00') ORDER BY 1;
SELECT members FROM segment.preview('{"event": "visit", "count": {"min": 4}}');
SELECT * FROM segment.verify();
-- A new segment, and a source that is attached, count the same way.
SELECT segment.create_segment('id pages', '{"event": "visit", "where": {}, "count": {"min": 4}, "within": "300 days"}');
CREATE TABLE mails (rcpt varchar, at timestamptz);
INSERT INTO mails VALUES ('c1', '2026-05-30'), ('42', '2026-05-31');
SELECT segment.attach_source('mails', subscriber => 'rcpt', occurred_at => 'at', constant_type => 'email_open');
SELECT total_events_30d FROM segment.profile WHERE subscriber = '42';
SELECT segment.detach_source('mails');
SELECT total_events_30d FROM segment.profile WHERE subscriber = '42';
SELECT * FROM segment.verify();
-- Chains, and several at once.
INSERT INTO visits VALUES ('x', '2026-06-01', 'h'), ('y', '2026-06-01', 'i');
SELECT segment.merge_subscribers('{x,y,42}', '{y,z,z}');
SELECT subscriber, merged_into FROM segment.identity ORDER BY 1;
SELECT subscriber, total_events_30d FROM segment.profile ORDER BY 1;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
INSERT INTO visits VALUES ('c1', '2026-06-01', 'j'), ('x', '2026-06-01', 'k');
SELECT * FROM segment.verify();
-- Decisions by hand go along where there is none.
SELECT segment.exclude_member('id lately', 'hand'), segment.add_member('id north', 'hand'), segment.add_member('id lately', 'other');
SELECT segment.merge_subscribers('{hand}', '{other}');
SELECT * FROM segment.manual_member ORDER BY 1;
SELECT segment, subscriber FROM segment.member WHERE subscriber IN ('hand', 'other') ORDER BY 1, 2;
SELECT segment.release_member('id lately', 'other'), segment.release_member('id north', 'other');
-- Unmerged: each has what is its own, with those that were merged into it.
SELECT segment.unmerge_subscribers('{42,hand}');
SELECT subscriber, total_events_30d, traits FROM segment.profile ORDER BY 1;
SELECT subscriber, merged_into FROM segment.identity ORDER BY 1;
SELECT * FROM segment.verify();
SELECT segment.unmerge_subscribers('{c1}');
SELECT subscriber, total_events_30d, traits FROM segment.profile ORDER BY 1;
SELECT * FROM segment.verify();
-- In a transaction with writes, and rolled back to a savepoint.
BEGIN;
INSERT INTO visits VALUES ('c1', '2026-06-01', 'l');
SELECT segment.merge_subscribers('{c1}', '{42}');
INSERT INTO visits VALUES ('c1', '2026-06-01', 'm');
SAVEPOINT s;
SELECT segment.merge_subscribers('{42}', '{other}');
INSERT INTO visits VALUES ('c1', '2026-06-01', 'n');
ROLLBACK TO s;
INSERT INTO visits VALUES ('c1', '2026-06-01', 'o');
COMMIT;
SELECT subscriber, total_events_30d FROM segment.profile ORDER BY 1;
SELECT * FROM segment.verify();
-- While the statement's own rows are there and not captured yet.
WITH late AS (INSERT INTO visits VALUES ('42', '2026-06-01', 'p') RETURNING visitor)
SELECT segment.merge_subscribers(array_agg(visitor), '{other}') FROM late;
SELECT subscriber, total_events_30d FROM segment.profile ORDER BY 1;
SELECT * FROM segment.verify();
-- Forgotten as one: all ids, and that they were one.
SELECT segment.forget('c1');
SELECT subscriber FROM segment.profile ORDER BY 1;
SELECT subscriber FROM segment.identity ORDER BY 1;
SELECT count(*) FROM visits WHERE visitor IN ('c1', '42', 'other');
SELECT count(*) FROM orders;
SELECT count(*) FROM segment.state WHERE subscriber IN ('c1', '42', 'other');
SELECT count(*) FROM segment.history WHERE subscriber IN ('c1', '42', 'other');
SELECT * FROM segment.verify();
INSERT INTO visits VALUES ('c1', '2026-06-01', 'q');
SELECT subscriber, total_events_30d FROM segment.profile ORDER BY 1;
-- What a direct write leaves: a circle is nobody's, and a row of one's own is refused.
INSERT INTO segment.identity VALUES ('p', 'q', segment.now()), ('q', 'p', segment.now());
INSERT INTO visits VALUES ('p', '2026-06-01', 'r');
SELECT subscriber, total_events_30d FROM segment.profile WHERE subscriber = 'p';
SELECT * FROM segment.verify();
DELETE FROM segment.identity WHERE subscriber = 'p';
INSERT INTO segment.identity VALUES ('p', 'p', segment.now());
-- Refused.
SELECT segment.merge_subscribers('{a,b}', '{c}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.merge_subscribers(NULL, '{c}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.merge_subscribers('{c,NULL}', '{c,d}');
SELECT segment.merge_subscribers('{a}', '{a}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.merge_subscribers('{a,b,c}', '{b,c,a}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.merge_subscribers('{x}', '{elsewhere}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.merge_subscribers(ARRAY[repeat('x', 1025)], '{a}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.merge_subscribers('{x}', '{y}') AS merged_already, segment.merge_subscribers('{}', '{}') AS nobody;
SELECT segment.unmerge_subscribers('{x,nobody}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.unmerge_subscribers(NULL);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT segment.merge_subscribers('{a}', '{b}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT count(*) FROM segment.identity;
-- Nobody but those with a grant.
CREATE ROLE id_other;
SET ROLE id_other;
SELECT segment.merge_subscribers('{a}', '{b}');
SELECT * FROM segment.identity;
RESET ROLE;
GRANT USAGE ON SCHEMA segment TO id_other;
GRANT EXECUTE ON FUNCTION segment.merge_subscribers TO id_other;
SET ROLE id_other;
SELECT segment.merge_subscribers('{c2}', '{x}');
RESET ROLE;
DROP OWNED BY id_other;
DROP ROLE id_other;
SELECT * FROM segment.verify();
-- Clean up.
SET client_min_messages = warning;
SELECT count(segment.drop_segment(name)) FROM segment.definition WHERE name ^@ 'id ';
SELECT segment.detach_profiles('customers') >= 0 AS detached;
SELECT count(segment.detach_source(relation)) FROM segment.source WHERE relation::text ~ 'visits|orders';
DELETE FROM segment.identity;
DROP SCHEMA identities CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
