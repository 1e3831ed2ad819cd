//! A whole table, read as it lies and without the executor, which would copy each row twice on the way, and whose plan costs more
//! than a small table's rows.

use super::home;
use super::table::Lasting;
use super::types::{JsonbArgument, Name};
use crate::activity::Instant;
use pgrx::FromDatum;
use pgrx::prelude::*;
use std::ffi::CStr;
use std::ptr;

/// What is made of each row of one of the extension's small tables, under the active snapshot. Columns are known by their number:
/// sql/bootstrap.sql has them in that order.
pub fn rows<R>(table: &CStr, mut make: impl FnMut(&Row) -> R) -> Vec<R> {
    let mut heap = Heap::open(home::own_table(table));
    let columns = heap.columns();
    let mut made = Vec::new();
    while let Some(row) = heap.next(columns) {
        made.push(make(&row));
    }
    made
}

/// A sequential scan of a table under the active snapshot.
pub struct Heap {
    relation: pg_sys::Relation,
    scan: pg_sys::TableScanDesc,
    slot: *mut pg_sys::TupleTableSlot,
}

impl Heap {
    /// Opens a table that exists, under a snapshot that stays active for as long as it is read. The table is locked
    /// against changes of its form until the transaction ends.
    pub fn open(oid: pg_sys::Oid) -> Self {
        // SAFETY: what is opened is closed when the scan is dropped, or by the transaction's abort.
        unsafe {
            let _lasting = Lasting::enter();
            let relation = pg_sys::table_open(oid, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            let snapshot = pg_sys::GetActiveSnapshot();
            let scan = pg_sys::table_beginscan(relation, snapshot, 0, ptr::null_mut());
            let slot = pg_sys::table_slot_create(relation, ptr::null_mut());
            Heap { relation, scan, slot }
        }
    }

    /// How many columns there are.
    fn columns(&self) -> i16 {
        // SAFETY: the relation is open.
        unsafe { (*(*self.relation).rd_att).natts as i16 }
    }

    /// The next row, up to one of its columns; `None` at the end.
    pub fn next(&mut self, last_column: i16) -> Option<Row<'_>> {
        // SAFETY: the scan and the slot are open, and the table has the column.
        unsafe {
            let found = {
                let _lasting = Lasting::enter();
                let forward = pg_sys::ScanDirection::ForwardScanDirection;
                pg_sys::table_scan_getnextslot(self.scan, forward, self.slot)
            };
            if !found {
                return None;
            }
            pg_sys::slot_getsomeattrs(self.slot, i32::from(last_column));
            Some(Row(&*self.slot))
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The transaction's abort closes what an error leaves open.
            return;
        }
        // SAFETY: closes what was opened; the lock stays to the transaction's end.
        unsafe {
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            pg_sys::table_endscan(self.scan);
            pg_sys::table_close(self.relation, pg_sys::NoLock as pg_sys::LOCKMODE);
        }
    }
}

/// A row in a slot, whose values live until the next one is read.
pub struct Row<'a>(&'a pg_sys::TupleTableSlot);

impl Row<'_> {
    /// Where it lies.
    pub fn place(&self) -> pg_sys::ItemPointerData {
        self.0.tts_tid
    }

    /// A column, counted from 1, of those that were asked for, and whether it is null.
    pub fn column(&self, number: i16) -> (pg_sys::Datum, bool) {
        let index = (number - 1) as usize;
        // SAFETY: the slot was deformed up to the last column asked for.
        unsafe { (*self.0.tts_values.add(index), *self.0.tts_isnull.add(index)) }
    }

    /// A column's value, copied.
    pub fn get<T: FromDatum>(&self, number: i16) -> Option<T> {
        let (datum, is_null) = self.column(number);
        // SAFETY: the caller names the column's type.
        unsafe { T::from_polymorphic_datum(datum, is_null, pg_sys::Oid::INVALID) }
    }

    /// A column that is never null.
    pub fn value<T: FromDatum + Default>(&self, number: i16) -> T {
        self.get(number).unwrap_or_default()
    }

    /// A column that is a `timestamptz`.
    pub fn instant(&self, number: i16) -> Option<Instant> {
        let (datum, is_null) = self.column(number);
        (!is_null).then_some(datum.value() as Instant)
    }

    /// A column that is a `name`.
    pub fn name(&self, number: i16) -> Option<String> {
        self.get(number).map(|Name(name)| name)
    }

    /// The text of a column that is a `jsonb`.
    pub fn json(&self, number: i16) -> Option<String> {
        self.get(number).map(|json: JsonbArgument| json.text())
    }

    /// The first columns, so many.
    pub fn values<const N: usize>(&self) -> [Option<pg_sys::Datum>; N] {
        std::array::from_fn(|index| {
            let (datum, is_null) = self.column(index as i16 + 1);
            (!is_null).then_some(datum)
        })
    }
}
