-- H6. Every way of writing rows counts each event once.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA forms;
SET search_path = forms;
CREATE TABLE customer (id text PRIMARY KEY);
CREATE TABLE orders (id integer PRIMARY KEY, customer text REFERENCES customer ON DELETE CASCADE ON UPDATE CASCADE, at timestamptz DEFAULT '2026-05-31', total numeric);
INSERT INTO customer SELECT 'wf.' || i FROM generate_series(1, 9) i;
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SELECT segment.create_segment('wf one', '{"event": "purchase"}'), segment.create_segment('wf two', '{"event": "purchase", "count": {"min": 2}}'),
       segment.create_segment('wf total', '{"event": "purchase", "sum": {"min": 100}, "within": "30 days"}');
-- Counts, totals and segments of everybody, and whether all is exact.
CREATE FUNCTION now_in() RETURNS TABLE (subscriber text, events numeric, total numeric, segments text[], exact boolean) LANGUAGE sql AS $$
  SELECT subscriber, total_events_90d, lifetime_value, segments, NOT EXISTS (SELECT FROM segment.verify()) FROM segment.profile WHERE subscriber LIKE 'wf.%' ORDER BY 1
$$;
-- INSERT of one row, and of many.
INSERT INTO orders VALUES (1, 'wf.1', DEFAULT, 10);
INSERT INTO orders (id, customer, total) VALUES (2, 'wf.1', 20), (3, 'wf.2', 100), (4, 'wf.3', 1);
SELECT * FROM now_in();
-- COPY.
COPY orders (id, customer, total) FROM stdin;
5	wf.3	99.5
6	wf.4	0.000001
7	wf.4	-5
\.
SELECT * FROM now_in();
-- INSERT ... SELECT, RETURNING and a trigger of the user's own that changes the row.
CREATE FUNCTION cap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.total := least(NEW.total, 1000); RETURN NEW; END $$;
CREATE TRIGGER cap BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION cap();
INSERT INTO orders (id, customer, total) SELECT 10 + i, 'wf.5', 5000 FROM generate_series(1, 3) i RETURNING total;
SELECT * FROM now_in() WHERE subscriber = 'wf.5';
-- ON CONFLICT: the row that is there counts as it is afterwards.
INSERT INTO orders (id, customer, total) VALUES (1, 'wf.1', 7), (20, 'wf.6', 7) ON CONFLICT DO NOTHING;
SELECT * FROM now_in() WHERE subscriber IN ('wf.1', 'wf.6');
INSERT INTO orders (id, customer, total) VALUES (1, 'wf.6', 95), (21, 'wf.6', 1) ON CONFLICT (id) DO UPDATE SET customer = EXCLUDED.customer, total = EXCLUDED.total;
SELECT * FROM now_in() WHERE subscriber IN ('wf.1', 'wf.6');
-- A statement that fails half-way has done nothing.
INSERT INTO orders (id, customer, total) VALUES (30, 'wf.7', 1), (1, 'wf.7', 1);
SELECT * FROM now_in() WHERE subscriber = 'wf.7';
-- UPDATE of the time, the subscriber, the value; of a row onto itself; of no row.
UPDATE orders SET at = '2026-01-01' WHERE id = 3;
UPDATE orders SET customer = 'wf.7' WHERE id = 4;
UPDATE orders SET total = total * 2 WHERE customer = 'wf.5';
UPDATE orders SET id = id;
UPDATE orders SET total = 0 WHERE false;
SELECT * FROM now_in();
-- MERGE: all three branches.
MERGE INTO orders o USING (VALUES (2, 'wf.1'), (6, 'wf.4'), (40, 'wf.8')) AS s (id, customer) ON o.id = s.id
WHEN MATCHED AND o.total < 1 THEN DELETE WHEN MATCHED THEN UPDATE SET total = o.total + 80 WHEN NOT MATCHED THEN INSERT (id, customer, total) VALUES (s.id, s.customer, 500);
SELECT * FROM now_in() WHERE subscriber IN ('wf.1', 'wf.4', 'wf.8');
-- Writable CTEs: rows that move, in one statement.
WITH gone AS (DELETE FROM orders WHERE customer = 'wf.5' AND id > 11 RETURNING *), changed AS (UPDATE orders SET total = 3 WHERE id = 40 RETURNING *)
INSERT INTO orders (id, customer, at, total) SELECT id + 100, 'wf.9', at, total FROM gone;
SELECT * FROM now_in() WHERE subscriber IN ('wf.5', 'wf.8', 'wf.9');
-- DELETE, by itself and through a foreign key; UPDATE through one.
DELETE FROM orders WHERE id = 40;
DELETE FROM customer WHERE id = 'wf.9';
UPDATE customer SET id = 'wf.renamed' WHERE id = 'wf.6';
SELECT * FROM now_in() WHERE subscriber IN ('wf.6', 'wf.8', 'wf.9', 'wf.renamed');
-- Inside functions, DO blocks and rules of exceptions: a caught error takes its events along.
DO $$
BEGIN
  INSERT INTO orders (id, customer, total) VALUES (50, 'wf.8', 1);
  BEGIN
    INSERT INTO orders (id, customer, total) VALUES (51, 'wf.8', 1);
    RAISE EXCEPTION 'no';
  EXCEPTION WHEN raise_exception THEN
    INSERT INTO orders (id, customer, total) VALUES (52, 'wf.8', 10);
  END;
END
$$;
SELECT * FROM now_in() WHERE subscriber = 'wf.8';
-- Savepoints: released, rolled back, nested, and an error in one.
BEGIN;
INSERT INTO orders (id, customer, total) VALUES (60, 'wf.8', 100);
SAVEPOINT a;
INSERT INTO orders (id, customer, total) VALUES (61, 'wf.8', 1000);
SAVEPOINT b;
DELETE FROM orders WHERE id = 50;
RELEASE b;
ROLLBACK TO a;
UPDATE orders SET total = 200 WHERE id = 60;
SAVEPOINT c;
INSERT INTO orders (id, customer, total) VALUES (60, 'wf.8', 1);
ROLLBACK TO c;
INSERT INTO orders (id, customer, total) VALUES (62, 'wf.8', 7);
RELEASE a;
COMMIT;
SELECT * FROM now_in() WHERE subscriber = 'wf.8';
-- An entry and a departure in one transaction leave no trace.
BEGIN;
INSERT INTO orders (id, customer, total) VALUES (70, 'wf.2', 1);
DELETE FROM orders WHERE id = 70;
COMMIT;
SELECT count(*) FROM segment.transition WHERE subscriber = 'wf.2' AND segment = 'wf two';
-- ROLLBACK: no membership, no history, no state.
SELECT count(*) AS before FROM segment.history \gset
BEGIN;
INSERT INTO customer VALUES ('wf.ghost');
INSERT INTO orders (id, customer, total) VALUES (80, 'wf.ghost', 1);
ROLLBACK;
SELECT count(*) = :before AS unchanged FROM segment.history;
SELECT count(*) FROM segment.state WHERE subscriber = 'wf.ghost';
-- At other isolation levels.
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO orders (id, customer, total) VALUES (90, 'wf.2', 1);
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO orders (id, customer, total) VALUES (91, 'wf.2', 1);
COMMIT;
SELECT * FROM now_in() WHERE subscriber = 'wf.2';
-- The flush waits for the commit, whatever SET CONSTRAINTS says; segment.flush() brings it forward.
BEGIN;
INSERT INTO orders (id, customer, total) VALUES (92, 'wf.2', 50);
SELECT total_events_90d FROM segment.profile WHERE subscriber = 'wf.2';
SET CONSTRAINTS ALL IMMEDIATE;
SELECT total_events_90d FROM segment.profile WHERE subscriber = 'wf.2';
SELECT segment.flush();
SELECT total_events_90d FROM segment.profile WHERE subscriber = 'wf.2';
COMMIT;
SELECT * FROM now_in() WHERE subscriber = 'wf.2';
-- Events that a deferred trigger of the user's own writes at the end of the transaction.
CREATE FUNCTION bonus() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO forms.orders (id, customer, total) VALUES (NEW.id + 1000, NEW.customer, 0.5); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER bonus AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id < 1000) EXECUTE FUNCTION bonus();
INSERT INTO orders (id, customer, total) VALUES (95, 'wf.7', 1), (96, 'wf.8', 1);
SELECT * FROM now_in() WHERE subscriber IN ('wf.7', 'wf.8');
DROP TRIGGER bonus ON orders;
-- TRUNCATE, with rows before and after it in the same transaction; and rolled back.
BEGIN;
TRUNCATE orders;
ROLLBACK;
SELECT count(*) FROM now_in() WHERE exact;
BEGIN;
INSERT INTO orders (id, customer, total) VALUES (94, 'wf.2', 50);
TRUNCATE orders;
INSERT INTO orders (id, customer, total) VALUES (1, 'wf.2', 60), (2, 'wf.3', 60);
COMMIT;
SELECT * FROM now_in();
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
TRUNCATE customer CASCADE;
SELECT * FROM now_in();
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
-- Rules, and views that can be written.
CREATE VIEW large AS SELECT * FROM orders WHERE total >= 100;
INSERT INTO customer SELECT 'wf.' || i FROM generate_series(1, 9) i;
INSERT INTO large VALUES (1, 'wf.1', '2026-05-30', 100), (2, 'wf.1', '2026-05-30', 150);
UPDATE large SET total = 99 WHERE id = 1;
DELETE FROM large;
CREATE VIEW small AS SELECT * FROM orders;
CREATE RULE small AS ON INSERT TO small DO INSTEAD INSERT INTO orders VALUES (NEW.id, NEW.customer, NEW.at, 1), (NEW.id + 1, NEW.customer, NEW.at, 2);
INSERT INTO small VALUES (10, 'wf.2', '2026-05-30', 100);
SELECT * FROM now_in();
-- MERGE from the table itself, with a delete and an insert of one subscriber; a MERGE that does nothing.
MERGE INTO orders o USING orders s ON o.id = s.id + 1 WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.id + 100, s.customer, s.at, 60);
MERGE INTO orders o USING (VALUES (-1)) AS s (id) ON o.id = s.id WHEN MATCHED THEN DELETE;
MERGE INTO orders o USING (VALUES (-1)) AS s (id) ON o.id = s.id WHEN NOT MATCHED THEN DO NOTHING;
SELECT * FROM now_in();
-- Several data-changing CTEs on one table, each with the same subscriber.
WITH a AS (INSERT INTO orders VALUES (200, 'wf.3', '2026-05-30', 60) RETURNING *), b AS (INSERT INTO orders SELECT 201, customer, at, total FROM a RETURNING *),
     c AS (UPDATE orders SET total = total + 1 WHERE customer = 'wf.2' RETURNING *), d AS (DELETE FROM orders WHERE customer = 'wf.1' RETURNING *)
SELECT (SELECT count(*) FROM a) AS a, (SELECT count(*) FROM b) AS b, (SELECT count(*) > 0 FROM c) AS c, (SELECT count(*) FROM d) AS d;
SELECT * FROM now_in();
-- Foreign keys that set to NULL, to a default, and delete in two steps.
CREATE TABLE region (id text PRIMARY KEY);
CREATE TABLE shop (id text PRIMARY KEY, region text REFERENCES region ON DELETE CASCADE);
CREATE TABLE sales (shop text REFERENCES shop ON DELETE CASCADE, who text DEFAULT 'wf.nobody' REFERENCES customer ON DELETE SET NULL, other text DEFAULT 'wf.9' REFERENCES customer ON DELETE SET DEFAULT, at timestamptz DEFAULT '2026-05-30');
SELECT segment.attach_source('sales', subscriber => 'who', occurred_at => 'at', constant_type => 'sale');
INSERT INTO region VALUES ('r1'), ('r2');
INSERT INTO shop VALUES ('s1', 'r1'), ('s2', 'r2');
INSERT INTO sales SELECT 's' || 1 + i % 2, 'wf.' || 4 + i % 3, 'wf.8' FROM generate_series(1, 12) i;
SELECT subscriber, events, exact FROM now_in() WHERE subscriber BETWEEN 'wf.4' AND 'wf.6';
DELETE FROM region WHERE id = 'r1';
DELETE FROM customer WHERE id IN ('wf.5', 'wf.8');
SELECT subscriber, events, exact FROM now_in() WHERE subscriber BETWEEN 'wf.4' AND 'wf.6';
SELECT count(*), count(who), min(other) FROM sales;
-- Triggers of the user's own that write another source, three deep, and the same table again.
CREATE TABLE audit (who text, step integer, at timestamptz DEFAULT '2026-05-30');
SELECT segment.attach_source('audit', subscriber => 'who', occurred_at => 'at', constant_type => 'audit');
CREATE FUNCTION deeper() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.step < 3 THEN INSERT INTO forms.audit VALUES (NEW.who, NEW.step + 1); END IF;
  IF NEW.step = 3 THEN UPDATE forms.audit SET at = '2026-05-29' WHERE who = NEW.who AND step = 2; DELETE FROM forms.audit WHERE who = NEW.who AND step = 1; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER deeper AFTER INSERT ON audit FOR EACH ROW EXECUTE FUNCTION deeper();
CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO forms.audit SELECT customer, 1 FROM changed; RETURN NULL; END $$;
CREATE TRIGGER audited AFTER INSERT ON orders REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION audited();
INSERT INTO orders VALUES (300, 'wf.7', '2026-05-30', 10), (301, 'wf.7', '2026-05-30', 10), (302, 'wf.9', '2026-05-30', 10);
SELECT who, step, at, count(*) FROM audit GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT * FROM now_in() WHERE subscriber IN ('wf.7', 'wf.9');
-- Triggers that suppress a row, or change who it is about.
CREATE FUNCTION divert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.total = 0 THEN RETURN NULL; END IF; NEW.customer := 'wf.4'; RETURN NEW; END $$;
CREATE TRIGGER divert BEFORE INSERT OR UPDATE ON orders FOR EACH ROW WHEN (NEW.id >= 400) EXECUTE FUNCTION divert();
INSERT INTO orders VALUES (400, 'wf.7', '2026-05-30', 10), (401, 'wf.7', '2026-05-30', 0);
UPDATE orders SET id = id + 400 WHERE id = 302;
SELECT subscriber, events, total, exact FROM now_in() WHERE subscriber IN ('wf.4', 'wf.7', 'wf.9');
DROP TRIGGER divert ON orders;
-- Several sources in one transaction, one of them rolled back to a savepoint.
BEGIN;
INSERT INTO orders VALUES (500, 'wf.1', '2026-05-30', 10);
INSERT INTO sales VALUES ('s2', 'wf.1');
SAVEPOINT a;
DELETE FROM audit;
INSERT INTO sales VALUES ('s2', 'wf.2');
ROLLBACK TO a;
INSERT INTO sales VALUES ('s2', 'wf.3');
COMMIT;
SELECT subscriber, events, exact FROM now_in() WHERE subscriber IN ('wf.1', 'wf.2', 'wf.3');
-- Cursors, prepared statements, and a statement that fails after its triggers.
PREPARE one (integer, text) AS INSERT INTO orders VALUES ($1, $2, '2026-05-30', 1);
EXECUTE one (501, 'wf.1');
EXECUTE one (502, 'wf.1');
EXECUTE one (502, 'wf.1');
BEGIN;
DECLARE each CURSOR FOR SELECT * FROM orders WHERE customer = 'wf.1' FOR UPDATE;
MOVE NEXT FROM each;
DELETE FROM orders WHERE CURRENT OF each;
MOVE NEXT FROM each;
UPDATE orders SET total = 50 WHERE CURRENT OF each;
COMMIT;
SELECT subscriber, events, exact FROM now_in() WHERE subscriber = 'wf.1';
DROP TRIGGER audited ON orders;
-- A transaction that fails while it commits leaves nothing.
ALTER TABLE orders ALTER CONSTRAINT orders_customer_fkey DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO orders VALUES (503, 'wf.unknown', '2026-05-30', 1);
COMMIT;
SELECT count(*) FROM segment.state WHERE subscriber = 'wf.unknown';
-- Values at the edges: infinite times, NaN, infinite and huge numbers, rows without a subscriber, a type or a time.
CREATE TABLE odd (who text, what text, at timestamptz, worth numeric, real double precision, more jsonb);
SELECT segment.attach_source('odd', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');
SELECT segment.create_segment('wf odd', '{"event": "odd"}'), segment.create_segment('wf sum', '{"event": "odd", "sum": {"min": 1}, "of": "n"}'), segment.create_segment('wf where', '{"event": "odd", "where": {"n": {"gt": 5}}}');
INSERT INTO odd VALUES ('wf.o1', 'odd', 'infinity', 1), ('wf.o1', 'odd', '-infinity', 1), ('wf.o2', 'odd', '2026-05-30', 'NaN'), ('wf.o3', 'odd', '2026-05-30', 'Infinity'), ('wf.o3', 'odd', '2026-05-30', '-Infinity'),
  ('wf.o4', 'odd', '2026-05-30', 1e400), ('wf.o5', 'odd', '2026-05-30', 9.2e12), ('wf.o5', 'odd', '2026-05-30', 1e-400), ('wf.o6', 'odd', '0001-01-01', 1), ('wf.o6', 'odd', '9999-12-31', 1), ('wf.o7', 'odd', '4713-01-01 BC', 1), ('wf.o7', 'odd', '12000-01-01', 1),
  (NULL, 'odd', '2026-05-30', 1), ('wf.o8', NULL, '2026-05-30', 1), ('wf.o8', 'odd', NULL, 1), ('', 'odd', '2026-05-30', 1), (repeat('x', 1024), 'odd', '2026-05-30', 1), (repeat('x', 1025), 'odd', '2026-05-30', 1);
INSERT INTO odd (who, what, at, more) VALUES ('wf.p1', 'odd', '2026-05-30', '{"n": 1e400}'), ('wf.p2', 'odd', '2026-05-30', '{"n": -1e400}'), ('wf.p3', 'odd', '2026-05-30', '{"n": "12"}'), ('wf.p4', 'odd', '2026-05-30', '[{"n": 6}]'), ('wf.p5', 'odd', '2026-05-30', '"n"'),
  ('wf.p6', 'odd', '2026-05-30', 'null'), ('wf.p7', 'odd', '2026-05-30', '{"n": {"n": 6}}'), ('wf.p8', 'odd', '2026-05-30', '{"n": 1e-400}');
INSERT INTO odd (who, what, at, more) VALUES ('wf.q1', 'odd', '2026-05-30', ('{"n": 6, "deep": ' || repeat('[', 3000) || repeat(']', 3000) || '}')::jsonb),
  ('wf.q2', 'odd', '2026-05-30', jsonb_build_object('text', repeat('x', 1 << 20), 'n', 6)), ('wf.q3', 'odd', '2026-05-30', (SELECT jsonb_object_agg('k' || i, i) || '{"n": 6}' FROM generate_series(1, 50000) i));
SELECT left(subscriber, 20) AS subscriber, array_agg(segment ORDER BY segment) AS segments FROM segment.member WHERE segment IN ('wf odd', 'wf sum', 'wf where') AND subscriber !~ '^wf.[0-9r]' GROUP BY subscriber ORDER BY subscriber COLLATE "C";
SELECT left(subscriber, 20) AS subscriber, first_event_at, last_event_at, lifetime_value FROM segment.profile WHERE subscriber !~ '^wf.[0-9r]' ORDER BY segment.profile.subscriber COLLATE "C";
SELECT subscriber, finding FROM segment.verify();
UPDATE odd SET at = '2026-05-31', worth = 3 WHERE NOT isfinite(at) OR worth IN ('NaN', 'Infinity', '-Infinity');
UPDATE odd SET more = more || '{"n": 1}' WHERE who LIKE 'wf.q_';
SELECT subscriber, finding FROM segment.verify();
DELETE FROM odd WHERE who LIKE 'wf.q_' OR worth > 1e300 OR at > '9000-01-01';
UPDATE odd SET who = 'wf.merged';
SELECT subscriber, finding FROM segment.verify();
SELECT subscriber, segments FROM segment.profile WHERE subscriber !~ '^wf.[0-9r]';
DELETE FROM odd;
SELECT subscriber, finding FROM segment.verify();
-- jsonb nested 10,000 deep, beside what is read.
SET max_stack_depth = '6MB';
INSERT INTO odd (who, what, at, more) VALUES ('wf.deep', 'odd', '2026-05-30', ('{"n": 6, "deep": ' || repeat('[', 10000) || repeat(']', 10000) || '}')::jsonb);
SELECT segment, subscriber FROM segment.member WHERE subscriber = 'wf.deep' ORDER BY 1;
SELECT subscriber, finding FROM segment.verify();
RESET max_stack_depth;
SELECT subscriber, finding FROM segment.verify();
DELETE FROM odd;
-- What each statement captured adds up to a count in plain SQL.
SELECT subscriber, events FROM (SELECT subscriber, events FROM now_in()) n
EXCEPT SELECT who, count(*) FROM (SELECT customer AS who FROM orders UNION ALL SELECT who FROM sales UNION ALL SELECT who FROM audit) e GROUP BY who;
SELECT * FROM segment.verify();
SELECT segment.detach_source('sales') > 0 AS sales, segment.detach_source('audit') > 0 AS audit, segment.detach_source('odd') >= 0 AS odd;
SELECT * FROM segment.verify();
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition;
SELECT segment.detach_source('orders') > 0 AS detached;
SET client_min_messages = warning;
DROP SCHEMA forms CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
