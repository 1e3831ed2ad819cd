-- Exact at every moment: stored rows, but for those few subscribers that are overdue, who are evaluated on the fly.
CREATE VIEW segment.member WITH (security_invoker = true) AS
SELECT d.name AS segment, m.subscriber, m.since
FROM segment.membership m
JOIN segment.definition d ON d.segment_id OPERATOR(pg_catalog.=) m.segment_id
WHERE NOT EXISTS (SELECT FROM segment.due
                  WHERE due.subscriber OPERATOR(pg_catalog.=) m.subscriber
                    AND due.due_at OPERATOR(pg_catalog.<=) segment.now())
UNION ALL
SELECT d.name, s.subscriber, coalesce(o.since, m.since)
FROM segment.due
JOIN segment.state s ON s.subscriber OPERATOR(pg_catalog.=) due.subscriber
CROSS JOIN LATERAL segment._overdue((SELECT version FROM segment.version), s.evaluated_at, s.activity, s.members, segment.now()) o
JOIN segment.definition d ON d.segment_id OPERATOR(pg_catalog.=) o.segment_id
LEFT JOIN segment.membership m ON m.segment_id OPERATOR(pg_catalog.=) o.segment_id AND m.subscriber OPERATOR(pg_catalog.=) s.subscriber
WHERE due.due_at OPERATOR(pg_catalog.<=) segment.now();

CREATE VIEW segment.profile WITH (security_invoker = true) AS
SELECT s.subscriber, f.first_event_at, f.last_event_at,
       f.total_events_7d, f.total_events_30d, f.total_events_90d,
       f.open_rate_30d, f.click_rate_30d, f.conversion_rate_90d,
       f.engagement_consistency, f.engagement_score,
       f.total_value_90d, f.lifetime_value, f.days_since_last,
       segment._segments((SELECT version FROM segment.version), s.evaluated_at, s.activity, segment.now()) AS segments,
       s.evaluated_at
FROM segment.state s
CROSS JOIN LATERAL segment._features((SELECT version FROM segment.version), s.evaluated_at, s.activity, segment.now()) f;

CREATE VIEW segment.summary WITH (security_invoker = true) AS
SELECT d.name AS segment, d.description, coalesce(m.members, 0) AS members,
       h.last_transition_at, d.created_at, d.criteria
FROM segment.definition d
LEFT JOIN (SELECT segment, pg_catalog.count(*) AS members FROM segment.member GROUP BY segment) m
       ON m.segment OPERATOR(pg_catalog.=) d.name
LEFT JOIN LATERAL (SELECT pg_catalog.max(at) AS last_transition_at FROM segment.history
                   WHERE history.segment_id OPERATOR(pg_catalog.=) d.segment_id) h ON true;

CREATE VIEW segment.transition WITH (security_invoker = true) AS
SELECT h.history_id AS transition_id, d.name AS segment, h.subscriber,
       CASE WHEN h.entered THEN 'entered' ELSE 'left' END AS action, h.at, h.cause
FROM segment.history h
JOIN segment.definition d ON d.segment_id OPERATOR(pg_catalog.=) h.segment_id;

CREATE FUNCTION segment.members(segment text)
RETURNS TABLE (subscriber text, since timestamptz)
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT m.subscriber, m.since
  FROM segment.member m
  WHERE m.segment OPERATOR(pg_catalog.=) segment._existing_segment(members.segment)
$$;
