-- Members by hand win over criteria, both ways and for good; static segments are nothing else; buckets choose by a hash.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-15 12:00:00+00';
CREATE SCHEMA hand;
SET search_path = hand;
CREATE TABLE event (who text, what text, at timestamptz, country text);
SELECT segment.attach_source('event', subscriber => 'who', occurred_at => 'at', event_type => 'what');
INSERT INTO event SELECT 'u' || lpad(n::text, 2, '0'), CASE WHEN n <= 11 THEN 'uk' ELSE 'fr' END, segment.now() - interval '1 hour' FROM generate_series(1, 20) n;

-- M11: a filter finds 11, 3 are added by hand, 2 are excluded: 12, whatever is computed again.
SELECT segment.create_segment('hand uk', '{"event": "uk", "within": "30 days"}');
SELECT segment.add_member('hand uk', 'u12'), segment.add_member('hand uk', 'u13'), segment.add_member('hand uk', 'without events');
SELECT segment.add_member('hand uk', 'u13') AS again;
SELECT segment.exclude_member('hand uk', 'u01'), segment.exclude_member('hand uk', 'u02');
SELECT count(*) FROM segment.member WHERE segment = 'hand uk';
SELECT subscriber, decision FROM segment.manual_member WHERE segment = 'hand uk' ORDER BY 1;
CALL segment.rebuild();
SELECT count(*), count(*) FILTER (WHERE subscriber IN ('u01', 'u02')) AS excluded FROM segment.member WHERE segment = 'hand uk';
-- An event does not bring back who is excluded, nor does time take away who was added.
INSERT INTO event VALUES ('u01', 'uk', segment.now());
SET pg_segment.clock = '2026-08-15 12:00:00+00';
SELECT subscriber FROM segment.member WHERE segment = 'hand uk' ORDER BY 1;
CALL segment.refresh();
SELECT subscriber FROM segment.member WHERE segment = 'hand uk' ORDER BY 1;
SELECT subscriber, action, cause FROM segment.transition WHERE segment = 'hand uk' AND subscriber IN ('u01', 'u12') ORDER BY at, move;
SELECT path, condition, holds FROM segment.explain('u12', 'hand uk');
-- Changed criteria do not matter, and other segments see what was decided.
CALL segment.alter_segment('hand uk', '{"event": "fr"}');
SELECT subscriber FROM segment.member WHERE segment = 'hand uk' AND subscriber <= 'u12' ORDER BY 1;
SELECT segment.create_segment('hand others', '{"not": {"segment": "hand uk"}}');
SELECT subscriber FROM segment.member WHERE segment = 'hand others' AND subscriber IN ('u01', 'u12', 'u20') ORDER BY 1;
SELECT segment.exclude_member('hand uk', 'u12');
SELECT subscriber FROM segment.member WHERE segment = 'hand others' AND subscriber IN ('u01', 'u12', 'u20') ORDER BY 1;
SELECT segment.release_member('hand uk', 'u12'), segment.release_member('hand uk', 'u12') AS again, segment.release_member('hand uk', 'u01');
SELECT subscriber FROM segment.member WHERE segment = 'hand uk' AND subscriber <= 'u13' ORDER BY 1;
SELECT * FROM segment.verify();
-- A dropped segment leaves nothing to the next one of its name.
SELECT segment.drop_segment('hand others'), segment.drop_segment('hand uk');
SELECT segment.create_segment('hand uk', '{"any": []}');
SELECT count(*) FROM segment.manual_member;
-- Nor is a decision about it one about another.
SELECT segment.release_member('hand uk', 'u13'), segment.release_member('hand uk', 'u12');
SELECT segment.add_member('hand uk', 'u05');
SELECT segment.forget('u05');
SELECT count(*) FROM segment.manual_member;
SELECT * FROM segment.verify();

-- A static segment, of any query.
SELECT segment.create_static_segment('hand picked', ARRAY(SELECT DISTINCT who FROM event WHERE who < 'u04' ORDER BY 1) || ARRAY['somebody new', NULL], 'the first three');
SELECT subscriber FROM segment.member WHERE segment = 'hand picked' ORDER BY 1;
SELECT segment.create_segment('hand rest', '{"all": [{"event": "fr"}, {"none": [{"segment": "hand picked"}]}]}');
-- P21: the complement within another clause.
SELECT count(*) FROM segment.member WHERE segment = 'hand rest';
SELECT segment.exclude_member('hand picked', 'u01');
SELECT subscriber FROM segment.member WHERE segment = 'hand picked' ORDER BY 1;
SELECT segment.create_static_segment('hand picked', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.create_static_segment('hand nobody', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT segment.add_member('hand piked', 'u01');
\echo :LAST_ERROR_SQLSTATE
SELECT segment.add_member('hand picked', repeat('x', 1025));
\echo :LAST_ERROR_SQLSTATE

-- Buckets: the same share of the same people, whatever the name of the segment; other salts choose independently.
INSERT INTO event SELECT 'b' || n, 'visit', segment.now() FROM generate_series(1, 1000) n;
SELECT segment.create_segment('hand tenth', '{"bucket": {"salt": "spring", "from": 0, "to": 10}}'),
       segment.create_segment('hand next', '{"bucket": {"salt": "spring", "from": 10, "to": 20.5}}'),
       segment.create_segment('hand other', '{"bucket": {"salt": "autumn", "from": 0, "to": 10}}');
SELECT count(*) AS both FROM segment.member a JOIN segment.member b USING (subscriber) WHERE a.segment = 'hand tenth' AND b.segment = 'hand next';
-- As everybody can compute it.
SELECT count(*) FROM segment.member WHERE segment = 'hand tenth' AND ('x' || substr(md5('spring:' || subscriber), 1, 8))::bit(32)::bigint >= 0.1 * 4294967296;
SELECT condition, actual, threshold, holds FROM segment.explain('b1', 'hand other');
SELECT segment.validate('{"bucket": {"salt": "spring", "from": 10, "to": 10}}');
SELECT segment.validate('{"bucket": {"salt": 5, "from": 0, "to": 10}}');
SELECT segment.validate('{"bucket": {"salt": "x", "from": 0, "to": 101}}');
SELECT segment.matches('{}', '{"bucket": {"salt": "x", "from": 0, "to": 10}}');
SELECT * FROM segment.verify();

SELECT segment.drop_segment(name) IS NOT NULL AS dropped FROM (VALUES ('hand rest'), ('hand picked'), ('hand uk'), ('hand tenth'), ('hand next'), ('hand other')) s (name);
SELECT segment.detach_source('event');
RESET search_path;
DROP SCHEMA hand CASCADE;
RESET pg_segment.clock;
