-- E3, E4: the engagement tiers, the members of a segment by a score, and what segments are worth.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA et;
SET search_path = et;
CREATE TABLE event (who text, what text, at timestamptz, worth numeric);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth');
CREATE TABLE person (id text PRIMARY KEY);
SELECT segment.attach_profiles('person', subscriber => 'id');
-- A month of opens, clicks and purchases; the same without purchases; the same and likely to be lost; little; nothing for long.
INSERT INTO event SELECT who, what, segment.now() - (n * 12 + 1) * interval '1 hour', CASE what WHEN 'purchase' THEN 100 END
FROM unnest(ARRAY['et.champion', 'et.poor', 'et.leaving']) who,
     LATERAL (SELECT 'open' AS what, n FROM generate_series(1, 30) n UNION ALL SELECT 'click', n FROM generate_series(1, 10) n
              UNION ALL SELECT 'purchase', n FROM generate_series(1, 10) n WHERE who <> 'et.poor') e;
INSERT INTO event SELECT 'et.leaving', 'page_view', segment.now() - interval '20 days', NULL;
INSERT INTO event SELECT 'et.engaged', what, segment.now() - n * interval '9 days 1 hour', NULL
FROM (SELECT 'open' AS what, n FROM generate_series(1, 2) n UNION ALL SELECT 'click', 1 UNION ALL SELECT 'page_view', n FROM generate_series(1, 3) n) e;
INSERT INTO event VALUES ('et.silent', 'page_view', segment.now() - interval '100 days', NULL), ('et.lost', 'page_view', segment.now() - interval '100 days', NULL),
  ('et.idle', 'open', segment.now() - interval '20 days', NULL), ('et.idle', 'purchase', segment.now() - interval '85 days', 900), ('et.idle', 'page_view', segment.now() - interval '86 days', NULL),
  ('et.new', 'page_view', segment.now() - interval '2 days', NULL);
INSERT INTO person VALUES ('et.leaving'), ('et.nobody');

SELECT segment.set_predictions('churn', ARRAY['et.leaving', 'et.lost', 'et.poor', 'et.nowhere'], ARRAY[0.9, 0.75, 0.1, 1]);
-- Without churn, rules that ask for it ask nothing, and rules that demand it are met by nobody.
SELECT segment.create_engagement_tiers(NULL, 'et ');
SELECT tier, members, lost_to_higher FROM segment.tier_summary WHERE tier_set = 'engagement' ORDER BY place;
SELECT subscriber, tier, engagement_score FROM segment.profile WHERE subscriber LIKE 'et.%' ORDER BY 1;
SELECT segment.create_engagement_tiers(prefix => 'et ');
SELECT segment.drop_tier_set('engagement');
-- The segments are like any others: each goes once nothing refers to it.
SELECT segment.drop_segment('et ' || tier) FROM unnest(ARRAY['at_risk', 'highly_engaged', 'engaged', 'moderate', 'low_engaged', 'engagement_by_score',
  'at_risk_rule', 'highly_engaged_rule', 'engaged_rule', 'moderate_rule', 'low_engaged_rule', 'champions', 'potential_churners', 'new']) tier \g /dev/null

-- With churn, from the model of that name or from a trait: of whom there is none, a bound from above is kept, and a bound from below is not.
SELECT segment.create_engagement_tiers(prefix => 'et ');
SELECT subscriber, tier, churn_probability, predictions FROM segment.profile WHERE subscriber LIKE 'et.%' ORDER BY 1;
SELECT segment, criteria FROM segment.summary WHERE segment IN ('et engaged', 'et engaged_rule', 'et at_risk_rule') ORDER BY 1;
SELECT count(*) = count(DISTINCT subscriber) AS one_place_each, count(*) FILTER (WHERE tier = 'et none') AS without FROM segment.tier WHERE tier_set = 'engagement';
-- An edit of a rule is all that it takes.
CALL segment.alter_segment('et moderate_rule', '{"open_rate_30d": {"min": 0.9}}');
SELECT subscriber, tier FROM segment.profile WHERE subscriber = 'et.idle';
-- Time moves them.
SET pg_segment.clock = '2026-07-15 12:00:00+00';
SELECT subscriber, tier FROM segment.profile WHERE subscriber LIKE 'et.%' ORDER BY 1;
SET pg_segment.clock = '2026-06-01 12:00:00+00';
SELECT segment.create_engagement_tiers('traits.churn', 'other ');
SELECT segment.create_engagement_tiers('no such', 'other ');
SELECT segment.create_engagement_tiers(prefix => NULL);

-- E4: members by a feature or a score, and what each segment is worth.
SELECT * FROM segment.top_members('et engagement_by_score', most => 2);
SELECT subscriber, value FROM segment.top_members('et champions', 'lifetime_value');
SELECT * FROM segment.top_members('et champions', 'no_such');
SELECT * FROM segment.top_members('no such');
SELECT segment, members, round(average_engagement, 4) AS engagement, round(average_value, 2) AS value, total_value, round(average_churn, 2) AS churn, round(average_events_30d, 2) AS events
FROM segment.segment_statistics WHERE segment LIKE 'et %' ORDER BY 1;

SELECT * FROM segment.verify();
SELECT segment.drop_tier_set('engagement');
SELECT segment.drop_segment('et ' || tier) FROM unnest(ARRAY['at_risk', 'highly_engaged', 'engaged', 'moderate', 'low_engaged', 'engagement_by_score',
  'at_risk_rule', 'highly_engaged_rule', 'engaged_rule', 'moderate_rule', 'low_engaged_rule', 'champions', 'potential_churners', 'new']) tier \g /dev/null
SELECT count(segment.forget(who)) FROM (SELECT who FROM event UNION SELECT id FROM person UNION SELECT 'et.nowhere') w;
SELECT segment.detach_source('event') IS NOT NULL, segment.detach_profiles('person') IS NOT NULL;
SET client_min_messages = warning;
DROP SCHEMA et CASCADE;
