-- Send time and frequency, over any relation and over attached events.
CREATE SCHEMA st;
SET search_path = st;
SET pg_segment.clock = '2025-06-04 10:30+00';
-- 60 readers: a third open on Mondays at 9, two thirds on Thursdays at 20, now and then at another hour; the first 50 have done so for 20 weeks,
-- and every fifth on two days more.
CREATE TABLE opened (reader text, at timestamptz);
INSERT INTO opened
SELECT 'r' || to_char(i, 'FM00'), timestamptz '2025-01-06 00:00+00' + w * interval '7 days'
       + CASE WHEN (i * 31 + w * 17) % 10 < 2 THEN (i * 53 + w * 29) % 168 * interval '1 hour' WHEN i % 3 = 0 THEN interval '9 hours' ELSE interval '92 hours' END
       + (i * 7 + w) % 60 * interval '1 minute'
FROM generate_series(1, 60) i, generate_series(0, 20) w
WHERE i <= 50 OR w > 17;
INSERT INTO opened SELECT reader, at + d * interval '24 hours' FROM opened, generate_series(1, 2) d WHERE right(reader, 1) IN ('0', '5');
SELECT count(*), count(DISTINCT reader), max(at) FROM opened;
-- One row per subscriber; their own hour from five responses on. day_of_week is 1 on Mondays; next_at comes.
SELECT subscriber, time_zone, day_of_week, hour, next_at, responses, own, round(share::numeric, 3) AS share, round(confidence::numeric, 3) AS confidence, round(per_week::numeric, 3) AS per_week, round(per_week_confidence::numeric, 3) AS per_week_confidence
FROM segment.send_time('opened', 'reader', 'at') WHERE subscriber IN ('r01', 'r03', 'r05', 'r51', 'r54');
SELECT day_of_week, hour, own, count(*) FROM segment.send_time('opened', 'reader', 'at') GROUP BY 1, 2, 3 ORDER BY 4 DESC;
SELECT bool_and(next_at >= segment.now() AND next_at < segment.now() + interval '7 days') AS next, bool_and(extract(isodow FROM next_at AT TIME ZONE 'UTC') = day_of_week AND extract(hour FROM next_at AT TIME ZONE 'UTC') = hour) AS agrees, bool_and(share BETWEEN 0 AND 1 AND confidence BETWEEN 0 AND 1 AND per_week > 0) AS sound FROM segment.send_time('opened', 'reader', 'at');
-- More evidence may be asked for; elsewhere it is another hour.
SELECT count(*) FILTER (WHERE own) AS own FROM segment.send_time('opened', 'reader', 'at', min_responses => 20);
SELECT DISTINCT time_zone, day_of_week, hour FROM segment.send_time('opened', 'reader', 'at', time_zone => 'America/New_York') WHERE subscriber IN ('r01', 'r03');
-- What was long ago does not count, nor what is to come.
SELECT max(responses) FROM segment.send_time('opened', 'reader', 'at', lookback => '30 days');
INSERT INTO opened VALUES ('r01', '2025-07-01 12:00+00');
SELECT responses FROM segment.send_time('opened', 'reader', 'at') WHERE subscriber = 'r01';

-- The gain over everybody's hour, by responses that were held back.
SELECT subscribers, responses, round(own::numeric, 3) AS own, round(everybody::numeric, 3) AS everybody, round(gain::numeric, 3) AS gain, round(gain_low::numeric, 3) AS gain_low, round(gain_high::numeric, 3) AS gain_high, round(log_gain::numeric, 3) AS log_gain
FROM segment.evaluate_send_time('2025-04-15', 'opened', 'reader', 'at');
-- The same by another way: the most frequent hour before, over the responses since.
WITH h AS (SELECT reader, at, date_trunc('hour', at) AS hour, (extract(isodow FROM at)::int - 1) * 24 + extract(hour FROM at)::int AS of_week FROM opened WHERE at <= segment.now()),
     best AS (SELECT DISTINCT ON (reader) reader, of_week FROM h WHERE at < '2025-04-15' GROUP BY reader, of_week ORDER BY reader, count(*) DESC)
SELECT count(DISTINCT h.reader) AS subscribers, count(*) AS responses, round(avg((h.of_week = b.of_week)::int), 3) AS own, round(avg((h.of_week = 92)::int), 3) AS everybody
FROM (SELECT DISTINCT reader, hour, of_week FROM h WHERE at >= '2025-04-15') h JOIN best b USING (reader);
-- Where people are alike, one's own hours are noise and weigh nothing: there is no gain to be had.
CREATE TABLE alike AS SELECT 'a' || i % 100 AS who, timestamptz '2025-01-01' + (i * 7919::bigint % 3600) * interval '1 hour' AS at FROM generate_series(1, 1500) i;
SELECT max(confidence) < 0.05 AS weighs_nothing FROM segment.send_time('alike', 'who', 'at');
SELECT gain_low < 0.02 AS no_gain, log_gain < 0.05 AS nor_in_likelihood FROM segment.evaluate_send_time('2025-04-15', 'alike', 'who', 'at');

-- Attached events: opens and clicks unless others are named, each subscriber by a time zone of their own; who never answered gets everybody's hour.
CREATE TABLE mail (who text, kind text, at timestamptz);
INSERT INTO mail SELECT reader, CASE WHEN right(reader, 1) = '0' THEN 'click' ELSE 'open' END, at FROM opened WHERE at <= segment.now();
INSERT INTO mail VALUES ('silent', 'delivered', '2025-05-01'), ('r01', 'purchase', '2025-05-01');
SELECT segment.attach_source('mail', subscriber => 'who', occurred_at => 'at', event_type => 'kind');
CREATE TABLE reader (id text PRIMARY KEY, time_zone text);
INSERT INTO reader VALUES ('r01', 'asia/tokyo'), ('r02', 'nowhere');
SELECT segment.attach_profiles('reader', subscriber => 'id');
SELECT subscriber, time_zone, day_of_week, hour, next_at, responses, own, round(confidence::numeric, 3) AS confidence FROM segment.send_time() WHERE subscriber IN ('r01', 'r02', 'silent') ORDER BY 1;
SELECT time_zone, day_of_week, hour FROM segment.send_time(zone_trait => NULL) WHERE subscriber = 'r01';
SELECT count(*) FILTER (WHERE responses > 0) AS clicked FROM segment.send_time(event_types => '{click}');
SELECT (SELECT own FROM segment.evaluate_send_time('2025-04-15', zone_trait => NULL)) = (SELECT own FROM segment.evaluate_send_time('2025-04-15', 'opened', 'reader', 'at')) AS agree;

-- B1: as predictions, in the columns of profiles and in criteria, until they are made anew.
SELECT segment.create_segment('mornings', '{"attribute": "predictions.send_hour", "between": [8, 11]}');
CALL segment.predict_send_times();
CREATE VIEW kept AS SELECT subscriber, send_weekday, send_hour, send_confidence, send_frequency FROM segment.profile;
SELECT subscriber, send_weekday, send_hour, round(send_confidence, 3) AS send_confidence, round(send_frequency, 3) AS send_frequency FROM kept WHERE subscriber IN ('r01', 'r02', 'silent') ORDER BY 1;
CREATE VIEW told AS SELECT subscriber, day_of_week, hour, confidence::numeric, per_week::numeric FROM segment.send_time();
SELECT count(*) > 50 AS many FROM told;
(TABLE kept EXCEPT TABLE told) UNION ALL (TABLE told EXCEPT TABLE kept);
(SELECT subscriber FROM segment.member WHERE segment = 'mornings' EXCEPT SELECT subscriber FROM told WHERE hour BETWEEN 8 AND 11)
UNION ALL (SELECT subscriber FROM told WHERE hour BETWEEN 8 AND 11 EXCEPT SELECT subscriber FROM segment.member WHERE segment = 'mornings');
SELECT count(*) FROM (SELECT p.send_hour, p.send_confidence FROM segment.profile_at(segment.now()) p EXCEPT SELECT send_hour, send_confidence FROM kept) d;
SELECT segment.create_profile_view('st.best', '{subscriber,send_hour}');
SELECT send_hour FROM best WHERE subscriber = 'r02';
INSERT INTO mail SELECT who, 'open', timestamptz '2025-05-01 05:30+00' + d * interval '24 hours' FROM generate_series(1, 30) d, unnest('{r02,brief}'::text[]) who;
CALL segment.predict_send_times();
(TABLE kept EXCEPT TABLE told) UNION ALL (TABLE told EXCEPT TABLE kept);
SELECT send_hour FROM best WHERE subscriber = 'r02';
-- Whoever is there no more is not predicted; without a segment that reads them they are written all the same.
SELECT segment.drop_segment('mornings');
DELETE FROM mail WHERE who = 'brief';
SET pg_segment.clock = '2025-06-04 11:30+00';
CALL segment.predict_send_times(zone_trait => NULL, time_zone => 'Asia/Tokyo');
SELECT model, count(*) FROM segment.prediction WHERE subscriber IN ('r01', 'brief') GROUP BY model ORDER BY model;
SELECT count(*) FROM (SELECT send_hour, send_weekday FROM kept EXCEPT SELECT hour, day_of_week FROM segment.send_time(zone_trait => NULL, time_zone => 'Asia/Tokyo')) d;
BEGIN;
CALL segment.predict_send_times();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
CALL segment.predict_send_times(event_types => '{delivered}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_predictions(model) > 0 AS forgotten FROM unnest('{send_hour,send_weekday,send_frequency}'::text[]) model;
SELECT count(*) FROM kept WHERE send_hour IS NOT NULL;
SELECT * FROM segment.verify();
DROP VIEW best, kept, told;
SELECT segment.forget('brief') >= 0 AS forgotten;

-- Refused: too little, nothing to judge by, and arguments that make no sense.
SELECT * FROM segment.send_time(event_types => '{delivered}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.evaluate_send_time('2025-06-04', 'opened', 'reader', 'at');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.evaluate_send_time(NULL);
SELECT * FROM segment.send_time(event_types => '{}');
SELECT * FROM segment.send_time('opened', 'reader', 'at', event_types => '{open}');
SELECT * FROM segment.send_time('opened', 'reader', 'at', min_responses => 0);
SELECT * FROM segment.send_time('opened', 'reader', 'at', lookback => '-1 day');
SELECT * FROM segment.send_time('opened', 'reader', 'at', time_zone => 'Mars');
SELECT * FROM segment.send_time('opened', 'reader');
SELECT * FROM segment.send_time('opened', 'reader', 'reader');
\echo :LAST_ERROR_SQLSTATE
SELECT sum(segment.forget(who)) > 0 AS forgotten FROM (SELECT DISTINCT who FROM mail) m;
SELECT segment.detach_profiles('reader') > 0 AS detached;
SELECT segment.detach_source('mail') > 0 AS detached;
SELECT * FROM segment.verify();
