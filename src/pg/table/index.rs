//! The indexes of one of the extension's own tables, somebody else's among them.

use super::{Lasting, Value};
use crate::pg::report::Refusal;
use pgrx::prelude::*;
use std::ffi::CStr;
use std::ptr;

pub struct Index {
    pub relation: pg_sys::Relation,
    /// The table's columns, counted from 0: those of the key, so many, and those that are included.
    pub columns: Vec<usize>,
    pub key: usize,
    pub unique: bool,
    info: *mut pg_sys::IndexInfo,
}

/// Opens those of a table that take rows, first the one that is named; 55000 where there is none of that name.
///
/// # Safety
/// The table is open.
pub unsafe fn open(heap: pg_sys::Relation, by: &str, mode: pg_sys::LOCKMODE) -> Vec<Index> {
    // SAFETY: the list is of indexes that there are, as the table is locked.
    unsafe {
        let list = pg_sys::RelationGetIndexList(heap);
        let oids = (0..pg_sys::list_length(list)).map(|place| pg_sys::list_nth_oid(list, place));
        let mut indexes: Vec<Index> = oids.filter_map(|oid| Index::open(oid, mode)).collect();
        let named = |index: &Index| name_of(index.relation).to_bytes() == by.as_bytes();
        indexes.sort_by_key(|index| !named(index));
        if !indexes.first().is_some_and(named) {
            is_lacking(name_of(heap), by);
        }
        indexes
    }
}

impl Index {
    unsafe fn open(oid: pg_sys::Oid, mode: pg_sys::LOCKMODE) -> Option<Self> {
        // SAFETY: the caller's promise.
        unsafe {
            let relation = pg_sys::index_open(oid, mode);
            let form = &*(*relation).rd_index;
            // One that is being built concurrently, or whose build was cancelled, has no place for rows yet.
            if !form.indisready {
                pg_sys::index_close(relation, mode);
                return None;
            }
            let columns = form.indkey.values.as_slice(form.indnatts as usize);
            let columns = columns.iter().map(|column| (*column - 1) as usize).collect();
            let (key, unique) = (form.indnkeyatts as usize, form.indisunique);
            Some(Index { relation, columns, key, unique, info: ptr::null_mut() })
        }
    }

    /// Enters a row of the table; with a check, false where its key may be somebody else's too.
    ///
    /// # Safety
    /// The table is open, and the values are those of its first columns; others are NULL.
    pub unsafe fn enter(
        &mut self,
        heap: pg_sys::Relation,
        values: &[Value],
        tid: pg_sys::ItemPointer,
        check: pg_sys::IndexUniqueCheck::Type,
        unchanged: bool,
    ) -> bool {
        let value = |column: &usize| values.get(*column).copied().flatten();
        let mut datums: Vec<pg_sys::Datum> =
            self.columns.iter().map(|column| value(column).unwrap_or(pg_sys::Datum::from(0))).collect();
        let mut nulls: Vec<bool> = self.columns.iter().map(|column| value(column).is_none()).collect();
        // SAFETY: the index is open, and the values are those of its columns.
        unsafe {
            if self.info.is_null() {
                let _lasting = Lasting::enter();
                self.info = pg_sys::BuildIndexInfo(self.relation);
            }
            let (relation, info) = (self.relation, self.info);
            let insert = |datums: &mut [pg_sys::Datum], nulls: &mut [bool]| {
                let (datums, nulls) = (datums.as_mut_ptr(), nulls.as_mut_ptr());
                pg_sys::index_insert(relation, datums, nulls, tid, heap, check, unchanged, info)
            };
            if (*info).ii_Expressions.is_null() && (*info).ii_Predicate.is_null() {
                insert(&mut datums, &mut nulls)
            } else {
                enter_computed(heap, info, values, insert)
            }
        }
    }

    /// Closes it; the lock stays to the transaction's end.
    ///
    /// # Safety
    /// It is not used any more.
    pub unsafe fn close(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            if !self.info.is_null() {
                pg_sys::pfree(self.info.cast());
            }
            pg_sys::index_close(self.relation, pg_sys::NoLock as pg_sys::LOCKMODE);
        }
    }
}

/// Has entered what is computed of a row for an index with expressions or a condition, as only somebody else's can be; true where
/// it leaves the row out.
unsafe fn enter_computed(
    heap: pg_sys::Relation,
    info: *mut pg_sys::IndexInfo,
    values: &[Value],
    insert: impl FnOnce(&mut [pg_sys::Datum], &mut [bool]) -> bool,
) -> bool {
    // SAFETY: what is made here, the computed values too, goes when they are entered.
    unsafe {
        let state = pg_sys::CreateExecutorState();
        let context = pg_sys::MakePerTupleExprContext(state);
        let slot = pg_sys::MakeSingleTupleTableSlot((*heap).rd_att, ptr::addr_of!(pg_sys::TTSOpsVirtual));
        for column in 0..(*(*heap).rd_att).natts as usize {
            let value = values.get(column).copied().flatten();
            *(*slot).tts_isnull.add(column) = value.is_none();
            *(*slot).tts_values.add(column) = value.unwrap_or(pg_sys::Datum::from(0));
        }
        pg_sys::ExecStoreVirtualTuple(slot);
        (*context).ecxt_scantuple = slot;
        let is_in = (*info).ii_Predicate.is_null()
            || pg_sys::ExecQual(pg_sys::ExecPrepareQual((*info).ii_Predicate, state), context);
        let entered = !is_in || {
            let most = pg_sys::INDEX_MAX_KEYS as usize;
            let (mut datums, mut nulls) = (vec![pg_sys::Datum::from(0); most], vec![false; most]);
            pg_sys::FormIndexDatum(info, slot, state, datums.as_mut_ptr(), nulls.as_mut_ptr());
            // It was made in the executor state's memory.
            (*info).ii_ExpressionsState = ptr::null_mut();
            insert(&mut datums, &mut nulls)
        };
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::FreeExecutorState(state);
        entered
    }
}

unsafe fn name_of<'a>(relation: pg_sys::Relation) -> &'a CStr {
    // SAFETY: the relation is open as long as its name is read.
    unsafe { CStr::from_ptr((*(*relation).rd_rel).relname.data.as_ptr()) }
}

fn is_lacking(table: &CStr, index: &str) -> ! {
    Refusal::new(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("table segment.{} has no index {index}", table.to_string_lossy()),
    )
    .hint("Somebody dropped or renamed it. Create it again as the extension's script does, under this name.")
    .raise()
}
