\set customer random(1, 40)
\set other random(1, 40)
\set days random(0, 40)
\set total random(1, 60)
\set what random(1, 11)
\if :what <= 4
BEGIN;
INSERT INTO shop.orders (customer_id, ordered_at, total) VALUES (:customer, now() - :days * interval '1 day', :total), (:other, now(), :total);
INSERT INTO shop.activity (kind, happened, user_id) VALUES ('open', now() AT TIME ZONE 'America/New_York', :other);
COMMIT;
\elif :what <= 7
DELETE FROM shop.orders WHERE id IN (SELECT id FROM shop.orders WHERE customer_id = :customer ORDER BY id LIMIT 4 FOR UPDATE SKIP LOCKED);
\elif :what <= 8
INSERT INTO shop.person (id, plan, seen) VALUES (:customer, 'pro', now()) ON CONFLICT (id) DO UPDATE SET plan = CASE shop.person.plan WHEN 'pro' THEN 'free' ELSE 'pro' END, seen = now();
\elif :what <= 9
UPDATE shop.orders SET customer_id = :other WHERE id = (SELECT id FROM shop.orders WHERE customer_id = :customer LIMIT 1 FOR UPDATE SKIP LOCKED);
\else
DELETE FROM shop.activity WHERE user_id = :customer::text;
\endif
