-- Each size at the start and at the end.
SELECT relation, pg_size_pretty(s.bytes) AS start, pg_size_pretty(e.bytes) AS end,
       round(e.bytes::numeric / nullif(s.bytes, 0), 2) AS growth
FROM size s JOIN size e USING (relation)
WHERE s.taken = 'start' AND e.taken = 'end' AND e.bytes > 8192 ORDER BY e.bytes DESC;
