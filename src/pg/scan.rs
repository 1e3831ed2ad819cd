//! Reads events back from their tables, as the tables' owners.

use super::capture::contribute;
use super::event::Event;
use super::home::home;
use super::owner::Acting;
use super::registry::Registry;
pub use super::source::Order;
use super::source::{Reader, Source};
use super::spi::{Cursor, Rows, Session, connect, connect_as_caller, connect_at_latest};
use super::table::Table;
use crate::activity::{Change, Instant};
use crate::membership::{Members, Program};
use pgrx::PgMemoryContexts;
use pgrx::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// Rows fetched at once.
const FETCH: usize = 10_000;

/// Most columns that a source maps.
const MOST_MAPPED: usize = 5;

/// The readers of some sources, their tables locked. Those that cannot be read are left out: whoever needs all
/// of them asks [`Registry::unreadable`] first.
pub fn readers<'r>(registry: &'r Registry, sources: &'r [Source]) -> impl Iterator<Item = Reader> + 'r {
    sources.iter().filter_map(|source| match Rc::as_ref(&registry.locked_reader(source)) {
        Ok(reader) if reader.relation.check_readable().is_ok() => Some(reader.clone()),
        _ => None,
    })
}

/// All events of some subscribers, given in ascending order, under the active snapshot. What the queue has of them is
/// taken off it: it is among the events.
pub fn of_subscribers(registry: &Registry, subscribers: &[String]) -> HashMap<String, Change> {
    connect(|session| {
        let changes = events_of(session, registry, &registry.program, subscribers);
        take_queued(session, subscribers);
        changes
    })
}

/// All events of some subscribers, given in ascending order, under the active snapshot, as a program reads them.
pub fn events_of(
    session: &Session,
    registry: &Registry,
    program: &Program,
    subscribers: &[String],
) -> HashMap<String, Change> {
    let mut changes: HashMap<String, Change> = HashMap::new();
    show_events_of(session, registry, subscribers, |event| {
        let change = changes.entry(event.subscriber.clone().into_owned()).or_default();
        change.events += 1;
        contribute(program, event, 1, |entry| change.entries.push(entry));
    });
    // A case-insensitive column may have matched more than was asked for.
    changes.retain(|subscriber, _| subscribers.binary_search(subscriber).is_ok());
    changes
}

/// Shows all events of some subscribers under the active snapshot, and perhaps those of others whose ids differ in case.
pub fn show_events_of(
    session: &Session,
    registry: &Registry,
    subscribers: &[String],
    mut show: impl FnMut(&Event),
) {
    let all = registry.identities.with_others(subscribers);
    for reader in readers(registry, &registry.sources) {
        let (filter, ids) = reader.some_subscribers(&all);
        if ids.is_empty() {
            continue;
        }
        let rows = {
            let _acting = Acting::as_table_owner(reader.relation.owner);
            session.select_once(&reader.scan(&filter, Order::Any), &[ids.into()])
        };
        let scanned = reader.scanned();
        let mut memory = Scratch::default();
        for row in 0..rows.count() {
            memory.run(|| read(&scanned, &rows, row, &mut show));
        }
    }
}

/// What the queue has, by subscriber; nothing stands for a change that is not known, or was made
/// under other streams.
pub fn queued(session: &Session, streams: i64) -> HashMap<String, Vec<Vec<u8>>> {
    let rows = session.select(
        "SELECT subscriber, CASE WHEN streams = $1 THEN coalesce(change, '') ELSE '' END FROM segment.queue",
        &[streams.into()],
    );
    let mut queued: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
    for row in 0..rows.count() {
        queued.entry(rows.value(row, 1)).or_default().push(rows.bytes(row, 2));
    }
    queued
}

/// Takes the queued changes of some subscribers, whose states are locked, off the queue; those that the active snapshot
/// shows: with the version of the streams under which each was made; a change that is not known comes as `None`.
pub fn take_queued(session: &Session, subscribers: &[String]) -> Vec<(String, i64, Option<Vec<u8>>)> {
    let _acting = Acting::as_owner();
    let rows = session.select(
        "SELECT q.ctid, q.subscriber, q.streams, q.change FROM segment.queue q WHERE q.subscriber = ANY ($1::text[])",
        &[subscribers.to_vec().into()],
    );
    let mut taken = Vec::with_capacity(rows.count());
    let mut places = Vec::with_capacity(rows.count());
    for row in 0..rows.count() {
        let change = rows.get::<&[u8]>(row, 4).map(<[u8]>::to_vec);
        taken.push((rows.value(row, 2), rows.value(row, 3), change));
        places.extend(rows.get::<pg_sys::ItemPointerData>(row, 1));
    }
    // Natively: the transaction's own snapshot may be too old to show them.
    let mut queue = Table::open(home().queue, "queue_idx");
    places.into_iter().for_each(|place| queue.delete(place));
    taken
}

/// Shows every row that a statement reads, as the owner of a table.
pub fn each_row(session: &Session, owner: pg_sys::Oid, sql: &str, mut show: impl FnMut(&Rows, usize)) {
    let fetch = |cursor: &mut Cursor| {
        let _acting = Acting::as_table_owner(owner);
        cursor.fetch(FETCH)
    };
    let mut cursor = {
        let _acting = Acting::as_table_owner(owner);
        session.cursor(sql, true)
    };
    loop {
        pgrx::check_for_interrupts!();
        let rows = fetch(&mut cursor);
        if rows.count() == 0 {
            break;
        }
        (0..rows.count()).for_each(|row| show(&rows, row));
    }
    cursor.close();
}

/// Shows every event of all sources.
pub fn each_event(registry: &Registry, mut show: impl FnMut(&Event)) {
    if let Some(refusal) = registry.unreadable() {
        refusal.raise();
    }
    connect(|session| {
        for reader in readers(registry, &registry.sources) {
            let mut scan = Scan::open(session, &reader, Order::Any);
            while scan.next(&mut show) {}
            scan.close();
        }
    });
}

/// The readers of all sources, their tables locked; raises where there is none of one. Whoever reads as the caller asks for
/// them first, as the caller may not read what says how.
pub fn every_reader(registry: &Registry) -> Vec<Reader> {
    let readers = registry.sources.iter().map(|source| {
        let resolved = registry.locked_reader(source);
        resolved.as_ref().as_ref().map_err(Clone::clone).unwrap_or_else(|refusal| refusal.raise()).clone()
    });
    readers.collect()
}

/// Shows every row of a relation that is an event, read with the caller's own rights.
pub fn each_event_as_caller(reader: &Reader, mut show: impl FnMut(&Event)) {
    connect_as_caller(|session| {
        let (mut cursor, scanned) = (session.cursor(&reader.scan("", Order::Any), true), reader.scanned());
        let mut memory = Scratch::default();
        loop {
            pgrx::check_for_interrupts!();
            let rows = cursor.fetch(FETCH);
            if rows.count() == 0 {
                break;
            }
            (0..rows.count()).for_each(|row| {
                memory.run(|| read(&scanned, &rows, row, &mut show));
            });
        }
        cursor.close();
    });
}

/// Those among the subscribers of all sources whom somebody wants, in ascending order.
pub fn subscribers(registry: &Registry, mut wanted: impl FnMut(&str) -> bool) -> Vec<String> {
    let mut found = BTreeSet::new();
    connect(|session| {
        for reader in readers(registry, &registry.sources) {
            each_row(session, reader.relation.owner, &reader.scan_subscribers(), |rows, row| {
                found.extend(rows.get::<String>(row, 1).filter(|subscriber| wanted(subscriber)));
            });
        }
    });
    found.into_iter().collect()
}

/// The segments that a subscriber has membership rows for.
pub fn memberships(subscriber: &str) -> Members {
    let _acting = Acting::as_owner();
    let mut members = Members::default();
    connect_at_latest(|session| {
        let rows = session
            .select("SELECT segment_id FROM segment.membership WHERE subscriber = $1", &[subscriber.into()]);
        (0..rows.count()).for_each(|row| members.set(rows.value::<i32>(row, 1) as u32, true));
    });
    members
}

/// A row that does not count, or a value of one that does not.
pub struct SetAside {
    pub table: pg_sys::Oid,
    /// Its ctid.
    pub place: String,
    pub reason: String,
}

/// Every row of the sources that does not count in full. Reads all events.
pub fn set_aside(registry: &Registry) -> Vec<SetAside> {
    let mut found = Vec::new();
    connect(|session| {
        for reader in readers(registry, &registry.sources) {
            let (scanned, width) = (reader.scanned(), reader.width());
            let mut memory = Scratch::default();
            each_row(session, reader.relation.owner, &reader.scan_rows(), |rows, row| {
                if let Some(reason) = memory.run(|| scanned.set_aside(|number| datum(rows, row, number))) {
                    let table = rows.get(row, width + 1).unwrap_or(pg_sys::Oid::INVALID);
                    found.push(SetAside {
                        table,
                        place: rows.value(row, width + 2),
                        reason: reason.to_owned(),
                    });
                }
            });
        }
        for source in &registry.profiles {
            let resolved = registry.locked_profiles(source);
            let Ok(reader) = resolved.as_ref() else { continue };
            each_row(session, reader.relation.owner, &reader.set_aside(), |rows, row| {
                let table = rows.get(row, 1).unwrap_or(pg_sys::Oid::INVALID);
                found.push(SetAside { table, place: rows.value(row, 2), reason: rows.value(row, 3) });
            });
        }
    });
    found
}

/// One table being read.
pub struct Scan {
    reader: Reader,
    owner: pg_sys::Oid,
    cursor: Cursor,
    rows: Option<Rows>,
    next_row: usize,
    memory: Scratch,
}

impl Scan {
    /// Opens a table under the active snapshot.
    pub fn open(session: &Session, reader: &Reader, order: Order) -> Self {
        let owner = reader.relation.owner;
        let _acting = Acting::as_table_owner(owner);
        let cursor = session.cursor(&reader.scan("", order), true);
        Scan { reader: reader.scanned(), owner, cursor, rows: None, next_row: 0, memory: Scratch::default() }
    }

    /// Moves on to the next row that is an event and shows it; false at the end.
    pub fn next(&mut self, mut show: impl FnMut(&Event)) -> bool {
        loop {
            if let Some(rows) = self.rows.as_ref().filter(|rows| self.next_row < rows.count()) {
                let row = self.next_row;
                self.next_row += 1;
                let reader = &self.reader;
                if self.memory.run(|| read(reader, rows, row, &mut show)) {
                    return true;
                }
            } else {
                pgrx::check_for_interrupts!();
                self.rows = None;
                // A scan runs as it is fetched, with whatever the table's owner has hung onto it.
                let _acting = Acting::as_table_owner(self.owner);
                let rows = self.cursor.fetch(FETCH);
                if rows.count() == 0 {
                    return false;
                }
                self.rows = Some(rows);
                self.next_row = 0;
            }
        }
    }

    pub fn close(self) {
        drop(self.rows);
        self.cursor.close();
    }
}

/// Every subscriber with events, in ascending order, with all of them.
pub struct BySubscriber<'r> {
    program: &'r Program,
    until: Instant,
    runs: Vec<Run>,
}

struct Run {
    scan: Scan,
    /// The first event not given out yet.
    head: Option<(String, Change)>,
}

impl<'r> BySubscriber<'r> {
    /// Opens the sources under the active snapshot, to be read as a program does.
    pub fn open(session: &Session, registry: &Registry, program: &'r Program, sources: &[Source]) -> Self {
        Self::until(session, registry, program, sources, Instant::MAX)
    }

    /// The same of those alone that had occurred at an instant.
    pub fn until(
        session: &Session,
        registry: &Registry,
        program: &'r Program,
        sources: &[Source],
        until: Instant,
    ) -> Self {
        let runs = readers(registry, sources).map(|reader| {
            let mut run = Run { scan: Scan::open(session, &reader, Order::BySubscriber), head: None };
            run.advance(program, until);
            run
        });
        BySubscriber { program, until, runs: runs.collect() }
    }

    pub fn close(self) {
        self.runs.into_iter().for_each(|run| run.scan.close());
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
                all.add(change);
                run.advance(self.program, self.until);
            }
        }
        Some((subscriber, all))
    }
}

impl Run {
    fn advance(&mut self, program: &Program, until: Instant) {
        let mut head = None;
        while head.is_none()
            && self.scan.next(|event| {
                if event.at <= until {
                    let mut change = Change { events: 1, entries: Vec::new() };
                    contribute(program, event, 1, |entry| change.entries.push(entry));
                    head = Some((event.subscriber.clone().into_owned(), change));
                }
            })
        {}
        self.head = head;
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
        let _inside = self.enter();
        work()
    }

    /// Allocates here for as long as the guard lives, and keeps nothing of what was allocated for earlier ones.
    pub fn enter(&mut self) -> Inside {
        let here = self.0.value();
        // SAFETY: the guard goes before this does.
        let before = unsafe { pg_sys::MemoryContextSwitchTo(here) };
        let mut inside = Inside { here, before };
        inside.renew();
        inside
    }
}

/// Goes back to the memory context that was current before.
pub struct Inside {
    here: pg_sys::MemoryContext,
    before: pg_sys::MemoryContext,
}

impl Inside {
    /// Gives back what was allocated, once it is much; nothing may refer to it any more.
    pub fn renew(&mut self) {
        // SAFETY: the context lives as long as the guard.
        unsafe {
            if pg_sys::MemoryContextMemAllocated(self.here, true) > Scratch::MUCH {
                pg_sys::MemoryContextReset(self.here);
            }
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // SAFETY: the context was current when the guard was made and outlives it.
        unsafe { pg_sys::MemoryContextSwitchTo(self.before) };
    }
}

/// Shows the event in a scanned row, if it is one.
pub fn read(reader: &Reader, rows: &Rows, row: usize, show: impl FnOnce(&Event)) -> bool {
    let values = rows.values::<MOST_MAPPED>(row);
    match reader.read(|number| values[(number - 1) as usize]) {
        Some(event) => {
            show(&event);
            true
        }
        None => false,
    }
}

/// A column of a scanned row, and whether it is null.
fn datum(rows: &Rows, row: usize, number: i16) -> (pg_sys::Datum, bool) {
    rows.datum(row, i32::from(number)).unwrap_or((pg_sys::Datum::from(0), true))
}
