-- What the public test collections of other products say, translated: each query lists the cases that fail, none.
CREATE SCHEMA public_cases;
SET search_path = public_cases;
-- Tests of one value: for which values they hold, and for which not.
CREATE TABLE test (source text, operators jsonb, holds jsonb, fails jsonb);
INSERT INTO test VALUES
  -- Ranges, lists and types, nothing coerced.
  ('GrowthBook', '{"gt": 30, "lt": 60}', '[50]', '[60, 30, 29, "x", true, null, [50]]'), ('GrowthBook', '{"min": 30, "max": 60}', '[30, 50, 60]', '[61, 29]'),
  ('GrowthBook', '{"gt": 5, "lt": 10}', '[8, "8"]', '["", "eight"]'), ('GrowthBook', '{"gt": "alphabet", "lt": "zebra"}', '["always"]', '["alphabet", "zebra", "AZL"]'),
  ('GrowthBook', '{"in": [1, 2, 3]}', '[2]', '[4, "2", [2], null]'), ('GrowthBook', '{"has_any": ["a", "b"]}', '[["d", "e", "a"], ["d", "b", "f"], "a"]', '[["d", "e", "f"], [], {"a": 1}]'),
  ('GrowthBook', '{"has_none": ["a", "b"]}', '[["d", "e", "f"], [], null]', '[["d", "e", "a"], "b"]'), ('GrowthBook', '{"has_all": ["one", "three"]}', '[["one", "two", "three"]]', '[["one", "two", "four"], "hello"]'),
  ('GrowthBook', '{"any_element": {"gt": 10}}', '[[0, 5, -20, 15]]', '[[0, 5, -20, 8], 15]'), ('GrowthBook', '{"any_element": {"name": {"matches": "^ping"}}}', '[[{"name": "bowling"}, {"name": "pingpong"}]]', '[[{"name": "bowling"}], "all"]'),
  ('GrowthBook', '{"size": 3}', '[["a", "b", "c"]]', '[["a", "b"], ["a", "b", "c", "d"], "abc"]'), ('GrowthBook', '{"size": {"gt": 2}}', '[[0, 1, 2]]', '[[0, 1], [0]]'), ('GrowthBook', '{"size": 0}', '[[]]', '[[10], null]'),
  ('GrowthBook', '{"equals": ["hello", "world"]}', '[["hello", "world"]]', '[["world", "hello"], ["hello"], ["hello", "world", "foo"], "hello world"]'),
  ('GrowthBook', '{"equals": {"hello": "world"}}', '[{"hello": "world"}]', '[{"hello": "world", "yes": "please"}, {}, "hello world"]'), ('GrowthBook', '{"exists": false}', '[null]', '["123", 0, "", false, [], {}]'),
  ('GrowthBook', '{"matches": "(Mobile|Tablet)"}', '["Android Mobile Browser"]', '["Chrome Desktop Browser", 1]'), ('GrowthBook', '{"type": "object"}', '[{"a": "b"}]', '[1, [], null]'),
  ('LaunchDarkly', '{"starts_with": "prefix"}', '["prefix", "prefixabc"]', '["notprefix", "Prefixabc"]'), ('LaunchDarkly', '{"ends_with": "suffix"}', '["suffix", "abcsuffix"]', '["suffixno", "abcSuffix"]'),
  ('LaunchDarkly', '{"contains": "substring"}', '["substring", "abcsubstringxyz"]', '["abcsubstxyz", "abcSubstringxyz"]'), ('LaunchDarkly', '{"matches": "^[A-Za-z]+"}', '["matchThisName"]', '["_Don''t match This Name"]'),
  ('LaunchDarkly', '{"starts_with": "true"}', '[]', '[true]'), ('LaunchDarkly', '{"contains": "99"}', '[]', '[99]'), ('LaunchDarkly', '{"matches": "null"}', '[]', '[null]'),
  ('LaunchDarkly', '{"in": [0, 1]}', '[0, 1, 1.0]', '[true, false]'), ('LaunchDarkly', '{"in": [false, true]}', '[false, true]', '[0, 1, 1.0]'), ('LaunchDarkly', '{"has_any": ["c", "d"]}', '[["b", "c"], "d"]', '[["a", "b"], "a"]'),
  ('JsonLogic', '{"gt": 1}', '[2, "2"]', '[1, "1", 0]'), ('JsonLogic', '{"equals": 1}', '[1]', '["1", 2, true]'), ('JsonLogic', '{"between": [1, 3]}', '[1, 2, 3]', '[4]'), ('JsonLogic', '{"contains": "i"}', '["Springfield"]', '["team"]'),
  ('MongoDB', '{"equals": 5}', '[5, 5.0]', '["5", 6, [5]]'), ('MongoDB', '{"max": "5"}', '["4", "5"]', '[4, 3]'), ('MongoDB', '{"in": [0, false, 1, "1"]}', '[0, 1, false, "1"]', '[2, true, "0", ""]'),
  ('MongoDB', '{"has_all": [0, false]}', '[[0, false]]', '[[0, 1, 2], ["0", "false"], null]'), ('MongoDB', '{"type": ["number", "array"]}', '[1.5, []]', '["1.5", {}, null]'), ('MongoDB', '{"matches": "(?m)^S"}', '["First line\nSecond line"]', '["first\nline"]'),
  ('MongoDB', '{"any_element": {"b": {"equals": 1}, "c": {"equals": 2}}}', '[[{"b": 1, "c": 2, "d": 3}]]', '[{"b": 1, "c": 2}, [{"b": 1}, {"c": 2}]]'), ('MongoDB', '{"any_element": {"none": [{"b": {"equals": 1}}, {"c": {"exists": true}}]}}', '[[{"b": 1}, {"b": 2}]]', '[[{"b": 1}, {"c": 1}], []]'),
  -- A string that is wholly a number orders as one, exactly; nothing else does.
  ('PostHog', '{"gt": 5}', '["23", "+1.e1", "5.0000000000000000001"]', '["", "abc", "10px", " 10", "10 ", "10\n", "1_0", "1,0", "1e", "0x10", "١٠", "NaN", "Infinity", "-inf", "-.5", true, [], [10], {}, {"value": 10}]'),
  ('PostHog', '{"lt": -12.5}', '["-1.25E+2", -13]', '["-12.5", "-1e-400"]'), ('PostHog', '{"gt": 9007199254740992}', '[9007199254740993, "9007199254740993"]', '[9007199254740992]'),
  ('PostHog', '{"matches": "\\.com$"}', '["value.com"]', '["value2com", ".com343tfvalue5", 123, "value\\com"]'), ('PostHog', '{"equals": "ä", "ignore_case": true}', '["Ä", "ä"]', '["a", "a\u0308"]'),
  ('PostHog', '{"equals": "ΟΔΟΣ", "ignore_case": true}', '["οδος", "Οδος"]', '["οδο"]'), ('PostHog', '{"equals": "ß", "ignore_case": true}', '["ß", "ẞ"]', '["ss", "SS"]'), ('PostHog', '{"equals": "İ", "ignore_case": true}', '["i\u0307"]', '["i", "ı"]'),
  ('PostHog', '{"in": ["free", "PRO"], "ignore_case": true}', '["FREE", "pro"]', '["paid", null]'), ('PostHog', '{"not_in": ["value1", "value2"]}', '["value4", "", null]', '["value1"]'), ('PostHog', '{"contains": "valUe", "ignore_case": true}', '["vaLue4", "343tfvalue5"]', '["Alakazam", 123]'),
  ('Statsig', '{"starts_with": "statsig", "ignore_case": true}', '["Statsig"]', '["sig"]'), ('Statsig', '{"matches": "tatsi."}', '["Statsig"]', '["tatsi"]'), ('Flagsmith', '{"not_equals": false}', '[true, null]', '[false]'), ('Flagsmith', '{"matches": "[a-z]+"}', '["foo"]', '["FOO", "1"]'),
  ('Flipt', '{"matches": "\\S"}', '["bar"]', '["", " ", null]'), ('Flipt', '{"min": 42.0, "max": 42.0}', '["42.0", 42, "4.2e1"]', '["50", "foo", ""]'),
  -- Patterns are those of RE2: Unicode classes, one line, no end before a last line feed.
  ('Unleash', '{"matches": "^[^@]+@[^@]+$"}', '["a@b"]', '["a", "a@b@c"]'), ('Unleash', '{"matches": "^[[:alpha:]]+$"}', '["abc"]', '["abc1"]'), ('Unleash', '{"matches": "\\bcat\\b"}', '["a cat sat"]', '["concat"]'),
  ('Unleash', '{"matches": "^cat$"}', '["cat"]', '["CAT", "cat\n"]'), ('Unleash', '{"matches": "^cat$", "ignore_case": true}', '["CAT"]', '["dog"]'), ('Unleash', '{"matches": "^\\p{Lu}$"}', '["É"]', '["é"]'), ('Unleash', '{"matches": "^a.b$"}', '["axb"]', '["a\nb"]');
CREATE VIEW pair AS
  SELECT source, jsonb_build_object('x', operators) AS criteria, jsonb_build_object('x', value) AS document, expected
  FROM test, LATERAL (SELECT value, true FROM jsonb_array_elements(holds) UNION ALL SELECT value, false FROM jsonb_array_elements(fails)) AS v (value, expected);
SELECT source, count(*) FROM pair GROUP BY 1 ORDER BY 1;
SELECT * FROM pair WHERE segment.matches(document, criteria) IS DISTINCT FROM expected;
-- The same of the canonical form; and an index misses nobody.
SELECT * FROM pair WHERE segment.matches(document, segment.normalise(criteria)) IS DISTINCT FROM expected;
SELECT * FROM pair WHERE expected AND NOT document @> segment.containment(criteria);

-- Whole criteria.
CREATE TABLE whole (source text, criteria jsonb, document jsonb, expected boolean);
INSERT INTO whole
SELECT 'GrowthBook', '{"father": {"age": {"gt": 65}}, "any": [{"bday": {"matches": "-12-25$"}}, {"name": {"equals": "santa"}}]}', jsonb_build_object('name', name, 'bday', bday, 'father', jsonb_build_object('age', age)), expected
FROM (VALUES ('santa', '1980-12-25', 70, true), ('santa', '1980-12-20', 70, true), ('barbara', '1980-12-25', 70, true), ('santa', '1980-12-25', 65, false), ('barbara', '1980-11-25', 70, false), ('john', '1956-12-20', 40, false)) AS v (name, bday, age, expected);
INSERT INTO whole VALUES
  ('GrowthBook', '{"none": [{"name": {"equals": "john"}}, {"age": {"lt": 30}}]}', '{"name": "jim", "age": 40}', true), ('GrowthBook', '{"none": [{"name": {"equals": "john"}}, {"age": {"lt": 30}}]}', '{"name": "jim", "age": 20}', false),
  ('GrowthBook', '{"address": {"state": {"equals": "CA"}}}', '{"address": null}', false), ('GrowthBook', '{"address": {"state": {"equals": "CA"}}}', '{"address": 123}', false), ('GrowthBook', '{"pets": {"dog": {"name": {"exists": false}}}}', '{"hello": "world"}', true),
  ('LaunchDarkly', '{"attribute": ["attr/a"], "equals": 1}', '{"attr/a": 1}', true), ('LaunchDarkly', '{"attribute": ["attr1", "prop/a"], "equals": 1}', '{"attr1": {"prop/a": 1}}', true), ('LaunchDarkly', '{"/attr/a": {"equals": 1}}', '{"/attr/a": 1}', true),
  ('Flagsmith', '{"none": []}', '{}', true), ('Flagsmith', '{"none": [{"any": []}, {"any": []}]}', '{}', true), ('Flagsmith', '{"none": [{"any": []}, {}]}', '{}', false),
  ('JsonLogic', '{"a": {"b": {"exists": false}}}', 'null', true), ('JsonLogic', '{"a": {"b": {"exists": false}}}', '{"a": {"b": null}}', true), ('JsonLogic', '{"a": {"b": {"exists": false}}}', '{"a": "apple"}', true),
  ('JsonLogic', '{"at_least": 2, "of": [{"a": {"exists": true}}, {"b": {"exists": true}}, {"c": {"exists": true}}]}', '{"a": 1, "c": 1}', true), ('JsonLogic', '{"at_least": 2, "of": [{"a": {"exists": true}}, {"b": {"exists": true}}, {"c": {"exists": true}}]}', '{"a": 1, "d": 1}', false),
  -- All elements: there are some, and none is otherwise.
  ('JsonLogic', '{"all": [{"x": {"size": {"min": 1}}}, {"not": {"x": {"any_element": {"not": {"qty": {"min": 1}}}}}}]}', '{"x": [{"qty": 1}, {"qty": 2}]}', true), ('JsonLogic', '{"all": [{"x": {"size": {"min": 1}}}, {"not": {"x": {"any_element": {"not": {"qty": {"min": 2}}}}}}]}', '{"x": [{"qty": 1}, {"qty": 2}]}', false),
  ('JsonLogic', '{"all": [{"x": {"size": {"min": 1}}}, {"not": {"x": {"any_element": {"not": {"qty": {"min": 1}}}}}}]}', '{"x": []}', false),
  -- "size" is an operator: a key of that name is reached by the attribute form.
  ('MongoDB', '{"all": [{"x": {"any_element": {"all": [{"attribute": "size", "equals": "M"}, {"num": {"gt": 50}}]}}}, {"x": {"any_element": {"num": {"equals": 100}, "color": {"equals": "green"}}}}]}', '{"x": [{"size": "M", "num": 100, "color": "blue"}, {"size": "L", "num": 100, "color": "green"}]}', true),
  ('CloudEvents', '{"any": [{"all": [{"id": {"equals": "myId"}}, {"type": {"ends_with": ".success"}}]}, {"all": [{"source": {"starts_with": "http://"}}, {"type": {"ends_with": ".warning"}}]}]}', '{"id": "other", "type": "a.warning", "source": "http://a"}', true),
  ('CloudEvents', '{"all": [{"any": [{"id": {"equals": "myId"}}, {"type": {"ends_with": ".success"}}]}, {"any": [{"source": {"starts_with": "https://"}}, {"type": {"ends_with": ".warning"}}]}]}', '{"id": "other", "type": "a.warning", "source": "http://a"}', false);
SELECT * FROM whole WHERE segment.matches(document, criteria) IS DISTINCT FROM expected OR segment.matches(document, segment.normalise(criteria)) IS DISTINCT FROM expected
  OR expected AND jsonb_typeof(document) = 'object' AND NOT document @> segment.containment(criteria);

-- Versions in ascending order, those that are equal in one line: GrowthBook, LaunchDarkly, flagd, Flagsmith and semver.org.
CREATE TABLE version AS SELECT place, text FROM unnest(ARRAY[
  '{0.0.0-foo}', '{0.0.0,v0.0.0}', '{0.0.1}', '{0.9.0}', '{0.9.9}', '{0.9.99}', '{0.10.0}', '{0.99.0}', '{1.0.0-0,1.0.0-0+b}', '{1.0.0-0.0}', '{1.0.0-0.0.0}', '{1.0.0-1,1-1}', '{1.0.0-1.0}', '{1.0.0-1.-1}', '{1.0.0-99}', '{1.0.0-100}', '{1.0.0-9999}', '{1.0.0--}',
  '{1.0.0--1}', '{1.0.0-ALPHA}', '{1.0.0-alpha}', '{1.0.0-alpha.1}', '{1.0.0-alpha.2}', '{1.0.0-alpha.10}', '{1.0.0-alpha.beta}', '{1.0.0-beta}', '{1.0.0-beta.2}', '{1.0.0-beta.11}', '{1.0.0-rc.1}', '{1.0.0,1,1.0,v1.0.0,1.0.0+build.abc.123}', '{1.2.3-4}', '{1.2.3-4-foo}',
  '{1.2.3-5-Foo}', '{1.2.3-5-foo}', '{1.2.3-R2}', '{1.2.3-a.5}', '{1.2.3-a.10}', '{1.2.3-a.b}', '{1.2.3-a.b.c}', '{1.2.3-a.b.c.5.d.100}', '{1.2.3-a.b.c.10.d.5}', '{1.2.3-a.b.c.d}', '{1.2.3-beta,v1.2.3-beta+otherbuild}', '{1.2.3-r100}', '{1.2.3-r2}', '{1.2.3}',
  '{2.0.0-rc,2-rc,2.0-rc+build}', '{2.0.0-rc.1}', '{2.0.0-rc.2.green}', '{2.0.0-rc.2.green.1}', '{2.0.0-rc.2.red}', '{2.0.0-rc.10.green}', '{2.0.0,2.0,2,V2}', '{2.0.1}', '{2.1.0}', '{9.0.0}', '{10.2.11}', '{10.12.11}', '{10.20.11}', '{9999.0.0}', '{10000.0.0}']) WITH ORDINALITY AS t (texts, place), unnest(texts::text[]) AS text;
SELECT a.text, b.text FROM version a, version b
WHERE segment.matches(jsonb_build_object('v', a.text), jsonb_build_object('v', jsonb_build_object('version_min', b.text))) <> (a.place >= b.place)
   OR segment.matches(jsonb_build_object('v', a.text), jsonb_build_object('v', jsonb_build_object('version_max', b.text))) <> (a.place <= b.place);
SELECT text FROM unnest(ARRAY['02.0.0', '1.02.3', '1.2.03', '001.2.3', '2.0.0.0', '.1.2.3', ' 1.2.3', '1.2.3 ', 'a.b.c', 'not-a-version', '']) AS text WHERE segment.matches(jsonb_build_object('v', text), '{"any": [{"v": {"version_min": "0"}}, {"v": {"version_max": "2"}}]}');

-- Times. LaunchDarkly: offsets, fractions and none name the same instant. PostHog, at the beginning of May 2022: a blank before the offset, too, and how long ago.
CREATE TABLE moment (operators jsonb, holds jsonb, fails jsonb);
INSERT INTO moment VALUES
  ('{"before": "2017-12-06T07:00:00Z"}', '["2017-12-06T06:59:59.999Z", "2017-12-05"]', '["2017-12-06T00:00:00.000-07:00", "2017-12-06T07:00:00.000Z", "2017-12-06T07:00:00Z", "2017-12-06X00:00:00Z", "00:00:00.000-07.00", "badstring", "", "1512543600000", 1512543600000]'),
  ('{"after": "2017-12-06T00:00:00.000-07:00"}', '["2017-12-06T07:01:01Z", "2017-12-06T00:01:01.000-07:00"]', '["2017-12-06T07:00:00.000Z", "2017-12-06T07:00:00Z"]'),
  ('{"before": "2022-05-01"}', '["2022-04-30", "2022-04-30T01:02:03", "2022-05-01T00:00:00+02:00"]', '["2022-05-01", "2022-05-30", 1, "abcdef", null]'), ('{"after": "2022-05-01"}', '["2022-05-02", "2022-05-01T23:00:00-02:00"]', '["2022-05-01T23:59", "2022-04-30", null]'),
  ('{"before": "2022-04-05 12:34:12 +01:00"}', '["2022-03-30", "2022-04-05 12:34:11 +01:00", "2022-04-05 11:34:11 +0000"]', '["2022-04-05 12:34:13 +01:00", "2022-04-05 11:34:13 +00:00", "2022-04-05 11:34:13 Z", "2022-05-30"]'),
  ('{"before": "-6 hours"}', '["2022-04-30", "2022-04-30T01:02:03"]', '["2022-04-30T19:02:03", "2022-05-30"]'), ('{"before": "-12 days"}', '["2022-04-05 12:34:11+01:00", "2022-04-19 01:34:11+02:00"]', '["2022-04-19 02:00:01+02:00"]'),
  ('{"before": "-1 week"}', '["2022-04-23 00:00:00"]', '["2022-04-24 00:00:00", "2022-04-24 00:00:01"]'), ('{"after": "-2 days"}', '["2022-05-01 00:00:00", "2022-04-29 00:00:01"]', '["2022-04-29 00:00:00"]'),
  ('{"after": "now-1M"}', '["2022-04-01 00:00:01"]', '["2022-04-01 00:00:00"]'), ('{"after": "now-1y"}', '["2021-05-01 00:00:01", "2022-05-01"]', '["2021-05-01 00:00:00", "2021-04-30"]'), ('{"before": "now-1y"}', '["2021-04-28"]', '["2021-05-01 00:00:01"]'),
  -- Flipt and Statsig: on a day.
  ('{"on": "2006-01-02"}', '["2006-01-02", "2006-01-02T15:04:05Z"]', '["2006-01-01T23:59:59Z", "2007-01-02", "foo"]');
SELECT operators, value, expected FROM moment, LATERAL (SELECT value, true FROM jsonb_array_elements(holds) UNION ALL SELECT value, false FROM jsonb_array_elements(fails)) AS v (value, expected),
  LATERAL (VALUES (jsonb_build_object('x', operators)), (segment.normalise(jsonb_build_object('x', operators)))) AS c (criteria)
WHERE segment.matches(jsonb_build_object('x', value), criteria, at => '2022-05-01 00:00+00', time_zone => 'UTC') IS DISTINCT FROM expected;

-- Where others decide otherwise; what holds here is on the right.
SELECT source, theirs, segment.matches(document::jsonb, criteria::jsonb) AS here FROM (VALUES
  ('GrowthBook', 'a missing number is 0', '{}', '{"x": {"lt": 10}}'), ('GrowthBook', 'an empty any holds', '{}', '{"any": []}'), ('GrowthBook', 'texts that are numbers order numbers', '{"x": 8}', '{"x": {"gt": "5"}}'),
  ('LaunchDarkly', 'a number in text is no number', '{"x": "99"}', '{"x": {"lt": 100}}'), ('LaunchDarkly', 'a negation fails where there is nothing', '{}', '{"x": {"not_in": ["a"]}}'), ('LaunchDarkly, MongoDB, JsonLogic', 'a path counts elements', '{"x": ["a", "b"]}', '{"attribute": "x.1", "equals": "b"}'),
  ('LaunchDarkly, Unleash', 'a version has no v', '{"x": "v2.0.0"}', '{"x": {"version_min": "2.0.0", "version_max": "2.0.0"}}'), ('PostHog, GrowthBook', 'four parts are a version', '{"x": "1.2.3.4"}', '{"x": {"version_min": "1.2.3"}}'), ('PostHog', 'pre-releases do not count', '{"x": "1.2.3-alpha.1"}', '{"x": {"version_min": "1.2.3"}}'),
  ('MongoDB', 'a path goes through arrays', '{"x": [{"a": 1}, {"a": 2}]}', '{"x": {"a": {"equals": 1}}}'), ('MongoDB', 'a test of an array is one of its elements', '{"x": [3, 20]}', '{"x": {"gt": 10}}'), ('MongoDB', 'null is present', '{"x": null}', '{"x": {"exists": true}}'), ('MongoDB', 'no array has all of nothing', '{"x": ["a"]}', '{"x": {"has_all": []}}'),
  ('PostHog', 'a number is its text', '{"x": 323}', '{"x": {"contains": "3"}}'), ('PostHog', 'null is the text null', '{"x": null}', '{"x": {"contains": "nul"}}'), ('PostHog', 'σ is ς at the end of a word alone', '{"x": "οδοσ"}', '{"x": {"equals": "ΟΔΟΣ", "ignore_case": true}}'), ('PostHog', '1e309 is no number', '{"x": "1e309"}', '{"x": {"gt": 5}}')
) AS other (source, theirs, document, criteria);
-- What others take for false is refused: unknown operators, patterns that are none or go back, what is no list, no time, no version.
\set VERBOSITY terse
CREATE FUNCTION refusal(criteria jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  RETURN segment.matches('{}', criteria);
EXCEPTION WHEN invalid_parameter_value THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN SQLERRM || ' ' || detail;
END
$$;
SELECT public_cases.refusal(criteria::jsonb) FROM unnest(ARRAY['{"x": {"$regx": "a"}}', '{"x": {"matches": "/???***[)"}}', '{"x": {"matches": "^(?=a)b$"}}', '{"x": {"matches": "^(a)\\1$"}}', '{"x": {"in": 1}}', '{"x": {"before": 1512543600000}}', '{"x": {"before": "badstring"}}', '{"x": {"version_min": "02.0.0"}}',
  '{"x": {"version_min": "1.2.*"}}', '{"x": "a"}', '{"x": {"equals": null}}', '{"x": {"type": {"equals": "vip"}}}', '{"x": {"before": "0044-03-15 BC"}}']) AS criteria;
-- Clean up.
SET client_min_messages = warning;
DROP SCHEMA public_cases CASCADE;
