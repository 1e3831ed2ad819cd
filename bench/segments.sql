-- Segments by a fixed rule, in 20 forms: the last 8 depend on time (40 %), 5 use any, not or none (25 %), one reads
-- properties, of 20 categories in turn. Thresholds grow by an eighth from 4 events to 75, so that the largest segment has 6 % of
-- the subscribers with 3 events each on average. Measured with 500 segments: an event flips 1.0 of them (0.2 %) where
-- subscribers go from 3 events to 8 or have one more, and 0.5 where they are new. Variable: segments.
SELECT segment.create_segment('segment_' || n, format(form, kind, other, least, span, amount, share, category)::jsonb)
FROM (
  SELECT n, (ARRAY[
    '{"event": "%1$s", "count": {"min": %3$s}}',
    '{"event": "purchase", "sum": {"min": %5$s}, "of": "value"}',
    '{"event": "%1$s", "count": {"between": [%3$s, 200]}}',
    '{"all": [{"event": "purchase"}, {"event": "page_view", "count": {"min": %3$s}}]}',
    '{"lifetime_value": {"min": %5$s}}',
    '{"all": [{"event": "signup"}, {"event": "%2$s", "count": {"min": %3$s}}]}',
    '{"event": "purchase", "sum": {"between": [%5$s, 99999]}, "of": "value"}',
    '{"all": [{"event": "email_open", "count": {"min": %3$s}}, {"event": "email_click", "count": {"max": 1}}]}',
    '{"all": [{"event": "support"}, {"event": "purchase", "sum": {"min": %5$s}, "of": "value"}]}',
    '{"event": "%1$s", "where": {"category": {"equals": "%7$s"}}, "count": {"min": 2}}',
    '{"all": [{"event": "%1$s", "count": {"min": %3$s}}, {"not": {"event": "%2$s"}}]}',
    '{"any": [{"event": "%1$s", "count": {"min": %3$s}}, {"event": "%2$s", "count": {"min": %3$s}}]}',
    '{"event": "%1$s", "count": {"min": %3$s}, "within": "%4$s"}',
    '{"event": "purchase", "sum": {"min": %5$s}, "of": "value", "within": "%4$s"}',
    '{"engagement_score": {"min": %6$s}, "total_events_90d": {"min": %3$s}}',
    '{"open_rate_30d": {"min": %6$s}, "total_events_30d": {"min": %3$s}}',
    '{"all": [{"event": "%1$s", "count": {"min": %3$s}, "within": "%4$s"}, {"event": "%2$s"}]}',
    '{"all": [{"event": "%1$s", "count": {"min": %3$s}}, {"not": {"event": "%1$s", "within": "%4$s"}}]}',
    '{"any": [{"event": "%1$s", "count": {"min": %3$s}, "within": "%4$s"},
              {"event": "%2$s", "count": {"min": %3$s}, "within": "%4$s"}]}',
    '{"all": [{"total_value_90d": {"min": %5$s}}, {"none": [{"event": "support", "within": "%4$s"}]}]}'
  ])[1 + n % 20] AS form,
  kinds[1 + step % 6] AS kind, kinds[1 + (step + 1) % 6] AS other,
  round(4 * 1.13 ^ (step % 25)) AS least, round(60 * 1.2 ^ (step % 25)) AS amount,
  (ARRAY['1 day', '7 days', '14 days', '30 days', '60 days', '90 days', '1 year'])[1 + step % 7] AS span,
  round(0.5 + 0.02 * (step % 25), 2) AS share, 'category_' || step % 20 AS category
  FROM generate_series(1, :segments) n
  CROSS JOIN LATERAL (SELECT n / 20 AS step) steps
  CROSS JOIN (SELECT ARRAY['purchase', 'email_open', 'email_click', 'page_view', 'signup', 'support'] AS kinds) names
) rule \g /dev/null
