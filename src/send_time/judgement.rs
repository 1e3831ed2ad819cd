//! Whether the hours chosen were better than everybody's, by responses that came later.

use super::choice::Habits;
use super::responses::Person;

/// Over the later responses of the people who have an hour of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    pub people: usize,
    pub responses: u32,
    /// The share of the responses that came in the hour chosen for the person, and in everybody's.
    pub own: f64,
    pub everybody: f64,
    /// The difference, and 1.96 times its standard error, people being drawn at random.
    pub gain: f64,
    pub margin: f64,
    /// By how much the logarithm of the expected share of the hour of a response is higher, in the mean, than that of everybody's.
    pub log_gain: f64,
}

impl Judgement {
    /// Of people as they were known, and what they did later. `None` without later responses.
    pub fn of(habits: &Habits, known: &[Person], later: &[Person], least: u32) -> Option<Self> {
        let (mut people, mut responses, mut own, mut everybody, mut log_gain) = (0, 0, 0, 0, 0.0);
        // Responses and gained hits of each.
        let mut gains: Vec<(f64, f64)> = Vec::new();
        for (before, after) in known.iter().zip(later) {
            let choice = habits.choose(before, least);
            if !choice.own || after.responses == 0 {
                continue;
            }
            let hits = |wanted: u8| {
                after.hours.iter().filter(|(hour, _)| *hour == wanted).map(|(_, count)| count).sum::<u32>()
            };
            let (hit, hit_of_all) = (hits(choice.hour), hits(habits.best()));
            people += 1;
            responses += after.responses;
            own += hit;
            everybody += hit_of_all;
            gains.push((f64::from(after.responses), f64::from(hit) - f64::from(hit_of_all)));
            for (hour, count) in &after.hours {
                let shares = habits.share(before, *hour) / habits.shares[usize::from(*hour)];
                log_gain += f64::from(*count) * shares.ln();
            }
        }
        if responses == 0 {
            return None;
        }
        let all = f64::from(responses);
        let gain = f64::from(own) / all - f64::from(everybody) / all;
        let spread: f64 = gains.iter().map(|(responses, gained)| (gained - gain * responses).powi(2)).sum();
        Some(Judgement {
            people,
            responses,
            own: f64::from(own) / all,
            everybody: f64::from(everybody) / all,
            gain,
            margin: 1.96 * spread.sqrt() / all,
            log_gain: log_gain / all,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(hour: u8, count: u32) -> Person {
        Person { hours: vec![(hour, count)], responses: count, days: count - 1, observed: 60 }
    }

    #[test]
    fn habits_that_last_gain_and_those_that_change_do_not() {
        let known: Vec<Person> = (0..30).map(|i| answers(if i % 3 == 0 { 10 } else { 20 }, 8)).collect();
        let habits = Habits::of(known.iter()).unwrap();
        assert_eq!(habits.best(), 20);
        let lasting = Judgement::of(&habits, &known, &known, 5).unwrap();
        assert_eq!((lasting.people, lasting.responses, lasting.own), (30, 240, 1.0));
        assert!(
            (lasting.gain - 1.0 / 3.0).abs() < 1e-12
                && lasting.gain > lasting.margin
                && lasting.log_gain > 0.0
        );
        let changed: Vec<Person> = (0..30).map(|i| answers(if i % 3 == 0 { 20 } else { 50 }, 8)).collect();
        let changed = Judgement::of(&habits, &known, &changed, 5).unwrap();
        assert!((changed.gain + 1.0 / 3.0).abs() < 1e-12 && changed.log_gain < 0.0, "{changed:?}");
        assert_eq!(Judgement::of(&habits, &known, &known, 9), None);
    }
}
