//! What a state keeps of one stream, laid out in time.

use super::state::Tally;
use super::time::{DAY, Instant, Resolution, Window};
use std::rc::Rc;

/// The events of a stream by pane of one resolution, oldest first: all that a window of it can ask about. The memory of one
/// serves for the next.
#[derive(Clone, Debug, Default)]
pub struct Line {
    panes: Vec<i64>,
    tallies: Vec<Tally>,
    /// For each pane what it and all later ones hold, and nothing after the last.
    rest: Vec<Tally>,
    /// The same of the base that a state comes on top of.
    pub(super) base: Option<Rc<Line>>,
}

impl Line {
    /// Replaces what it holds itself, in whatever order it comes.
    pub(super) fn fill(&mut self, moments: impl Iterator<Item = (i64, Tally)>) {
        self.panes.clear();
        self.tallies.clear();
        let mut sorted = true;
        for (pane, tally) in moments {
            sorted &= self.panes.last().is_none_or(|last| *last <= pane);
            self.push(pane, tally);
        }
        if !sorted {
            let mut moments: Vec<(i64, Tally)> = self.panes.drain(..).zip(self.tallies.drain(..)).collect();
            moments.sort_by_key(|(pane, _)| *pane);
            moments.into_iter().for_each(|(pane, tally)| self.push(pane, tally));
        }
        self.rest.clear();
        self.rest.resize(self.panes.len() + 1, Tally::default());
        for index in (0..self.panes.len()).rev() {
            let mut rest = self.rest[index + 1];
            rest.add(self.tallies[index]);
            self.rest[index] = rest;
        }
    }

    /// Adds to the last pane, or a new one.
    fn push(&mut self, pane: i64, tally: Tally) {
        match self.tallies.last_mut() {
            Some(last) if self.panes.last() == Some(&pane) => last.add(tally),
            _ => {
                self.panes.push(pane);
                self.tallies.push(tally);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.parts().all(|part| part.panes.is_empty())
    }

    /// What a window of this resolution ending at `at` holds.
    pub fn tally(&self, window: Window, at: Instant) -> Tally {
        self.since(window.oldest(at))
    }

    /// What a pane and all later ones hold.
    pub fn since(&self, pane: i64) -> Tally {
        let mut sum = Tally::default();
        for part in self.parts() {
            sum.add(part.rest.get(part.place(pane)).copied().unwrap_or_default());
        }
        sum
    }

    /// The last pane with events before one, and the first that is not.
    pub fn around(&self, pane: i64) -> [Option<i64>; 2] {
        let before = |part: &Line| part.place(pane).checked_sub(1).map(|before| part.panes[before]);
        let after = |part: &Line| part.panes.get(part.place(pane)).copied();
        [self.parts().filter_map(before).max(), self.parts().filter_map(after).min()]
    }

    /// The next instant after `at` at which something leaves a window.
    pub fn next_expiry(&self, window: Window, at: Instant) -> Option<Instant> {
        let next = self.parts().filter_map(|part| part.panes.get(part.first(window, at))).min();
        next.map(|pane| window.expiry(*pane))
    }

    /// The instants after `at` at which something leaves a window, in order, each with what is left then.
    pub fn expiries(&self, window: Window, at: Instant) -> impl Iterator<Item = (Instant, Tally)> + '_ {
        let [own, base] = [Some(self), self.base.as_deref()];
        let mut ways = [own, base].map(|part| (part, part.map_or(0, |part| part.first(window, at))));
        std::iter::from_fn(move || {
            let next =
                |(part, next): &(Option<&Line>, usize)| part.and_then(|part| part.panes.get(*next)).copied();
            let pane = ways.iter().filter_map(next).min()?;
            let mut left = Tally::default();
            for way in &mut ways {
                way.1 += usize::from(next(way) == Some(pane));
                left.add(way.0.and_then(|part| part.rest.get(way.1)).copied().unwrap_or_default());
            }
            Some((window.expiry(pane), left))
        })
    }

    /// The first instant after `at` at which a window holds fewer events than so many, if not later than `until`.
    pub fn falls_below(
        &self,
        least: i128,
        window: Window,
        at: Instant,
        until: Option<Instant>,
    ) -> Option<Instant> {
        let fewer = |pane: i64| i128::from(self.tally(window, window.expiry(pane)).count) < least;
        if until.is_some_and(|until| i128::from(self.tally(window, until).count) >= least) {
            return None;
        }
        let first = |part: &Line| {
            let panes = &part.panes[part.first(window, at)..];
            panes.get(panes.partition_point(|pane| !fewer(*pane))).copied()
        };
        self.parts().filter_map(first).min().map(|pane| window.expiry(pane))
    }

    /// The number of events on each UTC day that has any, within a window ending at `at`, the latest first.
    pub fn daily_counts(&self, window: Window, at: Instant) -> Vec<i64> {
        let oldest = window.oldest(at);
        let mut days: Vec<i64> = Vec::new();
        let mut last = None;
        for (pane, tally) in self.latest().take_while(|(pane, _)| *pane >= oldest) {
            let day = (pane * window.resolution.micros()).div_euclid(DAY);
            match days.last_mut() {
                Some(sum) if last == Some(day) => *sum += tally.count,
                _ => days.push(tally.count),
            }
            last = Some(day);
        }
        days
    }

    /// The panes, the latest first; one of both parts comes twice.
    pub fn latest(&self) -> impl Iterator<Item = (i64, Tally)> + '_ {
        let base = self.base.as_deref();
        let mut left = (self.panes.len(), base.map_or(0, |base| base.panes.len()));
        std::iter::from_fn(move || {
            let last = |part: &Line, left: usize| {
                Some((*part.panes.get(left.checked_sub(1)?)?, part.tallies[left - 1]))
            };
            let (own, under) = (last(self, left.0), base.and_then(|base| last(base, left.1)));
            if own.map(|(pane, _)| pane) >= under.map(|(pane, _)| pane) {
                left.0 = left.0.checked_sub(1)?;
                own
            } else {
                left.1 -= 1;
                under
            }
        })
    }

    fn parts(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(self).chain(self.base.as_deref())
    }

    fn first(&self, window: Window, at: Instant) -> usize {
        self.place(window.oldest(at))
    }

    fn place(&self, pane: i64) -> usize {
        self.panes.partition_point(|other| *other < pane)
    }
}

/// The pane of a resolution that one of a finer resolution lies in.
pub(super) fn coarsen(pane: i64, finer: Resolution, resolution: Resolution) -> i64 {
    resolution.pane(pane * finer.micros())
}
