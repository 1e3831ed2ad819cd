//! Committing from a procedure.

use super::report::Refusal;
use pgrx::prelude::*;

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
