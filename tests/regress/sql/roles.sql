-- Privileges: an outsider, a reader, a manager, and the owner of an attached table, with the grants of sql/roles.sql.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
SELECT segment.now() IS NOT NULL AS loaded;
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE ROLE r_outsider;
CREATE ROLE r_reader;
CREATE ROLE r_manager;
CREATE ROLE r_owner;
CREATE ROLE r_writer;
\getenv abs_srcdir PG_ABS_SRCDIR
\set roles :abs_srcdir '/../../sql/roles.sql'
\set reader r_reader
\set manager r_manager
\set ECHO none
\i :roles
\set ECHO all
CREATE SCHEMA roles;
GRANT USAGE, CREATE ON SCHEMA roles TO r_outsider, r_reader, r_manager, r_owner, r_writer;
SET search_path = roles;

-- An outsider can do nothing but look into the schema.
SET ROLE r_outsider;
SELECT segment.now();
SELECT * FROM segment.member;
SELECT * FROM segment.profile;
SELECT * FROM segment.summary;
SELECT * FROM segment.transition;
SELECT * FROM segment.state;
SELECT * FROM segment.event;
SELECT segment.create_segment('rl x', '{}');
SELECT segment.drop_segment('rl x');
SELECT * FROM segment.record_event('rl.1', 'visit');
SELECT segment.matches('{}', '{}');
SELECT * FROM segment.members('rl x');
SELECT * FROM segment.members_as_of('rl x', now());
SELECT segment.time_in_segment('rl x', 'rl.1');
SELECT * FROM segment.preview('{}');
SELECT * FROM segment.diff('rl x', '{}');
SELECT * FROM segment.dependents('rl x');
SELECT * FROM segment.history_begin;
SELECT * FROM segment.verify();
SELECT segment.flush();
SELECT segment.create_event_table();
CALL segment.refresh();
CALL segment.rebuild();
INSERT INTO segment.event (subscriber, event_type) VALUES ('rl.1', 'visit');
INSERT INTO segment.queue (queued_at, streams, subscriber) VALUES (now(), 0, 'rl.1');
UPDATE segment.version SET version = 0;
SELECT nextval('segment.version_number');
CREATE TABLE segment.mine (a text);
-- Nor can its own table be made to feed the engine.
CREATE TABLE outside (subscriber text, event_type text, occurred_at timestamptz);
CREATE TRIGGER mine AFTER INSERT ON outside REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION segment.capture();
SELECT segment.capture();
RESET ROLE;
-- Even with the right to, the trigger does nothing on a table that is not attached.
GRANT EXECUTE ON FUNCTION segment.capture, segment.invalidate_trigger TO r_outsider;
SET ROLE r_outsider;
CREATE TRIGGER mine AFTER INSERT ON outside REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION segment.capture();
INSERT INTO outside VALUES ('rl.outside', 'visit', '2026-05-31');
RESET ROLE;
SELECT count(*) FROM segment.state WHERE subscriber = 'rl.outside';
SELECT count(*) FROM segment.queue;
REVOKE EXECUTE ON FUNCTION segment.capture, segment.invalidate_trigger FROM r_outsider;
DROP TABLE outside;

-- A manager defines segments and attaches tables that it owns.
SET ROLE r_manager;
CREATE TABLE orders (customer text, at timestamptz, total numeric);
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SELECT segment.create_segment('rl buyers', '{"event": "purchase"}');
INSERT INTO orders VALUES ('rl.1', '2026-05-31', 10);
SELECT entered FROM segment.record_event('rl.2', 'purchase', '2026-05-31', 5);
SELECT segment.flush();
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT path, actual, holds FROM segment.explain('rl.1', 'rl buyers');
SELECT * FROM segment.preview('{"event": "purchase"}');
SELECT * FROM segment.preview('{"event": "purchase", "sum": {"min": 7}, "of": "value", "within": "3 days"}');
SELECT * FROM segment.diff('rl buyers', '{"event": "purchase", "maximum": {"min": 7}, "of": "value"}');
SET pg_segment.history_retention = '1d';
CALL segment.refresh();
CALL segment.rebuild();
SELECT * FROM segment.verify();
SELECT relation, constant_type FROM segment.source ORDER BY source_id;
SELECT kind, subscribers FROM segment.run ORDER BY run_id DESC LIMIT 1;
SELECT size, feature, mean FROM segment.kmeans('segment.profile', ARRAY['lifetime_value'], 2, model => 'rl') ORDER BY mean;
SELECT id FROM segment.kmeans_assign('rl', 'segment.profile', 'subscriber') ORDER BY 1;
SELECT name, version FROM segment.cluster_model WHERE name = 'rl';
-- It cannot write the engine's tables, set the clock, or take over tables of others.
INSERT INTO segment.membership VALUES (now(), 1, 'rl.3');
UPDATE segment.state SET members = '\xff';
DELETE FROM segment.history;
INSERT INTO segment.definition (name, criteria) VALUES ('rl y', '{}');
DELETE FROM segment.source;
INSERT INTO segment.event (subscriber, event_type) VALUES ('rl.1', 'visit');
SET pg_segment.clock = '2030-01-01';
CALL segment.refresh(until => '2030-01-01');
SELECT segment.detach_source('segment.event');
RESET ROLE;
CREATE TABLE secret (customer text, at timestamptz);
SET ROLE r_manager;
SELECT segment.attach_source('secret', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase');
RESET ROLE;

-- A reader sees who is in, and defines nothing.
SET ROLE r_reader;
SELECT segment, subscriber, since FROM segment.member ORDER BY 1, 2;
SELECT subscriber, lifetime_value, segments FROM segment.profile ORDER BY 1;
SELECT segment, members FROM segment.summary ORDER BY 1;
SELECT segment, subscriber, action FROM segment.transition ORDER BY 2;
SELECT subscriber FROM segment.members('rl buyers') ORDER BY 1;
SELECT path, holds FROM segment.explain('rl.1', 'rl buyers');
SELECT segment.members_as_of('rl buyers', segment.now());
SELECT segment.time_in_segment('rl buyers', 'rl.1');
SELECT * FROM segment.dependents('rl buyers');
SELECT * FROM segment.preview('{}');
SELECT * FROM segment.diff('rl buyers', '{}');
SELECT segment.validate('{}'), segment.matches('{}', '{}'), segment.now(), segment.engagement_score('visit', '2026-05-31', NULL);
SELECT segment.create_segment('rl z', '{}');
SELECT segment.drop_segment('rl buyers');
SELECT * FROM segment.record_event('rl.1', 'visit');
SELECT segment.detach_source('orders');
SELECT * FROM segment.verify();
SELECT segment.flush();
CALL segment.refresh();
CALL segment.rebuild();
SELECT * FROM segment.event;
SELECT * FROM segment.source;
SELECT * FROM segment.kmeans('segment.profile', ARRAY['lifetime_value'], 1);
RESET ROLE;
-- A reader reads on the fly as well, with somebody overdue.
SELECT segment.create_segment('rl lately', '{"event": "purchase", "within": "2 days"}');
SET pg_segment.clock = '2026-06-03 00:00:00+00';
SET ROLE r_reader;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT subscriber, segments FROM segment.profile ORDER BY 1;
SELECT segment.members_as_of('rl lately', '2026-06-01 12:00') ORDER BY 1;
SELECT segment.time_in_segment('rl lately', 'rl.1');
RESET ROLE;

-- Whoever may write an attached table needs no right on the extension; row security and its own search path change nothing.
GRANT INSERT, UPDATE, DELETE, TRUNCATE, SELECT ON orders TO r_writer;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY some_rows ON orders TO r_writer USING (customer <> 'rl.1') WITH CHECK (true);
SET ROLE r_writer;
INSERT INTO orders VALUES ('rl.3', '2026-05-31', 1), ('rl.1', '2026-05-31', 1);
SELECT count(*) FROM orders;
UPDATE orders SET total = 2;
DELETE FROM orders WHERE customer = 'rl.1';
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
RESET ROLE;
SELECT subscriber, lifetime_value FROM segment.profile ORDER BY 1;
SELECT * FROM segment.verify();
-- A table of a role without any right on the extension, attached by a superuser: the engine reads it as its owner.
SET ROLE r_owner;
CREATE TABLE visits (customer text, at timestamptz);
INSERT INTO visits VALUES ('rl.4', '2026-05-31');
RESET ROLE;
SELECT segment.attach_source('visits', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase');
SET ROLE r_owner;
INSERT INTO visits VALUES ('rl.5', '2026-05-31');
UPDATE visits SET at = '2026-05-30' WHERE customer = 'rl.4';
DELETE FROM visits WHERE customer = 'rl.5';
TRUNCATE visits;
INSERT INTO visits VALUES ('rl.6', '2026-05-31');
RESET ROLE;
SELECT subscriber FROM segment.members('rl buyers') ORDER BY 1;
SELECT * FROM segment.verify();

-- Clean up.
SELECT segment.drop_segment('rl buyers'), segment.drop_segment('rl lately');
SELECT count(segment.detach_source(relation)) FROM (VALUES ('orders'::regclass), ('visits')) AS v (relation);
SET client_min_messages = warning;
TRUNCATE segment.event;
DELETE FROM segment.cluster_model;
DROP SCHEMA roles CASCADE;
DROP OWNED BY r_outsider, r_reader, r_manager, r_owner, r_writer;
DROP ROLE r_outsider, r_reader, r_manager, r_owner, r_writer;
DELETE FROM segment.state;
DELETE FROM segment.due;
-- Nothing is left over in anybody's hands.
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'segment'::regnamespace AND a.grantee <> c.relowner;
