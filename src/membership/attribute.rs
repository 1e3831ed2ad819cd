//! Conditions on a subscriber's profile.

use super::leaf::Course;
use crate::activity::{Instant, SECOND};
use crate::criteria::{Clock, Duration, Jsonb, Node, Operator, Path, Test, Zone, matches_at, next_flip};
use crate::profile::Profile;
use std::hash::{Hash, Hasher};

/// An attribute with what is demanded of it.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// In the document of the profile.
    pub path: Path,
    pub test: Test,
    /// What is demanded of the value, apart from how long it has been the same.
    now: Node,
    held_for: Option<Duration>,
    /// Whose calendar it means.
    zone: Zone,
    /// Equal where the conditions are.
    key: String,
}

impl Attribute {
    pub fn new(path: Path, test: &Test, zone: Zone) -> Self {
        let held_for = test.operators.iter().find_map(|operator| match operator {
            Operator::HeldFor(length) => Some(*length),
            _ => None,
        });
        let mut rest = test.clone();
        rest.operators.retain(|operator| !matches!(operator, Operator::HeldFor(_)));
        Attribute {
            now: Node::Attribute(path.clone(), rest),
            held_for,
            zone,
            key: format!("{path:?} {test:?} {}", zone.name()),
            path,
            test: test.clone(),
        }
    }

    /// Whether it holds for somebody without a profile: whatever is not there is missing, and was held by nobody.
    pub fn holds_of_nothing(&self) -> bool {
        self.held_for.is_none() && matches_at(&self.now, Jsonb::NULL, &self.clock(0))
    }

    fn clock(&self, now: Instant) -> Clock {
        Clock { now, zone: self.zone }
    }

    /// From when on a value counts as held for long enough.
    fn held_from(&self, profile: &Profile) -> Option<Instant> {
        let length = self.held_for?.seconds().saturating_mul(SECOND);
        Some(profile.held.same_since(&self.path).saturating_add(length))
    }
}

impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Attribute {}

impl Hash for Attribute {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl Course for (&Attribute, &Profile) {
    /// 1 where the condition holds, and 0 otherwise.
    fn units(&self, at: Instant) -> Option<i128> {
        let (attribute, profile) = self;
        let held = attribute.held_from(profile).is_none_or(|from| from <= at);
        Some((held && matches_at(&attribute.now, profile.root(), &attribute.clock(at))).into())
    }

    fn next_change(&self, at: Instant) -> Option<Instant> {
        let (attribute, profile) = self;
        let held = attribute.held_from(profile).filter(|from| *from > at);
        next_flip(&attribute.now, profile.root(), &attribute.clock(at)).into_iter().chain(held).min()
    }
}
