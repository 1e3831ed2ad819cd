//! Ids that turn out to be one person's.

use crate::membership::{Cause, Manual};
use crate::pg::engine::Engine;
use crate::pg::flush::flush;
use crate::pg::locks;
use crate::pg::owner::Acting;
use crate::pg::pending::{self, Reread};
use crate::pg::registry;
use crate::pg::report::{Refusal, invalid};
use crate::pg::source::LONGEST_SUBSCRIBER;
use crate::pg::spi::{at_latest_snapshot, connect, connect_at_latest};
use crate::pg::store::Effort;
use crate::profile::Unmergeable;
use pgrx::prelude::*;
use std::collections::BTreeSet;

/// Makes each of some ids the same person as another: the events of both are the survivor's, whenever they were or will be
/// written, and nobody is left under the id itself. The survivor's profile is that of the person; decisions by hand about the
/// id count where there is none about the survivor. Returns how many ids were merged that had not been. Blocks the writers of
/// all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe)]
fn merge_subscribers(
    subscribers: Option<Vec<Option<String>>>,
    survivors: Option<Vec<Option<String>>>,
) -> i64 {
    let (subscribers, survivors) = (ids(subscribers, "subscribers"), ids(survivors, "survivors"));
    if subscribers.len() != survivors.len() {
        invalid(
            format!("{} ids cannot be merged into {}", subscribers.len(), survivors.len()),
            "Pass arrays of the same length: the first id is merged into the first of the others, and so on.",
        );
    }
    begin("merge_subscribers");
    let known = &registry::current().identities;
    let (new, identities) =
        known.with(subscribers.into_iter().zip(survivors)).unwrap_or_else(|problem| refuse(problem));
    let concerned: BTreeSet<String> =
        new.iter().flat_map(|(id, _)| [id.clone(), identities.of(id).to_owned()]).collect();
    let concerned: Vec<String> = concerned.into_iter().collect();
    bring_to_now(&concerned);
    let decided: Vec<(String, Manual)> =
        new.iter().filter_map(|(id, _)| Some((id.clone(), decisions(id)?))).collect();
    let merged = new.len() as i64;
    {
        let _acting = Acting::as_owner();
        let (ids, into): (Vec<String>, Vec<String>) = new.into_iter().unzip();
        connect(|session| {
            session.modify(
                "INSERT INTO segment.identity (subscriber, merged_into, merged_at)
                 SELECT subscriber, merged_into, segment.now() FROM unnest($1::text[], $2::text[]) AS t (subscriber, merged_into)",
                &[ids.into(), into.into()],
            )
        });
    }
    compute_again(concerned);
    at_latest_snapshot(|| {
        let mut engine = Engine::new(Cause::Manual, Effort::Full);
        for (id, from) in decided {
            engine.decide(&id, |manual| *manual = Manual::default());
            engine.decide(identities.of(&id), |manual| manual.adopt(&from));
        }
    });
    merged
}

/// Takes ids that were merged for persons of their own again, with the events that were and will be written under them, and
/// with those that had been merged into them. Decisions by hand stay where they are. Returns how many ids that were. Blocks
/// the writers of all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe)]
fn unmerge_subscribers(subscribers: Option<Vec<Option<String>>>) -> i64 {
    let subscribers: BTreeSet<String> = ids(subscribers, "subscribers").into_iter().collect();
    begin("unmerge_subscribers");
    let registry = registry::current();
    let mut concerned = subscribers.clone();
    for id in &subscribers {
        if registry.identities.merged_into(id).is_none() {
            Refusal::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                format!("subscriber \"{id}\" was not merged into another"),
            )
            .hint("The ids that were are listed in segment.identity.")
            .raise();
        }
        concerned.insert(registry.identities.of(id).to_owned());
    }
    let concerned: Vec<String> = concerned.into_iter().collect();
    bring_to_now(&concerned);
    let subscribers: Vec<String> = subscribers.into_iter().collect();
    forget(&subscribers);
    compute_again(concerned);
    subscribers.len() as i64
}

/// Forgets whose some ids are. The caller has locked out writers.
pub fn forget(ids: &[String]) {
    let _acting = Acting::as_owner();
    connect(|session| {
        let sql = "DELETE FROM segment.identity WHERE subscriber = ANY ($1::text[])";
        session.modify(sql, &[ids.to_vec().into()])
    });
}

/// Waits until nothing is in flight that was captured under the ids of before, and applies what this transaction captured.
fn begin(what: &str) {
    registry::require_read_committed(what);
    locks::lock_out_writers();
    flush();
}

/// Ids that are some; 22004 and 22023 for what cannot be one.
fn ids(ids: Option<Vec<Option<String>>>, name: &str) -> Vec<String> {
    let refuse = |code, problem: String| {
        Refusal::new(code, problem).hint("Pass an array of ids, such as ARRAY['cookie 17'].").raise()
    };
    let ids: Option<Vec<String>> = ids.and_then(|ids| ids.into_iter().collect());
    let Some(ids) = ids else {
        refuse(
            PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            format!("{name} must not be null, nor have an element that is"),
        )
    };
    if let Some(id) = ids.iter().find(|id| id.len() > LONGEST_SUBSCRIBER) {
        refuse(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("the id of a subscriber has at most {LONGEST_SUBSCRIBER} bytes, not {}", id.len()),
        )
    }
    ids
}

/// Raises 55000 for an id that was merged into another, and 22023 for a circle.
fn refuse(problem: Unmergeable) -> ! {
    match problem {
        Unmergeable::Elsewhere { id, into } => Refusal::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("subscriber \"{id}\" was merged into \"{into}\" already"),
        )
        .hint("Merge the other, or call segment.unmerge_subscribers first."),
        Unmergeable::Same { id, into } => Refusal::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("subscriber \"{id}\" cannot be merged into \"{into}\", who is the same"),
        )
        .hint("Merge each id into another one, and in one direction."),
    }
    .raise()
}

/// What time and other definitions do to some subscribers, given in ascending order, is on record as their doing.
fn bring_to_now(subscribers: &[String]) {
    at_latest_snapshot(|| {
        let mut engine = Engine::new(Cause::Definition, Effort::Full);
        subscribers.iter().for_each(|subscriber| engine.evaluate(subscriber));
        engine.finish();
    });
}

/// Computes some subscribers again, given in ascending order: now, and when the transaction ends, as the rows of a statement in
/// flight are there already.
fn compute_again(subscribers: Vec<String>) {
    pending::record(|changes| changes.again.extend(subscribers.iter().cloned()));
    at_latest_snapshot(|| {
        let mut engine = Engine::new(Cause::Manual, Effort::Full);
        engine.read_again(subscribers, Reread::Everything);
        engine.finish();
    });
}

/// What was decided by hand about somebody.
fn decisions(subscriber: &str) -> Option<Manual> {
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        let rows =
            session.select("SELECT manual FROM segment.state WHERE subscriber = $1", &[subscriber.into()]);
        (rows.count() > 0).then(|| Manual::from_bytes(&rows.bytes(0, 1)))?
    })
}
