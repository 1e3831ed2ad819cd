//! One distinct condition over a subscriber's state, and the number it is about.

use super::attribute::Attribute;
use super::derived::Derived;
use super::number::Named;
use super::sequence::Sequence;
use super::subject::Subject;
use crate::activity::{Instant, State, VALUE_SCALE, Window, hash};
use crate::criteria::{DECIMALS, Decimal, Literal, Operand, Operator, Path, Test, passes_number};
use crate::score::{BuiltinStreams, Feature, View};
use std::rc::Rc;

/// Where a leaf's number comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    Count {
        stream: u32,
        window: Option<Window>,
    },
    Sum {
        stream: u32,
        window: Option<Window>,
    },
    Feature(Feature),
    Attribute(Rc<Attribute>),
    Named(Rc<Named>),
    Derived(Derived),
    Sequence(Sequence),
    /// Where a salt puts a subscriber.
    Bucket(Rc<str>),
}

/// A part of what is known about a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read<'p> {
    Stream(u32),
    Profile(&'p Path),
}

/// A number as it changes in time, as long as nothing happens.
pub trait Course {
    /// At an instant, in units of `10^-scale`; `None` where there is none.
    fn units(&self, at: Instant) -> Option<i128>;

    /// The earliest instant after `at` at which it can change, pending events aside.
    fn next_change(&self, at: Instant) -> Option<Instant>;

    /// Where until some instant it changes at whole hours alone, and only falls: that instant.
    fn falls_until(&self, _at: Instant) -> Option<Instant> {
        None
    }
}

impl Course for (Feature, &View) {
    fn units(&self, at: Instant) -> Option<i128> {
        Some(self.0.units(self.1, at))
    }

    fn next_change(&self, at: Instant) -> Option<Instant> {
        self.0.next_change(self.1, at)
    }
}

impl Source {
    /// What it reads of a subscriber.
    pub fn reads(&self) -> Vec<Read<'_>> {
        match self {
            Source::Count { stream, .. } | Source::Sum { stream, .. } => vec![Read::Stream(*stream)],
            Source::Feature(_) => BuiltinStreams::default().ids().map(Read::Stream).to_vec(),
            Source::Attribute(attribute) => vec![Read::Profile(&attribute.path)],
            Source::Named(named) => named.number.reads(),
            Source::Derived(derived) => derived.streams().map(Read::Stream).collect(),
            Source::Sequence(sequence) => {
                sequence.steps.iter().map(|(stream, _)| Read::Stream(*stream)).collect()
            }
            Source::Bucket(_) => Vec::new(),
        }
    }

    /// How many decimal places the number has.
    pub fn scale(&self) -> u32 {
        match self {
            Source::Count { .. } | Source::Sequence(_) | Source::Attribute(_) => 0,
            Source::Sum { .. } => VALUE_SCALE,
            Source::Feature(feature) => feature.scale(),
            Source::Derived(derived) => derived.scale(),
            Source::Named(_) => DECIMALS,
            Source::Bucket(_) => BUCKET_DECIMALS,
        }
    }

    /// What it is where there are no events of the stream, or no profile; of a feature, nothing is said by that.
    pub fn blank(&self) -> Option<i128> {
        match self {
            Source::Derived(derived) => derived.blank(),
            Source::Attribute(attribute) => Some(attribute.holds_of_nothing().into()),
            Source::Named(_) => None,
            _ => Some(0),
        }
    }

    /// The number, in units of `10^-scale`; `None` where there is none.
    pub fn units(&self, subject: Subject, state: &State, at: Instant) -> Option<i128> {
        match self {
            Source::Count { stream, window } => Some(state.tally(*stream, *window, at).count.into()),
            Source::Sum { stream, window } => Some(state.tally(*stream, *window, at).sum),
            Source::Feature(feature) => Some(feature.units(&View::of_one(state, *feature), at)),
            Source::Attribute(attribute) => match subject.profile {
                Some(profile) => (attribute.as_ref(), profile).units(at),
                None => self.blank(),
            },
            Source::Derived(derived) => derived.read(state).units(at),
            Source::Sequence(sequence) => sequence.read(state, at).units(at),
            Source::Named(named) => (named.as_ref(), subject, state).units(at),
            Source::Bucket(salt) => Some(bucket(salt, subject.id)),
        }
    }

    /// What there is, for people to read: the number, or the value of the attribute.
    pub fn value(&self, subject: Subject, state: &State, at: Instant) -> Option<String> {
        if let Source::Attribute(attribute) = self {
            return subject.profile?.get(&attribute.path).map(|value| value.to_json().to_string());
        }
        let units = self.units(subject, state, at);
        units.map(|units| Decimal::from_scaled(units, self.scale()).to_string())
    }

    /// The earliest instant after `at` at which the number can change, pending events aside.
    pub fn next_change(&self, subject: Subject, state: &State, at: Instant) -> Option<Instant> {
        match self {
            Source::Count { stream, window } | Source::Sum { stream, window } => {
                let window = (*window)?;
                state.line(*stream, window.resolution).next_expiry(window, at)
            }
            Source::Feature(feature) => feature.next_change(&View::of_one(state, *feature), at),
            Source::Attribute(attribute) => (attribute.as_ref(), subject.profile?).next_change(at),
            Source::Derived(derived) => derived.read(state).next_change(at),
            Source::Sequence(sequence) => sequence.read(state, at).next_change(at),
            Source::Named(named) => (named.as_ref(), subject, state).next_change(at),
            Source::Bucket(_) => None,
        }
    }
}

/// Decimal places of a bucket, in percent.
const BUCKET_DECIMALS: u32 = 6;

/// Where a salt puts a subscriber, from 0 up to 100 percent, in millionths of a percent: the first 8 bytes of the MD5 of salt,
/// colon and id, as a share of all that they can be.
pub fn bucket(salt: &str, id: &str) -> i128 {
    (i128::from(hash(format!("{salt}:{id}"))) * 100_000_000) >> 64
}

#[derive(Clone, Debug)]
pub struct Leaf {
    /// The number, by its index among those of the program.
    pub quantity: usize,
    pub test: Rc<Test>,
    pub accepts: Accepts,
}

/// Which numbers pass a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// From one number of units to another, both included.
    Range(i128, i128),
    /// What the test itself says, of a number of so many decimal places.
    Test(u32),
}

impl Leaf {
    /// Whether a number of units passes, or the lack of one.
    pub fn holds(&self, units: Option<i128>) -> bool {
        accepts(self.accepts, &self.test, units)
    }
}

/// Whether a number of units passes a test, whose numbers are known; a range is one of numbers that are there.
pub fn accepts(accepts: Accepts, test: &Test, units: Option<i128>) -> bool {
    match (accepts, units) {
        (Accepts::Range(low, high), Some(units)) => low <= units && units <= high,
        (Accepts::Range(..), None) => false,
        (Accepts::Test(scale), units) => {
            passes_number(test, units.map(|units| Decimal::from_scaled(units, scale)).as_ref())
        }
    }
}

impl Accepts {
    /// A test of a number of so many decimal places.
    pub fn of(test: &Test, scale: u32) -> Self {
        let mut range = (i128::MIN, i128::MAX);
        for operator in &test.operators {
            let Some((low, high)) = range_of(operator, scale) else { return Accepts::Test(scale) };
            range = (range.0.max(low), range.1.min(high));
        }
        Accepts::Range(range.0, range.1)
    }

    /// The numbers of units at which the truth can differ from that of the number below; `None` where any can.
    pub fn boundaries(self) -> Option<[i128; 2]> {
        match self {
            Accepts::Range(low, high) if low <= high => Some([low, high.saturating_add(1)]),
            // Nothing passes, at no number.
            Accepts::Range(..) => Some([i128::MIN, i128::MAX]),
            Accepts::Test(_) => None,
        }
    }
}

/// The units that an operator on a number lets pass, where they are a range.
fn range_of(operator: &Operator, scale: u32) -> Option<(i128, i128)> {
    let floor = |operand: &Operand| match operand {
        Operand::Number(number) => Some(number.floor_scaled(scale)),
        Operand::Text(_) => None,
    };
    let at_least =
        |operand: &Operand| floor(operand).map(|(floor, exact)| if exact { floor } else { floor + 1 });
    let at_most = |operand: &Operand| floor(operand).map(|(floor, _)| floor);
    Some(match operator {
        Operator::Min(bound) => (at_least(bound)?, i128::MAX),
        Operator::Max(bound) => (i128::MIN, at_most(bound)?),
        Operator::Gt(bound) => (at_most(bound)? + 1, i128::MAX),
        Operator::Lt(bound) => (i128::MIN, at_least(bound)? - 1),
        Operator::Between(low, high) => (at_least(low)?, at_most(high)?),
        Operator::Equals(Literal::Number(number)) => {
            let (floor, exact) = number.floor_scaled(scale);
            if exact { (floor, floor) } else { (1, 0) }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The range of a test against the test itself.
        #[test]
        fn a_range_accepts_what_the_test_does(
            operator in 0..6_usize, bound in -3_000_i64..3_000, places in 0..4_u32, width in 0_i64..20, units in -3_000_i128..3_000, scale in 0..4_u32,
        ) {
            let number = |units: i64| Operand::Number(Decimal::from_scaled(units.into(), places));
            let operator = match operator {
                0 => Operator::Min(number(bound)),
                1 => Operator::Max(number(bound)),
                2 => Operator::Gt(number(bound)),
                3 => Operator::Lt(number(bound)),
                4 => Operator::Between(number(bound), number(bound + width)),
                _ => Operator::Equals(Literal::Number(Decimal::from_scaled(bound.into(), places))),
            };
            let test = Test { operators: vec![operator], ignore_case: false };
            let accepts = Accepts::of(&test, scale);
            prop_assert!(matches!(accepts, Accepts::Range(..)));
            let leaf = Leaf { quantity: 0, test: test.clone().into(), accepts };
            prop_assert_eq!(leaf.holds(Some(units)), passes_number(&test, Some(&Decimal::from_scaled(units, scale))));
        }
    }

    #[test]
    fn bounds_beyond_every_number_of_units() {
        let test = |text: &str| Test {
            operators: vec![Operator::Min(Operand::Number(Decimal::parse(text).unwrap()))],
            ignore_case: false,
        };
        let holds = |text: &str| {
            let test = test(text);
            let accepts = Accepts::of(&test, 6);
            Leaf { quantity: 0, test: test.into(), accepts }.holds(Some(5))
        };
        assert!(holds("-1e400") && holds("0.0000049") && holds("1e-400"));
        assert!(!holds("1e400") && !holds("0.0000051"));
    }
}
