//! What PostgreSQL says has changed, and what this backend then forgets.

use super::{home, readers, registry};
use pgrx::prelude::*;
use std::cell::Cell;

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// From now on changes are heard of.
pub fn watch() {
    if !WATCHING.replace(true) {
        // SAFETY: the callback is guarded and only touches memory of this library.
        unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), pg_sys::Datum::from(0)) };
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn relation_changed(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    if home::forget(relation) {
        registry::forget_current();
    }
    readers::forget(relation);
}
