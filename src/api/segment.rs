//! Creating, altering and dropping segments.

use super::member::decide;
use crate::criteria::{Formula, Located, Safeguards, Scope, Zone, parse};
use crate::error::nearest;
use crate::membership::{Definition, Program, StreamPlan, dependents, plan_streams, reads, requirements};
use crate::pg::locks;
use crate::pg::owner::Acting;
use crate::pg::registry::Registry;
use crate::pg::report::{Refusal, invalid, required, value_of};
use crate::pg::run::{self, Pass};
use crate::pg::spi::{connect, connect_at_latest};
use crate::pg::types::JsonbArgument;
use crate::pg::{change, cluster_set, registry, transaction};
use crate::score::Tier;
use pgrx::prelude::*;
use std::rc::Rc;

/// Longest name of a segment, in bytes: it is the key of an index.
const LONGEST_NAME: usize = 200;

/// Creates a segment, fills it from what is stored, and returns how many members it has. Blocks the writers of
/// all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe)]
fn create_segment(
    name: Option<String>,
    criteria: Option<JsonbArgument>,
    description: default!(Option<String>, "NULL"),
    time_zone: default!(Option<String>, "'UTC'"),
) -> i64 {
    let name = checked_name(name);
    let criteria = required(criteria, "criteria").text();
    let zone = checked_zone(time_zone);
    // What is wrong with it by itself is told before anybody waits.
    value_of(parse(&criteria, Scope::Subscriber));
    let registry = change::begin("create_segment");
    let located = value_of(registry.parse(&criteria));
    let _acting = Acting::as_owner();
    refuse_existing(&name);
    let plan = plan(&registry, None, &name, located, zone, None);
    let fill = change::store_streams(&plan, 0);
    let id: i32 = connect(|session| {
        session
            .modify(
                "INSERT INTO segment.definition (name, description, criteria, time_zone, created_at)
                 VALUES ($1, $2, $3::jsonb, $4, segment.now()) RETURNING segment_id",
                &[name.into(), description.into(), criteria.into(), zone.name().into()],
            )
            .value(0, 1)
    });
    change::finish("create_segment", fill, &[id as u32]);
    connect(|session| {
        session
            .modify("SELECT count(*) FROM segment.membership WHERE segment_id = $1", &[id.into()])
            .value(0, 1)
    })
}

/// Creates some segments at once, each of which may refer to earlier ones, and fills them.
pub fn create_segments(kind: &str, segments: &[Tier]) {
    let registry = change::begin(kind);
    let _acting = Acting::as_owner();
    let mut all = registry.definitions.clone();
    for segment in segments {
        let name = checked_name(Some(segment.name.clone()));
        refuse_existing(&name);
        let criteria = segment.criteria.to_string();
        let located = value_of(registry.parse(&criteria));
        let id: i32 = connect(|session| {
            session
                .modify(
                    "INSERT INTO segment.definition (name, description, criteria, created_at)
                     VALUES ($1, $2, $3::jsonb, segment.now()) RETURNING segment_id",
                    &[name.clone().into(), segment.description.clone().into(), criteria.into()],
                )
                .value(0, 1)
        });
        let criteria = Rc::new(located);
        let definition = Definition::new(id as u32, name, criteria, Zone::UTC);
        value_of(Program::check_definition(&definition, &all));
        all.push(definition);
    }
    let added: Vec<u32> = all[registry.definitions.len()..].iter().map(|definition| definition.id).collect();
    change::finish(kind, change::store_streams(&plan_of(&registry, &all), 0), &added);
}

/// Creates a segment of the subscribers named, whatever they do, and returns how many it has. Who is in it is decided by
/// hand later too.
#[pg_extern(volatile, parallel_unsafe)]
fn create_static_segment(
    name: Option<String>,
    subscribers: Option<Vec<Option<String>>>,
    description: default!(Option<String>, "NULL"),
) -> i64 {
    let subscribers: Vec<String> = required(subscribers, "subscribers").into_iter().flatten().collect();
    let name = checked_name(name);
    registry::require_read_committed("create_static_segment");
    locks::hold_off_changes();
    {
        let _acting = Acting::as_owner();
        refuse_existing(&name);
        connect(|session| {
            session.modify(
                "INSERT INTO segment.definition (name, description, criteria) VALUES ($1, $2, '{\"any\": []}')",
                &[name.clone().into(), description.into()],
            )
        });
    }
    decide(&name, &subscribers, Some(true))
}

/// Creates a segment while writers go on, committing in between. The segment shows when it is filled; after a crash or
/// an error the same call goes on where that one ended.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.create_segment_concurrently(name text, criteria jsonb, description text DEFAULT NULL, time_zone text DEFAULT 'UTC')
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn create_segment_concurrently(
    name: Option<String>,
    criteria: Option<JsonbArgument>,
    description: Option<String>,
    time_zone: Option<String>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.create_segment_concurrently") };
    let name = checked_name(name);
    let criteria = required(criteria, "criteria").text();
    let zone = checked_zone(time_zone);
    let registry = change::begin_online_at_now("create_segment_concurrently");
    let located = value_of(registry.parse(&criteria));
    if !resumes(&name, &criteria, Some(zone), "NOT ready") {
        let _acting = Acting::as_owner();
        refuse_existing(&name);
        let number = add_streams(plan(&registry, None, &name, located, zone, None));
        connect(|session| {
            session.modify(
                "INSERT INTO segment.definition (name, description, criteria, time_zone, created_at, ready, changing, criteria_before)
                 VALUES ($1, $2, $3::jsonb, $4, segment.now(), false, $5, 'null')",
                &[name.clone().into(), description.into(), criteria.into(), zone.name().into(), number.into()],
            )
        });
    }
    sweep(&name, "create_segment_concurrently");
}

/// Puts other criteria in the place of a segment's, whose time zone stays, while writers go on, committing in between: old members leave and
/// new ones enter. After a crash or an error the same call goes on where that one ended.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.alter_segment(name text, criteria jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn alter_segment(name: Option<String>, criteria: Option<JsonbArgument>, fcinfo: pg_sys::FunctionCallInfo) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.alter_segment") };
    let name = required(name, "name");
    let criteria = required(criteria, "criteria").text();
    let registry = change::begin_online_at_now("alter_segment");
    let located = value_of(registry.parse(&criteria));
    if !resumes(&name, &criteria, None, "changing IS NOT NULL") {
        let _acting = Acting::as_owner();
        let Some((id, zone)) = found(&name) else { unknown(&name) };
        let guarded = registry.definitions.iter().find(|definition| definition.id == id as u32);
        let safeguards = guarded.and_then(|definition| definition.safeguards.clone());
        let zone = value_of(Zone::by_name(&zone));
        let number = add_streams(plan(&registry, Some(id as u32), &name, located, zone, safeguards));
        connect(|session| {
            session.modify(
                // Whom an unfinished change before has not reached stand by yet others.
                "UPDATE segment.definition
                 SET criteria = $2::jsonb, changing = $3, criteria_before = CASE WHEN changing IS NULL THEN criteria END
                 WHERE segment_id = $1",
                &[id.into(), criteria.into(), number.into()],
            )
        });
    }
    sweep(&name, "alter_segment");
}

/// Whether an earlier call left the same change unfinished.
fn resumes(name: &str, criteria: &str, zone: Option<Zone>, state: &'static str) -> bool {
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        let sql = format!(
            "SELECT FROM segment.definition
             WHERE name = $1 AND criteria = $2::jsonb AND time_zone = coalesce($3, time_zone) AND {state}"
        );
        let zone = zone.map(|zone| zone.name());
        session.select_once(&sql, &[name.into(), criteria.into(), zone.into()]).count() > 0
    })
}

/// Commits the definition, brings everybody under it, and puts it into force.
pub fn sweep(name: &str, kind: &str) {
    let changing = changing(name);
    let (run, total) = change::sweep(kind);
    {
        let _acting = Acting::as_owner();
        connect(|session| {
            session.modify(
                // Another change of it that came meanwhile will end itself.
                "UPDATE segment.definition SET ready = true, changing = NULL, criteria_before = NULL
                 WHERE name = $1 AND changing = $2",
                &[name.into(), changing.into()],
            )
        });
    }
    settle(run, total);
}

/// Ends a change that writers did not wait for, under which everybody is: what nothing reads any more goes.
pub fn settle(run: i64, total: Pass) {
    let registry = registry::latest();
    change::drop_streams(plan_of(&registry, &registry.definitions));
    run::end(run, total);
    pgrx::notice!("evaluated {} subscribers, {} transitions", total.subscribers, total.transitions);
}

/// The version from which on a definition that is being changed is in force.
fn changing(name: &str) -> Option<i64> {
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        session.select("SELECT changing FROM segment.definition WHERE name = $1", &[name.into()]).get(0, 1)
    })
}

/// The streams for all definitions with one put in, in the place of another or anew; or an error for one that speaks of
/// what does not exist, or of itself.
pub fn plan(
    registry: &Registry,
    replaced: Option<u32>,
    name: &str,
    criteria: impl Into<Rc<Located>>,
    zone: Zone,
    safeguards: Option<Rc<Safeguards>>,
) -> StreamPlan {
    plan_of(registry, &with(registry, replaced, name, criteria, zone, safeguards))
}

/// All definitions with one put in, in the place of another or anew; or an error for one that speaks of what does not
/// exist, or of itself.
pub fn with(
    registry: &Registry,
    replaced: Option<u32>,
    name: &str,
    criteria: impl Into<Rc<Located>>,
    zone: Zone,
    safeguards: Option<Rc<Safeguards>>,
) -> Vec<Definition> {
    // A new one's id is not known yet, and nothing here depends on it.
    let id = replaced.unwrap_or(u32::MAX);
    let mut all: Vec<Definition> = registry.definitions.clone();
    let before = all.iter().find(|other| Some(other.id) == replaced);
    let tiers = before.and_then(|other| other.tiers.clone());
    let on_hold = before.is_some_and(|other| other.on_hold);
    let criteria = criteria.into();
    let definition = Definition { id, name: name.into(), criteria, zone, safeguards, tiers, on_hold };
    all.retain(|other| Some(other.id) != replaced);
    if replaced.is_some() {
        all.push(definition.clone());
    }
    value_of(Program::check_definition(&definition, &all));
    if replaced.is_none() {
        all.push(definition);
    }
    value_of(Program::check_references(&all));
    all
}

/// The streams for some definitions, and for the features that are kept.
fn plan_of<'a>(registry: &Registry, definitions: impl IntoIterator<Item = &'a Definition>) -> StreamPlan {
    plan_with(registry, definitions, registry.kept().map(|(_, formula)| formula))
}

/// The streams for some definitions and formulas.
pub fn plan_with<'a>(
    registry: &Registry,
    definitions: impl IntoIterator<Item = &'a Definition>,
    formulas: impl Iterator<Item = Formula>,
) -> StreamPlan {
    let mut wanted = requirements(definitions);
    wanted.extend(formulas.flat_map(|formula| reads(&formula)));
    let streams = registry.program.streams();
    let mut plan = plan_streams(streams, &wanted, registry.evaluated_version == 0);
    // Whom a change under way has not reached still stand by what segments were.
    plan.keep(streams, &requirements(registry.definitions_before()));
    plan
}

/// Streams for a change that writers do not wait for: what nothing reads any more goes once everybody is under the new
/// definition. Returns the number of the change.
pub fn add_streams(plan: StreamPlan) -> i64 {
    let number = registry::begin_change();
    change::store_streams(&StreamPlan { drop: Vec::new(), ..plan }, number);
    number
}

/// Drops a segment with its memberships, and returns how many members it had. Blocks the writers of all sources until
/// the transaction ends.
#[pg_extern(volatile, parallel_unsafe, strict)]
pub fn drop_segment(name: String) -> i64 {
    let registry = change::begin("drop_segment");
    let _acting = Acting::as_owner();
    let Some(id) = segment_id(&name) else { unknown(&name) };
    let nearest = dependents(&name, &registry.definitions).into_iter();
    let mut direct: Vec<&str> = nearest.filter(|(_, depth)| *depth == 1).map(|(name, _)| name).collect();
    // Whom a change under way has not reached still stand by what these were.
    let refers = |before: &&Definition| !dependents(&name, std::slice::from_ref(*before)).is_empty();
    for before in registry.definitions_before().filter(refers) {
        if !direct.contains(&&*before.name) {
            direct.push(&before.name);
        }
    }
    let refers = format!("segment \"{name}\": other segments refer to it:");
    refuse_used(&refers, &direct, "Drop or alter those first.");
    let sets = registry.tier_sets.iter().filter(|set| set.segments.contains(&name));
    let sets: Vec<&str> = sets.map(|set| set.name.as_str()).collect();
    let is_tier = format!("segment \"{name}\": it is a tier of");
    refuse_used(&is_tier, &sets, "Drop those tier sets first, with segment.drop_tier_set.");
    let models = cluster_set::of_segment(id);
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let is_cluster = format!("segment \"{name}\": it is a cluster of");
    refuse_used(&is_cluster, &models, "Drop all of them, with segment.drop_cluster_segments.");
    let remaining = registry.definitions.iter().filter(|definition| definition.id != id as u32);
    let plan = plan_of(&registry, remaining);
    connect(|session| session.modify("DELETE FROM segment.definition WHERE segment_id = $1", &[id.into()]));
    change::store_streams(&plan, 0);
    connect(|session| {
        session.modify("DELETE FROM segment.membership WHERE segment_id = $1", &[id.into()]).count() as i64
    })
}

pub fn checked_name(name: Option<String>) -> String {
    let name = required(name, "name");
    if name.is_empty() || name.len() > LONGEST_NAME {
        invalid(
            format!("the name of a segment has 1 to {LONGEST_NAME} bytes, not {}", name.len()),
            "Say more in the description.",
        );
    }
    name
}

/// The time zone of a segment.
fn checked_zone(name: Option<String>) -> Zone {
    value_of(Zone::by_name(&required(name, "time_zone")))
}

fn refuse_existing(name: &str) {
    if segment_id(name).is_some() {
        Refusal::new(PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT, format!("segment \"{name}\" already exists"))
            .hint("Choose another name, or drop the segment first.")
            .raise();
    }
}

pub fn segment_id(name: &str) -> Option<i32> {
    found(name).map(|(id, _)| id)
}

/// The id of a segment, and its time zone.
fn found(name: &str) -> Option<(i32, String)> {
    // As of now, and not as of a statement that waited for another change of definitions.
    connect_at_latest(|session| {
        let sql = "SELECT segment_id, time_zone FROM segment.definition WHERE name = $1";
        let rows = session.select(sql, &[name.into()]);
        rows.get(0, 1).zip(rows.get(0, 2))
    })
}

/// The name of an existing segment, or an error: lets views and functions refuse a misspelt one.
#[pg_extern(stable, parallel_restricted, strict, name = "_existing_segment")]
fn existing_segment(name: String) -> String {
    if registry::visible().definitions.iter().all(|definition| *definition.name != *name) {
        unknown(&name);
    }
    name
}

/// The definition of a segment, by name; 42704 where there is none.
pub fn existing<'r>(registry: &'r Registry, name: &str) -> &'r Definition {
    let mut definitions = registry.definitions.iter();
    definitions.find(|definition| *definition.name == *name).unwrap_or_else(|| unknown(name))
}

/// Raises 2BP01 where something, as said, has users that name it.
pub fn refuse_used(what: &str, users: &[&str], hint: &str) {
    if !users.is_empty() {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
            format!("cannot drop {what} {}", users.join(", ")),
        )
        .hint(hint)
        .raise();
    }
}

/// Raises 42704 for a segment that does not exist.
pub fn unknown(name: &str) -> ! {
    let registry = registry::visible();
    let near = nearest(name, registry.definitions.iter().map(|definition| &*definition.name));
    let refusal =
        Refusal::new(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("segment \"{name}\" does not exist"));
    refusal
        .hint(match near {
            Some(near) => format!("Did you mean \"{near}\"?"),
            None => "The segments are listed in segment.summary.".to_owned(),
        })
        .raise()
}
