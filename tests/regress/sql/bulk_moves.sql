-- Whoever enters or leaves many segments at once: the rows follow later, the views show it right away.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA bulk;
SET search_path = bulk;
CREATE TABLE orders (id integer PRIMARY KEY, customer text, at timestamptz DEFAULT '2026-05-20');
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase');
SELECT count(segment.create_segment('bm ' || i, jsonb_build_object('event', 'purchase', 'count', jsonb_build_object('min', i), 'within', '20 days'))) FROM generate_series(1, 12) i;
SELECT segment.create_segment('bm none', '{"event": "purchase", "count": {"equals": 0}, "within": "20 days"}');
CREATE VIEW truth AS
  WITH counts AS (SELECT customer, count(*) FILTER (WHERE at > segment.now() - interval '20 days' AND at <= segment.now()) AS n FROM orders GROUP BY customer)
  SELECT 'bm ' || i AS segment, customer AS subscriber FROM counts, generate_series(1, 12) i WHERE n >= i UNION ALL SELECT 'bm none', customer FROM counts WHERE n = 0;
CREATE VIEW difference AS
  (TABLE truth EXCEPT ALL SELECT segment, subscriber FROM segment.member)
  UNION ALL (SELECT segment, subscriber FROM segment.member EXCEPT ALL TABLE truth)
  UNION ALL SELECT 'profile', s FROM (SELECT segment || subscriber FROM truth EXCEPT ALL SELECT unnest(segments) || subscriber FROM segment.profile) AS d (s)
  UNION ALL SELECT finding, coalesce(subscriber, stored) FROM segment.verify();
-- What is left to do: whose rows are behind, and how many rows there are.
CREATE VIEW behind AS
  SELECT s.subscriber, s.written IS NOT NULL AS behind, (SELECT count(*) FROM segment.membership m WHERE m.subscriber = s.subscriber) AS rows,
         (SELECT count(*) FROM segment.member m WHERE m.subscriber = s.subscriber) AS members FROM segment.state s ORDER BY 1;
-- Eight are written at once, more are left behind.
INSERT INTO orders SELECT i, 'bm.8' FROM generate_series(1, 8) i;
INSERT INTO orders SELECT 100 + i, 'bm.9' FROM generate_series(1, 9) i;
INSERT INTO orders SELECT 200 + i, 'bm.12' FROM generate_series(1, 12) i;
SELECT * FROM behind;
SELECT segment, members FROM segment.summary WHERE members > 1 ORDER BY 1;
SELECT * FROM difference;
-- Later writes before a refresh, more and fewer, by the time of their own.
SET pg_segment.clock = '2026-06-02 12:00:00+00';
DELETE FROM orders WHERE id IN (211, 212);
SET pg_segment.clock = '2026-06-03 12:00:00+00';
INSERT INTO orders VALUES (212, 'bm.12'), (9, 'bm.8');
SELECT * FROM behind;
SELECT segment, since FROM segment.member WHERE subscriber = 'bm.12' ORDER BY since, segment;
SELECT segment, since FROM segment.member WHERE subscriber = 'bm.8' AND since > '2026-06-02' ORDER BY 2, 1;
SELECT segment, action, at FROM segment.transition WHERE subscriber = 'bm.12' AND at > '2026-06-02' ORDER BY at, action, segment;
SELECT * FROM difference;
-- The refresh writes the rows and moves nobody.
CALL segment.refresh();
SELECT * FROM behind;
SELECT segment, since FROM segment.member WHERE subscriber = 'bm.12' ORDER BY since, segment;
SELECT * FROM difference;
-- Out of all of them, and in again before a refresh: everybody entered anew.
SET pg_segment.clock = '2026-06-04 12:00:00+00';
DELETE FROM orders WHERE customer IN ('bm.12', 'bm.9');
SELECT * FROM behind;
SELECT * FROM difference;
SET pg_segment.clock = '2026-06-05 12:00:00+00';
INSERT INTO orders SELECT 200 + i, 'bm.12' FROM generate_series(1, 12) i;
SELECT min(since), max(since), count(*) FROM segment.member WHERE subscriber = 'bm.12';
SELECT * FROM difference;
CALL segment.refresh();
SELECT min(since), max(since), count(*) FROM segment.membership WHERE subscriber = 'bm.12';
SELECT * FROM behind;
SELECT * FROM difference;
-- By time alone: all of them leave at one moment, which nobody has refreshed yet.
SET pg_segment.clock = '2026-06-08 23:59:00+00';
SELECT * FROM difference;
SET pg_segment.clock = '2026-06-09 12:00:00+00';
SELECT * FROM difference;
SELECT * FROM behind;
CALL segment.refresh();
SELECT segment, action, at, cause FROM segment.transition WHERE subscriber = 'bm.12' AND cause = 'time' ORDER BY at, action, segment;
SELECT * FROM behind;
SELECT * FROM difference;
-- Many people at once, in a transaction that rolls back in part.
BEGIN;
INSERT INTO orders SELECT 1000 + i, 'bm.m' || i % 10, '2026-06-08' FROM generate_series(1, 120) i;
SAVEPOINT a;
DELETE FROM orders WHERE id > 1000 AND id % 2 = 0;
SELECT segment.flush();
SELECT count(*) FROM segment.member WHERE subscriber LIKE 'bm.m%';
ROLLBACK TO a;
DELETE FROM orders WHERE customer = 'bm.m5';
COMMIT;
SELECT count(*) FROM segment.member WHERE subscriber LIKE 'bm.m%';
SELECT * FROM difference;
CALL segment.refresh(batch => 4);
SELECT * FROM difference;
SELECT count(*) FROM segment.state WHERE written IS NOT NULL;
-- A transaction about very many people leaves the rows of all of them for later; at its end it does not even look who moves.
SET pg_segment.flush = statement;
INSERT INTO orders SELECT 10000 + i, 'bm.early' || i, '2026-06-08' FROM generate_series(1, 1500) i;
RESET pg_segment.flush;
INSERT INTO orders SELECT 20000 + i, 'bm.many' || i, '2026-06-08' FROM generate_series(1, 1500) i;
SELECT rtrim(subscriber, '0123456789') AS whose, count(*), count(written) AS behind, count(memory) AS put_off FROM segment.state WHERE subscriber ~ 'many|early' GROUP BY 1;
SELECT count(*) FROM segment.members('bm 1') WHERE subscriber LIKE 'bm.many%';
SELECT * FROM difference;
DELETE FROM orders WHERE id > 10000 AND id % 2 = 0;
INSERT INTO orders VALUES (9001, 'bm.many1', '2026-06-08'), (9002, 'bm.many2', '2026-06-08');
SELECT * FROM difference;
CALL segment.refresh();
SELECT count(*) FROM segment.state WHERE written IS NOT NULL;
SELECT * FROM difference;
-- Definitions put the rows in order; an altered segment too.
TRUNCATE orders;
SELECT * FROM difference;
INSERT INTO orders SELECT 2000 + i, 'bm.d' || i % 2, '2026-06-08' FROM generate_series(1, 24) i;
SELECT count(*) FROM segment.state WHERE written IS NOT NULL;
SELECT segment.create_segment('bm extra', '{"segment": "bm 12"}');
SELECT count(*) FROM segment.state WHERE written IS NOT NULL;
SELECT segment.drop_segment('bm extra');
SELECT * FROM difference;
DELETE FROM orders;
INSERT INTO orders SELECT 3000 + i, 'bm.e' || i % 2, '2026-06-08' FROM generate_series(1, 24) i;
CALL segment.alter_segment('bm 12', '{"event": "purchase", "count": {"min": 12}, "within": "480 hours"}');
SELECT count(*) FROM segment.state WHERE written IS NOT NULL;
SELECT * FROM difference;
DELETE FROM orders;
CALL segment.rebuild();
SELECT count(*) FROM segment.state WHERE written IS NOT NULL;
SELECT * FROM difference;
-- A source that is attached, and detached.
CREATE TABLE more AS SELECT 'bm.x' AS customer, '2026-06-08'::timestamptz AS at FROM generate_series(1, 12) i;
SELECT segment.attach_source('more', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase');
SELECT count(*) FROM segment.member WHERE subscriber = 'bm.x';
SELECT * FROM segment.verify();
SELECT segment.detach_source('more') > 0 AS detached;
SELECT count(*) FROM segment.member WHERE subscriber = 'bm.x';
SELECT * FROM difference;
-- record_event names all of them.
INSERT INTO segment.event (subscriber, event_type, occurred_at) SELECT 'bm.r', 'visit', '2026-06-08' FROM generate_series(1, 5);
SELECT count(segment.create_segment('bm v' || i, '{"event": "visit", "count": {"min": 6}}')) FROM generate_series(1, 10) i;
SELECT cardinality(entered) AS entered, departed FROM segment.record_event('bm.r', 'visit', '2026-06-08');
SELECT count(*) FROM segment.member WHERE subscriber = 'bm.r' AND segment LIKE 'bm v%';
DELETE FROM segment.event WHERE subscriber = 'bm.r';
SELECT * FROM segment.verify();

-- By the server's clock: within the very statement that moved them, and for one that began before.
RESET pg_segment.clock;
DO $$
BEGIN
  INSERT INTO bulk.orders SELECT 4000 + i, 'bm.now', now() - interval '1 day' FROM generate_series(1, 12) i;
  PERFORM segment.flush();
  RAISE NOTICE 'in % segments', (SELECT count(*) FROM segment.member WHERE subscriber = 'bm.now');
  DELETE FROM bulk.orders WHERE customer = 'bm.now' AND id > 4001;
  PERFORM segment.flush();
  RAISE NOTICE 'in % segments', (SELECT count(*) FROM segment.member WHERE subscriber = 'bm.now');
END
$$;
SELECT count(*) FROM segment.member WHERE subscriber = 'bm.now';
SELECT * FROM segment.verify();
SET client_min_messages = warning;
CALL segment.refresh();
RESET client_min_messages;
SELECT count(*) FROM segment.membership WHERE subscriber = 'bm.now';
SELECT * FROM segment.verify();
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM (SELECT name FROM segment.definition ORDER BY 1) d;
SELECT segment.detach_source('orders') > 0 AS detached;
SET client_min_messages = warning;
DROP SCHEMA bulk CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
