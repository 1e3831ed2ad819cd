//! Forgetting one subscriber, and the rows that belong to nobody or count for nothing.

use super::identity;
use crate::membership::{Cause, Manual};
use crate::pg::engine::Engine;
use crate::pg::flush::flush;
use crate::pg::locks;
use crate::pg::owner::Acting;
use crate::pg::pending::Reread;
use crate::pg::registry::Registry;
use crate::pg::report::Refusal;
use crate::pg::spi::{at_latest_snapshot, connect_at_latest, delete_as_caller};
use crate::pg::store::Effort;
use crate::pg::{due, prediction, registry, scan};
use pgrx::prelude::*;
use std::rc::Rc;

/// Deletes a subscriber's rows from all attached tables, with the caller's rights, and everything kept about the
/// subscriber; returns how many rows were deleted. Rows that other transactions insert meanwhile stay, and count. Of a person with
/// several ids all are forgotten, and writers of all sources wait until the transaction ends.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn forget(subscriber: String) -> i64 {
    flush();
    locks::hold_definitions();
    let registry = person_alone(&subscriber);
    let subscriber = registry.identities.of(&subscriber).to_owned();
    let left = segments_of(&subscriber);
    let mut ids = registry.identities.with_others(std::slice::from_ref(&subscriber)).into_owned();
    ids.sort_unstable();
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
    ids.iter().for_each(|id| prediction::forget(id));
    flush();
    // What others have left for later goes too.
    due::drain(ids.clone());
    let several = ids.len() > 1;
    if several {
        identity::forget(&ids);
    }
    let mut engine = Engine::new(Cause::Event, Effort::Full);
    let gone = at_latest_snapshot(|| {
        if several {
            // What is left of them, as triggers may have written more meanwhile, is each one's own now.
            engine.read_again(ids.clone(), Reread::Everything);
            engine.finish();
        }
        let mut forget = |id: &String| {
            engine.decide(id, |manual| *manual = Manual::default());
            engine.evaluate(id);
            engine.finish();
            engine.forget(id, if *id == subscriber { &left } else { &[] })
        };
        ids.iter().filter(|id| !forget(id)).count() == 0
    });
    if !gone && deleted == 0 {
        // They may have been written since the transaction began.
        registry::require_read_committed("forget of somebody of whom an older snapshot shows no row");
        Refusal::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("events of subscriber \"{subscriber}\" could not be found in the attached tables"),
        )
        .hint("Run CALL segment.rebuild(), or see what segment.verify() says.")
        .raise();
    }
    deleted
}

/// The definitions in force; where the id is not the only one of a person, no writer is in flight who captured by what it is.
fn person_alone(subscriber: &str) -> Rc<Registry> {
    let registry = registry::current();
    let identities = &registry.identities;
    if identities.survivor(subscriber).is_none() && identities.others(subscriber).is_empty() {
        return registry;
    }
    registry::require_read_committed("forget of a person with several ids");
    locks::lock_out_writers();
    registry::current()
}

/// The numbers of the segments that a subscriber is in.
fn segments_of(subscriber: &str) -> Vec<u32> {
    let _acting = Acting::as_owner();
    let ids: Vec<i32> = connect_at_latest(|session| {
        let rows = session.select_once(
            "SELECT d.segment_id FROM segment.member m JOIN segment.definition d ON d.name = m.segment
             WHERE m.subscriber = $1 ORDER BY d.segment_id",
            &[subscriber.into()],
        );
        (0..rows.count()).map(|row| rows.value(row, 1)).collect()
    });
    ids.into_iter().map(|id| id as u32).collect()
}

/// Rows of attached tables that do not count, or not in full, with the reason. Reads all events.
#[pg_extern(volatile, parallel_unsafe, name = "_set_aside")]
fn set_aside()
-> TableIterator<'static, (name!(relation, pg_sys::Oid), name!(place, String), name!(reason, String))> {
    let rows = scan::set_aside(&registry::visible());
    let rows = rows.into_iter().map(|row| (row.table, row.place, row.reason));
    TableIterator::new(rows.collect::<Vec<_>>())
}
