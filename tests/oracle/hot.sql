-- Four statements of a transaction, each of subscribers that everybody else writes too, in no order.
\set a random(1, 20)
\set b random(1, 20)
\set c random(1, 20)
\set d random(1, 20)
BEGIN;
INSERT INTO shop.orders (customer_id, ordered_at, total) VALUES (:a, now(), 1), (:b, now() - interval '3 days', 2);
INSERT INTO shop.activity (kind, happened, user_id) VALUES ('open', now() AT TIME ZONE 'America/New_York', :c);
INSERT INTO shop.orders (customer_id, ordered_at, total) SELECT :d, now(), 3;
INSERT INTO shop.activity (kind, happened, user_id) VALUES ('click', now() AT TIME ZONE 'America/New_York', :a);
COMMIT;
