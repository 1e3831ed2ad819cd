-- One row each of subscribers drawn at random among those there are. Variables: staged (table), rows.
DROP TABLE IF EXISTS :staged;
CREATE UNLOGGED TABLE :staged AS
SELECT subscriber, current_setting('pg_segment.clock')::timestamptz, 'page_view', NULL::numeric,
       '{"category": "category_1"}'::jsonb
FROM (SELECT DISTINCT subscriber FROM event) known ORDER BY random() LIMIT :rows;
