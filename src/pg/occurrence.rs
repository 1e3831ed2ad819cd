//! What somebody did, when, and what it was worth: events of the attached sources, or rows of any relation.

use super::event::Event;
use super::registry;
use super::relation::Relation;
use super::report::{Refusal, invalid};
use super::scan::{each_event, each_event_as_caller};
use super::source::{EventType, Mapping, Reader};
use super::types::{Name, Regclass};
use crate::activity::Instant;
use crate::criteria::canonical_event;
use pgrx::prelude::*;

/// Where occurrences are read.
pub enum Origin {
    /// All attached sources: events of some types, by their canonical names.
    Attached(Vec<String>),
    /// Rows of one relation, every one of them.
    Rows(Box<Reader>),
}

/// The columns of a relation that somebody named; all of them are missing where the attached sources are meant.
pub struct Named {
    pub relation: Option<Regclass>,
    pub subscriber: Option<Name>,
    pub occurred_at: Option<Name>,
    pub value: Option<Name>,
}

impl Origin {
    /// Attached sources unless a relation is named; `usual` are the types of events where none are. The zone is that of times
    /// without one.
    pub fn new(named: Named, types: Option<Vec<String>>, usual: &[&str], zone: &str) -> Self {
        let Some(relation) = named.relation else {
            if named.subscriber.is_some() || named.occurred_at.is_some() || named.value.is_some() {
                invalid("columns are named, but no relation", "Pass relation => 'table' with them.");
            }
            let types = types.unwrap_or_else(|| usual.iter().map(|kind| (*kind).to_owned()).collect());
            if types.is_empty() {
                invalid("no type of event is named", "Name one or more, or leave the argument out.");
            }
            return Origin::Attached(types.iter().map(|kind| canonical_event(kind).to_owned()).collect());
        };
        if types.is_some() {
            invalid(
                "a type of event goes with the attached sources, not with a relation",
                "All rows of a relation count: name a view that has those that are wanted.",
            );
        }
        let (Some(subscriber), Some(occurred_at)) = (named.subscriber, named.occurred_at) else {
            invalid(
                "a relation needs the names of two of its columns",
                "Pass subscriber => 'column', occurred_at => 'column' with it.",
            )
        };
        let mapping = Mapping {
            subscriber: subscriber.0,
            occurred_at: occurred_at.0,
            time_zone: Some(zone.to_owned()),
            event_type: EventType::Constant(String::new()),
            value: named.value.map(|name| name.0),
            properties: None,
        };
        let reader = Reader::of_any(Relation::require(relation.0), &mapping);
        Origin::Rows(Box::new(reader.unwrap_or_else(|refusal| refusal.raise())))
    }

    /// Shows every occurrence: of whom, when, and of what value.
    pub fn each(&self, mut show: impl FnMut(&str, Instant, Option<f64>)) {
        self.each_event(|event, counts| {
            if counts {
                show(&event.subscriber, event.at, event.amount());
            }
        });
    }

    /// Shows everybody who did anything, with when they did what counts.
    pub fn each_person(&self, mut show: impl FnMut(&str, Option<Instant>)) {
        self.each_event(|event, counts| show(&event.subscriber, counts.then_some(event.at)));
    }

    /// Shows every event, and whether it counts.
    fn each_event(&self, mut show: impl FnMut(&Event, bool)) {
        match self {
            Origin::Attached(types) => each_event(&registry::current(), |event| {
                show(event, types.iter().any(|kind| kind == canonical_event(&event.event_type)));
            }),
            Origin::Rows(reader) => each_event_as_caller(reader, |event| show(event, true)),
        }
    }
}

/// Refuses to keep more in memory than `maintenance_work_mem` allows.
pub fn check_memory(bytes: usize) {
    // SAFETY: reads a setting, in kilobytes.
    let allowed = unsafe { pg_sys::maintenance_work_mem } as usize;
    if bytes / 1024 > allowed {
        let problem = format!(
            "memory required is more than {} MB, maintenance_work_mem is {} MB",
            bytes >> 20,
            allowed / 1024
        );
        Refusal::new(PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED, problem)
            .hint("Raise maintenance_work_mem, or take a shorter time.")
            .raise();
    }
}
