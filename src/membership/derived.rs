//! The numbers about a stream that are more than a count or a sum over one window.

use super::edge::{Edge, Edges, UPPER};
use super::leaf::Course;
use crate::activity::{DAY, Instant, Line, Resolution, State, Tally, VALUE_SCALE, Window};
use crate::criteria::{DECIMALS, LONGEST_STREAK, Zone};
use std::collections::{BTreeMap, BTreeSet};

/// How far back a streak is looked for; it counts for [`LONGEST_STREAK`] days at most.
pub const STREAK: Window = Window::days(LONGEST_STREAK + 2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Derivation {
    Count,
    Sum,
    Average,
    Minimum,
    Maximum,
    Distinct,
    /// 1 if the first event of the stream is that of `whole`, and lies between the edges.
    First {
        whole: u32,
    },
    Last {
        whole: u32,
    },
    /// The sum of the numbers of the latest event, or of those at its time.
    Latest,
    /// What the clocks of a zone showed at the latest event.
    LatestShown(Shown, Zone),
    /// What the clocks of a zone showed at most events, told apart at a resolution.
    Peak(Shown, Zone, Resolution),
    /// In days.
    AverageGap,
    /// 1 if no item is more frequent than this one.
    Mode(i64),
    /// Whole days.
    DaysSinceLast,
    Streak,
    /// The growth from the window before to this one, of the count or of the sum.
    Trend {
        sums: bool,
    },
}

/// What is looked at on a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shown {
    Hour,
    Weekday,
}

impl Shown {
    fn at(self, zone: Zone, instant: Instant) -> Option<u32> {
        let [hour, weekday, _] = zone.shows(instant)?;
        Some(if self == Shown::Hour { hour } else { weekday })
    }
}

/// A number about what a stream has between some edges.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Derived {
    pub stream: u32,
    pub derivation: Derivation,
    pub edges: Edges,
}

/// What a state says about it.
#[derive(Clone, Debug)]
pub struct Reading<'d> {
    derived: &'d Derived,
    ever: Tally,
    /// At the resolution of each edge.
    lines: [Line; 4],
    /// What is kept by itself: the first instants of the panes of each edge, the item, and how often it is there.
    items: Vec<([Instant; 4], i64, i64)>,
    /// The event that is asked about, where it is the first or the last of all.
    one: Option<Instant>,
    first: Option<Instant>,
    /// The sum of the numbers of the latest event.
    latest: Option<i128>,
}

impl Derived {
    /// Those that it reads.
    pub fn streams(&self) -> impl Iterator<Item = u32> {
        let whole = match self.derivation {
            Derivation::First { whole } | Derivation::Last { whole } => Some(whole),
            _ => None,
        };
        [self.stream].into_iter().chain(whole)
    }

    /// How many decimal places the number has.
    pub fn scale(&self) -> u32 {
        match self.derivation {
            Derivation::Sum | Derivation::Minimum | Derivation::Maximum | Derivation::Latest => VALUE_SCALE,
            Derivation::Average | Derivation::Trend { .. } | Derivation::AverageGap => DECIMALS,
            _ => 0,
        }
    }

    /// What it is where the stream has no events.
    pub fn blank(&self) -> Option<i128> {
        use Derivation::*;
        let zero =
            matches!(self.derivation, Count | Sum | Distinct | Mode(_) | First { .. } | Last { .. } | Streak);
        zero.then_some(0)
    }

    pub fn read(&self, state: &State) -> Reading<'_> {
        let line = |edge: &Option<Edge>| {
            edge.as_ref().map_or_else(Line::default, |edge| state.line(self.stream, edge.resolution()))
        };
        // Without an edge, any resolution will do.
        let resolution =
            |edge: &Option<Edge>| edge.as_ref().map_or(Resolution::Hour, |edge| edge.resolution());
        let extents = |whole: u32| state.extent(self.stream).zip(state.extent(whole));
        let (mut lines, mut items) = (<[Line; 4]>::default(), Vec::new());
        let (mut one, mut first, mut latest) = (None, None, None);
        match self.derivation {
            Derivation::Minimum | Derivation::Maximum | Derivation::Distinct | Derivation::Mode(_) => {
                items = state.items(self.stream, self.edges.each_ref().map(resolution));
            }
            Derivation::First { whole } => {
                one = extents(whole).and_then(|((own, _), (first, _))| (own == first).then_some(own));
            }
            Derivation::Last { whole } => {
                one = extents(whole).and_then(|((_, own), (_, last))| (own == last).then_some(own));
            }
            Derivation::DaysSinceLast | Derivation::LatestShown(..) => {
                one = state.extent(self.stream).map(|(_, last)| last);
            }
            Derivation::Latest => latest = state.latest(self.stream),
            Derivation::AverageGap => (first, one) = state.extent(self.stream).unzip(),
            Derivation::Peak(_, _, resolution) => lines[0] = state.line(self.stream, resolution),
            _ => lines = self.edges.each_ref().map(line),
        }
        Reading { derived: self, ever: state.ever(self.stream), lines, items, one, first, latest }
    }

    /// The edges that there are, with their places.
    fn edges(&self) -> impl Iterator<Item = (usize, &Edge)> {
        self.edges.iter().enumerate().filter_map(|(place, edge)| Some((place, edge.as_ref()?)))
    }
}

impl Course for Reading<'_> {
    fn units(&self, at: Instant) -> Option<i128> {
        match self.derived.derivation {
            Derivation::Count => Some(self.between(at).count.into()),
            Derivation::Sum => Some(self.between(at).sum),
            Derivation::Average => {
                let tally = self.between(at);
                let scale = 10_i128.pow(DECIMALS - VALUE_SCALE);
                (tally.count > 0).then(|| divide(tally.sum.saturating_mul(scale), tally.count.into()))
            }
            Derivation::Minimum => self.items_at(at).map(|(item, _)| item).min().map(i128::from),
            Derivation::Maximum => self.items_at(at).map(|(item, _)| item).max().map(i128::from),
            Derivation::Distinct => {
                Some(self.items_at(at).map(|(item, _)| item).collect::<BTreeSet<i64>>().len() as i128)
            }
            Derivation::First { .. } | Derivation::Last { .. } => {
                let edges = || self.derived.edges();
                let lies = |one| edges().all(|(place, edge)| lies(place, one, edge.begin(at)));
                Some(i128::from(self.one.is_some_and(lies)))
            }
            Derivation::Mode(item) => {
                let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
                self.items_at(at).for_each(|(item, count)| *counts.entry(item).or_default() += count);
                let own = counts.get(&item).copied().unwrap_or_default();
                Some(i128::from(own > 0 && counts.values().all(|count| *count <= own)))
            }
            Derivation::Latest => self.latest,
            Derivation::LatestShown(shown, zone) => shown.at(zone, self.one?).map(i128::from),
            Derivation::Peak(shown, zone, resolution) => {
                self.peak(shown, zone, resolution, at).map(i128::from)
            }
            Derivation::AverageGap => {
                let length = i128::from(self.one?) - i128::from(self.first?);
                let gaps = i128::from(self.ever.count - 1);
                (gaps > 0).then(|| divide(length * 10_i128.pow(DECIMALS), gaps * i128::from(DAY)))
            }
            Derivation::DaysSinceLast => Some((at - self.one?).div_euclid(DAY).into()),
            Derivation::Streak => Some(self.streak(at).into()),
            Derivation::Trend { sums } => {
                let number = |tally: Tally| if sums { tally.sum } else { tally.count.into() };
                let [now, both, ..] = [0, 1].map(|place| number(self.since(place, at)));
                let before = both - now;
                let grown = (now - before).saturating_mul(10_i128.pow(DECIMALS));
                (before != 0).then(|| divide(grown, before.abs()))
            }
        }
    }

    fn next_change(&self, at: Instant) -> Option<Instant> {
        match self.derived.derivation {
            Derivation::First { .. } | Derivation::Last { .. } => {
                let one = self.one?;
                self.derived.edges().filter_map(|(_, edge)| edge.next_pass(one, at)).min()
            }
            Derivation::DaysSinceLast => {
                let last = self.one?;
                Some(last + ((at - last).div_euclid(DAY) + 1) * DAY)
            }
            // Tomorrow makes no difference: a streak ends when a whole day had none.
            Derivation::Streak => self.days().next().map(|day| (day + 2) * DAY).filter(|moment| *moment > at),
            Derivation::Latest | Derivation::LatestShown(..) | Derivation::AverageGap => None,
            Derivation::Peak(_, _, resolution) => {
                let edge = self.derived.edges[0].as_ref()?;
                let [_, oldest] = self.lines[0].around(resolution.pane(edge.begin(at)));
                edge.next_pass(oldest? * resolution.micros(), at)
            }
            Derivation::Minimum | Derivation::Maximum | Derivation::Distinct | Derivation::Mode(_) => {
                let passes = self.derived.edges().flat_map(|(place, edge)| {
                    let begins = || self.items.iter().map(move |(begins, ..)| begins[place]);
                    let begin = edge.begin(at);
                    let around = [
                        begins().filter(|other| *other < begin).max(),
                        begins().filter(|other| *other >= begin).min(),
                    ];
                    around.into_iter().flatten().filter_map(move |begin| edge.next_pass(begin, at))
                });
                passes.min()
            }
            Derivation::Count | Derivation::Sum | Derivation::Average | Derivation::Trend { .. } => {
                let passes = self.derived.edges().flat_map(|(place, edge)| {
                    let resolution = edge.resolution();
                    let around = self.lines[place].around(resolution.pane(edge.begin(at)));
                    let begins = around.into_iter().flatten().map(move |pane| pane * resolution.micros());
                    begins.filter_map(move |begin| edge.next_pass(begin, at))
                });
                passes.min()
            }
        }
    }
}

/// Whether something lies on the right side of the edge at a place.
fn lies(place: usize, instant: Instant, begin: Instant) -> bool {
    (instant < begin) == (place >= UPPER)
}

impl Reading<'_> {
    /// The items that lie on the right side of every edge, and how often they are there.
    fn items_at(&self, at: Instant) -> impl Iterator<Item = (i64, i64)> + '_ {
        let edges: Vec<(usize, Instant)> =
            self.derived.edges().map(|(place, edge)| (place, edge.begin(at))).collect();
        let items = self.items.iter().filter(move |(begins, ..)| {
            edges.iter().all(|(place, begin)| lies(*place, begins[*place], *begin))
        });
        items.map(|(_, item, count)| (*item, *count))
    }

    /// What the clocks showed at most events of the window, the least of several.
    fn peak(&self, shown: Shown, zone: Zone, resolution: Resolution, at: Instant) -> Option<u32> {
        let begin = self.derived.edges[0].as_ref()?.begin(at);
        let mut counts = [0; 24];
        for (pane, tally) in self.lines[0].latest() {
            let instant = pane * resolution.micros();
            if instant < begin {
                break;
            }
            counts[shown.at(zone, instant)? as usize] += tally.count;
        }
        let most = counts.iter().copied().max().filter(|most| *most > 0)?;
        (0..).zip(counts).find_map(|(place, count)| (count == most).then_some(place))
    }

    /// What does not lie before the edge at a place.
    fn since(&self, place: usize, at: Instant) -> Tally {
        self.derived.edges[place]
            .as_ref()
            .map_or(self.ever, |edge| self.lines[place].since(edge.resolution().pane(edge.begin(at))))
    }

    /// What lies between the latest of the lower edges and the earliest of the upper ones.
    fn between(&self, at: Instant) -> Tally {
        let begins = || self.derived.edges().map(|(place, edge)| (edge.begin(at), place));
        let lower = begins().filter(|(_, place)| *place < UPPER).max();
        let outer = lower.map_or(self.ever, |(_, place)| self.since(place, at));
        let Some(upper) = begins().filter(|(_, place)| *place >= UPPER).min() else { return outer };
        if lower.is_some_and(|lower| lower.0 >= upper.0) {
            return Tally::default();
        }
        let inner = self.since(upper.1, at);
        Tally { count: outer.count - inner.count, sum: outer.sum - inner.sum }
    }

    /// The days with events, the latest first.
    fn days(&self) -> impl Iterator<Item = i64> + '_ {
        let day = |(pane, _): (i64, Tally)| (pane * STREAK.resolution.micros()).div_euclid(DAY);
        self.lines[0].latest().map(day)
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
