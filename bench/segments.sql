-- The segments of rule.sql. Variable: segments.
\ir rule.sql
SELECT segment.create_segment('segment_' || n, criteria) FROM rule ORDER BY n \g /dev/null
