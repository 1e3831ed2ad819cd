-- attach_profiles: what is known of subscribers beside their events.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA people;
SET search_path = people;
CREATE TYPE plan AS ENUM ('free', 'pro');
CREATE TABLE customer (id bigint PRIMARY KEY, mail text, country text, plan plan, age smallint, joined timestamptz, born date, more jsonb, likes jsonb, labels text[], secret bytea);
INSERT INTO customer VALUES
  (1, 'ada@example.org', 'NO', 'pro', 36, '2026-05-25 12:00+00', '1990-06-02', '{"company": {"name": "Acme", "staff": 20}}', '{"topic": "news"}', '{vip,beta}', '\x01'),
  (2, 'bob@example.com', 'SE', 'free', 20, '2026-01-01', '2000-02-29', '[1]', NULL, NULL, NULL),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}', NULL);
-- Without a list of traits, all other columns of a fitting type are traits.
SELECT segment.attach_profiles('customer', 'id', email => 'mail', properties => 'more', preferences => 'likes', tags => 'labels');
SELECT relation, subscriber, email, traits, properties, preferences, tags FROM segment.profile_source;
SELECT subscriber, email, traits, preferences, tags, total_events_7d, days_since_last FROM segment.profile ORDER BY subscriber;
-- Traits in criteria: everybody with a profile is a subscriber, with events or without.
SELECT segment.create_segment('pp nordic', '{"traits.country": {"in": ["NO", "SE"]}}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('pp nordic', '{"attribute": "traits.country", "in": ["NO", "SE"]}');
SELECT segment.create_segment('pp adults', '{"demographics": {"age": {"min": 30}}}');
SELECT segment.create_segment('pp not pro', '{"not": {"attribute": "traits.plan", "equals": "pro"}}');
SELECT segment.create_segment('pp unknown country', '{"traits": {"country": {"exists": false}}}');
SELECT segment.create_segment('pp large', '{"traits": {"company": {"staff": {"min": 10}}}}');
SELECT segment.create_segment('pp vip', '{"all": [{"tags": {"has": "vip"}}, {"email": {"ends_with": "@EXAMPLE.org", "ignore_case": true}}, {"preferences": {"topic": {"equals": "news"}}}]}');
SELECT segment.create_segment('pp new', '{"traits": {"joined": {"within": "7 days"}}}');
SELECT segment.create_segment('pp birthday', '{"traits": {"born": {"on": "anniversary"}}}');
SELECT segment.create_segment('pp quiet', '{"event": "purchase", "count": {"max": 0}}');
SELECT segment, subscriber, since FROM segment.member ORDER BY 1, 2;
SELECT * FROM segment.verify();
-- Every write of the table counts at once, by whatever statement; a changed id is another subscriber.
UPDATE customer SET country = 'FI', age = 29 WHERE id = 1;
INSERT INTO customer (id, country, joined) VALUES (4, 'NO', '2026-06-01 12:00+00') ON CONFLICT (id) DO NOTHING;
DELETE FROM customer WHERE id = 3;
UPDATE customer SET id = 22 WHERE id = 2;
SELECT segment, subscriber FROM segment.member WHERE segment IN ('pp nordic', 'pp adults', 'pp unknown country') ORDER BY 1, 2;
SELECT segment, subscriber, action, cause FROM segment.transition WHERE at > '2026-06-01' AND segment IN ('pp nordic', 'pp adults') ORDER BY subscriber, move, segment;
-- Whoever is gone is no subscriber any more.
SELECT subscriber FROM segment.profile ORDER BY 1;
SELECT * FROM segment.verify();
-- In a transaction that is rolled back in part, and read before its end.
BEGIN;
UPDATE customer SET country = 'NO' WHERE id = 1;
SAVEPOINT a;
UPDATE customer SET country = 'DE' WHERE id IN (1, 4);
ROLLBACK TO a;
SELECT segment.flush();
SELECT subscriber FROM segment.member WHERE segment = 'pp nordic' ORDER BY 1;
COMMIT;
SELECT * FROM segment.verify();
-- Events and profile come together.
INSERT INTO segment.event (subscriber, event_type, occurred_at) VALUES ('1', 'purchase', '2026-06-01 11:00'), ('5', 'purchase', '2026-06-01 11:00');
SELECT subscriber FROM segment.member WHERE segment = 'pp quiet' ORDER BY 1;
SELECT path, condition, actual, threshold, holds, changes_at FROM segment.explain('1', 'pp vip');
SELECT path, actual, threshold, holds, changes_at FROM segment.explain('1', 'pp new');
SELECT path, actual, threshold, holds, changes_at FROM segment.explain('1', 'pp birthday');
-- Time alone: a week after joining, and on the birthday; the views first, then refresh.
SET pg_segment.clock = '2026-06-02 00:00:00+00';
SELECT segment, subscriber, since FROM segment.member WHERE segment IN ('pp new', 'pp birthday') ORDER BY 1, 2;
CALL segment.refresh();
SELECT segment, subscriber, action, at, cause FROM segment.transition WHERE at > '2026-06-01 12:00' ORDER BY at, segment, subscriber;
SET pg_segment.clock = '2026-06-03 00:00:00+00';
SELECT segment, subscriber FROM segment.member WHERE segment IN ('pp new', 'pp birthday') ORDER BY 1, 2;
SELECT * FROM segment.verify();
-- How long a value has been the same: from when the profile was first seen, or the value last changed.
SELECT segment.create_segment('pp settled', '{"attribute": "traits.country", "in": ["NO", "FI"], "held_for": "3 days"}');
SELECT path, actual, threshold, holds, changes_at FROM segment.explain('4', 'pp settled') WHERE threshold IS NOT NULL;
SELECT path, actual, threshold, holds, changes_at FROM segment.explain('1', 'pp settled') WHERE threshold IS NOT NULL;
UPDATE customer SET country = 'FI' WHERE id = 4;
SELECT path, actual, holds, changes_at FROM segment.explain('4', 'pp settled') WHERE threshold IS NOT NULL;
-- Another value, or the same one again, changes nothing about it.
UPDATE customer SET age = 50, country = 'FI' WHERE id = 4;
SET pg_segment.clock = '2026-06-04 12:00:00+00';
SELECT subscriber, since FROM segment.member WHERE segment = 'pp settled' ORDER BY 1;
SET pg_segment.clock = '2026-06-06 00:00:00+00';
SELECT subscriber, since FROM segment.member WHERE segment = 'pp settled' ORDER BY 1;
SELECT * FROM segment.verify();
-- A preview reads profiles, too, with streams that no state has and without.
SELECT members, share FROM segment.preview('{"traits": {"country": {"equals": "FI"}}}');
SELECT members, share FROM segment.preview('{"all": [{"traits": {"country": {"exists": true}}}, {"event": "purchase", "count": {"max": 0}, "within": "77 days"}]}');
SELECT * FROM segment.diff('pp nordic', '{"traits": {"country": {"equals": "FI"}}}') ORDER BY 1, 2;
-- Queued: applied by refresh.
SET pg_segment.flush = queued;
UPDATE customer SET country = 'SE' WHERE id = 4;
SELECT subscriber FROM segment.member WHERE segment = 'pp nordic' ORDER BY 1;
RESET pg_segment.flush;
CALL segment.refresh();
SELECT subscriber FROM segment.member WHERE segment = 'pp nordic' ORDER BY 1;
-- Hostile values: what PostgreSQL stores never fails the writer.
UPDATE customer SET mail = repeat('x', 2000000), more = '{"": "", "a": 1e400, "n": {"n": {"n": [[[]]]}}}' WHERE id = 1;
UPDATE customer SET joined = 'infinity', born = '-infinity', labels = ARRAY[NULL, ''] WHERE id = 4;
SELECT subscriber, length(email), traits, tags FROM segment.profile WHERE subscriber IN ('1', '4') ORDER BY 1;
INSERT INTO customer (id, country) VALUES (9, repeat('y', 100));
SELECT relation, reason FROM segment.set_aside WHERE relation = 'customer'::regclass ORDER BY place;
DELETE FROM customer WHERE id = 9;
SELECT * FROM segment.verify();
-- What was missed is found, and made up for.
ALTER TABLE customer DISABLE TRIGGER ALL;
UPDATE customer SET country = 'NO', mail = 'ada@example.org' WHERE id = 1;
INSERT INTO customer (id, country) VALUES (6, 'NO');
ALTER TABLE customer ENABLE TRIGGER ALL;
SELECT subscriber, finding, stored, expected FROM segment.verify() ORDER BY 1, 2, 3;
CALL segment.rebuild();
SELECT * FROM segment.verify();
SELECT subscriber FROM segment.member WHERE segment = 'pp nordic' ORDER BY 1;
-- The ready-made table: keys given replace those there, a null removes one. Its values win over those of the other.
SELECT segment.upsert_profile('6', 'six@example.org', '{"country": "SE", "city": "Lund"}', tags => '{new}');
SELECT segment.upsert_profile('6', traits => '{"city": null, "zip": 22100}');
SELECT segment.upsert_profile('only here', traits => '{"country": "NO"}');
SELECT subscriber, email, traits, tags FROM segment.profile WHERE subscriber IN ('6', 'only here') ORDER BY 1;
SELECT subscriber FROM segment.member WHERE segment = 'pp nordic' ORDER BY 1;
SELECT * FROM segment.verify();
SELECT segment.upsert_profile('6', traits => '[1]');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.upsert_profile(NULL);
\echo :LAST_ERROR_SQLSTATE
-- TRUNCATE: everybody's profile is gone, their events are not.
TRUNCATE customer;
SELECT subscriber, traits FROM segment.profile ORDER BY 1;
SELECT * FROM segment.verify();
-- forget() takes the profile, too.
SELECT segment.forget('only here');
SELECT subscriber FROM segment.profile ORDER BY 1;
SELECT count(*) FROM segment.profile_input;
-- Refused.
CREATE TABLE twice (id integer, name text);
SELECT segment.attach_profiles('twice', 'id');
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE odd (id integer PRIMARY KEY, data bytea, name json);
SELECT segment.attach_profiles('odd', 'id', traits => '{data}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_profiles('odd', 'id', properties => 'name');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_profiles('odd', 'idd');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_profiles('customer', 'id');
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE parted (id integer PRIMARY KEY) PARTITION BY LIST (id);
SELECT segment.attach_profiles('parted', 'id');
\echo :LAST_ERROR_SQLSTATE
CREATE VIEW seen AS SELECT * FROM customer;
SELECT segment.attach_profiles('seen', 'id');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.detach_profiles('odd');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('pp wrong', '{"country": {"equals": "NO"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('pp wrong', '{"attribute": "engagement_score", "min": 0.1, "held_for": "1 day"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.matches('{"a": 1}', '{"a": {"equals": 1, "held_for": "1 day"}}');
\echo :LAST_ERROR_SQLSTATE
-- Only an owner attaches a table.
CREATE ROLE people_other;
GRANT USAGE ON SCHEMA people TO people_other;
GRANT EXECUTE ON FUNCTION segment.attach_profiles(regclass, name, name, text[], name, name, name) TO people_other;
SET ROLE people_other;
SELECT segment.attach_profiles('people.twice', 'id');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
-- A column that is gone: writers go on, and are told.
INSERT INTO customer (id, country) VALUES (7, 'NO');
DROP VIEW seen;
ALTER TABLE customer DROP COLUMN age;
UPDATE customer SET country = 'DE' WHERE id = 7;
SELECT subscriber, finding, stored FROM segment.verify() ORDER BY 1, 2;
-- Detached, what was known from it is forgotten.
SELECT segment.detach_profiles('customer');
SELECT subscriber, traits FROM segment.profile ORDER BY 1;
SELECT * FROM segment.verify();
-- A column may have any name, and a session any settings: values are the same, and so is since when they are.
CREATE TABLE named (id text PRIMARY KEY, r text, country text, seen timestamptz, share float8, note text);
INSERT INTO named VALUES ('n', 'x', 'NO', '2026-06-01 12:00+00', 0.1::float8 + 0.2::float8, '');
SELECT segment.attach_profiles('named', 'id');
SET timezone = 'Asia/Tokyo';
SET extra_float_digits = -5;
SET pg_segment.clock = '2026-06-10 00:00:00+00';
UPDATE named SET note = 'touched';
RESET extra_float_digits;
SET timezone = 'UTC';
SELECT subscriber, traits FROM segment.profile WHERE subscriber = 'n';
SELECT * FROM segment.verify();
-- What is missing in a later table is as it is in an earlier one.
CREATE TABLE first_known (id text PRIMARY KEY, country text, likes jsonb, mail text);
CREATE TABLE then_known (id text PRIMARY KEY, city text, country text, likes jsonb, mail text);
INSERT INTO first_known VALUES ('m', 'NO', '{"topic": "news"}', 'm@example.org');
INSERT INTO then_known VALUES ('m', 'Oslo', NULL, NULL, NULL);
SELECT segment.attach_profiles('first_known', 'id', email => 'mail', preferences => 'likes');
SELECT segment.attach_profiles('then_known', 'id', email => 'mail', preferences => 'likes');
SELECT email, traits, preferences FROM segment.profile WHERE subscriber = 'm';
UPDATE then_known SET country = 'SE', likes = '{"topic": null, "pace": "slow"}';
SELECT email, traits, preferences FROM segment.profile WHERE subscriber = 'm';
SELECT * FROM segment.verify();
-- What says nothing of tags leaves those that another table has.
CREATE TABLE labelled (id text PRIMARY KEY, labels text[], plan plan);
INSERT INTO labelled VALUES ('t', '{vip}', 'pro');
SELECT segment.attach_profiles('labelled', 'id', tags => 'labels');
SELECT segment.upsert_profile('t', traits => '{"x": 1}');
SELECT traits, tags FROM segment.profile WHERE subscriber = 't';
-- Values too large to be put together, and a cast that fails, are nothing to the writer.
CREATE FUNCTION no_json(plan) RETURNS json LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
CREATE CAST (plan AS json) WITH FUNCTION no_json(plan);
UPDATE labelled SET plan = 'free';
UPDATE then_known SET mail = repeat('x', 270000000);
SELECT email, traits, preferences FROM segment.profile WHERE subscriber = 'm';
SELECT * FROM segment.verify();
-- Parts that would not be seen are refused.
CREATE TABLE child () INHERITS (labelled);
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE whole (id text NOT NULL, labels text[], plan plan) PARTITION BY LIST (id);
ALTER TABLE whole ATTACH PARTITION labelled DEFAULT;
\echo :LAST_ERROR_SQLSTATE
SELECT segment.detach_profiles('labelled'), segment.detach_profiles('named'), segment.detach_profiles('first_known'), segment.detach_profiles('then_known');
-- forget() deletes whom it names, and nobody whose id is merely equal for the column's type or collation.
CREATE COLLATION either_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE numbered (id integer PRIMARY KEY);
CREATE TABLE cased (id text COLLATE either_case PRIMARY KEY);
CREATE TABLE visited (id integer, at timestamptz);
INSERT INTO numbered VALUES (7);
INSERT INTO cased VALUES ('Ann');
INSERT INTO visited VALUES (7, '2026-06-01');
SELECT segment.attach_profiles('numbered', 'id'), segment.attach_profiles('cased', 'id'),
       segment.attach_source('visited', 'id', 'at', constant_type => 'visit');
SELECT segment.forget('007'), segment.forget('+7'), segment.forget('ann');
SELECT (SELECT count(*) FROM numbered), (SELECT count(*) FROM cased), (SELECT count(*) FROM visited);
SELECT segment.forget('7'), segment.forget('Ann');
SELECT (SELECT count(*) FROM numbered), (SELECT count(*) FROM cased), (SELECT count(*) FROM visited);
SELECT * FROM segment.verify();
SELECT segment.detach_profiles('numbered'), segment.detach_profiles('cased'), segment.detach_source('visited');
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition WHERE name LIKE 'pp %';
SELECT segment.detach_profiles('segment.profile_input');
DROP TABLE segment.profile_input;
TRUNCATE segment.event;
DELETE FROM segment.state;
DELETE FROM segment.due;
DROP OWNED BY people_other;
DROP ROLE people_other;
SET client_min_messages = warning;
DROP SCHEMA people CASCADE;
