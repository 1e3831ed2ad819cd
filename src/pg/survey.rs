//! Everybody as of now under definitions that need not be stored, without writing anything: by the stored states where
//! these have what the definitions read, else from the events.

use super::guc;
use super::owner::Acting;
use super::registry::{self, Registry};
use super::report::value_of;
use super::scan::{self, BySubscriber, Scratch};
use super::spi::{connect, timestamp};
use super::store::BATCH;
use crate::activity::{Change, Fold, Instant, State};
use crate::membership::{Definition, Manual, Members, Program, Subject};
use std::collections::{BTreeMap, HashMap};

/// State rows fetched at once.
const FETCH: usize = 5_000;

/// Shows everybody with events, once and in no particular order, with the segments that they are in under the active
/// snapshot. Whatever the definitions refer to must be among them.
pub fn everybody(registry: &Registry, definitions: &[Definition], mut see: impl FnMut(Subject, &Members)) {
    match value_of(Program::over(registry.program.streams(), definitions)) {
        Some(program) => by_states(registry, &program, &mut see),
        None => {
            let known = standings(guc::statement_now());
            let usual = Standing { at: guc::statement_now(), manual: None };
            let standing = |subscriber: &str| Some(known.get(subscriber).unwrap_or(&usual));
            by_events(registry, &value_of(Program::alone(definitions)), standing, &mut see);
        }
    }
}

/// By what is stored and what is queued. The events are read of those alone for whom that is not enough.
fn by_states(registry: &Registry, program: &Program, see: &mut impl FnMut(Subject, &Members)) {
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
                    None => drop(inexact.insert(subscriber, standing)),
                }
            };
        let mut states = session
            .cursor("SELECT subscriber, evaluated_at, version, activity, manual FROM segment.state", true);
        let mut memory = Scratch::default();
        loop {
            pgrx::check_for_interrupts!();
            let rows = states.fetch(FETCH);
            if rows.count() == 0 {
                break;
            }
            for row in 0..rows.count() {
                let subscriber: String = rows.value(row, 1);
                let at = rows.instant(row, 2).unwrap_or(now).max(now);
                let standing = Standing { at, manual: Manual::from_bytes(&rows.bytes(row, 5)) };
                let filled = rows.value::<i64>(row, 3) >= registry.filled_version;
                let state = memory.run(|| State::from_bytes(&rows.bytes(row, 4), program.streams()).ok());
                let changes = queued.remove(&subscriber).unwrap_or_default();
                bring(subscriber, state.filter(|_| filled), &changes, standing);
            }
        }
        states.close();
        // Of the others only the queue knows.
        queued.iter().for_each(|(subscriber, changes)| {
            bring(subscriber.clone(), Some(State::default()), changes, Standing { at: now, manual: None });
        });
    });
    match inexact.len() {
        0 => {}
        1..=BATCH => by_their_events(registry, program, &inexact, see),
        _ => by_events(registry, program, |subscriber| inexact.get(subscriber), see),
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

/// By all events, read once, of those whose standing is given.
fn by_events<'s>(
    registry: &Registry,
    program: &Program,
    whom: impl Fn(&str) -> Option<&'s Standing>,
    see: &mut impl FnMut(Subject, &Members),
) {
    require_readable(registry);
    connect(|session| {
        let mut everybody = BySubscriber::open(session, registry, program, &registry.sources);
        for (subscriber, events) in everybody.by_ref() {
            if let Some(standing) = whom(&subscriber) {
                show(program, &subscriber, &of_events(program, &events, standing.at), standing, see);
            }
        }
        everybody.close();
    });
}

/// What is known of a subscriber beside the events.
struct Standing {
    /// When they are evaluated: the time never goes backwards.
    at: Instant,
    manual: Option<Manual>,
}

/// Of whoever was evaluated after an instant, or decided about by hand.
fn standings(now: Instant) -> HashMap<String, Standing> {
    let _acting = Acting::as_owner_at_large(registry::home().owner);
    connect(|session| {
        let rows = session.select(
            "SELECT subscriber, evaluated_at, manual FROM segment.state WHERE evaluated_at > $1 OR manual IS NOT NULL",
            &[timestamp(now).into()],
        );
        let standing = |row: usize| Standing {
            at: rows.instant(row, 2).unwrap_or(now).max(now),
            manual: Manual::from_bytes(&rows.bytes(row, 3)),
        };
        (0..rows.count()).filter_map(|row| Some((rows.get(row, 1)?, standing(row)))).collect()
    })
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
    if state.events > 0 {
        let subject = Subject { id: subscriber, manual: standing.manual.as_ref() };
        see(subject, &program.members(subject, state, standing.at));
    }
}

fn require_readable(registry: &Registry) {
    if let Some(refusal) = registry.unreadable() {
        refusal.raise();
    }
}
