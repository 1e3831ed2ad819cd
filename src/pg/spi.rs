//! SQL from Rust: read-only where nothing is written (pgrx's own wrappers assign a transaction id even for
//! reads, which no standby allows), with plans kept per backend.

use crate::activity::Instant;
use crate::criteria::Decimal;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, FromDatum, IntoDatum};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};

/// An open SPI connection; rows must not outlive it.
pub struct Session {
    nest_level: Option<i32>,
}

/// Opens a connection for the engine's own statements. The search path is pinned, so that no name or operator
/// in them can be captured by whoever set it.
pub fn connect<R>(work: impl FnOnce(&Session) -> R) -> R {
    // SAFETY: the settings are restored by the session's end, or by the transaction's abort.
    let nest_level = unsafe { pg_sys::NewGUCNestLevel() };
    set_locally(c"search_path", c"pg_catalog, pg_temp");
    open(Some(nest_level), work)
}

/// Runs work whose reads see everything committed by now, whatever the transaction's snapshot, and what this
/// transaction did itself.
pub fn at_latest_snapshot<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: the pushed snapshot is popped below, or by the transaction's abort.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()) };
    let result = work();
    // SAFETY: see above.
    unsafe { pg_sys::PopActiveSnapshot() };
    result
}

/// [`connect`] at the latest snapshot.
pub fn connect_at_latest<R>(work: impl FnOnce(&Session) -> R) -> R {
    at_latest_snapshot(|| connect(work))
}

/// Runs work under a snapshot that shows what this transaction did before.
pub fn at_new_snapshot<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: the pushed snapshot is popped below, or by the transaction's abort.
    unsafe {
        pg_sys::CommandCounterIncrement();
        pg_sys::PushCopiedSnapshot(pg_sys::GetTransactionSnapshot());
        pg_sys::UpdateActiveSnapshotCommandId();
    }
    let result = work();
    // SAFETY: see above.
    unsafe { pg_sys::PopActiveSnapshot() };
    result
}

/// Opens a connection for reading a relation that the caller named, as the caller would.
pub fn connect_as_caller<R>(work: impl FnOnce(&Session) -> R) -> R {
    open(None, work)
}

/// Deletes rows with the rights of the caller, and fails where a policy would hide some. Returns how many.
pub fn delete_as_caller(sql: &str, ids: Vec<String>) -> i64 {
    // SAFETY: the setting is restored by the session's end, or by the transaction's abort.
    let nest_level = unsafe { pg_sys::NewGUCNestLevel() };
    set_locally(c"row_security", c"off");
    open(Some(nest_level), |session| session.modify_once(sql, &[ids.into()]).count() as i64)
}

/// Opens a connection; the settings made since a nest level are restored with its end.
pub fn open<R>(nest_level: Option<i32>, work: impl FnOnce(&Session) -> R) -> R {
    // SAFETY: every SPI_connect is matched by the SPI_finish of the session's end.
    unsafe { pg_sys::SPI_connect() };
    let session = Session { nest_level };
    work(&session)
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: see `open` and `connect`. While an error unwinds, the transaction's abort would do the same.
        unsafe {
            pg_sys::SPI_finish();
            if let Some(nest_level) = self.nest_level {
                pg_sys::AtEOXact_GUC(false, nest_level);
            }
        }
    }
}

/// Sets a setting until the current nest level ends.
pub fn set_locally(name: &CStr, value: &CStr) {
    // SAFETY: both are C strings, and the settings used here take these values.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}

/// A parameter with its type.
pub struct Param {
    datum: Option<pg_sys::Datum>,
    oid: pg_sys::Oid,
}

impl Param {
    /// A `jsonb` of its bytes without the header.
    pub fn jsonb(bytes: &[u8]) -> Self {
        Param { oid: pg_sys::JSONBOID, datum: bytes.into_datum() }
    }
}

impl<T: IntoDatum> From<T> for Param {
    fn from(value: T) -> Self {
        Param { oid: T::type_oid(), datum: value.into_datum() }
    }
}

/// A `timestamptz` from an instant.
pub fn timestamp(at: Instant) -> TimestampWithTimeZone {
    // SAFETY: a timestamptz datum is the count of microseconds that an instant is.
    let converted = unsafe { TimestampWithTimeZone::from_datum(pg_sys::Datum::from(at), false) };
    converted.unwrap_or_else(TimestampWithTimeZone::positive_infinity)
}

/// The microseconds of a `timestamptz`.
pub fn instant(at: TimestampWithTimeZone) -> Instant {
    at.into_datum().map_or(0, |datum| datum.value() as Instant)
}

/// What a statement returned.
pub struct Rows {
    table: *mut pg_sys::SPITupleTable,
    count: usize,
}

thread_local! {
    static PLANS: RefCell<HashMap<&'static str, pg_sys::SPIPlanPtr>> = RefCell::new(HashMap::new());
}

impl Session {
    /// Runs a statement that only reads, under the active snapshot.
    pub fn select(&self, sql: &'static str, params: &[Param]) -> Rows {
        self.execute(kept_plan(sql, params), params, true)
    }

    /// Runs a statement that writes or locks, under a snapshot of its own where the isolation level allows.
    pub fn modify(&self, sql: &'static str, params: &[Param]) -> Rows {
        self.execute(kept_plan(sql, params), params, false)
    }

    /// Reads by a statement made at run time from quoted identifiers, under the active snapshot.
    pub fn select_once(&self, sql: &str, params: &[Param]) -> Rows {
        self.execute(prepare(sql, params, 0), params, true)
    }

    /// Runs a statement made at run time from quoted identifiers.
    pub fn modify_once(&self, sql: &str, params: &[Param]) -> Rows {
        self.execute(prepare(sql, params, 0), params, false)
    }

    /// Opens a cursor on a statement made at run time.
    pub fn cursor(&self, sql: &str, read_only: bool) -> Cursor {
        let plan = prepare(sql, &[], 0);
        // SAFETY: the plan was just made and takes no parameters.
        let portal = unsafe {
            pg_sys::SPI_cursor_open(std::ptr::null(), plan, std::ptr::null_mut(), std::ptr::null(), read_only)
        };
        Cursor { portal }
    }

    fn execute(&self, plan: pg_sys::SPIPlanPtr, params: &[Param], read_only: bool) -> Rows {
        let mut values: Vec<pg_sys::Datum> =
            params.iter().map(|param| param.datum.unwrap_or(pg_sys::Datum::from(0))).collect();
        let nulls: Vec<c_char> =
            params.iter().map(|param| if param.datum.is_some() { b' ' } else { b'n' } as c_char).collect();
        // SAFETY: the plan was prepared for as many parameters of these types.
        unsafe {
            pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), nulls.as_ptr(), read_only, 0);
            Rows { table: pg_sys::SPI_tuptable, count: pg_sys::SPI_processed as usize }
        }
    }
}

fn prepare(sql: &str, params: &[Param], options: u32) -> pg_sys::SPIPlanPtr {
    let text = CString::new(sql).unwrap_or_default();
    let mut types: Vec<pg_sys::Oid> = params.iter().map(|param| param.oid).collect();
    // SAFETY: the text and the types outlive the call, which copies them.
    unsafe {
        pg_sys::SPI_prepare_cursor(text.as_ptr(), types.len() as i32, types.as_mut_ptr(), options as i32)
    }
}

fn kept_plan(sql: &'static str, params: &[Param]) -> pg_sys::SPIPlanPtr {
    if let Some(plan) = PLANS.with_borrow(|plans| plans.get(sql).copied()) {
        return plan;
    }
    // Planning anew for every array would cost more than the statement itself.
    let plan = prepare(sql, params, pg_sys::CURSOR_OPT_GENERIC_PLAN);
    // SAFETY: the plan was just made; kept, it lives as long as the backend.
    unsafe { pg_sys::SPI_keepplan(plan) };
    PLANS.with_borrow_mut(|plans| plans.insert(sql, plan));
    plan
}

impl Rows {
    /// Rows affected or returned.
    pub fn count(&self) -> usize {
        self.count
    }

    /// A column of a returned row, both counted from 0 and 1 as SPI does.
    pub fn get<T: FromDatum>(&self, row: usize, column: i32) -> Option<T> {
        let (datum, is_null) = self.datum(row, column)?;
        // SAFETY: the caller names the column's type; the value is copied out of the tuple.
        unsafe { T::from_polymorphic_datum(datum, is_null, pg_sys::Oid::INVALID) }
    }

    /// A column that is never null.
    pub fn value<T: FromDatum + Default>(&self, row: usize, column: i32) -> T {
        self.get(row, column).unwrap_or_default()
    }

    /// The first column of all rows, nulls left out.
    pub fn first_column<T: FromDatum>(&self) -> Vec<T> {
        (0..self.count).filter_map(|row| self.get(row, 1)).collect()
    }

    /// Where a row lies, from a `ctid`; `None` for NULL.
    pub fn tid(&self, row: usize, column: i32) -> Option<pg_sys::ItemPointerData> {
        let (datum, is_null) = self.datum(row, column)?;
        // SAFETY: the datum of a ctid points to it.
        (!is_null).then(|| unsafe { *datum.cast_mut_ptr::<pg_sys::ItemPointerData>() })
    }

    pub fn instant(&self, row: usize, column: i32) -> Option<Instant> {
        let (datum, is_null) = self.datum(row, column)?;
        (!is_null).then_some(datum.value() as Instant)
    }

    pub fn bytes(&self, row: usize, column: i32) -> Vec<u8> {
        self.get::<&[u8]>(row, column).map_or_else(Vec::new, <[u8]>::to_vec)
    }

    /// The columns of a row that there is, of at most so many, each with whether it is null.
    pub fn values<const N: usize>(&self, row: usize) -> [(pg_sys::Datum, bool); N] {
        let mut values = [(pg_sys::Datum::from(0), true); N];
        // SAFETY: the row exists, and its columns are as many as the descriptor says.
        unsafe {
            let (tuple, descriptor) = (*(*self.table).vals.add(row), (*self.table).tupdesc);
            let (mut datums, mut nulls) = ([pg_sys::Datum::from(0); N], [true; N]);
            assert!((*descriptor).natts as usize <= N, "the statement has more columns");
            pg_sys::heap_deform_tuple(tuple, descriptor, datums.as_mut_ptr(), nulls.as_mut_ptr());
            values.iter_mut().zip(datums.into_iter().zip(nulls)).for_each(|(value, datum)| *value = datum);
        }
        values
    }

    pub fn datum(&self, row: usize, column: i32) -> Option<(pg_sys::Datum, bool)> {
        if row >= self.count || self.table.is_null() {
            return None;
        }
        let mut is_null = false;
        // SAFETY: the row exists, and SPI returns a null for a column that does not.
        let datum = unsafe {
            pg_sys::SPI_getbinval(*(*self.table).vals.add(row), (*self.table).tupdesc, column, &mut is_null)
        };
        Some((datum, is_null))
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if !self.table.is_null() {
            // SAFETY: the table belongs to the open connection and is freed once; SPI ignores others.
            unsafe { pg_sys::SPI_freetuptable(self.table) };
        }
    }
}

/// A portal that is read in batches.
pub struct Cursor {
    portal: pg_sys::Portal,
}

impl Cursor {
    pub fn fetch(&mut self, rows: usize) -> Rows {
        // SAFETY: the portal is open until the cursor is dropped.
        unsafe {
            pg_sys::SPI_cursor_fetch(self.portal, true, rows as _);
            Rows { table: pg_sys::SPI_tuptable, count: pg_sys::SPI_processed as usize }
        }
    }

    pub fn close(self) {
        // SAFETY: see `fetch`. Left open by an error, the portal goes with the transaction.
        unsafe { pg_sys::SPI_cursor_close(self.portal) };
    }
}

/// A number of units of `10^-scale` for a `numeric` column, without trailing zeros; NULL for one that `numeric` cannot hold.
pub fn numeric_of(mut units: i128, mut scale: u32) -> Option<AnyNumeric> {
    while scale > 0 && units % 10 == 0 {
        (units, scale) = (units / 10, scale - 1);
    }
    let Ok(small) = i64::try_from(units) else { return numeric(&Decimal::from_scaled(units, scale)) };
    // SAFETY: makes a numeric of an integer.
    unsafe {
        let datum = pg_sys::Datum::from(pg_sys::int64_div_fast_to_numeric(small, scale as i32));
        AnyNumeric::from_datum(datum, false)
    }
}

/// A number for a `numeric` column; NULL for one that `numeric` cannot hold.
pub fn numeric(number: &Decimal) -> Option<AnyNumeric> {
    AnyNumeric::try_from(number.to_string().as_str()).ok()
}
