//! The record of one subscriber, and how an event changes it.

use super::stream::Stream;
use super::time::{Instant, Resolution, Window};

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
}

/// An event's contribution to one stream; a removed event contributes negatively.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub stream: u32,
    pub at: Instant,
    pub count: i64,
    pub sum: i64,
}

/// The tally of the events of one pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pane {
    pub index: i64,
    pub tally: Tally,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub stream: u32,
    pub total: Tally,
    pub first: Instant,
    pub last: Instant,
    /// By resolution, each in ascending order of index.
    pub panes: [Vec<Pane>; 3],
}

/// An event that the evaluation time has not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub at: Instant,
    pub stream: u32,
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

/// What a subscriber did, as of an evaluation time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Event rows in all attached sources, of whatever type and time; nobody without any is a subscriber.
    pub events: i64,
    /// Records with events, in ascending order of stream.
    pub(super) records: Vec<Record>,
    /// In ascending order of time and stream.
    pub(super) pending: Vec<Pending>,
}

impl State {
    /// Adds or removes an event as of the evaluation time `now`.
    pub fn fold(&mut self, streams: &[Stream], entry: Entry, now: Instant) -> Fold {
        let Some(stream) = find(streams, entry.stream) else { return Fold::Exact };
        let tally = Tally { count: entry.count, sum: i128::from(entry.sum) };
        if entry.at > now {
            self.postpone(entry.at, entry.stream, tally)
        } else {
            self.count(stream, entry.at, tally, now)
        }
    }

    /// Counts the pending events that `now` has reached and drops the panes that no window reads any more.
    pub fn advance(&mut self, streams: &[Stream], now: Instant) {
        let reached = self.pending.partition_point(|pending| pending.at <= now);
        for pending in self.pending.drain(..reached).collect::<Vec<_>>() {
            if let Some(stream) = find(streams, pending.stream) {
                // Additions never need a recomputation.
                let _ = self.count(stream, pending.at, pending.tally, now);
            }
        }
        self.pending.retain(|pending| find(streams, pending.stream).is_some());
        self.records.retain_mut(|record| match find(streams, record.stream) {
            None => false,
            Some(stream) => {
                for resolution in Resolution::ALL {
                    let panes = &mut record.panes[resolution as usize];
                    match stream.horizons.oldest(resolution, now) {
                        None => panes.clear(),
                        Some(oldest) => {
                            panes.drain(..panes.partition_point(|pane| pane.index < oldest)).for_each(drop)
                        }
                    }
                }
                true
            }
        });
    }

    /// The events of a stream within a window ending at `at`, which must not lie before the last [`advance`].
    ///
    /// [`advance`]: State::advance
    pub fn tally(&self, stream: u32, window: Option<Window>, at: Instant) -> Tally {
        let Some(record) = self.record(stream) else { return Tally::default() };
        let Some(window) = window else { return record.total };
        let mut tally = Tally::default();
        for pane in record.within(window, at) {
            tally.add(pane.tally);
        }
        tally
    }

    /// The events of a stream on each UTC day that has any, within a window ending at `at`.
    pub fn daily_counts(&self, stream: u32, window: Window, at: Instant) -> Vec<i64> {
        let mut days: Vec<(i64, i64)> = Vec::new();
        for pane in self.record(stream).into_iter().flat_map(|record| record.within(window, at)) {
            let day = (pane.index * window.resolution.micros()).div_euclid(super::DAY);
            match days.last_mut() {
                Some((last, count)) if *last == day => *count += pane.tally.count,
                _ => days.push((day, pane.tally.count)),
            }
        }
        days.into_iter().map(|(_, count)| count).collect()
    }

    /// The times of the first and the last event of a stream.
    pub fn extent(&self, stream: u32) -> Option<(Instant, Instant)> {
        self.record(stream).map(|record| (record.first, record.last))
    }

    /// The next instant after `at` at which an event of a stream leaves a window.
    pub fn next_expiry(&self, stream: u32, window: Window, at: Instant) -> Option<Instant> {
        let record = self.record(stream)?;
        record.within(window, at).next().map(|pane| window.expiry(pane.index))
    }

    /// The time of the next event that the evaluation time has not reached.
    pub fn next_pending(&self) -> Option<Instant> {
        self.pending.first().map(|pending| pending.at)
    }

    fn record(&self, stream: u32) -> Option<&Record> {
        self.records.binary_search_by_key(&stream, |record| record.stream).ok().map(|at| &self.records[at])
    }

    fn postpone(&mut self, at: Instant, stream: u32, tally: Tally) -> Fold {
        match self.pending.binary_search_by_key(&(at, stream), |pending| (pending.at, pending.stream)) {
            Ok(index) => {
                self.pending[index].tally.add(tally);
                let left = self.pending[index].tally;
                if left.is_empty() {
                    self.pending.remove(index);
                }
                if left.count < 0 { Fold::Recompute } else { Fold::Exact }
            }
            Err(index) => {
                self.pending.insert(index, Pending { at, stream, tally });
                if tally.count < 0 { Fold::Recompute } else { Fold::Exact }
            }
        }
    }

    fn count(&mut self, stream: &Stream, at: Instant, tally: Tally, now: Instant) -> Fold {
        let index = match self.records.binary_search_by_key(&stream.id, |record| record.stream) {
            Ok(index) => index,
            Err(index) => {
                self.records.insert(index, Record::new(stream.id, at));
                index
            }
        };
        let record = &mut self.records[index];
        record.total.add(tally);
        for resolution in Resolution::ALL {
            let pane = resolution.pane(at);
            if stream.horizons.oldest(resolution, now).is_some_and(|oldest| pane >= oldest) {
                record.add_to_pane(resolution, pane, tally);
            }
        }
        let was_extreme = at <= record.first || at >= record.last;
        if tally.count > 0 {
            record.first = record.first.min(at);
            record.last = record.last.max(at);
        }
        if record.total.count == 0 {
            let consistent = record.total.is_empty() && record.panes.iter().all(Vec::is_empty);
            self.records.remove(index);
            return if consistent { Fold::Exact } else { Fold::Recompute };
        }
        if tally.count < 0 && was_extreme { Fold::Recompute } else { Fold::Exact }
    }
}

impl Record {
    fn new(stream: u32, at: Instant) -> Self {
        Record { stream, total: Tally::default(), first: at, last: at, panes: Default::default() }
    }

    fn add_to_pane(&mut self, resolution: Resolution, index: i64, tally: Tally) {
        let panes = &mut self.panes[resolution as usize];
        match panes.binary_search_by_key(&index, |pane| pane.index) {
            Ok(found) => {
                panes[found].tally.add(tally);
                if panes[found].tally.is_empty() {
                    panes.remove(found);
                }
            }
            Err(place) => panes.insert(place, Pane { index, tally }),
        }
    }

    /// The panes that count at `at`, oldest first.
    fn within(&self, window: Window, at: Instant) -> impl Iterator<Item = &Pane> {
        let panes = &self.panes[window.resolution as usize];
        panes[panes.partition_point(|pane| pane.index < window.oldest(at))..].iter()
    }
}

/// Streams are few and sorted by id.
fn find(streams: &[Stream], id: u32) -> Option<&Stream> {
    streams.binary_search_by_key(&id, |stream| stream.id).ok().map(|index| &streams[index])
}
