-- When the flush happens at unusual moments, each event still counts once.
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA flush;
SET search_path = flush;
CREATE TABLE orders (customer text, at timestamptz, total numeric);
CREATE TABLE visits (visitor text, at timestamptz);
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SELECT segment.attach_source('visits', subscriber => 'visitor', occurred_at => 'at', constant_type => 'visit');
SELECT segment.create_segment('fl once', '{"event": "purchase", "count": {"equals": 1}}');
CREATE VIEW truth AS
  SELECT 'fl once' AS segment, customer AS subscriber FROM orders GROUP BY customer HAVING count(*) = 1;
CREATE VIEW difference AS
  (TABLE truth EXCEPT ALL SELECT segment, subscriber FROM segment.member WHERE segment = 'fl once')
  UNION ALL (SELECT segment, subscriber FROM segment.member WHERE segment = 'fl once' EXCEPT ALL TABLE truth)
  UNION ALL SELECT finding, subscriber FROM segment.verify();

-- A flush before the first event, and in between; SET CONSTRAINTS has nothing to do with it.
BEGIN;
SELECT segment.flush();
INSERT INTO orders VALUES ('fl.1', '2026-05-01', 1);
SET CONSTRAINTS ALL IMMEDIATE;
SELECT segment, subscriber FROM segment.member WHERE subscriber = 'fl.1';
SELECT segment.flush();
SELECT segment, subscriber FROM segment.member WHERE subscriber = 'fl.1';
INSERT INTO orders VALUES ('fl.1', '2026-05-02', 1), ('fl.2', '2026-05-02', 1);
COMMIT;
BEGIN;
INSERT INTO orders VALUES ('fl.3', '2026-05-01', 1);
SELECT segment.flush();
INSERT INTO orders VALUES ('fl.3', '2026-05-02', 1), ('fl.4', '2026-05-02', 1);
COMMIT;
SELECT * FROM difference;
-- Flushed within a savepoint that is rolled back: the flush is undone, and what was captured before it is flushed again.
BEGIN;
INSERT INTO orders VALUES ('fl.13', '2026-05-01', 1);
SAVEPOINT a;
INSERT INTO orders VALUES ('fl.13', '2026-05-02', 1), ('fl.14', '2026-05-02', 1);
SELECT segment.flush();
SELECT subscriber FROM segment.member WHERE subscriber IN ('fl.13', 'fl.14');
ROLLBACK TO a;
SELECT subscriber FROM segment.member WHERE subscriber IN ('fl.13', 'fl.14');
COMMIT;
SELECT subscriber FROM segment.member WHERE subscriber IN ('fl.13', 'fl.14');
SELECT * FROM difference;

-- verify() sees what it has just flushed.
BEGIN;
INSERT INTO orders VALUES ('fl.5', '2026-05-01', 1);
SELECT * FROM segment.verify();
COMMIT;

-- Inside a statement: a trigger that flushes and deletes while the rows of the statement are there but not captured.
CREATE FUNCTION react() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM flush.visits WHERE visitor = NEW.customer;
  PERFORM segment.flush();
  RETURN NULL;
END $$;
CREATE TRIGGER react AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION react();
INSERT INTO visits VALUES ('fl.6', '2026-04-01'), ('fl.6', '2026-05-01');
INSERT INTO orders VALUES ('fl.6', '2026-05-10', 1);
SELECT * FROM difference;
CREATE FUNCTION drop_visits(who text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM flush.visits WHERE visitor = who;
  PERFORM segment.flush();
  RETURN who;
END $$;
INSERT INTO visits VALUES ('fl.6', '2026-04-01'), ('fl.6', '2026-05-01');
INSERT INTO orders VALUES ('fl.6', '2026-05-11', 1);
INSERT INTO visits VALUES ('fl.6', '2026-04-01'), ('fl.6', '2026-05-01');
DELETE FROM orders WHERE customer = 'fl.6' AND at = '2026-05-11' RETURNING drop_visits(customer);
SELECT * FROM difference;
DROP TRIGGER react ON orders;

-- Inside a restricted operation: a function called by REFRESH MATERIALIZED VIEW.
CREATE FUNCTION insert_order() RETURNS integer LANGUAGE sql VOLATILE AS $$
  DELETE FROM flush.orders WHERE customer = 'fl.3' AND at = '2026-05-02';
  INSERT INTO flush.orders VALUES ('fl.7', '2026-05-01', 1) RETURNING 1
$$;
CREATE MATERIALIZED VIEW inserting AS SELECT flush.insert_order() WITH NO DATA;
REFRESH MATERIALIZED VIEW inserting;
SELECT * FROM difference;

-- A source whose owner may not read it any more: the writer goes on, warned, and verify() names the table.
CREATE ROLE fl_owner;
ALTER TABLE visits OWNER TO fl_owner;
INSERT INTO visits VALUES ('fl.8', '2026-04-01'), ('fl.8', '2026-05-01');
DELETE FROM visits WHERE visitor = 'fl.8' AND at = '2026-05-01';
SELECT * FROM segment.verify();
CALL segment.rebuild();
GRANT USAGE ON SCHEMA flush TO fl_owner;
CALL segment.rebuild();
SELECT * FROM difference;
-- Policies that would hide rows from the owner.
ALTER TABLE visits ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DELETE FROM visits WHERE visitor = 'fl.8';
SELECT finding, stored FROM segment.verify();
ALTER TABLE visits NO FORCE ROW LEVEL SECURITY;
CALL segment.rebuild();
SELECT * FROM difference;

-- Changing a column's type, and renaming one, between events.
INSERT INTO orders VALUES ('fl.9', '2026-05-01', 1);
ALTER TABLE orders ALTER total TYPE bigint USING (total * 100)::bigint;
DELETE FROM orders WHERE customer = 'fl.9';
INSERT INTO orders VALUES ('fl.10', '2026-05-01', 1);
CALL segment.rebuild();
SELECT * FROM difference;
ALTER TABLE orders RENAME total TO amount;
INSERT INTO orders VALUES ('fl.11', '2026-05-01', 1);
SELECT finding, stored FROM segment.verify();
ALTER TABLE orders RENAME amount TO total;
CALL segment.rebuild();
SELECT * FROM difference;

-- Whom a flush has computed again waits for the end where nothing new is known: to forget many writes each a few times, and not as often
-- as there are others.
INSERT INTO visits SELECT 'fl.many' || i, '2026-04-01' FROM generate_series(1, 40) i;
BEGIN;
SELECT sum(segment.forget('fl.many' || i)) AS rows FROM generate_series(1, 40) i;
SELECT n_tup_del BETWEEN 40 AND 160 AS few FROM pg_stat_xact_all_tables WHERE schemaname = 'segment' AND relname = 'state';
COMMIT;
SELECT count(*) FROM segment.state WHERE subscriber LIKE 'fl.many%';
SELECT * FROM difference;

-- Operators of the caller's own are not used, whoever sets the search path.
CREATE SCHEMA trap;
CREATE FUNCTION trap.sprung(anyelement, anyelement) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE OPERATOR trap.= (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = trap.sprung);
CREATE FUNCTION trap.sprung(oid, oid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE OPERATOR trap.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = trap.sprung);
CREATE FUNCTION trap.sprung(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.sprung);
\c
SET pg_segment.clock = '2026-06-01 12:00:00+00';
SET search_path = trap, pg_temp, pg_catalog;
INSERT INTO flush.orders VALUES ('fl.12', '2026-05-01', 1);
DELETE FROM flush.orders WHERE at OPERATOR(pg_catalog.=) '2026-05-01';
TRUNCATE flush.orders;
SELECT count(*) FROM segment.explain('fl.12', 'fl once');
SELECT count(*) FROM segment.kmeans('flush.visits', ARRAY['at'], 1);
SELECT segment.detach_source('flush.visits') >= 0 AS detached;
SELECT segment.attach_source('flush.visits', subscriber => 'visitor', occurred_at => 'at', constant_type => 'visit') >= 0 AS attached;
SELECT * FROM segment.verify();
RESET search_path;

SELECT segment.drop_segment('fl once');
SELECT segment.detach_source('flush.orders') >= 0 AS detached;
SELECT segment.detach_source('flush.visits') >= 0 AS detached;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA flush CASCADE;
DROP SCHEMA trap CASCADE;
DROP ROLE fl_owner;
DELETE FROM segment.state WHERE subscriber LIKE 'fl.%';
DELETE FROM segment.due WHERE subscriber LIKE 'fl.%';
