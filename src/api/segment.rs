//! Creating and dropping segments.

use crate::criteria::{Scope, parse};
use crate::error::nearest;
use crate::membership::{Definition, Program, StreamPlan, plan_streams, requirements};
use crate::pg::flush::flush;
use crate::pg::owner::Acting;
use crate::pg::report::{Refusal, required, value_of};
use crate::pg::spi::connect;
use crate::pg::types::JsonbArgument;
use crate::pg::{guc, registry, upkeep};
use pgrx::prelude::*;

/// Longest name of a segment, in bytes: it is the key of an index.
const LONGEST_NAME: usize = 200;

/// Creates a segment, fills it from what is stored, and returns how many members it has. Blocks the writers of
/// all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe)]
fn create_segment(
    name: Option<String>,
    criteria: Option<JsonbArgument>,
    description: default!(Option<String>, "NULL"),
) -> i64 {
    registry::require_read_committed("create_segment");
    let name = required(name, "name");
    if name.is_empty() || name.len() > LONGEST_NAME {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("the name of a segment has 1 to {LONGEST_NAME} bytes, not {}", name.len()),
        )
        .hint("Say more in the description.")
        .raise();
    }
    let criteria = required(criteria, "criteria").text();
    let node =
        value_of(parse(&criteria, Scope::Subscriber).and_then(|node| Program::check(&node).map(|()| node)));
    registry::lock_out_writers();
    flush();
    let now = guc::now();
    let _acting = Acting::as_owner(registry::home().owner);
    upkeep::catch_up(now);
    let registry = registry::current();
    if connect(|session| {
        session.select("SELECT FROM segment.definition WHERE name = $1", &[name.clone().into()]).count()
    }) > 0
    {
        Refusal::new(PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT, format!("segment \"{name}\" already exists"))
            .hint("Choose another name, or drop the segment first.")
            .raise();
    }
    // Its id is not known yet, and streams do not depend on it.
    let definition = Definition { id: 0, name: name.clone(), criteria: node };
    let wanted = requirements(registry.definitions.iter().chain([&definition]));
    let added = store_streams(&plan_streams(registry.program.streams(), wanted));
    let id: i32 = connect(|session| {
        session
            .modify(
                "INSERT INTO segment.definition (name, description, criteria) VALUES ($1, $2, $3::jsonb) RETURNING segment_id",
                &[name.into(), description.into(), criteria.into()],
            )
            .value(0, 1)
    });
    let run = upkeep::begin_run("create_segment");
    if !added.is_empty() {
        upkeep::fill_streams(&added, now);
    }
    let pass = upkeep::evaluate_everybody(now);
    upkeep::end_run(run, pass);
    connect(|session| {
        session
            .modify("SELECT count(*) FROM segment.membership WHERE segment_id = $1", &[id.into()])
            .value(0, 1)
    })
}

/// Drops a segment with its memberships and its history, and returns how many members it had. Blocks the
/// writers of all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn drop_segment(name: String) -> i64 {
    registry::require_read_committed("drop_segment");
    registry::lock_out_writers();
    flush();
    let _acting = Acting::as_owner(registry::home().owner);
    let id = connect(|session| {
        session
            .select("SELECT segment_id FROM segment.definition WHERE name = $1", &[name.clone().into()])
            .get::<i32>(0, 1)
    });
    let Some(id) = id else { unknown(&name) };
    let registry = registry::current();
    let remaining = registry.definitions.iter().filter(|definition| definition.id != id as u32);
    let plan = plan_streams(registry.program.streams(), requirements(remaining));
    connect(|session| session.modify("DELETE FROM segment.definition WHERE segment_id = $1", &[id.into()]));
    store_streams(&plan);
    connect(|session| {
        session.modify("DELETE FROM segment.history WHERE segment_id = $1", &[id.into()]);
        session.modify("DELETE FROM segment.membership WHERE segment_id = $1", &[id.into()]).count() as i64
    })
}

/// The name of an existing segment, or an error: lets views and functions refuse a misspelt one.
#[pg_extern(stable, parallel_restricted, strict, name = "_existing_segment")]
fn existing_segment(name: String) -> String {
    if registry::visible().definitions.iter().all(|definition| definition.name != name) {
        unknown(&name);
    }
    name
}

/// Raises 42704 for a segment that does not exist.
pub fn unknown(name: &str) -> ! {
    let registry = registry::visible();
    let near = nearest(name, registry.definitions.iter().map(|definition| definition.name.as_str()));
    let refusal =
        Refusal::new(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("segment \"{name}\" does not exist"));
    refusal
        .hint(match near {
            Some(near) => format!("Did you mean \"{near}\"?"),
            None => "The segments are listed in segment.summary.".to_owned(),
        })
        .raise()
}

/// Changes the stream table as planned and returns the ids of what was added.
fn store_streams(plan: &StreamPlan) -> Vec<u32> {
    connect(|session| {
        if !plan.drop.is_empty() {
            let ids: Vec<i32> = plan.drop.iter().map(|id| *id as i32).collect();
            session.modify("DELETE FROM segment.stream WHERE stream_id = ANY ($1)", &[ids.into()]);
        }
        let added = plan.add.iter().map(|(selection, horizons)| {
            let rows = session.modify(
                "INSERT INTO segment.stream (event_type, filter, value_path, horizons)
                 VALUES ($1, $2::jsonb, $3, $4) RETURNING stream_id",
                &[
                    selection.event.clone().into(),
                    selection.filter.as_ref().map(ToString::to_string).into(),
                    selection.of.0.clone().into(),
                    horizons.panes().to_vec().into(),
                ],
            );
            rows.value::<i32>(0, 1) as u32
        });
        added.collect()
    })
}
