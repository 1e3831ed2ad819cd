-- A table of rows documents of about 300 bytes.
CREATE EXTENSION pg_segment;
SELECT setseed(0.4) \g /dev/null
CREATE TABLE document (document jsonb NOT NULL);
INSERT INTO document
SELECT jsonb_build_object(
  'id', i, 'email', 'subscriber' || i || CASE WHEN random() < 0.9 THEN '@example.com' ELSE '@example.org' END,
  'name', 'Subscriber ' || i, 'country', CASE WHEN random() < 0.9 THEN (ARRAY['US', 'CA', 'GB'])[1 + i % 3] ELSE 'FR' END,
  'age', CASE WHEN random() < 0.9 THEN 18 + i % 48 ELSE 70 END, 'created_at', '2025-01-01T00:00:00Z', 'active', i % 2 = 0,
  'tags', CASE WHEN random() < 0.9 THEN '["x", "a", "b"]'::jsonb ELSE '["x", "y"]' END,
  'stats', jsonb_build_object('orders', CASE WHEN random() < 0.9 THEN 3 + i % 20 ELSE 1 END, 'revenue', i % 1000 + 0.5, 'visits', i % 77),
  'notes', repeat('note ', 8))
FROM generate_series(1, :rows) i;
ANALYZE document;
