-- Models that predict: their versions, what is known of each, and what they predicted.

CREATE TABLE segment.model (
  model_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name           text NOT NULL CHECK (name OPERATOR(pg_catalog.<>) ''),
  version        integer NOT NULL,
  kind           text NOT NULL CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['churn', 'value', 'engagement'])),
  algorithm      text NOT NULL,
  event_type     text,
  features       text[] NOT NULL,
  active_within  interval NOT NULL,
  gap            interval NOT NULL,
  horizon        interval NOT NULL,
  share          double precision NOT NULL,
  training       jsonb NOT NULL,
  beats_baseline boolean NOT NULL,
  active         boolean NOT NULL DEFAULT false,
  challenge      double precision,
  -- Counts, so that the one before can be found again.
  activations    bigint NOT NULL DEFAULT 0,
  activated_at   timestamptz,
  trained_at     timestamptz NOT NULL,
  trained_by     text NOT NULL,
  bytes          bytea NOT NULL,
  UNIQUE (name, version)
);
CREATE UNIQUE INDEX model_active_idx ON segment.model (name) WHERE active;
-- Already compact.
ALTER TABLE segment.model ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- The times at which subscribers were looked at. What the features read lies before, and the outcome not before.
CREATE TABLE segment.model_snapshot (
  model_id        integer NOT NULL REFERENCES segment.model ON DELETE CASCADE,
  role            text NOT NULL CHECK (role OPERATOR(pg_catalog.=) ANY (ARRAY['training', 'validation', 'test'])),
  snapshot_at     timestamptz NOT NULL,
  latest_event_at timestamptz CHECK (latest_event_at OPERATOR(pg_catalog.<) snapshot_at),
  outcome_from    timestamptz NOT NULL CHECK (outcome_from OPERATOR(pg_catalog.>=) snapshot_at),
  outcome_until   timestamptz NOT NULL CHECK (outcome_until OPERATOR(pg_catalog.>) outcome_from),
  PRIMARY KEY (model_id, snapshot_at)
);

CREATE TABLE segment.model_metric (
  model_id  integer NOT NULL REFERENCES segment.model ON DELETE CASCADE,
  predictor text NOT NULL,
  metric    text NOT NULL,
  value     double precision NOT NULL,
  PRIMARY KEY (model_id, metric, predictor)
);

CREATE TABLE segment.model_calibration (
  model_id  integer NOT NULL REFERENCES segment.model ON DELETE CASCADE,
  part      integer NOT NULL,
  rows      bigint NOT NULL,
  predicted double precision NOT NULL,
  observed  double precision NOT NULL,
  PRIMARY KEY (model_id, part)
);

CREATE TABLE segment.model_feature (
  model_id    integer NOT NULL REFERENCES segment.model ON DELETE CASCADE,
  feature     text NOT NULL,
  gain        double precision NOT NULL,
  permutation double precision NOT NULL,
  deviation   double precision NOT NULL,
  PRIMARY KEY (model_id, feature)
);

-- Earlier predictions, kept until they can be compared with what came.
CREATE TABLE segment.past_prediction (
  model        text NOT NULL,
  predicted_at timestamptz NOT NULL,
  version      integer NOT NULL,
  subscriber   text COLLATE "C" NOT NULL,
  value        double precision NOT NULL,
  PRIMARY KEY (model, predicted_at, subscriber)
);

-- Versions of models, and how good each was at its test: by the area under the ROC curve, or by the root of the mean squared error.
CREATE VIEW segment.models WITH (security_invoker = true) AS
SELECT m.name AS model, m.version, m.kind, m.algorithm, m.active, m.challenge AS challenger_percent, m.beats_baseline,
       o.metric, o.value, r.value AS rule, m.features, m.horizon, m.gap, m.active_within, m.event_type,
       s.snapshot_at AS tested_at, m.trained_at, m.activated_at, m.trained_by, m.training, m.share
FROM segment.model m
LEFT JOIN segment.model_metric o ON o.model_id OPERATOR(pg_catalog.=) m.model_id AND o.predictor OPERATOR(pg_catalog.=) 'model'
  AND o.metric OPERATOR(pg_catalog.=) CASE WHEN m.kind OPERATOR(pg_catalog.=) 'value' THEN 'rmse' ELSE 'auc' END
LEFT JOIN segment.model_metric r ON r.model_id OPERATOR(pg_catalog.=) m.model_id AND r.predictor OPERATOR(pg_catalog.=) 'rule'
  AND r.metric OPERATOR(pg_catalog.=) o.metric
LEFT JOIN segment.model_snapshot s ON s.model_id OPERATOR(pg_catalog.=) m.model_id AND s.role OPERATOR(pg_catalog.=) 'test';

-- How good a version was at its test, beside what needs no model.
CREATE FUNCTION segment.evaluate(model text, version integer DEFAULT NULL)
RETURNS TABLE (metric text, value double precision, base_rate double precision, rule double precision)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT o.metric, max(o.value) FILTER (WHERE o.predictor = 'model'), max(o.value) FILTER (WHERE o.predictor = 'base_rate'),
         max(o.value) FILTER (WHERE o.predictor = 'rule')
  FROM segment.model_metric o
  WHERE o.model_id = segment._model(evaluate.model, evaluate.version)
  GROUP BY o.metric ORDER BY o.metric
$$;

-- At the test, the means of what was predicted and of what came, by tenths of the predictions.
CREATE FUNCTION segment.calibration(model text, version integer DEFAULT NULL)
RETURNS TABLE (part integer, rows bigint, predicted double precision, observed double precision)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.part, c.rows, c.predicted, c.observed
  FROM segment.model_calibration c
  WHERE c.model_id = segment._model(calibration.model, calibration.version) ORDER BY c.part
$$;

-- What each feature is worth to a version.
CREATE FUNCTION segment.importance(model text, version integer DEFAULT NULL)
RETURNS TABLE (feature text, permutation double precision, deviation double precision, gain double precision)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT f.feature, f.permutation, f.deviation, f.gain
  FROM segment.model_feature f
  WHERE f.model_id = segment._model(importance.model, importance.version) ORDER BY f.permutation DESC, f.feature
$$;

SELECT pg_catalog.pg_extension_config_dump('segment.model', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.model', 'model_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.model_snapshot', '');
SELECT pg_catalog.pg_extension_config_dump('segment.model_metric', '');
SELECT pg_catalog.pg_extension_config_dump('segment.model_calibration', '');
SELECT pg_catalog.pg_extension_config_dump('segment.model_feature', '');
SELECT pg_catalog.pg_extension_config_dump('segment.past_prediction', '');
