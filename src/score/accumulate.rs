//! The mergeable state of the `engagement_score` aggregate: the same score over any rows, with no set-up.

use super::engagement::{Engagement, consistency, rate};
use crate::activity::{DAY, Instant, Window};
use crate::criteria::canonical_event;
use crate::error::{Error, Result};

const WEEK: Window = Window::days(7);
const MONTH: Window = Window::days(30);
const QUARTER: Window = Window::days(90);

const VERSION: u8 = 1;

/// Most days (UTC) that the longest window touches.
const DAYS: usize = 91;

/// Counts of the events of one group, as of one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accumulator {
    as_of: Instant,
    /// The first instants that count in 7, 30 and 90 days.
    begins: [Instant; 3],
    /// Events in 7, 30 and 90 days; opens and clicks in 30; purchases in 90.
    counts: [i64; 6],
    /// Events per day, from the first day of the longest window on.
    daily: [u32; DAYS],
}

impl Accumulator {
    pub fn new(as_of: Instant) -> Self {
        // The instant may be one of the infinities.
        let begin = |window: Window| window.oldest(as_of).saturating_mul(window.resolution.micros());
        let begins = [WEEK, MONTH, QUARTER].map(begin);
        Accumulator { as_of, begins, counts: [0; 6], daily: [0; DAYS] }
    }

    /// Counts one event. All rows of a group must state the same instant.
    pub fn add(&mut self, event: &str, at: Instant, as_of: Instant) -> Result<()> {
        self.agree(as_of)?;
        let [week, month, quarter] = self.begins;
        if at > as_of || at < quarter {
            return Ok(());
        }
        let (week, month) = (i64::from(at >= week), i64::from(at >= month));
        let [events_7d, events_30d, events_90d, opens, clicks, purchases] = &mut self.counts;
        *events_7d += week;
        *events_30d += month;
        *events_90d += 1;
        match canonical_event(event) {
            "email_open" => *opens += month,
            "email_click" => *clicks += month,
            "purchase" => *purchases += 1,
            _ => {}
        }
        let place = at.div_euclid(DAY) - self.first_day();
        if let Some(day) = usize::try_from(place).ok().and_then(|place| self.daily.get_mut(place)) {
            *day = day.saturating_add(1);
        }
        Ok(())
    }

    /// The day that the first of the daily counts is of.
    fn first_day(&self) -> i64 {
        self.begins[2].div_euclid(DAY)
    }

    /// Adds the counts of another part of the group.
    pub fn merge(&mut self, other: &Accumulator) -> Result<()> {
        self.agree(other.as_of)?;
        self.counts.iter_mut().zip(other.counts).for_each(|(count, added)| *count += added);
        self.daily
            .iter_mut()
            .zip(other.daily)
            .for_each(|(count, added)| *count = count.saturating_add(added));
        Ok(())
    }

    pub fn score(&self) -> f64 {
        let [events_7d, events_30d, events_90d, opens, clicks, purchases] = self.counts;
        let (mut days, mut daily) = (0, [0; DAYS]);
        for count in self.daily.into_iter().filter(|count| *count > 0) {
            daily[days] = i64::from(count);
            days += 1;
        }
        Engagement {
            events_7d,
            open_rate_30d: rate(opens, events_30d),
            click_rate_30d: rate(clicks, events_30d),
            conversion_rate_90d: rate(purchases, events_90d),
            consistency: consistency(&daily[..days]),
        }
        .score()
    }

    /// A version byte, then little-endian 64-bit integers: the instant, the six counts, and of each day with events its place
    /// and their number.
    pub fn to_bytes(&self) -> Vec<u8> {
        let days = self.daily.iter().enumerate().filter(|(_, count)| **count > 0);
        let daily = days.flat_map(|(place, count)| [place as i64, i64::from(*count)]);
        let words = std::iter::once(self.as_of).chain(self.counts).chain(daily);
        std::iter::once(VERSION).chain(words.flat_map(i64::to_le_bytes)).collect()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let corrupt = || Error::Corrupt("aggregate state");
        let (version, rest) = bytes.split_first().ok_or_else(corrupt)?;
        let mut words = Vec::with_capacity(rest.len() / 8);
        for chunk in rest.chunks(8) {
            words.push(i64::from_le_bytes(chunk.try_into().map_err(|_| corrupt())?));
        }
        let ([as_of, counts @ ..], daily) = words.split_first_chunk::<7>().ok_or_else(corrupt)?;
        if *version != VERSION || daily.len() % 2 != 0 {
            return Err(corrupt());
        }
        let mut state = Accumulator { counts: *counts, ..Accumulator::new(*as_of) };
        for pair in daily.chunks_exact(2) {
            let day = usize::try_from(pair[0]).ok().and_then(|place| state.daily.get_mut(place));
            *day.ok_or_else(corrupt)? = u32::try_from(pair[1]).map_err(|_| corrupt())?;
        }
        Ok(state)
    }

    fn agree(&self, as_of: Instant) -> Result<()> {
        if self.as_of == as_of {
            return Ok(());
        }
        Err(Error::Argument {
            problem: "as_of must be the same for all rows of a group".to_owned(),
            hint: "Pass a constant, or a column of GROUP BY.".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{Change, HOUR, State};
    use crate::membership::Program;
    use crate::score::{Feature, View};
    use proptest::prelude::*;

    fn any_event() -> impl Strategy<Value = (&'static str, Instant)> {
        let kinds =
            prop_oneof![Just("email_open"), Just("open"), Just("click"), Just("purchase"), Just("other")];
        (kinds, -100 * 24..24_i64, 0..HOUR).prop_map(|(kind, hour, within)| (kind, hour * HOUR + within))
    }

    proptest! {
        #[test]
        fn split_merged_and_serialised_parts_give_the_same_score(
            events in prop::collection::vec(any_event(), 0..60), split in 0_usize..60,
        ) {
            let (left, right) = events.split_at(split.min(events.len()));
            let mut parts = [Accumulator::new(0), Accumulator::new(0)];
            for (part, events) in parts.iter_mut().zip([left, right]) {
                events.iter().for_each(|(kind, at)| part.add(kind, *at, 0).unwrap());
            }
            let [mut merged, right] = parts;
            merged.merge(&Accumulator::from_bytes(&right.to_bytes()).unwrap()).unwrap();
            let mut whole = Accumulator::new(0);
            events.iter().for_each(|(kind, at)| whole.add(kind, *at, 0).unwrap());
            prop_assert_eq!(&merged, &whole);
            prop_assert_eq!(merged.score().to_bits(), whole.score().to_bits());
        }

        #[test]
        fn the_aggregate_equals_the_maintained_feature(events in prop::collection::vec(any_event(), 0..60)) {
            let program = Program::compile(Vec::new(), &[]).unwrap();
            let mut change = Change::default();
            let mut whole = Accumulator::new(0);
            for (kind, at) in &events {
                whole.add(kind, *at, 0).unwrap();
                program.entries(kind, &serde_json::json!({}), *at, 1, |entry| change.entries.push(entry));
            }
            let mut state = State::default();
            let _ = program.fold(&mut state, &change, 0);
            let maintained = Feature::EngagementScore.value(&View::of(&state), 0);
            prop_assert!((maintained.to_f64() - whole.score()).abs() <= 5e-10);
        }

        #[test]
        fn hostile_bytes_give_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Accumulator::from_bytes(&bytes);
        }
    }

    #[test]
    fn one_group_has_one_instant() {
        let mut accumulator = Accumulator::new(0);
        assert!(accumulator.add("open", 0, 1).is_err());
        assert!(accumulator.merge(&Accumulator::new(1)).is_err());
    }
}
