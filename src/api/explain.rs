//! Why somebody is in a segment, or not.

use super::segment::existing;
use crate::activity::State;
use crate::membership::{Manual, Subject};
use crate::pg::report::value_of;
use crate::pg::spi::{connect, timestamp};
use crate::pg::{guc, registry};
use crate::profile::Profile;
use pgrx::prelude::*;

/// The membership itself in the first row, with the path '' and the time of entry; then a row per leaf of the
/// criteria. Somebody without events has every count at zero, and without a profile, too, is in no segment,
/// but by hand.
#[pg_extern(stable, parallel_restricted, strict)]
fn explain(
    subscriber: String,
    segment: String,
) -> TableIterator<
    'static,
    (
        name!(path, String),
        name!(condition, String),
        name!(actual, Option<String>),
        name!(threshold, Option<String>),
        name!(holds, bool),
        name!(changes_at, Option<TimestampWithTimeZone>),
        name!(since, Option<TimestampWithTimeZone>),
    ),
> {
    let registry = registry::visible();
    let definition = existing(&registry, &segment);
    let (row, since) = connect(|session| {
        let rows = session.select(
            "SELECT s.evaluated_at, s.activity || coalesce(s.recent, ''), s.manual, s.profile, s.held FROM segment.state s WHERE s.subscriber = $1",
            &[subscriber.clone().into()],
        );
        let profile = Profile::stored(&rows.bytes(0, 4), &rows.bytes(0, 5));
        let row = rows
            .instant(0, 1)
            .map(|at| (at, rows.bytes(0, 2), Manual::from_bytes(&rows.bytes(0, 3)), profile));
        let since = session.select(
            "SELECT since FROM segment.member WHERE segment = $1 AND subscriber = $2",
            &[segment.clone().into(), subscriber.clone().into()],
        );
        (row, since.instant(0, 1))
    });
    let mut state = row.as_ref().map_or_else(State::default, |(_, activity, ..)| {
        value_of(State::from_bytes(activity, registry.program.streams()))
    });
    let (manual, profile) = row.as_ref().map_or((None, None), |row| (row.2.as_ref(), row.3.as_ref()));
    let subject = Subject { id: &subscriber, manual, profile };
    let evaluated = row.as_ref().map(|(evaluated_at, ..)| *evaluated_at);
    let at = evaluated.map_or_else(guc::statement_now, |at| at.max(guc::statement_now()));
    let program = &registry.program;
    state.advance(program.streams(), at);
    let member = program.members(subject, &state, at).contains(definition.id);
    let changes_at = program.next_transition(definition.id, subject, &state, at);
    let whole = (
        String::new(),
        match manual.and_then(|manual| manual.decides(definition.id)) {
            None => format!("member of {segment}"),
            Some(true) => format!("member of {segment}, added by hand"),
            Some(false) => format!("member of {segment}, excluded by hand"),
        },
        None,
        None,
        member,
        changes_at.map(timestamp),
        since.filter(|_| member).map(timestamp),
    );
    let leaves = program.explain(definition.id, &definition.criteria.root, subject, &state, at);
    let leaves = leaves.into_iter().map(|leaf| {
        let changes_at = leaf.changes_at.map(timestamp);
        (leaf.path, leaf.condition, leaf.actual, leaf.threshold, leaf.holds, changes_at, None)
    });
    TableIterator::new(std::iter::once(whole).chain(leaves).collect::<Vec<_>>())
}
