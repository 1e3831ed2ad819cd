-- verify finds every difference between what is stored and what the events say; rebuild repairs it.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA verify;
SET search_path = verify;
CREATE TABLE events (who text, what text, at timestamptz);
INSERT INTO events VALUES ('ve.1', 'purchase', '2026-05-31'), ('ve.2', 'purchase', '2026-05-31'), ('ve.2', 'visit', '2026-05-31'), ('ve.3', 'visit', '2026-05-31');
SELECT segment.attach_source('events', subscriber => 'who', occurred_at => 'at', event_type => 'what');
SELECT segment.create_segment('ve buyers', '{"event": "purchase", "within": "30 days"}'), segment.create_segment('ve visitors', '{"event": "visit"}');
-- No row where all is exact.
SELECT * FROM segment.verify();
-- Events written behind a disabled trigger.
ALTER TABLE events DISABLE TRIGGER pg_segment_insert;
INSERT INTO events VALUES ('ve.3', 'purchase', '2026-05-31'), ('ve.4', 'purchase', '2026-05-31');
SELECT subscriber, finding, segment, expected FROM segment.verify() WHERE finding <> 'state' ORDER BY 1 NULLS FIRST, 2, 3;
SELECT subscriber, finding FROM segment.verify() WHERE finding = 'state' ORDER BY 1;
SELECT stored FROM segment.verify() WHERE finding = 'source';
CALL segment.rebuild();
SELECT subscriber, finding FROM segment.verify();
ALTER TABLE events ENABLE TRIGGER pg_segment_insert;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
-- A trigger that only fires for replication does not capture.
ALTER TABLE events ENABLE REPLICA TRIGGER pg_segment_update;
SELECT finding, stored, expected FROM segment.verify();
-- One that fires for both does.
ALTER TABLE events ENABLE ALWAYS TRIGGER pg_segment_update;
SELECT * FROM segment.verify();
ALTER TABLE events ENABLE TRIGGER pg_segment_update;
DROP TRIGGER pg_segment_truncate ON events;
SELECT finding, stored, expected FROM segment.verify();
CREATE TRIGGER pg_segment_truncate AFTER TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION segment.capture();
-- Writes in replica mode, which no trigger sees.
SET session_replication_role = replica;
DELETE FROM events WHERE who = 've.1';
RESET session_replication_role;
SELECT subscriber, finding, segment, CASE finding WHEN 'membership' THEN stored END AS stored, CASE finding WHEN 'membership' THEN expected END AS expected FROM segment.verify() ORDER BY 1, 2;
CALL segment.rebuild();
SELECT * FROM segment.verify();
-- A membership row deleted, or invented, by hand.
BEGIN;
DELETE FROM segment.membership WHERE subscriber = 've.2';
SELECT subscriber, finding, segment, stored, expected FROM segment.verify() ORDER BY 1, 3;
ROLLBACK;
BEGIN;
INSERT INTO segment.membership (segment_id, subscriber, since) SELECT segment_id, 've.4', '2026-05-31' FROM segment.definition ON CONFLICT DO NOTHING;
SELECT subscriber, finding, segment, expected FROM segment.verify() ORDER BY 1, 3;
ROLLBACK;
SELECT * FROM segment.verify();
-- Rebuilding makes both right.
DELETE FROM segment.membership WHERE subscriber = 've.2';
INSERT INTO segment.membership (segment_id, subscriber, since) SELECT segment_id, 've.4', '2026-05-31' FROM segment.definition ON CONFLICT DO NOTHING;
CALL segment.rebuild();
SELECT * FROM segment.verify();

-- Rows of somebody who has no state.
INSERT INTO segment.membership (segment_id, subscriber, since) SELECT segment_id, 've.ghost', '2026-05-31' FROM segment.definition;
SELECT subscriber, finding, stored, expected FROM segment.verify();
CALL segment.rebuild();
SELECT * FROM segment.verify();
-- A state changed, emptied, damaged or deleted by hand.
UPDATE segment.state SET activity = (SELECT activity FROM segment.state WHERE subscriber = 've.4') WHERE subscriber = 've.3';
SELECT subscriber, finding, segment FROM segment.verify() ORDER BY 2, 3;
CALL segment.rebuild();
UPDATE segment.state SET activity = '' WHERE subscriber = 've.2';
SELECT subscriber, finding FROM segment.verify() ORDER BY 2;
CALL segment.rebuild();
UPDATE segment.state SET activity = '\xdeadbeef' WHERE subscriber = 've.2';
SELECT subscriber, finding, stored, expected FROM segment.verify();
CALL segment.rebuild();
SELECT * FROM segment.verify();
UPDATE segment.state SET members = '' WHERE subscriber = 've.2';
SELECT subscriber, finding, segment FROM segment.verify() ORDER BY 3;
CALL segment.rebuild();
SELECT * FROM segment.verify();
DELETE FROM segment.state WHERE subscriber = 've.2';
SELECT subscriber, finding, stored, expected FROM segment.verify() ORDER BY finding;
CALL segment.rebuild();
SELECT * FROM segment.verify();
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
-- A due time that is too late, or missing.
UPDATE segment.due SET due_at = '2027-01-01' WHERE subscriber = 've.2';
SELECT subscriber, finding, stored, expected FROM segment.verify();
DELETE FROM segment.due WHERE subscriber = 've.2';
SELECT subscriber, finding, stored, expected FROM segment.verify();
CALL segment.rebuild();
SELECT * FROM segment.verify();
-- A table that no longer fits its mapping: writers are warned and not stopped, verify says so, and a repair of the table or a detachment ends it.
ALTER TABLE events RENAME COLUMN what TO kind;
INSERT INTO events VALUES ('ve.5', 'purchase', '2026-05-31');
SELECT finding, stored, expected FROM segment.verify() WHERE finding = 'source';
ALTER TABLE events RENAME COLUMN kind TO what;
CALL segment.rebuild();
SELECT * FROM segment.verify();
SELECT subscriber FROM segment.members('ve buyers') ORDER BY 1;
-- Changes of the table that do not matter: a new column, a dropped one, another name.
ALTER TABLE events ADD COLUMN note text DEFAULT 'x';
INSERT INTO events VALUES ('ve.6', 'purchase', '2026-05-31');
ALTER TABLE events DROP COLUMN note;
ALTER TABLE events RENAME TO renamed;
INSERT INTO renamed VALUES ('ve.7', 'purchase', '2026-05-31');
SELECT subscriber FROM segment.members('ve buyers') ORDER BY 1;
SELECT * FROM segment.verify();
-- A dropped table: its source stays until it is detached, and what it contributed until then.
CREATE TABLE gone (who text, at timestamptz);
SELECT segment.attach_source('gone', subscriber => 'who', occurred_at => 'at', constant_type => 'purchase');
INSERT INTO gone VALUES ('ve.9', '2026-05-31');
DROP TABLE gone;
SELECT subscriber, finding, segment FROM segment.verify() ORDER BY 1 NULLS FIRST, 2;
INSERT INTO renamed VALUES ('ve.1', 'visit', '2026-05-31');
SELECT subscriber FROM segment.members('ve buyers') ORDER BY 1;
SELECT count(segment.detach_source(relation)) FROM segment.source s WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.relation);
SELECT subscriber FROM segment.members('ve buyers') ORDER BY 1;
SELECT * FROM segment.verify();
-- A partition's rows that are written through its parent, which fires no trigger of the partition.
CREATE TABLE parent (LIKE renamed) PARTITION BY LIST (what);
ALTER TABLE parent ATTACH PARTITION renamed DEFAULT;
INSERT INTO parent VALUES ('ve.10', 'purchase', '2026-05-31');
SELECT subscriber, finding FROM segment.verify() ORDER BY 1 NULLS FIRST, 2;
ALTER TABLE parent DETACH PARTITION renamed;
CALL segment.rebuild();
SELECT * FROM segment.verify();
SELECT count(*) FROM segment.members('ve buyers') WHERE subscriber = 've.10';
-- A rewrite of the table that changes what its rows say.
ALTER TABLE renamed ALTER COLUMN what TYPE varchar USING CASE who WHEN 've.10' THEN 'visit' ELSE what END;
SELECT subscriber, finding, segment FROM segment.verify() ORDER BY 1, 2, 3;
INSERT INTO renamed VALUES ('ve.11', 'purchase', '2026-05-31');
CALL segment.rebuild();
SELECT * FROM segment.verify();
SELECT subscriber FROM segment.members('ve buyers') ORDER BY 1;
-- A rebuild is on record, and commits in between, which a transaction block does not allow.
SELECT kind, subscribers, transitions, finished_at IS NOT NULL AS finished FROM segment.run WHERE kind = 'rebuild' ORDER BY run_id DESC LIMIT 1;
BEGIN;
CALL segment.rebuild();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
-- Outside a block a rebuild runs under any default isolation level.
SET default_transaction_isolation = 'repeatable read';
CALL segment.rebuild();
SET default_transaction_isolation = 'serializable';
CALL segment.rebuild();
CALL segment.refresh();
RESET default_transaction_isolation;
SELECT * FROM segment.verify();
-- verify reads under any isolation level, in a read-only transaction too.
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT * FROM segment.verify();
COMMIT;
-- Clean up.
SELECT segment.drop_segment('ve buyers'), segment.drop_segment('ve visitors');
SELECT segment.detach_source('renamed') > 0 AS renamed;
SET client_min_messages = warning;
DROP SCHEMA verify CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
