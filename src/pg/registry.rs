//! The definitions, compiled once per backend and version.
//!
//! A version number stands for one content of the definition tables and is never reused, so a compiled
//! registry never goes stale: readers ask for the version that their snapshot shows. At most it says that a change
//! is under way which has reached everybody, so that its end makes no difference. Writers need the newest, and hold a
//! lock on `segment.version` that a change of definitions has to wait for.

use super::catalogue::{self, Definitions, Known, StoredFeatures};
use super::guc;
use super::heap::rows;
use super::home::home;
use super::owner::Acting;
use super::profile::ProfileSource;
use super::relation::is_in_use;
use super::report::{Refusal, invalid};
use super::rules::Rules;
use super::source::Source;
use super::spi::{at_latest_snapshot, connect};
use crate::criteria::{Features, Formula, Located, Safeguards, Scope, TierSet, expand_tiers, locate, read};
use crate::error::Result;
use crate::membership::{Definition, Figure};
use crate::profile::Identities;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;

/// Compiled versions kept per backend: the newest, and that of a statement that began before it.
const KEPT: usize = 2;

pub struct Registry {
    pub version: i64,
    /// The table that the version was read from: another extension's after DROP and CREATE EXTENSION.
    home: pg_sys::Oid,
    pub rules: Rc<Rules>,
    /// The version of the first change that is under way, and the rules before all of them, where those are known.
    before: Option<(i64, Rc<Rules>)>,
    /// What the next version need not read again.
    known: Known,
    pub tier_sets: Vec<TierSet>,
    pub features: Rc<Features>,
    stored_features: StoredFeatures,
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

thread_local! {
    /// The newest version, until something is invalidated.
    static CURRENT: Cell<Option<i64>> = const { Cell::new(None) };
    static COMPILED: RefCell<Vec<Rc<Registry>>> = const { RefCell::new(Vec::new()) };
    /// Counts invalidations, so that what was read while one arrived is not taken for the newest.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
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

/// The same with all changes that have come to their ends, of which not every backend is told.
pub fn latest() -> Rc<Registry> {
    forget_current();
    current()
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
        let _acting = Acting::as_owner();
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

/// The number of a change that writers do not wait for: states last written before it have not been reached. Whoever
/// comes after it waits until the change is committed.
pub fn begin_change() -> i64 {
    await_changes();
    let _acting = Acting::as_owner();
    connect(|session| session.modify("SELECT pg_catalog.nextval('segment.version_number')", &[]).value(0, 1))
}

/// Waits for changes of definitions that are about to be committed, and lets none be until this transaction ends.
pub fn await_changes() {
    let _acting = Acting::as_owner();
    connect(|session| {
        session.modify("SELECT FROM segment.version FOR UPDATE", &[]);
    });
}

impl Deref for Registry {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        &self.rules
    }
}

impl Registry {
    /// Those by which anybody stands.
    pub fn all_rules(&self) -> impl Iterator<Item = &Rules> {
        [&self.rules].into_iter().chain(self.before.as_ref().map(|(_, rules)| rules)).map(Rc::as_ref)
    }

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

    /// The rules by which somebody stands whose state was last written under a version, if a change is under way that has not
    /// reached them, and if those before it are known: then the state is exact under these.
    pub fn before(&self, version: i64) -> Option<&Rc<Rules>> {
        let (changed, before) = self.before.as_ref()?;
        (version < *changed && version >= before.filled_version).then_some(before)
    }

    /// The rules by which a state that was last written under a version is to be looked at as it is.
    pub fn rules_of(&self, version: i64) -> &Rc<Rules> {
        self.before(version).unwrap_or(&self.rules)
    }

    /// The definitions of the rules before a change that is under way which are not what they were.
    pub fn definitions_before(&self) -> impl Iterator<Item = &Definition> {
        let altered = |before: &&Definition| {
            let mut now = self.definitions.iter().filter(|now| now.id == before.id);
            now.all(|now| !Rc::ptr_eq(&now.criteria, &before.criteria))
        };
        self.before.iter().flat_map(|(_, rules)| &rules.definitions).filter(altered)
    }

    /// Safeguards of a segment, as they compile.
    pub fn parse_safeguards(&self, safeguards: &str) -> Result<Safeguards> {
        Safeguards::parse(safeguards, &self.features, &self.tier_sets)
    }

    /// Whether a statement of this session may be in flight whose rows are there already and are captured when it ends: one
    /// that has a table of events open, be it to read, or any that has come to its triggers, as a cascade has its own fired last.
    pub fn statement_in_flight(&self) -> bool {
        // SAFETY: the function takes no arguments.
        let depth = unsafe { pgrx::direct_function_call::<i32>(pg_sys::pg_trigger_depth, &[]) };
        depth != Some(0)
            || self.sources.iter().flat_map(|source| &source.tables).any(|table| is_in_use(*table))
    }

    pub fn source_of(&self, relation: pg_sys::Oid) -> Option<&Source> {
        self.sources.iter().find(|source| source.tables.contains(&relation))
    }

    /// The source of profiles that a table is.
    pub fn profiles_of(&self, relation: pg_sys::Oid) -> Option<&ProfileSource> {
        self.profiles.iter().find(|source| source.relation == relation)
    }
}

/// What is newest is to be looked up again.
pub fn forget_current() {
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
    let none = Known::default();
    let written = catalogue::written(before.as_ref().map_or(&none, |before| &before.known));
    let tier_sets = catalogue::tier_sets(&written);
    let (stored_features, changing) = StoredFeatures::read();
    let same = before.as_ref().filter(|before| before.stored_features == stored_features);
    let (features, created) = same.map_or_else(
        || {
            let (features, created) = stored_features.features();
            (Rc::new(features), created)
        },
        |before| (Rc::clone(&before.features), before.created.clone()),
    );
    let before = same.filter(|before| before.tier_sets == tier_sets);
    let known = before.map_or(&none, |before| &before.known);
    let reader = Definitions::new(&written, &tier_sets, &features, known);
    let (parsed, known) = reader.newest();
    let streams = catalogue::streams();
    let filling = streams.iter().filter(|(_, since)| *since > 0);
    let filling = filling.map(|(stream, since)| (stream.id, *since)).collect();
    let changing = written.iter().filter_map(|definition| definition.changing).chain(changing);
    let under_way: Vec<i64> = changing.collect();
    let compiled = || before.into_iter().flat_map(|before| before.all_rules());
    let rules_before = under_way.iter().min().and_then(|&changed| {
        let streams = streams.iter().filter(|(_, since)| *since < changed).cloned().collect();
        let rules = Rules::new(reader.before_changes(&known)?, streams, 0, compiled());
        rules.broken.is_empty().then(|| (changed, Rc::new(rules)))
    });
    let compiled = compiled().chain(rules_before.iter().map(|(_, rules)| &**rules));
    let rules = Rules::new(parsed, streams, under_way.iter().max().map_or(0, |&changed| changed), compiled);
    Registry {
        version: versions.version,
        home: home().version,
        rules: Rc::new(rules),
        before: rules_before,
        known,
        tier_sets,
        features,
        stored_features,
        created,
        sources: catalogue::sources(),
        profiles: catalogue::profiles(),
        identities,
        identities_version: versions.identities,
        streams_version: versions.streams,
        filling,
        figures: RefCell::default(),
    }
}

/// Whose ids are whose.
fn identities() -> Rc<Identities> {
    Rc::new(Identities::new(rows(c"identity", |row| (row.value(1), row.value(2)))))
}

/// What criteria name may be another thing now: nobody is known to stand by any from before a change that is under way.
pub fn forget_criteria_before() {
    let _acting = Acting::as_owner();
    let known = "UPDATE segment.definition SET criteria_before = NULL WHERE criteria_before IS NOT NULL";
    connect(|session| session.modify(known, &[]));
}

/// Gives what `segment.identity` says a new number.
pub fn renumber_identities() {
    let _acting = Acting::as_owner();
    connect(|session| {
        session.modify(
            "UPDATE segment.version SET identities = pg_catalog.nextval('segment.version_number')",
            &[],
        );
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
