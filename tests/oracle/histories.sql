-- Random histories against the oracle: random definitions, events changed in every way, savepoints rolled back,
-- the clock moved. Everything is decided by the seed.
CREATE FUNCTION oracle.pick(options anyarray) RETURNS anyelement LANGUAGE sql VOLATILE AS $$
  SELECT options[1 + floor(random() * array_length(options, 1))::int]
$$;

CREATE FUNCTION oracle.random_leaf() RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  leaf jsonb;
  test jsonb := jsonb_build_object(oracle.pick(ARRAY['min', 'max', 'gt', 'lt', 'equals']), floor(random() * 4));
BEGIN
  IF random() < 0.25 THEN
    RETURN oracle.pick(ARRAY[
      jsonb_build_object('attribute', 'engagement_score', 'min', round(random()::numeric, 2)),
      jsonb_build_object('attribute', 'days_since_last', 'min', floor(random() * 40)),
      jsonb_build_object('attribute', 'open_rate_30d', 'lt', round(random()::numeric, 1)),
      jsonb_build_object('attribute', 'total_events_7d', 'between', jsonb_build_array(1, 3)),
      jsonb_build_object('attribute', 'lifetime_value', 'gt', 100),
      jsonb_build_object('attribute', 'engagement_consistency', 'max', 0.5)]);
  END IF;
  leaf := jsonb_build_object('event', oracle.pick(ARRAY['purchase', 'open', 'email_click', 'visit', 'unheard_of']));
  IF random() < 0.3 THEN
    leaf := leaf || jsonb_build_object('sum', jsonb_build_object(oracle.pick(ARRAY['min', 'max', 'lt']), floor(random() * 60)));
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
  RETURN leaf;
END
$$;

CREATE FUNCTION oracle.random_criteria(depth integer DEFAULT 2) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  form text := oracle.pick(ARRAY['leaf', 'leaf', 'leaf', 'all', 'any', 'none', 'not', 'all']);
  nodes jsonb := '[]';
BEGIN
  IF depth = 0 OR form = 'leaf' THEN RETURN oracle.random_leaf(); END IF;
  IF form = 'not' THEN RETURN jsonb_build_object('not', oracle.random_criteria(depth - 1)); END IF;
  FOR i IN 1 .. floor(random() * 3) LOOP
    nodes := nodes || jsonb_build_array(oracle.random_criteria(depth - 1));
  END LOOP;
  RETURN jsonb_build_object(form, nodes);
END
$$;

CREATE FUNCTION oracle.random_time() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT CASE floor(random() * 8)::int
    WHEN 0 THEN segment.now() + random() * interval '5 days'
    WHEN 1 THEN segment.now() - random() * interval '400 days'
    WHEN 2 THEN segment.now() - random() * interval '3 hours'
    WHEN 3 THEN date_trunc('hour', segment.now() - random() * interval '31 days')
    ELSE segment.now() - random() * interval '60 days'
  END
$$;

CREATE FUNCTION oracle.random_insert() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  rows integer := 1 + floor(random() * random() * 6);
BEGIN
  CASE floor(random() * 5)::int
    WHEN 0, 1 THEN
      INSERT INTO shop.orders (customer_id, ordered_at, total)
      SELECT nullif(floor(random() * 6), 0), oracle.random_time(), oracle.pick(ARRAY[round((random() * 60)::numeric, 2), NULL, 'NaN', -5])
      FROM generate_series(1, rows);
    WHEN 2, 3 THEN
      INSERT INTO shop.activity (kind, happened, user_id, weight, details)
      SELECT oracle.pick(ARRAY['open', 'email_open', 'click', 'email_click', 'purchase', NULL]), oracle.random_time(),
             oracle.pick(ARRAY['1', '2', '3', 'é', '']), oracle.pick(ARRAY[0.1, 25, 'Infinity', NULL]),
             oracle.pick(ARRAY['{"colour": "red", "depth": 1.5}', '{"colour": "blue", "tags": ["a", "b"], "depth": 3}',
                               '{"colour": null, "depth": "2"}', '{"tags": "a", "value": 50}', '[1]', '"text"', NULL]::jsonb[])
      FROM generate_series(1, rows);
    ELSE
      INSERT INTO shop.visit
      SELECT DISTINCT ON (v) oracle.pick(ARRAY['1', '4', '5']) AS v, oracle.random_time()::date, floor(random() * 9) FROM generate_series(1, rows)
      ON CONFLICT (visitor, day) DO UPDATE SET pages = EXCLUDED.pages + 1;
  END CASE;
END
$$;

CREATE FUNCTION oracle.random_change() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  CASE floor(random() * 9)::int
    WHEN 0 THEN DELETE FROM shop.orders WHERE random() < 0.3;
    WHEN 1 THEN DELETE FROM shop.activity WHERE id IN (SELECT id FROM shop.activity ORDER BY happened DESC LIMIT 1);
    WHEN 2 THEN UPDATE shop.orders SET ordered_at = oracle.random_time() WHERE random() < 0.3;
    WHEN 3 THEN UPDATE shop.orders SET customer_id = 1 + floor(random() * 5) WHERE random() < 0.3;
    WHEN 4 THEN UPDATE shop.activity SET kind = 'click', details = details || '{"depth": 4}' WHERE jsonb_typeof(details) = 'object' AND random() < 0.4;
    WHEN 5 THEN
      MERGE INTO shop.visit v USING (VALUES ('1', segment.now()::date), ('9', segment.now()::date)) s (visitor, day)
      ON v.visitor = s.visitor AND v.day = s.day
      WHEN MATCHED AND v.pages > 3 THEN DELETE WHEN MATCHED THEN UPDATE SET pages = v.pages + 1
      WHEN NOT MATCHED THEN INSERT VALUES (s.visitor, s.day, 1);
    WHEN 6 THEN
      WITH gone AS (DELETE FROM shop.orders WHERE random() < 0.2 RETURNING *)
      INSERT INTO shop.orders (customer_id, ordered_at, total) SELECT customer_id, ordered_at, total FROM gone;
    WHEN 7 THEN PERFORM segment.record_event('2', oracle.pick(ARRAY['open', 'visit']), oracle.random_time(), 7.5, '{"colour": "green"}');
    ELSE
      IF random() < 0.3 THEN TRUNCATE shop.visit; ELSE UPDATE shop.visit SET day = day + 1 WHERE visitor = '1' AND day = (SELECT max(day) FROM shop.visit WHERE visitor = '1'); END IF;
  END CASE;
END
$$;

-- Events in a savepoint that is rolled back, or kept; with a flush inside, or not.
CREATE FUNCTION oracle.random_savepoint() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  keep boolean := random() < 0.5;
BEGIN
  IF random() < 0.5 THEN PERFORM oracle.random_insert(); END IF;
  BEGIN
    PERFORM oracle.random_insert();
    IF random() < 0.4 THEN PERFORM segment.flush(); END IF;
    BEGIN
      PERFORM oracle.random_change();
      IF random() < 0.5 THEN RAISE EXCEPTION 'inner'; END IF;
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    IF NOT keep THEN RAISE EXCEPTION 'outer'; END IF;
  EXCEPTION WHEN raise_exception THEN NULL;
  END;
  IF random() < 0.5 THEN PERFORM oracle.random_change(); END IF;
END
$$;

CREATE FUNCTION oracle.check(seed integer, step integer, what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  difference record;
BEGIN
  SELECT * INTO difference FROM oracle.difference LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'seed %, step % (%): % of % in %', seed, step, what, difference.difference, difference.subscriber, difference.segment
      USING DETAIL = (SELECT string_agg(name || ': ' || criteria, E'\n') FROM segment.definition);
  END IF;
END
$$;

-- One history of so many steps, each a transaction; compared after each second one and at the end.
CREATE PROCEDURE oracle.history(seed integer, steps integer) LANGUAGE plpgsql AS $$
DECLARE
  what text;
  definition text;
BEGIN
  PERFORM setseed(seed / 1000000.0);
  FOR definition IN SELECT name FROM segment.definition LOOP
    PERFORM segment.drop_segment(definition);
  END LOOP;
  TRUNCATE shop.orders, shop.activity, shop.visit, segment.event;
  COMMIT;
  -- Nobody is left, and the clock may begin anew.
  DELETE FROM segment.state;
  DELETE FROM segment.due;
  DELETE FROM segment.history;
  PERFORM set_config('pg_segment.clock', (timestamptz '2026-03-01' + random() * interval '30 days')::text, false);
  FOR i IN 1 .. 3 LOOP
    PERFORM segment.create_segment('s' || i, oracle.random_criteria());
  END LOOP;
  COMMIT;
  FOR step IN 1 .. steps LOOP
    what := oracle.pick(ARRAY['insert', 'insert', 'insert', 'insert', 'change', 'change', 'savepoint', 'clock', 'clock', 'refresh', 'define']);
    IF what = 'insert' THEN
      PERFORM oracle.random_insert();
    ELSIF what = 'change' THEN
      PERFORM oracle.random_change();
    ELSIF what = 'savepoint' THEN
      PERFORM oracle.random_savepoint();
    ELSIF what = 'clock' THEN
      PERFORM set_config('pg_segment.clock', (segment.now() + random() * random() * interval '40 days')::text, false);
    ELSIF what = 'refresh' THEN
      COMMIT;
      CALL segment.refresh(batch => 2);
    ELSIF (SELECT count(*) FROM segment.definition) > 4 THEN
      PERFORM segment.drop_segment((SELECT name FROM segment.definition ORDER BY random() LIMIT 1));
    ELSE
      PERFORM segment.create_segment('d' || step, oracle.random_criteria());
    END IF;
    COMMIT;
    IF step % 2 = 0 OR step = steps THEN
      PERFORM oracle.check(seed, step, what);
    END IF;
    COMMIT;
  END LOOP;
END
$$;

CREATE PROCEDURE oracle.histories(first integer, count integer, steps integer) LANGUAGE plpgsql AS $$
BEGIN
  FOR seed IN first .. first + count - 1 LOOP
    CALL oracle.history(seed, steps);
  END LOOP;
END
$$;
