-- G3: everything that one subscriber did, over all sources, in the order of time.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
CREATE SCHEMA jo;
SET search_path = jo;
CREATE TABLE mail (who text, what text, at timestamp, details jsonb);
CREATE TABLE orders (customer integer, day date, total numeric);
SELECT segment.attach_source('mail', subscriber => 'who', occurred_at => 'at', event_type => 'what', properties => 'details', time_zone => 'Europe/Paris');
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'day', constant_type => 'purchase', value => 'total', time_zone => 'UTC');
INSERT INTO mail VALUES ('9007', 'sent', '2026-05-30 10:00', NULL), ('9007', 'open', '2026-05-30 10:29', '{"campaign": "spring"}'), ('9007', 'click', '2026-05-30 10:59', '{"channel": "app"}'),
  ('9007', 'page_view', '2026-05-30 11:29:01', NULL), ('9007', 'visit', '2026-06-02', NULL), ('90070', 'sent', '2026-05-30 10:00', NULL), ('9007', 'reply', NULL, NULL);
INSERT INTO orders VALUES (9007, '2026-05-31', 19.90), (9007, '2026-05-30', 5), (90070, '2026-05-31', 1);
SELECT * FROM segment.journey('9007');
SELECT session, event_type FROM segment.journey('9007', gap => '1 hour');
SELECT occurred_at, event_type FROM segment.journey('9007', since => '2026-05-30 08:29', until => '2026-05-31');
-- What is to come is shown to whoever asks for it.
SELECT event_type FROM segment.journey('9007', since => '2026-06-01', until => 'infinity');
SELECT count(*) FROM segment.journey('nobody');
SELECT * FROM segment.journey(NULL);
SELECT * FROM segment.journey('9007', gap => '-1 minute');
SELECT * FROM segment.journey('9007', gap => NULL);
-- With the rights of the caller, and under the policies that hold for them.
CREATE ROLE jo_reader;
SELECT segment.create_event_table() IS NOT NULL;
GRANT SELECT ON segment.event TO jo_reader;
GRANT USAGE ON SCHEMA jo TO jo_reader;
GRANT SELECT ON mail TO jo_reader;
GRANT EXECUTE ON FUNCTION segment.journey(text, timestamptz, timestamptz, interval) TO jo_reader;
SET ROLE jo_reader;
SELECT event_type, session FROM segment.journey('9007');
RESET ROLE;
GRANT SELECT ON orders TO jo_reader;
ALTER TABLE mail ENABLE ROW LEVEL SECURITY;
CREATE POLICY sent_alone ON mail TO jo_reader USING (what = 'sent');
SET ROLE jo_reader;
SELECT event_type, session FROM segment.journey('9007');
RESET ROLE;
SELECT segment.forget('9007'), segment.forget('90070');
SELECT segment.detach_source('mail') IS NOT NULL, segment.detach_source('orders') IS NOT NULL;
SET client_min_messages = warning;
DROP SCHEMA jo CASCADE;
DROP OWNED BY jo_reader;
DROP ROLE jo_reader;
