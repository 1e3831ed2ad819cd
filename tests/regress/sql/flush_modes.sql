-- pg_segment.flush: when the changes that a transaction captured are applied.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA modes;
SET search_path = modes;
CREATE TABLE orders (id integer PRIMARY KEY, customer text, at timestamptz DEFAULT '2026-05-20', total numeric DEFAULT 1);
CREATE TABLE visits (visitor text, at timestamptz DEFAULT '2026-05-20');
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SELECT segment.attach_source('visits', subscriber => 'visitor', occurred_at => 'at', constant_type => 'visit');
SELECT segment.create_segment('fm buyers', '{"event": "purchase"}'), segment.create_segment('fm total', '{"event": "purchase", "sum": {"min": 10}, "within": "30 days"}');
CREATE VIEW truth AS
  SELECT 'fm buyers' AS segment, customer AS subscriber FROM orders GROUP BY customer
  UNION ALL SELECT 'fm total', customer FROM orders WHERE at > '2026-05-02 12:00' GROUP BY customer HAVING sum(total) >= 10;
CREATE VIEW difference AS
  (TABLE truth EXCEPT ALL SELECT segment, subscriber FROM segment.member)
  UNION ALL (SELECT segment, subscriber FROM segment.member EXCEPT ALL TABLE truth)
  UNION ALL SELECT finding, coalesce(subscriber, stored) FROM segment.verify();
SHOW pg_segment.flush;
SET pg_segment.flush = sometimes;

-- At commit, unless told otherwise: the transaction itself does not read what it wrote.
BEGIN;
INSERT INTO orders VALUES (1, 'fm.1');
SELECT segment, subscriber FROM segment.member;
COMMIT;
SELECT segment, subscriber FROM segment.member;

-- By statement: the next one reads it.
SET pg_segment.flush = statement;
BEGIN;
INSERT INTO orders VALUES (2, 'fm.1', DEFAULT, 9), (3, 'fm.2', DEFAULT, DEFAULT);
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SAVEPOINT a;
DELETE FROM orders WHERE id = 3;
UPDATE orders SET at = '2026-05-21', total = 8 WHERE id = 2;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
ROLLBACK TO a;
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
DELETE FROM orders WHERE id = 1;
SELECT subscriber, first_event_at, total_events_90d FROM segment.profile ORDER BY 1;
TRUNCATE visits;
COMMIT;
SELECT * FROM difference;
-- Also within one statement of the client's, and by a trigger in the middle of another statement.
DO $$
BEGIN
  INSERT INTO modes.orders VALUES (4, 'fm.3', DEFAULT, 20);
  RAISE NOTICE 'in % segments', (SELECT count(*) FROM segment.member WHERE subscriber = 'fm.3');
  DELETE FROM modes.orders WHERE id = 4;
  RAISE NOTICE 'in % segments', (SELECT count(*) FROM segment.member WHERE subscriber = 'fm.3');
END
$$;
CREATE FUNCTION react() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM modes.visits WHERE visitor = NEW.customer;
  INSERT INTO modes.visits VALUES (NEW.customer);
  RETURN NULL;
END $$;
CREATE TRIGGER react AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION react();
INSERT INTO orders SELECT i, 'fm.4' FROM generate_series(10, 14) i;
SELECT subscriber, total_events_90d FROM segment.profile WHERE subscriber = 'fm.4';
SELECT * FROM difference;
DROP TRIGGER react ON orders;
-- At any isolation level.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM segment.member WHERE subscriber = 'fm.5';
INSERT INTO orders VALUES (5, 'fm.5');
SELECT count(*) FROM segment.member WHERE subscriber = 'fm.5';
COMMIT;
SELECT * FROM difference;

-- Queued: the transaction leaves a row per subscriber, and refresh applies it.
SET pg_segment.flush = queued;
BEGIN;
INSERT INTO orders VALUES (20, 'fm.20', DEFAULT, DEFAULT), (21, 'fm.20', DEFAULT, 20), (22, 'fm.21', DEFAULT, DEFAULT);
INSERT INTO visits VALUES ('fm.20');
SELECT changes FROM segment.stat_queue;
COMMIT;
SELECT * FROM segment.stat_queue;
SELECT subscriber, change IS NOT NULL AS known FROM segment.queue ORDER BY 1;
SELECT segment, subscriber FROM segment.member WHERE subscriber LIKE 'fm.2_' ORDER BY 1, 2;
-- What is queued is no difference.
SELECT * FROM segment.verify();
SET pg_segment.clock = '2026-06-01 12:05:00+00';
INSERT INTO orders VALUES (23, 'fm.21');
SELECT * FROM segment.stat_queue;
CALL segment.refresh();
SELECT * FROM segment.stat_queue;
SELECT segment, subscriber, since FROM segment.member WHERE subscriber LIKE 'fm.2_' ORDER BY 1, 2;
SELECT * FROM difference;
-- Deletes and updates: of events that are applied already, of those that are not, of the first and the last one.
UPDATE orders SET at = '2026-05-25' WHERE id = 20;
DELETE FROM orders WHERE id = 22;
INSERT INTO orders VALUES (24, 'fm.22', '2026-05-22', DEFAULT), (25, 'fm.22', '2026-05-23', 20), (26, 'fm.23', DEFAULT, DEFAULT);
UPDATE orders SET total = 30, at = '2026-01-01' WHERE id = 25;
DELETE FROM orders WHERE id IN (24, 26);
INSERT INTO orders VALUES (24, 'fm.24');
SELECT * FROM segment.verify();
CALL segment.refresh();
SELECT subscriber, first_event_at, last_event_at, lifetime_value FROM segment.profile WHERE subscriber LIKE 'fm.2_' ORDER BY 1;
SELECT * FROM difference;
-- Savepoints, and a rollback.
BEGIN;
INSERT INTO orders VALUES (30, 'fm.30');
SAVEPOINT a;
INSERT INTO orders VALUES (31, 'fm.30', DEFAULT, 50), (32, 'fm.31', DEFAULT, DEFAULT);
ROLLBACK TO a;
INSERT INTO orders VALUES (33, 'fm.30', DEFAULT, 9);
COMMIT;
BEGIN;
INSERT INTO orders VALUES (34, 'fm.32');
ROLLBACK;
SELECT subscriber FROM segment.queue ORDER BY 1;
CALL segment.refresh();
SELECT * FROM difference;
-- In batches, in ascending order; record and count.
INSERT INTO orders SELECT 100 + i, 'fm.b' || i % 7 FROM generate_series(1, 30) i;
INSERT INTO orders SELECT 200 + i, 'fm.b' || i % 7 FROM generate_series(1, 30) i;
SELECT changes FROM segment.stat_queue;
CALL segment.refresh(batch => 3);
SELECT kind, subscribers, transitions FROM segment.run ORDER BY run_id DESC LIMIT 1;
SELECT changes FROM segment.stat_queue;
SELECT * FROM difference;
-- Mixed with a flush at commit, by statement and by call: in any order each event counts once.
INSERT INTO orders VALUES (40, 'fm.40', '2026-05-20', 3), (41, 'fm.41', '2026-05-20', 3);
RESET pg_segment.flush;
INSERT INTO orders VALUES (42, 'fm.40', '2026-05-20 00:10', 4), (43, 'fm.42', '2026-05-20', 4);
SELECT subscriber, lifetime_value FROM segment.profile WHERE subscriber LIKE 'fm.4_' ORDER BY 1;
DELETE FROM orders WHERE id = 40;
SELECT * FROM segment.verify();
SELECT subscriber, lifetime_value FROM segment.profile WHERE subscriber LIKE 'fm.4_' ORDER BY 1;
SET pg_segment.flush = queued;
DELETE FROM orders WHERE id = 42;
INSERT INTO orders VALUES (44, 'fm.42', '2026-05-19', 5);
SET pg_segment.flush = statement;
DELETE FROM orders WHERE id = 44;
INSERT INTO orders VALUES (45, 'fm.42', '2026-05-18', 7);
SET pg_segment.flush = queued;
BEGIN;
INSERT INTO orders VALUES (46, 'fm.42', '2026-05-17', 8);
SELECT segment.flush();
INSERT INTO orders VALUES (47, 'fm.42', '2026-05-16', 8);
COMMIT;
SELECT * FROM segment.verify();
CALL segment.refresh();
SELECT subscriber, first_event_at, lifetime_value FROM segment.profile WHERE subscriber LIKE 'fm.4_' ORDER BY 1;
SELECT * FROM difference;
-- Computed again while something is queued: a deletion of the first event, a rebuild.
INSERT INTO orders VALUES (50, 'fm.42', '2026-05-01', 1), (51, 'fm.50', DEFAULT, DEFAULT);
RESET pg_segment.flush;
DELETE FROM orders WHERE id = 47;
SELECT subscriber FROM segment.queue ORDER BY 1;
SELECT * FROM segment.verify();
CALL segment.rebuild();
SELECT changes FROM segment.stat_queue;
SELECT * FROM difference;
-- A TRUNCATE takes along what is queued, of those who have no state yet as well; so does a rebuild of what went unseen.
SET pg_segment.flush = queued;
INSERT INTO visits VALUES ('fm.60'), ('fm.42');
TRUNCATE visits;
INSERT INTO visits VALUES ('fm.61');
SELECT subscriber FROM segment.queue ORDER BY 1;
CALL segment.refresh();
SELECT subscriber FROM segment.profile WHERE subscriber LIKE 'fm.6_';
SELECT * FROM difference;
INSERT INTO visits VALUES ('fm.62');
SET session_replication_role = replica;
DELETE FROM visits WHERE visitor = 'fm.62';
RESET session_replication_role;
CALL segment.rebuild();
CALL segment.refresh();
SELECT * FROM difference;
-- Definitions drain the queue first: a segment, a source.
INSERT INTO orders VALUES (60, 'fm.63', DEFAULT, DEFAULT), (61, 'fm.64', DEFAULT, 20);
SELECT segment.create_segment('fm visitors', '{"event": "visit"}');
SELECT changes FROM segment.stat_queue;
INSERT INTO visits VALUES ('fm.65');
SELECT segment.drop_segment('fm visitors');
SELECT changes FROM segment.stat_queue;
INSERT INTO visits VALUES ('fm.66');
INSERT INTO orders VALUES (62, 'fm.66');
SELECT segment.detach_source('visits') > 0 AS detached;
SELECT changes FROM segment.stat_queue;
SELECT * FROM difference;
INSERT INTO orders VALUES (63, 'fm.67');
SELECT segment.attach_source('visits', subscriber => 'visitor', occurred_at => 'at', constant_type => 'visit');
SELECT changes FROM segment.stat_queue;
SELECT * FROM difference;
-- Within one transaction too.
BEGIN;
INSERT INTO orders VALUES (64, 'fm.68', DEFAULT, 20);
SELECT segment.create_segment('fm large', '{"event": "purchase", "where": {"value": {"min": 20}}}');
INSERT INTO orders VALUES (65, 'fm.69', DEFAULT, 20);
COMMIT;
SELECT changes FROM segment.stat_queue;
CALL segment.refresh();
SELECT count(*) = (SELECT count(DISTINCT customer) FROM orders WHERE total >= 20) AS exact FROM segment.members('fm large');
SELECT segment.drop_segment('fm large') > 0 AS dropped;
-- Changes queued under other streams are computed again.
INSERT INTO orders VALUES (66, 'fm.70', DEFAULT, 30), (67, 'fm.64', DEFAULT, 30);
CALL segment.create_segment_concurrently('fm huge', '{"event": "purchase", "where": {"value": {"min": 30}}}');
SELECT changes FROM segment.stat_queue;
SELECT * FROM segment.verify();
CALL segment.refresh();
SELECT count(*) = (SELECT count(DISTINCT customer) FROM orders WHERE total >= 30) AS exact FROM segment.members('fm huge');
SELECT segment.drop_segment('fm huge') > 0 AS dropped;
SELECT * FROM difference;
-- record_event answers at once, whatever the setting.
SELECT entered, departed FROM segment.record_event('fm.r', 'purchase', '2026-05-20', 50);
SELECT changes FROM segment.stat_queue;
DELETE FROM segment.event WHERE subscriber = 'fm.r';
CALL segment.refresh();
SELECT * FROM difference;
-- What is queued may be old enough to be taken into a preference at once.
SELECT segment.create_segment('fm fond', '{"attribute": "content_preference_shoes", "min": 0.55}') AS found;
INSERT INTO segment.event (subscriber, event_type, occurred_at, properties) VALUES ('fm.70', 'purchase', '2026-05-20', '{"category": "shoes"}');
CALL segment.refresh();
INSERT INTO segment.event (subscriber, event_type, occurred_at, properties) VALUES ('fm.70', 'purchase', '2026-05-21', '{"category": "shoes"}');
SELECT * FROM segment.verify();
CALL segment.refresh();
SELECT * FROM segment.verify();
SELECT segment.drop_segment('fm fond') > 0 AS dropped;
DELETE FROM segment.event WHERE subscriber = 'fm.70';
CALL segment.refresh();
-- Time goes on while something is queued.
INSERT INTO orders VALUES (70, 'fm.71', '2026-06-01 10:00', 20), (71, 'fm.72', '2026-06-03', 20);
SET pg_segment.clock = '2026-07-02 12:00:00+00';
SELECT * FROM segment.verify();
CALL segment.refresh();
SELECT segment, subscriber FROM segment.member WHERE subscriber IN ('fm.71', 'fm.72') ORDER BY 1, 2;
SELECT * FROM segment.verify();
SET pg_segment.clock = '2026-07-10 12:00:00+00';
SELECT segment, subscriber FROM segment.member WHERE subscriber IN ('fm.71', 'fm.72') ORDER BY 1, 2;
CALL segment.refresh();
SELECT * FROM segment.verify();
-- Prepared transactions, in each mode.
SET pg_segment.flush = queued;
BEGIN;
INSERT INTO orders VALUES (80, 'fm.80');
PREPARE TRANSACTION 'fm queued';
SELECT changes FROM segment.stat_queue;
RESET pg_segment.flush;
BEGIN;
INSERT INTO orders VALUES (81, 'fm.81');
PREPARE TRANSACTION 'fm commit';
BEGIN;
INSERT INTO orders VALUES (82, 'fm.82');
PREPARE TRANSACTION 'fm never';
SET pg_segment.flush = statement;
BEGIN;
INSERT INTO orders VALUES (83, 'fm.83', DEFAULT, DEFAULT), (84, 'fm.83', '2026-05-01', 1);
DELETE FROM orders WHERE id = 84;
PREPARE TRANSACTION 'fm statement';
RESET pg_segment.flush;
SELECT subscriber FROM segment.member WHERE subscriber LIKE 'fm.8_' ORDER BY 1;
SELECT * FROM segment.verify();
-- Whoever has a transaction prepared is passed over.
CALL segment.refresh();
COMMIT PREPARED 'fm queued';
COMMIT PREPARED 'fm commit';
ROLLBACK PREPARED 'fm never';
COMMIT PREPARED 'fm statement';
SELECT changes FROM segment.stat_queue;
CALL segment.refresh();
SELECT segment, subscriber FROM segment.member WHERE subscriber LIKE 'fm.8_' ORDER BY 1, 2;
SELECT * FROM segment.verify();
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition;
SELECT segment.detach_source('orders') > 0 AS orders, segment.detach_source('visits') > 0 AS visits;
SET client_min_messages = warning;
DROP SCHEMA modes CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
SELECT * FROM segment.verify();
