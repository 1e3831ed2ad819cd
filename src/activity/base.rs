//! A large state in two parts: a base that stays as it is, and what came since.
//!
//! Whoever has much behind them would pay for all of it with each event: to read it, to look through it and to write it
//! again. So a large state is stored as a base and, beside it, a short record of what was added later, which is made one with
//! it when it has grown. Events only add to what is kept, so that every number about the state is that of the base and that of the rest
//! together; where one is removed, or a first time is looked at closely, the two are joined first.
//!
//! The record begins with the hash of the base's bytes: whoever has read those before need not read them again.

use super::hash::hash;
use super::line::Line;
use super::state::{Extent, Pane, State, Tally};
use super::stream::Streams;
use super::time::{Instant, Resolution};
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A state of more bytes is stored in two parts: about what a page takes four of, so that it lies out of line anyway.
const LARGE: usize = if cfg!(test) { 30 } else { 2_000 };

/// As many bytes of what came since lie beside the base before they are made one.
const MOST_RECENT: usize = if cfg!(test) { 40 } else { 1_000 };

/// The bytes before the record of what came since: the hash of those of the base.
const STAMP: usize = 8;

/// A state that stays as it is, with what has been read of it so far.
#[derive(Debug)]
pub struct Base {
    pub(super) state: State,
    stamp: [u8; STAMP],
    by_feed: Vec<Tally>,
    /// The lifetimes of the streams with events, by their positions.
    pub(super) totals: Vec<(u32, Tally)>,
    lines: RefCell<HashMap<(u32, Resolution), Rc<Line>>>,
}

/// What to store of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The bytes of the state or of its base; `None` where that is stored already and stays.
    pub base: Option<Vec<u8>>,
    /// What came since, where it is in two parts.
    pub recent: Option<Vec<u8>>,
}

impl Base {
    /// From its bytes and the beginning of what is stored beside it. `None` where it cannot stay as it is: events in it are
    /// still to come, or streams were dropped.
    pub fn read(bytes: &[u8], recent: &[u8], streams: &Streams) -> Result<Option<Self>> {
        let (stamp, _) = split(recent)?;
        let state = State::from_bytes(bytes, streams)?;
        if !state.pending.is_empty() || state.feeds.iter().any(|feed| !feed.is_live()) {
            return Ok(None);
        }
        let mut by_feed = vec![Tally::default(); state.feeds.len()];
        state.panes.iter().flatten().for_each(|pane| by_feed[pane.feed as usize].add(pane.tally));
        let mut totals: HashMap<u32, Tally> = HashMap::new();
        for (feed, tally) in state.feeds.iter().zip(&by_feed) {
            feed.live.iter().for_each(|position| totals.entry(*position).or_default().add(*tally));
        }
        Ok(Some(Base {
            state,
            stamp,
            by_feed,
            totals: totals.into_iter().collect(),
            lines: RefCell::default(),
        }))
    }

    /// What the record of what came since begins with.
    pub fn stamp(&self) -> &[u8] {
        &self.stamp
    }

    /// How many tallies it holds, as a measure of the memory that it takes.
    pub fn size(&self) -> usize {
        self.state.panes.iter().map(Vec::len).sum()
    }

    /// All events of a stream.
    pub(super) fn ever(&self, stream: u32) -> Tally {
        let mut sum = Tally::default();
        let feeds = self.state.feeds.iter().zip(&self.by_feed).filter(|(feed, _)| feed.feeds(stream));
        feeds.for_each(|(_, tally)| sum.add(*tally));
        sum
    }

    /// Everything kept of a stream that a window of some resolution can ask about.
    pub(super) fn line(&self, stream: u32, resolution: Resolution) -> Rc<Line> {
        let mut lines = self.lines.borrow_mut();
        let line = lines.entry((stream, resolution));
        Rc::clone(line.or_insert_with(|| Rc::new(self.state.line(stream, resolution))))
    }
}

impl State {
    /// A base with the stored form of what came since.
    pub fn over(base: Rc<Base>, recent: &[u8], streams: &Streams) -> Result<Self> {
        let (_, record) = split(recent)?;
        let mut state = State::from_bytes(record, streams)?;
        state.events += base.state.events;
        let extents = std::mem::replace(&mut state.extents, base.state.extents.clone());
        extents.into_iter().for_each(|extent| state.widen(extent));
        state.preferences.clone_from(&base.state.preferences);
        state.base = Some(base);
        Ok(state)
    }

    /// What to store of a state that has been advanced to `now`.
    pub fn stored(&mut self, streams: &Streams, now: Instant) -> Stored {
        if let Some(base) = &self.base {
            let recent = self.since(base);
            if recent.len() <= MOST_RECENT {
                return Stored { base: None, recent: Some(recent) };
            }
        }
        self.join(streams, now);
        let bytes = self.to_bytes();
        if bytes.len() <= LARGE {
            return Stored { base: Some(bytes), recent: None };
        }
        // What is still to come moves by itself and is no part of the base.
        let pending = std::mem::take(&mut self.pending);
        let base = if pending.is_empty() { bytes } else { self.to_bytes() };
        let waiting = State { feeds: self.feeds.clone(), pending, ..State::default() };
        let recent = [stamp_of(&base).as_slice(), &waiting.to_bytes()].concat();
        self.pending = waiting.pending;
        if recent.len() <= MOST_RECENT {
            Stored { base: Some(base), recent: Some(recent) }
        } else {
            Stored { base: Some(self.to_bytes()), recent: None }
        }
    }

    /// The same of the bytes of a state that stays as it is, to which this one is to be added.
    pub fn stored_beside(&self, base: &[u8]) -> Stored {
        if base.is_empty() {
            return Stored { base: Some(self.to_bytes()), recent: None };
        }
        let recent = [stamp_of(base).as_slice(), &self.to_bytes_beside()].concat();
        Stored { base: None, recent: Some(recent) }
    }

    /// Brings a state to `now` as far as it can be: one with its base, with nothing left to count or to take in.
    pub fn settle(&mut self, streams: &Streams, now: Instant) {
        self.join(streams, now);
        self.advance(streams, now);
    }

    /// Makes a state one with its base.
    pub(super) fn join(&mut self, streams: &Streams, now: Instant) {
        let Some(base) = self.base.take() else { return };
        let mut recent = std::mem::replace(self, base.state.clone());
        recent.events -= base.state.events;
        self.add(recent, false);
        self.advance(streams, now);
    }

    /// Adds what came later to a state in one part, `alone` if it knows nothing of that.
    pub(super) fn add(&mut self, later: State, alone: bool) {
        self.events += later.events;
        for extent in later.extents {
            if alone { self.widen_by(extent) } else { self.widen(extent) }
        }
        let feeds: Vec<u32> = later
            .feeds
            .iter()
            .map(|feed| {
                let known = self.feeds.iter().position(|known| known == feed);
                known.unwrap_or_else(|| {
                    self.feeds.push(Rc::clone(feed));
                    self.feeds.len() - 1
                }) as u32
            })
            .collect();
        let key = |pane: &Pane| (pane.index, pane.feed, pane.item);
        for (panes, later) in self.panes.iter_mut().zip(later.panes).filter(|(_, later)| !later.is_empty()) {
            panes.extend(later.into_iter().map(|pane| Pane { feed: feeds[pane.feed as usize], ..pane }));
            // Two sorted runs, mostly one after the other.
            panes.sort_by_key(key);
            panes.dedup_by(|pane, before| {
                let same = key(pane) == key(before);
                if same {
                    before.tally.add(pane.tally);
                }
                same
            });
        }
        for pending in later.pending {
            // Additions are always exact.
            let _ = self.postpone(pending.at, feeds[pending.feed as usize], pending.item, pending.tally);
        }
    }

    /// The stored form of what came since a base was written.
    fn since(&self, base: &Base) -> Vec<u8> {
        let known = |extent: &Extent| base.state.extents.contains(extent);
        let extents: Vec<Extent> = self.extents.iter().filter(|extent| !known(extent)).copied().collect();
        let record = self.record(self.events - base.state.events, &extents, &[]);
        [base.stamp.as_slice(), &record].concat()
    }
}

/// The hash of the base's bytes, and the record of what came since.
pub(super) fn split(recent: &[u8]) -> Result<([u8; STAMP], &[u8])> {
    let (stamp, record) = recent.split_first_chunk().ok_or(Error::Corrupt("activity"))?;
    Ok((*stamp, record))
}

fn stamp_of(bytes: &[u8]) -> [u8; STAMP] {
    hash(bytes).to_be_bytes()
}
