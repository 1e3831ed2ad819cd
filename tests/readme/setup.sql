-- The reader's own tables, as the README supposes them.
CREATE TABLE orders (customer_id integer, ordered_at timestamptz, total numeric);
INSERT INTO orders SELECT i % 60, now() - i * interval '7 hours', i FROM generate_series(1, 600) i;
CREATE TABLE mail_event (recipient text, happened timestamp, kind text, details jsonb);
INSERT INTO mail_event SELECT (i % 60)::text, now() AT TIME ZONE 'Europe/Paris' - i * interval '5 hours', CASE i % 3 WHEN 0 THEN 'click' ELSE 'open' END,
  jsonb_build_object('campaign', CASE i % 2 WHEN 0 THEN 'spring 1' ELSE 'autumn' END) FROM generate_series(1, 300) i;
