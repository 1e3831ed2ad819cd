//! Brings subscribers, in ascending order, from what is stored to what is true.
//!
//! A subscriber is looked up, evaluated and written back without a lock: the write goes through only if the version
//! that was read is still the newest, and is tried again otherwise. Who must be computed again from the events is locked
//! first and read afterwards, under a newer snapshot: what other transactions did is either visible then, or will be
//! folded by them once the lock is released.

mod addition;
mod again;
mod by_hand;
mod work;

use super::guc;
use super::home::home;
use super::load;
use super::pending::Reread;
use super::registry::{self, Registry};
use super::scan::{self, Scratch};
use super::spi::{at_latest_snapshot, connect};
use super::store::{Due, Effort, Found, StateRow, Store, Update};
use super::table::Locked;
use super::transaction::give_way;
use crate::activity::{Change, Fold, Instant};
use crate::membership::{Cause, Held, Patience, Transition};
pub use addition::Addition;
use pgrx::prelude::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use work::Work;

/// Subscribers written between two looks for a cancellation.
const PER_CHECK: usize = 100;

/// Subscribers that upkeep works on between two moments at which writers may take its core.
const PER_WAY: usize = 8;

pub struct Engine {
    pub registry: Rc<Registry>,
    pub now: Instant,
    cause: Cause,
    effort: Effort,
    store: Store,
    memory: Scratch,
    /// The version of the streams under which the changes were made that are being applied.
    made_under: i64,
    /// Locked, with what is known of their change and what is to be read again.
    inexact: Vec<(String, Change, Reread)>,
    /// Who was given a state only to be locked.
    created: BTreeSet<String>,
    written: usize,
    /// Whether nobody has a state, but for those who get one here, each once.
    first: bool,
    /// Whether where changes put somebody may be left to `refresh`.
    puts_off: bool,
    pub moved: Vec<Moved>,
}

/// A subscriber who moved, and how.
pub struct Moved {
    pub subscriber: String,
    /// What time and earlier work did that was still to be noted, and then what this work does.
    pub transitions: Vec<Transition>,
    /// How many of those, the first ones, are not of this work.
    pub earlier: usize,
}

/// What became of a subscriber who is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    Done,
    /// There was nothing to do any more.
    Settled,
    /// Somebody else works on them.
    Busy,
}

impl Engine {
    pub fn new(cause: Cause, effort: Effort) -> Self {
        see_own_writes();
        // SAFETY: a plain call into the server.
        unsafe { pg_sys::AcceptInvalidationMessages() };
        let registry = registry::current();
        Engine {
            made_under: registry.streams_version,
            registry,
            now: guc::now(),
            cause,
            effort,
            store: Store::open(home()),
            memory: Scratch::default(),
            inexact: Vec::new(),
            created: BTreeSet::new(),
            written: 0,
            first: false,
            puts_off: false,
            moved: Vec::new(),
        }
    }

    /// The same for a load of many subscribers, of whom it is left to `refresh`, where that can be, to see where they stand.
    pub fn loading() -> Self {
        let puts_off = load::may_put_off();
        let mut engine = Self::new(Cause::Event, Effort::Bulk);
        engine.store.many = true;
        engine.puts_off = puts_off;
        engine
    }

    /// The same where nobody else can be writing states; `first` where nobody has one, and each subscriber comes once.
    pub fn alone(cause: Cause, effort: Effort, first: bool) -> Self {
        let mut engine = Self::new(cause, effort);
        engine.store.alone = true;
        engine.store.many = first;
        engine.first = first;
        engine
    }

    /// Applies changes, in ascending order of subscriber; of some something is to be read again whatever their change.
    /// [`Engine::finish`] does that.
    pub fn apply(&mut self, changes: Vec<(String, Change)>, again: impl Fn(&str) -> Reread) {
        see_own_writes();
        self.made_under = self.registry.streams_version;
        for (subscriber, change) in changes {
            let again = again(&subscriber);
            let inside = self.memory.enter();
            let again = self.fold(&subscriber, &change, again);
            drop(inside);
            if again != Reread::Nothing {
                self.inexact.push((subscriber, change, again));
            }
            self.check();
        }
    }

    /// Folds a change into a state. Where something must be read again, the state is locked for that, and nothing else
    /// happens.
    fn fold(&mut self, subscriber: &str, change: &Change, again: Reread) -> Reread {
        loop {
            let found = if self.first { None } else { self.find(subscriber) };
            // Somebody may have put other definitions into force meanwhile, under which another state was found.
            let again = if self.is_made_under() { again } else { Reread::Everything };
            if self.puts_off && again == Reread::Nothing {
                match self.put_off(subscriber, found.as_ref(), change) {
                    Some(true) => return again,
                    Some(false) => continue,
                    None => {}
                }
            }
            let mut work = match again {
                Reread::Nothing if self.effort.is_writers() => self.begin_where_they_stand(subscriber, found),
                _ => self.begin(subscriber, found),
            };
            // What is removed may be among what is queued: the state does not have it yet.
            work.exact &=
                again != Reread::Everything && !(change.removes() && self.store.is_queued(subscriber));
            if work.exact {
                work.evaluation = None;
                let program = &work.rules.program;
                let known = match Rc::ptr_eq(program, &self.registry.program) {
                    true => Cow::Borrowed(change),
                    false => Cow::Owned(change.within(program.streams())),
                };
                work.exact = program.fold(&mut work.state, &known, work.at) == Fold::Exact;
            }
            let again = if work.exact { again } else { Reread::Everything };
            let done = match again {
                Reread::Nothing => {
                    let update = self.settle(subscriber, &mut work, Patience::Little);
                    self.write(subscriber, &work, update)
                }
                Reread::Profile | Reread::Everything => self.lock(subscriber, &work, true),
            };
            if done {
                return again;
            }
        }
    }

    /// Whether the changes were made under the streams in force.
    fn is_made_under(&self) -> bool {
        self.made_under == self.registry.streams_version
    }

    /// Evaluates a subscriber as of now, and writes if something changed.
    pub fn evaluate(&mut self, subscriber: &str) {
        let _inside = self.memory.enter();
        self.check();
        while let Some(found) = self.find(subscriber) {
            if self.holds(subscriber, &found) {
                return;
            }
            let mut work = self.begin(subscriber, Some(found));
            if work.exact {
                let update = self.settle(subscriber, &mut work, Patience::Much);
                if self.write(subscriber, &work, update) {
                    return;
                }
            } else if self.lock(subscriber, &work, true) {
                self.inexact.push((subscriber.to_owned(), Change::default(), Reread::Everything));
                return;
            }
        }
    }

    /// Whether what is stored is what these definitions say from the last evaluation until now.
    fn holds(&self, subscriber: &str, found: &Found) -> bool {
        let row = &found.row;
        let state = if row.is_settled() && row.is_current(&self.registry) {
            row.open(subscriber, &self.registry).ok()
        } else {
            None
        };
        state.is_some_and(|state| {
            let program = &self.registry.program;
            let evaluation =
                program.evaluate(row.subject(subscriber), &state, row.evaluated_at, Patience::Much);
            let lasts = |due: Instant| due > self.now && row.due_at.is_some_and(|stored| stored <= due);
            evaluation.standing == row.standing && evaluation.due.is_none_or(lasts)
        })
    }

    /// Evaluates a subscriber who was due at some times, unless that is settled, and takes them off `segment.due`. The rows
    /// were read under the active snapshot. Waits for others at work on the subscriber, or leaves it to them.
    pub fn expire(&mut self, subscriber: &str, due: &[Due], wait: bool) -> Brought {
        let _inside = self.memory.enter();
        self.check();
        let found = loop {
            let Some(found) = self.find(subscriber) else { break None };
            match self.store.lock(&found, wait) {
                Locked::Busy => return Brought::Busy,
                Locked::Changed => {}
                Locked::Yes => break Some(found),
            }
        };
        // Before another time is armed, for which none of these rows stands.
        due.iter().for_each(|due| self.store.disarm(*due));
        let is_due = |found: &Found| due.iter().any(|due| found.row.due_at == Some(due.at));
        let Some(found) = found.filter(is_due) else { return Brought::Settled };
        let mut work = self.begin(subscriber, Some(found));
        if work.exact {
            let update = self.settle(subscriber, &mut work, Patience::Much);
            self.write(subscriber, &work, update);
        } else {
            self.inexact.push((subscriber.to_owned(), Change::default(), Reread::Everything));
        }
        Brought::Done
    }

    /// Applies what the queue has of some subscribers, given in ascending order; for those whom somebody else works on it waits,
    /// or leaves them out. [`Engine::finish`] computes those again whose changes are not known. Returns how many were drained.
    pub fn drain(&mut self, subscribers: Vec<String>, wait: bool) -> usize {
        let mut locked = Vec::with_capacity(subscribers.len());
        for subscriber in subscribers {
            if self.lock_newest(&subscriber, wait) {
                locked.push(subscriber);
            }
            self.check();
        }
        see_own_writes();
        let queued = at_latest_snapshot(|| connect(|session| scan::take_queued(session, &locked)));
        let mut changes: BTreeMap<String, (Change, bool)> = BTreeMap::new();
        for (subscriber, streams, bytes) in queued {
            let known = bytes.filter(|_| streams == self.registry.streams_version);
            let (change, recompute) = changes.entry(subscriber).or_default();
            match known.map(|bytes| Change::from_bytes(&bytes, self.registry.program.streams())) {
                Some(Ok(known)) => change.add(known),
                _ => *recompute = true,
            }
        }
        changes.values_mut().for_each(|(change, _)| change.settle());
        let again: BTreeSet<String> = changes
            .iter()
            .filter(|(_, (_, recompute))| *recompute)
            .map(|(subscriber, _)| subscriber.clone())
            .collect();
        let drained = changes.len();
        let changes = changes.into_iter().map(|(subscriber, (change, _))| (subscriber, change)).collect();
        self.apply(changes, |subscriber| match again.contains(subscriber) {
            true => Reread::Everything,
            false => Reread::Nothing,
        });
        drained
    }

    /// Locks the state of a subscriber, who has one then; with `wait`, in any case.
    fn lock_newest(&mut self, subscriber: &str, wait: bool) -> bool {
        let _inside = self.memory.enter();
        loop {
            let found = self.find(subscriber);
            let work = self.begin(subscriber, found);
            let locked = self.lock(subscriber, &work, wait);
            if locked || !wait {
                return locked;
            }
        }
    }

    /// Whether a subscriber has a state.
    pub fn knows(&mut self, subscriber: &str) -> bool {
        let _inside = self.memory.enter();
        self.store.find(subscriber).is_some()
    }

    /// The newest state, under definitions that are at least as new.
    fn find(&mut self, subscriber: &str) -> Option<Found> {
        let mut found = self.store.find(subscriber);
        if let (Effort::Repair, Some(found)) = (self.effort, &mut found) {
            found.row.trust_memberships(scan::memberships(subscriber));
        }
        if found.as_ref().is_some_and(|found| found.row.version > self.registry.version) {
            // SAFETY: a plain call into the server.
            unsafe { pg_sys::AcceptInvalidationMessages() };
            self.registry = registry::current();
        }
        if let Some(found) =
            found.as_mut().filter(|found| found.row.version < self.registry.evaluated_version)
        {
            self.adopt(subscriber, &mut found.row);
        }
        found
    }

    /// Notes when somebody entered the segments in which members stay, for whom nobody has looked since those were told to.
    fn adopt(&mut self, subscriber: &str, row: &mut StateRow) {
        for segment in self.registry.program.stays() {
            let held = row.standing.memory.of(segment);
            if held.entered.is_none() && row.standing.members.contains(segment) {
                let entered = self.store.entry(subscriber, segment, row.written.is_some());
                row.standing.memory.set(Held { entered, ..held });
            }
        }
    }

    fn write(&mut self, subscriber: &str, work: &Work, update: Update) -> bool {
        self.put(subscriber, work.found.as_ref(), update)
    }

    /// Puts an update in the place of what was found; false where somebody else was faster.
    fn put(&mut self, subscriber: &str, found: Option<&Found>, update: Update) -> bool {
        let done = self.store.write(subscriber, found, &update, self.effort);
        if done && !update.transitions.is_empty() {
            let Update { transitions, earlier, .. } = update;
            self.moved.push(Moved { subscriber: subscriber.to_owned(), transitions, earlier });
        }
        done
    }

    /// Locks a subscriber, who may have no state yet; false where somebody else was faster, or, without waiting, works on
    /// them.
    fn lock(&mut self, subscriber: &str, work: &Work, wait: bool) -> bool {
        match &work.found {
            Some(found) => self.store.lock(found, wait) == Locked::Yes,
            None => {
                let created = self.store.create(subscriber, work.at, self.registry.version, wait);
                if created {
                    self.created.insert(subscriber.to_owned());
                }
                created
            }
        }
    }

    fn check(&mut self) {
        self.written += 1;
        if self.written.is_multiple_of(PER_CHECK) {
            pgrx::check_for_interrupts!();
        }
        if !self.effort.is_writers() && self.written.is_multiple_of(PER_WAY) {
            give_way();
        }
    }
}

/// What this transaction wrote so far may be written again.
pub(super) fn see_own_writes() {
    // SAFETY: a plain call into the server.
    unsafe { pg_sys::CommandCounterIncrement() };
}
