//! Committing from a procedure, and work that may fail without the rest.

use super::report::Refusal;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;
use std::panic::AssertUnwindSafe;

/// Refuses a procedure that commits where it cannot: in a transaction block, or in a function.
///
/// # Safety
/// `fcinfo` is that of the procedure's own call.
pub unsafe fn require_own(fcinfo: pg_sys::FunctionCallInfo, procedure: &str) {
    // SAFETY: the context of a procedure's call is a CallContext, and that of anything else is not.
    let own = unsafe {
        let context = (*fcinfo).context;
        !context.is_null()
            && (*context).type_ == pg_sys::NodeTag::T_CallContext
            && !(*context.cast::<pg_sys::CallContext>()).atomic
    };
    if !own {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_INVALID_TRANSACTION_TERMINATION,
            format!("{procedure} commits and cannot run inside a transaction block"),
        )
        .hint("CALL it on its own, outside BEGIN ... COMMIT and outside functions.")
        .raise();
    }
}

/// Commits and begins anew. Only after [`require_own`], with no SPI connection open.
pub fn commit() {
    // SAFETY: the connection is closed again, and the portal gets the snapshot that its statement expects.
    unsafe {
        pg_sys::SPI_connect_ext(pg_sys::SPI_OPT_NONATOMIC as i32);
        pg_sys::SPI_commit();
        pg_sys::SPI_finish();
        pg_sys::EnsurePortalSnapshotExists();
    }
}

/// Lets whoever waits for this core go first. Linux would let them wait for as long as 3 ms, while work on many is in no hurry.
pub fn give_way() {
    // SAFETY: a plain call into the system.
    unsafe { libc::sched_yield() };
}

/// Runs work in a transaction within this one: where it raises, all that it did is undone, and the message is returned. A
/// cancellation is passed on.
pub fn attempt<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    // SAFETY: what was current becomes so again once the inner transaction has ended, either way.
    let (context, owner) = unsafe {
        let current = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(current.0);
        current
    };
    let caught = |error: CaughtError| {
        let (CaughtError::PostgresError(report)
        | CaughtError::ErrorReport(report)
        | CaughtError::RustPanic { ereport: report, .. }) = &error;
        if report.sql_error_code() == PgSqlErrorCode::ERRCODE_QUERY_CANCELED {
            error.rethrow();
        }
        Err(report.message().to_owned())
    };
    let result = PgTryBuilder::new(AssertUnwindSafe(|| Ok(work()))).catch_others(caught).execute();
    // SAFETY: the inner transaction is the current one.
    unsafe {
        match result {
            Ok(_) => pg_sys::ReleaseCurrentSubTransaction(),
            Err(_) => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
    }
    result
}
