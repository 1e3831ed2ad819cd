//! The triggers on attached tables.

use super::event::{Event, EventDocument};
use super::flush;
use super::guc::{self, FlushAt};
use super::locks;
use super::pending::{self, Changes, Reread};
use super::registry::{self, Registry};
use super::scan::Scratch;
use super::source::Reader;
use crate::activity::Entry;
use crate::membership::Program;
use pgrx::prelude::*;
use std::convert::Infallible;

/// Rows folded between two looks for a cancellation.
const ROWS_PER_CHECK: usize = 1_000;

/// Rows folded between two looks at the memory that they took.
const ROWS_PER_LOOK: usize = 16;

type Outcome<'a> = Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible>;

/// AFTER INSERT, UPDATE, DELETE or TRUNCATE on an attached table, for each statement or, in row capture, for each row:
/// folds the rows into the transaction's changes. Does nothing on a table that is not attached, whoever put the trigger
/// there.
#[pg_trigger]
fn capture<'a>(trigger: &'a PgTrigger<'a>) -> Outcome<'a> {
    let data = trigger.trigger_data();
    // SAFETY: PostgreSQL fills in the relation of every trigger call.
    let relation = unsafe { (*data.tg_relation).rd_id };
    locks::hold_definitions();
    let registry = registry::current();
    let Some(source) = registry.source_of(relation) else {
        // SAFETY: the call is a trigger's.
        unsafe { capture_profiles(&registry, relation, data) };
        return Ok(None);
    };
    let reader = registry.reader(source, relation);
    match reader.as_ref() {
        Err(refusal) => pgrx::warning!("pg_segment does not see this change: {}", refusal.message()),
        Ok(_) if data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_TRUNCATE => {
            // It removes rows that an older snapshot does not show.
            registry::require_read_committed("TRUNCATE of an attached table");
            pending::record(|changes| changes.everybody = Reread::Everything);
        }
        Ok(reader) => pending::record(|changes| {
            changes.begin(registry.streams_version);
            // SAFETY: the tables and tuples, where there are any, hold rows of the trigger's relation.
            unsafe {
                let leaves = is_leaving(data.tg_relation);
                let mut add = |slot, sign| add_slot(changes, &registry, reader, slot, sign, leaves);
                if data.tg_event & pg_sys::TRIGGER_EVENT_ROW == 0 {
                    for (rows, sign) in [(data.tg_newtable, 1), (data.tg_oldtable, -1)] {
                        each_slot(data.tg_relation, rows, &mut |slot| add(slot, sign));
                    }
                } else {
                    each_tuple(data, add);
                }
            }
        }),
    }
    flush_now();
    Ok(None)
}

unsafe extern "C-unwind" {
    /// Whether DETACH CONCURRENTLY is at work on a partition, or was cancelled.
    fn PartitionHasPendingDetach(partition: pg_sys::Oid) -> bool;
}

/// Whether a table is a part of which nothing is read any more with its root, while its rows still count.
///
/// # Safety
/// `relation` is open.
unsafe fn is_leaving(relation: pg_sys::Relation) -> bool {
    // SAFETY: the caller's promise; a partition has a parent, and an error becomes a panic.
    unsafe {
        let id = (*relation).rd_id;
        (*(*relation).rd_rel).relispartition
            && pg_sys::ffi::pg_guard_ffi_boundary(|| PartitionHasPendingDetach(id))
    }
}

fn flush_now() {
    if guc::flush_at() == FlushAt::Statement {
        flush::flush();
    }
}

/// The same on a table of profiles: notes whose are to be read again.
///
/// # Safety
/// `data` is that of a trigger's call on the table.
unsafe fn capture_profiles(registry: &Registry, relation: pg_sys::Oid, data: &pg_sys::TriggerData) {
    let Some(source) = registry.profiles_of(relation) else { return };
    match registry.profile_reader(source).as_ref() {
        Err(refusal) => pgrx::warning!("pg_segment does not see this change: {}", refusal.message()),
        Ok(_) if data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_TRUNCATE => {
            pending::record(|changes| changes.everybody = changes.everybody.max(Reread::Profile));
        }
        Ok(reader) => pending::record(|changes| {
            let mut note = |slot: *mut pg_sys::TupleTableSlot| {
                // SAFETY: the slot holds a row of the table.
                let subscriber =
                    unsafe { in_slot(slot, reader.subscriber.number, |column| reader.subscriber(column)) };
                changes.profiles.extend(subscriber);
            };
            for rows in [data.tg_newtable, data.tg_oldtable] {
                // SAFETY: where there is a table, it holds rows of the trigger's relation.
                unsafe { each_slot(data.tg_relation, rows, &mut note) };
            }
        }),
    }
    flush_now();
}

/// On the definition tables: every backend compiles again.
#[pg_trigger]
fn invalidate_trigger<'a>(_: &'a PgTrigger<'a>) -> Outcome<'a> {
    registry::invalidate();
    Ok(None)
}

/// Where what criteria name may be another thing now: those from before a change are not known any more.
#[pg_trigger]
fn forget_before_trigger<'a>(_: &'a PgTrigger<'a>) -> Outcome<'a> {
    registry::forget_criteria_before();
    Ok(None)
}

/// On the table of identities: the same, and every backend reads it again.
#[pg_trigger]
fn identity_trigger<'a>(_: &'a PgTrigger<'a>) -> Outcome<'a> {
    registry::renumber_identities();
    registry::invalidate();
    Ok(None)
}

/// Shows every row of a transition table.
///
/// # Safety
/// `rows` is null or holds rows of `relation`.
unsafe fn each_slot(
    relation: pg_sys::Relation,
    rows: *mut pg_sys::Tuplestorestate,
    show: &mut impl FnMut(*mut pg_sys::TupleTableSlot),
) {
    if rows.is_null() {
        return;
    }
    let mut memory = Scratch::default();
    // SAFETY: the slot has the relation's descriptor and is filled from the tuplestore.
    unsafe {
        let slot = pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &pg_sys::TTSOpsMinimalTuple);
        pg_sys::tuplestore_rescan(rows);
        let mut inside = memory.enter();
        let mut count = 0_usize;
        while pg_sys::tuplestore_gettupleslot(rows, true, false, slot) {
            show(slot);
            count += 1;
            if count.is_multiple_of(ROWS_PER_CHECK) {
                pgrx::check_for_interrupts!();
            }
            if count.is_multiple_of(ROWS_PER_LOOK) {
                // A row read back from disk lies in this memory too.
                pg_sys::ExecClearTuple(slot);
                inside.renew();
            }
        }
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        drop(inside);
    }
}

/// Shows the rows of one operation, each with whether it comes or goes.
///
/// # Safety
/// `data` is that of a row trigger's call.
unsafe fn each_tuple(data: &pg_sys::TriggerData, mut show: impl FnMut(*mut pg_sys::TupleTableSlot, i64)) {
    let (old, new) = match data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
        pg_sys::TRIGGER_EVENT_INSERT => (None, Some(data.tg_trigslot)),
        pg_sys::TRIGGER_EVENT_DELETE => (Some(data.tg_trigslot), None),
        _ => (Some(data.tg_trigslot), Some(data.tg_newslot)),
    };
    let mut memory = Scratch::default();
    let rows = new.into_iter().map(|slot| (slot, 1)).chain(old.into_iter().map(|slot| (slot, -1)));
    for (slot, sign) in rows.filter(|(slot, _)| !slot.is_null()) {
        memory.run(|| show(slot, sign));
    }
}

/// Adds what a row contributes; of a part that leaves, whose it is, as whoever was computed again since does not count it.
///
/// # Safety
/// `slot` holds a row of the reader's relation.
unsafe fn add_slot(
    changes: &mut Changes,
    registry: &Registry,
    reader: &Reader,
    slot: *mut pg_sys::TupleTableSlot,
    sign: i64,
    leaves: bool,
) {
    // SAFETY: the caller's promise.
    let event = unsafe { in_slot(slot, reader.last_column(), |column| reader.read(column)) };
    match event {
        Some(event) if leaves => drop(changes.again.insert(event.subscriber.into_owned())),
        Some(event) => add_event(changes, &registry.program, &event, sign),
        None => {}
    }
}

/// Reads columns of a row, up to one of them.
///
/// # Safety
/// `slot` holds a row that has them.
unsafe fn in_slot<R>(
    slot: *mut pg_sys::TupleTableSlot,
    last: i16,
    read: impl FnOnce(&dyn Fn(i16) -> (pg_sys::Datum, bool)) -> R,
) -> R {
    // SAFETY: the slot is deformed up to the last column before its values are read.
    unsafe {
        pg_sys::slot_getsomeattrs(slot, i32::from(last));
        read(&|number| {
            let index = (number - 1) as usize;
            (*(*slot).tts_values.add(index), *(*slot).tts_isnull.add(index))
        })
    }
}

/// Adds what an event contributes to each stream that it feeds.
pub fn add_event(changes: &mut Changes, program: &Program, event: &Event, sign: i64) {
    changes.add(&event.subscriber, sign, |entries| {
        contribute(program, event, sign, |entry| entries.push(entry))
    });
}

/// What an event contributes to each stream that it feeds.
pub fn contribute(program: &Program, event: &Event, sign: i64, add: impl FnMut(Entry)) {
    program.entries(&event.event_type, EventDocument::Root(event), event.at, sign, add);
}
