-- Features of which there is one for each category, channel, campaign or type, and those of times, the latest event and peaks.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
INSERT INTO segment.event (subscriber, event_type, occurred_at, value, properties) VALUES
  ('ff.1', 'sent',      '2026-05-20 08:00', NULL, '{"campaign": "spring", "category": "shoes", "channel": "email"}'),
  ('ff.1', 'delivered', '2026-05-20 08:01', NULL, '{"campaign": "spring", "category": "shoes", "channel": "email"}'),
  ('ff.1', 'open',      '2026-05-20 09:00', NULL, '{"campaign": "spring", "category": "shoes", "channel": "email"}'),
  ('ff.1', 'click',     '2026-05-20 09:01', NULL, '{"campaign": "spring", "category": "shoes", "channel": "email"}'),
  ('ff.1', 'purchase',  '2026-05-20 09:30', 60,   '{"campaign": "spring", "category": "shoes", "channel": "web"}'),
  ('ff.1', 'sent',      '2026-05-27 08:00', NULL, '{"campaign": "spring", "category": "hats", "channel": "email"}'),
  -- A Saturday.
  ('ff.1', 'purchase',  '2026-05-30 21:10', 30,   '{"category": "hats", "channel": "web"}'),
  ('ff.2', 'sent',      '2026-05-20 08:00', NULL, '{"campaign": "spring", "category": "shoes", "channel": "sms"}'),
  ('ff.2', 'complaint', '2026-05-20 10:00', NULL, '{"campaign": "spring", "category": "shoes", "channel": "sms"}');
SELECT segment.upsert_profile('ff.3', traits => '{}');

-- C2: shares, peaks, weekends. C3: the latest event.
SELECT segment.create_feature(name) FROM unnest(ARRAY['freq_purchase', 'pref_shoes', 'pref_hats', 'category_shift_hats', 'peak_hour', 'peak_weekday', 'weekend_share',
  'latest_hour', 'latest_weekday', 'latest_weekend', 'latest_value', 'latest_is_purchase', 'latest_is_open', 'latest_category_is_hats']) name;
SELECT subscriber, key, value FROM segment.profile, jsonb_each(features) ORDER BY 1, 2;
SELECT count(segment.drop_feature(name)) FROM segment.feature;
-- C4: campaigns. C5: times between purchases. G2, G3: seasons and channels.
SELECT segment.create_feature(name) FROM unnest(ARRAY['campaign_sends_spring', 'campaign_open_rate_spring', 'campaign_click_rate_spring', 'campaign_conversion_rate_spring',
  'campaign_average_value_spring', 'campaign_score_spring', 'inter_purchase_days', 'next_purchase_days', 'purchase_velocity', 'weekday_share_3', 'month_share_5',
  'channel_share_web', 'channel_events_email', 'channel_value_web', 'channel_open_rate_email', 'channel_conversion_rate_web', 'prefers_channel_email', 'prefers_channel_sms']) name;
SELECT subscriber, key, value FROM segment.profile, jsonb_each(features) ORDER BY 1, 2;
SELECT name, description FROM segment.feature ORDER BY name;
-- The same over everybody, from what is kept.
SELECT sum((features->>'campaign_sends_spring')::numeric) AS sends,
       sum((features->>'campaign_sends_spring')::numeric * (features->>'campaign_score_spring')::numeric) / sum((features->>'campaign_sends_spring')::numeric) AS score
FROM segment.profile;
SELECT count(segment.drop_feature(name)) FROM segment.feature;

-- The same by the events, for each campaign or another property, from one time to another.
SELECT * FROM segment.performance();
SELECT value, events, sends, revenue FROM segment.performance('channel', until => '2026-05-20 12:00+00');
SELECT value, events, sends, revenue FROM segment.performance('channel', since => '2026-05-20 12:00+00');
SELECT * FROM segment.performance('nothing');
SELECT * FROM segment.performance(NULL);
\echo :LAST_ERROR_SQLSTATE

-- A leaf says "opened a campaign of category shoes" and "several channels"; features stand in criteria by name, kept or not.
SELECT segment.create_segment('ff opened', '{"event": "email_open", "where": {"campaign": {"exists": true}, "category": {"equals": "shoes"}}}');
SELECT segment.create_segment('ff channels', '{"all": [{"event": "*", "where": {"channel": {"equals": "email"}}}, {"event": "*", "where": {"channel": {"equals": "web"}}}]}');
SELECT segment.create_segment('ff score', '{"campaign_score_spring": {"min": 4}, "pref_shoes": {"min": 0.5}}');
SELECT segment.create_segment('ff email', '{"event": "*", "mode": "email", "of": "channel", "within": "90 days"}');
SELECT segment.create_segment('ff weekend', '{"event": "purchase", "weekdays": [6, 7], "hours": [20, 21]}');
SELECT segment.create_segment('ff there', '{"event": "purchase", "weekdays": [7]}', time_zone => 'Asia/Tokyo');
SELECT segment.create_segment('ff evening', '{"peak_hour": {"min": 13}}', time_zone => 'Asia/Kolkata');
SELECT segment.create_segment('ff last', '{"event": "purchase", "last": "*"}');
SELECT segment, subscriber FROM segment.member WHERE segment LIKE 'ff %' ORDER BY 1, 2;
SELECT condition, actual, threshold, holds, changes_at FROM segment.explain('ff.1', 'ff weekend');
SELECT condition, actual, threshold, holds, changes_at FROM segment.explain('ff.1', 'ff evening');
SELECT condition, actual, threshold, holds, changes_at FROM segment.explain('ff.1', 'ff last');
SELECT condition, actual, threshold, holds, changes_at FROM segment.explain('ff.1', 'ff email');
SELECT stream_id > 4 AS own, event_type, filter, hours, weekdays, months, time_zone FROM segment.stream WHERE time_zone IS NOT NULL ORDER BY stream_id;
SELECT * FROM segment.verify();

-- D4: in order of occurrence, whatever the order of arrival.
SELECT segment.create_feature('content_preference_shoes');
SELECT segment.create_feature('content_preference_hats');
SELECT segment.create_segment('ff likes', '{"content_preference_shoes": {"min": 0.58}}');
SELECT subscriber, features FROM segment.profile ORDER BY 1;
SELECT ((0.5 + 0.3 * 0.10) + 0.3 * 0.20) * 0.99 AS shoes, 0.5 + 0.3 * 0.20 AS hats;
SELECT value, round(preference::numeric, 9) AS preference FROM segment.content_preferences('ff.1');
SELECT * FROM segment.content_preferences('nobody');
-- An old one comes late: between the click and the purchase.
INSERT INTO segment.event (subscriber, event_type, occurred_at, properties) VALUES ('ff.1', 'complaint', '2026-05-20 09:15', '{"category": "shoes"}');
SELECT features FROM segment.profile WHERE subscriber = 'ff.1';
SELECT ((0.5 + 0.3 * 0.10) - 0.3 * 0.50 + 0.3 * 0.20) * 0.99 AS shoes;
SELECT value, round(preference::numeric, 9) AS preference FROM segment.content_preferences('ff.1');
SELECT subscriber FROM segment.member WHERE segment = 'ff likes';
SELECT * FROM segment.verify();
-- It goes again, and with it everything is as it was.
DELETE FROM segment.event WHERE subscriber = 'ff.1' AND event_type = 'complaint';
SELECT features FROM segment.profile WHERE subscriber = 'ff.1';
SELECT subscriber FROM segment.member WHERE segment = 'ff likes';
-- What is taken in stays when time goes on, and what is to come counts when it has.
INSERT INTO segment.event (subscriber, event_type, occurred_at, properties) VALUES ('ff.1', 'reply', '2026-06-20 09:15', '{"category": "shoes"}');
SET pg_segment.clock = '2026-06-20 09:14:59+00';
SELECT features FROM segment.profile WHERE subscriber = 'ff.1';
SET pg_segment.clock = '2026-06-20 09:15:00+00';
SELECT features FROM segment.profile WHERE subscriber = 'ff.1';
CALL segment.refresh();
SELECT * FROM segment.verify();
CALL segment.rebuild();
SELECT features FROM segment.profile WHERE subscriber = 'ff.1';

-- One is for each text; there is none without, and what is ready by a name cannot be created otherwise.
SELECT name, description FROM segment.feature_list WHERE name LIKE '%<%' ORDER BY name COLLATE "C";
SELECT segment.create_feature('pref_hats', '{"event": "open"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature('pref_');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature('month_share_13');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('ff wrong', '{"event": "open", "weekdays": [0]}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('ff wrong', '{"event": "open", "hours": []}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('ff wrong', '{"event": "open", "peak_hour": {"min": 3}}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('ff wrong', '{"event": "open", "mode": "email"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('ff wrong', '{"event": "open", "mode": ["email"], "of": "channel"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('ff wrong', '{"event": "open", "latest_hour": {"min": 3}, "within": "3 days"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('ff wrong', '{"event": "open", "last": "all"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_feature('ff_wrong', '{"preference": 5}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.normalise('{"event": "open", "weekdays": [7, 6, 6], "hours": [9]}');
SELECT * FROM segment.describe('{"all": [{"event": "purchase", "last": "*"}, {"event": "*", "mode": "email", "of": "channel"}, {"event": "open", "months": [12], "average_gap": {"max": 3}}]}');

-- Clean up.
SELECT count(segment.drop_segment(name)) FROM segment.definition WHERE name LIKE 'ff %';
SELECT count(segment.drop_feature(name)) FROM segment.feature;
SELECT segment.detach_profiles('segment.profile_input');
DROP TABLE segment.profile_input;
TRUNCATE segment.event;
DELETE FROM segment.state;
DELETE FROM segment.due;
