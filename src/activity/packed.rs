//! Entries in few bytes, for as long as many are held in memory.

use super::codec::{Reader, Writer};
use super::feed::{Change, Entry, Feed};
use super::time::Instant;
use crate::error::Result;
use std::collections::HashMap;
use std::rc::Rc;

/// The feeds that packed entries refer to.
#[derive(Debug, Default)]
pub struct Feeds {
    all: Vec<Rc<Feed>>,
    /// By address: there is one of each.
    places: HashMap<*const Feed, u32>,
}

/// Changes to one subscriber's events, entry by entry: about nine bytes each.
#[derive(Clone, Debug)]
pub struct Packed {
    pub events: i64,
    bytes: Vec<u8>,
    last: Instant,
}

impl Feeds {
    fn place(&mut self, feed: &Rc<Feed>) -> u32 {
        *self.places.entry(Rc::as_ptr(feed)).or_insert_with(|| {
            self.all.push(Rc::clone(feed));
            self.all.len() as u32 - 1
        })
    }
}

impl Default for Packed {
    fn default() -> Self {
        // Most have several, and to make room again and again costs more than what it would save.
        Packed { events: 0, bytes: Vec::with_capacity(64), last: 0 }
    }
}

impl Packed {
    /// Adds an entry; how much more memory that takes.
    pub fn push(&mut self, entry: &Entry, feeds: &mut Feeds) -> usize {
        let before = self.bytes.capacity();
        let mut writer = Writer { bytes: std::mem::take(&mut self.bytes), unit: 1 };
        writer.unsigned(u64::from(feeds.place(&entry.feed)) << 1 | u64::from(entry.count != 1));
        writer.signed(entry.at.wrapping_sub(self.last).into());
        if entry.count != 1 {
            writer.signed(entry.count.into());
        }
        if entry.feed.sums {
            writer.signed(entry.sum.into());
        }
        if entry.feed.items {
            writer.signed(entry.item.into());
        }
        (self.bytes, self.last) = (writer.bytes, entry.at);
        self.bytes.capacity() - before
    }

    pub fn size(&self) -> usize {
        self.bytes.capacity()
    }

    pub fn unpack(&self, feeds: &Feeds) -> Result<Change> {
        let many = usize::try_from(self.events).unwrap_or(0);
        let mut change = Change { events: self.events, entries: Vec::with_capacity(many) };
        let mut reader = Reader { bytes: &self.bytes, unit: 1 };
        let mut last: Instant = 0;
        while !reader.bytes.is_empty() {
            let head = reader.unsigned()?;
            let feed = feeds.all.get((head >> 1) as usize).ok_or_else(super::codec::corrupt)?;
            last = last.wrapping_add(reader.integer()?);
            let count = if head & 1 == 0 { 1 } else { reader.integer()? };
            let sum = if feed.sums { reader.integer()? } else { 0 };
            let item = if feed.items { reader.integer()? } else { 0 };
            change.entries.push(Entry { feed: Rc::clone(feed), at: last, count, sum, item });
        }
        Ok(change)
    }
}
