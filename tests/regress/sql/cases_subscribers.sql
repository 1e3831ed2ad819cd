-- Behaviour that other products of the field test, translated: what is about subscribers, time, changes and merges; see the ids.
-- The others are in cases, event_leaves, manual_members, and the domain tests. Each line says what is expected, where something else is.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA cs;
SET search_path = cs;
CREATE TABLE event (id serial PRIMARY KEY, who text, what text, at timestamptz, n numeric);
CREATE TABLE person (id text PRIMARY KEY, name text, age integer, country text, lists text[]);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'n');
SELECT segment.attach_profiles('person', 'id', tags => 'lists');
CREATE FUNCTION ago(days numeric) RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT segment.now() - days * interval '24 hours' $$;
CREATE FUNCTION did(who text, what text, VARIADIC days numeric[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO cs.event (who, what, at) SELECT did.who, did.what, cs.ago(day) FROM unnest(days) day
$$;
CREATE FUNCTION members(name text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce(string_agg(subscriber, ' ' ORDER BY subscriber COLLATE "C"), '-') FROM segment.member WHERE segment = name
$$;
CREATE FUNCTION said(id text, actual text, expected text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT id || CASE WHEN actual IS NOT DISTINCT FROM expected THEN ' agrees' ELSE ': ' || coalesce(actual, 'null') || ' instead of ' || expected END
$$;
-- The members of a segment that exists, or of one that has these criteria.
CREATE FUNCTION is(id text, segment text, expected text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT cs.said(id, cs.members(segment), expected) $$;
CREATE FUNCTION would(id text, criteria jsonb, expected text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  PERFORM segment.create_segment('cs', criteria);
  result := cs.is(id, 'cs', expected);
  PERFORM segment.drop_segment('cs');
  RETURN result;
END
$$;
CREATE FUNCTION code(id text, command text, expected text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE command;
  RETURN id || ' is accepted';
EXCEPTION WHEN OTHERS THEN
  RETURN cs.said(id, SQLSTATE, expected);
END
$$;
CREATE FUNCTION points(who text, score text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT features->>score FROM segment.profile p WHERE subscriber = who $$;
\pset tuples_only on
\pset format unaligned

-- Profiles and definitions.
INSERT INTO person VALUES ('u27', 'x', 42);
SELECT segment.create_segment('cs age', '{"traits": {"age": {"exists": true}}}') > 0;
SELECT is('U27 created', 'cs age', 'u27');
SELECT segment.drop_segment('cs age');
SELECT said('U27 dropped', count(*)::text, '0') FROM segment.membership WHERE subscriber = 'u27';
SELECT code('U38', $$SELECT segment.create_segment('cs none', NULL)$$, '22004');
SELECT would('U38, everybody', '{}', 'u27');
SELECT code('U39 operator', $$SELECT segment.create_segment('cs', '{"event": "a", "count": {"atleast": 2}}')$$, '22023');
SELECT code('U39 type', $$SELECT segment.create_segment('cs', '{"past_event": "a"}')$$, '22023');
TRUNCATE person;

-- Behind the back of the triggers: found by verify, and in after a rebuild.
SELECT segment.create_segment('cs 10 days', '{"event": "test", "within": "10 days"}');
SELECT did('u', 'other', 1);
SET session_replication_role = replica;
SELECT did('u', 'test', 3);
RESET session_replication_role;
SELECT is('U30 unseen', 'cs 10 days', '-'), said('U30 found', (count(*) > 0)::text, 'true') FROM segment.verify();
CALL segment.rebuild();
SELECT is('U30 rebuilt', 'cs 10 days', 'u');
SET session_replication_role = replica;
DELETE FROM event WHERE what = 'test';
SELECT did('u', 'test', 15);
RESET session_replication_role;
CALL segment.rebuild();
SELECT is('U31', 'cs 10 days', '-');
SELECT segment.drop_segment('cs 10 days');
TRUNCATE event;

-- Scores by events.
SELECT segment.create_score('cs_once', '{"terms": [{"when": {"event": "test", "within": "10 days"}, "points": 50}]}'),
       segment.create_score('cs_most_once', '{"terms": [{"when": {"event": "test", "count": {"max": 1}, "within": "10 days"}, "points": 50}]}'),
       segment.create_score('cs_2000', '{"terms": [{"when": {"event": "test", "count": {"between": [1, 2]}, "from": "2000-07-15", "until": "2001-01-15"}, "points": 50}]}');
SELECT did('u', 'test', 3);
SELECT said('U32', points('u', 'cs_once')::numeric::text, '50'), said('U34 one', points('u', 'cs_most_once')::numeric::text, '50');
SELECT did('u', 'test', 2);
SELECT said('U34 two', points('u', 'cs_most_once')::numeric::text, '0');
UPDATE event SET at = ago(15);
SELECT said('U33', points('u', 'cs_once')::numeric::text, '0');
INSERT INTO event (who, what, at) VALUES ('u', 'test', '2000-10-30 08:00+00'), ('u', 'test', '2000-10-30 09:00+00');
CALL segment.refresh();
SELECT said('U35', points('u', 'cs_2000')::numeric::text, '50');
INSERT INTO event (who, what, at) VALUES ('u', 'test', '2000-10-30 10:00+00');
SELECT said('U36', points('u', 'cs_2000')::numeric::text, '0');
SELECT would('U40', '{"event": "test", "from": "2000-11-01", "until": "2001-01-15"}', '-'), would('U40', '{"event": "other", "from": "2000-07-15", "until": "2001-01-15"}', '-');
SELECT segment.drop_feature('cs_once'), segment.drop_feature('cs_most_once'), segment.drop_feature('cs_2000');
TRUNCATE event;

-- Segments of segments, three deep, one level negated; what they depend on first; edits.
SELECT did('a', 'view', 2), did('b', 'view', 2), did('c', 'sign up', 2);
INSERT INTO person VALUES ('a', 'x'), ('b', 'y');
SELECT segment.create_segment('cs 1', '{"event": "view", "within": "7 days"}'),
       segment.create_segment('cs 2', '{"all": [{"segment": "cs 1"}, {"traits": {"name": {"equals": "x"}}}]}'),
       segment.create_segment('cs 3', '{"not": {"segment": "cs 2"}}');
SELECT is('P20', 'cs 2', 'a'), is('P22', 'cs 3', 'b c'), would('P22 expanded', '{"not": {"all": [{"event": "view", "within": "7 days"}, {"traits": {"name": {"equals": "x"}}}]}}', 'b c');
-- P37: a circle is refused.
CALL segment.alter_segment('cs 1', '{"segment": "cs 3"}');
SELECT is('P35', 'cs 1', 'a b');
CALL segment.alter_segment('cs 1', '{"event": "sign up", "within": "7 days"}');
SELECT is('P34', 'cs 1', 'c'), is('P36', 'cs 2', '-'), is('P36', 'cs 3', 'a b c');
SELECT segment.drop_segment(name) FROM unnest(ARRAY['cs 3', 'cs 2', 'cs 1']) name;
TRUNCATE event, person;

-- By the clock alone.
SELECT did('a', 'view', 6), did('b', 'view', 6, 5), did('b', 'new', 6), did('c', 'new', 6);
SELECT segment.create_segment('cs week', '{"event": "view", "within": "7 days"}'), segment.create_segment('cs most', '{"event": "view", "count": {"max": 1}, "within": "7 days"}'),
       segment.create_segment('cs quiet', '{"all": [{"event": "new"}, {"not": {"event": "view", "within": "7 days"}}]}');
SELECT is('P25 in', 'cs week', 'a b'), is('P32 out', 'cs most', 'a c'), is('P33 out', 'cs quiet', 'c');
\c
SET search_path = cs;
SET client_min_messages = warning;
SET timezone = 'UTC';
SET pg_segment.clock = '2026-06-02 13:00:00+00';
SELECT is('P25 due', 'cs week', 'b'), is('P32 due', 'cs most', 'a b c'), is('P33 due', 'cs quiet', 'c');
CALL segment.refresh();
SELECT is('P25 out', 'cs week', 'b'), is('P32 in', 'cs most', 'a b c');
SET pg_segment.clock = '2026-06-03 13:00:00+00';
CALL segment.refresh();
SELECT is('P33 in', 'cs quiet', 'b c');
SELECT said('P38', count(*)::text, '0') FROM segment.verify();
SELECT segment.drop_segment(name) FROM unnest(ARRAY['cs week', 'cs most', 'cs quiet']) name;
TRUNCATE event;

-- Seven days are 7 times 86,400 seconds, by the hour; calendar days are those of the time zone, of 23 hours too.
SET pg_segment.clock = '2026-03-05 18:30:00+00';
SELECT did('ny', 'view', 0);
SELECT segment.create_segment('cs exact', '{"event": "view", "within": "7 days"}', time_zone => 'America/New_York'),
       segment.create_segment('cs days', '{"event": "view", "from": "now-7d/d"}', time_zone => 'America/New_York');
SET pg_segment.clock = '2026-03-12 18:29:59+00';
SELECT is('P24 exact, in', 'cs exact', 'ny');
SET pg_segment.clock = '2026-03-12 18:30:00+00';
SELECT is('P24 exact, out', 'cs exact', '-');
SET pg_segment.clock = '2026-03-13 03:59:59+00';
SELECT is('P24 days, in', 'cs days', 'ny');
SET pg_segment.clock = '2026-03-13 04:00:00+00';
SELECT is('P24 days, out', 'cs days', '-');
SELECT segment.drop_segment('cs exact'), segment.drop_segment('cs days');
TRUNCATE event;

-- Merges. Counts by day add up.
SET pg_segment.clock = '2026-06-08 12:00:00+00';
INSERT INTO event (who, what, at) SELECT 'one', 'view', timestamptz '2026-06-01' + (day - 1) * interval '1 day' FROM unnest(ARRAY[2, 0, 1, 3, 0, 1, 5]) WITH ORDINALITY d (n, day), generate_series(1, n) ORDER BY day;
INSERT INTO event (who, what, at) SELECT 'two', 'view', timestamptz '2026-06-02' + (day - 1) * interval '1 day' FROM unnest(ARRAY[0, 1, 2, 0, 1, 0, 4]) WITH ORDINALITY d (n, day), generate_series(1, n) ORDER BY day;
INSERT INTO person VALUES ('one', 'old'), ('two', 'own');
SELECT did('half', 'buy', 0, 0), did('other half', 'buy', 0), did('B', 'sign up', 1), did('A', 'other', 1);
SELECT segment.create_segment('cs three', '{"event": "buy", "count": {"min": 3}}'), segment.create_segment('cs up', '{"event": "sign up"}'), segment.create_segment('cs own', '{"traits": {"name": {"equals": "own"}}}'),
       segment.create_segment('cs old', '{"traits": {"name": {"equals": "old"}}}');
SELECT is('P27 before', 'cs three', '-'), is('P28 before', 'cs up', 'B'), is('P29 before', 'cs old', 'one');
SELECT segment.merge_subscribers('{one,other half,B}', '{two,half,A}');
SELECT is('P27', 'cs three', 'half'), is('P28', 'cs up', 'A'), is('P29', 'cs own', 'two'), is('P29', 'cs old', '-');
SELECT would('P26', (SELECT jsonb_build_object('all', jsonb_agg(jsonb_build_object('event', 'view', 'on', date '2026-06-01' + day::integer, 'count', jsonb_build_object('equals', n))))
                     FROM unnest(ARRAY[0, 2, 5, 0, 2, 5, 4]) WITH ORDINALITY d (n, day)), 'two');
SELECT said('P38', count(*)::text, '0') FROM segment.verify();
SELECT segment.unmerge_subscribers('{one,other half,B}');
SELECT segment.drop_segment(name) FROM unnest(ARRAY['cs three', 'cs up', 'cs own', 'cs old']) name;
TRUNCATE event, person;
-- Delivered twice, under the same key.
INSERT INTO event VALUES (1, 'a', 'view', ago(1)) ON CONFLICT DO NOTHING;
INSERT INTO event VALUES (1, 'a', 'view', ago(1)) ON CONFLICT DO NOTHING;
SELECT would('P30', '{"event": "view", "count": {"equals": 1}}', 'a');
TRUNCATE event;

-- Of 54, two clicked, and twelve are in a segment.
INSERT INTO person SELECT 'm' || i, CASE WHEN i <= 12 THEN 'UK' END FROM generate_series(1, 54) i;
SELECT did('m1', 'click', 3), did('m2', 'click', 30);
SELECT segment.create_segment('cs uk', '{"traits": {"name": {"equals": "UK"}}}');
SELECT said('M10 clicked', members::text, '2') FROM segment.preview('{"event": "click"}');
SELECT said('M10 did not', members::text, '52') FROM segment.preview('{"not": {"event": "click"}}');
SELECT said('M12', members::text, '42') FROM segment.preview('{"not": {"segment": "cs uk"}}');
SELECT segment.drop_segment('cs uk');
TRUNCATE person, event;

-- Contacts, lists and opens.
INSERT INTO person (id, country, lists) VALUES ('c1', 'US', '{news}'), ('c2', 'US', '{news}'), ('c3', 'CA', '{}'), ('c4', 'CA', '{}');
SELECT did('c1', 'open', 1, 2, 3), did('c3', 'open', 1, 2);
CREATE FUNCTION node(word text) RETURNS jsonb LANGUAGE sql AS $$
  SELECT CASE word WHEN 'list' THEN '{"tags": {"has": "news"}}' WHEN 'opened' THEN '{"event": "open"}' ELSE jsonb_build_object('attribute', 'traits.country', 'equals', word) END
$$;
SELECT would('N12', jsonb_build_object('all', jsonb_build_array(node('US'), node('opened'))), 'c1'),
       would('N13', jsonb_build_object('any', jsonb_build_array(node('CA'), node('opened'))), 'c1 c3 c4'),
       would('N14', jsonb_build_object('all', jsonb_build_array(node('list'), node('opened'))), 'c1'),
       would('N15', jsonb_build_object('any', jsonb_build_array(node('list'), node('opened'))), 'c1 c2 c3'),
       would('N16', jsonb_build_object('all', jsonb_build_array(jsonb_build_object('not', node('list')), node('opened'))), 'c3'),
       would('N17', jsonb_build_object('all', jsonb_build_array(node('US'), node('list'), node('opened'))), 'c1'),
       would('N18', jsonb_build_object('all', jsonb_build_array(jsonb_build_object('any', jsonb_build_array(node('US'), node('CA'))), '{"event": "open", "count": {"min": 3}}'::jsonb)), 'c1');
-- Only what depends on time is ever due, and at once from when it does; what the engine writes makes nobody due again.
SELECT segment.create_segment('cs opened', '{"event": "open"}');
SELECT said('N24', count(*)::text, '0') FROM segment.due WHERE due_at < 'infinity';
CALL segment.alter_segment('cs opened', '{"event": "open", "within": "2 days"}');
SELECT said('N25', count(*)::text, '2') FROM segment.due WHERE due_at < 'infinity';
SET pg_segment.clock = '2026-06-20 12:00:00+00';
CALL segment.refresh();
SELECT is('N26', 'cs opened', '-'), said('N26', (SELECT count(*) FROM segment.due WHERE due_at <= segment.now())::text || (SELECT count(*) FROM segment.queue), '00');
SELECT segment.drop_segment('cs opened');
TRUNCATE event, person;

-- What only we test.
SET pg_segment.clock = '2026-07-01 12:00:00+00';
SELECT segment.create_segment('cs week', '{"event": "view", "within": "7 days"}'), segment.create_segment('cs order', '{"sequence": [{"event": "view"}, {"event": "buy"}], "within": "7 days"}');
BEGIN;
SELECT did('a', 'view', 1), did('b', 'view', 1);
SELECT segment.flush();
SAVEPOINT s;
UPDATE event SET at = ago(9) WHERE who = 'a';
SELECT segment.flush();
SELECT is('H1 updated', 'cs week', 'b');
DELETE FROM event WHERE who = 'b';
SELECT segment.flush();
SELECT is('H1 deleted', 'cs week', '-');
ROLLBACK TO s;
SELECT is('H4 savepoint', 'cs week', 'a b');
ROLLBACK;
SELECT is('H4', 'cs week', '-'), said('H4', count(*)::text, '0') FROM segment.transition WHERE segment = 'cs week';
SELECT did('a', 'view', -2);
SELECT is('H2 not yet', 'cs week', '-');
SELECT did('b', 'buy', 1), did('c', 'buy', 1);
SELECT did('b', 'view', 2), did('c', 'view', 0.5);
SELECT is('H3', 'cs order', 'b');
SET client_min_messages = notice;
SET pg_segment.clock = '2026-07-03 11:59:00+00';
CALL segment.refresh();
SET pg_segment.clock = '2026-07-03 12:00:00+00';
CALL segment.refresh();
SET client_min_messages = warning;
SELECT is('H2, H7', 'cs week', 'a b c');
SELECT said('H10', count(*)::text, '0') FROM segment.verify();
SELECT segment.drop_segment('cs week'), segment.drop_segment('cs order');
SELECT segment.detach_source('event') >= 0, segment.detach_profiles('person') >= 0;
DROP SCHEMA cs CASCADE;
