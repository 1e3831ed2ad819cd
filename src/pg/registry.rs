//! The definitions, compiled once per backend and version.
//!
//! A version number stands for one content of the definition tables and is never reused, so a compiled
//! registry never goes stale: readers ask for the version that their snapshot shows. Writers need the newest,
//! and hold a lock on `segment.version` that a change of definitions has to wait for.

use super::catalogue::{self, Parsed, Texts};
use super::guc;
use super::heap::rows;
use super::owner::Acting;
use super::profile::ProfileSource;
use super::readers;
use super::report::{Refusal, invalid};
use super::source::Source;
use super::spi::{at_latest_snapshot, connect};
use crate::activity::Stream;
use crate::criteria::{Features, Formula, Located, Safeguards, Scope, TierSet, expand_tiers, locate, read};
use crate::error::{Error, Result};
use crate::membership::{Definition, Figure, Program};
use crate::profile::Identities;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

/// Compiled versions kept per backend: the newest, and that of a statement that began before it.
const KEPT: usize = 2;

pub struct Registry {
    pub version: i64,
    /// The table that the version was read from: another extension's after DROP and CREATE EXTENSION.
    home: pg_sys::Oid,
    pub program: Rc<Program>,
    pub definitions: Vec<Definition>,
    /// Their criteria and safeguards, for the next version.
    texts: Texts,
    /// Definitions that this version cannot read, with the reason; they have no members.
    pub broken: Vec<(String, Error)>,
    pub tier_sets: Vec<TierSet>,
    pub features: Features,
    /// Those that somebody created, by name: their streams are kept.
    pub created: Vec<String>,
    pub sources: Vec<Source>,
    /// In ascending order of id.
    pub profiles: Vec<ProfileSource>,
    /// Whose ids are whose.
    pub identities: Rc<Identities>,
    /// The number of these.
    identities_version: i64,
    /// The version in which the streams last changed: entries made under others cannot be folded.
    pub streams_version: i64,
    /// States last written before this version lack streams: they must be computed again from the events.
    pub filled_version: i64,
    /// Memberships last evaluated before this version lack segments, while somebody makes up for that.
    pub evaluated_version: i64,
    /// The streams that are being filled, with the version from which on a state that was written has them.
    filling: Vec<(u32, i64)>,
    /// Features and scores that were asked for, by name; nothing for one whose streams are not kept.
    figures: RefCell<HashMap<String, Option<Rc<Kept>>>>,
}

/// A feature or a score over the streams that are kept.
pub struct Kept {
    pub figure: Figure,
    /// States last written before this version lack something that it reads.
    pub since: i64,
}

/// Where the extension's own tables are, and whose they are.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    pub owner: pg_sys::Oid,
    pub version: pg_sys::Oid,
    pub state: pg_sys::Oid,
    pub due: pg_sys::Oid,
    pub membership: pg_sys::Oid,
    pub history: pg_sys::Oid,
    pub queue: pg_sys::Oid,
}

thread_local! {
    static HOME: Cell<Option<Home>> = const { Cell::new(None) };
    /// The newest version, until something is invalidated.
    static CURRENT: Cell<Option<i64>> = const { Cell::new(None) };
    static COMPILED: RefCell<Vec<Rc<Registry>>> = const { RefCell::new(Vec::new()) };
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    /// Counts invalidations, so that what was read while one arrived is not taken for the newest.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
}

/// The extension's own tables. Fails where the extension is not installed in this database.
pub fn home() -> Home {
    watch();
    HOME.get().unwrap_or_else(|| {
        let version = own_table(c"version");
        // SAFETY: the relation is open while its owner is read.
        let owner = unsafe {
            let relation = pg_sys::RelationIdGetRelation(version);
            if relation.is_null() {
                missing();
            }
            let owner = (*(*relation).rd_rel).relowner;
            pg_sys::RelationClose(relation);
            owner
        };
        let home = Home {
            owner,
            version,
            state: own_table(c"state"),
            due: own_table(c"due"),
            membership: own_table(c"membership"),
            history: own_table(c"history"),
            queue: own_table(c"queue"),
        };
        HOME.set(Some(home));
        home
    })
}

/// Whether the extension is installed in this database, all of it.
pub fn installed() -> bool {
    if HOME.get().is_some() {
        return true;
    }
    // SAFETY: a catalogue look-up by a C string.
    let schema = unsafe { pg_sys::get_namespace_oid(c"segment".as_ptr(), true) };
    schema != pg_sys::Oid::INVALID && table(c"queue").is_some()
}

/// One of the extension's own tables, by name. Fails as [`home`] does.
pub fn own_table(name: &CStr) -> pg_sys::Oid {
    table(name).unwrap_or_else(|| missing())
}

fn missing() -> ! {
    Refusal::new(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, "extension \"pg_segment\" is not installed")
        .hint("Run CREATE EXTENSION pg_segment.")
        .raise()
}

/// A table in the extension's schema, by name.
pub fn table(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: catalogue look-ups by C strings.
    let oid = unsafe {
        pg_sys::get_relname_relid(name.as_ptr(), pg_sys::get_namespace_oid(c"segment".as_ptr(), false))
    };
    (oid != pg_sys::Oid::INVALID).then_some(oid)
}

/// Waits until no transaction that captured events is in flight, and lets none capture before this one ends.
pub fn lock_out_writers() {
    // Another change waits here, while it holds nothing.
    hold_off_changes();
    lock_sources();
    lock_version(pg_sys::ShareRowExclusiveLock);
}

/// Keeps definitions as they are until the transaction ends, for work that may read events.
pub fn hold_definitions_and_sources() {
    lock_sources();
    hold_definitions();
}

/// The tables before the definitions, as writers do: whoever has one locked exclusively may be about to capture.
fn lock_sources() {
    let registry = current();
    let events = registry.sources.iter().flat_map(|source| &source.tables).copied();
    let mut tables: Vec<pg_sys::Oid> =
        events.chain(registry.profiles.iter().map(|source| source.relation)).collect();
    tables.sort_unstable_by_key(|table| table.to_u32());
    for table in tables {
        // SAFETY: takes a heavyweight lock, to be released with the transaction; a dropped table locks nothing.
        unsafe { pg_sys::LockRelationOid(table, pg_sys::AccessShareLock as _) };
    }
}

/// Keeps definitions as they are until the transaction ends: a change of them waits for this lock, which every
/// transaction that captures events takes first.
pub fn hold_definitions() {
    lock_version(pg_sys::RowExclusiveLock);
}

/// Keeps other changes of definitions off until the transaction ends, and lets writers go on.
pub fn hold_off_changes() {
    lock_version(pg_sys::ShareUpdateExclusiveLock);
}

/// Waits until every transaction that captured events before now has ended, without keeping later ones from it.
pub fn await_writers() {
    // SAFETY: the tag is that of an existing table in this database.
    unsafe {
        let tag = pg_sys::LOCKTAG {
            locktag_field1: pg_sys::MyDatabaseId.to_u32(),
            locktag_field2: home().version.to_u32(),
            locktag_field3: 0,
            locktag_field4: 0,
            locktag_type: pg_sys::LockTagType::LOCKTAG_RELATION as u8,
            locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
        };
        pg_sys::WaitForLockers(tag, pg_sys::ShareLock as pg_sys::LOCKMODE, false);
    }
}

fn lock_version(mode: u32) {
    // SAFETY: takes a heavyweight lock on an existing table, to be released with the transaction.
    unsafe { pg_sys::LockRelationOid(home().version, mode as _) };
}

/// The newest definitions, this transaction's own changes included.
pub fn current() -> Rc<Registry> {
    // From before the first look on, changes are heard of.
    home();
    if let Some(registry) = CURRENT.get().and_then(kept) {
        return registry;
    }
    loop {
        let generation = GENERATION.get();
        // Not the transaction's snapshot: at REPEATABLE READ it may be older than the definitions in force.
        let registry = keep(at_latest_snapshot(load));
        if GENERATION.get() == generation {
            CURRENT.set(Some(registry.version));
            return registry;
        }
    }
}

/// The definitions that a reader's snapshot shows, by the version that it read.
pub fn at_version(version: i64) -> Rc<Registry> {
    kept(version).unwrap_or_else(|| {
        let registry = load();
        if registry.version != version {
            invalid(
                format!("definitions have no version {version}"),
                "Pass the version that segment.version shows.",
            );
        }
        keep(registry)
    })
}

/// The definitions that the active snapshot shows.
pub fn visible() -> Rc<Registry> {
    at_version(versions().version)
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
    forget_current();
}

impl Registry {
    /// Criteria for a segment, as they compile.
    pub fn parse(&self, criteria: &str) -> Result<Located> {
        let criteria = self.features.expand(locate(&read(criteria)?, Scope::Subscriber)?)?;
        expand_tiers(criteria, &self.tier_sets)
    }

    /// A feature or a score by name; `None` where its streams are not kept, and an error where there is none.
    pub fn figure(&self, name: &str) -> Result<Option<Rc<Kept>>> {
        if let Some(known) = self.figures.borrow().get(name) {
            return Ok(known.clone());
        }
        let formula = self.features.formula(name)?;
        let kept = self.program.figure(&formula).ok().map(|figure| {
            let filling = self.filling.iter().filter(|(stream, _)| figure.streams.contains(stream));
            let since = filling.map(|(_, since)| *since).max().unwrap_or(0);
            Rc::new(Kept { figure, since })
        });
        self.figures.borrow_mut().insert(name.to_owned(), kept.clone());
        Ok(kept)
    }

    /// The features that somebody created, each with how it is computed.
    pub fn kept(&self) -> impl Iterator<Item = (&str, Formula)> {
        self.created.iter().filter_map(|name| Some((name.as_str(), self.features.formula(name).ok()?)))
    }

    /// Whether its program is that of these definitions and streams.
    fn says(&self, parsed: &Parsed, streams: &[Stream]) -> bool {
        let same = |(parsed, known): (&std::result::Result<Definition, _>, &Definition)| {
            parsed.as_ref().is_ok_and(|parsed| {
                (parsed.id, &parsed.name, parsed.zone) == (known.id, &known.name, known.zone)
                    && Rc::ptr_eq(&parsed.criteria, &known.criteria)
                    && parsed.safeguards.as_ref().map(Rc::as_ptr) == known.safeguards.as_ref().map(Rc::as_ptr)
                    && (&parsed.tiers, parsed.on_hold) == (&known.tiers, known.on_hold)
            })
        };
        self.broken.is_empty()
            && parsed.len() == self.definitions.len()
            && parsed.iter().zip(&self.definitions).all(same)
            && self.program.is_over(streams)
    }

    /// Safeguards of a segment, as they compile.
    pub fn parse_safeguards(&self, safeguards: &str) -> Result<Safeguards> {
        Safeguards::parse(safeguards, &self.features, &self.tier_sets)
    }

    pub fn source_of(&self, relation: pg_sys::Oid) -> Option<&Source> {
        self.sources.iter().find(|source| source.tables.contains(&relation))
    }

    /// The source of profiles that a table is.
    pub fn profiles_of(&self, relation: pg_sys::Oid) -> Option<&ProfileSource> {
        self.profiles.iter().find(|source| source.relation == relation)
    }
}

fn forget_current() {
    GENERATION.set(GENERATION.get() + 1);
    CURRENT.set(None);
}

fn kept(version: i64) -> Option<Rc<Registry>> {
    let home = home().version;
    COMPILED.with_borrow(|compiled| {
        compiled.iter().find(|registry| registry.version == version && registry.home == home).cloned()
    })
}

fn keep(registry: Registry) -> Rc<Registry> {
    let registry = Rc::new(registry);
    COMPILED.with_borrow_mut(|compiled| {
        compiled.retain(|other| other.version != registry.version && other.home == registry.home);
        compiled.insert(0, Rc::clone(&registry));
        compiled.truncate(KEPT);
    });
    registry
}

/// The one row of `segment.version`.
#[derive(Clone, Copy, Default)]
struct Versions {
    version: i64,
    streams: i64,
    identities: i64,
}

fn versions() -> Versions {
    let versions = rows(c"version", |row| Versions {
        version: row.value(2),
        streams: row.value(3),
        identities: row.value(4),
    });
    versions.first().copied().unwrap_or_default()
}

/// Without a statement: a new backend would parse and plan each.
fn load() -> Registry {
    let versions = versions();
    let before = COMPILED.with_borrow(|compiled| compiled.first().cloned());
    let before = before.filter(|before| before.home == home().version);
    let known = before.as_ref().filter(|before| before.identities_version == versions.identities);
    let identities = known.map_or_else(identities, |before| Rc::clone(&before.identities));
    let written = catalogue::written();
    let changing = written.iter().filter_map(|definition| definition.changing).max();
    let tier_sets = catalogue::tier_sets(&written);
    let (features, created) = catalogue::features();
    let same = |before: &&Rc<Registry>| {
        before.tier_sets == tier_sets && before.features == features && before.created == created.names
    };
    let none = Texts::default();
    let before = before.as_ref().filter(same);
    let known = before.map_or(&none, |before| &before.texts);
    let (parsed, texts) = catalogue::definitions(written, &tier_sets, &features, known);
    let (streams, since): (Vec<Stream>, Vec<i64>) = catalogue::streams().into_iter().unzip();
    let filling = streams.iter().zip(since).filter(|(_, since)| *since > 0);
    let filling: Vec<(u32, i64)> = filling.map(|(stream, since)| (stream.id, since)).collect();
    let (program, definitions, broken) = match before.filter(|before| before.says(&parsed, &streams)) {
        Some(before) => (Rc::clone(&before.program), before.definitions.clone(), Vec::new()),
        None => {
            let (program, definitions, broken) = catalogue::compile(streams, parsed);
            (Rc::new(program), definitions, broken)
        }
    };
    Registry {
        version: versions.version,
        home: home().version,
        program,
        definitions,
        texts,
        broken,
        tier_sets,
        features,
        created: created.names,
        sources: catalogue::sources(),
        profiles: catalogue::profiles(),
        identities,
        identities_version: versions.identities,
        streams_version: versions.streams,
        filled_version: filling.iter().map(|(_, since)| *since).max().unwrap_or(0),
        evaluated_version: changing.max(created.changing).unwrap_or(0).max(0),
        filling,
        figures: RefCell::default(),
    }
}

/// Whose ids are whose.
fn identities() -> Rc<Identities> {
    Rc::new(Identities::new(rows(c"identity", |row| (row.value(1), row.value(2)))))
}

/// Gives what `segment.identity` says a new number.
pub fn renumber_identities() {
    let _acting = Acting::as_owner(home().owner);
    connect(|session| {
        session.modify(
            "UPDATE segment.version SET identities = pg_catalog.nextval('segment.version_number')",
            &[],
        );
    });
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
        forget_current();
        // The extension may have been dropped and created again.
        HOME.set(None);
    }
    readers::forget(relation);
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
