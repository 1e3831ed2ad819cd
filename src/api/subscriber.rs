//! Forgetting one subscriber, and the rows that belong to nobody or count for nothing.

use crate::membership::{Cause, Manual};
use crate::pg::engine::Engine;
use crate::pg::flush::flush;
use crate::pg::report::Refusal;
use crate::pg::spi::{at_latest_snapshot, delete_as_caller};
use crate::pg::store::Effort;
use crate::pg::{registry, scan};
use pgrx::prelude::*;

/// Deletes a subscriber's rows from all attached tables, with the caller's rights, and everything kept about the
/// subscriber; returns how many rows were deleted. Rows that other transactions insert meanwhile stay, and count.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn forget(subscriber: String) -> i64 {
    flush();
    registry::hold_definitions();
    let registry = registry::current();
    let ids = [subscriber.clone()];
    let mut deleted = 0;
    for source in &registry.sources {
        match registry.locked_reader(source).as_ref() {
            Err(refusal) => refusal.clone().raise(),
            Ok(reader) => {
                let (sql, ids) = reader.delete(&ids);
                if !ids.is_empty() {
                    deleted += delete_as_caller(&sql, ids);
                }
            }
        }
    }
    for source in &registry.profiles {
        match registry.locked_profiles(source).as_ref() {
            Err(refusal) => refusal.clone().raise(),
            Ok(reader) => {
                let (sql, ids) = reader.delete(&ids);
                if !ids.is_empty() {
                    deleted += delete_as_caller(&sql, ids);
                }
            }
        }
    }
    flush();
    let mut engine = Engine::new(Cause::Event, Effort::Full);
    let gone = at_latest_snapshot(|| {
        engine.decide(&subscriber, |manual| *manual = Manual::default());
        engine.evaluate(&subscriber);
        engine.finish();
        engine.forget(&subscriber)
    });
    if !gone && deleted == 0 {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("events of subscriber \"{subscriber}\" could not be found in the attached tables"),
        )
        .hint("Run CALL segment.rebuild(), or see what segment.verify() says.")
        .raise();
    }
    deleted
}

/// Rows of attached tables that do not count, or not in full, with the reason. Reads all events.
#[pg_extern(volatile, parallel_unsafe, name = "_set_aside")]
fn set_aside()
-> TableIterator<'static, (name!(relation, pg_sys::Oid), name!(place, String), name!(reason, String))> {
    let rows = scan::set_aside(&registry::visible());
    let rows = rows.into_iter().map(|row| (row.table, row.place, row.reason.to_owned()));
    TableIterator::new(rows.collect::<Vec<_>>())
}
