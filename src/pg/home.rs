//! The extension's own schema and tables, and whose they are.

use super::invalidation::watch;
use super::report::Refusal;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::CStr;

/// Where the extension's own tables are, and whose they are.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    pub owner: pg_sys::Oid,
    pub version: pg_sys::Oid,
    pub state: pg_sys::Oid,
    pub due: pg_sys::Oid,
    pub membership: pg_sys::Oid,
    pub history: pg_sys::Oid,
    pub queue: pg_sys::Oid,
}

thread_local! {
    static HOME: Cell<Option<Home>> = const { Cell::new(None) };
}

/// The extension's own tables. Fails where the extension is not installed in this database.
pub fn home() -> Home {
    watch();
    HOME.get().unwrap_or_else(|| {
        let version = own_table(c"version");
        // SAFETY: the relation is open while its owner is read.
        let owner = unsafe {
            let relation = pg_sys::RelationIdGetRelation(version);
            if relation.is_null() {
                missing();
            }
            let owner = (*(*relation).rd_rel).relowner;
            pg_sys::RelationClose(relation);
            owner
        };
        let home = Home {
            owner,
            version,
            state: own_table(c"state"),
            due: own_table(c"due"),
            membership: own_table(c"membership"),
            history: own_table(c"history"),
            queue: own_table(c"queue"),
        };
        HOME.set(Some(home));
        home
    })
}

/// Forgets where they are, if a relation that changed is the one of the version, or any: the extension may have been dropped and
/// created again. Whether that is so.
pub fn forget(relation: pg_sys::Oid) -> bool {
    let any = relation == pg_sys::Oid::INVALID;
    let forgets = any || HOME.get().is_some_and(|home| home.version == relation);
    if forgets {
        HOME.set(None);
    }
    forgets
}

/// Whether the extension is installed in this database, all of it.
pub fn installed() -> bool {
    if HOME.get().is_some() {
        return true;
    }
    // SAFETY: a catalogue look-up by a C string.
    let schema = unsafe { pg_sys::get_namespace_oid(c"segment".as_ptr(), true) };
    schema != pg_sys::Oid::INVALID && table(c"queue").is_some()
}

/// One of the extension's own tables, by name. Fails as [`home`] does.
pub fn own_table(name: &CStr) -> pg_sys::Oid {
    table(name).unwrap_or_else(|| missing())
}

fn missing() -> ! {
    Refusal::new(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, "extension \"pg_segment\" is not installed")
        .hint("Run CREATE EXTENSION pg_segment.")
        .raise()
}

/// A table in the extension's schema, by name.
pub fn table(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: catalogue look-ups by C strings.
    let oid = unsafe {
        pg_sys::get_relname_relid(name.as_ptr(), pg_sys::get_namespace_oid(c"segment".as_ptr(), false))
    };
    (oid != pg_sys::Oid::INVALID).then_some(oid)
}
