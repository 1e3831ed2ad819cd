-- detach_source: what a table contributed is forgotten.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA detach;
SET search_path = detach;
CREATE TABLE orders (customer text, at timestamptz, total numeric);
CREATE TABLE visits (visitor text, at timestamptz);
INSERT INTO orders VALUES ('de.1', '2026-05-31', 10), ('de.2', '2026-05-31', 20);
INSERT INTO visits VALUES ('de.2', '2026-05-31'), ('de.3', '2026-05-31');
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SELECT segment.attach_source('visits', subscriber => 'visitor', occurred_at => 'at', constant_type => 'visit');
SELECT segment.create_segment('de buyers', '{"event": "purchase"}');
SELECT segment.create_segment('de active', '{"total_events_7d": {"min": 1}}');
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
-- Refused: a table that is not attached, or at a snapshot that does not see everything.
CREATE TABLE other (a text);
SELECT segment.detach_source('other');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.detach_source('no_such_table');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT segment.detach_source('orders');
ROLLBACK;
-- NULL in gives NULL out.
SELECT segment.detach_source(NULL);
-- The triggers go, the rows stay, and so does what other tables contributed.
SELECT segment.detach_source('orders') > 0 AS computed_again;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT segment, subscriber, action, cause FROM segment.transition WHERE action = 'left' ORDER BY 1, 2;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass;
SELECT count(*) FROM orders;
INSERT INTO orders VALUES ('de.3', '2026-05-31', 10);
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT * FROM segment.verify();
-- Attached again, with what was written meanwhile.
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
-- A detachment that is rolled back has not happened.
BEGIN;
SELECT segment.detach_source('orders') > 0 AS computed_again;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
ROLLBACK;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
INSERT INTO orders VALUES ('de.4', '2026-05-31', 10);
SELECT subscriber FROM segment.members('de buyers') ORDER BY 1;
-- The ready-made table can be detached and attached like any other.
SELECT segment.detach_source('segment.event') > 0 AS computed_again;
SELECT segment.attach_source('segment.event', subscriber => 'subscriber', occurred_at => 'occurred_at', event_type => 'event_type', value => 'value', properties => 'properties');
SELECT * FROM segment.verify();
-- Clean up.
SELECT segment.drop_segment('de buyers'), segment.drop_segment('de active');
SELECT count(segment.detach_source(relation)) FROM (VALUES ('orders'::regclass), ('visits')) AS v (relation);
SET client_min_messages = warning;
DROP SCHEMA detach CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
