-- The oracle: criteria evaluated from scratch over the raw events, in plain SQL that shares nothing with the
-- extension. Slow and obvious.

-- A number that can be computed with.
CREATE FUNCTION oracle.finite(number text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN number NOT IN ('NaN', 'Infinity', '-Infinity') THEN number::numeric END
$$;

CREATE FUNCTION oracle.attached(source regclass) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM segment.source WHERE relation = attached.source)
$$;

-- Every event as the documentation defines it: with a subscriber, a type and a time of the years 1 to 9999.
CREATE VIEW oracle.event AS
-- The value is the value column's, and where that has none the property of the same name.
SELECT subscriber, CASE event_type WHEN 'open' THEN 'email_open' WHEN 'click' THEN 'email_click' ELSE event_type END AS event_type,
       at, coalesce(value, CASE WHEN jsonb_typeof(properties->'value') = 'number' THEN (properties->>'value')::numeric END) AS value,
       CASE WHEN jsonb_typeof(properties) = 'object' THEN properties ELSE '{}' END || CASE WHEN value IS NULL THEN '{}' ELSE jsonb_build_object('value', value) END AS document
FROM (
  SELECT customer_id::text AS subscriber, 'purchase' AS event_type, ordered_at AS at, oracle.finite(total::text) AS value, NULL::jsonb AS properties
  FROM shop.orders WHERE oracle.attached('shop.orders')
  UNION ALL
  SELECT user_id, kind, happened AT TIME ZONE 'America/New_York', oracle.finite(weight::text), details
  FROM shop.activity WHERE oracle.attached('shop.activity')
  UNION ALL
  SELECT visitor, 'visit', day::timestamp AT TIME ZONE 'Europe/Paris', pages, NULL FROM shop.visit WHERE oracle.attached('shop.visit')
  UNION ALL
  SELECT customer::text, 'refund', refunded_at, oracle.finite(amount::text), NULL FROM shop.refund WHERE oracle.attached('shop.refund')
  UNION ALL
  SELECT account, kind, booked, amount, details FROM shop.ledger WHERE oracle.attached('shop.ledger')
  UNION ALL
  SELECT device::text, kind, taken_at, NULL, NULL FROM shop.reading WHERE oracle.attached('shop.reading')
  UNION ALL
  SELECT subscriber, event_type, occurred_at, oracle.finite(value::text), properties FROM segment.event
) e
WHERE subscriber IS NOT NULL AND event_type IS NOT NULL AND at >= '0001-01-01 00:00+00' AND at < '10000-01-01 00:00+00';

-- What a value adds to a sum: 6 decimal places, and nothing where it is beyond 9.2e12.
CREATE FUNCTION oracle.addend(value numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN abs(round(value, 6)) <= 9223372036854.775807 THEN round(value, 6) END
$$;

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
    -- Text that is wholly a number counts as one.
    WHEN 'min' THEN (CASE WHEN jsonb_typeof(actual) IN ('number', 'string') AND actual #>> '{}' ~ '^[-+]?[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?$'
                     THEN (actual #>> '{}')::numeric END) >= operand::text::numeric
    -- A scalar is the list of itself.
    WHEN 'has' THEN CASE WHEN jsonb_typeof(actual) = 'array' THEN actual @> jsonb_build_array(operand) ELSE actual = operand END
    WHEN 'contains' THEN jsonb_typeof(actual) = 'string' AND strpos(actual #>> '{}', operand #>> '{}') > 0
  END, false)), true)
  FROM jsonb_each(filter) f (path, test), jsonb_each(test) t (operator, operand),
       LATERAL (SELECT nullif(document -> path, 'null') AS actual) a
$$;

-- Whether an event at ts counts in the window of so many seconds that ends at t.
CREATE FUNCTION oracle.within(ts timestamptz, seconds bigint, t timestamptz) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN ts <= t AND (seconds IS NULL OR CASE
    WHEN seconds <= 7200 THEN date_trunc('second', ts, 'UTC') > date_trunc('second', t, 'UTC') - seconds * interval '1 second'
    WHEN seconds <= 604800 THEN date_trunc('minute', ts, 'UTC') > date_trunc('minute', t, 'UTC') - seconds * interval '1 second'
    ELSE date_trunc('hour', ts, 'UTC') > date_trunc('hour', t, 'UTC') - seconds * interval '1 second'
  END);
END
$$;

CREATE FUNCTION oracle.seconds(duration text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  RETURN CASE WHEN duration = '1 year' THEN 365 * 86400 ELSE extract(epoch FROM duration::interval)::bigint END;
END
$$;

-- The features at an instant, each by its formula, of somebody with these events.
CREATE FUNCTION oracle.features(events oracle.event[], t timestamptz) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  WITH e AS MATERIALIZED (SELECT * FROM unnest(events) WHERE at <= t),
  c AS (
    SELECT count(*) FILTER (WHERE oracle.within(at, 7 * 86400, t))::float8 AS e7,
           count(*) FILTER (WHERE oracle.within(at, 30 * 86400, t))::float8 AS e30,
           count(*) FILTER (WHERE oracle.within(at, 90 * 86400, t))::float8 AS e90,
           count(*) FILTER (WHERE oracle.within(at, 30 * 86400, t) AND event_type = 'email_open')::float8 AS o30,
           count(*) FILTER (WHERE oracle.within(at, 30 * 86400, t) AND event_type = 'email_click')::float8 AS c30,
           count(*) FILTER (WHERE oracle.within(at, 90 * 86400, t) AND event_type = 'purchase')::float8 AS p90,
           coalesce(sum(oracle.addend(value)) FILTER (WHERE oracle.within(at, 90 * 86400, t)), 0) AS v90,
           coalesce(sum(oracle.addend(value)) FILTER (WHERE event_type = 'purchase'), 0) AS lifetime,
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
  SELECT (SELECT jsonb_object_agg(name, round(value, 9)) FROM (VALUES
    ('total_events_7d', e7::numeric),
    ('total_events_30d', e30::numeric),
    ('total_events_90d', e90::numeric),
    ('open_rate_30d', opens::numeric),
    ('click_rate_30d', clicks::numeric),
    ('conversion_rate_90d', conversions::numeric),
    ('engagement_consistency', consistency::numeric),
    ('engagement_score', least(1, greatest(0,
      0.30::float8 * least(e7 / 10, 1) + 0.20::float8 * opens + 0.25::float8 * (5 * clicks)
      + 0.15::float8 * (10 * conversions) + 0.10::float8 * greatest(0, 1 - consistency)))::numeric),
    ('total_value_90d', v90),
    ('lifetime_value', lifetime),
    ('days_since_last', days)) f (name, value))
  FROM r
$$;

-- Where the period that a moment names begins and ends at an instant, in a time zone.
CREATE FUNCTION oracle.period(moment text, zone text, t timestamptz) RETURNS timestamptz[] LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
  shown timestamp := t AT TIME ZONE zone;
  first timestamp;
  length interval;
BEGIN
  CASE
    WHEN moment = 'now/h' THEN RETURN ARRAY[t - (shown - date_trunc('hour', shown)), t - (shown - date_trunc('hour', shown)) + interval '1 hour'];
    WHEN moment = 'now-2h/m' THEN RETURN ARRAY[date_trunc('minute', t) - interval '120 minutes', date_trunc('minute', t) - interval '119 minutes'];
    WHEN moment = 'now/d+90m' THEN RETURN ARRAY[date_trunc('day', shown) AT TIME ZONE zone + interval '90 minutes'];
    WHEN moment ~ '(\+|-)..:..$' THEN RETURN ARRAY[moment::timestamptz];
    WHEN moment ~ 'T' THEN RETURN ARRAY[moment::timestamp AT TIME ZONE zone];
    WHEN moment ~ '^[0-9]' THEN first := moment; length := '1 day';
    WHEN moment = 'today' THEN first := date_trunc('day', shown); length := '1 day';
    WHEN moment = 'yesterday' THEN first := date_trunc('day', shown) - interval '1 day'; length := '1 day';
    WHEN moment IN ('-3 days', 'now-3d/d') THEN first := date_trunc('day', shown) - interval '3 days'; length := '1 day';
    WHEN moment = 'now-1M/d' THEN first := date_trunc('day', shown - interval '1 month'); length := '1 day';
    WHEN moment = 'this_week' THEN first := date_trunc('week', shown); length := '7 days';
    WHEN moment = 'last_week' THEN first := date_trunc('week', shown) - interval '7 days'; length := '7 days';
    WHEN moment = 'this_month' THEN first := date_trunc('month', shown); length := '1 month';
    WHEN moment = 'last_month' THEN first := date_trunc('month', shown) - interval '1 month'; length := '1 month';
    WHEN moment = 'this_year' THEN first := date_trunc('year', shown); length := '1 year';
  END CASE;
  RETURN ARRAY[first AT TIME ZONE zone, (first + length) AT TIME ZONE zone];
END
$$;

-- What is made of a category: step by step, at one instant the others first, then its own steps, the worst first.
CREATE FUNCTION oracle.preference(category text, events oracle.event[], t timestamptz) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  moment record;
  number numeric;
BEGIN
  FOR moment IN
    SELECT at, document->>'category' = category AS own, increment
    FROM unnest(events) e, LATERAL (SELECT CASE event_type WHEN 'email_click' THEN 0.10 WHEN 'purchase' THEN 0.20 WHEN 'forward' THEN 0.05
      WHEN 'reply' THEN 0.15 WHEN 'unsubscribe' THEN -0.30 WHEN 'complaint' THEN -0.50 END) i (increment)
    WHERE at <= t AND increment IS NOT NULL AND jsonb_typeof(document->'category') = 'string'
    ORDER BY at, own, increment
  LOOP
    number := CASE WHEN moment.own THEN least(1, greatest(0, coalesce(number, 0.5) + 0.3 * moment.increment)) ELSE round(number * 0.99, 40) END;
  END LOOP;
  RETURN coalesce(number, 0.5);
END
$$;

-- Some of the features that are ready as data, each by its formula.
CREATE FUNCTION oracle.ready(name text, events oracle.event[], t timestamptz, zone text) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT round(CASE name
    WHEN 'freq_purchase' THEN coalesce((count(*) FILTER (WHERE q AND event_type = 'purchase'))::float8 / nullif(count(*) FILTER (WHERE q), 0), 0)::numeric
    WHEN 'email_engagement' THEN least(1, 0.1 * count(*) FILTER (WHERE event_type = 'email_open') + 0.2 * count(*) FILTER (WHERE event_type = 'email_click'))
    WHEN 'avg_order_value' THEN coalesce((coalesce(sum(oracle.addend(value)) FILTER (WHERE event_type = 'purchase'), 0)
      / nullif(count(*) FILTER (WHERE event_type = 'purchase'), 0)::numeric), 0)
    WHEN 'recency' THEN floor(extract(epoch FROM t - max(at) FILTER (WHERE event_type = 'purchase')) / 86400)
    WHEN 'last_activity_days' THEN floor(extract(epoch FROM t - max(at)) / 86400)
    WHEN 'freq_visit' THEN coalesce((count(*) FILTER (WHERE q AND event_type = 'visit'))::float8 / nullif(count(*) FILTER (WHERE q), 0), 0)::numeric
    WHEN 'pref_a' THEN coalesce((count(*) FILTER (WHERE q AND document->>'category' = 'a'))::float8 / nullif(count(*) FILTER (WHERE q), 0), 0)::numeric
    WHEN 'weekend_share' THEN coalesce((count(*) FILTER (WHERE q AND extract(isodow FROM at AT TIME ZONE zone) > 5))::float8 / nullif(count(*) FILTER (WHERE q), 0), 0)::numeric
    WHEN 'content_preference_a' THEN oracle.preference('a', events, t)
    WHEN 'inter_purchase_days' THEN CASE WHEN count(*) FILTER (WHERE event_type = 'purchase') > 1 THEN
      extract(epoch FROM max(at) FILTER (WHERE event_type = 'purchase') - min(at) FILTER (WHERE event_type = 'purchase')) / 86400
      / (count(*) FILTER (WHERE event_type = 'purchase') - 1) END
    WHEN 'total_value_30d' THEN coalesce(sum(oracle.addend(value)) FILTER (WHERE oracle.within(at, 30 * 86400, t)), 0)
  END, 9)
  FROM (SELECT *, oracle.within(at, 90 * 86400, t) AS q FROM unnest(events) WHERE at <= t) e
$$;

-- The events that a leaf is about, each with what it adds to a sum.
CREATE FUNCTION oracle.selected(leaf jsonb, events oracle.event[], t timestamptz, zone text DEFAULT 'UTC') RETURNS TABLE (at timestamptz, addend numeric, value jsonb) LANGUAGE sql STABLE AS $$
  SELECT at, oracle.addend(CASE WHEN jsonb_typeof(document #> path) = 'number' THEN (document #>> path)::numeric END),
         CASE WHEN jsonb_typeof(document #> path) IN ('string', 'number', 'boolean') THEN document #> path END
  FROM unnest(events), (SELECT string_to_array(coalesce(leaf->>'of', 'value'), '.') AS path) p
  WHERE (leaf->>'event' = '*' OR event_type = CASE leaf->>'event' WHEN 'open' THEN 'email_open' WHEN 'click' THEN 'email_click' ELSE leaf->>'event' END)
    AND (NOT leaf ? 'hours' OR leaf->'hours' @> to_jsonb(extract(hour FROM at AT TIME ZONE zone)))
    AND (NOT leaf ? 'weekdays' OR leaf->'weekdays' @> to_jsonb(extract(isodow FROM at AT TIME ZONE zone)))
    AND (NOT leaf ? 'months' OR leaf->'months' @> to_jsonb(extract(month FROM at AT TIME ZONE zone)))
    AND (NOT leaf ? 'where' OR oracle.filter_passes(leaf->'where', document))
    AND oracle.within(at, oracle.seconds(leaf->>'within'), t)
    AND NOT (leaf ? 'older_than' AND oracle.within(at, oracle.seconds(leaf->>'older_than'), t))
    AND at >= coalesce((oracle.period(leaf->>'from', zone, t))[1], '-infinity') AND at < coalesce((oracle.period(leaf->>'until', zone, t))[1], 'infinity')
    AND (NOT leaf ? 'on' OR at >= (oracle.period(leaf->>'on', zone, t))[1] AND at < (oracle.period(leaf->>'on', zone, t))[2])
$$;

-- Whether the steps of a sequence from a number on can follow an event at some time.
CREATE FUNCTION oracle.continues(leaf jsonb, step integer, last timestamptz, events oracle.event[], t timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  gap interval := make_interval(secs => oracle.seconds(leaf->>'step_within'));
  steps jsonb := leaf->'sequence';
  following integer := step;
  absent timestamptz[];
BEGIN
  WHILE coalesce((steps->following->>'absent')::boolean, false) LOOP
    absent := absent || ARRAY(SELECT at FROM oracle.selected(steps->following || jsonb_build_object('within', leaf->'within'), events, t));
    following := following + 1;
  END LOOP;
  IF following < jsonb_array_length(steps) THEN
    RETURN EXISTS (
      SELECT FROM oracle.selected(steps->following || jsonb_build_object('within', leaf->'within'), events, t)
      WHERE (last IS NULL OR at > last AND (gap IS NULL OR at <= last + gap)
             AND NOT EXISTS (SELECT FROM unnest(absent) a WHERE a > last AND a < at))
        AND oracle.continues(leaf, following + 1, at, events, t));
  END IF;
  RETURN following = step OR (gap IS NULL OR t >= last + gap)
    AND NOT EXISTS (SELECT FROM unnest(absent) a WHERE a > last AND a <= coalesce(last + gap, t));
END
$$;

-- Where a salt puts a subscriber, in percent.
CREATE FUNCTION oracle.place(salt text, subscriber text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT floor((('x' || substr(md5(salt || ':' || subscriber), 1, 8))::bit(32)::bigint * 4294967296::numeric
                + ('x' || substr(md5(salt || ':' || subscriber), 9, 8))::bit(32)::bigint) * 100000000 / 18446744073709551616) / 1000000
$$;

-- What was decided by hand.
CREATE TABLE oracle.decided (segment text, subscriber text, member boolean NOT NULL, PRIMARY KEY (segment, subscriber));

-- Whether criteria in the long form hold at an instant, by the calendar of a time zone, for somebody with these events.
CREATE FUNCTION oracle.holds(criteria jsonb, events oracle.event[], t timestamptz, zone text DEFAULT 'UTC') RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  tally record;
  node jsonb;
BEGIN
  IF criteria = '{}' THEN
    RETURN true;
  ELSIF criteria ? 'all' THEN
    FOR node IN SELECT jsonb_array_elements(criteria->'all') LOOP
      IF NOT oracle.holds(node, events, t, zone) THEN RETURN false; END IF;
    END LOOP;
    RETURN true;
  ELSIF criteria ? 'any' THEN
    FOR node IN SELECT jsonb_array_elements(criteria->'any') LOOP
      IF oracle.holds(node, events, t, zone) THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
  ELSIF criteria ? 'none' THEN
    RETURN NOT oracle.holds(jsonb_build_object('any', criteria->'none'), events, t, zone);
  ELSIF criteria ? 'not' THEN
    RETURN NOT oracle.holds(criteria->'not', events, t, zone);
  ELSIF criteria ? 'tier_set' THEN
    -- In that segment, and in none above it; with null in none of all.
    RETURN NOT EXISTS (
      SELECT FROM (
        SELECT d.name, d.criteria FROM segment.tier_set s, unnest(s.segments) WITH ORDINALITY l (id, place) JOIN segment.definition d ON d.segment_id = l.id
        WHERE s.tier_set = holds.criteria->>'tier_set'
          AND place <= coalesce(array_position(s.segments, (SELECT segment_id FROM segment.definition WHERE name = holds.criteria->>'segment')), place)
        -- Of these alone: others may refer to this very place.
        OFFSET 0) d
      WHERE oracle.is_member(d.name, d.criteria, events, t) <> (d.name = coalesce(holds.criteria->>'segment', '')));
  ELSIF criteria ? 'segment' THEN
    RETURN (SELECT oracle.is_member(d.name, d.criteria, events, t) FROM segment.definition d WHERE d.name = holds.criteria->>'segment');
  ELSIF criteria ? 'bucket' THEN
    RETURN oracle.place(criteria#>>'{bucket,salt}', events[1].subscriber) >= (criteria#>>'{bucket,from}')::numeric
       AND oracle.place(criteria#>>'{bucket,salt}', events[1].subscriber) < (criteria#>>'{bucket,to}')::numeric;
  ELSIF criteria ? 'attribute' AND criteria->>'attribute' ~ '^(traits\.|tags|email|predictions\.)' THEN
    RETURN oracle.attribute_passes(criteria, events[1].subscriber, t, zone);
  ELSIF criteria ? 'attribute' THEN
    RETURN coalesce(oracle.number_passes(criteria - 'attribute', coalesce((oracle.features(events, t)->>(criteria->>'attribute'))::numeric,
                                                                          oracle.ready(replace(criteria->>'attribute', 'scores.', ''), events, t, zone))), false);
  ELSIF criteria ? 'at_least' THEN
    RETURN (SELECT count(*) FILTER (WHERE oracle.holds(value, events, t, zone)) FROM jsonb_array_elements(criteria->'of')) >= (criteria->>'at_least')::integer;
  ELSIF criteria ? 'sequence' THEN
    RETURN oracle.continues(criteria, 0, NULL, events, t);
  ELSIF criteria ? 'stopped' THEN
    node := criteria - 'stopped';
    RETURN oracle.holds(node, events, t, zone) AND NOT oracle.holds(node || jsonb_build_object('within', criteria->'stopped'), events, t, zone);
  ELSIF criteria ? 'restarted' THEN
    node := criteria - 'restarted';
    RETURN oracle.holds(node, events, t, zone)
      AND NOT oracle.holds(node || jsonb_build_object('within', criteria->'restarted', 'older_than', criteria->'within'), events, t, zone)
      AND oracle.holds(node - 'within' || jsonb_build_object('older_than', criteria->'restarted'), events, t, zone);
  ELSIF criteria ? 'regularly' THEN
    node := criteria->'regularly';
    RETURN (SELECT count(*) FROM generate_series(1, (node->>'periods')::integer) n
            WHERE oracle.holds(criteria - 'regularly' || jsonb_build_object('within', n * oracle.seconds(node->>'every') || ' seconds')
              || CASE WHEN n > 1 THEN jsonb_build_object('older_than', (n - 1) * oracle.seconds(node->>'every') || ' seconds') ELSE '{}' END,
              events, t, zone)) >= (node->>'at_least')::integer;
  ELSIF criteria->>'first' = '*' THEN
    RETURN EXISTS (SELECT FROM oracle.selected(criteria, events, t, zone) WHERE at = (SELECT min(at) FROM unnest(events) WHERE at <= t));
  ELSIF criteria->>'last' = '*' THEN
    RETURN EXISTS (SELECT FROM oracle.selected(criteria, events, t, zone) WHERE at = (SELECT max(at) FROM unnest(events) WHERE at <= t));
  ELSIF criteria ? 'mode' THEN
    RETURN EXISTS (
      WITH counted AS (SELECT value, count(*) AS n FROM oracle.selected(criteria, events, t, zone) WHERE value IS NOT NULL GROUP BY value)
      SELECT FROM counted WHERE value = criteria->'mode' AND n = (SELECT max(n) FROM counted));
  ELSIF criteria ?| '{peak_hour,peak_weekday}' THEN
    RETURN coalesce(oracle.number_passes(coalesce(criteria->'peak_hour', criteria->'peak_weekday'), (
      SELECT CASE WHEN criteria ? 'peak_hour' THEN extract(hour FROM at AT TIME ZONE zone) ELSE extract(isodow FROM at AT TIME ZONE zone) END AS shown
      FROM oracle.selected(criteria, events, t, zone) GROUP BY shown ORDER BY count(*) DESC, shown LIMIT 1)), false);
  ELSIF criteria ?| '{latest,latest_hour,latest_weekday}' THEN
    SELECT at, sum(coalesce(addend, 0)) AS sum INTO tally FROM oracle.selected(criteria, events, t, zone) GROUP BY at ORDER BY at DESC LIMIT 1;
    RETURN coalesce(CASE WHEN criteria ? 'latest' THEN oracle.number_passes(criteria->'latest', tally.sum)
                         WHEN criteria ? 'latest_hour' THEN oracle.number_passes(criteria->'latest_hour', extract(hour FROM tally.at AT TIME ZONE zone))
                         ELSE oracle.number_passes(criteria->'latest_weekday', extract(isodow FROM tally.at AT TIME ZONE zone)) END, false);
  ELSIF criteria ? 'average_gap' THEN
    RETURN coalesce(oracle.number_passes(criteria->'average_gap', (
      SELECT round(extract(epoch FROM max(at) - min(at)) / 86400 / nullif(count(*) - 1, 0), 9) FROM oracle.selected(criteria, events, t, zone))), false);
  ELSIF criteria ? 'first' THEN
    RETURN EXISTS (SELECT FROM oracle.selected(criteria, events, t, zone)
                   WHERE at = (SELECT min(at) FROM oracle.selected(jsonb_build_object('event', criteria->'event'), events, t, zone)));
  ELSIF criteria ? 'last' THEN
    RETURN EXISTS (SELECT FROM oracle.selected(criteria, events, t, zone)
                   WHERE at = (SELECT max(at) FROM oracle.selected(jsonb_build_object('event', criteria->'event'), events, t, zone)));
  ELSIF criteria ? 'streak' THEN
    RETURN oracle.number_passes(criteria->'streak', (
      WITH day AS (SELECT DISTINCT date(at AT TIME ZONE 'UTC') AS day FROM oracle.selected(criteria, events, t, zone))
      SELECT least(365, count(*)) FROM day d
      WHERE (SELECT max(day) FROM day) >= date(t AT TIME ZONE 'UTC') - 1
        AND (SELECT count(*) FROM day l WHERE l.day >= d.day) = (SELECT max(day) FROM day) - d.day + 1));
  ELSIF criteria ? 'trend' THEN
    SELECT coalesce(CASE WHEN criteria ? 'of' THEN sum(addend) ELSE count(*) END, 0) AS now INTO tally FROM oracle.selected(criteria, events, t, zone);
    SELECT tally.now AS now, coalesce(CASE WHEN criteria ? 'of' THEN sum(addend) ELSE count(*) END, 0) - tally.now AS before INTO tally
    FROM oracle.selected(criteria || jsonb_build_object('within', 2 * oracle.seconds(criteria->>'within') || ' seconds'), events, t, zone);
    RETURN tally.before <> 0 AND oracle.number_passes(criteria->'trend', round((tally.now - tally.before) / abs(tally.before), 9));
  ELSIF criteria ? 'event' THEN
    SELECT count(*) AS count, coalesce(sum(addend), 0) AS sum, avg(addend) AS average, min(addend) AS min, max(addend) AS max, count(DISTINCT value) AS different
    INTO tally FROM oracle.selected(criteria, events, t, zone);
    IF criteria ? 'average' THEN
      RETURN coalesce(oracle.number_passes(criteria->'average', round(tally.average, 9)), false);
    END IF;
    RETURN CASE WHEN criteria ? 'sum' THEN oracle.number_passes(criteria->'sum', tally.sum)
                WHEN criteria ? 'minimum' THEN coalesce(oracle.number_passes(criteria->'minimum', tally.min), false)
                WHEN criteria ? 'maximum' THEN coalesce(oracle.number_passes(criteria->'maximum', tally.max), false)
                WHEN criteria ? 'distinct' THEN oracle.number_passes(criteria->'distinct', tally.different)
                ELSE oracle.number_passes(coalesce(criteria->'count', '{"min": 1}'), tally.count) END;
  END IF;
  RAISE 'the oracle does not know %', criteria;
END
$$;

-- Whether somebody with these events is in a segment: by hand, or by its criteria.
CREATE FUNCTION oracle.is_member(segment text, criteria jsonb, events oracle.event[], t timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT member FROM oracle.decided d WHERE d.segment = is_member.segment AND d.subscriber = events[1].subscriber),
                  oracle.holds(criteria, events, t, (SELECT time_zone FROM segment.definition d WHERE d.name = is_member.segment)))
$$;

-- Everybody with an event or a profile, and the evaluation time: the clock, but never before the last evaluation. An event
-- without a time stands for no event, and says whose they are.
CREATE VIEW oracle.subscriber AS
SELECT e.subscriber, e.events, greatest(segment.now(), s.evaluated_at) AS t
FROM (SELECT (event).subscriber, array_agg(event) AS events
      FROM (SELECT event FROM oracle.event UNION ALL SELECT ROW(subscriber, NULL, NULL, NULL, NULL)::oracle.event FROM oracle.person) event
      GROUP BY 1) e LEFT JOIN segment.state s USING (subscriber);

CREATE VIEW oracle.history_entry AS
SELECT h.subscriber, h.at, h.move AS place, e.segment_id, e.entry
FROM segment.history h,
     LATERAL (SELECT unnest(h.entered), true UNION ALL SELECT unnest(h.departed), false) e (segment_id, entry);

-- The segments that are not being changed: of those that are, some stand by one definition and some by another.
CREATE VIEW oracle.definition AS SELECT * FROM segment.definition WHERE ready AND changing IS NULL;

-- Every difference between the extension and the oracle; no row where they agree.
CREATE VIEW oracle.difference AS
WITH subscriber AS MATERIALIZED (SELECT * FROM oracle.subscriber),
member AS MATERIALIZED (
  SELECT d.name AS segment, u.subscriber FROM oracle.definition d, subscriber u
  WHERE oracle.is_member(d.name, d.criteria, u.events, u.t)
  UNION ALL
  SELECT d.name, x.subscriber FROM oracle.definition d JOIN oracle.decided x ON x.segment = d.name
  WHERE x.member AND NOT EXISTS (SELECT FROM subscriber u WHERE u.subscriber = x.subscriber)),
stored AS MATERIALIZED (SELECT m.* FROM segment.member m JOIN oracle.definition d ON d.name = m.segment),
-- What is on record about each membership: the last entry, the time of the last one in, and whether two in a row say the same.
record AS MATERIALIZED (
  SELECT segment_id, subscriber, (array_agg(entry ORDER BY at DESC, place DESC))[1] AS entry,
         max(at) FILTER (WHERE entry) AS since, bool_or(entry = before) AS repeated
  FROM (SELECT *, lag(entry) OVER (PARTITION BY segment_id, subscriber ORDER BY at, place) AS before FROM oracle.history_entry) h
  GROUP BY segment_id, subscriber)
(SELECT 'missing member' AS difference, segment, subscriber FROM member
 EXCEPT ALL SELECT 'missing member', segment, subscriber FROM stored)
UNION ALL
(SELECT 'false member', segment, subscriber FROM stored
 EXCEPT ALL SELECT 'false member', segment, subscriber FROM member)
UNION ALL
SELECT 'segments of profile', u.subscriber || ' ' || p.segments::text, u.subscriber
FROM subscriber u LEFT JOIN segment.profile p USING (subscriber)
WHERE p.segments IS NULL OR ARRAY(SELECT s FROM unnest(p.segments) WITH ORDINALITY n (s, place) JOIN oracle.definition d ON d.name = s ORDER BY place)
  IS DISTINCT FROM ARRAY(SELECT m.segment FROM member m WHERE m.subscriber = u.subscriber ORDER BY m.segment COLLATE "C")
UNION ALL
SELECT 'feature', f.name || ' ' || f.actual || ' <> ' || f.expected, u.subscriber
FROM subscriber u JOIN (SELECT subscriber, to_jsonb(p) AS profile FROM segment.profile p OFFSET 0) p USING (subscriber),
     LATERAL oracle.features(u.events, u.t) o,
     LATERAL (SELECT key, (p.profile->>key)::numeric, value::numeric FROM jsonb_each_text(o)) f (name, actual, expected)
WHERE f.actual IS DISTINCT FROM f.expected
UNION ALL
SELECT 'history', d.name, r.subscriber
FROM record r
JOIN segment.definition d USING (segment_id)
LEFT JOIN segment.state s USING (subscriber)
WHERE r.repeated OR r.entry <> (s.members IS NOT NULL AND segment_id < 8 * length(s.members) AND get_bit(s.members, segment_id) = 1)
UNION ALL
SELECT 'since', m.segment || ' ' || m.since || ' <> ' || coalesce(r.since::text, 'never'), m.subscriber
FROM stored m JOIN segment.definition d ON d.name = m.segment JOIN segment.state s USING (subscriber)
LEFT JOIN record r ON r.segment_id = d.segment_id AND r.subscriber = m.subscriber
-- Whoever entered after the last evaluation, or by a load that nobody has looked at, is not on record yet.
WHERE m.since IS DISTINCT FROM r.since AND NOT (m.since > s.evaluated_at OR m.since = s.evaluated_at AND octet_length(s.memory) % 20 = 1)
UNION ALL
SELECT 'verify: ' || finding, coalesce(segment, '') || ' ' || stored || ' <> ' || expected, subscriber FROM segment.verify();
