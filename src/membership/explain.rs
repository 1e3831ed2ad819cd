//! Why a subscriber is in a segment or not, leaf by leaf.

use super::compile::{Condition, Program, Segment};
use super::definition::Definition;
use super::evaluate::Patience;
use super::leaf::{Course, Leaf, Source};
use super::members::Members;
use super::order::Step;
use super::safeguard::Hold;
use super::subject::Subject;
use crate::activity::{Instant, State};
use crate::criteria::{
    Node, describe_bucket, describe_measure, describe_path, describe_sequence, describe_test,
};

/// How many changes are followed in search of the next flip before it is reported as unknown.
const FAR_AHEAD: usize = 10_000;

/// One leaf of a segment, for one subscriber.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafReport {
    /// Where in the criteria.
    pub path: String,
    /// What is measured: `purchase events within 90 days`.
    pub condition: String,
    /// The number, or the value in JSON, where it is about one.
    pub actual: Option<String>,
    /// What is demanded of it: `at least 2`.
    pub threshold: Option<String>,
    pub holds: bool,
    /// When the leaf will flip without any further event; `None` where it never will.
    pub changes_at: Option<Instant>,
}

impl Program {
    /// A report per leaf, in document order, those of the criteria to leave last; of a subscriber who stands as said and
    /// a state that has been advanced to `at`.
    pub fn explain(
        &self,
        definition: &Definition,
        subject: Subject,
        state: &State,
        at: Instant,
    ) -> Vec<LeafReport> {
        let Some(segment) = self.segment(definition.id) else { return Vec::new() };
        let mut conditions = Vec::new();
        definition.all_criteria().for_each(|criteria| describe(&criteria.root, &mut conditions));
        let members = self.members(subject, state, at);
        let leaves = segment.all_leaves().zip(conditions);
        leaves
            .map(|((path, compiled), condition)| match compiled {
                Condition::Leaf(index) => {
                    let leaf = &self.leaves[*index];
                    let source = &self.quantities[leaf.quantity].source;
                    LeafReport {
                        path: path.to_string(),
                        condition,
                        actual: source.value(subject, state, at),
                        threshold: Some(describe_test(match source {
                            Source::Attribute(attribute) => &attribute.test,
                            _ => &leaf.test,
                        })),
                        holds: self.leaf_holds(leaf, subject, state, at),
                        changes_at: self.leaf_flip(leaf, subject, state, at),
                    }
                }
                Condition::Segment(id) => LeafReport {
                    path: path.to_string(),
                    condition,
                    actual: None,
                    threshold: None,
                    holds: members.contains(*id),
                    changes_at: self.next_transition(*id, subject, state, at),
                },
            })
            .collect()
    }

    /// What keeps a subscriber in a segment or out of it at an instant, though the criteria say otherwise.
    pub fn holds(&self, segment: u32, subject: Subject, state: &State, at: Instant) -> Vec<Hold> {
        let by_hand = subject.manual.is_some_and(|manual| manual.decides(segment).is_some());
        let Some(segment) = self.segment(segment).filter(|_| !by_hand && subject.exists(state)) else {
            return Vec::new();
        };
        let mut truths = Vec::new();
        self.evaluate_leaves(subject, state, at, &mut truths);
        let members = self.members(subject, state, at);
        let seen = self.unsettled(segment, subject, &truths, members.clone(), at);
        let enters = segment.expression.holds(&truths, &seen);
        let outcome =
            segment.guard.as_ref().map(|guard| guard.look(segment, &truths, &seen, subject.past, at));
        if outcome.map_or(enters, |outcome| outcome.member) != members.contains(segment.id()) {
            return vec![Hold { safeguard: "moves", until: None }];
        }
        let guard = segment.guard.as_ref().zip(outcome);
        guard.map_or_else(Vec::new, |(guard, outcome)| guard.kept_by(&outcome, enters, at))
    }

    /// The memberships that the criteria of a segment see: of the others in a tier set whose moves are limited, what was
    /// decided before those were settled.
    fn unsettled(
        &self,
        segment: &Segment,
        subject: Subject,
        truths: &[bool],
        mut members: Members,
        at: Instant,
    ) -> Members {
        let Some(set) = self.tiers.iter().find(|set| set.segments.contains(&segment.id())) else {
            return members;
        };
        let late = self.steps.iter().filter_map(|step| match step {
            Step::Segment(index) => Some(self.segments[*index].id()),
            Step::Tiers(_) => None,
        });
        let late: Vec<u32> = late.filter(|id| set.segments.contains(id)).collect();
        let early = set.segments.iter().copied().filter(|id| !late.contains(id));
        for other in early.chain(late.iter().copied()).filter_map(|id| self.segment(id)) {
            let by_hand = subject.manual.and_then(|manual| manual.decides(other.id()));
            let decided = || match &other.guard {
                Some(guard) => guard.look(other, truths, &members, subject.past, at).member,
                None => other.expression.holds(truths, &members),
            };
            let member = by_hand.unwrap_or_else(decided);
            members.set(other.id(), member);
        }
        members
    }

    /// When the membership itself will change without any further event.
    pub fn next_transition(
        &self,
        segment: u32,
        subject: Subject,
        state: &State,
        at: Instant,
    ) -> Option<Instant> {
        let mut state = state.clone();
        let mut evaluation = self.evaluate(subject, &state, at, Patience::Much);
        let now = evaluation.standing.members.contains(segment);
        for _ in 0..FAR_AHEAD {
            let at = evaluation.due?;
            state.advance(self.streams(), at);
            let past = Subject { past: Some(&evaluation.standing), ..subject };
            evaluation = self.evaluate(past, &state, at, Patience::Much);
            if evaluation.standing.members.contains(segment) != now {
                return Some(at);
            }
        }
        None
    }

    fn leaf_flip(&self, leaf: &Leaf, subject: Subject, state: &State, at: Instant) -> Option<Instant> {
        let source = &self.quantities[leaf.quantity].source;
        let now = self.leaf_holds(leaf, subject, state, at);
        let mut state = state.clone();
        let mut at = at;
        for _ in 0..FAR_AHEAD {
            let change = match source {
                Source::Named(named) => {
                    let course = (named.as_ref(), subject, &state);
                    self.quantities[leaf.quantity].look_ahead(&course, course.units(at), at)
                }
                source => source.next_change(subject, &state, at),
            };
            at = change.into_iter().chain(state.next_pending()).min()?;
            state.advance(self.streams(), at);
            if self.leaf_holds(leaf, subject, &state, at) != now {
                return Some(at);
            }
        }
        None
    }
}

/// What each leaf measures, in the order in which the compiler meets them.
fn describe(node: &Node, conditions: &mut Vec<String>) {
    match node {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) | Node::AtLeast(_, nodes) => {
            nodes.iter().for_each(|node| describe(node, conditions));
        }
        Node::Not(node) => describe(node, conditions),
        Node::Attribute(path, _) => conditions.push(describe_path(path)),
        Node::Event(leaf) => conditions.push(describe_measure(leaf)),
        Node::Sequence(leaf) => conditions.push(describe_sequence(leaf)),
        Node::Bucket(leaf) => conditions.push(describe_bucket(&leaf.salt)),
        // Compiled criteria have what it means in its place.
        Node::Tier(_) => {}
        Node::Number(leaf) => conditions.push(leaf.name.clone()),
        Node::Segment(name) => conditions.push(format!("member of {name}")),
    }
}
