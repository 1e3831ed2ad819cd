//! The row of `segment.state` that a statement is at, decoded once for all of its columns.
//!
//! The columns of `segment.profile` are calls that name a number and pass the row, so that PostgreSQL leaves out those that
//! nobody asks for. What one call decodes serves the next ones as long as they pass the same row.

use super::activity::Activity;
use super::event::text;
use super::guc;
use super::registry::{self, Registry};
use super::report::value_of;
use crate::activity::{Instant, State};
use crate::criteria::{Decimal, TierSet};
use crate::membership::{Manual, Members, Program, Standing, Subject};
use crate::profile::Profile;
use crate::score::View;
use pgrx::fcinfo::pg_getarg_datum;
use pgrx::prelude::*;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// The arguments that pass a row, in the order in which every such function has them, beside those of its own before
/// and after them.
const DEFINITIONS: usize = 0;
const VERSION: usize = 1;
const SUBSCRIBER: usize = 2;
const EVALUATED_AT: usize = 3;
const ACTIVITY: usize = 4;
const RECENT: usize = 5;
const PROFILE: usize = 6;
const HELD: usize = 7;
/// How many these are.
pub const ROW: usize = 8;

/// A value as it lies in its row, with its header: a value out of line by its place.
type Raw = &'static [u8];

/// What tells one row from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Key {
    definitions: i64,
    version: i64,
    at: Instant,
    evaluated_at: Instant,
    subscriber: Vec<u8>,
    activity: Vec<u8>,
    recent: Vec<u8>,
    profile: Vec<u8>,
    held: Vec<u8>,
}

/// A decoded row.
pub struct Opened {
    key: Key,
    registry: Rc<Registry>,
    subscriber: String,
    activity: Activity,
    /// The state, brought to the time of the statement.
    state: State,
    view: OnceCell<View>,
    profile: Option<Profile>,
}

thread_local! {
    static LAST: RefCell<Option<Opened>> = const { RefCell::new(None) };
}

/// Shows the row that a call passes from its argument `first` on.
///
/// # Safety
/// The call is one of a function declared with these arguments.
pub unsafe fn open<R>(call: pg_sys::FunctionCallInfo, first: usize, show: impl FnOnce(&Opened) -> R) -> R {
    LAST.with_borrow_mut(|last| {
        // SAFETY: the caller's promise.
        let row = unsafe { Row::of(call, first) };
        let known = last.take().filter(|opened| row.is(&opened.key));
        let opened = last.insert(known.unwrap_or_else(|| row.decode()));
        show(opened)
    })
}

/// The arguments of one call.
struct Row {
    call: pg_sys::FunctionCallInfo,
    first: usize,
    at: Instant,
}

impl Row {
    /// # Safety
    /// As for [`open`].
    unsafe fn of(call: pg_sys::FunctionCallInfo, first: usize) -> Self {
        let mut row = Row { call, first, at: 0 };
        // The evaluation time never goes backwards.
        row.at = row.number(EVALUATED_AT).max(guc::statement_now());
        row
    }

    fn datum(&self, argument: usize) -> Option<pg_sys::Datum> {
        // SAFETY: the function has as many arguments.
        unsafe { pg_getarg_datum(self.call, self.first + argument) }
    }

    fn number(&self, argument: usize) -> i64 {
        self.datum(argument).map_or(0, |datum| datum.value() as i64)
    }

    fn raw(&self, argument: usize) -> Raw {
        let Some(datum) = self.datum(argument) else { return &[] };
        // SAFETY: these arguments are of variable length, and say how long they are.
        unsafe {
            let start = datum.cast_mut_ptr::<pg_sys::varlena>();
            std::slice::from_raw_parts(start.cast(), pgrx::varsize_any(start))
        }
    }

    fn is(&self, key: &Key) -> bool {
        key.at == self.at
            && key.evaluated_at == self.number(EVALUATED_AT)
            && key.definitions == self.number(DEFINITIONS)
            && key.version == self.number(VERSION)
            && key.subscriber == self.raw(SUBSCRIBER)
            && key.activity == self.raw(ACTIVITY)
            && key.recent == self.raw(RECENT)
            && key.profile == self.raw(PROFILE)
            && key.held == self.raw(HELD)
    }

    fn decode(&self) -> Opened {
        let key = Key {
            definitions: self.number(DEFINITIONS),
            version: self.number(VERSION),
            at: self.at,
            evaluated_at: self.number(EVALUATED_AT),
            subscriber: self.raw(SUBSCRIBER).to_vec(),
            activity: self.raw(ACTIVITY).to_vec(),
            recent: self.raw(RECENT).to_vec(),
            profile: self.raw(PROFILE).to_vec(),
            held: self.raw(HELD).to_vec(),
        };
        let registry = registry::at_version(key.definitions);
        let activity = Activity::read(self.datum(ACTIVITY), self.datum(RECENT));
        let mut state = value_of(activity.state(registry.program.streams()));
        state.advance(registry.program.streams(), self.at);
        let profile = self.bytes(PROFILE).and_then(|document| Profile::stored(document, self.bytes(HELD)?));
        let subscriber = self.datum(SUBSCRIBER).and_then(|datum| text(datum, pg_sys::TEXTOID));
        let subscriber = subscriber.unwrap_or_default().into_owned();
        Opened { key, registry, subscriber, activity, state, view: OnceCell::new(), profile }
    }

    /// The contents of a `bytea` or a `jsonb`.
    fn bytes(&self, argument: usize) -> Option<&[u8]> {
        // SAFETY: the argument is of such a type.
        self.datum(argument).and_then(|datum| unsafe { <&[u8]>::from_datum(datum, false) })
    }
}

impl Opened {
    fn subject(&self) -> Subject<'_> {
        Subject { id: &self.subscriber, manual: None, profile: self.profile.as_ref(), past: None }
    }

    fn view(&self) -> &View {
        self.view.get_or_init(|| View::of(&self.state))
    }

    /// The times of the first and of the last event.
    pub fn extent(&self) -> Option<(Instant, Instant)> {
        self.view().extent()
    }

    /// A feature or a score by name: units and decimal places. `None` where there is no number, and of one that is ready
    /// where its streams are not kept, or not filled yet. Raises 42704 where there is none of that name.
    pub fn number(&self, name: &str) -> Option<(i128, u32)> {
        let kept = value_of(self.registry.figure(name))?;
        if kept.since > self.key.version {
            return None;
        }
        let figure = &kept.figure;
        let units = figure.units(self.subject(), &self.state, self.view(), self.key.at)?;
        Some((units, figure.scale()))
    }

    /// The features that somebody created, by name, in JSON; nothing where there are none.
    pub fn created(&self) -> Option<String> {
        created_features(&self.registry, |name| self.number(name))
    }

    /// The names of the segments that the subscriber is in, ascending.
    pub fn segments(&self, stored: &Stored) -> Vec<String> {
        segment_names(&self.registry.program, &self.members(stored))
    }

    /// The subscriber's place in each tier set, by the name of that, in JSON.
    pub fn tiers(&self, stored: &Stored) -> String {
        tier_places(&self.registry.tier_sets, &self.segments(stored))
    }

    /// The segments that the subscriber is in, by what else is stored about them.
    fn members(&self, stored: &Stored) -> Members {
        let standing = Standing::from_bytes(&stored.members, &stored.memory);
        // Nothing moves them before that time.
        if stored.due_at.is_none_or(|due| due > self.key.at) {
            return standing.members;
        }
        let manual = Manual::from_bytes(&stored.manual);
        let subject = Subject { manual: manual.as_ref(), ..self.subject() };
        let program = &self.registry.rules_of(self.key.version).program;
        let mut state = value_of(self.activity.state(program.streams()));
        program.stands(subject, &mut state, standing, self.key.evaluated_at, self.key.at).members
    }
}

/// The names of segments that exist, ascending.
pub fn segment_names(program: &Program, members: &Members) -> Vec<String> {
    let names = members.iter().filter_map(|id| program.segment_name(id));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort_unstable();
    names
}

/// The place in a tier set of somebody who is in some segments, given in ascending order: the highest of those.
pub fn tier_place<'s>(set: &'s TierSet, segments: &[String]) -> &'s str {
    let place = set.segments.iter().find(|name| segments.binary_search(name).is_ok());
    place.unwrap_or(&set.otherwise)
}

/// The same in each tier set, by its name, in JSON.
pub fn tier_places(sets: &[TierSet], segments: &[String]) -> String {
    let place = |set: &TierSet| (set.name.clone(), tier_place(set, segments).into());
    serde_json::Value::Object(sets.iter().map(place).collect()).to_string()
}

/// The features that somebody created, by name, in JSON; nothing where there are none.
pub fn created_features(registry: &Registry, number: impl Fn(&str) -> Option<(i128, u32)>) -> Option<String> {
    let json = |name: &String| {
        let number = number(name).map(|(units, scale)| Decimal::from_scaled(units, scale).to_string());
        // Names need no quoting, and numbers are those of JSON.
        format!("\"{name}\": {}", number.as_deref().unwrap_or("null"))
    };
    let entries: Vec<String> = registry.created.iter().map(json).collect();
    (!entries.is_empty()).then(|| format!("{{{}}}", entries.join(", ")))
}

/// What else is stored about a subscriber: arguments that follow those of the row.
#[derive(Debug, Default)]
pub struct Stored {
    pub members: Vec<u8>,
    pub manual: Vec<u8>,
    pub memory: Vec<u8>,
    pub due_at: Option<Instant>,
}

impl Stored {
    /// # Safety
    /// The call is one of a function declared with these arguments, from `first` on.
    pub unsafe fn of(call: pg_sys::FunctionCallInfo, first: usize) -> Self {
        let row = Row { call, first, at: 0 };
        let bytes = |argument| row.bytes(argument).map(<[u8]>::to_vec).unwrap_or_default();
        Stored {
            members: bytes(0),
            manual: bytes(1),
            memory: bytes(2),
            due_at: row.datum(3).map(|datum| datum.value() as Instant),
        }
    }
}
