//! Why a subscriber is in a segment or not, leaf by leaf.

use super::compile::Program;
use super::leaf::Leaf;
use crate::activity::{Instant, State};
use crate::criteria::{Decimal, EventLeaf, Measure, Node, describe_path, describe_test};

/// How many changes are followed in search of the next flip before it is reported as unknown.
const FAR_AHEAD: usize = 10_000;

/// One leaf of a segment, for one subscriber.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafReport {
    /// Where in the criteria.
    pub path: String,
    /// What is measured: `purchase events within 90 days`.
    pub condition: String,
    pub actual: Decimal,
    /// What is demanded of it: `at least 2`.
    pub threshold: String,
    pub holds: bool,
    /// When the leaf will flip without any further event; `None` where it never will.
    pub changes_at: Option<Instant>,
}

impl Program {
    /// A report per leaf, in document order, of a state that has been advanced to `at`.
    pub fn explain(&self, segment: u32, criteria: &Node, state: &State, at: Instant) -> Vec<LeafReport> {
        let Some(segment) = self.segment(segment) else { return Vec::new() };
        let mut conditions = Vec::new();
        describe(criteria, &mut conditions);
        let leaves = segment.leaves.iter().zip(conditions);
        leaves
            .map(|((path, index), condition)| {
                let leaf = &self.leaves[*index];
                let view = self.view(state);
                LeafReport {
                    path: path.clone(),
                    condition,
                    actual: leaf.source.value(view, at),
                    threshold: describe_test(&leaf.test),
                    holds: leaf.holds(view, at),
                    changes_at: self.leaf_flip(leaf, state, at),
                }
            })
            .collect()
    }

    /// When the membership itself will change without any further event.
    pub fn next_transition(&self, segment: u32, state: &State, at: Instant) -> Option<Instant> {
        let now = self.members(state, at).contains(segment);
        self.search(state, at, |program, state, at| program.members(state, at).contains(segment) != now)
    }

    fn leaf_flip(&self, leaf: &Leaf, state: &State, at: Instant) -> Option<Instant> {
        let now = leaf.holds(self.view(state), at);
        let mut state = state.clone();
        let mut at = at;
        for _ in 0..FAR_AHEAD {
            let flip = leaf.next_flip(self.view(&state), at);
            at = flip.into_iter().chain(state.next_pending()).min()?;
            state.advance(self.streams(), at);
            if leaf.holds(self.view(&state), at) != now {
                return Some(at);
            }
        }
        None
    }

    fn search(
        &self,
        state: &State,
        at: Instant,
        found: impl Fn(&Program, &State, Instant) -> bool,
    ) -> Option<Instant> {
        let mut state = state.clone();
        let mut at = at;
        for _ in 0..FAR_AHEAD {
            at = self.next_due(&state, at)?;
            state.advance(self.streams(), at);
            if found(self, &state, at) {
                return Some(at);
            }
        }
        None
    }
}

/// What each leaf measures, in the order in which the compiler meets them.
fn describe(node: &Node, conditions: &mut Vec<String>) {
    match node {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) => {
            nodes.iter().for_each(|node| describe(node, conditions));
        }
        Node::Not(node) => describe(node, conditions),
        Node::Attribute(path, _) => conditions.push(describe_path(path)),
        Node::Event(leaf) => conditions.push(event(leaf)),
    }
}

fn event(leaf: &EventLeaf) -> String {
    let what = match &leaf.measure {
        Measure::Count => format!("{} events", leaf.event),
        Measure::Sum(path) => format!("sum of {} over {} events", describe_path(path), leaf.event),
    };
    let filter = leaf.filter.as_ref().map_or_else(String::new, |filter| format!(" where {filter}"));
    let window = leaf.within.map_or_else(|| " ever".to_owned(), |within| format!(" within {within}"));
    format!("{what}{filter}{window}")
}
