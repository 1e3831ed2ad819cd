//! New rows: one by one, together with others, or only where their key is not there.

use super::{Lasting, MOST_COLUMNS, Table, Value, begin_scan, read_slot};
use pgrx::prelude::*;
use std::ptr;

/// The offset that marks a speculative insertion's token in a tuple's header (SpecTokenOffsetNumber).
const TOKEN_OFFSET: u16 = 0xfffe;

/// Most rows that are inserted together: of the narrower tables, about a page of them.
const TOGETHER: usize = 250;

impl Table {
    /// Inserts a row whose key, if the index that is looked into is unique, nobody else is about to have; where there is a
    /// row with it already, that one stays.
    pub fn insert(&mut self, values: &[Value]) {
        // SAFETY: the values are those of the table's columns.
        unsafe {
            let tuple = self.form(values);
            pg_sys::heap_insert(self.heap, tuple, pg_sys::GetCurrentCommandId(true), 0, ptr::null_mut());
            self.enter_or_delete(values, (*tuple).t_self);
            pg_sys::heap_freetuple(tuple);
        }
    }

    /// The same of a row that may wait for others, to be written with them page by page: until
    /// [`Table::insert_waiting`], which the caller does not forget, it is not found.
    pub fn insert_later(&mut self, values: &[Value]) {
        // SAFETY: the values are those of the table's columns; the slot is the table's own and takes the copied row over.
        unsafe {
            let _lasting = Lasting::enter();
            if self.waiting == self.slots.len() {
                let kind = ptr::addr_of!(pg_sys::TTSOpsHeapTuple);
                self.slots.push(pg_sys::MakeSingleTupleTableSlot((*self.heap).rd_att, kind));
            }
            pg_sys::ExecStoreHeapTuple(self.form(values), self.slots[self.waiting], true);
        }
        self.waiting += 1;
        if self.waiting == TOGETHER {
            self.insert_waiting();
        }
    }

    /// Inserts the rows that wait.
    pub fn insert_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting == 0 {
            return;
        }
        // SAFETY: the slots hold rows of this table, and know their places once they are inserted.
        unsafe {
            let command = pg_sys::GetCurrentCommandId(true);
            let slots = self.slots.as_mut_ptr();
            pg_sys::heap_multi_insert(self.heap, slots, waiting as i32, command, 0, ptr::null_mut());
            let columns = self.columns();
            let mut values: [Value; MOST_COLUMNS] = [None; MOST_COLUMNS];
            for slot in 0..waiting {
                let slot = self.slots[slot];
                read_slot(slot, columns, &mut values);
                self.enter_or_delete(&values[..columns as usize], (*slot).tts_tid);
                pg_sys::ExecClearTuple(slot);
            }
        }
    }

    /// Enters a row that was inserted into every index, and deletes it where its key is there already.
    unsafe fn enter_or_delete(&mut self, values: &[Value], tid: pg_sys::ItemPointerData) {
        // SAFETY: the values are those of the row, which is the transaction's own.
        unsafe {
            if !self.enter_everywhere(values, tid) {
                pg_sys::CommandCounterIncrement();
                self.delete(tid);
            }
        }
    }

    /// Enters a row into every index, up to the one that tells that its key is somebody else's too: false then.
    unsafe fn enter_everywhere(&mut self, values: &[Value], mut tid: pg_sys::ItemPointerData) -> bool {
        (0..self.indexes.len()).all(|index| {
            let check = self.check(index);
            let checks = check == pg_sys::IndexUniqueCheck::UNIQUE_CHECK_PARTIAL;
            // SAFETY: the values are those of the row.
            unsafe { self.indexes[index].enter(self.heap, values, &mut tid, check, false) || !checks }
        })
    }

    /// Inserts a row whose key, in the index that is looked into, nobody else has or is about to have; otherwise returns
    /// false, after waiting for them where that is wanted. The way of ON CONFLICT DO NOTHING: a speculative insertion.
    pub fn insert_if_absent(&mut self, values: &[Value], wait: bool) -> bool {
        // SAFETY: as the executor does it; the token is released on both ways out, or by the transaction's abort.
        unsafe {
            let transaction = pg_sys::GetCurrentTransactionId();
            let token = pg_sys::SpeculativeInsertionLockAcquire(transaction);
            let tuple = self.form(values);
            let header = &mut (*(*tuple).t_data).t_ctid;
            header.ip_blkid.bi_hi = (token >> 16) as u16;
            header.ip_blkid.bi_lo = token as u16;
            header.ip_posid = TOKEN_OFFSET;
            let options = pg_sys::HEAP_INSERT_SPECULATIVE as i32;
            pg_sys::heap_insert(
                self.heap,
                tuple,
                pg_sys::GetCurrentCommandId(true),
                options,
                ptr::null_mut(),
            );
            let alone = self.enter_everywhere(values, (*tuple).t_self);
            if alone {
                pg_sys::heap_finish_speculative(self.heap, &mut (*tuple).t_self);
            } else {
                pg_sys::heap_abort_speculative(self.heap, &mut (*tuple).t_self);
            }
            pg_sys::SpeculativeInsertionLockRelease(transaction);
            pg_sys::heap_freetuple(tuple);
            if !alone && wait {
                self.await_key(values);
            }
            alone
        }
    }

    /// Only the index that is looked into tells whether its key was there already; a unique one of somebody else's fails.
    fn check(&self, index: usize) -> pg_sys::IndexUniqueCheck::Type {
        match (index, self.indexes[index].unique) {
            (0, true) => pg_sys::IndexUniqueCheck::UNIQUE_CHECK_PARTIAL,
            (_, true) => pg_sys::IndexUniqueCheck::UNIQUE_CHECK_YES,
            (_, false) => pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO,
        }
    }

    /// Waits for whoever is about to insert or delete a row with the key of these values.
    unsafe fn await_key(&mut self, values: &[Value]) {
        let mut dirty = pg_sys::SnapshotData {
            snapshot_type: pg_sys::SnapshotType::SNAPSHOT_DIRTY,
            ..Default::default()
        };
        // SAFETY: the scan is ended before the snapshot goes; the key's values outlive it.
        unsafe {
            let index = &self.indexes[0];
            let attribute = |column: &usize| {
                let attributes = (*(*self.heap).rd_att).attrs.as_slice((*(*self.heap).rd_att).natts as usize);
                attributes[*column].atttypid
            };
            let key: Vec<_> = index
                .columns
                .iter()
                .take(index.key)
                .filter_map(|column| Some((attribute(column), values[*column]?)))
                .collect();
            let mut keys = self.scan_keys(&key);
            let scan = begin_scan(self.heap, index.relation, &mut dirty, keys.len());
            pg_sys::index_rescan(scan, keys.as_mut_ptr(), keys.len() as i32, ptr::null_mut(), 0);
            let slot = pg_sys::table_slot_create(self.heap, ptr::null_mut());
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            let found = pg_sys::index_getnext_slot(scan, forward, slot);
            pg_sys::index_endscan(scan);
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            if !found {
                return;
            }
            let other = if dirty.xmin != pg_sys::InvalidTransactionId { dirty.xmin } else { dirty.xmax };
            if other == pg_sys::InvalidTransactionId {
                return;
            }
            if dirty.xmin != pg_sys::InvalidTransactionId && dirty.speculativeToken != 0 {
                pg_sys::SpeculativeInsertionWait(other, dirty.speculativeToken);
            } else {
                pg_sys::XactLockTableWait(
                    other,
                    ptr::null_mut(),
                    ptr::null_mut(),
                    pg_sys::XLTW_Oper::XLTW_None,
                );
            }
        }
    }
}
