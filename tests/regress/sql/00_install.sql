-- The objects of the extension, their comments, privileges and dump settings.
SET timezone = 'UTC';
CREATE EXTENSION pg_segment;
-- The control file fixes the schema.
SELECT n.nspname, x.extrelocatable FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace WHERE extname = 'pg_segment';
-- All members, frozen: a new object must be put here on purpose.
SELECT pg_describe_object(classid, objid, 0) AS object
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_segment')
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";
-- Nothing in the schema that does not belong to the extension, but for what hangs on its tables: none.
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'segment'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i'))
ORDER BY 1;
-- Functions, procedures and aggregates without a comment: none.
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'segment'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL ORDER BY p.oid::regprocedure::text;
-- Tables and views without a comment: none.
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'segment'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL ORDER BY 1;
-- Columns of tables without a comment: none.
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'segment'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL ORDER BY 1, 2;
-- Functions that PUBLIC may execute: none.
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'segment'::regnamespace
  AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0) ORDER BY p.oid::regprocedure::text;
-- Tables, views and sequences on which PUBLIC has any right, and columns likewise: none.
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'segment'::regnamespace AND c.relkind IN ('r', 'v', 'S')
  AND (EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0)
       OR EXISTS (SELECT FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = c.oid AND x.grantee = 0)) ORDER BY 1;
-- PUBLIC may look into the schema and not create in it.
SELECT a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'segment' AND a.grantee = 0;
-- Views that do not check the rights of whoever reads them: none.
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'segment'::regnamespace AND c.relkind = 'v' AND NOT c.reloptions @> ARRAY['security_invoker=true'] ORDER BY 1;
-- Functions that run with their owner's rights: none.
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'segment'::regnamespace AND p.prosecdef;
-- Tables and sequences that a dump leaves out: the cache key and its numbers.
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'segment'::regnamespace AND c.relkind IN ('r', 'S')
  AND c.oid <> ALL (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'pg_segment') ORDER BY 1;
-- Tables of which a dump leaves some rows out: none.
SELECT c.oid::regclass, condition FROM pg_extension, unnest(extconfig, extcondition) AS x (config, condition) JOIN pg_class c ON c.oid = config
WHERE extname = 'pg_segment' AND condition <> '';
-- Labels of every callable: volatility, parallel safety, strictness, cost and rows.
SELECT p.proname, p.prokind AS kind, p.provolatile AS volatility, p.proparallel AS parallel, p.proisstrict AS strict, p.procost AS cost, p.prorows AS rows
FROM pg_proc p WHERE p.pronamespace = 'segment'::regnamespace ORDER BY p.proname COLLATE "C", p.oid::regprocedure::text COLLATE "C";
-- The public signatures.
SELECT p.proname, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
FROM pg_proc p WHERE p.pronamespace = 'segment'::regnamespace AND p.proname !~ '^_' ORDER BY p.proname COLLATE "C", p.oid::regprocedure::text COLLATE "C";
-- Nothing is attached or defined; every view can be read and verify has nothing to say.
SELECT (SELECT count(*) FROM segment.source) AS sources, (SELECT count(*) FROM segment.member) AS members, (SELECT count(*) FROM segment.profile) AS profiles, (SELECT count(*) FROM segment.summary) AS segments, (SELECT count(*) FROM segment.transition) AS transitions;
SELECT * FROM segment.verify();
-- A second copy is refused; another schema as well.
CREATE EXTENSION pg_segment;
ALTER EXTENSION pg_segment SET SCHEMA public;
-- The ready-made event table is made on request, once: an ordinary table, attached like any other, and nobody else's to read.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT segment.create_event_table();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT segment.create_event_table();
SELECT segment.create_event_table();
\d segment.event
SELECT relation, subscriber, occurred_at, time_zone, event_type, constant_type, value, properties FROM segment.source;
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = 'segment.event'::regclass AND a.grantee = 0;
