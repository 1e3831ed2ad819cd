//! Moving through time in steps equals evaluating from scratch, and nothing flips before it is due.

use super::*;
use crate::activity::{Base, Change, DAY, Fold, HOUR, Instant, Selection, State, Stored, Stream, Streams};
use crate::criteria::encode::jsonb;
use crate::criteria::random::Random;
use crate::criteria::{Clock, Moment, Safeguards, Scope, Zone, describe, locate, parse_value};
use crate::error::Code;
use crate::profile::Profile;
use crate::score::{BuiltinStreams, features};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::rc::Rc;

/// By id of a segment, in turns: some with changes of the clocks early in the year 2000, two of them at midnight.
pub(super) const ZONES: [&str; 6] =
    ["UTC", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "America/Asuncion", "Asia/Kathmandu"];

fn definition(id: u32, criteria: Value) -> Definition {
    let criteria = features().expand(locate(&criteria, Scope::Subscriber).unwrap()).unwrap();
    let zone = Zone::by_name(ZONES[(id - 1) as usize % ZONES.len()]).unwrap();
    Definition::new(id, format!("s{id}"), criteria, zone)
}

fn program(criteria: &[Value]) -> Program {
    let definitions: Vec<Definition> =
        criteria.iter().zip(1..).map(|(c, id)| definition(id, c.clone())).collect();
    Program::alone(&definitions).unwrap()
}

fn builtin() -> Vec<Stream> {
    BuiltinStreams::default().streams().unwrap()
}

fn stored(plan: &StreamPlan, first: u32) -> Vec<Stream> {
    let added = plan.add.iter().cloned().zip(first..);
    added.map(|((selection, horizons), id)| Stream::new(id, selection, horizons).unwrap()).collect()
}

pub(super) const SOMEBODY: Subject = Subject { id: "somebody", manual: None, profile: None, past: None };

fn standing(program: &Program, state: &State, at: Instant) -> Standing {
    Standing { members: program.members(SOMEBODY, state, at), ..Standing::default() }
}

pub(super) type Event = (&'static str, Instant, i64);

fn change(program: &Program, (kind, at, value): Event) -> Change {
    let mut change = Change { events: 1, entries: Vec::new() };
    program.entries(kind, &json!({"value": value}), at, 1, |entry| change.entries.push(entry));
    change
}

pub(super) fn fresh(program: &Program, events: &[Event], now: Instant) -> State {
    let mut state = State::default();
    for event in events {
        assert_eq!(program.fold(&mut state, &change(program, *event), now), Fold::Exact);
    }
    state.advance(program.streams(), now);
    state
}

/// What is stored, read again: over its base, where it has one, and in one part.
pub(super) fn reopened(program: &Program, stored: &Stored) -> [State; 2] {
    let (streams, base) = (program.streams(), stored.base.as_deref().unwrap());
    let recent = stored.recent.as_deref().unwrap_or_default();
    let whole = State::from_bytes(&[base, recent].concat(), streams).unwrap();
    let base = stored.recent.as_ref().map(|recent| Base::read(base, recent, streams).unwrap().unwrap());
    let over = base.map(|base| State::over(Rc::new(base), recent, streams).unwrap());
    [over.unwrap_or_else(|| whole.clone()), whole]
}

pub(super) fn any_event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![Just("purchase"), Just("open"), Just("email_click"), Just("visit")];
    (kind, -60 * 24..24 * 10_i64, 0..HOUR, -5..60_i64).prop_map(|(k, h, w, v)| (k, h * HOUR + w, v))
}

/// Definitions, the program of the first of them, and the streams of all.
fn grown(criteria: &[Value], first: usize) -> (Vec<Definition>, Program, Vec<Stream>) {
    let definitions: Vec<Definition> =
        criteria.iter().zip(1..).map(|(criteria, id)| definition(id, criteria.clone())).collect();
    let first = &definitions[..first.min(criteria.len())];
    let mut streams = replanned(Vec::new(), first);
    let program = Program::compile(streams.clone(), first).unwrap();
    let plan = plan_streams(program.streams(), &requirements(&definitions), false);
    streams.extend(stored(&plan, 5 + streams.len() as u32));
    (definitions, program, streams)
}

/// What a change of definitions does about one.
#[derive(Clone, Debug)]
enum Fate {
    Stays,
    Altered(Value),
    /// Whoever is a member leaves by these criteria.
    LeavesBy(Value),
    Held,
    /// Its calendar is another.
    Elsewhere,
    /// Whoever is a member of it may not move to the next one, nor back.
    Tiered,
    /// Its name and that of the next one are exchanged.
    Renamed,
    Dropped,
    Added(Value),
    /// A segment of its members and whoever these criteria are true of.
    Joined(Value),
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Stays),
        1 => any_criteria().prop_map(Fate::Altered),
        1 => any_criteria().prop_map(Fate::LeavesBy),
        1 => Just(Fate::Held),
        1 => Just(Fate::Elsewhere),
        1 => Just(Fate::Tiered),
        1 => Just(Fate::Renamed),
        1 => Just(Fate::Dropped),
        1 => any_criteria().prop_map(Fate::Added),
        1 => any_criteria().prop_map(Fate::Joined),
    ]
}

impl Fate {
    fn befall(&self, definitions: &mut Vec<Definition>, place: usize) {
        let next = 1 + definitions.iter().map(|definition| definition.id).max().unwrap_or_default();
        match self {
            Fate::Added(criteria) => return definitions.push(definition(next, criteria.clone())),
            Fate::Joined(criteria) => {
                let Some(joined) = definitions.get(place) else { return };
                let criteria = json!({"any": [{"segment": &*joined.name}, criteria]});
                return definitions.push(definition(next, criteria));
            }
            Fate::Dropped if place < definitions.len() => return drop(definitions.remove(place)),
            _ => {}
        }
        if let Some([this, other]) = definitions.get_mut(place..place + 2) {
            match self {
                Fate::Renamed => std::mem::swap(&mut this.name, &mut other.name),
                Fate::Tiered if this.tiers.is_none() && other.tiers.is_none() => {
                    let segments = vec![this.id, other.id];
                    let tiers = Tiers { name: format!("t{}", this.id), segments, moves: Vec::new() };
                    this.tiers = Some(tiers.into());
                    other.tiers.clone_from(&this.tiers);
                }
                _ => {}
            }
        }
        let Some(this) = definitions.get_mut(place) else { return };
        match self {
            Fate::Altered(criteria) => this.criteria = definition(this.id, criteria.clone()).criteria,
            Fate::LeavesBy(criteria) => {
                let safeguards = json!({"leave": criteria, "stay": "2 hours"}).to_string();
                this.safeguards = Some(Safeguards::parse(&safeguards, &features(), &[]).unwrap().into());
            }
            Fate::Held => this.on_hold = !this.on_hold,
            Fate::Elsewhere => {
                this.zone = Zone::by_name(ZONES[(this.id + 1) as usize % ZONES.len()]).unwrap()
            }
            _ => {}
        }
    }
}

/// The streams of definitions, where some are kept from before: those that are needed, and what is lacking.
fn replanned(mut before: Vec<Stream>, definitions: &[Definition]) -> Vec<Stream> {
    let all = Streams::new([builtin(), before.clone()].concat());
    let plan = plan_streams(&all, &requirements(definitions), true);
    let next = 1 + all.as_slice().iter().map(|stream| stream.id).max().unwrap_or_default();
    before.retain(|stream| !plan.drop.contains(&stream.id));
    before.extend(stored(&plan, next));
    before
}

fn any_period() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "today",
        "yesterday",
        "this_week",
        "last_week",
        "this_month",
        "last_month",
        "this_year",
        "now-5d/d",
        "now/h",
        "now-2h/m",
        "now/d+90m",
        "now-1M/d",
        "now-10d/M+2d",
    ])
}

fn any_leaf() -> impl Strategy<Value = Value> {
    let within = prop_oneof![Just(None), Just(Some("1 hour")), Just(Some("3 days")), Just(Some("30 days"))];
    let test =
        (prop_oneof![Just("min"), Just("max"), Just("equals")], 0..4_i64).prop_map(|(o, n)| json!({o: n}));
    let event = (prop_oneof![Just("purchase"), Just("open")], test, any::<bool>(), within).prop_map(
        |(kind, test, sum, within)| {
            let mut leaf = json!({"event": kind, if sum { "sum" } else { "count" }: test});
            if let Some(within) = within {
                leaf["within"] = json!(within);
            }
            leaf
        },
    );
    let span = prop_oneof![
        Just(json!({})),
        Just(json!({"within": "3 days"})),
        Just(json!({"within": "20 days", "older_than": "50 hours"})),
        Just(json!({"older_than": "100 minutes"})),
        Just(json!({"from": "1999-12-20", "until": "2000-01-03T05:00"})),
        Just(json!({"until": "2000-01-02"})),
        any_period().prop_map(|period| json!({"on": period})),
        any_period().prop_map(|period| json!({"from": period, "within": "9 days"})),
        any_period().prop_map(|period| json!({"until": period})),
        any_period().prop_map(|period| json!({"from": "now-40d/w", "until": period})),
        any_period()
            .prop_map(|period| json!({"from": "1999-12-20", "until": period, "older_than": "3 hours"})),
    ];
    let measure = prop_oneof![
        (0..3_i64).prop_map(|n| json!({"count": {"equals": n}})),
        (0..40_i64).prop_map(|n| json!({"sum": {"min": n}})),
        (0..40_i64).prop_map(|n| json!({"average": {"lt": n}})),
        (0..40_i64).prop_map(|n| json!({"minimum": {"lt": n}})),
        (0..40_i64).prop_map(|n| json!({"maximum": {"min": n}})),
        (0..4_i64).prop_map(|n| json!({"distinct": {"equals": n}, "of": "value"})),
        Just(json!({"first": true})),
        Just(json!({"last": true, "where": {"value": {"min": 20}}})),
        Just(json!({"last": "*"})),
        Just(json!({"first": "*", "hours": [0, 1, 2, 3, 4, 5, 6, 7]})),
        Just(json!({"weekdays": [1, 2, 7], "count": {"max": 1}})),
        (0..40_i64).prop_map(|n| json!({"mode": n, "of": "value"})),
    ];
    let whole = prop_oneof![
        (0..4_i64).prop_map(|n| json!({"streak": {"min": n}})),
        (-2..3_i64).prop_map(|n| json!({"trend": {"min": n}, "within": "4 days"})),
        (-2..3_i64).prop_map(|n| json!({"trend": {"lt": n}, "of": "value", "within": "3 hours"})),
        (0..24_i64).prop_map(|n| json!({"peak_hour": {"min": n}, "within": "20 days"})),
        (1..8_i64).prop_map(|n| json!({"peak_weekday": {"equals": n}, "within": "3 days"})),
        (1..24_i64).prop_map(|n| json!({"latest_hour": {"lt": n}})),
        (1..8_i64).prop_map(|n| json!({"latest_weekday": {"equals": n}})),
        (0..50_i64).prop_map(|n| json!({"latest": {"min": n}})),
        (0..9_i64).prop_map(|n| json!({"average_gap": {"max": n}})),
        Just(json!({"within": "9 days", "stopped": "2 days"})),
        Just(json!({"within": "30 hours", "restarted": "8 days"})),
        Just(json!({"regularly": {"every": "36 hours", "periods": 4, "at_least": 2}})),
    ];
    let step = (prop_oneof![Just("purchase"), Just("open"), Just("visit")], any::<bool>())
        .prop_map(|(kind, absent)| json!({"event": kind, "absent": absent}));
    let gap = prop_oneof![Just(None), Just(Some("5 hours")), Just(Some("2 days"))];
    let sequence = (prop::collection::vec(step, 2..4), gap, prop_oneof![Just("3 days"), Just("20 days")])
        .prop_map(|(mut steps, gap, within)| {
            steps[0]["absent"] = json!(false);
            let mut sequence = json!({"sequence": steps, "within": within});
            if let Some(gap) = gap {
                sequence["step_within"] = json!(gap);
            }
            sequence
        });
    let joined = |parts: Vec<Value>| {
        let keys = parts.iter().filter_map(Value::as_object).flatten();
        Value::Object(keys.map(|(key, value)| (key.clone(), value.clone())).collect())
    };
    let kind = prop_oneof![Just(json!({"event": "purchase"})), Just(json!({"event": "open"}))];
    let derived = prop_oneof![
        (kind.clone(), span, measure)
            .prop_map(move |(kind, span, measure)| joined(vec![kind, span, measure])),
        (kind, whole).prop_map(move |(kind, whole)| joined(vec![kind, whole])),
    ];
    let feature = prop_oneof![
        (0..10_i64).prop_map(|n| json!({"engagement_score": {"min": n as f64 / 10.0}})),
        (0..40_i64).prop_map(|n| json!({"days_since_last": {"min": n}})),
        (1..10_i64).prop_map(|n| json!({"open_rate_30d": {"lt": n as f64 / 10.0}})),
    ];
    prop_oneof![event, derived, sequence, feature]
}

fn any_criteria() -> impl Strategy<Value = Value> {
    any_leaf().prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|nodes| json!({"all": nodes})),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|nodes| json!({"any": nodes})),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|nodes| json!({"none": nodes})),
            inner.prop_map(|node| json!({"not": node})),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn stepping_through_time_equals_evaluating_from_scratch(
        criteria in prop::collection::vec(any_criteria(), 1..5),
        events in prop::collection::vec(any_event(), 1..12),
        from in 0..DAY, length in 0..80 * DAY,
    ) {
        let program = program(&criteria);
        let mut state = fresh(&program, &events, from);
        let mut standing = standing(&program, &state, from);
        let before = standing.members.clone();
        let to = from + length;
        let transitions = program.advance(SOMEBODY, &mut state, &mut standing, from, to);
        prop_assert_eq!(&state, &fresh(&program, &events, to));
        let members = standing.members;
        prop_assert_eq!(&members, &program.members(SOMEBODY, &state, to));
        // Replaying the transitions reproduces the outcome, and each is true at its moment and not before.
        let mut replay = before;
        for transition in &transitions {
            let moved = [(&transition.entered, true), (&transition.departed, false)];
            for (segment, entered) in moved.into_iter().flat_map(|(ids, entered)| ids.iter().map(move |id| (*id, entered))) {
                prop_assert_ne!(replay.contains(segment), entered);
                replay.set(segment, entered);
                let at = |at: Instant| program.members(SOMEBODY, &fresh(&program, &events, at), at).contains(segment);
                prop_assert_eq!(at(transition.at), entered);
                prop_assert_ne!(at(transition.at - 1), entered);
            }
        }
        prop_assert_eq!(&replay, &members);
    }

    #[test]
    fn leaves_asked_one_by_one_say_what_all_together_do(
        criteria in prop::collection::vec(any_criteria(), 1..5), events in prop::collection::vec(any_event(), 1..24), now in 0..DAY,
    ) {
        let program = program(&criteria);
        let state = fresh(&program, &events, now);
        let mut together = Vec::new();
        program.evaluate_leaves(SOMEBODY, &state, now, &mut together);
        let alone: Vec<bool> =
            program.leaves.iter().map(|leaf| program.leaf_holds(leaf, SOMEBODY, &state, now)).collect();
        prop_assert_eq!(together, alone);
    }

    #[test]
    fn a_state_over_its_base_says_what_the_whole_does(
        criteria in prop::collection::vec(any_criteria(), 1..5),
        events in prop::collection::vec((any_event(), 0..3 * DAY), 1..24),
        gone in any::<prop::sample::Index>(), now in 0..DAY,
    ) {
        let program = program(&criteria);
        let streams = program.streams();
        let (mut now, mut known) = (now, Vec::new());
        let mut row = Stored { base: Some(Vec::new()), recent: None };
        let again = |row: &mut Stored, mut state: State, now| {
            let Stored { base, recent } = state.stored(streams, now);
            *row = Stored { base: base.or(row.base.take()), recent };
        };
        for (event, later) in events {
            now += later;
            known.push(event);
            let [mut state, _] = reopened(&program, &row);
            state.advance(streams, now);
            prop_assert_eq!(program.fold(&mut state, &change(&program, event), now), Fold::Exact);
            let expected = fresh(&program, &known, now);
            let evaluation = program.evaluate(SOMEBODY, &expected, now, Patience::Much);
            prop_assert_eq!(program.evaluate(SOMEBODY, &state, now, Patience::Much), evaluation.clone());
            again(&mut row, state, now);
            let [over, mut whole] = reopened(&program, &row);
            for state in [&over, &whole] {
                prop_assert_eq!(program.evaluate(SOMEBODY, state, now, Patience::Much), evaluation.clone());
            }
            whole.advance(streams, now);
            prop_assert_eq!(whole, expected);
        }
        let [mut state, mut whole] = reopened(&program, &row);
        let mut removed = change(&program, known.swap_remove(gone.index(known.len())));
        removed.events = -1;
        removed.entries.iter_mut().for_each(|entry| (entry.count, entry.sum) = (-entry.count, -entry.sum));
        whole.advance(streams, now);
        let outcome = program.fold(&mut whole, &removed, now);
        prop_assert_eq!(program.fold(&mut state, &removed, now), outcome);
        if outcome == Fold::Exact {
            again(&mut row, state, now);
            let [_, mut state] = reopened(&program, &row);
            state.advance(streams, now);
            prop_assert_eq!(state, fresh(&program, &known, now));
        }
    }

    #[test]
    fn a_narrowed_program_says_what_the_whole_one_does(
        criteria in prop::collection::vec(any_criteria(), 1..5),
        events in prop::collection::vec(any_event(), 1..24), now in 0..DAY, later in 0..20 * DAY,
    ) {
        let whole = program(&criteria);
        let bytes = fresh(&whole, &events, now).to_bytes();
        for (criteria, id) in criteria.iter().zip(1..) {
            let alone = [definition(id, criteria.clone())];
            let narrow = Program::over(whole.streams(), &alone).unwrap().unwrap().narrowed(&alone).unwrap();
            let mut state = State::from_bytes(&bytes, narrow.streams()).unwrap();
            let evaluation = narrow.evaluate(SOMEBODY, &state, now, Patience::Much);
            let is_member = |at: Instant| whole.members(SOMEBODY, &fresh(&whole, &events, at), at).contains(id);
            prop_assert_eq!(evaluation.standing.members.contains(id), is_member(now));
            if let Some(due) = evaluation.due.filter(|due| *due > now) {
                prop_assert_eq!(is_member(due - 1), is_member(now));
            }
            state.advance(narrow.streams(), now + later);
            let members = narrow.members(SOMEBODY, &state, now + later);
            prop_assert_eq!(members.contains(id), is_member(now + later));
        }
    }

    #[test]
    fn what_is_taken_over_says_what_is_compiled_anew(
        criteria in prop::collection::vec(any_criteria(), 1..5),
        changes in prop::collection::vec(prop::collection::vec(any_fate(), 0..5), 1..3),
        events in prop::collection::vec(any_event(), 1..8), now in 0..DAY, later in 0..DAY,
    ) {
        let mut definitions: Vec<Definition> = Vec::new();
        criteria.into_iter().for_each(|criteria| Fate::Added(criteria).befall(&mut definitions, 0));
        let mut streams = replanned(Vec::new(), &definitions);
        let mut before = Program::compile(streams.clone(), &definitions).unwrap();
        for fates in changes {
            let known = (streams.clone(), definitions.clone());
            fates.iter().enumerate().for_each(|(place, fate)| fate.befall(&mut definitions, place));
            streams = replanned(streams, &definitions);
            let anew = match Program::compile(streams.clone(), &definitions) {
                Ok(anew) => anew,
                Err(error) => {
                    let after = Program::compile_after(Some(&before), streams.clone(), &definitions);
                    prop_assert_eq!(after.err().map(|error| error.to_string()), Some(error.to_string()));
                    (streams, definitions) = known;
                    continue;
                }
            };
            let after = Program::compile_after(Some(&before), streams.clone(), &definitions).unwrap();
            prop_assert!(after.is_of(&streams, &definitions));
            let state = fresh(&anew, &events, now);
            prop_assert_eq!(&fresh(&after, &events, now), &state);
            let evaluation = anew.evaluate(SOMEBODY, &state, now, Patience::Much);
            prop_assert_eq!(after.evaluate(SOMEBODY, &state, now, Patience::Much), evaluation);
            for definition in &definitions {
                let explained = anew.explain(definition, SOMEBODY, &state, now);
                prop_assert_eq!(after.explain(definition, SOMEBODY, &state, now), explained);
            }
            let advance = |program: &Program| {
                let (mut state, mut standing) = (state.clone(), standing(&anew, &state, now));
                let transitions = program.advance(SOMEBODY, &mut state, &mut standing, now, now + later);
                (state, standing, transitions)
            };
            prop_assert_eq!(advance(&after), advance(&anew));
            before = after;
        }
    }

    #[test]
    fn what_is_read_for_more_streams_is_what_fewer_know_of_it(
        criteria in prop::collection::vec(any_criteria(), 1..7), first in 0..7_usize,
        events in prop::collection::vec(any_event(), 1..24), gone in any::<prop::sample::Index>(), now in 0..DAY,
    ) {
        let (definitions, fewer, streams) = grown(&criteria, first);
        let more = Program::compile(streams, &definitions).unwrap();
        let mut known = events.clone();
        let mut state = State::default();
        for event in events {
            let change = change(&more, event).within(fewer.streams());
            prop_assert_eq!(fewer.fold(&mut state, &change, now), Fold::Exact);
        }
        let agrees = |state: &State, known: &[Event]| {
            let expected = fresh(&fewer, known, now);
            state.agrees(&expected, fewer.streams(), now)
                && fewer.evaluate(SOMEBODY, state, now, Patience::Much)
                    == fewer.evaluate(SOMEBODY, &expected, now, Patience::Much)
        };
        prop_assert!(agrees(&state, &known));
        let mut state = State::from_bytes(&state.to_bytes(), fewer.streams()).unwrap();
        prop_assert!(agrees(&state, &known));
        let mut own = fresh(&fewer, &known, now);
        let event = known.swap_remove(gone.index(known.len()));
        let removal = |program: &Program| {
            let mut removed = change(program, event);
            removed.events = -1;
            removed.entries.iter_mut().for_each(|entry| (entry.count, entry.sum) = (-entry.count, -entry.sum));
            removed
        };
        let outcome = fewer.fold(&mut state, &removal(&more).within(fewer.streams()), now);
        prop_assert_eq!(outcome, fewer.fold(&mut own, &removal(&fewer), now));
        prop_assert!(outcome != Fold::Exact || agrees(&state, &known));
    }

    #[test]
    fn what_is_laid_beside_a_state_adds_up(
        criteria in prop::collection::vec(any_criteria(), 1..5),
        early in prop::collection::vec(any_event(), 0..12), late in prop::collection::vec(any_event(), 1..12),
        now in 0..DAY, later in 0..3 * DAY,
    ) {
        let program = program(&criteria);
        let (streams, then) = (program.streams(), now + later);
        let base = fresh(&program, &early, now).to_bytes();
        let mut added = Change::default();
        late.iter().for_each(|event| added.add(change(&program, *event)));
        if added.only_adds() {
            let mut beside = State::default();
            prop_assert_eq!(program.fold(&mut beside, &added, then), Fold::Exact);
            let stored = beside.stored_beside(&base);
            let bytes = [stored.base.unwrap_or(base), stored.recent.unwrap_or_default()].concat();
            let mut state = State::from_bytes(&bytes, streams).unwrap();
            state.advance(streams, then);
            prop_assert_eq!(state, fresh(&program, &[early, late].concat(), then));
        }
    }

    #[test]
    fn nothing_flips_before_it_is_due(
        criteria in prop::collection::vec(any_criteria(), 1..5),
        events in prop::collection::vec(any_event(), 1..12),
        now in 0..DAY, part in 0.0..1.0_f64,
    ) {
        let program = program(&criteria);
        let state = fresh(&program, &events, now);
        let due = program.next_due(SOMEBODY, &state, now).unwrap_or(now + 200 * DAY);
        prop_assert!(due > now);
        let between = now + ((due - 1 - now) as f64 * part) as i64;
        for at in [between, due - 1] {
            prop_assert_eq!(program.members(SOMEBODY, &fresh(&program, &events, at), at), program.members(SOMEBODY, &state, now));
        }
    }
}

/// Of each leaf about a period against the period itself.
#[test]
fn leaves_about_periods_count_what_lies_in_them() {
    let mut random = Random::new(12);
    let periods = [
        "today",
        "yesterday",
        "this_week",
        "last_month",
        "this_year",
        "now-5d/d",
        "now/h",
        "now-2h/m",
        "now/d+90m",
    ];
    for trial in 0..240_usize {
        let zone = ZONES[trial % ZONES.len()];
        let period = random.pick(&periods);
        let moment = Moment::parse(period).unwrap();
        let now = random.below(90 * 24 * 60) as i64 * 60_000_000 + random.below(2) as i64;
        let clock = Clock::new(now, zone).unwrap();
        let range = moment.day(&clock).unwrap();
        let mut event = || {
            let near = random.pick(&[range.start, range.end, moment.period(&clock).unwrap().start, now]);
            let reach = random.pick(&[1, 60, 86_400]);
            ("purchase", near + (random.below(2 * reach + 1) as i64 - reach as i64) * 1_000_000, 1)
        };
        let events: Vec<Event> = (0..6).map(|_| event()).collect();
        let counted = |lies: &dyn Fn(Instant) -> bool| {
            events.iter().filter(|(_, at, _)| *at <= now && lies(*at)).count()
        };
        let start = moment.period(&clock).unwrap().start;
        for (span, count) in [
            (json!({"on": period}), counted(&|at| range.contains(&at))),
            (json!({"from": period}), counted(&|at| at >= start)),
            (json!({"until": period}), counted(&|at| at < start)),
        ] {
            for (measure, expected) in [
                ("count", Some(count)),
                ("sum", Some(count)),
                ("minimum", (count > 0).then_some(1)),
                ("average", (count > 0).then_some(1)),
            ] {
                let mut leaf = span.clone();
                leaf["event"] = "purchase".into();
                leaf[measure] = json!({"equals": expected.unwrap_or(1)});
                let definition = Definition { zone: clock.zone, ..definition(1, leaf.clone()) };
                let program = Program::alone(&[definition]).unwrap();
                let state = fresh(&program, &events, now);
                let held = program.members(SOMEBODY, &state, now).contains(1);
                assert_eq!(
                    held,
                    expected.is_some() && state.events > 0,
                    "{leaf} at {now} in {zone} over {events:?}"
                );
            }
        }
    }
}

#[test]
fn leaving_by_time_is_explained_before_it_happens() {
    let criteria = json!({"all": [{"event": "purchase", "within": "30 days"}, {"not": {"event": "open"}}]});
    let program = program(std::slice::from_ref(&criteria));
    let state = fresh(&program, &[("purchase", 0, 5)], DAY);
    let reports = program.explain(&definition(1, criteria), SOMEBODY, &state, DAY);
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0].path, "all[0]");
    assert_eq!(reports[0].condition, "the number of \"purchase\" events in the last 30 days");
    assert_eq!(reports[0].threshold.as_deref(), Some("at least 1"));
    assert!(reports[0].holds && reports[0].changes_at == Some(30 * DAY));
    assert_eq!(reports[1].path, "all[1].not");
    assert_eq!(reports[1].condition, "the number of \"email_open\" events ever");
    assert!(!reports[1].holds && reports[1].changes_at.is_none());
    assert_eq!(program.next_transition(1, SOMEBODY, &state, DAY), Some(30 * DAY));
}

#[test]
fn the_leaf_that_made_the_difference_is_named() {
    let criteria = json!({"any": [
        {"all": [{"event": "purchase", "within": "30 days"}, {"event": "open", "count": {"min": 2}}, {"event": "visit"}]},
        {"all": [{"days_since_last": {"min": 40}}, {"bucket": {"salt": "s", "from": 0, "to": 100}}]},
    ]});
    let program = program(&[criteria, json!({"not": {"segment": "s1"}}), json!({})]);
    let state = |events: &[Event], at| fresh(&program, events, at);
    let leaves = |before: &[Event], from, after: &[Event], at, cause| {
        let mut old = standing(&program, &state(before, from), from);
        let mut members = old.members.clone();
        let new = standing(&program, &state(after, at), at);
        let mut transitions = Vec::new();
        program.note(&mut old, new, at, cause, &mut transitions);
        let after = state(after, at);
        program.blame(
            (SOMEBODY, state(before, from)),
            from,
            (SOMEBODY, &after),
            &mut members,
            &mut transitions,
        );
        transitions.pop().map(|transition| transition.leaves).unwrap_or_default()
    };
    let path = |path: &str| Some(path.to_owned());
    let all = [("purchase", 0, 1), ("open", 0, 1), ("visit", 0, 1), ("open", HOUR, 1)];
    // One alone; the first of two that only together do; none where there was nobody before.
    let entered = leaves(&all[..3], HOUR, &all, HOUR, Cause::Event);
    assert_eq!(entered, [path("any[0].all[1]"), path("not")]);
    let both = leaves(&all[..2], HOUR, &all, HOUR, Cause::Event);
    assert_eq!(both[0], path("any[0].all[1]"));
    assert_eq!(leaves(&[], HOUR, &all[..1], HOUR, Cause::Event), [None, None]);
    // Time: the purchase leaves its window; later the days since the last event come to 40.
    let left = leaves(&all, 20 * DAY, &all, 30 * DAY, Cause::Time);
    assert_eq!(left, [path("not"), path("any[0].all[0]")]);
    assert_eq!(
        leaves(&all, 39 * DAY, &all, 40 * DAY + HOUR, Cause::Time)[0],
        path("any[1].all[0].days_since_last")
    );
    assert_eq!(leaves(&all, 20 * DAY, &all, 30 * DAY, Cause::Definition), [None; 0]);
}

#[test]
fn leaves_are_explained_where_the_document_has_them() {
    let criteria = json!({"all": [
        {"event": "visit", "within": "14 days", "stopped": "7 days"},
        {"engagement_score": {"min": 0.5}, "not": {"days_since_last": {"max": 3}}},
        {"at_least": 1, "of": [{"sequence": [{"event": "visit"}, {"event": "purchase"}], "within": "7 days"}, {"segment": "s1"}]},
        {"event": "visit", "regularly": {"every": "1 day", "periods": 2, "at_least": 1}},
    ]});
    let definitions = [definition(1, json!({})), definition(2, criteria.clone())];
    let program = Program::alone(&definitions).unwrap();
    let reports = program.explain(&definitions[1], SOMEBODY, &State::default(), 0);
    let paths: Vec<String> = reports.into_iter().map(|report| report.path).collect();
    let described: Vec<String> =
        describe(&criteria.to_string()).unwrap().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, described);
    assert_eq!(
        paths[..5],
        ["all[0]", "all[0]", "all[1].engagement_score", "all[1].not.days_since_last", "all[2].of[0]"]
    );
}

#[test]
fn nobody_without_events_is_in_any_segment() {
    let program = program(&[json!({}), json!({"event": "purchase", "count": {"equals": 0}})]);
    assert_eq!(program.members(SOMEBODY, &State::default(), 0), Members::default());
    let state = fresh(&program, &[("open", 0, 0)], 0);
    assert_eq!(program.members(SOMEBODY, &state, 0).iter().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn equal_leaves_are_compiled_once() {
    let leaf = json!({"event": "purchase", "within": "30 days"});
    let program = program(&[leaf.clone(), json!({"not": leaf}), json!({"any": [leaf, {}]})]);
    assert_eq!(program.leaves.len(), 1);
}

#[test]
fn streams_are_shared_kept_and_dropped() {
    let short = definition(1, json!({"event": "purchase", "within": "30 days"}));
    let sum = definition(2, json!({"event": "purchase", "sum": {"min": 5}}));
    let wide = definition(3, json!({"event": "purchase", "within": "1 year"}));
    let plan = plan_streams(&Streams::new(builtin()), &requirements([&short, &sum]), true);
    assert!(plan.add.is_empty() && plan.drop.is_empty(), "the built-in purchase stream serves both");
    let plan = plan_streams(&Streams::new(builtin()), &requirements([&short, &wide]), true);
    assert_eq!(plan.add.len(), 1, "a window beyond the horizon needs the events again");
    let existing = [builtin(), stored(&plan, 5)].concat();
    assert!(plan_streams(&Streams::new(existing.clone()), &requirements([&wide]), true).add.is_empty());
    assert_eq!(plan_streams(&Streams::new(existing.clone()), &requirements([&short]), true).drop, [5]);
}

#[test]
fn a_wider_stream_takes_the_place_of_a_narrower_one() {
    let narrow = definition(1, json!({"event": "open", "within": "100 days"}));
    let wide = definition(2, json!({"event": "open", "within": "1 year", "sum": {"min": 5}}));
    let both = requirements([&narrow, &wide]);
    let first = plan_streams(&Streams::new(builtin()), &requirements([&narrow]), true);
    let existing = Streams::new([builtin(), stored(&first, 5)].concat());
    let plan = plan_streams(&existing, &both, true);
    assert_eq!((plan.add.len(), plan.drop.as_slice()), (1, &[5][..]));
    assert!(
        both.iter()
            .all(|(selection, horizons)| plan.add[0].0.serves(selection) && plan.add[0].1.cover(*horizons))
    );
    let plan = plan_streams(&existing, &both, false);
    assert!(plan.drop.is_empty(), "while a stream is being filled, the others are read");
    let mut streams = existing.as_slice().to_vec();
    streams.push(Stream::new(6, plan.add[0].0.clone(), plan.add[0].1).unwrap());
    let plan = plan_streams(&Streams::new(streams), &both, true);
    assert_eq!((plan.add.len(), plan.drop.as_slice()), (0, &[5][..]), "once it is filled, they go");
}

#[test]
fn unknown_features_are_refused_with_the_nearest() {
    let criteria = json!({"any": [{"engagment_score": {"min": 1}}]});
    let error = features().expand(locate(&criteria, Scope::Subscriber).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "feature \"engagment_score\" does not exist");
    assert_eq!(error.detail().unwrap(), "At any[0].engagment_score.");
    assert_eq!(error.hint().unwrap(), "Did you mean \"engagement_score\"?");
}

#[test]
fn segments_of_segments_follow_those_they_refer_to() {
    // The referring one comes first, by id too.
    let both = json!({"all": [{"segment": "s2"}, {"segment": "s3"}]});
    let program = program(&[
        both,
        json!({"event": "purchase"}),
        json!({"not": {"segment": "s2"}}),
        json!({"segment": "s3"}),
    ]);
    let state = fresh(&program, &[("visit", 0, 0)], 0);
    assert_eq!(program.members(SOMEBODY, &state, 0).iter().collect::<Vec<_>>(), [3, 4]);
    let state = fresh(&program, &[("purchase", 0, 0)], 0);
    assert_eq!(program.members(SOMEBODY, &state, 0).iter().collect::<Vec<_>>(), [2]);
}

#[test]
fn references_are_followed_both_ways() {
    let criteria = [
        json!({"all": [{"segment": "s2"}, {"segment": "s3"}]}),
        json!({"event": "purchase"}),
        json!({"not": {"segment": "s2"}}),
        json!({"any": [{"segment": "s3"}, {"segment": "s5"}]}),
        json!({"event": "visit"}),
    ];
    let all: Vec<Definition> = criteria.into_iter().zip(1..).map(|(c, id)| definition(id, c)).collect();
    assert_eq!(dependents("s2", &all), [("s1", 1), ("s3", 1), ("s4", 2)]);
    assert_eq!(dependents("s5", &all), [("s4", 1)]);
    assert_eq!(dependents("s4", &all), []);
    let ids = |wanted: &[usize]| -> Vec<u32> {
        let wanted = wanted.iter().map(|index| all[*index].clone()).collect();
        with_referred(wanted, &all).iter().map(|definition| definition.id).collect()
    };
    assert_eq!(ids(&[3]), [2, 3, 4, 5]);
    assert_eq!(ids(&[0, 2]), [1, 2, 3]);
    assert_eq!(ids(&[1]), [2]);
}

#[test]
fn a_program_goes_over_streams_that_have_what_it_reads() {
    let wide = definition(1, json!({"event": "visit", "within": "90 days"}));
    let stored = Program::alone(std::slice::from_ref(&wide)).unwrap();
    let over = |criteria: Value| Program::over(stored.streams(), &[definition(1, criteria)]).unwrap();
    let narrow = over(json!({"event": "visit", "within": "30 days"})).unwrap();
    assert_eq!(narrow.streams().as_slice().len(), stored.streams().as_slice().len());
    assert!(over(json!({"event": "visit", "within": "91 days"})).is_none());
    assert!(over(json!({"event": "gift"})).is_none());
}

#[test]
fn time_in_a_segment_is_what_lies_between_entry_and_departure() {
    let moved = |at, entered: &[u32], departed: &[u32]| Transition {
        leaves: Vec::new(),
        at,
        cause: Cause::Time,
        entered: entered.to_vec(),
        departed: departed.to_vec(),
    };
    let history = [moved(10, &[1, 2], &[]), moved(20, &[], &[1]), moved(30, &[1], &[2])];
    assert_eq!(time_in(1, &history, 0, 100), 10 + 70);
    assert_eq!(time_in(1, &history, 15, 35), 5 + 5);
    assert_eq!(time_in(1, &history, 20, 30), 0);
    assert_eq!(time_in(2, &history, 0, 25), 15);
    assert_eq!(time_in(3, &history, 0, 100), 0);
    assert_eq!(time_in(1, &history, 50, 40), 0);
}

#[test]
fn circles_and_unknown_segments_are_refused() {
    let compile = |criteria: &[Value]| {
        let definitions: Vec<Definition> =
            criteria.iter().zip(1..).map(|(c, id)| definition(id, c.clone())).collect();
        Program::compile(Vec::new(), &definitions).map(drop).unwrap_err().to_string()
    };
    let circle = compile(&[json!({"segment": "s2"}), json!({"not": {"segment": "s1"}}), json!({})]);
    assert_eq!(circle, "invalid criteria: segments refer to each other in a circle: s1, s2");
    assert!(compile(&[json!({"segment": "s1"})]).contains("circle"));
    assert_eq!(compile(&[json!({"segment": "s9"})]), "segment \"s9\" does not exist");
}

/// A profile that was first seen at an instant.
fn profile(document: &Value, at: Instant) -> Profile {
    Profile::new(None, &jsonb(document), at)
}

#[test]
fn nothing_about_a_profile_flips_before_it_is_due() {
    let mut random = Random::new(3);
    let mut flips = 0;
    for _ in 0..300 {
        random.set_now(0);
        let test = loop {
            let leaf = random.criteria_of_depth(0);
            if let Some(test) =
                leaf.as_object().and_then(|leaf| leaf.values().next()).filter(|test| test.is_object())
            {
                break test.clone();
            }
        };
        let mut leaf = json!({"attribute": "traits.tags"});
        leaf.as_object_mut().unwrap().extend(test.as_object().unwrap().clone());
        if random.below(3) == 0 {
            leaf["held_for"] = random.pick(&["1 hour", "3 days"]).into();
        }
        if parse_value(&leaf, Scope::Subscriber).is_err() {
            continue;
        }
        let program = program(std::slice::from_ref(&leaf));
        let known = profile(&json!({"traits": random.document()}), 0);
        let subject = Subject { profile: Some(&known), ..SOMEBODY };
        let state = State::default();
        let member = |at: Instant| program.members(subject, &state, at).contains(1);
        let mut at = 0;
        for _ in 0..5 {
            let due = program.next_due(subject, &state, at);
            let end = due.unwrap_or(at + 100 * DAY);
            assert!(end > at);
            for step in 0..40 {
                let moment = at + (end - at) / 40 * step;
                assert_eq!(member(moment), member(at), "{leaf} at {moment}, not due before {end}");
            }
            assert_eq!(member(end - 1), member(at), "{leaf} before {end}");
            let Some(due) = due else { break };
            flips += i32::from(member(due) != member(at));
            at = due;
        }
    }
    assert!(flips > 30, "{flips}");
}

#[test]
fn a_value_counts_as_held_from_when_it_last_changed() {
    let program = program(&[json!({"attribute": "traits.plan", "equals": "pro", "held_for": "3 days"})]);
    let first = profile(&json!({"traits": {"plan": "free"}}), 0);
    let second = Profile::new(Some(&first), &jsonb(&json!({"traits": {"plan": "pro"}})), HOUR);
    let third = Profile::new(Some(&second), &jsonb(&json!({"traits": {"plan": "pro", "age": 3}})), 2 * HOUR);
    let subject = Subject { profile: Some(&third), ..SOMEBODY };
    let member = |at| program.members(subject, &State::default(), at).contains(1);
    assert!(!member(HOUR + 3 * DAY - 1) && member(HOUR + 3 * DAY));
    assert_eq!(program.next_due(subject, &State::default(), 2 * HOUR), Some(HOUR + 3 * DAY));
    assert!(!program.members(SOMEBODY, &State::default(), 10 * DAY).contains(1));
}

#[test]
fn whoever_has_a_profile_is_judged_without_events() {
    let program = program(&[
        json!({"attribute": "traits.plan", "not_equals": "pro"}),
        json!({"event": "purchase", "count": {"max": 0}}),
        json!({"demographics": {"plan": {"equals": "pro"}}}),
    ]);
    let members = |profile: Option<&Profile>| -> Vec<u32> {
        program.members(Subject { profile, ..SOMEBODY }, &State::default(), 0).iter().collect()
    };
    assert!(members(None).is_empty());
    assert!(members(Some(&profile(&json!({"predictions": {"churn": {"value": 1}}}), 0))).is_empty());
    assert_eq!(members(Some(&profile(&json!({"traits": {}}), 0))), [1, 2]);
    assert_eq!(members(Some(&profile(&json!({"traits": {"plan": "pro"}}), 0))), [2, 3]);
}

#[test]
fn named_numbers_by_their_formulas() {
    let criteria =
        |name: &str, value: f64| json!({"attribute": name, "between": [value - 1e-9, value + 1e-9]});
    let program = program(&[
        criteria("freq_purchase", 2.0 / 5.0),
        criteria("avg_order_value", 15.0),
        criteria("email_engagement", 0.4),
        criteria("scores.purchase_propensity", 0.3),
        criteria("last_activity_days", 1.0),
        criteria("recency", 3.0),
        criteria("opens_per_delivered_30d", 0.0),
        criteria("behavior_engagement_score", 0.4 / 3.0),
    ]);
    let events: [Event; 5] = [
        ("purchase", -5 * DAY, 10),
        ("purchase", -3 * DAY, 20),
        ("open", -2 * DAY, 0),
        ("open", -2 * DAY - 7, 0),
        ("email_click", -DAY, 0),
    ];
    let state = fresh(&program, &events, 0);
    let members: Vec<u32> = program.members(SOMEBODY, &state, 0).iter().collect();
    assert_eq!(members, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn fading_weights_halve_and_are_due_when_they_have_fallen_far_enough() {
    let mut known = features();
    let fading = json!({"event": "purchase", "half_life": "1 day", "cap": {"most": 2, "per": "1 day"}});
    known.specs.insert("fading".to_owned(), fading);
    let node = locate(&json!({"fading": {"min": 0.5}}), Scope::Subscriber).unwrap();
    let definition = Definition::new(1, "s", known.expand(node).unwrap(), Zone::UTC);
    let program = Program::alone(&[definition]).unwrap();
    // Three in one day weigh as two, which are a half after two days.
    let events: [Event; 3] = [("purchase", HOUR, 1), ("purchase", HOUR + 5, 1), ("purchase", HOUR + 9, 1)];
    let state = fresh(&program, &events, 2 * HOUR);
    let member = |at: Instant| program.members(SOMEBODY, &state, at).contains(1);
    let end = HOUR + 2 * DAY + HOUR;
    assert!(member(2 * HOUR) && member(end - 1) && !member(end));
    assert_eq!(program.next_due(SOMEBODY, &state, 2 * HOUR), Some(end));
}

#[test]
fn what_a_cap_kept_out_never_counts_later() {
    let mut known = features();
    let fading = json!({"event": "purchase", "half_life": "1 day", "cap": {"most": 1, "per": "1 day"}});
    known.specs.insert("fading".to_owned(), json!({"terms": [{"of": fading, "weight": 1e9}]}));
    let node = locate(&json!({"fading": {"min": 1.5}}), Scope::Subscriber).unwrap();
    let definition = Definition::new(1, "s", known.expand(node).unwrap(), Zone::UTC);
    let program = Program::alone(&[definition]).unwrap();
    let events: [Event; 2] = [("purchase", 0, 1), ("purchase", 23 * HOUR, 1)];
    let state = fresh(&program, &events, 23 * HOUR);
    let member = |at: Instant| program.members(SOMEBODY, &state, at).contains(1);
    let hours: Vec<i64> =
        (24..32 * 24).filter(|hour| member(hour * HOUR) != member((hour - 1) * HOUR)).collect();
    assert_eq!(hours, [29 * 24 + 8]);
}

#[test]
fn points_for_conditions_within_a_group() {
    let mut known = features();
    let plan = json!({
        "terms": [
            {"when": {"event": "purchase"}, "points": 15, "group": "buys"},
            {"when": {"event": "purchase", "count": {"min": 2}}, "points": 15, "group": "buys"},
            {"when": {"any": [{"event": "complaint"}, {"attribute": "traits.blocked", "equals": true}]}, "points": -30},
            {"of": "total_events_7d", "scale": 2, "offset": -1, "floor": 0, "cap": 5, "weight": 2},
        ],
        "groups": {"buys": [0, 20]},
        "clamp": [-10, 100],
    });
    known.specs.insert("plan".to_owned(), plan);
    let value = |events: &[Event], profile: Option<&Profile>| {
        (-10..=100).find(|points| {
            let node = locate(&json!({"plan": {"equals": points}}), Scope::Subscriber).unwrap();
            let criteria = known.expand(node).unwrap();
            let definition = Definition::new(1, "s", criteria, Zone::UTC);
            let program = Program::alone(&[definition]).unwrap();
            let state = fresh(&program, events, 0);
            program.members(Subject { profile, ..SOMEBODY }, &state, 0).contains(1)
        })
    };
    assert_eq!(value(&[("purchase", -HOUR, 1)], None), Some(15 + 2));
    assert_eq!(value(&[("purchase", -HOUR, 1), ("purchase", -2 * HOUR, 1)], None), Some(20 + 6));
    assert_eq!(value(&[("complaint", -HOUR, 1)], None), Some(-10));
    let blocked = profile(&json!({"traits": {"blocked": true}}), 0);
    assert_eq!(value(&[("purchase", -HOUR, 1), ("purchase", -2 * HOUR, 1)], Some(&blocked)), Some(-4));
}

#[test]
fn a_program_is_of_nothing_but_what_it_was_compiled_from() {
    let open = |within: &str| json!({"event": "open", "within": within, "count": {"min": 2}});
    let definitions = vec![definition(1, open("3 days")), definition(2, open("9 days"))];
    let streams = replanned(Vec::new(), &definitions);
    let program = Program::compile(streams.clone(), &definitions).unwrap();
    assert!(program.is_of(&streams, &definitions));
    let fates = [
        Fate::Altered(open("4 days")),
        Fate::LeavesBy(open("2 days")),
        Fate::Held,
        Fate::Elsewhere,
        Fate::Tiered,
        Fate::Renamed,
        Fate::Dropped,
        Fate::Added(open("2 days")),
    ];
    for fate in fates {
        let mut others = definitions.clone();
        fate.befall(&mut others, 0);
        assert!(!program.is_of(&streams, &others), "{fate:?}");
    }
    assert!(!program.is_of(&[], &definitions));
    let mut wider = streams.clone();
    wider[0].horizons.panes[0] += 1;
    assert!(!program.is_of(&wider, &definitions));
    let other = Stream::new(streams[0].id, Selection::everything(), streams[0].horizons).unwrap();
    assert!(!program.is_of(&[other], &definitions));
}

#[test]
fn definitions_that_cannot_be_read_say_why() {
    let refused = |spec: Value| {
        let error = features().parse(&spec).unwrap_err();
        (error.to_string(), error.detail().unwrap_or_default())
    };
    for (spec, problem, place) in [
        (json!({"event": "open", "sum": {"min": 1}}), "expected a path", "sum"),
        (json!({"terms": []}), "expected a list of terms", "terms"),
        (json!({"terms": [{"of": "engagment_score"}]}), "does not exist", "terms[0].of"),
        (json!({"terms": [{"of": 1, "group": "x"}]}), "not among", "terms"),
        (json!({"terms": [{"of": 1, "wieght": 2}]}), "unknown key", "terms[0].wieght"),
        (json!({"divide": [1]}), "expected a list", "divide"),
        (json!({"event": "open", "half_life": "1 minute"}), "half-life", "half_life"),
        (json!({"event": "open", "half_life": "1 day", "within": "3 days"}), "without a window", ""),
        (json!({"terms": [{"when": {"segment": "x"}}]}), "does not look at segments", "terms[0].when"),
        (json!({"attribute": "engagement_score"}), "expected an attribute", "attribute"),
        (json!({"evnt": "open"}), "expected a formula", "evnt"),
        (json!({"event": "open", "stopped": "7 days"}), "a pattern is no number", ""),
    ] {
        let (message, detail) = refused(spec.clone());
        assert!(message.contains(problem), "{spec}: {message}");
        let place =
            if place.is_empty() { "At the top of the document.".to_owned() } else { format!("At {place}.") };
        assert_eq!(detail, place, "{spec}: {message}");
    }
}

#[test]
fn what_features_that_refer_to_each_other_come_to_is_limited() {
    let mut known = features();
    let many = |name: Value| json!({"multiply": vec![name; 40]});
    known.specs.insert("x1".to_owned(), many(json!(2)));
    known.specs.insert("x2".to_owned(), many(json!("x1")));
    assert!(known.formula("x1").is_ok());
    assert_eq!(known.formula("x2").unwrap_err().code(), Code::ProgramLimitExceeded);
}
