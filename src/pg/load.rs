//! Loads, which put off to look where they put people, and changes of definitions, under which nothing may be looked at that
//! came before them: while a change is under way, none is put off.

use super::home::home;
use pgrx::prelude::*;

/// A lock that nothing but this takes: on a part of `segment.version` that is no column.
fn tag() -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        // SAFETY: set when the backend began.
        locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
        locktag_field2: pg_sys::RelationRelationId.to_u32(),
        locktag_field3: home().version.to_u32(),
        locktag_field4: u16::MAX,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    }
}

/// Whether a load may put off what it can, as nobody changes definitions; until it ends, nobody begins to. Definitions are to be
/// read after this.
pub fn may_put_off() -> bool {
    // SAFETY: the lock is released with the transaction, and nothing is waited for.
    let outcome = unsafe { pg_sys::LockAcquire(&tag(), pg_sys::RowExclusiveLock as _, false, true) };
    outcome != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

/// While it lives, through commits too, no load puts anything off.
pub struct NothingPutOff(pg_sys::LOCKTAG);

impl NothingPutOff {
    /// Waits for those that have and are about to commit.
    pub fn begin() -> Self {
        let tag = tag();
        // SAFETY: the session holds the lock, until this is dropped or, with an error, its transaction ends.
        unsafe { pg_sys::LockAcquire(&tag, pg_sys::ShareLock as _, true, false) };
        NothingPutOff(tag)
    }
}

impl Drop for NothingPutOff {
    fn drop(&mut self) {
        // SAFETY: the session holds the lock.
        unsafe { pg_sys::LockRelease(&self.0, pg_sys::ShareLock as _, true) };
    }
}
