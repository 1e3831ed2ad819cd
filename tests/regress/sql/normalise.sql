-- normalise and describe: one form for one meaning, and a sentence per leaf.
SELECT segment.normalise('{"engagement_score": {"min": 0.70}, "demographics": {"country": {"in": ["US"]}}}');
SELECT segment.normalise('{"all": [{"attribute": ["demographics", "country"], "equals": "US"}, {"all": [{"attribute": "engagement_score", "min": 0.7}]}]}');
SELECT segment.normalise(a::jsonb) = segment.normalise(b::jsonb) AS same FROM (VALUES
  ('{"event": "open", "within": "2 weeks"}', '{"event": "email_open", "count": {"min": 1}, "where": {}, "within": "14 days"}'),
  ('{"event": "purchase", "sum": {"between": [1, 2]}}', '{"event": "purchase", "sum": {"max": 2.0, "min": "1"}, "of": "value"}'),
  ('{"none": [{"a": {"equals": 1}}, {"b": {"contains": "x"}}]}', '{"b": {"not_contains": "x"}, "a": {"not_in": [1.0]}}'),
  ('{"at_least": 2, "of": [{"a": {"min": 1}}, {"b": {"min": 1}}]}', '{"b": {"min": 1}, "a": {"min": 1}}'),
  ('{"x": {"on": "last_month"}}', '{"x": {"on": "now-1M/M"}}'), ('{"x": {"after": "2024-01-01T00:00:00Z"}}', '{"x": {"after": "2024-01-01 02:00+02"}}'),
  ('{}', '{"all": [{"none": []}, {"not": {"any": []}}]}'), ('{"any": []}', '{"x": {"in": []}}')) AS pair (a, b);
SELECT segment.normalise('{"not": {"any": [{"tags": {"has": "spam"}}, {"age": {"lt": 18}}]}, "a.b": {"c": {"ignore_case": true, "equals": "ABC"}}}');
-- Numbers are kept digit by digit.
SELECT segment.normalise('{"x": {"in": [12345678901234567890.10, 1e-40, 1e30]}}');
-- Again changes nothing.
SELECT segment.normalise(segment.normalise(criteria)) = segment.normalise(criteria) AS stable FROM (VALUES
  ('{"not": {"all": [{"a": {"min": 1, "max": 2}}, {"segment": "champions"}, {"event": "open", "where": {"k": {"in": ["v"]}}}]}}'::jsonb)) AS t (criteria);
SELECT segment.normalise('{"age": {"mni": 3}}');
SELECT segment.normalise(NULL);
-- A sentence per leaf, with its path.
SELECT * FROM segment.describe('{"all": [
  {"country": {"in": ["US", "CA"]}, "profile": {"age": {"min": 18}}}, {"none": [{"event": "open", "within": "2 weeks"}]},
  {"event": "purchase", "sum": {"min": 500}, "where": {"category": {"equals": "shoes"}}, "within": "1 year"}, {"segment": "champions"},
  {"at_least": 1, "of": [{"app": {"version_min": "2.1"}}, {"signup": {"on": "this_month"}}, {"tags": {"has_any": ["vip", "beta"]}}]}]}');
SELECT * FROM segment.describe('{}');
SELECT * FROM segment.describe('{"all": [{"event": "purchase", "cuont": {"min": 2}}]}');
\echo :LAST_ERROR_SQLSTATE
