//! Moves a subscriber through time, one due moment after the other.

use super::compile::Program;
use super::evaluate::{Evaluation, Patience};
use super::safeguard::Standing;
use super::subject::Subject;
use crate::activity::{Change, Entry, Fold, Instant, State};
use crate::criteria::Document;

/// Why a subscriber entered or left a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An event was inserted, changed or deleted.
    Event,
    /// Time alone.
    Time,
    /// A segment was created or altered, or everything was computed again.
    Definition,
    /// Somebody decided by hand.
    Manual,
    /// The subscriber was forgotten.
    Erased,
}

impl Cause {
    pub fn name(self) -> &'static str {
        match self {
            Cause::Event => "event",
            Cause::Time => "time",
            Cause::Definition => "definition",
            Cause::Manual => "manual",
            Cause::Erased => "erased",
        }
    }
}

/// What changed about a subscriber's memberships at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub at: Instant,
    pub cause: Cause,
    /// Ids of segments, ascending.
    pub entered: Vec<u32>,
    pub departed: Vec<u32>,
    /// The path of the leaf that made the difference, of each that was entered and then of each that was left; empty
    /// where that is nowhere known.
    pub leaves: Vec<Option<String>>,
}

impl Transition {
    /// The segments entered, then those left.
    pub fn moved(&self) -> impl Iterator<Item = u32> + '_ {
        self.entered.iter().chain(&self.departed).copied()
    }
}

/// How long somebody was in a segment between two instants, by what happened to them, in order.
pub fn time_in(segment: u32, transitions: &[Transition], since: Instant, until: Instant) -> Instant {
    let overlap = |entered: Instant, departed: Instant| (departed.min(until) - entered.max(since)).max(0);
    let mut total = 0;
    let mut inside = None;
    for transition in transitions {
        if transition.entered.contains(&segment) {
            inside = inside.or(Some(transition.at));
        }
        if transition.departed.contains(&segment) {
            total += inside.take().map_or(0, |entered| overlap(entered, transition.at));
        }
    }
    total + inside.map_or(0, |entered| overlap(entered, until))
}

impl Program {
    /// Brings a state that was exact at `from`, and where the subscriber stands, to `to`, through every due moment from then
    /// on, and returns what happened at each: a member who entered and left in between is on record.
    pub fn advance(
        &self,
        subject: Subject,
        state: &mut State,
        standing: &mut Standing,
        from: Instant,
        to: Instant,
    ) -> Vec<Transition> {
        let mut transitions = Vec::new();
        let first = self.arrive(subject, state, standing, from, &mut transitions);
        transitions.extend(self.advance_from(subject, state, standing, first, to).0);
        transitions
    }

    /// Looks where a state puts somebody who was evaluated at an instant, if nobody has; returns the first due moment from
    /// then on.
    pub fn arrive(
        &self,
        subject: Subject,
        state: &mut State,
        standing: &mut Standing,
        at: Instant,
        transitions: &mut Vec<Transition>,
    ) -> Option<Instant> {
        if standing.memory.unsettled {
            state.advance(self.streams(), at);
        }
        let past = Subject { past: Some(standing), ..subject };
        let evaluation = self.evaluate(past, state, at, Patience::Little);
        if standing.memory.unsettled {
            self.note(standing, evaluation.standing, at, Cause::Event, transitions);
        }
        evaluation.due
    }

    /// The same from the first due moment on, with what is true from the last one to `to`, if there was one.
    pub fn advance_from(
        &self,
        subject: Subject,
        state: &mut State,
        standing: &mut Standing,
        first: Option<Instant>,
        to: Instant,
    ) -> (Vec<Transition>, Option<Evaluation>) {
        let mut transitions = Vec::new();
        let mut next = first;
        let mut last = None;
        while let Some(at) = next.filter(|due| *due <= to) {
            state.advance(self.streams(), at);
            let past = Subject { past: Some(standing), ..subject };
            let evaluation = self.evaluate(past, state, at, Patience::Much);
            self.note(standing, evaluation.standing.clone(), at, Cause::Time, &mut transitions);
            next = evaluation.due;
            last = Some(evaluation);
        }
        state.advance(self.streams(), to);
        (transitions, last)
    }

    /// Folds changes into a state that has been advanced to `now`.
    pub fn fold(&self, state: &mut State, change: &Change, now: Instant) -> Fold {
        state.events += change.events;
        let mut outcome = if state.events < 0 { Fold::Recompute } else { Fold::Exact };
        for entry in &change.entries {
            outcome = outcome.and(state.fold(self.streams(), entry, now));
        }
        outcome
    }

    /// Puts where somebody stands in the place of where they stood and notes the differences, but for segments that do
    /// not exist.
    pub fn note(
        &self,
        standing: &mut Standing,
        new: Standing,
        at: Instant,
        cause: Cause,
        transitions: &mut Vec<Transition>,
    ) {
        let old = std::mem::replace(standing, new).members;
        let members = &standing.members;
        if *members == old {
            return;
        }
        let moved = members.differences(&old).filter(|id| self.segment(*id).is_some());
        let (entered, departed): (Vec<u32>, Vec<u32>) = moved.partition(|id| members.contains(*id));
        if !entered.is_empty() || !departed.is_empty() {
            transitions.push(Transition { at, cause, entered, departed, leaves: Vec::new() });
        }
    }

    /// What an event adds to a state, or what its removal takes away.
    pub fn entries<'a, D: Document<'a>>(
        &self,
        event_type: &str,
        event: D,
        at: Instant,
        sign: i64,
        add: impl FnMut(Entry),
    ) {
        self.feeds.entries(self.streams(), event_type, event, at, sign, add);
    }
}
