//! Which events a subscriber's state keeps, and for how long in detail.

use super::codec::feed_bytes;
use super::feed::Feed;
use super::hash::hash;
use super::preference;
use super::time::{Instant, Resolution, Window};
use crate::criteria::{
    Document, Kind, Literal, Node, Operator, Path, Recurring, Scope, Test, Zone, event_names, follow,
    matches, parse_value,
};
use crate::error::Result;
use foldhash::fast::RandomState;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Feeds remembered; beyond, all are forgotten and met again.
const REMEMBERED: usize = 10_000;

/// What a stream keeps of what it reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// The sum of the numbers.
    #[default]
    Sum,
    /// The same, of the events that have a number alone.
    Mean,
    /// Each number, of the events that have one.
    Numbers,
    /// Each value, by its hash, of the events that have one.
    Values,
    /// The same with what each event says of the value, in order of time, of the types that say something.
    Preference,
}

impl Keep {
    const NAMES: [(Keep, &'static str); 5] = [
        (Keep::Sum, "sum"),
        (Keep::Mean, "mean"),
        (Keep::Numbers, "numbers"),
        (Keep::Values, "values"),
        (Keep::Preference, "preference"),
    ];

    /// Whether numbers are summed, and not kept each by itself.
    pub fn sums(self) -> bool {
        matches!(self, Keep::Sum | Keep::Mean)
    }

    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(keep, _)| keep)
    }
}

/// What a stream selects. Two leaves with equal selections share one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The canonical event type; `None` for every event.
    pub event: Option<String>,
    /// The `where` criteria.
    pub filter: Option<Value>,
    /// What is read of an event beside its time, by path; `None` where events are only counted.
    pub of: Option<Path>,
    /// What becomes of it.
    pub keep: Keep,
    /// Events from an instant on, and those before another.
    pub from: Option<Instant>,
    pub until: Option<Instant>,
    /// Only at these times, on the clocks of a time zone.
    pub recurring: Option<(Recurring, Zone)>,
}

/// What criteria write in the place of an event type for all of them.
const ANY_EVENT: &str = "*";

impl Selection {
    /// Counts events of a type.
    pub fn of_type(event: &str) -> Self {
        Selection { event: Some(event.to_owned()), ..Selection::default() }
    }

    /// Counts every event, whatever its type.
    /// Events of a type by its name in criteria, where an asterisk stands for all.
    pub fn of(event: &str) -> Self {
        if event == ANY_EVENT { Self::everything() } else { Self::of_type(event) }
    }

    pub fn everything() -> Self {
        Selection::default()
    }

    /// Sums the source's value column as well.
    pub fn with_value(mut self) -> Self {
        self.of = Some(Path(vec!["value".to_owned()]));
        self
    }

    /// Whether it selects the events of `other` and sums what that sums.
    pub fn serves(&self, other: &Selection) -> bool {
        self.selects_as(other)
            && self.keep == other.keep
            && (other.of.is_none() && self.keep == Keep::Sum || self.of == other.of)
    }

    /// Whether both can be one: the same events, and not two different sums.
    pub fn joins(&self, other: &Selection) -> bool {
        let fits = self.of.is_none() || other.of.is_none();
        self.selects_as(other) && self.keep == other.keep && (fits || self.of == other.of)
    }

    fn selects_as(&self, other: &Selection) -> bool {
        self.event == other.event && self.selects_among(other)
    }

    /// Whether both select the same of the events of their types.
    pub fn selects_among(&self, other: &Selection) -> bool {
        self.filter == other.filter
            && (self.from, self.until) == (other.from, other.until)
            && self.recurring == other.recurring
    }

    /// Whether it selects every event of its type.
    pub fn selects_all(&self) -> bool {
        self.selects_among(&Selection::default())
    }

    /// The types that the selection lets in, under all their names; `None` for every type.
    pub fn event_names(&self) -> Option<Vec<&str>> {
        self.event.as_deref().map(|event| event_names(event).collect())
    }
}

/// How much of its events a stream keeps beside their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizons {
    /// The widest window, in panes, that is read at each resolution; 0 where none is.
    pub panes: [i64; Resolution::COUNT],
    /// Whether the exact times of the first and of the last event are kept.
    pub extent: bool,
    /// Whether items are kept that no window can ask about any more.
    pub ever: bool,
}

impl Horizons {
    pub fn include(&mut self, window: Window) {
        self.reach_back(window.resolution, window.panes());
    }

    /// Keeps so many panes of a resolution.
    pub fn reach_back(&mut self, resolution: Resolution, panes: i64) {
        let slot = &mut self.panes[resolution as usize];
        *slot = (*slot).max(panes);
    }

    /// Keeps as much as either.
    pub fn merge(&mut self, other: Horizons) {
        self.panes.iter_mut().zip(other.panes).for_each(|(kept, wanted)| *kept = (*kept).max(wanted));
        self.extent |= other.extent;
        self.ever |= other.ever;
    }

    /// Whether everything that `other` asks for is kept.
    pub fn cover(self, other: Horizons) -> bool {
        let panes = self.panes.iter().zip(other.panes).all(|(kept, wanted)| *kept >= wanted);
        panes && self.extent >= other.extent && self.ever >= other.ever
    }

    /// The oldest pane kept at each resolution at an instant; `i64::MAX` where the resolution is not kept at all.
    pub fn oldest(self, at: Instant) -> [i64; Resolution::COUNT] {
        Resolution::ALL.map(|resolution| match self.panes[resolution as usize] {
            0 => i64::MAX,
            panes => resolution.pane(at) - panes + 1,
        })
    }
}

/// A selection with its identity and its compiled filter.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Never reused, so that bytes of a dropped stream are never taken for those of another.
    pub id: u32,
    pub selection: Selection,
    pub horizons: Horizons,
    filter: Option<Node>,
}

/// What is compiled follows from the selection.
impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.horizons) == (other.id, other.horizons) && self.selection == other.selection
    }
}

impl Stream {
    pub fn new(id: u32, selection: Selection, horizons: Horizons) -> Result<Self> {
        let filter = selection.filter.as_ref();
        let filter = filter.map(|filter| parse_value(filter, Scope::Document)).transpose()?;
        Ok(Stream { id, selection, horizons, filter })
    }

    /// Whether an event of the right type, at an instant, is selected.
    pub fn admits<'a, D: Document<'a>>(&self, event: D, at: Instant) -> bool {
        self.selection.from.is_none_or(|from| at >= from)
            && self.selection.until.is_none_or(|until| at < until)
            && self.selection.recurring.as_ref().is_none_or(|(recurring, zone)| recurs(recurring, *zone, at))
            && self.filter.as_ref().is_none_or(|filter| matches(filter, event))
    }

    /// The path and the texts, where all that is asked is whether the text there is one of them.
    pub fn wanted_texts(&self) -> Option<(&Path, Vec<&str>)> {
        if (self.selection.from, self.selection.until) != (None, None) || self.selection.recurring.is_some() {
            return None;
        }
        let Some(Node::Attribute(path, Test { operators, ignore_case: false })) = &self.filter else {
            return None;
        };
        let literals = match operators.as_slice() {
            [Operator::Equals(literal)] => std::slice::from_ref(literal),
            [Operator::In(literals)] => literals,
            _ => return None,
        };
        let texts = literals.iter().map(|literal| match literal {
            Literal::Text(text) => Some(text.as_str()),
            _ => None,
        });
        Some((path, texts.collect::<Option<_>>()?))
    }

    /// What an event contributes beside its count: to the sum, in units of `10^-VALUE_SCALE`, and of what is kept by
    /// itself the item. `None` where it does not count at all, as it has no item. A number beyond what an event may
    /// contribute is none.
    pub fn contribution<'a, D: Document<'a>>(&self, event_type: &str, event: D) -> Option<(i64, i64)> {
        let value = self.selection.of.as_ref().and_then(|path| follow(event, path));
        let units = || {
            let units = i64::try_from(value?.units(super::VALUE_SCALE)?).ok();
            // Its negative would not fit.
            units.filter(|units| *units != i64::MIN)
        };
        match self.selection.keep {
            Keep::Sum => Some((units().unwrap_or(0), 0)),
            Keep::Mean => Some((units()?, 0)),
            Keep::Numbers => Some((0, units()?)),
            Keep::Values => Some((0, hash_of_value(value?)?)),
            Keep::Preference => Some((0, preference::touch(event_type, hash_of_value(value?)?)?)),
        }
    }
}

/// Whether the clocks of a zone show one of some times.
fn recurs(recurring: &Recurring, zone: Zone, at: Instant) -> bool {
    zone.shows(at).is_some_and(|shown| {
        let mut lists = recurring.lists().into_iter().zip(shown);
        lists.all(|((_, numbers, ..), shown)| numbers.is_empty() || numbers.contains(&shown))
    })
}

/// A hash of a text, a number or a boolean.
fn hash_of_value<'a, D: Document<'a>>(value: D) -> Option<i64> {
    hash_of(&match value.kind() {
        Kind::Text => Literal::Text(value.text()?.to_owned()),
        Kind::Number => Literal::Number(value.number()?),
        Kind::Boolean => Literal::Boolean(value.boolean()?),
        _ => return None,
    })
}

/// The same of a literal.
pub fn hash_of(literal: &Literal) -> Option<i64> {
    let text = match literal {
        Literal::Text(text) => format!("\"{text}"),
        Literal::Number(number) => number.to_string(),
        Literal::Boolean(value) => value.to_string(),
        _ => return None,
    };
    Some(hash(&text) as i64)
}

/// All live streams, found by id.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    /// In ascending order of id.
    all: Vec<Stream>,
    /// By id, one more than the position; 0 where there is none.
    index: Vec<u32>,
    /// The feeds that were met, by their stored form, so that there is one of each.
    known: RefCell<HashMap<Box<[u8]>, Rc<Feed>, RandomState>>,
}

impl Streams {
    pub fn new(mut all: Vec<Stream>) -> Self {
        all.sort_by_key(|stream| stream.id);
        let mut index = vec![0; all.last().map_or(0, |last| last.id as usize + 1)];
        all.iter().zip(1..).for_each(|(stream, position)| index[stream.id as usize] = position);
        Streams { all, index, known: RefCell::default() }
    }

    pub fn get(&self, id: u32) -> Option<&Stream> {
        self.all.get(self.position(id)? as usize)
    }

    /// The place of a stream among all.
    pub fn position(&self, id: u32) -> Option<u32> {
        self.index.get(id as usize)?.checked_sub(1)
    }

    pub fn as_slice(&self) -> &[Stream] {
        &self.all
    }

    /// The feed of some streams, given in ascending order of id, of which some may not be live any more.
    pub fn feed(&self, ids: &[u32], sums: bool, items: bool) -> Rc<Feed> {
        self.feed_of_bytes(&feed_bytes(ids, sums, items), || Some(ids.into())).unwrap_or_default()
    }

    /// The feed with a stored form, whose ids are read only where it has not been met before.
    pub(super) fn feed_of_bytes(
        &self,
        bytes: &[u8],
        ids: impl FnOnce() -> Option<Box<[u32]>>,
    ) -> Option<Rc<Feed>> {
        let mut known = self.known.borrow_mut();
        if let Some(feed) = known.get(bytes) {
            return Some(Rc::clone(feed));
        }
        let streams = ids()?;
        let head = bytes.first().copied().unwrap_or_default();
        let (sums, items) = (head & 1 != 0, head & 2 != 0);
        let live: Box<[u32]> = streams.iter().filter_map(|id| self.position(*id)).collect();
        let mut feed = Feed { streams, sums, items, live, ..Feed::default() };
        for stream in feed.live.iter().map(|position| &self.all[*position as usize]) {
            feed.horizons.merge(stream.horizons);
            let sums = stream.selection.of.is_some() && stream.selection.keep.sums();
            feed.extending.extend(stream.horizons.extent.then_some((stream.id, sums)));
            feed.in_order =
                feed.in_order.or((stream.selection.keep == Keep::Preference).then_some(stream.id));
        }
        let feed = Rc::new(feed);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(bytes.into(), Rc::clone(&feed));
        Some(feed)
    }

    /// A feed without the streams that are not live.
    pub(super) fn live(&self, feed: &Feed) -> Rc<Feed> {
        let live: Vec<&Stream> = feed.streams.iter().filter_map(|id| self.get(*id)).collect();
        let summed = |stream: &&Stream| stream.selection.of.is_some() && stream.selection.keep.sums();
        let sums = feed.sums && live.iter().any(summed);
        let ids: Vec<u32> = live.iter().map(|stream| stream.id).collect();
        self.feed(&ids, sums, feed.items)
    }
}
