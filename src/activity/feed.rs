//! What one event adds to a state.

use super::stream::{Horizons, Streams};
use super::time::Instant;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The streams that an event feeds together. A state keeps the events of a feed once, however many streams read
/// them; an event whose streams sum different numbers has a feed for each number. [`Streams::feed`] makes them.
///
/// [`Streams::feed`]: super::Streams::feed
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// In ascending order of id.
    pub(super) streams: Box<[u32]>,
    /// Whether some of them sum a number, the same one.
    pub(super) sums: bool,
    /// Whether each event has an item, which they keep.
    pub(super) items: bool,
    /// The positions of those that are live.
    pub(super) live: Box<[u32]>,
    /// The ids of those of them whose first and last events are kept, and whether they sum the number.
    pub(super) extending: Vec<(u32, bool)>,
    /// The one for which the order of events matters, if there is one; it has its own feed.
    pub(super) in_order: Option<u32>,
    /// How far back it is kept: as far as any of its live streams.
    pub(super) horizons: Horizons,
}

impl Feed {
    pub fn feeds(&self, stream: u32) -> bool {
        self.streams.binary_search(&stream).is_ok()
    }

    /// Whether none of its streams was dropped.
    pub(super) fn is_live(&self) -> bool {
        self.live.len() == self.streams.len()
    }

    fn key(&self) -> (&[u32], bool, bool) {
        (&self.streams, self.sums, self.items)
    }
}

impl PartialEq for Feed {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Feed {}

impl PartialOrd for Feed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Feed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// The contribution of an event, or of equal ones, to the streams of a feed; a removed event contributes negatively.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub feed: Rc<Feed>,
    pub at: Instant,
    pub count: i64,
    /// In units of `10^-VALUE_SCALE`.
    pub sum: i64,
    /// A number in the same units, or the hash of a value, where the feed has items.
    pub item: i64,
}

/// Changes to one subscriber's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Event rows gained, or lost.
    pub events: i64,
    pub entries: Vec<Entry>,
}

impl Change {
    pub fn add(&mut self, other: Change) {
        self.events += other.events;
        if self.entries.is_empty() {
            self.entries = other.entries;
        } else {
            self.entries.extend(other.entries);
        }
    }

    /// Whether events are removed.
    pub fn removes(&self) -> bool {
        self.entries.iter().any(|entry| entry.count < 0)
    }

    /// Whether what it makes of no state can be added to any: nothing is removed, and no order matters.
    pub fn only_adds(&self) -> bool {
        self.entries.iter().all(|entry| entry.count > 0 && entry.feed.in_order.is_none())
    }

    /// What some streams know of it, which were perhaps not all when it was made.
    pub fn within(&self, streams: &Streams) -> Change {
        let known = |entry: &Entry| {
            let feed = streams.live(&entry.feed);
            let sum = if feed.sums { entry.sum } else { 0 };
            (!feed.streams.is_empty()).then(|| Entry { feed, sum, ..entry.clone() })
        };
        Change { events: self.events, entries: self.entries.iter().filter_map(known).collect() }
    }

    /// Sums what is added to and removed from the same feed at the same time, so that an event that was removed and
    /// added again as it was leaves nothing; what is added comes before what is removed.
    pub fn settle(&mut self) {
        if self.entries.iter().all(|entry| entry.count > 0) {
            return;
        }
        let mut sums: BTreeMap<(Instant, Rc<Feed>, i64), (i64, i128)> = BTreeMap::new();
        for entry in self.entries.drain(..) {
            let sum = sums.entry((entry.at, entry.feed, entry.item)).or_default();
            sum.0 += entry.count;
            sum.1 += i128::from(entry.sum);
        }
        for ((at, feed, item), (count, sum)) in sums {
            let mut rest = sum;
            // A sum of many can exceed what one entry holds.
            while count != 0 && i64::try_from(rest).is_err() {
                let part = if rest > 0 { i64::MAX } else { -i64::MAX };
                self.entries.push(Entry { feed: Rc::clone(&feed), at, count: 0, sum: part, item });
                rest -= i128::from(part);
            }
            let rest = i64::try_from(rest).unwrap_or(0);
            if count != 0 || rest != 0 {
                self.entries.push(Entry { feed, at, count, sum: rest, item });
            }
        }
        self.entries.sort_by_key(|entry| entry.count < 0);
    }
}
