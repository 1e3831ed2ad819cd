-- An application of three tables whose ids, times and values have different types, attached to pg_segment.
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id integer,
  ordered_at timestamptz,
  total numeric
);
CREATE INDEX ON shop.orders (customer_id, ordered_at);
CREATE TABLE shop.activity (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  padding text,
  kind varchar(30),
  happened timestamp,
  user_id text,
  weight double precision,
  details jsonb
);
ALTER TABLE shop.activity DROP COLUMN padding;
CREATE TABLE shop.visit (visitor varchar(20), day date, pages integer, UNIQUE (visitor, day));

SELECT segment.attach_source('shop.orders', subscriber => 'customer_id', occurred_at => 'ordered_at',
                             constant_type => 'purchase', value => 'total');
SELECT segment.attach_source('shop.activity', subscriber => 'user_id', occurred_at => 'happened', event_type => 'kind',
                             value => 'weight', properties => 'details', time_zone => 'America/New_York');
SELECT segment.attach_source('shop.visit', subscriber => 'visitor', occurred_at => 'day', constant_type => 'visit',
                             value => 'pages', time_zone => 'Europe/Paris');
SELECT segment.create_event_table();
