//! Work on many subscribers: filling streams, evaluating everybody, moving time forward, verifying.

use super::flush::{advance, apply};
use super::owner::Acting;
use super::pending::Change;
use super::registry::{self, Registry};
use super::scan::BySubscriber;
use super::source::Source;
use super::spi::{Rows, Session, connect, timestamp};
use super::store::{self, DueRule, StateRow, Update};
use crate::activity::{Fold, Instant, State};
use crate::membership::{Cause, Transition};
use crate::pg::report::value_of;
use pgrx::prelude::*;
use std::collections::BTreeSet;

/// Subscribers locked and written by one set of statements.
const BATCH: usize = 5_000;

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
    let at = row.evaluated_at.map_or(now, |evaluated| evaluated.max(now));
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
                let at = row.evaluated_at.map_or(now, |evaluated| evaluated.max(now));
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

/// Every subscriber with events in some sources, in ascending order, in batches.
fn for_batches(registry: &Registry, sources: &[Source], work: &mut dyn FnMut(Vec<(String, Change)>)) {
    connect(|session| {
        let mut subscribers = BySubscriber::open(session, registry, sources, false);
        loop {
            let batch: Vec<(String, Change)> = subscribers.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
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

/// A difference between what is stored and what the events say.
#[derive(Clone, Debug)]
pub struct Finding {
    pub subscriber: Option<String>,
    pub finding: &'static str,
    pub segment: Option<String>,
    pub stored: String,
    pub expected: String,
}

/// Computes everything again under the active snapshot and reports every difference.
pub fn verify() -> Vec<Finding> {
    let registry = registry::visible();
    let _acting = Acting::as_owner(registry::home().owner);
    let mut findings = Vec::new();
    connect(|session| {
        check_definitions(&registry, &mut findings);
        if !check_sources(session, &registry, &mut findings) {
            // Without all events nothing can be said about anybody.
            return;
        }
        let mut states = States::open(session);
        let mut events = BySubscriber::open(session, &registry, &registry.sources, true);
        let mut next_events = events.next();
        let mut next_state = states.next();
        loop {
            // Both come in ascending order of subscriber.
            let subscriber = match (&next_state, &next_events) {
                (None, None) => break,
                (Some(state), None) => state.row.subscriber.clone(),
                (None, Some((subscriber, _))) => subscriber.clone(),
                (Some(state), Some((subscriber, _))) => state.row.subscriber.clone().min(subscriber.clone()),
            };
            let state = next_state.take_if(|state| state.row.subscriber == subscriber);
            let change = next_events.take_if(|(other, _)| *other == subscriber);
            if state.is_some() {
                next_state = states.next();
            }
            if change.is_some() {
                next_events = events.next();
            }
            check_subscriber(&registry, &subscriber, state, change.map(|(_, change)| change), &mut findings);
        }
        events.close();
        states.close();
        check_orphans(session, &mut findings);
    });
    findings
}

fn check_definitions(registry: &Registry, findings: &mut Vec<Finding>) {
    for (name, error) in &registry.broken {
        findings.push(Finding {
            subscriber: None,
            finding: "definition",
            segment: Some(name.clone()),
            stored: error.to_string(),
            expected: "a definition that this version can read".to_owned(),
        });
    }
}

/// Reports sources whose tables cannot be read as mapped, or whose changes are not captured. Returns whether all
/// can be read.
fn check_sources(session: &Session, registry: &Registry, findings: &mut Vec<Finding>) -> bool {
    let mut readable = true;
    for source in &registry.sources {
        let mut found = |stored: String, expected: &str| {
            let expected = expected.to_owned();
            findings.push(Finding { subscriber: None, finding: "source", segment: None, stored, expected });
        };
        let resolved = registry.locked_reader(source);
        let checked = resolved.as_ref().as_ref().map_err(Clone::clone);
        match checked.and_then(|reader| reader.relation.check_readable().map(|()| reader)) {
            Err(refusal) => {
                readable = false;
                found(refusal.message().to_owned(), "a table that can be read as it was attached");
            }
            Ok(reader) => {
                let rows = session.select(
                    "SELECT count(*) FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                     WHERE t.tgrelid = $1 AND p.proname = 'capture' AND p.pronamespace = 'segment'::regnamespace
                       AND t.tgenabled = 'O'",
                    &[source.relation.into()],
                );
                let enabled: i64 = rows.value(0, 1);
                if enabled != 4 {
                    let name = format!("{}.{}", reader.relation.schema, reader.relation.name);
                    found(format!("{name} has {enabled} of 4 capture triggers enabled"), "4 of 4");
                }
            }
        }
    }
    readable
}

/// Memberships and due times of subscribers that have no state.
fn check_orphans(session: &Session, findings: &mut Vec<Finding>) {
    let rows = session.select(
        "SELECT m.subscriber FROM segment.membership m WHERE NOT EXISTS (SELECT FROM segment.state s WHERE s.subscriber = m.subscriber)
         UNION SELECT d.subscriber FROM segment.due d WHERE NOT EXISTS (SELECT FROM segment.state s WHERE s.subscriber = d.subscriber)",
        &[],
    );
    for row in 0..rows.count() {
        findings.push(Finding {
            subscriber: rows.get(row, 1),
            finding: "orphan",
            segment: None,
            stored: "membership or due time".to_owned(),
            expected: "a state".to_owned(),
        });
    }
}

/// What is stored about one subscriber.
struct Stored {
    row: StateRow,
    due: Option<Instant>,
    memberships: BTreeSet<u32>,
}

struct States {
    cursor: super::spi::Cursor,
    rows: Option<Rows>,
    next_row: usize,
}

impl States {
    fn open(session: &Session) -> Self {
        let cursor = session.cursor(
            "SELECT s.subscriber, s.evaluated_at, s.activity, s.members, d.due_at,
                    ARRAY(SELECT m.segment_id FROM segment.membership m WHERE m.subscriber = s.subscriber)
             FROM segment.state s LEFT JOIN segment.due d ON d.subscriber = s.subscriber
             ORDER BY s.subscriber",
            true,
        );
        States { cursor, rows: None, next_row: 0 }
    }

    fn close(self) {
        drop(self.rows);
        self.cursor.close();
    }
}

impl Iterator for States {
    type Item = Stored;

    fn next(&mut self) -> Option<Stored> {
        if self.rows.as_ref().is_none_or(|rows| self.next_row >= rows.count()) {
            pgrx::check_for_interrupts!();
            self.rows = None;
            self.rows = Some(self.cursor.fetch(BATCH));
            self.next_row = 0;
        }
        let rows = self.rows.as_ref()?;
        let row = store::read_row(rows, self.next_row)?;
        let memberships: Vec<i32> = rows.value(self.next_row, 6);
        let due = rows.instant(self.next_row, 5);
        self.next_row += 1;
        Some(Stored { row, due, memberships: memberships.into_iter().map(|id| id as u32).collect() })
    }
}

fn check_subscriber(
    registry: &Registry,
    subscriber: &str,
    stored: Option<Stored>,
    events: Option<Change>,
    findings: &mut Vec<Finding>,
) {
    let mut found = |finding, segment: Option<u32>, stored: String, expected: String| {
        let segment = segment
            .map(|id| registry.program.segment_name(id).map_or_else(|| format!("#{id}"), str::to_owned));
        findings.push(Finding {
            subscriber: Some(subscriber.to_owned()),
            finding,
            segment,
            stored,
            expected,
        });
    };
    let Some(stored) = stored else {
        return found(
            "state",
            None,
            "no state".to_owned(),
            "the state of a subscriber with events".to_owned(),
        );
    };
    let program = &registry.program;
    let at = stored.row.evaluated_at.unwrap_or(Instant::MIN);
    let mut expected = State::default();
    let change = events.unwrap_or_default();
    if program.fold(&mut expected, change.events, &change.entries, at) == Fold::Recompute {
        found("state", None, "events that cannot be folded".to_owned(), "events".to_owned());
    }
    expected.advance(program.streams(), at);
    match State::from_bytes(&stored.row.activity) {
        Err(error) => found("state", None, error.to_string(), format!("{} events", expected.events)),
        Ok(mut actual) => {
            actual.advance(program.streams(), at);
            if actual != expected {
                found("state", None, format!("{actual:?}"), format!("{expected:?}"));
            }
        }
    }
    let truth: BTreeSet<u32> = program.members(&expected, at).iter().collect();
    let bitmap: BTreeSet<u32> =
        stored.row.members.iter().filter(|id| program.segment_name(*id).is_some()).collect();
    for segment in truth
        .symmetric_difference(&stored.memberships)
        .chain(truth.symmetric_difference(&bitmap))
        .collect::<BTreeSet<_>>()
    {
        let says = |member: bool| if member { "member" } else { "not a member" }.to_owned();
        let (row, bit) = (stored.memberships.contains(segment), bitmap.contains(segment));
        let actual =
            if row == bit { says(row) } else { format!("row: {}, bitmap: {}", says(row), says(bit)) };
        found("membership", Some(*segment), actual, says(truth.contains(segment)));
    }
    if let Some(due) =
        program.next_due(&expected, at).filter(|due| stored.due.is_none_or(|stored| stored > *due))
    {
        let text =
            |at: Option<Instant>| at.map_or_else(|| "never".to_owned(), |at| timestamp(at).to_iso_string());
        found("due", None, text(stored.due), format!("at or before {}", text(Some(due))));
    }
}
