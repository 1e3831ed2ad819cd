//! What a function keeps from one of its calls to the next, at the same place of the same statement.

use pgrx::PgMemoryContexts;
use pgrx::prelude::*;

/// Where the calls at one place of a statement keep a value: none before the first.
///
/// # Safety
/// The call is one by the executor, of a function that keeps values of this type alone, and the reference is let go of before the
/// call ends.
pub unsafe fn kept<'c, T>(call: pg_sys::FunctionCallInfo) -> &'c mut Option<T> {
    // SAFETY: the caller's promise; the memory lives as long as the information about the function.
    unsafe {
        let place = &mut *(*call).flinfo;
        if place.fn_extra.is_null() {
            let mut memory = PgMemoryContexts::For(place.fn_mcxt);
            place.fn_extra = memory.leak_and_drop_on_delete(None::<T>).cast();
        }
        &mut *place.fn_extra.cast()
    }
}

/// What the active snapshot shows, as far as two of one transaction can differ: as long as this stays the same, so does
/// whatever is read. Transactions below the snapshot's upper limit only ever end, so that their number tells which are left. A
/// place in PL/pgSQL outlives its statement, and a subtransaction may have been rolled back meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    limits: (pg_sys::TransactionId, pg_sys::TransactionId),
    running: (u32, i32),
    command: pg_sys::CommandId,
    inside: pg_sys::SubTransactionId,
}

impl Seen {
    pub fn now() -> Self {
        // SAFETY: a function is called under an active snapshot.
        unsafe {
            let snapshot = &*GetActiveSnapshot();
            Seen {
                limits: (snapshot.xmin, snapshot.xmax),
                running: (snapshot.xcnt, snapshot.subxcnt),
                command: snapshot.curcid,
                inside: GetCurrentSubTransactionId(),
            }
        }
    }
}

// Neither raises, so that neither needs a jump buffer, which would cost more than all else of a look.
unsafe extern "C-unwind" {
    fn GetActiveSnapshot() -> pg_sys::Snapshot;
    fn GetCurrentSubTransactionId() -> pg_sys::SubTransactionId;
}
