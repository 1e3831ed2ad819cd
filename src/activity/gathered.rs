//! The events of many subscribers, in few bytes and in order of subscriber.
//!
//! A burst trie: the bytes of an id lead to a leaf, to which events are added as they come, and a leaf that has outgrown the
//! caches of a processor is divided by the next byte. So nobody is looked up in a table that lies all over the memory, and leaf
//! by leaf everybody comes out in order. R. Sinha, J. Zobel, Cache-conscious sorting of large sets of strings with dynamic
//! tries, 2004.

use super::codec::{Reader, Writer, corrupt};
use super::feed::{Change, Entry, Feed};
use super::time::Instant;
use crate::error::Result;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::mem::{size_of, take};
use std::rc::Rc;

/// A leaf of more bytes is divided.
const LARGE: usize = if cfg!(test) { 40 } else { 256 << 10 };

/// The ways on from a node: the id ends here, or has one of so many bytes.
const WAYS: usize = 257;

#[derive(Debug, Default)]
pub struct Gathered {
    root: Node,
    feeds: Feeds,
    size: usize,
    /// What the entries of one event are written to.
    entries: Vec<u8>,
}

#[derive(Debug)]
enum Node {
    Leaf(Leaf),
    Fork(Vec<Node>),
}

/// Event by event: the id, how much later than the one before, and the entries; about 14 bytes.
#[derive(Debug, Default)]
struct Leaf {
    bytes: Vec<u8>,
    last: Instant,
}

/// The feeds that entries refer to.
#[derive(Debug, Default)]
struct Feeds {
    all: Vec<Rc<Feed>>,
    /// By address: there is one of each.
    places: HashMap<*const Feed, u32, RandomState>,
}

impl Default for Node {
    fn default() -> Self {
        Node::Leaf(Leaf::default())
    }
}

impl Gathered {
    /// Adds an event with its entries, which are all of its time.
    pub fn add(&mut self, subscriber: &str, at: Instant, entries: &[Entry]) -> Result<()> {
        self.entries.clear();
        for entry in entries {
            self.feeds.write(entry, &mut self.entries);
        }
        let id = subscriber.as_bytes();
        let (mut node, mut depth) = (&mut self.root, 0);
        while let Node::Fork(ways) = node {
            node = &mut ways[way(id, depth)];
            depth += 1;
        }
        let Node::Leaf(leaf) = node else { return Ok(()) };
        self.size -= leaf.bytes.capacity();
        leaf.push(id, at, &self.entries);
        // What is left of an id that has ended is nothing to divide by.
        if leaf.bytes.len() > LARGE && depth <= id.len() {
            *node = take(leaf).divide(depth)?;
        }
        self.size += node.size();
        Ok(())
    }

    /// The bytes of memory that it takes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Lets go of the last subscribers until no more than so many bytes are left, or one leaf: of all from an id on, which it
    /// returns; `None` where there is only one leaf.
    pub fn shorten(&mut self, most: usize) -> Option<Vec<u8>> {
        let mut cut = Cut { room: most, none_kept: true, path: Vec::new(), from: None };
        cut.visit(&mut self.root);
        self.size = self.root.size();
        cut.from
    }

    /// Shows everybody once, in ascending order, with all of their events.
    pub fn show(self, show: &mut impl FnMut(String, Change)) -> Result<()> {
        self.root.show(&self.feeds, show)
    }
}

/// The way on from a node so many bytes deep.
fn way(id: &[u8], depth: usize) -> usize {
    id.get(depth).map_or(0, |byte| usize::from(*byte) + 1)
}

impl Node {
    fn size(&self) -> usize {
        match self {
            Node::Leaf(leaf) => leaf.bytes.capacity(),
            Node::Fork(ways) => WAYS * size_of::<Node>() + ways.iter().map(Node::size).sum::<usize>(),
        }
    }

    fn show(self, feeds: &Feeds, show: &mut impl FnMut(String, Change)) -> Result<()> {
        match self {
            Node::Leaf(leaf) => leaf.show(feeds, show),
            Node::Fork(ways) => ways.into_iter().try_for_each(|node| node.show(feeds, show)),
        }
    }
}

impl Leaf {
    fn push(&mut self, id: &[u8], at: Instant, entries: &[u8]) {
        let mut writer = Writer { bytes: take(&mut self.bytes), unit: 1 };
        writer.unsigned(id.len() as u64);
        writer.bytes.extend_from_slice(id);
        writer.signed(at.wrapping_sub(self.last).into());
        writer.unsigned(entries.len() as u64);
        writer.bytes.extend_from_slice(entries);
        (self.bytes, self.last) = (writer.bytes, at);
    }

    /// Calls something with the id, the time and the entries of each event.
    fn each<'b>(&'b self, mut see: impl FnMut(&'b [u8], Instant, &'b [u8]) -> Result<()>) -> Result<()> {
        let mut reader = Reader { bytes: &self.bytes, unit: 1 };
        let mut at: Instant = 0;
        while !reader.bytes.is_empty() {
            let id = reader.slice()?;
            at = at.wrapping_add(reader.integer()?);
            see(id, at, reader.slice()?)?;
        }
        Ok(())
    }

    fn divide(self, depth: usize) -> Result<Node> {
        let mut ways: Vec<Leaf> = std::iter::repeat_with(Leaf::default).take(WAYS).collect();
        self.each(|id, at, entries| {
            ways[way(id, depth)].push(id, at, entries);
            Ok(())
        })?;
        Ok(Node::Fork(ways.into_iter().map(Node::Leaf).collect()))
    }

    fn show(self, feeds: &Feeds, show: &mut impl FnMut(String, Change)) -> Result<()> {
        let mut by_subscriber: HashMap<&[u8], Change, RandomState> = HashMap::default();
        self.each(|id, at, entries| {
            let change = by_subscriber.entry(id).or_default();
            change.events += 1;
            feeds.read(entries, at, &mut change.entries)
        })?;
        let mut sorted: Vec<(&[u8], Change)> = by_subscriber.into_iter().collect();
        sorted.sort_unstable_by_key(|(id, _)| *id);
        for (id, change) in sorted {
            show(std::str::from_utf8(id).map_err(|_| corrupt())?.to_owned(), change);
        }
        Ok(())
    }
}

impl Feeds {
    fn write(&mut self, entry: &Entry, bytes: &mut Vec<u8>) {
        let place = *self.places.entry(Rc::as_ptr(&entry.feed)).or_insert_with(|| {
            self.all.push(Rc::clone(&entry.feed));
            self.all.len() as u32 - 1
        });
        let mut writer = Writer { bytes: take(bytes), unit: 1 };
        writer.unsigned(u64::from(place) << 1 | u64::from(entry.count != 1));
        if entry.count != 1 {
            writer.signed(entry.count.into());
        }
        if entry.feed.sums {
            writer.signed(entry.sum.into());
        }
        if entry.feed.items {
            writer.signed(entry.item.into());
        }
        *bytes = writer.bytes;
    }

    fn read(&self, bytes: &[u8], at: Instant, entries: &mut Vec<Entry>) -> Result<()> {
        let mut reader = Reader { bytes, unit: 1 };
        while !reader.bytes.is_empty() {
            let head = reader.unsigned()?;
            let feed = self.all.get((head >> 1) as usize).ok_or_else(corrupt)?;
            let count = if head & 1 == 0 { 1 } else { reader.integer()? };
            let sum = if feed.sums { reader.integer()? } else { 0 };
            let item = if feed.items { reader.integer()? } else { 0 };
            entries.push(Entry { feed: Rc::clone(feed), at, count, sum, item });
        }
        Ok(())
    }
}

/// Letting go of what comes last.
struct Cut {
    /// Bytes that may still be kept.
    room: usize,
    /// Whether nothing was kept so far.
    none_kept: bool,
    /// The bytes that lead to where it is.
    path: Vec<u8>,
    /// The first id that is let go of, or what it begins with.
    from: Option<Vec<u8>>,
}

impl Cut {
    fn visit(&mut self, node: &mut Node) {
        match node {
            Node::Leaf(leaf) if leaf.bytes.is_empty() => {}
            Node::Leaf(leaf) => {
                let size = leaf.bytes.capacity();
                if self.from.is_none() && (self.none_kept || size <= self.room) {
                    self.room = self.room.saturating_sub(size);
                    self.none_kept = false;
                } else {
                    self.from.get_or_insert_with(|| self.path.clone());
                    *leaf = Leaf::default();
                }
            }
            Node::Fork(ways) => {
                self.visit(&mut ways[0]);
                for (byte, node) in (0..=u8::MAX).zip(&mut ways[1..]) {
                    self.path.push(byte);
                    self.visit(node);
                    self.path.pop();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{Horizons, Selection, Stream, Streams};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn feeds() -> [Rc<Feed>; 2] {
        let counted = Stream::new(1, Selection::of_type("view"), Horizons::default()).unwrap();
        let summed = Stream::new(2, Selection::everything().with_value(), Horizons::default()).unwrap();
        let streams = Streams::new(vec![counted, summed]);
        [streams.feed(&[1], false, false), streams.feed(&[2], true, false)]
    }

    fn entries(feeds: &[Rc<Feed>; 2], at: Instant, sum: i64) -> Vec<Entry> {
        let both = [(&feeds[0], 0), (&feeds[1], sum)];
        let entry =
            |(feed, sum): (&Rc<Feed>, i64)| Entry { feed: Rc::clone(feed), at, count: 1, sum, item: 0 };
        both.into_iter().skip(usize::from(sum % 2 == 0)).map(entry).filter(|_| sum % 3 != 0).collect()
    }

    proptest! {
        #[test]
        fn everybody_comes_out_in_order_with_all_events(
            events in prop::collection::vec(("[ab]{0,5}|é[01]{2}", any::<i32>(), -9_i64..9), 0..80),
            most in 0_usize..3_000,
        ) {
            let feeds = feeds();
            let (mut gathered, mut expected) = (Gathered::default(), BTreeMap::<String, Change>::new());
            for (id, at, sum) in &events {
                let entries = entries(&feeds, (*at).into(), *sum);
                gathered.add(id, (*at).into(), &entries).unwrap();
                let change = expected.entry(id.clone()).or_default();
                change.events += 1;
                change.entries.extend(entries);
            }
            if gathered.size() > most
                && let Some(from) = gathered.shorten(most)
            {
                prop_assert!(expected.keys().any(|id| id.as_bytes() < &from[..]));
                prop_assert!(expected.keys().any(|id| id.as_bytes() >= &from[..]));
                expected.retain(|id, _| id.as_bytes() < &from[..]);
            }
            let mut shown = Vec::new();
            gathered.show(&mut |id, change| shown.push((id, change))).unwrap();
            prop_assert_eq!(shown, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn many_events_of_one_subscriber_lie_in_one_leaf() {
        let mut gathered = Gathered::default();
        let feeds = feeds();
        (0..1_000).for_each(|at| gathered.add("somebody", at, &entries(&feeds, at, 5)).unwrap());
        assert_eq!(gathered.shorten(0), None);
        let mut events = Vec::new();
        gathered.show(&mut |id, change| events.push((id, change.events))).unwrap();
        assert_eq!(events, [("somebody".to_owned(), 1_000)]);
    }
}
