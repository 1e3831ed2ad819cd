//! What a state keeps of one stream, laid out in time.

use super::state::Tally;
use super::time::{DAY, Instant, Resolution, Window};

/// The events of a stream by pane of one resolution, oldest first: all that a window of it can ask about. The memory of one
/// serves for the next.
#[derive(Clone, Debug, Default)]
pub struct Line {
    panes: Vec<i64>,
    tallies: Vec<Tally>,
    /// For each pane what it and all later ones hold, and nothing after the last.
    rest: Vec<Tally>,
}

impl Line {
    /// Replaces what it holds, in whatever order it comes.
    pub(super) fn fill(&mut self, moments: impl Iterator<Item = (i64, Tally)>) {
        self.panes.clear();
        self.tallies.clear();
        let mut sorted = true;
        for (pane, tally) in moments {
            sorted &= self.panes.last().is_none_or(|last| *last <= pane);
            self.panes.push(pane);
            self.tallies.push(tally);
        }
        if !sorted {
            let mut moments: Vec<(i64, Tally)> = self.panes.drain(..).zip(self.tallies.drain(..)).collect();
            moments.sort_by_key(|(pane, _)| *pane);
            (self.panes, self.tallies) = moments.into_iter().unzip();
        }
        self.rest.clear();
        self.rest.resize(self.panes.len() + 1, Tally::default());
        for index in (0..self.panes.len()).rev() {
            let mut rest = self.rest[index + 1];
            rest.add(self.tallies[index]);
            self.rest[index] = rest;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, Tally)> + '_ {
        self.panes.iter().copied().zip(self.tallies.iter().copied())
    }

    /// What a window of this resolution ending at `at` holds.
    pub fn tally(&self, window: Window, at: Instant) -> Tally {
        self.rest.get(self.first(window, at)).copied().unwrap_or_default()
    }

    /// The next instant after `at` at which something leaves a window.
    pub fn next_expiry(&self, window: Window, at: Instant) -> Option<Instant> {
        self.panes.get(self.first(window, at)).map(|pane| window.expiry(*pane))
    }

    /// The instants after `at` at which something leaves a window, in order, each with what is left then.
    pub fn expiries(&self, window: Window, at: Instant) -> impl Iterator<Item = (Instant, Tally)> + '_ {
        let mut next = self.first(window, at);
        std::iter::from_fn(move || {
            let pane = *self.panes.get(next)?;
            // What lies in one pane leaves together.
            next += self.panes[next..].partition_point(|other| *other == pane);
            Some((window.expiry(pane), self.rest[next]))
        })
    }

    /// The number of events on each UTC day that has any, within a window ending at `at`.
    pub fn daily_counts(&self, window: Window, at: Instant) -> Vec<i64> {
        let mut days: Vec<i64> = Vec::new();
        let mut last = None;
        for index in self.first(window, at)..self.panes.len() {
            let day = (self.panes[index] * window.resolution.micros()).div_euclid(DAY);
            let count = self.tallies[index].count;
            match days.last_mut() {
                Some(sum) if last == Some(day) => *sum += count,
                _ => days.push(count),
            }
            last = Some(day);
        }
        days
    }

    fn first(&self, window: Window, at: Instant) -> usize {
        let oldest = window.oldest(at);
        self.panes.partition_point(|pane| *pane < oldest)
    }
}

/// The pane of a resolution that one of a finer resolution lies in.
pub(super) fn coarsen(pane: i64, finer: Resolution, resolution: Resolution) -> i64 {
    resolution.pane(pane * finer.micros())
}
