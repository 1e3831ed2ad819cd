-- Events by a fixed rule: evenly spread over some days before the clock, half of them page views, a tenth purchases. A
-- hundredth of the subscribers, anywhere among the ids, have a tenth of the events.
-- Variables: table, rows, first (subscriber), subscribers, days, seed, clock.
SELECT setseed(:seed) \g /dev/null
INSERT INTO :table (subscriber, at, kind, value, properties)
SELECT :first + floor(who ^ 2 * :subscribers)::bigint * 7919 % :subscribers,
       timestamptz :'clock' - (1 - n / :rows::float8) * :days * interval '1 day',
       kind,
       CASE kind WHEN 'purchase' THEN round((4 / (1.02 - item))::numeric, 2) END,
       jsonb_build_object('category', 'category_' || floor(item * 20)::int, 'campaign', 'spring_' || n % 12,
                          'device', (ARRAY['phone', 'desktop', 'tablet'])[1 + n % 3],
                          'page', '/products/' || floor(item * 5000)::int, 'referrer', 'https://example.com/offers')
FROM (
  SELECT n, random() AS who, random() AS item, (ARRAY[
    'page_view', 'page_view', 'page_view', 'page_view', 'page_view', 'page_view', 'page_view', 'page_view', 'page_view',
    'page_view', 'email_open', 'email_open', 'email_open', 'email_open', 'email_open', 'email_click', 'purchase', 'purchase',
    'signup', 'support'])[1 + floor(random() * 20)::int] AS kind
  FROM generate_series(1, :rows) n
) draw;
