//! Acting for somebody else, for as long as a guard lives.
//!
//! The engine writes tables that nobody else may write, in the transaction of whoever inserts an event, so it
//! acts as the extension's owner there; and it reads an attached table as that table's owner.

use super::home::home;
use super::spi::set_locally;
use pgrx::prelude::*;
use std::ffi::{CStr, c_int};

/// The engine's statements reach rows by key, a few or thousands at a time, and their plans are kept. Without
/// these, a plan made while the tables were small would go on scanning them once they are large.
const BY_KEY: (&CStr, &CStr) = (c"enable_seqscan", c"off");
const NO_HASH: (&CStr, &CStr) = (c"enable_hashjoin", c"off");
const NO_MERGE: (&CStr, &CStr) = (c"enable_mergejoin", c"off");
const NO_JIT: (&CStr, &CStr) = (c"jit", c"off");

pub struct Acting {
    user: pg_sys::Oid,
    context: c_int,
    nest_level: c_int,
}

impl Acting {
    /// As the extension's owner, for the engine's own statements.
    pub fn as_owner() -> Self {
        // PostgreSQL's flag for code that changes the user id inside a function.
        Self::switch(
            home().owner,
            pg_sys::SECURITY_LOCAL_USERID_CHANGE as c_int,
            &[BY_KEY, NO_HASH, NO_MERGE, NO_JIT],
        )
    }

    /// The same for statements about whole tables.
    pub fn as_owner_at_large() -> Self {
        Self::switch(home().owner, pg_sys::SECURITY_LOCAL_USERID_CHANGE as c_int, &[NO_JIT])
    }

    /// As the owner of a user's table: its columns and policies may not do anything beyond that role's rights.
    pub fn as_table_owner(owner: pg_sys::Oid) -> Self {
        let flags = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
        Self::switch(owner, flags as c_int, &[])
    }

    fn switch(to: pg_sys::Oid, flags: c_int, settings: &[(&CStr, &CStr)]) -> Self {
        let mut guard = Acting { user: pg_sys::Oid::INVALID, context: 0, nest_level: 0 };
        // SAFETY: plain calls into the server; what they change is undone when the guard is dropped, or by the
        // transaction's abort.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut guard.user, &mut guard.context);
            pg_sys::SetUserIdAndSecContext(to, guard.context | flags);
            guard.nest_level = pg_sys::NewGUCNestLevel();
        }
        settings.iter().for_each(|(name, value)| set_locally(name, value));
        guard
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        // SAFETY: restores what `switch` saved.
        unsafe {
            pg_sys::AtEOXact_GUC(false, self.nest_level);
            pg_sys::SetUserIdAndSecContext(self.user, self.context);
        }
    }
}

/// The role whose rights the current statement has.
pub fn current_user() -> pg_sys::Oid {
    // SAFETY: reads a variable of the server.
    unsafe { pg_sys::GetUserId() }
}
