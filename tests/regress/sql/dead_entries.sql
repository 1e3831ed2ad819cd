-- The same subscribers again and again in large transactions: look-ups come upon entries of the index whose rows are dead.
SET timezone = 'UTC';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA dead_entries;
SET search_path = dead_entries;
CREATE TABLE event (who integer, at timestamptz);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', constant_type => 'again');
SELECT count(segment.create_segment('de ' || i, jsonb_build_object('event', 'again', 'within', '60 days', 'older_than', '30 days', 'count', jsonb_build_object('min', i))))
FROM generate_series(1, 20) i;
CREATE PROCEDURE again() LANGUAGE sql AS $$
  INSERT INTO event SELECT i % 20000, timestamptz '2026-06-01 12:00:00+00' - (i * 7919 % 8640000) * interval '1 second' FROM generate_series(1, 60000) i
$$;
CALL again();
CALL again();
CALL again();
CALL again();
SELECT count(*) FROM segment.verify();
SELECT segment, members FROM segment.summary WHERE segment ~ '^de ' AND members > 0 ORDER BY segment;
-- The same from the events.
SELECT n, count(*) FROM generate_series(1, 20) n,
  (SELECT count(*) FILTER (WHERE date_trunc('hour', at) > timestamptz '2026-04-02 12:00:00+00' AND date_trunc('hour', at) <= timestamptz '2026-05-02 12:00:00+00') AS held
   FROM event GROUP BY who) s
WHERE held >= n GROUP BY n ORDER BY n;
SELECT count(segment.drop_segment('de ' || i)) FROM generate_series(1, 20) i;
SELECT segment.detach_source('event') > 0 AS detached;
DROP SCHEMA dead_entries CASCADE;
SET client_min_messages = warning;
DELETE FROM segment.state;
DELETE FROM segment.due;
