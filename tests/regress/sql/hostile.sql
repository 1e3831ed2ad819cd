-- Names of any kind are quoted, and no name in a user's schema is mistaken for one of the server's.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SELECT segment.now() IS NOT NULL AS loaded;
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA "host""ile; DROP SCHEMA segment CASCADE; --";
SET search_path = "host""ile; DROP SCHEMA segment CASCADE; --";
-- Quotes, dollars, newlines, spaces, reserved words, many bytes.
CREATE TABLE "sel'ect"" $$ from
;--" ("user" text, "or""der by" text, "time stamp" timestamptz, "$1" numeric, "ünï.cødé 🦀" jsonb);
SELECT segment.attach_source('"sel''ect"" $$ from
;--"', subscriber => 'user', occurred_at => 'time stamp', event_type => 'or"der by', value => '$1', properties => 'ünï.cødé 🦀');
SELECT segment.create_segment($n$ho'; "$$ $n$, '{"event": "pur''chase\" $$", "where": {"attribute": ["a.b\"'' $$", "🦀"], "equals": "x''\"\\"}, "sum": {"min": 5}, "of": ["va''l\"ue"]}', 'it''s "quoted" $$');
INSERT INTO "sel'ect"" $$ from
;--" VALUES ('ho''stile" $$', 'pur''chase" $$', '2026-05-31', 1, '{"a.b\"'' $$": {"🦀": "x''\"\\"}, "va''l\"ue": 5}'), ('other', 'pur''chase" $$', '2026-05-31', 1, '{"va''l\"ue": 5}');
SELECT * FROM segment.member;
SELECT path, condition, actual, threshold, holds FROM segment.explain('ho''stile" $$', $n$ho'; "$$ $n$);
SELECT segment, description, criteria FROM segment.summary;
SELECT event_type, filter, value_path FROM segment.stream;
UPDATE "sel'ect"" $$ from
;--" SET "$1" = 2;
DELETE FROM "sel'ect"" $$ from
;--" WHERE "user" = 'other';
SELECT * FROM segment.verify();
CALL segment.rebuild();
SELECT subscriber FROM segment.members($n$ho'; "$$ $n$);
-- Names as long as they get.
CREATE TABLE a23456789012345678901234567890123456789012345678901234567890123 (b23456789012345678901234567890123456789012345678901234567890123 text, c23456789012345678901234567890123456789012345678901234567890123 timestamptz);
SELECT segment.attach_source('a23456789012345678901234567890123456789012345678901234567890123', subscriber => 'b23456789012345678901234567890123456789012345678901234567890123', occurred_at => 'c23456789012345678901234567890123456789012345678901234567890123', constant_type => 'visit');
INSERT INTO a23456789012345678901234567890123456789012345678901234567890123 VALUES ('long', '2026-05-31');
SELECT subscriber, total_events_7d FROM segment.profile ORDER BY 1;
-- Clusters.
CREATE TABLE "clu'ster""" ("a""b" integer, "c d" real, "key" text);
INSERT INTO "clu'ster""" SELECT i, i, 'k''' || i FROM generate_series(1, 4) i;
SELECT cluster, size, feature FROM segment.kmeans('"clu''ster"""', ARRAY['a"b', 'c d'], 1, model => 'mo''del"');
SELECT id, cluster FROM segment.kmeans_assign('mo''del"', '"clu''ster"""', 'key') ORDER BY 1;
SELECT name, relation, columns FROM segment.cluster_model;
DELETE FROM segment.cluster_model;

-- Operators and functions of a user's that come first on the search path are not used by reads, definitions, recording and upkeep.
CREATE SCHEMA trap;
DO $$
DECLARE
  kind text;
  operator text;
BEGIN
  FOREACH kind IN ARRAY ARRAY['text', 'integer', 'bigint', 'timestamptz', 'name', 'oid', 'boolean', 'bytea'] LOOP
    EXECUTE format('CREATE FUNCTION trap.spring(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql AS ''BEGIN RAISE EXCEPTION ''''trapped''''; END''', kind);
    FOREACH operator IN ARRAY ARRAY['=', '<>', '<', '<=', '>', '>='] LOOP
      EXECUTE format('CREATE OPERATOR trap.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = trap.spring)', operator, kind);
    END LOOP;
  END LOOP;
END
$$;
CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION trap.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION trap.pg_is_in_recovery() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE TABLE trap.definition (segment_id integer, name text, criteria jsonb);
CREATE TABLE trap.source (source_id integer);
CREATE TEMPORARY TABLE state (subscriber text);
CREATE TABLE trap.events (who text, at timestamptz);
SELECT segment.attach_source('trap.events', subscriber => 'who', occurred_at => 'at', constant_type => 'visit');
INSERT INTO trap.events VALUES ('trapper', '2026-05-31');
SET search_path = trap, pg_temp, pg_catalog;
-- They are sprung by a statement of one's own, and not by the engine's.
SELECT 1 = 1;
SELECT segment.create_segment('ho trap', '{"event": "visit", "within": "3 days"}');
SELECT segment, subscriber FROM segment.member WHERE segment LIKE 'ho t%' ORDER BY 1, 2;
SELECT subscriber FROM segment.members('ho trap') ORDER BY 1;
SELECT subscriber, segments FROM segment.profile WHERE subscriber LIKE 'trap%';
SELECT segment, members FROM segment.summary WHERE segment LIKE 'ho t%';
SELECT segment, subscriber, action FROM segment.transition WHERE segment LIKE 'ho t%' ORDER BY 2;
SELECT entered FROM segment.record_event('trapped', 'visit', '2026-05-31');
SET pg_segment.clock = '2026-06-03 12:00:00+00';
SELECT segment, subscriber FROM segment.member WHERE segment LIKE 'ho t%' ORDER BY 1, 2;
CALL segment.refresh();
CALL segment.rebuild();
SELECT * FROM segment.verify();
RESET search_path;
SELECT path, holds FROM segment.explain('trapper', 'ho trap');
SELECT segment.drop_segment('ho trap');
SELECT segment.detach_source('trap.events') > 0 AS detached;

-- Clean up.
SET search_path = "host""ile; DROP SCHEMA segment CASCADE; --";
SELECT segment.drop_segment($n$ho'; "$$ $n$);
SELECT count(segment.detach_source(relation)) FROM (SELECT relation FROM segment.source WHERE relation <> 'segment.event'::regclass) s;
SET client_min_messages = warning;
DROP SCHEMA "host""ile; DROP SCHEMA segment CASCADE; --" CASCADE;
DROP SCHEMA trap CASCADE;
TRUNCATE segment.event;
DELETE FROM segment.state;
DELETE FROM segment.due;
