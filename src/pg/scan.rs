//! Reads events back from their tables, subscriber by subscriber, as the tables' owners.

use super::capture::entries;
use super::owner::Acting;
use super::pending::Change;
use super::registry::Registry;
use super::source::{Reader, Source};
use super::spi::{Cursor, Rows, Session};
use crate::membership::Program;
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use std::collections::HashMap;
use std::rc::Rc;

/// Rows fetched at once.
const FETCH: usize = 10_000;

/// The readers of some sources, their tables locked. Those that cannot be read are left out: whoever needs all
/// of them asks [`Registry::unreadable`] first.
fn readers<'r>(registry: &'r Registry, sources: &'r [Source]) -> impl Iterator<Item = Reader> + 'r {
    sources.iter().filter_map(|source| match Rc::as_ref(&registry.locked_reader(source)) {
        Ok(reader) if reader.relation.check_readable().is_ok() => Some(reader.clone()),
        _ => None,
    })
}

/// All events of some subscribers, given in ascending order, under a snapshot of the statement's own.
pub fn of_subscribers(
    session: &Session,
    registry: &Registry,
    subscribers: &[String],
) -> HashMap<String, Change> {
    let mut changes: HashMap<String, Change> = HashMap::new();
    for reader in readers(registry, &registry.sources) {
        let (filter, ids) = reader.some_subscribers(subscribers);
        if ids.is_empty() {
            continue;
        }
        let rows = {
            let _acting = Acting::as_table_owner(reader.relation.owner);
            session.modify_once(&reader.scan(&filter), &[ids.into()])
        };
        let scanned = reader.scanned();
        let mut memory = Scratch::default();
        for row in 0..rows.count() {
            let found = memory.run(|| change(&registry.program, &scanned, &rows, row));
            if let Some((subscriber, change)) = found {
                add(changes.entry(subscriber).or_default(), change);
            }
        }
    }
    // A case-insensitive column may have matched more than was asked for.
    changes.retain(|subscriber, _| subscribers.binary_search(subscriber).is_ok());
    changes
}

/// Every subscriber with events, in ascending order, with all of them.
pub struct BySubscriber<'r> {
    registry: &'r Registry,
    runs: Vec<Run>,
}

/// One source being read, sorted by subscriber.
struct Run {
    reader: Reader,
    owner: pg_sys::Oid,
    cursor: Cursor,
    rows: Option<Rows>,
    next_row: usize,
    memory: Scratch,
    /// The first event not given out yet.
    head: Option<(String, Change)>,
}

impl<'r> BySubscriber<'r> {
    /// Opens the sources under the active snapshot (`read_only`), or under new ones.
    pub fn open(session: &Session, registry: &'r Registry, sources: &[Source], read_only: bool) -> Self {
        let mut runs = Vec::new();
        for reader in readers(registry, sources) {
            let _acting = Acting::as_table_owner(reader.relation.owner);
            let cursor = session.cursor(&reader.scan(""), read_only);
            let owner = reader.relation.owner;
            let reader = reader.scanned();
            let memory = Scratch::default();
            let mut run = Run { reader, owner, cursor, rows: None, next_row: 0, memory, head: None };
            run.advance(&registry.program);
            runs.push(run);
        }
        BySubscriber { registry, runs }
    }

    pub fn close(self) {
        self.runs.into_iter().for_each(|run| {
            drop(run.rows);
            run.cursor.close();
        });
    }
}

impl Iterator for BySubscriber<'_> {
    type Item = (String, Change);

    fn next(&mut self) -> Option<Self::Item> {
        let heads = self.runs.iter().filter_map(|run| run.head.as_ref());
        let subscriber = heads.map(|(subscriber, _)| subscriber).min()?.clone();
        let mut all = Change::default();
        for run in &mut self.runs {
            while let Some((_, change)) = run.head.take_if(|(head, _)| *head == subscriber) {
                add(&mut all, change);
                run.advance(&self.registry.program);
            }
        }
        Some((subscriber, all))
    }
}

impl Run {
    /// Moves on to the next row that is an event.
    fn advance(&mut self, program: &Program) {
        loop {
            if let Some(rows) = self.rows.as_ref().filter(|rows| self.next_row < rows.count()) {
                let row = self.next_row;
                self.next_row += 1;
                let reader = &self.reader;
                self.head = self.memory.run(|| change(program, reader, rows, row));
                if self.head.is_some() {
                    return;
                }
            } else {
                pgrx::check_for_interrupts!();
                self.rows = None;
                // A scan runs as it is fetched, with whatever the table's owner has hung onto it.
                let _acting = Acting::as_table_owner(self.owner);
                let rows = self.cursor.fetch(FETCH);
                if rows.count() == 0 {
                    self.head = None;
                    return;
                }
                self.rows = Some(rows);
                self.next_row = 0;
            }
        }
    }
}

/// Memory for what reading a row allocates, such as detoasted properties; given back once it is much.
pub struct Scratch(PgMemoryContexts);

impl Default for Scratch {
    fn default() -> Self {
        Scratch(PgMemoryContexts::new("pg_segment scratch"))
    }
}

impl Scratch {
    const MUCH: usize = 4 << 20;

    /// Runs work whose result refers to nothing that it allocated.
    pub fn run<R>(&mut self, work: impl FnOnce() -> R) -> R {
        // SAFETY: nothing allocated by earlier work is referenced any more.
        unsafe {
            if pg_sys::MemoryContextMemAllocated(self.0.value(), true) > Self::MUCH {
                self.0.reset();
            }
            self.0.switch_to(|_| work())
        }
    }
}

/// The contribution of one scanned row.
fn change(program: &Program, reader: &Reader, rows: &Rows, row: usize) -> Option<(String, Change)> {
    let column = |number: i16| rows.datum(row, i32::from(number)).unwrap_or((pg_sys::Datum::from(0), true));
    let event = reader.read(column)?;
    let change = Change { events: 1, entries: entries(program, &event, 1).collect() };
    Some((event.subscriber.clone(), change))
}

fn add(sum: &mut Change, change: Change) {
    sum.events += change.events;
    sum.entries.extend(change.entries);
}
