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
-- kmeans_cluster: the same of values in any query, of any numeric types; where kmeans_assign leaves a row out, it has no cluster.
SELECT email, segment.kmeans_cluster('km groups', recency, spend, visits) AS cluster FROM prospect ORDER BY 1;
SELECT count(*) FROM (SELECT id::text, segment.kmeans_cluster('km groups', recency, spend, visits) AS cluster FROM customer EXCEPT ALL SELECT id, cluster FROM segment.kmeans_assign('km groups', 'customer', 'id')) d;
CREATE DOMAIN money_spent AS numeric(6, 2);
SELECT segment.kmeans_cluster('km groups', recency::bigint, spend::money_spent, visits::numeric) AS cluster, count(*) FROM customer GROUP BY 1 ORDER BY 1;
SELECT segment.kmeans_cluster('km groups', 52, 903, 20.0::float8);
-- Several models at one place.
SELECT count(*) FROM segment.kmeans('customer', '{spend,recency,visits}', 2, model => 'km turned');
SELECT model, segment.kmeans_cluster(model, least, greatest, 20) FROM (VALUES ('km groups', 11, 102), ('km turned', 902, 51), ('km groups', 51, 902)) v (model, least, greatest);
DELETE FROM segment.cluster_model WHERE name = 'km turned';
-- The newest version is the newest at each moment, and after a rollback as well.
CREATE TABLE moving (x integer);
INSERT INTO moving VALUES (1), (1), (9);
DO $$
DECLARE found integer[];
BEGIN
  PERFORM segment.kmeans('km.moving', '{x}', 2, model => 'km moving');
  FOR step IN 1..4 LOOP
    BEGIN
      IF step IN (2, 4) THEN
        INSERT INTO moving VALUES (9), (9);
        PERFORM segment.kmeans('km.moving', '{x}', 2, model => 'km moving');
      END IF;
      found := found || segment.kmeans_cluster('km moving', 9);
      IF step = 2 THEN
        RAISE EXCEPTION 'undo';
      END IF;
    EXCEPTION WHEN raise_exception THEN
    END;
  END LOOP;
  RAISE NOTICE '%', found;
END $$;
SELECT version, sizes FROM segment.cluster_model WHERE name = 'km moving' ORDER BY 1;
DELETE FROM segment.cluster_model WHERE name = 'km moving';
-- Refused: other values than the model has columns, what is no number, and no model.
SELECT segment.kmeans_cluster('km groups', 1, 2);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.kmeans_cluster('km groups', 1, '2', 3);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.kmeans_cluster('km groups', VARIADIC ARRAY[1, 2, 3]);
SELECT segment.kmeans_cluster(NULL, 1);
SELECT segment.kmeans_cluster('km grops', 1);
-- Rows with NULL, NaN or an infinity are left out, and counted.
INSERT INTO customer (id, recency, spend, visits) VALUES (101, NULL, 5, 5), (102, 5, 'NaN', 5), (103, 5, 5, 'infinity');
SELECT DISTINCT cluster, size, share FROM segment.kmeans('customer', ARRAY['recency', 'spend', 'visits'], 2, model => 'km groups') ORDER BY 1;
SELECT version, rows, skipped FROM segment.cluster_model ORDER BY version DESC LIMIT 1;

CREATE VIEW forty AS SELECT * FROM customer WHERE id <= 40;
-- In the columns' own units, from given centroids, in that order of the columns.
SELECT cluster, size, feature, round(mean::numeric, 6) AS mean, round(z_score::numeric, 6) AS z_score FROM segment.kmeans('forty', ARRAY['recency', 'spend'], 2, standardise => false, initial => '{{50,900},{10,100}}', model => 'raw');
SELECT standardised, starts, tolerance, converged, round(inertia::numeric, 6) AS inertia, round(davies_bouldin::numeric, 6) AS davies_bouldin, round(calinski_harabasz::numeric, 3) AS calinski_harabasz, center, centroids, means FROM segment.cluster_model WHERE name = 'raw';
SELECT sum((recency - m.r) ^ 2 + (spend - m.s) ^ 2)::numeric(20, 6) AS inertia FROM forty c JOIN (SELECT id <= 30 AS first, avg(recency) AS r, avg(spend) AS s FROM forty GROUP BY 1) m ON m.first = (c.id <= 30);

-- cluster_profile: what sets each cluster apart, what is farthest off first.
SELECT cluster, name, size, feature, round(mean::numeric, 3) AS mean, round(deviation::numeric, 3) AS deviation, round(overall_mean::numeric, 3) AS overall_mean, round(z_score::numeric, 3) AS z_score, rule FROM segment.cluster_profile('km groups');
SELECT id <= 30 AS first, stddev_pop(recency)::numeric(10, 3), stddev_pop(spend)::numeric(10, 3), stddev_pop(visits)::numeric(10, 3) FROM customer WHERE id <= 40 GROUP BY 1 ORDER BY 1 DESC;
-- The column with the largest numbers has no say by that: all have the same income here, and differ in visits.
CREATE VIEW paid AS SELECT id, 1000000 + id % 2 * 1000 AS income, (id % 4 / 2) * 10 AS visits FROM customer WHERE id <= 40;
SELECT count(*) FROM segment.kmeans('paid', ARRAY['income', 'visits'], 2, initial => '{1000500,0,1000500,10}', model => 'paid');
SELECT DISTINCT cluster, name FROM segment.cluster_profile('paid') ORDER BY 1;
-- An older version is there, too.
SELECT DISTINCT feature FROM segment.cluster_profile('km groups', 1) ORDER BY 1;
SELECT count(*) FROM segment.kmeans_assign('km groups', 'customer', 'id', 1);
SELECT * FROM segment.cluster_profile('km groups', 9);

-- silhouette: per cluster and of all, exact up to the sample.
SELECT cluster, rows, round(silhouette::numeric, 6) AS silhouette FROM segment.silhouette('km groups', 'customer');
SELECT cluster, rows, silhouette > 0.9 AS large FROM segment.silhouette('km groups', 'customer', sample => 20) ORDER BY 1;
CREATE TABLE alike AS SELECT i AS id, 10 AS recency, 100 AS spend, 5 AS visits FROM generate_series(1, 5) i;
SELECT cluster, rows, silhouette FROM segment.silhouette('km groups', 'alike');
SELECT * FROM segment.silhouette('km groups', 'customer', sample => 1);
-- choose_k: what speaks for each number of clusters; kmeans takes a range as well, and stores the table with the model.
SELECT k, round(inertia::numeric, 3) AS inertia, round(silhouette::numeric, 3) AS silhouette, silhouette_rows, round(davies_bouldin::numeric, 3) AS davies_bouldin, round(calinski_harabasz::numeric, 1) AS calinski_harabasz, smallest, chosen FROM segment.choose_k('forty', ARRAY['recency', 'spend'], '[2,4]');
SELECT DISTINCT cluster, size FROM segment.kmeans('forty', ARRAY['recency', 'spend'], int4range(2, 4, '[]'), model => 'chosen') ORDER BY 1;
SELECT jsonb_array_length(choice) AS tried, choice -> 0 -> 'k' AS first, array_length(sizes, 1) AS k FROM segment.cluster_model WHERE name = 'chosen';
SELECT * FROM segment.choose_k('customer', ARRAY['recency'], '[1,4]');
SELECT * FROM segment.choose_k('customer', ARRAY['recency'], '[2,]');
SELECT * FROM segment.choose_k('customer', ARRAY['recency'], NULL);
-- Any number of threads gives the same bits.
CREATE TABLE many AS SELECT i AS id, i % 97 * i % 1013 AS a, i % 89 * i % 997 AS b FROM generate_series(1, 30000) i;
SELECT count(*) FROM segment.kmeans('many', ARRAY['a', 'b'], 5, model => 'threads');
SET pg_segment.max_threads = 3;
SELECT count(*) FROM segment.kmeans('many', ARRAY['a', 'b'], 5, model => 'threads');
SELECT count(DISTINCT (centroids, means, deviations, inertia, sizes, davies_bouldin, calinski_harabasz)) FROM segment.cluster_model WHERE name = 'threads';
-- A fit is cancelled wherever it is.
SET statement_timeout = '30ms';
SELECT * FROM segment.choose_k('many', ARRAY['a', 'b'], '[2,50]');
\echo :LAST_ERROR_SQLSTATE
RESET statement_timeout;
RESET pg_segment.max_threads;
SELECT count(*) FROM segment.kmeans('many', ARRAY['a', 'b'], 5);

-- dbscan: clusters by density; noise has none.
CREATE TABLE place (name text, x real, y real);
INSERT INTO place SELECT 'a' || i, i % 3 * 0.1, i / 3 * 0.1 FROM generate_series(0, 8) i;
INSERT INTO place SELECT 'b' || i, 5 + i % 3 * 0.1, 5 + i / 3 * 0.1 FROM generate_series(0, 8) i;
INSERT INTO place VALUES ('far', 9, 0), ('nowhere', NULL, 1), (NULL, 1, 1);
SELECT cluster, count(*), min(id), max(id) FROM segment.dbscan('place', ARRAY['x', 'y'], 'name', 0.15, neighbours => 3, standardise => false) GROUP BY 1 ORDER BY 1;
SELECT cluster, count(*) FROM segment.dbscan('place', ARRAY['x', 'y'], 'name', 0.1) GROUP BY 1 ORDER BY 1;
SELECT * FROM segment.dbscan('place', ARRAY['x', 'y'], 'name', 0);
SELECT * FROM segment.dbscan('place', ARRAY['x', 'y'], 'name', NULL);
SELECT * FROM segment.dbscan('place', ARRAY['x', 'y'], 'nam', 1);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans_assign('km groups', 'customer', 'ids');

-- Refused: columns that do not exist, are no numbers, or are none.
SELECT * FROM segment.kmeans('customer', ARRAY['recency', 'spent'], 2);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans('customer', ARRAY['shoe_size'], 2);
SELECT * FROM segment.kmeans('customer', ARRAY['name'], 2);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans('customer', '{}', 2);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans('customer', ARRAY['spend', 'spend'], 2);
\echo :LAST_ERROR_SQLSTATE
-- Refused: fewer than one cluster, or more than rows; no rows at all.
SELECT * FROM segment.kmeans('three', ARRAY['x'], 0);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans('three', ARRAY['x'], -1);
SELECT * FROM segment.kmeans('three', ARRAY['x'], 4);
SELECT * FROM segment.kmeans('three', ARRAY['x'], 2, max_iterations => 0);
SELECT * FROM segment.kmeans('three', ARRAY['x'], 2, starts => 0);
SELECT * FROM segment.kmeans('three', ARRAY['x'], 2, tolerance => 1);
SELECT * FROM segment.kmeans('three', ARRAY['x'], 2, initial => '{1}');
SELECT * FROM segment.kmeans('three', ARRAY['x'], 2, initial => '{1,NULL}');
CREATE VIEW huge AS SELECT 1e200 * x AS x FROM three;
SELECT * FROM segment.kmeans('huge', ARRAY['x'], 2);
CREATE VIEW minute AS SELECT 1e-200 * x AS x FROM three;
SELECT * FROM segment.kmeans('minute', ARRAY['x'], 2);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.kmeans('three', ARRAY['x', NULL], 2);
SELECT * FROM segment.dbscan('three', NULL, 'id', 1);
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
GRANT EXECUTE ON FUNCTION segment.kmeans(regclass, text[], integer, text, bigint, integer, integer, double precision, boolean, double precision[]), segment.kmeans_assign, segment.kmeans_cluster TO km_user;
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
SELECT segment.kmeans_cluster('km groups', 10, 100, 5);
RESET ROLE;
-- What is stored and does not hold together is an error.
CREATE TABLE damage AS SELECT * FROM segment.cluster_model WHERE name = 'km groups' AND version = 1;
CREATE FUNCTION damaged(change text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM segment.cluster_model WHERE name = 'km damaged';
  INSERT INTO segment.cluster_model OVERRIDING USER VALUE SELECT (jsonb_populate_record(d, change::jsonb || '{"name": "km damaged"}')).* FROM damage d;
  RETURN (SELECT count(*) FROM segment.kmeans_assign('km damaged', 'customer', 'id'));
EXCEPTION WHEN data_corrupted THEN
  RETURN SQLERRM;
END $$;
SELECT change, damaged(change) FROM (VALUES ('{}'), ('{"centroids": []}'), ('{"centroids": [1, 2, 3]}'), ('{"centroids": [1, 2, 3, null]}'), ('{"means": [1]}'),
  ('{"sizes": []}'), ('{"center": [1]}'), ('{"deviation": [0, 1]}'), ('{"columns": []}')) c (change);
-- Clean up.
SET client_min_messages = warning;
REVOKE EXECUTE ON FUNCTION segment.kmeans(regclass, text[], integer, text, bigint, integer, integer, double precision, boolean, double precision[]), segment.kmeans_assign, segment.kmeans_cluster FROM km_user;
DROP SCHEMA km CASCADE;
DROP ROLE km_user;
DELETE FROM segment.cluster_model;
