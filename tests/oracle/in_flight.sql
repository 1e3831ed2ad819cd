-- Random transactions in the midst of whose statements definitions are changed, people are decided about, merged and forgotten,
-- and other rows are written: from the statement itself, from triggers before and after its rows, behind a cascade, and at the
-- end of the transaction. What is chosen is decided by the seed. After each of them verify() finds nothing.
CREATE SCHEMA flight;
SET search_path = flight;

CREATE TABLE visit_group (id integer PRIMARY KEY);
CREATE TABLE visit (
  who text, at timestamptz, kind text, worth numeric,
  group_id integer REFERENCES visit_group ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mail (who text, at timestamptz, kind text, worth numeric);
CREATE TABLE sale (
  who text, at timestamptz, kind text, worth numeric, group_id integer REFERENCES visit_group ON DELETE SET NULL
) PARTITION BY LIST (kind);
CREATE TABLE sale_open PARTITION OF sale FOR VALUES IN ('open');
CREATE TABLE sale_rest PARTITION OF sale DEFAULT;
CREATE TABLE person (who text PRIMARY KEY, country text);
INSERT INTO visit_group SELECT generate_series(1, 6);

SELECT segment.attach_source('visit', 'who', 'at', event_type => 'kind', value => 'worth'),
  segment.attach_source('mail', 'who', 'at', event_type => 'kind', value => 'worth', capture => 'row'),
  segment.attach_source('sale', 'who', 'at', event_type => 'kind', value => 'worth'),
  segment.attach_profiles('person', 'who');
SELECT segment.create_segment('base', '{"event": "open", "count": {"min": 2}}');

CREATE FUNCTION pick(VARIADIC options text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT options[1 + floor(random() * array_length(options, 1))::int]
$$;
CREATE FUNCTION below(bound integer) RETURNS integer LANGUAGE sql VOLATILE AS $$
  SELECT floor(random() * bound)::int
$$;
CREATE FUNCTION anybody() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT 'w' || flight.below(7) $$;

CREATE FUNCTION any_criteria() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT flight.pick(
    format('{"attribute": "traits.country", "equals": "%s"}', flight.pick('DK', 'NO')),
    format('{"event": "%s", "count": {"min": %s}}', flight.pick('open', 'buy', 'look'), 1 + flight.below(4)),
    format('{"event": "%s", "where": {"value": {"min": %s}}}', flight.pick('open', 'buy', 'look'), flight.below(9)),
    format('{"event": "%s", "within": "%s days"}', flight.pick('open', 'buy', 'look'), 1 + flight.below(40))
  )
$$;

-- A statement that writes rows.
CREATE FUNCTION any_write() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  relation text := flight.pick('visit', 'visit', 'mail', 'sale', 'sale', 'sale_open', 'person', 'visit_group');
  kind text := CASE relation WHEN 'sale_open' THEN 'open' ELSE flight.pick('open', 'buy', 'look') END;
BEGIN
  CASE relation
    WHEN 'person' THEN
      RETURN flight.pick(
        format('INSERT INTO flight.person VALUES (%L, %L) ON CONFLICT (who) DO UPDATE SET country = excluded.country', flight.anybody(), flight.pick('DK', 'NO')),
        format('UPDATE flight.person SET country = %L', flight.pick('DK', 'NO')),
        format('DELETE FROM flight.person WHERE who = %L', flight.anybody()));
    WHEN 'visit_group' THEN
      RETURN flight.pick(
        format('DELETE FROM flight.visit_group WHERE id = %s', 1 + flight.below(6)),
        format('INSERT INTO flight.visit_group VALUES (%s) ON CONFLICT DO NOTHING', 1 + flight.below(6)),
        format('UPDATE flight.visit_group SET id = id + 1000 WHERE id = %s', 1 + flight.below(6)));
    ELSE
      RETURN CASE flight.below(9)
        WHEN 0 THEN format('DELETE FROM flight.%I WHERE who = %L', relation, flight.anybody())
        WHEN 1 THEN format('DELETE FROM flight.%I WHERE who = %L AND worth > 2', relation, flight.anybody())
        WHEN 2 THEN format('UPDATE flight.%I SET who = %L WHERE who = %L', relation, flight.anybody(), flight.anybody())
        WHEN 3 THEN format('UPDATE flight.%I SET kind = %L, at = at - interval ''1 day'' WHERE who = %L', relation, kind, flight.anybody())
        ELSE format(
          'INSERT INTO flight.%I (who, at, kind, worth%s) SELECT ''w'' || (i * %s) %% 7, timestamptz ''2026-06-01 12:00+00'' - interval ''%s minutes'', %L, i%s FROM generate_series(%s, %s) i',
          relation, CASE relation WHEN 'mail' THEN '' ELSE ', group_id' END, flight.pick('1', '3'),
          flight.pick('0', '1', '60', '500', '5000', '50000', '-30'), kind,
          CASE relation WHEN 'mail' THEN '' ELSE format(', (SELECT max(id) FROM flight.visit_group WHERE id <= %s)', flight.below(7)) END,
          flight.below(7), 7 + flight.below(4))
      END;
  END CASE;
END $$;

-- What is done in the midst of one.
CREATE FUNCTION any_act() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT CASE flight.below(20)
    WHEN 0 THEN format('SELECT segment.drop_segment(''s%s'')', flight.below(6))
    WHEN 1 THEN format('SELECT segment.drop_segment(''s%s'')', flight.below(6))
    WHEN 2 THEN format('SELECT segment.create_feature(''f%s'', %L)', flight.below(3), format('{"event": "%s", "within": "%s days", "where": {"value": {"max": 3}}}', flight.pick('open', 'buy'), 1 + flight.below(50)))
    WHEN 3 THEN format('SELECT segment.drop_feature(''f%s'')', flight.below(3))
    WHEN 4 THEN format('SELECT segment.add_member(''base'', %L)', flight.anybody())
    WHEN 5 THEN format('SELECT segment.exclude_member(''s%s'', %L)', flight.below(6), flight.anybody())
    WHEN 6 THEN format('SELECT segment.release_member(''base'', %L)', flight.anybody())
    WHEN 7 THEN 'SELECT segment.flush()'
    WHEN 8 THEN 'SELECT segment.flush()'
    WHEN 9 THEN format('SELECT segment.merge_subscribers(ARRAY[%L], ARRAY[%L])', flight.anybody(), flight.anybody())
    WHEN 10 THEN 'SELECT segment.unmerge_subscribers(ARRAY(SELECT subscriber FROM segment.identity ORDER BY 1 LIMIT 1))'
    WHEN 11 THEN format('SELECT segment.forget(%L)', flight.anybody())
    WHEN 12 THEN flight.pick('SELECT segment.create_tier_set(''t'', ARRAY[''base'', ''s1''])', 'SELECT segment.drop_tier_set(''t'')')
    WHEN 13 THEN flight.pick(
      'SELECT segment.detach_source(''flight.mail'')', 'SELECT segment.detach_profiles(''flight.person'')',
      'SELECT segment.attach_source(''flight.mail'', ''who'', ''at'', event_type => ''kind'', value => ''worth'', capture => ''row'')',
      'SELECT segment.attach_profiles(''flight.person'', ''who'')')
    WHEN 14 THEN flight.any_write()
    WHEN 15 THEN flight.any_write()
    ELSE format('SELECT segment.create_segment(''s%s'', %L)', flight.below(6), flight.any_criteria())
  END
$$;

-- What is to be done at a place, once.
CREATE TABLE script (place text PRIMARY KEY, command text);

-- Does it. What is refused for what there is at the time is left undone.
CREATE FUNCTION act(at_place text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE todo text;
BEGIN
  DELETE FROM flight.script WHERE place = at_place RETURNING command INTO todo;
  IF todo IS NOT NULL THEN
    EXECUTE todo;
  END IF;
  RETURN NULL;
EXCEPTION
  WHEN invalid_parameter_value OR undefined_object OR duplicate_object OR object_not_in_prerequisite_state OR object_in_use
    OR dependent_objects_still_exist OR unique_violation OR foreign_key_violation OR triggered_data_change_violation THEN
    RETURN NULL;
END $$;
CREATE FUNCTION act_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM flight.act(TG_ARGV[0]);
  RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER a_before BEFORE INSERT OR UPDATE OR DELETE ON visit FOR EACH ROW EXECUTE FUNCTION act_here('before a row');
CREATE TRIGGER a_after AFTER INSERT OR UPDATE OR DELETE ON visit FOR EACH ROW EXECUTE FUNCTION act_here('after a row');
CREATE TRIGGER a_before BEFORE INSERT OR UPDATE OR DELETE ON sale FOR EACH STATEMENT EXECUTE FUNCTION act_here('before');
CREATE TRIGGER zz_after AFTER INSERT OR UPDATE OR DELETE ON sale FOR EACH STATEMENT EXECUTE FUNCTION act_here('after');
CREATE TRIGGER zz_after AFTER UPDATE OR DELETE ON visit_group FOR EACH ROW EXECUTE FUNCTION act_here('behind a cascade');
CREATE TRIGGER a_after AFTER INSERT OR UPDATE OR DELETE ON person FOR EACH ROW EXECUTE FUNCTION act_here('after a profile');
CREATE CONSTRAINT TRIGGER at_end AFTER INSERT OR UPDATE OR DELETE ON mail DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION act_here('at the end');

-- Runs so many transactions.
CREATE PROCEDURE run(seed integer, transactions integer) LANGUAGE plpgsql AS $$
DECLARE
  done text[];
  command text;
  differences text;
BEGIN
  PERFORM setseed(seed / 1e6);
  FOR transaction IN 1 .. transactions LOOP
    done := '{}';
    PERFORM set_config('pg_segment.flush', flight.pick('commit', 'commit', 'statement', 'queued'), false);
    INSERT INTO flight.visit_group SELECT generate_series(1, 6) ON CONFLICT DO NOTHING;
    FOR statement IN 1 .. 1 + flight.below(3) LOOP
      command := flight.any_write();
      DELETE FROM flight.script;
      IF flight.below(2) = 0 THEN
        INSERT INTO flight.script VALUES ('within', flight.any_act());
        command := format('WITH written AS (%s RETURNING 1) SELECT flight.act(''within'') FROM written LIMIT 1', command);
      ELSE
        INSERT INTO flight.script
        SELECT flight.pick('before a row', 'after a row', 'before', 'after', 'behind a cascade', 'after a profile', 'at the end'), flight.any_act()
        FROM generate_series(1, 3) ON CONFLICT DO NOTHING;
      END IF;
      done := done || (SELECT array_agg(format('-- %s: %s', place, s.command)) FROM flight.script s) || command;
      BEGIN
        EXECUTE command;
        IF flight.below(8) = 0 THEN
          RAISE assert_failure;
        END IF;
      EXCEPTION
        WHEN assert_failure OR unique_violation OR foreign_key_violation OR triggered_data_change_violation THEN
          done := done || '-- rolled back'::text;
      END;
    END LOOP;
    COMMIT;
    SELECT string_agg(format('%s %s %s', subscriber, finding, segment), ', ') INTO differences FROM segment.verify();
    IF differences IS NOT NULL THEN
      RAISE 'seed %, transaction % (pg_segment.flush = %): %', seed, transaction, current_setting('pg_segment.flush'), differences
        USING DETAIL = array_to_string(done, E';\n');
    END IF;
  END LOOP;
END $$;
