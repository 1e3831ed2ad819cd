//! What the definition tables say.

use super::heap::{Row, rows};
use super::profile::{ProfileMapping, ProfileSource};
use super::rules::Parsed;
use super::source::{EventType, Mapping, Source};
use super::types::{JsonbArgument, StoredJsonb, TextArgument};
use crate::activity::{Horizons, Keep, Selection, Stream};
use crate::criteria::{
    Features, Path, Recurring, Safeguards, Scope, TierSet, Zone, expand_tiers, locate, parse_moves, read,
};
use crate::error::Result;
use crate::membership::{Definition, Tiers};
use pgrx::prelude::*;
use std::ffi::CStr;
use std::rc::Rc;

/// A definition as it is stored.
pub struct Written {
    id: u32,
    name: String,
    criteria: StoredJsonb,
    zone: String,
    safeguards: Option<StoredJsonb>,
    pub changing: Option<i64>,
    criteria_before: Option<StoredJsonb>,
    on_hold: bool,
}

/// Definitions as they are stored and as they were read, in ascending order of id.
#[derive(Default)]
pub struct Known(Vec<Entry>);

struct Entry {
    written: Rc<Written>,
    definition: Definition,
    /// By the criteria before.
    before: Option<Definition>,
}

impl Known {
    fn of(&self, id: u32) -> Option<&Entry> {
        let place = self.0.binary_search_by_key(&id, |known| known.written.id).ok()?;
        Some(&self.0[place])
    }
}

impl Entry {
    /// As it was read with some criteria by which it is still to be read.
    fn with(&self, criteria: &StoredJsonb, written: &Written) -> Option<&Definition> {
        let own = &self.written;
        if (&own.zone, &own.safeguards) != (&written.zone, &written.safeguards) {
            return None;
        }
        let is_before = own.criteria_before.as_ref() == Some(criteria);
        let before = self.before.as_ref().filter(|_| is_before);
        before.or((own.criteria == *criteria).then_some(&self.definition))
    }
}

impl Written {
    fn read(row: &Row) -> Self {
        Written {
            id: row.value::<i32>(1) as u32,
            name: row.value(2),
            criteria: row.value(4),
            zone: row.value(5),
            safeguards: row.get(6),
            changing: row.get(9),
            criteria_before: row.get(10),
            on_hold: row.instant(11).is_some(),
        }
    }

    fn is(&self, row: &Row) -> bool {
        let text = |column, ours: &str| {
            row.get(column).is_some_and(|theirs: TextArgument| theirs.bytes() == ours.as_bytes())
        };
        let json = |column, ours: Option<&StoredJsonb>| {
            row.get(column).as_ref().map(JsonbArgument::bytes) == ours.map(StoredJsonb::bytes)
        };
        text(2, &self.name)
            && text(5, &self.zone)
            && json(4, Some(&self.criteria))
            && json(6, self.safeguards.as_ref())
            && json(10, self.criteria_before.as_ref())
            && (row.get(9), row.instant(11).is_some()) == (self.changing, self.on_hold)
    }
}

/// In ascending order of id; those that are as before are the same.
pub fn written(before: &Known) -> Vec<Rc<Written>> {
    let mut written = rows(c"definition", |row| {
        let before = before.of(row.value::<i32>(1) as u32).filter(|before| before.written.is(row));
        before.map_or_else(|| Rc::new(Written::read(row)), |before| Rc::clone(&before.written))
    });
    written.sort_unstable_by_key(|definition| definition.id);
    written
}

/// What makes definitions of what is stored. What was parsed before is not parsed again.
pub struct Definitions<'a> {
    written: &'a [Rc<Written>],
    tier_sets: &'a [TierSet],
    tiers: Vec<Rc<Tiers>>,
    features: &'a Features,
    before: &'a Known,
}

impl<'a> Definitions<'a> {
    pub fn new(
        written: &'a [Rc<Written>],
        tier_sets: &'a [TierSet],
        features: &'a Features,
        before: &'a Known,
    ) -> Self {
        let id_of =
            |name: &String| written.iter().find(|written| written.name == *name).map(|written| written.id);
        let limited = tier_sets.iter().filter_map(|set| {
            let moves = set.moves.clone()?;
            let segments = set.segments.iter().map(id_of).collect::<Option<Vec<u32>>>()?;
            Some(Rc::new(Tiers { name: set.name.clone(), segments, moves }))
        });
        let tiers = limited.collect();
        Definitions { written, tier_sets, tiers, features, before }
    }

    /// Those in force, and what the next version need not read again.
    pub fn newest(&self) -> (Parsed, Known) {
        let mut known = Vec::with_capacity(self.written.len());
        let read = |written: &Rc<Written>| {
            let definition = self.read(written, &written.criteria);
            known.extend(definition.iter().map(|definition| {
                let before = written.criteria_before.as_ref().filter(|before| !before.is_null());
                let before = before.and_then(|before| self.read(written, before).ok());
                Entry { written: Rc::clone(written), definition: definition.clone(), before }
            }));
            definition.map_err(|error| (written.name.clone(), error))
        };
        (self.written.iter().map(read).collect(), Known(known))
    }

    /// Those by which whoever no change under way has reached still stands, where those are known.
    pub fn before_changes(&self, newest: &Known) -> Option<Parsed> {
        let mut definitions = Vec::with_capacity(self.written.len());
        for written in self.written {
            let known = newest.of(written.id)?;
            match (written.changing, &written.criteria_before) {
                (None, _) => definitions.push(Ok(known.definition.clone())),
                (Some(_), Some(before)) if before.is_null() => {}
                (Some(_), _) => definitions.push(Ok(known.before.clone()?)),
            }
        }
        Some(definitions)
    }

    fn read(&self, written: &Rc<Written>, criteria: &StoredJsonb) -> Result<Definition> {
        let before = self.before.of(written.id);
        let same = before.is_some_and(|before| Rc::ptr_eq(&before.written, written));
        let mut definition = match before.and_then(|before| before.with(criteria, written)) {
            Some(definition) => definition.clone(),
            None => self.parse(written, criteria)?,
        };
        definition.tiers = self.tiers.iter().find(|tiers| tiers.segments.contains(&written.id)).cloned();
        definition.on_hold = written.on_hold;
        if !same {
            definition.name = written.name.as_str().into();
        }
        Ok(definition)
    }

    fn parse(&self, written: &Written, criteria: &StoredJsonb) -> Result<Definition> {
        let located = locate(&read(&criteria.text())?, Scope::Subscriber)?;
        let criteria = expand_tiers(self.features.expand(located)?, self.tier_sets)?;
        let mut definition =
            Definition::new(written.id, written.name.as_str(), criteria, Zone::by_name(&written.zone)?);
        let safeguards = written.safeguards.as_ref();
        let safeguards =
            safeguards.map(|safeguards| Safeguards::parse(&safeguards.text(), self.features, self.tier_sets));
        definition.safeguards = safeguards.transpose()?.map(Rc::new);
        Ok(definition)
    }
}

pub fn tier_sets(written: &[Rc<Written>]) -> Vec<TierSet> {
    let name_of = |id: &i32| {
        let place = written.binary_search_by_key(&(*id as u32), |definition| definition.id).ok()?;
        Some(written[place].name.clone())
    };
    let mut sets = rows(c"tier_set", |row| {
        let segments: Vec<String> = row.value::<Vec<i32>>(2).iter().filter_map(name_of).collect();
        let otherwise: String = row.value(3);
        let places: Vec<&str> = segments.iter().map(String::as_str).chain([otherwise.as_str()]).collect();
        // What only a direct write can have put there limits nothing.
        let moves = row.json(4).and_then(|moves| parse_moves(&moves, &places).ok());
        TierSet { name: row.value(1), segments, otherwise, moves }
    });
    sets.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    sets
}

/// Streams with the version from which on a state that was written has them. Those that cannot be read are left out: the definitions
/// that need them are then broken, and nothing else.
pub fn streams() -> Vec<(Stream, i64)> {
    let stream = |row: &Row| {
        let filter = row.json(3).map(|filter| serde_json::from_str(&filter)).transpose().ok()?;
        let selection = Selection {
            event: row.get(2),
            filter,
            of: row.get(4).map(Path),
            from: row.instant(5),
            until: row.instant(6),
            keep: Keep::by_name(&row.value::<String>(9))?,
            recurring: match row.get::<String>(14) {
                None => None,
                Some(zone) => {
                    let numbers = |column: i16| -> Option<Vec<u32>> {
                        let numbers: Vec<i32> = row.get(column)?;
                        numbers.into_iter().map(|number| u32::try_from(number).ok()).collect()
                    };
                    let (hours, weekdays, months) = (numbers(11)?, numbers(12)?, numbers(13)?);
                    Some((Recurring { hours, weekdays, months }, Zone::by_name(&zone).ok()?))
                }
            },
        };
        let panes = row.value::<Vec<i64>>(7).try_into().ok()?;
        let horizons = Horizons { panes, extent: row.value(8), ever: row.value(10) };
        let stream = Stream::new(row.value::<i32>(1) as u32, selection, horizons).ok()?;
        Some((stream, row.value(15)))
    };
    let mut streams: Vec<_> = rows(c"stream", stream).into_iter().flatten().collect();
    streams.sort_unstable_by_key(|(stream, _)| stream.id);
    streams
}

pub fn sources() -> Vec<Source> {
    let tables: Vec<(pg_sys::Oid, i32)> =
        rows(c"source_table", |row| (row.get(1).unwrap_or(pg_sys::Oid::INVALID), row.value(2)));
    let mut sources = rows(c"source", |row| {
        let id = row.value(1);
        let mut tables: Vec<pg_sys::Oid> =
            tables.iter().filter(|(_, source)| *source == id).map(|(table, _)| *table).collect();
        tables.sort_unstable_by_key(|table| table.to_u32());
        Source {
            id,
            relation: row.get(2).unwrap_or(pg_sys::Oid::INVALID),
            tables,
            by_row: row.value::<String>(10) == "row",
            mapping: Mapping {
                subscriber: row.name(3).unwrap_or_default(),
                occurred_at: row.name(4).unwrap_or_default(),
                time_zone: row.get(5),
                event_type: match row.name(6) {
                    Some(column) => EventType::Column(column),
                    None => EventType::Constant(row.value(7)),
                },
                value: row.name(8),
                properties: row.name(9),
            },
        }
    });
    sources.sort_unstable_by_key(|source| source.id);
    sources
}

pub fn profiles() -> Vec<ProfileSource> {
    let mut profiles = rows(c"profile_source", |row| {
        let traits: Option<pgrx::Array<&CStr>> = row.get(5);
        let traits = traits.iter().flat_map(|traits| traits.iter().flatten());
        ProfileSource {
            id: row.value(1),
            relation: row.get(2).unwrap_or(pg_sys::Oid::INVALID),
            mapping: ProfileMapping {
                subscriber: row.name(3).unwrap_or_default(),
                email: row.name(4),
                traits: traits.map(|name| name.to_string_lossy().into_owned()).collect(),
                properties: row.name(6),
                preferences: row.name(7),
                tags: row.name(8),
            },
        }
    });
    profiles.sort_unstable_by_key(|source| source.id);
    profiles
}

/// The features that somebody created as they are stored, by name.
#[derive(PartialEq)]
pub struct StoredFeatures(Vec<(String, StoredJsonb)>);

impl StoredFeatures {
    /// With the versions that put some of them into force.
    pub fn read() -> (Self, Vec<i64>) {
        let mut stored = rows(c"feature", |row| (row.value(1), row.value(3), row.get::<i64>(6)));
        stored.sort_unstable_by(|(a, ..): &(String, _, _), (b, ..)| a.cmp(b));
        let changing = stored.iter().filter_map(|(.., changing)| *changing).collect();
        (StoredFeatures(stored.into_iter().map(|(name, spec, _)| (name, spec)).collect()), changing)
    }

    /// The features that there are, and the names of those that somebody created. One that cannot be read is none.
    pub fn features(&self) -> (Features, Vec<String>) {
        let mut features = crate::score::features();
        for (name, spec) in &self.0 {
            let spec = serde_json::from_str(&spec.text()).ok();
            features.specs.extend(spec.map(|spec| (name.clone(), spec)));
        }
        let names = self.0.iter().map(|(name, _)| name.clone());
        let names = names.filter(|name| features.formula(name).is_ok()).collect();
        (features, names)
    }
}
