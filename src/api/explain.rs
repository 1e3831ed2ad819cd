//! Why somebody is in a segment, or not.

use super::segment::existing;
use crate::activity::State;
use crate::membership::{LeafReport, Manual, Standing, Subject};
use crate::pg::report::value_of;
use crate::pg::spi::{connect, timestamp};
use crate::pg::{guc, registry, survey};
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
    let subscriber = registry.identities.of(&subscriber).to_owned();
    let (row, since) = connect(|session| {
        let rows = session.select(
            "SELECT s.evaluated_at, s.activity || coalesce(s.recent, ''), s.manual, s.profile, s.held, s.members, s.memory,
                    s.version
             FROM segment.state s WHERE s.subscriber = $1",
            &[subscriber.clone().into()],
        );
        let row = rows.instant(0, 1).map(|evaluated_at| {
            let standing = Standing::from_bytes(&rows.bytes(0, 6), &rows.bytes(0, 7));
            let profile = Profile::stored(&rows.bytes(0, 4), &rows.bytes(0, 5));
            let manual = Manual::from_bytes(&rows.bytes(0, 3));
            (evaluated_at, rows.value::<i64>(0, 8), rows.bytes(0, 2), manual, profile, standing)
        });
        let since = session.select(
            "SELECT since FROM segment.member WHERE segment = $1 AND subscriber = $2",
            &[segment.clone().into(), subscriber.clone().into()],
        );
        (row, since.instant(0, 1))
    });
    let now = guc::statement_now();
    let (from, version, activity, manual, profile, standing) =
        row.unwrap_or_else(|| (now, registry.version, Vec::new(), None, None, Standing::default()));
    // By what the segment was, whoever a change of it has not reached stands.
    let stood = registry.before(version).and_then(|rules| {
        let mut definitions = rules.definitions.iter();
        Some((&rules.program, definitions.find(|before| before.id == definition.id)?))
    });
    let lacks = stood.is_none() && version < registry.filled_version;
    let (program, definition) = stood.unwrap_or((&registry.program, definition));
    let mut state = match lacks {
        true => survey::of_their_events(&registry, program, &subscriber, from),
        false => value_of(State::from_bytes(&activity, program.streams())),
    };
    let at = from.max(now);
    let subject = Subject { id: &subscriber, manual: manual.as_ref(), profile: profile.as_ref(), past: None };
    let standing = program.stands(subject, &mut state, standing, from, at);
    let subject = Subject { past: Some(&standing), ..subject };
    let member = standing.members.contains(definition.id);
    let changes_at = program.next_transition(definition.id, subject, &state, at);
    let holds = program.holds(definition.id, subject, &state, at);
    let by_hand = manual.as_ref().and_then(|manual| manual.decides(definition.id));
    let names: Vec<&str> = holds.iter().map(|hold| hold.safeguard).collect();
    let whole = (
        String::new(),
        match by_hand {
            Some(true) => format!("member of {segment}, added by hand"),
            Some(false) => format!("member of {segment}, excluded by hand"),
            None if names.is_empty() => format!("member of {segment}"),
            None => {
                format!(
                    "member of {segment}, kept {} by {}",
                    if member { "in" } else { "out" },
                    names.join(" and ")
                )
            }
        },
        None,
        None,
        member,
        changes_at.map(timestamp),
        since.filter(|_| member).map(timestamp),
    );
    // What has to last, and until when it does.
    let waits = holds.iter().filter_map(|hold| {
        let sentence = definition.safeguards.as_ref()?.describe(hold.safeguard)?;
        Some(LeafReport {
            path: hold.safeguard.to_owned(),
            condition: sentence,
            actual: None,
            threshold: None,
            holds: false,
            changes_at: hold.until,
        })
    });
    let leaves = program.explain(definition, subject, &state, at);
    let leaves = waits.chain(leaves).map(|leaf| {
        let changes_at = leaf.changes_at.map(timestamp);
        (leaf.path, leaf.condition, leaf.actual, leaf.threshold, leaf.holds, changes_at, None)
    });
    TableIterator::new(std::iter::once(whole).chain(leaves).collect::<Vec<_>>())
}
