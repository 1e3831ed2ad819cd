-- Profiles as columns: those of now, views with created features and traits, and those of an instant in the past.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA pv;
SET search_path = pv;
CREATE TABLE event (who text, what text, at timestamptz, worth numeric, details jsonb);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'details');
CREATE TABLE person (id text PRIMARY KEY, mail text, country text, age integer, tags text[]);
SELECT segment.attach_profiles('person', subscriber => 'id', email => 'mail', tags => 'tags');
INSERT INTO event SELECT 'pv.' || n % 7, (ARRAY['purchase', 'open', 'click', 'page_view'])[1 + n % 4], timestamptz '2026-06-01 12:00:00+00' - n * interval '31 hours', n, jsonb_build_object('category', CASE n % 3 WHEN 0 THEN 'shoes' ELSE 'hats' END) FROM generate_series(0, 60) n;
INSERT INTO person VALUES ('pv.1', 'one@example.com', 'NO', 30, '{vip}'), ('pv.9', NULL, 'SE', NULL, NULL);
SELECT segment.create_segment('pv buyers', '{"event": "purchase", "within": "30 days"}'), segment.create_segment('pv norway', '{"traits": {"country": {"equals": "NO"}}}');

-- What nobody asks for is not computed.
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT subscriber, lifetime_value FROM segment.profile WHERE subscriber = 'pv.1';
RESET enable_seqscan;
SELECT subscriber, email, traits, preferences, tags, segments, tier, tiers, features, lifetime_value, total_events_30d, last_event_at, due_at FROM segment.profile WHERE subscriber LIKE 'pv.%' ORDER BY 1;
-- A ready feature is there as soon as something has its streams kept, and those from the beginning whose streams always are.
SELECT purchase_frequency, recency FROM segment.profile WHERE subscriber = 'pv.1';
SELECT segment.create_feature('recency'), segment.create_feature('shoes', '{"event": "purchase", "where": {"category": {"equals": "shoes"}}}');
SELECT subscriber, recency, features FROM segment.profile WHERE subscriber LIKE 'pv.%' ORDER BY 1;

-- A view of one's own has created features and traits as columns.
SELECT segment.create_profile_view('pv.customers', ARRAY['subscriber', 'traits.country', 'shoes', 'engagement_score']);
SELECT segment.create_profile_view('"All"');
\d customers
SELECT * FROM customers WHERE subscriber LIKE 'pv.%' ORDER BY 1;
SELECT count(*), count(shoes) FROM "All" WHERE subscriber LIKE 'pv.%';
SELECT segment.drop_feature('shoes');
SELECT segment.drop_feature('recency');
SELECT segment.create_profile_view('other', ARRAY['subscriber', 'engagment_score']);
SELECT segment.create_profile_view('other', ARRAY['subscriber', 'no such']);
SELECT segment.create_profile_view('other', ARRAY['email', 'email']);
SELECT segment.create_profile_view('other', ARRAY[]::text[]);
SELECT segment.create_profile_view('customers');
SELECT segment.create_profile_view('a.b.c.d');
SELECT segment.create_profile_view(NULL);
-- Whoever may read what lies below may read it.
CREATE ROLE pv_reader;
GRANT USAGE ON SCHEMA pv TO pv_reader;
GRANT SELECT ON customers TO pv_reader;
SET ROLE pv_reader;
SELECT * FROM customers;
SELECT segment.profile_at('2026-05-01');
RESET ROLE;

-- As of now, what is computed from the events is what is kept.
CREATE VIEW difference AS
SELECT 'kept' AS side, to_jsonb(k) - '{due_at,evaluated_at}'::text[] AS profile FROM segment.profile k
EXCEPT ALL SELECT 'kept', to_jsonb(a) - '{due_at,evaluated_at}'::text[] FROM segment.profile_at(segment.now()) a
UNION ALL (SELECT 'as of', to_jsonb(a) - '{due_at,evaluated_at}'::text[] FROM segment.profile_at(segment.now()) a
EXCEPT ALL SELECT 'as of', to_jsonb(k) - '{due_at,evaluated_at}'::text[] FROM segment.profile k);
SELECT * FROM difference;
-- What happens later changes nothing about then; what comes late does, and so do traits, which are those of now.
CREATE TABLE june AS SELECT * FROM segment.profile;
SET pg_segment.clock = '2026-06-20 12:00:00+00';
INSERT INTO event VALUES ('pv.1', 'purchase', '2026-06-10', 500, NULL), ('pv.2', 'open', '2026-06-19', NULL, NULL), ('pv.new', 'open', '2026-06-05', NULL, NULL);
SELECT * FROM difference;
CREATE VIEW since_june AS
SELECT coalesce(a.subscriber, j.subscriber) AS subscriber, key, j.value AS was, a.value AS is
FROM (SELECT subscriber, e.* FROM june j, jsonb_each(to_jsonb(j) - '{due_at,evaluated_at}'::text[]) e) j
FULL JOIN (SELECT subscriber, e.* FROM segment.profile_at('2026-06-01 12:00:00+00') j, jsonb_each(to_jsonb(j) - '{due_at,evaluated_at}'::text[]) e) a USING (subscriber, key)
WHERE j.value IS DISTINCT FROM a.value;
SELECT * FROM since_june;
INSERT INTO event VALUES ('pv.6', 'purchase', '2026-05-31', 1000, NULL);
UPDATE person SET country = 'DK' WHERE id = 'pv.1';
SELECT * FROM since_june WHERE key IN ('lifetime_value', 'segments', 'traits') ORDER BY 1, 2;
SELECT subscriber, first_event_at, last_event_at, segments, evaluated_at FROM segment.profile_at('2026-03-17') ORDER BY 1;
SELECT count(*) FROM segment.profile_at('2026-06-21');
SELECT count(*) FROM segment.profile_at('infinity');
SELECT count(*) FROM segment.profile_at(NULL);
-- Safeguards and limited moves do not count: what they say depends on the way there.
CALL segment.set_safeguards('pv buyers', '{"stay": "365 days"}');
SELECT count(*) FROM segment.profile_at('2026-06-01 12:00:00+00') WHERE 'pv buyers' = ANY (segments);
SELECT count(*) FROM june WHERE 'pv buyers' = ANY (segments);
-- One that a view of somebody's is made of goes after the view.
DROP VIEW customers, "All" CASCADE;
SELECT segment.drop_feature('shoes');
SELECT segment.drop_segment('pv buyers'), segment.drop_segment('pv norway');
SELECT * FROM segment.verify();
SELECT count(segment.forget(who)) FROM (SELECT who FROM event UNION SELECT id FROM person) w;
SELECT segment.detach_source('event') IS NOT NULL, segment.detach_profiles('person') IS NOT NULL;
SET client_min_messages = warning;
DROP SCHEMA pv CASCADE;
DROP ROLE pv_reader;
