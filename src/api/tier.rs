//! Tier sets: segments in an order of priority, in exactly one of which everybody has a place.

use super::segment::{checked_name, create_segments, existing, refuse_used};
use crate::criteria::{Scope, parse, parse_moves, reads_tier_set};
use crate::error::nearest;
use crate::membership::{Program, Tiers};
use crate::pg::change;
use crate::pg::owner::Acting;
use crate::pg::profile_view::ENGAGEMENT;
use crate::pg::registry::Registry;
use crate::pg::report::{Refusal, invalid, required, value_of};
use crate::pg::spi::{connect, connect_at_latest};
use crate::pg::types::JsonbArgument;
use crate::score::{engagement_order, engagement_tiers};
use pgrx::prelude::*;
use std::rc::Rc;

/// Creates a tier set of existing segments, the highest first; who is in none of them has the place `otherwise`. Returns how
/// many tiers it has, that one not counted.
#[pg_extern(volatile, parallel_unsafe)]
pub fn create_tier_set(
    name: Option<String>,
    segments: Option<Vec<Option<String>>>,
    otherwise: default!(Option<String>, "'none'"),
    moves: default!(Option<JsonbArgument>, "NULL"),
) -> i32 {
    let name = checked_name(name);
    let otherwise = required(otherwise, "otherwise");
    let segments: Vec<String> = required(segments, "segments").into_iter().flatten().collect();
    let moves = moves.map(|moves| moves.text());
    let registry = change::begin("create_tier_set");
    if registry.tier_sets.iter().any(|set| set.name == name) {
        Refusal::new(PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT, format!("tier set \"{name}\" already exists"))
            .hint("Choose another name, or drop the tier set first.")
            .raise();
    }
    let mut ids: Vec<i32> = Vec::with_capacity(segments.len());
    for segment in &segments {
        let id = existing(&registry, segment).id as i32;
        if ids.contains(&id) || *segment == otherwise {
            refuse(format!("\"{segment}\" would have two places in the tier set"));
        }
        ids.push(id);
    }
    if ids.is_empty() {
        refuse("a tier set needs at least one segment".to_owned());
    }
    let tiers = ids.len() as i32;
    check_moves(&registry, &name, &segments, &otherwise, moves.as_deref());
    let _acting = Acting::as_owner();
    connect(|session| {
        session.modify(
            "INSERT INTO segment.tier_set (tier_set, segments, otherwise, moves) VALUES ($1, $2, $3, $4::jsonb)",
            &[name.into(), ids.into(), otherwise.into(), moves.into()],
        )
    });
    tiers
}

/// Creates the tier set `engagement` with the segments that it is made of, and returns how many tiers it has. `churn` is the
/// attribute with the probability of churn: with NULL, the rules that ask for it ask nothing, and
/// those that demand it are met by nobody. Blocks the writers of all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe)]
fn create_engagement_tiers(
    churn: default!(Option<String>, "'predictions.churn'"),
    prefix: default!(Option<String>, "''"),
) -> i32 {
    let prefix = required(prefix, "prefix");
    let tiers = engagement_tiers(churn.as_deref(), &prefix);
    create_segments("create_engagement_tiers", &tiers);
    let order = engagement_order(&prefix).into_iter().map(Some).collect();
    create_tier_set(Some(ENGAGEMENT.to_owned()), Some(order), Some(format!("{prefix}none")), None)
}

/// Limits the moves between the tiers of a set to those listed, or with NULL allows all; moves that were kept from happening
/// happen where they are allowed now. Returns the number of moves listed.
#[pg_extern(volatile, parallel_unsafe)]
fn set_tier_moves(tier_set: Option<String>, moves: Option<JsonbArgument>) -> Option<i32> {
    let name = required(tier_set, "tier_set");
    let moves = moves.map(|moves| moves.text());
    let registry = change::begin("set_tier_moves");
    let Some(set) = registry.tier_sets.iter().find(|set| set.name == name) else {
        unknown_set(&registry, &name)
    };
    let _acting = Acting::as_owner();
    let otherwise: String = connect_at_latest(|session| {
        session
            .select("SELECT otherwise FROM segment.tier_set WHERE tier_set = $1", &[name.clone().into()])
            .value(0, 1)
    });
    let listed = check_moves(&registry, &name, &set.segments, &otherwise, moves.as_deref());
    connect(|session| {
        session.modify(
            "UPDATE segment.tier_set SET moves = $2::jsonb WHERE tier_set = $1",
            &[name.into(), moves.into()],
        )
    });
    change::finish("set_tier_moves", false, &[]);
    listed
}

/// How many moves are listed; an error for such as cannot be, and where a segment would have its moves limited twice.
fn check_moves(
    registry: &Registry,
    name: &str,
    segments: &[String],
    otherwise: &str,
    moves: Option<&str>,
) -> Option<i32> {
    let places: Vec<&str> = segments.iter().map(String::as_str).chain([otherwise]).collect();
    let moves = value_of(parse_moves(moves?, &places));
    let listed = moves.len() as i32;
    let others = registry.tier_sets.iter().filter(|other| other.name != name && other.moves.is_some());
    for other in others {
        if let Some(segment) = segments.iter().find(|segment| other.segments.contains(segment)) {
            refuse(format!(
                "the moves of \"{segment}\" are limited in the tier set \"{}\" already",
                other.name
            ));
        }
    }
    let ids = segments.iter().map(|segment| existing(registry, segment).id).collect();
    let tiers = Rc::new(Tiers { name: name.to_owned(), segments: ids, moves });
    let mut definitions = registry.definitions.clone();
    let among = definitions.iter_mut().filter(|definition| tiers.segments.contains(&definition.id));
    among.for_each(|definition| definition.tiers = Some(Rc::clone(&tiers)));
    value_of(Program::check_references(&definitions));
    Some(listed)
}

/// Drops a tier set; its segments stay.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn drop_tier_set(name: String) {
    let registry = change::begin("drop_tier_set");
    if registry.tier_sets.iter().all(|set| set.name != name) {
        unknown_set(&registry, &name);
    }
    let _acting = Acting::as_owner();
    // As of now, and not as of the statement.
    let readers: Vec<String> = connect_at_latest(|session| {
        let rows = session.select(
            "SELECT DISTINCT d.name, c.criteria::text FROM segment.definition d
                 CROSS JOIN LATERAL (VALUES (d.criteria), (d.safeguards -> 'leave')) c (criteria)
                 WHERE c.criteria IS NOT NULL ORDER BY d.name",
            &[],
        );
        let reads = |row: &usize| {
            let criteria = parse(&rows.value::<String>(*row, 2), Scope::Subscriber);
            criteria.is_ok_and(|criteria| reads_tier_set(&criteria, &name))
        };
        (0..rows.count()).filter(reads).map(|row| rows.value(row, 1)).collect()
    });
    let readers: Vec<&str> = readers.iter().map(String::as_str).collect();
    let refers = format!("tier set \"{name}\": segments refer to it:");
    refuse_used(&refers, &readers, "Drop or alter those first.");
    connect(|session| {
        session.modify("DELETE FROM segment.tier_set WHERE tier_set = $1", &[name.into()]);
    });
}

fn refuse(problem: String) -> ! {
    invalid(
        problem,
        "Name each segment once, the highest first, and in one tier set at most whose moves are limited.",
    )
}

fn unknown_set(registry: &Registry, name: &str) -> ! {
    let refusal =
        Refusal::new(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("tier set \"{name}\" does not exist"));
    refusal
        .hint(match nearest(name, registry.tier_sets.iter().map(|set| set.name.as_str())) {
            Some(near) => format!("Did you mean \"{near}\"?"),
            None => "The tier sets are listed in segment.tier_set.".to_owned(),
        })
        .raise()
}
