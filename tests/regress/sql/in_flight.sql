-- Definitions changed and people decided about in the midst of a statement that writes: its rows are there, and captured when it ends.
SET timezone = 'UTC';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
SET client_min_messages = warning;
CREATE SCHEMA flight;
SET search_path = flight;
CREATE TABLE events (id int, who text, at timestamptz DEFAULT '2026-06-01');
CREATE TABLE other (who text, at timestamptz);
SELECT segment.attach_source('events', 'who', 'at', constant_type => 'buy'), segment.attach_source('other', 'who', 'at', constant_type => 'look');
SELECT segment.create_segment('flight two', '{"event": "buy", "count": {"min": 2}}');
-- A new stream, in a statement that inserts, and in one that deletes.
WITH new AS (INSERT INTO events VALUES (1, 'flight.ann') RETURNING who)
SELECT segment.create_segment('flight by ' || who, '{"event": "buy", "where": {"value": {"exists": false}}}') FROM new;
SELECT * FROM segment.verify();
INSERT INTO events SELECT 10 + i, 'flight.dan', timestamptz '2026-01-01' + i * interval '1 second' FROM generate_series(1, 9) i;
WITH old AS (DELETE FROM events WHERE id IN (14, 15, 16) RETURNING who)
SELECT count(segment.create_segment('flight d', '{"event": "buy", "where": {"value": {"max": -1}}}')) FROM (SELECT DISTINCT who FROM old) o;
SELECT * FROM segment.verify();
WITH new AS (INSERT INTO events VALUES (2, 'flight.bob') RETURNING who)
SELECT segment.create_feature('flight_' || substr(who, 8), '{"event": "buy", "where": {"value": {"min": 3}}, "within": "20 days"}') FROM new;
SELECT * FROM segment.verify();
-- In its triggers, before and after the rows, and what the rest of the transaction does.
CREATE FUNCTION define() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM segment.create_segment('flight ' || TG_WHEN, format('{"event": "buy", "within": "%s days", "where": {"value": {"max": 1}}}', 7 + NEW.id)::jsonb);
  RETURN NEW;
END $$;
CREATE TRIGGER early BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.id = 41) EXECUTE FUNCTION define();
CREATE TRIGGER a_late AFTER INSERT ON events FOR EACH ROW WHEN (NEW.id = 44) EXECUTE FUNCTION define();
INSERT INTO events SELECT i, 'flight.' || i % 2 FROM generate_series(40, 43) i;
SELECT * FROM segment.verify();
BEGIN;
INSERT INTO events SELECT i, 'flight.' || i % 2 FROM generate_series(44, 46) i;
INSERT INTO events VALUES (47, 'flight.0');
SELECT segment.flush();
INSERT INTO events VALUES (48, 'flight.0'), (49, 'flight.new');
COMMIT;
SELECT * FROM segment.verify();
-- In a trigger of the table from which a deletion has come by cascade, before its own triggers have fired.
CREATE TABLE orders (id int PRIMARY KEY);
CREATE TABLE visits (who text, at timestamptz, order_id int REFERENCES orders ON DELETE CASCADE);
SELECT segment.attach_source('visits', 'who', 'at', constant_type => 'visit');
INSERT INTO orders SELECT generate_series(1, 5);
INSERT INTO visits SELECT 'flight.' || w, timestamptz '2026-05-01' + o * interval '1 day', o FROM generate_series(0, 2) w, generate_series(1, 5) o;
CREATE FUNCTION define_visits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM segment.create_segment('flight visits of ' || OLD.id, '{"event": "visit", "count": {"max": 0}, "where": {"value": {"max": 1}}}');
  RETURN NULL;
END $$;
CREATE TRIGGER zz_late AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION define_visits();
DELETE FROM orders WHERE id = 3;
SELECT * FROM segment.verify();
-- Queued, and with each statement.
SET pg_segment.flush = queued;
WITH new AS (INSERT INTO events VALUES (50, 'flight.eve'), (51, 'flight.ann') RETURNING who)
SELECT segment.create_segment('flight queued', '{"event": "buy", "where": {"value": {"min": 9}}}') FROM new LIMIT 1;
CALL segment.refresh();
SELECT * FROM segment.verify();
SET pg_segment.flush = statement;
WITH new AS (INSERT INTO events VALUES (52, 'flight.eve'), (53, 'flight.ann') RETURNING who)
SELECT segment.create_segment('flight statement', '{"event": "buy", "where": {"value": {"min": 10}}}') FROM new LIMIT 1;
RESET pg_segment.flush;
SELECT * FROM segment.verify();
-- A rolled back savepoint takes what was noted with it.
BEGIN;
SAVEPOINT before;
WITH new AS (INSERT INTO events VALUES (54, 'flight.gus') RETURNING who)
SELECT segment.create_segment('flight gone', '{"event": "buy", "where": {"value": {"min": 11}}}') FROM new;
ROLLBACK TO before;
INSERT INTO events VALUES (55, 'flight.gus');
COMMIT;
SELECT * FROM segment.verify();
-- By hand, while a change is under way under which nobody has the new stream.
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped'; END $$;
CREATE TRIGGER stop BEFORE UPDATE ON segment.run FOR EACH ROW WHEN (NEW.kind = 'create_segment_concurrently') EXECUTE FUNCTION stop();
CALL segment.create_segment_concurrently('flight slow', '{"event": "buy", "where": {"value": {"min": 12}}}');
WITH new AS (INSERT INTO events VALUES (56, 'flight.dan'), (57, 'flight.dan') RETURNING who)
SELECT segment.add_member('flight two', who) FROM new LIMIT 1;
SELECT segment.create_tier_set('flight tiers', ARRAY['flight two', 'flight d']);
WITH new AS (INSERT INTO events VALUES (70, 'flight.eve'), (71, 'flight.eve') RETURNING who)
SELECT segment.set_tier_moves('flight tiers', '[["flight d", "flight two"]]') FROM new LIMIT 1;
WITH new AS (INSERT INTO events VALUES (58, 'flight.bob'), (59, 'flight.bob') RETURNING who)
SELECT segment.exclude_member('flight two', who) FROM new LIMIT 1;
SELECT * FROM segment.verify();
DROP TRIGGER stop ON segment.run;
CALL segment.create_segment_concurrently('flight slow', '{"event": "buy", "where": {"value": {"min": 12}}}');
-- A source that is let go.
WITH new AS (INSERT INTO events VALUES (60, 'flight.ann') RETURNING who) SELECT segment.detach_source('other') FROM new;
SELECT * FROM segment.verify();
-- What a transaction before has queued of somebody who is to be computed again, and a flush besides.
CREATE TABLE people (who text PRIMARY KEY, country text);
SELECT segment.attach_profiles('people', 'who');
SET pg_segment.flush = queued;
INSERT INTO people VALUES ('flight.bob', 'DK'), ('flight.eve', 'NO');
RESET pg_segment.flush;
WITH new AS (INSERT INTO events VALUES (62, 'flight.bob'), (63, 'flight.eve') RETURNING who)
SELECT segment.create_segment('flight nine', '{"event": "buy", "count": {"min": 9}}') FROM new LIMIT 1;
SELECT * FROM segment.verify();
SET pg_segment.flush = queued;
UPDATE people SET country = 'SE';
RESET pg_segment.flush;
WITH new AS (INSERT INTO events VALUES (64, 'flight.bob'), (65, 'flight.eve') RETURNING who)
SELECT segment.create_segment('flight ten', '{"event": "buy", "count": {"min": 10}}'), segment.flush() FROM new LIMIT 1;
SELECT * FROM segment.verify();
SELECT segment.detach_profiles('people') > 0 AS detached;
-- What is being written is not attached: the statement would not fire the triggers.
CREATE TABLE late (who text, at timestamptz DEFAULT '2026-06-01') PARTITION BY LIST (who);
CREATE TABLE late_ann (who text, at timestamptz DEFAULT '2026-06-01');
CREATE FUNCTION attach(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  CASE what
    WHEN 'source' THEN PERFORM segment.attach_source('flight.late', 'who', 'at', constant_type => 'late');
    WHEN 'profiles' THEN PERFORM segment.attach_profiles('flight.people', 'who');
    ELSE ALTER TABLE flight.late ATTACH PARTITION flight.late_ann FOR VALUES IN ('part');
  END CASE;
  RETURN what;
END $$;
INSERT INTO late SELECT attach('source');
INSERT INTO people SELECT attach('profiles');
SELECT segment.attach_source('late', 'who', 'at', constant_type => 'late');
INSERT INTO late_ann SELECT attach('part');
BEGIN;
DECLARE reads CURSOR FOR SELECT FROM people;
SELECT segment.attach_profiles('people', 'who');
ROLLBACK;
SELECT attach('part');
INSERT INTO late VALUES ('part');
SELECT * FROM segment.verify();
-- Somebody who is forgotten, of whom a transaction before has queued something.
SET pg_segment.flush = queued;
DELETE FROM events WHERE who = 'flight.ann';
UPDATE events SET who = 'flight.heir' WHERE who = 'flight.dan';
SELECT segment.forget('flight.ann'), segment.forget('flight.dan');
INSERT INTO events VALUES (61, 'flight.new');
DELETE FROM events WHERE id = 61;
SELECT segment.forget('flight.new');
SELECT subscriber, count(*) FROM segment.queue GROUP BY 1;
CALL segment.refresh();
RESET pg_segment.flush;
-- The other id of somebody who is forgotten: captured as what it is by then.
INSERT INTO events VALUES (66, 'flight.old');
SELECT segment.merge_subscribers(ARRAY['flight.alias'], ARRAY['flight.old']);
WITH new AS (UPDATE events SET who = 'flight.alias' WHERE id = 66 RETURNING who) SELECT segment.forget('flight.old') FROM new LIMIT 1;
SELECT * FROM segment.verify();
-- A trigger that writes more of both ids while they are forgotten: each one's own then.
CREATE FUNCTION write_more() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO events VALUES (71, 'flight.old'), (72, 'flight.alias'), (73, 'flight.alias');
  RETURN NULL;
END $$;
CREATE TRIGGER more BEFORE DELETE ON visits FOR EACH STATEMENT EXECUTE FUNCTION write_more();
INSERT INTO events VALUES (70, 'flight.old');
SELECT segment.merge_subscribers(ARRAY['flight.alias'], ARRAY['flight.old']);
SELECT segment.forget('flight.alias');
SELECT subscriber FROM segment.state WHERE subscriber IN ('flight.old', 'flight.alias') ORDER BY 1;
SELECT * FROM segment.verify();
DROP TRIGGER more ON visits;
DROP FUNCTION write_more;
SELECT segment.forget('flight.old'), segment.forget('flight.alias');
-- Of whom only the queue knows, and wrongly.
SET pg_segment.flush = queued;
INSERT INTO events VALUES (67, 'flight.only');
RESET pg_segment.flush;
SET session_replication_role = replica;
DELETE FROM events WHERE id = 67;
RESET session_replication_role;
SELECT subscriber, finding FROM segment.verify();
CALL segment.rebuild();
SELECT * FROM segment.verify();
SELECT subscriber FROM segment.state WHERE subscriber LIKE 'flight.%' ORDER BY 1;
SELECT DISTINCT subscriber FROM segment.transition WHERE subscriber LIKE 'flight.%' ORDER BY 1;
SELECT * FROM segment.verify();
-- Clean up.
SELECT segment.drop_tier_set('flight tiers'), segment.drop_feature('flight_bob');
SELECT count(segment.drop_segment(name)) FROM (SELECT name FROM segment.definition ORDER BY name) d;
SELECT segment.detach_source('events') > 0 AS detached, segment.detach_source('visits') > 0 AS detached, segment.detach_source('late') > 0 AS detached;
DROP SCHEMA flight CASCADE;
DELETE FROM segment.state;
DELETE FROM segment.due;
