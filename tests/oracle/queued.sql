\set customer random(1, 40)
\set what random(1, 3)
BEGIN;
SET LOCAL pg_segment.flush = queued;
\if :what = 1
DELETE FROM shop.orders WHERE id IN (SELECT id FROM shop.orders WHERE customer_id = :customer ORDER BY id DESC LIMIT 2 FOR UPDATE SKIP LOCKED);
\else
INSERT INTO shop.orders (customer_id, ordered_at, total) VALUES (:customer, now(), 7);
\endif
COMMIT;
