//! What the definition tables say.

use super::profile::{ProfileMapping, ProfileSource};
use super::report::raise;
use super::source::{EventType, Mapping, Source};
use super::spi::Session;
use crate::activity::{Horizons, Keep, Selection, Stream, Streams};
use crate::criteria::{
    Features, Located, Path, Recurring, Safeguards, Scope, TierSet, Zone, expand_tiers, locate, parse_moves,
    read,
};
use crate::error::Error;
use crate::membership::{Definition, Program, Tiers};
use pgrx::prelude::*;
use std::collections::HashMap;
use std::rc::Rc;

/// Definitions, and the names of those that cannot be read, with the reason.
pub type Parsed = Vec<std::result::Result<Definition, (String, Error)>>;

/// Criteria and safeguards by their text.
#[derive(Default)]
pub struct Texts {
    criteria: HashMap<String, Rc<Located>>,
    safeguards: HashMap<String, Rc<Safeguards>>,
}

/// Those that were parsed before need not be parsed again.
pub fn definitions(
    session: &Session,
    tier_sets: &[TierSet],
    features: &Features,
    before: &Texts,
) -> (Parsed, Texts) {
    let rows = session.select(
        "SELECT segment_id, name, criteria::text, time_zone, safeguards::text, on_hold_since IS NOT NULL
         FROM segment.definition ORDER BY segment_id",
        &[],
    );
    let mut texts = Texts::default();
    let parse = |text: &str| {
        let located = locate(&read(text)?, Scope::Subscriber)?;
        expand_tiers(features.expand(located)?, tier_sets).map(Rc::new)
    };
    let id_of = |name: &String| {
        (0..rows.count())
            .find(|row| rows.value::<String>(*row, 2) == *name)
            .map(|row| rows.value::<i32>(row, 1) as u32)
    };
    let limited = tier_sets.iter().filter_map(|set| {
        let moves = set.moves.clone()?;
        let segments = set.segments.iter().map(id_of).collect::<Option<Vec<u32>>>()?;
        Some((set, Rc::new(Tiers { name: set.name.clone(), segments, moves })))
    });
    let tiers: Vec<(&TierSet, Rc<Tiers>)> = limited.collect();
    let definition = |row: usize| {
        let name: String = rows.value(row, 2);
        let text: String = rows.value(row, 3);
        let known = before.criteria.get(&text).map(|criteria| Ok(Rc::clone(criteria)));
        let criteria = known.unwrap_or_else(|| parse(&text));
        let zone = Zone::by_name(&rows.value::<String>(row, 4));
        let guards: Option<String> = rows.get(row, 5);
        let safeguards = guards.as_ref().map(|text| match before.safeguards.get(text) {
            Some(known) => Ok(Rc::clone(known)),
            None => Safeguards::parse(text, features, tier_sets).map(Rc::new),
        });
        let safeguards = safeguards.transpose();
        match criteria.and_then(|criteria| Ok((criteria, zone?, safeguards?))) {
            Ok((criteria, zone, safeguards)) => {
                texts.criteria.insert(text, Rc::clone(&criteria));
                texts.safeguards.extend(guards.zip(safeguards.clone()));
                let tiers = tiers.iter().find(|(set, _)| set.segments.contains(&name));
                let tiers = tiers.map(|(_, tiers)| Rc::clone(tiers));
                let id = rows.value::<i32>(row, 1) as u32;
                Ok(Definition { id, name, criteria, zone, safeguards, tiers, on_hold: rows.value(row, 6) })
            }
            Err(error) => Err((name, error)),
        }
    };
    ((0..rows.count()).map(definition).collect(), texts)
}

pub fn tier_sets(session: &Session) -> Vec<TierSet> {
    let rows = session.select(
        "SELECT tier_set, ARRAY(SELECT d.name FROM pg_catalog.unnest(segments) WITH ORDINALITY AS t (id, place)
                                JOIN segment.definition d ON d.segment_id = t.id ORDER BY place),
                otherwise, moves::text
         FROM segment.tier_set ORDER BY tier_set",
        &[],
    );
    let set = |row: usize| {
        let segments: Vec<String> = rows.value(row, 2);
        let otherwise: String = rows.value(row, 3);
        let places: Vec<&str> = segments.iter().map(String::as_str).chain([otherwise.as_str()]).collect();
        // What only a direct write can have put there limits nothing.
        let moves = rows.get(row, 4).and_then(|moves: String| parse_moves(&moves, &places).ok());
        TierSet { name: rows.value(row, 1), segments, otherwise, moves }
    };
    (0..rows.count()).map(set).collect()
}

/// The program of the definitions that can be compiled, those, and those that cannot: only direct writes to the tables
/// make such, and whoever refers to one is one too.
pub fn compile(streams: Vec<Stream>, parsed: Parsed) -> (Program, Vec<Definition>, Vec<(String, Error)>) {
    let mut definitions = Vec::with_capacity(parsed.len());
    let mut broken = Vec::new();
    for definition in parsed {
        match definition {
            Ok(definition) => definitions.push(definition),
            Err(unreadable) => broken.push(unreadable),
        }
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
        broken.push((definitions.remove(at).name, error));
    }
}

/// Streams that cannot be read are left out: the definitions that need them are then broken, and nothing else.
pub fn streams(session: &Session) -> Vec<Stream> {
    let rows = session.select(
        "SELECT stream_id, event_type, filter::text, value_path, from_time, until_time, horizons, extent, keep, ever,
                hours, weekdays, months, time_zone
         FROM segment.stream ORDER BY stream_id",
        &[],
    );
    let stream = |row: usize| {
        let filter: Option<String> = rows.get(row, 3);
        let filter = filter.map(|filter| serde_json::from_str(&filter)).transpose().ok()?;
        let selection = Selection {
            event: rows.get(row, 2),
            filter,
            of: rows.get(row, 4).map(Path),
            from: rows.instant(row, 5),
            until: rows.instant(row, 6),
            keep: Keep::by_name(&rows.value::<String>(row, 9))?,
            recurring: match rows.get::<String>(row, 14) {
                None => None,
                Some(zone) => {
                    let numbers = |column: i32| -> Option<Vec<u32>> {
                        let numbers: Vec<i32> = rows.get(row, column)?;
                        numbers.into_iter().map(|number| u32::try_from(number).ok()).collect()
                    };
                    let (hours, weekdays, months) = (numbers(11)?, numbers(12)?, numbers(13)?);
                    Some((Recurring { hours, weekdays, months }, Zone::by_name(&zone).ok()?))
                }
            },
        };
        let panes = rows.value::<Vec<i64>>(row, 7).try_into().ok()?;
        let horizons = Horizons { panes, extent: rows.value(row, 8), ever: rows.value(row, 10) };
        Stream::new(rows.value::<i32>(row, 1) as u32, selection, horizons).ok()
    };
    (0..rows.count()).filter_map(stream).collect()
}

pub fn sources(session: &Session) -> Vec<Source> {
    let rows = session.select(
        "SELECT source_id, relation::oid, subscriber::text, occurred_at::text, time_zone, event_type::text,
                constant_type, value::text, properties::text, capture,
                ARRAY(SELECT t.relation::oid FROM segment.source_table t WHERE t.source_id = source.source_id ORDER BY 1)
         FROM segment.source ORDER BY source_id",
        &[],
    );
    (0..rows.count())
        .map(|row| Source {
            id: rows.value(row, 1),
            relation: rows.get(row, 2).unwrap_or(pg_sys::Oid::INVALID),
            tables: rows.value(row, 11),
            by_row: rows.value::<String>(row, 10) == "row",
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

pub fn profiles(session: &Session) -> Vec<ProfileSource> {
    let rows = session.select(
        "SELECT profile_source_id, relation::oid, subscriber::text, email::text, traits::text[], properties::text,
                preferences::text, tags::text
         FROM segment.profile_source ORDER BY profile_source_id",
        &[],
    );
    (0..rows.count())
        .map(|row| ProfileSource {
            id: rows.value(row, 1),
            relation: rows.get(row, 2).unwrap_or(pg_sys::Oid::INVALID),
            mapping: ProfileMapping {
                subscriber: rows.value(row, 3),
                email: rows.get(row, 4),
                traits: rows.value(row, 5),
                properties: rows.get(row, 6),
                preferences: rows.get(row, 7),
                tags: rows.get(row, 8),
            },
        })
        .collect()
}

/// The features that there are, and the names of those that somebody created. One that cannot be read is none.
pub fn features(session: &Session) -> (Features, Vec<String>) {
    let rows = session.select("SELECT name, spec::text FROM segment.feature ORDER BY name", &[]);
    let mut features = crate::score::features();
    for row in 0..rows.count() {
        let spec = serde_json::from_str(&rows.value::<String>(row, 2));
        features.specs.extend(spec.ok().map(|spec| (rows.value(row, 1), spec)));
    }
    let created: Vec<String> = rows.first_column();
    let created = created.into_iter().filter(|name| features.formula(name).is_ok()).collect();
    (features, created)
}
