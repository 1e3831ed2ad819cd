-- What is known of people beside their events: a table of the application's, attached, with its oracle and its random rows.
-- Loaded before the files whose functions it calls.
SET check_function_bodies = off;
CREATE SCHEMA oracle;
CREATE TABLE shop.person (
  id varchar(20) PRIMARY KEY, mail text, plan text, points numeric, joined_at timestamptz, born date, seen timestamp, more jsonb, labels text[]);

CREATE PROCEDURE shop.attach_people() LANGUAGE sql AS $$
  SELECT segment.attach_profiles('shop.person', 'id', email => 'mail', properties => 'more', tags => 'labels')
$$;
CALL shop.attach_people();

CREATE FUNCTION oracle.people_attached() RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM segment.profile_source WHERE relation = 'shop.person'::regclass)
$$;

-- Everybody with a profile, with the attributes by path; keys of the jsonb column win over columns of the same name.
CREATE VIEW oracle.person AS
SELECT id AS subscriber, jsonb_build_object('email', mail, 'tags', labels) || (
  SELECT jsonb_object_agg('traits.' || key, value) FROM jsonb_each(
    jsonb_build_object('plan', plan, 'points', points, 'joined_at', joined_at, 'born', born, 'seen', seen)
    || CASE WHEN jsonb_typeof(more) = 'object' THEN more ELSE '{}' END)) AS attributes
FROM shop.person WHERE oracle.people_attached();

-- What a model says about somebody, put beside the profile.
CREATE TABLE oracle.forecast (subscriber text PRIMARY KEY, value float8 NOT NULL, confidence float8);

CREATE FUNCTION oracle.attributes(who text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT attributes FROM oracle.person WHERE subscriber = who), '{}')
    || coalesce((SELECT jsonb_build_object('predictions.churn', value, 'predictions.churn.confidence', confidence) FROM oracle.forecast WHERE subscriber = who), '{}')
$$;

-- Since when values have been what they are, where oracle.note_held() looks after each change.
CREATE TABLE oracle.held (subscriber text, path text, value jsonb, since timestamptz NOT NULL, PRIMARY KEY (subscriber, path));

CREATE PROCEDURE oracle.note_held() LANGUAGE sql AS $$
  DELETE FROM oracle.held h WHERE NOT EXISTS (SELECT FROM oracle.person p WHERE p.subscriber = h.subscriber);
  INSERT INTO oracle.held SELECT subscriber, path, nullif(attributes -> path, 'null'), segment.now()
  FROM oracle.person, unnest(ARRAY['traits.plan', 'traits.points']) path
  ON CONFLICT (subscriber, path) DO UPDATE SET value = excluded.value, since = excluded.since WHERE held.value IS DISTINCT FROM excluded.value;
$$;

-- The time that a value is, without an offset in the time zone.
CREATE FUNCTION oracle.time_of(value jsonb, zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN value #>> '{}' ~ '([-+]\d\d:\d\d|Z)$' THEN (value #>> '{}')::timestamptz
              ELSE (value #>> '{}')::timestamp AT TIME ZONE zone END
  WHERE jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^\d{4}-\d\d-\d\d([T ]|$)'
$$;

-- Whether an attribute passes the operators of a leaf.
CREATE FUNCTION oracle.attribute_passes(leaf jsonb, who text, t timestamptz, zone text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT bool_and(coalesce(CASE operator
    WHEN 'equals' THEN actual = operand
    WHEN 'not_equals' THEN coalesce(actual <> operand, true)
    WHEN 'in' THEN operand @> jsonb_build_array(actual)
    WHEN 'exists' THEN (actual IS NOT NULL) = operand::boolean
    -- Text that is wholly a number counts as one.
    WHEN 'min' THEN (CASE WHEN jsonb_typeof(actual) IN ('number', 'string') AND actual #>> '{}' ~ '^[-+]?[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?$'
                     THEN (actual #>> '{}')::numeric END) >= operand::numeric
    WHEN 'has' THEN CASE WHEN jsonb_typeof(actual) = 'array' THEN actual @> jsonb_build_array(operand) ELSE actual = operand END
    WHEN 'ends_with' THEN right(actual #>> '{}', length(operand #>> '{}')) = operand #>> '{}' AND jsonb_typeof(actual) = 'string'
    WHEN 'within' THEN at > t - make_interval(secs => oracle.seconds(operand #>> '{}')) AND at <= t
    WHEN 'older_than' THEN at <= t - make_interval(secs => oracle.seconds(operand #>> '{}'))
    WHEN 'before' THEN at < t - make_interval(secs => oracle.seconds(substr(operand #>> '{}', 2)))
    WHEN 'after' THEN at > t - make_interval(secs => oracle.seconds(substr(operand #>> '{}', 2)))
    WHEN 'on' THEN CASE operand #>> '{}'
      WHEN 'today' THEN date(at AT TIME ZONE zone) = date(t AT TIME ZONE zone)
      WHEN 'this_week' THEN date_trunc('week', at AT TIME ZONE zone) = date_trunc('week', t AT TIME ZONE zone)
      WHEN 'last_month' THEN date_trunc('month', at AT TIME ZONE zone) = date_trunc('month', t AT TIME ZONE zone) - interval '1 month'
      WHEN 'anniversary' THEN to_char(at AT TIME ZONE zone, 'MMDD') = to_char(t AT TIME ZONE zone, 'MMDD') END
    WHEN 'held_for' THEN (SELECT since FROM oracle.held WHERE subscriber = who AND path = leaf->>'attribute') <= t - make_interval(secs => oracle.seconds(operand #>> '{}'))
  END, false))
  FROM jsonb_each(leaf - 'attribute') o (operator, operand),
       (SELECT nullif(oracle.attributes(who) -> (leaf->>'attribute'), 'null') AS actual) a,
       LATERAL (SELECT oracle.time_of(actual, zone) AS at) i
$$;

CREATE FUNCTION oracle.random_attribute() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT oracle.pick(ARRAY[
    '{"attribute": "traits.plan", "equals": "pro"}', '{"attribute": "traits.plan", "not_equals": "free"}', '{"attribute": "traits.plan", "in": ["pro", 1, "gold"]}',
    '{"attribute": "traits.plan", "exists": false}', '{"attribute": "traits.points", "min": 10}', '{"attribute": "traits.points", "equals": 25}',
    '{"attribute": "traits.level", "min": 2}', '{"attribute": "tags", "has": "vip"}', '{"attribute": "email", "ends_with": ".org"}',
    '{"attribute": "traits.joined_at", "within": "7 days"}', '{"attribute": "traits.joined_at", "older_than": "3 days"}',
    '{"attribute": "traits.seen", "within": "90 minutes"}', '{"attribute": "traits.seen", "before": "-2 days"}', '{"attribute": "traits.seen", "after": "-5 days"}',
    '{"attribute": "traits.joined_at", "on": "today"}', '{"attribute": "traits.born", "on": "anniversary"}', '{"attribute": "traits.seen", "on": "this_week"}',
    '{"attribute": "traits.born", "on": "last_month"}', '{"attribute": "traits.joined_at", "within": "30 days", "older_than": "1 day"}',
    '{"attribute": "predictions.churn", "min": 0.5}', '{"attribute": "predictions.churn", "exists": false}',
    '{"attribute": "predictions.churn.confidence", "min": 0.8}']::jsonb[])
$$;

-- A model says something about some, or nothing any more about anybody.
CREATE FUNCTION oracle.random_forecast() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  who text[] := ARRAY(SELECT DISTINCT oracle.pick(ARRAY['1', '2', '3', 'é', 'a', 'b', 'only a prediction']) FROM generate_series(1, 3) ORDER BY 1);
  number float8 := oracle.pick(ARRAY[0.25, 0.5, 0.75]);
  sure float8 := oracle.pick(ARRAY[0.6, 0.9, NULL]);
BEGIN
  IF random() < 0.25 THEN
    DELETE FROM oracle.forecast;
    PERFORM segment.drop_predictions('churn');
  ELSE
    INSERT INTO oracle.forecast SELECT unnest(who), number, sure
    ON CONFLICT (subscriber) DO UPDATE SET value = excluded.value, confidence = excluded.confidence;
    PERFORM segment.set_predictions('churn', who, array_fill(number, ARRAY[cardinality(who)]), CASE WHEN sure IS NOT NULL THEN array_fill(sure, ARRAY[cardinality(who)]) END);
  END IF;
END
$$;

CREATE FUNCTION oracle.random_trait() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT oracle.pick(ARRAY['{"level": 3}', '{"plan": "gold"}', '{"level": "2", "joined_at": "2026-03-20"}', '{"points": 25.0}', '[]', '{"seen": null}', NULL]::jsonb[])
$$;

CREATE FUNCTION oracle.random_people() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  salt integer := oracle.below(1000000);
BEGIN
  CASE oracle.below(7)
    WHEN 0 THEN UPDATE shop.person SET plan = oracle.pick(ARRAY['pro', 'free', NULL]), points = oracle.random_number() WHERE oracle.chosen(id, salt, 50);
    WHEN 1 THEN UPDATE shop.person SET joined_at = oracle.random_time(), seen = oracle.random_time() AT TIME ZONE 'UTC' WHERE oracle.chosen(id, salt, 50);
    WHEN 2 THEN UPDATE shop.person SET id = id || 'x' WHERE id IN (SELECT max(id) FROM shop.person WHERE length(id) < 9);
    WHEN 3 THEN DELETE FROM shop.person WHERE oracle.chosen(id, salt, 40);
    WHEN 4 THEN UPDATE shop.person SET more = oracle.random_trait(), labels = oracle.pick(ARRAY[ARRAY['vip', 'a']::text, '{}', NULL])::text[] WHERE oracle.chosen(id, salt, 50);
    ELSE
      INSERT INTO shop.person (id, mail, plan, points, joined_at, born, seen, more, labels)
      SELECT who, oracle.pick(ARRAY['a@b.org', 'a@b.com', NULL]), oracle.pick(ARRAY['pro', 'free', NULL]), oracle.random_number(), oracle.random_time(),
             date(segment.now()) - oracle.pick(ARRAY[3650, 7300, 20, 40]) + oracle.below(30), oracle.random_time() AT TIME ZONE 'UTC', oracle.random_trait(),
             oracle.pick(ARRAY[ARRAY['vip']::text, '{}', NULL])::text[]
      FROM (SELECT DISTINCT oracle.pick(ARRAY['1', '2', '3', 'é', 'only a profile']) AS who FROM generate_series(1, 3)) n
      ON CONFLICT (id) DO UPDATE SET plan = EXCLUDED.plan, seen = EXCLUDED.seen;
  END CASE;
END
$$;
