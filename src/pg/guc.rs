//! Settings, and the clock that one of them can fix.

use crate::activity::{Instant, SECOND, parse_instant};
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};

/// Empty: the server's clock. Otherwise the instant at which everything is evaluated, for replays and tests.
/// Only superusers and roles with `GRANT SET ON PARAMETER` may set it: it decides who is in which segment.
static CLOCK: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

thread_local! {
    /// The fixed clock that was read last, and what it says.
    static READ: RefCell<(CString, Option<Instant>)> = RefCell::default();
}

/// When the changes that a transaction captured are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
pub enum FlushAt {
    /// When the transaction commits, once and in order.
    #[name = c"commit"]
    Commit,
    /// When a statement ends: its own transaction reads what it wrote, and may deadlock with others like any update.
    #[name = c"statement"]
    Statement,
    /// Later, by `segment.refresh()`: the transaction only appends to a queue.
    #[name = c"queued"]
    Queued,
}

static FLUSH: GucSetting<FlushAt> = GucSetting::<FlushAt>::new(FlushAt::Commit);

/// In seconds; 0 for ever.
static HISTORY_RETENTION: GucSetting<i32> = GucSetting::<i32>::new(0);

static LOAD: GucSetting<i32> = GucSetting::<i32>::new(1_000);

static MAX_THREADS: GucSetting<i32> = GucSetting::<i32>::new(1);

pub const CLOCK_NAME: &str = "pg_segment.clock";

pub fn register() {
    // SAFETY: the hook is guarded and touches nothing but its arguments.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            c"pg_segment.clock",
            c"Fixes the time at which segments are evaluated; empty for the server's clock.",
            c"An ISO 8601 date or time, in UTC unless it states an offset. For replays and tests.",
            &CLOCK,
            GucContext::Suset,
            GucFlags::default(),
            Some(check_clock),
            None,
            None,
        );
        GucRegistry::define_enum_guc(
            c"pg_segment.flush",
            c"When captured changes are applied: at commit, after each statement, or queued for segment.refresh().",
            c"",
            &FLUSH,
            GucContext::Userset,
            GucFlags::default(),
        );
        GucRegistry::define_int_guc(
            c"pg_segment.history_retention",
            c"How long segment.refresh() keeps history; 0 for ever.",
            c"",
            &HISTORY_RETENTION,
            0,
            i32::MAX,
            GucContext::Suset,
            GucFlags::UNIT_S,
        );
        GucRegistry::define_int_guc(
            c"pg_segment.load",
            c"A transaction with events of more subscribers is a load: who moved is left to segment.refresh(), and views work it out.",
            c"",
            &LOAD,
            0,
            i32::MAX,
            GucContext::Userset,
            GucFlags::default(),
        );
        GucRegistry::define_int_guc(
            c"pg_segment.max_threads",
            c"Threads that a fit of clusters may use; results are the same with any number.",
            c"",
            &MAX_THREADS,
            1,
            64,
            GucContext::Userset,
            GucFlags::default(),
        );
        pg_sys::MarkGUCPrefixReserved(c"pg_segment".as_ptr());
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn check_clock(
    new: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes a pointer to the new value, which is a C string or null.
    let text = unsafe { if new.is_null() || (*new).is_null() { return true } else { CStr::from_ptr(*new) } };
    let valid = text.to_str().is_ok_and(|text| text.is_empty() || parse_instant(text).is_some());
    if !valid {
        // SAFETY: the variable is read right after the hook returns; the copy lives in the current context.
        unsafe {
            pg_sys::GUC_check_errhint_string = pg_sys::pstrdup(
                c"Write an ISO 8601 time before the year 10000, such as 2026-01-31 12:00:00+00, or nothing."
                    .as_ptr(),
            );
        }
    }
    valid
}

/// When the current transaction's changes are applied.
pub fn flush_at() -> FlushAt {
    FLUSH.get()
}

/// How long history is kept; `None` for ever.
pub fn history_retention() -> Option<Instant> {
    let seconds = HISTORY_RETENTION.get();
    (seconds > 0).then_some(Instant::from(seconds) * SECOND)
}

/// A transaction with events of more subscribers is a load.
pub fn load() -> usize {
    usize::try_from(LOAD.get()).unwrap_or_default()
}

/// How many threads one statement may work with.
pub fn max_threads() -> usize {
    MAX_THREADS.get().max(1) as usize
}

/// The evaluation time of work that begins now.
pub fn now() -> Instant {
    // SAFETY: reads the system clock.
    fixed_clock().unwrap_or_else(|| unsafe { pg_sys::GetCurrentTimestamp() })
}

/// The evaluation time of a statement that reads: the same for all of it.
pub fn statement_now() -> Instant {
    // SAFETY: reads a variable of the transaction manager.
    fixed_clock().unwrap_or_else(|| unsafe { pg_sys::GetCurrentStatementStartTimestamp() })
}

fn fixed_clock() -> Option<Instant> {
    let setting = CLOCK.get().filter(|setting| !setting.is_empty())?;
    READ.with_borrow_mut(|(text, instant)| {
        if *text != setting {
            *instant = setting.to_str().ok().and_then(parse_instant);
            *text = setting;
        }
        *instant
    })
}

/// Whether the transaction sees one snapshot throughout.
pub fn repeatable_read() -> bool {
    // SAFETY: reads a variable of the transaction manager.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as c_int }
}
