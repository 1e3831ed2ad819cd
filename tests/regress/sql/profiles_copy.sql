-- Ordinary tables of profiles, which refresh brings up to date.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA pc;
SET search_path = pc;
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE TABLE visit (who text, at timestamptz);
SELECT segment.attach_source('visit', subscriber => 'who', occurred_at => 'at', constant_type => 'website_visit');
INSERT INTO visit SELECT 'v' || i, segment.now() - i * interval '1 hour' FROM generate_series(1, 300) i;
SELECT segment.create_segment('pc lately', '{"event": "website_visit", "within": "5 days"}') AS found;
SELECT segment.create_profile_view('seen', ARRAY['subscriber', 'total_events_7d', 'last_event_at', 'segments', 'tiers']);
SELECT segment.create_profile_copy('pc.copy', 'seen', '1 day');
SELECT segment.create_profile_copy('all_columns');
SELECT relation, view, every, refreshed_at FROM segment.profile_copy ORDER BY relation::text;
-- It is an ordinary table with what the view says.
SELECT relkind, count(*) FROM pg_class r, copy WHERE r.oid = 'copy'::regclass GROUP BY 1;
CREATE VIEW difference AS (TABLE seen EXCEPT TABLE copy) UNION ALL (TABLE copy EXCEPT TABLE seen);
SELECT count(*) FROM difference;
SELECT count(*) = 300 AS everybody FROM (TABLE segment.profile INTERSECT TABLE all_columns) same;
-- Until its time has come, refresh leaves it alone.
INSERT INTO visit VALUES ('v1', '2026-06-01 11:59'), ('new', '2026-06-01 11:59'), ('zzz', '2026-06-01 11:59');
DELETE FROM visit WHERE who IN ('v2', 'v300');
SET pg_segment.clock = '2026-06-02 11:00:00+00';
CALL segment.refresh();
SELECT refreshed_at, (SELECT count(*) FROM copy WHERE subscriber IN ('v2', 'new')) AS known FROM segment.profile_copy WHERE relation = 'copy'::regclass;
-- The other one is to be an hour old at most.
SELECT refreshed_at, (SELECT count(*) FROM all_columns WHERE subscriber IN ('v2', 'v300', 'new', 'zzz')) AS known FROM segment.profile_copy WHERE relation = 'all_columns'::regclass;
SET pg_segment.clock = '2026-06-02 12:00:00+00';
CALL segment.refresh();
SELECT refreshed_at FROM segment.profile_copy WHERE relation = 'copy'::regclass;
SELECT count(*) FROM difference;
-- Only what differs is written, of the time that passed as well.
CREATE TABLE written (subscriber text, version xid);
INSERT INTO written SELECT subscriber, xmin FROM copy;
INSERT INTO visit VALUES ('v200', '2026-06-02 11:59');
SET pg_segment.clock = '2026-06-03 12:00:00+00';
CALL segment.refresh();
SELECT count(*) FROM difference;
SELECT count(*) AS rewritten, bool_or(subscriber = 'v200') AS with_v200, count(*) FILTER (WHERE subscriber = 'v299') AS with_v299
FROM copy c JOIN written w USING (subscriber) WHERE c.xmin::text <> w.version::text;
-- A column that was added is left alone, and so is one that the view does not have if it is computed.
ALTER TABLE copy ADD COLUMN lately boolean GENERATED ALWAYS AS (total_events_7d > 0) STORED;
SET pg_segment.clock = '2026-06-04 12:00:00+00';
CALL segment.refresh();
SELECT count(*) FILTER (WHERE lately) > 0 AS some FROM copy;
-- Read and written with the rights of the table's owner, by whomever refresh is called.
CREATE ROLE pc_owner;
ALTER TABLE copy OWNER TO pc_owner;
-- One that cannot be brought up to date does not keep the others from it, and says so until it can.
SELECT segment.create_profile_copy('later', 'segment.profile');
SET pg_segment.clock = '2026-06-05 12:00:00+00';
CALL segment.refresh();
SELECT relation, refreshed_at, problem FROM segment.profile_copy ORDER BY relation::oid;
SELECT count(*) FROM later WHERE evaluated_at IS NOT NULL AND subscriber = 'v200';
ALTER TABLE copy OWNER TO CURRENT_USER;
CALL segment.refresh();
SELECT relation, refreshed_at, problem FROM segment.profile_copy ORDER BY relation::oid;
DROP TABLE later;
DROP TABLE copy CASCADE;
DROP ROLE pc_owner;
-- What is gone is forgotten.
CALL segment.refresh();
SELECT relation FROM segment.profile_copy;
-- Refused.
SELECT segment.create_profile_copy('all_columns');
SELECT segment.create_profile_copy('other', 'visit');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_profile_copy('other', 'nothing');
SELECT segment.create_profile_copy('other', every => '0');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_profile_copy(NULL);
-- Clean up.
SELECT segment.drop_segment('pc lately') > 0 AS dropped, segment.detach_source('visit') > 0 AS detached;
DROP SCHEMA pc CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
CALL segment.refresh();
SELECT count(*) FROM segment.profile_copy;
