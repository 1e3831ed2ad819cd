//! What happened to memberships in the past.

use super::registry::Registry;
use super::report::value_of;
use super::spi::{connect, timestamp};
use crate::activity::{Instant, State};
use crate::membership::{Cause, Manual, Standing, Subject, Transition};
use crate::profile::Profile;
use std::collections::HashMap;

/// What happened to the memberships of some subscribers until an instant, in order: what is on record, and what time has done
/// since. Read with the rights of the caller.
pub fn transitions(
    registry: &Registry,
    subscribers: &[String],
    until: Instant,
) -> HashMap<String, Vec<Transition>> {
    let mut found: HashMap<String, Vec<Transition>> = HashMap::new();
    let params = || [subscribers.to_vec().into(), timestamp(until).into()];
    connect(|session| {
        let rows = session.select(
            "SELECT subscriber, at, entered, departed FROM segment.history
             WHERE subscriber = ANY ($1::text[]) AND at <= $2 ORDER BY subscriber, at, move",
            &params(),
        );
        let ids = |row, column| {
            rows.value::<Vec<i32>>(row, column).into_iter().map(|id| id as u32).collect::<Vec<u32>>()
        };
        for row in 0..rows.count() {
            let transition = Transition {
                at: rows.instant(row, 2).unwrap_or(until),
                cause: Cause::Event,
                entered: ids(row, 3),
                departed: ids(row, 4),
                leaves: Vec::new(),
            };
            found.entry(rows.value(row, 1)).or_default().push(transition);
        }
        let states = session.select(
            "SELECT s.subscriber, s.evaluated_at, s.members, s.activity || coalesce(s.recent, ''), s.manual, s.memory, s.profile, s.held, s.version
             FROM segment.state s WHERE s.subscriber = ANY ($1::text[]) AND s.evaluated_at <= $2",
            &params(),
        );
        for row in 0..states.count() {
            let (id, from) = (states.value::<String>(row, 1), states.instant(row, 2).unwrap_or(until));
            let mut standing = Standing::from_bytes(&states.bytes(row, 3), &states.bytes(row, 6));
            let program = &registry.rules_of(states.value(row, 9)).program;
            let mut state = value_of(State::from_bytes(&states.bytes(row, 4), program.streams()));
            let manual = Manual::from_bytes(&states.bytes(row, 5));
            let profile = Profile::stored(&states.bytes(row, 7), &states.bytes(row, 8));
            let subject = Subject { id: &id, manual: manual.as_ref(), profile: profile.as_ref(), past: None };
            let since = program.advance(subject, &mut state, &mut standing, from, until);
            found.entry(id).or_default().extend(since);
        }
    });
    found
}
