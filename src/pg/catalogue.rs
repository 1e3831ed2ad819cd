//! What the definition tables say.

use super::heap::{Row, rows};
use super::profile::{ProfileMapping, ProfileSource};
use super::report::raise;
use super::source::{EventType, Mapping, Source};
use super::types::{JsonbArgument, StoredJsonb, TextArgument};
use crate::activity::{Horizons, Keep, Selection, Stream, Streams};
use crate::criteria::{
    Features, Path, Recurring, Safeguards, Scope, TierSet, Zone, expand_tiers, locate, parse_moves, read,
};
use crate::error::Error;
use crate::membership::{Definition, Program, Tiers};
use pgrx::prelude::*;
use std::ffi::CStr;
use std::rc::Rc;

/// Definitions, and the names of those that cannot be read, with the reason.
pub type Parsed = Vec<std::result::Result<Definition, (String, Error)>>;

/// A definition as it is stored.
pub struct Written {
    id: u32,
    name: String,
    criteria: StoredJsonb,
    zone: String,
    safeguards: Option<StoredJsonb>,
    pub changing: Option<i64>,
    on_hold: bool,
}

/// Definitions as they are stored and as they were read, in ascending order of id.
#[derive(Default)]
pub struct Known(Vec<(Rc<Written>, Definition)>);

impl Known {
    fn of(&self, id: u32) -> Option<&(Rc<Written>, Definition)> {
        let place = self.0.binary_search_by_key(&id, |(known, _)| known.id).ok()?;
        Some(&self.0[place])
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
            on_hold: row.instant(10).is_some(),
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
            && (row.get(9), row.instant(10).is_some()) == (self.changing, self.on_hold)
    }

    /// Whether it is read as another one is.
    fn reads_like(&self, other: &Self) -> bool {
        (&self.criteria, &self.zone, &self.safeguards) == (&other.criteria, &other.zone, &other.safeguards)
    }
}

/// In ascending order of id; those that are as before are the same.
pub fn written(before: &Known) -> Vec<Rc<Written>> {
    let mut written = rows(c"definition", |row| {
        let before = before.of(row.value::<i32>(1) as u32).filter(|(before, _)| before.is(row));
        before.map_or_else(|| Rc::new(Written::read(row)), |(before, _)| Rc::clone(before))
    });
    written.sort_unstable_by_key(|definition| definition.id);
    written
}

/// Those that were parsed before are not parsed again.
pub fn definitions(
    written: Vec<Rc<Written>>,
    tier_sets: &[TierSet],
    features: &Features,
    before: &Known,
) -> (Parsed, Known) {
    let id_of =
        |name: &String| written.iter().find(|written| written.name == *name).map(|written| written.id);
    let limited = tier_sets.iter().filter_map(|set| {
        let moves = set.moves.clone()?;
        let segments = set.segments.iter().map(id_of).collect::<Option<Vec<u32>>>()?;
        Some((set, Rc::new(Tiers { name: set.name.clone(), segments, moves })))
    });
    let tiers: Vec<(&TierSet, Rc<Tiers>)> = limited.collect();
    let parse = |written: &Written| {
        let located = locate(&read(&written.criteria.text())?, Scope::Subscriber)?;
        let criteria = expand_tiers(features.expand(located)?, tier_sets)?;
        let mut definition =
            Definition::new(written.id, written.name.as_str(), criteria, Zone::by_name(&written.zone)?);
        let safeguards = written.safeguards.as_ref();
        let safeguards =
            safeguards.map(|safeguards| Safeguards::parse(&safeguards.text(), features, tier_sets));
        definition.safeguards = safeguards.transpose()?.map(Rc::new);
        Ok(definition)
    };
    let mut known = Vec::with_capacity(written.len());
    let mut parsed = Vec::with_capacity(written.len());
    for written in written {
        let before = before.of(written.id);
        let same = before.is_some_and(|(before, _)| Rc::ptr_eq(before, &written));
        let before = before.filter(|(before, _)| same || before.reads_like(&written));
        let read = before.map_or_else(|| parse(&written), |(_, definition)| Ok(definition.clone()));
        parsed.push(match read {
            Ok(mut definition) => {
                let tiers = tiers.iter().find(|(set, _)| set.segments.contains(&written.name));
                definition.tiers = tiers.map(|(_, tiers)| Rc::clone(tiers));
                definition.on_hold = written.on_hold;
                if !same {
                    definition.name = written.name.as_str().into();
                }
                known.push((written, definition.clone()));
                Ok(definition)
            }
            Err(error) => Err((written.name.clone(), error)),
        });
    }
    (parsed, Known(known))
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

/// The program of the definitions that can be compiled, those, and those that cannot: only direct writes to the tables
/// make such, and whoever refers to one is one too. Definitions and streams of a program before are the first of these.
pub fn compile(
    before: Option<&Program>,
    streams: Vec<Stream>,
    parsed: Parsed,
) -> (Program, Vec<Definition>, Vec<(String, Error)>) {
    let mut definitions = Vec::with_capacity(parsed.len());
    let mut broken = Vec::new();
    for definition in parsed {
        match definition {
            Ok(definition) => definitions.push(definition),
            Err(unreadable) => broken.push(unreadable),
        }
    }
    if let Some(Ok(program)) = before.map(|before| before.extended(streams.clone(), &definitions)) {
        return (program, definitions, broken);
    }
    loop {
        let error = match Program::compile(streams.clone(), &definitions) {
            Ok(program) => return (program, definitions, broken),
            Err(error) => error,
        };
        let stored = Streams::new(streams.clone());
        let cause = |definition: &Definition| Program::check_against(&stored, definition, &definitions).err();
        let found =
            definitions.iter().enumerate().find_map(|(at, definition)| Some((at, cause(definition)?)));
        // None alone is at fault where they refer to each other in a circle: the last one goes.
        let (at, error) = found.unwrap_or((definitions.len().saturating_sub(1), error));
        if definitions.is_empty() {
            raise(error);
        }
        broken.push((definitions.remove(at).name.to_string(), error));
    }
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
    /// With the version that puts one into force.
    pub fn read() -> (Self, Option<i64>) {
        let mut stored = rows(c"feature", |row| (row.value(1), row.value(3), row.get::<i64>(6)));
        stored.sort_unstable_by(|(a, ..): &(String, _, _), (b, ..)| a.cmp(b));
        let changing = stored.iter().filter_map(|(.., changing)| *changing).max();
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
