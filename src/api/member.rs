//! Members by hand: what somebody decided wins over the criteria.

use super::segment::existing;
use crate::membership::{Cause, Manual};
use crate::pg::engine::Engine;
use crate::pg::flush::flush;
use crate::pg::locks;
use crate::pg::registry;
use crate::pg::report::invalid;
use crate::pg::source::LONGEST_SUBSCRIBER;
use crate::pg::spi::at_latest_snapshot;
use crate::pg::store::Effort;
use pgrx::prelude::*;

/// Adds a subscriber to a segment, whatever its criteria say, until [`release_member`]; false where that was so already.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn add_member(segment: String, subscriber: String) -> bool {
    decide(&segment, &[subscriber], Some(true)) > 0
}

/// Keeps a subscriber out of a segment, whatever its criteria say, until [`release_member`]; false where that was so already.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn exclude_member(segment: String, subscriber: String) -> bool {
    decide(&segment, &[subscriber], Some(false)) > 0
}

/// Leaves it to the criteria again whether a subscriber is in a segment; false where nothing was decided by hand.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn release_member(segment: String, subscriber: String) -> bool {
    decide(&segment, &[subscriber], None) > 0
}

/// The decisions in a stored form, for segment.manual_member.
#[pg_extern(immutable, parallel_safe, strict, name = "_manual")]
fn manual(stored: &[u8]) -> TableIterator<'static, (name!(segment_id, i32), name!(member, bool))> {
    let manual = Manual::from_bytes(stored).unwrap_or_default();
    let added = manual.added.iter().map(|id| (id as i32, true));
    let rows: Vec<(i32, bool)> = added.chain(manual.excluded.iter().map(|id| (id as i32, false))).collect();
    TableIterator::new(rows)
}

/// Decides about some subscribers, or leaves them to the criteria; returns for how many that was something new.
pub fn decide(segment: &str, subscribers: &[String], member: Option<bool>) -> i64 {
    if let Some(subscriber) = subscribers.iter().find(|id| id.len() > LONGEST_SUBSCRIBER) {
        invalid(
            format!(
                "the id of a subscriber has at most {LONGEST_SUBSCRIBER} bytes, not {}",
                subscriber.len()
            ),
            "Events with such ids are set aside, too.",
        );
    }
    flush();
    locks::hold_definitions_and_sources();
    let registry = registry::current();
    let definition = existing(&registry, segment);
    let of = |subscriber: &String| registry.identities.of(subscriber).to_owned();
    let mut ids: Vec<String> = subscribers.iter().map(of).collect();
    ids.sort_unstable();
    ids.dedup();
    at_latest_snapshot(|| {
        let mut engine = Engine::new(Cause::Manual, Effort::Full);
        let mut decided = 0;
        for subscriber in &ids {
            let change = |manual: &mut Manual| manual.decide(definition.id, member);
            decided += i64::from(engine.decide(subscriber, change));
        }
        decided
    })
}
