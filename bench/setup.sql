-- Two equal tables with the indexes that an application would have, one of them attached, and 20 segments.
CREATE EXTENSION pg_segment;
CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subscriber integer, at timestamptz, value numeric);
CREATE INDEX ON plain (subscriber, at);
CREATE TABLE attached (LIKE plain INCLUDING ALL);
SELECT segment.attach_source('attached', subscriber => 'subscriber', occurred_at => 'at', constant_type => 'purchase', value => 'value');
SELECT segment.create_segment('s' || n, CASE n % 5
  WHEN 0 THEN jsonb_build_object('event', 'purchase', 'count', jsonb_build_object('min', 1 + n / 5))
  WHEN 1 THEN jsonb_build_object('event', 'purchase', 'sum', jsonb_build_object('min', 100 * n))
  WHEN 2 THEN jsonb_build_object('event', 'purchase', 'count', jsonb_build_object('min', 1 + n / 5), 'within', (10 * n) || ' days')
  WHEN 3 THEN jsonb_build_object('not', jsonb_build_object('event', 'purchase', 'within', n || ' days'))
  ELSE jsonb_build_object('engagement_score', jsonb_build_object('min', n / 20.0)) END)
FROM generate_series(1, 20) n;
