//! Who was in a segment, when, and for how long.

use super::segment::existing;
use crate::activity::{DAY, Instant, State};
use crate::membership::{Cause, Manual, Members, Memory, Standing, Subject, Transition, time_in};
use crate::pg::registry::{self, Registry};
use crate::pg::report::{invalid, value_of};
use crate::pg::spi::{Session, connect, instant, timestamp};
use crate::pg::{guc, retention};
use crate::profile::Profile;
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
    let transitions = connect(|session| transitions(session, &registry, &subscriber, until));
    let time = time_in(id, &transitions, since.max(begin.at), until);
    let interval = Interval::new(0, (time / DAY) as i32, time % DAY);
    interval.unwrap_or_else(|_| Interval::from_micros(time))
}

/// From when on the members of a segment are on record, and why not from before.
struct Begin {
    at: Instant,
    removed: bool,
}

/// The number of a segment, and from when on its members are on record.
fn on_record(registry: &Registry, name: &str) -> (u32, Begin) {
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

/// What happened to a subscriber until an instant: what is on record, and what time has done since.
fn transitions(session: &Session, registry: &Registry, subscriber: &str, until: Instant) -> Vec<Transition> {
    let rows = session.select(
        "SELECT at, entered, departed FROM segment.history WHERE subscriber = $1 AND at <= $2 ORDER BY at, move",
        &[subscriber.into(), timestamp(until).into()],
    );
    let ids = |row, column| {
        rows.value::<Vec<i32>>(row, column).into_iter().map(|id| id as u32).collect::<Vec<u32>>()
    };
    let recorded = |row| Transition {
        at: rows.instant(row, 1).unwrap_or(until),
        cause: Cause::Event,
        entered: ids(row, 2),
        departed: ids(row, 3),
        leaves: Vec::new(),
    };
    let mut transitions: Vec<Transition> = (0..rows.count()).map(recorded).collect();
    let state = session.select(
        "SELECT evaluated_at, members, activity || coalesce(recent, ''), manual, memory, profile, held
         FROM segment.state WHERE subscriber = $1",
        &[subscriber.into()],
    );
    if let Some(evaluated_at) = state.instant(0, 1).filter(|evaluated_at| *evaluated_at <= until) {
        let program = &registry.program;
        let mut standing = Standing {
            members: Members::from_bytes(&state.bytes(0, 2)),
            memory: Memory::from_bytes(&state.bytes(0, 5)),
        };
        let mut activity = value_of(State::from_bytes(&state.bytes(0, 3), program.streams()));
        let manual = Manual::from_bytes(&state.bytes(0, 4));
        let profile = Profile::stored(&state.bytes(0, 6), &state.bytes(0, 7));
        let subject =
            Subject { id: subscriber, manual: manual.as_ref(), profile: profile.as_ref(), past: None };
        transitions.extend(program.advance(subject, &mut activity, &mut standing, evaluated_at, until));
    }
    transitions
}
