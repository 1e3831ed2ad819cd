//! Recording events by call.

use super::source::attach;
use crate::membership::Transition;
use crate::pg::flush::flush;
use crate::pg::home;
use crate::pg::owner::Acting;
use crate::pg::report::required;
use crate::pg::source::{EventType, Mapping};
use crate::pg::spi::{connect, timestamp};
use crate::pg::types::JsonbArgument;
use crate::pg::{guc, registry};
use pgrx::prelude::*;

/// Creates the ready-made table `segment.event` and attaches it; false where that was done before. An ordinary
/// table, not a member of the extension, so that a dump restores it as it restores any other.
#[pg_extern(volatile, parallel_unsafe)]
fn create_event_table() -> bool {
    let _acting = Acting::as_owner();
    let attached = |table: Option<pg_sys::Oid>| {
        table.is_some_and(|table| registry::current().source_of(table).is_some())
    };
    if attached(home::table(c"event")) {
        return false;
    }
    registry::require_read_committed("the first use of segment.event");
    connect(|session| {
        // One creator at a time.
        session.modify("LOCK TABLE segment.source IN SHARE ROW EXCLUSIVE MODE", &[]);
        if home::table(c"event").is_none() {
            session.modify(
                "CREATE TABLE segment.event (
                   event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                   subscriber  text NOT NULL,
                   event_type  text NOT NULL,
                   occurred_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
                   value       numeric,
                   properties  jsonb
                 )",
                &[],
            );
            session
                .modify("CREATE INDEX event_subscriber_idx ON segment.event (subscriber, occurred_at)", &[]);
        }
    });
    let table = home::table(c"event");
    if attached(table) {
        return false;
    }
    let column = |name: &str| Some(name.to_owned());
    let mapping = Mapping {
        subscriber: "subscriber".to_owned(),
        occurred_at: "occurred_at".to_owned(),
        time_zone: None,
        event_type: EventType::Column("event_type".to_owned()),
        value: column("value"),
        properties: column("properties"),
    };
    if let Some(table) = table {
        attach(table, &mapping, false);
    }
    true
}

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
    let subscriber = required(subscriber, "subscriber");
    let event_type = required(event_type, "event_type");
    create_event_table();
    let _acting = Acting::as_owner();
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
    let subscriber = registry.identities.of(&subscriber);
    let names = |of: fn(&Transition) -> &Vec<u32>| -> Vec<String> {
        let whose = moved.iter().filter(|moved| moved.subscriber == subscriber);
        let ids = whose.flat_map(|moved| &moved.transitions[moved.earlier..]).flat_map(of);
        ids.filter_map(|id| registry.program.segment_name(*id)).map(str::to_owned).collect()
    };
    let (entered, departed) = (names(|moved| &moved.entered), names(|moved| &moved.departed));
    TableIterator::once((event_id, timestamp(guc::now()), entered, departed))
}

/// Applies what this transaction has captured so far, for reading one's own writes before the commit. Row
/// locks on the subscribers concerned are then held until the transaction ends.
#[pg_extern(volatile, parallel_unsafe, name = "flush")]
fn flush_now() {
    flush();
}
