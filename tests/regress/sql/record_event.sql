-- record_event and flush: one's own writes, read at once.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
SELECT segment.create_segment('re buyers', '{"event": "purchase"}'), segment.create_segment('re big', '{"event": "purchase", "sum": {"min": 100}}'),
       segment.create_segment('re silent', '{"event": "purchase", "count": {"equals": 0}}'), segment.create_segment('re red', '{"event": "purchase", "where": {"colour": {"equals": "red"}}}');
-- The result names the segments that the event moved the subscriber into and out of.
SELECT processed_at, entered, departed FROM segment.record_event('re.1', 'visit');
SELECT processed_at, entered, departed FROM segment.record_event('re.1', 'purchase', value => 60);
SELECT processed_at, entered, departed FROM segment.record_event('re.1', 'purchase', '2026-05-31 10:00', 40, '{"colour": "red"}');
SELECT processed_at, entered, departed FROM segment.record_event('re.1', 'purchase', '2026-05-31 10:00', -1);
-- A future event moves nobody yet.
SELECT entered, departed FROM segment.record_event('re.2', 'purchase', '2026-06-02 10:00');
-- occurred_at defaults to the clock.
SELECT subscriber, event_type, occurred_at, value, properties FROM segment.event ORDER BY event_id;
-- The id is that of the row.
CREATE TEMPORARY TABLE recorded AS SELECT event_id FROM segment.record_event('re.3', 'visit');
SELECT subscriber FROM segment.event JOIN recorded USING (event_id);
-- NULL for whom or what is refused; for the rest it is the default.
SELECT * FROM segment.record_event(NULL, 'visit');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.record_event('re.1', NULL);
SELECT entered FROM segment.record_event('re.4', 'visit', NULL, NULL, NULL);
-- A value that is no number adds nothing; a row whose time is none is no event.
SELECT entered FROM segment.record_event('re.5', 'purchase', value => 'NaN');
SELECT entered FROM segment.record_event('re.6', 'purchase', 'infinity');
SELECT subscriber, total_events_7d, lifetime_value FROM segment.profile WHERE subscriber ~ '^re.[56]$' ORDER BY 1;
-- Inside a transaction: what was captured before is applied as well, and reported by nobody else.
BEGIN;
INSERT INTO segment.event (subscriber, event_type, occurred_at, value) VALUES ('re.7', 'purchase', '2026-06-01 11:00', 70), ('re.8', 'visit', '2026-06-01 11:00', NULL);
SELECT entered, departed FROM segment.record_event('re.7', 'purchase', value => 30);
SELECT segment, subscriber FROM segment.member WHERE subscriber IN ('re.7', 're.8') ORDER BY 1, 2;
SAVEPOINT one;
SELECT entered, departed FROM segment.record_event('re.8', 'purchase', value => 500);
ROLLBACK TO one;
SELECT segment, subscriber FROM segment.member WHERE subscriber = 're.8' ORDER BY 1, 2;
COMMIT;
SELECT segment, subscriber FROM segment.member WHERE subscriber IN ('re.7', 're.8') ORDER BY 1, 2;
-- Without a flush a transaction does not see what its own events do; after it, it does. Nothing happens twice.
BEGIN;
INSERT INTO segment.event (subscriber, event_type, occurred_at, value) VALUES ('re.9', 'purchase', '2026-06-01 11:00', 70);
SELECT segment, subscriber FROM segment.member WHERE subscriber = 're.9' ORDER BY 1;
SELECT segment.flush();
SELECT segment, subscriber FROM segment.member WHERE subscriber = 're.9' ORDER BY 1;
SELECT segment.flush();
INSERT INTO segment.event (subscriber, event_type, occurred_at, value) VALUES ('re.9', 'purchase', '2026-06-01 11:00', 29.99);
SELECT segment.flush();
SELECT segment, subscriber FROM segment.member WHERE subscriber = 're.9' ORDER BY 1;
INSERT INTO segment.event (subscriber, event_type, occurred_at, value) VALUES ('re.9', 'purchase', '2026-06-01 11:00', 0.01);
COMMIT;
SELECT segment, subscriber FROM segment.member WHERE subscriber = 're.9' ORDER BY 1;
SELECT lifetime_value FROM segment.profile WHERE subscriber = 're.9';
-- A rolled-back flush has not happened; one with nothing to do does nothing.
BEGIN;
INSERT INTO segment.event (subscriber, event_type, occurred_at, value) VALUES ('re.10', 'purchase', '2026-06-01 11:00', 70);
SELECT segment.flush();
ROLLBACK;
SELECT segment.flush();
SELECT count(*) FROM segment.state WHERE subscriber = 're.10';
SELECT * FROM segment.verify();
SELECT changes FROM segment.stat_queue;
-- At any isolation level.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT entered FROM segment.record_event('re.11', 'purchase', '2026-06-01 11:00', 70);
SELECT entered FROM segment.record_event('re.11', 'purchase', '2026-06-01 11:00', 30);
COMMIT;
SELECT segment FROM segment.member WHERE subscriber = 're.11' ORDER BY 1;
-- Read-only transactions cannot record.
BEGIN READ ONLY;
SELECT * FROM segment.record_event('re.1', 'visit');
ROLLBACK;
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition;
TRUNCATE segment.event;
DELETE FROM segment.state;
DELETE FROM segment.due;
