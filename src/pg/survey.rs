//! Everybody as of now under definitions that need not be stored, without writing anything: by the stored states where
//! these have what the definitions read, else from the events.

use super::guc;
use super::owner::Acting;
use super::profile::documents;
use super::registry::Registry;
use super::report::value_of;
use super::scan::{self, BySubscriber, Scratch};
use super::spi::{Cursor, Rows, Session, connect, timestamp};
use super::store::BATCH;
use crate::activity::{Change, Fold, Instant, State};
use crate::membership::{Definition, Manual, Members, Program, Standing, Subject};
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
        Some(program) => {
            let program = value_of(program.narrowed(definitions));
            by_states(registry, &program, waiting, &mut see);
        }
        None => {
            let program = value_of(Program::alone(definitions));
            let now = guc::statement_now();
            let whoever =
                |_: &str, known: Option<Knowledge>| Some(known.unwrap_or_else(|| Knowledge::of_nobody(now)));
            by_events(registry, &program, whoever, waiting, &mut see);
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
    let mut inexact: BTreeMap<String, Knowledge> = BTreeMap::new();
    connect(|session| {
        let _acting = Acting::as_owner_at_large();
        let mut queued = scan::queued(session, registry.streams_version);
        let mut bring =
            |subscriber: String, state: Option<State>, changes: &[Vec<u8>], mut known: Knowledge| {
                let state =
                    state.and_then(|state| with_queued(program, &subscriber, state, changes, &mut known));
                match state {
                    Some(state) => show(program, &subscriber, state, &known, see),
                    None => {
                        let known = waiting.renew(&subscriber, known);
                        inexact.insert(subscriber, known);
                    }
                }
            };
        let mut states = session.cursor(
            "SELECT subscriber, evaluated_at, manual, profile, held, members, memory, version, activity || coalesce(recent, '')
             FROM segment.state",
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
                let filled = rows.value::<i64>(row, 8) >= registry.filled_version;
                let state = memory.run(|| State::from_bytes(&rows.bytes(row, 9), program.streams()).ok());
                let changes = queued.remove(&subscriber).unwrap_or_default();
                bring(subscriber, state.filter(|_| filled), &changes, Knowledge::of(&rows, row, now));
            }
        }
        states.close();
        // Of the others only the queue knows.
        queued.iter().for_each(|(subscriber, changes)| {
            bring(subscriber.clone(), Some(State::default()), changes, Knowledge::of_nobody(now));
        });
    });
    match inexact.len() {
        0 => {}
        1..=BATCH => by_their_events(registry, program, &inexact, see),
        _ => {
            let wanted = |subscriber: &str, _: Option<Knowledge>| inexact.remove(subscriber);
            by_events(registry, program, wanted, Waiting(HashMap::new()), see);
            // Who is left has no events.
            for (subscriber, known) in &inexact {
                show(program, subscriber, State::default(), known, see);
            }
        }
    }
}

/// The state of a subscriber at an instant, from the events.
pub fn of_their_events(registry: &Registry, program: &Program, subscriber: &str, at: Instant) -> State {
    require_readable(registry);
    let ids = [subscriber.to_owned()];
    let events = connect(|session| scan::events_of(session, registry, program, &ids)).remove(subscriber);
    of_events(program, &events.unwrap_or_default(), at)
}

/// By the events of some subscribers.
fn by_their_events(
    registry: &Registry,
    program: &Program,
    whom: &BTreeMap<String, Knowledge>,
    see: &mut impl FnMut(Subject, &Members),
) {
    require_readable(registry);
    let ids: Vec<String> = whom.keys().cloned().collect();
    let mut events = connect(|session| scan::events_of(session, registry, program, &ids));
    for (subscriber, known) in whom {
        let events = events.remove(subscriber).unwrap_or_default();
        show(program, subscriber, of_events(program, &events, known.from), known, see);
    }
}

/// By all events, read once, of those about whom something is known, whatever the states say about them.
fn by_events(
    registry: &Registry,
    program: &Program,
    mut known: impl FnMut(&str, Option<Knowledge>) -> Option<Knowledge>,
    mut waiting: Waiting,
    see: &mut impl FnMut(Subject, &Members),
) {
    require_readable(registry);
    let now = guc::statement_now();
    connect(|session| {
        let mut events = BySubscriber::open(session, registry, program, &registry.sources);
        let mut states = States::open(session, now, program.is_guarded());
        let (mut event, mut state) = (events.next(), states.next());
        // Both come in ascending order.
        while event.is_some() || state.is_some() {
            let heads = event.iter().map(|(who, _)| who).chain(state.iter().map(|(who, _)| who));
            let Some(first) = heads.min().cloned() else { break };
            let is_first = |who: &String| *who == first;
            let stored = state.take_if(|(who, _)| is_first(who)).map(|(_, known)| known);
            let change = event.take_if(|(who, _)| is_first(who)).map(|(_, change)| change);
            if event.is_none() {
                event = events.next();
            }
            if state.is_none() {
                state = states.next();
            }
            if let Some(known) = known(&first, stored) {
                let known = waiting.renew(&first, known);
                let state = of_events(program, &change.unwrap_or_default(), known.from);
                show(program, &first, state, &known, see);
            }
        }
        events.close();
        states.cursor.close();
        // Who is left has nothing but a profile, of which only the queue knows.
        for subscriber in waiting.0.keys().cloned().collect::<Vec<_>>() {
            let known = waiting.renew(&subscriber, Knowledge::of_nobody(now));
            show(program, &subscriber, State::default(), &known, see);
        }
    });
}

/// What is known of a subscriber beside the events.
struct Knowledge {
    /// When they were evaluated, and stood as said.
    from: Instant,
    /// When they are evaluated: the time never goes backwards.
    at: Instant,
    standing: Standing,
    manual: Option<Manual>,
    profile: Option<Profile>,
}

impl Knowledge {
    /// From a row that begins with subscriber, evaluation time, decisions, profile, memberships and what is remembered.
    fn of(rows: &Rows, row: usize, now: Instant) -> Self {
        let from = rows.instant(row, 2).unwrap_or(now);
        Knowledge {
            from,
            at: from.max(now),
            standing: Standing::from_bytes(&rows.bytes(row, 6), &rows.bytes(row, 7)),
            manual: Manual::from_bytes(&rows.bytes(row, 3)),
            profile: Profile::stored(&rows.bytes(row, 4), &rows.bytes(row, 5)),
        }
    }

    /// Of somebody who has no state.
    fn of_nobody(now: Instant) -> Self {
        Knowledge { from: now, at: now, standing: Standing::default(), manual: None, profile: None }
    }

    fn subject<'a>(&'a self, id: &'a str) -> Subject<'a> {
        Subject { id, manual: self.manual.as_ref(), profile: self.profile.as_ref(), past: None }
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
            let _acting = Acting::as_owner_at_large();
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
    fn renew(&mut self, subscriber: &str, known: Knowledge) -> Knowledge {
        let Some(document) = self.0.remove(subscriber) else { return known };
        let profile = document.map(|document| Profile::new(known.profile.as_ref(), &document, known.at));
        Knowledge { profile, ..known }
    }
}

/// Of whoever was evaluated after an instant, was decided about by hand or has a profile, or of everybody, in ascending
/// order.
struct States {
    cursor: Cursor,
    now: Instant,
    page: std::vec::IntoIter<(String, Knowledge)>,
}

impl States {
    fn open(session: &Session, now: Instant, everybody: bool) -> Self {
        let _acting = Acting::as_owner_at_large();
        let cursor = session.cursor(
            &format!(
                "SELECT subscriber, evaluated_at, manual, profile, held, members, memory FROM segment.state
                 WHERE evaluated_at > '{}' OR manual IS NOT NULL OR profile IS NOT NULL OR {everybody} ORDER BY subscriber",
                timestamp(now).to_iso_string()
            ),
            true,
        );
        States { cursor, now, page: Vec::new().into_iter() }
    }
}

impl Iterator for States {
    type Item = (String, Knowledge);

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 {
            let _acting = Acting::as_owner_at_large();
            let rows = self.cursor.fetch(FETCH);
            let known = |row: usize| (rows.value(row, 1), Knowledge::of(&rows, row, self.now));
            let page: Vec<Self::Item> = (0..rows.count()).map(known).collect();
            self.page = page.into_iter();
        }
        self.page.next()
    }
}

/// A stored state brought to the evaluation time, with what the queue has; `None` where that takes the events.
fn with_queued(
    program: &Program,
    subscriber: &str,
    mut state: State,
    queued: &[Vec<u8>],
    known: &mut Knowledge,
) -> Option<State> {
    if queued.is_empty() {
        return Some(state);
    }
    let standing = std::mem::take(&mut known.standing);
    known.standing = program.stands(known.subject(subscriber), &mut state, standing, known.from, known.at);
    known.from = known.at;
    let mut change = Change::default();
    for bytes in queued {
        change.add(Change::from_bytes(bytes, program.streams()).ok()?);
    }
    change.settle();
    (program.fold(&mut state, &change, known.at) == Fold::Exact).then_some(state)
}

/// The state that some events make at an instant.
pub fn of_events(program: &Program, events: &Change, at: Instant) -> State {
    let mut state = State::default();
    // Additions alone are always exact.
    let _ = program.fold(&mut state, events, at);
    state.advance(program.streams(), at);
    state
}

fn show(
    program: &Program,
    subscriber: &str,
    mut state: State,
    known: &Knowledge,
    see: &mut impl FnMut(Subject, &Members),
) {
    let subject = known.subject(subscriber);
    if subject.exists(&state) {
        let standing = known.standing.clone();
        see(subject, &program.stands(subject, &mut state, standing, known.from, known.at).members);
    }
}

/// Raises where some source cannot be read in full.
pub fn require_readable(registry: &Registry) {
    if let Some(refusal) = registry.unreadable() {
        refusal.raise();
    }
}
