//! Attaching and detaching tables of events.

use crate::pg::flush::flush;
use crate::pg::home;
use crate::pg::locks;
use crate::pg::owner::Acting;
use crate::pg::relation::Relation;
use crate::pg::report::{Refusal, invalid, required};
use crate::pg::run;
use crate::pg::source::{EventType, Mapping, Reader};
use crate::pg::spi::connect;
use crate::pg::types::{Name, Regclass};
use crate::pg::{change, registry, tree, upkeep};
use pgrx::prelude::*;

/// Starts capturing the events of a table, those that are in it already included, and returns how many
/// subscribers they belong to. Blocks the writers of all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)]
fn attach_source(
    relation: Option<Regclass>,
    subscriber: Option<Name>,
    occurred_at: Option<Name>,
    event_type: default!(Option<Name>, "NULL"),
    constant_type: default!(Option<String>, "NULL"),
    value: default!(Option<Name>, "NULL"),
    properties: default!(Option<Name>, "NULL"),
    time_zone: default!(Option<String>, "NULL"),
    capture: default!(Option<String>, "'statement'"),
) -> i64 {
    registry::require_read_committed("attach_source");
    let relation = required(relation, "relation").0;
    let mapping = Mapping {
        subscriber: required(subscriber, "subscriber").0,
        occurred_at: required(occurred_at, "occurred_at").0,
        time_zone,
        event_type: event_type_of(event_type, constant_type),
        value: value.map(|name| name.0),
        properties: properties.map(|name| name.0),
    };
    let by_row = match capture.as_deref() {
        Some("statement") | None => false,
        Some("row") => true,
        Some(other) => invalid(
            format!("capture is \"{other}\", but must be statement or row"),
            "Rows are captured one by one only where statements are not seen, as on a subscriber of logical replication.",
        ),
    };
    attach(relation, &mapping, by_row)
}

/// Attaches a table that the current user owns.
pub fn attach(oid: pg_sys::Oid, mapping: &Mapping, by_row: bool) -> i64 {
    let reader = check(Relation::require(oid), mapping);
    flush();
    locks::hold_off_changes();
    {
        let _acting = Acting::as_owner();
        // Waits for the writers of the table; later ones find the triggers.
        lock(&reader.relation, "SHARE ROW EXCLUSIVE");
    }
    change::begin("attach_source");
    // What was checked before the lock may have changed meanwhile.
    let reader = check(Relation::require(oid), mapping);
    if registry::current().source_of(oid).is_some() {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            format!("\"{}.{}\" is already attached", reader.relation.schema, reader.relation.name),
        )
        .hint("Call segment.detach_source first to attach it with another mapping.")
        .raise();
    }
    let _acting = Acting::as_owner();
    connect(|session| {
        let (column, constant) = match &mapping.event_type {
            EventType::Column(name) => (Some(name.clone()), None),
            EventType::Constant(name) => (None, Some(name.clone())),
        };
        let rows = session.modify(
            "INSERT INTO segment.source
               (relation, subscriber, occurred_at, time_zone, event_type, constant_type, value, properties, capture)
             VALUES ($1::oid::regclass, $2::text, $3::text, $4, $5::text, $6, $7::text, $8::text, $9) RETURNING source_id",
            &[
                oid.into(),
                mapping.subscriber.clone().into(),
                mapping.occurred_at.clone().into(),
                mapping.time_zone.clone().into(),
                column.into(),
                constant.into(),
                mapping.value.clone().into(),
                mapping.properties.clone().into(),
                if by_row { "row" } else { "statement" }.into(),
            ],
        );
        let source: i32 = rows.value(0, 1);
        for table in tree::members(oid) {
            tree::enlist(session, source, by_row, &Relation::require(table));
        }
    });
    let run = run::begin("attach_source");
    let registry = registry::current();
    let pass = registry.source_of(oid).map_or_else(Default::default, upkeep::add_source);
    run::end(run, pass);
    pass.subscribers
}

/// Stops capturing a table's events and forgets what they contributed. Returns how many subscribers were
/// computed again. Blocks the writers of all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn detach_source(relation: Regclass) -> i64 {
    registry::require_read_committed("detach_source");
    locks::hold_off_changes();
    let found = Relation::look_up(relation.0);
    if let Some(found) = &found {
        found.check_owner();
        let _acting = Acting::as_owner();
        // Before the definitions, in the order in which writers take them.
        lock(found, "ACCESS EXCLUSIVE");
    }
    let registry = change::begin("detach_source");
    let _acting = Acting::as_owner();
    let Some(source) = registry.sources.iter().find(|source| source.relation == relation.0) else {
        let name = found.map_or_else(
            || relation.0.to_u32().to_string(),
            |found| format!("{}.{}", found.schema, found.name),
        );
        Refusal::new(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("\"{name}\" is not attached"))
            .hint("The attached tables are listed in segment.source.")
            .raise()
    };
    connect(|session| {
        source.tables.iter().for_each(|table| tree::discharge(session, *table));
        session.modify("DELETE FROM segment.source WHERE source_id = $1", &[source.id.into()]);
    });
    change::finish("detach_source", true, &[]).subscribers
}

/// Event trigger: parts of attached tables have come, or have gone and are still there.
#[pg_extern(sql = r#"
CREATE FUNCTION segment._parts_changed() RETURNS event_trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn parts_changed() {
    if !home::installed() {
        return;
    }
    let touched: Vec<pg_sys::Oid> = connect(|session| {
        let rows = session.select("SELECT objid FROM pg_catalog.pg_event_trigger_ddl_commands()", &[]);
        rows.first_column()
    });
    tree::reconcile(&touched);
}

/// Event trigger: tables were dropped, some of them perhaps parts of attached tables.
#[pg_extern(sql = r#"
CREATE FUNCTION segment._parts_dropped() RETURNS event_trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn parts_dropped() {
    if !home::installed() {
        return;
    }
    let dropped: Vec<pg_sys::Oid> = connect(|session| {
        let rows = session.select(
            "SELECT objid FROM pg_catalog.pg_event_trigger_dropped_objects() WHERE object_type = 'table'",
            &[],
        );
        rows.first_column()
    });
    tree::dropped(&dropped);
}

/// Locks a table, as the extension's owner.
pub fn lock(relation: &Relation, mode: &str) {
    connect(|session| session.modify_once(&format!("LOCK TABLE {} IN {mode} MODE", relation.quoted()), &[]));
}

fn check(relation: Relation, mapping: &Mapping) -> Reader {
    let checked = relation.check_attachable().and_then(|()| tree::check(&relation));
    let checked = checked.and_then(|()| Reader::new(relation, mapping));
    checked.unwrap_or_else(|refusal| refusal.raise())
}

fn event_type_of(column: Option<Name>, constant: Option<String>) -> EventType {
    match (column, constant) {
        (Some(column), None) => EventType::Column(column.0),
        (None, Some(constant)) if !constant.is_empty() => EventType::Constant(constant),
        _ => invalid(
            "exactly one of event_type and constant_type is needed",
            "Write event_type => 'column' where a column tells the type, or constant_type => 'purchase' where all rows are of one type.",
        ),
    }
}
