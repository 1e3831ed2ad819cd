//! What the procedures `refresh` and `rebuild` call, and `verify`.

use crate::activity::VALID_TIMES;
use crate::pg::flush::flush;
use crate::pg::owner::{Acting, current_user};
use crate::pg::report::Refusal;
use crate::pg::spi::{connect, instant};
use crate::pg::upkeep::{self, Pass};
use crate::pg::{guc, registry};
use pgrx::prelude::*;

/// One batch of `refresh`: brings at most so many due subscribers to an instant, or to now.
#[pg_extern(volatile, parallel_unsafe, name = "_refresh_batch")]
fn refresh_batch(
    until: Option<TimestampWithTimeZone>,
    size: i32,
) -> TableIterator<'static, (name!(subscribers, i64), name!(transitions, i64))> {
    if size < 1 {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("batch is {size}, but must be at least 1"),
        )
        .hint("Leave it at its default of 1000.")
        .raise();
    }
    let now = guc::now();
    let until = until.map_or(now, instant);
    if !VALID_TIMES.contains(&until) {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "until is not a time within the years 1 to 9999",
        )
        .hint("Leave it out to refresh to now.")
        .raise();
    }
    if until > now && !may_set_clock() {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "permission denied to move time beyond the clock",
        )
        .hint(format!("Only roles that may set {} can refresh to a time in the future.", guc::CLOCK_NAME))
        .raise();
    }
    pass_row(upkeep::refresh_batch(until, i64::from(size)))
}

/// Computes everything again from the events, in one transaction that blocks the writers of all sources.
#[pg_extern(volatile, parallel_unsafe, name = "_rebuild")]
fn rebuild() -> TableIterator<'static, (name!(subscribers, i64), name!(transitions, i64))> {
    registry::require_read_committed("rebuild");
    registry::lock_out_writers();
    flush();
    let _acting = Acting::as_owner(registry::home().owner);
    let run = upkeep::begin_run("rebuild");
    let pass = upkeep::rebuild(guc::now());
    upkeep::end_run(run, pass);
    pass_row(pass)
}

/// Every difference between what is stored and what the events say: no row where all is exact. Reads all events.
#[pg_extern(volatile, parallel_unsafe)]
fn verify() -> TableIterator<
    'static,
    (
        name!(subscriber, Option<String>),
        name!(finding, String),
        name!(segment, Option<String>),
        name!(stored, String),
        name!(expected, String),
    ),
> {
    flush();
    let findings = upkeep::verify().into_iter();
    let rows = findings.map(|f| (f.subscriber, f.finding.to_owned(), f.segment, f.stored, f.expected));
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// Opens a row in `segment.run`.
#[pg_extern(volatile, parallel_unsafe, strict, name = "_begin_run")]
fn begin_run(kind: &str) -> i64 {
    upkeep::begin_run(kind)
}

/// Brings a row of `segment.run` up to date.
#[pg_extern(volatile, parallel_unsafe, strict, name = "_end_run")]
fn end_run(run: i64, subscribers: i64, transitions: i64) {
    upkeep::end_run(run, Pass { subscribers, transitions });
}

fn pass_row(pass: Pass) -> TableIterator<'static, (name!(subscribers, i64), name!(transitions, i64))> {
    TableIterator::once((pass.subscribers, pass.transitions))
}

fn may_set_clock() -> bool {
    connect(|session| {
        let rows = session.select(
            "SELECT pg_catalog.has_parameter_privilege($1, $2, 'SET')",
            &[current_user().into(), guc::CLOCK_NAME.into()],
        );
        rows.value(0, 1)
    })
}
