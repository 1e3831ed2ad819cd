-- validate: what is accepted, and how every mistake is reported: its path in DETAIL, what to write in HINT.
SELECT segment.validate('{"event": "purchase"}');
SELECT segment.validate('{}');
SELECT segment.validate('{"all": [{"any": []}, {"none": []}, {"not": {"event": "visit"}}]}');
SELECT segment.validate('{"engagement_score": {"min": 0.7}, "days_since_last": {"between": [1, 30]}}');
SELECT segment.validate('{"event": "purchase", "where": {"category": {"equals": "shoes"}, "tags": {"has_any": ["a"]}}, "sum": {"min": 500}, "of": "value", "within": "1 year"}');
SELECT segment.validate('{"event": "click", "count": {"equals": 0}, "within": "1 day 12 hours"}');
SELECT segment.validate(NULL);
-- Not an object.
SELECT segment.validate('[]');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.validate('"champions"');
SELECT segment.validate('null');
SELECT segment.validate('{"all": {"event": "purchase"}}');
SELECT segment.validate('{"all": [{"event": "purchase"}, 1]}');
SELECT segment.validate('{"not": [{"event": "purchase"}]}');
-- Forms.
SELECT segment.validate('{"al": [{"event": "purchase"}]}');
SELECT segment.validate('{"segment": "champions"}');
SELECT segment.validate('{"at_least": 2, "of": []}');
-- Event leaves.
SELECT segment.validate('{"event": ""}');
SELECT segment.validate('{"event": 7}');
SELECT segment.validate('{"event": "purchase", "withn": "7 days"}');
SELECT segment.validate('{"event": "purchase", "colour": "red"}');
SELECT segment.validate('{"event": "purchase", "within": "7"}');
SELECT segment.validate('{"event": "purchase", "within": 7}');
SELECT segment.validate('{"event": "purchase", "within": "0 days"}');
SELECT segment.validate('{"event": "purchase", "within": "-3 days"}');
SELECT segment.validate('{"event": "purchase", "within": "1.5 days"}');
SELECT segment.validate('{"event": "purchase", "within": "3 months"}');
SELECT segment.validate('{"event": "purchase", "within": "3 fortnights"}');
SELECT segment.validate('{"event": "purchase", "within": "101 years"}');
SELECT segment.validate('{"event": "purchase", "count": 2}');
SELECT segment.validate('{"event": "purchase", "count": {"mni": 2}}');
SELECT segment.validate('{"event": "purchase", "count": {"contains": "2"}}');
SELECT segment.validate('{"event": "purchase", "count": {"between": [3, 2]}}');
SELECT segment.validate('{"event": "purchase", "count": {"min": 1}, "sum": {"min": 1}}');
SELECT segment.validate('{"event": "purchase", "of": "value"}');
SELECT segment.validate('{"event": "purchase", "sum": {"min": 1}, "of": ""}');
SELECT segment.validate('{"event": "purchase", "sum": {"min": 1}, "of": 5}');
SELECT segment.validate('{"event": "purchase", "where": {"event": "visit"}}');
SELECT segment.validate('{"event": "purchase", "where": {"category": {"equls": "shoes"}}}');
SELECT segment.validate('{"event": "purchase", "where": {"category": "shoes"}}');
-- What none of the numbers that there can be passes, and what always holds.
SELECT segment.validate('{"all": [{"event": "visit"}, {"event": "purchase", "count": {"lt": 0}}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.validate('{"event": "purchase", "count": {"equals": 1.5}}');
SELECT segment.validate('{"event": "purchase", "count": {"between": [1.2, 1.8]}}');
SELECT segment.validate('{"event": "purchase", "count": {"min": 2, "max": 1}}');
SELECT segment.validate('{"event": "purchase", "latest_hour": {"equals": 24}}');
SELECT segment.validate('{"event": "purchase", "peak_weekday": {"lt": 1}, "within": "30 days"}');
SELECT segment.validate('{"event": "purchase", "streak": {"min": 400}}');
SELECT segment.validate('{"open_rate_30d": {"min": 30}}');
SELECT segment.validate('{"attribute": "predictions.churn.confidence", "gt": 1}');
SELECT segment.validate('{"tags": {"size": -1}}');
SELECT segment.validate('{"traits": {"age": {"equals": 20, "lt": 18}}}');
SELECT segment.validate('{"recency": {"exists": false, "min": 1}}');
SELECT segment.validate('{"any": [{"event": "purchase", "count": {"min": 0}}, {"event": "purchase", "count": {"equals": 0}}, {"open_rate_30d": {"max": 1}}, {"recency": {"not_equals": 0.5}}, {"traits": {"country": {"in": []}}}]}');
-- Features.
SELECT segment.validate('{"all": [{"any": [{"engagement_scor": {"min": 1}}]}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.validate('{"attribute": "engagement_score"}');
SELECT segment.validate('{"attribute": "engagement_score", "minimum": 1}');
SELECT segment.validate('{"attribute": [], "min": 1}');
SELECT segment.validate('{"attribute": 5, "min": 1}');
SELECT segment.validate('{"engagement_score": {}}');
SELECT segment.validate('{"engagement_score": 0.5}');
SELECT segment.validate('{"engagement_score": {"min": 0.5, "colour": "red"}}');
-- Operands.
SELECT segment.matches('{}', '{"a": {"equals": null}}');
SELECT segment.matches('{}', '{"a": {"in": "red"}}');
SELECT segment.matches('{}', '{"a": {"in": ["red", null]}}');
SELECT segment.matches('{}', '{"a": {"min": true}}');
SELECT segment.matches('{}', '{"a": {"min": [1]}}');
SELECT segment.matches('{}', '{"a": {"between": [1]}}');
SELECT segment.matches('{}', '{"a": {"between": ["b", "a"]}}');
SELECT segment.matches('{}', '{"a": {"contains": 5}}');
SELECT segment.matches('{}', '{"a": {"exists": 1}}');
SELECT segment.matches('{}', '{"a": {"size": "2"}}');
SELECT segment.matches('{}', '{"a": {"size": {"contains": "2"}}}');
SELECT segment.matches('{}', '{"a": {"any_element": []}}');
SELECT segment.matches('{}', '{"a": {"any_element": {"b": {"equls": 1}}}}');
SELECT segment.matches('{}', '{"a": {"ignore_case": true}}');
SELECT segment.matches('{}', '{"a": {"equals": "b", "ignore_case": "yes"}}');
-- Patterns: Rust's, in linear time and of limited size.
\set VERBOSITY sqlstate
SELECT segment.matches('{}', '{"a": {"matches": "("}}');
SELECT segment.matches('{}', '{"a": {"matches": "(?=a)"}}');
SELECT segment.matches('{}', '{"a": {"matches": "(a)\\1"}}');
SELECT segment.matches('{}', '{"a": {"matches": "(a{1000}){1000}"}}');
\set VERBOSITY default
SELECT segment.matches('{}', jsonb_build_object('a', jsonb_build_object('matches', repeat('a', 1025))));
-- Limits.
SELECT segment.validate(jsonb_build_object('all', (SELECT jsonb_agg('{"event": "purchase"}'::jsonb) FROM generate_series(1, 999))));
SELECT segment.validate(jsonb_build_object('all', (SELECT jsonb_agg('{"event": "purchase"}'::jsonb) FROM generate_series(1, 1000))));
\echo :LAST_ERROR_SQLSTATE
SELECT segment.validate((repeat('{"not": ', 30) || '{"event": "purchase"}' || repeat('}', 30))::jsonb);
SELECT segment.validate((repeat('{"not": ', 32) || '{"event": "purchase"}' || repeat('}', 32))::jsonb);
SELECT segment.validate((repeat('{"not": ', 5000) || '{"event": "purchase"}' || repeat('}', 5000))::jsonb);
SELECT segment.matches('{}', ('{"a": {"equals": ' || repeat('[', 100) || repeat(']', 100) || '}}')::jsonb);
SELECT segment.validate(jsonb_build_object('event', repeat('x', 65536)));
