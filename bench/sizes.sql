-- Notes the size of each table, with what belongs to it, and index of the extension. Variable: taken.
CREATE TABLE IF NOT EXISTS size (taken text, relation text, bytes bigint);
INSERT INTO size
SELECT :'taken', relname, CASE relkind WHEN 'r' THEN pg_table_size(oid) ELSE pg_relation_size(oid) END
FROM pg_class WHERE relnamespace = 'segment'::regnamespace AND relkind IN ('r', 'i');
