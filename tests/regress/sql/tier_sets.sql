-- Tier sets: everybody in exactly one place, the highest of the segments that they are in.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-15 12:00:00+00';
CREATE SCHEMA tiers;
SET search_path = tiers;
CREATE TABLE event (who text, what text, at timestamptz, worth numeric);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'what', value => 'worth');
INSERT INTO event SELECT 'u' || n, 'buy', segment.now() - n * interval '1 day', 100 FROM generate_series(1, 6) n, generate_series(1, 7 - n);

SELECT segment.create_segment('t gold', '{"event": "buy", "sum": {"min": 500}}'), segment.create_segment('t silver', '{"event": "buy", "sum": {"min": 300}}'),
       segment.create_segment('t recent', '{"event": "buy", "within": "3 days"}');
SELECT segment.create_tier_set('loyalty', ARRAY['t gold', 't silver', 't recent'], 'others');
SELECT subscriber, tier, place FROM segment.tier WHERE tier_set = 'loyalty' ORDER BY 1;
SELECT place, tier, members, lost_to_higher FROM segment.tier_summary WHERE tier_set = 'loyalty' ORDER BY 1;

-- As a leaf: the place, not the segment.
SELECT segment.create_segment('t place silver', '{"segment": "t silver", "tier_set": "loyalty"}'), segment.create_segment('t place none', '{"segment": null, "tier_set": "loyalty"}');
SELECT segment, subscriber FROM segment.member WHERE segment LIKE 't place%' ORDER BY 1, 2;
SELECT path, condition, holds FROM segment.explain('u1', 't place silver');
SELECT path, sentence FROM segment.describe('{"all": [{"segment": "t silver", "tier_set": "loyalty"}, {"not": {"segment": null, "tier_set": "loyalty"}}]}');
SELECT segment.normalise('{"all": [{"tier_set": "loyalty", "segment": "t silver"}]}');

-- Time, events and hands move people between tiers.
INSERT INTO event VALUES ('u3', 'buy', segment.now(), 100);
SELECT segment.exclude_member('t gold', 'u1');
SET pg_segment.clock = '2026-06-20 12:00:00+00';
SELECT subscriber, tier FROM segment.tier WHERE tier_set = 'loyalty' ORDER BY 1;
SELECT segment, subscriber FROM segment.member WHERE segment LIKE 't place%' ORDER BY 1, 2;
SELECT count(*) = count(DISTINCT subscriber) AND count(*) = 6 AS complete_and_exclusive FROM segment.tier WHERE tier_set = 'loyalty';
SELECT * FROM segment.verify();

-- What is refused.
SELECT segment.create_tier_set('loyalty', ARRAY['t gold']);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_tier_set('t twice', ARRAY['t gold', 't silver', 't gold']);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_tier_set('t same', ARRAY['t gold'], 't gold');
SELECT segment.create_tier_set('t empty', '{}');
SELECT segment.create_tier_set('t unknown', ARRAY['t gald']);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_tier_set(NULL, ARRAY['t gold']);
SELECT segment.drop_segment('t gold');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_tier_set('loyalty');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_tier_set('loyality');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.validate('{"segment": "t bronze", "tier_set": "loyalty"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.validate('{"any": [{"segment": "t gold", "tier_set": "royalty"}]}');
SELECT segment.validate('{"segment": "t gold", "tier_set": 5}');
SELECT segment.validate('{"segment": null}');

SELECT segment.drop_segment('t place silver'), segment.drop_segment('t place none'), segment.drop_tier_set('loyalty');
SELECT segment.drop_segment('t gold'), segment.drop_segment('t silver'), segment.drop_segment('t recent');
SELECT count(*) FROM segment.tier;
SELECT sum(segment.forget('u' || n)) FROM generate_series(1, 6) n;
SELECT segment.detach_source('event');
RESET search_path;
DROP SCHEMA tiers CASCADE;
RESET pg_segment.clock;
