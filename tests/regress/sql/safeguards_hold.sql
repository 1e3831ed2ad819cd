-- On hold: by an alarm, where time would move too many at once, or by hand.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never
TRUNCATE segment.history;
SET pg_segment.clock = '2026-06-01 00:00:00+00';
CREATE SCHEMA hold;
SET search_path = hold;
CREATE TABLE event (who text, what text, at timestamptz);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'what');
INSERT INTO event SELECT 'ho.' || i, 'buy', segment.now() + i * interval '1 minute' - interval '1 hour' FROM generate_series(1, 10) i;
SELECT segment.create_segment('ho fans', '{"event": "buy", "within": "2 days"}'), segment.create_segment('ho others', '{"not": {"segment": "ho fans"}}'),
       segment.create_segment('ho rare', '{"all": [{"event": "buy"}, {"event": "buy", "count": {"equals": 0}, "within": "1 day"}]}');
CALL segment.set_safeguards('ho fans', '{"most_moved": 0.2}');
CALL segment.set_safeguards('ho rare', '{"most_moved": {"share": 1, "count": 3}}');
CREATE FUNCTION told() RETURNS TABLE (segment text, members bigint, status text, on_hold_since timestamptz) LANGUAGE sql AS $$
  SELECT segment, members, status, on_hold_since FROM segment.summary WHERE segment LIKE 'ho %' ORDER BY 1
$$;

-- Two of ten are a fifth, and no more; of a segment without members three are not too many.
SET pg_segment.clock = '2026-06-01 23:03:00+00';
CALL segment.refresh();
SET pg_segment.clock = '2026-06-02 23:02:30+00';
SELECT * FROM told();
-- Nobody moved yet: the views say what time alone has made.
SELECT segment, count(*) FROM segment.transition WHERE at > '2026-06-01' GROUP BY 1 ORDER BY 1;
CALL segment.refresh();
SELECT * FROM told();
-- Eight more at once are an alarm. Nobody moves, neither in segments that refer to it.
SET pg_segment.clock = '2026-06-03 00:00:00+00';
CALL segment.refresh();
SELECT * FROM told();
SELECT * FROM segment.verify();
SELECT path, condition, holds, changes_at FROM segment.explain('ho.3', 'ho fans');
SELECT * FROM segment.diff('ho fans', (SELECT criteria FROM segment.summary WHERE segment = 'ho fans'));
-- Events do not move anybody either, but decisions by hand do. Other segments go on.
INSERT INTO event VALUES ('ho.new', 'buy', segment.now()), ('ho.1', 'buy', segment.now());
SELECT segment.exclude_member('ho fans', 'ho.2');
SELECT * FROM told();
SELECT * FROM segment.verify();
CALL segment.alter_segment('ho fans', '{"event": "buy", "within": "3 days"}');
SELECT * FROM told();
CALL segment.alter_segment('ho fans', '{"event": "buy", "within": "2 days"}');
CALL segment.rebuild();
SELECT * FROM told();
-- Resumed, everybody moves at once who would have, and whoever was released.
SELECT segment.release_member('ho fans', 'ho.2');
CALL segment.resume_segment('ho fans');
CALL segment.resume_segment('ho rare');
SELECT * FROM told();
SELECT segment, subscriber, action, at, cause, leaf FROM segment.transition WHERE at > '2026-06-02' ORDER BY at, segment, subscriber;
SELECT * FROM segment.verify();

-- A change of definitions brings everybody to now, and an alarm comes before it.
INSERT INTO event SELECT 'ho.' || i, 'buy', segment.now() FROM generate_series(1, 10) i;
SET pg_segment.clock = '2026-06-05 01:00:00+00';
SELECT segment.create_segment('ho next', '{"segment": "ho fans"}');
SELECT * FROM told();

-- So do a rebuild and a segment that is created while writers go on.
CALL segment.resume_segment('ho fans');
INSERT INTO event SELECT 'ho.' || i, 'buy', segment.now() FROM generate_series(1, 10) i;
SET pg_segment.clock = '2026-06-07 02:00:00+00';
CALL segment.rebuild();
SELECT * FROM told();
CALL segment.resume_segment('ho fans');
INSERT INTO event SELECT 'ho.' || i, 'buy', segment.now() FROM generate_series(1, 10) i;
SET pg_segment.clock = '2026-06-09 03:00:00+00';
CALL segment.create_segment_concurrently('ho last', '{"not": {"segment": "ho next"}}');
SELECT * FROM told();
SELECT segment.drop_segment('ho last');

-- By hand, without safeguards too.
CALL segment.hold_segment('ho next');
CALL segment.hold_segment('ho next');
CALL segment.resume_segment('ho fans');
SELECT * FROM told();
CALL segment.resume_segment('ho next');
SELECT * FROM told();
SELECT * FROM segment.verify();

CALL segment.resume_segment('ho next');
CALL segment.resume_segment('ho nxt');
CALL segment.hold_segment(NULL);
CALL segment.set_safeguards('ho fans', '{"most_moved": 0}');
BEGIN;
CALL segment.hold_segment('ho fans');
ROLLBACK;

SELECT segment.drop_segment(name) FROM unnest(ARRAY['ho next', 'ho others', 'ho fans', 'ho rare']) name;
SELECT segment.detach_source('event');
DROP SCHEMA hold CASCADE;
