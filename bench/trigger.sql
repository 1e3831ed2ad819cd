-- The comparator: four counters per subscriber and nothing else, as fast as plpgsql keeps them. One statement per
-- statement, one row per subscriber, in order so that writers do not deadlock, and room on the page for HOT updates.
CREATE TABLE counter (
  subscriber bigint PRIMARY KEY,
  events     bigint NOT NULL,
  value      numeric NOT NULL,
  last_at    timestamptz NOT NULL,
  purchases  bigint NOT NULL
) WITH (fillfactor = 70);

INSERT INTO counter
SELECT subscriber, count(*), coalesce(sum(value), 0), max(at), count(*) FILTER (WHERE kind = 'purchase')
FROM event GROUP BY subscriber ORDER BY subscriber;

CREATE FUNCTION count_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO counter AS c
  SELECT subscriber, count(*), coalesce(sum(value), 0), max(at), count(*) FILTER (WHERE kind = 'purchase')
  FROM inserted GROUP BY subscriber ORDER BY subscriber
  ON CONFLICT (subscriber) DO UPDATE
  SET events = c.events + excluded.events, value = c.value + excluded.value,
      last_at = greatest(c.last_at, excluded.last_at), purchases = c.purchases + excluded.purchases;
  RETURN NULL;
END
$$;
CREATE TRIGGER count_events AFTER INSERT ON event REFERENCING NEW TABLE AS inserted
  FOR EACH STATEMENT EXECUTE FUNCTION count_events();
VACUUM ANALYZE counter;
