//! What the views call: a stored row evaluated at the time of the statement, under the definitions that it sees.

#![allow(clippy::too_many_arguments)]

use crate::activity::State;
use crate::membership::{Manual, Standing, Subject};
use crate::pg::opened::{Opened, ROW, Stored, open};
use crate::pg::report::value_of;
use crate::pg::spi::{instant, numeric_of, timestamp};
use crate::pg::types::JsonbArgument;
use crate::pg::{guc, registry};
use crate::profile::Profile;
use pgrx::fcinfo::pg_getarg;
use pgrx::prelude::*;

/// The evaluation time of the current statement: the setting pg_segment.clock, or the statement's start.
#[pg_extern(stable, parallel_safe, name = "now")]
fn clock() -> TimestampWithTimeZone {
    timestamp(guc::statement_now())
}

/// The version of the definitions that the statement sees.
#[pg_extern(stable, parallel_safe, name = "_version")]
fn version() -> i64 {
    registry::visible().version
}

/// The segments that an overdue subscriber is in at an instant, with the time of entry where it lies after the
/// stored evaluation.
#[pg_extern(stable, parallel_restricted, strict, name = "_overdue")]
fn overdue(
    definitions: i64,
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
    let registry = registry::at_version(definitions);
    let program = &registry.rules_of(version).program;
    let from = instant(evaluated_at);
    let mut state = value_of(State::from_bytes(activity, program.streams()));
    let mut standing = Standing::from_bytes(members, memory);
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

/// A feature or a score of a stored row, by name; NULL where there is none.
#[pg_extern(sql = r#"
CREATE FUNCTION segment._feature(name text, definitions bigint, version bigint, subscriber text, evaluated_at timestamptz,
  activity bytea, recent bytea, profile jsonb, held bytea) RETURNS numeric
LANGUAGE c STABLE PARALLEL SAFE COST 30 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn feature(fcinfo: pg_sys::FunctionCallInfo) -> Option<AnyNumeric> {
    // SAFETY: declared as above.
    unsafe {
        let name: &str = pg_getarg(fcinfo, 0)?;
        let (units, scale) = open(fcinfo, 1, |row| row.number(name))?;
        numeric_of(units, scale)
    }
}

/// The time of the first or of the last event of a stored row; NULL without events.
#[pg_extern(sql = r#"
CREATE FUNCTION segment._event_at(last boolean, definitions bigint, version bigint, subscriber text, evaluated_at timestamptz,
  activity bytea, recent bytea, profile jsonb, held bytea) RETURNS timestamptz
LANGUAGE c STABLE PARALLEL SAFE COST 30 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn event_at(fcinfo: pg_sys::FunctionCallInfo) -> Option<TimestampWithTimeZone> {
    // SAFETY: declared as above.
    let (last, extent) = unsafe { (pg_getarg(fcinfo, 0)?, open(fcinfo, 1, Opened::extent)?) };
    Some(timestamp(if last { extent.1 } else { extent.0 }))
}

/// The features of a stored row that somebody created, by name, in JSON; NULL where nobody created any.
#[pg_extern(sql = r#"
CREATE FUNCTION segment._created_features(definitions bigint, version bigint, subscriber text, evaluated_at timestamptz,
  activity bytea, recent bytea, profile jsonb, held bytea) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn created_features(fcinfo: pg_sys::FunctionCallInfo) -> Option<String> {
    // SAFETY: declared as above.
    unsafe { open(fcinfo, 0, Opened::created) }
}

/// The names of the segments that a subscriber is in.
#[pg_extern(sql = r#"
CREATE FUNCTION segment._segments(definitions bigint, version bigint, subscriber text, evaluated_at timestamptz,
  activity bytea, recent bytea, profile jsonb, held bytea, members bytea, manual bytea, memory bytea, due_at timestamptz) RETURNS text[]
LANGUAGE c STABLE PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn segments(fcinfo: pg_sys::FunctionCallInfo) -> Vec<String> {
    // SAFETY: declared as above.
    unsafe {
        let stored = Stored::of(fcinfo, ROW);
        open(fcinfo, 0, |row| row.segments(&stored))
    }
}

/// The place of a subscriber in each tier set, by its name, in JSON.
#[pg_extern(sql = r#"
CREATE FUNCTION segment._tiers(definitions bigint, version bigint, subscriber text, evaluated_at timestamptz,
  activity bytea, recent bytea, profile jsonb, held bytea, members bytea, manual bytea, memory bytea, due_at timestamptz) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn tiers(fcinfo: pg_sys::FunctionCallInfo) -> String {
    // SAFETY: declared as above.
    unsafe {
        let stored = Stored::of(fcinfo, ROW);
        open(fcinfo, 0, |row| row.tiers(&stored))
    }
}
