-- containment: what an index on jsonb can know of criteria.
CREATE SCHEMA containment;
SET search_path = containment;
SELECT criteria, segment.containment(criteria::jsonb) FROM unnest(ARRAY[
  '{"country": {"equals": "US"}, "address": {"city": {"equals": "Oslo"}}}', '{"country": {"in": ["US"]}}', '{"country": {"in": ["US", "CA"]}}', '{"country": {"equals": "US", "ignore_case": true}}', '{"age": {"equals": 30.0}}',
  '{"not": {"vip": {"not_equals": true}}}', '{"vip": {"not_equals": true}}', '{"tags": {"has": "a"}}', '{"tags": {"has": "a", "type": "array"}}', '{"tags": {"has_all": ["a", "b"]}}',
  '{"orders": {"any_element": {"sku": {"equals": "x"}, "n": {"min": 2}}}}', '{"any": [{"vip": {"equals": true}, "age": {"min": 18}}, {"vip": {"equals": true}, "country": {"equals": "US"}}]}', '{}', '{"a": {"exists": false}}', '{"a": {"equals": [1, {"b": null}]}}'
]) WITH ORDINALITY AS t (criteria, n) ORDER BY n;
SELECT segment.containment('{"event": "purchase"}');
SELECT segment.containment('{"signup": {"within": "3 days"}, "country": {"equals": "US"}}');
SELECT segment.containment(NULL);
-- With it, a GIN index narrows down what matches looks at.
CREATE TABLE person (id integer PRIMARY KEY, document jsonb);
INSERT INTO person SELECT i, jsonb_build_object('country', (ARRAY['US', 'CA', 'FR'])[1 + i % 3], 'age', i % 90, 'plan', 'plan' || i % 500, 'tags', jsonb_build_array('t' || i % 400, 'x')) FROM generate_series(1, 20000) i;
CREATE INDEX person_document ON person USING gin (document jsonb_path_ops);
ANALYZE person;
EXPLAIN (COSTS OFF) SELECT id FROM person WHERE document @> segment.containment('{"plan": {"equals": "plan7"}, "age": {"min": 18}}') AND segment.matches(document, '{"plan": {"equals": "plan7"}, "age": {"min": 18}}');
-- The same rows with the index and without, whatever the criteria.
CREATE FUNCTION differences(criteria jsonb) RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM containment.person WHERE (document @> segment.containment(criteria) AND segment.matches(document, criteria)) IS DISTINCT FROM segment.matches(document, criteria)
$$;
SELECT criteria, containment.differences(criteria::jsonb), (SELECT count(*) FROM person WHERE segment.matches(document, criteria::jsonb)) FROM unnest(ARRAY[
  '{"plan": {"equals": "plan7"}, "age": {"min": 18}}', '{"tags": {"has_all": ["x", "t7"]}, "country": {"in": ["US", "FR"]}}', '{"tags": {"any_element": {"equals": "t9"}}}', '{"age": {"equals": 30.00}}', '{"none": [{"plan": {"not_equals": "plan3"}}]}', '{"plan": {"equals": "PLAN3", "ignore_case": true}}'
]) WITH ORDINALITY AS t (criteria, n) ORDER BY n;
SET client_min_messages = warning;
DROP SCHEMA containment CASCADE;
