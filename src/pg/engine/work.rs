//! One subscriber on the way from what is stored to what is true: brought to now, changed, evaluated, and told which leaf it was.

use super::Engine;
use crate::activity::{Change, Fold, Instant, State, VALID_TIMES};
use crate::membership::{Cause, Evaluation, Manual, Members, Patience, Standing, Subject, Transition};
use crate::pg::activity::Activity;
use crate::pg::rules::Rules;
use crate::pg::store::{Found, StateRow, Update};
use crate::profile::Profile;
use std::rc::Rc;

/// One subscriber on the way.
pub struct Work {
    pub found: Option<Found>,
    /// By which they are looked at, and the version that is on record then.
    pub rules: Rc<Rules>,
    version: i64,
    pub at: Instant,
    pub state: State,
    pub standing: Standing,
    pub manual: Option<Manual>,
    pub profile: Option<Profile>,
    pub transitions: Vec<Transition>,
    /// How many of those, the first ones, had been put off.
    pub put_off: usize,
    /// Whether `state` is what the events say; otherwise they must be read.
    pub exact: bool,
    /// What is true at `at`, where that is known already.
    pub evaluation: Option<Evaluation>,
}

impl Engine {
    /// Through every due moment since the last evaluation. The evaluation time never goes backwards.
    pub(super) fn begin(&self, subscriber: &str, found: Option<Found>) -> Work {
        let mut work = self.begin_where_they_stand(subscriber, found);
        if !Rc::ptr_eq(&work.rules, &self.registry.rules) {
            // A change reaches them now, after what time has done before it.
            let mut transitions = std::mem::take(&mut work.transitions);
            if let Some(row) = work.found.as_ref().map(|found| &found.row) {
                self.blame(row.subject(subscriber), &work, &mut transitions);
            }
            work.transitions = transitions;
            work.evaluation = None;
            work.rules = Rc::clone(&self.registry.rules);
            work.exact &= work.version >= work.rules.filled_version;
            if work.exact {
                work.version = self.registry.version;
            }
        }
        work
    }

    /// The same of somebody whom a change under way has not reached by the rules before it, where those are known: they stay
    /// for it to reach.
    pub(super) fn begin_where_they_stand(&self, subscriber: &str, found: Option<Found>) -> Work {
        let stored = found.as_ref().map(|found| found.row.version);
        let before = stored.and_then(|version| Some((self.registry.before(version)?, version)));
        let (rules, version) = before.unwrap_or((&self.registry.rules, self.registry.version));
        let (rules, program) = (Rc::clone(rules), &rules.program);
        let Some(row) = found.as_ref().map(|found| &found.row) else {
            return Work {
                found: None,
                rules,
                version,
                at: self.now,
                state: State::default(),
                standing: Standing::default(),
                manual: None,
                profile: None,
                transitions: Vec::new(),
                put_off: 0,
                exact: true,
                evaluation: None,
            };
        };
        let at = row.evaluation_time(self.now);
        let decoded = row.open(subscriber, &rules);
        let exact = decoded.is_ok() && row.version >= rules.filled_version;
        // Whoever is not read again stays as old as before.
        let version = if exact { version } else { row.version };
        let mut state = decoded.unwrap_or_default();
        let mut standing = row.standing.clone();
        let mut transitions = Vec::new();
        let mut evaluation = None;
        // What was left for later stands first in line, whatever time will do.
        let due = if exact && !row.is_settled() {
            let (subject, from) = (row.subject(subscriber), row.evaluated_at);
            program.arrive(subject, &mut state, &mut standing, from, &mut transitions)
        } else {
            row.due_at.map(|due| due.max(row.evaluated_at))
        };
        let put_off = transitions.len();
        // Upkeep that comes for what was left for later alone takes nobody further.
        let left = self.cause == Cause::Time && exact && !row.is_settled() && due.is_none_or(|due| due > at);
        let at = if left { row.evaluated_at } else { at };
        if exact && due.is_some_and(|due| due <= at) {
            let (moved, last) =
                program.advance_from(row.subject(subscriber), &mut state, &mut standing, due, at);
            transitions.extend(moved);
            evaluation = last;
        } else {
            state.advance(program.streams(), at);
        }
        let (manual, profile) = (row.manual.clone(), row.profile.clone());
        Work {
            found,
            rules,
            version,
            at,
            state,
            standing,
            manual,
            profile,
            transitions,
            put_off,
            exact,
            evaluation,
        }
    }

    /// The state of all events of a subscriber.
    pub(super) fn start_over(&self, work: &mut Work, events: &Change) {
        let program = &work.rules.program;
        work.version = self.registry.version;
        work.evaluation = None;
        work.state = State::default();
        // Additions alone are always exact.
        let _ = program.fold(&mut work.state, events, work.at);
        work.state.advance(program.streams(), work.at);
    }

    /// Evaluates, and says what to write.
    pub(super) fn settle(&self, subscriber: &str, work: &mut Work, patience: Patience) -> Update {
        let program = Rc::clone(&work.rules.program);
        let known = work.evaluation.take();
        let mut standing = std::mem::take(&mut work.standing);
        let subject = Subject {
            id: subscriber,
            manual: work.manual.as_ref(),
            profile: work.profile.as_ref(),
            past: Some(&standing),
        };
        let evaluation = known.unwrap_or_else(|| program.evaluate(subject, &work.state, work.at, patience));
        let mut transitions = std::mem::take(&mut work.transitions);
        let earlier = transitions.len();
        program.note(&mut standing, evaluation.standing, work.at, self.cause, &mut transitions);
        if !transitions.is_empty() {
            let (manual, profile) = (work.manual.as_ref(), work.profile.as_ref());
            let subject = Subject { id: subscriber, manual, profile, past: None };
            self.blame(subject, work, &mut transitions);
        }
        Update {
            evaluated_at: work.at,
            version: work.version,
            activity: work.state.stored(program.streams(), work.at),
            standing,
            manual: work.manual.take(),
            profile: work.profile.take(),
            due: evaluation.due,
            transitions,
            earlier,
        }
    }

    /// Names the leaves that made the difference, where the state before had all that they read.
    fn blame(&self, subject: Subject, work: &Work, transitions: &mut [Transition]) {
        let rules = &*work.rules;
        let leaf = |transition: &Transition| matches!(transition.cause, Cause::Event | Cause::Time);
        if !transitions.iter().any(leaf) {
            return;
        }
        let program = &rules.program;
        let mut members = Members::default();
        let (was, before, from, transitions) = match work.found.as_ref().map(|found| &found.row) {
            None => {
                let was = Subject { id: subject.id, manual: None, profile: None, past: None };
                (was, Ok(State::default()), work.at, transitions)
            }
            Some(row) if !row.is_current(rules) => return,
            Some(row) => {
                let was = row.subject(subject.id);
                members.clone_from(&row.standing.members);
                let (put_off, transitions) = transitions.split_at_mut(work.put_off);
                let (state, from) = (row.open(subject.id, rules), row.evaluated_at);
                if !put_off.is_empty()
                    && let (Ok(state), Ok(before)) = (&state, row.activity.before(program.streams()))
                {
                    program.blame((was, before), from, (was, state), &mut members, put_off);
                }
                (was, state, from, transitions)
            }
        };
        if let Ok(before) = before {
            program.blame((was, before), from, (subject, &work.state), &mut members, transitions);
        }
    }

    /// Lays a change beside what is stored, which stays as it is, and has the subscriber looked at as soon as there is time for
    /// that. False where somebody else was faster; `None` where more is to be done: time has moved them, something was put off
    /// before, or what is stored must be looked into.
    pub(super) fn put_off(
        &mut self,
        subscriber: &str,
        found: Option<&Found>,
        change: &Change,
    ) -> Option<bool> {
        let row = found.map(|found| &found.row);
        let at = row.map_or(self.now, |row| row.evaluation_time(self.now));
        let base = match row.map(|row| &row.activity) {
            Some(Activity::Parts { .. }) => return None,
            Some(Activity::Whole(bytes)) => bytes.as_slice(),
            None => &[],
        };
        let ready = |row: &StateRow| {
            row.is_settled() && row.is_current(&self.registry) && row.due_at.is_none_or(|due| due > at)
        };
        if !change.only_adds() || !row.is_none_or(ready) {
            return None;
        }
        let mut later = State::default();
        if self.registry.program.fold(&mut later, change, at) != Fold::Exact {
            return None;
        }
        let mut standing = row.map(|row| row.standing.clone()).unwrap_or_default();
        standing.memory.unsettled = true;
        let update = Update {
            evaluated_at: at,
            version: self.registry.version,
            activity: later.stored_beside(base),
            standing,
            manual: row.and_then(|row| row.manual.clone()),
            profile: row.and_then(|row| row.profile.clone()),
            due: Some(VALID_TIMES.start),
            transitions: Vec::new(),
            earlier: 0,
        };
        Some(self.store.write(subscriber, found, &update, self.effort))
    }
}
