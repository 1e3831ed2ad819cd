//! Moving through time in steps equals evaluating from scratch, and nothing flips before it is due.

use super::*;
use crate::activity::{Base, Change, DAY, Fold, HOUR, Instant, State, Stored, Stream, Streams};
use crate::criteria::{Scope, Zone, locate};
use crate::score::{BuiltinStreams, features};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::rc::Rc;

/// By id of a segment, in turns: some with changes of the clocks early in the year 2000, two of them at midnight.
pub(super) const ZONES: [&str; 6] =
    ["UTC", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "America/Asuncion", "Asia/Kathmandu"];

pub(super) fn definition(id: u32, criteria: Value) -> Definition {
    let criteria = features().expand(locate(&criteria, Scope::Subscriber).unwrap()).unwrap();
    let zone = Zone::by_name(ZONES[(id - 1) as usize % ZONES.len()]).unwrap();
    Definition::new(id, format!("s{id}"), criteria, zone)
}

pub(super) fn program(criteria: &[Value]) -> Program {
    let definitions: Vec<Definition> =
        criteria.iter().zip(1..).map(|(c, id)| definition(id, c.clone())).collect();
    Program::alone(&definitions).unwrap()
}

pub(super) fn builtin() -> Vec<Stream> {
    BuiltinStreams::default().streams().unwrap()
}

pub(super) fn stored(plan: &StreamPlan, first: u32) -> Vec<Stream> {
    let added = plan.add.iter().cloned().zip(first..);
    added.map(|((selection, horizons), id)| Stream::new(id, selection, horizons).unwrap()).collect()
}

pub(super) const SOMEBODY: Subject = Subject { id: "somebody", manual: None, profile: None, past: None };

pub(super) fn standing(program: &Program, state: &State, at: Instant) -> Standing {
    Standing { members: program.members(SOMEBODY, state, at), ..Standing::default() }
}

pub(super) type Event = (&'static str, Instant, i64);

pub(super) fn change(program: &Program, (kind, at, value): Event) -> Change {
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

/// The streams of definitions, where some are kept from before: those that are needed, and what is lacking.
pub(super) fn replanned(mut before: Vec<Stream>, definitions: &[Definition]) -> Vec<Stream> {
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

pub(super) fn any_criteria() -> impl Strategy<Value = Value> {
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
