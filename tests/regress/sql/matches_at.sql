-- matches with an instant and a time zone: relative times, words of the calendar, anniversaries. No query lists a wrong case.
CREATE SCHEMA matches_at;
SET search_path = matches_at;
SET timezone = 'America/New_York';
CREATE TABLE cases (id text, value jsonb, test jsonb, expected boolean, at timestamptz DEFAULT '2024-05-15 09:00:00+00', zone text DEFAULT 'Europe/Berlin');
-- The ids are those of cases that other products test: a Wednesday morning.
INSERT INTO cases VALUES
  ('M1', '"2024-05-15T00:00:10"', '{"on": "today"}', true), ('M2', '"2024-05-16T00:00:10"', '{"on": "tomorrow"}', true), ('M3', '"2024-05-14T23:59:50"', '{"on": "yesterday"}', true),
  ('M4', '"2024-05-08"', '{"on": "last_week"}', true), ('M4', '"2024-05-15"', '{"on": "this_week"}', true), ('M4', '"2024-05-22"', '{"on": "next_week"}', true),
  ('M5', '"2024-04-03"', '{"on": "last_month"}', true), ('M5', '"2024-05-03"', '{"on": "this_month"}', true), ('M5', '"2024-06-03"', '{"on": "next_month"}', true),
  ('M6', '"2023-01-03"', '{"on": "last_year"}', true), ('M6', '"2025-01-03"', '{"on": "next_year"}', true), ('M7', '"2024-05-20"', '{"on": "+5 days"}', true), ('M7', '"2024-05-11"', '{"on": "-4 days"}', true),
  ('U7', '"2024-05-15T07:00:00Z"', '{"on": "2024-05-15T20:30:00Z"}', true), ('U7', '"2024-05-16T07:00:00Z"', '{"on": "2024-05-15T20:30:00Z"}', false),
  ('U37', '"2024-05-12T09:00:00Z"', '{"after": "-5 days"}', true), ('U37', '"2024-04-30T09:00:00Z"', '{"after": "-5 days"}', false),
  ('U42', '"2024-05-15T09:59:59Z"', '{"before": "now+1h"}', true), ('U42', '"2024-05-15T08:00:01Z"', '{"after": "now-1h"}', true), ('U42', '"2024-05-15T09:00:00Z"', '{"before": "now"}', false),
  ('U43', '"2024-05-14T22:00:00Z"', '{"before": "now/d"}', false), ('U43', '"2024-05-15T21:59:59.999999Z"', '{"after": "now/d"}', false), ('U43', '"2024-05-15T22:00:00Z"', '{"after": "now/d"}', true),
  ('U44', '"2001-03-01T12:00:00"', '{"on": "2001-02-01||+1M/d"}', true), ('U45', '"2001-01-01T14:00:00Z"', '{"after": "2001-01-01T12:00:00-02:00"}', false), ('U45', '"2001-01-01T14:00:00.000001Z"', '{"after": "2001-01-01T12:00:00-02:00"}', true),
  ('within', '"2024-05-10T09:00:00Z"', '{"within": "5 days"}', false), ('within', '"2024-05-10T09:00:00.000001Z"', '{"within": "5 days"}', true), ('within', '"2024-05-15T09:00:01Z"', '{"within": "5 days"}', false),
  ('older_than', '"2024-05-10T09:00:00Z"', '{"older_than": "5 days"}', true), ('older_than', '"2024-05-10T09:00:00.000001Z"', '{"older_than": "5 days"}', false),
  ('anniversary', '"1980-05-15"', '{"on": "anniversary"}', true), ('anniversary', '"1980-05-16"', '{"on": "anniversary"}', false),
  ('no time', '"soon"', '{"within": "5 days"}', false), ('no time', '1715763600', '{"within": "5 days"}', false), ('no time', 'null', '{"before": "now"}', false);
-- The same instant is another day elsewhere; a day is as long as the clocks make it.
INSERT INTO cases VALUES
  ('zones', '"2024-01-01T20:00:00Z"', '{"on": "today"}', true, '2024-01-01 15:30:00+00', 'Asia/Tokyo'), ('zones', '"2024-01-02T09:00:00Z"', '{"on": "today"}', false, '2024-01-01 15:30:00+00', 'America/Los_Angeles'),
  ('forward', '"2024-03-31T21:59:59Z"', '{"on": "today"}', true, '2024-03-31 00:30:00+00', 'Europe/Paris'), ('forward', '"2024-03-31T22:00:00Z"', '{"on": "today"}', false, '2024-03-31 00:30:00+00', 'Europe/Paris'),
  ('back', '"2024-10-27T22:59:59Z"', '{"on": "today"}', true, '2024-10-27 00:30:00+00', 'Europe/Paris'), ('leap day', '"2000-02-29"', '{"on": "anniversary"}', true, '2023-02-28 12:00:00+00', 'UTC'),
  ('any case', '"2024-01-01T20:00:00Z"', '{"on": "today"}', true, '2024-01-01 15:30:00+00', 'asia/tokyo');
SELECT id, value, test, expected FROM cases WHERE segment.matches(jsonb_build_object('x', value), jsonb_build_object('x', test), at, zone) IS DISTINCT FROM expected;
SELECT count(*) FROM cases;
-- The clocks of PostgreSQL and of the criteria agree on what a time without an offset means, skipped and repeated ones included.
SELECT zone, shown FROM unnest(ARRAY['America/New_York', 'Europe/Paris', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/Havana', 'Asia/Kolkata']) zone,
  unnest(ARRAY['2011-12-30 12:00', '2024-03-10 02:30', '2024-03-31 02:30', '2024-10-06 02:15', '2024-10-27 02:30', '2024-11-03 00:30', '2024-11-03 01:30', '1999-06-01 12:00']) shown
WHERE NOT segment.matches(jsonb_build_object('x', shown), jsonb_build_object('not', jsonb_build_object('any', jsonb_build_array(
  jsonb_build_object('x', jsonb_build_object('before', to_jsonb(shown::timestamp AT TIME ZONE zone))), jsonb_build_object('x', jsonb_build_object('after', to_jsonb(shown::timestamp AT TIME ZONE zone)))))), now(), zone);
-- And on when days, weeks, months and years begin: at the instant and not a microsecond earlier.
SELECT zone, unit, t, beginning FROM unnest(ARRAY['America/New_York', 'Europe/Paris', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Pacific/Auckland', 'America/St_Johns', 'Africa/Cairo']) zone,
  generate_series('2023-12-30 00:00+00'::timestamptz, '2025-01-03 00:00+00', '13 hours 7 minutes') t,
  (VALUES ('day', 'today'), ('week', 'this_week'), ('month', 'this_month'), ('year', 'this_year')) AS word (unit, word), date_trunc(unit, t, zone) AS beginning
WHERE NOT segment.matches(jsonb_build_object('x', beginning), jsonb_build_object('x', jsonb_build_object('on', word)), t, zone)
  OR segment.matches(jsonb_build_object('x', beginning - interval '1 microsecond'), jsonb_build_object('x', jsonb_build_object('on', word)), t, zone);
-- UTC unless said otherwise; NULL in gives NULL out.
SELECT segment.matches('{"x": "2024-05-15"}', '{"x": {"on": "today"}}', '2024-05-15 23:59:59+00');
SELECT segment.matches('{}', '{}', NULL), segment.matches('{}', '{}', now(), NULL), segment.matches(NULL, '{}', now()), segment.matches('{}', NULL, now());
-- It is immutable too: all it depends on is stated.
CREATE TABLE trial (document jsonb, asked timestamptz, active boolean GENERATED ALWAYS AS (segment.matches(document, '{"until": {"after": "now"}}', asked)) STORED);
INSERT INTO trial VALUES ('{"until": "2024-06-01"}', '2024-05-15 00:00+00'), ('{"until": "2024-05-01"}', '2024-05-15 00:00+00');
SELECT document, active FROM trial ORDER BY 1;
-- What depends on the current time needs an instant.
SELECT segment.matches('{}', '{"all": [{"signup": {"within": "30 days"}}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.matches('{}', '{"signup": {"on": "today"}}');
SELECT segment.matches('{}', '{"signup": {"before": "-30 days"}}');
SELECT segment.matches('{"signup": "2024-02-29"}', '{"signup": {"after": "2024-02-28", "before": "2024-03-01"}}');
-- Arguments.
SELECT segment.matches('{}', '{}', now(), 'Europe/Pari');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.matches('{}', '{}', 'infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.matches('{}', '{"event": "purchase"}', now());
SELECT segment.matches('{}', '{"bucket": {"salt": "spring", "from": 0, "to": 10}}', now());
-- U46: mistakes in times.
SELECT segment.matches('{}', jsonb_build_object('x', jsonb_build_object('on', moment)), now()) FROM (VALUES ('now+1X')) AS mistake (moment);
\set VERBOSITY terse
SELECT segment.matches('{}', '{"x": {"on": "now*1d"}}', now());
SELECT segment.matches('{}', '{"x": {"on": "now+"}}', now());
SELECT segment.matches('{}', '{"x": {"on": "now/2d"}}', now());
SELECT segment.matches('{}', '{"x": {"on": ""}}', now());
SELECT segment.matches('{}', '{"x": {"on": "2022-05-18||invalid"}}', now());
SELECT segment.matches('{}', '{"x": {"on": "not-a-date"}}', now());
SELECT segment.matches('{}', '{"x": {"within": "2 months"}}', now());
SELECT segment.matches('{}', '{"x": {"within": "last_month"}}', now());
SELECT segment.matches('{}', '{"x": {"after": 5}}', now());
\set VERBOSITY default
SELECT segment.matches('{}', '{"x": {"on": "last_mouth"}}', now());
-- Nothing of that is known of the attributes of a subscriber, which are numbers, nor when an event arrives.
SELECT segment.validate('{"engagement_score": {"after": "2024-01-01"}}');
SELECT segment.validate('{"event": "purchase", "where": {"shipped": {"within": "3 days"}}}');
SELECT segment.validate('{"event": "purchase", "where": {"shipped": {"before": "2024-01-01"}}}');
SELECT segment.validate('{"at_least": 2, "of": [{"event": "a"}, {"event": "b"}, {"event": "c"}]}');
RESET timezone;
SET client_min_messages = warning;
DROP SCHEMA matches_at CASCADE;
