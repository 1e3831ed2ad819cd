//! Evaluates all definitions over one state at one instant: who is in which segment, and until when at least.
//!
//! The work follows what the subscriber did, not how many segments there are: leaves about numbers that are zero keep
//! the truth that they have for everybody, and only segments that read another leaf are looked at.

use super::compile::{Program, Quantity, Segment};
use super::leaf::{Course, Source, bucket};
use super::members::Members;
use super::order::Step;
use super::safeguard::{Memory, Standing};
use super::subject::Subject;
use crate::activity::{HOUR, Instant, Line, Resolution, State, Tally, Totals, Window};
use crate::score::View;

/// How many changes of a feature are followed in search of the one that matters. Beyond, the last one looked at is
/// taken: a sound lower bound, at the cost of one more look when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// For a writer, who waits.
    Little = 1,
    Much = 32,
}

/// What is true of a subscriber at an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    pub standing: Standing,
    /// The earliest instant at which time alone can change anything: a sound lower bound.
    pub due: Option<Instant>,
}

impl Program {
    /// Evaluates a state that has been advanced to `at`, or is asked about an instant before its next pending event.
    /// Nobody without a profile and without events is in any segment, but by hand.
    pub fn evaluate(&self, subject: Subject, state: &State, at: Instant, patience: Patience) -> Evaluation {
        self.evaluate_keeping(subject, state, at, patience, None)
    }

    /// Notes the truths of all leaves, for somebody with events.
    pub(super) fn evaluate_leaves(
        &self,
        subject: Subject,
        state: &State,
        at: Instant,
        truths: &mut Vec<bool>,
    ) {
        self.evaluate_keeping(subject, state, at, Patience::Little, Some(truths));
    }

    fn evaluate_keeping(
        &self,
        subject: Subject,
        state: &State,
        at: Instant,
        patience: Patience,
        keep: Option<&mut Vec<bool>>,
    ) -> Evaluation {
        if !subject.exists(state) {
            let mut standing = Standing::default();
            let exists = |id| self.segment(id).is_some();
            subject.manual.into_iter().for_each(|manual| manual.apply(&mut standing.members, exists));
            standing.members.trim();
            return Evaluation { standing, due: None };
        }
        let scratch = &mut *self.scratch.borrow_mut();
        let mut run =
            Run { program: self, truths: &mut scratch.truths, flipped: &mut scratch.flipped, due: None };
        run.expect(state.next_pending());
        // These change soonest: nothing later needs to be looked for.
        if !self.features.is_empty() {
            scratch.view.read(state);
        }
        let view = &scratch.view;
        for (index, feature) in &self.features {
            run.follow(&self.quantities[*index], &(*feature, view), at, patience);
        }
        state.totals(&mut scratch.totals);
        for (position, total) in scratch.totals.iter() {
            let questions = &self.questions[position];
            for index in &questions.lifetime {
                let quantity = &self.quantities[*index];
                run.set(quantity, of(quantity, total));
            }
            for (resolution, windows) in Resolution::ALL.into_iter().zip(&questions.windows) {
                if windows.is_empty() {
                    continue;
                }
                let line = &mut scratch.line;
                let stream = self.streams().as_slice()[position].id;
                scratch.totals.line(state, stream, position, resolution, line);
                if line.is_empty() {
                    continue;
                }
                for (window, count, sum) in windows {
                    let tally = line.tally(*window, at);
                    if tally.count == 0 {
                        continue;
                    }
                    for index in [count, sum].into_iter().flatten() {
                        let quantity = &self.quantities[*index];
                        run.set(quantity, of(quantity, tally));
                        run.expect(next_flip(quantity, of(quantity, tally), *window, line, at, run.due));
                    }
                }
            }
        }
        for (profile, (index, attribute)) in subject
            .profile
            .iter()
            .flat_map(|profile| self.attributes.iter().map(move |attribute| (*profile, attribute)))
        {
            run.follow(&self.quantities[*index], &(attribute.as_ref(), profile), at, patience);
        }
        for (index, named) in &self.named {
            run.follow(&self.quantities[*index], &(named.as_ref(), subject, state), at, patience);
        }
        for (index, _) in self.derived.iter().filter(|(_, position)| scratch.totals.has(*position)) {
            let quantity = &self.quantities[*index];
            match &quantity.source {
                Source::Derived(derived) => run.follow(quantity, &derived.read(state), at, patience),
                Source::Sequence(sequence) => run.follow(quantity, &sequence.read(state, at), at, patience),
                _ => {}
            }
        }
        for (index, salt) in &self.buckets {
            run.set(&self.quantities[*index], bucket(salt, subject.id));
        }
        if let Some(keep) = keep {
            keep.extend_from_slice(run.truths);
        }
        run.finish(&mut scratch.seen, subject, at)
    }

    /// Where a subscriber stands at an instant, who stood as said where a state was exact; brings the state there.
    pub fn stands(
        &self,
        subject: Subject,
        state: &mut State,
        mut standing: Standing,
        from: Instant,
        to: Instant,
    ) -> Standing {
        if self.is_guarded() {
            self.advance(subject, state, &mut standing, from, to);
        }
        state.advance(self.streams(), to);
        let past = Subject { past: Some(&standing), ..subject };
        self.evaluate(past, state, to, Patience::Little).standing
    }

    /// The segments that a state is in at an instant.
    pub fn members(&self, subject: Subject, state: &State, at: Instant) -> Members {
        self.evaluate(subject, state, at, Patience::Little).standing.members
    }

    /// The earliest instant after `at` at which time alone can change anything about a subscriber.
    pub fn next_due(&self, subject: Subject, state: &State, at: Instant) -> Option<Instant> {
        self.evaluate(subject, state, at, Patience::Much).due
    }
}

impl Quantity {
    /// Whether every leaf says the same about two numbers.
    fn stays(&self, units: Option<i128>, other: Option<i128>) -> bool {
        let range = units.and_then(|units| self.around(units));
        units == other || range.zip(other).is_some_and(|((low, high), other)| (low..high).contains(&other))
    }

    /// The next instant at which a number can matter otherwise than at `at`: where it only falls, that at which it has
    /// fallen far enough.
    pub(super) fn look_ahead(
        &self,
        course: &impl Course,
        units: Option<i128>,
        at: Instant,
    ) -> Option<Instant> {
        let Some(end) = course.falls_until(at) else { return course.next_change(at) };
        let first = at.div_euclid(HOUR) + 1;
        let (mut low, mut high) = (first, end.div_euclid(HOUR) + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.stays(units, course.units(middle * HOUR)) { low = middle + 1 } else { high = middle }
        }
        let next = course.next_change(at);
        next.map(|next| next.max(low * HOUR).min(end.max(next)))
    }

    /// The range of numbers around one, the upper end excluded, in which no leaf changes; `None` where any change may
    /// matter.
    fn around(&self, units: i128) -> Option<(i128, i128)> {
        let boundaries = self.boundaries.as_ref()?;
        if boundaries.first().is_none_or(|first| *first > units) {
            return Some((i128::MIN, boundaries.first().copied().unwrap_or(i128::MAX)));
        }
        let above = boundaries.partition_point(|boundary| *boundary <= units);
        let low = above.checked_sub(1).map_or(i128::MIN, |below| boundaries[below]);
        Some((low, boundaries.get(above).copied().unwrap_or(i128::MAX)))
    }
}

fn of(quantity: &Quantity, tally: Tally) -> i128 {
    if matches!(quantity.source, Source::Sum { .. }) { tally.sum } else { tally.count.into() }
}

/// When what leaves a window changes the truth of a leaf about the number of units that it holds, if before another
/// instant.
fn next_flip(
    quantity: &Quantity,
    units: i128,
    window: Window,
    line: &Line,
    at: Instant,
    until: Option<Instant>,
) -> Option<Instant> {
    let Some((low, high)) = quantity.around(units) else { return line.next_expiry(window, at) };
    if matches!(quantity.source, Source::Count { .. }) {
        // A count only falls.
        return if low == i128::MIN { None } else { line.falls_below(low, window, at, until) };
    }
    let stays = |left: Tally| (low..high).contains(&left.sum);
    let mut expiries =
        line.expiries(window, at).take_while(|(expiry, _)| until.is_none_or(|until| *expiry < until));
    expiries.find(|(_, left)| !stays(*left)).map(|(expiry, _)| expiry)
}

/// Memory that evaluations use one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// The truths of the leaves, between evaluations those of the blank state.
    pub truths: Vec<bool>,
    /// By index of a segment; between evaluations none is.
    pub seen: Vec<bool>,
    flipped: Vec<usize>,
    totals: Totals,
    line: Line,
    view: View,
}

/// An evaluation under way.
struct Run<'p> {
    program: &'p Program,
    truths: &'p mut [bool],
    /// Leaves whose truth differs from the blank one.
    flipped: &'p mut Vec<usize>,
    due: Option<Instant>,
}

impl Run<'_> {
    fn set(&mut self, quantity: &Quantity, units: i128) {
        match &quantity.thresholds {
            Some((begin, cease)) if units >= 0 => {
                for (_, leaf) in begin.iter().take_while(|(low, _)| *low <= units) {
                    self.put(*leaf, Some(units));
                }
                for (_, leaf) in cease.iter().take_while(|(high, _)| *high < units) {
                    self.put(*leaf, Some(units));
                }
            }
            _ => quantity.leaves.iter().for_each(|leaf| self.put(*leaf, Some(units))),
        }
    }

    /// Sets the leaves about a number that changes by itself, and looks ahead for a change that matters.
    fn follow(&mut self, quantity: &Quantity, course: &impl Course, at: Instant, patience: Patience) {
        let units = course.units(at);
        match units {
            Some(units) if quantity.source.blank() == Some(0) => self.set(quantity, units),
            units => quantity.leaves.iter().for_each(|leaf| self.put(*leaf, units)),
        }
        let mut next = quantity.look_ahead(course, units, at);
        for _ in 1..patience as usize {
            let Some(change) = next.filter(|change| quantity.stays(units, course.units(*change))) else {
                break;
            };
            next = quantity.look_ahead(course, units, change);
        }
        self.expect(next);
    }

    fn put(&mut self, leaf: usize, units: Option<i128>) {
        let holds = self.program.leaves[leaf].holds(units);
        if holds != self.truths[leaf] {
            self.truths[leaf] = holds;
            self.flipped.push(leaf);
        }
    }

    fn expect(&mut self, at: Option<Instant>) {
        if let Some(at) = at {
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
    }

    fn finish(mut self, seen: &mut [bool], subject: Subject, at: Instant) -> Evaluation {
        let program = self.program;
        let mut standing = Standing { members: program.blank.1.clone(), memory: Memory::default() };
        for index in self.flipped.iter().flat_map(|leaf| &program.readers[*leaf]) {
            if !std::mem::replace(&mut seen[*index], true) {
                let segment = &program.segments[*index];
                let holds = segment.expression.holds(self.truths, &standing.members);
                standing.members.put(segment.id(), holds);
            }
        }
        if let Some(manual) = subject.manual {
            manual.apply(&mut standing.members, |id| program.segment(id).is_some());
        }
        for step in &program.steps {
            match step {
                Step::Segment(index) => self.decide(&program.segments[*index], subject, at, &mut standing),
                Step::Tiers(set) => {
                    let guarded = |id| program.segment(id).is_some_and(|segment| segment.guard.is_some());
                    program.tiers[*set].settle(subject, at, &mut standing, guarded);
                }
            }
        }
        standing.members.trim();
        for leaf in self.flipped.drain(..) {
            self.truths[leaf] = program.blank.0[leaf];
            program.readers[leaf].iter().for_each(|index| seen[*index] = false);
        }
        Evaluation { standing, due: self.due }
    }

    /// Decides about a segment when what it refers to is decided: by hand, else by its criteria and safeguards.
    fn decide(&mut self, segment: &Segment, subject: Subject, at: Instant, standing: &mut Standing) {
        let by_hand = subject.manual.and_then(|manual| manual.decides(segment.id()));
        let member = match (by_hand, &segment.guard) {
            (Some(member), _) => member,
            (None, None) => segment.expression.holds(self.truths, &standing.members),
            (None, Some(guard)) => {
                let outcome = guard.look(segment, self.truths, &standing.members, subject.past, at);
                standing.memory.set(outcome.held);
                self.expect(outcome.due);
                outcome.member
            }
        };
        standing.members.put(segment.id(), member);
    }
}
