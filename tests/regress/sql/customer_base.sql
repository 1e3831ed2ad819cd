-- Customer-base models: BG/NBD and gamma-gamma over any relation and over attached events. Their published figures are checked by the suite customer_base.
CREATE SCHEMA cb;
SET search_path = cb;
SET pg_segment.clock = '2025-01-01 00:00+00';
-- 600 customers who came in 2023 and do as the models say, by a fixed seed: r 1, alpha 8 weeks, a 1, b 3; p 4, q 3, gamma 20.
CREATE TABLE sale (buyer integer, at timestamptz, total numeric);
DO $$
DECLARE
  rate float8; stops float8; scale float8; at timestamptz;
BEGIN
  PERFORM setseed(0.5);
  FOR buyer IN 1..600 LOOP
    at := timestamptz '2023-01-01 08:00+00' + buyer % 365 * interval '1 day';
    rate := -ln(1 - random()) / 8;
    stops := 1 - random() ^ (1 / 3.0);
    scale := -ln((1 - random()) * (1 - random()) * (1 - random())) / 20;
    WHILE at < '2025-01-01' LOOP
      INSERT INTO sale VALUES (buyer, at, round((-ln((1 - random()) * (1 - random()) * (1 - random()) * (1 - random())) / scale)::numeric, 2));
      EXIT WHEN at > timestamptz '2023-01-02' + buyer % 365 * interval '1 day' AND random() < stops;
      at := at + -ln(1 - random()) / rate * interval '7 days';
    END LOOP;
  END LOOP;
END
$$;
SELECT count(*), count(DISTINCT buyer), sum(total) FROM sale;

-- A fit returns the version and the parameters: time in weeks unless another unit is asked for.
SELECT version, customers, repeaters, round(r::numeric, 4) AS r, round(alpha::numeric, 3) AS alpha, round(a::numeric, 4) AS a, round(b::numeric, 3) AS b, round(log_likelihood::numeric, 3) AS log_likelihood,
       round(p::numeric, 2) AS p, round(q::numeric, 2) AS q, round(gamma::numeric, 1) AS gamma, round(spend_log_likelihood::numeric, 2) AS spend_log_likelihood, round(spend_correlation::numeric, 4) AS spend_correlation
FROM segment.fit_customer_base('shop', 'sale', 'buyer', 'at', 'total');
-- In days, alpha alone differs; without values, or without wanting them, there is no model of spending.
SELECT version, round(r::numeric, 4) AS r, round(alpha::numeric, 2) AS alpha, round(a::numeric, 4) AS a, round(b::numeric, 3) AS b, p, q, gamma, spend_log_likelihood, spend_correlation
FROM segment.fit_customer_base('shop', 'sale', 'buyer', 'at', unit => 'day');
SELECT version, p IS NULL AS no_spend FROM segment.fit_customer_base('shop', 'sale', 'buyer', 'at', 'total', spend => false);
SELECT name, version, relation, subscriber, occurred_at, value, event_type, time_zone, unit, until, customers, repeaters, gradient < 1e-8 AS flat FROM segment.customer_base_model ORDER BY version;

-- One row per customer. Silence lowers the probability of being one still; who has not bought again is not doubted.
SELECT subscriber, frequency, round(recency::numeric, 2) AS recency, round(age::numeric, 2) AS age, round(p_alive::numeric, 4) AS p_alive,
       round(expected_purchases::numeric, 3) AS expected_purchases, round(expected_value::numeric, 2) AS expected_value, round(lifetime_value::numeric, 1) AS lifetime_value
FROM segment.customer_base('shop', version => 1) ORDER BY subscriber::integer LIMIT 8;
SELECT count(*) AS customers, bool_and(p_alive BETWEEN 0 AND 1) AS probabilities, bool_and(p_alive = 1) FILTER (WHERE frequency = 0) AS undoubted, bool_and(expected_purchases >= 0) AS counts, bool_and(lifetime_value <= expected_purchases * expected_value) AS discounted FROM segment.customer_base('shop', version => 1);
-- The newest version by default, which knows nothing of values here; at an earlier time there were fewer customers.
SELECT count(*), count(lifetime_value) FROM segment.customer_base('shop');
SELECT count(*), max(age) < 27 AS younger FROM segment.customer_base('shop', as_of => '2023-07-01', version => 1);
-- A longer horizon brings more, a discount takes from it, and time goes by what it is, whatever the unit of the model.
SELECT round(sum(expected_purchases)::numeric, 1) AS purchases, round(sum(lifetime_value)::numeric) AS value FROM segment.customer_base('shop', '90 days', discount => 0, version => 1)
UNION ALL SELECT round(sum(expected_purchases)::numeric, 1), round(sum(lifetime_value)::numeric) FROM segment.customer_base('shop', '1 year', discount => 0, version => 1)
UNION ALL SELECT round(sum(expected_purchases)::numeric, 1), round(sum(lifetime_value)::numeric) FROM segment.customer_base('shop', '1 year', discount => 0.2, version => 1)
UNION ALL SELECT round(sum(expected_purchases)::numeric, 1), NULL FROM segment.customer_base('shop', '1 year', version => 2);

-- A model of the past is judged by what came since.
SELECT version, round(r::numeric, 3) AS r FROM segment.fit_customer_base('past', 'sale', 'buyer', 'at', until => '2024-06-30');
SELECT customers, round(predicted::numeric, 1) AS predicted, actual, round(bias::numeric, 3) AS bias, round(error::numeric, 3) AS error, round(error_of_rate::numeric, 3) AS error_of_rate, round(correlation::numeric, 3) AS correlation FROM segment.evaluate_customer_base('past', '26 weeks');
SELECT * FROM segment.evaluate_customer_base('past', '1 year');
\echo :LAST_ERROR_SQLSTATE

-- Events of the attached sources, by type; a day is a day of the time zone.
CREATE TABLE log (who text, kind text, at timestamp, amount numeric);
INSERT INTO log SELECT buyer, CASE WHEN buyer % 2 = 0 THEN 'purchase' ELSE 'download' END, at AT TIME ZONE 'UTC', total FROM sale;
SELECT segment.attach_source('log', subscriber => 'who', occurred_at => 'at', event_type => 'kind', value => 'amount', time_zone => 'UTC');
SELECT customers, repeaters, round(r::numeric, 3) AS r, round(q::numeric, 2) AS q FROM segment.fit_customer_base('events');
SELECT customers, repeaters, round(r::numeric, 3) AS r FROM segment.fit_customer_base('downloads', event_type => 'download', time_zone => 'Asia/Tokyo');
CREATE VIEW even AS SELECT * FROM log WHERE kind = 'purchase';
SELECT (SELECT log_likelihood FROM segment.customer_base_model WHERE name = 'events') = log_likelihood AS same FROM segment.fit_customer_base('view', 'even', 'who', 'at', 'amount');
-- What a model says may be kept in a table of profiles, and so stand in criteria.
CREATE TABLE outlook AS SELECT subscriber, round(p_alive::numeric, 3) AS p_alive FROM segment.customer_base('events');
ALTER TABLE outlook ADD PRIMARY KEY (subscriber);
SELECT segment.attach_profiles('outlook', subscriber => 'subscriber');
SELECT segment.create_segment('cb slipping away', '{"all": [{"event": "purchase", "count": {"min": 2}}, {"traits": {"p_alive": {"max": 0.3}}}]}') AS members, count(*) AS by_hand
FROM segment.customer_base('events') WHERE frequency > 0 AND round(p_alive::numeric, 3) <= 0.3;
SELECT segment.drop_segment('cb slipping away') > 0 AS dropped;
SELECT segment.detach_profiles('outlook') > 0 AS detached;

-- Refused: too little; what determines no model; spending that has no mean.
CREATE VIEW few AS SELECT * FROM sale WHERE buyer <= 50;
SELECT * FROM segment.fit_customer_base('few', 'few', 'buyer', 'at');
\echo :LAST_ERROR_SQLSTATE
CREATE VIEW alike AS SELECT buyer, day AS at FROM generate_series(1, 200) buyer, unnest('{2024-01-01,2024-06-01,2024-12-31}'::date[]) day;
SELECT * FROM segment.fit_customer_base('alike', 'alike', 'buyer', 'at');
\echo :LAST_ERROR_SQLSTATE
CREATE VIEW wild AS SELECT buyer, at, (total / (ln((buyer * 7919 % 601 + 0.5) / 601) * cos(2 * pi() * (buyer * 104729 % 601 + 0.5) / 601) ^ 2))::numeric * -1 AS total FROM sale;
SELECT * FROM segment.fit_customer_base('wild', 'wild', 'buyer', 'at', 'total');
\echo :LAST_ERROR_SQLSTATE
-- Refused: arguments that make no sense.
SELECT * FROM segment.fit_customer_base('', 'sale', 'buyer', 'at');
SELECT * FROM segment.fit_customer_base(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.fit_customer_base('shop', 'sale', 'buyer', 'at', unit => 'month');
SELECT * FROM segment.fit_customer_base('shop', 'sale', 'buyer', 'at', time_zone => 'Europe/Pariss');
SELECT * FROM segment.fit_customer_base('shop', 'sale', 'buyer');
SELECT * FROM segment.fit_customer_base('shop', subscriber => 'buyer');
SELECT * FROM segment.fit_customer_base('shop', 'sale', 'buyer', 'at', event_type => 'purchase');
SELECT * FROM segment.fit_customer_base('shop', 'sale', 'buyers', 'at');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.fit_customer_base('shop', 'sale', 'buyer', 'total');
SELECT * FROM segment.customer_base('shops');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.customer_base('shop', version => 9);
SELECT * FROM segment.customer_base('shop', '0 days');
SELECT * FROM segment.customer_base('shop', discount => -0.1);
SELECT * FROM segment.customer_base('shop', discount => 'NaN');
DROP TABLE sale CASCADE;
SELECT * FROM segment.customer_base('shop');
\echo :LAST_ERROR_SQLSTATE
-- Refused: more than maintenance_work_mem holds.
CREATE VIEW many AS SELECT i % 70000 AS buyer, '2024-01-01'::date AS at FROM generate_series(1, 140000) i;
SET maintenance_work_mem = '1MB';
\set VERBOSITY sqlstate
SELECT * FROM segment.fit_customer_base('many', 'many', 'buyer', 'at');
\set VERBOSITY default
RESET maintenance_work_mem;
-- A fit is cancelled at once.
SET statement_timeout = '50ms';
CREATE VIEW endless AS SELECT i AS buyer, '2024-01-01'::date AS at FROM generate_series(1, 100000000) i;
SELECT * FROM segment.fit_customer_base('endless', 'endless', 'buyer', 'at');
RESET statement_timeout;
-- Nobody but those with a grant may use it, and the relation is read with the caller's own rights.
CREATE ROLE cb_other;
GRANT USAGE ON SCHEMA cb TO cb_other;
CREATE TABLE secret (buyer integer, at date);
SET ROLE cb_other;
SELECT * FROM segment.customer_base('shop');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT EXECUTE ON FUNCTION segment.fit_customer_base(text, regclass, name, name, name, text, timestamptz, text, text, boolean) TO cb_other;
SET ROLE cb_other;
SELECT * FROM segment.fit_customer_base('secret', 'cb.secret', 'buyer', 'at');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
-- Nothing is left behind.
SELECT * FROM segment.verify();
SELECT sum(segment.forget(who)) > 0 AS forgotten FROM (SELECT DISTINCT who FROM log) l;
SELECT segment.detach_source('log') > 0 AS detached;
REVOKE EXECUTE ON FUNCTION segment.fit_customer_base(text, regclass, name, name, name, text, timestamptz, text, text, boolean) FROM cb_other;
REVOKE USAGE ON SCHEMA cb FROM cb_other;
DROP ROLE cb_other;
