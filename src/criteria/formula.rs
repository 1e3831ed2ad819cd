//! Numbers computed from what somebody did and is known of them: what features and scores are.

use super::ast::{EventLeaf, Node, Path, Test};
use super::duration::Duration;
use std::collections::BTreeMap;

/// How a number is computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Formula {
    Constant(f64),
    /// A feature that has no definition in data, by name.
    Builtin(String),
    /// What an event leaf measures; its test is not asked.
    Events(Box<EventLeaf>),
    /// What events still weigh of which each loses half its weight in so much time.
    Decay(Box<Decay>),
    /// A number of the profile.
    Attribute(Path),
    /// How much is made of one text at a path, from 0 to 1, by what was done about it and about others, in order.
    Preference {
        of: Path,
        text: String,
    },
    /// The first by the second; 0 where there is no second, or it is 0.
    Divide(Box<Formula>, Box<Formula>),
    Multiply(Vec<Formula>),
    Score(Box<Score>),
}

/// Events with weights that fade: 1 each, or the number at a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Decay {
    /// What is selected and, as a count or a sum, weighed; without a span.
    pub leaf: EventLeaf,
    pub half_life: Duration,
    /// The most that one hour or one day (UTC) may weigh, before it fades.
    pub cap: Option<(f64, Duration)>,
}

/// A sum of terms within bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    pub terms: Vec<Term>,
    /// The most, and the least, that the terms of a group add.
    pub groups: BTreeMap<String, (f64, f64)>,
    pub clamp: (f64, f64),
}

/// `weight * clamp(scale * of + offset, floor, cap)`, or points where a condition holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    pub of: Weighed,
    pub weight: f64,
    pub group: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Weighed {
    Number { formula: Formula, scale: f64, offset: f64, bounds: (f64, f64) },
    Condition(Node),
}

/// A condition on a number that has a name.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberLeaf {
    pub name: String,
    pub formula: Formula,
    pub test: Test,
}
