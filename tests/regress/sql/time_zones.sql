-- The time zone of a segment: given when it is created, shown, and kept.
SET timezone = 'America/New_York';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
SELECT segment.create_segment('tz utc', '{"event": "zoned"}');
SELECT segment.create_segment('tz paris', '{"event": "zoned"}', time_zone => 'europe/paris');
CALL segment.create_segment_concurrently('tz kolkata', '{"event": "zoned"}', time_zone => 'Asia/Kolkata');
SELECT segment.create_static_segment('tz static', '{}');
SELECT segment, time_zone, criteria FROM segment.summary WHERE segment LIKE 'tz %' ORDER BY segment;
-- Other criteria, the same zone.
CALL segment.alter_segment('tz kolkata', '{"event": "zoned", "within": "7 days"}');
SELECT segment, time_zone, criteria FROM segment.summary WHERE segment = 'tz kolkata';
-- Refused: what is no zone, with the nearest.
SELECT segment.create_segment('tz wrong', '{}', time_zone => 'Europe/Pariss');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('tz wrong', '{}', time_zone => '+02:00');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('tz wrong', '{}', time_zone => NULL);
\echo :LAST_ERROR_SQLSTATE
CALL segment.create_segment_concurrently('tz wrong', '{}', time_zone => 'Asia/Calcuta');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.preview('{}', time_zone => 'Mars');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_segment(segment) FROM segment.summary WHERE segment LIKE 'tz %' ORDER BY segment;
TRUNCATE segment.event;
DELETE FROM segment.state;
DELETE FROM segment.due;
