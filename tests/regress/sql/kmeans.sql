-- kmeans and kmeans_assign: clusters of the rows of any relation.
CREATE SCHEMA km;
SET search_path = km;
-- Two groups far apart: 30 rows around (10, 100) and 10 around (50, 900).
CREATE TABLE customer (id integer PRIMARY KEY, recency integer, spend numeric, visits real, name text, constant integer DEFAULT 7);
INSERT INTO customer SELECT i, 10 + i % 3, 100 + i % 5, 5 + i % 2, 'c' || i FROM generate_series(1, 30) i;
INSERT INTO customer SELECT i, 50 + i % 3, 900 + i % 5, 20 + i % 2, 'c' || i FROM generate_series(31, 40) i;
-- One row per cluster and column, the largest cluster first: size, share, mean in the column's units, and in standard deviations from the mean of all.
SELECT cluster, size, share, feature, round(mean::numeric, 6) AS mean, round(z_score::numeric, 6) AS z_score FROM segment.kmeans('customer', ARRAY['recency', 'spend', 'visits'], 2);
-- The means are those of the rows.
SELECT id <= 30 AS first, avg(recency), avg(spend), avg(visits) FROM customer GROUP BY 1 ORDER BY 1 DESC;
-- One cluster is everybody; as many clusters as rows are the rows; a constant column tells nothing.
SELECT cluster, size, share, feature, round(mean::numeric, 6) AS mean, round(abs(z_score)::numeric, 6) AS z_score FROM segment.kmeans('customer', ARRAY['spend', 'constant'], 1);
CREATE VIEW three AS SELECT id, recency AS x FROM customer WHERE id IN (1, 20, 40);
SELECT size, feature, round(mean::numeric, 6) AS mean FROM segment.kmeans('three', ARRAY['x'], 3) ORDER BY mean;
-- The same seed gives the same clusters; another may number equal ones otherwise.
SELECT count(*) FROM (SELECT * FROM segment.kmeans('customer', ARRAY['recency', 'spend'], 3, seed => 7) EXCEPT ALL SELECT * FROM segment.kmeans('customer', ARRAY['recency', 'spend'], 3, seed => 7)) d;
-- Stored under a name, a model has versions.
SELECT count(*) FROM segment.kmeans('customer', ARRAY['recency', 'spend'], 2, model => 'km groups');
SELECT count(*) FROM segment.kmeans('customer', ARRAY['recency', 'spend', 'visits'], 2, model => 'km groups', seed => 1);
SELECT name, version, relation, columns, seed, rows, skipped, sizes, array_length(centroids, 1) AS centroids, round(inertia::numeric, 6) AS inertia FROM segment.cluster_model ORDER BY name, version;
-- kmeans_assign: the nearest cluster of the newest version, for any relation with its columns, by any id.
SELECT cluster, count(*), min(id::integer), max(id::integer) FROM segment.kmeans_assign('km groups', 'customer', 'id') GROUP BY 1 ORDER BY 1;
CREATE TABLE prospect (email text, spend double precision, recency bigint, visits smallint);
INSERT INTO prospect VALUES ('near@first', 102, 11, 5), ('near@second', 902, 51, 20), ('no@spend', NULL, 11, 5), ('nan@spend', 'NaN', 11, 5), ('infinite@spend', 'infinity', 11, 5), (NULL, 102, 11, 5);
SELECT id, cluster, distance < 0.1 AS near FROM segment.kmeans_assign('km groups', 'prospect', 'email') ORDER BY 1;
-- Rows with NULL, NaN or an infinity are left out, and counted.
INSERT INTO customer (id, recency, spend, visits) VALUES (101, NULL, 5, 5), (102, 5, 'NaN', 5), (103, 5, 5, 'infinity');
SELECT DISTINCT cluster, size, share FROM segment.kmeans('customer', ARRAY['recency', 'spend', 'visits'], 2, model => 'km groups') ORDER BY 1;
SELECT version, rows, skipped FROM segment.cluster_model ORDER BY version DESC LIMIT 1;

-- Refused: columns that do not exist, are no numbers, or are none.
SELECT * FROM segment.kmeans('customer', ARRAY['recency', 'spent'], 2);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans('customer', ARRAY['shoe_size'], 2);
SELECT * FROM segment.kmeans('customer', ARRAY['name'], 2);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans('customer', '{}', 2);
\echo :LAST_ERROR_SQLSTATE
-- Refused: fewer than one cluster, or more than rows; no rows at all.
SELECT * FROM segment.kmeans('three', ARRAY['x'], 0);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans('three', ARRAY['x'], -1);
SELECT * FROM segment.kmeans('three', ARRAY['x'], 4);
SELECT * FROM segment.kmeans('three', ARRAY['x'], 2, max_iterations => 0);
CREATE TABLE nothing (x integer);
SELECT * FROM segment.kmeans('nothing', ARRAY['x'], 1);
-- Refused: an empty name, and one that is not stored.
SELECT * FROM segment.kmeans('three', ARRAY['x'], 2, model => '');
SELECT * FROM segment.kmeans_assign('km group', 'customer', 'id');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans_assign('something else', 'customer', 'id');
-- Refused: a relation without the model's columns.
SELECT * FROM segment.kmeans_assign('km groups', 'three', 'id');
-- Refused: more than maintenance_work_mem holds.
CREATE TABLE large AS SELECT i AS a, i % 7 AS b, i % 11 AS c FROM generate_series(1, 50000) i;
SET maintenance_work_mem = '1MB';
\set VERBOSITY sqlstate
SELECT * FROM segment.kmeans('large', ARRAY['a', 'b', 'c'], 2);
\set VERBOSITY default
SET maintenance_work_mem = '64MB';
SELECT DISTINCT cluster, size > 0 AS some FROM segment.kmeans('large', ARRAY['a', 'b', 'c'], 2) ORDER BY 1;
RESET maintenance_work_mem;
-- Refused: a table that the caller may not read, whoever owns the extension. Row security and column grants hold.
CREATE ROLE km_user;
GRANT USAGE ON SCHEMA km TO km_user;
GRANT EXECUTE ON FUNCTION segment.kmeans, segment.kmeans_assign TO km_user;
SET ROLE km_user;
SELECT * FROM segment.kmeans('km.customer', ARRAY['recency'], 2);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans_assign('km groups', 'km.customer', 'id');
RESET ROLE;
GRANT SELECT (id, recency) ON customer TO km_user;
ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON customer USING (id <= 20);
SET ROLE km_user;
SELECT * FROM segment.kmeans('km.customer', ARRAY['spend'], 1);
SELECT size, feature FROM segment.kmeans('km.customer', ARRAY['recency'], 1);
RESET ROLE;
-- Clean up.
SET client_min_messages = warning;
REVOKE EXECUTE ON FUNCTION segment.kmeans, segment.kmeans_assign FROM km_user;
DROP SCHEMA km CASCADE;
DROP ROLE km_user;
DELETE FROM segment.cluster_model;
