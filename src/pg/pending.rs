//! What the current transaction has captured and not flushed yet, by subtransaction, so that a rolled-back
//! savepoint takes its events with it.

use super::flush;
use super::home::{self, home};
use super::registry::Registry;
use crate::activity::{Change, Entry};
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::ffi::c_void;

/// Everything captured by a transaction.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    by_subscriber: HashMap<String, Change>,
    /// The streams under which the entries were made, by their version; `None` where there is nothing, or a mixture.
    streams: Option<i64>,
    mixed: bool,
    /// Subscribers whose profile is to be read again.
    pub profiles: BTreeSet<String>,
    /// A source was truncated, so that something of everybody is to be read again.
    pub everybody: Reread,
    /// Subscribers whose state is to be computed again.
    pub again: BTreeSet<String>,
    /// Those whose state was computed again before the transaction's end, while a statement may have been in flight whose
    /// rows were there already and are captured only when it ends: to be computed once more then, or with what is new of them.
    pub computed: BTreeSet<String>,
    /// Whether everybody was, likewise: who has changes is computed again instead.
    pub all_computed: bool,
}

/// What of a subscriber is to be read again from the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reread {
    #[default]
    Nothing,
    Profile,
    /// The profile and all events.
    Everything,
}

impl Changes {
    /// Notes the version of the streams under which entries are about to be made.
    pub fn begin(&mut self, streams: i64) {
        self.mixed |= self.streams.is_some_and(|before| before != streams);
        self.streams = Some(streams);
    }

    /// Adds an event, or removes one.
    pub fn add(&mut self, subscriber: &str, sign: i64, entries: impl FnOnce(&mut Vec<Entry>)) {
        let change = match self.by_subscriber.get_mut(subscriber) {
            Some(change) => change,
            None => self.by_subscriber.entry(subscriber.to_owned()).or_default(),
        };
        change.events += sign;
        entries(&mut change.entries);
    }

    /// Whether the entries can be folded: they were all made under these streams, and are in no state yet.
    pub fn can_be_folded(&self, streams: i64) -> bool {
        !self.mixed && !self.all_computed && self.streams.is_none_or(|made| made == streams)
    }

    /// By subscriber, ascending; those of whom something is to be read again are among them, with or without a change.
    pub fn into_sorted(self) -> Vec<(String, Change)> {
        let mut by_subscriber = self.by_subscriber;
        for subscriber in self.again.into_iter().chain(self.profiles) {
            by_subscriber.entry(subscriber).or_default();
        }
        let mut sorted: Vec<(String, Change)> = by_subscriber.into_iter().collect();
        sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        sorted.iter_mut().for_each(|(_, change)| change.settle());
        sorted
    }

    /// How many subscribers have changes.
    pub fn subscribers(&self) -> usize {
        self.by_subscriber.len()
    }

    pub fn is_empty(&self) -> bool {
        let nobody = self.by_subscriber.is_empty() && self.again.is_empty() && self.profiles.is_empty();
        nobody && self.computed.is_empty() && !self.all_computed && self.everybody == Reread::Nothing
    }

    fn merge(&mut self, other: Changes) {
        self.everybody = self.everybody.max(other.everybody);
        self.again.extend(other.again);
        self.computed.extend(other.computed);
        self.all_computed |= other.all_computed;
        self.profiles.extend(other.profiles);
        self.mixed |= other.mixed;
        if let Some(streams) = other.streams {
            self.begin(streams);
        }
        if self.by_subscriber.is_empty() {
            self.by_subscriber = other.by_subscriber;
            return;
        }
        for (subscriber, change) in other.by_subscriber {
            self.by_subscriber.entry(subscriber).or_default().add(change);
        }
    }
}

struct Layer {
    subtransaction: pg_sys::SubTransactionId,
    /// The table of the version: after DROP and CREATE EXTENSION another one's, for which this says nothing.
    home: pg_sys::Oid,
    changes: Changes,
    /// The subtransaction in which the changes were flushed: if it is rolled back, so is the flush.
    flushed_in: Option<pg_sys::SubTransactionId>,
}

thread_local! {
    static LAYERS: RefCell<Vec<Layer>> = const { RefCell::new(Vec::new()) };
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Adds to what the current subtransaction has captured. What is added is flushed when the transaction ends.
pub fn record<R>(add: impl FnOnce(&mut Changes) -> R) -> R {
    watch();
    // SAFETY: reads a variable of the transaction manager.
    let current = unsafe { pg_sys::GetCurrentSubTransactionId() };
    let home = home().version;
    LAYERS.with_borrow_mut(|layers| {
        let fits = |layer: &Layer| {
            layer.subtransaction == current && layer.home == home && layer.flushed_in.is_none()
        };
        let mut layer = match layers.pop() {
            Some(layer) if fits(&layer) => layer,
            other => {
                layers.extend(other);
                Layer { subtransaction: current, home, changes: Changes::default(), flushed_in: None }
            }
        };
        let result = add(&mut layer.changes);
        layers.push(layer);
        result
    })
}

/// Notes who was computed again from the events in the midst of a transaction, unless everybody will be at its end.
pub fn note_computed(registry: &Registry, subscribers: Vec<String>) {
    if !subscribers.is_empty() && registry.statement_in_flight() {
        record(|changes| match changes.everybody {
            Reread::Everything => {}
            _ => changes.computed.extend(subscribers),
        });
    }
}

/// Notes that everybody was.
pub fn note_all_computed(registry: &Registry) {
    if registry.statement_in_flight() {
        record(|changes| changes.all_computed = true);
    }
}

/// Takes everything that is not flushed, for the caller to flush now: nothing where the transaction has dropped the extension.
pub fn take() -> Option<Changes> {
    if LAYERS.with_borrow(Vec::is_empty) || !home::installed() {
        return None;
    }
    let home = home().version;
    // SAFETY: reads a variable of the transaction manager.
    let current = unsafe { pg_sys::GetCurrentSubTransactionId() };
    let all = LAYERS.with_borrow_mut(|layers| {
        let mut all: Option<Changes> = None;
        for layer in layers.iter_mut().filter(|layer| layer.home == home && layer.flushed_in.is_none()) {
            layer.flushed_in = Some(current);
            // A layer of this very subtransaction shares the fate of the flush and need not be kept.
            let kept = (layer.subtransaction != current).then(|| layer.changes.clone());
            all.get_or_insert_default()
                .merge(std::mem::replace(&mut layer.changes, kept.unwrap_or_default()));
        }
        layers.retain(|layer| layer.subtransaction != current || layer.flushed_in.is_none());
        all
    });
    all.filter(|changes| !changes.is_empty())
}

/// Makes one layer of the last two where they share their fate, so that a loop of savepoints stays one layer.
fn join_last(layers: &mut Vec<Layer>) {
    if let [.., before, last] = layers.as_mut_slice()
        && before.subtransaction == last.subtransaction
        && before.home == last.home
        && before.flushed_in.is_none()
        && last.flushed_in.is_none()
    {
        before.changes.merge(std::mem::take(&mut last.changes));
        layers.pop();
    }
}

/// Registers the transaction callbacks, once per backend.
fn watch() {
    if !WATCHING.replace(true) {
        // SAFETY: the callbacks are guarded.
        unsafe {
            pg_sys::RegisterXactCallback(Some(transaction_ended), std::ptr::null_mut());
            pg_sys::RegisterSubXactCallback(Some(subtransaction_ended), std::ptr::null_mut());
        }
    }
}

/// Before the end everything is flushed: after the last deferred trigger has run, so that nothing is captured later.
#[pg_guard]
unsafe extern "C-unwind" fn transaction_ended(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::*;
    match event {
        XACT_EVENT_PRE_COMMIT | XACT_EVENT_PRE_PREPARE => flush::flush_at_end(),
        XACT_EVENT_ABORT | XACT_EVENT_COMMIT | XACT_EVENT_PREPARE => LAYERS.with_borrow_mut(Vec::clear),
        _ => {}
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
