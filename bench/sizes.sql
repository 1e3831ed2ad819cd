-- Notes the size of each table, with what belongs to it, and index of the extension. Variable: tenth, of the load that has passed.
CREATE TABLE IF NOT EXISTS size (tenth int, relation text, bytes bigint);
INSERT INTO size
SELECT :tenth, relname, CASE relkind WHEN 'r' THEN pg_table_size(oid) ELSE pg_relation_size(oid) END
FROM pg_class WHERE relnamespace = 'segment'::regnamespace AND relkind IN ('r', 'i');
