//! The record of one subscriber, and how an event changes it.

use super::base::Base;
use super::feed::{Entry, Feed};
use super::preference::{self, Preferences};
use super::stream::Streams;
use super::time::{Instant, Resolution};
use std::rc::Rc;

/// How many events, and the sum of their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub count: i64,
    /// In units of `10^-VALUE_SCALE`.
    pub sum: i128,
}

impl Tally {
    pub(super) fn add(&mut self, other: Tally) {
        self.count += other.count;
        self.sum += other.sum;
    }

    pub(super) fn is_empty(self) -> bool {
        self.count == 0 && self.sum == 0
    }

    /// Whether it can be the tally of some events.
    fn is_possible(self) -> bool {
        self.count > 0 || self.is_empty()
    }
}

/// The times of the first and the last event of a stream that keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub stream: u32,
    pub first: Instant,
    pub last: Instant,
    /// Of the numbers of the events at the last time, where the stream sums them.
    pub sum: i128,
}

/// The list of panes without a time: of events that no window can ask about any more.
pub(super) const EVER: usize = Resolution::ALL.len();

/// The events of one feed whose time floors to one pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pane {
    pub index: i64,
    /// An index into the state's feeds.
    pub feed: u32,
    pub item: i64,
    pub tally: Tally,
}

/// Events that the evaluation time has not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub at: Instant,
    pub feed: u32,
    pub item: i64,
    pub tally: Tally,
}

/// Whether a fold left the state exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Fold {
    Exact,
    /// A removed event may have been the first or last of its stream, which totals cannot tell, or one came before others
    /// whose order matters: the state must be computed again from the events.
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
    /// In ascending order of stream.
    pub(super) extents: Vec<Extent>,
    /// In ascending order of stream.
    pub(super) preferences: Vec<Preferences>,
    /// The feeds of panes and pending events.
    pub(super) feeds: Vec<Rc<Feed>>,
    /// By resolution, each in ascending order of index, feed and item. A pane is of the finest resolution that its feed
    /// keeps for so long; what is older than that is in the last list.
    pub(super) panes: [Vec<Pane>; EVER + 1],
    /// In ascending order of time, feed and item.
    pub(super) pending: Vec<Pending>,
    /// What all of it comes on top of, but for the number of events, the extents and the preferences, which are of both.
    pub(super) base: Option<Rc<Base>>,
}

impl State {
    /// Adds or removes events as of the evaluation time `now`, to which the state has been advanced.
    pub fn fold(&mut self, streams: &Streams, entry: &Entry, now: Instant) -> Fold {
        if entry.count <= 0 {
            // What goes may be in the base.
            self.join(streams, now);
        }
        let tally = Tally { count: entry.count, sum: entry.sum.into() };
        let feed = self.feed(streams, &entry.feed);
        if entry.at > now {
            self.postpone(entry.at, feed, entry.item, tally)
        } else {
            self.count((feed, entry.item), entry.at, tally, now)
        }
    }

    /// Counts the pending events that `now` has reached, and lets go of the detail that no window can ask about any
    /// more.
    pub fn advance(&mut self, streams: &Streams, now: Instant) {
        self.forget_dropped(streams);
        let reached = self.pending.partition_point(|pending| pending.at <= now);
        for pending in self.pending.drain(..reached).collect::<Vec<_>>() {
            // Additions never need a recomputation.
            let _ = self.count((pending.feed, pending.item), pending.at, pending.tally, now);
        }
        let oldest: Vec<[i64; Resolution::COUNT]> =
            self.feeds.iter().map(|feed| feed.horizons.oldest(now)).collect();
        for resolution in Resolution::ALL {
            let list = resolution as usize;
            let kept = |pane: &Pane| pane.index >= oldest[pane.feed as usize][list];
            if self.panes[list].iter().all(kept) {
                continue;
            }
            let (kept, aged): (Vec<Pane>, Vec<Pane>) = self.panes[list].iter().partition(|pane| kept(pane));
            self.panes[list] = kept;
            for pane in aged {
                let (list, index) = place(&oldest[pane.feed as usize], pane.index * resolution.micros());
                let _ = self.add_to_pane(list, index, (pane.feed, pane.item), pane.tally);
            }
        }
        // What lies in a base is earlier than what came since.
        if self.base.is_none() {
            self.take_in(now);
        }
    }

    /// Takes events whose order matters into what they lead to, and lets go of them.
    fn take_in(&mut self, now: Instant) {
        let exact = &mut self.panes[Resolution::Exact as usize];
        let old = exact.partition_point(|pane| pane.index < now.saturating_sub(preference::KEPT));
        let feeds = &self.feeds;
        let stream_of = |pane: &Pane| feeds[pane.feed as usize].in_order;
        if !exact[..old].iter().any(|pane| stream_of(pane).is_some()) {
            return;
        }
        let (taken, left): (Vec<Pane>, Vec<Pane>) =
            exact.drain(..old).partition(|pane| stream_of(pane).is_some());
        exact.splice(..0, left);
        for feed in 0..self.feeds.len() as u32 {
            let Some(stream) = self.feeds[feed as usize].in_order else { continue };
            let events: Vec<(Instant, i64, i64)> = taken
                .iter()
                .filter(|pane| pane.feed == feed)
                .map(|pane| (pane.index, pane.item, pane.tally.count))
                .collect();
            if events.is_empty() {
                continue;
            }
            let found = self.preferences.binary_search_by_key(&stream, |known| known.stream);
            let place = found.unwrap_or_else(|place| {
                self.preferences.insert(place, Preferences::of(stream));
                place
            });
            self.preferences[place].take_in(&events);
        }
    }

    /// The index of a feed, without the streams that are not live.
    fn feed(&mut self, streams: &Streams, feed: &Rc<Feed>) -> u32 {
        let same = |known: &Rc<Feed>, feed: &Rc<Feed>| Rc::ptr_eq(known, feed) || known == feed;
        if let Some(found) = self.feeds.iter().position(|known| same(known, feed)) {
            return found as u32;
        }
        let feed = streams.live(feed);
        let found = self.feeds.iter().position(|known| same(known, &feed)).unwrap_or_else(|| {
            self.feeds.push(feed);
            self.feeds.len() - 1
        });
        found as u32
    }

    /// Streams may have been dropped since the state was written; feeds that differed by them become one.
    fn forget_dropped(&mut self, streams: &Streams) {
        self.preferences.retain(|known| streams.get(known.stream).is_some());
        if self.feeds.iter().all(|feed| feed.is_live()) {
            return;
        }
        let old = std::mem::take(self);
        self.events = old.events;
        self.base = old.base;
        self.extents = old.extents;
        self.extents.retain(|extent| streams.get(extent.stream).is_some());
        self.preferences = old.preferences;
        let feeds: Vec<u32> = old.feeds.iter().map(|feed| self.feed(streams, feed)).collect();
        let tally = |feed: u32, tally: Tally, feeds: &[Rc<Feed>]| {
            if feeds[feed as usize].sums { tally } else { Tally { sum: 0, ..tally } }
        };
        for (list, panes) in old.panes.into_iter().enumerate() {
            for pane in panes {
                let feed = feeds[pane.feed as usize];
                if !self.feeds[feed as usize].streams.is_empty() {
                    let tally = tally(feed, pane.tally, &self.feeds);
                    let _ = self.add_to_pane(list, pane.index, (feed, pane.item), tally);
                }
            }
        }
        for pending in old.pending {
            let feed = feeds[pending.feed as usize];
            if !self.feeds[feed as usize].streams.is_empty() {
                let _ =
                    self.postpone(pending.at, feed, pending.item, tally(feed, pending.tally, &self.feeds));
            }
        }
    }

    pub(super) fn postpone(&mut self, at: Instant, feed: u32, item: i64, tally: Tally) -> Fold {
        match self.pending.binary_search_by_key(&(at, feed, item), |p| (p.at, p.feed, p.item)) {
            Ok(index) => {
                self.pending[index].tally.add(tally);
                let left = self.pending[index].tally;
                if left.is_empty() {
                    self.pending.remove(index);
                }
                Fold::exact_if(left.is_possible())
            }
            Err(index) => {
                self.pending.insert(index, Pending { at, feed, item, tally });
                Fold::exact_if(tally.is_possible())
            }
        }
    }

    fn count(&mut self, (feed, item): (u32, i64), at: Instant, tally: Tally, now: Instant) -> Fold {
        let in_order = self.feeds[feed as usize].in_order;
        if self.preferences.iter().any(|known| in_order == Some(known.stream) && at <= known.until) {
            return Fold::Recompute;
        }
        let (list, index) = place(&self.feeds[feed as usize].horizons.oldest(now), at);
        let outcome = self.add_to_pane(list, index, (feed, item), tally);
        outcome.and(self.extend(feed, at, tally))
    }

    /// Brings the first and the last times of a feed's streams up to date with events that are counted already.
    fn extend(&mut self, feed: u32, at: Instant, tally: Tally) -> Fold {
        let mut exact = true;
        let feed = Rc::clone(&self.feeds[feed as usize]);
        for (stream, sums) in feed.extending.iter().copied() {
            let sum = if sums { tally.sum } else { 0 };
            let found = self.extents.binary_search_by_key(&stream, |extent| extent.stream);
            match found {
                Ok(found) if tally.count < 0 => {
                    let extent = self.extents[found];
                    if self.ever(stream).count == 0 {
                        self.extents.remove(found);
                    } else {
                        // Whether the removed event was the only one of its time, tallies cannot tell.
                        exact &= extent.first < at && at < extent.last;
                    }
                }
                _ if tally.count > 0 => {
                    self.widen_by(Extent { stream, first: at, last: at, sum });
                }
                // What events that are there sum has changed.
                Ok(found) => {
                    let extent = &mut self.extents[found];
                    extent.sum += if at == extent.last { sum } else { 0 };
                    exact &= sum == 0 || at <= extent.last;
                }
                Err(_) => exact &= sum == 0,
            }
        }
        Fold::exact_if(exact)
    }

    /// Makes the extent of a stream reach as far as another, which knows nothing of what is there.
    pub(super) fn widen_by(&mut self, mut other: Extent) {
        let same = |known: &&Extent| known.stream == other.stream && known.last == other.last;
        other.sum += self.extents.iter().find(same).map_or(0, |known| known.sum);
        self.widen(other);
    }

    /// Makes the extent of a stream reach as far as another, which knows of all that happened last.
    pub(super) fn widen(&mut self, other: Extent) {
        match self.extents.binary_search_by_key(&other.stream, |extent| extent.stream) {
            Ok(found) => {
                let extent = &mut self.extents[found];
                extent.first = extent.first.min(other.first);
                if extent.last <= other.last {
                    (extent.last, extent.sum) = (other.last, other.sum);
                }
            }
            Err(place) => self.extents.insert(place, other),
        }
    }

    fn add_to_pane(&mut self, list: usize, index: i64, (feed, item): (u32, i64), tally: Tally) -> Fold {
        let item = if list == EVER && !self.feeds[feed as usize].horizons.ever { 0 } else { item };
        let panes = &mut self.panes[list];
        // Most events are the latest.
        let place = match panes.last() {
            Some(last) if (last.index, last.feed, last.item) < (index, feed, item) => Err(panes.len()),
            _ => panes.binary_search_by_key(&(index, feed, item), |pane| (pane.index, pane.feed, pane.item)),
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
                panes.insert(place, Pane { index, feed, item, tally });
                Fold::exact_if(tally.is_possible())
            }
        }
    }
}

/// Where events of an instant are counted: the finest list in which it is not older than what is kept, and the pane.
fn place(oldest: &[i64; Resolution::COUNT], at: Instant) -> (usize, i64) {
    let kept = |resolution: &Resolution| resolution.pane(at) >= oldest[*resolution as usize];
    match Resolution::ALL.into_iter().find(kept) {
        Some(resolution) => (resolution as usize, resolution.pane(at)),
        None => (EVER, 0),
    }
}
