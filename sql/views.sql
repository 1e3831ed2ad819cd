-- Exact at every moment: stored rows, but for those few subscribers that are overdue, who are evaluated on the fly.
CREATE VIEW segment.member WITH (security_invoker = true) AS
SELECT d.name AS segment, m.subscriber, m.since
FROM segment.membership m
JOIN segment.definition d ON d.segment_id OPERATOR(pg_catalog.=) m.segment_id
WHERE d.ready
  AND NOT EXISTS (SELECT FROM segment.due
                  WHERE due.subscriber OPERATOR(pg_catalog.=) m.subscriber
                    AND due.due_at OPERATOR(pg_catalog.<=) segment.now())
UNION ALL
SELECT d.name, s.subscriber,
       coalesce(o.since,
                CASE WHEN s.written IS NOT NULL THEN
                  (SELECT pg_catalog.max(h.at) FROM segment.history h
                   WHERE h.subscriber OPERATOR(pg_catalog.=) s.subscriber
                     AND o.segment_id OPERATOR(pg_catalog.=) ANY (h.entered)) END,
                m.since)
FROM (SELECT DISTINCT subscriber FROM segment.due WHERE due.due_at OPERATOR(pg_catalog.<=) segment.now()) due
JOIN segment.state s ON s.subscriber OPERATOR(pg_catalog.=) due.subscriber
CROSS JOIN LATERAL segment._overdue((SELECT version FROM segment.version), s.version, s.subscriber, s.evaluated_at, s.activity OPERATOR(pg_catalog.||) coalesce(s.recent, ''), s.members, coalesce(s.manual, ''), coalesce(s.profile, 'null'), coalesce(s.held, ''), coalesce(s.memory, ''), segment.now()) o
JOIN segment.definition d ON d.segment_id OPERATOR(pg_catalog.=) o.segment_id
LEFT JOIN segment.membership m ON m.segment_id OPERATOR(pg_catalog.=) o.segment_id AND m.subscriber OPERATOR(pg_catalog.=) s.subscriber
WHERE d.ready;

-- Its columns follow from the list of features: each is a call that names one, so that those that nobody asks for are not computed.
DO $$
BEGIN
  EXECUTE 'CREATE VIEW segment.profile WITH (security_invoker = true) AS ' OPERATOR(pg_catalog.||) segment._profile_select();
END
$$;

CREATE VIEW segment.summary WITH (security_invoker = true) AS
SELECT d.name AS segment, d.description, coalesce(m.members, 0) AS members,
       CASE WHEN NOT d.ready THEN 'filling' WHEN d.changing IS NOT NULL THEN 'changing' WHEN d.on_hold_since IS NOT NULL THEN 'on hold' ELSE 'ready' END AS status,
       d.created_at, d.criteria, d.time_zone, d.safeguards, d.on_hold_since
FROM segment.definition d
LEFT JOIN (SELECT segment, pg_catalog.count(*) AS members FROM segment.member GROUP BY segment) m
       ON m.segment OPERATOR(pg_catalog.=) d.name;

-- What the members of each segment are worth; a segment without members has a row.
CREATE VIEW segment.segment_statistics WITH (security_invoker = true) AS
SELECT d.name AS segment, pg_catalog.count(p.subscriber) AS members,
       pg_catalog.avg(p.engagement_score) AS average_engagement,
       pg_catalog.avg(p.lifetime_value) AS average_value, coalesce(pg_catalog.sum(p.lifetime_value), 0) AS total_value,
       pg_catalog.avg(p.churn_probability) AS average_churn, pg_catalog.avg(p.total_events_30d) AS average_events_30d
FROM segment.definition d
LEFT JOIN segment.member m ON m.segment OPERATOR(pg_catalog.=) d.name
LEFT JOIN segment.profile p ON p.subscriber OPERATOR(pg_catalog.=) m.subscriber
GROUP BY d.name;

CREATE VIEW segment.transition WITH (security_invoker = true) AS
SELECT d.name AS segment, h.subscriber, h.move, t.action, h.at, h.cause, h.leaves[t.place] AS leaf
FROM segment.history h
CROSS JOIN LATERAL (SELECT 'entered' AS action, id, place FROM pg_catalog.unnest(h.entered) WITH ORDINALITY AS e (id, place)
                    UNION ALL SELECT 'left', id, pg_catalog.cardinality(h.entered) OPERATOR(pg_catalog.+) place
                    FROM pg_catalog.unnest(h.departed) WITH ORDINALITY AS l (id, place)) t
JOIN segment.definition d ON d.segment_id OPERATOR(pg_catalog.=) t.id;

-- Who was added to a segment, or excluded from it, by hand.
CREATE VIEW segment.manual_member WITH (security_invoker = true) AS
SELECT d.name AS segment, s.subscriber, CASE WHEN m.member THEN 'added' ELSE 'excluded' END AS decision
FROM segment.state s
CROSS JOIN LATERAL segment._manual(s.manual) m
JOIN segment.definition d ON d.segment_id OPERATOR(pg_catalog.=) m.segment_id
WHERE s.manual IS NOT NULL;

-- The one place of everybody in each tier set: the highest of the segments that they are in.
CREATE VIEW segment.tier WITH (security_invoker = true) AS
SELECT t.tier_set, s.subscriber, coalesce(p.segment, t.otherwise) AS tier,
       coalesce(p.place, pg_catalog.cardinality(t.segments) OPERATOR(pg_catalog.+) 1) AS place
FROM segment.tier_set t
CROSS JOIN segment.state s
LEFT JOIN (SELECT DISTINCT ON (t.tier_set, m.subscriber) t.tier_set, m.subscriber, m.segment, l.place
           FROM segment.tier_set t
           CROSS JOIN LATERAL pg_catalog.unnest(t.segments) WITH ORDINALITY AS l (segment_id, place)
           JOIN segment.definition d ON d.segment_id OPERATOR(pg_catalog.=) l.segment_id
           JOIN segment.member m ON m.segment OPERATOR(pg_catalog.=) d.name
           ORDER BY t.tier_set, m.subscriber, l.place) p
       ON p.tier_set OPERATOR(pg_catalog.=) t.tier_set AND p.subscriber OPERATOR(pg_catalog.=) s.subscriber
-- Nobody without events and without a profile is a subscriber, but by hand.
WHERE s.activity OPERATOR(pg_catalog.<>) '' OR s.manual IS NOT NULL OR s.profile OPERATOR(pg_catalog.-) 'predictions' OPERATOR(pg_catalog.<>) '{}';

CREATE VIEW segment.tier_summary WITH (security_invoker = true) AS
SELECT t.tier_set, l.place, coalesce(d.name, t.otherwise) AS tier, coalesce(p.members, 0) AS members,
       CASE WHEN d.name IS NULL THEN 0
            ELSE coalesce(m.members, 0) OPERATOR(pg_catalog.-) coalesce(p.members, 0) END AS lost_to_higher
FROM segment.tier_set t
CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.array_append(t.segments, NULL)) WITH ORDINALITY AS l (segment_id, place)
LEFT JOIN segment.definition d ON d.segment_id OPERATOR(pg_catalog.=) l.segment_id
LEFT JOIN (SELECT tier_set, place, pg_catalog.count(*) AS members FROM segment.tier GROUP BY tier_set, place) p
       ON p.tier_set OPERATOR(pg_catalog.=) t.tier_set AND p.place OPERATOR(pg_catalog.=) l.place
LEFT JOIN (SELECT segment, pg_catalog.count(*) AS members FROM segment.member GROUP BY segment) m
       ON m.segment OPERATOR(pg_catalog.=) d.name;

-- The quintiles, 5 the best, and the cell of everybody who has bought; nobody before the first segment.update_rfm().
CREATE VIEW segment.rfm WITH (security_invoker = true) AS
SELECT p.subscriber, p.recency, p.frequency, p.monetary,
       q.rfm_recency AS recency_quintile, q.rfm_frequency AS frequency_quintile, q.rfm_monetary AS monetary_quintile,
       p.tiers OPERATOR(pg_catalog.->>) 'rfm' AS cell
FROM segment.profile p
CROSS JOIN LATERAL pg_catalog.jsonb_to_record(p.features) AS q (rfm_recency integer, rfm_frequency integer, rfm_monetary integer)
WHERE p.frequency OPERATOR(pg_catalog.>) 0;

-- All features and scores: built in, ready to be used by name, and created.
CREATE VIEW segment.feature_list WITH (security_invoker = true) AS
SELECT k.name, coalesce(f.kind, CASE WHEN k.spec::pg_catalog.jsonb OPERATOR(pg_catalog.?) 'terms' OR k.name OPERATOR(pg_catalog.~~) '%score' THEN 'score' ELSE 'feature' END) AS kind,
       k.origin, coalesce(f.description, k.description) AS description, k.spec::pg_catalog.jsonb AS spec
FROM segment._features_known() k
LEFT JOIN segment.feature f ON f.name OPERATOR(pg_catalog.=) k.name;

-- What transactions with pg_segment.flush = queued have left for segment.refresh().
CREATE VIEW segment.stat_queue WITH (security_invoker = true) AS
SELECT pg_catalog.count(*) AS changes, pg_catalog.min(queued_at) AS oldest,
       coalesce(segment.now() OPERATOR(pg_catalog.-) pg_catalog.min(queued_at), '0') AS lag
FROM segment.queue;

-- Rows of attached tables that do not count, or not in full: without a subscriber, a type or a time, or with a value that is
-- no number. Reads all events.
CREATE VIEW segment.set_aside WITH (security_invoker = true) AS
SELECT relation::pg_catalog.regclass AS relation, place::pg_catalog.tid AS place, reason FROM segment._set_aside();

CREATE FUNCTION segment.members(segment text)
RETURNS TABLE (subscriber text, since timestamptz)
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT m.subscriber, m.since
  FROM segment.member m
  WHERE m.segment OPERATOR(pg_catalog.=) segment._existing_segment(members.segment)
$$;

-- The members with the highest values of a feature or a score.
CREATE FUNCTION segment.top_members(segment text, by text DEFAULT 'engagement_score', most integer DEFAULT 100)
RETURNS TABLE (subscriber text, since timestamptz, value numeric)
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT m.subscriber, m.since,
         segment._feature(b.name, v.version, s.version, s.subscriber, s.evaluated_at, s.activity, s.recent, s.profile, s.held) AS value
  FROM segment._version() v (version)
  CROSS JOIN segment._existing_feature(top_members.by) b (name)
  CROSS JOIN segment.member m
  JOIN segment.state s ON s.subscriber OPERATOR(pg_catalog.=) m.subscriber
  WHERE m.segment OPERATOR(pg_catalog.=) segment._existing_segment(top_members.segment)
  ORDER BY 3 DESC NULLS LAST, 1
  LIMIT top_members.most
$$;

-- Who was in a segment at an instant: by the last thing on record until then, but for those few for whom time has done more
-- than is on record.
CREATE FUNCTION segment.members_as_of(segment text, at timestamptz)
RETURNS SETOF text
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
  WITH asked AS MATERIALIZED (
    SELECT segment._recorded_segment(members_as_of.segment, members_as_of.at) AS segment_id
  ), overdue AS MATERIALIZED (
    SELECT s.version, s.subscriber, s.evaluated_at, s.activity OPERATOR(pg_catalog.||) coalesce(s.recent, '') AS activity, s.members, coalesce(s.manual, '') AS manual,
           coalesce(s.profile, 'null') AS profile, coalesce(s.held, '') AS held, coalesce(s.memory, '') AS memory
    FROM (SELECT DISTINCT subscriber FROM segment.due WHERE due.due_at OPERATOR(pg_catalog.<=) members_as_of.at) due
    JOIN segment.state s ON s.subscriber OPERATOR(pg_catalog.=) due.subscriber
    WHERE s.evaluated_at OPERATOR(pg_catalog.<=) members_as_of.at
  ), told AS (
    SELECT DISTINCT ON (h.subscriber) h.subscriber, a.segment_id OPERATOR(pg_catalog.=) ANY (h.entered) AS entered
    FROM asked a
    JOIN segment.history h ON a.segment_id OPERATOR(pg_catalog.=) ANY (h.entered) OR a.segment_id OPERATOR(pg_catalog.=) ANY (h.departed)
    WHERE h.at OPERATOR(pg_catalog.<=) members_as_of.at AND h.subscriber IS NOT NULL
    ORDER BY h.subscriber, h.at DESC, h.move DESC
  )
  SELECT t.subscriber FROM told t
  WHERE t.entered AND NOT EXISTS (SELECT FROM overdue o WHERE o.subscriber OPERATOR(pg_catalog.=) t.subscriber)
  UNION ALL
  SELECT o.subscriber
  FROM asked a
  CROSS JOIN overdue o
  CROSS JOIN LATERAL segment._overdue((SELECT version FROM segment.version), o.version, o.subscriber, o.evaluated_at, o.activity, o.members, o.manual, o.profile, o.held, o.memory, members_as_of.at) e
  WHERE e.segment_id OPERATOR(pg_catalog.=) a.segment_id
$$;
