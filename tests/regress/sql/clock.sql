-- The clock: who may set it, what it decides, and how time alone moves people, exactly, before and after a refresh.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
-- The first call of a session loads the library; a value set before is checked then, with the rights of whoever set it.
CREATE ROLE clock_user;
SET ROLE clock_user;
SET pg_segment.clock = '2020-01-01';
RESET ROLE;
SELECT segment.now() = statement_timestamp() AS server_clock;
-- Refused: what is no time, with what to write.
SET pg_segment.clock = 'yesterday';
\echo :LAST_ERROR_SQLSTATE
SET pg_segment.clock = '2026-02-30';
SET pg_segment.clock = 'infinity';
SET pg_segment.clock = '2026-06-01 25:00:00';
SET pg_segment.clok = '2026-06-01';
-- Dates and times, in UTC unless they say otherwise, whatever the session's zone.
SET timezone = 'America/New_York';
SET pg_segment.clock = '2026-06-01';
SELECT segment.now() AT TIME ZONE 'UTC';
SET pg_segment.clock = '2026-06-01T12:30:45.123456Z';
SELECT segment.now() AT TIME ZONE 'UTC';
SET pg_segment.clock = '2026-06-01 14:30:00+02';
SELECT segment.now() AT TIME ZONE 'UTC';
SET pg_segment.clock = '2026-06-01 14:30:00';
SELECT segment.now() AT TIME ZONE 'UTC';
SET timezone = 'UTC';
-- Empty is the server's clock: the start of the statement.
SET pg_segment.clock = '';
SELECT segment.now() = statement_timestamp() AS server_clock;
RESET pg_segment.clock;
SHOW pg_segment.clock;
-- It decides who is in which segment, so only superusers may set it, and whom they let.
SET ROLE clock_user;
SET pg_segment.clock = '2026-06-01';
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT SET ON PARAMETER pg_segment.clock TO clock_user;
SET ROLE clock_user;
SET pg_segment.clock = '2026-06-01';
SHOW pg_segment.clock;
RESET ROLE;

-- A window ends where DESIGN says: up to 2 hours to the second, up to 7 days to the minute, longer to the hour.
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA clock;
SET search_path = clock;
SELECT segment.create_segment('cl 2 hours', '{"event": "purchase", "within": "2 hours"}'), segment.create_segment('cl 121 minutes', '{"event": "purchase", "within": "121 minutes"}'),
       segment.create_segment('cl 7 days', '{"event": "purchase", "within": "7 days"}'), segment.create_segment('cl 8 days', '{"event": "purchase", "within": "8 days"}'),
       segment.create_segment('cl ever', '{"event": "purchase"}'), segment.create_segment('cl gone quiet', '{"event": "purchase", "count": {"equals": 0}, "within": "30 days"}'),
       segment.create_segment('cl away', '{"days_since_last": {"min": 3}}');
INSERT INTO segment.event (subscriber, event_type, occurred_at) VALUES ('cl.1', 'purchase', '2026-06-01 11:59:30.5+00');
-- Who is in, as the view says at an instant.
CREATE FUNCTION at(instant text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('pg_segment.clock', instant, false);
  RETURN (SELECT string_agg(segment, ', ' ORDER BY segment) FROM segment.member WHERE subscriber = 'cl.1');
END
$$;
-- No row is written between these: the view evaluates whoever is overdue. Each pair is the last moment before and the first after.
SELECT t, clock.at(t) FROM (VALUES
  ('2026-06-01 12:00:00+00'),
  ('2026-06-01 13:59:29.999999+00'), ('2026-06-01 13:59:30+00'),
  ('2026-06-01 13:59:59.999999+00'), ('2026-06-01 14:00:00+00'),
  ('2026-06-04 11:59:30.499999+00'), ('2026-06-04 11:59:30.5+00'),
  ('2026-06-08 11:58:59.999999+00'), ('2026-06-08 11:59:00+00'),
  ('2026-06-09 10:59:59.999999+00'), ('2026-06-09 11:00:00+00'),
  ('2026-07-01 10:59:59.999999+00'), ('2026-07-01 11:00:00+00')) AS v (t);
SELECT evaluated_at FROM segment.profile WHERE subscriber = 'cl.1';
SELECT count(*) FROM segment.transition WHERE cause = 'time';
-- The entry of whoever entered by time alone is the very moment.
SELECT segment, since FROM segment.member WHERE subscriber = 'cl.1' ORDER BY 1;
SELECT segments FROM segment.profile WHERE subscriber = 'cl.1';
SELECT segment, members FROM segment.summary ORDER BY 1;
-- A refresh to an instant before the last: only what is due by then moves. It is written at its own moment, and the view says the same as before.
CALL segment.refresh(until => '2026-06-05 00:00:00+00');
SELECT segment, action, at, cause FROM segment.transition WHERE cause = 'time' ORDER BY at, segment;
SELECT segment, since FROM segment.member WHERE subscriber = 'cl.1' ORDER BY 1;
CALL segment.refresh();
SELECT segment, action, at, cause FROM segment.transition WHERE cause = 'time' ORDER BY at, segment;
SELECT segment, since FROM segment.member WHERE subscriber = 'cl.1' ORDER BY 1;
-- Nothing is due twice.
CALL segment.refresh();
SELECT * FROM segment.verify();
-- An earlier clock does not turn an evaluation back.
SELECT clock.at('2026-06-01 12:00:00+00');
INSERT INTO segment.event (subscriber, event_type, occurred_at) VALUES ('cl.1', 'visit', '2026-06-01 11:00:00+00');
SELECT evaluated_at FROM segment.profile WHERE subscriber = 'cl.1';
SET pg_segment.clock = '2026-07-01 12:00:00+00';

-- A future event counts when its time comes, without a write.
INSERT INTO segment.event (subscriber, event_type, occurred_at) VALUES ('cl.2', 'purchase', '2026-07-02 09:00:00.25+00');
SELECT segment FROM segment.member WHERE subscriber = 'cl.2' ORDER BY 1;
SELECT total_events_7d, days_since_last FROM segment.profile WHERE subscriber = 'cl.2';
SET pg_segment.clock = '2026-07-02 09:00:00.249999+00';
SELECT segment FROM segment.member WHERE subscriber = 'cl.2' AND segment = 'cl ever';
SET pg_segment.clock = '2026-07-02 09:00:00.25+00';
SELECT segment, since FROM segment.member WHERE subscriber = 'cl.2' ORDER BY 1;
SELECT total_events_7d, days_since_last FROM segment.profile WHERE subscriber = 'cl.2';
SELECT * FROM segment.verify();
CALL segment.refresh();
SELECT segment, since FROM segment.member WHERE subscriber = 'cl.2' ORDER BY 1;

-- refresh, in batches: each is a transaction, and the run is on record.
INSERT INTO segment.event (subscriber, event_type, occurred_at) SELECT 'cl.many' || i, 'purchase', '2026-07-02 09:00' FROM generate_series(1, 25) i;
SET pg_segment.clock = '2026-07-02 12:00:00+00';
CALL segment.refresh(batch => 10);
SELECT kind, subscribers, transitions, finished_at IS NOT NULL AS finished FROM segment.run WHERE kind = 'refresh' ORDER BY run_id DESC LIMIT 1;
-- Refused: a batch of nothing, and an until that is no time.
CALL segment.refresh(batch => 0);
\echo :LAST_ERROR_SQLSTATE
CALL segment.refresh(batch => -5);
CALL segment.refresh(until => 'infinity');
\echo :LAST_ERROR_SQLSTATE
CALL segment.refresh(until => '-infinity');
-- The future is for those who may set the clock.
GRANT EXECUTE ON PROCEDURE segment.refresh TO clock_user;
REVOKE SET ON PARAMETER pg_segment.clock FROM clock_user;
SET ROLE clock_user;
CALL segment.refresh();
CALL segment.refresh(until => '2026-08-01');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT SET ON PARAMETER pg_segment.clock TO clock_user;
SET ROLE clock_user;
CALL segment.refresh(until => '2026-08-02');
RESET ROLE;
-- Whoever is evaluated ahead of the clock stays there.
SELECT segment, count(*) FROM segment.member GROUP BY 1 ORDER BY 1;
SELECT min(evaluated_at), max(evaluated_at) FROM segment.profile;
SELECT * FROM segment.verify();
-- Its batches commit: refused inside a transaction or a function, and not in a DO block by itself. One batch is part of the transaction.
BEGIN;
CALL segment.refresh();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
DO $$ BEGIN CALL segment.refresh(); END $$;
CREATE FUNCTION call() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL segment.refresh(); END $$;
SELECT clock.call();
INSERT INTO segment.event (subscriber, event_type, occurred_at) VALUES ('cl.3', 'purchase', '2026-07-02 11:00'), ('cl.4', 'purchase', '2026-07-02 11:00');
SET pg_segment.clock = '2026-07-02 14:00:00+00';
BEGIN;
SELECT subscribers, transitions FROM segment._refresh_batch(NULL, 1);
SELECT count(*) FROM segment.transition WHERE subscriber IN ('cl.3', 'cl.4') AND cause = 'time';
ROLLBACK;
SELECT count(*) FROM segment.transition WHERE subscriber IN ('cl.3', 'cl.4') AND cause = 'time';
CALL segment.refresh(NULL, NULL);
SELECT count(*) FROM segment.transition WHERE subscriber IN ('cl.3', 'cl.4') AND cause = 'time';
SELECT * FROM segment.verify();

-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition;
TRUNCATE segment.event;
SET client_min_messages = warning;
DROP SCHEMA clock CASCADE;
REVOKE ALL ON PROCEDURE segment.refresh FROM clock_user;
REVOKE SET ON PARAMETER pg_segment.clock FROM clock_user;
DROP ROLE clock_user;
DELETE FROM segment.state;
DELETE FROM segment.due;
