-- Partitioned and inherited tables: attached at the root, captured through whichever table a statement names.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA parts;
SET search_path = parts;
CREATE TABLE orders (who text, what text, at timestamptz, worth numeric, more jsonb) PARTITION BY RANGE (at);
CREATE TABLE may PARTITION OF orders FOR VALUES FROM ('2026-05-01') TO ('2026-06-01') PARTITION BY HASH (who);
-- Leaves whose columns lie in another order, one of them dropped.
CREATE TABLE may_0 (more jsonb, junk integer, worth numeric, at timestamptz, what text, who text);
ALTER TABLE may_0 DROP COLUMN junk;
ALTER TABLE may ATTACH PARTITION may_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE may_1 PARTITION OF may FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE april PARTITION OF orders FOR VALUES FROM ('2026-04-01') TO ('2026-05-01') PARTITION BY LIST (what);
CREATE TABLE april_rest (worth numeric, what text, at timestamptz, more jsonb, who text);
ALTER TABLE april ATTACH PARTITION april_rest DEFAULT;
CREATE TABLE april_buys PARTITION OF april FOR VALUES IN ('purchase');
INSERT INTO orders SELECT 'pt.' || i, 'purchase', '2026-05-05', i, jsonb_build_object('size', i % 3) FROM generate_series(1, 9) i;
SELECT segment.attach_source('orders', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');
SELECT segment.create_segment('pt buyers', '{"event": "purchase"}'), segment.create_segment('pt big', '{"event": "purchase", "where": {"size": {"equals": 2}}, "sum": {"min": 10}, "of": "value", "within": "45 days"}');
CREATE VIEW truth AS
  SELECT 'pt buyers' AS segment, who AS subscriber FROM orders WHERE what = 'purchase' GROUP BY who
  UNION ALL SELECT 'pt big', who FROM orders WHERE what = 'purchase' AND more -> 'size' = '2' AND at > '2026-04-17 12:00' AND at <= '2026-06-01 12:00' GROUP BY who HAVING sum(worth) >= 10;
-- What differs: none.
CREATE VIEW difference AS
  (TABLE truth EXCEPT ALL SELECT segment, subscriber FROM segment.member)
  UNION ALL (SELECT segment, subscriber FROM segment.member EXCEPT ALL TABLE truth)
  UNION ALL SELECT finding, coalesce(subscriber, stored) FROM segment.verify();
SELECT t.relation FROM segment.source_table t WHERE t.source_id = (SELECT source_id FROM segment.source WHERE relation = 'orders'::regclass) ORDER BY t.relation::text;
SELECT * FROM difference;
-- Writes through the root, through a table in the middle, and through a leaf.
INSERT INTO orders VALUES ('pt.10', 'purchase', '2026-05-06', 20, '{"size": 2}'), ('pt.11', 'purchase', '2026-04-06', 20, '{"size": 2}'), ('pt.11', 'visit', '2026-04-06', 20, NULL);
INSERT INTO may VALUES ('pt.12', 'purchase', '2026-05-06', 30, '{"size": 2}');
INSERT INTO april_rest (who, what, at, worth) VALUES ('pt.13', 'visit', '2026-04-06', 30);
INSERT INTO april_buys (who, what, at, worth, more) SELECT 'pt.14', 'purchase', '2026-04-20', 6, '{"size": 2}' FROM generate_series(1, 2);
SELECT * FROM difference;
COPY orders (who, what, at, worth, more) FROM stdin;
pt.15	purchase	2026-05-10	5	{"size": 2}
pt.15	purchase	2026-04-30	5	{"size": 2}
\.
COPY april_rest (who, what, at) FROM stdin;
pt.16	visit	2026-04-10
\.
SELECT * FROM difference;
UPDATE orders SET worth = worth + 5 WHERE who IN ('pt.8', 'pt.15');
UPDATE may_0 SET worth = worth + 1;
UPDATE may SET more = '{"size": 2}' WHERE who = 'pt.9';
DELETE FROM orders WHERE who = 'pt.1';
DELETE FROM may_1 WHERE worth < 3;
DELETE FROM may_0 WHERE worth < 5;
SELECT * FROM difference;
-- Rows that move: to another partition, and within a table in the middle.
UPDATE orders SET at = at - interval '1 month' WHERE who = 'pt.12';
UPDATE orders SET at = at + interval '30 days', what = 'purchase' WHERE at < '2026-05-01';
UPDATE may SET who = who || '.moved' WHERE who IN ('pt.8', 'pt.9', 'pt.10', 'pt.11', 'pt.12');
SELECT * FROM difference;
SELECT segment, count(*) FROM segment.member GROUP BY 1 ORDER BY 1;
-- A row that moves while a foreign key points at the partitioned table.
CREATE TABLE invoices (id integer, who text, at timestamptz, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE invoices_may PARTITION OF invoices FOR VALUES FROM ('2026-05-01') TO ('2026-06-01');
CREATE TABLE invoices_april PARTITION OF invoices FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
CREATE TABLE lines (id integer, at timestamptz, who text, bought_at timestamptz, FOREIGN KEY (id, at) REFERENCES invoices ON UPDATE CASCADE ON DELETE CASCADE);
SELECT segment.attach_source('invoices', subscriber => 'who', occurred_at => 'at', constant_type => 'invoice');
SELECT segment.attach_source('lines', subscriber => 'who', occurred_at => 'bought_at', constant_type => 'line');
INSERT INTO invoices VALUES (1, 'pt.i1', '2026-05-05'), (2, 'pt.i2', '2026-05-05');
INSERT INTO lines VALUES (1, '2026-05-05', 'pt.i1', '2026-05-05'), (1, '2026-05-05', 'pt.i3', '2026-05-05'), (2, '2026-05-05', 'pt.i4', '2026-05-05');
UPDATE invoices SET at = '2026-04-05' WHERE id = 1;
SELECT * FROM segment.verify();
DELETE FROM invoices;
SELECT subscriber, total_events_90d FROM segment.profile WHERE subscriber LIKE 'pt.i%' ORDER BY 1;
SELECT * FROM segment.verify();
SELECT segment.detach_source('invoices') > 0 AS invoices, segment.detach_source('lines') > 0 AS lines;
DROP TABLE lines, invoices;

-- A partition made later, empty or with rows, captures like the others.
CREATE TABLE march PARTITION OF orders FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
INSERT INTO orders VALUES ('pt.20', 'purchase', '2026-03-06', 1, NULL);
INSERT INTO march VALUES ('pt.21', 'purchase', '2026-03-06', 1, NULL);
CREATE TABLE february (more jsonb, worth numeric, at timestamptz, what text, who text);
INSERT INTO february SELECT NULL, 1, '2026-02-06', 'purchase', 'pt.' || i FROM generate_series(22, 24) i;
ALTER TABLE orders ATTACH PARTITION february FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
SELECT subscriber FROM segment.members('pt buyers') WHERE subscriber BETWEEN 'pt.20' AND 'pt.24' ORDER BY 1;
SELECT * FROM difference;
-- A whole tree of them, and all in one transaction with the writes.
CREATE TABLE january (LIKE orders) PARTITION BY LIST (what);
CREATE TABLE january_rest PARTITION OF january DEFAULT;
INSERT INTO january VALUES ('pt.25', 'purchase', '2026-01-06', 1, NULL);
BEGIN;
INSERT INTO orders VALUES ('pt.25', 'purchase', '2026-02-07', 1, NULL);
ALTER TABLE orders ATTACH PARTITION january FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
INSERT INTO orders VALUES ('pt.26', 'purchase', '2026-01-07', 1, NULL);
INSERT INTO january_rest VALUES ('pt.27', 'purchase', '2026-01-07', 1, NULL);
DELETE FROM orders WHERE who = 'pt.25' AND at = '2026-02-07';
COMMIT;
SELECT total_events_90d, lifetime_value FROM segment.profile WHERE subscriber = 'pt.25';
SELECT * FROM difference;
BEGIN;
ALTER TABLE orders DETACH PARTITION january;
SELECT segment.flush();
SELECT * FROM difference;
ROLLBACK;
SELECT * FROM difference;
-- Detached, a partition takes its events along and is captured no more; at once or concurrently.
ALTER TABLE orders DETACH PARTITION january;
SELECT * FROM difference;
ALTER TABLE orders DETACH PARTITION march CONCURRENTLY;
SELECT * FROM difference;
INSERT INTO january VALUES ('pt.28', 'purchase', '2026-01-06', 1, NULL);
INSERT INTO march VALUES ('pt.28', 'purchase', '2026-03-06', 1, NULL);
SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('january'::regclass, 'january_rest'::regclass, 'march'::regclass);
SELECT * FROM difference;
-- And attached once more.
ALTER TABLE orders ATTACH PARTITION march FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
SELECT * FROM difference;
-- A partition that a CREATE SCHEMA makes.
CREATE SCHEMA parts_more CREATE TABLE december PARTITION OF parts.orders FOR VALUES FROM ('2025-12-01') TO ('2026-01-01');
INSERT INTO orders VALUES ('pt.30', 'purchase', '2025-12-06', 1, NULL);
INSERT INTO parts_more.december VALUES ('pt.31', 'purchase', '2025-12-06', 1, NULL);
SELECT * FROM difference;
-- TRUNCATE of a leaf, of one in the middle, and of a leaf only to be rolled back.
TRUNCATE february;
SELECT * FROM difference;
BEGIN;
TRUNCATE may;
ROLLBACK;
SELECT * FROM difference;
TRUNCATE april;
SELECT * FROM difference;
-- A dropped one cannot be read any more: a warning, and verify finds what is left, which a rebuild repairs.
INSERT INTO orders VALUES ('pt.32', 'purchase', '2026-02-06', 1, NULL);
DROP TABLE february;
-- Its oid, which another table may get one day, is forgotten.
SELECT count(*) FROM segment.source_table t WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.relation);
SELECT subscriber, finding, segment FROM segment.verify() ORDER BY 1, 2;
CALL segment.rebuild();
SELECT * FROM difference;
DROP SCHEMA parts_more CASCADE;
CALL segment.rebuild();
SELECT * FROM difference;
-- Detached first, there is nothing to repair.
ALTER TABLE orders DETACH PARTITION march;
DROP TABLE march;
SELECT * FROM difference;
-- Parts that come while nobody looks: through the root their rows are seen, verify tells of the rest, and the next part to come brings all in line.
ALTER EVENT TRIGGER pg_segment_parts DISABLE;
CREATE TABLE unseen PARTITION OF orders FOR VALUES FROM ('2025-11-01') TO ('2025-12-01');
ALTER EVENT TRIGGER pg_segment_parts ENABLE;
INSERT INTO orders VALUES ('pt.40', 'purchase', '2025-11-06', 1, NULL);
INSERT INTO unseen VALUES ('pt.41', 'purchase', '2025-11-06', 1, NULL), ('pt.40', 'purchase', '2025-11-07', 1, NULL);
SELECT subscriber, finding, segment, CASE finding WHEN 'source' THEN stored END AS stored FROM segment.verify() ORDER BY 1 NULLS FIRST, 2;
CREATE TABLE unrelated ();
SELECT lifetime_value FROM segment.profile WHERE subscriber = 'pt.40';
SELECT * FROM difference;
INSERT INTO unseen VALUES ('pt.41', 'purchase', '2025-11-08', 1, NULL);
SELECT * FROM difference;
ALTER EVENT TRIGGER pg_segment_parts DISABLE;
ALTER TABLE orders DETACH PARTITION unseen;
ALTER EVENT TRIGGER pg_segment_parts ENABLE;
SELECT subscriber, finding, segment FROM segment.verify() ORDER BY 1, 2;
ALTER TABLE unrelated ADD i integer;
SELECT * FROM difference;
DROP TABLE unseen, unrelated;

-- Refused: parts that cannot be captured, by whatever command; the command is undone.
\set VERBOSITY terse
CREATE UNLOGGED TABLE bad PARTITION OF orders FOR VALUES FROM ('2025-10-01') TO ('2025-11-01');
CREATE FOREIGN DATA WRAPPER parts_wrapper;
CREATE SERVER parts_server FOREIGN DATA WRAPPER parts_wrapper;
CREATE FOREIGN TABLE bad PARTITION OF orders FOR VALUES FROM ('2025-10-01') TO ('2025-11-01') SERVER parts_server;
CREATE FOREIGN TABLE bad (who text, what text, at timestamptz, worth numeric, more jsonb) SERVER parts_server;
ALTER TABLE orders ATTACH PARTITION bad FOR VALUES FROM ('2025-10-01') TO ('2025-11-01');
DROP FOREIGN TABLE bad;
DROP SERVER parts_server;
DROP FOREIGN DATA WRAPPER parts_wrapper;
SELECT count(*) FROM pg_inherits WHERE inhparent = 'orders'::regclass;
-- Refused: a table that is attached already, by itself or with another root.
CREATE TABLE october (LIKE orders);
SELECT segment.attach_source('october', subscriber => 'who', occurred_at => 'at', event_type => 'what');
ALTER TABLE orders ATTACH PARTITION october FOR VALUES FROM ('2025-10-01') TO ('2025-11-01');
SELECT segment.detach_source('october') >= 0 AS detached;
ALTER TABLE orders ATTACH PARTITION october FOR VALUES FROM ('2025-10-01') TO ('2025-11-01');
SELECT * FROM difference;

-- Inheritance: children are captured through the parent and by themselves.
CREATE TABLE visits (who text, at timestamptz);
CREATE TABLE visits_1 (extra integer, who text, at timestamptz);
ALTER TABLE visits_1 INHERIT visits;
CREATE TABLE visits_2 (note text) INHERITS (visits);
INSERT INTO visits_1 VALUES (1, 'pt.50', '2026-05-01');
SELECT segment.attach_source('visits', subscriber => 'who', occurred_at => 'at', constant_type => 'visit');
INSERT INTO visits VALUES ('pt.51', '2026-05-01');
INSERT INTO visits_1 VALUES (1, 'pt.52', '2026-05-01');
INSERT INTO visits_2 VALUES ('pt.53', '2026-05-01', 'x'), ('pt.53', '2026-05-02', 'x');
SELECT subscriber, total_events_90d FROM segment.profile WHERE subscriber LIKE 'pt.5_' ORDER BY 1;
UPDATE visits SET at = at + interval '1 day';
UPDATE ONLY visits SET at = at - interval '2 days';
UPDATE visits_2 SET at = at + interval '1 day' WHERE at < '2026-05-03';
DELETE FROM visits WHERE who = 'pt.50';
SELECT subscriber, first_event_at, last_event_at FROM segment.profile WHERE subscriber LIKE 'pt.5_' ORDER BY 1;
SELECT * FROM difference;
-- A child that comes with rows, one of a child, and those that go.
CREATE TABLE visits_3 (who text, at timestamptz);
INSERT INTO visits_3 VALUES ('pt.54', '2026-05-01');
ALTER TABLE visits_3 INHERIT visits;
CREATE TABLE visits_4 () INHERITS (visits_3, visits_2);
INSERT INTO visits_4 VALUES ('pt.55', '2026-05-01', 'y');
DELETE FROM visits WHERE who = 'pt.55';
INSERT INTO visits_4 VALUES ('pt.56', '2026-05-01', 'y');
SELECT subscriber, total_events_90d FROM segment.profile WHERE subscriber LIKE 'pt.5_' ORDER BY 1;
SELECT * FROM difference;
TRUNCATE ONLY visits_3;
SELECT * FROM difference;
ALTER TABLE visits_4 NO INHERIT visits_3;
SELECT * FROM difference;
ALTER TABLE visits_4 NO INHERIT visits_2;
SELECT subscriber, total_events_90d FROM segment.profile WHERE subscriber LIKE 'pt.5_' ORDER BY 1;
SELECT * FROM difference;
CREATE TABLE visits_all (who text, at timestamptz);
SELECT segment.attach_source('visits_all', subscriber => 'who', occurred_at => 'at', constant_type => 'visit');
CREATE TABLE visits_5 () INHERITS (visits, visits_all);
\set VERBOSITY sqlstate
CREATE TEMPORARY TABLE visits_6 () INHERITS (parts.visits);
\set VERBOSITY default
SELECT * FROM difference;
-- An attached table that becomes a child of another: what is written through that one is not seen, and verify says so.
CREATE TABLE above (who text, at timestamptz);
ALTER TABLE visits INHERIT above;
UPDATE above SET at = at - interval '3 days' WHERE who = 'pt.51';
SELECT subscriber, finding, stored FROM segment.verify() WHERE finding = 'source';
ALTER TABLE visits NO INHERIT above;
CALL segment.rebuild();
SELECT * FROM difference;

-- Detached, every table is as it was.
SELECT segment.detach_source('orders') > 0 AS orders, segment.detach_source('visits') > 0 AS visits, segment.detach_source('visits_all') >= 0 AS visits_all;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pg_segment%' AND tgrelid <> 'segment.event'::regclass;
SELECT count(*) FROM segment.source_table WHERE relation <> 'segment.event'::regclass;
SELECT * FROM segment.verify();
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition;
SET client_min_messages = warning;
DROP SCHEMA parts CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
