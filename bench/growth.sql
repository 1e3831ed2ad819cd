-- Each size when the second tenth had passed and at the end, and that of all after each tenth.
SELECT relation, pg_size_pretty(s.bytes) AS start, pg_size_pretty(e.bytes) AS end,
       round(e.bytes::numeric / nullif(s.bytes, 0), 2) AS growth
FROM size s JOIN size e USING (relation)
WHERE s.tenth = 2 AND e.tenth = 10 AND e.bytes > 8192 ORDER BY e.bytes DESC;
SELECT tenth, pg_size_pretty(sum(bytes)) AS size, round(sum(bytes) / nth_value(sum(bytes), 2) OVER everything, 2) AS growth
FROM size GROUP BY tenth WINDOW everything AS (ORDER BY tenth ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
ORDER BY tenth;
