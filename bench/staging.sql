-- Rows made before anything is timed. Variables: table, rows, first, subscribers, days, seed, clock.
CREATE UNLOGGED TABLE :table (subscriber bigint, at timestamptz, kind text, value numeric, properties jsonb);
\ir events.sql
VACUUM ANALYZE :table;
