//! Moves a subscriber through time, one due moment after the other.

use super::compile::Program;
use super::members::Members;
use crate::activity::{Entry, Fold, Instant, State};

/// Why a subscriber entered or left a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An event was inserted, changed or deleted.
    Event,
    /// Time alone.
    Time,
    /// The segment was created, or everything was computed again.
    Definition,
}

impl Cause {
    pub fn name(self) -> &'static str {
        match self {
            Cause::Event => "event",
            Cause::Time => "time",
            Cause::Definition => "definition",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    pub segment: u32,
    pub entered: bool,
    pub at: Instant,
    pub cause: Cause,
}

impl Program {
    /// Brings a state that was exact at `from` to `to`, through every due moment between, and returns what
    /// happened at each: a member who entered and left in between is on record.
    pub fn advance(
        &self,
        state: &mut State,
        members: &mut Members,
        from: Instant,
        to: Instant,
    ) -> Vec<Transition> {
        let mut transitions = Vec::new();
        let mut at = from;
        while let Some(due) = self.next_due(state, at).filter(|due| *due <= to) {
            at = due;
            state.advance(self.streams(), at);
            self.settle(state, members, at, Cause::Time, &mut transitions);
        }
        state.advance(self.streams(), to);
        transitions
    }

    /// Folds events into a state that has been advanced to `now`.
    pub fn fold(&self, state: &mut State, events: i64, entries: &[Entry], now: Instant) -> Fold {
        state.events += events;
        let mut outcome = if state.events < 0 { Fold::Recompute } else { Fold::Exact };
        for entry in entries {
            if state.fold(self.streams(), *entry, now) == Fold::Recompute {
                outcome = Fold::Recompute;
            }
        }
        outcome
    }

    /// Evaluates at `at`, replaces the members and notes the differences.
    pub fn settle(
        &self,
        state: &State,
        members: &mut Members,
        at: Instant,
        cause: Cause,
        transitions: &mut Vec<Transition>,
    ) {
        let new = self.members(state, at);
        for segment in &self.segments {
            let entered = new.contains(segment.id);
            if entered != members.contains(segment.id) {
                transitions.push(Transition { segment: segment.id, entered, at, cause });
            }
        }
        *members = new;
    }
}
