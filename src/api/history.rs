//! Who was in a segment, when, and for how long.

use super::segment::existing;
use crate::activity::{DAY, Instant};
use crate::membership::time_in;
use crate::pg::past::transitions;
use crate::pg::registry::{self, Registry};
use crate::pg::report::invalid;
use crate::pg::spi::{connect, instant, timestamp};
use crate::pg::{guc, retention};
use pgrx::prelude::*;

/// The number of a segment whose members at an instant are on record; an error for another instant.
#[pg_extern(stable, parallel_restricted, strict, name = "_recorded_segment")]
fn recorded_segment(segment: String, at: TimestampWithTimeZone) -> i32 {
    let (id, begin) = on_record(&registry::visible(), &segment);
    check(&segment, instant(at), &begin);
    id as i32
}

/// How long a subscriber was in a segment between two instants; since '-infinity' for all that is on record.
#[pg_extern(stable, parallel_restricted, strict)]
fn time_in_segment(
    segment: String,
    subscriber: String,
    since: default!(TimestampWithTimeZone, "'-infinity'"),
    until: default!(TimestampWithTimeZone, "segment.now()"),
) -> Interval {
    let registry = registry::visible();
    let (id, begin) = on_record(&registry, &segment);
    let (since, until) = (instant(since), instant(until));
    check(&segment, until, &begin);
    if since != Instant::MIN {
        check(&segment, since, &begin);
    }
    let transitions = transitions(&registry, std::slice::from_ref(&subscriber), until).remove(&subscriber);
    let time = time_in(id, &transitions.unwrap_or_default(), since.max(begin.at), until);
    let interval = Interval::new(0, (time / DAY) as i32, time % DAY);
    interval.unwrap_or_else(|_| Interval::from_micros(time))
}

/// From when on the members of a segment are on record, and why not from before.
pub(super) struct Begin {
    pub(super) at: Instant,
    removed: bool,
}

/// The number of a segment, and from when on its members are on record.
pub(super) fn on_record(registry: &Registry, name: &str) -> (u32, Begin) {
    let definition = existing(registry, name);
    let created = connect(|session| {
        let rows =
            session.select("SELECT created_at FROM segment.definition WHERE name = $1", &[name.into()]);
        rows.instant(0, 1)
    });
    let (created, kept) = (created.unwrap_or(Instant::MIN), retention::begin().unwrap_or(Instant::MIN));
    (definition.id, Begin { at: created.max(kept), removed: kept > created })
}

fn check(segment: &str, at: Instant, begin: &Begin) {
    let refuse = |problem: &str, hint: String| -> ! {
        let message = format!("who was in segment \"{segment}\" {problem}");
        invalid(message, hint)
    };
    if at < begin.at {
        let from = timestamp(begin.at).to_iso_string();
        let reason = if begin.removed {
            "what was before has been removed as pg_segment.history_retention says"
        } else {
            "when the segment was created"
        };
        refuse("at that time is not on record", format!("It is from {from} on: {reason}."));
    }
    if at > guc::statement_now() {
        refuse("in the future is not known", "Give a time up to segment.now().".to_owned());
    }
}
