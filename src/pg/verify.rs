//! Computes everything again and compares it with what is stored.

use super::owner::Acting;
use super::pending::Change;
use super::registry::{self, Registry};
use super::scan::BySubscriber;
use super::spi::{Cursor, Rows, Session, connect, timestamp};
use super::store::{self, StateRow};
use crate::activity::{Fold, Instant, State};
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
    cursor: Cursor,
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
            self.rows = Some(self.cursor.fetch(FETCH));
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
