-- A new segment looks at everybody in one pass: only who is in it, or is due earlier by it, is written.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA newcomers;
SET search_path = newcomers;
CREATE TABLE visit (who text, at timestamptz, what text DEFAULT 'visit');
INSERT INTO visit VALUES ('ns.lapsing', '2026-05-02 13:10'), ('ns.recent', '2026-05-20'), ('ns.old', '2026-01-01'), ('ns.ahead', '2026-06-01 13:00'), ('ns.more', '2026-05-31');
INSERT INTO visit SELECT 'ns.large', timestamptz '2026-05-31' - n * interval '61 minutes' FROM generate_series(1, 1500) n;
-- A stream that later states have and nothing reads any more.
SELECT segment.create_segment('ns gone', '{"event": "visit", "within": "3 days"}');
SELECT segment.attach_source('visit', subscriber => 'who', occurred_at => 'at', event_type => 'what');
SELECT segment.create_segment('ns visitors', '{"event": "visit", "count": {"min": 1}, "within": "90 days"}');
SELECT segment.drop_segment('ns gone');
SELECT count(*) FILTER (WHERE recent IS NOT NULL) AS in_two_parts, count(*) AS subscribers FROM segment.state WHERE subscriber LIKE 'ns.%';
CREATE VIEW truth AS
  SELECT 'ns month' AS segment, who AS subscriber FROM visit WHERE at <= segment.now() AND date_trunc('hour', at) > date_trunc('hour', segment.now()) - interval '30 days' GROUP BY who
  UNION ALL SELECT 'ns quiet', who FROM visit WHERE at <= segment.now() GROUP BY who
  HAVING date_trunc('hour', max(at)) <= date_trunc('hour', segment.now()) - interval '60 days'
  UNION ALL SELECT 'ns everybody', who FROM visit GROUP BY who
  UNION ALL SELECT 'ns by another', who FROM visit WHERE at <= segment.now() AND date_trunc('hour', at) > date_trunc('hour', segment.now()) - interval '90 days' GROUP BY who
  HAVING segment.now() > '2026-06-01 14:00';
CREATE VIEW difference AS
  (SELECT segment, subscriber FROM truth JOIN segment.definition d ON d.name = segment EXCEPT ALL SELECT segment, subscriber FROM segment.member)
  UNION ALL (SELECT segment, subscriber FROM segment.member WHERE segment <> 'ns visitors' EXCEPT ALL TABLE truth)
  UNION ALL SELECT finding, coalesce(subscriber, stored) FROM segment.verify();
-- An hour later: who was in it at their last evaluation and is not any more does not enter; who is ahead has just arrived.
SET pg_segment.clock = '2026-06-01 13:30:00+00';
SELECT segment.create_segment('ns month', '{"event": "visit", "within": "30 days"}');
TABLE difference;
SELECT subscriber, evaluated_at FROM segment.state WHERE subscriber LIKE 'ns.%' ORDER BY 1;
SELECT segment, subscriber, action, at, cause, leaf FROM segment.transition WHERE segment = 'ns month' ORDER BY 2;
-- Who will enter is due then, and no earlier.
SELECT segment.create_segment('ns quiet', '{"all": [{"event": "visit"}, {"not": {"event": "visit", "within": "60 days"}}]}');
TABLE difference;
SELECT subscriber, due_at FROM segment.state WHERE subscriber LIKE 'ns.%' ORDER BY 1;
-- Everybody; and what says nothing alone.
SELECT segment.create_segment('ns everybody', '{}');
TABLE difference;
SET pg_segment.clock = '2026-06-01 14:30:00+00';
SELECT segment.create_segment('ns by another', '{"segment": "ns visitors"}');
TABLE difference;
-- Later events come on top of what was left as it was, for a large state too; time moves them on.
INSERT INTO visit VALUES ('ns.large', '2026-06-01 14:20'), ('ns.old', '2026-06-01 14:10');
DELETE FROM visit WHERE who = 'ns.recent';
TABLE difference;
SET pg_segment.clock = '2026-07-31 13:30:00+00';
CALL segment.refresh();
TABLE difference;
SELECT segment, subscriber, action, at, cause FROM segment.transition WHERE segment = 'ns quiet' ORDER BY 2, 4;
-- Where nobody has looked yet where a load put them, and by several definitions in one transaction.
SET pg_segment.load = 0;
INSERT INTO visit VALUES ('ns.more', '2026-07-31 13:00'), ('ns.first', '2026-07-31 13:10');
SELECT count(*) FROM segment.state WHERE subscriber LIKE 'ns.%' AND memory IS NOT NULL;
BEGIN;
SELECT segment.drop_segment('ns by another'), segment.drop_segment('ns month');
SELECT segment.create_segment('ns month', '{"event": "visit", "within": "30 days"}');
SELECT segment.create_segment('ns by another', '{"segment": "ns visitors"}');
COMMIT;
TABLE difference;
-- What needs no other stream than there are reads no event; what does, reads them, once.
CREATE VIEW scans AS SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) AS of_events FROM pg_stat_xact_user_tables WHERE relid = 'visit'::regclass;
BEGIN;
SELECT of_events AS before FROM scans \gset
SELECT segment.create_segment('ns twice', '{"event": "visit", "count": {"min": 2}, "within": "45 days"}');
SELECT of_events - :before AS scans_of_events FROM scans;
SELECT segment.create_segment('ns callers', '{"event": "call"}');
SELECT of_events - :before AS scans_of_events FROM scans;
ROLLBACK;
-- Clean up.
SET client_min_messages = warning;
SELECT segment.drop_segment(name) >= 0 AS dropped FROM unnest(ARRAY['ns by another', 'ns month', 'ns quiet', 'ns everybody', 'ns visitors']) name;
SELECT segment.detach_source('visit') > 0 AS detached;
DROP SCHEMA newcomers CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
