-- Customers who come back every 10 to 19 days, over 100 days; one in three, who opens fewer e-mails, stays away in the end. The
-- features of churn are kept, and there is a model of it. Everybody was active in the last 60 days. Variables: customers, clock.
CREATE TABLE event (customer integer, at timestamptz, kind text);
SELECT setseed(0.3) \g /dev/null
INSERT INTO event
SELECT customer, timestamptz :'clock' - (100 - day) * interval '1 day',
       (ARRAY['email_open', 'email_click', 'purchase', 'email_sent', 'email_sent', 'email_sent'])[first + floor(random() * 4)::int]
FROM generate_series(1, :customers) customer
CROSS JOIN LATERAL (SELECT 10 + customer % 10 AS every, CASE WHEN customer % 3 = 0 THEN 3 ELSE 1 END AS first,
                           CASE WHEN customer % 3 = 0 THEN 80 + random() * 20 ELSE 100 END AS leaves) habit
CROSS JOIN LATERAL generate_series(0, 100 / every) n
CROSS JOIN LATERAL (SELECT (n + random()) * every AS day) draw
WHERE day < leaves;
CREATE INDEX ON event (customer, at);
VACUUM ANALYZE event;
CREATE EXTENSION pg_segment;
SELECT segment.create_feature(name) FROM unnest(ARRAY['weekend_share', 'peak_hour', 'freq_email_open', 'freq_email_click']) name \g /dev/null
SELECT segment.attach_source('event', subscriber => 'customer', occurred_at => 'at', event_type => 'kind') \g /dev/null
SELECT segment.train('churn', 'churn', horizon => '15 days', active_within => '60 days') \g /dev/null
-- Good or bad.
SELECT segment.activate('churn', 1) \g /dev/null
VACUUM ANALYZE;
