-- How many memberships recompute.sql has found that pg_segment does not have, and the other way round.
SET work_mem = '512MB';
WITH kept AS (
  SELECT m.subscriber, d.name FROM segment.membership m JOIN segment.definition d USING (segment_id)
), found AS (
  SELECT subscriber::text, 'segment_' || n AS name FROM recomputed
)
SELECT (SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE kept) more) + (SELECT count(*) FROM (TABLE kept EXCEPT ALL TABLE found) fewer);
