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

/// The readers of some sources. Those whose tables cannot be read are left out; `verify` reports them.
fn readers<'r>(registry: &'r Registry, sources: &'r [Source]) -> impl Iterator<Item = Reader> + 'r {
    sources.iter().filter_map(|source| match Rc::as_ref(&registry.reader(source)) {
        Ok(reader) => Some(reader.clone()),
        Err(_) => None,
    })
}

/// All events of some subscribers, under a snapshot of the statement's own.
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
        for row in 0..rows.count() {
            if let Some((subscriber, change)) = change(&registry.program, &scanned, &rows, row) {
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
    cursor: Cursor,
    rows: Option<Rows>,
    next_row: usize,
    memory: PgMemoryContexts,
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
            let memory = PgMemoryContexts::new("pg_segment scan");
            let mut run =
                Run { reader: reader.scanned(), cursor, rows: None, next_row: 0, memory, head: None };
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
                // SAFETY: what the row allocates is dropped with the context, after the event was folded.
                self.head = unsafe { self.memory.switch_to(|_| change(program, &self.reader, rows, row)) };
                if self.head.is_some() {
                    return;
                }
            } else {
                pgrx::check_for_interrupts!();
                self.rows = None;
                // SAFETY: nothing of the rows read so far is referenced any more.
                unsafe { self.memory.reset() };
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

/// The contribution of one scanned row.
fn change(program: &Program, reader: &Reader, rows: &Rows, row: usize) -> Option<(String, Change)> {
    let column = |number: i16| rows.datum(row, i32::from(number)).unwrap_or((pg_sys::Datum::from(0), true));
    let event = reader.read(column)?;
    let change = Change { events: 1, entries: entries(program, &event, 1).collect() };
    Some((event.subscriber, change))
}

fn add(sum: &mut Change, change: Change) {
    sum.events += change.events;
    sum.entries.extend(change.entries);
}
