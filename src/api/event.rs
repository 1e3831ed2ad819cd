//! Recording events by call.

use crate::pg::flush::flush;
use crate::pg::owner::Acting;
use crate::pg::report::Refusal;
use crate::pg::spi::{connect, timestamp};
use crate::pg::types::JsonbArgument;
use crate::pg::{guc, registry};
use pgrx::prelude::*;

/// Stores an event in `segment.event`, applies it at once, and returns the segments that the subscriber
/// entered and left by it. The row lock on the subscriber is held until the transaction ends.
#[pg_extern(volatile, parallel_unsafe)]
fn record_event(
    subscriber: Option<String>,
    event_type: Option<String>,
    occurred_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    value: default!(Option<AnyNumeric>, "NULL"),
    properties: default!(Option<JsonbArgument>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(event_id, i64),
        name!(processed_at, TimestampWithTimeZone),
        name!(entered, Vec<String>),
        name!(departed, Vec<String>),
    ),
> {
    let required = |argument: Option<String>, name: &str| {
        argument.unwrap_or_else(|| {
            Refusal::new(PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED, format!("{name} must not be null"))
                .hint(format!("Pass {name} => ..."))
                .raise()
        })
    };
    let subscriber = required(subscriber, "subscriber");
    let event_type = required(event_type, "event_type");
    let _acting = Acting::as_owner(registry::home().owner);
    let event_id: i64 = connect(|session| {
        session
            .modify(
                "INSERT INTO segment.event (subscriber, event_type, occurred_at, value, properties)
                 VALUES ($1, $2, $3, $4, $5::jsonb) RETURNING event_id",
                &[
                    subscriber.clone().into(),
                    event_type.into(),
                    occurred_at.unwrap_or_else(|| timestamp(guc::now())).into(),
                    value.into(),
                    properties.map(|properties| properties.text()).into(),
                ],
            )
            .value(0, 1)
    });
    let moved = flush();
    let registry = registry::current();
    let names = |entered: bool| -> Vec<String> {
        let transitions = moved.iter().filter(|(moved, _)| *moved == subscriber).flat_map(|(_, all)| all);
        let wanted = transitions.filter(|transition| transition.entered == entered);
        wanted
            .filter_map(|transition| registry.program.segment_name(transition.segment))
            .map(str::to_owned)
            .collect()
    };
    let (entered, departed) = (names(true), names(false));
    TableIterator::once((event_id, timestamp(guc::now()), entered, departed))
}

/// Applies what this transaction has captured so far, for reading one's own writes before the commit. Row
/// locks on the subscribers concerned are then held until the transaction ends.
#[pg_extern(volatile, parallel_unsafe, name = "flush")]
fn flush_now() {
    flush();
}
