//! Named numbers: formulas compiled over streams and the profile.

use super::leaf::{Accepts, Course, Read, Source, accepts};
use super::subject::Subject;
use crate::activity::{HOUR, Instant, Resolution, State, VALUE_SCALE, Window};
use crate::criteria::{DECIMALS, Document, Path, Test};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// A formula, compiled.
#[derive(Clone, Debug)]
pub struct Named {
    /// Equal where the formulas are.
    pub key: String,
    pub number: Number,
}

#[derive(Clone, Debug)]
pub enum Number {
    Constant(f64),
    Source(Source),
    /// In the document of the profile.
    Attribute(Path),
    /// What is made of the value with a hash.
    Preference {
        stream: u32,
        hash: i64,
    },
    Divide(Box<Number>, Box<Number>),
    Multiply(Vec<Number>),
    Decay(Fading),
    Score {
        terms: Vec<Term>,
        groups: BTreeMap<String, (f64, f64)>,
        clamp: (f64, f64),
    },
}

/// The events of a stream, by the hour, with weights that halve in so many hours.
#[derive(Clone, Debug)]
pub struct Fading {
    pub stream: u32,
    pub sums: bool,
    pub window: Window,
    pub half_life: f64,
    /// The most that so many hours may weigh.
    pub cap: Option<(f64, i64)>,
}

#[derive(Clone, Debug)]
pub struct Term {
    pub of: Weighed,
    pub weight: f64,
    pub group: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Weighed {
    Number { number: Box<Number>, scale: f64, offset: f64, bounds: (f64, f64) },
    Condition(Condition),
}

/// Criteria about one subscriber, by themselves.
#[derive(Clone, Debug)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    None(Vec<Condition>),
    Not(Box<Condition>),
    AtLeast(usize, Vec<Condition>),
    Leaf(Box<(Source, Test, Accepts)>),
}

/// Whom a number is about.
type Whom<'a> = (Subject<'a>, &'a State);

impl Number {
    /// What it reads of a subscriber.
    pub fn reads(&self) -> Vec<Read<'_>> {
        match self {
            Number::Source(source) => source.reads(),
            Number::Attribute(path) => vec![Read::Profile(path)],
            Number::Constant(_) => Vec::new(),
            Number::Preference { stream, .. } | Number::Decay(Fading { stream, .. }) => {
                vec![Read::Stream(*stream)]
            }
            Number::Divide(number, by) => [number.reads(), by.reads()].concat(),
            Number::Multiply(numbers) => numbers.iter().flat_map(Number::reads).collect(),
            Number::Score { terms, .. } => terms.iter().flat_map(Term::reads).collect(),
        }
    }

    /// The number at an instant; `None` where there is none.
    pub fn value(&self, whom: Whom, at: Instant) -> Option<f64> {
        let (subject, state) = whom;
        match self {
            Number::Constant(number) => Some(*number),
            Number::Source(source) => {
                let units = source.units(subject, state, at)?;
                Some(units as f64 / 10_f64.powi(source.scale() as i32))
            }
            Number::Attribute(path) => Some(subject.profile?.get(path)?.number()?.to_f64()),
            Number::Preference { stream, hash } => Some(state.preference(*stream, *hash)),
            Number::Divide(number, by) => {
                let by = by.value(whom, at).filter(|by| *by != 0.0);
                Some(by.map_or(0.0, |by| number.value(whom, at).unwrap_or(0.0) / by))
            }
            Number::Multiply(numbers) => {
                numbers.iter().try_fold(1.0, |product, number| Some(product * number.value(whom, at)?))
            }
            Number::Decay(fading) => Some(fading.value(state, at)),
            Number::Score { terms, groups, clamp } => {
                let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
                let mut total = 0.0;
                for term in terms {
                    let adds = term.value(whom, at);
                    match &term.group {
                        Some(group) => *sums.entry(group).or_default() += adds,
                        None => total += adds,
                    }
                }
                for (group, sum) in sums {
                    let (least, most) = groups.get(group).copied().unwrap_or((0.0, 0.0));
                    total += sum.clamp(least, most);
                }
                Some(total.clamp(clamp.0, clamp.1))
            }
        }
    }

    /// The earliest instant after `at` at which it can change, pending events aside; with `fading`, otherwise than by fading.
    fn next_change(&self, whom: Whom, at: Instant, fading: bool) -> Option<Instant> {
        let (subject, state) = whom;
        match self {
            Number::Constant(_) | Number::Attribute(_) | Number::Preference { .. } => None,
            Number::Source(source) => source.next_change(subject, state, at),
            Number::Divide(a, b) => {
                let parts = [a, b].into_iter();
                parts.filter_map(|part| part.next_change(whom, at, fading)).min()
            }
            Number::Multiply(parts) => {
                parts.iter().filter_map(|part| part.next_change(whom, at, fading)).min()
            }
            Number::Decay(_) if fading => None,
            Number::Decay(decay) => decay.next_change(state, at),
            Number::Score { terms, .. } => {
                let change = |term: &Term| match &term.of {
                    Weighed::Number { number, .. } => number.next_change(whom, at, fading),
                    Weighed::Condition(condition) => condition.next_change(whom, at),
                };
                terms.iter().filter_map(change).min()
            }
        }
    }

    /// Whether fading can only lower it, and it fades.
    fn only_falls(&self) -> bool {
        match self {
            Number::Decay(fading) => !fading.sums,
            Number::Score { terms, .. } => {
                let falls = |term: &Term| match &term.of {
                    Weighed::Number { number, scale, .. } => {
                        !number.fades() || term.weight * scale >= 0.0 && number.only_falls()
                    }
                    Weighed::Condition(_) => true,
                };
                self.fades() && terms.iter().all(falls)
            }
            _ => false,
        }
    }

    fn fades(&self) -> bool {
        match self {
            Number::Decay(_) => true,
            Number::Divide(a, b) => a.fades() || b.fades(),
            Number::Multiply(parts) => parts.iter().any(Number::fades),
            Number::Score { terms, .. } => {
                terms.iter().any(|term| matches!(&term.of, Weighed::Number { number, .. } if number.fades()))
            }
            _ => false,
        }
    }
}

impl Term {
    fn reads(&self) -> Vec<Read<'_>> {
        match &self.of {
            Weighed::Number { number, .. } => number.reads(),
            Weighed::Condition(condition) => condition.reads(),
        }
    }

    fn value(&self, whom: Whom, at: Instant) -> f64 {
        self.weight
            * match &self.of {
                Weighed::Number { number, scale, offset, bounds } => {
                    let scaled = scale * number.value(whom, at).unwrap_or(0.0) + offset;
                    scaled.clamp(bounds.0, bounds.1)
                }
                Weighed::Condition(condition) => f64::from(u8::from(condition.holds(whom, at))),
            }
    }
}

impl Condition {
    fn reads(&self) -> Vec<Read<'_>> {
        match self {
            Condition::All(parts)
            | Condition::Any(parts)
            | Condition::None(parts)
            | Condition::AtLeast(_, parts) => parts.iter().flat_map(Condition::reads).collect(),
            Condition::Not(part) => part.reads(),
            Condition::Leaf(leaf) => leaf.0.reads(),
        }
    }

    fn holds(&self, whom: Whom, at: Instant) -> bool {
        let holds = |condition: &Condition| condition.holds(whom, at);
        match self {
            Condition::All(parts) => parts.iter().all(holds),
            Condition::Any(parts) => parts.iter().any(holds),
            Condition::None(parts) => !parts.iter().any(holds),
            Condition::Not(part) => !holds(part),
            Condition::AtLeast(wanted, parts) => {
                parts.iter().filter(|part| holds(part)).take(*wanted).count() == *wanted
            }
            Condition::Leaf(leaf) => {
                let (source, test, range) = leaf.as_ref();
                accepts(*range, test, source.units(whom.0, whom.1, at))
            }
        }
    }

    fn next_change(&self, whom: Whom, at: Instant) -> Option<Instant> {
        match self {
            Condition::All(parts)
            | Condition::Any(parts)
            | Condition::None(parts)
            | Condition::AtLeast(_, parts) => {
                parts.iter().filter_map(|part| part.next_change(whom, at)).min()
            }
            Condition::Not(part) => part.next_change(whom, at),
            Condition::Leaf(leaf) => leaf.0.next_change(whom.0, whom.1, at),
        }
    }
}

impl Fading {
    fn value(&self, state: &State, at: Instant) -> f64 {
        let line = state.line(self.stream, Resolution::Hour);
        let (now, oldest) = (Resolution::Hour.pane(at), self.window.oldest(at));
        let (mut total, mut period, mut room) = (0.0, None, 0.0);
        let mut add = |hour: i64, mut amount: f64| {
            if let Some((most, hours)) = self.cap {
                if period.replace(hour.div_euclid(hours)) != Some(hour.div_euclid(hours)) {
                    room = most;
                }
                amount = amount.min(room);
                room -= amount;
            }
            total += amount * (-((now - hour) as f64) / self.half_life).exp2();
        };
        let mut panes: Vec<(i64, f64)> = Vec::new();
        for (hour, tally) in line.latest().take_while(|(hour, _)| *hour >= oldest) {
            let amount = if self.sums {
                tally.sum as f64 / 10_f64.powi(VALUE_SCALE as i32)
            } else {
                tally.count as f64
            };
            match panes.last_mut() {
                Some((last, sum)) if *last == hour => *sum += amount,
                _ => panes.push((hour, amount)),
            }
        }
        // A bounded period goes as a whole: without its beginning, the room would be that of what came later.
        if let Some((_, hours)) = self.cap {
            panes.retain(|(hour, _)| hour.div_euclid(hours) * hours >= oldest);
        }
        // What comes first takes the room there is.
        panes.into_iter().rev().for_each(|(hour, amount)| add(hour, amount));
        total
    }

    fn next_change(&self, state: &State, at: Instant) -> Option<Instant> {
        let line = state.line(self.stream, Resolution::Hour);
        (line.tally(self.window, at).count > 0).then(|| (Resolution::Hour.pane(at) + 1) * HOUR)
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Named {}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl Course for (&Named, Subject<'_>, &State) {
    fn units(&self, at: Instant) -> Option<i128> {
        let (named, subject, state) = self;
        let value = named.number.value((*subject, state), at)?;
        Some((value * 10_f64.powi(DECIMALS as i32)).round_ties_even() as i128)
    }

    fn next_change(&self, at: Instant) -> Option<Instant> {
        let (named, subject, state) = self;
        named.number.next_change((*subject, state), at, false)
    }

    fn falls_until(&self, at: Instant) -> Option<Instant> {
        let (named, subject, state) = self;
        if !named.number.only_falls() {
            return None;
        }
        // What is beyond does not matter: in a year it is looked at again.
        let far = at.saturating_add(365 * 24 * HOUR);
        Some(named.number.next_change((*subject, state), at, true).map_or(far, |change| change.min(far)))
    }
}
