-- The demo itself. Runs in an empty database; :data is the folder with the prepared files.
\set QUIET on
SET client_min_messages = warning;

\echo
\echo '1. An ordinary application: customers, and their orders of 1997 and 1998.'
CREATE SCHEMA shop;
CREATE TABLE shop.customers (customer_id integer PRIMARY KEY);
CREATE TABLE shop.orders (
  order_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES shop.customers,
  ordered_on  date NOT NULL,
  quantity    integer NOT NULL,
  total       numeric(10, 2) NOT NULL
);
CREATE INDEX ON shop.orders (customer_id, ordered_on);
\copy shop.customers FROM 'customers.csv' CSV

\echo '   CREATE EXTENSION, attach the table, and define five segments.'
CREATE EXTENSION pg_segment;
-- The past is replayed: the clock stands where the history ends.
SET pg_segment.clock = '1998-03-31 12:00';
\o /dev/null
SELECT segment.attach_source('shop.orders', subscriber => 'customer_id', occurred_at => 'ordered_on',
                             constant_type => 'purchase', value => 'total', time_zone => 'UTC');
SELECT segment.create_segment('active', '{"event": "purchase", "within": "90 days"}', 'bought in the last 90 days');
SELECT segment.create_segment('lapsing', '{"all": [{"event": "purchase", "within": "180 days"},
                                                        {"event": "purchase", "count": {"equals": 0}, "within": "90 days"}]}',
                                   'bought in the last 180 days, but not in the last 90');
SELECT segment.create_segment('loyal', '{"event": "purchase", "count": {"min": 4}, "within": "365 days"}', 'four orders in a year');
SELECT segment.create_segment('big_spender', '{"event": "purchase", "sum": {"min": 500}, "of": "value"}', 'spent 500 dollars or more');
SELECT segment.create_segment('big_basket', '{"event": "purchase", "where": {"value": {"min": 100}}, "within": "180 days"}',
                                   'an order of 100 dollars or more in the last 180 days');
\o

\echo
\echo '2. The history arrives by COPY; the state and the memberships are there when it commits.'
\timing on
\copy shop.orders (ordered_on, customer_id, quantity, total) FROM 'history.csv' CSV
\timing off
SELECT segment, members, description FROM segment.summary ORDER BY segment;

\echo '3. The last three months arrive as an application writes them: one order, one transaction.'
SELECT clock_timestamp() AS started \gset
\i replay.sql
SELECT count(*) AS transactions, round(extract(epoch FROM clock_timestamp() - :'started')::numeric, 1) AS seconds
FROM shop.orders WHERE ordered_on >= '1998-04-01';
SET pg_segment.clock = '1998-06-30 12:00';
SELECT segment, members FROM segment.summary ORDER BY segment;

\echo '4. Profiles with features and scores, exact at every moment: the best customers of the last 90 days.'
SELECT subscriber, total_events_90d AS orders_90d, total_value_90d AS value_90d, lifetime_value, days_since_last, engagement_score, segments
FROM segment.profile ORDER BY total_value_90d DESC, subscriber LIMIT 5;

\echo '5. Time alone moves people. The clock goes on by a month, and no row is written in between.'
CREATE TEMP TABLE june AS SELECT segment, subscriber FROM segment.member;
SET pg_segment.clock = '1998-07-31 12:00';
SELECT segment, count(j) AS june_30, count(m) AS july_31, count(m) FILTER (WHERE j IS NULL) AS entered, count(j) FILTER (WHERE m IS NULL) AS departed
FROM june j FULL JOIN segment.member m USING (segment, subscriber) GROUP BY segment ORDER BY segment;
\echo '   The views are exact already; segment.refresh() stores it, touching only those who are due.'
\timing on
CALL segment.refresh();
\timing off

\echo
\echo '6. The history of one customer: every entry and departure, at its moment, with its cause.'
SELECT subscriber AS customer FROM segment.transition WHERE segment = 'lapsing' AND subscriber IN (SELECT subscriber FROM segment.members('lapsing'))
GROUP BY subscriber ORDER BY count(*) DESC, subscriber LIMIT 1 \gset
SELECT subscriber, segment, action, at, cause FROM segment.transition WHERE subscriber = :'customer' ORDER BY move;

\echo '7. Why is this customer lapsing, and when will that change if nothing happens?'
SELECT path, condition, actual, threshold, holds, changes_at FROM segment.explain(:'customer', 'lapsing');

\echo '8. Clusters of similar customers, over the profile view, in the original units.'
SELECT cluster, max(size) AS customers, round(100 * max(share)::numeric, 1) AS percent,
       round(max(mean) FILTER (WHERE feature = 'lifetime_value')::numeric, 2) AS lifetime_value,
       round(max(mean) FILTER (WHERE feature = 'total_events_90d')::numeric, 2) AS orders_90d,
       round(max(mean) FILTER (WHERE feature = 'days_since_last')::numeric, 1) AS days_since_last
FROM segment.kmeans('segment.profile', ARRAY['lifetime_value', 'total_events_90d', 'days_since_last'], 4, model => 'customers')
GROUP BY cluster ORDER BY cluster;

\echo '9. Proof: everything computed again from the 69,659 orders, every difference listed.'
\timing on
SELECT count(*) AS differences FROM segment.verify();
\timing off
