-- explain: why somebody is in a segment or not, leaf by leaf, and when that changes.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_segment.clock = '2026-06-01 12:00:00+00';
INSERT INTO segment.event (subscriber, event_type, occurred_at, value, properties) VALUES
  ('ex.1', 'purchase', '2026-05-10 10:15', 20, '{"category": "shoes"}'), ('ex.1', 'purchase', '2026-05-30 10:15', 30.5, NULL), ('ex.1', 'email_open', '2026-06-01 11:00', NULL, NULL),
  ('ex.2', 'visit', '2026-05-31 12:00', NULL, NULL);
SELECT segment.create_segment('ex valuable', '{"all": [{"event": "purchase", "count": {"min": 2}, "within": "30 days"}, {"any": [{"event": "purchase", "sum": {"min": 50, "lt": 100}, "of": "value"}, {"engagement_score": {"gt": 0.9}}]},
  {"not": {"event": "complaint"}}, {"event": "purchase", "where": {"category": {"in": ["shoes", "hats"]}}, "within": "90 days"}, {"event": "open", "within": "2 hours"}]}');
-- A member: the membership with its entry and next change in the first row, then a row per leaf.
SELECT path, condition, actual, threshold, holds, changes_at, since FROM segment.explain('ex.1', 'ex valuable');
-- Not a member, and somebody whom nobody knows: no event ever, and in no segment.
SELECT path, actual, holds, changes_at, since FROM segment.explain('ex.2', 'ex valuable');
SELECT path, actual, holds, changes_at, since FROM segment.explain('ex.nobody', 'ex valuable');
-- Time alone changes the answer, at the moment foretold: the open leaves its 2 hours.
SET pg_segment.clock = '2026-06-01 12:59:59+00';
SELECT holds, changes_at, since FROM segment.explain('ex.1', 'ex valuable') WHERE path = '';
SET pg_segment.clock = '2026-06-01 13:00:00+00';
SELECT path, actual, holds, changes_at, since FROM segment.explain('ex.1', 'ex valuable');
-- explain agrees with the view.
SELECT subscriber FROM segment.member WHERE segment = 'ex valuable';
-- A future event is foretold too.
INSERT INTO segment.event (subscriber, event_type, occurred_at) VALUES ('ex.1', 'email_open', '2026-06-02 08:00');
SELECT path, holds, changes_at FROM segment.explain('ex.1', 'ex valuable') WHERE path IN ('', 'all[4]');
-- Refused: a segment that does not exist. NULL in gives no row.
SELECT * FROM segment.explain('ex.1', 'ex valuabel');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM segment.explain(NULL, 'ex valuable');
SELECT * FROM segment.explain('ex.1', NULL);
-- Clean up.
SELECT segment.drop_segment('ex valuable');
TRUNCATE segment.event;
DELETE FROM segment.state;
DELETE FROM segment.due;
