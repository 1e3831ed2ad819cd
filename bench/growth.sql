-- Each size when the first tenth had passed and at the end, and all but the history after each tenth.
SELECT relation, pg_size_pretty(s.bytes) AS start, pg_size_pretty(e.bytes) AS end,
       round(e.bytes::numeric / nullif(s.bytes, 0), 2) AS growth
FROM size s JOIN size e USING (relation)
WHERE s.tenth = 1 AND e.tenth = 10 AND e.bytes > 8192 ORDER BY e.bytes DESC;
SELECT tenth, pg_size_pretty(sum(bytes)) AS size, round(sum(bytes) / first_value(sum(bytes)) OVER (ORDER BY tenth), 2) AS growth
FROM size WHERE relation !~ '^history' GROUP BY tenth ORDER BY tenth;
