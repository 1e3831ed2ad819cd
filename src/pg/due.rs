//! Who is due: those whom time moves, whom a load left for later, and whose changes are queued.

use super::engine::{Brought, Engine, see_own_writes};
use super::hold::{hold_back, may_hold_back};
use super::home::home;
use super::load::NothingPutOff;
use super::locks;
use super::owner::Acting;
use super::run::Pass;
use super::spi::{at_latest_snapshot, connect, connect_at_latest, timestamp};
use super::store::{BATCH, Due, Effort};
use super::table::Table;
use crate::activity::{Instant, VALID_TIMES};
use crate::membership::Cause;

/// Brings at most `limit` of those who are due to `until`, passing over those that somebody else works on, from a due
/// time and subscriber on.
pub fn refresh_batch(until: Instant, limit: i64, from: &mut (Instant, String)) -> Pass {
    due_batch(until, limit, from, false)
}

/// Does what writers left for later for at most `limit` subscribers, as of when they left it, before time moves anybody. Of others'
/// work it waits for the end, or passes over it.
pub fn settle_batch(limit: i64, from: &mut (Instant, String), wait: bool) -> Pass {
    due_batch(VALID_TIMES.start, limit, from, wait)
}

fn due_batch(until: Instant, limit: i64, from: &mut (Instant, String), wait: bool) -> Pass {
    locks::hold_definitions_and_sources();
    // What a batch before this one, in the same transaction, took off is gone.
    see_own_writes();
    // One snapshot for all, so that nothing else takes the place of a row that was read here.
    at_latest_snapshot(|| {
        let mut due: Vec<(String, Due)> = {
            let _acting = Acting::as_owner();
            connect(|session| {
                let rows = session.select(
                    "SELECT due_at, subscriber, ctid FROM segment.due
                     WHERE due_at <= $1 AND (due_at, subscriber) > ($2, $3 COLLATE \"C\") ORDER BY due_at, subscriber LIMIT $4",
                    &[timestamp(until).into(), timestamp(from.0).into(), from.1.clone().into(), limit.into()],
                );
                let due = |row: usize| Some(Due { at: rows.instant(row, 1)?, tid: rows.tid(row, 3)? });
                (0..rows.count()).filter_map(|row| Some((rows.value(row, 2), due(row)?))).collect()
            })
        };
        let mut pass = Pass { more: due.len() as i64 == limit, ..Pass::default() };
        if let Some((subscriber, last)) = due.last() {
            *from = (last.at, subscriber.clone());
        }
        if due.is_empty() {
            return pass;
        }
        due.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut engine = Engine::new(Cause::Time, Effort::Full);
        engine.now = until;
        let mut done = 0;
        for rows in due.chunk_by(|(a, _), (b, _)| a == b) {
            let due: Vec<Due> = rows.iter().map(|(_, due)| *due).collect();
            match engine.expire(&rows[0].0, &due, wait) {
                Brought::Done => done += 1,
                Brought::Settled => {}
                Brought::Busy => pass.skipped += 1,
            }
        }
        engine.finish();
        pass.count(done, &mut engine);
        pass
    })
}

/// Brings everybody who is due to the moment that each batch begins, or another. After each batch comes `step`, which says whether
/// there may be another one of its kind.
pub fn pass_time(until: impl Fn() -> Instant, size: i64, mut step: impl FnMut(Pass) -> bool) {
    if may_hold_back() {
        // A hold keeps back what time does, and not what came earlier.
        let _nothing_put_off = NothingPutOff::begin();
        let mut from = first_due();
        while step(settle_batch(size, &mut from, false)) {}
        if hold_back(until()) {
            step(Pass::default());
        }
    }
    let mut from = first_due();
    while step(refresh_batch(until(), size, &mut from)) {}
}

/// The place before the first row of `segment.due`.
pub fn first_due() -> (Instant, String) {
    (Instant::MIN, String::new())
}

/// Applies what the queue has of at most `limit` subscribers, passing over those that somebody else works on, from a
/// subscriber on.
pub fn drain_batch(limit: i64, after: &mut Option<String>) -> Pass {
    locks::hold_definitions_and_sources();
    if nothing_queued() {
        return Pass::default();
    }
    let subscribers: Vec<String> = {
        let _acting = Acting::as_owner();
        connect_at_latest(|session| {
            let rows = session.select(
                "SELECT DISTINCT subscriber FROM segment.queue
                 WHERE subscriber >= $1 COLLATE \"C\" AND (subscriber > $1 COLLATE \"C\" OR $2)
                 ORDER BY subscriber LIMIT $3",
                &[after.clone().unwrap_or_default().into(), after.is_none().into(), limit.into()],
            );
            rows.first_column()
        })
    };
    let mut pass = Pass { more: subscribers.len() as i64 == limit, ..Pass::default() };
    let Some(last) = subscribers.last() else { return pass };
    *after = Some(last.clone());
    let mut engine = Engine::new(Cause::Event, Effort::Full);
    let count = subscribers.len();
    at_latest_snapshot(|| {
        let drained = engine.drain(subscribers, false);
        engine.finish();
        pass.skipped = (count - drained) as i64;
        pass.count(drained, &mut engine);
    });
    pass
}

/// Applies what the queue has of some subscribers, given in ascending order.
pub fn drain(subscribers: Vec<String>) {
    if nothing_queued() {
        return;
    }
    let mut engine = Engine::new(Cause::Event, Effort::Full);
    at_latest_snapshot(|| {
        engine.drain(subscribers, true);
        engine.finish();
    });
}

/// Whether the queue is empty, as it is unless writers were told to fill it: a look that costs no plan.
fn nothing_queued() -> bool {
    Table::open(home().queue, "queue_idx").find(&[], |_| ()).is_none()
}

/// Drains the queue and brings everybody who is due to now, in this transaction. The caller has locked out writers.
pub fn catch_up(now: Instant) {
    let mut after = None;
    while drain_batch(BATCH as i64, &mut after).more {}
    pass_time(|| now, BATCH as i64, |pass| pass.more);
}
