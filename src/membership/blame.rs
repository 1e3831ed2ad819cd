//! Which leaf made the difference where somebody entered or left a segment.
//!
//! Nothing of this is known while nobody moves: it is worked out afterwards, from the state before and the state after.

use super::advance::{Cause, Transition};
use super::compile::{Condition, Program, Segment};
use super::leaf::Leaf;
use super::members::Members;
use super::subject::Subject;
use crate::activity::{Instant, State};

/// So many leaves are asked one by one; of more, it takes less to evaluate all of them together.
const FEW: usize = 8;

/// What a segment's expression is computed from.
struct Truths {
    leaves: Vec<bool>,
    members: Members,
}

impl Program {
    /// Names the leaf that made the difference in each of the transitions that led from a state, exact at `from`, to
    /// another, and brings the memberships there. What a definition or somebody's decision did is no leaf's doing.
    pub fn blame(
        &self,
        (was, mut before): (Subject, State),
        from: Instant,
        (is, after): (Subject, &State),
        members: &mut Members,
        transitions: &mut [Transition],
    ) {
        for transition in transitions {
            let mut now = members.clone();
            transition.entered.iter().for_each(|id| now.put(*id, true));
            transition.departed.iter().for_each(|id| now.put(*id, false));
            let then = std::mem::replace(members, now.clone());
            let at = transition.at;
            let (earlier, later) = match transition.cause {
                Cause::Time => {
                    let just_before = from.max(at - 1);
                    before.advance(self.streams(), just_before);
                    let earlier = self.truths(was, &before, just_before, transition);
                    before.advance(self.streams(), at);
                    (earlier, self.truths(was, &before, at, transition))
                }
                Cause::Event => {
                    before.advance(self.streams(), at);
                    (self.truths(was, &before, at, transition), self.truths(is, after, at, transition))
                }
                Cause::Definition | Cause::Manual | Cause::Erased => continue,
            };
            // Of nobody no expression says anything.
            let nobody = transition.cause == Cause::Event && !was.exists(&before);
            let earlier = Truths { leaves: earlier, members: then };
            let later = Truths { leaves: later, members: now };
            let (mut known, other) = if nobody { (later, earlier) } else { (earlier, later) };
            let entered = transition.entered.len();
            let leaves = transition.moved().enumerate().map(|(place, id)| {
                decisive(self.segment(id)?, place < entered, &mut known, &other).map(str::to_owned)
            });
            transition.leaves = leaves.collect();
        }
    }

    /// The truths of all leaves, those of the moved segments at least.
    fn truths(&self, subject: Subject, state: &State, at: Instant, transition: &Transition) -> Vec<bool> {
        let moved = transition.moved().filter_map(|id| self.segment(id)).flat_map(Segment::all_leaves);
        let asked: Vec<usize> = moved
            .filter_map(|(_, condition)| match condition {
                Condition::Leaf(index) => Some(*index),
                Condition::Segment(_) => None,
            })
            .collect();
        let mut truths = Vec::new();
        if asked.len() > FEW && subject.exists(state) {
            self.evaluate_leaves(subject, state, at, &mut truths);
            return truths;
        }
        truths.clone_from(&self.blank.0);
        for index in asked {
            truths[index] = self.leaf_holds(&self.leaves[index], subject, state, at);
        }
        truths
    }

    pub(super) fn leaf_holds(&self, leaf: &Leaf, subject: Subject, state: &State, at: Instant) -> bool {
        leaf.holds(self.quantities[leaf.quantity].source.units(subject, state, at))
    }
}

/// The first leaf, in document order, that differs and alone changes the outcome; else the first that differs. None did
/// what a safeguard put off.
fn decisive<'p>(segment: &'p Segment, entered: bool, known: &mut Truths, other: &Truths) -> Option<&'p str> {
    let guard = segment.guard.as_ref();
    let (expression, leaves) = match guard.filter(|_| !entered).map(|guard| (&guard.leave, &guard.leaves)) {
        Some((Some(leave), leaves)) => (leave, leaves),
        _ => (&segment.expression, &segment.leaves),
    };
    let outcome = expression.holds(&known.leaves, &known.members);
    if guard.is_some() && outcome == expression.holds(&other.leaves, &other.members) {
        return None;
    }
    let mut first = None;
    for (path, condition) in leaves {
        let differs = match condition {
            Condition::Leaf(index) => known.leaves[*index] != other.leaves[*index],
            Condition::Segment(id) => known.members.contains(*id) != other.members.contains(*id),
        };
        if !differs {
            continue;
        }
        first = first.or(Some(&**path));
        known.flip(*condition);
        let alone = expression.holds(&known.leaves, &known.members) != outcome;
        known.flip(*condition);
        if alone {
            return Some(path);
        }
    }
    first
}

impl Truths {
    fn flip(&mut self, condition: Condition) {
        match condition {
            Condition::Leaf(index) => self.leaves[index] = !self.leaves[index],
            Condition::Segment(id) => self.members.put(id, !self.members.contains(id)),
        }
    }
}
