//! Folds what a transaction captured into the subscribers' states, evaluates, and writes what changed: once per
//! transaction, in ascending order of subscriber, in the transaction itself.

use super::guc;
use super::owner::Acting;
use super::pending::{self, Change, Changes};
use super::registry::{self, Registry};
use super::scan;
use super::spi::{Session, connect};
use super::store::{self, BATCH, DueRule, StateRow, Update};
use crate::activity::{Fold, Instant, State};
use crate::membership::{Cause, Members, Transition};
use std::collections::{BTreeSet, HashMap};

/// Who moved, and how.
pub type Moved = Vec<(String, Vec<Transition>)>;

/// Flushes everything captured so far, before the transaction's end, and returns who moved.
///
/// A statement may be in flight whose rows a recomputation reads and whose trigger adds them later. So those who
/// are computed again here are computed once more at the end.
pub fn flush() -> Moved {
    let Some(changes) = pending::take() else { return Vec::new() };
    let (everybody, mut again) = (changes.everybody, changes.again.clone());
    let (moved, recomputed) = flush_changes(changes);
    again.extend(recomputed);
    if everybody || !again.is_empty() {
        pending::record(|changes| {
            changes.everybody |= everybody;
            changes.again.extend(again);
        });
        arrange_flush();
    }
    moved
}

/// Flushes what is left at the transaction's end, when no statement is in flight.
pub fn flush_at_end() {
    if let Some(changes) = pending::take() {
        flush_changes(changes);
    }
}

/// Puts a row into `segment.marker`, whose deferred trigger flushes at the end. Where that trigger was made
/// immediate, it fires right here.
pub fn arrange_flush() {
    if !pending::needs_mark() {
        return;
    }
    pending::set_marked();
    let _acting = Acting::as_owner(registry::home().owner);
    connect(|session| session.modify("INSERT INTO segment.marker (captured) VALUES (true)", &[]));
}

/// Returns who moved, and who was computed again.
fn flush_changes(changes: Changes) -> (Moved, Vec<String>) {
    let _acting = Acting::as_owner(registry::home().owner);
    let registry = registry::current();
    let now = guc::now();
    let mut by_subscriber = changes.by_subscriber;
    for subscriber in &changes.again {
        by_subscriber.entry(subscriber.clone()).or_default();
    }
    let mut changes_of: Vec<(String, Change)> = by_subscriber.into_iter().collect();
    changes_of.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let ids: Vec<String> = changes_of.iter().map(|(subscriber, _)| subscriber.clone()).collect();
    // All of them before the first lock, however many batches follow.
    connect(|session| store::create_missing(session, &ids));
    if changes.everybody {
        return (recompute_everybody(&registry, now, Cause::Event), Vec::new());
    }
    let mut moved = Vec::new();
    let mut recomputed = Vec::new();
    for batch in changes_of.chunks(BATCH) {
        let outcome = apply(&registry, batch, &changes.again, now, Cause::Event);
        moved.extend(outcome.0);
        recomputed.extend(outcome.1);
    }
    (moved, recomputed)
}

/// Applies changes to some subscribers, in ascending order, whose rows exist; some of them are computed again whatever their change.
/// Returns who moved, and who was computed again.
pub fn apply(
    registry: &Registry,
    changes: &[(String, Change)],
    again: &BTreeSet<String>,
    now: Instant,
    cause: Cause,
) -> (Moved, Vec<String>) {
    connect(|session| {
        let ids: Vec<String> = changes.iter().map(|(subscriber, _)| subscriber.clone()).collect();
        let mut work: Vec<Work> = Vec::with_capacity(ids.len());
        for row in store::lock(session, &ids) {
            let mut item = Work::begin(registry, row, now);
            item.exact &= !again.contains(&item.subscriber);
            if let Ok(index) = ids.binary_search(&item.subscriber) {
                item.fold(registry, &changes[index].1);
            }
            work.push(item);
        }
        let recomputed = work.iter().filter(|item| !item.exact).map(|item| item.subscriber.clone()).collect();
        (finish(session, registry, work, now, cause), recomputed)
    })
}

/// Computes the states of everybody again from the events, in ascending order, and returns who moved.
pub fn recompute_everybody(registry: &Registry, now: Instant, cause: Cause) -> Moved {
    let mut moved = Vec::new();
    let mut after = String::new();
    let mut first = true;
    loop {
        let more = connect(|session| {
            let rows = store::lock_after(session, &after, first, BATCH as i64);
            let last = rows.last().map(|row| row.subscriber.clone());
            let begin = |row| Work { exact: false, ..Work::begin(registry, row, now) };
            let work = rows.into_iter().map(begin).collect();
            moved.extend(finish(session, registry, work, now, cause));
            last
        });
        pgrx::check_for_interrupts!();
        let Some(last) = more else { return moved };
        after = last;
        first = false;
    }
}

/// Brings locked rows to `until` by time alone and returns who moved.
pub fn advance(session: &Session, registry: &Registry, rows: Vec<StateRow>, until: Instant) -> Moved {
    let work: Vec<Work> = rows.into_iter().map(|row| Work::begin(registry, row, until)).collect();
    let mut updates = settle(session, registry, work, Cause::Time);
    store::write(session, &updates, DueRule::Replace, until);
    moved(&mut updates)
}

/// A subscriber being worked on.
struct Work {
    subscriber: String,
    state: State,
    members: Members,
    at: Instant,
    transitions: Vec<Transition>,
    /// Whether `state` is what the events say; otherwise they must be read.
    exact: bool,
}

impl Work {
    /// Through every due moment since the last evaluation. The evaluation time never goes backwards.
    fn begin(registry: &Registry, row: StateRow, now: Instant) -> Self {
        let at = row.evaluation_time(now);
        let decoded = State::from_bytes(&row.activity);
        let exact = decoded.is_ok();
        let mut state = decoded.unwrap_or_default();
        let mut members = row.members;
        let mut transitions = Vec::new();
        if let Some(from) = row.evaluated_at.filter(|_| exact) {
            transitions = registry.program.advance(&mut state, &mut members, from, at);
        }
        Work { subscriber: row.subscriber, state, members, at, transitions, exact }
    }

    fn fold(&mut self, registry: &Registry, change: &Change) {
        if self.exact {
            let fold = registry.program.fold(&mut self.state, change.events, &change.entries, self.at);
            self.exact = fold == Fold::Exact;
        }
    }
}

fn finish(session: &Session, registry: &Registry, work: Vec<Work>, now: Instant, cause: Cause) -> Moved {
    if work.is_empty() {
        return Vec::new();
    }
    let mut updates = settle(session, registry, work, cause);
    store::write(session, &updates, DueRule::Lower, now);
    moved(&mut updates)
}

/// Reads the events of those whose state is not exact, evaluates everybody, and says what to write.
fn settle(session: &Session, registry: &Registry, work: Vec<Work>, cause: Cause) -> Vec<Update> {
    let inexact: Vec<String> =
        work.iter().filter(|item| !item.exact).map(|item| item.subscriber.clone()).collect();
    // After the lock and under a new snapshot: what other transactions did is either visible now, or will be
    // folded by them once this lock is released.
    let mut events = read_events(session, registry, &inexact);
    let program = &registry.program;
    work.into_iter()
        .map(|mut item| {
            if let Some(events) = events.as_mut().filter(|_| !item.exact) {
                let change = events.remove(&item.subscriber).unwrap_or_default();
                item.state = State::default();
                // Additions alone are always exact.
                let _ = program.fold(&mut item.state, change.events, &change.entries, item.at);
            }
            program.settle(&item.state, &mut item.members, item.at, cause, &mut item.transitions);
            Update {
                due: program.next_due(&item.state, item.at),
                activity: item.state.to_bytes(),
                subscriber: item.subscriber,
                evaluated_at: item.at,
                members: item.members,
                transitions: item.transitions,
            }
        })
        .collect()
}

/// The events of those whose state must be computed again. Where a source cannot be read, nobody's can: the writer
/// goes on with what is known, and `verify` reports the source.
fn read_events(
    session: &Session,
    registry: &Registry,
    subscribers: &[String],
) -> Option<HashMap<String, Change>> {
    if subscribers.is_empty() {
        return None;
    }
    if let Some(refusal) = registry.unreadable() {
        pgrx::warning!(
            "pg_segment cannot compute {} subscribers again: {}",
            subscribers.len(),
            refusal.message()
        );
        return None;
    }
    Some(scan::of_subscribers(session, registry, subscribers))
}

fn moved(updates: &mut Vec<Update>) -> Moved {
    let moved = updates.drain(..).filter(|update| !update.transitions.is_empty());
    moved.map(|update| (update.subscriber, update.transitions)).collect()
}
