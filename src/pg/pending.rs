//! What the current transaction has captured and not flushed yet, by subtransaction, so that a rolled-back
//! savepoint takes its events with it.

use crate::activity::Entry;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::ffi::c_void;

/// Changes to one subscriber.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Event rows gained, or lost.
    pub events: i64,
    pub entries: Vec<Entry>,
}

/// Everything captured by a transaction.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub by_subscriber: HashMap<String, Change>,
    /// A source was truncated, so that everybody's state is to be computed again.
    pub everybody: bool,
    /// Subscribers whose state was computed again before the transaction's end, while a statement may have been in
    /// flight whose rows were there already and are captured only when it ends: to be computed once more.
    pub again: BTreeSet<String>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.by_subscriber.is_empty() && !self.everybody && self.again.is_empty()
    }

    fn merge(&mut self, other: Changes) {
        self.everybody |= other.everybody;
        self.again.extend(other.again);
        if self.by_subscriber.is_empty() {
            self.by_subscriber = other.by_subscriber;
            return;
        }
        for (subscriber, change) in other.by_subscriber {
            let sum = self.by_subscriber.entry(subscriber).or_default();
            sum.events += change.events;
            sum.entries.extend(change.entries);
        }
    }
}

struct Layer {
    subtransaction: pg_sys::SubTransactionId,
    changes: Changes,
    /// The subtransaction in which the changes were flushed: if it is rolled back, so is the flush.
    flushed_in: Option<pg_sys::SubTransactionId>,
    /// Whether this layer put the row into `segment.marker` that fires the flush.
    marked: bool,
}

thread_local! {
    static LAYERS: RefCell<Vec<Layer>> = const { RefCell::new(Vec::new()) };
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Whether something is captured that no flush is arranged for. A statement may capture nothing: one of no rows.
pub fn needs_mark() -> bool {
    LAYERS.with_borrow(|layers| {
        let mut open = layers.iter().filter(|layer| layer.flushed_in.is_none());
        open.clone().any(|layer| !layer.changes.is_empty()) && !open.any(|layer| layer.marked)
    })
}

/// Notes that the transaction has arranged for a flush.
pub fn set_marked() {
    with_current_layer(|layer| layer.marked = true);
}

/// Adds to what the current subtransaction has captured.
pub fn record(add: impl FnOnce(&mut Changes)) {
    with_current_layer(|layer| add(&mut layer.changes));
}

/// Takes everything that is not flushed, for the caller to flush now.
pub fn take() -> Option<Changes> {
    // SAFETY: reads a variable of the transaction manager.
    let current = unsafe { pg_sys::GetCurrentSubTransactionId() };
    LAYERS.with_borrow_mut(|layers| {
        let mut all: Option<Changes> = None;
        for layer in layers.iter_mut().filter(|layer| layer.flushed_in.is_none()) {
            layer.flushed_in = Some(current);
            // A layer of this very subtransaction shares the fate of the flush and need not be kept.
            let kept = (layer.subtransaction != current).then(|| layer.changes.clone());
            all.get_or_insert_default()
                .merge(std::mem::replace(&mut layer.changes, kept.unwrap_or_default()));
        }
        layers.retain(|layer| layer.subtransaction != current || layer.flushed_in.is_none());
        all
    })
}

fn with_current_layer(change: impl FnOnce(&mut Layer)) {
    watch();
    // SAFETY: reads a variable of the transaction manager.
    let current = unsafe { pg_sys::GetCurrentSubTransactionId() };
    LAYERS.with_borrow_mut(|layers| {
        let fits =
            layers.last().is_some_and(|layer| layer.subtransaction == current && layer.flushed_in.is_none());
        if !fits {
            layers.push(Layer {
                subtransaction: current,
                changes: Changes::default(),
                flushed_in: None,
                marked: false,
            });
        }
        if let Some(layer) = layers.last_mut() {
            change(layer);
        }
    });
}

/// Makes one layer of the last two where they share their fate, so that a loop of savepoints stays one layer.
fn join_last(layers: &mut Vec<Layer>) {
    if let [.., before, last] = layers.as_mut_slice()
        && before.subtransaction == last.subtransaction
        && before.flushed_in.is_none()
        && last.flushed_in.is_none()
    {
        before.marked |= last.marked;
        before.changes.merge(std::mem::take(&mut last.changes));
        layers.pop();
    }
}

/// Registers the transaction callbacks, once per backend.
fn watch() {
    if !WATCHING.replace(true) {
        // SAFETY: the callbacks are guarded and only touch this module's own memory.
        unsafe {
            pg_sys::RegisterXactCallback(Some(transaction_ended), std::ptr::null_mut());
            pg_sys::RegisterSubXactCallback(Some(subtransaction_ended), std::ptr::null_mut());
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn transaction_ended(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PREPARE};
    if matches!(event, XACT_EVENT_ABORT | XACT_EVENT_COMMIT | XACT_EVENT_PREPARE) {
        LAYERS.with_borrow_mut(Vec::clear);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn subtransaction_ended(
    event: pg_sys::SubXactEvent::Type,
    ended: pg_sys::SubTransactionId,
    parent: pg_sys::SubTransactionId,
    _argument: *mut c_void,
) {
    LAYERS.with_borrow_mut(|layers| match event {
        // Ids grow, and a committed child has its parent's: what is at least `ended` belongs to it.
        pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB => {
            layers.retain(|layer| layer.subtransaction < ended);
            for layer in layers.iter_mut() {
                layer.flushed_in = layer.flushed_in.filter(|flushed| *flushed < ended);
            }
        }
        pg_sys::SubXactEvent::SUBXACT_EVENT_COMMIT_SUB => {
            let inherit = |id: pg_sys::SubTransactionId| if id == ended { parent } else { id };
            for layer in layers.iter_mut() {
                layer.subtransaction = inherit(layer.subtransaction);
                layer.flushed_in = layer.flushed_in.map(inherit);
            }
            join_last(layers);
        }
        _ => {}
    });
}
