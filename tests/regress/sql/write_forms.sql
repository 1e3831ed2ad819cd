-- Every way of writing rows counts each event once.
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
-- The flush waits for the commit; SET CONSTRAINTS brings it forward.
BEGIN;
INSERT INTO orders (id, customer, total) VALUES (92, 'wf.2', 50);
SELECT total_events_90d FROM segment.profile WHERE subscriber = 'wf.2';
SET CONSTRAINTS ALL IMMEDIATE;
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
SELECT count(*) FROM segment.marker;
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition;
SELECT segment.detach_source('orders') > 0 AS detached;
SET client_min_messages = warning;
DROP SCHEMA forms CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
