//! The stored form of a [`State`] and of a [`Change`]: a version byte, then variable-length integers, differences where
//! values grow.

use super::base::split;
use super::feed::{Change, Entry, Feed};
use super::preference::Preferences;
use super::state::{Extent, Pane, Pending, State, Tally};
use super::stream::Streams;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::rc::Rc;

const VERSION: u8 = 5;

/// In its place, what comes after a base knows nothing of that.
const BESIDE: u8 = 6;

/// Sums are stored without their common trailing zeros, up to so many.
const MOST_ZEROS: u8 = 6;

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl State {
    /// Of a state in one part. Equal states give equal bytes. Nobody without events needs any.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.record(self.events, &self.extents, &self.preferences)
    }

    /// The bytes of its panes and of what is to come, with so many events and the extents and preferences of some streams.
    pub(super) fn record(&self, events: i64, extents: &[Extent], preferences: &[Preferences]) -> Vec<u8> {
        let order = self.feed_order();
        if events == 0 && order.is_empty() {
            return Vec::new();
        }
        let zeros = self.common_zeros();
        let mut writer = Writer { bytes: Vec::with_capacity(256), unit: 10_i64.pow(zeros.into()) };
        writer.bytes.extend([VERSION, zeros]);
        writer.signed(events.into());
        writer.length(order.len());
        order.iter().for_each(|feed| {
            let feed = &self.feeds[*feed as usize];
            writer.feed(&feed.streams, feed.sums, feed.items);
        });
        writer.length(extents.len());
        for extent in extents {
            writer.unsigned(extent.stream.into());
            writer.signed(extent.first.into());
            writer.unsigned(extent.last.wrapping_sub(extent.first) as u64);
            writer.sum(extent.sum);
        }
        writer.length(preferences.len());
        for Preferences { stream, until, values } in preferences {
            writer.unsigned((*stream).into());
            writer.signed((*until).into());
            writer.length(values.len());
            for (hash, value) in values {
                writer.bytes.extend(hash.to_le_bytes());
                writer.bytes.extend(value.to_le_bytes());
            }
        }
        // Feeds by their place in the written order.
        let mut place = vec![0_u32; self.feeds.len()];
        order.iter().zip(0..).for_each(|(feed, written)| place[*feed as usize] = written);
        let in_order = order.is_sorted();
        for panes in &self.panes {
            let mut sorted = Vec::new();
            let panes = if in_order {
                panes
            } else {
                sorted.clone_from(panes);
                sorted.sort_unstable_by_key(|pane| (pane.index, place[pane.feed as usize], pane.item));
                &sorted
            };
            writer.length(panes.len());
            let mut previous = None;
            for pane in panes {
                match previous {
                    None => writer.signed(pane.index.into()),
                    Some(previous) => writer.unsigned((pane.index - previous) as u64),
                }
                previous = Some(pane.index);
                let feed = &self.feeds[pane.feed as usize];
                writer.tally(place[pane.feed as usize], feed, pane.item, pane.tally);
            }
        }
        let mut pending = self.pending.clone();
        pending.sort_unstable_by_key(|pending| (pending.at, place[pending.feed as usize], pending.item));
        writer.length(pending.len());
        for pending in &pending {
            writer.signed(pending.at.into());
            let feed = &self.feeds[pending.feed as usize];
            writer.tally(place[pending.feed as usize], feed, pending.item, pending.tally);
        }
        writer.bytes
    }

    /// Its bytes, to lie beside those of a state that it is to be added to.
    pub(super) fn to_bytes_beside(&self) -> Vec<u8> {
        let mut bytes = self.to_bytes();
        bytes.iter_mut().take(1).for_each(|version| *version = BESIDE);
        bytes
    }

    /// What some streams read of the state that was written, in one part or in two, the one after the other; or an error for
    /// bytes that no version wrote.
    pub fn from_bytes(bytes: &[u8], streams: &Streams) -> Result<Self> {
        if bytes.first() == Some(&BESIDE) {
            return Err(corrupt());
        }
        let (mut state, rest) = Self::read_record(bytes, streams)?;
        if !rest.is_empty() {
            let (_, recent) = split(rest)?;
            let (later, rest) = Self::read_record(recent, streams)?;
            if !rest.is_empty() {
                return Err(corrupt());
            }
            state.add(later, recent.first() == Some(&BESIDE));
        }
        Ok(state)
    }

    /// One part, and what follows it.
    fn read_record<'a>(bytes: &'a [u8], streams: &Streams) -> Result<(Self, &'a [u8])> {
        if bytes.is_empty() {
            return Ok((State::default(), bytes));
        }
        let [VERSION | BESIDE, zeros @ 0..=MOST_ZEROS, rest @ ..] = bytes else { return Err(corrupt()) };
        let mut reader = Reader { bytes: rest, unit: 10_i64.pow((*zeros).into()) };
        let mut state = State { events: reader.integer()?, ..State::default() };
        let feeds = reader.length()?;
        state.feeds.reserve(feeds);
        for _ in 0..feeds {
            state.feeds.push(reader.feed(streams)?);
        }
        let narrow = state.feeds.iter().any(|feed| feed.live.is_empty());
        for _ in 0..reader.length()? {
            let stream = u32::try_from(reader.unsigned()?).map_err(|_| corrupt())?;
            let first: i64 = reader.integer()?;
            let length = i64::try_from(reader.unsigned()?).map_err(|_| corrupt())?;
            let last = first.checked_add(length).ok_or_else(corrupt)?;
            let sum = reader.sum()?;
            if streams.get(stream).is_some() {
                state.extents.push(Extent { stream, first, last, sum });
            }
        }
        for _ in 0..reader.length()? {
            let stream = u32::try_from(reader.unsigned()?).map_err(|_| corrupt())?;
            let (until, mut values) = (reader.integer()?, BTreeMap::new());
            for _ in 0..reader.length()? {
                values.insert(i64::from_le_bytes(reader.word()?), f64::from_le_bytes(reader.word()?));
            }
            if streams.get(stream).is_some() {
                state.preferences.push(Preferences { stream, until, values });
            }
        }
        for list in 0..state.panes.len() {
            let panes = reader.length()?;
            if !narrow {
                state.panes[list].reserve(panes);
            }
            let mut index = 0_i64;
            for pane in 0..panes {
                index = if pane == 0 {
                    reader.integer()?
                } else {
                    let step = i64::try_from(reader.unsigned()?).map_err(|_| corrupt())?;
                    index.checked_add(step).ok_or_else(corrupt)?
                };
                if let Some((feed, item, tally)) = reader.tally(&state.feeds)? {
                    state.panes[list].push(Pane { index, feed, item, tally });
                }
            }
        }
        for _ in 0..reader.length()? {
            let at = reader.integer()?;
            if let Some((feed, item, tally)) = reader.tally(&state.feeds)? {
                state.pending.push(Pending { at, feed, item, tally });
            }
        }
        Ok((state, reader.bytes))
    }

    /// The feeds that something refers to, in their own order, so that equal states have equal dictionaries.
    fn feed_order(&self) -> Vec<u32> {
        let mut used = vec![false; self.feeds.len()];
        self.panes.iter().flatten().for_each(|pane| used[pane.feed as usize] = true);
        self.pending.iter().for_each(|pending| used[pending.feed as usize] = true);
        let mut order: Vec<u32> = (0..self.feeds.len() as u32).filter(|feed| used[*feed as usize]).collect();
        order.sort_by(|a, b| self.feeds[*a as usize].cmp(&self.feeds[*b as usize]));
        order
    }

    /// How many trailing decimal zeros all sums have.
    fn common_zeros(&self) -> u8 {
        let panes = self.panes.iter().flatten().map(|pane| pane.tally.sum);
        let pending = self.pending.iter().map(|pending| pending.tally.sum);
        let latest = self.extents.iter().map(|extent| extent.sum);
        let mut zeros = MOST_ZEROS;
        for sum in panes.chain(pending).chain(latest).filter(|sum| *sum != 0) {
            let divides = |unit: i64| match i64::try_from(sum) {
                Ok(sum) => sum % unit == 0,
                Err(_) => sum % i128::from(unit) == 0,
            };
            while zeros > 0 && !divides(10_i64.pow(zeros.into())) {
                zeros -= 1;
            }
            if zeros == 0 {
                break;
            }
        }
        zeros
    }
}

impl Change {
    /// For the queue.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer { bytes: vec![VERSION], unit: 1 };
        writer.signed(self.events.into());
        writer.length(self.entries.len());
        for entry in &self.entries {
            writer.feed(&entry.feed.streams, entry.feed.sums, entry.feed.items);
            writer.signed(entry.at.into());
            writer.signed(entry.count.into());
            writer.signed(entry.sum.into());
            writer.signed(entry.item.into());
        }
        writer.bytes
    }

    pub fn from_bytes(bytes: &[u8], streams: &Streams) -> Result<Self> {
        let [VERSION, rest @ ..] = bytes else { return Err(corrupt()) };
        let mut reader = Reader { bytes: rest, unit: 1 };
        let mut change = Change { events: reader.integer()?, entries: Vec::new() };
        for _ in 0..reader.length()? {
            change.entries.push(Entry {
                feed: reader.feed(streams)?,
                at: reader.integer()?,
                count: reader.integer()?,
                sum: reader.integer()?,
                item: reader.integer()?,
            });
        }
        if reader.bytes.is_empty() { Ok(change) } else { Err(corrupt()) }
    }
}

/// The stored form of a feed: how many streams, whether they have items and sums, then their ids.
pub(super) fn feed_bytes(streams: &[u32], sums: bool, items: bool) -> Vec<u8> {
    let mut writer = Writer { bytes: Vec::new(), unit: 1 };
    writer.feed(streams, sums, items);
    writer.bytes
}

/// The streams of a feed by its stored form.
fn feed_ids(bytes: &[u8]) -> Option<Box<[u32]>> {
    let mut reader = Reader { bytes, unit: 1 };
    reader.unsigned().ok()?;
    let (mut stream, mut ids) = (0_u32, Vec::new());
    while !reader.bytes.is_empty() {
        stream = stream.checked_add(u32::try_from(reader.unsigned().ok()?).ok()?)?;
        ids.push(stream);
    }
    Some(ids.into())
}

pub(super) fn corrupt() -> Error {
    Error::Corrupt("activity")
}

pub(super) struct Writer {
    pub bytes: Vec<u8>,
    pub unit: i64,
}

impl Writer {
    pub fn unsigned(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn length(&mut self, length: usize) {
        self.unsigned(length as u64);
    }

    pub fn signed(&mut self, value: i128) {
        let mut rest = ((value << 1) ^ (value >> 127)) as u128;
        while rest > u128::from(u64::MAX) {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.unsigned(rest as u64);
    }

    fn sum(&mut self, sum: i128) {
        match i64::try_from(sum) {
            Ok(sum) => self.signed((sum / self.unit).into()),
            Err(_) => self.signed(sum / i128::from(self.unit)),
        }
    }

    fn feed(&mut self, streams: &[u32], sums: bool, items: bool) {
        self.unsigned((streams.len() as u64) << 2 | u64::from(items) << 1 | u64::from(sums));
        let mut previous = 0;
        for stream in streams {
            self.unsigned((stream - previous).into());
            previous = *stream;
        }
    }

    /// Most tallies are of one event.
    fn tally(&mut self, place: u32, feed: &Feed, item: i64, tally: Tally) {
        self.unsigned(u64::from(place) << 1 | u64::from(tally.count != 1));
        if tally.count != 1 {
            self.signed(tally.count.into());
        }
        if feed.sums {
            self.sum(tally.sum);
        }
        if feed.items {
            self.signed(item.into());
        }
    }
}

pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
    pub unit: i64,
}

impl<'a> Reader<'a> {
    /// Some bytes, before which their number stands.
    pub fn slice(&mut self) -> Result<&'a [u8]> {
        let length = self.length()?;
        let (slice, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        Ok(slice)
    }

    fn byte(&mut self) -> Result<u8> {
        let (byte, rest) = self.bytes.split_first().ok_or_else(corrupt)?;
        self.bytes = rest;
        Ok(*byte)
    }

    fn word(&mut self) -> Result<[u8; 8]> {
        let (word, rest) = self.bytes.split_first_chunk().ok_or_else(corrupt)?;
        self.bytes = rest;
        Ok(*word)
    }

    pub fn unsigned(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                let fits = shift < 63 || byte <= 1;
                return if fits { Ok(value) } else { Err(corrupt()) };
            }
        }
        Err(corrupt())
    }

    fn signed(&mut self) -> Result<i128> {
        let start = self.bytes;
        // Most fit a word.
        if let Ok(value) = self.unsigned() {
            return Ok(((value >> 1) as i64 ^ -((value & 1) as i64)).into());
        }
        self.bytes = start;
        let mut value = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            value |= u128::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1) as i128 ^ -((value & 1) as i128));
            }
        }
        Err(corrupt())
    }

    pub fn integer(&mut self) -> Result<i64> {
        i64::try_from(self.signed()?).map_err(|_| corrupt())
    }

    fn sum(&mut self) -> Result<i128> {
        self.signed()?.checked_mul(self.unit.into()).ok_or_else(corrupt)
    }

    /// A number of items, each of which takes at least a byte.
    fn length(&mut self) -> Result<usize> {
        let length = usize::try_from(self.unsigned()?).unwrap_or(usize::MAX);
        if length <= self.bytes.len() { Ok(length) } else { Err(corrupt()) }
    }

    fn feed(&mut self, streams: &Streams) -> Result<Rc<Feed>> {
        let start = self.bytes;
        for _ in 0..self.unsigned()? >> 2 {
            self.unsigned()?;
        }
        let bytes = &start[..start.len() - self.bytes.len()];
        streams.feed_of_bytes(bytes, || feed_ids(bytes)).ok_or_else(corrupt)
    }

    /// Passes over a number.
    fn pass(&mut self) -> Result<()> {
        while self.byte()? & 0x80 != 0 {}
        Ok(())
    }

    /// With its feed and its item; `None` where no stream reads it.
    fn tally(&mut self, feeds: &[Rc<Feed>]) -> Result<Option<(u32, i64, Tally)>> {
        let head = self.unsigned()?;
        let place = u32::try_from(head >> 1).map_err(|_| corrupt())?;
        let feed = feeds.get(place as usize).ok_or_else(corrupt)?;
        if feed.live.is_empty() {
            for _ in 0..(head & 1) + u64::from(feed.sums) + u64::from(feed.items) {
                self.pass()?;
            }
            return Ok(None);
        }
        let count = if head & 1 == 0 { 1 } else { self.integer()? };
        let sum = if feed.sums { self.sum()? } else { 0 };
        let item = if feed.items { self.integer()? } else { 0 };
        Ok(Some((place, item, Tally { count, sum })))
    }
}
