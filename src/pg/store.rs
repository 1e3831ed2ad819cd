//! What the engine keeps about each subscriber: state, due time, memberships, history.
//!
//! Everything about a subscriber is written by the transaction that has just replaced its state row, in ascending order
//! of subscriber, so that nobody waits in a circle.

mod row;

use super::home::Home;
use super::table::{Locked, Table, Value};
use crate::activity::{Instant, Stored, VALID_TIMES};
use crate::membership::{Cause, Manual, Members, Standing, Transition};
use crate::profile::Profile;
use pgrx::IntoDatum;
use pgrx::prelude::*;
pub use row::{COLUMNS, STATE_COLUMNS, StateRow};

/// Subscribers worked on between two commits, or two looks at the events.
pub const BATCH: usize = 5_000;

/// Most memberships of a subscriber that a writer changes itself. The rows of whoever enters or leaves more at once are
/// left to `refresh`, which is due right away; until then the views read the bitmap.
const MOST_MOVES: usize = 8;

/// A state row that was found, and where it lies.
#[derive(Clone, Debug)]
pub struct Found {
    tid: pg_sys::ItemPointerData,
    pub row: StateRow,
}

impl Found {
    pub fn new(tid: pg_sys::ItemPointerData, row: StateRow) -> Self {
        Found { tid, row }
    }
}

/// A row of `segment.due`, and where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub at: Instant,
    pub tid: pg_sys::ItemPointerData,
}

/// What becomes of a subscriber.
#[derive(Clone, Debug)]
pub struct Update {
    pub evaluated_at: Instant,
    pub version: i64,
    pub activity: Stored,
    pub standing: Standing,
    pub manual: Option<Manual>,
    pub profile: Option<Profile>,
    pub due: Option<Instant>,
    pub transitions: Vec<Transition>,
    /// How many of those, the first ones, are of time and of earlier work.
    pub earlier: usize,
}

/// Who keeps what follows from an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A writer's of many subscribers: as least, and all memberships are left for later.
    Bulk,
    /// A writer's: the due time only ever moves earlier, unless it has passed, and many memberships are left for later.
    Least,
    /// Upkeep's: the due time and the membership rows are exact afterwards.
    Full,
    /// As full, and nothing that is stored beside the state is taken on trust.
    Repair,
}

impl Effort {
    pub fn is_writers(self) -> bool {
        matches!(self, Effort::Bulk | Effort::Least)
    }
}

/// A table that is opened when it is first needed.
struct Lazy {
    oid: pg_sys::Oid,
    /// The index that it is looked up by.
    by: &'static str,
    table: Option<Table>,
}

impl Lazy {
    fn new(oid: pg_sys::Oid, by: &'static str) -> Self {
        Lazy { oid, by, table: None }
    }

    fn open(&mut self) -> &mut Table {
        self.table.get_or_insert_with(|| Table::open(self.oid, self.by))
    }

    /// Inserts a row, or has it wait, as one of many.
    fn insert(&mut self, values: &[Value], many: bool) {
        let table = self.open();
        if many { table.insert_later(values) } else { table.insert(values) }
    }
}

pub struct Store {
    /// Whether nobody else can be writing states.
    pub alone: bool,
    /// Whether rows may wait for others, as nobody is looked at twice before [`Store::insert_waiting`].
    pub many: bool,
    state: Table,
    due: Lazy,
    membership: Lazy,
    history: Lazy,
    queue: Lazy,
}

impl Store {
    pub fn open(home: Home) -> Self {
        Store {
            alone: false,
            many: false,
            state: Table::open(home.state, "state_pkey"),
            due: Lazy::new(home.due, "due_idx"),
            membership: Lazy::new(home.membership, "membership_pkey"),
            history: Lazy::new(home.history, "history_idx"),
            queue: Lazy::new(home.queue, "queue_idx"),
        }
    }

    /// The newest state of a subscriber.
    pub fn find(&mut self, subscriber: &str) -> Option<Found> {
        let id = subscriber.into_datum()?;
        let found = self.state.find(&[(pg_sys::TEXTOID, id)], StateRow::read);
        found.map(|(tid, row)| Found { tid, row })
    }

    /// Locks a state that was found until the transaction ends.
    pub fn lock(&mut self, found: &Found, wait: bool) -> Locked {
        self.state.lock(found.tid, wait)
    }

    /// Gives a subscriber a state without events, which is locked by that; false where somebody else has done so, or,
    /// without waiting, is about to.
    pub fn create(&mut self, subscriber: &str, at: Instant, version: i64, wait: bool) -> bool {
        let nothing: &[u8] = &[];
        let values = [
            Some(pg_sys::Datum::from(at)),
            None,
            Some(pg_sys::Datum::from(version)),
            Some(pg_sys::Datum::from(0_i32)),
            subscriber.into_datum(),
            nothing.into_datum(),
            None,
            None,
            None,
            None,
            None,
            nothing.into_datum(),
            None,
        ];
        self.state.insert_if_absent(&values, wait)
    }

    /// Puts an update in the place of what was found, or of nothing, with what follows from it. False where somebody
    /// else was faster: look again.
    pub fn write(
        &mut self,
        subscriber: &str,
        found: Option<&Found>,
        update: &Update,
        effort: Effort,
    ) -> bool {
        let old = found.map(|found| &found.row);
        let written = old.map_or_else(Members::default, |old| {
            old.written.as_ref().unwrap_or(&old.standing.members).clone()
        });
        let members = &update.standing.members;
        let memory = &update.standing.memory;
        let moves = members.differences(&written).count();
        let behind = match effort {
            Effort::Bulk => moves > 0,
            Effort::Least => moves > MOST_MOVES,
            Effort::Full | Effort::Repair => false,
        };
        let stored_due = old.and_then(|old| old.due_at);
        // Before every clock: also that of a statement that began before this write.
        let wanted = if behind { Some(VALID_TIMES.start) } else { update.due };
        let due = match (stored_due, wanted) {
            // A lower bound stays one when the deadline moves away.
            (Some(stored), wanted)
                if effort.is_writers()
                    && stored > update.evaluated_at
                    && wanted.is_none_or(|wanted| stored <= wanted) =>
            {
                Some(stored)
            }
            _ => wanted,
        };
        let moves = old.map_or(0, |old| old.moves);
        let values = [
            Some(pg_sys::Datum::from(update.evaluated_at)),
            due.map(pg_sys::Datum::from),
            Some(pg_sys::Datum::from(update.version)),
            Some(pg_sys::Datum::from(moves.wrapping_add(update.transitions.len() as i32))),
            subscriber.into_datum(),
            members.as_bytes().into_datum(),
            if behind { written.as_bytes().into_datum() } else { None },
            update.manual.as_ref().and_then(|manual| manual.to_bytes().into_datum()),
            // Byte for byte a jsonb.
            update.profile.as_ref().and_then(|profile| profile.document().into_datum()),
            update.profile.as_ref().and_then(|profile| profile.held.to_bytes().into_datum()),
            if memory.is_empty() { None } else { memory.to_bytes().into_datum() },
            match &update.activity.base {
                Some(bytes) => bytes.as_slice().into_datum(),
                None => old.and_then(|old| old.activity.base()),
            },
            update.activity.recent.as_deref().and_then(IntoDatum::into_datum),
        ];
        let done = match found {
            Some(found) => self.state.update(found.tid, &values),
            None if self.alone => {
                if self.many {
                    self.state.insert_later(&values)
                } else {
                    self.state.insert(&values)
                }
                true
            }
            None => self.state.insert_if_absent(&values, true),
        };
        if !done {
            return false;
        }
        if due != stored_due || effort == Effort::Repair {
            self.expect(subscriber, due, effort);
        }
        // What is on record already without membership rows: of somebody whose rows were left for later.
        let late = !behind && old.is_some_and(|old| old.written.is_some());
        let earlier = if late { self.history(subscriber) } else { Vec::new() };
        for (transition, number) in update.transitions.iter().zip(1..) {
            self.record(subscriber, moves.wrapping_add(number), transition);
        }
        if !behind {
            self.write_memberships(subscriber, &written, update, &earlier);
        }
        true
    }

    /// Arms the due time. Upkeep goes back to later times, for which a writer that armed an earlier one may have left a
    /// row: only who holds the state, as it does by now, takes one off.
    fn expect(&mut self, subscriber: &str, due: Option<Instant>, effort: Effort) {
        let (Some(due), Some(id)) = (due.map(pg_sys::Datum::from), subscriber.into_datum()) else { return };
        let key = [(pg_sys::TIMESTAMPTZOID, due), (pg_sys::TEXTOID, id)];
        if effort.is_writers() || self.due.open().find(&key, |_| ()).is_none() {
            self.due.insert(&[Some(due), Some(id)], self.many);
        }
    }

    /// What is on record about a subscriber, oldest first.
    fn history(&mut self, subscriber: &str) -> Vec<Transition> {
        let table = self.history.open();
        let Some(id) = subscriber.into_datum() else { return Vec::new() };
        let mut history = Vec::new();
        table.each(&[(pg_sys::TEXTOID, id)], |_, values| {
            let ids = |column: usize| {
                let datum = values.get(column).copied().flatten();
                // SAFETY: the column is an array of integers.
                let ids = datum.and_then(|datum| unsafe { Vec::<i32>::from_datum(datum, false) });
                ids.unwrap_or_default().into_iter().map(|id| id as u32).collect()
            };
            let at = values.first().copied().flatten().map_or(Instant::MIN, |at| at.value() as Instant);
            let (entered, departed) = (ids(4), ids(5));
            history.push(Transition { at, cause: Cause::Event, entered, departed, leaves: Vec::new() });
            true
        });
        history
    }

    /// Takes a row off `segment.due`, unless somebody else has done so.
    pub fn disarm(&mut self, due: Due) {
        self.due.open().delete(due.tid);
    }

    fn record(&mut self, subscriber: &str, number: i32, transition: &Transition) {
        let told = transition.leaves.iter().any(Option::is_some);
        let values = [
            Some(pg_sys::Datum::from(transition.at)),
            Some(pg_sys::Datum::from(number)),
            subscriber.into_datum(),
            transition.cause.name().into_datum(),
            ids(&transition.entered),
            ids(&transition.departed),
            if told { transition.leaves.clone().into_datum() } else { None },
        ];
        self.history.insert(&values, self.many);
    }

    /// Brings the membership rows from what they say to what is true, with the time of the last entry.
    fn write_memberships(
        &mut self,
        subscriber: &str,
        written: &Members,
        update: &Update,
        earlier: &[Transition],
    ) {
        let transitions = || update.transitions.iter().rev().chain(earlier.iter().rev());
        let mut touched: Vec<u32> = update.standing.members.differences(written).collect();
        touched.extend(transitions().flat_map(|transition| &transition.entered));
        if touched.is_empty() {
            return;
        }
        touched.sort_unstable();
        touched.dedup();
        let Some(id) = subscriber.into_datum() else { return };
        for segment in touched {
            let segment_id = pg_sys::Datum::from(segment as i32);
            if written.contains(segment) {
                let key = [(pg_sys::INT4OID, segment_id), (pg_sys::TEXTOID, id)];
                let table = self.membership.open();
                if let Some((tid, ())) = table.find(&key, |_| ()) {
                    table.delete(tid);
                }
            }
            if update.standing.members.contains(segment) {
                let entry = transitions().find(|transition| transition.entered.contains(&segment));
                let since = entry.map_or(update.evaluated_at, |entry| entry.at);
                // Already there only where somebody wrote it by hand.
                let values = [Some(pg_sys::Datum::from(since)), Some(segment_id), Some(id)];
                self.membership.insert(&values, self.many);
            }
        }
    }

    /// Inserts the rows that wait for others.
    pub fn insert_waiting(&mut self) {
        self.state.insert_waiting();
        for lazy in [&mut self.due, &mut self.membership, &mut self.history] {
            lazy.table.iter_mut().for_each(Table::insert_waiting);
        }
    }

    /// When a member entered a segment; by what is on record where the membership rows were left for later.
    pub fn entry(&mut self, subscriber: &str, segment: u32, behind: bool) -> Option<Instant> {
        if behind {
            let history = self.history(subscriber);
            let entry = history.iter().rev().find(|transition| transition.entered.contains(&segment));
            return entry.map(|entry| entry.at);
        }
        let segment_id = pg_sys::Datum::from(segment as i32);
        let key = [(pg_sys::INT4OID, segment_id), (pg_sys::TEXTOID, subscriber.into_datum()?)];
        let since = |values: &[Value]| values.first().copied().flatten().map(|at| at.value() as Instant);
        self.membership.open().find(&key, since).and_then(|(_, since)| since)
    }

    /// Deletes a state that was made by [`Store::create`] and never written.
    pub fn drop(&mut self, found: &Found) {
        self.state.delete(found.tid);
    }

    /// Deletes everything about a subscriber whose state was found and is locked. That somebody left some segments at an
    /// instant stays on record, and not who. Looks through all of `segment.due`.
    pub fn forget(&mut self, subscriber: &str, found: &Found, at: Instant, left: &[u32]) {
        let Some(id) = subscriber.into_datum() else { return };
        let mut places = Vec::new();
        let due = self.due.open();
        due.each(&[], |tid, values| {
            // SAFETY: the column is a text.
            let whose =
                values.get(1).copied().flatten().and_then(|text| unsafe { <&str>::from_datum(text, false) });
            if whose == Some(subscriber) {
                places.push(tid);
            }
            true
        });
        places.drain(..).for_each(|tid| due.delete(tid));
        let history = self.history.open();
        history.each(&[(pg_sys::TEXTOID, id)], |tid, _| {
            places.push(tid);
            true
        });
        places.into_iter().for_each(|tid| history.delete(tid));
        if !left.is_empty() {
            history.insert(&[
                Some(pg_sys::Datum::from(at)),
                Some(pg_sys::Datum::from(0_i32)),
                None,
                Cause::Erased.name().into_datum(),
                ids(&[]),
                ids(left),
                None,
            ]);
        }
        self.state.delete(found.tid);
    }

    /// Whether the queue has changes of a subscriber.
    pub fn is_queued(&mut self, subscriber: &str) -> bool {
        let table = self.queue.open();
        let Some(id) = subscriber.into_datum() else { return false };
        table.find(&[(pg_sys::TEXTOID, id)], |_| ()).is_some()
    }

    /// Appends changes to the queue that `refresh` drains; without any, the subscriber is to be computed again.
    pub fn enqueue(&mut self, subscriber: &str, at: Instant, streams: i64, change: Option<&[u8]>) {
        let table = self.queue.open();
        table.insert(&[
            Some(pg_sys::Datum::from(at)),
            Some(pg_sys::Datum::from(streams)),
            subscriber.into_datum(),
            change.and_then(IntoDatum::into_datum),
        ]);
    }
}

/// Numbers of segments, as an array.
fn ids(segments: &[u32]) -> Value {
    segments.iter().map(|id| *id as i32).collect::<Vec<i32>>().into_datum()
}
