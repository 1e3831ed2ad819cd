-- Safeguards against an oracle that steps hour by hour: all events lie at whole hours and all lengths of time are whole hours,
-- so that nothing happens in between. What the machine of the oracle says goes into oracle.decided, where the views of the
-- oracle, and segments that refer to others, find it.
CREATE SCHEMA steady;

-- Where somebody stands in a segment with safeguards, or stood when somebody decided by hand.
CREATE TABLE steady.place (
  segment text, subscriber text, member boolean NOT NULL, wishing_since timestamptz, entered timestamptz, by_hand boolean,
  PRIMARY KEY (segment, subscriber)
);

-- The same as of the last evaluation of each subscriber: time that passed since then moves nobody where the alarm is raised.
CREATE TABLE steady.evaluated (LIKE steady.place, at timestamptz, PRIMARY KEY (segment, subscriber));

-- The segments on hold, by hand or by the alarm.
CREATE TABLE steady.hold (segment text PRIMARY KEY);

-- Counts the alarms, of which there have to be some.
CREATE SEQUENCE steady.alarms;

CREATE FUNCTION steady.duration() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT oracle.pick(ARRAY['1 hour', '2 hours', '5 hours', '7 hours', '1 day', '30 hours'])
$$;

CREATE FUNCTION steady.random_leaf() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT CASE WHEN random() < 0.1 THEN oracle.pick(ARRAY['{"attribute": "predictions.churn", "min": 0.5}', '{"attribute": "traits.points", "exists": true}']::jsonb[])
    WHEN random() < 0.15 THEN oracle.pick(ARRAY['{"attribute": "traits.plan", "equals": "pro"}', '{"attribute": "traits.points", "min": 10}']::jsonb[])
                              || jsonb_build_object('held_for', steady.duration())
    WHEN random() < 0.15 THEN oracle.pick(ARRAY['{"attribute": "total_events_7d", "min": 4}', '{"attribute": "days_since_last", "max": 0}',
                                                          '{"attribute": "engagement_score", "min": 0.35}']::jsonb[])
    ELSE jsonb_build_object('event', oracle.pick(ARRAY['purchase', 'purchase', 'open', 'visit']), 'within', steady.duration()) || oracle.pick(ARRAY[
      '{}', '{"count": {"min": 2}}', '{"count": {"max": 1}}', '{"sum": {"min": 20}}', '{"average": {"min": 12}}', '{"last": true}',
      '{"distinct": {"min": 2}, "of": "value"}']::jsonb[]) END
$$;

CREATE FUNCTION steady.random_criteria(referable text[]) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT CASE
    WHEN random() < 0.25 AND cardinality(referable) > 0 THEN
      jsonb_build_object(oracle.pick(ARRAY['any', 'all', 'none']), jsonb_build_array(jsonb_build_object('segment', oracle.pick(referable)), steady.random_leaf()))
    WHEN random() < 0.5 THEN steady.random_leaf()
    WHEN random() < 0.3 THEN jsonb_build_object('not', steady.random_leaf())
    ELSE jsonb_build_object(oracle.pick(ARRAY['any', 'all']), jsonb_build_array(steady.random_leaf(), steady.random_leaf())) END
$$;

-- What time may do at once: shares that a move of one exceeds, and such as take several.
CREATE FUNCTION steady.random_most_moved() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT jsonb_build_object('most_moved', oracle.pick(ARRAY['0.2', '0.2', '0.5', '1', '{"share": 0.5, "count": 1}', '{"share": 0.1, "count": 2}']::jsonb[]))
$$;

-- One safeguard, or several together.
CREATE FUNCTION steady.random_safeguards(referable text[]) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  one integer := oracle.below(12);
  result jsonb := '{}';
BEGIN
  IF one > 7 THEN RETURN steady.random_most_moved(); END IF;
  IF one = 0 OR one > 3 AND random() < 0.5 THEN result := result || jsonb_build_object('enter_after', steady.duration()); END IF;
  IF one = 1 OR one > 3 AND random() < 0.5 THEN result := result || jsonb_build_object('leave_after', steady.duration()); END IF;
  IF one = 2 OR one > 3 AND random() < 0.5 THEN result := result || jsonb_build_object('stay', steady.duration()); END IF;
  IF one = 3 OR result = '{}' OR one > 3 AND random() < 0.5 THEN result := result || jsonb_build_object('leave', steady.random_criteria(referable)); END IF;
  IF random() < 0.5 THEN result := result || steady.random_most_moved(); END IF;
  RETURN result;
END
$$;

CREATE FUNCTION steady.micros(safeguards jsonb, key text) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce((safeguards->>key)::interval, '0')
$$;

-- The one tier set, of the first two segments; its moves may be limited.
CREATE FUNCTION steady.moves() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT moves FROM segment.tier_set WHERE tier_set = 'steady'
$$;

CREATE FUNCTION steady.on_hold(name text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM steady.hold WHERE segment = name)
$$;

-- Whether more than the criteria decides about a segment.
CREATE FUNCTION steady.guarded(name text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT safeguards IS NOT NULL OR steady.on_hold(d.name) OR d.name IN ('s1', 's2') AND steady.moves() IS NOT NULL FROM segment.definition d WHERE d.name = guarded.name
$$;

-- One look at one membership.
CREATE FUNCTION steady.look(d segment.definition, events oracle.event[], t timestamptz, INOUT p steady.place) LANGUAGE plpgsql AS $$
DECLARE
  enters boolean := oracle.holds(d.criteria, events, t);
  leaves boolean := CASE WHEN d.safeguards ? 'leave' THEN oracle.holds(d.safeguards->'leave', events, t) END;
  ready timestamptz;
BEGIN
  IF p.by_hand IS NOT NULL THEN RETURN; END IF;
  IF NOT (CASE WHEN p.member THEN coalesce(leaves, NOT enters) ELSE enters AND NOT coalesce(leaves, false) END) THEN
    p.wishing_since := NULL;
    RETURN;
  END IF;
  p.wishing_since := coalesce(p.wishing_since, t);
  ready := p.wishing_since + steady.micros(d.safeguards, CASE WHEN p.member THEN 'leave_after' ELSE 'enter_after' END);
  IF p.member AND p.wishing_since > '-infinity' THEN ready := greatest(ready, p.entered + steady.micros(d.safeguards, 'stay')); END IF;
  IF ready <= t AND NOT steady.on_hold(d.name) THEN
    p.member := NOT p.member;
    p.wishing_since := NULL;
    p.entered := CASE WHEN p.member THEN t END;
  END IF;
END
$$;

CREATE FUNCTION steady.tier(who text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT segment FROM oracle.decided WHERE subscriber = who AND segment IN ('s1', 's2') AND member ORDER BY 1 LIMIT 1), 'none')
$$;

CREATE FUNCTION steady.place_of(name text, who text) RETURNS steady.place LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT p FROM steady.place p WHERE segment = name AND subscriber = who), ROW(name, who, false, NULL, NULL, NULL)::steady.place)
$$;

CREATE FUNCTION steady.put(p steady.place) RETURNS void LANGUAGE sql AS $$
  DELETE FROM steady.place WHERE segment = p.segment AND subscriber = p.subscriber;
  INSERT INTO steady.place SELECT p.*;
  INSERT INTO oracle.decided VALUES (p.segment, p.subscriber, p.member) ON CONFLICT (segment, subscriber) DO UPDATE SET member = excluded.member;
$$;

-- Looks at somebody once, segments in the order in which they refer to each other.
CREATE FUNCTION steady.look_at(who text, events oracle.event[], t timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  d segment.definition;
  before steady.place[] := ARRAY[steady.place_of('s1', who), steady.place_of('s2', who)];
  tier text := CASE WHEN before[1].member THEN 's1' WHEN before[2].member THEN 's2' ELSE 'none' END;
  p steady.place;
BEGIN
  FOR d IN SELECT * FROM segment.definition WHERE steady.guarded(name) ORDER BY segment_id LOOP
    PERFORM steady.put(steady.look(d, events, t, steady.place_of(d.name, who)));
    IF d.name = 's2' AND steady.moves() IS NOT NULL AND tier <> steady.tier(who)
       AND NOT EXISTS (SELECT FROM jsonb_array_elements(steady.moves()) m WHERE m = jsonb_build_array(tier, steady.tier(who))) THEN
      -- The move is taken back; a wish that was granted stays one.
      FOREACH p IN ARRAY before LOOP
        IF p.by_hand IS NULL AND p.member <> (steady.place_of(p.segment, who)).member THEN
          p.wishing_since := CASE WHEN (SELECT safeguards IS NOT NULL OR steady.on_hold(name) FROM segment.definition WHERE name = p.segment)
                             THEN coalesce(nullif(p.wishing_since, '-infinity'), t) END;
          PERFORM steady.put(p);
        END IF;
      END LOOP;
    END IF;
  END LOOP;
END
$$;

-- Looks at everybody once, and notes where those stand who were evaluated just now, or who have no state to be evaluated.
CREATE FUNCTION steady.step() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM steady.look_at(subscriber, events, t) FROM oracle.subscriber;
  -- Whoever has no events is nobody, but by hand.
  DELETE FROM steady.place o WHERE by_hand IS NULL AND NOT EXISTS (SELECT FROM oracle.subscriber s WHERE s.subscriber = o.subscriber);
  DELETE FROM oracle.decided x WHERE NOT EXISTS (SELECT FROM steady.place q WHERE q.segment = x.segment AND q.subscriber = x.subscriber);
  DELETE FROM steady.evaluated e WHERE NOT EXISTS (SELECT FROM segment.state s WHERE s.subscriber = e.subscriber AND evaluated_at < segment.now());
  INSERT INTO steady.evaluated SELECT p.*, segment.now() FROM steady.place p
  WHERE NOT EXISTS (SELECT FROM segment.state s WHERE s.subscriber = p.subscriber AND evaluated_at < segment.now());
END
$$;

-- What a command does first that brings everybody to now: puts those segments on hold of which time has moved more people, since
-- the last evaluation of each, than it may. Then nobody has moved there since.
CREATE FUNCTION steady.catch_up() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  known integer := (SELECT count(*) FROM steady.hold);
  u record;
BEGIN
  INSERT INTO steady.hold
  SELECT d.name
  FROM (SELECT *, safeguards->'most_moved' AS most FROM segment.definition) d,
       LATERAL (SELECT count(*) FILTER (WHERE coalesce(e.member, false) <> coalesce(p.member, false)) AS moved, count(*) FILTER (WHERE e.member) AS members
                FROM (SELECT * FROM steady.evaluated WHERE segment = d.name) e FULL JOIN (SELECT * FROM steady.place WHERE segment = d.name) p USING (subscriber)) m
  WHERE most IS NOT NULL AND NOT steady.on_hold(d.name)
    AND moved > coalesce((most->>'count')::integer, 0) AND moved > members * coalesce(most->>'share', most #>> '{}')::float8;
  IF known = (SELECT count(*) FROM steady.hold) THEN RETURN; END IF;
  PERFORM nextval('steady.alarms');
  FOR u IN SELECT o.*, s.evaluated_at FROM oracle.subscriber o JOIN segment.state s USING (subscriber) WHERE s.evaluated_at < segment.now() LOOP
    PERFORM steady.put(ROW(e.segment, e.subscriber, e.member, e.wishing_since, e.entered, e.by_hand)::steady.place)
    FROM steady.evaluated e WHERE e.subscriber = u.subscriber;
    PERFORM steady.look_at(u.subscriber, u.events, hour) FROM generate_series(u.evaluated_at + interval '1 hour', segment.now(), interval '1 hour') hour;
  END LOOP;
END
$$;

-- More than the criteria decides, where nothing else did until then, or not any more.
CREATE FUNCTION steady.guard(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT steady.guarded(name) THEN
    DELETE FROM steady.place o WHERE o.segment = guard.name AND by_hand IS NULL;
    DELETE FROM oracle.decided x WHERE x.segment = guard.name AND NOT EXISTS (SELECT FROM steady.place q WHERE q.segment = x.segment AND q.subscriber = x.subscriber);
  ELSE
    INSERT INTO steady.place SELECT m.segment, m.subscriber, true, NULL, m.since, NULL FROM segment.member m WHERE m.segment = guard.name
    ON CONFLICT DO NOTHING;
  END IF;
END
$$;

-- By hand. Where there are no safeguards, nothing else is remembered.
CREATE FUNCTION steady.decide(chosen text, who text, wanted boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  guarded boolean := steady.guarded(chosen);
BEGIN
  IF chosen IS NULL THEN RETURN; END IF;
  IF wanted IS NULL THEN
    PERFORM segment.release_member(chosen, who);
    IF guarded THEN
      -- The criteria alone decide at once.
      UPDATE steady.place SET by_hand = NULL, wishing_since = '-infinity' WHERE segment = chosen AND subscriber = who AND by_hand IS NOT NULL;
    ELSE
      DELETE FROM steady.place WHERE segment = chosen AND subscriber = who;
      DELETE FROM oracle.decided WHERE segment = chosen AND subscriber = who;
    END IF;
  ELSE
    INSERT INTO steady.place
    SELECT chosen, who, wanted, NULL, CASE WHEN wanted THEN coalesce((SELECT since FROM segment.member WHERE segment = chosen AND subscriber = who), segment.now()) END, wanted
    ON CONFLICT (segment, subscriber) DO UPDATE SET member = wanted, wishing_since = NULL, by_hand = wanted,
      entered = CASE WHEN wanted THEN CASE WHEN place.member THEN place.entered ELSE segment.now() END END;
    INSERT INTO oracle.decided VALUES (chosen, who, wanted) ON CONFLICT (segment, subscriber) DO UPDATE SET member = wanted;
    IF wanted THEN PERFORM segment.add_member(chosen, who); ELSE PERFORM segment.exclude_member(chosen, who); END IF;
  END IF;
END
$$;

CREATE FUNCTION steady.write() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  hour timestamptz := segment.now() + (oracle.below(12) - 9) * interval '1 hour' * (random() < 0.5)::integer;
BEGIN
  IF random() < 0.25 THEN
    -- So many did the same that it is an alarm when time has passed.
    INSERT INTO segment.event (subscriber, event_type, occurred_at, value)
    SELECT who, 'purchase', segment.now() - oracle.below(2) * interval '1 hour', 25 FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e', 'f']) who;
  ELSIF random() < 0.75 THEN
    INSERT INTO segment.event (subscriber, event_type, occurred_at, value)
    SELECT oracle.pick(ARRAY['a', 'b', 'c', 'd']), oracle.pick(ARRAY['purchase', 'open', 'visit']), hour, oracle.pick(ARRAY[5, 10, 25])
    FROM generate_series(1, 1 + oracle.below(3));
  ELSIF random() < 0.7 THEN
    DELETE FROM segment.event WHERE event_id IN (SELECT event_id FROM segment.event ORDER BY oracle.below(1000), event_id LIMIT 1 + oracle.below(3));
  ELSIF random() < 0.8 THEN
    UPDATE segment.event SET occurred_at = hour, event_type = 'open' WHERE event_id IN (SELECT event_id FROM segment.event ORDER BY oracle.below(1000), event_id LIMIT 2);
  ELSE
    DELETE FROM segment.event WHERE subscriber = 'c';
  END IF;
  -- Of so many at once, the membership rows are left to refresh.
  IF random() < 0.15 THEN PERFORM oracle.crowd(); END IF;
END
$$;

-- What is known of somebody beside their events; what changes and changes back within a transaction, did not.
CREATE FUNCTION steady.tell() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  who text := oracle.pick(ARRAY['a', 'b', 'c', 'only a profile']);
BEGIN
  IF random() < 0.25 THEN
    PERFORM oracle.random_forecast();
  ELSIF random() < 0.15 THEN
    DELETE FROM shop.person WHERE id = who;
  ELSE
    IF random() < 0.2 AND current_setting('pg_segment.flush') = 'commit' THEN
      UPDATE shop.person SET plan = 'another', points = points - 1 WHERE id = who;
      UPDATE shop.person SET plan = (SELECT value #>> '{}' FROM oracle.held WHERE subscriber = id AND path = 'traits.plan'), points = points + 1 WHERE id = who;
    END IF;
    INSERT INTO shop.person (id, plan, points) VALUES (who, oracle.pick(ARRAY['pro', 'free', NULL]), oracle.pick(ARRAY[5, 25]))
    ON CONFLICT (id) DO UPDATE SET plan = CASE WHEN random() < 0.3 THEN excluded.plan ELSE person.plan END,
      points = CASE WHEN random() < 0.3 THEN excluded.points ELSE person.points END;
  END IF;
END
$$;

-- What segment.explain says is what the oracle's machine says.
CREATE FUNCTION steady.explained(p steady.place, safeguards jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT bool_and(holds) FILTER (WHERE path = '' AND condition LIKE 'member of%') = p.member
     AND (count(*) FILTER (WHERE path IN ('enter_after', 'leave_after', 'stay')) > 0) = (p.wishing_since IS NOT NULL AND NOT bool_or(condition ~ 'by (moves|hold)$'))
     AND coalesce(bool_and(changes_at = p.wishing_since + steady.micros(safeguards, path)) FILTER (WHERE path IN ('enter_after', 'leave_after')), true)
  FROM segment.explain(p.subscriber, p.segment)
$$;

CREATE FUNCTION steady.check(what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  wrong record;
BEGIN
  SELECT difference, segment, subscriber INTO wrong FROM oracle.difference LIMIT 1;
  IF NOT FOUND THEN
    SELECT 'explain' AS difference, p.segment, p.subscriber INTO wrong
    FROM steady.place p JOIN segment.definition d ON d.name = p.segment
    WHERE by_hand IS NULL AND steady.guarded(p.segment) AND NOT steady.explained(p, d.safeguards) LIMIT 1;
  END IF;
  IF NOT FOUND THEN
    SELECT 'hold' AS difference, d.name AS segment, 'everybody' AS subscriber INTO wrong
    FROM segment.definition d WHERE steady.on_hold(d.name) <> (on_hold_since IS NOT NULL) LIMIT 1;
  END IF;
  IF FOUND THEN
    RAISE EXCEPTION '% of % in % after %, at %', wrong.difference, wrong.subscriber, wrong.segment, what, segment.now()
      USING DETAIL = (SELECT string_agg(name || ': ' || criteria || coalesce(' ' || safeguards::text, '') || coalesce(' on hold since ' || on_hold_since, ''), E'\n' ORDER BY segment_id) || E'\n' || coalesce(steady.moves()::text, '') FROM segment.definition);
  END IF;
END
$$;

CREATE PROCEDURE steady.begin(segments integer) LANGUAGE plpgsql AS $$
BEGIN
  TRUNCATE steady.place, steady.evaluated, steady.hold;
  DELETE FROM segment.tier_set;
  CALL oracle.begin(0);
  PERFORM oracle.set_clock(timestamptz '2026-03-01');
  INSERT INTO segment.event (subscriber, event_type, occurred_at, value)
  SELECT oracle.pick(ARRAY['a', 'b', 'c']), oracle.pick(ARRAY['purchase', 'open', 'visit']), segment.now() - oracle.below(30) * interval '1 hour', 10 FROM generate_series(1, 8);
  COMMIT;
  FOR i IN 1 .. segments LOOP
    -- Of the first many leave at once.
    PERFORM segment.create_segment('s' || i, CASE WHEN i = 1 AND random() < 0.7
      THEN jsonb_build_object('event', 'purchase', 'within', steady.duration()) ELSE steady.random_criteria(oracle.referable()) END);
  END LOOP;
  PERFORM segment.create_tier_set('steady', ARRAY['s1', 's2']);
END
$$;

CREATE FUNCTION steady.random_moves() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_array(a, b) ORDER BY a, b) FILTER (WHERE random() < 0.6), '[]')
  FROM unnest(ARRAY['s1', 's2', 'none']) a, unnest(ARRAY['s1', 's2', 'none']) b WHERE a <> b
$$;

-- A history of so many hours, as SQL commands.
CREATE FUNCTION steady.script(seed integer, hours integer) RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  what text;
  name text;
  here text;
  segments integer := 3;
  quiet_until integer := 0;
BEGIN
  PERFORM setseed(((seed::bigint * 10 + 7) % 1000000007) / 1000000007.0);
  RETURN NEXT format('/* steady seed %s */ SELECT setseed(%s)', seed, random());
  RETURN NEXT format('/* steady seed %s */ CALL steady.begin(%s)', seed, segments);
  FOR i IN 1 .. segments LOOP
    RETURN NEXT format('/* steady seed %s */ CALL segment.set_safeguards(%L, %L)', seed, 's' || i, steady.random_most_moved());
    RETURN NEXT format('/* steady seed %s */ SELECT steady.guard(%L)', seed, 's' || i);
  END LOOP;
  RETURN NEXT format('/* steady seed %s */ SELECT steady.step()', seed);
  RETURN NEXT format('/* steady seed %s */ SET pg_segment.load = %s', seed, (ARRAY[1000, 0])[1 + seed % 2]);
  FOR hour IN 1 .. hours LOOP
    here := format('/* steady seed %s hour %s */ ', seed, hour);
    RETURN NEXT here || 'SELECT oracle.set_clock(segment.now() + interval ''1 hour''), steady.step()';
    -- Some hours only time passes, after which it moves several at once.
    IF hour > quiet_until AND random() < 0.3 THEN quiet_until := hour + 2 + oracle.below(8); END IF;
    FOR n IN 1 .. CASE WHEN hour < quiet_until THEN 0 ELSE oracle.below(4) END LOOP
      what := oracle.pick(ARRAY['write', 'write', 'write', 'write', 'refresh', 'guard', 'guard', 'decide', 'hold', 'rare']);
      IF what = 'rare' THEN what := oracle.pick(ARRAY['rebuild', 'alter', 'free', 'moves', 'moves']); END IF;
      name := 's' || 1 + oracle.below(segments);
      IF hour = quiet_until THEN what := 'refresh'; END IF;
      IF what NOT IN ('write', 'decide') THEN RETURN NEXT here || 'SELECT steady.catch_up()'; END IF;
      CASE what
        WHEN 'write' THEN
          RETURN NEXT here || format('SET pg_segment.flush = %s', oracle.pick(ARRAY['commit', 'commit', 'statement']));
          RETURN NEXT here || oracle.pick(ARRAY['SELECT steady.write()', 'SELECT steady.write()', 'SELECT steady.tell()', 'SELECT steady.write(), steady.tell()']);
          RETURN NEXT here || 'CALL oracle.note_held()';
        WHEN 'refresh' THEN RETURN NEXT here || 'CALL segment.refresh(batch => 2)';
        WHEN 'rebuild' THEN RETURN NEXT here || 'CALL segment.rebuild()';
        WHEN 'guard', 'free' THEN
          RETURN NEXT here || format('CALL segment.set_safeguards(%L, %L)', name,
            CASE WHEN what = 'guard' THEN steady.random_safeguards(ARRAY(SELECT 's' || i FROM generate_series(1, right(name, 1)::integer - 1) i)) END);
          RETURN NEXT here || format('SELECT steady.guard(%L)', name);
        WHEN 'hold' THEN
          IF random() < 0.3 THEN
            RETURN NEXT here || format('CALL segment.hold_segment(%L)', name);
            RETURN NEXT here || format('INSERT INTO steady.hold VALUES (%L) ON CONFLICT DO NOTHING', name);
          ELSE
            RETURN NEXT here || format('CALL segment.resume_segment(%L)', name);
            RETURN NEXT here || format('DELETE FROM steady.hold WHERE segment = %L', name);
          END IF;
          RETURN NEXT here || format('SELECT steady.guard(%L)', name);
        WHEN 'moves' THEN
          RETURN NEXT here || format('SELECT segment.set_tier_moves(''steady'', %L)', CASE WHEN random() < 0.8 THEN steady.random_moves() END);
          RETURN NEXT here || 'SELECT steady.guard(''s1''), steady.guard(''s2'')';
        WHEN 'alter' THEN
          RETURN NEXT here || format('CALL segment.alter_segment(%L, %L)', name,
            steady.random_criteria(ARRAY(SELECT 's' || i FROM generate_series(1, right(name, 1)::integer - 1) i)));
        WHEN 'decide' THEN
          RETURN NEXT here || format('SELECT steady.decide(%L, %L, %L::boolean)', name, oracle.pick(ARRAY['a', 'b', 'c', 'nobody']), oracle.pick(ARRAY[true, false, NULL, NULL]));
      END CASE;
      RETURN NEXT here || 'SELECT steady.step()';
    END LOOP;
    RETURN NEXT here || format('SELECT steady.check(%L)', what);
  END LOOP;
END
$$;
