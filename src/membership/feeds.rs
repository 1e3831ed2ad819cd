//! Which streams an event feeds.

use crate::activity::{Entry, Feed, Instant, Keep, Stream, Streams};
use crate::criteria::{Document, Path, follow};
use foldhash::fast::RandomState;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Combinations of streams remembered; beyond, they are put together anew.
const REMEMBERED: usize = 10_000;

/// A feed, and the stream that says what is read of an event for it.
type Parts = Rc<[(Rc<Feed>, Option<usize>)]>;

/// Groups of streams, by a text that they ask for.
type ByText = HashMap<String, Vec<usize>, RandomState>;

/// From event types to feeds.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    /// By event type, under each of its names.
    by_type: HashMap<String, Candidates, RandomState>,
    /// Of an event type that no stream names.
    other: Candidates,
}

/// The streams that events of one type may feed, by index.
#[derive(Clone, Debug, Default)]
struct Candidates {
    /// In any case.
    always: Vec<usize>,
    /// Each group where what all of it ask of an event, but for its type, holds.
    filtered: Vec<Vec<usize>>,
    /// Of the filters that ask for certain texts at a path: the groups by text.
    by_text: Vec<(Path, ByText)>,
    /// The groups with another filter.
    rest: Vec<usize>,
    /// By the groups that let an event in, a bit each; of the first 128 groups.
    known: RefCell<HashMap<u128, Parts, RandomState>>,
}

impl Feeds {
    pub fn new(streams: &Streams) -> Self {
        let streams = streams.as_slice();
        let mut feeds = Feeds::default();
        let names = streams.iter().filter_map(|stream| stream.selection.event_names()).flatten();
        for name in names {
            feeds.by_type.entry(name.to_owned()).or_default();
        }
        for (index, stream) in streams.iter().enumerate() {
            match stream.selection.event_names() {
                None => {
                    feeds.by_type.values_mut().for_each(|candidates| candidates.add(streams, index));
                    feeds.other.add(streams, index);
                }
                Some(names) => names.into_iter().for_each(|name| {
                    feeds.by_type.entry(name.to_owned()).or_default().add(streams, index);
                }),
            }
        }
        feeds
    }

    /// What an event adds to a state, once for each number that its streams sum; with a negative sign what its removal
    /// takes away.
    pub fn entries<'a, D: Document<'a>>(
        &self,
        all: &Streams,
        event_type: &str,
        event: D,
        at: Instant,
        sign: i64,
        mut add: impl FnMut(Entry),
    ) {
        let streams = all.as_slice();
        let candidates = self.by_type.get(event_type).unwrap_or(&self.other);
        let mut groups = 0_u128;
        let mut beyond = Vec::new();
        let mut admit = |group: usize| match u32::try_from(group).ok().and_then(|bit| 1_u128.checked_shl(bit))
        {
            Some(bit) => groups |= bit,
            None => beyond.push(group),
        };
        for (path, by_text) in &candidates.by_text {
            let text = follow(event, path).and_then(Document::text);
            text.and_then(|text| by_text.get(text)).into_iter().flatten().for_each(|group| admit(*group));
        }
        for group in &candidates.rest {
            if candidates.filtered[*group].first().is_some_and(|first| streams[*first].admits(event, at)) {
                admit(*group);
            }
        }
        let parts = candidates.parts(all, groups, &beyond);
        for (feed, read_by) in parts.iter() {
            let contribution =
                read_by.map_or(Some((0, 0)), |stream| streams[stream].contribution(event_type, event));
            if let Some((sum, item)) = contribution {
                add(Entry { feed: Rc::clone(feed), at, count: sign, sum: sign * sum, item });
            }
        }
    }
}

impl Candidates {
    fn add(&mut self, streams: &[Stream], index: usize) {
        let stream = &streams[index];
        if stream.selection.selects_all() {
            self.always.push(index);
            return;
        }
        let same = |group: &&mut Vec<usize>| {
            group.first().is_some_and(|first| streams[*first].selection.selects_among(&stream.selection))
        };
        match self.filtered.iter_mut().find(same) {
            Some(group) => group.push(index),
            None => {
                self.dispatch(stream);
                self.filtered.push(vec![index]);
            }
        }
    }

    /// Notes how the group that is next is found.
    fn dispatch(&mut self, stream: &Stream) {
        let group = self.filtered.len();
        let Some((path, texts)) = stream.wanted_texts() else { return self.rest.push(group) };
        let found = self.by_text.iter().position(|(known, _)| known == path);
        let found = found.unwrap_or_else(|| {
            self.by_text.push((path.clone(), HashMap::default()));
            self.by_text.len() - 1
        });
        for text in texts {
            let groups = self.by_text[found].1.entry(text.to_owned()).or_default();
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
    }

    fn parts(&self, all: &Streams, groups: u128, beyond: &[usize]) -> Parts {
        if let Some(parts) = self.known.borrow().get(&groups).filter(|_| beyond.is_empty()) {
            return Rc::clone(parts);
        }
        let admitted = (0..self.filtered.len().min(128)).filter(|index| groups & (1 << index) != 0);
        let filtered = admitted.chain(beyond.iter().copied()).flat_map(|index| &self.filtered[index]);
        let mut fed: Vec<usize> = self.always.iter().chain(filtered).copied().collect();
        fed.sort_unstable();
        let parts = split(all, &fed);
        if beyond.is_empty() {
            let mut known = self.known.borrow_mut();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(groups, Rc::clone(&parts));
        }
        parts
    }
}

/// The feeds of an event: one for each thing that is read of it, streams that only count with the first that is summed.
fn split(all: &Streams, fed: &[usize]) -> Parts {
    /// The ids of the streams, and the position of one of them.
    type Readers = (Vec<u32>, usize);
    let mut by_reading: BTreeMap<(Keep, &[String]), Readers> = BTreeMap::new();
    let mut counting = Vec::new();
    for index in fed {
        let stream = &all.as_slice()[*index];
        match &stream.selection.of {
            Some(path) => {
                let reading = (stream.selection.keep, path.0.as_slice());
                by_reading.entry(reading).or_insert_with(|| (Vec::new(), *index)).0.push(stream.id);
            }
            None => counting.push(stream.id),
        }
    }
    let mut parts = Vec::new();
    let feed = |mut ids: Vec<u32>, sums, items| {
        ids.sort_unstable();
        all.feed(&ids, sums, items)
    };
    for ((keep, _), (mut ids, read_by)) in by_reading {
        if keep == Keep::Sum {
            ids.append(&mut counting);
        }
        parts.push((feed(ids, keep.sums(), !keep.sums()), Some(read_by)));
    }
    if !counting.is_empty() {
        parts.push((feed(counting, false, false), None));
    }
    parts.into()
}
