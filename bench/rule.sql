-- Segments by a fixed rule, in 20 forms: the last 8 depend on time (40 %), 5 use any, not or none (25 %), one reads
-- properties, of 20 categories in turn. Thresholds grow by an eighth from 4 events to 75, so that the largest segment has 6 % of
-- the subscribers with 3 events each on average. Measured with 500 segments: an event flips 1.0 of them (0.2 %) where
-- subscribers go from 3 events to 8 or have one more, and 0.5 where they are new. Variable: segments.
--
-- Beside the criteria of each form is what they are in SQL, over the numbers of one subscriber that recompute.sql makes: "purchase 7 days"
-- counts purchases of 7 days, "purchase value ever" is the sum of all their values, "purchase category_3" counts those of a category.
CREATE TEMP VIEW rule AS
SELECT n, format(form, kind, other, least, span, amount, share, category)::jsonb AS criteria,
       format(test, kind, other, least, span, amount, share, category) AS condition
FROM (
  SELECT n, kinds[1 + step % 6] AS kind, kinds[1 + (step + 1) % 6] AS other,
         round(4 * 1.13 ^ (step % 25)) AS least, round(60 * 1.2 ^ (step % 25)) AS amount,
         (ARRAY['1 day', '7 days', '14 days', '30 days', '60 days', '90 days', '1 year'])[1 + step % 7] AS span,
         round(0.5 + 0.02 * (step % 25), 2) AS share, 'category_' || step % 20 AS category
  FROM generate_series(1, :segments) n
  CROSS JOIN LATERAL (SELECT n / 20 AS step) steps
  CROSS JOIN (SELECT ARRAY['purchase', 'email_open', 'email_click', 'page_view', 'signup', 'support'] AS kinds) names
) parameters
JOIN (VALUES
  (0, '{"event": "%1$s", "count": {"min": %3$s}}',
      '"%1$s ever" >= %3$s'),
  (1, '{"event": "purchase", "sum": {"min": %5$s}, "of": "value"}',
      '"purchase value ever" >= %5$s'),
  (2, '{"event": "%1$s", "count": {"between": [%3$s, 200]}}',
      '"%1$s ever" BETWEEN %3$s AND 200'),
  (3, '{"all": [{"event": "purchase"}, {"event": "page_view", "count": {"min": %3$s}}]}',
      '"purchase ever" >= 1 AND "page_view ever" >= %3$s'),
  (4, '{"lifetime_value": {"min": %5$s}}',
      '"purchase value ever" >= %5$s'),
  (5, '{"all": [{"event": "signup"}, {"event": "%2$s", "count": {"min": %3$s}}]}',
      '"signup ever" >= 1 AND "%2$s ever" >= %3$s'),
  (6, '{"event": "purchase", "sum": {"between": [%5$s, 99999]}, "of": "value"}',
      '"purchase value ever" BETWEEN %5$s AND 99999'),
  (7, '{"all": [{"event": "email_open", "count": {"min": %3$s}}, {"event": "email_click", "count": {"max": 1}}]}',
      '"email_open ever" >= %3$s AND "email_click ever" <= 1'),
  (8, '{"all": [{"event": "support"}, {"event": "purchase", "sum": {"min": %5$s}, "of": "value"}]}',
      '"support ever" >= 1 AND "purchase value ever" >= %5$s'),
  (9, '{"event": "%1$s", "where": {"category": {"equals": "%7$s"}}, "count": {"min": 2}}',
      '"%1$s %7$s" >= 2'),
  (10, '{"all": [{"event": "%1$s", "count": {"min": %3$s}}, {"not": {"event": "%2$s"}}]}',
       '"%1$s ever" >= %3$s AND "%2$s ever" = 0'),
  (11, '{"any": [{"event": "%1$s", "count": {"min": %3$s}}, {"event": "%2$s", "count": {"min": %3$s}}]}',
       '"%1$s ever" >= %3$s OR "%2$s ever" >= %3$s'),
  (12, '{"event": "%1$s", "count": {"min": %3$s}, "within": "%4$s"}',
       '"%1$s %4$s" >= %3$s'),
  (13, '{"event": "purchase", "sum": {"min": %5$s}, "of": "value", "within": "%4$s"}',
       '"purchase value %4$s" >= %5$s'),
  (14, '{"engagement_score": {"min": %6$s}, "total_events_90d": {"min": %3$s}}',
       'engagement_score >= %6$s AND total_events_90d >= %3$s'),
  (15, '{"open_rate_30d": {"min": %6$s}, "total_events_30d": {"min": %3$s}}',
       'open_rate_30d >= %6$s AND total_events_30d >= %3$s'),
  (16, '{"all": [{"event": "%1$s", "count": {"min": %3$s}, "within": "%4$s"}, {"event": "%2$s"}]}',
       '"%1$s %4$s" >= %3$s AND "%2$s ever" >= 1'),
  (17, '{"all": [{"event": "%1$s", "count": {"min": %3$s}}, {"not": {"event": "%1$s", "within": "%4$s"}}]}',
       '"%1$s ever" >= %3$s AND "%1$s %4$s" = 0'),
  (18, '{"any": [{"event": "%1$s", "count": {"min": %3$s}, "within": "%4$s"},
                 {"event": "%2$s", "count": {"min": %3$s}, "within": "%4$s"}]}',
       '"%1$s %4$s" >= %3$s OR "%2$s %4$s" >= %3$s'),
  (19, '{"all": [{"total_value_90d": {"min": %5$s}}, {"none": [{"event": "support", "within": "%4$s"}]}]}',
       'total_value_90d >= %5$s AND "support %4$s" = 0')
) forms (place, form, test) ON place = n % 20;
