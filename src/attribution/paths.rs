//! Touchpoints and conversions of everybody, and what the conversions are owed to.

use super::model::{Model, parts};
use crate::activity::Instant;
use std::collections::HashMap;
use std::mem::size_of;

/// Decimal digits of the number of conversions that a touchpoint is credited with.
pub const CONVERSION_SCALE: u32 = 9;

/// A conversion, in units of `10^-CONVERSION_SCALE`.
const ONE: i128 = 10_i128.pow(CONVERSION_SCALE);

/// Touchpoints and conversions that were read, by subscriber.
#[derive(Debug, Default)]
pub struct Paths {
    /// What touchpoints are told apart by, such as campaigns, with the number of each.
    values: HashMap<Box<str>, u32>,
    people: HashMap<Box<str>, Person>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Person {
    touchpoints: Vec<(Instant, u32)>,
    /// When, and of what value.
    conversions: Vec<(Instant, i64)>,
}

/// What one campaign, or channel, is credited with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    /// `None` for the conversions before which there was no touchpoint.
    pub value: Option<Box<str>>,
    /// Touchpoints on the paths to conversions; one that is on several counts for each.
    pub touchpoints: i64,
    /// In units of `10^-CONVERSION_SCALE`.
    pub conversions: i128,
    /// In the units of the conversions' values.
    pub revenue: i128,
}

impl Paths {
    pub fn touch(&mut self, who: &str, at: Instant, value: &str) {
        let number = match self.values.get(value) {
            Some(number) => *number,
            None => {
                let number = self.values.len() as u32;
                self.bytes += size_of::<(Box<str>, u32)>() + value.len();
                self.values.insert(value.into(), number);
                number
            }
        };
        self.person(who).touchpoints.push((at, number));
    }

    pub fn convert(&mut self, who: &str, at: Instant, value: i64) {
        self.person(who).conversions.push((at, value));
    }

    fn person(&mut self, who: &str) -> &mut Person {
        self.bytes += size_of::<(Instant, i64)>();
        if !self.people.contains_key(who) {
            self.bytes += size_of::<(Box<str>, Person)>() + who.len();
            self.people.insert(who.into(), Person::default());
        }
        self.people.entry(who.into()).or_default()
    }

    /// What they take of memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many values there are.
    pub fn values(&self) -> usize {
        self.values.len()
    }

    /// Credits each conversion to the touchpoints of the same subscriber that happened no later, and less than `lookback` before
    /// it: a row for each of their values, in ascending order, and one for the conversions without any. The sums over all rows are
    /// the number and the value of all conversions. `pause` is called for each conversion.
    pub fn credit(self, model: Model, lookback: Instant, mut pause: impl FnMut()) -> Vec<Credit> {
        let mut sorted: Vec<(Box<str>, u32)> = self.values.into_iter().collect();
        sorted.sort_unstable();
        let mut places = vec![0; sorted.len()];
        (0..).zip(&sorted).for_each(|(place, (_, number))| places[*number as usize] = place);
        let mut credits: Vec<Credit> =
            sorted.into_iter().map(|(value, _)| Credit { value: Some(value), ..Credit::default() }).collect();
        let mut nothing = Credit::default();
        for person in self.people.into_values() {
            let touchpoints = person.touchpoints.into_iter();
            // Of those at one instant the one whose value comes first.
            let mut touchpoints: Vec<(Instant, usize)> =
                touchpoints.map(|(at, number)| (at, places[number as usize])).collect();
            touchpoints.sort_unstable();
            for (at, value) in person.conversions {
                pause();
                let path = &touchpoints[..touchpoints.partition_point(|(touched, _)| *touched <= at)];
                let path = &path[path.partition_point(|(touched, _)| at - *touched >= lookback)..];
                let times: Vec<Instant> = path.iter().map(|(at, _)| *at).collect();
                let weights = model.weights(&times);
                let shares = parts(ONE, &weights).zip(parts(value.into(), &weights));
                for ((_, place), (share, revenue)) in path.iter().zip(shares) {
                    let credit = &mut credits[*place];
                    credit.touchpoints += 1;
                    credit.conversions += share;
                    credit.revenue += revenue;
                }
                if path.is_empty() {
                    nothing.conversions += ONE;
                    nothing.revenue += i128::from(value);
                }
            }
        }
        credits.retain(|credit| credit.touchpoints > 0);
        if nothing.conversions > 0 {
            credits.push(nothing);
        }
        credits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(paths: Paths, model: Model, lookback: Instant) -> Vec<(Option<String>, i64, i128, i128)> {
        let credits = paths.credit(model, lookback, || {}).into_iter();
        credits
            .map(|row| (row.value.map(String::from), row.touchpoints, row.conversions, row.revenue))
            .collect()
    }

    #[test]
    fn touchpoints_count_within_the_lookback_and_up_to_the_conversion() {
        let mut paths = Paths::default();
        for (at, value) in [(0, "old"), (1, "first"), (100, "same instant"), (101, "too late")] {
            paths.touch("ann", at, value);
        }
        paths.touch("bob", 50, "another's");
        paths.convert("ann", 100, 7);
        paths.convert("eve", 100, 5);
        let found = rows(paths, Model::Linear, 100);
        let half = ONE / 2;
        assert_eq!(
            found,
            [
                (Some("first".to_owned()), 1, half, 4),
                (Some("same instant".to_owned()), 1, half, 3),
                (None, 0, ONE, 5)
            ]
        );
    }

    #[test]
    fn a_touchpoint_may_lie_on_several_paths_and_those_at_one_instant_are_in_order_of_value() {
        let mut paths = Paths::default();
        paths.touch("ann", 10, "b");
        paths.touch("ann", 10, "a");
        paths.convert("ann", 10, 100);
        paths.convert("ann", 20, -30);
        let found = rows(paths, Model::FirstTouch, 1_000);
        assert_eq!(found, [(Some("a".to_owned()), 2, 2 * ONE, 70), (Some("b".to_owned()), 2, 0, 0)]);
        assert!(rows(Paths::default(), Model::Linear, 1).is_empty());
    }

    proptest! {
        #[test]
        fn the_rows_sum_to_all_conversions(
            touchpoints in prop::collection::vec((0_u8..4, 0_i64..200, 0_u8..5), 0..60),
            conversions in prop::collection::vec((0_u8..4, 0_i64..200, any::<i64>()), 0..20),
            model in 0_usize..5,
            lookback in 1_i64..250,
        ) {
            let model = Model::named(Model::NAMES[model], 20).unwrap();
            let mut paths = Paths::default();
            touchpoints.iter().for_each(|(who, at, value)| paths.touch(&who.to_string(), *at, &value.to_string()));
            conversions.iter().for_each(|(who, at, value)| paths.convert(&who.to_string(), *at, *value));
            let found = rows(paths, model, lookback);
            prop_assert_eq!(found.iter().map(|row| row.2).sum::<i128>(), ONE * conversions.len() as i128);
            prop_assert_eq!(
                found.iter().map(|row| row.3).sum::<i128>(),
                conversions.iter().map(|conversion| i128::from(conversion.2)).sum::<i128>()
            );
        }
    }
}
