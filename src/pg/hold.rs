//! Segments on hold: nobody moves in or out but by hand, until they are resumed.

use super::locks;
use super::owner::Acting;
use super::registry::{self, Registry};
use super::spi::{connect_at_latest, timestamp};
use crate::activity::Instant;
use crate::criteria::MostMoved;
use std::collections::HashMap;

/// Who is a member of which segment before and after the time that passed until an instant, of those who are due by then.
const MOVES: &str = "
  WITH due AS MATERIALIZED (
    SELECT s.version, s.subscriber, s.evaluated_at, s.activity || coalesce(s.recent, '') AS activity, s.members, coalesce(s.manual, '') AS manual,
           coalesce(s.profile, 'null') AS profile, coalesce(s.held, '') AS held, coalesce(s.memory, '') AS memory
    FROM (SELECT DISTINCT subscriber FROM segment.due WHERE due_at <= $1) d JOIN segment.state s USING (subscriber)
  ), place AS (
    SELECT o.segment_id, d.subscriber, bool_or(NOT after) AS before, bool_or(after) AS after
    FROM due d CROSS JOIN (VALUES (false), (true)) t (after)
    CROSS JOIN LATERAL segment._overdue((SELECT version FROM segment.version), d.version, d.subscriber, d.evaluated_at, d.activity, d.members, d.manual,
                                        d.profile, d.held, d.memory, CASE WHEN after THEN $1 ELSE d.evaluated_at END) o
    GROUP BY o.segment_id, d.subscriber
  )
  SELECT segment_id, count(*) FILTER (WHERE before <> after),
         count(*) FILTER (WHERE before)
         + (SELECT count(*) FROM segment.membership m WHERE m.segment_id = p.segment_id AND NOT EXISTS (SELECT FROM due WHERE due.subscriber = m.subscriber))
  FROM place p GROUP BY segment_id";

/// The segments that may be put on hold, by number: name and how many people time may move.
fn limited(registry: &Registry) -> HashMap<i32, (&str, MostMoved)> {
    registry
        .definitions
        .iter()
        .filter(|definition| !definition.on_hold)
        .filter_map(|definition| {
            let most = definition.safeguards.as_ref()?.most_moved?;
            Some((definition.id as i32, (&*definition.name, most)))
        })
        .collect()
}

/// Whether time may put a segment on hold.
pub fn may_hold_back() -> bool {
    !limited(&registry::current()).is_empty()
}

/// Puts those segments on hold of which the time that passed until an instant would move more people than their
/// safeguards let it, and says so. Whether there were any.
pub fn hold_back(until: Instant) -> bool {
    let registry = registry::current();
    let limited = limited(&registry);
    if limited.is_empty() {
        return false;
    }
    let _acting = Acting::as_owner();
    let mut alarms = Vec::new();
    connect_at_latest(|session| {
        let rows = session.select(MOVES, &[timestamp(until).into()]);
        for row in 0..rows.count() {
            let (id, moved, members): (i32, i64, i64) =
                (rows.value(row, 1), rows.value(row, 2), rows.value(row, 3));
            if let Some((name, _)) = limited.get(&id).filter(|(_, most)| most.is_exceeded(moved, members)) {
                alarms.push((id, *name, moved, members));
            }
        }
    });
    if alarms.is_empty() {
        return false;
    }
    locks::hold_off_changes();
    for (id, name, moved, members) in alarms {
        if alarmed(id) {
            pgrx::warning!(
                "segment \"{name}\" is on hold: time would have moved {moved} people in and out of its {members} members \
                 (segment.resume_segment lets them move)"
            );
        }
    }
    true
}

/// Puts a segment on hold that has safeguards: what they remember of everybody stays as it is. False where it is so already.
fn alarmed(segment: i32) -> bool {
    connect_at_latest(|session| {
        let rows = session.modify(
            "UPDATE segment.definition SET on_hold_since = segment.now() WHERE segment_id = $1 AND on_hold_since IS NULL",
            &[segment.into()],
        );
        rows.count() > 0
    })
}

/// Begins to put a segment on hold, or to resume it; false where it is so already. The caller holds off other changes.
pub fn change(segment: i32, on_hold: bool) -> bool {
    let number = registry::begin_change();
    connect_at_latest(|session| {
        let rows = session.modify(
            "UPDATE segment.definition SET on_hold_since = CASE WHEN $2 THEN coalesce(on_hold_since, segment.now()) END,
               changing = $3, criteria_before = NULL
             WHERE segment_id = $1 AND ((on_hold_since IS NULL) = $2 OR changing IS NOT NULL)",
            &[segment.into(), on_hold.into(), number.into()],
        );
        rows.count() > 0
    })
}
