//! What the views call: a stored state evaluated at an instant, under the definitions that the statement sees.

#![allow(clippy::too_many_arguments)]

use crate::activity::{Instant, State};
use crate::criteria::Decimal;
use crate::membership::{Manual, Members, Memory, Standing, Subject};
use crate::pg::report::value_of;
use crate::pg::spi::{instant, numeric, timestamp};
use crate::pg::types::JsonbArgument;
use crate::pg::{guc, registry};
use crate::profile::Profile;
use crate::score::{Feature, View};
use pgrx::prelude::*;

/// The evaluation time of the current statement: the setting pg_segment.clock, or the statement's start.
#[pg_extern(stable, parallel_safe, name = "now")]
fn clock() -> TimestampWithTimeZone {
    timestamp(guc::statement_now())
}

/// The segments that an overdue subscriber is in at an instant, with the time of entry where it lies after the
/// stored evaluation.
#[pg_extern(stable, parallel_restricted, strict, name = "_overdue")]
fn overdue(
    version: i64,
    subscriber: &str,
    evaluated_at: TimestampWithTimeZone,
    activity: &[u8],
    members: &[u8],
    manual: &[u8],
    profile: JsonbArgument,
    held: &[u8],
    memory: &[u8],
    at: TimestampWithTimeZone,
) -> TableIterator<'static, (name!(segment_id, i32), name!(since, Option<TimestampWithTimeZone>))> {
    let registry = registry::at_version(version);
    let program = &registry.program;
    let from = instant(evaluated_at);
    let mut state = value_of(State::from_bytes(activity, registry.program.streams()));
    let mut standing = Standing { members: Members::from_bytes(members), memory: Memory::from_bytes(memory) };
    let (manual, profile) = (Manual::from_bytes(manual), Profile::stored(profile.bytes(), held));
    let subject = Subject { id: subscriber, manual: manual.as_ref(), profile: profile.as_ref(), past: None };
    let transitions = program.advance(subject, &mut state, &mut standing, from, from.max(instant(at)));
    let since = |segment: u32| {
        let mut entries = transitions.iter().rev().filter(|transition| transition.entered.contains(&segment));
        entries.next().map(|transition| timestamp(transition.at))
    };
    let members = standing.members.iter();
    let rows = members.filter(|id| program.segment_name(*id).is_some()).map(|id| (id as i32, since(id)));
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// The names of the segments that a subscriber is in at an instant.
#[pg_extern(stable, parallel_restricted, strict, name = "_segments")]
fn segments(
    version: i64,
    subscriber: &str,
    evaluated_at: TimestampWithTimeZone,
    activity: &[u8],
    members: &[u8],
    manual: &[u8],
    profile: JsonbArgument,
    held: &[u8],
    memory: &[u8],
    at: TimestampWithTimeZone,
) -> Vec<String> {
    let registry = registry::at_version(version);
    let program = &registry.program;
    let from = instant(evaluated_at);
    let mut state = value_of(State::from_bytes(activity, program.streams()));
    let standing = Standing { members: Members::from_bytes(members), memory: Memory::from_bytes(memory) };
    let (manual, profile) = (Manual::from_bytes(manual), Profile::stored(profile.bytes(), held));
    let subject = Subject { id: subscriber, manual: manual.as_ref(), profile: profile.as_ref(), past: None };
    let standing = program.stands(subject, &mut state, standing, from, from.max(instant(at)));
    let mut names: Vec<String> =
        standing.members.iter().filter_map(|id| program.segment_name(id)).map(str::to_owned).collect();
    names.sort_unstable();
    names
}

/// The features of a subscriber that somebody created, by name, in JSON.
#[pg_extern(stable, parallel_restricted, strict, name = "_numbers")]
fn numbers(
    version: i64,
    subscriber: &str,
    evaluated_at: TimestampWithTimeZone,
    activity: &[u8],
    profile: JsonbArgument,
    held: &[u8],
    at: TimestampWithTimeZone,
) -> String {
    let registry = registry::at_version(version);
    let (state, at) = advanced(&registry, evaluated_at, activity, at);
    let profile = Profile::stored(profile.bytes(), held);
    let subject = Subject { id: subscriber, manual: None, profile: profile.as_ref(), past: None };
    let json =
        |number: Option<Decimal>| number.map_or_else(|| "null".to_owned(), |number| number.to_string());
    let numbers = registry.program.numbers(subject, &state, at);
    // Names need no quoting, and numbers are those of JSON.
    let entries: Vec<String> =
        numbers.map(|(name, number)| format!("\"{name}\": {}", json(number))).collect();
    format!("{{{}}}", entries.join(", "))
}

/// The features of a subscriber at an instant; no row for somebody without events and without a profile.
#[pg_extern(stable, parallel_restricted, strict, name = "_features")]
fn features(
    version: i64,
    evaluated_at: TimestampWithTimeZone,
    activity: &[u8],
    has_profile: bool,
    at: TimestampWithTimeZone,
) -> TableIterator<
    'static,
    (
        name!(first_event_at, Option<TimestampWithTimeZone>),
        name!(last_event_at, Option<TimestampWithTimeZone>),
        name!(total_events_7d, Option<AnyNumeric>),
        name!(total_events_30d, Option<AnyNumeric>),
        name!(total_events_90d, Option<AnyNumeric>),
        name!(open_rate_30d, Option<AnyNumeric>),
        name!(click_rate_30d, Option<AnyNumeric>),
        name!(conversion_rate_90d, Option<AnyNumeric>),
        name!(engagement_consistency, Option<AnyNumeric>),
        name!(engagement_score, Option<AnyNumeric>),
        name!(total_value_90d, Option<AnyNumeric>),
        name!(lifetime_value, Option<AnyNumeric>),
        name!(days_since_last, Option<AnyNumeric>),
    ),
> {
    let registry = registry::at_version(version);
    let (state, at) = advanced(&registry, evaluated_at, activity, at);
    if state.events <= 0 && !has_profile {
        return TableIterator::empty();
    }
    let view = View::of(&state);
    let extent = view.extent();
    let value = |feature: Feature| numeric(&feature.value(&view, at));
    TableIterator::once((
        extent.map(|(first, _)| timestamp(first)),
        extent.map(|(_, last)| timestamp(last)),
        value(Feature::TotalEvents7d),
        value(Feature::TotalEvents30d),
        value(Feature::TotalEvents90d),
        value(Feature::OpenRate30d),
        value(Feature::ClickRate30d),
        value(Feature::ConversionRate90d),
        value(Feature::EngagementConsistency),
        value(Feature::EngagementScore),
        value(Feature::TotalValue90d),
        value(Feature::LifetimeValue),
        value(Feature::DaysSinceLast),
    ))
}

fn advanced(
    registry: &registry::Registry,
    evaluated_at: TimestampWithTimeZone,
    activity: &[u8],
    at: TimestampWithTimeZone,
) -> (State, Instant) {
    let mut state = value_of(State::from_bytes(activity, registry.program.streams()));
    let at = instant(evaluated_at).max(instant(at));
    state.advance(registry.program.streams(), at);
    (state, at)
}
