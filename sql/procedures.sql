-- Moves time forward: everybody who is due by then is evaluated, in batches that commit one by one. A procedure
-- that commits cannot pin its search path, so every name is qualified.
CREATE PROCEDURE segment.refresh(until timestamptz DEFAULT NULL, batch integer DEFAULT 1000)
LANGUAGE plpgsql AS $$
DECLARE
  run bigint;
  pass record;
  subscribers bigint := 0;
  transitions bigint := 0;
BEGIN
  IF pg_catalog.pg_is_in_recovery() THEN
    RAISE NOTICE 'nothing to refresh: the server is in recovery';
    RETURN;
  END IF;
  LOOP
    SELECT r.subscribers, r.transitions INTO pass FROM segment._refresh_batch(until, batch) r;
    EXIT WHEN pass.subscribers OPERATOR(pg_catalog.=) 0;
    IF run IS NULL THEN
      run := segment._begin_run('refresh');
    END IF;
    subscribers := subscribers OPERATOR(pg_catalog.+) pass.subscribers;
    transitions := transitions OPERATOR(pg_catalog.+) pass.transitions;
    PERFORM segment._end_run(run, subscribers, transitions);
    COMMIT;
  END LOOP;
  RAISE NOTICE 'refreshed % due subscribers, % transitions', subscribers, transitions;
END
$$;

CREATE PROCEDURE segment.rebuild()
LANGUAGE plpgsql AS $$
DECLARE
  pass record;
BEGIN
  SELECT r.subscribers, r.transitions INTO pass FROM segment._rebuild() r;
  RAISE NOTICE 'rebuilt % subscribers, % transitions', pass.subscribers, pass.transitions;
END
$$;
