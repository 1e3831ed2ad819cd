//! The record of one subscriber, and how an event changes it.

use super::feed::{Entry, Feed};
use super::stream::{Stream, Streams};
use super::time::{DAY, Instant, Resolution, Window};
use std::collections::BTreeMap;

/// How many events, and the sum of their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub count: i64,
    /// In units of `10^-VALUE_SCALE`.
    pub sum: i128,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.count += other.count;
        self.sum += other.sum;
    }

    fn is_empty(self) -> bool {
        self.count == 0 && self.sum == 0
    }

    /// Whether it can be the tally of some events.
    fn is_possible(self) -> bool {
        self.count > 0 || self.is_empty()
    }
}

impl Stream {
    /// Adds a tally as this stream sees it.
    fn add(&self, tallies: &mut BTreeMap<i64, Tally>, key: i64, tally: Tally) {
        let sum = if self.selection.of.is_some() { tally.sum } else { 0 };
        let entry = tallies.entry(key).or_default();
        entry.add(Tally { sum, ..tally });
        if entry.is_empty() {
            tallies.remove(&key);
        }
    }
}

/// The lifetime of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Total {
    pub stream: u32,
    pub tally: Tally,
    /// The first and the last event, where the stream keeps them.
    pub extent: Option<(Instant, Instant)>,
}

/// The events of one feed whose time floors to one pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pane {
    pub index: i64,
    /// An index into the state's feeds.
    pub feed: u32,
    pub tally: Tally,
}

/// Events that the evaluation time has not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub at: Instant,
    pub feed: u32,
    pub tally: Tally,
}

/// The events of one stream in one pane of some resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub pane: i64,
    pub tally: Tally,
}

/// Whether a fold left the state exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Fold {
    Exact,
    /// A removed event may have been the first or last of its stream, which totals cannot tell: the state must
    /// be computed again from the events.
    Recompute,
}

impl Fold {
    pub fn and(self, other: Fold) -> Fold {
        if other == Fold::Recompute { other } else { self }
    }

    fn exact_if(exact: bool) -> Fold {
        if exact { Fold::Exact } else { Fold::Recompute }
    }
}

/// What a subscriber did, as of an evaluation time.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Event rows in all attached sources, of whatever type and time; nobody without any is a subscriber.
    pub events: i64,
    /// Streams with events, in ascending order of id.
    pub(super) totals: Vec<Total>,
    /// The feeds of panes and pending events.
    pub(super) feeds: Vec<Feed>,
    /// By resolution, each in ascending order of index and feed. A pane is of the finest resolution that its feed
    /// keeps for so long.
    pub(super) panes: [Vec<Pane>; 3],
    /// In ascending order of time and feed.
    pub(super) pending: Vec<Pending>,
}

impl State {
    /// Adds or removes events as of the evaluation time `now`, to which the state has been advanced.
    pub fn fold(&mut self, streams: &Streams, entry: &Entry, now: Instant) -> Fold {
        let tally = Tally { count: entry.count, sum: entry.sum.into() };
        if entry.at > now {
            let feed = self.feed(streams, &entry.feed);
            self.postpone(entry.at, feed, tally)
        } else {
            self.count(streams, &entry.feed, entry.at, tally, now)
        }
    }

    /// Counts the pending events that `now` has reached, and lets go of the detail that no window can ask about any
    /// more.
    pub fn advance(&mut self, streams: &Streams, now: Instant) {
        self.forget_dropped(streams);
        let reached = self.pending.partition_point(|pending| pending.at <= now);
        for pending in self.pending.drain(..reached).collect::<Vec<_>>() {
            let feed = self.feeds[pending.feed as usize].clone();
            // Additions never need a recomputation.
            let _ = self.count(streams, &feed, pending.at, pending.tally, now);
        }
        let oldest: Vec<[i64; 3]> =
            self.feeds.iter().map(|feed| streams.horizons(feed).oldest(now)).collect();
        for resolution in Resolution::ALL {
            let finer = resolution as usize;
            let kept = |pane: &Pane| pane.index >= oldest[pane.feed as usize][finer];
            if self.panes[finer].iter().all(kept) {
                continue;
            }
            let (kept, aged): (Vec<Pane>, Vec<Pane>) = self.panes[finer].iter().partition(|pane| kept(pane));
            self.panes[finer] = kept;
            for pane in aged {
                let at = pane.index * resolution.micros();
                if let Some(coarser) = finest(&oldest[pane.feed as usize], at) {
                    let _ = self.add_to_pane(coarser, coarser.pane(at), pane.feed, pane.tally);
                }
            }
        }
    }

    /// The events of a stream within a window ending at `at`, which must not lie before the last [`advance`].
    ///
    /// [`advance`]: State::advance
    pub fn tally(&self, stream: u32, window: Option<Window>, at: Instant) -> Tally {
        let Some(window) = window else {
            return self.total(stream).map_or_else(Tally::default, |total| total.tally);
        };
        let mut sum = Tally::default();
        self.within(stream, window, at, |_, tally| sum.add(tally));
        sum
    }

    /// The events of a stream on each UTC day that has any, within a window ending at `at`.
    pub fn daily_counts(&self, stream: u32, window: Window, at: Instant) -> Vec<i64> {
        let mut days: Vec<(i64, i64)> = Vec::new();
        self.within(stream, window, at, |pane, tally| {
            let day = (pane * window.resolution.micros()).div_euclid(DAY);
            match days.last_mut() {
                Some((last, count)) if *last == day => *count += tally.count,
                _ => days.push((day, tally.count)),
            }
        });
        // Finer panes come first, whatever their age.
        days.sort_unstable_by_key(|(day, _)| *day);
        days.dedup_by(|(day, count), (last, sum)| {
            let same = day == last;
            if same {
                *sum += *count;
            }
            same
        });
        days.into_iter().map(|(_, count)| count).collect()
    }

    /// Everything kept of a stream that a window of some resolution can ask about, oldest first, into `line`.
    pub fn timeline(&self, stream: u32, resolution: Resolution, line: &mut Vec<Moment>) {
        line.clear();
        let mut sorted = true;
        let feeds = self.feeding(stream);
        for finer in Resolution::ALL.into_iter().take(resolution as usize + 1).rev() {
            for pane in &self.panes[finer as usize] {
                if feeds.contains(pane.feed) {
                    let pane =
                        Moment { pane: resolution.pane(pane.index * finer.micros()), tally: pane.tally };
                    sorted &= line.last().is_none_or(|last| last.pane <= pane.pane);
                    line.push(pane);
                }
            }
        }
        if !sorted {
            line.sort_by_key(|moment| moment.pane);
        }
    }

    /// Whether both say the same about every stream at `at`, to which they have been advanced. Streams that were dropped may
    /// have left apart what is counted together otherwise, so that equal bytes are not to be expected.
    pub fn agrees(&self, other: &State, streams: &Streams, at: Instant) -> bool {
        self.events == other.events
            && self.totals == other.totals
            && streams.as_slice().iter().all(|stream| {
                self.pending_of(stream) == other.pending_of(stream)
                    && Resolution::ALL.into_iter().all(|resolution| {
                        self.kept_of(stream, resolution, at) == other.kept_of(stream, resolution, at)
                    })
            })
    }

    fn pending_of(&self, stream: &Stream) -> BTreeMap<Instant, Tally> {
        let mut pending = BTreeMap::new();
        for waiting in &self.pending {
            let feed = &self.feeds[waiting.feed as usize];
            if feed.feeds(stream.id) {
                stream.add(&mut pending, waiting.at, waiting.tally);
            }
        }
        pending
    }

    fn kept_of(&self, stream: &Stream, resolution: Resolution, at: Instant) -> BTreeMap<i64, Tally> {
        let oldest = stream.horizons.oldest(at)[resolution as usize];
        let (mut line, mut kept) = (Vec::new(), BTreeMap::new());
        if oldest < i64::MAX {
            self.timeline(stream.id, resolution, &mut line);
        }
        for moment in line.into_iter().filter(|moment| moment.pane >= oldest) {
            stream.add(&mut kept, moment.pane, moment.tally);
        }
        kept
    }

    /// The times of the first and the last event of a stream that keeps them.
    pub fn extent(&self, stream: u32) -> Option<(Instant, Instant)> {
        self.total(stream)?.extent
    }

    /// The next instant after `at` at which an event of a stream leaves a window.
    pub fn next_expiry(&self, stream: u32, window: Window, at: Instant) -> Option<Instant> {
        let mut first: Option<i64> = None;
        self.within(stream, window, at, |pane, _| first = Some(first.map_or(pane, |first| first.min(pane))));
        first.map(|pane| window.expiry(pane))
    }

    /// The time of the next event that the evaluation time has not reached.
    pub fn next_pending(&self) -> Option<Instant> {
        self.pending.first().map(|pending| pending.at)
    }

    /// Visits what a window ending at `at` holds of a stream, by pane of the window's resolution.
    fn within(&self, stream: u32, window: Window, at: Instant, mut visit: impl FnMut(i64, Tally)) {
        let oldest = window.oldest(at);
        let feeds = self.feeding(stream);
        for finer in Resolution::ALL.into_iter().take(window.resolution as usize + 1) {
            let panes = &self.panes[finer as usize];
            let first = oldest.saturating_mul(window.resolution.micros() / finer.micros());
            for pane in &panes[panes.partition_point(|pane| pane.index < first)..] {
                if feeds.contains(pane.feed) {
                    visit(window.resolution.pane(pane.index * finer.micros()), pane.tally);
                }
            }
        }
    }

    /// The feeds that feed a stream.
    fn feeding(&self, stream: u32) -> Feeding<'_> {
        let first = self.feeds.iter().take(128).enumerate();
        let bits =
            first.filter(|(_, feed)| feed.feeds(stream)).fold(0, |bits, (index, _)| bits | 1_u128 << index);
        Feeding { bits, stream, feeds: &self.feeds }
    }

    fn total(&self, stream: u32) -> Option<&Total> {
        self.totals.binary_search_by_key(&stream, |total| total.stream).ok().map(|at| &self.totals[at])
    }

    /// The index of a feed, without the streams that are not live.
    fn feed(&mut self, streams: &Streams, feed: &Feed) -> u32 {
        if let Some(found) = self.feeds.iter().position(|known| known == feed) {
            return found as u32;
        }
        let feed = live(streams, feed);
        let found = self.feeds.iter().position(|known| *known == feed).unwrap_or_else(|| {
            self.feeds.push(feed);
            self.feeds.len() - 1
        });
        found as u32
    }

    /// Streams may have been dropped since the state was written; feeds that differed by them become one.
    fn forget_dropped(&mut self, streams: &Streams) {
        let lives = |id: &u32| streams.get(*id).is_some();
        self.totals.retain(|total| lives(&total.stream));
        if self.feeds.iter().all(|feed| feed.streams.iter().all(lives)) {
            return;
        }
        let old = std::mem::take(self);
        self.events = old.events;
        self.totals = old.totals;
        let feeds: Vec<u32> = old.feeds.iter().map(|feed| self.feed(streams, feed)).collect();
        let tally = |feed: u32, tally: Tally, feeds: &[Feed]| {
            if feeds[feed as usize].sums { tally } else { Tally { sum: 0, ..tally } }
        };
        for (resolution, panes) in Resolution::ALL.into_iter().zip(old.panes) {
            for pane in panes {
                let feed = feeds[pane.feed as usize];
                if !self.feeds[feed as usize].streams.is_empty() {
                    let tally = tally(feed, pane.tally, &self.feeds);
                    let _ = self.add_to_pane(resolution, pane.index, feed, tally);
                }
            }
        }
        for pending in old.pending {
            let feed = feeds[pending.feed as usize];
            if !self.feeds[feed as usize].streams.is_empty() {
                let _ = self.postpone(pending.at, feed, tally(feed, pending.tally, &self.feeds));
            }
        }
    }

    fn postpone(&mut self, at: Instant, feed: u32, tally: Tally) -> Fold {
        match self.pending.binary_search_by_key(&(at, feed), |pending| (pending.at, pending.feed)) {
            Ok(index) => {
                self.pending[index].tally.add(tally);
                let left = self.pending[index].tally;
                if left.is_empty() {
                    self.pending.remove(index);
                }
                Fold::exact_if(left.is_possible())
            }
            Err(index) => {
                self.pending.insert(index, Pending { at, feed, tally });
                Fold::exact_if(tally.is_possible())
            }
        }
    }

    fn count(&mut self, streams: &Streams, feed: &Feed, at: Instant, tally: Tally, now: Instant) -> Fold {
        let mut outcome = Fold::Exact;
        for stream in feed.streams.iter().filter_map(|id| streams.get(*id)) {
            outcome = outcome.and(self.add_to_total(stream, at, tally));
        }
        let oldest = streams.horizons(feed).oldest(now);
        if let Some(resolution) = finest(&oldest, at) {
            let feed = self.feed(streams, feed);
            outcome = outcome.and(self.add_to_pane(resolution, resolution.pane(at), feed, tally));
        }
        outcome
    }

    fn add_to_total(&mut self, stream: &Stream, at: Instant, tally: Tally) -> Fold {
        let index = match self.totals.binary_search_by_key(&stream.id, |total| total.stream) {
            Ok(index) => index,
            Err(index) => {
                self.totals.insert(index, Total { stream: stream.id, tally: Tally::default(), extent: None });
                index
            }
        };
        let total = &mut self.totals[index];
        let sum = if stream.selection.of.is_some() { tally.sum } else { 0 };
        total.tally.add(Tally { sum, ..tally });
        let mut exact = total.tally.is_possible();
        if stream.keeps_extent() {
            let (first, last) = total.extent.unwrap_or((at, at));
            // Whether the removed event was the only one of its time, totals cannot tell.
            exact &= tally.count >= 0 || total.tally.count == 0 || (at > first && at < last);
            if tally.count > 0 {
                total.extent = Some((first.min(at), last.max(at)));
            }
        }
        if total.tally.is_empty() {
            self.totals.remove(index);
        }
        Fold::exact_if(exact)
    }

    fn add_to_pane(&mut self, resolution: Resolution, index: i64, feed: u32, tally: Tally) -> Fold {
        let panes = &mut self.panes[resolution as usize];
        // Most events are the latest.
        let place = match panes.last() {
            Some(last) if (last.index, last.feed) < (index, feed) => Err(panes.len()),
            _ => panes.binary_search_by_key(&(index, feed), |pane| (pane.index, pane.feed)),
        };
        match place {
            Ok(found) => {
                panes[found].tally.add(tally);
                let left = panes[found].tally;
                if left.is_empty() {
                    panes.remove(found);
                }
                Fold::exact_if(left.is_possible())
            }
            Err(place) => {
                panes.insert(place, Pane { index, feed, tally });
                Fold::exact_if(tally.is_possible())
            }
        }
    }
}

/// Those of a state's feeds that feed one stream: a bit each for the first 128, who are looked up else.
struct Feeding<'s> {
    bits: u128,
    stream: u32,
    feeds: &'s [Feed],
}

impl Feeding<'_> {
    fn contains(&self, feed: u32) -> bool {
        if feed < 128 { self.bits >> feed & 1 == 1 } else { self.feeds[feed as usize].feeds(self.stream) }
    }
}

/// The finest resolution at which an instant is not older than what is kept.
fn finest(oldest: &[i64; 3], at: Instant) -> Option<Resolution> {
    Resolution::ALL.into_iter().find(|resolution| resolution.pane(at) >= oldest[*resolution as usize])
}

/// A feed without the streams that are not live.
fn live(streams: &Streams, feed: &Feed) -> Feed {
    let live = || feed.streams.iter().filter_map(|id| streams.get(*id));
    Feed {
        streams: live().map(|stream| stream.id).collect(),
        sums: feed.sums && live().any(|stream| stream.selection.of.is_some()),
    }
}
