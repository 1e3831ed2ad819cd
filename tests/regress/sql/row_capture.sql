-- capture => 'row': the rows of a table captured one by one, as replication applies them.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA rowwise;
SET search_path = rowwise;
CREATE TABLE customer (id text PRIMARY KEY);
CREATE TABLE orders (id integer PRIMARY KEY, customer text REFERENCES customer ON DELETE CASCADE ON UPDATE CASCADE, at timestamptz DEFAULT '2026-05-31', total numeric);
CREATE TABLE visits (who text, at timestamptz DEFAULT '2026-05-31');
INSERT INTO customer SELECT 'rc.' || i FROM generate_series(1, 9) i;
INSERT INTO orders VALUES (1, 'rc.1', DEFAULT, 10);
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total', capture => 'row');
SELECT segment.attach_source('visits', subscriber => 'who', occurred_at => 'at', constant_type => 'visit');
SELECT relation, capture FROM segment.source WHERE relation <> 'segment.event'::regclass ORDER BY source_id;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname LIKE 'pg_segment%' ORDER BY 1;
SELECT segment.create_segment('rc one', '{"event": "purchase"}'), segment.create_segment('rc total', '{"event": "purchase", "sum": {"min": 100}, "within": "30 days"}');
CREATE VIEW truth AS
  SELECT 'rc one' AS segment, customer AS subscriber FROM orders GROUP BY customer
  UNION ALL SELECT 'rc total', customer FROM orders WHERE at > '2026-05-02 12:00' GROUP BY customer HAVING sum(total) >= 100;
CREATE VIEW difference AS
  (TABLE truth EXCEPT ALL SELECT segment, subscriber FROM segment.member)
  UNION ALL (SELECT segment, subscriber FROM segment.member EXCEPT ALL TABLE truth)
  UNION ALL SELECT finding, coalesce(subscriber, stored) FROM segment.verify();
SELECT * FROM difference;
-- Every way of writing.
INSERT INTO orders (id, customer, total) VALUES (2, 'rc.1', 20), (3, 'rc.2', 100), (4, 'rc.3', 1);
COPY orders (id, customer, total) FROM stdin;
5	rc.3	99.5
6	rc.4	-5
\.
INSERT INTO orders (id, customer, total) SELECT 10 + i, 'rc.5', 50 FROM generate_series(1, 3) i;
SELECT * FROM difference;
INSERT INTO orders (id, customer, total) VALUES (1, 'rc.6', 95), (21, 'rc.6', 6) ON CONFLICT (id) DO UPDATE SET customer = EXCLUDED.customer, total = EXCLUDED.total;
UPDATE orders SET at = '2026-01-01' WHERE id = 3;
UPDATE orders SET total = total * 2 WHERE customer = 'rc.5';
UPDATE orders SET id = id;
SELECT * FROM difference;
MERGE INTO orders o USING (VALUES (2, 'rc.1'), (6, 'rc.4'), (40, 'rc.8')) AS s (id, customer) ON o.id = s.id
WHEN MATCHED AND o.total < 1 THEN DELETE WHEN MATCHED THEN UPDATE SET total = o.total + 80 WHEN NOT MATCHED THEN INSERT (id, customer, total) VALUES (s.id, s.customer, 500);
WITH gone AS (DELETE FROM orders WHERE customer = 'rc.5' AND id > 11 RETURNING *)
INSERT INTO orders (id, customer, at, total) SELECT id + 100, 'rc.9', at, total FROM gone;
DELETE FROM customer WHERE id = 'rc.9';
UPDATE customer SET id = 'rc.renamed' WHERE id = 'rc.6';
SELECT * FROM difference;
BEGIN;
INSERT INTO orders (id, customer, total) VALUES (50, 'rc.7', 60);
SAVEPOINT a;
INSERT INTO orders (id, customer, total) VALUES (51, 'rc.7', 60);
ROLLBACK TO a;
INSERT INTO orders (id, customer, total) VALUES (52, 'rc.7', 45);
COMMIT;
SELECT * FROM difference;
BEGIN;
INSERT INTO orders (id, customer, total) VALUES (60, 'rc.2', 500);
TRUNCATE orders;
INSERT INTO orders (id, customer, total) VALUES (61, 'rc.2', 99.5), (62, 'rc.3', 100);
COMMIT;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT * FROM difference;
-- At the end of each row where that is wanted.
SET pg_segment.flush = statement;
INSERT INTO orders (id, customer, total) VALUES (70, 'rc.4', 30), (71, 'rc.4', 70), (72, 'rc.2', 0.5);
DELETE FROM orders WHERE id IN (61, 70);
SELECT * FROM difference;
SET pg_segment.flush = queued;
INSERT INTO orders (id, customer, total) VALUES (73, 'rc.4', 30), (74, 'rc.2', 99.5);
SELECT changes FROM segment.stat_queue;
RESET pg_segment.flush;
CALL segment.refresh();
SELECT * FROM difference;
-- What replication applies fires triggers by row only: it is captured here, and not where statements are.
SET session_replication_role = replica;
INSERT INTO orders (id, customer, total) VALUES (80, 'rc.8', 300);
UPDATE orders SET total = 1 WHERE id = 62;
DELETE FROM orders WHERE id = 71;
INSERT INTO visits VALUES ('rc.8');
RESET session_replication_role;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT subscriber, finding, segment FROM segment.verify() ORDER BY 1, 2, 3;
CALL segment.rebuild();
SELECT * FROM difference;
SET session_replication_role = replica;
TRUNCATE orders;
INSERT INTO orders (id, customer, total) VALUES (81, 'rc.1', 100);
RESET session_replication_role;
SELECT * FROM difference;
-- A trigger that is not always enabled does not see what replication applies.
ALTER TABLE orders ENABLE TRIGGER pg_segment_row;
SELECT finding, stored FROM segment.verify();
ALTER TABLE orders ENABLE ALWAYS TRIGGER pg_segment_row;
ALTER TABLE orders DISABLE TRIGGER pg_segment_truncate;
SELECT finding, stored FROM segment.verify();
ALTER TABLE orders ENABLE ALWAYS TRIGGER pg_segment_truncate;
SELECT * FROM difference;
SELECT segment.detach_source('orders') > 0 AS orders, segment.detach_source('visits') >= 0 AS visits;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname LIKE 'pg_segment%';

-- A partitioned root by row: partitions have its row trigger, those that come later too.
CREATE TABLE events (customer text, at timestamptz, total numeric) PARTITION BY RANGE (at);
CREATE TABLE may PARTITION OF events FOR VALUES FROM ('2026-05-01') TO ('2026-06-01') PARTITION BY LIST (customer);
CREATE TABLE may_rest (total numeric, at timestamptz, customer text);
ALTER TABLE may ATTACH PARTITION may_rest DEFAULT;
INSERT INTO events VALUES ('rc.1', '2026-05-20', 60);
SELECT segment.attach_source('events', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total', capture => 'row');
DROP VIEW difference, truth;
CREATE VIEW truth AS
  SELECT 'rc one' AS segment, customer AS subscriber FROM events GROUP BY customer
  UNION ALL SELECT 'rc total', customer FROM events WHERE at > '2026-05-02 12:00' GROUP BY customer HAVING sum(total) >= 100;
CREATE VIEW difference AS
  (TABLE truth EXCEPT ALL SELECT segment, subscriber FROM segment.member)
  UNION ALL (SELECT segment, subscriber FROM segment.member EXCEPT ALL TABLE truth)
  UNION ALL SELECT finding, coalesce(subscriber, stored) FROM segment.verify();
SELECT * FROM difference;
INSERT INTO events VALUES ('rc.1', '2026-05-21', 40), ('rc.2', '2026-05-21', 40);
INSERT INTO may_rest VALUES (60, '2026-05-21', 'rc.2');
CREATE TABLE april PARTITION OF events FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
CREATE TABLE march (total numeric, at timestamptz, customer text);
INSERT INTO march VALUES (5, '2026-03-05', 'rc.3');
ALTER TABLE events ATTACH PARTITION march FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
SELECT * FROM difference;
INSERT INTO events VALUES ('rc.4', '2026-04-21', 40), ('rc.4', '2026-03-21', 40);
INSERT INTO april VALUES ('rc.5', '2026-04-21', 40);
UPDATE events SET at = at - interval '1 month' WHERE customer = 'rc.2' AND total = 40;
UPDATE events SET at = '2026-05-29', total = 100 WHERE customer = 'rc.3';
DELETE FROM april WHERE customer = 'rc.5';
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT * FROM difference;
SET session_replication_role = replica;
INSERT INTO events VALUES ('rc.6', '2026-05-21', 400);
UPDATE events SET at = at - interval '1 month' WHERE customer = 'rc.1' AND total = 40;
RESET session_replication_role;
SELECT * FROM difference;
ALTER TABLE events DETACH PARTITION march;
INSERT INTO march VALUES (5, '2026-03-05', 'rc.7');
SELECT * FROM difference;
TRUNCATE may_rest;
SELECT * FROM difference;
DROP TABLE april;
CALL segment.rebuild();
SELECT * FROM difference;
SELECT segment.detach_source('events') >= 0 AS events;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pg_segment%' AND tgrelid <> 'segment.event'::regclass;
-- And one that others inherit from.
CREATE TABLE parent (customer text, at timestamptz);
CREATE TABLE child () INHERITS (parent);
SELECT segment.attach_source('parent', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', capture => 'row');
INSERT INTO parent VALUES ('rc.1', '2026-05-20');
INSERT INTO child VALUES ('rc.2', '2026-05-20'), ('rc.3', '2026-05-20');
CREATE TABLE grandchild () INHERITS (child);
INSERT INTO grandchild VALUES ('rc.4', '2026-05-20');
DELETE FROM parent WHERE customer = 'rc.3';
UPDATE parent SET customer = 'rc.5' WHERE customer = 'rc.4';
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT * FROM segment.verify();
SELECT segment.detach_source('parent') >= 0 AS parent;
SELECT * FROM segment.verify();
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition;
SET client_min_messages = warning;
DROP SCHEMA rowwise CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
