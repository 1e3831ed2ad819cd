-- Random histories against the oracle. oracle.script() writes one part of a history as SQL commands, which psql runs with
-- \gexec; what they do with the rows is decided when they run. Both are decided by the seed: rows are chosen by their id
-- and never by where they lie.
CREATE FUNCTION oracle.pick(options anyarray) RETURNS anyelement LANGUAGE sql VOLATILE AS $$
  SELECT options[1 + floor(random() * array_length(options, 1))::int]
$$;

-- A whole number below a bound.
CREATE FUNCTION oracle.below(bound integer) RETURNS integer LANGUAGE sql VOLATILE AS $$
  SELECT floor(random() * bound)::int
$$;

-- Chooses about so many hundredths of all ids; others with every salt.
CREATE FUNCTION oracle.chosen(id text, salt integer, hundredths integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT abs(hashtextextended(id, salt) % 100) < hundredths
$$;

-- Definitions ------------------------------------------------------------------------------------------------

-- With changes of the clocks, of half an hour and at midnight among them, and parts of hours ahead of UTC.
CREATE FUNCTION oracle.random_zone() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT oracle.pick(ARRAY['UTC', 'UTC', 'Europe/Paris', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'America/St_Johns', 'Asia/Beirut', 'Asia/Kathmandu'])
$$;

-- Spans of the calendar.
CREATE FUNCTION oracle.random_span() RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  moments text[] := ARRAY['today', 'yesterday', 'this_week', 'last_week', 'this_month', 'last_month', 'this_year', 'now-3d/d', 'now-1M/d', 'now/h', 'now-2h/m'];
BEGIN
  RETURN CASE oracle.below(6)
    WHEN 0 THEN jsonb_build_object('on', oracle.pick(moments || ARRAY['-3 days', '2026-03-20']))
    WHEN 1 THEN jsonb_build_object('on', oracle.pick(moments))
    WHEN 2 THEN jsonb_build_object('from', oracle.pick(moments || ARRAY['now/d+90m', '2026-03-29T02:30', '2026-03-20']))
    WHEN 3 THEN jsonb_build_object('until', oracle.pick(moments || ARRAY['now/d+90m', '2026-04-05']))
    WHEN 4 THEN jsonb_build_object('from', 'last_month', 'until', oracle.pick(ARRAY['today', 'this_month', 'this_week', 'now-2h/m']))
    ELSE jsonb_build_object('from', oracle.pick(ARRAY['last_week', 'now-1M/d', '2026-03-10']), 'until', oracle.pick(ARRAY['now/h', 'yesterday', 'now/d+90m']))
  END;
END
$$;

CREATE FUNCTION oracle.random_leaf() RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  leaf jsonb;
  number integer := oracle.below(4);
  test jsonb := oracle.pick(ARRAY[jsonb_build_object(oracle.pick(ARRAY['min', 'max', 'gt', 'lt', 'equals']), number),
                                  jsonb_build_object('between', jsonb_build_array(number, number + 2))]);
BEGIN
  -- Less than no events are refused.
  IF test = '{"lt": 0}' THEN test := '{"lt": 1}'; END IF;
  IF random() < 0.12 THEN RETURN oracle.random_attribute(); END IF;
  IF random() < 0.25 THEN
    RETURN oracle.pick(ARRAY[
      jsonb_build_object('attribute', 'engagement_score', 'min', round(random()::numeric, 2)),
      jsonb_build_object('attribute', 'days_since_last', 'min', oracle.below(40)),
      jsonb_build_object('attribute', 'open_rate_30d', 'lt', greatest(round(random()::numeric, 1), 0.1)),
      jsonb_build_object('attribute', 'click_rate_30d', 'gt', least(round(random()::numeric, 1), 0.9)),
      jsonb_build_object('attribute', 'conversion_rate_90d', 'min', round(random()::numeric, 1)),
      jsonb_build_object('attribute', 'total_events_7d', 'between', jsonb_build_array(1, 3)),
      jsonb_build_object('attribute', 'total_events_30d', 'equals', 2),
      jsonb_build_object('attribute', 'total_value_90d', 'lt', oracle.below(80)),
      jsonb_build_object('attribute', 'lifetime_value', 'gt', 100),
      jsonb_build_object('attribute', 'freq_purchase', 'min', round(random()::numeric, 1)),
      jsonb_build_object('attribute', 'scores.email_engagement', 'lt', greatest(round(random()::numeric, 1), 0.1)),
      jsonb_build_object('attribute', 'avg_order_value', 'max', oracle.below(60)),
      jsonb_build_object('attribute', 'recency', 'between', jsonb_build_array(1, 20)),
      jsonb_build_object('attribute', 'last_activity_days', 'gt', oracle.below(10)),
      jsonb_build_object('attribute', 'total_value_30d', 'lt', oracle.below(80)),
      jsonb_build_object('attribute', 'freq_visit', 'gt', round(random()::numeric, 1)),
      jsonb_build_object('attribute', 'pref_a', 'min', round(random()::numeric, 1)),
      jsonb_build_object('attribute', 'weekend_share', 'lt', greatest(round(random()::numeric, 1), 0.1)),
      jsonb_build_object('attribute', 'content_preference_a', 'min', 0.48 + 0.03 * oracle.below(4)),
      jsonb_build_object('attribute', 'content_preference_a', 'lt', 0.5),
      jsonb_build_object('attribute', 'inter_purchase_days', 'max', oracle.below(30)),
      jsonb_build_object('attribute', 'engagement_consistency', 'max', 0.5)]);
  END IF;
  leaf := jsonb_build_object('event', oracle.pick(ARRAY['purchase', 'open', 'email_click', 'visit', 'refund', 'unheard_of']));
  IF random() < 0.3 THEN
    leaf := leaf || jsonb_build_object('sum', jsonb_build_object(oracle.pick(ARRAY['min', 'max', 'lt']), oracle.below(60)));
    IF random() < 0.4 THEN leaf := leaf || '{"of": "depth"}'; END IF;
  ELSIF random() < 0.8 THEN
    leaf := leaf || jsonb_build_object('count', test);
  END IF;
  IF random() < 0.7 THEN
    leaf := leaf || jsonb_build_object('within', oracle.pick(ARRAY['90 minutes', '3 days', '7 days', '30 days', '90 days', '1 year']));
  END IF;
  IF random() < 0.3 THEN
    leaf := leaf || jsonb_build_object('where', oracle.pick(ARRAY[
      '{"colour": {"equals": "red"}}', '{"colour": {"not_equals": "red"}}', '{"depth": {"min": 2}}', '{"value": {"min": 20}}',
      '{"tags": {"has": "a"}}', '{"colour": {"contains": "e"}, "depth": {"exists": true}}', '{"colour": {"in": ["red", "blue"]}}']::jsonb[]));
  END IF;
  IF random() < 0.15 THEN
    leaf := leaf || oracle.pick(ARRAY['{"weekdays": [6, 7]}', '{"weekdays": [1, 3, 5]}', '{"hours": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}', '{"months": [2, 4]}',
      '{"hours": [22, 23], "weekdays": [5, 6, 7]}']::jsonb[]);
  END IF;
  IF random() < 0.2 THEN RETURN leaf || oracle.random_span(); END IF;
  IF random() < 0.5 THEN RETURN leaf; END IF;
  -- Of the latest event, of most events, and between events.
  IF random() < 0.2 THEN
    IF random() < 0.4 THEN leaf := leaf || '{"event": "*"}'; END IF;
    RETURN leaf - 'count' - 'sum' - 'of' - 'within' || oracle.pick(ARRAY[
      jsonb_build_object('latest', jsonb_build_object(oracle.pick(ARRAY['min', 'max', 'lt']), oracle.below(60))),
      jsonb_build_object('latest', jsonb_build_object('gt', oracle.below(3)), 'of', 'depth'),
      jsonb_build_object('latest_hour', jsonb_build_object('min', oracle.below(24))),
      jsonb_build_object('latest_weekday', jsonb_build_object('max', greatest(oracle.below(7), 1))),
      jsonb_build_object('average_gap', jsonb_build_object(oracle.pick(ARRAY['min', 'max']), oracle.below(20))),
      jsonb_build_object('peak_hour', jsonb_build_object('max', oracle.below(24)), 'within', oracle.pick(ARRAY['90 minutes', '7 days', '30 days', '90 days'])),
      jsonb_build_object('peak_weekday', jsonb_build_object('min', oracle.below(7)), 'within', oracle.pick(ARRAY['3 days', '30 days', '90 days'])),
      '{"last": "*"}', '{"first": "*"}', '{"last": "*", "within": "3 days"}',
      '{"mode": "red", "of": "colour"}', '{"mode": 1.5, "of": "depth", "within": "30 days"}', '{"mode": "b", "of": "category", "older_than": "3 days"}']::jsonb[]);
  END IF;
  -- The other measures, spans and patterns, and sequences.
  IF random() < 0.25 THEN
    RETURN jsonb_build_object('sequence', (
        SELECT jsonb_agg(jsonb_build_object('event', oracle.pick(ARRAY['purchase', 'open', 'email_click', 'visit', 'refund']), 'absent', n > 1 AND random() < 0.4)
          || CASE WHEN random() < 0.2 THEN '{"where": {"value": {"min": 20}}}'::jsonb ELSE '{}' END)
        FROM generate_series(1, 2 + oracle.below(1)) n)) || oracle.pick(ARRAY['{"within": "90 minutes"}', '{"within": "90 minutes", "step_within": "20 minutes"}', '{"within": "3 days"}',
        '{"within": "3 days", "step_within": "5 hours"}', '{"within": "30 days", "step_within": "20 minutes"}', '{"within": "30 days", "step_within": "4 days"}']::jsonb[]);
  END IF;
  IF random() < 0.4 THEN
    RETURN leaf - 'count' - 'sum' - 'of' - 'within' || oracle.pick(ARRAY[
      '{"streak": {"min": 1}}', '{"streak": {"max": 1}}', '{"streak": {"min": 2}}',
      '{"trend": {"min": 0.5}, "within": "3 days"}', '{"trend": {"lt": 0}, "within": "30 days"}',
      '{"trend": {"gt": 0}, "within": "7 days", "of": "value"}', '{"trend": {"max": 1}, "within": "1 hour"}',
      '{"stopped": "3 days"}', '{"within": "30 days", "stopped": "7 days"}', '{"within": "3 days", "restarted": "9 days"}',
      '{"within": "90 minutes", "restarted": "3 days"}',
      '{"regularly": {"every": "5 days", "periods": 4, "at_least": 2}}',
      '{"regularly": {"every": "36 hours", "periods": 6, "at_least": 3}, "count": {"max": 1}}']::jsonb[]);
  END IF;
  IF random() < 0.6 THEN
    leaf := leaf - 'count' - 'sum' - 'of' || oracle.pick(ARRAY['{"first": true}', '{"minimum": {"max": 5}}', '{"minimum": {"gt": 1}, "of": "depth"}',
      '{"maximum": {"min": 30}}', '{"maximum": {"lt": 20}}', '{"distinct": {"min": 2}, "of": "colour"}', '{"distinct": {"max": 1}, "of": "value"}', '{"last": true}', '{"average": {"min": 20}}',
      '{"average": {"lt": 2.5}, "of": "depth"}', '{"average": {"equals": 5}}']::jsonb[]);
  END IF;
  IF random() < 0.5 THEN
    leaf := leaf - 'within' || oracle.pick(ARRAY['{"older_than": "3 days"}', '{"older_than": "90 minutes"}', '{"older_than": "30 days"}',
      '{"within": "30 days", "older_than": "36 hours"}', '{"within": "3 days", "older_than": "90 minutes"}']::jsonb[]);
  END IF;
  IF random() < 0.3 THEN RETURN leaf || oracle.random_span(); END IF;
  IF random() < 0.3 THEN leaf := leaf || jsonb_build_object('from', segment.now() - oracle.below(40 * 24) * interval '1 hour'); END IF;
  IF random() < 0.3 THEN leaf := leaf || jsonb_build_object('until', segment.now() + (12 + oracle.below(100)) * interval '1 hour'); END IF;
  RETURN leaf;
END
$$;

-- Criteria that refer to no segment but those that may be referred to.
CREATE FUNCTION oracle.random_criteria(depth integer, referable text[]) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  form text := oracle.pick(ARRAY['leaf', 'leaf', 'leaf', 'all', 'any', 'none', 'not', 'all', 'segment', 'at_least', 'bucket', 'tier']);
  tiers segment.tier_set;
  place integer;
  nodes jsonb := '[]';
BEGIN
  IF form = 'bucket' THEN
    RETURN jsonb_build_object('bucket', jsonb_build_object('salt', oracle.pick(ARRAY['spring', 'autumn']), 'from', oracle.below(40), 'to', 41 + oracle.below(50)));
  END IF;
  IF form = 'tier' THEN
    -- Of a set all of whose segments may be referred to; with null the place of whoever is in none.
    SELECT * INTO tiers FROM segment.tier_set s
    WHERE s.segments <@ ARRAY(SELECT segment_id FROM segment.definition WHERE name = ANY (referable)) ORDER BY s.tier_set LIMIT 1;
    IF FOUND THEN
      place := oracle.below(cardinality(tiers.segments) + 1);
      RETURN jsonb_build_object('segment', (SELECT name FROM segment.definition WHERE segment_id = tiers.segments[place]), 'tier_set', tiers.tier_set);
    END IF;
  END IF;
  IF form = 'segment' AND cardinality(referable) > 0 THEN RETURN jsonb_build_object('segment', oracle.pick(referable)); END IF;
  IF depth = 0 OR form IN ('leaf', 'segment', 'tier') THEN RETURN oracle.random_leaf(); END IF;
  IF form = 'not' THEN RETURN jsonb_build_object('not', oracle.random_criteria(depth - 1, referable)); END IF;
  FOR i IN 1 .. oracle.below(3) LOOP
    nodes := nodes || jsonb_build_array(oracle.random_criteria(depth - 1, referable));
  END LOOP;
  IF form = 'at_least' THEN
    nodes := nodes || jsonb_build_array(oracle.random_criteria(depth - 1, referable));
    RETURN jsonb_build_object('at_least', 1 + oracle.below(jsonb_array_length(nodes) - 1), 'of', nodes);
  END IF;
  RETURN jsonb_build_object(form, nodes);
END
$$;

CREATE FUNCTION oracle.referable(before integer DEFAULT NULL) RETURNS text[] LANGUAGE sql STABLE AS $$
  SELECT coalesce(array_agg(name ORDER BY segment_id), '{}') FROM segment.definition WHERE ready AND (before IS NULL OR segment_id < before)
$$;

-- By hand, about some segment; where that says nothing new, nothing must change.
CREATE FUNCTION oracle.decide(who text, what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  chosen text := (SELECT name FROM segment.definition WHERE ready ORDER BY oracle.below(1000), segment_id LIMIT 1);
  wanted boolean := CASE what WHEN 'add' THEN true WHEN 'exclude' THEN false END;
  before boolean := (SELECT member FROM oracle.decided WHERE segment = chosen AND subscriber = who);
  new boolean;
BEGIN
  IF chosen IS NULL THEN RETURN; END IF;
  new := CASE what WHEN 'add' THEN segment.add_member(chosen, who) WHEN 'exclude' THEN segment.exclude_member(chosen, who)
                   ELSE segment.release_member(chosen, who) END;
  IF new IS DISTINCT FROM (wanted IS DISTINCT FROM before) THEN RAISE EXCEPTION '% of % in % says %', what, who, chosen, new; END IF;
  DELETE FROM oracle.decided WHERE segment = chosen AND subscriber = who;
  INSERT INTO oracle.decided SELECT chosen, who, wanted WHERE wanted IS NOT NULL;
END
$$;

CREATE PROCEDURE oracle.define(what text, label text) LANGUAGE plpgsql AS $$
DECLARE
  chosen record;
  count integer := (SELECT count(*) FROM segment.definition);
BEGIN
  IF what = 'drop' OR what <> 'tiers' AND count > 5 THEN
    SELECT name INTO chosen FROM segment.definition d
    WHERE NOT EXISTS (SELECT FROM segment.definition WHERE concat(criteria, criteria_before) LIKE '%"segment": "' || d.name || '"%')
      AND NOT EXISTS (SELECT FROM segment.tier_set WHERE d.segment_id = ANY (segments))
    ORDER BY oracle.below(1000), segment_id LIMIT 1;
    PERFORM segment.drop_segment(chosen.name) WHERE chosen.name IS NOT NULL;
  ELSIF what = 'tiers' THEN
    -- With other sets it is not known any more where whoever an unfinished change has not reached has been meanwhile.
    IF EXISTS (SELECT FROM segment.definition WHERE criteria_before IS NOT NULL) THEN RETURN; END IF;
    -- Sets that nothing refers to go, and another one comes.
    PERFORM segment.drop_tier_set(tier_set) FROM segment.tier_set s
    WHERE NOT EXISTS (SELECT FROM segment.definition WHERE criteria::text LIKE '%"tier_set": "' || s.tier_set || '"%');
    PERFORM segment.create_tier_set(label, t.tiers) FROM (
      SELECT array_agg(name ORDER BY place) AS tiers
      FROM (SELECT name, oracle.below(1000) AS place FROM segment.definition WHERE ready ORDER BY place, segment_id LIMIT 1 + oracle.below(3)) d) t
    WHERE t.tiers IS NOT NULL;
  ELSIF what = 'alter' AND count > 0 THEN
    SELECT name, segment_id INTO chosen FROM segment.definition ORDER BY oracle.below(1000), segment_id LIMIT 1;
    CALL segment.alter_segment(chosen.name, oracle.random_criteria(2, oracle.referable(chosen.segment_id)));
  ELSIF what = 'concurrently' THEN
    CALL segment.create_segment_concurrently(label, oracle.random_criteria(2, oracle.referable()), 'made while others write', oracle.random_zone());
  ELSE
    PERFORM segment.create_segment(label, oracle.random_criteria(2, oracle.referable()), time_zone => oracle.random_zone());
  END IF;
END
$$;

-- What a crash can leave of a change that writers do not wait for: it is in force, and has reached nobody. In a session of its own.
CREATE FUNCTION oracle.stop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('oracle.stop', true) = 'on' THEN RAISE EXCEPTION 'stopped'; END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER stop BEFORE UPDATE ON segment.run FOR EACH ROW EXECUTE FUNCTION oracle.stop();

CREATE PROCEDURE oracle.leave_unfinished(label text) LANGUAGE plpgsql AS $$
DECLARE
  altered record;
  command text := format('CALL segment.create_segment_concurrently(%L, %L, NULL, %L)', label, oracle.random_criteria(2, oracle.referable()), oracle.random_zone());
  psql text := format('%s/psql -X -q -h %s -p %s -d %s > /dev/null 2>&1', (SELECT setting FROM pg_config() WHERE name = 'BINDIR'),
                      split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
BEGIN
  IF random() < 0.5 THEN
    SELECT name, segment_id INTO altered FROM segment.definition d
    WHERE NOT EXISTS (SELECT FROM segment.definition WHERE criteria::text LIKE '%"segment": "' || d.name || '"%')
      AND NOT EXISTS (SELECT FROM segment.tier_set WHERE d.segment_id = ANY (segments))
    ORDER BY oracle.below(1000), segment_id LIMIT 1;
    IF FOUND THEN
      command := format('CALL segment.alter_segment(%L, %L)', altered.name, oracle.random_criteria(2, oracle.referable(altered.segment_id)));
    END IF;
  END IF;
  COMMIT;
  EXECUTE format('COPY (VALUES (''SET oracle.stop = on;''), (%L), (%L)) TO PROGRAM %L', format('SET pg_segment.clock = %L;', segment.now()), command, psql);
  COMMIT;
  IF NOT EXISTS (SELECT FROM segment.definition WHERE changing IS NOT NULL) THEN RAISE EXCEPTION 'not left unfinished: %', command; END IF;
END
$$;

-- Goes on with such a change, or begins one.
CREATE PROCEDURE oracle.unfinished(label text) LANGUAGE plpgsql AS $$
DECLARE
  begun segment.definition := (SELECT d FROM segment.definition d WHERE changing IS NOT NULL ORDER BY segment_id LIMIT 1);
BEGIN
  IF begun IS NULL THEN
    CALL oracle.leave_unfinished(label);
  ELSIF begun.ready THEN
    CALL segment.alter_segment(begun.name, begun.criteria);
  ELSE
    CALL segment.create_segment_concurrently(begun.name, begun.criteria, begun.description, begun.time_zone);
  END IF;
END
$$;

-- Values --------------------------------------------------------------------------------------------------------

-- Future, late, on a pane's edge, now, duplicate, and such that are no events.
CREATE FUNCTION oracle.random_time() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT CASE oracle.below(12)
    WHEN 0 THEN segment.now() + random() * interval '5 days'
    WHEN 1 THEN segment.now() - random() * interval '400 days'
    WHEN 2 THEN segment.now() - random() * interval '3 hours'
    WHEN 3 THEN date_trunc('hour', segment.now() - random() * interval '31 days')
    WHEN 4 THEN date_trunc('day', segment.now() - oracle.below(4) * interval '1 day')
    WHEN 5 THEN segment.now()
    WHEN 6 THEN CASE oracle.below(6) WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '0044-03-15 12:00+00 BC'
                  ELSE segment.now() + interval '30 days' END::timestamptz
    ELSE segment.now() - random() * interval '60 days'
  END
$$;

CREATE FUNCTION oracle.random_number() RETURNS numeric LANGUAGE sql VOLATILE AS $$
  SELECT oracle.pick(ARRAY[round((random() * 60)::numeric, 2), round((random() * 60)::numeric, 2), 25, 0.1, -5, NULL, 'NaN', 'Infinity', '-Infinity',
                           1.0000005, -2.0000015, 9e12, 1e13, 9223372036854.775807])
$$;

CREATE FUNCTION oracle.random_details() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT oracle.pick(ARRAY['{"colour": "red", "depth": 1.5, "category": "a"}', '{"colour": "blue", "tags": ["a", "b"], "depth": 3, "category": "b"}', '{"colour": null, "depth": "2", "category": "a"}',
                           '{"tags": "a", "value": 50}', '{"depth": 1e400, "value": 1e-9}', '[1]', '"text"', NULL]::jsonb[])
$$;

CREATE FUNCTION oracle.random_kind() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT oracle.pick(ARRAY['open', 'email_open', 'click', 'email_click', 'purchase', 'visit', 'complaint', NULL])
$$;

CREATE FUNCTION oracle.random_name() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT oracle.pick(ARRAY['1', '2', '3', 'é', '', NULL])
$$;

-- Writes --------------------------------------------------------------------------------------------------------

-- Events that follow from others: at once, and when the transaction ends.
CREATE FUNCTION oracle.reward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO segment.event (subscriber, event_type, occurred_at, value) VALUES (NEW.customer_id, 'reward', NEW.ordered_at, NEW.total);
  UPDATE shop.reading SET kind = 'open' WHERE device = NEW.customer_id AND kind = 'click';
  RETURN NULL;
END
$$;
CREATE TRIGGER reward AFTER INSERT ON shop.orders FOR EACH ROW
  WHEN (NEW.total > 50 AND NEW.customer_id IS NOT NULL AND isfinite(NEW.ordered_at)) EXECUTE FUNCTION oracle.reward();
CREATE FUNCTION oracle.follow_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO shop.visit VALUES (NEW.user_id, NEW.happened::date, 1) ON CONFLICT (visitor, day) DO UPDATE SET pages = shop.visit.pages + 1;
  RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER follow_up AFTER INSERT ON shop.activity INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.kind = 'click' AND isfinite(NEW.happened)) EXECUTE FUNCTION oracle.follow_up();

CREATE FUNCTION oracle.random_insert() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  rows integer := 1 + floor(random() * random() * 6);
  salt integer := oracle.below(1000000);
BEGIN
  CASE oracle.below(9)
    WHEN 0, 1 THEN
      INSERT INTO shop.orders (customer_id, ordered_at, total)
      SELECT nullif(oracle.below(6), 0), oracle.random_time(), oracle.random_number() FROM generate_series(1, rows);
    WHEN 2, 3 THEN
      INSERT INTO shop.activity (kind, happened, user_id, weight, details)
      SELECT oracle.random_kind(), oracle.random_time(), oracle.random_name(), oracle.random_number(), oracle.random_details()
      FROM generate_series(1, rows);
    WHEN 4 THEN
      INSERT INTO shop.visit
      SELECT DISTINCT ON (v, d) oracle.pick(ARRAY['1', '4', '5']) AS v, oracle.random_time()::date AS d, oracle.below(9) FROM generate_series(1, rows)
      ON CONFLICT (visitor, day) DO UPDATE SET pages = EXCLUDED.pages + 1;
    WHEN 5 THEN
      INSERT INTO shop.customer SELECT oracle.below(4) FROM generate_series(1, 2) ON CONFLICT DO NOTHING;
      INSERT INTO shop.refund (customer, refunded_at, amount)
      SELECT id, oracle.random_time(), oracle.random_number() FROM (SELECT id FROM shop.customer ORDER BY id LIMIT rows) c;
    WHEN 6 THEN
      INSERT INTO shop.ledger (shard, account, booked, kind, amount, details)
      SELECT oracle.below(2), oracle.random_name(), oracle.random_time(), oracle.random_kind(), oracle.below(90) - 30, oracle.random_details()
      FROM generate_series(1, rows);
      -- Into parts, by their own names.
      INSERT INTO shop.ledger_0 (id, shard, account, booked, kind) SELECT 1000000 + salt, 0, '2', oracle.random_time(), 'open' WHERE random() < 0.3;
      INSERT INTO shop.ledger_1 (id, shard, account, booked, kind) SELECT 1000000 + salt, 1, '3', oracle.random_time(), 'click' WHERE random() < 0.3;
      INSERT INTO shop.ledger_2 (id, shard, account, booked, kind, amount)
      SELECT 1000000 + salt, 2, oracle.pick(ARRAY['1', 'only in a part']), oracle.random_time(), 'purchase', 7 WHERE random() < 0.5;
    WHEN 7 THEN
      INSERT INTO shop.reading (device, taken_at, kind) SELECT oracle.below(6), oracle.random_time(), oracle.random_kind() FROM generate_series(1, rows);
      INSERT INTO shop.reading_old (id, device, taken_at, kind) SELECT 1000000 + salt, 3, oracle.random_time(), oracle.random_kind() WHERE random() < 0.5;
    ELSE
      IF random() < 0.3 THEN
        EXECUTE format('COPY shop.orders (customer_id, ordered_at, total) FROM PROGRAM %L', format($f$printf '%s\t%s\t%s\n3\t%s\t\\N\n'$f$,
                       1 + oracle.below(5), oracle.random_time(), coalesce(oracle.random_number(), 1), segment.now()));
      ELSE
        PERFORM segment.record_event('2', oracle.pick(ARRAY['open', 'visit']), oracle.random_time(), 7.5, '{"colour": "green"}');
      END IF;
  END CASE;
END
$$;

CREATE FUNCTION oracle.random_change() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  salt integer := oracle.below(1000000);
BEGIN
  CASE oracle.below(20)
    WHEN 0 THEN DELETE FROM shop.orders WHERE oracle.chosen(id::text, salt, 30);
    WHEN 1 THEN DELETE FROM shop.activity WHERE id IN (SELECT id FROM shop.activity ORDER BY happened DESC, id LIMIT 1);
    WHEN 2 THEN UPDATE shop.orders SET ordered_at = oracle.random_time() WHERE id IN (SELECT max(id) FROM shop.orders);
    WHEN 3 THEN UPDATE shop.orders SET customer_id = 1 + (customer_id + 1) % 5, total = total * 2 WHERE oracle.chosen(id::text, salt, 30);
    WHEN 4 THEN UPDATE shop.activity SET kind = 'click', details = details || '{"depth": 4}' WHERE jsonb_typeof(details) = 'object' AND oracle.chosen(id::text, salt, 40);
    WHEN 5 THEN UPDATE shop.activity SET weight = 3, happened = happened - interval '3 days', user_id = nullif(user_id, '3') || '' WHERE oracle.chosen(id::text, salt, 30);
    WHEN 6 THEN
      MERGE INTO shop.visit v USING (VALUES ('1', segment.now()::date), ('9', segment.now()::date)) s (visitor, day)
      ON v.visitor = s.visitor AND v.day = s.day
      WHEN MATCHED AND v.pages > 3 THEN DELETE WHEN MATCHED THEN UPDATE SET pages = v.pages + 1
      WHEN NOT MATCHED THEN INSERT VALUES (s.visitor, s.day, 1);
    WHEN 7 THEN
      WITH gone AS (DELETE FROM shop.orders WHERE oracle.chosen(id::text, salt, 20) RETURNING *)
      INSERT INTO shop.orders (customer_id, ordered_at, total) SELECT customer_id, ordered_at, total FROM gone ORDER BY id;
    WHEN 8 THEN
      WITH gone AS (DELETE FROM shop.activity WHERE oracle.chosen(id::text, salt, 30) RETURNING *),
           changed AS (UPDATE shop.orders SET total = total + 1 WHERE oracle.chosen(id::text, salt, 30) RETURNING id)
      INSERT INTO shop.ledger (shard, account, booked, kind) SELECT oracle.below(2), user_id, happened AT TIME ZONE 'UTC', kind FROM gone ORDER BY id;
    WHEN 9 THEN UPDATE shop.visit SET day = day + 1 WHERE (visitor, day) IN (SELECT visitor, max(day) FROM shop.visit GROUP BY visitor);
    -- Cascades to refunds: new subscribers, and none.
    WHEN 10 THEN UPDATE shop.customer SET id = id + 10 WHERE id IN (SELECT max(id) FROM shop.customer);
    WHEN 11 THEN DELETE FROM shop.customer WHERE oracle.chosen(id::text, salt, 30);
    WHEN 12 THEN UPDATE shop.refund SET amount = amount + 1, refunded_at = oracle.random_time() WHERE id IN (SELECT max(id) FROM shop.refund);
    -- Out of one part into another.
    WHEN 13 THEN UPDATE shop.ledger SET shard = 1 - shard WHERE shard < 2 AND oracle.chosen(id::text, salt, 40);
    WHEN 14 THEN UPDATE shop.ledger SET account = oracle.pick(ARRAY['1', '2', '5']), kind = 'open', amount = 5, details = '{"colour": "red"}' WHERE oracle.chosen(id::text, salt, 40);
    WHEN 15 THEN DELETE FROM shop.ledger WHERE oracle.chosen(id::text, salt, 30);
    WHEN 16 THEN UPDATE shop.reading SET device = device + 1 WHERE oracle.chosen(id::text, salt, 40);
    WHEN 17 THEN DELETE FROM shop.reading WHERE oracle.chosen(id::text, salt, 30);
    WHEN 18 THEN
      DELETE FROM shop.ledger_1 WHERE oracle.chosen(id::text, salt, 30);
      UPDATE shop.ledger_2 SET booked = booked - interval '1 day' WHERE oracle.chosen(id::text, salt, 30);
      UPDATE shop.reading_old SET kind = 'purchase' WHERE oracle.chosen(id::text, salt, 30);
    ELSE
      UPDATE segment.event SET occurred_at = occurred_at - interval '1 hour', value = oracle.random_number() WHERE oracle.chosen(event_id::text, salt, 30);
      DELETE FROM segment.event WHERE oracle.chosen(event_id::text, salt + 1, 20);
  END CASE;
END
$$;

-- More than a transaction may change before it leaves memberships to refresh: a thousand people come and go.
CREATE FUNCTION oracle.crowd() RETURNS void LANGUAGE sql AS $$
  INSERT INTO shop.activity (kind, happened, user_id) SELECT 'open', timestamp '2020-01-01', 'crowd ' || i FROM generate_series(1, 1001) i;
  DELETE FROM shop.activity WHERE user_id LIKE 'crowd%';
$$;

CREATE FUNCTION oracle.truncate() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CASE oracle.below(7)
    WHEN 6 THEN TRUNCATE shop.person;
    WHEN 0 THEN TRUNCATE shop.visit;
    WHEN 1 THEN TRUNCATE shop.orders, shop.activity;
    WHEN 2 THEN TRUNCATE shop.ledger;
    WHEN 3 THEN TRUNCATE shop.ledger_1;
    WHEN 4 THEN TRUNCATE shop.customer CASCADE;
    ELSE TRUNCATE shop.reading;
  END CASE;
END
$$;

-- Parts that come and go with their rows.
CREATE FUNCTION oracle.parts() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF random() < 0.6 THEN
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'shop.ledger_2'::regclass) THEN
      ALTER TABLE shop.ledger DETACH PARTITION shop.ledger_2;
    ELSE
      ALTER TABLE shop.ledger ATTACH PARTITION shop.ledger_2 FOR VALUES IN (2);
    END IF;
  ELSIF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'shop.reading_old'::regclass) THEN
    ALTER TABLE shop.reading_old NO INHERIT shop.reading;
  ELSE
    ALTER TABLE shop.reading_old INHERIT shop.reading;
  END IF;
END
$$;

-- A source that goes, or comes again, captured in either way.
CREATE PROCEDURE oracle.source() LANGUAGE plpgsql AS $$
DECLARE
  source regclass := oracle.pick(ARRAY['shop.orders', 'shop.visit', 'shop.refund', 'shop.ledger', 'shop.reading']);
BEGIN
  IF random() < 0.3 THEN
    IF oracle.people_attached() THEN PERFORM segment.detach_profiles('shop.person'); ELSE CALL shop.attach_people(); END IF;
  ELSIF oracle.attached(source) THEN PERFORM segment.detach_source(source);
  ELSE CALL shop.attach(source, oracle.pick(ARRAY['statement', 'row']));
  END IF;
END
$$;

-- Checks ------------------------------------------------------------------------------------------------------------

-- What a preview says of criteria that no segment has, some of which need what no state has, while something is queued too.
CREATE FUNCTION oracle.check_preview() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  newest segment.definition := (SELECT d FROM segment.definition d ORDER BY segment_id DESC LIMIT 1);
  asked jsonb := (ARRAY[jsonb_build_object('not', newest.criteria),
                        '{"event": "purchase", "sum": {"min": 20}, "of": "value", "within": "11 days"}',
                        '{"event": "visit", "count": {"max": 1}, "within": "50 minutes"}',
                        jsonb_build_object('any', jsonb_build_array(jsonb_build_object('segment', newest.name), '{"event": "click", "within": "3 days"}'::jsonb))
                       ]::jsonb[])[1 + floor(extract(epoch FROM segment.now()))::bigint % 4];
  told bigint;
  expected bigint;
BEGIN
  IF asked IS NULL OR newest IS NULL THEN RETURN; END IF;
  SELECT members INTO told FROM segment.preview(asked, time_zone => newest.time_zone);
  SELECT count(*) INTO expected FROM oracle.subscriber u WHERE oracle.holds(asked, u.events, u.t, newest.time_zone);
  IF told <> expected THEN
    RAISE EXCEPTION 'the preview says % and not %, at %', told, expected, segment.now() USING DETAIL = asked;
  END IF;
END
$$;

-- While something is queued, only that what is stored and what is queued make up what is there.
CREATE FUNCTION oracle.check() RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  wrong record;
BEGIN
  PERFORM oracle.check_preview();
  IF EXISTS (SELECT FROM segment.queue) THEN
    SELECT finding, concat_ws(' ', segment, stored, '<>', expected) AS segment, subscriber INTO wrong FROM segment.verify() LIMIT 1;
  ELSE
    SELECT difference AS finding, segment, subscriber INTO wrong FROM oracle.difference LIMIT 1;
  END IF;
  IF FOUND THEN
    RAISE EXCEPTION '%: % in %, at %', wrong.finding, wrong.subscriber, wrong.segment, segment.now()
      USING DETAIL = (SELECT string_agg(name || ': ' || criteria, E'\n') FROM segment.definition);
  END IF;
END
$$;

-- The clock, which a new session takes over.
CREATE TABLE oracle.clock (at timestamptz);
INSERT INTO oracle.clock VALUES (NULL);
CREATE FUNCTION oracle.set_clock(new timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE oracle.clock SET at = new;
  SELECT set_config('pg_segment.clock', new::text, false);
$$;

-- Time passes, with one look at the end of it: what is on record must be true of every moment in between that is retained.
CREATE PROCEDURE oracle.pass(length interval) LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz;
  wrong record;
BEGIN
  CALL segment.refresh();
  began := segment.now();
  CREATE TEMPORARY TABLE evaluated AS SELECT subscriber, evaluated_at FROM segment.state;
  PERFORM oracle.set_clock(began + length);
  COMMIT;
  CALL segment.refresh(batch => 3);
  SELECT d.name, u.subscriber, m.t INTO wrong
  FROM (SELECT began + random() * length AS t FROM generate_series(1, 3)) m, oracle.subscriber u JOIN evaluated e USING (subscriber), oracle.definition d
  WHERE e.evaluated_at <= m.t AND m.t >= coalesce((SELECT at FROM segment.history_begin), '-infinity')
    AND oracle.is_member(d.name, d.criteria, u.events, m.t) IS DISTINCT FROM coalesce(
      (SELECT h.entry FROM oracle.history_entry h WHERE h.segment_id = d.segment_id AND h.subscriber = u.subscriber AND h.at <= m.t
       ORDER BY h.at DESC, h.place DESC LIMIT 1), false);
  IF FOUND THEN
    RAISE EXCEPTION 'the history is wrong about % in % at %, between % and %', wrong.subscriber, wrong.name, wrong.t, began, segment.now()
      USING DETAIL = (SELECT string_agg(name || ': ' || criteria, E'\n') FROM segment.definition);
  END IF;
  DROP TABLE evaluated;
END
$$;

-- Histories -----------------------------------------------------------------------------------------------------------

CREATE PROCEDURE oracle.begin(segments integer) LANGUAGE plpgsql AS $$
DECLARE
  source regclass;
BEGIN
  TRUNCATE shop.orders, shop.activity, shop.visit, shop.customer, shop.refund, shop.ledger, shop.ledger_2, shop.reading, shop.reading_old, shop.person, segment.event
    RESTART IDENTITY;
  COMMIT;
  DELETE FROM segment.tier_set;
  DELETE FROM segment.definition;
  DELETE FROM segment.stream;
  TRUNCATE oracle.decided, oracle.forecast, oracle.held, segment.prediction;
  -- Nobody is left, and the clock may begin anew.
  TRUNCATE segment.state, segment.due, segment.membership, segment.history, segment.history_begin, segment.queue;
  IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'shop.ledger_2'::regclass) THEN ALTER TABLE shop.ledger DETACH PARTITION shop.ledger_2; END IF;
  IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'shop.reading_old'::regclass) THEN ALTER TABLE shop.reading_old NO INHERIT shop.reading; END IF;
  FOREACH source IN ARRAY ARRAY['shop.orders', 'shop.visit', 'shop.refund', 'shop.ledger', 'shop.reading']::regclass[] LOOP
    IF NOT oracle.attached(source) THEN CALL shop.attach(source, oracle.pick(ARRAY['statement', 'row'])); END IF;
  END LOOP;
  IF NOT oracle.people_attached() THEN CALL shop.attach_people(); END IF;
  PERFORM oracle.set_clock(timestamptz '2026-03-01' + random() * interval '30 days');
  COMMIT;
  FOR i IN 1 .. segments LOOP
    -- So that the third may refer to it.
    IF i = 3 AND random() < 0.5 THEN PERFORM segment.create_tier_set('tiers', oracle.pick(ARRAY['{s1,s2}', '{s2,s1}', '{s1}'])::text[]); END IF;
    PERFORM segment.create_segment('s' || i, oracle.random_criteria(2, oracle.referable()), time_zone => oracle.random_zone());
  END LOOP;
END
$$;

-- A write, changes of which no snapshot may be too old left out.
CREATE FUNCTION oracle.random_write() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT 'SELECT ' || oracle.pick(ARRAY['oracle.random_insert()', 'oracle.random_insert()', 'oracle.random_insert()', 'oracle.random_change()',
                                   'oracle.random_change()', 'oracle.random_people()', 'oracle.random_forecast()'])
$$;

-- The statements of a transaction, savepoints among them.
CREATE FUNCTION oracle.random_statements() RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  FOR i IN 1 .. 1 + oracle.below(3) LOOP
    RETURN NEXT oracle.random_write();
    IF random() < 0.3 THEN
      RETURN NEXT 'SAVEPOINT a';
      RETURN NEXT oracle.random_write();
      IF random() < 0.3 THEN RETURN NEXT 'SELECT segment.flush()'; END IF;
      IF random() < 0.5 THEN
        RETURN NEXT 'SAVEPOINT b';
        RETURN NEXT oracle.random_write();
        RETURN NEXT oracle.pick(ARRAY['ROLLBACK TO b', 'RELEASE b', 'SELECT segment.flush()']);
      END IF;
      RETURN NEXT oracle.pick(ARRAY['ROLLBACK TO a', 'RELEASE a', 'SELECT 1']);
    END IF;
    IF random() < 0.1 THEN RETURN NEXT oracle.pick(ARRAY['SELECT segment.flush()', 'SELECT oracle.crowd()']); END IF;
    IF random() < 0.1 THEN RETURN NEXT oracle.pick(ARRAY['SET LOCAL pg_segment.flush = statement', 'SET LOCAL pg_segment.flush = commit', 'SET CONSTRAINTS ALL IMMEDIATE']); END IF;
  END LOOP;
END
$$;

-- One part of a history, of so many steps, as SQL commands; each says in front where it comes from. The first part begins
-- anew, a later one goes on in another session. Looking less often leaves the history as it is.
CREATE FUNCTION oracle.script(seed integer, part integer, steps integer, look_every integer) RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  what text;
  mode text;
  command text;
  here text;
BEGIN
  PERFORM setseed(((seed::bigint * 10 + part) % 1000000007) / 1000000007.0);
  IF part = 0 THEN
    RETURN NEXT format('/* seed %s begins */ CALL oracle.begin(%s)', seed, CASE WHEN random() < 0.05 THEN 12 ELSE 3 END);
  ELSE
    RETURN NEXT format('/* seed %s part %s */ SELECT oracle.set_clock(at) FROM oracle.clock', seed, part);
    RETURN NEXT format('/* seed %s part %s */ SELECT oracle.check()', seed, part);
  END IF;
  RETURN NEXT format('/* seed %s part %s */ SET pg_segment.history_retention = %L', seed, part, (ARRAY['0', '2d', '20d'])[1 + seed % 3]);
  -- With 0 every transaction is a load.
  RETURN NEXT format('/* seed %s part %s */ SET pg_segment.load = %s', seed, part, (ARRAY[1000, 0])[1 + seed % 2]);
  FOR step IN 1 .. steps LOOP
    what := oracle.pick(ARRAY['write', 'write', 'write', 'write', 'block', 'block', 'block', 'block', 'prepare', 'clock', 'clock', 'refresh', 'refresh',
                              'define', 'define', 'decide', 'rare']);
    IF what = 'rare' THEN what := oracle.pick(ARRAY['truncate', 'parts', 'parts', 'parts', 'source', 'rebuild', 'back', 'later']); END IF;
    -- In others than those of the seeds that are kept, which would not be what they were.
    IF seed % 8 IN (1, 6) AND random() < 0.1 THEN what := 'unfinished'; END IF;
    mode := oracle.pick(ARRAY['commit', 'commit', 'commit', 'statement', 'queued']);
    here := format('/* seed %s part %s step %s: %s */ ', seed, part, step, what);
    IF what IN ('write', 'block', 'prepare', 'truncate', 'parts') THEN
      RETURN NEXT here || 'SET pg_segment.flush = ' || mode;
    END IF;
    CASE what
      WHEN 'write' THEN RETURN NEXT here || oracle.random_write();
      WHEN 'truncate' THEN RETURN NEXT here || 'SELECT oracle.truncate()';
      WHEN 'block', 'prepare', 'parts' THEN
        RETURN NEXT here || 'BEGIN ISOLATION LEVEL ' || oracle.pick(ARRAY['READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE']);
        FOR command IN SELECT * FROM oracle.random_statements() LOOP RETURN NEXT here || command; END LOOP;
        IF what = 'parts' THEN RETURN NEXT here || 'SELECT oracle.parts()'; RETURN NEXT here || oracle.random_write(); END IF;
        IF what <> 'prepare' THEN
          RETURN NEXT here || oracle.pick(ARRAY['COMMIT', 'COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK']);
        ELSE
          RETURN NEXT here || format('PREPARE TRANSACTION %L', current_database());
          -- Nobody else waits for it but who writes about the same subscribers.
          IF random() < 0.3 THEN RETURN NEXT here || 'SELECT oracle.check()'; END IF;
          IF random() < 0.3 THEN RETURN NEXT here || format('INSERT INTO shop.orders (customer_id, ordered_at) VALUES (%s, segment.now())', 100 * (part + 1) + step); END IF;
          IF random() < 0.3 THEN RETURN NEXT here || 'CALL segment.refresh()'; END IF;
          -- Or in another session, after the last step.
          IF step < steps OR part > 0 THEN
            RETURN NEXT here || format(oracle.pick(ARRAY['COMMIT PREPARED %L', 'COMMIT PREPARED %L', 'ROLLBACK PREPARED %L']), current_database());
          END IF;
        END IF;
      WHEN 'clock' THEN
        RETURN NEXT here || CASE WHEN random() < 0.5 THEN format('CALL oracle.pass(%L)', random() * random() * interval '40 days')
                                 ELSE format('SELECT oracle.set_clock(segment.now() + interval %L)', random() * random() * interval '40 days') END;
      WHEN 'back' THEN RETURN NEXT here || format('SELECT oracle.set_clock(segment.now() - interval %L)', random() * random() * interval '20 days');
      WHEN 'later' THEN RETURN NEXT here || format('CALL segment.refresh(until => segment.now() + interval %L)', random() * interval '5 days');
      WHEN 'refresh' THEN RETURN NEXT here || 'CALL segment.refresh(batch => 2)';
      WHEN 'rebuild' THEN RETURN NEXT here || 'CALL segment.rebuild()';
      WHEN 'decide' THEN
        RETURN NEXT here || format('SELECT oracle.decide(%L, %L)', oracle.pick(ARRAY['1', '2', '3', 'é', 'nobody']), oracle.pick(ARRAY['add', 'add', 'exclude', 'release']));
      WHEN 'source' THEN RETURN NEXT here || 'CALL oracle.source()';
      WHEN 'unfinished' THEN RETURN NEXT here || format('CALL oracle.unfinished(%L)', format('u%s.%s', part, step));
      WHEN 'define' THEN
        RETURN NEXT here || format('CALL oracle.define(%L, %L)', oracle.pick(ARRAY['create', 'create', 'concurrently', 'concurrently', 'alter', 'alter', 'alter', 'drop', 'drop', 'tiers', 'tiers', 'tiers']), format('d%s.%s', part, step));
    END CASE;
    IF NOT (what = 'prepare' AND step = steps AND part = 0) THEN
      IF step = steps AND random() < 0.5 THEN RETURN NEXT here || 'CALL segment.refresh()'; END IF;
      IF step % look_every = 0 OR step = steps THEN RETURN NEXT here || 'SELECT oracle.check()'; END IF;
    END IF;
  END LOOP;
END
$$;
