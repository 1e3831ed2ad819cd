//! What somebody makes of each value, such as a category: a number from 0 to 1, moved by what was done about it and fading with
//! what was done about others, in the order in which it was done.
//!
//! The order matters, so that the latest events are kept one by one, and older ones are taken into the numbers for good. An
//! event that turns up before those, or one of them that goes, takes reading all of them again.

use super::stream::hash_of;
use super::time::{DAY, Instant};
use crate::criteria::{Literal, canonical_event};
use std::collections::{BTreeMap, BTreeSet};

/// What each type adds: 0.3 times 0.10, 0.20, 0.05, 0.15, -0.30 and -0.50.
const STEPS: [(&str, f64); 6] = [
    ("email_click", 0.03),
    ("purchase", 0.06),
    ("forward", 0.015),
    ("reply", 0.045),
    ("unsubscribe", -0.09),
    ("complaint", -0.15),
];

/// Where everything begins.
const START: f64 = 0.5;

/// What is left of the others with each event.
const FADE: f64 = 0.99;

/// For so long events are kept one by one.
pub(super) const KEPT: i64 = 7 * DAY;

/// The bits of an item that say which step it is; the others are of the hash of the value.
const STEP: i64 = 7;

/// What is kept of an event of some type about a value by its hash; `None` of a type that moves nothing.
pub(super) fn touch(event_type: &str, hash: i64) -> Option<i64> {
    let event_type = canonical_event(event_type);
    let step = STEPS.iter().position(|(known, _)| *known == event_type)?;
    Some(hash & !STEP | step as i64)
}

/// The numbers of one stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Preferences {
    pub stream: u32,
    /// The time of the latest event that was taken in.
    pub until: Instant,
    /// By the hash of the value.
    pub values: BTreeMap<i64, f64>,
}

impl Preferences {
    /// Of a stream of which nothing has been taken in.
    pub fn of(stream: u32) -> Self {
        Preferences { stream, until: Instant::MIN, values: BTreeMap::new() }
    }

    /// Takes in events in ascending order of time and item: time, item and how many.
    pub fn take_in(&mut self, events: &[(Instant, i64, i64)]) {
        for moment in events.chunk_by(|a, b| a.0 == b.0) {
            self.until = moment[0].0;
            let touched = moment.iter().map(|(_, item, _)| item & !STEP);
            let keys: BTreeSet<i64> = self.values.keys().copied().chain(touched).collect();
            for key in keys {
                let value = self.values.get(&key).copied();
                self.values.extend(moved(value, key, moment).map(|value| (key, value)));
            }
        }
    }

    /// What is made of a value, by its hash, after some more events.
    pub fn after(&self, events: &[(Instant, i64, i64)], hash: i64) -> f64 {
        let key = hash & !STEP;
        let mut value = self.values.get(&key).copied();
        for moment in events.chunk_by(|a, b| a.0 == b.0) {
            value = moved(value, key, moment).or(value);
        }
        value.unwrap_or(START)
    }
}

/// What is made of each value by events, in any order: time, type and value.
pub fn preferences(events: Vec<(Instant, String, Literal)>) -> Vec<(Literal, f64)> {
    let mut values: BTreeMap<i64, Literal> = BTreeMap::new();
    let mut counts: BTreeMap<(Instant, i64), i64> = BTreeMap::new();
    for (at, event_type, value) in events {
        let item = hash_of(&value).and_then(|hash| touch(&event_type, hash));
        if let Some(item) = item {
            *counts.entry((at, item)).or_default() += 1;
            values.insert(item & !STEP, value);
        }
    }
    let events: Vec<(Instant, i64, i64)> =
        counts.into_iter().map(|((at, item), count)| (at, item, count)).collect();
    let mut known = Preferences::of(0);
    known.take_in(&events);
    known.values.into_iter().filter_map(|(key, number)| Some((values.remove(&key)?, number))).collect()
}

/// What the events of one instant make of a value: those about others come first, then its own, the worst first. `None` before
/// its first.
fn moved(value: Option<f64>, key: i64, moment: &[(Instant, i64, i64)]) -> Option<f64> {
    let own = |item: i64| item & !STEP == key;
    let others: i64 = moment.iter().filter(|(_, item, _)| !own(*item)).map(|(.., count)| count).sum();
    let mut steps: Vec<(f64, i64)> = moment
        .iter()
        .filter(|(_, item, _)| own(*item))
        .filter_map(|(_, item, count)| Some((STEPS.get((item & STEP) as usize)?.1, *count)))
        .collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let faded = value.map(|value| value * FADE.powf(others as f64));
    let first = (!steps.is_empty()).then_some(START);
    let moved = |value: f64, (step, count): (f64, i64)| (value + step * count as f64).clamp(0.0, 1.0);
    faded.or(first).map(|value| steps.into_iter().fold(value, moved))
}
