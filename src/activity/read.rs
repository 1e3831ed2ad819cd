//! What a state says about its streams.

use super::feed::Feed;
use super::line::{Line, coarsen};
use super::preference::Preferences;
use super::state::{State, Tally};
use super::stream::{Stream, Streams};
use super::time::{Instant, Resolution, Window};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The lifetimes of a state's streams, by their positions among all. The memory of one serves for the next.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    by_position: Vec<Total>,
    /// The positions of the streams with events.
    met: Vec<u32>,
    by_feed: Vec<Tally>,
}

/// The lifetime of one stream.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    tally: Tally,
    /// The feeds that it comes from, as in [`Feeding`].
    feeds: u128,
}

impl Totals {
    /// The positions of the streams with events, each with all of them.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Tally)> + '_ {
        self.met.iter().map(|position| (*position as usize, self.by_position[*position as usize].tally))
    }

    /// Whether the stream at a position has events.
    pub fn has(&self, position: usize) -> bool {
        self.by_position.get(position).is_some_and(|total| !total.tally.is_empty())
    }

    /// Everything that a state, whose totals these are, keeps of a stream and a window of some resolution can ask
    /// about, into `line`.
    pub fn line(&self, state: &State, stream: u32, position: usize, resolution: Resolution, line: &mut Line) {
        let bits = self.by_position[position].feeds;
        state.fill(Feeding { bits, stream, feeds: &state.feeds }, resolution, line);
    }
}

impl State {
    /// The events of a stream within a window ending at `at`, which must not lie before the last [`advance`].
    ///
    /// [`advance`]: State::advance
    pub fn tally(&self, stream: u32, window: Option<Window>, at: Instant) -> Tally {
        match window {
            Some(window) => self.line(stream, window.resolution).tally(window, at),
            None => self.ever(stream),
        }
    }

    /// All events of a stream.
    pub fn ever(&self, stream: u32) -> Tally {
        let feeds = self.feeding(stream);
        let mut sum = self.base.as_ref().map_or_else(Tally::default, |base| base.ever(stream));
        let panes = self.panes.iter().flatten().filter(|pane| feeds.contains(pane.feed));
        panes.for_each(|pane| sum.add(pane.tally));
        sum
    }

    /// The lifetime of every stream with events, into `totals`.
    pub fn totals(&self, totals: &mut Totals) {
        let Totals { by_position, met, by_feed } = totals;
        met.drain(..).for_each(|position| by_position[position as usize] = Total::default());
        let mut add = |position: u32, tally: Tally, feeds: u128| {
            if by_position.len() <= position as usize {
                by_position.resize(position as usize + 1, Total::default());
            }
            let total = &mut by_position[position as usize];
            if total.tally.is_empty() {
                met.push(position);
            }
            total.tally.add(tally);
            total.feeds |= feeds;
        };
        let base = self.base.iter().flat_map(|base| &base.totals);
        base.for_each(|(position, tally)| add(*position, *tally, 0));
        by_feed.clear();
        by_feed.resize(self.feeds.len(), Tally::default());
        self.panes.iter().flatten().for_each(|pane| by_feed[pane.feed as usize].add(pane.tally));
        for (index, (feed, tally)) in self.feeds.iter().zip(by_feed).enumerate() {
            if tally.is_empty() {
                continue;
            }
            let bit = 1_u128.checked_shl(index as u32).unwrap_or(0);
            feed.live.iter().for_each(|position| add(*position, *tally, bit));
        }
    }

    /// Everything kept of a stream that a window of some resolution can ask about.
    pub fn line(&self, stream: u32, resolution: Resolution) -> Line {
        let mut line = Line::default();
        self.read_line(stream, resolution, &mut line);
        line
    }

    /// The same into a line that was there.
    pub fn read_line(&self, stream: u32, resolution: Resolution, line: &mut Line) {
        self.fill(self.feeding(stream), resolution, line);
    }

    fn fill(&self, feeds: Feeding, resolution: Resolution, line: &mut Line) {
        line.base = self.base.as_ref().map(|base| base.line(feeds.stream, resolution));
        // The coarser hold what is older.
        let lists = Resolution::ALL.into_iter().take(resolution as usize + 1).rev();
        line.fill(lists.flat_map(|finer| {
            let panes = self.panes[finer as usize].iter().filter(|pane| feeds.contains(pane.feed));
            panes.map(move |pane| (coarsen(pane.index, finer, resolution), pane.tally))
        }));
    }

    /// The times of the events of a stream that are kept exactly, from an instant on, in order.
    pub fn times(&self, stream: u32, from: Instant) -> Vec<Instant> {
        let feeds = self.feeding(stream);
        let panes = &self.panes[Resolution::Exact as usize];
        let recent = &panes[panes.partition_point(|pane| pane.index < from)..];
        let mut times = self.base.as_ref().map_or_else(Vec::new, |base| base.state.times(stream, from));
        times.extend(recent.iter().filter(|pane| feeds.contains(pane.feed)).map(|pane| pane.index));
        times.sort_unstable();
        times.dedup();
        times
    }

    /// The items of a stream that keeps them, each with the first instants of the panes, of some resolutions, that it lies
    /// in, the earliest instant of all where it is older than everything that a window of that resolution can ask about, and how
    /// often it is there.
    pub fn items<const N: usize>(
        &self,
        stream: u32,
        resolutions: [Resolution; N],
    ) -> Vec<([Instant; N], i64, i64)> {
        let feeds = self.feeding(stream);
        let mut items =
            self.base.as_ref().map_or_else(Vec::new, |base| base.state.items(stream, resolutions));
        for (list, panes) in self.panes.iter().enumerate() {
            for pane in panes.iter().filter(|pane| feeds.contains(pane.feed)) {
                let begin = |resolution: Resolution| match Resolution::ALL.get(list) {
                    Some(finer) if *finer <= resolution => {
                        coarsen(pane.index, *finer, resolution) * resolution.micros()
                    }
                    _ => Instant::MIN,
                };
                items.push((resolutions.map(begin), pane.item, pane.tally.count));
            }
        }
        items
    }

    /// Whether both say the same about every stream at `at`, to which they have been advanced. Streams that were dropped may
    /// have left apart what is counted together otherwise, so that equal bytes are not to be expected.
    pub fn agrees(&self, other: &State, streams: &Streams, at: Instant) -> bool {
        self.events == other.events
            && self.extents == other.extents
            && self.preferences == other.preferences
            && streams.as_slice().iter().all(|stream| {
                self.ever_of(stream) == other.ever_of(stream)
                    && self.pending_of(stream) == other.pending_of(stream)
                    && Resolution::ALL.into_iter().all(|resolution| {
                        self.kept_of(stream, resolution, at) == other.kept_of(stream, resolution, at)
                    })
            })
    }

    fn ever_of(&self, stream: &Stream) -> Tally {
        stream.seen(self.ever(stream.id))
    }

    fn pending_of(&self, stream: &Stream) -> BTreeMap<(Instant, i64), Tally> {
        let feeds = self.feeding(stream.id);
        let mut pending = BTreeMap::new();
        for waiting in self.pending.iter().filter(|waiting| feeds.contains(waiting.feed)) {
            stream.add(&mut pending, (waiting.at, waiting.item), waiting.tally);
        }
        pending
    }

    fn kept_of(&self, stream: &Stream, resolution: Resolution, at: Instant) -> BTreeMap<(i64, i64), Tally> {
        let oldest = stream.horizons.oldest(at)[resolution as usize];
        let feeds = self.feeding(stream.id);
        let mut kept = BTreeMap::new();
        for finer in Resolution::ALL.into_iter().take(resolution as usize + 1) {
            for pane in self.panes[finer as usize].iter().filter(|pane| feeds.contains(pane.feed)) {
                let index = coarsen(pane.index, finer, resolution);
                if index >= oldest {
                    stream.add(&mut kept, (index, pane.item), pane.tally);
                }
            }
        }
        kept
    }

    /// The times of the first and the last event of a stream that keeps them.
    pub fn extent(&self, stream: u32) -> Option<(Instant, Instant)> {
        let extent = self.extents.iter().find(|extent| extent.stream == stream)?;
        Some((extent.first, extent.last))
    }

    /// The sum of the numbers of the last event of a stream that keeps its time, or of the several at that time.
    pub fn latest(&self, stream: u32) -> Option<i128> {
        self.extents.iter().find(|extent| extent.stream == stream).map(|extent| extent.sum)
    }

    /// What is made of a value, by its hash, by the events of a stream for which the order matters.
    pub fn preference(&self, stream: u32, hash: i64) -> f64 {
        let of = |state: &State| {
            let feeds = state.feeding(stream);
            let panes = state.panes[Resolution::Exact as usize].iter();
            let own = panes.filter(|pane| feeds.contains(pane.feed));
            own.map(|pane| (pane.index, pane.item, pane.tally.count)).collect::<Vec<_>>()
        };
        let mut events = self.base.as_ref().map_or_else(Vec::new, |base| of(&base.state));
        events.extend(of(self));
        events.sort_unstable();
        match self.preferences.iter().find(|known| known.stream == stream) {
            Some(known) => known.after(&events, hash),
            None => Preferences::of(stream).after(&events, hash),
        }
    }

    /// The time of the next event that the evaluation time has not reached.
    pub fn next_pending(&self) -> Option<Instant> {
        self.pending.first().map(|pending| pending.at)
    }

    /// The feeds that feed a stream.
    fn feeding(&self, stream: u32) -> Feeding<'_> {
        let first = self.feeds.iter().take(128).enumerate();
        let bits =
            first.filter(|(_, feed)| feed.feeds(stream)).fold(0, |bits, (index, _)| bits | 1_u128 << index);
        Feeding { bits, stream, feeds: &self.feeds }
    }
}

impl Stream {
    /// A tally as this stream sees it.
    fn seen(&self, tally: Tally) -> Tally {
        let sums = self.selection.of.is_some() && self.selection.keep.sums();
        if sums { tally } else { Tally { sum: 0, ..tally } }
    }

    fn add<K: Ord + Copy>(&self, tallies: &mut BTreeMap<K, Tally>, key: K, tally: Tally) {
        let entry = tallies.entry(key).or_default();
        entry.add(self.seen(tally));
        if entry.is_empty() {
            tallies.remove(&key);
        }
    }
}

/// Those of a state's feeds that feed one stream: a bit each for the first 128, who are looked up else.
struct Feeding<'s> {
    bits: u128,
    stream: u32,
    feeds: &'s [Rc<Feed>],
}

impl Feeding<'_> {
    fn contains(&self, feed: u32) -> bool {
        if feed < 128 { self.bits >> feed & 1 == 1 } else { self.feeds[feed as usize].feeds(self.stream) }
    }
}
