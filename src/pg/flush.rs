//! Folds what a transaction captured into the subscribers' states, evaluates, and writes what changed: once per
//! transaction, in ascending order of subscriber, in the transaction itself.

use super::engine::{Engine, Moved};
use super::guc::{self, FlushAt};
use super::home::home;
use super::pending::{self, Changes, Reread};
use super::registry;
use super::spi::at_latest_snapshot;
use super::store::{BATCH, Effort, Store};
use super::upkeep;
use crate::membership::Cause;
use std::collections::BTreeSet;

/// Flushes everything captured so far, before the transaction's end, and returns who moved.
///
/// A statement may be in flight whose rows a recomputation reads and whose trigger adds them later. Where one may, those who
/// are computed again here are computed once more at the end, or where something new is captured of them.
pub fn flush() -> Vec<Moved> {
    let Some(changes) = pending::take() else { return Vec::new() };
    let (everybody, all_computed, computed) =
        (changes.everybody, changes.all_computed, changes.computed.clone());
    let noted = everybody != Reread::Nothing || all_computed || !computed.is_empty();
    if noted && registry::current().statement_in_flight() {
        pending::record(|changes| {
            changes.everybody = changes.everybody.max(everybody);
            changes.all_computed |= all_computed;
            changes.computed.extend(computed);
        });
    }
    at_latest_snapshot(|| {
        let effort = if is_load(&changes) { Effort::Bulk } else { Effort::Least };
        apply(changes, Engine::new(Cause::Event, effort))
    })
}

/// Flushes what is left at the transaction's end, when no statement is in flight; or leaves it to `refresh`.
pub fn flush_at_end() {
    let Some(mut changes) = pending::take() else { return };
    changes.again.append(&mut changes.computed);
    at_latest_snapshot(|| {
        if guc::flush_at() == FlushAt::Queued && changes.everybody == Reread::Nothing {
            enqueue(changes);
        } else {
            let load = is_load(&changes);
            apply(changes, if load { Engine::loading() } else { Engine::new(Cause::Event, Effort::Least) });
        }
    });
}

/// Whether the changes are of so many subscribers that part of the work is left to `refresh`.
fn is_load(changes: &Changes) -> bool {
    changes.subscribers() > guc::load()
}

/// Returns who moved.
fn apply(changes: Changes, mut engine: Engine) -> Vec<Moved> {
    let mut least = changes.everybody;
    if !changes.can_be_folded(engine.registry.streams_version) {
        least = Reread::Everything;
    }
    let (everybody, profiles) = (changes.everybody, changes.profiles.clone());
    let again: BTreeSet<String> = changes.again.union(&changes.computed).cloned().collect();
    engine.apply(changes.into_sorted(), |subscriber| match subscriber {
        subscriber if again.contains(subscriber) => Reread::Everything,
        subscriber if profiles.contains(subscriber) => least.max(Reread::Profile),
        _ => least,
    });
    engine.finish();
    if everybody != Reread::Nothing {
        upkeep::read_everybody_again(&mut engine, everybody);
    }
    engine.moved
}

/// Puts the changes into the queue that `refresh` drains.
fn enqueue(changes: Changes) {
    let now = guc::now();
    let streams = registry::current().streams_version;
    let exact = changes.can_be_folded(streams);
    let (again, profiles) = (changes.again.clone(), changes.profiles.clone());
    let mut store = Store::open(home());
    for (count, (subscriber, change)) in changes.into_sorted().into_iter().enumerate() {
        let known = exact && !again.contains(&subscriber) && !profiles.contains(&subscriber);
        let known = known.then(|| change.to_bytes());
        store.enqueue(&subscriber, now, streams, known.as_deref());
        if count % BATCH == 0 {
            pgrx::check_for_interrupts!();
        }
    }
}
