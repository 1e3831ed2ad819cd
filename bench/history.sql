-- The event table of an application, with a history in order of time. Variables: subscribers, rows, clock.
CREATE TABLE event (
  id         bigint GENERATED ALWAYS AS IDENTITY,
  subscriber bigint,
  at         timestamptz,
  kind       text,
  value      numeric,
  properties jsonb
);
\set table event
\set first 1
\set days 90
\set seed 0.1
\ir events.sql
ALTER TABLE event ADD PRIMARY KEY (id);
CREATE INDEX ON event (subscriber, at);
VACUUM ANALYZE event;
