-- CDNOW: 23,570 customers whose first purchase was in the first quarter of 1997.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE EXTENSION pg_segment;
CREATE INDEX ON orders (customer, at);
-- The evaluation time of a customer never goes back.
SET pg_segment.clock = '1998-01-01';
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', time_zone => 'UTC', constant_type => 'purchase',
                             value => 'total');
\set features 'ARRAY[''recency'', ''frequency'', ''monetary'', ''avg_order_value'', ''total_events_90d'', ''total_value_90d'', ''total_events_30d'', ''engagement_consistency'']'
CREATE TABLE trained AS
  SELECT 'churn' AS model, * FROM segment.train('churn', 'churn', horizon => '90 days', features => :features)
  UNION ALL SELECT 'value', * FROM segment.train('value', 'value', horizon => '90 days', features => :features);
CALL segment.predict('churn');
CALL segment.predict('value');
SET pg_segment.clock = '1998-06-30';
CREATE TABLE judged AS SELECT model, m.* FROM unnest(ARRAY['churn', 'value']) AS u (model), segment.monitor(model) m;
-- Predictions by id alone, against the orders themselves.
CREATE TABLE came AS
  SELECT p.model, p.subscriber, p.value, coalesce(o.orders, 0) AS orders, coalesce(o.total, 0) AS total
  FROM segment.past_prediction p
  LEFT JOIN (SELECT customer, count(*) AS orders, sum(total) AS total FROM orders WHERE at >= '1998-01-01' AND at < '1998-04-01' GROUP BY customer) o
    ON o.customer = p.subscriber;
\pset tuples_only
\pset format unaligned
SELECT format('figure: %s, %s, tested at 1997-10-03: %s %s, by the rule %s, of %s customers', t.model, t.algorithm, t.metric, round(t.value::numeric, 3),
              round(t.rule::numeric, 3), t.tested_on) FROM trained t;
SELECT format('figure: %s, predicted at 1998-01-01, judged: %s', model,
              string_agg(metric || ' ' || round(value::numeric, 3), ', ' ORDER BY metric)) FROM judged
WHERE metric IN ('rows', 'auc', 'brier', 'calibration_error', 'mean_predicted', 'mean_outcome', 'rmse', 'mae', 'bias', 'spearman', 'r_squared') GROUP BY model;
SELECT 'claim: nothing at or after a snapshot was read ' || bool_and(latest_event_at < snapshot_at AND outcome_from >= snapshot_at) FROM segment.model_snapshot;
SELECT 'claim: ' || model || ' is better than its baselines and active ' || (beats_baseline AND active) FROM trained;
SELECT 'claim: churn ranks better than chance by 0.1 at least ' || (value > 0.6) FROM judged WHERE model = 'churn' AND metric = 'auc';
SELECT 'claim: churn is off by less than 5 percent of the customers ' || (abs(sum(value) FILTER (WHERE metric = 'mean_predicted') - sum(value) FILTER (WHERE metric = 'mean_outcome')) < 0.05)
FROM judged WHERE model = 'churn';
SELECT 'claim: value is off by less than 15 percent of what was spent ' || (abs(sum(value) FILTER (WHERE metric = 'bias')) < 0.15 * sum(value) FILTER (WHERE metric = 'mean_outcome'))
FROM judged WHERE model = 'value';
SELECT 'claim: the outcome of churn is that of the orders ' || (abs(j.value - c.left) < 1e-12)
FROM judged j, (SELECT avg((orders = 0)::integer) AS left FROM came WHERE model = 'churn') c WHERE j.model = 'churn' AND j.metric = 'mean_outcome';
SELECT 'claim: the outcome of value is that of the orders ' || (abs(j.value - c.total) < 1e-9)
FROM judged j, (SELECT avg(total) AS total FROM came WHERE model = 'value') c WHERE j.model = 'value' AND j.metric = 'mean_outcome';
SELECT 'claim: the bias of value is that of the orders ' || (abs(j.value - c.bias) < 1e-9)
FROM judged j, (SELECT avg(value - total::float8) AS bias FROM came WHERE model = 'value') c WHERE j.model = 'value' AND j.metric = 'bias';
