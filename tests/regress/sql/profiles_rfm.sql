-- RFM: quintiles as versioned constants, the eleven cells, and who moves between them.
CREATE SCHEMA rfm;
SET search_path = rfm;
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2025-06-01 12:00+00';
CREATE TABLE orders (buyer text, at timestamptz, total numeric(10, 2));
SELECT segment.attach_source('orders', subscriber => 'buyer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
-- Too few have bought.
INSERT INTO orders SELECT 'b' || i, segment.now() - i * interval '24 hours', i FROM generate_series(1, 24) i;
CALL segment.update_rfm();
\echo :LAST_ERROR_SQLSTATE
DELETE FROM orders;
SELECT * FROM segment.rfm;
-- 100 buyers: b1 bought yesterday, b100 100 days ago; one to seven times, for 1 to 97 each.
INSERT INTO orders SELECT 'b' || i, segment.now() - (i + n * 20) * interval '24 hours', i * 37 % 97 + 1 FROM generate_series(1, 100) i, generate_series(0, i * i % 7) n;
CALL segment.update_rfm();
SELECT * FROM segment.rfm_quintile;
-- Everybody who has bought is in one cell; the quintiles are those of the numbers.
SELECT count(*), count(cell), count(DISTINCT cell), min(recency_quintile), max(monetary_quintile) FROM segment.rfm;
WITH q AS (SELECT * FROM segment.rfm_quintile)
SELECT count(*) FILTER (WHERE recency_quintile <> 1 + (SELECT count(*) FROM unnest(q.recency) b WHERE r.recency <= b)) AS recency,
       count(*) FILTER (WHERE frequency_quintile <> 1 + (SELECT count(*) FROM unnest(q.frequency) b WHERE r.frequency > b)) AS frequency,
       count(*) FILTER (WHERE monetary_quintile <> 1 + (SELECT count(*) FROM unnest(q.monetary) b WHERE r.monetary > b)) AS monetary
FROM segment.rfm r, q;
-- The same from the rows themselves, and the bounds too: the 20th, 40th, 60th and 80th of the hundred.
WITH raw AS (SELECT buyer, floor(extract(epoch FROM segment.now() - max(at)) / 86400) AS recency, count(*) AS frequency, sum(total) AS monetary FROM orders GROUP BY buyer)
SELECT count(*) FROM raw JOIN segment.rfm r ON r.subscriber = raw.buyer WHERE (raw.recency, raw.frequency, raw.monetary) IS DISTINCT FROM (r.recency::numeric, r.frequency::numeric, r.monetary::numeric);
WITH raw AS (SELECT floor(extract(epoch FROM segment.now() - max(at)) / 86400) AS recency, count(*)::numeric AS frequency, sum(total) AS monetary FROM orders GROUP BY buyer),
placed AS (SELECT recency, row_number() OVER (ORDER BY recency) AS r, frequency, row_number() OVER (ORDER BY frequency) AS f, monetary, row_number() OVER (ORDER BY monetary) AS m FROM raw)
SELECT (SELECT array_agg(recency ORDER BY r) FROM placed WHERE r IN (20, 40, 60, 80)) = recency AS recency,
       (SELECT array_agg(frequency ORDER BY f) FROM placed WHERE f IN (20, 40, 60, 80)) = frequency AS frequency,
       (SELECT array_agg(monetary ORDER BY m) FROM placed WHERE m IN (20, 40, 60, 80)) = monetary AS monetary
FROM segment.rfm_quintile;
SELECT cell, count(*), min(recency_quintile) AS least_r, max(recency_quintile) AS most_r, min(frequency_quintile + monetary_quintile) AS least_f_and_m, max(frequency_quintile + monetary_quintile) AS most_f_and_m FROM segment.rfm GROUP BY 1 ORDER BY 1;
SELECT * FROM segment.rfm WHERE subscriber IN ('b1', 'b50', 'b100') ORDER BY 1;
SELECT count(*) AS same FROM segment.rfm r JOIN segment.tier t USING (subscriber) WHERE t.tier_set = 'rfm' AND t.tier = r.cell;
-- As long as nothing changes, so does no version.
CALL segment.update_rfm();
-- A purchase moves one at once, and time moves everybody, by the quintiles in force.
INSERT INTO orders VALUES ('b100', segment.now(), 500);
SELECT subscriber, recency_quintile, cell FROM segment.rfm WHERE subscriber = 'b100';
SET pg_segment.clock = '2025-06-21 12:00+00';
SELECT count(*) FILTER (WHERE recency_quintile = 5) AS lately, count(*) FILTER (WHERE recency_quintile = 1) AS long_ago FROM segment.rfm;
CALL segment.refresh();
-- From which cell to which, and why.
SELECT l.segment AS from_cell, e.segment AS to_cell, e.cause, count(*) FROM segment.transition l JOIN segment.transition e USING (subscriber, move)
WHERE l.action = 'left' AND e.action = 'entered' AND l.segment ^@ 'rfm_' AND e.segment ^@ 'rfm_' GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2 LIMIT 5;
-- New quintiles are a new version; who belongs elsewhere by them moves.
CALL segment.update_rfm();
SELECT version, computed_at, customers, recency FROM segment.rfm_quintile ORDER BY version;
SELECT count(*) FILTER (WHERE recency_quintile = 5) AS lately, count(cell) AS in_a_cell FROM segment.rfm;
SELECT cause, count(*) > 0 AS moved FROM segment.transition WHERE segment ^@ 'rfm_' AND at = segment.now() AND cause = 'definition' GROUP BY 1;
-- Who never bought is in no cell.
SELECT segment.create_score('rfm_seen', '{"terms": [{"of": "rfm_frequency"}]}');
CREATE TABLE visit (who text, at timestamptz);
SELECT segment.attach_source('visit', subscriber => 'who', occurred_at => 'at', constant_type => 'website_visit');
INSERT INTO visit VALUES ('visitor', segment.now());
SELECT tier FROM segment.tier WHERE subscriber = 'visitor' AND tier_set = 'rfm';
SELECT count(*) FROM segment.rfm WHERE subscriber = 'visitor';
SELECT * FROM segment.verify();
-- At READ COMMITTED only, and not in a transaction block.
SET default_transaction_isolation = 'repeatable read';
CALL segment.update_rfm();
RESET default_transaction_isolation;
BEGIN;
CALL segment.update_rfm();
ROLLBACK;
SELECT max(version) FROM segment.rfm_quintile;
-- A score that somebody altered is put right.
CALL segment.alter_feature('rfm_recency', '{"terms": [{"of": "recency"}]}');
INSERT INTO orders VALUES ('b101', segment.now(), 1);
CALL segment.update_rfm();
SELECT customers, recency FROM segment.rfm_quintile ORDER BY version DESC LIMIT 1;
SELECT recency_quintile, cell FROM segment.rfm WHERE subscriber = 'b101';
SELECT * FROM segment.verify();
-- An error before the end: the next call completes it, under the version of before, or puts another into force.
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped'; END $$;
CREATE TRIGGER stop BEFORE UPDATE OF changing ON segment.feature FOR EACH ROW WHEN (NEW.changing IS NULL) EXECUTE FUNCTION stop();
SET pg_segment.clock = '2025-06-25 12:00+00';
CALL segment.update_rfm();
SELECT version, recency FROM segment.rfm_quintile ORDER BY version DESC LIMIT 1;
SELECT status, count(*) FROM segment.summary WHERE segment ^@ 'rfm_' GROUP BY 1;
INSERT INTO orders VALUES ('b102', segment.now(), 1000);
SELECT * FROM segment.rfm WHERE subscriber = 'b102';
SELECT * FROM segment.verify();
ALTER TABLE segment.feature DISABLE TRIGGER stop;
DELETE FROM orders WHERE buyer = 'b102';
CALL segment.update_rfm();
SELECT status, count(*) FROM segment.summary WHERE segment ^@ 'rfm_' GROUP BY 1;
SELECT count(*) FROM segment.feature WHERE changing IS NOT NULL;
ALTER TABLE segment.feature ENABLE TRIGGER stop;
SET pg_segment.clock = '2025-06-29 12:00+00';
CALL segment.update_rfm();
ALTER TABLE segment.feature DISABLE TRIGGER stop;
SET pg_segment.clock = '2025-06-30 12:00+00';
CALL segment.update_rfm();
DROP TRIGGER stop ON segment.feature;
SELECT version, recency FROM segment.rfm_quintile ORDER BY version;
SELECT status, count(*) FROM segment.summary WHERE segment ^@ 'rfm_' GROUP BY 1;
SELECT * FROM segment.verify();
-- Nobody but those with a grant.
CREATE ROLE rfm_other;
SET ROLE rfm_other;
CALL segment.update_rfm();
SELECT * FROM segment.rfm;
RESET ROLE;
GRANT USAGE ON SCHEMA segment TO rfm_other;
GRANT EXECUTE ON PROCEDURE segment.update_rfm TO rfm_other;
SET ROLE rfm_other;
CALL segment.update_rfm();
INSERT INTO segment.rfm_quintile VALUES (9, now(), 1, '{}', '{}', '{}');
RESET ROLE;
DROP OWNED BY rfm_other;
DROP ROLE rfm_other;
-- What it needs cannot go from under it.
SELECT segment.drop_feature('frequency');
SELECT segment.drop_feature('rfm_monetary');
SELECT segment.drop_segment('rfm_lost');
-- Dropped in the order of what refers to what; it may be begun anew, from any point.
SELECT segment.drop_tier_set('rfm');
SELECT count(segment.drop_segment(name)) FROM segment.definition WHERE name ^@ 'rfm_';
CALL segment.update_rfm();
SELECT count(cell), count(DISTINCT cell) FROM segment.rfm;
SELECT segment.drop_tier_set('rfm');
SELECT count(segment.drop_segment(name)) FROM segment.definition WHERE name ^@ 'rfm_';
SELECT segment.drop_feature(name) FROM unnest('{rfm_seen,rfm_frequency_monetary,rfm_recency,rfm_frequency,rfm_monetary,recency,monetary}'::text[]) name;
CALL segment.update_rfm();
SELECT count(cell), count(DISTINCT cell) FROM segment.rfm;
SELECT segment.drop_tier_set('rfm');
SELECT count(segment.drop_segment(name)) FROM segment.definition WHERE name ^@ 'rfm_';
SELECT count(segment.drop_feature(name)) FROM unnest('{rfm_frequency_monetary,rfm_recency,rfm_frequency,rfm_monetary,recency,frequency,monetary}'::text[]) name;
-- Where a name is taken, nothing happens.
SELECT segment.create_segment('rfm_lost', '{}') > 0 AS taken;
CALL segment.update_rfm();
SELECT count(*) FROM segment.feature WHERE name ^@ 'rfm_';
SELECT segment.drop_segment('rfm_lost') > 0 AS dropped;
SELECT sum(segment.forget(subscriber)) > 0 AS forgotten FROM segment.state WHERE subscriber ^@ 'b' OR subscriber = 'visitor';
SELECT segment.detach_source('orders') >= 0, segment.detach_source('visit') >= 0;
