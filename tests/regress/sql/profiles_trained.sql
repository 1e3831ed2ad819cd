-- Models of churn, value and engagement.
SET timezone = 'UTC';
SET client_min_messages = notice;
CREATE SCHEMA pr;
SET search_path = pr, public;
-- The evaluation time of a subscriber never goes back.
SET pg_segment.clock = '2024-01-01';
CREATE TABLE event (who text, kind text, at timestamptz, amount numeric);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'kind', value => 'amount');
-- Refused: without events; of a kind that there is none of; without a name; lengths of time that are none; features.
SELECT * FROM segment.train('left', 'churn');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.train('left', 'churns');
SELECT * FROM segment.train('', 'churn');
SELECT * FROM segment.train(NULL, 'churn');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.train('left', 'churn', horizon => '1 month');
SELECT * FROM segment.train('left', 'churn', horizon => '0');
SELECT * FROM segment.train('left', 'churn', gap => '-1 day');
SELECT * FROM segment.train('left', 'churn', snapshots => 0);
SELECT * FROM segment.train('left', 'churn', snapshot => 'infinity');
SELECT * FROM segment.train('left', 'churn', features => '{}');
SELECT * FROM segment.train('left', 'churn', features => ARRAY['recency', 'frequncy']);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.train('left', 'churn', features => ARRAY['recency', NULL]);
SELECT * FROM segment.train('left', 'churn', algorithm => 'svm');
SELECT * FROM segment.train('left', 'churn', parameters => '{"dept": 3}');
SELECT * FROM segment.train('left', 'churn', parameters => '[1]');
-- Of a profile only the present is known: nothing is learned from it.
SELECT segment.create_feature('age', '{"attribute": "traits.age"}');
SELECT * FROM segment.train('left', 'churn', features => ARRAY['recency', 'age']);

-- 900 subscribers over 300 days. Every third one slows down and leaves at some time; the others go on, of whom every second one
-- spends more.
INSERT INTO event
SELECT 's' || i, CASE n % 4 WHEN 0 THEN 'purchase' WHEN 1 THEN 'open' WHEN 2 THEN 'click' ELSE 'sent' END,
       timestamptz '2024-01-01' + (n * step || ' hours')::interval + (i % 24 || ' hours')::interval,
       CASE WHEN n % 4 = 0 THEN 10 + (i % 2) * 20 + n % 7 END
FROM generate_series(1, 900) i
CROSS JOIN LATERAL (SELECT 40 + i % 11 * 3 AS step, CASE WHEN i % 3 = 0 THEN 20 + (i * 7919) % 250 ELSE 300 END AS last_day) p
CROSS JOIN LATERAL generate_series(0, 200) n
WHERE n * step < last_day * 24 AND NOT (i % 3 = 0 AND n * step > (last_day - 30) * 24 AND n % 3 <> 0)
  -- Everybody has breaks, at random.
  AND ('x' || substr(md5(i || ':' || n * step / 480), 1, 2))::bit(8)::int > 70;
SET pg_segment.clock = '2024-10-27';
CALL segment.refresh();
-- Refused: too little history, or too few of whom something can be learned.
SELECT * FROM segment.train('left', 'churn', horizon => '120 days');
SELECT * FROM segment.train('left', 'churn', snapshot => '2024-10-20');
SELECT * FROM segment.train('left', 'churn', event_type => 'complaint');
\echo :LAST_ERROR_SQLSTATE

-- Trained at one time, tested at a later one.
SELECT version, algorithm, trained_on, tested_on, metric, round(value::numeric, 3) AS value, base_rate, round(rule::numeric, 3) AS rule, beats_baseline, active
FROM segment.train('left', 'churn', features => ARRAY['recency', 'total_events_7d', 'total_events_30d', 'total_events_90d', 'engagement_consistency', 'freq_purchase']);
-- Nothing at or after a snapshot is in its features, and the outcome of each is known before the next.
SELECT s.role, s.snapshot_at, s.latest_event_at < s.snapshot_at AS before, s.outcome_from = s.snapshot_at AS after,
       s.outcome_until <= lead(s.snapshot_at, 1, s.outcome_until) OVER (ORDER BY s.snapshot_at) AS known
FROM segment.model_snapshot s JOIN segment.model m USING (model_id) WHERE m.name = 'left' AND m.active ORDER BY s.snapshot_at;
-- The tables hold to that themselves.
UPDATE segment.model_snapshot SET latest_event_at = snapshot_at WHERE role = 'test';
-- How good it is.
SELECT metric, round(value::numeric, 3) AS value, round(base_rate::numeric, 3) AS base_rate, round(rule::numeric, 3) AS rule
FROM segment.evaluate('left');
SELECT count(*), sum(rows), bool_and(predicted BETWEEN 0 AND 1 AND observed BETWEEN 0 AND 1) FROM segment.calibration('left');
SELECT feature, permutation > 0.01 AS matters FROM segment.importance('left');
SELECT round(sum(gain)::numeric, 6) FROM segment.importance('left');

-- Where nothing reads predictions they are put into the profiles, and nobody is evaluated.
CALL segment.predict('left', batch => 250);
SELECT count(*) > 500 AS many, count(*) = (SELECT count(*) FROM segment.prediction) AS all,
       bool_and(ROW((s.profile #> '{predictions,left}')::text, pg_column_size(s.profile #> '{predictions,left}')) = ROW(d.document::text, pg_column_size(d.document))) AS same
FROM segment.state s JOIN segment.prediction p USING (subscriber)
CROSS JOIN LATERAL (SELECT jsonb_build_object('d', jsonb_build_object('value', p.value::numeric, 'confidence', p.confidence::numeric)) -> 'd' AS document) d
WHERE s.profile ? 'predictions';
SELECT * FROM segment.verify();
SELECT segment.drop_predictions('left') > 500 AS dropped;
-- Predictions of everybody who was active, which are attributes: members are there when the batch commits.
SELECT segment.create_segment('pr at risk', '{"attribute": "predictions.left", "min": 0.5}') AS found;
SELECT segment.create_segment('pr surely', '{"attribute": "predictions.left.confidence", "min": 0.9}') AS found;
CALL segment.predict('left', batch => 250);
SELECT count(*), min(version), max(version), min(predicted_at), bool_and(value BETWEEN 0 AND 1), bool_and(confidence BETWEEN 0.5 AND 1) FROM segment.prediction WHERE model = 'left';
SELECT m.segment, m.members > 0 AS some, m.members = CASE m.segment WHEN 'pr at risk' THEN p.likely ELSE p.sure END AS exact
FROM (SELECT segment, count(*) AS members FROM segment.member WHERE segment LIKE 'pr %' GROUP BY segment) m
CROSS JOIN (SELECT count(*) FILTER (WHERE value >= 0.5) AS likely, count(*) FILTER (WHERE confidence >= 0.9) AS sure FROM segment.prediction WHERE model = 'left') p
ORDER BY m.segment;
SELECT * FROM segment.verify();
-- Of those who are slowing down it predicts more than of the others.
SELECT avg(value) FILTER (WHERE substr(subscriber, 2)::int % 3 = 0) > 2 * avg(value) FILTER (WHERE substr(subscriber, 2)::int % 3 <> 0) AS more
FROM segment.prediction WHERE model = 'left';
-- The parts of a score add up to it.
SELECT feature, value IS NOT NULL AS value, contribution IS NOT NULL AS contribution, effect FROM segment.explain_prediction('s1', 'left') WHERE feature ~ '[(]';
SELECT s.subscriber, round(sum(e.contribution) FILTER (WHERE e.feature <> '(score)')::numeric, 9) = round(sum(e.contribution) FILTER (WHERE e.feature = '(score)')::numeric, 9) AS adds_up,
       max(e.value) FILTER (WHERE e.feature = '(prediction)') = p.value AS same
FROM unnest(ARRAY['s1', 's2', 's891']) s (subscriber)
JOIN segment.prediction p ON p.subscriber = s.subscriber AND p.model = 'left'
CROSS JOIN LATERAL segment.explain_prediction(s.subscriber, 'left') e GROUP BY s.subscriber, p.value ORDER BY 1;
-- Kept features are read from the states, with the same result.
CREATE TEMP TABLE before AS SELECT * FROM segment.prediction;
SELECT segment.create_feature(f) FROM unnest(ARRAY['recency', 'freq_purchase']) f;
CALL segment.predict('left');
SELECT count(*) FROM (SELECT model, subscriber, value, confidence, version FROM segment.prediction EXCEPT SELECT model, subscriber, value, confidence, version FROM before) d;

-- Trained again: the same data, the same model, byte by byte.
CALL segment.retrain('left');
SELECT count(DISTINCT bytes), count(*) FROM segment.model WHERE name = 'left';
SELECT model, version, algorithm, active, beats_baseline, challenger_percent FROM segment.models ORDER BY version;
SELECT segment.rollback('left');
SELECT version, active FROM segment.models ORDER BY version;
SELECT segment.rollback('left');
-- A challenger predicts its part: that of a bucket, which criteria know as well.
SELECT segment.challenge('left', 1, 30);
SELECT segment.challenge('left', 2, 30);
SELECT segment.challenge('left', 1, 130);
SELECT segment.challenge('left', 1, 30);
CALL segment.predict('left');
SELECT segment.create_segment('challenged', '{"bucket": {"salt": "model:left", "from": 0, "to": 30}}') > 100 AS some;
SELECT version, bool_and((m.subscriber IS NOT NULL) = (version = 1)) AS as_the_bucket, count(*) > 100 AS some
FROM segment.prediction p LEFT JOIN segment.member m ON m.segment = 'challenged' AND m.subscriber = p.subscriber
WHERE p.model = 'left' GROUP BY version ORDER BY version;
SELECT segment.drop_segment('challenged') > 100 AS some;
SELECT segment.challenge('left', 1, 0);
-- Whether what it was trained on still holds.
SELECT feature, rows, missing_then = 0 AND missing_now = 0 AS none_missing, psi >= 0 AND ks BETWEEN 0 AND 1 AND ks_p BETWEEN 0 AND 1 AS sound, verdict
FROM segment.drift('left');
-- Value, by a forest and by boosting; engagement, by logistic regression.
SELECT version, algorithm, metric, value < rule AS better_than_rule, value < base_rate AS better_than_base, beats_baseline, active
FROM segment.train('spent', 'value', algorithm => 'forest', features => ARRAY['total_value_30d', 'total_value_90d', 'avg_order_value', 'recency']);
SELECT version, algorithm, beats_baseline FROM segment.train('spent', 'value', features => ARRAY['total_value_30d', 'total_value_90d', 'avg_order_value', 'recency']);
SELECT metric, round(value::numeric, 2) AS value FROM segment.evaluate('spent', 1) WHERE metric IN ('mean_outcome', 'rows');
SELECT * FROM segment.train('spent', 'value', algorithm => 'logistic');
CALL segment.predict('spent');
SELECT count(*), bool_and(confidence BETWEEN 0 AND 1) FROM segment.prediction WHERE model = 'spent';
-- Beside those of other models in the profiles, where criteria find them that are created later.
SELECT bool_and(s.profile #> '{predictions,left}' IS NOT NULL AND (s.profile #>> '{predictions,spent,value}')::numeric = p.value::numeric) AS both
FROM segment.state s JOIN segment.prediction p USING (subscriber) WHERE p.model = 'spent';
SELECT * FROM segment.verify();
SELECT segment.create_segment('pr spends', '{"attribute": "predictions.spent", "min": 30}') = (SELECT count(*) FROM segment.prediction WHERE model = 'spent' AND value >= 30) AS exact;
SELECT segment.drop_segment('pr spends') > 0 AS some;
SELECT version, algorithm, metric FROM segment.train('engages', 'engagement', algorithm => 'logistic', horizon => '7 days', parameters => '{"balance": true}');
-- The default features are those that there are, by name.
SELECT features <@ ARRAY(SELECT name FROM segment.feature_list) AS known, features @> ARRAY['total_events_7d', 'open_rate_30d', 'click_rate_30d', 'engagement_consistency'] AS default FROM segment.model WHERE name = 'engages';
-- Nothing has come true yet; then it has.
SELECT * FROM segment.monitor('left');
INSERT INTO event SELECT 's' || i, 'purchase', timestamptz '2024-12-01', 30 FROM generate_series(1, 900, 3) i;
SET pg_segment.clock = '2024-12-02';
CALL segment.predict('left');
SELECT predicted_at, version, count(*), max(value) FILTER (WHERE metric = 'rows') AS rows,
       sum(value) FILTER (WHERE metric IN ('true_positives', 'false_positives', 'true_negatives', 'false_negatives')) AS counted,
       max(value) FILTER (WHERE metric = 'mean_outcome') BETWEEN 0 AND 1 AS outcome
FROM segment.monitor('left') GROUP BY 1, 2;
SELECT predicted_at, count(*), sum(rows) FROM segment.monitor_calibration('left') GROUP BY 1;
-- Who was not active for so long is not predicted any more, and nothing explains it.
SELECT count(*) FROM segment.prediction WHERE model = 'left' AND predicted_at < segment.now();
SELECT * FROM segment.explain_prediction('s3', 'left');
\echo :LAST_ERROR_SQLSTATE

-- Another kind under the same name is refused; a type of events that never happened has no two outcomes.
SELECT * FROM segment.train('left', 'value');
SELECT * FROM segment.train('returned', 'engagement', event_type => 'reply');

-- What is no better than no model is not activated: here, who comes is decided by dice.
CREATE TABLE dice (who text, at timestamptz);
SELECT segment.detach_source('event') > 0 AS detached;
SELECT segment.attach_source('dice', subscriber => 'who', occurred_at => 'at', constant_type => 'open');
INSERT INTO dice SELECT 'd' || i, timestamptz '2024-01-01' + (d || ' days')::interval
FROM generate_series(1, 400) i, generate_series(0, 299) d WHERE ('x' || substr(md5(i || ':' || d), 1, 2))::bit(8)::int < 4;
SELECT beats_baseline, active FROM segment.train('dice', 'engagement', features => ARRAY['total_events_7d'], algorithm => 'boosting', parameters => '{"depth": 1}');
CALL segment.predict('dice');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.activate('dice', 1);
CALL segment.predict('dice');
SELECT segment.activate('dice', 7);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.activate('dices', 1);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.rollback('dice');
\echo :LAST_ERROR_SQLSTATE
-- Damaged bytes are an error.
UPDATE segment.model SET bytes = set_byte(bytes, 100, (get_byte(bytes, 100) + 1) % 256) WHERE name = 'dice';
CALL segment.predict('dice');
\echo :LAST_ERROR_SQLSTATE
-- Procedures that commit run on their own.
BEGIN;
CALL segment.predict('left');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
CALL segment.predict('left', batch => 0);
-- Nothing of what was predicted stays of whoever is forgotten.
SELECT max(subscriber) AS who FROM segment.prediction WHERE model = 'dice' \gset
SELECT segment.forget(:'who') > 0 AS forgotten;
SELECT (SELECT count(*) FROM segment.prediction WHERE subscriber = :'who') AS predictions, (SELECT count(*) FROM segment.past_prediction WHERE subscriber = :'who') AS past;
-- Whom a change has not reached still stand by what is predicted of them.
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped'; END $$;
CREATE TRIGGER stop BEFORE UPDATE ON segment.run FOR EACH ROW WHEN (NEW.kind = 'alter_segment') EXECUTE FUNCTION stop();
CALL segment.alter_segment('pr surely', '{"event": "purchase", "count": {"min": 3}}');
CALL segment.alter_segment('pr at risk', '{"event": "purchase", "count": {"min": 3}}');
SELECT to_char(segment.now() + interval '14 days', 'YYYY-MM-DD HH24:MI:SSOF') AS later \gset
SET pg_segment.clock = :'later';
SELECT sum(value) AS before FROM segment.prediction WHERE model = 'left' \gset
CALL segment.predict('left');
SELECT sum(value) <> :before AS others FROM segment.prediction WHERE model = 'left';
SELECT * FROM segment.verify();
DROP TRIGGER stop ON segment.run;
CALL segment.alter_segment('pr surely', '{"event": "purchase", "count": {"min": 3}}');
CALL segment.alter_segment('pr at risk', '{"event": "purchase", "count": {"min": 3}}');
SELECT * FROM segment.verify();
-- Models go with their predictions; the active version does not go by itself.
SELECT segment.drop_model('left', 2);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_model('left', 1), segment.drop_model('left');
SELECT count(*) FROM segment.member WHERE segment LIKE 'pr %';
SELECT segment.drop_segment('pr at risk') >= 0 AS dropped, segment.drop_segment('pr surely') >= 0 AS dropped;
SELECT segment.drop_model(name) FROM (SELECT DISTINCT name FROM segment.model ORDER BY name) m;
SELECT (SELECT count(*) FROM segment.model) AS models, (SELECT count(*) FROM segment.prediction) AS predictions, (SELECT count(*) FROM segment.past_prediction) AS past, (SELECT count(*) FROM segment.model_metric) AS metrics;
SELECT * FROM segment.verify();
-- A role without the privileges may do nothing of this.
CREATE ROLE pr_user;
SET ROLE pr_user;
SELECT * FROM segment.train('left', 'churn');
SELECT * FROM segment.prediction;
RESET ROLE;
-- Clean up.
SET client_min_messages = warning;
RESET pg_segment.clock;
DROP ROLE pr_user;
SELECT segment.detach_source('dice') > 0 AS detached;
SELECT segment.drop_feature(f) FROM unnest(ARRAY['recency', 'freq_purchase', 'age']) f;
DROP SCHEMA pr CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
