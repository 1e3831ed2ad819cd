-- Damaged criteria: every value of valid ones replaced in turn by every one of a list. Each gives a definition, or an error of the
-- classes that the documentation promises.
CREATE SCHEMA mutations;
SET search_path = mutations;
CREATE TABLE damaged AS
WITH RECURSIVE valid (document) AS (
  VALUES ('{"all": [{"event": "purchase", "count": {"min": 2}, "where": {"category": {"equals": "shoes"}}, "within": "90 days"}, {"engagement_score": {"min": 0.5, "max": 0.9}}]}'::jsonb),
    ('{"at_least": 2, "of": [{"a": {"b": {"in": ["x", 1, true]}}}, {"attribute": ["a", "b.c"], "matches": "^x+$", "ignore_case": true}, {"none": [{"tags": {"any_element": {"k": {"between": [1, 2]}}}}]}]}'),
    ('{"any": [{"signup": {"on": "last_month", "after": "2024-01-01"}}, {"app": {"version_min": "1.2.3-rc.1", "type": ["string"]}}, {"not": {"x": {"size": {"min": 1}, "has_all": ["a"], "within": "3 days"}}}]}')
), places (document, path, value) AS (
  SELECT document, '{}'::text[], document FROM valid
  UNION ALL
  SELECT document, path || key, inner_value FROM places,
    LATERAL (SELECT key, value FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE '{}' END)
             UNION ALL SELECT (n - 1)::text, element FROM jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE '[]' END) WITH ORDINALITY AS e (element, n)) AS child (key, inner_value)
)
SELECT jsonb_set(document, path, replacement) AS criteria FROM places,
  unnest(ARRAY['null', 'true', '-1', '1e400', '0.5', '""', '"x"', '"3 months"', '"("', '"now+"', '[]', '[null]', '[[1, 2], {}]', '{}', '{"min": 1}', '{"equls": 1}', '{"all": [{}]}', '{"event": "e"}', '{"segment": "nobody"}']::jsonb[]) AS replacement
WHERE path <> '{}'
UNION ALL SELECT document #- path FROM places WHERE path <> '{}';
-- What becomes of one: 'valid', or the class of the error.
CREATE FUNCTION verdict(statement text, criteria jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  class text;
  hint text;
BEGIN
  EXECUTE statement USING criteria;
  RETURN 'valid';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS class = RETURNED_SQLSTATE, hint = PG_EXCEPTION_HINT;
  RETURN class || CASE hint WHEN '' THEN ' without a hint' ELSE '' END;
END
$$;
SELECT count(*) > 500 AS enough FROM damaged;
SELECT name, bool_or(verdict = 'valid') AS some_valid, bool_or(verdict = '22023') AS some_refused, array_agg(DISTINCT verdict) FILTER (WHERE verdict NOT IN ('valid', '22023', '42704')) AS others
FROM damaged, (VALUES ('validate', 'SELECT segment.validate($1)'), ('matches', 'SELECT segment.matches(''{"a": 1}'', $1)'), ('matches at', 'SELECT segment.matches(''{"a": 1}'', $1, ''2024-05-15'')'),
  ('normalise', 'SELECT segment.normalise($1)'), ('describe', 'SELECT segment.describe($1)'), ('containment', 'SELECT segment.containment($1)')) AS f (name, statement), mutations.verdict(statement, criteria)
GROUP BY name ORDER BY name;
SET client_min_messages = warning;
DROP SCHEMA mutations CASCADE;
