-- Features and scores as data: ready ones by name, and created ones.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
INSERT INTO segment.event (subscriber, event_type, occurred_at, value, properties) VALUES
  ('fe.1', 'purchase', '2026-05-10 10:15', 20, '{"category": "shoes"}'), ('fe.1', 'purchase', '2026-05-30 10:15', 40, '{"category": "hats"}'),
  ('fe.1', 'email_open', '2026-05-31 10:00', NULL, NULL), ('fe.1', 'email_open', '2026-06-01 08:00', NULL, NULL), ('fe.1', 'click', '2026-06-01 08:01', NULL, NULL),
  ('fe.2', 'email_open', '2026-04-01 10:00', NULL, NULL), ('fe.2', 'delivered', '2026-04-01 09:00', NULL, NULL),
  ('fe.3', 'complaint', '2026-05-20 10:00', NULL, NULL);
SELECT segment.upsert_profile('fe.4', traits => '{"age": 40, "visits": 3}');
SELECT origin, kind, count(*) FROM segment.feature_list GROUP BY 1, 2 ORDER BY 1, 2;
-- Ready ones stand in criteria by their names, as do those below "behavior_scores".
SELECT segment.create_segment('fe buyers', '{"avg_order_value": {"min": 30}, "recency": {"max": 5}}');
SELECT segment.create_segment('fe readers', '{"behavior_scores": {"email_engagement": {"min": 0.4}}}');
SELECT segment.create_segment('fe gone', '{"last_activity_days": {"gt": 30}}');
SELECT segment, subscriber FROM segment.member WHERE segment LIKE 'fe %' ORDER BY 1, 2;
SELECT path, condition, actual, threshold, holds, changes_at FROM segment.explain('fe.1', 'fe buyers');
-- Created ones are kept for everybody, and shown.
SELECT segment.create_feature('shoes_bought', '{"event": "purchase", "where": {"category": {"equals": "shoes"}}}', 'pairs of shoes, ever');
SELECT segment.create_feature('email_engagement');
SELECT segment.create_score('heat', '{"terms": [
  {"of": {"event": "email_open", "half_life": "1 day"}, "weight": 1},
  {"of": "shoes_bought", "weight": 2, "cap": 3},
  {"when": {"event": "complaint", "within": "90 days"}, "points": -5},
  {"of": {"attribute": "traits.visits"}, "scale": 0.5}], "clamp": [-10, 10]}', 'how warm somebody is');
SELECT name, kind, spec, description FROM segment.feature ORDER BY name;
SELECT subscriber, features FROM segment.profile ORDER BY subscriber;
SELECT segment.create_segment('fe hot', '{"heat": {"min": 2.5}}');
SELECT path, actual, threshold, holds, changes_at FROM segment.explain('fe.1', 'fe hot');
-- It cools by itself: the views first, then refresh; the moment is the one foretold.
SET pg_segment.clock = '2026-06-02 22:59:59+00';
SELECT subscriber FROM segment.member WHERE segment = 'fe hot';
SET pg_segment.clock = '2026-06-03 20:00:00+00';
SELECT subscriber FROM segment.member WHERE segment = 'fe hot';
CALL segment.refresh();
SELECT subscriber, action, at, cause, leaf FROM segment.transition WHERE segment = 'fe hot' ORDER BY at;
SELECT * FROM segment.verify();
-- Altered: whoever uses it is evaluated again.
CALL segment.alter_feature('heat', '{"terms": [{"of": "shoes_bought", "weight": 3}]}');
SELECT subscriber FROM segment.member WHERE segment = 'fe hot';
SELECT subscriber, features->'heat' AS heat FROM segment.profile ORDER BY subscriber;
SELECT * FROM segment.verify();
-- What is used stays; what is ready stays ready.
SELECT segment.drop_feature('heat');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_feature('shoes_bought');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_feature('email_engagement');
SELECT subscriber FROM segment.member WHERE segment = 'fe readers';
SELECT segment.drop_segment('fe hot');
SELECT segment.drop_feature('heat');
SELECT segment.drop_feature('shoes_bought');
SELECT features FROM segment.profile WHERE subscriber = 'fe.1';
SELECT * FROM segment.verify();
-- Refused.
SELECT segment.create_feature('engagement_score', '{"event": "open"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature('email_engagement', '{"event": "open"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature('email_engagment');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature('Wrong name', '{"event": "open"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature('traits', '{"event": "open"}');
SELECT segment.create_feature('segments', '{"event": "open"}');
\echo :LAST_ERROR_SQLSTATE
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature('fe_wrong', '{"event": "open", "within": "7 dais"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature('fe_wrong', '{"divide": [{"event": "open"}, {"feature": "engagment_score"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature('fe_self', '{"multiply": ["fe_self", 2]}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_score('fe_wrong', '{"event": "open"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_score('fe_wrong', '{"terms": [{"of": "engagement_score", "wight": 2}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature(NULL);
\echo :LAST_ERROR_SQLSTATE
CALL segment.alter_feature('email_engagement', '{"event": "open"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_feature('nothing');
\echo :LAST_ERROR_SQLSTATE
-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition WHERE name LIKE 'fe %';
SELECT segment.detach_profiles('segment.profile_input');
DROP TABLE segment.profile_input;
TRUNCATE segment.event;
DELETE FROM segment.state;
DELETE FROM segment.due;
