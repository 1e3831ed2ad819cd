//! The extension's own tables, read and written row by row without the executor.
//!
//! A flush touches a handful of rows of tables whose columns and indexes are known, so that planning, executing and
//! switching users for every statement would cost many times the work itself. What is skipped with the executor is
//! nothing that these tables have: triggers, rules, policies, generated columns, foreign keys.
//!
//! Rows are looked up as they are now, whatever the transaction's snapshot: the newest committed version, or this
//! transaction's own. A version is only ever replaced if it is still the newest when it is ([`Table::update`]).

mod index;
mod insert;

use index::Index;
use pgrx::prelude::*;
use std::ptr;

/// Most columns of a table that is read here.
const MOST_COLUMNS: usize = 13;

/// A column's value; `None` for NULL.
pub type Value = Option<pg_sys::Datum>;

/// One of the extension's own heap tables, opened for writing.
pub struct Table {
    heap: pg_sys::Relation,
    /// The first one is looked into by [`Table::find`].
    indexes: Vec<Index>,
    slot: *mut pg_sys::TupleTableSlot,
    scan: pg_sys::IndexScanDesc,
    /// By how many columns the scan looks.
    width: usize,
    /// Rows that wait to be inserted together are in the first so many slots.
    waiting: usize,
    slots: Vec<*mut pg_sys::TupleTableSlot>,
}

/// What a look for a row's lock found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    Yes,
    /// Somebody else has it, and waiting was not wanted.
    Busy,
    /// The version is not the newest any more.
    Changed,
}

impl Table {
    /// Opens a table with an index named, which [`Table::find`] looks into.
    pub fn open(oid: pg_sys::Oid, by: &str) -> Self {
        // SAFETY: the table exists; what is opened is closed when the table is dropped, or by the transaction's abort.
        unsafe {
            let mode = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
            let heap = pg_sys::table_open(oid, mode);
            let indexes = index::open(heap, by, mode);
            let (slot, scan) = (ptr::null_mut(), ptr::null_mut());
            Table { heap, indexes, slot, scan, width: 0, waiting: 0, slots: Vec::new() }
        }
    }

    /// The row with a key, as it is now: where it lies, and what is read of its columns.
    pub fn find<R>(
        &mut self,
        key: &[(pg_sys::Oid, pg_sys::Datum)],
        read: impl FnOnce(&[Value]) -> R,
    ) -> Option<(pg_sys::ItemPointerData, R)> {
        let mut read = Some(read);
        let mut found = None;
        self.each(key, |tid, values| {
            found = read.take().map(|read| (tid, read(values)));
            false
        });
        found
    }

    /// Shows the rows with a key of the index's first columns, in its order, as long as `more` wants more.
    pub fn each(
        &mut self,
        key: &[(pg_sys::Oid, pg_sys::Datum)],
        mut more: impl FnMut(pg_sys::ItemPointerData, &[Value]) -> bool,
    ) {
        // SAFETY: the scan and the slot belong to the open table; the key outlives the look-up.
        unsafe {
            let mut keys = self.scan_keys(key);
            if self.width != key.len() {
                self.end_scan();
            }
            if self.scan.is_null() {
                self.width = key.len();
                let snapshot = ptr::addr_of_mut!(pg_sys::SnapshotSelfData);
                let _lasting = Lasting::enter();
                self.slot = pg_sys::table_slot_create(self.heap, ptr::null_mut());
                self.scan = begin_scan(self.heap, self.indexes[0].relation, snapshot, key.len());
            }
            self.rescan(&mut keys);
            let columns = self.columns();
            let mut values: [Value; MOST_COLUMNS] = [None; MOST_COLUMNS];
            while self.next() {
                read_slot(self.slot, columns, &mut values);
                if !more((*self.slot).tts_tid, &values[..columns as usize]) {
                    break;
                }
            }
            // Whoever vacuums or prunes need not wait for this transaction.
            pg_sys::ExecClearTuple(self.slot);
            self.rescan(&mut keys);
        }
    }

    /// Sets the open scan to other keys. What a scan allocates on its way it keeps, and frees at its end.
    unsafe fn rescan(&mut self, keys: &mut [pg_sys::ScanKeyData]) {
        let _lasting = Lasting::enter();
        // SAFETY: the scan is open, for so many keys.
        unsafe {
            pg_sys::index_rescan(self.scan, keys.as_mut_ptr(), keys.len() as i32, ptr::null_mut(), 0);
        }
    }

    /// Puts the next row of the open scan into the slot; false where there is none.
    unsafe fn next(&mut self) -> bool {
        let _lasting = Lasting::enter();
        // SAFETY: the scan and the slot were made together, by `each`.
        unsafe {
            pg_sys::index_getnext_slot(self.scan, pg_sys::ScanDirection::ForwardScanDirection, self.slot)
        }
    }

    /// Puts values in the place of a row version; false where it is not the newest any more. Waits for a transaction
    /// that has changed or locked it.
    pub fn update(&mut self, tid: pg_sys::ItemPointerData, values: &[Value]) -> bool {
        // SAFETY: the values are those of the table's columns.
        unsafe {
            let tuple = self.form(values);
            let mut old = tid;
            let mut failure = pg_sys::TM_FailureData::default();
            let mut mode = pg_sys::LockTupleMode::LockTupleNoKeyExclusive;
            let command = pg_sys::GetCurrentCommandId(true);
            let none = ptr::null_mut();
            #[cfg(feature = "pg15")]
            let outcome =
                pg_sys::heap_update(self.heap, &mut old, tuple, command, none, true, &mut failure, &mut mode);
            #[cfg(not(feature = "pg15"))]
            let outcome = {
                let mut indexes = pg_sys::TU_UpdateIndexes::TU_None;
                pg_sys::heap_update(
                    self.heap,
                    &mut old,
                    tuple,
                    command,
                    none,
                    true,
                    &mut failure,
                    &mut mode,
                    &mut indexes,
                )
            };
            if !succeeded(outcome) {
                return false;
            }
            let heap_only = u32::from((*(*tuple).t_data).t_infomask2) & pg_sys::HEAP_ONLY_TUPLE != 0;
            if !heap_only {
                for index in &mut self.indexes {
                    let check = if index.unique {
                        pg_sys::IndexUniqueCheck::UNIQUE_CHECK_YES
                    } else {
                        pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO
                    };
                    index.enter(self.heap, values, &mut (*tuple).t_self, check, true);
                }
            }
            pg_sys::heap_freetuple(tuple);
            true
        }
    }

    /// Locks a row version for an update to come.
    pub fn lock(&mut self, tid: pg_sys::ItemPointerData, wait: bool) -> Locked {
        // SAFETY: the buffer that comes back pinned is released.
        unsafe {
            let mut tuple = pg_sys::HeapTupleData { t_self: tid, ..Default::default() };
            let mut failure = pg_sys::TM_FailureData::default();
            let mut buffer = 0;
            let policy = if wait {
                pg_sys::LockWaitPolicy::LockWaitBlock
            } else {
                pg_sys::LockWaitPolicy::LockWaitSkip
            };
            let outcome = pg_sys::heap_lock_tuple(
                self.heap,
                &mut tuple,
                pg_sys::GetCurrentCommandId(true),
                pg_sys::LockTupleMode::LockTupleNoKeyExclusive,
                policy,
                false,
                &mut buffer,
                &mut failure,
            );
            pg_sys::ReleaseBuffer(buffer);
            match outcome {
                pg_sys::TM_Result::TM_WouldBlock => Locked::Busy,
                outcome if succeeded(outcome) => Locked::Yes,
                _ => Locked::Changed,
            }
        }
    }

    /// Deletes a row version, unless somebody else has changed it.
    pub fn delete(&mut self, tid: pg_sys::ItemPointerData) {
        // SAFETY: the row lies in the table.
        unsafe {
            let mut tid = tid;
            let mut failure = pg_sys::TM_FailureData::default();
            let command = pg_sys::GetCurrentCommandId(true);
            pg_sys::heap_delete(self.heap, &mut tid, command, ptr::null_mut(), true, &mut failure, false);
        }
    }

    unsafe fn end_scan(&mut self) {
        if !self.scan.is_null() {
            // SAFETY: the scan and the slot were made together, by `each`.
            unsafe {
                pg_sys::index_endscan(self.scan);
                pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            }
            (self.scan, self.slot) = (ptr::null_mut(), ptr::null_mut());
        }
    }

    /// How many columns are read: one that somebody else has added is not.
    fn columns(&self) -> i32 {
        // SAFETY: the table is open.
        unsafe { (*(*self.heap).rd_att).natts.min(MOST_COLUMNS as i32) }
    }

    /// A row of values, those of the table's first columns; others are NULL.
    unsafe fn form(&self, values: &[Value]) -> pg_sys::HeapTuple {
        // SAFETY: the table is open.
        let columns = unsafe { (*(*self.heap).rd_att).natts } as usize;
        let value = |column| values.get(column).copied().flatten();
        let mut datums: Vec<pg_sys::Datum> =
            (0..columns).map(|column| value(column).unwrap_or(pg_sys::Datum::from(0))).collect();
        let mut nulls: Vec<bool> = (0..columns).map(|column| value(column).is_none()).collect();
        // SAFETY: there are as many values as columns, of their types.
        unsafe {
            let tuple = pg_sys::heap_form_tuple((*self.heap).rd_att, datums.as_mut_ptr(), nulls.as_mut_ptr());
            (*tuple).t_tableOid = (*self.heap).rd_id;
            tuple
        }
    }

    /// Equality with each value of a key, given with its type.
    unsafe fn scan_keys(&self, key: &[(pg_sys::Oid, pg_sys::Datum)]) -> Vec<pg_sys::ScanKeyData> {
        let relation = self.indexes[0].relation;
        let keys = key.iter().enumerate().map(|(column, (type_oid, value))| {
            let equal = match *type_oid {
                pg_sys::INT4OID => pg_sys::F_INT4EQ,
                pg_sys::TIMESTAMPTZOID => pg_sys::F_TIMESTAMPTZ_EQ,
                _ => pg_sys::F_TEXTEQ,
            };
            let mut scan_key = pg_sys::ScanKeyData::default();
            // SAFETY: the index has as many columns, of these types.
            unsafe {
                pg_sys::ScanKeyEntryInitialize(
                    &mut scan_key,
                    0,
                    column as i16 + 1,
                    pg_sys::BTEqualStrategyNumber as u16,
                    pg_sys::Oid::INVALID,
                    *(*relation).rd_indcollation.add(column),
                    pg_sys::Oid::from(equal),
                    *value,
                );
            }
            scan_key
        });
        keys.collect()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The transaction's abort closes what an error leaves open.
            return;
        }
        // SAFETY: closes what was opened; the locks stay to the transaction's end.
        unsafe {
            self.end_scan();
            self.slots.iter().for_each(|slot| pg_sys::ExecDropSingleTupleTableSlot(*slot));
            self.indexes.iter().for_each(|index| index.close());
            pg_sys::table_close(self.heap, pg_sys::NoLock as pg_sys::LOCKMODE);
        }
    }
}

/// While it lives, allocations last as long as the transaction, whatever memory the caller gives back for each row.
pub(super) struct Lasting(pg_sys::MemoryContext);

impl Lasting {
    pub fn enter() -> Self {
        // SAFETY: there is a transaction wherever a table is open.
        Lasting(unsafe { pg_sys::MemoryContextSwitchTo(pg_sys::CurTransactionContext) })
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        // SAFETY: goes back to what was current.
        unsafe { pg_sys::MemoryContextSwitchTo(self.0) };
    }
}

/// The first columns, so many, of the row in a slot, where it stays.
unsafe fn read_slot(slot: *mut pg_sys::TupleTableSlot, columns: i32, values: &mut [Value]) {
    // SAFETY: the slot holds a row with so many columns.
    unsafe {
        pg_sys::slot_getsomeattrs(slot, columns);
        for (column, value) in values.iter_mut().take(columns as usize).enumerate() {
            let is_null = *(*slot).tts_isnull.add(column);
            *value = (!is_null).then_some(*(*slot).tts_values.add(column));
        }
    }
}

unsafe fn begin_scan(
    heap: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    keys: usize,
) -> pg_sys::IndexScanDesc {
    // SAFETY: both relations are open and the snapshot outlives the scan.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        return pg_sys::index_beginscan(heap, index, snapshot, keys as i32, 0);
        #[cfg(feature = "pg18")]
        return pg_sys::index_beginscan(heap, index, snapshot, ptr::null_mut(), keys as i32, 0);
    }
}

/// Whether a change of a row went through. One that this very command made before is a mistake of the engine's.
fn succeeded(outcome: pg_sys::TM_Result::Type) -> bool {
    match outcome {
        pg_sys::TM_Result::TM_Ok => true,
        pg_sys::TM_Result::TM_Updated | pg_sys::TM_Result::TM_Deleted => false,
        other => pgrx::error!("pg_segment changed a row twice in one command (outcome {other})"),
    }
}
