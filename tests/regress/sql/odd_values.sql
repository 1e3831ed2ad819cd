-- H9. Whatever is in a row, the writer's statement succeeds, and everybody else's segments stay exact.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA odd;
SET search_path = odd;
CREATE TABLE events (who text, what text, at timestamptz, worth numeric, more jsonb);
CREATE TABLE visits (who char(5), at timestamp, weight double precision);
CREATE TABLE days (who varchar, at date, weight real);
SELECT segment.attach_source('events', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');
SELECT segment.attach_source('visits', subscriber => 'who', occurred_at => 'at', constant_type => 'visit', value => 'weight', time_zone => 'America/New_York');
SELECT segment.attach_source('days', subscriber => 'who', occurred_at => 'at', constant_type => 'day', value => 'weight', time_zone => 'Pacific/Apia');
SELECT segment.create_segment('od buyers', '{"event": "purchase"}'), segment.create_segment('od sum', '{"event": "purchase", "sum": {"min": 1}}'),
       segment.create_segment('od deep', '{"event": "purchase", "where": {"a": {"b": {"min": 1}}}}'), segment.create_segment('od of', '{"event": "purchase", "sum": {"gt": 0}, "of": "a.b"}');
CREATE FUNCTION now_in() RETURNS TABLE (subscriber text, events numeric, total numeric, segments text[]) LANGUAGE sql AS $$
  SELECT CASE WHEN length(subscriber) > 20 THEN 'of length ' || octet_length(subscriber) ELSE subscriber END, total_events_90d, total_value_90d, segments FROM segment.profile ORDER BY profile.subscriber COLLATE "C"
$$;
-- Subscribers: nobody, the empty name, spaces, long ones (an id of more than 1024 bytes is set aside), any script.
INSERT INTO events VALUES (NULL, 'purchase', '2026-05-31', 5), ('', 'purchase', '2026-05-31', 5), (' ', 'purchase', '2026-05-31', 5), (repeat('x', 1024), 'purchase', '2026-05-31', 5), (repeat('x', 1025), 'purchase', '2026-05-31', 5),
  (repeat('y', 2000), 'purchase', '2026-05-31', 5), (repeat('é', 512), 'purchase', '2026-05-31', 5), (repeat('é', 513), 'purchase', '2026-05-31', 5), (E'tab\t"quote''\\', 'purchase', '2026-05-31', 5), ('Łódź 🦀', 'purchase', '2026-05-31', 5), ('null', 'purchase', '2026-05-31', 5);
SELECT * FROM now_in();
SELECT * FROM segment.verify();
UPDATE events SET who = NULL WHERE who = '';
UPDATE events SET who = repeat('z', 2000) WHERE who = ' ';
DELETE FROM events WHERE octet_length(who) > 1000;
SELECT * FROM now_in();
SELECT * FROM segment.verify();
TRUNCATE events;
-- Types: none, the empty one, a long one.
INSERT INTO events VALUES ('od.type', NULL, '2026-05-31', 5), ('od.type', '', '2026-05-31', 5), ('od.type', repeat('purchase', 10000), '2026-05-31', 5);
SELECT * FROM now_in() WHERE events > 0;
-- Times: none, infinite, before Christ, beyond 9999, and the first and last that count.
INSERT INTO events VALUES ('od.time', 'purchase', NULL, 5), ('od.time', 'purchase', 'infinity', 5), ('od.time', 'purchase', '-infinity', 5), ('od.time', 'purchase', '4713-01-01 00:00:00+00 BC', 5), ('od.time', 'purchase', '0001-12-31 23:59:59+00 BC', 5),
  ('od.time', 'purchase', '294276-12-31 23:59:59.999999+00', 5), ('od.time', 'purchase', '10000-01-01 00:00:00+00', 5);
SELECT * FROM now_in() WHERE events > 0 OR subscriber = 'od.time';
INSERT INTO events VALUES ('od.first', 'purchase', '0001-01-01 00:00:00+00', 5), ('od.last', 'purchase', '9999-12-31 23:59:59.999999+00', 5);
SELECT subscriber, first_event_at, last_event_at, lifetime_value, days_since_last, segments FROM segment.profile WHERE subscriber IN ('od.first', 'od.last') ORDER BY 1;
INSERT INTO visits VALUES ('od.v', 'infinity', 1), ('od.v', '-infinity', 1), ('od.v', '4713-01-01 BC', 1), ('od.v', '294276-12-31', 1), ('od.v', '0001-01-01', 1), ('od.v', '9999-12-31 23:59:59', 1), ('od.v', '2026-03-08 02:30', 1), ('od.v', '2026-05-31', 1);
INSERT INTO days VALUES ('od.d', 'infinity', 1), ('od.d', '-infinity', 1), ('od.d', '4713-01-01 BC', 1), ('od.d', '5874897-12-31', 1), ('od.d', '0001-01-01', 1), ('od.d', '9999-12-31', 1), ('od.d', '2011-12-30', 1), ('od.d', '2026-05-31', 1);
SELECT subscriber, first_event_at, last_event_at, total_events_90d FROM segment.profile WHERE subscriber IN ('od.v', 'od.d') ORDER BY 1;
SELECT * FROM segment.verify();
DELETE FROM visits;
DELETE FROM days;
SELECT * FROM segment.verify();
TRUNCATE events;
-- Values: not a number, infinite, huge, tiny, none: what is no number adds nothing, and the row still counts.
INSERT INTO events VALUES ('od.nan', 'purchase', '2026-05-31', 'NaN'), ('od.infinity', 'purchase', '2026-05-31', 'Infinity'), ('od.infinity', 'purchase', '2026-05-31', '-Infinity'), ('od.none', 'purchase', '2026-05-31', NULL),
  ('od.tiny', 'purchase', '2026-05-31', 1e-400), ('od.small', 'purchase', '2026-05-31', 0.000001), ('od.half', 'purchase', '2026-05-31', 0.0000005), ('od.less', 'purchase', '2026-05-31', 0.00000049);
INSERT INTO visits VALUES ('od.vn', '2026-05-31', 'NaN'), ('od.vn', '2026-05-31', 'Infinity'), ('od.vn', '2026-05-31', '-Infinity'), ('od.vn', '2026-05-31', 0.1), ('od.vn', '2026-05-31', 1e-300);
INSERT INTO days VALUES ('od.dn', '2026-05-30', 'NaN'), ('od.dn', '2026-05-30', 'Infinity'), ('od.dn', '2026-05-30', 0.1);
SELECT * FROM now_in() WHERE events > 0;
SELECT * FROM segment.verify();
INSERT INTO events VALUES ('od.huge', 'purchase', '2026-05-31', 1e400), ('od.large', 'purchase', '2026-05-31', 1e15), ('od.minus', 'purchase', '2026-05-31', -1e400);
INSERT INTO visits VALUES ('od.vh', '2026-05-31', 1e308), ('od.vh', '2026-05-31', 1e308);
SELECT * FROM segment.verify();
SELECT subscriber, events, segments FROM now_in() WHERE subscriber IN ('od.huge', 'od.minus', 'od.vh');
DELETE FROM events WHERE worth > 1e300 OR worth < -1e300;
SELECT * FROM segment.verify();
TRUNCATE events;
-- Properties: of any shape, deep, large, with the value in the wrong type.
INSERT INTO events VALUES ('od.p1', 'purchase', '2026-05-31', 1, '5'), ('od.p1', 'purchase', '2026-05-31', 1, '"text"'), ('od.p1', 'purchase', '2026-05-31', 1, '[1, 2]'), ('od.p1', 'purchase', '2026-05-31', 1, 'null'), ('od.p1', 'purchase', '2026-05-31', 1, '{}'),
  ('od.p2', 'purchase', '2026-05-31', 1, '{"a": {"b": 2}}'), ('od.p3', 'purchase', '2026-05-31', 1, '{"a": {"b": "2"}}'), ('od.p4', 'purchase', '2026-05-31', 1, '{"a": {"b": 1e400}}'), ('od.p5', 'purchase', '2026-05-31', 1, '{"a": {"b": [2]}}'), ('od.p6', 'purchase', '2026-05-31', 1, '{"a": [{"b": 2}]}'),
  ('od.p7', 'purchase', '2026-05-31', 1, '{"a": {"b": 1e-400}}');
INSERT INTO events SELECT 'od.deep', 'purchase', '2026-05-31', 1, (repeat('{"a": ', 5000) || '1' || repeat('}', 5000))::jsonb;
INSERT INTO events SELECT 'od.large', 'purchase', '2026-05-31', 1, jsonb_build_object('a', jsonb_build_object('b', 3, 'c', repeat('x', 1000000)));
SELECT subscriber, events, segments FROM now_in() WHERE events > 0 AND subscriber ~ '^od.(p|deep|large)';
SELECT * FROM segment.verify();
UPDATE events SET more = '{"a": {"b": 9}}';
SELECT count(*) FROM segment.members('od deep');
SELECT * FROM segment.verify();
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition;
SELECT count(segment.detach_source(relation)) FROM (VALUES ('events'::regclass), ('visits'), ('days')) AS v (relation);
SET client_min_messages = warning;
DROP SCHEMA odd CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
