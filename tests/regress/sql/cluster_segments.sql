-- Clusters of a model as segments that the engine keeps.
CREATE SCHEMA cs;
SET search_path = cs;
SET pg_segment.clock = '2026-03-01 00:00:00+00';
SET client_min_messages = warning;
CREATE TABLE orders (customer text, at timestamptz, total numeric);
-- Thirty who buy often and little, twenty rarely and much, ten often and much; of none of them are the numbers equal.
INSERT INTO orders SELECT 'often' || i, timestamptz '2026-02-20' - j * interval '3 days', 10 + i % 5 FROM generate_series(1, 30) i, generate_series(1, 18 + i % 4) j;
INSERT INTO orders SELECT 'rare' || i, timestamptz '2025-12-20' - j * interval '20 days' - i % 3 * interval '1 day', 300 + i % 9 FROM generate_series(1, 20) i, generate_series(1, 2 + i % 2) j;
INSERT INTO orders SELECT 'both' || i, timestamptz '2026-02-25' - j * interval '3 days', 120 + i % 9 FROM generate_series(1, 10) i, generate_series(1, 20 + i % 3) j;
SELECT segment.attach_source('cs.orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SELECT segment.create_segment('seen', '{"event": "purchase"}');
SELECT segment.create_feature('recency');
SELECT DISTINCT cluster, size FROM segment.kmeans('segment.profile', ARRAY['days_since_last', 'frequency', 'lifetime_value', 'recency'], 3, model => 'Habits') ORDER BY 1;
SELECT segment, cluster, members, shift, kept, description FROM segment.cluster_segments('Habits');
SELECT model, version, clusters, scores, kept FROM segment.cluster_set;
SELECT name, regexp_replace(spec::text, '(\.\d{9})\d+', '\1', 'g') AS spec, description FROM segment.feature WHERE name = 'near_habits_1_2';
SELECT criteria FROM segment.definition WHERE name LIKE 'Habits%' ORDER BY segment_id LIMIT 1;
-- Who is in which is what kmeans_assign says of the profiles.
CREATE FUNCTION assigned() RETURNS TABLE (subscriber text, cluster integer) LANGUAGE sql AS
$$ SELECT id, cluster FROM segment.kmeans_assign('Habits', 'segment.profile', 'subscriber') $$;
CREATE FUNCTION members() RETURNS TABLE (subscriber text, cluster integer) LANGUAGE sql AS
$$ SELECT m.subscriber, s.clusters[p.place] FROM segment.cluster_set s, unnest(s.segments) WITH ORDINALITY p (id, place), segment.definition d, segment.member m WHERE d.segment_id = p.id AND m.segment = d.name $$;
SELECT count(*) FROM members();
(SELECT * FROM assigned() EXCEPT SELECT * FROM members()) UNION ALL (SELECT * FROM members() EXCEPT SELECT * FROM assigned());
-- Somebody new, somebody who changes, and time move members, each at once.
INSERT INTO orders SELECT 'new', timestamptz '2026-02-28' - j * interval '3 days', 125 FROM generate_series(1, 19) j;
INSERT INTO orders SELECT 'rare1', timestamptz '2026-02-28' - j * interval '2 days', 100 FROM generate_series(1, 18) j;
SELECT segment, action, cause FROM segment.transition WHERE subscriber IN ('new', 'rare1') AND segment LIKE 'Habits%' AND cause = 'event' ORDER BY subscriber, action;
(SELECT * FROM assigned() EXCEPT SELECT * FROM members()) UNION ALL (SELECT * FROM members() EXCEPT SELECT * FROM assigned());
SET pg_segment.clock = '2026-05-15 00:00:00+00';
(SELECT * FROM assigned() EXCEPT SELECT * FROM members()) UNION ALL (SELECT * FROM members() EXCEPT SELECT * FROM assigned());
CALL segment.refresh();
SELECT d.name, count(*) FROM segment.cluster_set s, unnest(s.segments) id, segment.definition d, segment.member m WHERE d.segment_id = id AND m.segment = d.name GROUP BY d.segment_id, d.name ORDER BY d.segment_id;
SELECT * FROM segment.verify();
-- Who has a feature not at all is in none of them.
SELECT segment.upsert_profile('prospect', email => 'p@example.com');
SELECT days_since_last, frequency, recency FROM segment.profile WHERE subscriber = 'prospect';
SELECT * FROM members() WHERE subscriber = 'prospect';

-- A refit: the segments keep their names and follow their clusters, whatever the order of these.
INSERT INTO orders SELECT 'rare' || i, timestamptz '2026-01-20' - j * interval '20 days', 300 + i % 9 FROM generate_series(100, 140) i, generate_series(1, 2) j;
SELECT DISTINCT cluster, size FROM segment.kmeans('segment.profile', ARRAY['days_since_last', 'frequency', 'lifetime_value', 'recency'], 3, model => 'Habits') ORDER BY 1;
SELECT segment, cluster, members, shift > 0 AS moved, round(kept::numeric, 3) AS kept FROM segment.cluster_segments('Habits');
(SELECT * FROM assigned() EXCEPT SELECT * FROM members()) UNION ALL (SELECT * FROM members() EXCEPT SELECT * FROM assigned());
SELECT * FROM segment.verify();
-- The same version again changes nothing; an older one can be put back.
SELECT segment, cluster, members, round(shift::numeric, 9) AS shift, kept FROM segment.cluster_segments('Habits');
SELECT segment, cluster, members FROM segment.cluster_segments('Habits', version => 1);
SELECT version, clusters FROM segment.cluster_set;
-- While writers go on: to the newest, again, and back.
CALL segment.update_cluster_segments('Habits');
SELECT version, clusters, array_length(shifts, 1) AS shifts, round(kept::numeric, 3) AS kept FROM segment.cluster_set;
(SELECT * FROM assigned() EXCEPT SELECT * FROM members()) UNION ALL (SELECT * FROM members() EXCEPT SELECT * FROM assigned());
SELECT kind, subscribers > 0 AS everybody, finished_at IS NOT NULL AS finished FROM segment.run ORDER BY run_id DESC LIMIT 1;
CALL segment.update_cluster_segments('Habits');
SELECT version, round(kept::numeric, 3) AS kept FROM segment.cluster_set;
CALL segment.update_cluster_segments('Habits', version => 1);
SELECT version, round(kept::numeric, 3) AS kept FROM segment.cluster_set;
SELECT name, description <> '' AS described, changing FROM segment.definition WHERE name LIKE 'Habits%' ORDER BY segment_id;
SELECT * FROM segment.verify();
CALL segment.update_cluster_segments('Habits', version => 9);
\echo :LAST_ERROR_SQLSTATE
CALL segment.update_cluster_segments(NULL);
BEGIN;
CALL segment.update_cluster_segments('Habits');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- What depends on what is said.
SELECT segment.drop_segment('seen');
SELECT segment.drop_segment(name) FROM segment.definition ORDER BY segment_id LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_feature('near_habits_1_2');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_cluster_model('Habits');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('others', jsonb_build_object('not', jsonb_build_object('segment', name))) > 0 AS some FROM segment.definition ORDER BY segment_id LIMIT 1;
SELECT segment.drop_cluster_segments('Habits');
SELECT count(*) FROM segment.cluster_set;
SELECT segment.drop_segment('others') > 0 AS some;
SELECT segment.drop_cluster_segments('Habits');
SELECT (SELECT count(*) FROM segment.definition) AS segments, (SELECT string_agg(name, ',') FROM segment.feature) AS features, (SELECT count(*) FROM segment.cluster_set) AS sets;
SELECT segment.drop_cluster_segments('Habits');
CALL segment.update_cluster_segments('Habits');
\echo :LAST_ERROR_SQLSTATE
-- In the columns' own units, and with a prefix.
SELECT DISTINCT cluster FROM segment.kmeans('segment.profile', ARRAY['lifetime_value', 'frequency'], 4, model => 'Habits', standardise => false) ORDER BY 1;
SELECT segment, cluster FROM segment.cluster_segments('Habits', prefix => 'value/');
(SELECT * FROM assigned() EXCEPT SELECT * FROM members()) UNION ALL (SELECT * FROM members() EXCEPT SELECT * FROM assigned());
-- Refused: another k; no such model; a model of other columns than features, of few rows, of one cluster or many.
SELECT count(*) FROM segment.kmeans('segment.profile', ARRAY['lifetime_value', 'frequency'], 2, model => 'Habits');
SELECT * FROM segment.cluster_segments('Habits');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.cluster_segments('habits');
SELECT * FROM segment.cluster_segments(NULL);
SELECT count(*) FROM segment.kmeans('cs.orders', ARRAY['total'], 2, model => 'totals');
SELECT * FROM segment.cluster_segments('totals');
CREATE VIEW few AS SELECT lifetime_value, frequency FROM segment.profile LIMIT 9;
SELECT count(*) FROM segment.kmeans('few', ARRAY['lifetime_value'], 2, model => 'few');
SELECT * FROM segment.cluster_segments('few');
SELECT count(*) FROM segment.kmeans('segment.profile', ARRAY['lifetime_value'], 1, model => 'one');
SELECT * FROM segment.cluster_segments('one');
SELECT segment.drop_cluster_model('one');
SELECT segment.drop_cluster_model('one');
-- Clean up.
SELECT segment.drop_cluster_segments('Habits');
SELECT segment.drop_cluster_model(name) FROM (SELECT DISTINCT name FROM segment.cluster_model ORDER BY 1) m;
SELECT segment.detach_source('cs.orders');
SELECT segment.detach_profiles('segment.profile_input');
DROP TABLE segment.profile_input;
DROP SCHEMA cs CASCADE;
SELECT segment.drop_feature('recency');
DELETE FROM segment.state;
DELETE FROM segment.due;
