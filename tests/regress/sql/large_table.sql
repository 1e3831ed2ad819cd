-- A table whose events do not fit into memory at once is read in several passes.
SET timezone = 'UTC';
SET pg_segment.clock = '2025-06-01 12:00+00';
SET maintenance_work_mem = '1MB';
SET client_min_messages = warning;
CREATE SCHEMA attach_large;
SET search_path = attach_large;
CREATE TABLE visit (who bigint, at timestamptz, value numeric);
INSERT INTO visit SELECT n % 12000, timestamptz '2025-06-01 12:00+00' - n * interval '1 minute', n % 7 FROM generate_series(1, 30000) n;
INSERT INTO visit SELECT 7, timestamptz '2025-06-01 12:00+00' - n * interval '1 minute', 1 FROM generate_series(1, 20000) n;
SELECT segment.create_segment('al_often', '{"event": "visit", "count": {"min": 3}}');
SELECT segment.attach_source('visit', subscriber => 'who', occurred_at => 'at', constant_type => 'visit', value => 'value');
SELECT count(*) FROM segment.verify();
SELECT count(*), sum(total_events_90d) AS events, sum(lifetime_value) AS value, sum(total_value_90d) AS recent FROM segment.profile;
SELECT count(*) FROM segment.member;
-- Another table of some of them.
CREATE TABLE call AS SELECT n AS who, timestamptz '2025-05-31' AS at FROM generate_series(11000, 21000) n;
SELECT segment.attach_source('call', subscriber => 'who', occurred_at => 'at', constant_type => 'call');
SELECT count(*) FROM segment.verify();
SELECT count(*), sum(total_events_90d) AS events FROM segment.profile;
-- Clean up.
SELECT segment.drop_segment('al_often') > 0 AS dropped;
SELECT segment.detach_source('call');
SELECT segment.detach_source('visit');
DROP SCHEMA attach_large CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
