//! The triggers on attached tables, and the deferred one that flushes.

use super::event::{Event, EventDocument};
use super::flush::{arrange_flush, flush_at_end};
use super::owner::Acting;
use super::pending;
use super::registry::{self, Registry};
use super::scan::Scratch;
use super::source::Reader;
use super::spi::connect;
use crate::activity::Entry;
use crate::membership::Program;
use pgrx::prelude::*;
use std::convert::Infallible;

/// Rows folded between two looks for a cancellation.
const ROWS_PER_CHECK: usize = 1_000;

type Outcome<'a> = Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible>;

/// AFTER INSERT, UPDATE, DELETE or TRUNCATE FOR EACH STATEMENT on an attached table: folds the statement's rows
/// into the transaction's changes. Does nothing on a table that is not attached, whoever put the trigger there.
#[pg_trigger]
fn capture<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    let data = trigger.trigger_data();
    // SAFETY: PostgreSQL fills in the relation of every trigger call.
    let relation = unsafe { (*data.tg_relation).rd_id };
    registry::hold_definitions();
    let registry = registry::current();
    let Some(source) = registry.source_of(relation) else { return Ok(None) };
    let reader = registry.reader(source);
    match reader.as_ref() {
        Err(refusal) => pgrx::warning!("pg_segment does not see this change: {}", refusal.message()),
        Ok(_) if data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_TRUNCATE => {
            // It removes rows that an older snapshot does not show.
            registry::require_read_committed("TRUNCATE of an attached table");
            pending::record(|changes| changes.everybody = true);
        }
        Ok(reader) => {
            // SAFETY: the tables, where there are any, hold rows of the trigger's relation.
            unsafe {
                fold_rows(&registry, reader, data.tg_relation, data.tg_newtable, 1);
                fold_rows(&registry, reader, data.tg_relation, data.tg_oldtable, -1);
            }
        }
    }
    // SAFETY: reads a variable of the server.
    if unsafe { pg_sys::InSecurityRestrictedOperation() } {
        // A deferred trigger cannot fire from here.
        flush_at_end();
    } else {
        arrange_flush();
    }
    Ok(None)
}

/// Fires at commit, once per transaction that captured events.
#[pg_trigger]
fn flush_trigger<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    flush_at_end();
    let data = trigger.trigger_data();
    if data.tg_trigtuple.is_null() {
        // Put by hand onto a statement, where there is no marker to remove.
        return Ok(None);
    }
    let _acting = Acting::as_owner(registry::home().owner);
    connect(|session| {
        // SAFETY: a row trigger has a row.
        let marker = unsafe { (*data.tg_trigtuple).t_self };
        session.modify("DELETE FROM segment.marker WHERE ctid = $1", &[marker.into()]);
    });
    Ok(None)
}

/// On the definition tables: every backend compiles again.
#[pg_trigger]
fn invalidate_trigger<'a>(_: &'a PgTrigger<'a>) -> Outcome<'a> {
    registry::invalidate();
    Ok(None)
}

/// # Safety
/// `rows` is null or holds rows of `relation`.
unsafe fn fold_rows(
    registry: &Registry,
    reader: &Reader,
    relation: pg_sys::Relation,
    rows: *mut pg_sys::Tuplestorestate,
    sign: i64,
) {
    if rows.is_null() {
        return;
    }
    let mut memory = Scratch::default();
    let last_column = i32::from(reader.last_column());
    // SAFETY: the slot has the relation's descriptor, is filled from the tuplestore and deformed up to the last
    // mapped column before its values are read.
    unsafe {
        let slot = pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &pg_sys::TTSOpsMinimalTuple);
        pg_sys::tuplestore_rescan(rows);
        let mut count = 0_usize;
        while pg_sys::tuplestore_gettupleslot(rows, true, false, slot) {
            pg_sys::slot_getsomeattrs(slot, last_column);
            memory.run(|| {
                let column = |number: i16| {
                    let index = (number - 1) as usize;
                    (*(*slot).tts_values.add(index), *(*slot).tts_isnull.add(index))
                };
                if let Some(event) = reader.read(column) {
                    pending::record(|changes| {
                        let change = changes.by_subscriber.entry(event.subscriber.clone()).or_default();
                        change.events += sign;
                        change.entries.extend(entries(&registry.program, &event, sign));
                    });
                }
            });
            count += 1;
            if count.is_multiple_of(ROWS_PER_CHECK) {
                pgrx::check_for_interrupts!();
            }
        }
        pg_sys::ExecDropSingleTupleTableSlot(slot);
    }
}

/// What an event contributes to each stream that it feeds.
pub fn entries<'p>(
    program: &'p Program,
    event: &'p Event<'p>,
    sign: i64,
) -> impl Iterator<Item = Entry> + 'p {
    let document = EventDocument::Root(event);
    program.fed_by(&event.event_type, document).map(move |stream| Entry {
        stream: stream.id,
        at: event.at,
        count: sign,
        sum: sign * stream.value(document),
    })
}
