-- What models predict is an attribute: from elsewhere too.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
SET client_min_messages = warning;
TRUNCATE segment.history;
SET pg_segment.clock = '2026-06-01 00:00:00+00';
CREATE SCHEMA pre;
SET search_path = pre;
CREATE TABLE event (who text, what text, at timestamptz);
CREATE TABLE person (id text PRIMARY KEY, plan text);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'what');
SELECT segment.attach_profiles('person', 'id');
INSERT INTO event SELECT 'pr.' || i, 'open', segment.now() FROM generate_series(1, 4) i;
INSERT INTO person VALUES ('pr.1', 'pro'), ('pr.5', 'free');
SELECT segment.create_segment('pr risk', '{"churn_probability": {"min": 0.5}, "predictions": {"churn": {"confidence": {"min": 0.8}}}}'),
       segment.create_segment('pr steady', '{"attribute": "predictions.churn", "held_for": "2 days", "max": 0.6}'),
       segment.create_segment('pr nobody knows', '{"not": {"attribute": "predictions.churn", "exists": true}}'),
       segment.create_segment('pr dear', '{"predicted_lifetime_value": {"min": 100}}');
SELECT segment.set_predictions('churn', ARRAY['pr.1', 'pr.2', 'pr.3', 'pr.unknown'], ARRAY[0.7, 0.7, 0.123456789, 0.9], ARRAY[0.9, 0.5, 1, 1]),
       segment.set_predictions('value', ARRAY['pr.1', 'pr.5'], ARRAY[99.999, 1e3]);
CREATE FUNCTION told() RETURNS TABLE (segment text, members text) LANGUAGE sql AS $$
  SELECT s.segment, string_agg(m.subscriber, ' ' ORDER BY m.subscriber) FROM segment.summary s LEFT JOIN segment.member m USING (segment) WHERE segment LIKE 'pr %' GROUP BY 1 ORDER BY 1
$$;
-- A prediction alone makes nobody a subscriber.
SELECT * FROM told();
SELECT path, condition, actual, threshold, holds, changes_at FROM segment.explain('pr.2', 'pr risk');
SELECT subscriber, profile FROM segment.state WHERE subscriber LIKE 'pr.%' ORDER BY 1;
SELECT * FROM segment.verify();
-- Put in the place of what was said before, with what is known of people as it is.
SET pg_segment.clock = '2026-06-02 00:00:00+00';
SELECT segment.set_predictions('churn', ARRAY['pr.1', 'pr.2'], ARRAY[0.4, 0.7], ARRAY[0.9, NULL::float8]);
SELECT segment.set_predictions('churn', ARRAY['pr.1', 'pr.2'], ARRAY[0.4, 0.7]);
UPDATE person SET plan = 'free' WHERE id = 'pr.1';
SELECT * FROM told();
SET pg_segment.clock = '2026-06-03 00:00:00+00';
SELECT * FROM told();
CALL segment.refresh();
SELECT segment, subscriber, action, at, cause, leaf FROM segment.transition WHERE at > '2026-06-01' ORDER BY at, segment, subscriber;
SELECT * FROM segment.verify();
-- Within a transaction, with a savepoint that goes.
BEGIN;
SAVEPOINT a;
SELECT segment.set_predictions('churn', ARRAY['pr.4'], ARRAY[1], ARRAY[1]);
ROLLBACK TO a;
SELECT segment.set_predictions('value', ARRAY['pr.4'], ARRAY[500]);
SELECT segment.flush();
SELECT * FROM told();
COMMIT;
-- Whoever has no events any more, and no profile, is nobody.
DELETE FROM event WHERE who = 'pr.2';
DELETE FROM person WHERE id = 'pr.5';
SELECT * FROM told();
SELECT * FROM segment.verify();
CALL segment.rebuild();
SELECT * FROM told();
SELECT segment.forget('pr.1'), segment.forget('pr.2'), segment.forget('pr.unknown');
SELECT * FROM segment.prediction ORDER BY subscriber, model;
SELECT segment.drop_predictions('churn');
SELECT * FROM told();
SELECT * FROM segment.verify();

SELECT segment.set_predictions(NULL, '{}', '{}');
SELECT segment.set_predictions('', '{}', '{}');
SELECT segment.set_predictions('churn', '{a,b}', '{1}');
SELECT segment.set_predictions('churn', '{a,NULL}', '{1,1}');
SELECT segment.set_predictions('churn', '{a,a}', '{1,1}');
SELECT segment.set_predictions('churn', '{a}', '{NaN}');
SELECT segment.set_predictions('churn', '{a}', '{1}', '{1.1}');
SELECT segment.set_predictions('churn', ARRAY[''], '{1}');
SELECT segment.validate('{"predictions": {"churn": 0.5}}');
SELECT segment.create_feature('predictions', '{"event": "open"}');

SELECT segment.drop_segment(name) FROM unnest(ARRAY['pr risk', 'pr steady', 'pr nobody knows', 'pr dear']) name;
SELECT segment.drop_predictions('value');
SELECT segment.detach_profiles('person'), segment.detach_source('event');
DROP SCHEMA pre CASCADE;
