//! Computes everything again and compares it with what is stored.

use super::guc;
use super::owner::Acting;
use super::registry::{self, Registry};
use super::scan::{BySubscriber, queued};
use super::spi::{Cursor, Rows, Session, connect, timestamp};
use super::store::{STATE_COLUMNS, StateRow};
use super::tree::members;
use super::verify_profile::{check_profile_sources, check_profiles};
use crate::activity::{Change, Fold, Instant, State};
use crate::membership::{Held, Members, Patience};
use pgrx::prelude::*;
use std::collections::BTreeSet;

/// State rows fetched at once.
const FETCH: usize = 5_000;

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
    let _acting = Acting::as_owner();
    let mut findings = Vec::new();
    connect(|session| {
        check_definitions(&registry, &mut findings);
        let profiles = check_profile_sources(session, &registry, &mut findings);
        if !check_sources(session, &registry, &mut findings) {
            // Without all events nothing can be said about anybody.
            return;
        }
        let queue = queued(session, registry.streams_version);
        let mut queued_only: BTreeSet<&String> = queue.keys().collect();
        let mut states = States::open(session);
        let mut events = BySubscriber::open(session, &registry, &registry.program, &registry.sources);
        let mut next_events = events.next();
        let mut next_state = states.next();
        loop {
            // Both come in ascending order of subscriber.
            let subscriber = match (&next_state, &next_events) {
                (None, None) => break,
                (Some(state), None) => state.subscriber.clone(),
                (None, Some((subscriber, _))) => subscriber.clone(),
                (Some(state), Some((subscriber, _))) => state.subscriber.clone().min(subscriber.clone()),
            };
            let state = next_state.take_if(|state| state.subscriber == subscriber);
            let change = next_events.take_if(|(other, _)| *other == subscriber);
            if state.is_some() {
                next_state = states.next();
            }
            if change.is_some() {
                next_events = events.next();
            }
            let change = change.map(|(_, change)| change).unwrap_or_default();
            let queued = queue.get(&subscriber).map_or(&[][..], Vec::as_slice);
            queued_only.remove(&subscriber);
            check_subscriber(&registry, &subscriber, state, change, queued, &mut findings);
        }
        events.close();
        states.close();
        for subscriber in queued_only {
            check_subscriber(
                &registry,
                subscriber,
                None,
                Change::default(),
                &queue[subscriber],
                &mut findings,
            );
        }
        if profiles {
            check_profiles(&registry, |subscriber| queue.contains_key(subscriber), &mut findings);
        }
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
                if reader.relation.is_child && !source.by_row {
                    found(
                        format!("{} is a partition or inherits from another table", reader.relation.quoted()),
                        "a table of its own: what is written through the other one is not seen here; attach that one",
                    );
                }
                let wanted = if source.by_row { 2 } else { 4 };
                let rows = session.select(
                    "SELECT relation::text, enabled FROM (
                       SELECT c.oid::regclass AS relation,
                              (SELECT count(*) FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                               WHERE t.tgrelid = c.oid AND p.proname = 'capture' AND p.pronamespace = 'segment'::regnamespace
                                 AND (t.tgenabled = 'A' OR t.tgenabled = 'O' AND NOT $3)) AS enabled
                       FROM unnest($1::oid[]) AS c (oid)) t
                     WHERE enabled <> $2",
                    &[members(source.relation).into(), i64::from(wanted).into(), source.by_row.into()],
                );
                for row in 0..rows.count() {
                    let (name, enabled): (String, i64) = (rows.value(row, 1), rows.value(row, 2));
                    found(
                        format!("{name} has {enabled} of {wanted} capture triggers enabled"),
                        "all of them: segment.rebuild() makes up for what was missed, detaching and attaching puts them back",
                    );
                }
            }
        }
    }
    readable
}

/// Memberships of subscribers that have no state. What is left of them in `segment.due` is taken off it by refresh.
fn check_orphans(session: &Session, findings: &mut Vec<Finding>) {
    let rows = session.select(
        "SELECT DISTINCT m.subscriber FROM segment.membership m WHERE NOT EXISTS (SELECT FROM segment.state s WHERE s.subscriber = m.subscriber)",
        &[],
    );
    for row in 0..rows.count() {
        findings.push(Finding {
            subscriber: rows.get(row, 1),
            finding: "orphan",
            segment: None,
            stored: "membership".to_owned(),
            expected: "a state".to_owned(),
        });
    }
}

/// What is stored about one subscriber.
struct Stored {
    subscriber: String,
    row: StateRow,
    /// Whether `segment.due` has a row for the due time.
    armed: bool,
    memberships: Members,
}

struct States {
    cursor: Cursor,
    rows: Option<Rows>,
    next_row: usize,
}

impl States {
    fn open(session: &Session) -> Self {
        let cursor = session.cursor(
            &format!(
                "SELECT {STATE_COLUMNS},
                        EXISTS (SELECT FROM segment.due d WHERE d.due_at = s.due_at AND d.subscriber = s.subscriber),
                        ARRAY(SELECT m.segment_id FROM segment.membership m WHERE m.subscriber = s.subscriber)
                 FROM segment.state s ORDER BY s.subscriber"
            ),
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
            self.rows = Some(self.cursor.fetch(FETCH));
            self.next_row = 0;
        }
        let rows = self.rows.as_ref()?;
        let row = self.next_row;
        self.next_row += 1;
        let mut memberships = Members::default();
        let ids: Vec<i32> = rows.value(row, 15);
        ids.into_iter().for_each(|id| memberships.set(id as u32, true));
        Some(Stored {
            subscriber: rows.get(row, 5)?,
            row: StateRow::from_row(rows, row, 1),
            armed: rows.value(row, 14),
            memberships,
        })
    }
}

fn check_subscriber(
    registry: &Registry,
    subscriber: &str,
    stored: Option<Stored>,
    events: Change,
    queued: &[Vec<u8>],
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
        if !queued.is_empty() {
            let (program, at) = (&registry.program, guc::now());
            let (mut actual, mut expected) = (State::default(), State::default());
            let fold = |bytes: &Vec<u8>| {
                Change::from_bytes(bytes, program.streams())
                    .is_ok_and(|change| program.fold(&mut actual, &change, at) == Fold::Exact)
            };
            let known = queued.iter().all(fold) && program.fold(&mut expected, &events, at) == Fold::Exact;
            actual.settle(program.streams(), at);
            expected.advance(program.streams(), at);
            if known && !actual.agrees(&expected, program.streams(), at) {
                found("state", None, format!("queued: {actual:?}"), format!("{expected:?}"));
            }
            return;
        }
        return found(
            "state",
            None,
            "no state".to_owned(),
            "the state of a subscriber with events".to_owned(),
        );
    };
    let row = &stored.row;
    // Whom a change under way has not reached still stands by the rules before it, where those are known.
    let before = registry.before(row.version);
    let rules = before.unwrap_or(&registry.rules);
    let program = &rules.program;
    let known = |change: Change| if before.is_some() { change.within(program.streams()) } else { change };
    let at = row.evaluated_at;
    let mut expected = State::default();
    if program.fold(&mut expected, &known(events), at) == Fold::Recompute {
        found("state", None, "events that cannot be folded".to_owned(), "events".to_owned());
    }
    expected.advance(program.streams(), at);
    let mut behind = row.version < rules.filled_version;
    match row.activity.state(program.streams()) {
        Err(error) => found("state", None, error.to_string(), format!("{} events", expected.events)),
        Ok(mut actual) => {
            actual.advance(program.streams(), at);
            for queued in queued {
                let folded = Change::from_bytes(queued, registry.program.streams())
                    .map(|change| program.fold(&mut actual, &known(change), at) == Fold::Exact);
                // What is to be computed again when the queue is drained cannot be told now.
                behind |= folded != Ok(true);
            }
            actual.settle(program.streams(), at);
            if !behind && !actual.agrees(&expected, program.streams(), at) {
                found("state", None, format!("{actual:?}"), format!("{expected:?}"));
            }
        }
    }
    // What is left to a refresh, which is due, cannot be told either.
    let unsettled = row.standing.memory.unsettled;
    behind |= !queued.is_empty() || row.version < rules.evaluated_version;
    // Looking again at the moment of the last look changes nothing, safeguards or not.
    let evaluation = program.evaluate(row.subject(subscriber), &expected, at, Patience::Much);
    let (truth, members) = (&evaluation.standing.members, &row.standing.members);
    let written = row.written.as_ref().unwrap_or(members);
    let wrong_row = stored.memberships.differences(written);
    let wrong_bit = if behind || unsettled { None } else { Some(truth.differences(members)) };
    let wrong: BTreeSet<u32> = wrong_row
        .chain(wrong_bit.into_iter().flatten())
        .filter(|id| program.segment_name(*id).is_some())
        .collect();
    for segment in wrong {
        let says = |member: bool| if member { "member" } else { "not a member" }.to_owned();
        let (row, bit) = (stored.memberships.contains(segment), members.contains(segment));
        let actual =
            if row == bit { says(row) } else { format!("row: {}, bitmap: {}", says(row), says(bit)) };
        found("membership", Some(segment), actual, says(truth.contains(segment)));
    }
    for (stored, expected) in row.standing.memory.differences(&evaluation.standing.memory) {
        let exists = program.segment_name(expected.segment).is_some();
        if !behind
            && !unsettled
            && exists
            && truth.contains(expected.segment) == members.contains(expected.segment)
        {
            found("safeguard", Some(expected.segment), text_of(stored), text_of(expected));
        }
    }
    let due = if row.is_settled() { evaluation.due } else { Some(at) };
    let stored_due = row.due_at.filter(|_| stored.armed);
    if let Some(due) = due.filter(|due| !behind && stored_due.is_none_or(|stored| stored > *due)) {
        found("due", None, text(stored_due), format!("at or before {}", text(Some(due))));
    }
}

fn text(at: Option<Instant>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| timestamp(at).to_iso_string())
}

/// What is remembered for the safeguards of a segment.
fn text_of(held: Held) -> String {
    format!("about to move since {}, entered {}", text(held.since), text(held.entered))
}
