//! A whole table, read as it lies and without the executor, which would copy each row twice on the way.

use super::table::Lasting;
use pgrx::prelude::*;
use std::ptr;

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

    /// The first columns, so many.
    pub fn values<const N: usize>(&self) -> [Option<pg_sys::Datum>; N] {
        std::array::from_fn(|index| {
            let (datum, is_null) = self.column(index as i16 + 1);
            (!is_null).then_some(datum)
        })
    }
}
