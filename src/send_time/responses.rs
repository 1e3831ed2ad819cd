//! Responses, brought down to the hours of the week and the number of days on which somebody answered.

use crate::activity::Instant;
use crate::criteria::Clock;
use chrono::{Datelike, Timelike};
use std::collections::HashMap;

/// Hours of a week, from Monday at midnight on.
pub const HOURS: usize = 168;

/// What is known of one person. Responses of one hour count once.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// How often they answered in an hour of the week, in ascending order of the hour; none that never.
    pub hours: Vec<(u8, u32)>,
    pub responses: u32,
    /// Days on which they answered after the first.
    pub days: u32,
    /// Days from the first to the end of the observation.
    pub observed: u32,
}

/// Responses as they are read, in any order.
#[derive(Default)]
pub struct Responses {
    numbers: HashMap<String, u32>,
    names: usize,
    /// Number of the person, hour since the first of all Mondays.
    hours: Vec<(u32, i32)>,
}

/// The hour, counted from midnight on 1 January of the year 1, a Monday, that a clock on the wall shows at an instant.
pub fn hour(clock: Clock, at: Instant) -> i32 {
    clock.local(at).map_or(0, |local| (local.num_days_from_ce() - 1) * 24 + local.hour() as i32)
}

impl Responses {
    /// The number of a person, who is noted as one.
    pub fn person(&mut self, subscriber: &str) -> u32 {
        if let Some(number) = self.numbers.get(subscriber) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.names += subscriber.len();
        self.numbers.insert(subscriber.to_owned(), number);
        number
    }

    /// Adds a response of a person by their number.
    pub fn add(&mut self, number: u32, hour: i32) {
        self.hours.push((number, hour));
    }

    /// What this takes in memory, about: vectors and tables double as they grow.
    pub fn bytes(&self) -> usize {
        2 * size_of_val(self.hours.as_slice()) + 80 * self.numbers.len() + self.names
    }

    /// Everybody in order of name. How long somebody was observed ends with the day of an hour.
    pub fn people(&self, end: i32) -> Vec<(&str, Person)> {
        let mut hours = self.hours.clone();
        hours.sort_unstable();
        hours.dedup();
        let nobody = Person { hours: Vec::new(), responses: 0, days: 0, observed: 0 };
        let mut people = vec![("", nobody); self.numbers.len()];
        self.numbers.iter().for_each(|(name, number)| people[*number as usize].0 = name);
        for all in hours.chunk_by(|left, right| left.0 == right.0) {
            people[all[0].0 as usize].1 = person(all, end);
        }
        people.sort_unstable_by_key(|(name, _)| *name);
        people
    }
}

/// Of one person's hours, in ascending order.
fn person(hours: &[(u32, i32)], end: i32) -> Person {
    let day = |hour: i32| hour.div_euclid(24);
    let mut of_week: Vec<u8> = hours.iter().map(|(_, hour)| hour.rem_euclid(HOURS as i32) as u8).collect();
    of_week.sort_unstable();
    let counted = of_week.chunk_by(|left, right| left == right).map(|same| (same[0], same.len() as u32));
    let days = hours.chunk_by(|left, right| day(left.1) == day(right.1)).count() as u32;
    Person {
        hours: counted.collect(),
        responses: hours.len() as u32,
        days: days - 1,
        observed: (day(end) - day(hours[0].1)).max(0) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::parse_instant;

    #[test]
    fn hours_are_those_of_the_persons_clock() {
        let at = parse_instant("2025-06-02 22:30:00+00").unwrap();
        let of = |zone: &str| hour(Clock::new(at, zone).unwrap(), at).rem_euclid(168);
        // A Monday, and in Tokyo the Tuesday.
        assert_eq!((of("UTC"), of("Asia/Tokyo"), of("America/New_York")), (22, 24 + 7, 18));
    }

    #[test]
    fn an_hour_counts_once_and_the_first_day_begins_the_observation() {
        let mut responses = Responses::default();
        let monday = 24 * 7 * 1_000;
        for hour in [9, 9, 10, 24 + 9, 168 + 9, 168 + 9, 14 * 24 + 9] {
            let ann = responses.person("ann");
            responses.add(ann, monday + hour);
        }
        responses.person("bob");
        let people = responses.people(monday + 20 * 24 + 5);
        let ann = Person { hours: vec![(9, 3), (10, 1), (33, 1)], responses: 5, days: 3, observed: 20 };
        assert_eq!(people[0], ("ann", ann));
        assert_eq!((people[1].0, people[1].1.responses), ("bob", 0));
    }
}
