//! Work on many subscribers: adding sources, filling streams, evaluating everybody, moving time forward.

use super::flush::{advance, apply};
use super::owner::Acting;
use super::pending::Change;
use super::registry::{self, Registry};
use super::scan::BySubscriber;
use super::source::Source;
use super::spi::connect;
use super::store::{self, BATCH, DueRule, StateRow, Update};
use crate::activity::{Instant, State};
use crate::membership::{Cause, Transition};
use crate::pg::report::value_of;
use std::collections::BTreeSet;

/// What a pass over subscribers did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pass {
    pub subscribers: i64,
    pub transitions: i64,
}

impl Pass {
    pub fn add(&mut self, other: Pass) {
        self.subscribers += other.subscribers;
        self.transitions += other.transitions;
    }

    fn count(&mut self, subscribers: usize, moved: &[(String, Vec<Transition>)]) {
        self.subscribers += subscribers as i64;
        self.transitions += moved.iter().map(|(_, transitions)| transitions.len() as i64).sum::<i64>();
    }
}

/// Brings at most `limit` due subscribers to `until`, passing over those that somebody else works on.
pub fn refresh_batch(until: Instant, limit: i64) -> Pass {
    let _acting = Acting::as_owner(registry::home().owner);
    registry::hold_definitions();
    let registry = registry::current();
    let mut pass = Pass::default();
    connect(|session| {
        let rows = store::lock_due(session, until, limit);
        let count = rows.len();
        let moved = advance(session, &registry, rows, until);
        pass.count(count, &moved);
    });
    pass
}

/// Brings everybody who is due to now, in this transaction. The caller has locked out writers.
pub fn catch_up(now: Instant) {
    while refresh_batch(now, BATCH as i64).subscribers > 0 {
        pgrx::check_for_interrupts!();
    }
}

/// Adds the existing events of a newly attached source to everybody's state.
pub fn add_source(source: &Source, now: Instant) -> Pass {
    let registry = registry::current();
    let mut pass = Pass::default();
    for_batches(&registry, std::slice::from_ref(source), &mut |batch| {
        let (moved, _) = apply(&registry, &batch, &BTreeSet::new(), now, Cause::Definition);
        pass.count(batch.len(), &moved);
        progress(pass.subscribers);
    });
    pass
}

/// Fills some streams from the events. The caller has locked out writers and brought everybody to `now`.
pub fn fill_streams(streams: &[u32], now: Instant) {
    let registry = registry::current();
    if let Some(refusal) = registry.unreadable() {
        refusal.raise();
    }
    for_batches(&registry, &registry.sources, &mut |mut batch| {
        for (_, change) in &mut batch {
            // The rows themselves are counted already.
            change.events = 0;
            change.entries.retain(|entry| streams.contains(&entry.stream));
        }
        fold_only(&registry, &batch, now);
    });
}

/// Computes everything again from the events. The caller has locked out writers.
pub fn rebuild(now: Instant) -> Pass {
    let registry = registry::current();
    if let Some(refusal) = registry.unreadable() {
        refusal.raise();
    }
    connect(|session| {
        session.modify("UPDATE segment.state SET activity = '' WHERE activity <> ''", &[]);
        // Rows of subscribers that have no state, which only direct writes to the tables can leave behind.
        session.modify("DELETE FROM segment.membership m WHERE NOT EXISTS (SELECT FROM segment.state s WHERE s.subscriber = m.subscriber)", &[]);
    });
    for_batches(&registry, &registry.sources, &mut |batch| fold_only(&registry, &batch, now));
    evaluate_all(now, true)
}

/// Evaluates everybody under the newest definitions. The caller has locked out writers.
pub fn evaluate_everybody(now: Instant) -> Pass {
    evaluate_all(now, false)
}

/// With `repair`, compares with the membership rows themselves instead of the bitmaps that stand for them.
fn evaluate_all(now: Instant, repair: bool) -> Pass {
    let registry = registry::current();
    let mut pass = Pass::default();
    let mut after = String::new();
    loop {
        let last = connect(|session| {
            let mut rows = store::lock_after(session, &after, pass.subscribers == 0, BATCH as i64);
            if repair {
                store::read_memberships(session, &mut rows);
            }
            let last = rows.last().map(|row| row.subscriber.clone());
            let mut updates = Vec::with_capacity(rows.len());
            for row in rows {
                updates.push(evaluate(&registry, row, now));
            }
            store::write(session, &updates, DueRule::Replace, now);
            pass.subscribers += updates.len() as i64;
            pass.transitions += updates.iter().map(|update| update.transitions.len() as i64).sum::<i64>();
            last
        });
        pgrx::check_for_interrupts!();
        let Some(last) = last else { return pass };
        after = last;
        progress(pass.subscribers);
    }
}

fn evaluate(registry: &Registry, row: StateRow, now: Instant) -> Update {
    let at = row.evaluation_time(now);
    let mut state = value_of(State::from_bytes(&row.activity));
    state.advance(registry.program.streams(), at);
    let mut members = row.members;
    let mut transitions = Vec::new();
    registry.program.settle(&state, &mut members, at, Cause::Definition, &mut transitions);
    Update {
        due: registry.program.next_due(&state, at),
        activity: state.to_bytes(),
        subscriber: row.subscriber,
        evaluated_at: at,
        members,
        transitions,
    }
}

/// Folds without evaluating.
fn fold_only(registry: &Registry, batch: &[(String, Change)], now: Instant) {
    connect(|session| {
        let ids: Vec<String> = batch.iter().map(|(subscriber, _)| subscriber.clone()).collect();
        let updates: Vec<Update> = store::lock(session, &ids)
            .into_iter()
            .map(|row| {
                let at = row.evaluation_time(now);
                let mut state = value_of(State::from_bytes(&row.activity));
                state.advance(registry.program.streams(), at);
                if let Ok(index) = ids.binary_search(&row.subscriber) {
                    let change = &batch[index].1;
                    // Additions alone are always exact.
                    let _ = registry.program.fold(&mut state, change.events, &change.entries, at);
                }
                Update {
                    due: None,
                    activity: state.to_bytes(),
                    subscriber: row.subscriber,
                    evaluated_at: at,
                    members: row.members,
                    transitions: Vec::new(),
                }
            })
            .collect();
        store::write(session, &updates, DueRule::Lower, now);
    });
}

/// Every subscriber with events in some sources, in ascending order, in batches, with a row for each. The caller has
/// locked out writers.
fn for_batches(registry: &Registry, sources: &[Source], work: &mut dyn FnMut(Vec<(String, Change)>)) {
    connect(|session| {
        let mut subscribers = BySubscriber::open(session, registry, sources, false);
        loop {
            let batch: Vec<(String, Change)> = subscribers.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let ids: Vec<String> = batch.iter().map(|(subscriber, _)| subscriber.clone()).collect();
            store::create_missing(session, &ids);
            work(batch);
        }
        subscribers.close();
    });
}

/// Opens a row in `segment.run`, dropping those older than 30 days.
pub fn begin_run(kind: &str) -> i64 {
    let _acting = Acting::as_owner(registry::home().owner);
    connect(|session| {
        session
            .modify("DELETE FROM segment.run WHERE started_at < pg_catalog.now() - interval '30 days'", &[]);
        session
            .modify("INSERT INTO segment.run (kind) VALUES ($1) RETURNING run_id", &[kind.into()])
            .value(0, 1)
    })
}

/// Brings a row of `segment.run` up to date.
pub fn end_run(run: i64, pass: Pass) {
    let _acting = Acting::as_owner(registry::home().owner);
    connect(|session| {
        session.modify(
            "UPDATE segment.run SET finished_at = pg_catalog.clock_timestamp(), subscribers = $2, transitions = $3 WHERE run_id = $1",
            &[run.into(), pass.subscribers.into(), pass.transitions.into()],
        );
    });
}

fn progress(subscribers: i64) {
    if subscribers >= 4 * BATCH as i64 {
        pgrx::notice!("{subscribers} subscribers processed");
    }
}
