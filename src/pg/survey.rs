//! Everybody as of now under definitions that need not be stored, without writing anything: by the stored states where
//! these have what the definitions read, else from the events.

use super::guc;
use super::owner::Acting;
use super::profile::documents;
use super::registry::{self, Registry};
use super::report::value_of;
use super::scan::{self, BySubscriber, Scratch};
use super::spi::{Cursor, Session, connect, timestamp};
use super::store::BATCH;
use crate::activity::{Change, Fold, Instant, State};
use crate::membership::{Definition, Manual, Members, Program, Subject};
use crate::profile::Profile;
use pgrx::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// State rows fetched at once.
const FETCH: usize = 5_000;

/// Shows everybody with events or a profile, once and in no particular order, with the segments that they are in under the active
/// snapshot. Whatever the definitions refer to must be among them.
pub fn everybody(registry: &Registry, definitions: &[Definition], mut see: impl FnMut(Subject, &Members)) {
    let waiting = Waiting::look_up(registry);
    match value_of(Program::over(registry.program.streams(), definitions)) {
        Some(program) => by_states(registry, &program, waiting, &mut see),
        None => {
            by_events(registry, &value_of(Program::alone(definitions)), |_| true, waiting, &mut see);
        }
    }
}

/// By what is stored and what is queued. The events are read of those alone for whom that is not enough.
fn by_states(
    registry: &Registry,
    program: &Program,
    mut waiting: Waiting,
    see: &mut impl FnMut(Subject, &Members),
) {
    let now = guc::statement_now();
    let mut inexact: BTreeMap<String, Standing> = BTreeMap::new();
    connect(|session| {
        let _acting = Acting::as_owner_at_large(registry::home().owner);
        let mut queued = scan::queued(session, registry.streams_version);
        let mut bring =
            |subscriber: String, state: Option<State>, changes: &[Vec<u8>], standing: Standing| {
                let state = state.and_then(|state| with_queued(program, state, changes, standing.at));
                match state {
                    Some(state) => show(program, &subscriber, &state, &standing, see),
                    None => {
                        let standing = waiting.renew(&subscriber, standing);
                        inexact.insert(subscriber, standing);
                    }
                }
            };
        let mut states = session.cursor(
            "SELECT subscriber, evaluated_at, version, activity || coalesce(recent, ''), manual, profile, held FROM segment.state",
            true,
        );
        let mut memory = Scratch::default();
        loop {
            pgrx::check_for_interrupts!();
            let rows = states.fetch(FETCH);
            if rows.count() == 0 {
                break;
            }
            for row in 0..rows.count() {
                let subscriber: String = rows.value(row, 1);
                let standing = Standing {
                    at: rows.instant(row, 2).unwrap_or(now).max(now),
                    manual: Manual::from_bytes(&rows.bytes(row, 5)),
                    profile: Profile::stored(&rows.bytes(row, 6), &rows.bytes(row, 7)),
                };
                let filled = rows.value::<i64>(row, 3) >= registry.filled_version;
                let state = memory.run(|| State::from_bytes(&rows.bytes(row, 4), program.streams()).ok());
                let changes = queued.remove(&subscriber).unwrap_or_default();
                bring(subscriber, state.filter(|_| filled), &changes, standing);
            }
        }
        states.close();
        // Of the others only the queue knows.
        queued.iter().for_each(|(subscriber, changes)| {
            bring(subscriber.clone(), Some(State::default()), changes, Standing::stranger(now));
        });
    });
    match inexact.len() {
        0 => {}
        1..=BATCH => by_their_events(registry, program, &inexact, see),
        _ => {
            let waiting = Waiting::look_up(registry);
            by_events(registry, program, |subscriber| inexact.contains_key(subscriber), waiting, see);
        }
    }
}

/// By the events of some subscribers.
fn by_their_events(
    registry: &Registry,
    program: &Program,
    whom: &BTreeMap<String, Standing>,
    see: &mut impl FnMut(Subject, &Members),
) {
    require_readable(registry);
    let ids: Vec<String> = whom.keys().cloned().collect();
    let mut events = connect(|session| scan::events_of(session, registry, program, &ids));
    for (subscriber, standing) in whom {
        let events = events.remove(subscriber).unwrap_or_default();
        show(program, subscriber, &of_events(program, &events, standing.at), standing, see);
    }
}

/// By all events, read once, of those who are wanted.
fn by_events(
    registry: &Registry,
    program: &Program,
    wanted: impl Fn(&str) -> bool,
    mut waiting: Waiting,
    see: &mut impl FnMut(Subject, &Members),
) {
    require_readable(registry);
    let now = guc::statement_now();
    connect(|session| {
        let mut events = BySubscriber::open(session, registry, program, &registry.sources);
        let mut standings = Standings::open(session, now);
        let (mut event, mut standing) = (events.next(), standings.next());
        // Both come in ascending order.
        while event.is_some() || standing.is_some() {
            let heads = event.iter().map(|(who, _)| who).chain(standing.iter().map(|(who, _)| who));
            let Some(first) = heads.min().cloned() else { break };
            let is_first = |who: &String| *who == first;
            let known = standing.take_if(|(who, _)| is_first(who)).map(|(_, known)| known);
            let change = event.take_if(|(who, _)| is_first(who)).map(|(_, change)| change);
            if event.is_none() {
                event = events.next();
            }
            if standing.is_none() {
                standing = standings.next();
            }
            if wanted(&first) {
                let known = waiting.renew(&first, known.unwrap_or_else(|| Standing::stranger(now)));
                let state = of_events(program, &change.unwrap_or_default(), known.at);
                show(program, &first, &state, &known, see);
            }
        }
        events.close();
        standings.cursor.close();
        // Who is left has nothing but a profile, of which only the queue knows.
        for subscriber in
            waiting.0.keys().filter(|subscriber| wanted(subscriber)).cloned().collect::<Vec<_>>()
        {
            let known = waiting.renew(&subscriber, Standing::stranger(now));
            show(program, &subscriber, &State::default(), &known, see);
        }
    });
}

/// What is known of a subscriber beside the events.
struct Standing {
    /// When they are evaluated: the time never goes backwards.
    at: Instant,
    manual: Option<Manual>,
    profile: Option<Profile>,
}

impl Standing {
    /// Of somebody who has no state.
    fn stranger(now: Instant) -> Self {
        Standing { at: now, manual: None, profile: None }
    }
}

/// The profiles of those whom the queue knows of without saying what changed, where they have one: the states may lack them.
struct Waiting(HashMap<String, Option<Vec<u8>>>);

impl Waiting {
    fn look_up(registry: &Registry) -> Self {
        if registry.profiles.is_empty() {
            return Waiting(HashMap::new());
        }
        let ids: Vec<String> = connect(|session| {
            let _acting = Acting::as_owner_at_large(registry::home().owner);
            let sql =
                "SELECT DISTINCT subscriber FROM segment.queue WHERE change IS NULL ORDER BY subscriber";
            session.select(sql, &[]).first_column()
        });
        let mut documents = documents(registry, &ids);
        Waiting(
            ids.into_iter()
                .map(|id| {
                    let document = documents.remove(&id);
                    (id, document)
                })
                .collect(),
        )
    }

    /// What is known of a subscriber, with the profile as it is now.
    fn renew(&mut self, subscriber: &str, standing: Standing) -> Standing {
        let Some(document) = self.0.remove(subscriber) else { return standing };
        let profile =
            document.map(|document| Profile::new(standing.profile.as_ref(), &document, standing.at));
        Standing { profile, ..standing }
    }
}

/// Of everybody who was evaluated after an instant, was decided about by hand or has a profile, in ascending order.
struct Standings {
    cursor: Cursor,
    now: Instant,
    page: std::vec::IntoIter<(String, Standing)>,
}

impl Standings {
    fn open(session: &Session, now: Instant) -> Self {
        let _acting = Acting::as_owner_at_large(registry::home().owner);
        let cursor = session.cursor(
            &format!(
                "SELECT subscriber, evaluated_at, manual, profile, held FROM segment.state
                 WHERE evaluated_at > '{}' OR manual IS NOT NULL OR profile IS NOT NULL ORDER BY subscriber",
                timestamp(now).to_iso_string()
            ),
            true,
        );
        Standings { cursor, now, page: Vec::new().into_iter() }
    }
}

impl Iterator for Standings {
    type Item = (String, Standing);

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 {
            let _acting = Acting::as_owner_at_large(registry::home().owner);
            let rows = self.cursor.fetch(FETCH);
            let standing = |row: usize| Standing {
                at: rows.instant(row, 2).unwrap_or(self.now).max(self.now),
                manual: Manual::from_bytes(&rows.bytes(row, 3)),
                profile: Profile::stored(&rows.bytes(row, 4), &rows.bytes(row, 5)),
            };
            let page: Vec<Self::Item> =
                (0..rows.count()).map(|row| (rows.value(row, 1), standing(row))).collect();
            self.page = page.into_iter();
        }
        self.page.next()
    }
}

/// A stored state advanced to an instant, with what the queue has; `None` where that takes the events.
fn with_queued(program: &Program, mut state: State, queued: &[Vec<u8>], at: Instant) -> Option<State> {
    state.advance(program.streams(), at);
    let mut change = Change::default();
    for bytes in queued {
        change.add(Change::from_bytes(bytes, program.streams()).ok()?);
    }
    change.settle();
    (program.fold(&mut state, &change, at) == Fold::Exact).then_some(state)
}

fn of_events(program: &Program, events: &Change, at: Instant) -> State {
    let mut state = State::default();
    // Additions alone are always exact.
    let _ = program.fold(&mut state, events, at);
    state.advance(program.streams(), at);
    state
}

fn show(
    program: &Program,
    subscriber: &str,
    state: &State,
    standing: &Standing,
    see: &mut impl FnMut(Subject, &Members),
) {
    let (manual, profile) = (standing.manual.as_ref(), standing.profile.as_ref());
    let subject = Subject { id: subscriber, manual, profile };
    if subject.exists(state) {
        see(subject, &program.members(subject, state, standing.at));
    }
}

fn require_readable(registry: &Registry) {
    if let Some(refusal) = registry.unreadable() {
        refusal.raise();
    }
}
