-- Behaviour that other products of the field test, translated: see the ids. U1 to U26 are about one profile.
CREATE SCHEMA cases;
SET search_path = cases;
CREATE TABLE cases (id text, criteria jsonb, expected boolean, document jsonb DEFAULT
  '{"age": 30, "gender": "female", "lastVisit": "2015-02-01T20:30:00Z", "firstVisit": "2015-02-01T20:30:00Z", "randomStats": 0.15,
    "interests": [{"key": "cars", "value": 50}, {"key": "football", "value": 15}], "segments": ["s1", "s2", "s3"]}');
INSERT INTO cases (id, criteria, expected) VALUES
  ('U1', '{"gender": {"equals": "female"}, "age": {"equals": 30}}', true),
  ('U1', '{"gender": {"equals": "male"}, "age": {"equals": 30}}', false),
  ('U1', '{"gender": {"equals": "female"}, "age": {"equals": 40}}', false),
  ('U2', '{"any": [{"gender": {"equals": "female"}}, {"age": {"equals": 40}}]}', true),
  ('U2', '{"any": [{"gender": {"equals": "male"}}, {"age": {"equals": 30}}]}', true),
  ('U2', '{"any": [{"gender": {"equals": "male"}}, {"age": {"equals": 40}}]}', false),
  ('U3', '{"not": {"gender": {"equals": "male"}}}', true),
  ('U3', '{"not": {"age": {"equals": 30}}}', false),
  -- Times of one format and zone order as text, as far as this version compares them.
  ('U4', '{"lastVisit": {"equals": "2015-02-01T20:30:00Z"}}', true),
  ('U4', '{"lastVisit": {"gt": "2015-02-01T20:29:50Z"}}', true),
  ('U4', '{"lastVisit": {"lt": "2015-02-01T20:30:10Z"}}', true),
  ('U5', '{"lastVisit": {"in": ["2015-02-01T20:30:10Z", "2015-02-01T20:29:50Z", "2015-02-01T20:30:00Z"]}}', true),
  ('U5', '{"lastVisit": {"not_in": ["2015-02-01T20:30:10Z", "2015-02-01T20:29:50Z"]}}', true),
  ('U5', '{"lastVisit": {"not_in": ["2015-02-01T20:30:10Z", "2015-02-01T20:30:00Z"]}}', false),
  ('U6', '{"lastVisit": {"has_all": ["2015-02-01T20:30:00Z"]}}', true),
  ('U6', '{"lastVisit": {"has_all": ["2015-02-01T20:30:10Z", "2015-02-01T20:30:00Z"]}}', false),
  ('U9', '{"gender": {"exists": true}}', true),
  ('U9', '{"gender": {"exists": false}}', false),
  ('U9', '{"unknown": {"exists": false}}', true),
  ('U9', '{"unknown": {"exists": true}}', false),
  ('U10', '{"age": {"equals": 30}}', true),
  ('U10', '{"not": {"age": {"equals": 40}}}', true),
  ('U10', '{"age": {"not_equals": 40}}', true),
  ('U10', '{"age": {"lt": 40}}', true),
  ('U10', '{"age": {"gt": 20}}', true),
  ('U10', '{"age": {"min": 30}}', true),
  ('U10', '{"age": {"min": 31}}', false),
  ('U11', '{"age": {"in": [30]}}', true),
  ('U11', '{"age": {"in": [31, 30]}}', true),
  ('U11', '{"age": {"not_in": [25, 26]}}', true),
  ('U11', '{"age": {"not_in": [25, 30]}}', false),
  ('U12', '{"unknown": {"not_in": [25, 30]}}', true),
  ('U12', '{"unknown": {"not_equals": 1}}', true),
  ('U13', '{"randomStats": {"equals": 0.15}}', true),
  ('U13', '{"randomStats": {"not_equals": 2.5}}', true),
  ('U13', '{"randomStats": {"gt": 0.13}}', true),
  ('U13', '{"randomStats": {"lt": 0.17}}', true),
  ('U13', '{"randomStats": {"min": 0.15}}', true),
  ('U13', '{"randomStats": {"in": [0.18, 0.15]}}', true),
  ('U13', '{"randomStats": {"not_in": [2.8, 1.6]}}', true),
  ('U14', '{"segments": {"has_any": ["s10", "s20", "s2"]}}', true),
  ('U14', '{"segments": {"has_any": ["s10", "s20", "s30"]}}', false),
  ('U15', '{"segments": {"has_none": ["s10", "s20", "s30"]}}', true),
  ('U15', '{"segments": {"has_none": ["s10", "s20", "s2"]}}', false),
  ('U16', '{"segments": {"has_all": ["s1", "s2"]}}', true),
  ('U16', '{"segments": {"has_all": ["s1", "s5"]}}', false),
  ('U17', '{"gender": {"starts_with": "fe"}}', true),
  ('U17', '{"gender": {"ends_with": "le"}}', true),
  ('U17', '{"gender": {"contains": "fem"}}', true),
  ('U17', '{"gender": {"contains": "mu"}}', false),
  ('U17', '{"gender": {"matches": ".*ale"}}', true),
  ('U18', '{"gender": {"has_all": ["female"]}}', true),
  ('U18', '{"gender": {"has_all": ["male", "female"]}}', false),
  ('U19', '{"all": [{"gender": {"equals": "female"}}, {"age": {"min": 40}}]}', false),
  ('U19', '{"any": [{"gender": {"equals": "female"}}, {"age": {"min": 40}}]}', true),
  ('U20', '{"interests": {"any_element": {"key": {"equals": "cars"}, "value": {"gt": 45}}}}', true),
  ('U20', '{"interests": {"any_element": {"key": {"equals": "cars"}, "value": {"lt": 60}}}}', true),
  ('U20', '{"interests": {"any_element": {"key": {"equals": "cars"}, "value": {"gt": 60}}}}', false),
  ('U20', '{"interests": {"any_element": {"key": {"equals": "cars"}, "value": {"lt": 15}}}}', false),
  ('U21', '{"interests": {"any_element": {"key": {"equals": "football"}, "value": {"equals": 15}}}}', true),
  ('U21', '{"interests": {"any_element": {"key": {"equals": "football"}, "value": {"not_equals": 50}}}}', true),
  ('U21', '{"interests": {"any_element": {"key": {"equals": "football"}, "value": {"not_equals": 15}}}}', false),
  ('U21', '{"interests": {"any_element": {"key": {"equals": "football"}, "value": {"equals": 50}}}}', false);
-- U22: all eight of them on an empty profile are false, the negations too: there is no element.
INSERT INTO cases SELECT 'U22', criteria, false, '{}' FROM cases WHERE id IN ('U20', 'U21');
-- U23 and U24: values of another type than the operand's are no error and no match.
INSERT INTO cases VALUES
  ('U23', '{"a": {"gt": 10}}', false, '{"a": "notANumber"}'),
  ('U23', '{"a": {"gt": "notANumber"}}', false, '{"a": 42}'),
  ('U24', '{"a": {"lt": 10.5}}', false, '{"a": "notANumber"}'),
  ('U24', '{"a": {"lt": "notANumber"}}', false, '{"a": 42.5}');
SELECT id, criteria, expected FROM cases WHERE segment.matches(document, criteria) IS DISTINCT FROM expected ORDER BY id, criteria::text;
SELECT count(*), count(DISTINCT id) AS ids FROM cases;
SET client_min_messages = warning;
DROP SCHEMA cases CASCADE;

-- Events: counts, windows and sums.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA field;
SET search_path = field;
CREATE TABLE event (who text, what text, at timestamptz, worth numeric, more jsonb);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth', properties => 'more');
-- The members of criteria, by a segment that is made and dropped again.
CREATE FUNCTION who(criteria jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  PERFORM segment.create_segment('case', criteria);
  result := (SELECT string_agg(subscriber, ' ' ORDER BY subscriber) FROM segment.member WHERE segment = 'case');
  PERFORM segment.drop_segment('case');
  RETURN coalesce(result, '-');
END
$$;
CREATE FUNCTION ago(days numeric) RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT segment.now() - days * interval '24 hours' $$;

-- N1 to N5: contacts with 0, 1, 3 and 5 opens; that with 0 has another event, or nobody would know it.
INSERT INTO event SELECT 'n' || n, 'open', ago(i) FROM unnest(ARRAY[1, 3, 5]) n, generate_series(1, n) i;
INSERT INTO event VALUES ('n0', 'signup', ago(9));
SELECT id, field.who(criteria::jsonb) FROM (VALUES
  ('N1', '{"event": "open", "count": {"min": 3}}'), ('N2', '{"event": "open", "count": {"max": 3}}'), ('N3', '{"event": "open", "count": {"equals": 3}}'),
  ('N4', '{"event": "open", "count": {"equals": 0}}'), ('N5', '{"event": "open", "count": {"max": 0}}')) AS c (id, criteria) ORDER BY id;
TRUNCATE event;

-- N6 to N8: clicks 3, 10 and 60 days ago. N9 and N11, which look back beyond a point, as any time but not lately.
INSERT INTO event VALUES ('A', 'click', ago(3)), ('B', 'click', ago(10)), ('C', 'click', ago(60));
SELECT id, field.who(criteria::jsonb) FROM (VALUES
  ('N6', '{"event": "click"}'), ('N7', '{"event": "click", "within": "7 days"}'), ('N8', '{"event": "click", "within": "30 days"}'),
  ('N10', '{"event": "click", "within": "15 days"}')) AS c (id, criteria) ORDER BY id;
SELECT 'N9' AS id, field.who('{"all": [{"event": "click"}, {"event": "click", "within": "15 days", "count": {"equals": 0}}]}');
SELECT 'N11' AS id, field.who('{"all": [{"event": "click", "within": "15 days"}, {"not": {"event": "click", "within": "5 days"}}]}');
TRUNCATE event;

-- N19 to N22: totals 250, 130 and 40 of purchases; the average and the extremes, which are not measured yet, left aside.
INSERT INTO event VALUES ('t250', 'purchase', ago(1), 200), ('t250', 'purchase', ago(2), 50), ('t130', 'purchase', ago(1), 130),
  ('t40', 'purchase', ago(1), 10), ('t40', 'purchase', ago(2), 10), ('t40', 'purchase', ago(3), 10), ('t40', 'purchase', ago(4), 10);
SELECT id, field.who(criteria::jsonb) FROM (VALUES
  ('N19 a', '{"event": "purchase", "sum": {"min": 200}}'), ('N19 b', '{"event": "purchase", "sum": {"min": 100}}'), ('N19 c', '{"event": "purchase", "sum": {"max": 100}}'),
  ('N20 a', '{"event": "purchase", "count": {"min": 4}}'), ('N20 b', '{"event": "purchase", "count": {"equals": 2}}'),
  ('N22', '{"event": "purchase", "sum": {"between": [130, 249.99]}}'), ('inclusive', '{"event": "purchase", "sum": {"between": [130, 250]}}')) AS c (id, criteria) ORDER BY id;
-- N23: a purchase that is taken back leaves the total.
DELETE FROM event WHERE who = 't250' AND worth = 200;
SELECT field.who('{"event": "purchase", "sum": {"min": 200}}');
TRUNCATE event;

-- P1: 2 and 9 days ago, within a week. P3: at least 1. P4 and U34: at most 1, which none is too. P5: 1 or 2.
INSERT INTO event VALUES ('p2', 'view', ago(2)), ('p9', 'view', ago(9)), ('two', 'view', ago(2)), ('two', 'view', ago(3)), ('none', 'signup', ago(2)),
  ('three', 'view', ago(4)), ('three', 'view', ago(5)), ('three', 'view', ago(6));
SELECT id, field.who(criteria::jsonb) FROM (VALUES
  ('P1', '{"event": "view", "within": "1 week"}'), ('P3', '{"event": "view", "count": {"min": 1}, "within": "1 week"}'), ('P4', '{"event": "view", "count": {"max": 1}, "within": "1 week"}'),
  ('P5', '{"any": [{"event": "view", "count": {"equals": 1}}, {"event": "view", "count": {"equals": 2}}]}'), ('P6', '{"event": "view", "count": {"equals": 0}}'), ('P19', '{"not": {"event": "view"}}'),
  ('two of three', '{"at_least": 2, "of": [{"event": "view", "within": "1 week"}, {"event": "signup"}, {"event": "view", "count": {"min": 2}}]}'),
  -- U41: two leaves over the same events, counted apart.
  ('U41', '{"all": [{"event": "view", "count": {"equals": 2}, "within": "1 week"}, {"event": "view", "count": {"equals": 1}, "within": "60 hours"}]}')) AS c (id, criteria) ORDER BY id;
TRUNCATE event;
-- P2: with the property, without it, and with it too long ago.
INSERT INTO event VALUES ('with', 'view', ago(2), NULL, '{"key": "value"}'), ('without', 'view', ago(2), NULL, NULL), ('other', 'view', ago(2), NULL, '{"key": "other"}'), ('late', 'view', ago(4), NULL, '{"key": "value"}');
SELECT 'P2' AS id, field.who('{"event": "view", "where": {"key": {"equals": "value"}}, "within": "3 days"}');
TRUNCATE event;
-- P7: stopped, in the last 2 weeks but not in the last. P18: a positive clause and a negated one.
INSERT INTO event VALUES ('at10', 'view', ago(10)), ('at10and3', 'view', ago(10)), ('at10and3', 'view', ago(3)), ('new2', 'new', ago(1)), ('new2', 'view', ago(2)), ('new35', 'new', ago(1)), ('new35', 'view', ago(35)), ('new', 'new', ago(1));
SELECT 'P7' AS id, field.who('{"all": [{"event": "view", "within": "2 weeks"}, {"not": {"event": "view", "within": "1 week"}}]}')
UNION ALL SELECT 'P18', field.who('{"all": [{"event": "new", "within": "1 week"}, {"not": {"event": "view", "within": "2 weeks"}}]}') ORDER BY 1;
TRUNCATE event;

-- U28: events before the segment count. U29: a late one moves out whoever was in for want of it. U31: events replaced.
INSERT INTO event VALUES ('u', 'test', ago(3)), ('v', 'signup', ago(3));
SELECT segment.create_segment('did', '{"event": "test", "within": "10 days"}'), segment.create_segment('did not', '{"not": {"event": "test", "within": "10 days"}}');
INSERT INTO event VALUES ('v', 'test', ago(3));
SELECT segment, subscriber, action, cause FROM segment.transition ORDER BY at, subscriber, action, segment;
DELETE FROM event WHERE who = 'u';
INSERT INTO event VALUES ('u', 'test', ago(15));
SELECT segment, subscriber FROM segment.member ORDER BY 1, 2;
SELECT * FROM segment.verify();
-- Clean up.
SELECT segment.drop_segment('did'), segment.drop_segment('did not');
SELECT segment.detach_source('event') > 0 AS detached;
DROP SCHEMA field CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
