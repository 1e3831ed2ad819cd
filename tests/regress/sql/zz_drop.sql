-- Dropping the extension, and creating it again.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SELECT segment.now() IS NOT NULL AS loaded;
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE TABLE public.zz (who text, at timestamptz);
SELECT segment.attach_source('public.zz', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase');
SELECT segment.create_segment('zz', '{"event": "purchase"}');
INSERT INTO public.zz VALUES ('zz.1', '2026-05-31');
SELECT segment, subscriber FROM segment.member;
-- Refused while tables are attached: their triggers depend on it.
\set VERBOSITY sqlstate
DROP EXTENSION pg_segment;
\set VERBOSITY default
SELECT segment.detach_source('public.zz') > 0 AS detached;
-- With CASCADE the triggers go and the tables stay, the rows of segment.event too.
SELECT count(*) FROM segment.record_event('zz.2', 'purchase', '2026-05-31');
SET client_min_messages = warning;
DROP EXTENSION pg_segment CASCADE;
RESET client_min_messages;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pg_segment%';
INSERT INTO public.zz VALUES ('zz.3', '2026-05-31');
SELECT subscriber FROM segment.event;
-- Created again, it knows nothing of before, in the same session; an event table that is there is attached as it is.
CREATE EXTENSION pg_segment;
SELECT count(*) FROM segment.source;
SELECT segment.create_segment('zz', '{"event": "purchase"}');
SELECT segment.attach_source('public.zz', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase');
SET client_min_messages = warning;
SELECT segment.create_event_table();
RESET client_min_messages;
SELECT subscriber FROM segment.members('zz') ORDER BY 1;
INSERT INTO public.zz VALUES ('zz.4', '2026-05-31');
SELECT entered FROM segment.record_event('zz.5', 'purchase', '2026-05-31');
SELECT subscriber FROM segment.members('zz') ORDER BY 1;
SELECT * FROM segment.verify();
SELECT segment.detach_source('public.zz') > 0 AS detached;
SET client_min_messages = warning;
DROP EXTENSION pg_segment CASCADE;
-- Dropped by a transaction that has written an attached table.
CREATE EXTENSION pg_segment;
SELECT segment.attach_source('public.zz', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase');
BEGIN;
INSERT INTO public.zz VALUES ('zz.6', '2026-05-31');
DROP EXTENSION pg_segment CASCADE;
COMMIT;
SELECT count(*) FROM public.zz WHERE who = 'zz.6';
-- And created again by it: what it had captured before is nothing to the other one, which counts what it finds.
CREATE EXTENSION pg_segment;
SELECT segment.attach_source('public.zz', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase');
BEGIN;
INSERT INTO public.zz VALUES ('zz.7', '2026-05-31');
DROP EXTENSION pg_segment CASCADE;
CREATE EXTENSION pg_segment;
COMMIT;
SELECT count(*) FROM segment.state;
SELECT * FROM segment.verify();
SELECT segment.attach_source('public.zz', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase');
BEGIN;
INSERT INTO public.zz VALUES ('zz.8', '2026-05-31');
DROP EXTENSION pg_segment CASCADE;
CREATE EXTENSION pg_segment;
SELECT segment.attach_source('public.zz', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase');
SELECT segment.create_segment('zz', '{"event": "purchase"}'), segment.create_segment('zz twice', '{"event": "purchase", "count": {"min": 2}}');
INSERT INTO public.zz VALUES ('zz.9', '2026-05-31');
COMMIT;
SELECT segment, subscriber FROM segment.member WHERE subscriber >= 'zz.8' ORDER BY 1, 2;
SELECT * FROM segment.verify();
-- But for a savepoint that is rolled back.
BEGIN;
INSERT INTO public.zz VALUES ('zz.91', '2026-05-31');
SAVEPOINT s;
DROP EXTENSION pg_segment CASCADE;
CREATE EXTENSION pg_segment;
SELECT segment.flush();
ROLLBACK TO s;
COMMIT;
SELECT segment, subscriber FROM segment.member WHERE subscriber > 'zz.9' ORDER BY 1, 2;
SELECT * FROM segment.verify();
DROP EXTENSION pg_segment CASCADE;
DROP TABLE public.zz;
DROP SCHEMA segment CASCADE;
