//! Folds what a transaction captured into the subscribers' states, evaluates, and writes what changed: once per
//! transaction, in ascending order of subscriber, in the transaction itself.

use super::guc;
use super::owner::Acting;
use super::pending::{self, Change};
use super::registry::{self, Registry};
use super::scan;
use super::spi::{Session, connect};
use super::store::{self, DueRule, StateRow, Update};
use crate::activity::{Fold, Instant, State};
use crate::membership::{Cause, Members, Transition};
use std::collections::HashMap;

/// Subscribers locked and written by one set of statements.
const BATCH: usize = 5_000;

/// Flushes everything captured so far and returns who moved.
pub fn flush() -> Vec<(String, Vec<Transition>)> {
    let Some(changes) = pending::take() else { return Vec::new() };
    let _acting = Acting::as_owner(registry::home().owner);
    let registry = registry::current();
    let now = guc::now();
    if changes.truncated {
        connect(|session| {
            let ids: Vec<String> = changes.by_subscriber.into_keys().collect();
            store::create_missing(session, &sorted(ids));
        });
        return recompute_everybody(&registry, now, Cause::Event);
    }
    let mut changes: Vec<(String, Change)> = changes.by_subscriber.into_iter().collect();
    changes.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let mut moved = Vec::new();
    for batch in changes.chunks(BATCH) {
        moved.extend(apply(&registry, batch, now, Cause::Event));
    }
    moved
}

/// Applies changes to some subscribers, in ascending order, and returns who moved.
pub fn apply(
    registry: &Registry,
    changes: &[(String, Change)],
    now: Instant,
    cause: Cause,
) -> Vec<(String, Vec<Transition>)> {
    connect(|session| {
        let ids: Vec<String> = changes.iter().map(|(subscriber, _)| subscriber.clone()).collect();
        let mut work: Vec<Work> = Vec::with_capacity(ids.len());
        for row in store::lock(session, &ids) {
            let mut item = Work::begin(registry, row, now);
            if let Ok(index) = ids.binary_search(&item.subscriber) {
                item.fold(registry, &changes[index].1);
            }
            work.push(item);
        }
        finish(session, registry, work, now, cause)
    })
}

/// Computes the states of everybody again from the events, in ascending order, and returns who moved.
pub fn recompute_everybody(
    registry: &Registry,
    now: Instant,
    cause: Cause,
) -> Vec<(String, Vec<Transition>)> {
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
pub fn advance(
    session: &Session,
    registry: &Registry,
    rows: Vec<StateRow>,
    until: Instant,
) -> Vec<(String, Vec<Transition>)> {
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
        let at = row.evaluated_at.map_or(now, |evaluated| evaluated.max(now));
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

fn finish(
    session: &Session,
    registry: &Registry,
    work: Vec<Work>,
    now: Instant,
    cause: Cause,
) -> Vec<(String, Vec<Transition>)> {
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
    let mut events: HashMap<String, Change> =
        if inexact.is_empty() { HashMap::new() } else { scan::of_subscribers(session, registry, &inexact) };
    let program = &registry.program;
    work.into_iter()
        .map(|mut item| {
            if !item.exact {
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

fn moved(updates: &mut Vec<Update>) -> Vec<(String, Vec<Transition>)> {
    let moved = updates.drain(..).filter(|update| !update.transitions.is_empty());
    moved.map(|update| (update.subscriber, update.transitions)).collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort_unstable();
    ids
}
