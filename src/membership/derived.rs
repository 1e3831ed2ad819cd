//! The numbers about a stream that are more than a count or a sum over one window.

use super::leaf::Course;
use crate::activity::{DAY, Instant, Line, Resolution, State, Tally, VALUE_SCALE, Window};
use std::collections::BTreeSet;

/// How far back a streak is looked for; it counts for [`LONGEST_STREAK`] days at most.
pub const STREAK: Window = Window::days(LONGEST_STREAK + 2);
const LONGEST_STREAK: i64 = 365;

/// Decimal places of averages and of growth.
const DECIMALS: u32 = 9;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Derivation {
    Count,
    Sum,
    Average,
    Minimum,
    Maximum,
    Distinct,
    /// 1 if the first event of the stream is that of `whole`, and lies in the span.
    First {
        whole: u32,
    },
    Last {
        whole: u32,
    },
    Streak,
    /// The growth from the window before to this one, of the count or of the sum.
    Trend {
        sums: bool,
        both: Window,
    },
}

/// A number about what a stream has between two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Derived {
    pub stream: u32,
    pub derivation: Derivation,
    /// What the last so much time holds; `None` for ever.
    pub within: Option<Window>,
    /// Without what the last so much time holds.
    pub beyond: Option<Window>,
    /// Of the first and the last event: where they must lie.
    pub from: Option<Instant>,
    pub until: Option<Instant>,
}

/// What a state says about it.
#[derive(Clone, Debug)]
pub struct Reading {
    derived: Derived,
    ever: Tally,
    /// At the resolutions of `within`, of `beyond` and of the window before.
    outer: Line,
    inner: Line,
    both: Line,
    /// What is kept by itself: the first instants of the panes of `within` and of `beyond`, and the item.
    items: Vec<([Instant; 2], i64)>,
    /// The event that is asked about, where it is the first or the last of all.
    one: Option<Instant>,
}

impl Derived {
    /// How many decimal places the number has.
    pub fn scale(self) -> u32 {
        match self.derivation {
            Derivation::Sum | Derivation::Minimum | Derivation::Maximum => VALUE_SCALE,
            Derivation::Average | Derivation::Trend { .. } => DECIMALS,
            _ => 0,
        }
    }

    /// What it is where the stream has no events.
    pub fn blank(self) -> Option<i128> {
        use Derivation::*;
        (!matches!(self.derivation, Average | Minimum | Maximum | Trend { .. })).then_some(0)
    }

    pub fn read(self, state: &State) -> Reading {
        let line = |window: Option<Window>| {
            window.map_or_else(Line::default, |window| state.line(self.stream, window.resolution))
        };
        let extents = |whole: u32| state.extent(self.stream).zip(state.extent(whole));
        Reading {
            derived: self,
            ever: state.ever(self.stream),
            outer: line(if self.derivation == Derivation::Streak { Some(STREAK) } else { self.within }),
            inner: line(self.beyond),
            both: match self.derivation {
                Derivation::Trend { both, .. } => line(Some(both)),
                _ => Line::default(),
            },
            items: if self.keeps_items() { self.items(state) } else { Vec::new() },
            one: match self.derivation {
                Derivation::First { whole } => {
                    extents(whole).and_then(|((own, _), (first, _))| (own == first).then_some(own))
                }
                Derivation::Last { whole } => {
                    extents(whole).and_then(|((_, own), (_, last))| (own == last).then_some(own))
                }
                _ => None,
            },
        }
    }
}

impl Derived {
    fn keeps_items(self) -> bool {
        matches!(self.derivation, Derivation::Minimum | Derivation::Maximum | Derivation::Distinct)
    }

    fn items(self, state: &State) -> Vec<([Instant; 2], i64)> {
        // Without a window, any resolution will do.
        let resolution = |window: Option<Window>| window.map_or(Resolution::Hour, |window| window.resolution);
        state.items(self.stream, [resolution(self.within), resolution(self.beyond)])
    }
}

impl Course for Reading {
    fn units(&self, at: Instant) -> Option<i128> {
        let derived = self.derived;
        match derived.derivation {
            Derivation::Count => Some(self.between(at).count.into()),
            Derivation::Sum => Some(self.between(at).sum),
            Derivation::Average => {
                let tally = self.between(at);
                let scale = 10_i128.pow(DECIMALS - VALUE_SCALE);
                (tally.count > 0).then(|| divide(tally.sum.saturating_mul(scale), tally.count.into()))
            }
            Derivation::Minimum => self.items_at(at).min().map(i128::from),
            Derivation::Maximum => self.items_at(at).max().map(i128::from),
            Derivation::Distinct => Some(self.items_at(at).collect::<BTreeSet<i64>>().len() as i128),
            Derivation::First { .. } | Derivation::Last { .. } => {
                Some(i128::from(self.one.is_some_and(|one| self.holds(one, at))))
            }
            Derivation::Streak => Some(self.streak(at).into()),
            Derivation::Trend { sums, both } => {
                let number = |tally: Tally| if sums { tally.sum } else { tally.count.into() };
                let now = number(self.outer.tally(derived.within?, at));
                let before = number(self.both.tally(both, at)) - now;
                let grown = (now - before).saturating_mul(10_i128.pow(DECIMALS));
                (before != 0).then(|| divide(grown, before.abs()))
            }
        }
    }

    fn next_change(&self, at: Instant) -> Option<Instant> {
        let derived = self.derived;
        match derived.derivation {
            Derivation::First { .. } | Derivation::Last { .. } => {
                let one = self.one?;
                let leaves = |window: Window| window.expiry(window.resolution.pane(one));
                let moments = derived.within.into_iter().chain(derived.beyond).map(leaves);
                moments.filter(|moment| *moment > at).min()
            }
            // Tomorrow makes no difference: a streak ends when a whole day had none.
            Derivation::Streak => self.days().next().map(|day| (day + 2) * DAY).filter(|moment| *moment > at),
            Derivation::Trend { both, .. } => {
                let window = derived.within?;
                [self.outer.next_expiry(window, at), self.both.next_expiry(both, at)]
                    .into_iter()
                    .flatten()
                    .min()
            }
            Derivation::Minimum | Derivation::Maximum | Derivation::Distinct => {
                let leaves = |window: Window, begin: Instant| window.expiry(window.resolution.pane(begin));
                let moments = self.items.iter().flat_map(|([outer, inner], _)| {
                    let outer = derived.within.map(|window| leaves(window, *outer));
                    outer.into_iter().chain(derived.beyond.map(|window| leaves(window, *inner)))
                });
                moments.filter(|moment| *moment > at).min()
            }
            Derivation::Count | Derivation::Sum | Derivation::Average => {
                let outer = derived.within.and_then(|window| self.outer.next_expiry(window, at));
                let inner = derived.beyond.and_then(|window| self.inner.next_expiry(window, at));
                outer.into_iter().chain(inner).min()
            }
        }
    }
}

impl Reading {
    /// The items that lie within the one window and not within the other.
    fn items_at(&self, at: Instant) -> impl Iterator<Item = i64> + '_ {
        let Derived { within, beyond, .. } = self.derived;
        let (oldest, newest) = (within.map(|window| window.begin(at)), beyond.map(|window| window.begin(at)));
        let lies = move |[outer, inner]: [Instant; 2]| {
            oldest.is_none_or(|oldest| outer >= oldest) && newest.is_none_or(|newest| inner < newest)
        };
        self.items.iter().filter(move |(begins, _)| lies(*begins)).map(|(_, item)| *item)
    }

    /// What lies within the one window and not within the other.
    fn between(&self, at: Instant) -> Tally {
        let Derived { within, beyond, .. } = self.derived;
        let outer = within.map_or(self.ever, |window| self.outer.tally(window, at));
        let Some(beyond) = beyond else { return outer };
        if within.is_some_and(|within| within.begin(at) >= beyond.begin(at)) {
            return Tally::default();
        }
        let inner = self.inner.tally(beyond, at);
        Tally { count: outer.count - inner.count, sum: outer.sum - inner.sum }
    }

    fn holds(&self, one: Instant, at: Instant) -> bool {
        let Derived { within, beyond, from, until, .. } = self.derived;
        within.is_none_or(|window| one >= window.begin(at))
            && beyond.is_none_or(|window| one < window.begin(at))
            && from.is_none_or(|from| one >= from)
            && until.is_none_or(|until| one < until)
    }

    /// The days with events, the latest first.
    fn days(&self) -> impl Iterator<Item = i64> + '_ {
        let day = |(pane, _): (i64, Tally)| (pane * STREAK.resolution.micros()).div_euclid(DAY);
        self.outer.latest().map(day)
    }

    fn streak(&self, at: Instant) -> i64 {
        let today = at.div_euclid(DAY);
        let Some(last) = self.days().next().filter(|last| *last >= today - 1) else { return 0 };
        let mut length = 1;
        for day in self.days() {
            match last - day {
                gap if gap == length => length += 1,
                gap if gap > length => break,
                _ => {}
            }
        }
        length.min(LONGEST_STREAK)
    }
}

/// Rounded to the nearest, halves away from zero.
fn divide(number: i128, by: i128) -> i128 {
    let (quotient, rest) = (number / by, number % by);
    if rest.abs() * 2 >= by.abs() { quotient + rest.signum() * by.signum() } else { quotient }
}
