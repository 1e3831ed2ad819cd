//! The definitions, compiled once per backend and version.
//!
//! A version number stands for one content of the definition tables and is never reused, so a compiled
//! registry never goes stale: readers ask for the version that their snapshot shows. Writers need the newest,
//! and hold a lock on `segment.marker` that a change of definitions has to wait for.

use super::guc;
use super::owner::Acting;
use super::report::{Refusal, value_of};
use super::source::{EventType, Mapping, Reader, Source};
use super::spi::{Session, connect};
use crate::activity::{Horizons, Selection, Stream};
use crate::criteria::{Path, Scope, parse};
use crate::error::{Error, Result};
use crate::membership::{Definition, Program};
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

/// Compiled versions kept per backend: the newest, and that of a statement that began before it.
const KEPT: usize = 2;

pub struct Registry {
    pub version: i64,
    pub program: Program,
    pub definitions: Vec<Definition>,
    /// Definitions that this version cannot read, with the reason; they have no members.
    pub broken: Vec<(String, Error)>,
    pub sources: Vec<Source>,
    readers: RefCell<HashMap<pg_sys::Oid, Rc<std::result::Result<Reader, Refusal>>>>,
}

/// Where the extension's own tables are, and whose they are.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    pub owner: pg_sys::Oid,
    version: pg_sys::Oid,
    marker: pg_sys::Oid,
}

thread_local! {
    static HOME: Cell<Option<Home>> = const { Cell::new(None) };
    /// The newest version, until something is invalidated.
    static CURRENT: Cell<Option<i64>> = const { Cell::new(None) };
    static COMPILED: RefCell<Vec<Rc<Registry>>> = const { RefCell::new(Vec::new()) };
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    /// Tables that changed since readers were last asked for: one of them may be a source.
    static STALE_READERS: RefCell<Vec<pg_sys::Oid>> = const { RefCell::new(Vec::new()) };
}

/// The extension's own tables. Fails where the extension is not installed in this database.
pub fn home() -> Home {
    watch();
    HOME.get().unwrap_or_else(|| {
        // SAFETY: catalogue look-ups by C strings and oids.
        let home = unsafe {
            let schema = pg_sys::get_namespace_oid(c"segment".as_ptr(), false);
            let table = |name: &CStr| pg_sys::get_relname_relid(name.as_ptr(), schema);
            let version = table(c"version");
            let relation = pg_sys::RelationIdGetRelation(version);
            if relation.is_null() {
                Refusal::new(
                    PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                    "extension \"pg_segment\" is not installed",
                )
                .hint("Run CREATE EXTENSION pg_segment.")
                .raise();
            }
            let owner = (*(*relation).rd_rel).relowner;
            pg_sys::RelationClose(relation);
            Home { owner, version, marker: table(c"marker") }
        };
        HOME.set(Some(home));
        home
    })
}

/// Waits until no transaction that captured events is in flight, and lets none capture before this one ends.
pub fn lock_out_writers() {
    lock_marker(pg_sys::ShareRowExclusiveLock);
}

/// Keeps definitions as they are until the transaction ends: a change of them waits for this lock, which every
/// transaction that captures events takes first.
pub fn hold_definitions() {
    lock_marker(pg_sys::RowExclusiveLock);
}

fn lock_marker(mode: u32) {
    // SAFETY: takes a heavyweight lock on an existing table, to be released with the transaction.
    unsafe { pg_sys::LockRelationOid(home().marker, mode as _) };
}

/// The newest definitions, this transaction's own changes included.
pub fn current() -> Rc<Registry> {
    let home = home();
    if let Some(registry) = CURRENT.get().and_then(kept) {
        return registry;
    }
    let _acting = Acting::as_owner(home.owner);
    // Not the transaction's snapshot: at REPEATABLE READ it may be older than the definitions in force.
    // SAFETY: the pushed snapshot is popped below, or by the transaction's abort.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()) };
    let registry = connect(load);
    // SAFETY: see above.
    unsafe { pg_sys::PopActiveSnapshot() };
    CURRENT.set(Some(registry.version));
    keep(registry)
}

/// The definitions that a reader's snapshot shows, by the version that it read.
pub fn at_version(version: i64) -> Rc<Registry> {
    kept(version).unwrap_or_else(|| {
        let _acting = Acting::as_owner(home().owner);
        let registry = connect(load);
        if registry.version != version {
            Refusal::new(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("definitions have no version {version}"),
            )
            .hint("Pass the version that segment.version shows.")
            .raise();
        }
        keep(registry)
    })
}

/// The definitions that the active snapshot shows.
pub fn visible() -> Rc<Registry> {
    let _acting = Acting::as_owner(home().owner);
    at_version(connect(version))
}

/// Makes every backend compile again, when the transaction commits; this one at once.
pub fn invalidate() {
    let home = home();
    {
        let _acting = Acting::as_owner(home.owner);
        connect(|session| {
            session.modify(
                "UPDATE segment.version SET version = pg_catalog.nextval('segment.version_number')",
                &[],
            );
        });
    }
    // SAFETY: sends an invalidation message for an existing table.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(home.version) };
    CURRENT.set(None);
}

impl Registry {
    pub fn source_of(&self, relation: pg_sys::Oid) -> Option<&Source> {
        self.sources.iter().find(|source| source.relation == relation)
    }

    /// The source's mapping, resolved against its table as it is now.
    pub fn reader(&self, source: &Source) -> Rc<std::result::Result<Reader, Refusal>> {
        let mut readers = self.readers.borrow_mut();
        for stale in STALE_READERS.take() {
            readers.remove(&stale);
            if stale == pg_sys::Oid::INVALID {
                readers.clear();
            }
        }
        if let Some(reader) = readers.get(&source.relation) {
            return Rc::clone(reader);
        }
        let reader = match connect(|session| super::relation::Relation::look_up(session, source.relation)) {
            Some(relation) => Reader::new(relation, &source.mapping),
            None => Err(Refusal::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
                format!("attached relation with OID {} does not exist any more", source.relation.to_u32()),
            )),
        };
        let reader = Rc::new(reader);
        readers.insert(source.relation, Rc::clone(&reader));
        reader
    }
}

fn kept(version: i64) -> Option<Rc<Registry>> {
    COMPILED.with_borrow(|compiled| compiled.iter().find(|registry| registry.version == version).cloned())
}

fn keep(registry: Registry) -> Rc<Registry> {
    let registry = Rc::new(registry);
    COMPILED.with_borrow_mut(|compiled| {
        compiled.retain(|other| other.version != registry.version);
        compiled.insert(0, Rc::clone(&registry));
        compiled.truncate(KEPT);
    });
    registry
}

fn version(session: &Session) -> i64 {
    session.select("SELECT version FROM segment.version", &[]).value(0, 1)
}

fn load(session: &Session) -> Registry {
    let version = version(session);
    let streams = value_of(load_streams(session));
    let (definitions, broken) = load_definitions(session, &streams);
    let program = value_of(Program::compile(streams, &definitions));
    Registry {
        version,
        program,
        definitions,
        broken,
        sources: load_sources(session),
        readers: RefCell::default(),
    }
}

/// The definitions that can be compiled, and those that cannot: only direct writes to the tables make such.
fn load_definitions(session: &Session, streams: &[Stream]) -> (Vec<Definition>, Vec<(String, Error)>) {
    let rows = session
        .select("SELECT segment_id, name, criteria::text FROM segment.definition ORDER BY segment_id", &[]);
    let mut definitions = Vec::with_capacity(rows.count());
    let mut broken = Vec::new();
    for row in 0..rows.count() {
        let name: String = rows.value(row, 2);
        let id = rows.value::<i32>(row, 1) as u32;
        let definition = parse(&rows.value::<String>(row, 3), Scope::Subscriber).map(|criteria| Definition {
            id,
            name: name.clone(),
            criteria,
        });
        match definition
            .and_then(|definition| Program::check_against(streams, &definition).map(|()| definition))
        {
            Ok(definition) => definitions.push(definition),
            Err(error) => broken.push((name, error)),
        }
    }
    (definitions, broken)
}

fn load_streams(session: &Session) -> Result<Vec<Stream>> {
    let rows = session.select(
        "SELECT stream_id, event_type, filter::text, value_path, horizons FROM segment.stream ORDER BY stream_id",
        &[],
    );
    let corrupt = || Error::Corrupt("stream catalogue");
    (0..rows.count())
        .map(|row| {
            let filter: Option<String> = rows.get(row, 3);
            let filter =
                filter.map(|filter| serde_json::from_str(&filter).map_err(|_| corrupt())).transpose()?;
            let selection = Selection { event: rows.get(row, 2), filter, of: Path(rows.value(row, 4)) };
            let horizons: Vec<i64> = rows.value(row, 5);
            let horizons = Horizons::new(horizons.try_into().map_err(|_| corrupt())?);
            Stream::new(rows.value::<i32>(row, 1) as u32, selection, horizons)
        })
        .collect()
}

fn load_sources(session: &Session) -> Vec<Source> {
    let rows = session.select(
        "SELECT source_id, relation::oid, subscriber::text, occurred_at::text, time_zone, event_type::text,
                constant_type, value::text, properties::text
         FROM segment.source ORDER BY source_id",
        &[],
    );
    (0..rows.count())
        .map(|row| Source {
            id: rows.value(row, 1),
            relation: rows.get(row, 2).unwrap_or(pg_sys::Oid::INVALID),
            mapping: Mapping {
                subscriber: rows.value(row, 3),
                occurred_at: rows.value(row, 4),
                time_zone: rows.get(row, 5),
                event_type: match rows.get(row, 6) {
                    Some(column) => EventType::Column(column),
                    None => EventType::Constant(rows.value(row, 7)),
                },
                value: rows.get(row, 8),
                properties: rows.get(row, 9),
            },
        })
        .collect()
}

/// Registers the invalidation callback, once per backend.
fn watch() {
    if !WATCHING.replace(true) {
        // SAFETY: the callback is guarded and only touches this module's own memory.
        unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), pg_sys::Datum::from(0)) };
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn relation_changed(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    let everything = relation == pg_sys::Oid::INVALID;
    if everything || HOME.get().is_some_and(|home| home.version == relation) {
        CURRENT.set(None);
        // The extension may have been dropped and created again.
        HOME.set(None);
    }
    STALE_READERS.with_borrow_mut(|stale| {
        if everything {
            stale.clear();
        }
        if stale.len() < 1_000 {
            stale.push(relation);
        } else {
            *stale = vec![pg_sys::Oid::INVALID];
        }
    });
}

/// Definition changes need to see every committed event, which an older snapshot does not show.
pub fn require_read_committed(what: &str) {
    if guc::repeatable_read() {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_INVALID_TRANSACTION_STATE,
            format!("{what} must run at READ COMMITTED"),
        )
        .hint("Start the transaction with BEGIN ISOLATION LEVEL READ COMMITTED.")
        .raise();
    }
}
