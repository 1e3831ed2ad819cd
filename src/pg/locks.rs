//! Locks between writers and changes of definitions. Whoever captures events holds one on `segment.version` until the transaction
//! ends, which a change of definitions waits for.

use super::home::home;
use super::registry;
use pgrx::prelude::*;

/// Waits until no transaction that captured events is in flight, and lets none capture before this one ends.
pub fn lock_out_writers() {
    // Another change waits here, while it holds nothing.
    hold_off_changes();
    lock_sources();
    lock_version(pg_sys::ShareRowExclusiveLock);
}

/// Keeps definitions as they are until the transaction ends, for work that may read events.
pub fn hold_definitions_and_sources() {
    lock_sources();
    hold_definitions();
}

/// The tables before the definitions, as writers do: whoever has one locked exclusively may be about to capture.
fn lock_sources() {
    let registry = registry::current();
    let events = registry.sources.iter().flat_map(|source| &source.tables).copied();
    let mut tables: Vec<pg_sys::Oid> =
        events.chain(registry.profiles.iter().map(|source| source.relation)).collect();
    tables.sort_unstable_by_key(|table| table.to_u32());
    for table in tables {
        // SAFETY: takes a heavyweight lock, to be released with the transaction; a dropped table locks nothing.
        unsafe { pg_sys::LockRelationOid(table, pg_sys::AccessShareLock as _) };
    }
}

/// Keeps definitions as they are until the transaction ends: a change of them waits for this lock, which every
/// transaction that captures events takes first.
pub fn hold_definitions() {
    lock_version(pg_sys::RowExclusiveLock);
}

/// Keeps other changes of definitions off until the transaction ends, and lets writers go on.
pub fn hold_off_changes() {
    lock_version(pg_sys::ShareUpdateExclusiveLock);
}

/// Waits until every transaction that captured events before now has ended, without keeping later ones from it.
pub fn await_writers() {
    // SAFETY: the tag is that of an existing table in this database.
    unsafe {
        let tag = pg_sys::LOCKTAG {
            locktag_field1: pg_sys::MyDatabaseId.to_u32(),
            locktag_field2: home().version.to_u32(),
            locktag_field3: 0,
            locktag_field4: 0,
            locktag_type: pg_sys::LockTagType::LOCKTAG_RELATION as u8,
            locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
        };
        pg_sys::WaitForLockers(tag, pg_sys::ShareLock as pg_sys::LOCKMODE, false);
    }
}

fn lock_version(mode: u32) {
    // SAFETY: takes a heavyweight lock on an existing table, to be released with the transaction.
    unsafe { pg_sys::LockRelationOid(home().version, mode as _) };
}
