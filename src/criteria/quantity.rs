//! What numbers the things that are tested can be, and whether any of them passes a test.

use super::ast::{EventLeaf, Literal, Measure, Operand, Operator, Test};
use super::clock::Clock;
use super::compare::holds;
use super::document::{Document, Kind};
use super::formula::{Formula, Score};
use super::number::Decimal;
use super::parse::criteria;
use crate::error::Result;
use std::cmp::Ordering;
use std::fmt;

/// Decimal places of averages, growth and features, to which they are rounded before anything is compared with them: 0.3 is
/// then 0.3 however the sum was formed.
pub const DECIMALS: u32 = 9;
/// The longest streak that is counted, in days.
pub const LONGEST_STREAK: i64 = 365;

/// The numbers that something can be, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    least: Option<Decimal>,
    most: Option<Decimal>,
    is_whole: bool,
}

impl Quantity {
    /// Any number.
    pub const ANY: Quantity = Quantity { least: None, most: None, is_whole: false };

    /// How many there are of something.
    pub fn count() -> Self {
        Quantity { is_whole: true, ..Self::positive() }
    }

    /// 0 and more.
    pub fn positive() -> Self {
        Quantity { least: Some(Decimal::from(0)), ..Self::ANY }
    }

    /// From 0 to 1.
    pub fn share() -> Self {
        Quantity { most: Some(Decimal::from(1)), ..Self::positive() }
    }

    fn whole(least: i64, most: i64) -> Self {
        Quantity { least: Some(Decimal::from(least)), most: Some(Decimal::from(most)), is_whole: true }
    }

    /// What events can measure.
    pub fn of_measure(measure: &Measure) -> Self {
        match measure {
            Measure::Count | Measure::Distinct(_) | Measure::DaysSinceLast => Self::count(),
            Measure::Streak => Self::whole(0, LONGEST_STREAK),
            Measure::LatestHour | Measure::PeakHour => Self::whole(0, 23),
            Measure::LatestWeekday | Measure::PeakWeekday => Self::whole(1, 7),
            Measure::First(_) | Measure::Last(_) | Measure::Mode(..) => Self::whole(0, 1),
            Measure::AverageGap => Self::positive(),
            // The number of events falls by all of them at most.
            Measure::Trend { of: None, .. } => Quantity { least: Some(Decimal::from(-1)), ..Self::ANY },
            Measure::Sum(_)
            | Measure::Average(_)
            | Measure::Minimum(_)
            | Measure::Maximum(_)
            | Measure::Latest(_)
            | Measure::Trend { of: Some(_), .. } => Self::ANY,
        }
    }

    /// What a formula can give; what features without a definition in data can be is told by name.
    pub fn of_formula(formula: &Formula, builtin: &dyn Fn(&str) -> Quantity) -> Self {
        let of = |formula: &Formula| Self::of_formula(formula, builtin);
        match formula {
            Formula::Builtin(name) => builtin(name),
            Formula::Events(leaf) => Self::of_measure(&leaf.measure),
            Formula::Preference { .. } => Self::share(),
            Formula::Decay(decay) if decay.leaf.measure == Measure::Count => Self::positive(),
            Formula::Divide(part, all) => match (part.as_ref(), all.as_ref()) {
                (Formula::Events(part), Formula::Events(all)) if is_part(part, all) => Self::share(),
                (number, by) if of(number).is_positive() && of(by).is_positive() => Self::positive(),
                _ => Self::ANY,
            },
            Formula::Multiply(parts) if parts.iter().all(|part| of(part).is_positive()) => Self::positive(),
            Formula::Score(score) => Self::of_score(score),
            Formula::Constant(number) if *number >= 0.0 => Self::positive(),
            Formula::Constant(_) | Formula::Decay(_) | Formula::Multiply(_) | Formula::Attribute(_) => {
                Self::ANY
            }
        }
    }

    fn of_score(score: &Score) -> Self {
        let rounded = |end: f64| (end * 10_f64.powi(DECIMALS as i32)).round_ties_even() as i128;
        let end = |end: f64| end.is_finite().then(|| Decimal::from_scaled(rounded(end), DECIMALS));
        Quantity { least: end(score.clamp.0), most: end(score.clamp.1), is_whole: false }
    }

    fn is_positive(&self) -> bool {
        self.least.as_ref().is_some_and(|least| *least >= Decimal::from(0))
    }

    /// Refuses a test, at a path of the document, that nothing can pass; what is tested has a name, and may be missing where the
    /// test holds for that.
    pub fn refuse_impossible(&self, what: &str, test: &Test, at: &str) -> Result<()> {
        if self.is_met(test) {
            return Ok(());
        }
        Err(criteria(
            at,
            format!("{what} is {self}, and no such number passes this test"),
            "Change it so that some pass; {\"any\": []} is for nobody at all.",
        ))
    }

    /// Whether one of the numbers passes a test, or a missing one.
    ///
    /// The truth of a test changes at the numbers that it names alone, so each of these is tried and one between any two.
    fn is_met(&self, test: &Test) -> bool {
        // A list without elements is for nobody, as it says itself; how long a number has been the same does not depend on it.
        let judged = |operator: &&Operator| match operator {
            Operator::In(values) | Operator::HasAny(values) => !values.is_empty(),
            operator => !matches!(operator, Operator::HeldFor(_)),
        };
        let passes = |number: Option<Place>| {
            let mut judged = test.operators.iter().filter(judged);
            judged.all(|operator| holds(operator, number, false, &Clock::TIMELESS))
        };
        let named = test.operators.iter().flat_map(numbers);
        let mut named: Vec<&Decimal> = named.chain(&self.least).chain(&self.most).collect();
        named.sort_unstable();
        named.dedup();
        let places = (0..=2 * named.len()).map(|place| Place { named: &named, place });
        passes(None) || places.filter(|place| self.reaches(place)).any(|place| passes(Some(place)))
    }

    /// Whether some of the numbers lie at a place.
    fn reaches(&self, place: &Place) -> bool {
        let (low, high) = place.ends();
        let above = self.least.as_ref().is_none_or(|least| low.is_some_and(|low| least <= low));
        let below = self.most.as_ref().is_none_or(|most| high.is_some_and(|high| high <= most));
        let next = |low: &Decimal| Decimal::from_scaled(low.floor_scaled(0).0 + 1, 0);
        let has_whole = match (low, high) {
            (Some(low), Some(high)) if low == high => low.floor_scaled(0).1,
            (Some(low), Some(high)) => next(low) < *high,
            _ => true,
        };
        above && below && (has_whole || !self.is_whole)
    }
}

/// Whether the first counts some of what the second counts.
fn is_part(part: &EventLeaf, all: &EventLeaf) -> bool {
    let same_count = part.measure == Measure::Count && all.measure == Measure::Count && part.span == all.span;
    same_count
        && (all.event == "*" || all.event == part.event)
        && (all.filter.is_none() || all.filter == part.filter)
        && (all.recurring == Default::default() || all.recurring == part.recurring)
}

/// The numbers that an operator names.
fn numbers(operator: &Operator) -> Vec<&Decimal> {
    fn bound(operand: &Operand) -> Option<&Decimal> {
        if let Operand::Number(number) = operand { Some(number) } else { None }
    }
    fn value(literal: &Literal) -> Option<&Decimal> {
        if let Literal::Number(number) = literal { Some(number) } else { None }
    }
    match operator {
        Operator::Min(operand) | Operator::Max(operand) | Operator::Gt(operand) | Operator::Lt(operand) => {
            bound(operand).into_iter().collect()
        }
        Operator::Between(low, high) => [low, high].into_iter().filter_map(bound).collect(),
        Operator::Equals(literal) | Operator::NotEquals(literal) | Operator::Has(literal) => {
            value(literal).into_iter().collect()
        }
        Operator::In(literals)
        | Operator::NotIn(literals)
        | Operator::HasAny(literals)
        | Operator::HasAll(literals)
        | Operator::HasNone(literals) => literals.iter().filter_map(value).collect(),
        _ => Vec::new(),
    }
}

/// Any number at one of the places among some that are named, in ascending order: 0 is below them, 1 at the first, 2 between that and
/// the second.
#[derive(Clone, Copy)]
struct Place<'a> {
    named: &'a [&'a Decimal],
    place: usize,
}

impl<'a> Place<'a> {
    /// The named numbers that it lies between, or twice the one that it is.
    fn ends(&self) -> (Option<&'a Decimal>, Option<&'a Decimal>) {
        let low = self.place.div_ceil(2).checked_sub(1);
        (low.and_then(|low| self.named.get(low).copied()), self.named.get(self.place / 2).copied())
    }
}

impl<'a> Document<'a> for Place<'a> {
    fn kind(self) -> Kind {
        Kind::Number
    }
    fn number(self) -> Option<Decimal> {
        None
    }
    fn compare_number(self, other: &Decimal) -> Option<Ordering> {
        let place = self.named.binary_search(&other).ok()?;
        Some(self.place.cmp(&(2 * place + 1)))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_whole { "a whole number" } else { "a number" })?;
        match (&self.least, &self.most) {
            (Some(least), Some(most)) => write!(formatter, " from {least} to {most}"),
            (Some(least), None) => write!(formatter, " from {least} on"),
            (None, Some(most)) => write!(formatter, " up to {most}"),
            (None, None) => Ok(()),
        }
    }
}
