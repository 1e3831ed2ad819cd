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

-- Allowed moves: others do not happen until one that is allowed is due. Nobody moves when they are set.
SELECT segment.set_tier_moves('loyalty', '[["t recent", "t silver"], ["t silver", "t gold"], ["t gold", "t silver"], ["others", "t recent"]]');
SELECT tier_set, otherwise, moves FROM segment.tier_set;
SELECT subscriber, tier FROM segment.tier WHERE tier_set = 'loyalty' ORDER BY 1;
-- From nothing to gold is no move; to recent is one, from there to silver, and so to gold.
INSERT INTO event VALUES ('u9', 'buy', '2026-06-10', 600);
SELECT subscriber, tier FROM segment.tier WHERE tier_set = 'loyalty' AND subscriber = 'u9';
SELECT segment FROM segment.member WHERE subscriber = 'u9' ORDER BY 1;
SELECT path, condition, holds FROM segment.explain('u9', 't gold');
DELETE FROM event WHERE who = 'u9';
INSERT INTO event VALUES ('u9', 'buy', segment.now(), 100);
SELECT tier FROM segment.tier WHERE subscriber = 'u9';
INSERT INTO event VALUES ('u9', 'buy', segment.now(), 300);
SELECT tier FROM segment.tier WHERE subscriber = 'u9';
INSERT INTO event VALUES ('u9', 'buy', segment.now(), 300);
SELECT tier FROM segment.tier WHERE subscriber = 'u9';
-- Gold is not left for nothing, whatever time and events do; to silver it is.
UPDATE event SET worth = 1 WHERE who = 'u9';
SET pg_segment.clock = '2026-06-25 12:00:00+00';
SELECT tier FROM segment.tier WHERE subscriber = 'u9';
CALL segment.refresh();
CALL segment.rebuild();
SELECT segment FROM segment.member WHERE subscriber = 'u9' ORDER BY 1;
SELECT path, condition, holds FROM segment.explain('u9', 't gold');
SELECT * FROM segment.diff('t gold', '{"event": "buy", "sum": {"min": 500}}');
INSERT INTO event VALUES ('u9', 'buy', '2026-06-10', 300);
SELECT tier FROM segment.tier WHERE subscriber = 'u9';
SELECT segment, action, at, cause, leaf FROM segment.transition WHERE subscriber = 'u9' AND segment NOT LIKE 't place%' AND at > '2026-06-20 12:00' ORDER BY move, segment;
-- By hand they move anywhere.
SELECT segment.exclude_member('t silver', 'u9');
SELECT tier FROM segment.tier WHERE subscriber = 'u9';
SELECT segment.release_member('t silver', 'u9');
SELECT tier FROM segment.tier WHERE subscriber = 'u9';
SELECT path, condition, holds FROM segment.explain('u9', 't silver');
SELECT * FROM segment.verify();
-- All allowed again: who was kept moves.
SELECT segment.set_tier_moves('loyalty', NULL);
SELECT tier FROM segment.tier WHERE subscriber = 'u9';
SELECT * FROM segment.verify();
SELECT segment.forget('u9');
SELECT segment.set_tier_moves('loyalty', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.set_tier_moves('loyalty', '[["t gold", "t sliver"]]');
SELECT segment.set_tier_moves('loyalty', '[["t gold", "t gold"]]');
SELECT segment.set_tier_moves('loyalty', '[["t gold"]]');
SELECT segment.set_tier_moves('loyal', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.set_tier_moves(NULL, NULL);
SELECT segment.create_tier_set('t first', ARRAY['t gold', 't silver'], moves => '[]');
SELECT segment.set_tier_moves('loyalty', '[]');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_segment('t between', '{"segment": "t silver"}');
CALL segment.alter_segment('t gold', '{"segment": "t between"}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.drop_segment('t between'), segment.drop_tier_set('t first');

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
