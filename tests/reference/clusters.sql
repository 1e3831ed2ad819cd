-- Each fit of scikit-learn, by the same criteria.
\pset tuples_only
\pset format unaligned
CREATE TABLE found AS
  SELECT f.*, o.inertia AS own_inertia, o.silhouette AS own_silhouette, o.davies_bouldin AS own_davies_bouldin, o.calinski_harabasz AS own_calinski_harabasz, s.own_sizes
  FROM fits f
  CROSS JOIN LATERAL (SELECT array_agg(attname::text ORDER BY attnum) AS columns FROM pg_attribute
                      WHERE attrelid = f.relation AND attnum > 0 AND attname LIKE 'c%') c
  CROSS JOIN LATERAL segment.choose_k(f.relation, c.columns, int4range(f.k, f.k, '[]'), tolerance => 0, starts => 50, standardise => f.standardised) o
  CROSS JOIN LATERAL (SELECT array_agg(size ORDER BY cluster) FILTER (WHERE feature = 'c1') AS own_sizes
                      FROM segment.kmeans(f.relation, c.columns, f.k, tolerance => 0, starts => 50, standardise => f.standardised)) s;
SELECT format('figure: %s%s, k %s: inertia %s, silhouette %s, Davies-Bouldin %s, Calinski-Harabasz %s, sizes %s', relation, CASE WHEN standardised THEN ' standardised' END, k,
              round(own_inertia::numeric, 6), round(own_silhouette::numeric, 6), round(own_davies_bouldin::numeric, 6), round(own_calinski_harabasz::numeric, 4), own_sizes)
FROM found ORDER BY relation::text, standardised, k;
SELECT format('claim: %s%s, k %s as scikit-learn %s', relation, CASE WHEN standardised THEN ' standardised' END, k,
              (abs(own_inertia / inertia - 1) < 1e-9 AND abs(own_silhouette - silhouette) < 1e-9 AND abs(own_davies_bouldin - davies_bouldin) < 1e-9
               AND abs(own_calinski_harabasz / calinski_harabasz - 1) < 1e-9 AND own_sizes = sizes)::text)
FROM found ORDER BY relation::text, standardised, k;
-- And published figures.
SELECT 'claim: iris, k 3: published inertia ' || (round(own_inertia::numeric, 6) = 78.851441) FROM found WHERE relation = 'iris'::regclass AND k = 3 AND NOT standardised;
CREATE TABLE dense AS
  SELECT d.*, o.*
  FROM densities d
  CROSS JOIN LATERAL (SELECT array_agg(attname::text ORDER BY attnum) AS columns FROM pg_attribute
                      WHERE attrelid = d.relation AND attnum > 0 AND attname LIKE 'c%') c
  CROSS JOIN LATERAL (
    SELECT array_agg(rows ORDER BY rows DESC) FILTER (WHERE cluster IS NOT NULL) AS own_sizes, coalesce(sum(rows) FILTER (WHERE cluster IS NULL), 0) AS own_noise
    FROM (SELECT cluster, count(*) AS rows FROM segment.dbscan(d.relation, c.columns, 'id', d.radius, d.neighbours, standardise => false) GROUP BY cluster) g) o;
SELECT format('claim: DBSCAN of %s with radius %s as scikit-learn %s', relation, radius, (own_sizes = sizes AND own_noise = noise)::text)
FROM dense ORDER BY relation::text, radius;
SELECT 'claim: DBSCAN of blobs: published 3 clusters and 18 rows of noise ' || (cardinality(own_sizes) = 3 AND own_noise = 18)::text FROM dense WHERE relation = 'blobs'::regclass;
