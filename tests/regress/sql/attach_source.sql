-- attach_source: which tables and columns can be attached.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA attach;
SET search_path = attach;
CREATE TYPE kind AS ENUM ('email_open', 'purchase');
CREATE DOMAIN customer AS text CHECK (VALUE <> '');
CREATE DOMAIN happened AS timestamptz;

-- Every type of id, of event type, of time and of value.
CREATE TABLE by_text (who text, what text, at timestamptz, worth numeric, more jsonb);
CREATE TABLE by_integer (who integer, what varchar(20), at timestamptz, worth integer);
CREATE TABLE by_bigint (who bigint, what kind, at timestamp, worth bigint);
CREATE TABLE by_smallint (who smallint, at date, worth smallint);
CREATE TABLE by_uuid (who uuid, at happened, worth real);
CREATE TABLE by_varchar (who varchar(40), what name, at timestamptz, worth double precision);
CREATE TABLE by_char (who char(10), what char(12), at timestamptz);
CREATE TABLE by_domain (who customer, at timestamptz, more jsonb);

-- Rows that are there already count. The result is the number of their subscribers.
INSERT INTO by_text VALUES ('at.1', 'purchase', '2026-05-31', 5, '{"colour": "red"}'), ('at.1', 'open', '2026-05-31', NULL, NULL), ('at.2', 'click', '2026-05-30', NULL, NULL), (NULL, 'click', '2026-05-30', NULL, NULL);
INSERT INTO by_integer VALUES (101, 'purchase', '2026-05-31', 7);
INSERT INTO by_bigint VALUES (-9223372036854775808, 'purchase', '2026-06-01 07:30', 8);
INSERT INTO by_smallint VALUES (-32768, '2026-05-31', 9);
INSERT INTO by_uuid VALUES ('5f6bC1F0-0000-4000-8000-000000000001', '2026-05-31', 1.1);
INSERT INTO by_varchar VALUES ('at.3', 'purchase', '2026-05-31', 0.1);
INSERT INTO by_char VALUES ('at.4', 'purchase', '2026-05-31');
INSERT INTO by_domain VALUES ('at.5', '2026-05-31', '{"value": 12.5}');
SELECT segment.attach_source('by_text', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');
SELECT segment.attach_source('by_integer', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth');
-- 07:30 in New York is 11:30 UTC, half an hour before the clock.
SELECT segment.attach_source('by_bigint', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', time_zone => 'America/New_York');
-- Midnight in Paris is 22:00 UTC of the day before.
SELECT segment.attach_source('by_smallint', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase', value => 'worth', time_zone => 'Europe/Paris');
SELECT segment.attach_source('by_uuid', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase', value => 'worth');
SELECT segment.attach_source('by_varchar', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth');
SELECT segment.attach_source('by_char', subscriber => 'who', occurred_at => 'at', event_type => 'what');
SELECT segment.attach_source('by_domain', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase', properties => 'more');
SELECT relation, subscriber, occurred_at, time_zone, event_type, constant_type, value, properties FROM segment.source WHERE relation <> 'segment.event'::regclass ORDER BY source_id;
SELECT subscriber, last_event_at, total_events_7d, open_rate_30d, click_rate_30d, lifetime_value FROM segment.profile ORDER BY 1;
SELECT * FROM segment.verify();
-- Rows written from now on count too, by each type.
INSERT INTO by_text VALUES ('at.1', 'purchase', '2026-06-01', 5, NULL);
INSERT INTO by_integer VALUES (101, 'purchase', '2026-06-01', 7);
INSERT INTO by_bigint VALUES (-9223372036854775808, 'purchase', '2026-06-01 08:00', 8);
INSERT INTO by_smallint VALUES (-32768, '2026-06-01', 9);
INSERT INTO by_uuid VALUES ('5f6bC1F0-0000-4000-8000-000000000001', '2026-06-01', 1.1);
INSERT INTO by_varchar VALUES ('at.3', 'purchase', '2026-06-01', 0.1);
INSERT INTO by_char VALUES ('at.4', 'purchase', '2026-06-01');
INSERT INTO by_domain VALUES ('at.5', '2026-06-01', '{"value": 12.5}');
SELECT subscriber, last_event_at, total_events_7d, lifetime_value FROM segment.profile ORDER BY 1;
SELECT * FROM segment.verify();
-- Rows changed and deleted are looked up by id, again by each type: what came first must be found anew.
DELETE FROM by_text WHERE at = '2026-05-31';
DELETE FROM by_integer WHERE at = '2026-05-31';
DELETE FROM by_bigint WHERE at = '2026-06-01 07:30';
DELETE FROM by_smallint WHERE at = '2026-05-31';
DELETE FROM by_uuid WHERE at = '2026-05-31';
UPDATE by_varchar SET at = '2026-06-01 01:00' WHERE at = '2026-05-31';
UPDATE by_char SET at = '2026-06-01 01:00' WHERE at = '2026-05-31';
UPDATE by_domain SET at = '2026-06-01 01:00' WHERE at = '2026-05-31';
SELECT subscriber, first_event_at, last_event_at, total_events_7d, lifetime_value FROM segment.profile ORDER BY 1;
SELECT * FROM segment.verify();
-- Four triggers capture a table; nothing else of it is touched.
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'by_text'::regclass ORDER BY 1;
-- The work is on record.
SELECT kind, subscribers, transitions, finished_at IS NOT NULL AS finished FROM segment.run WHERE kind = 'attach_source' ORDER BY run_id;

-- Refused: a table that is attached already.
SELECT segment.attach_source('by_text', subscriber => 'who', occurred_at => 'at', event_type => 'what');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_source('segment.event', subscriber => 'subscriber', occurred_at => 'occurred_at', event_type => 'event_type');

CREATE TABLE events (id bigint PRIMARY KEY, customer text, kind text, happened_at timestamptz, local_at timestamp, day date,
                     amount numeric, details jsonb, old_details json, flag boolean, score money, labels text[], ids numeric, span interval);
-- Refused: a wrong name of a column, with the near one or all of them.
SELECT segment.attach_source('events', subscriber => 'custmer', occurred_at => 'happened_at', event_type => 'kind');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'hapened_at', event_type => 'kind');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'knd');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind', value => 'amonut');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind', properties => 'detials');
SELECT segment.attach_source('events', subscriber => 'shoe_size', occurred_at => 'happened_at', event_type => 'kind');
-- Refused: system columns, and names in another case.
SELECT segment.attach_source('events', subscriber => 'ctid', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source('events', subscriber => 'Customer', occurred_at => 'happened_at', event_type => 'kind');
-- Refused: a type that the role cannot have.
SELECT segment.attach_source('events', subscriber => 'flag', occurred_at => 'happened_at', event_type => 'kind');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_source('events', subscriber => 'ids', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source('events', subscriber => 'details', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'kind', event_type => 'kind');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'span', event_type => 'kind');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'amount');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'labels');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind', value => 'customer');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind', value => 'score');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind', properties => 'old_details');
-- Refused: both or neither way of telling the type; an empty constant.
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind', constant_type => 'purchase');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', constant_type => '');
-- Refused: a way of capturing that there is not.
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind', capture => 'rows');
\echo :LAST_ERROR_SQLSTATE
-- Refused: nothing where something is needed.
SELECT segment.attach_source(NULL, subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_source('events', subscriber => NULL, occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => NULL, event_type => 'kind');
-- Refused: local times without a zone, or with one that nobody knows.
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'local_at', event_type => 'kind');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'day', event_type => 'kind');
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'local_at', event_type => 'kind', time_zone => 'Mars/Olympus');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind', time_zone => 'Mars/Olympus');

-- Refused: relations that are no table, parts of others, and those whose rows come and go unseen.
CREATE VIEW a_view AS SELECT * FROM events;
CREATE MATERIALIZED VIEW a_materialized_view AS SELECT * FROM events;
CREATE SEQUENCE a_sequence;
CREATE TYPE a_type AS (customer text, kind text, happened_at timestamptz);
CREATE FOREIGN DATA WRAPPER dummy;
CREATE SERVER nowhere FOREIGN DATA WRAPPER dummy;
CREATE FOREIGN TABLE a_foreign_table (customer text, kind text, happened_at timestamptz) SERVER nowhere;
CREATE TABLE a_partitioned_table (customer text, kind text, happened_at timestamptz) PARTITION BY LIST (kind);
CREATE TABLE a_partition PARTITION OF a_partitioned_table DEFAULT;
CREATE TABLE a_parent (LIKE events);
CREATE TABLE a_child () INHERITS (a_parent);
CREATE TEMPORARY TABLE a_temporary_table (customer text, kind text, happened_at timestamptz);
CREATE UNLOGGED TABLE an_unlogged_table (LIKE events);
CREATE TABLE a_forced_table (LIKE events);
ALTER TABLE a_forced_table ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT segment.attach_source('a_view', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_source('a_materialized_view', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source('a_sequence', subscriber => 'last_value', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source('a_type', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source('events_pkey', subscriber => 'id', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source('a_foreign_table', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_source('a_partition', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.attach_source('a_child', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
\set VERBOSITY sqlstate
SELECT segment.attach_source('a_temporary_table', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
\set VERBOSITY default
SELECT segment.attach_source('an_unlogged_table', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source('a_forced_table', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source('pg_catalog.pg_class', subscriber => 'relname', occurred_at => 'relname', event_type => 'relname');
SELECT segment.attach_source('segment.state', subscriber => 'subscriber', occurred_at => 'evaluated_at', constant_type => 'x');
SELECT segment.attach_source('no_such_table', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.attach_source(0::regclass, subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
\echo :LAST_ERROR_SQLSTATE
-- Row security that spares the owner is fine.
ALTER TABLE a_forced_table NO FORCE ROW LEVEL SECURITY;
SELECT segment.attach_source('a_forced_table', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
SELECT segment.detach_source('a_forced_table') >= 0 AS detached;

-- Refused: a table of somebody else, whatever the caller may execute.
CREATE ROLE attach_user;
GRANT USAGE ON SCHEMA attach TO attach_user;
GRANT ALL ON TABLE events TO attach_user;
SET ROLE attach_user;
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
RESET ROLE;
GRANT EXECUTE ON FUNCTION segment.attach_source, segment.detach_source TO attach_user;
SET ROLE attach_user;
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.detach_source('by_text');
RESET ROLE;
-- Its own it may attach.
ALTER TABLE events OWNER TO attach_user;
SET ROLE attach_user;
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
RESET ROLE;

-- Refused: a snapshot that does not see every committed event.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT segment.attach_source('a_forced_table', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
-- Rolled back, it leaves nothing.
BEGIN;
SELECT segment.attach_source('a_forced_table', subscriber => 'customer', occurred_at => 'happened_at', event_type => 'kind');
ROLLBACK;
SELECT count(*) FROM segment.source WHERE relation = 'a_forced_table'::regclass;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'a_forced_table'::regclass;
SELECT * FROM segment.verify();

-- Refused: a column that PostgreSQL 18 would compute when it is read; here the catalogue says so of an ordinary one.
CREATE TABLE computed (who text, at timestamptz, worth numeric);
BEGIN;
UPDATE pg_attribute SET attgenerated = 'v' WHERE attrelid = 'computed'::regclass AND attname = 'worth';
SELECT segment.attach_source('computed', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase', value => 'worth');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- Clean up.
\set VERBOSITY terse
SELECT count(segment.detach_source(relation)) FROM (SELECT relation FROM segment.source WHERE relation <> 'segment.event'::regclass ORDER BY source_id) s;
SET client_min_messages = warning;
DROP SCHEMA attach CASCADE;
DROP SERVER nowhere;
DROP FOREIGN DATA WRAPPER dummy;
REVOKE EXECUTE ON FUNCTION segment.attach_source, segment.detach_source FROM attach_user;
DROP ROLE attach_user;
DELETE FROM segment.state;
DELETE FROM segment.due;
SELECT * FROM segment.verify();
