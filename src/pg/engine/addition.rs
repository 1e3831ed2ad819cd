//! Segments that are new, among definitions under which everybody stands where they should.
//!
//! Everybody is looked at in one pass over the states as they lie. Only the new criteria are evaluated: who is not in them
//! is left alone, and of who is only the memberships and the due time change. What a subscriber did stays as it is stored.

use super::{Engine, see_own_writes};
use crate::activity::Instant;
use crate::membership::{Cause, Definition, Members, Patience, Program};
use crate::pg::heap::Heap;
use crate::pg::home::home;
use crate::pg::registry::Registry;
use crate::pg::store::{BATCH, COLUMNS, Found, StateRow, Update};
use pgrx::FromDatum;

/// Column of the subscriber, counted from 0.
const SUBSCRIBER: usize = 4;

/// Some new segments, compiled by themselves.
pub struct Addition {
    segments: Vec<u32>,
    program: Program,
}

/// What the new segments make of a subscriber.
enum Outcome {
    Stays,
    Changes(Box<Update>),
    /// More than that is to be looked at.
    Unknown,
}

/// Somebody whose row is about to change, with what becomes of it where that is known.
type Changing = (String, Option<(Found, Box<Update>)>);

impl Addition {
    /// The segments with some ids; `None` where they say nothing alone, as they refer to others or remember something.
    pub fn new(registry: &Registry, segments: &[u32]) -> Option<Self> {
        let all = registry.definitions.iter();
        let new: Vec<Definition> =
            all.filter(|definition| segments.contains(&definition.id)).cloned().collect();
        let program = Program::over(registry.program.streams(), &new).ok().flatten()?;
        let program = program.narrowed(&new).ok()?;
        let alone = !new.is_empty() && !program.is_guarded();
        alone.then(|| Addition { segments: segments.to_vec(), program })
    }

    /// What becomes of somebody who stands where the other definitions put them, and is looked at `now`.
    fn outcome(&self, registry: &Registry, subscriber: &str, row: &StateRow, now: Instant) -> Outcome {
        let at = row.evaluation_time(now);
        let unmoved = row.is_settled() && row.is_current(registry) && row.due_at.is_none_or(|due| due > at);
        let Some(Ok(state)) = unmoved.then(|| row.activity.state(self.program.streams())) else {
            return Outcome::Unknown;
        };
        let subject = row.subject(subscriber);
        let evaluate = |at| self.program.evaluate(subject, &state, at, Patience::Much);
        let mut evaluation = evaluate(row.evaluated_at);
        let enters = |members: &Members| self.segments.iter().any(|segment| members.contains(*segment));
        let lasts = |due: Instant| due > at && row.due_at.is_some_and(|stored| stored <= due);
        if !enters(&evaluation.standing.members) && evaluation.due.is_none_or(lasts) {
            return Outcome::Stays;
        }
        if evaluation.due.is_some_and(|due| due <= at) {
            // No event is reached meanwhile: the subscriber would be due.
            evaluation = evaluate(at);
        }
        let mut standing = row.standing.clone();
        for segment in &self.segments {
            standing.members.set(*segment, evaluation.standing.members.contains(*segment));
        }
        let (mut before, mut transitions) = (row.standing.clone(), Vec::new());
        registry.program.note(&mut before, standing.clone(), at, Cause::Definition, &mut transitions);
        Outcome::Changes(Box::new(Update {
            evaluated_at: at,
            version: registry.version,
            activity: row.activity.kept(),
            standing,
            manual: row.manual.clone(),
            profile: row.profile.clone(),
            due: row.due_at.into_iter().chain(evaluation.due).min(),
            transitions,
            earlier: 0,
        }))
    }
}

impl Engine {
    /// Puts everybody where new segments put them, under the active snapshot, which shows the newest states: writers are
    /// locked out. After each batch `done` is told how many were looked at.
    pub fn add(&mut self, addition: &Addition, mut done: impl FnMut(&mut Self, usize)) {
        self.store.many = true;
        let mut states = Heap::open(home().state);
        let (mut changing, mut looked_at) = (Vec::new(), 0);
        loop {
            self.check();
            let inside = self.memory.enter();
            let Some(found) = states.next(COLUMNS as i16) else { break };
            looked_at += 1;
            let values = found.values::<COLUMNS>();
            // SAFETY: the column is a text, and the row lies in the slot until the next one is read.
            let subscriber = values[SUBSCRIBER].and_then(|id| unsafe { <&str>::from_datum(id, false) });
            let subscriber = subscriber.unwrap_or_default();
            let row = StateRow::read(&values);
            let update = match addition.outcome(&self.registry, subscriber, &row, self.now) {
                Outcome::Stays => continue,
                Outcome::Changes(update) => Some((Found::new(found.place(), row), update)),
                Outcome::Unknown => None,
            };
            changing.push((subscriber.to_owned(), update));
            drop(inside);
            if changing.len() == BATCH {
                self.change(&mut changing);
                done(self, std::mem::take(&mut looked_at));
            }
        }
        self.change(&mut changing);
        done(self, looked_at);
    }

    /// Writes what becomes of some, and brings the others of them under the newest definitions in the ordinary way.
    fn change(&mut self, subscribers: &mut Vec<Changing>) {
        see_own_writes();
        subscribers.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (subscriber, update) in subscribers.drain(..) {
            let inside = self.memory.enter();
            let written = update.is_some_and(|(found, update)| self.put(&subscriber, Some(&found), *update));
            drop(inside);
            if !written {
                self.evaluate(&subscriber);
            }
            self.check();
        }
        self.finish();
    }
}
