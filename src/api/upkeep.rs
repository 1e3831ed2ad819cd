//! What the procedures `refresh` and `rebuild` call, and `verify`.

use crate::activity::{Instant, VALID_TIMES};
use crate::pg::due;
use crate::pg::flush::flush;
use crate::pg::owner::current_user;
use crate::pg::report::{Refusal, invalid};
use crate::pg::run::{self, Pass};
use crate::pg::spi::{at_new_snapshot, connect, instant};
use crate::pg::upkeep;
use crate::pg::{change, guc, profile_copy, registry, retention, transaction, verify};
use pgrx::prelude::*;

/// Moves time forward: brings everybody who is due to an instant, or to now, in batches that commit one by one; then
/// removes history beyond its retention, and brings copies of profiles up to date whose time has come.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.refresh(until timestamptz DEFAULT NULL, batch integer DEFAULT 1000)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn refresh(until: Option<TimestampWithTimeZone>, batch: Option<i32>, fcinfo: pg_sys::FunctionCallInfo) {
    // SAFETY: reads a variable of the server.
    if unsafe { pg_sys::RecoveryInProgress() } {
        pgrx::notice!("nothing to refresh: the server is in recovery");
        return;
    }
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.refresh") };
    let (until, size) = checked(until, batch.unwrap_or(1_000));
    let mut run = None;
    let mut total = Pass::default();
    let mut step = |pass: Pass| {
        total.add(pass);
        if pass.subscribers > 0 {
            match run {
                None => run = Some(run::note("refresh", total)),
                Some(run) => run::end(run, total),
            }
        }
        transaction::commit();
        pgrx::check_for_interrupts!();
        pass.more
    };
    let mut after = None;
    while step(due::drain_batch(size, &mut after)) {}
    // Without a time of its own, every batch goes to the moment that it begins.
    due::pass_time(|| until.unwrap_or_else(guc::now), size, step);
    if let Some(begin) = retention::advance() {
        transaction::commit();
        let mut after = None;
        while retention::remove_batch(begin, &mut after) {
            transaction::commit();
            pgrx::check_for_interrupts!();
        }
    }
    for copy in profile_copy::due(until.unwrap_or_else(guc::now)) {
        let mut after = None;
        while copy.try_to_bring_up_to_date(&mut after) {
            transaction::commit();
            pgrx::check_for_interrupts!();
        }
        transaction::commit();
    }
    let skipped = if total.skipped > 0 { format!(", {} skipped", total.skipped) } else { String::new() };
    pgrx::notice!(
        "refreshed {} due subscribers, {} transitions{skipped}",
        total.subscribers,
        total.transitions
    );
}

/// One batch of `refresh` within the caller's transaction.
#[pg_extern(volatile, parallel_unsafe, name = "_refresh_batch")]
fn refresh_batch(
    until: Option<TimestampWithTimeZone>,
    size: Option<i32>,
) -> TableIterator<'static, (name!(subscribers, i64), name!(transitions, i64))> {
    let (until, size) = checked(until, size.unwrap_or(1_000));
    let pass = due::refresh_batch(until.unwrap_or_else(guc::now), size, &mut due::first_due());
    TableIterator::once((pass.subscribers, pass.transitions))
}

/// Computes everything again from the events, while writers go on, committing in between.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.rebuild() LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn rebuild(fcinfo: pg_sys::FunctionCallInfo) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.rebuild") };
    if let Some(refusal) = registry::current().unreadable() {
        refusal.raise();
    }
    // What becomes of somebody under safeguards depends on the way there.
    if registry::current().program.is_guarded() {
        change::catch_up_online("rebuild");
    }
    let run = run::begin("rebuild");
    upkeep::forget_orphans();
    // They are counted with everybody else.
    let strangers = Pass { subscribers: 0, ..upkeep::find_strangers() };
    transaction::commit();
    let total = change::sweep_everybody(run, strangers, true);
    run::end(run, total);
    pgrx::notice!("rebuilt {} subscribers, {} transitions", total.subscribers, total.transitions);
}

/// Every difference between what is stored and what the events say: no row where all is exact. Reads all events.
#[pg_extern(volatile, parallel_unsafe, name = "verify")]
fn verify_everything() -> TableIterator<
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
    // What the flush did is not in the statement's own snapshot.
    let findings = at_new_snapshot(verify::verify).into_iter();
    let rows = findings.map(|f| (f.subscriber, f.finding.to_owned(), f.segment, f.stored, f.expected));
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// The arguments of a refresh, or an error for those that make no sense or move time beyond the clock.
fn checked(until: Option<TimestampWithTimeZone>, size: i32) -> (Option<Instant>, i64) {
    if size < 1 {
        invalid(format!("batch is {size}, but must be at least 1"), "Leave it at its default of 1000.");
    }
    let until = until.map(instant);
    if until.is_some_and(|until| !VALID_TIMES.contains(&until)) {
        invalid("until is not a time within the years 1 to 9999", "Leave it out to refresh to now.");
    }
    if until.is_some_and(|until| until > guc::now()) && !may_set_clock() {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "permission denied to move time beyond the clock",
        )
        .hint(format!("Only roles that may set {} can refresh to a time in the future.", guc::CLOCK_NAME))
        .raise();
    }
    (until, i64::from(size))
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
