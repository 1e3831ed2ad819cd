-- Event leaves beyond counts and sums, by the cases of other products that they answer: see the ids. Days are counted back
-- from the clock.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET pg_segment.clock = '2026-06-15 12:00:00+00';
CREATE SCHEMA leaves;
SET search_path = leaves;
CREATE TABLE event (who text, what text, at timestamptz, worth numeric, more jsonb);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');

CREATE FUNCTION ago(days numeric) RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT segment.now() - days * interval '24 hours' $$;

-- The members of a segment with these criteria.
CREATE FUNCTION who(criteria jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  who text;
BEGIN
  PERFORM segment.create_segment('leaves', criteria);
  SELECT coalesce(string_agg(subscriber, ' ' ORDER BY subscriber), 'nobody') INTO who FROM segment.member WHERE segment = 'leaves';
  PERFORM segment.drop_segment('leaves');
  RETURN who;
END $$;

-- One event at each time in days ago.
CREATE PROCEDURE did(who text, what text, VARIADIC days numeric[]) LANGUAGE sql AS $$
  INSERT INTO event SELECT who, what, ago(day) FROM unnest(days) day
$$;

-- Stopped and restarted.
CALL did('ten', 'view', 10);
CALL did('ten and three', 'view', 10, 3);
SELECT 'P7' AS id, who('{"event": "view", "within": "2 weeks", "stopped": "1 week"}');
SELECT who('{"event": "view", "within": "1 week", "stopped": "2 weeks"}') AS "P8";
\echo :LAST_ERROR_SQLSTATE
TRUNCATE event;
CALL did('20, 1', 'view', 20, 1);
CALL did('20, 5, 1', 'view', 20, 5, 1);
CALL did('1', 'view', 1);
SELECT 'P9' AS id, who('{"event": "view", "within": "2 days", "restarted": "1 week"}');
SELECT who('{"event": "view", "restarted": "1 week"}');
\echo :LAST_ERROR_SQLSTATE

-- First and last.
TRUNCATE event;
CALL did('20, 4', 'view', 20, 4);
CALL did('4', 'view', 4);
SELECT 'P10' AS id, who('{"event": "view", "first": true, "within": "1 week"}');
INSERT INTO event VALUES ('20, 4', 'view', ago(1), 5, '{"page": "pricing"}'), ('4', 'view', ago(5), 5, '{"page": "pricing"}');
SELECT 'last where' AS id, who('{"event": "view", "last": true, "where": {"page": {"equals": "pricing"}}}');
SELECT 'first where' AS id, who('{"event": "view", "first": true, "where": {"page": {"equals": "pricing"}}}');
SELECT who('{"event": "view", "first": true, "count": {"min": 2}}');

-- In some of several periods.
TRUNCATE event;
CALL did('0 1 2', 'view', 4, 1, 2);
CALL did('1 2 2', 'view', 8, 4, 5, 1, 2);
SELECT 'P11' AS id, who('{"event": "view", "count": {"min": 2}, "regularly": {"every": "3 days", "periods": 3, "at_least": 2}}')
UNION ALL SELECT 'P12', who('{"event": "view", "regularly": {"every": "3 days", "periods": 3, "at_least": 2}}') ORDER BY 1;
TRUNCATE event;
INSERT INTO event SELECT 'every 28 days', 'view', ago(28 * n - 27) FROM generate_series(1, 20) n;
CALL did('two years', 'view', 1, 2, 400, 401);
CALL did('one year', 'view', 1, 2);
SELECT 'P13' AS id, who('{"event": "view", "count": {"min": 2}, "regularly": {"every": "60 days", "periods": 3, "at_least": 2}}')
UNION ALL SELECT 'P14', who('{"event": "view", "count": {"min": 2}, "regularly": {"every": "365 days", "periods": 2, "at_least": 2}}') ORDER BY 1;

-- Sequences.
TRUNCATE event;
CALL did('2 and 0', 'view', 2, 0);
CALL did('2 only', 'view', 2);
CALL did('at once', 'view', 2, 2);
SELECT 'P15' AS id, who('{"sequence": [{"event": "view"}, {"event": "view"}], "step_within": "3 days", "within": "7 days"}');
TRUNCATE event;
INSERT INTO event VALUES ('A', 'view', ago(2)), ('A', 'buy', ago(1)), ('C', 'view', ago(2)), ('C', 'buy', ago(1)), ('C', 'vip', ago(1)), ('B', 'vip', ago(1));
SELECT 'P16 or' AS id, who('{"any": [{"sequence": [{"event": "view"}, {"event": "buy"}], "within": "7 days"}, {"event": "vip"}]}')
UNION ALL SELECT 'P16 and', who('{"all": [{"sequence": [{"event": "view"}, {"event": "buy"}], "within": "7 days"}, {"event": "vip"}]}')
UNION ALL SELECT 'P17', who('{"all": [{"not": {"sequence": [{"event": "view"}, {"event": "buy"}], "within": "7 days"}}, {"event": "vip"}]}') ORDER BY 1;
-- The second step arrives before the first.
TRUNCATE event;
SELECT segment.create_segment('bought after', '{"sequence": [{"event": "view"}, {"event": "buy"}], "step_within": "1 day", "within": "7 days"}');
CALL did('late', 'buy', 1);
CALL did('late', 'view', 1.5);
CALL did('too long', 'buy', 1);
CALL did('too long', 'view', 2.5);
SELECT subscriber FROM segment.member WHERE segment = 'bought after' ORDER BY 1;
UPDATE event SET at = ago(3) WHERE who = 'late' AND what = 'view';
SELECT subscriber FROM segment.member WHERE segment = 'bought after' ORDER BY 1;

-- An abandoned cart: nobody is in before the four hours are over, and by the clock alone after.
SELECT segment.create_segment('abandoned', '{"sequence": [{"event": "cart_add"}, {"event": "buy", "absent": true}], "step_within": "4 hours", "within": "7 days"}');
CALL did('left it', 'cart_add', 0.1);
CALL did('paid', 'cart_add', 0.1);
CALL did('paid', 'buy', 0.05);
SELECT subscriber FROM segment.member WHERE segment = 'abandoned';
SELECT path, condition, holds, changes_at - segment.now() AS changes_in FROM segment.explain('left it', 'abandoned');
SET pg_segment.clock = '2026-06-15 13:35:59+00';
SELECT subscriber FROM segment.member WHERE segment = 'abandoned';
SET pg_segment.clock = '2026-06-15 13:36:00+00';
SELECT subscriber, since FROM segment.member WHERE segment = 'abandoned';
CALL segment.refresh();
SELECT subscriber, since FROM segment.member WHERE segment = 'abandoned';
-- It ends when the sequence has left its seven days.
SET pg_segment.clock = '2026-06-22 09:37:00+00';
SELECT subscriber, since FROM segment.member WHERE segment = 'abandoned';
SELECT * FROM segment.verify();
SELECT segment.drop_segment('abandoned'), segment.drop_segment('bought after');

-- Spans of time.
SET pg_segment.clock = '2026-06-15 12:00:00+00';
TRUNCATE event;
CALL did('A', 'open', 1);
CALL did('B', 'open', 10);
CALL did('C', 'open', 40);
SELECT 'N6' AS id, who('{"event": "open"}')
UNION ALL SELECT 'N7', who('{"event": "open", "within": "7 days"}') UNION ALL SELECT 'N8', who('{"event": "open", "within": "30 days"}')
UNION ALL SELECT 'N9', who('{"event": "open", "until": "2026-05-31T12:00:00Z"}') UNION ALL SELECT 'N10', who('{"event": "open", "from": "2026-05-31T12:00:00Z"}')
UNION ALL SELECT 'N11', who('{"event": "open", "within": "15 days", "older_than": "5 days"}')
UNION ALL SELECT 'P31', who('{"event": "open", "from": "2026-05-01", "until": "2026-06-10"}') ORDER BY 1;
SELECT who('{"event": "open", "within": "5 days", "older_than": "5 days"}');
\echo :LAST_ERROR_SQLSTATE
SELECT who('{"event": "open", "from": "2026-06-10", "until": "2026-06-10"}');

-- Aggregates.
TRUNCATE event;
INSERT INTO event SELECT who, 'purchase', ago(day), worth, jsonb_build_object('item', item)
FROM (VALUES ('one', 1, 250, 'a'), ('one', 2, 50, 'a'), ('two', 1, 90, 'b'), ('two', 3, 110, 'c'), ('three', 5, 20, 'd')) v (who, day, worth, item);
SELECT 'N21 average' AS id, who('{"event": "purchase", "average": {"min": 150}}')
UNION ALL SELECT 'N21 min', who('{"event": "purchase", "minimum": {"min": 90}}') UNION ALL SELECT 'N21 max', who('{"event": "purchase", "maximum": {"min": 200}}')
UNION ALL SELECT 'N22', who('{"event": "purchase", "sum": {"between": [200, 300]}}')
UNION ALL SELECT 'distinct', who('{"event": "purchase", "distinct": {"min": 2}, "of": "item"}')
UNION ALL SELECT 'no average of nothing', who('{"event": "refund", "average": {"max": 1000}}') ORDER BY 1;
-- N23: the smallest goes, and the next one stands.
SELECT segment.create_segment('cheap', '{"event": "purchase", "minimum": {"lt": 60}}');
DELETE FROM event WHERE worth = 50;
SELECT subscriber FROM segment.member WHERE segment = 'cheap';
SELECT segment.drop_segment('cheap');

-- Days in a row, and growth.
TRUNCATE event;
CALL did('to today', 'play', 0, 1, 2);
CALL did('to yesterday', 'play', 1, 2, 3);
CALL did('a gap', 'play', 0, 2, 3);
SELECT 'streak of 3' AS id, who('{"event": "play", "streak": {"min": 3}}') UNION ALL SELECT 'streak of 1', who('{"event": "play", "streak": {"equals": 1}}') ORDER BY 1;
TRUNCATE event;
CALL did('doubled', 'play', 1, 2, 8);
CALL did('halved', 'play', 1, 8, 9);
CALL did('new', 'play', 1);
SELECT 'grown' AS id, who('{"event": "play", "within": "7 days", "trend": {"min": 1}}') UNION ALL SELECT 'fallen', who('{"event": "play", "within": "7 days", "trend": {"max": -0.5}}') ORDER BY 1;

-- What is refused, with its place.
\set VERBOSITY default
SELECT segment.validate('{"sequence": [{"event": "a"}], "within": "1 day"}');
SELECT segment.validate('{"sequence": [{"event": "a", "absent": true}, {"event": "b"}], "within": "1 day"}');
SELECT segment.validate('{"all": [{"sequence": [{"event": "a"}, {"evnt": "b"}], "within": "1 day"}]}');
SELECT segment.validate('{"sequence": [{"event": "a"}, {"event": "b"}]}');
SELECT segment.validate('{"event": "a", "regularly": {"every": "1 day", "periods": 1, "at_least": 1}}');
SELECT segment.validate('{"event": "a", "trend": {"min": 1}}');
SELECT segment.validate('{"event": "a", "streak": {"min": 1}, "within": "3 days"}');
SELECT segment.validate('{"event": "a", "from": "soon"}');
SELECT segment.validate('{"event": "a", "stopped": "2 days", "restarted": "3 days"}');
SELECT segment.validate('{"event": "a", "averge": {"min": 1}}');

SELECT segment.detach_source('event');
RESET search_path;
DROP SCHEMA leaves CASCADE;
RESET pg_segment.clock;
