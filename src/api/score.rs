//! The aggregate `engagement_score`: its support functions. `sql/aggregate.sql` declares it, because pgrx
//! declares parallel aggregates with internal state wrongly.

use crate::pg::guc;
use crate::pg::report::{Refusal, value_of};
use crate::pg::spi::instant;
use crate::score::Accumulator;
use pgrx::prelude::*;
use pgrx::{Internal, PgMemoryContexts};

/// Counts one row. A row without a type or a time is no event; `as_of` defaults to the statement's clock.
#[pg_extern(stable, parallel_safe, name = "_engagement_score_trans")]
fn trans(
    state: Internal,
    event_type: Option<&str>,
    occurred_at: Option<TimestampWithTimeZone>,
    as_of: Option<TimestampWithTimeZone>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Internal {
    let as_of = as_of.map_or_else(guc::statement_now, instant);
    let (event_type, occurred_at) = match (event_type, occurred_at) {
        (Some(event_type), Some(occurred_at)) => (event_type, occurred_at),
        _ => return state,
    };
    in_aggregate(fcinfo, state, |state| {
        // SAFETY: this aggregate's states hold accumulators.
        let accumulator = unsafe { state.get_or_insert_with(|| Accumulator::new(as_of)) };
        value_of(accumulator.add(event_type, instant(occurred_at), as_of));
    })
}

/// Adds the counts of one part of a group to another's; either may have none.
#[pg_extern(immutable, parallel_safe, name = "_engagement_score_combine")]
fn combine(left: Internal, right: Internal, fcinfo: pg_sys::FunctionCallInfo) -> Internal {
    // SAFETY: this aggregate's states hold accumulators.
    let Some(right) = (unsafe { right.get::<Accumulator>() }) else { return left };
    in_aggregate(fcinfo, left, |left| {
        // SAFETY: see above. A left state that is missing starts as a copy of the right one.
        unsafe {
            match left.get_mut::<Accumulator>() {
                Some(left) => value_of(left.merge(right)),
                None => {
                    left.insert(right.clone());
                }
            }
        }
    })
}

#[pg_extern(immutable, parallel_safe, strict, name = "_engagement_score_serialize")]
fn serialize(state: Internal) -> Vec<u8> {
    // SAFETY: this aggregate's states hold accumulators.
    unsafe { state.get::<Accumulator>() }.map_or_else(Vec::new, Accumulator::to_bytes)
}

#[pg_extern(immutable, parallel_safe, strict, name = "_engagement_score_deserialize")]
fn deserialize(bytes: &[u8], _unused: Internal) -> Internal {
    Internal::new(value_of(Accumulator::from_bytes(bytes)))
}

/// The score, or NULL for a group without events.
#[pg_extern(immutable, parallel_safe, name = "_engagement_score_final")]
fn finish(state: Internal) -> Option<f64> {
    // SAFETY: this aggregate's states hold accumulators.
    unsafe { state.get::<Accumulator>() }.map(Accumulator::score)
}

/// Changes a state in the memory that lives as long as the aggregate.
fn in_aggregate(
    fcinfo: pg_sys::FunctionCallInfo,
    mut state: Internal,
    change: impl FnOnce(&mut Internal),
) -> Internal {
    let mut context: pg_sys::MemoryContext = std::ptr::null_mut();
    // SAFETY: a look-up in the call's own information.
    if unsafe { pg_sys::AggCheckCallContext(fcinfo, &mut context) } == 0 {
        Refusal::new(PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED, "not called as part of an aggregate")
            .hint("Use the aggregate segment.engagement_score.")
            .raise();
    }
    // SAFETY: the aggregate's context outlives this call.
    unsafe { PgMemoryContexts::For(context).switch_to(|_| change(&mut state)) };
    state
}
