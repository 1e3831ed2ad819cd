//! The hour at which somebody is most likely to answer, and how often they do.
//!
//! Hours: the responses of a person are multinomial over the 168 hours of the week, with shares that are Dirichlet(s π) among the
//! people, where π is how everybody's responses are spread and s is estimated; the expected share of an hour is
//! (n_h + s π_h) / (n + s). Frequency: the days with responses are Poisson, with rates that are Gamma(μ β, β) among the people,
//! where μ is everybody's rate and β is estimated; the expected rate is (d + μ β) / (w + β) after d such days in the time w.

use super::responses::{HOURS, Person};
use super::strength::{Above, most_likely};
use crate::activity::{HOUR, Instant};
use crate::criteria::Clock;
use crate::error::{Error, Result};
use chrono::{Datelike, TimeDelta, Timelike};

/// Responses of all people together, below which nothing is said.
const FEWEST: u32 = 100;

/// How everybody does, and how much that says about one of them.
#[derive(Clone, Debug)]
pub struct Habits {
    /// How everybody's responses are spread over the hours; no hour has none.
    pub shares: [f64; HOURS],
    /// Responses that everybody's habit is worth.
    pub strength: f64,
    /// Days with responses per day.
    rate: f64,
    /// Days of observation that everybody's rate is worth.
    rate_strength: f64,
    /// The hour with the largest share, the first of those.
    best: u8,
}

/// What is said of a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Of the week, from Monday at midnight on.
    pub hour: u8,
    /// Whether it is their own, and not everybody's.
    pub own: bool,
    /// The expected share of their responses in that hour.
    pub share: f64,
    /// What their own responses weigh against everybody's, 0 to 1.
    pub confidence: f64,
    /// Days with responses per week.
    pub per_week: f64,
    /// What their own days weigh, 0 to 1.
    pub rate_confidence: f64,
}

impl Choice {
    /// From 1, which is Monday, to 7.
    pub fn weekday(&self) -> i32 {
        i32::from(self.hour) / 24 + 1
    }

    /// From 0 to 23.
    pub fn hour_of_day(&self) -> i32 {
        i32::from(self.hour) % 24
    }
}

impl Habits {
    /// Of people with responses, and others who are passed over.
    pub fn of<'a>(people: impl Iterator<Item = &'a Person>) -> Result<Self> {
        let mut by_hour = vec![Above::default(); HOURS];
        let (mut totals, mut days) = (Above::default(), Above::default());
        let mut counts = [0_u32; HOURS];
        // People, and days with responses, by how long they were observed.
        let mut observed: Vec<(f64, f64)> = Vec::new();
        let mut all = 0;
        for person in people.filter(|person| person.responses > 0) {
            all += person.responses;
            totals.count(person.responses);
            days.count(person.days);
            for (hour, count) in &person.hours {
                by_hour[usize::from(*hour)].count(*count);
                counts[usize::from(*hour)] += count;
            }
            let place = person.observed as usize;
            if observed.len() <= place {
                observed.resize(place + 1, (0.0, 0.0));
            }
            observed[place].0 += 1.0;
            observed[place].1 += f64::from(person.days);
        }
        if all < FEWEST {
            return Err(Error::Argument {
                problem: format!("there are {all} responses, and send times need {FEWEST}"),
                hint: "Look further back, or name more types of events that are responses.".to_owned(),
            });
        }
        // Half a response is added to every hour (Jeffreys' prior).
        let shares = counts.map(|count| (f64::from(count) + 0.5) / (f64::from(all) + 0.5 * HOURS as f64));
        let by_hour: Vec<Above> = by_hour.into_iter().map(Above::counted).collect();
        let (totals, days) = (totals.counted(), days.counted());
        let strength = most_likely(|s| {
            by_hour.iter().zip(&shares).map(|(above, share)| above.rising(s * share)).sum::<f64>()
                - totals.rising(s)
        });
        let time: f64 = observed.iter().enumerate().map(|(time, (people, _))| time as f64 * people).sum();
        let answered: f64 = observed.iter().map(|(_, days)| days).sum();
        let rate = if time > 0.0 { answered / time } else { 0.0 };
        let rate_strength = if rate > 0.0 {
            most_likely(|b| {
                let ends = observed.iter().enumerate().map(|(time, (people, days))| {
                    people * rate * b * b.ln() - (people * rate * b + days) * (b + time as f64).ln()
                });
                days.rising(rate * b) + ends.sum::<f64>()
            })
        } else {
            1.0
        };
        let best = (0..HOURS as u8).rev().max_by_key(|hour| counts[usize::from(*hour)]).unwrap_or(0);
        Ok(Habits { shares, strength, rate, rate_strength, best })
    }

    /// The expected share of a person's responses in an hour.
    pub fn share(&self, person: &Person, hour: u8) -> f64 {
        let own = person.hours.iter().find(|(of, _)| *of == hour).map_or(0, |(_, count)| *count);
        (f64::from(own) + self.strength * self.shares[usize::from(hour)])
            / (f64::from(person.responses) + self.strength)
    }

    /// The most likely hour of a person, or everybody's where there are fewer than `least` responses of theirs.
    pub fn choose(&self, person: &Person, least: u32) -> Choice {
        let own = person.responses >= least.max(1);
        let mut chosen = (self.share(person, self.best), self.best);
        if own {
            for (hour, _) in &person.hours {
                let share = self.share(person, *hour);
                if share > chosen.0 || (share == chosen.0 && *hour < chosen.1) {
                    chosen = (share, *hour);
                }
            }
        }
        let weight = |own: f64, of_all: f64| own / (own + of_all);
        let observed = f64::from(person.observed);
        Choice {
            hour: chosen.1,
            own,
            share: chosen.0,
            confidence: weight(f64::from(person.responses), self.strength),
            per_week: 7.0 * (f64::from(person.days) + self.rate * self.rate_strength)
                / (observed + self.rate_strength),
            rate_confidence: weight(observed, self.rate_strength),
        }
    }

    /// The hour at which most responses of all come.
    pub fn best(&self) -> u8 {
        self.best
    }
}

/// The first instant, not before the clock's now, at which an hour of the week begins on the wall.
pub fn next(clock: Clock, hour: u8) -> Instant {
    // An hour that has begun, or that a change of the clocks skips, is that of a later week.
    let begins = |weeks: i64| {
        let now = clock.local(clock.now)?;
        let today = i64::from(now.weekday().num_days_from_monday());
        let (day, of_day) = (i64::from(hour) / 24, u32::from(hour) % 24);
        let begin = now
            .date()
            .checked_add_signed(TimeDelta::days(day - today + 7 * weeks))?
            .and_hms_opt(of_day, 0, 0)?;
        let at = clock.instant(begin);
        (at >= clock.now && clock.local(at).is_some_and(|local| local.hour() == of_day)).then_some(at)
    };
    (0..4).find_map(begins).unwrap_or(clock.now + 7 * 24 * HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{DAY, parse_instant};
    use proptest::prelude::*;

    fn person(hours: &[(u8, u32)], days: u32, observed: u32) -> Person {
        Person {
            hours: hours.to_vec(),
            responses: hours.iter().map(|(_, count)| count).sum(),
            days,
            observed,
        }
    }

    /// Half of the people answer on Mondays at 9, and half on Thursdays at 20.
    fn two_kinds() -> Vec<Person> {
        let kind = |hour: u8| person(&[(hour, 9), (hour + 1, 1)], 9, 70);
        (0..40).map(|i| kind(if i % 2 == 0 { 9 } else { 3 * 24 + 20 })).collect()
    }

    #[test]
    fn people_who_differ_get_their_own_hour_and_who_is_unknown_everybodys() {
        let people = two_kinds();
        let habits = Habits::of(people.iter()).unwrap();
        assert!(habits.strength < 5.0, "{}", habits.strength);
        let thursday = habits.choose(&people[1], 5);
        assert!(
            thursday.own && thursday.hour == 92 && thursday.share > 0.7 && thursday.confidence > 0.6,
            "{thursday:?}"
        );
        let known_little = habits.choose(&person(&[(92, 4)], 3, 30), 5);
        assert!(!known_little.own && known_little.hour == 9, "{known_little:?}");
        let nothing = habits.choose(&person(&[], 0, 0), 5);
        assert_eq!((nothing.hour, nothing.confidence, nothing.rate_confidence), (9, 0.0, 0.0));
        assert!((nothing.per_week - 7.0 * 9.0 / 70.0).abs() < 1e-9);
    }

    #[test]
    fn people_who_are_alike_get_everybodys() {
        // Three responses each, spread alike: what somebody did says nothing about them.
        let people: Vec<Person> =
            (0..300_u32).map(|i| person(&[((i % 3) as u8, 1), (50 + (i % 5) as u8, 2)], 2, 30)).collect();
        let spread: Vec<Person> = (0..3_000_u32)
            .map(|i| person(&[((i * 7919 % 50) as u8, 1), (50 + (i * 104_729 % 50) as u8, 1)], i % 2, 20))
            .collect();
        let (alike, differ) = (Habits::of(spread.iter()).unwrap(), Habits::of(people.iter()).unwrap());
        assert!(alike.strength > 50.0 * differ.strength.min(100.0), "{} {}", alike.strength, differ.strength);
    }

    #[test]
    fn too_little_is_refused_with_the_numbers() {
        let problem = Habits::of([person(&[(3, 99)], 4, 30)].iter()).err().unwrap().to_string();
        assert_eq!(problem, "there are 99 responses, and send times need 100");
    }

    #[test]
    fn the_next_time_is_on_the_wall() {
        let at = |text: &str| parse_instant(text).unwrap();
        let next = |now: &str, zone: &str, hour: u8| next(Clock::new(at(now), zone).unwrap(), hour);
        // A Wednesday.
        assert_eq!(next("2025-06-04 10:30:00+00", "UTC", 58), at("2025-06-11 10:00:00+00"));
        assert_eq!(next("2025-06-04 10:30:00+00", "UTC", 59), at("2025-06-04 11:00:00+00"));
        assert_eq!(next("2025-06-04 10:00:00+00", "UTC", 58), at("2025-06-04 10:00:00+00"));
        assert_eq!(next("2025-06-04 10:30:00+00", "America/New_York", 9), at("2025-06-09 13:00:00+00"));
        // On 30 March the clocks of Paris go from 2 to 3.
        assert_eq!(next("2025-03-29 12:00:00+00", "Europe/Paris", 6 * 24 + 2), at("2025-04-06 00:00:00+00"));
    }

    proptest! {
        #[test]
        fn shares_are_probabilities_and_more_evidence_weighs_more(
            counts in prop::collection::vec((0..168_u8, 1..20_u32), 20..60), hour in 0..168_u8,
        ) {
            let people: Vec<Person> = counts.iter().map(|(hour, count)| person(&[(*hour, *count), (0, 5)], 3, 20)).collect();
            let habits = Habits::of(people.iter()).unwrap();
            let somebody = &people[0];
            let sum: f64 = (0..168).map(|hour| habits.share(somebody, hour)).sum();
            let counted_twice = somebody.hours[0].0 == 0;
            prop_assert!((sum - 1.0).abs() < 1e-9 || counted_twice, "{sum}");
            let of = |count| habits.choose(&person(&[(hour, count)], count, 100), 1);
            let (few, many) = (of(2), of(50));
            prop_assert!(many.confidence > few.confidence && many.share >= few.share * (1.0 - 1e-12));
            prop_assert!(many.per_week > few.per_week);
        }

        #[test]
        fn the_next_time_is_within_a_week(now in 0..i64::from(i32::MAX) * 1_000_000, hour in 0..168_u8) {
            let clock = Clock::new(now, "Europe/Paris").unwrap();
            let at = next(clock, hour);
            prop_assert!(at >= now && at <= now + 14 * DAY + 2 * HOUR);
            prop_assert_eq!(super::super::hour(clock, at).rem_euclid(168), i32::from(hour));
        }
    }
}
