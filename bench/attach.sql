-- Attaches the event table as of an hour before the clock and lets that hour pass, so that most subscribers were last
-- evaluated some time ago. Variables: segments, clock.
CREATE EXTENSION pg_segment;
SELECT set_config('pg_segment.clock', (timestamptz :'clock' - interval '1 hour')::text, false) \g /dev/null
\ir segments.sql
SELECT segment.attach_source('event', subscriber => 'subscriber', occurred_at => 'at', event_type => 'kind',
                             value => 'value', properties => 'properties') \g /dev/null
SET pg_segment.clock = :'clock';
CALL segment.refresh();
VACUUM ANALYZE;
