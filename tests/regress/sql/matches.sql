-- matches: every operator, over single documents, tables and constraints. Each query lists the cases that fail: none.
CREATE SCHEMA matches;
SET search_path = matches;
-- A case: what, document, criteria, expected.
CREATE TABLE cases (what text, document jsonb, criteria jsonb, expected boolean);
CREATE VIEW wrong AS SELECT what, document, criteria, expected FROM cases WHERE segment.matches(document, criteria) IS DISTINCT FROM expected ORDER BY what, criteria::text;

-- One row of each kind of value.
CREATE TABLE person (id integer PRIMARY KEY, document jsonb);
INSERT INTO person VALUES
  (1, '{"name": "Ann", "age": 30, "country": "US", "tags": ["a", "b"], "vip": true, "address": {"city": "Oslo", "zip": "0150"}, "orders": [{"sku": "x", "n": 2}, {"sku": "y", "n": 5}]}'),
  (2, '{"name": "bob", "age": "31", "country": "ca", "tags": [], "vip": false, "address": {"city": "Łódź"}, "orders": []}'),
  (3, '{"name": "", "age": null, "tags": "a", "vip": "true", "orders": {"sku": "x"}}'),
  (4, '{}');
-- Who passes each test.
CREATE FUNCTION who(criteria jsonb) RETURNS text LANGUAGE sql STABLE AS $$ SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '-') FROM matches.person WHERE segment.matches(document, criteria) $$;
SELECT criteria, matches.who(criteria::jsonb) AS who
FROM unnest(ARRAY[
  -- equals and in are typed; the negations are exact complements.
  '{"country": {"equals": "US"}}', '{"country": {"not_equals": "US"}}', '{"country": {"in": ["US", "CA"]}}', '{"country": {"not_in": ["US", "CA"]}}',
  '{"country": {"in": ["us", "CA"], "ignore_case": true}}', '{"country": {"not_equals": "us", "ignore_case": true}}', '{"country": {"in": []}}', '{"country": {"not_in": []}}',
  '{"age": {"equals": 30}}', '{"age": {"equals": 30.0}}', '{"age": {"equals": "31"}}', '{"age": {"equals": 31}}', '{"vip": {"equals": true}}', '{"vip": {"not_equals": true}}',
  '{"address": {"equals": {"zip": "0150", "city": "Oslo"}}}', '{"tags": {"equals": ["a", "b"]}}', '{"tags": {"equals": ["b", "a"]}}', '{"tags": {"equals": []}}',
  -- min, max, gt, lt and between read a string that is wholly a number.
  '{"age": {"min": 30}}', '{"age": {"gt": 30}}', '{"age": {"max": 30}}', '{"age": {"lt": 30.5}}', '{"age": {"between": [30, 31]}}', '{"age": {"min": 30, "max": 30}}', '{"name": {"min": 0}}', '{"name": {"max": 0}}',
  -- A string operand compares as text, by bytes: capitals first.
  '{"name": {"min": "A"}}', '{"name": {"max": "Z"}}', '{"name": {"between": ["a", "c"]}}', '{"name": {"min": "b", "ignore_case": true}}', '{"address": {"city": {"gt": "Z"}}}', '{"age": {"min": "3"}}',
  -- Text.
  '{"name": {"contains": "n"}}', '{"name": {"contains": ""}}', '{"name": {"not_contains": "n"}}', '{"name": {"contains": "B", "ignore_case": true}}', '{"name": {"starts_with": "A"}}', '{"name": {"ends_with": "b"}}',
  '{"name": {"matches": "^[A-Z]"}}', '{"name": {"matches": "^B", "ignore_case": true}}', '{"address": {"city": {"matches": "^....$"}}}', '{"address": {"city": {"equals": "łÓDŹ", "ignore_case": true}}}', '{"age": {"contains": "3"}}',
  -- Presence: null is missing, the empty string is not.
  '{"name": {"exists": true}}', '{"name": {"exists": false}}', '{"age": {"exists": true}}', '{"age": {"exists": false}}', '{"age": {"exists": false, "equals": 30}}',
  -- Lists; a scalar stands for the list of itself.
  '{"tags": {"has": "a"}}', '{"tags": {"has_any": ["b", "c"]}}', '{"tags": {"has_any": []}}', '{"tags": {"has_all": ["a", "b"]}}', '{"tags": {"has_all": []}}', '{"tags": {"has_none": ["b", "c"]}}', '{"tags": {"has": "A", "ignore_case": true}}',
  '{"tags": {"size": 2}}', '{"tags": {"size": 0}}', '{"tags": {"size": {"min": 1}}}', '{"tags": {"any_element": {"gt": "a"}}}',
  '{"orders": {"any_element": {"sku": {"equals": "x"}, "n": {"min": 2}}}}', '{"orders": {"any_element": {"sku": {"equals": "x"}, "n": {"min": 5}}}}', '{"orders": {"any_element": {"any": [{"n": {"equals": 5}}]}}}', '{"orders": {"any_element": {"n": {"not_equals": 2}}}}', '{"orders": {"any_element": {}}}',
  -- Paths and forms.
  '{"address": {"city": {"equals": "Oslo"}, "zip": {"starts_with": "01"}}}', '{"attribute": "address.city", "equals": "Oslo"}', '{"attribute": ["address", "city"], "equals": "Oslo"}', '{"attribute": "name.first", "exists": false}',
  '{}', '{"all": []}', '{"any": []}', '{"none": []}', '{"not": {"country": {"exists": true}}}', '{"none": [{"vip": {"equals": true}}, {"vip": {"equals": false}}]}', '{"any": [{"vip": {"equals": true}}, {"vip": {"equals": "true"}}]}',
  '{"country": {"exists": true}, "not": {"vip": {"equals": true}}}'
]) WITH ORDINALITY AS t (criteria, n) ORDER BY n;

-- Keys that contain dots, are empty, or look like forms.
INSERT INTO cases VALUES
  ('a dot in a key', '{"a.b": {"c": 1}}', '{"attribute": ["a.b", "c"], "equals": 1}', true),
  ('a dotted path goes down', '{"a.b": 1, "a": {"b": 2}}', '{"attribute": "a.b", "equals": 2}', true),
  ('a dot in a shorthand key is no path', '{"a.b": 1, "a": {"b": 2}}', '{"a.b": {"equals": 1}}', true),
  ('a key named as a form', '{"all": 1}', '{"attribute": "all", "equals": 1}', true),
  ('a key named as an operator', '{"a": {"min": 5}}', '{"attribute": "a.min", "equals": 5}', true),
  ('a scalar document', '5', '{"a": {"exists": true}}', false),
  ('an array document', '[1]', '{"a": {"exists": false}}', true),
  ('a path through a scalar', '{"a": 5}', '{"a": {"b": {"exists": false}}}', true),
  ('a path through an array', '{"a": [{"b": 1}]}', '{"a": {"b": {"equals": 1}}}', false);
-- Numbers are exact: large, small, long, and read from strings.
INSERT INTO cases VALUES
  ('1 is 1.000', '{"a": 1}', '{"a": {"equals": 1.000}}', true), ('a string is no number', '{"a": "1"}', '{"a": {"equals": 1}}', false), ('a number is no string', '{"a": 1}', '{"a": {"equals": "1"}}', false),
  ('20 digits differ in the last', '{"a": 12345678901234567890}', '{"a": {"equals": 12345678901234567891}}', false), ('20 digits agree', '{"a": 12345678901234567890}', '{"a": {"equals": 12345678901234567890.0}}', true),
  ('20 digits, less by one', '{"a": 12345678901234567890}', '{"a": {"lt": 12345678901234567891}}', true), ('beyond 2^53', '{"a": 9007199254740993}', '{"a": {"gt": 9007199254740992}}', true),
  ('1e400 equals itself', '{"a": 1e400}', '{"a": {"equals": 1e400}}', true), ('1e400 exceeds 1e399', '{"a": 1e400}', '{"a": {"gt": 1e399}}', true), ('1e400 is below 2e400', '{"a": 1e400}', '{"a": {"lt": 2e400}}', true), ('-1e400 is negative', '{"a": -1e400}', '{"a": {"lt": 0}}', true),
  ('1e-400 exceeds zero', '{"a": 1e-400}', '{"a": {"gt": 0}}', true), ('1e-400 is below 1e-399', '{"a": 1e-400}', '{"a": {"lt": 1e-399}}', true), ('1e-400 equals itself', '{"a": 1e-400}', '{"a": {"equals": 1e-400}}', true), ('minus zero is zero', '{"a": -0.0}', '{"a": {"equals": 0}}', true),
  ('0.1 exactly', '{"a": 0.1}', '{"a": {"equals": 0.1000000000000000055511151231257827}}', false), ('a number in a string', '{"a": "1e3"}', '{"a": {"equals": "1e3", "min": 1000, "max": 1000}}', true), ('a number and more in a string', '{"a": "5 items"}', '{"a": {"min": 0}}', false),
  ('NaN in a string is no number', '{"a": "NaN"}', '{"a": {"min": 0}}', false), ('infinity in a string is no number', '{"a": "Infinity"}', '{"a": {"min": 0}}', false), ('an empty string is no number', '{"a": ""}', '{"a": {"max": 0}}', false), ('true is no number', '{"a": true}', '{"a": {"min": 0}}', false),
  ('10 after 9 as a number', '{"a": "10"}', '{"a": {"gt": 9}}', true), ('10 before 9 as text', '{"a": "10"}', '{"a": {"lt": "9"}}', true), ('a number is no text', '{"a": 10}', '{"a": {"lt": "9"}}', false);
-- Two-valued logic: on a missing, null or wrongly typed value a positive operator is false and its negation true.
INSERT INTO cases
SELECT op.key || ' on ' || document, document::jsonb, jsonb_build_object('a', jsonb_build_object(op.key, op.operand::jsonb)), op.expected
FROM (VALUES ('equals', '"x"', false), ('not_equals', '"x"', true), ('in', '["x"]', false), ('not_in', '["x"]', true), ('min', '1', false), ('max', '1', false), ('gt', '1', false), ('lt', '1', false), ('between', '[0, 1]', false),
             ('min', '"a"', false), ('max', '"a"', false), ('contains', '"x"', false), ('not_contains', '"x"', true), ('starts_with', '"x"', false), ('ends_with', '"x"', false), ('matches', '"x"', false), ('has', '"x"', false),
             ('has_any', '["x"]', false), ('has_all', '["x"]', false), ('has_none', '["x"]', true), ('size', '1', false), ('any_element', '{"exists": true}', false)) AS op (key, operand, expected),
     unnest(ARRAY['{}', '{"a": null}', '{"a": {"b": 1}}', '{"a": false}']) AS document;
-- Unicode and odd text.
INSERT INTO cases VALUES
  ('emoji', '{"a": "I ❤ 🦀"}', '{"a": {"contains": "🦀"}}', true), ('a dot is one character', '{"a": "🦀"}', '{"a": {"matches": "^.$"}}', true), ('composed and decomposed differ', '{"a": "\u00e9"}', '{"a": {"equals": "e\u0301"}}', false),
  ('escapes', '{"a": "tab\there \"quoted\" \\ end"}', '{"a": {"equals": "tab\there \"quoted\" \\ end"}}', true), ('case of ß', '{"a": "STRASSE"}', '{"a": {"equals": "straße", "ignore_case": true}}', false),
  ('a pattern is not anchored', '{"a": "xxaxx"}', '{"a": {"matches": "a"}}', true), ('a pattern anchored by hand', '{"a": "xxaxx"}', '{"a": {"matches": "^a$"}}', false), ('duplicate keys: the last one', '{"a": 1, "a": 2}', '{"a": {"equals": 2}}', true);
SELECT count(*) FROM cases;
SELECT * FROM wrong;

-- Documents nested 5000 deep and of many keys neither fail nor overflow.
SELECT segment.matches((repeat('{"a": ', 5000) || '1' || repeat('}', 5000))::jsonb, '{"a": {"exists": true}}');
SELECT segment.matches((repeat('[', 5000) || repeat(']', 5000))::jsonb, '{"a": {"exists": false}}');
SELECT segment.matches(jsonb_build_object('a', (repeat('[', 5000) || repeat(']', 5000))::jsonb), '{"a": {"equals": [[1]]}}');
SELECT segment.matches(jsonb_build_object('a', (repeat('[', 5000) || repeat(']', 5000))::jsonb), '{"a": {"size": 1}}');
SELECT segment.matches((SELECT jsonb_object_agg('key' || i, i) FROM generate_series(1, 20000) i), '{"key19999": {"equals": 19999}}');
SELECT segment.matches(jsonb_build_object('a', repeat('x', 1000000) || 'y'), '{"a": {"matches": "(x+x+)+y$"}}');
SELECT segment.matches(jsonb_build_object('a', (SELECT jsonb_agg(i) FROM generate_series(1, 10000) i)), '{"a": {"has_all": [1, 9999, 10000], "size": 10000}}');

-- NULL in gives NULL out.
SELECT segment.matches(NULL, '{}'), segment.matches('{}', NULL);
-- A document has no events; and no clock either, so nothing about a subscriber can be asked.
SELECT segment.matches('{}', '{"event": "purchase"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.matches('{}', '{"any": [{"a": {"exists": true}}, {"not": {"event": "purchase"}}]}');

-- Over a table, with criteria from another.
CREATE TABLE rule (name text, criteria jsonb CHECK (segment.matches('{}', criteria) IS NOT NULL));
INSERT INTO rule VALUES ('grown up', '{"age": {"min": 18}}'), ('tagged', '{"tags": {"size": {"min": 1}}}'), ('nameless', '{"name": {"not_equals": "Ann"}}');
SELECT r.name, p.id FROM rule r JOIN person p ON segment.matches(p.document, r.criteria) ORDER BY 1, 2;
-- In a CHECK constraint, an index and a generated column: it is immutable.
CREATE TABLE adult (document jsonb CHECK (segment.matches(document, '{"age": {"min": 18}}')), is_vip boolean GENERATED ALWAYS AS (segment.matches(document, '{"vip": {"equals": true}}')) STORED);
CREATE INDEX ON adult ((segment.matches(document, '{"vip": {"equals": true}}')));
INSERT INTO adult VALUES ('{"age": 18, "vip": true}'), ('{"age": 99}'), (NULL);
INSERT INTO adult VALUES ('{"age": 17}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM adult ORDER BY document;
-- In parallel workers.
CREATE TABLE many AS SELECT jsonb_build_object('n', i) AS document FROM generate_series(1, 20000) i;
ANALYZE many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT count(*) FROM many WHERE segment.matches(document, '{"n": {"between": [101, 200]}}');
SELECT count(*) FROM many WHERE segment.matches(document, '{"n": {"between": [101, 200]}}');
-- Clean up.
SET client_min_messages = warning;
DROP SCHEMA matches CASCADE;
