SELECT setseed(0.42) \g /dev/null
SELECT clock_timestamp() AS started \gset
INSERT INTO :table (subscriber, at, value)
SELECT 1 + random() * (:subscribers - 1), now() - random() * interval '90 days', round((random() * 100)::numeric, 2) FROM generate_series(1, :rows) \g /dev/null
SELECT round(extract(epoch FROM clock_timestamp() - :'started')::numeric * 1000, 1);
