//! All events of one subscriber, over all sources.

use super::event::EventDocument;
use super::registry::Registry;
use super::result;
use super::scan::{every_reader, read};
use super::source::{Order, Reader};
use super::spi::{Rows, connect_as_caller};
use crate::activity::{Instant, sessions, usual_channel};
use crate::criteria::{Document, canonical_event};
use pgrx::IntoDatum;
use pgrx::prelude::*;

/// Which events are wanted.
pub struct Wanted<'w> {
    pub subscriber: &'w str,
    pub times: std::ops::RangeInclusive<Instant>,
    /// Where more than that passes between two events, a session ends.
    pub gap: Instant,
}

/// A source that was read, as the caller may.
struct Read {
    reader: Reader,
    rows: Rows,
}

/// Puts the events of a subscriber into the result of a call that returns time, session, type, channel, value, properties
/// and source, in the order of their times. The tables are read as the caller, policies included.
///
/// # Safety
/// The call is one of a function declared like that.
pub unsafe fn fill(call: pg_sys::FunctionCallInfo, registry: &Registry, wanted: Wanted) {
    // SAFETY: the caller's promise.
    let mut result = unsafe { result::Rows::of(call) };
    let readers = every_reader(registry);
    let subscriber = registry.identities.of(wanted.subscriber);
    let ids = registry.identities.with_others(&[subscriber.to_owned()]).into_owned();
    connect_as_caller(|session| {
        let sources = readers.into_iter().filter_map(|reader| {
            let (filter, ids) = reader.some_subscribers(&ids);
            let sql = reader.scan(&filter, Order::Any);
            let rows = (!ids.is_empty()).then(|| session.select_once(&sql, &[ids.into()]))?;
            Some(Read { reader: reader.scanned(), rows })
        });
        let sources: Vec<Read> = sources.collect();
        let mut events: Vec<(Instant, usize, usize)> = Vec::new();
        for (place, source) in sources.iter().enumerate() {
            for row in 0..source.rows.count() {
                read(&source.reader, &source.rows, row, |event| {
                    // A case-insensitive column may match more than was asked for.
                    if event.subscriber == subscriber && wanted.times.contains(&event.at) {
                        events.push((event.at, place, row));
                    }
                });
            }
        }
        events.sort_unstable();
        let numbers = sessions(events.iter().map(|(at, ..)| *at), wanted.gap);
        for ((at, place, row), session) in events.iter().zip(numbers) {
            pgrx::check_for_interrupts!();
            let source = &sources[*place];
            read(&source.reader, &source.rows, *row, |event| {
                let event_type = canonical_event(&event.event_type);
                let channel = EventDocument::Root(event).get("channel").and_then(Document::text);
                result.put([
                    Some(pg_sys::Datum::from(*at)),
                    session.into_datum(),
                    event_type.into_datum(),
                    channel.or_else(|| usual_channel(event_type)).into_datum(),
                    event.value().into_datum(),
                    event.properties(),
                    source.reader.relation.oid.into_datum(),
                ]);
            });
        }
    });
}
