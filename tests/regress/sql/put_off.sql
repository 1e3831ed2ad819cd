-- A load, a transaction with events of more subscribers than pg_segment.load, leaves it to refresh to see who moved; whoever asks before
-- is told the same.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA loads;
SET search_path = loads;
CREATE TABLE orders (id integer PRIMARY KEY, customer text, at timestamptz, total numeric DEFAULT 1);
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SELECT segment.create_segment('po buyers', '{"event": "purchase"}'), segment.create_segment('po big', '{"event": "purchase", "sum": {"min": 10}}'),
  segment.create_segment('po quiet', '{"all": [{"event": "purchase"}, {"not": {"event": "purchase", "within": "5 days"}}]}'),
  segment.create_segment('po latest', '{"event": "purchase", "latest": {"min": 5}}');
CREATE VIEW truth AS
  SELECT 'po buyers' AS segment, customer AS subscriber FROM orders WHERE at <= segment.now() GROUP BY customer
  UNION ALL SELECT 'po big', customer FROM orders WHERE at <= segment.now() GROUP BY customer HAVING sum(total) >= 10
  UNION ALL SELECT 'po quiet', customer FROM orders WHERE at <= segment.now() GROUP BY customer HAVING max(at) <= segment.now() - interval '5 days'
  UNION ALL SELECT 'po latest', customer FROM (SELECT customer, at, sum(total), rank() OVER (PARTITION BY customer ORDER BY at DESC) FROM orders WHERE at <= segment.now() GROUP BY 1, 2) o
  WHERE rank = 1 AND sum >= 5
  UNION ALL SELECT d.name, customer FROM segment.definition d, orders WHERE d.name = 'po two' AND at <= segment.now() GROUP BY d.name, d.criteria, customer
  HAVING count(*) >= 2 AND (d.criteria ? 'event' OR sum(total) >= 18);
CREATE VIEW difference AS
  (TABLE truth EXCEPT SELECT segment, subscriber FROM segment.manual_member WHERE decision = 'excluded' EXCEPT SELECT segment, subscriber FROM segment.member)
  UNION ALL (SELECT segment, subscriber FROM segment.member EXCEPT ALL TABLE truth)
  UNION ALL SELECT finding, coalesce(subscriber, stored) FROM segment.verify();
CREATE VIEW asked AS
  SELECT m.segment, m.subscriber, m.since, segments, total_events_30d
  FROM segment.member m JOIN segment.profile p USING (subscriber);

-- Somebody who is known and somebody who is not; one event is still to come.
INSERT INTO orders VALUES (1, 'po.1', '2026-05-20', 4), (2, 'po.2', '2026-05-31 12:00', 4);
CALL segment.refresh();
SET pg_segment.clock = '2026-06-02 12:00:00+00';
SET pg_segment.load = 0;
SHOW pg_segment.load;
INSERT INTO orders VALUES (3, 'po.1', '2026-06-02', 6), (4, 'po.3', '2026-06-01', 20), (5, 'po.3', '2026-06-04', 1), (6, 'po.2', '2026-05-31 12:00', 3);
SELECT subscriber, action, segment FROM segment.transition WHERE at = segment.now() ORDER BY 1, 3;
TABLE asked ORDER BY 2, 1;
SELECT path, actual, holds, changes_at, since FROM segment.explain('po.1', 'po big');
TABLE difference;

-- Three days later it comes out as if somebody had looked at once: the load first, then what time did.
SET pg_segment.clock = '2026-06-05 18:00:00+00';
-- Before, at and after the load.
SELECT at, ARRAY(SELECT segment.members_as_of('po big', at) ORDER BY 1) AS big, ARRAY(SELECT segment.members_as_of('po quiet', at) ORDER BY 1) AS quiet
FROM unnest(ARRAY['2026-06-02 11:59', '2026-06-02 12:00', '2026-06-02 12:01', '2026-06-05 12:00']::timestamptz[]) at;
TABLE asked ORDER BY 2, 1;
TABLE difference;
SELECT segment.time_in_segment('po big', 'po.1'), segment.time_in_segment('po quiet', 'po.2');
CALL segment.refresh();
TABLE asked ORDER BY 2, 1;
SELECT subscriber, at, action, segment, cause, leaf FROM segment.transition WHERE at > '2026-06-01 12:00' ORDER BY subscriber, at, segment;
SELECT segment.time_in_segment('po big', 'po.1'), segment.time_in_segment('po quiet', 'po.2');
TABLE difference;

-- One load after the other, a deletion, a decision, and a segment that is new, before anybody has looked.
INSERT INTO orders VALUES (7, 'po.4', '2026-06-05', 9), (8, 'po.5', '2026-06-05', 9);
SET pg_segment.clock = '2026-06-05 19:00:00+00';
INSERT INTO orders VALUES (9, 'po.4', '2026-06-05', 9), (10, 'po.5', '2026-06-05', 9);
DELETE FROM orders WHERE id = 8;
SELECT segment.exclude_member('po buyers', 'po.4');
TABLE difference;
SELECT segment.release_member('po buyers', 'po.4');
INSERT INTO orders VALUES (11, 'po.6', '2026-06-05', 9);
SELECT segment.create_segment('po two', '{"event": "purchase", "count": {"min": 2}}');
SELECT subscriber FROM segment.members('po two') subscriber ORDER BY 1;
INSERT INTO orders VALUES (12, 'po.6', '2026-06-05', 9);
CALL segment.alter_segment('po two', '{"all": [{"event": "purchase", "count": {"min": 2}}, {"event": "purchase", "sum": {"min": 18}}]}');
SELECT subscriber, at, action, segment, cause FROM segment.transition WHERE subscriber >= 'po.4' ORDER BY subscriber, move, segment;
TABLE difference;
-- A feature that has everybody computed again: who moved by a load, did so before.
INSERT INTO orders VALUES (20, 'po.8', '2026-06-05', 9);
SET pg_segment.clock = '2026-06-05 20:00:00+00';
CALL segment.create_feature_concurrently('po_views', '{"event": "view", "within": "3 days"}');
SELECT subscriber, at, action, segment, cause FROM segment.transition WHERE subscriber = 'po.8' ORDER BY move, segment;
SELECT segment.drop_feature('po_views');
-- Before the end of a transaction nothing is put off.
BEGIN;
INSERT INTO orders VALUES (13, 'po.7', '2026-06-05', 9);
SELECT segment.flush();
SELECT action, segment FROM segment.transition WHERE subscriber = 'po.7' ORDER BY 2;
COMMIT;
CALL segment.rebuild();
TABLE difference;
-- What a writer left for later is done as of then: a refresh to some later time brings those alone there whom time moves by then.
INSERT INTO orders VALUES (14, 'po.9', '2026-06-05', 9);
SET pg_segment.clock = '2026-06-05 21:00:00+00';
CALL segment.refresh(until => '2026-06-06');
SELECT evaluated_at, due_at FROM segment.state WHERE subscriber = 'po.9';
CALL segment.refresh(until => '2026-06-11');
SELECT evaluated_at, due_at FROM segment.state WHERE subscriber = 'po.9';
-- What a load, or time, did before an event is not that event's doing.
SELECT segment.create_event_table();
INSERT INTO segment.event (subscriber, event_type, occurred_at, value) VALUES ('po.10', 'purchase', '2026-06-05', 9);
SELECT entered, departed FROM segment.record_event('po.10', 'purchase', '2026-06-05', 1);
SET pg_segment.clock = '2026-06-10 00:00:00+00';
SELECT entered, departed FROM segment.record_event('po.10', 'visit');
SELECT at, action, segment, cause FROM segment.transition WHERE subscriber = 'po.10' ORDER BY move, segment;
SELECT count(*) FROM segment.verify();
DELETE FROM segment.event WHERE subscriber = 'po.10';
TABLE difference;
DROP VIEW asked, difference;
SELECT segment.drop_segment(name) FROM segment.definition ORDER BY segment_id DESC;
SELECT segment.detach_source('orders');
