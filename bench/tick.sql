-- Lets some days pass in the whole cluster, refreshes, and deletes events of more than 90 days ago. Variable: days.
SELECT segment.now() + :days * interval '1 day' AS moment \gset
ALTER SYSTEM SET pg_segment.clock = :'moment';
SELECT pg_reload_conf() \g /dev/null
SET pg_segment.clock = :'moment';
CALL segment.refresh();
DELETE FROM event WHERE at < timestamptz :'moment' - interval '90 days';
