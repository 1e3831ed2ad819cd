-- The oracle: criteria evaluated from scratch over the raw events, in plain SQL that shares nothing with the
-- extension. Slow and obvious.
CREATE SCHEMA oracle;

-- Every event as the documentation defines it: with a subscriber, a type and a time of the years 1 to 9999.
CREATE VIEW oracle.event AS
-- The value is the value column's, and where that has none the property of the same name.
SELECT subscriber, CASE event_type WHEN 'open' THEN 'email_open' WHEN 'click' THEN 'email_click' ELSE event_type END AS event_type,
       at, coalesce(value, CASE WHEN jsonb_typeof(properties->'value') = 'number' THEN (properties->>'value')::numeric END) AS value,
       CASE WHEN jsonb_typeof(properties) = 'object' THEN properties ELSE '{}' END || CASE WHEN value IS NULL THEN '{}' ELSE jsonb_build_object('value', value) END AS document
FROM (
  SELECT customer_id::text AS subscriber, 'purchase' AS event_type, ordered_at AS at, nullif(total, 'NaN') AS value, NULL::jsonb AS properties
  FROM shop.orders
  UNION ALL
  SELECT user_id, kind, happened AT TIME ZONE 'America/New_York',
         CASE WHEN weight NOT IN ('NaN', 'Infinity', '-Infinity') THEN weight::text::numeric END, details FROM shop.activity
  UNION ALL
  SELECT visitor, 'visit', day::timestamp AT TIME ZONE 'Europe/Paris', pages, NULL FROM shop.visit
  UNION ALL
  SELECT subscriber, event_type, occurred_at, value, properties FROM segment.event
) e
WHERE subscriber IS NOT NULL AND event_type IS NOT NULL AND isfinite(at);

-- Operators on a number.
CREATE FUNCTION oracle.number_passes(test jsonb, actual numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT bool_and(CASE key
    WHEN 'min' THEN actual >= value::text::numeric
    WHEN 'max' THEN actual <= value::text::numeric
    WHEN 'gt' THEN actual > value::text::numeric
    WHEN 'lt' THEN actual < value::text::numeric
    WHEN 'equals' THEN actual = value::text::numeric
    WHEN 'between' THEN actual BETWEEN (value->>0)::numeric AND (value->>1)::numeric
  END)
  FROM jsonb_each(test)
$$;

-- The where criteria of an event: keys of its document, each with operators.
CREATE FUNCTION oracle.filter_passes(filter jsonb, document jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(bool_and(coalesce(CASE operator
    WHEN 'equals' THEN actual = operand
    WHEN 'not_equals' THEN coalesce(actual <> operand, true)
    WHEN 'in' THEN operand @> jsonb_build_array(actual)
    WHEN 'exists' THEN (actual IS NOT NULL) = operand::boolean
    WHEN 'min' THEN jsonb_typeof(actual) = 'number' AND actual::text::numeric >= operand::text::numeric
    WHEN 'has' THEN jsonb_typeof(actual) = 'array' AND actual @> jsonb_build_array(operand)
    WHEN 'contains' THEN jsonb_typeof(actual) = 'string' AND strpos(actual #>> '{}', operand #>> '{}') > 0
  END, false)), true)
  FROM jsonb_each(filter) f (path, test), jsonb_each(test) t (operator, operand),
       LATERAL (SELECT nullif(document -> path, 'null') AS actual) a
$$;

-- Whether an event at ts counts in the window of so many seconds that ends at t.
CREATE FUNCTION oracle.within(ts timestamptz, seconds bigint, t timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT ts <= t AND (seconds IS NULL OR CASE
    WHEN seconds <= 7200 THEN date_trunc('second', ts, 'UTC') > date_trunc('second', t, 'UTC') - seconds * interval '1 second'
    WHEN seconds <= 604800 THEN date_trunc('minute', ts, 'UTC') > date_trunc('minute', t, 'UTC') - seconds * interval '1 second'
    ELSE date_trunc('hour', ts, 'UTC') > date_trunc('hour', t, 'UTC') - seconds * interval '1 second'
  END)
$$;

CREATE FUNCTION oracle.seconds(duration text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT extract(epoch FROM replace(duration, 'year', '365 day')::interval)::bigint WHERE duration NOT LIKE '%year%'
  UNION ALL SELECT 365 * 86400 WHERE duration = '1 year'
$$;

-- The features, each by its formula.
CREATE FUNCTION oracle.feature(name text, who text, t timestamptz) RETURNS numeric LANGUAGE sql STABLE AS $$
  WITH e AS MATERIALIZED (SELECT * FROM oracle.event WHERE subscriber = who AND at <= t),
  c AS (
    SELECT count(*) FILTER (WHERE oracle.within(at, 7 * 86400, t))::float8 AS e7,
           count(*) FILTER (WHERE oracle.within(at, 30 * 86400, t))::float8 AS e30,
           count(*) FILTER (WHERE oracle.within(at, 90 * 86400, t))::float8 AS e90,
           count(*) FILTER (WHERE oracle.within(at, 30 * 86400, t) AND event_type = 'email_open')::float8 AS o30,
           count(*) FILTER (WHERE oracle.within(at, 30 * 86400, t) AND event_type = 'email_click')::float8 AS c30,
           count(*) FILTER (WHERE oracle.within(at, 90 * 86400, t) AND event_type = 'purchase')::float8 AS p90,
           coalesce(sum(round(value, 6)) FILTER (WHERE oracle.within(at, 90 * 86400, t)), 0) AS v90,
           coalesce(sum(round(value, 6)) FILTER (WHERE event_type = 'purchase'), 0) AS lifetime,
           coalesce(floor(extract(epoch FROM t - max(at)) / 86400), 999) AS days
    FROM e),
  d AS (
    SELECT CASE WHEN count(*) < 2 THEN 0 ELSE sqrt((count(*) * sum(n * n) - sum(n) * sum(n))::float8) / sum(n)::float8 END AS consistency
    FROM (SELECT count(*)::bigint AS n FROM e WHERE oracle.within(at, 90 * 86400, t)
          GROUP BY date_trunc('day', date_trunc('hour', at, 'UTC'), 'UTC')) days),
  r AS (
    SELECT *, CASE WHEN e30 = 0 THEN 0 ELSE o30 / e30 END AS opens, CASE WHEN e30 = 0 THEN 0 ELSE c30 / e30 END AS clicks,
           CASE WHEN e90 = 0 THEN 0 ELSE p90 / e90 END AS conversions
    FROM c, d)
  SELECT round(CASE name
    WHEN 'total_events_7d' THEN e7::numeric
    WHEN 'total_events_30d' THEN e30::numeric
    WHEN 'total_events_90d' THEN e90::numeric
    WHEN 'open_rate_30d' THEN opens::numeric
    WHEN 'click_rate_30d' THEN clicks::numeric
    WHEN 'conversion_rate_90d' THEN conversions::numeric
    WHEN 'engagement_consistency' THEN consistency::numeric
    WHEN 'engagement_score' THEN least(1, greatest(0,
      0.30::float8 * least(e7 / 10, 1) + 0.20::float8 * opens + 0.25::float8 * (5 * clicks)
      + 0.15::float8 * (10 * conversions) + 0.10::float8 * greatest(0, 1 - consistency)))::numeric
    WHEN 'total_value_90d' THEN v90
    WHEN 'lifetime_value' THEN lifetime
    WHEN 'days_since_last' THEN days
  END, 9) FROM r
$$;

-- Whether criteria in the long form hold for somebody at an instant.
CREATE FUNCTION oracle.holds(criteria jsonb, who text, t timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  tally record;
  node jsonb;
BEGIN
  IF criteria = '{}' THEN
    RETURN true;
  ELSIF criteria ? 'all' THEN
    FOR node IN SELECT jsonb_array_elements(criteria->'all') LOOP
      IF NOT oracle.holds(node, who, t) THEN RETURN false; END IF;
    END LOOP;
    RETURN true;
  ELSIF criteria ? 'any' THEN
    FOR node IN SELECT jsonb_array_elements(criteria->'any') LOOP
      IF oracle.holds(node, who, t) THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
  ELSIF criteria ? 'none' THEN
    RETURN NOT oracle.holds(jsonb_build_object('any', criteria->'none'), who, t);
  ELSIF criteria ? 'not' THEN
    RETURN NOT oracle.holds(criteria->'not', who, t);
  ELSIF criteria ? 'segment' THEN
    RETURN (SELECT oracle.holds(d.criteria, who, t) FROM segment.definition d WHERE d.name = criteria->>'segment');
  ELSIF criteria ? 'attribute' THEN
    RETURN oracle.number_passes(criteria - 'attribute', oracle.feature(criteria->>'attribute', who, t));
  ELSIF criteria ? 'event' THEN
    SELECT count(*) AS count,
           coalesce(sum(round(CASE WHEN jsonb_typeof(document #> path) = 'number' THEN (document #>> path)::numeric END, 6)), 0) AS sum
    INTO tally
    FROM oracle.event, (SELECT string_to_array(coalesce(criteria->>'of', 'value'), '.') AS path) p
    WHERE subscriber = who
      AND event_type = CASE criteria->>'event' WHEN 'open' THEN 'email_open' WHEN 'click' THEN 'email_click' ELSE criteria->>'event' END
      AND oracle.filter_passes(coalesce(criteria->'where', '{}'), document)
      AND oracle.within(at, oracle.seconds(criteria->>'within'), t);
    RETURN CASE WHEN criteria ? 'sum' THEN oracle.number_passes(criteria->'sum', tally.sum)
                ELSE oracle.number_passes(coalesce(criteria->'count', '{"min": 1}'), tally.count) END;
  END IF;
  RAISE 'the oracle does not know %', criteria;
END
$$;

-- The evaluation time of a subscriber: the clock, but never before the last evaluation.
CREATE VIEW oracle.subscriber AS
SELECT e.subscriber, greatest(segment.now(), s.evaluated_at) AS t
FROM (SELECT DISTINCT subscriber FROM oracle.event) e LEFT JOIN segment.state s USING (subscriber);

CREATE VIEW oracle.member AS
SELECT d.name AS segment, u.subscriber
FROM segment.definition d, oracle.subscriber u
WHERE oracle.holds(d.criteria, u.subscriber, u.t);

CREATE VIEW oracle.history_entry AS
SELECT h.subscriber, h.at, h.ctid AS place, e.segment_id, e.entry
FROM segment.history h,
     LATERAL (SELECT unnest(h.entered), true UNION ALL SELECT unnest(h.departed), false) e (segment_id, entry);

-- Every difference between the extension and the oracle; no row where they agree.
CREATE VIEW oracle.difference AS
(SELECT 'missing member' AS difference, segment, subscriber FROM oracle.member
 EXCEPT ALL SELECT 'missing member', segment, subscriber FROM segment.member)
UNION ALL
(SELECT 'false member', segment, subscriber FROM segment.member
 EXCEPT ALL SELECT 'false member', segment, subscriber FROM oracle.member)
UNION ALL
SELECT 'feature', f.name || ' ' || f.actual || ' <> ' || oracle.feature(f.name, u.subscriber, u.t), u.subscriber
FROM oracle.subscriber u JOIN segment.profile p USING (subscriber),
     LATERAL (VALUES ('engagement_score', p.engagement_score), ('engagement_consistency', p.engagement_consistency),
                     ('open_rate_30d', p.open_rate_30d), ('total_value_90d', p.total_value_90d),
                     ('lifetime_value', p.lifetime_value), ('days_since_last', p.days_since_last)) f (name, actual)
WHERE f.actual IS DISTINCT FROM oracle.feature(f.name, u.subscriber, u.t)
UNION ALL
SELECT 'history', h.segment_id::text, h.subscriber
FROM (SELECT segment_id, subscriber, (array_agg(entry ORDER BY at DESC, place DESC))[1] AS entry, bool_or(entry = before) AS repeated
      FROM (SELECT *, lag(entry) OVER (PARTITION BY segment_id, subscriber ORDER BY at, place) AS before FROM oracle.history_entry) h
      GROUP BY segment_id, subscriber) h
JOIN segment.definition USING (segment_id)
LEFT JOIN segment.state s USING (subscriber)
WHERE h.repeated OR h.entry <> (s.members IS NOT NULL AND segment_id < 8 * length(s.members) AND get_bit(s.members, segment_id) = 1)
UNION ALL
SELECT 'verify: ' || finding, coalesce(segment, '') || ' ' || stored || ' <> ' || expected, subscriber FROM segment.verify();
