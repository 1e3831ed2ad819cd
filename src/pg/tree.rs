//! The tables of a source: one, or a partitioned or inherited one with all its parts.
//!
//! Statement triggers fire for the table that a statement names and see the rows of all its parts, so each table of the
//! tree has its own and no row is seen twice. An event trigger notices parts that come and go.

use super::locks;
use super::owner::Acting;
use super::pending;
use super::registry::{self, Registry};
use super::relation::{Relation, is_in_use};
use super::report::Refusal;
use super::scan::{Order, Scan};
use super::source::Source;
use super::spi::{Session, connect, connect_at_latest};
use pgrx::prelude::*;
use std::cell::Cell;

thread_local! {
    /// Whether the engine itself alters a table, which the event trigger is not to answer.
    static ALTERING: Cell<bool> = const { Cell::new(false) };
}

struct Altering;

impl Altering {
    fn begin() -> Self {
        ALTERING.set(true);
        Altering
    }
}

impl Drop for Altering {
    fn drop(&mut self) {
        ALTERING.set(false);
    }
}

/// A table and its parts, as they are now.
pub fn members(root: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    connect_at_latest(|session| {
        let rows = session.select(
            "WITH RECURSIVE tree (relation) AS (
               VALUES ($1) UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON i.inhparent = t.relation
               WHERE NOT i.inhdetachpending)
             SELECT relation FROM tree ORDER BY relation",
            &[root.into()],
        );
        rows.first_column()
    })
}

/// Refuses parts that cannot be captured.
pub fn check(root: &Relation) -> Result<(), Refusal> {
    for part in members(root.oid) {
        if let Some(part) = Relation::look_up(part).filter(|part| part.oid != root.oid) {
            part.check_source()?;
        }
    }
    Ok(())
}

/// Refuses a table that has parts.
pub fn refuse_parts(root: &Relation) -> Result<(), Refusal> {
    if members(root.oid).len() <= 1 && !root.is_partitioned() {
        return Ok(());
    }
    let problem = format!("{} is partitioned or inherited from", root.quoted());
    Err(Refusal::new(PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED, problem)
        .hint("Profiles lie in an ordinary table, with a row per subscriber."))
}

/// Puts the capture triggers onto a table and notes that it belongs to a source.
pub fn enlist(session: &Session, source: i32, by_row: bool, table: &Relation) {
    let known = connect_at_latest(|session| {
        session.select("SELECT FROM segment.source_table WHERE relation = $1", &[table.oid.into()]).count()
            > 0
    });
    if known {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            format!(
                "\"{}.{}\" is attached already, by itself or with another table",
                table.schema, table.name
            ),
        )
        .hint("A table belongs to one source: call segment.detach_source for the other one first.")
        .raise();
    }
    create_triggers(session, table, by_row);
    session.modify(
        "INSERT INTO segment.source_table (relation, source_id) VALUES ($1::oid::regclass, $2)",
        &[table.oid.into(), source.into()],
    );
}

/// Puts the capture triggers onto a table. A statement that has begun to write there would not fire them.
pub fn create_triggers(session: &Session, table: &Relation, by_row: bool) {
    let quoted = table.quoted();
    if is_in_use(table.oid) {
        let problem = format!("{quoted} is being used by a statement of this session");
        Refusal::new(PgSqlErrorCode::ERRCODE_OBJECT_IN_USE, problem)
            .hint("Attach it by a statement of its own, while no cursor is open on it.")
            .raise();
    }
    let create = |event: &str, rows: &str, each: &str| {
        let name = trigger_name(event);
        session.modify_once(
            &format!(
                "CREATE TRIGGER {name} AFTER {event} ON {quoted} {rows} FOR EACH {each} EXECUTE FUNCTION segment.capture()"
            ),
            &[],
        );
    };
    if by_row {
        // A partition has its root's already.
        if !table.is_partition {
            create("INSERT OR UPDATE OR DELETE", "", "ROW");
            always(session, &quoted, "INSERT OR UPDATE OR DELETE");
        }
    } else {
        create("INSERT", "REFERENCING NEW TABLE AS new_rows", "STATEMENT");
        create("UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows", "STATEMENT");
        create("DELETE", "REFERENCING OLD TABLE AS old_rows", "STATEMENT");
    }
    create("TRUNCATE", "", "STATEMENT");
    if by_row {
        always(session, &quoted, "TRUNCATE");
    }
}

/// Replication applies changes row by row, with only such triggers.
fn always(session: &Session, quoted: &str, event: &str) {
    let _altering = Altering::begin();
    session.modify_once(&format!("ALTER TABLE {quoted} ENABLE ALWAYS TRIGGER {}", trigger_name(event)), &[]);
}

/// Takes the capture triggers off a table, which may be gone, and forgets that it belonged to a source.
pub fn discharge(session: &Session, table: pg_sys::Oid) {
    session.modify("DELETE FROM segment.source_table WHERE relation = $1", &[table.into()]);
    drop_triggers(session, table);
}

/// Takes the capture triggers off a table, which may be gone.
pub fn drop_triggers(session: &Session, table: pg_sys::Oid) {
    let Some(table) = Relation::look_up(table) else { return };
    for event in ["INSERT", "UPDATE", "DELETE", "INSERT OR UPDATE OR DELETE", "TRUNCATE"] {
        let is_there = connect_at_latest(|session| {
            let rows = session.select(
                "SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = $1 AND tgname = $2 AND tgparentid = 0",
                &[table.oid.into(), trigger_name(event).into()],
            );
            rows.count() > 0
        });
        if is_there {
            session.modify_once(&format!("DROP TRIGGER {} ON {}", trigger_name(event), table.quoted()), &[]);
        }
    }
}

fn trigger_name(event: &str) -> String {
    match event {
        "INSERT OR UPDATE OR DELETE" => "pg_segment_row".to_owned(),
        event => format!("pg_segment_{}", event.to_lowercase()),
    }
}

/// Brings the tables of all sources in line with what belongs to them now, after a command that touched some relations.
/// Who has rows in a part that has come or gone is computed again.
pub fn reconcile(touched: &[pg_sys::Oid]) {
    if ALTERING.get() {
        return;
    }
    let registry = registry::current();
    registry.profiles.iter().for_each(|source| refuse_relatives(source.relation, touched));
    if differences(&registry, touched).is_empty() {
        return;
    }
    // What others have changed by then is not to be done again.
    registry::await_changes();
    let registry = registry::latest();
    let differences = differences(&registry, touched);
    for (source, part, comes) in &differences {
        capture_all(&registry, source, part.oid);
        let _acting = Acting::as_owner();
        connect(|session| match comes {
            true => enlist(session, source.id, source.by_row, part),
            false => discharge(session, part.oid),
        });
    }
    if !differences.is_empty() {
        registry::invalidate();
    }
}

/// The tables that belong to a source and are not captured yet, or no longer do and still are: each with whether it comes.
/// Refuses one that was touched and cannot be captured.
fn differences<'r>(registry: &'r Registry, touched: &[pg_sys::Oid]) -> Vec<(&'r Source, Relation, bool)> {
    let mut found = Vec::new();
    for source in &registry.sources {
        let now = members(source.relation);
        let gone = source.tables.iter().filter(|table| !now.contains(table));
        found.extend(gone.filter_map(|table| Some((source, Relation::look_up(*table)?, false))));
        for table in now.iter().filter(|table| !source.tables.contains(table)) {
            let Some(part) = Relation::look_up(*table) else { continue };
            match part.check_source() {
                Ok(()) => found.push((source, part, true)),
                // One that came while nobody looked is left to `verify`: this command can do nothing about it.
                Err(refusal) if touched.contains(table) || touched.contains(&source.relation) => {
                    refusal.raise()
                }
                Err(_) => {}
            }
        }
    }
    found
}

/// Refuses the command that made a table of profiles a part of another, or gave it parts: what is written through those would
/// not be seen.
fn refuse_relatives(table: pg_sys::Oid, touched: &[pg_sys::Oid]) {
    let Some(relation) = Relation::look_up(table) else { return };
    if !relation.is_child && refuse_parts(&relation).is_ok() {
        return;
    }
    let parents: Vec<pg_sys::Oid> = connect_at_latest(|session| {
        session
            .select("SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = $1", &[table.into()])
            .first_column()
    });
    if members(table).iter().chain(&parents).any(|relative| touched.contains(relative)) {
        let problem = format!("{} is attached as a table of profiles", relation.quoted());
        Refusal::new(PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED, problem)
            .hint("Such a table has no parts and is no part of another: call segment.detach_profiles first.")
            .raise();
    }
}

/// Has everybody computed again who has rows in a table itself: some of them may have been captured through its root.
fn capture_all(registry: &Registry, source: &Source, table: pg_sys::Oid) {
    locks::hold_definitions();
    let resolved = registry.reader(source, table);
    match resolved.as_ref() {
        Err(refusal) => refusal.clone().raise(),
        Ok(reader) => pending::record(|changes| {
            connect_at_latest(|session| {
                let mut scan = Scan::open(session, reader, Order::Alone);
                while scan.next(|event| {
                    changes.again.insert(event.subscriber.clone().into_owned());
                }) {}
                scan.close();
            });
        }),
    }
}

/// Warns where tables are dropped whose rows cannot be read any more.
pub fn dropped(relations: &[pg_sys::Oid]) {
    let registry = registry::current();
    for source in &registry.sources {
        let gone: Vec<_> = source
            .tables
            .iter()
            .filter(|table| relations.contains(table) && **table != source.relation)
            .collect();
        if !gone.is_empty() {
            Refusal::new(
                PgSqlErrorCode::ERRCODE_WARNING,
                "pg_segment still counts the events of a dropped part of an attached table",
            )
            .hint(
                "Run CALL segment.rebuild(). Next time, detach a partition before dropping it: its events are then let go \
                 of at once.",
            )
            .warn();
            let gone: Vec<pg_sys::Oid> = gone.into_iter().copied().collect();
            let _acting = Acting::as_owner();
            connect(|session| {
                session.modify(
                    "DELETE FROM segment.source_table WHERE relation = ANY ($1::oid[]::regclass[])",
                    &[gone.into()],
                )
            });
        }
    }
}
