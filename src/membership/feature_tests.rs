//! Features against what they are defined to be, over the events themselves.

use super::tests::{SOMEBODY, ZONES, reopened};
use super::*;
use crate::activity::{Change, DAY, Fold, HOUR, Instant, State, Stored};
use crate::criteria::{Scope, Zone, locate};
use crate::score::{View, features};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Type, time, category, and value.
type Event = (&'static str, Instant, &'static str, i64);

fn program(names: &[&str], zone: &str) -> Program {
    let definitions: Vec<Definition> = names
        .iter()
        .zip(1..)
        .map(|(name, id)| {
            Definition::new(
                id,
                *name,
                features()
                    .expand(locate(&json!({"attribute": name, "min": 0}), Scope::Subscriber).unwrap())
                    .unwrap(),
                Zone::by_name(zone).unwrap(),
            )
        })
        .collect();
    Program::alone(&definitions).unwrap()
}

fn change(program: &Program, events: &[Event], sign: i64) -> Change {
    let mut change = Change { events: sign * events.len() as i64, entries: Vec::new() };
    for (kind, at, category, value) in events {
        let document = json!({"category": category, "value": value});
        program.entries(kind, &document, *at, sign, |entry| change.entries.push(entry));
    }
    change
}

/// The state of all events at once.
fn fresh(program: &Program, events: &[Event], now: Instant) -> State {
    let mut state = State::default();
    assert_eq!(program.fold(&mut state, &change(program, events, 1), now), Fold::Exact);
    state.advance(program.streams(), now);
    state
}

fn values(program: &Program, state: &State, at: Instant) -> Vec<Option<f64>> {
    let value = |segment: &Rc<compile::Segment>| {
        let figure = program.figure(&features().formula(segment.name()).unwrap()).unwrap();
        let units = figure.units(SOMEBODY, state, &View::of(state), at);
        units.map(|units| units as f64 / 10_f64.powi(figure.scale() as i32))
    };
    program.segments.iter().map(value).collect()
}

fn any_event() -> impl Strategy<Value = Event> {
    let kind = prop::sample::select(vec![
        "click",
        "email_click",
        "purchase",
        "forward",
        "reply",
        "unsubscribe",
        "complaint",
        "open",
    ]);
    let category = prop::sample::select(vec!["shoes", "hats", "coats"]);
    // Few distinct times, so that some coincide.
    (kind, -20 * 24..3 * 24_i64, category, -3..40_i64).prop_map(|(k, h, c, v)| (k, h * HOUR, c, v))
}

/// The preferences, step by step.
fn preferences(events: &[Event], now: Instant) -> BTreeMap<&'static str, f64> {
    let mut sorted: Vec<(Instant, f64, &str)> = events
        .iter()
        .filter(|(_, at, ..)| *at <= now)
        .filter_map(|(kind, at, category, _)| {
            let increment = match *kind {
                "click" | "email_click" => 0.10,
                "purchase" => 0.20,
                "forward" => 0.05,
                "reply" => 0.15,
                "unsubscribe" => -0.30,
                "complaint" => -0.50,
                _ => return None,
            };
            Some((*at, increment, *category))
        })
        .collect();
    sorted.sort_by(|a, b| (a.0, a.2).cmp(&(b.0, b.2)).then(a.1.total_cmp(&b.1)));
    let mut known = BTreeMap::new();
    for category in ["shoes", "hats", "coats"] {
        let mut value: Option<f64> = None;
        for moment in sorted.chunk_by(|a, b| a.0 == b.0) {
            for _ in moment.iter().filter(|(.., other)| *other != category) {
                value = value.map(|value| value * 0.99);
            }
            for (_, increment, _) in moment.iter().filter(|(.., own)| *own == category) {
                value = Some((value.unwrap_or(0.5) + 0.3 * increment).clamp(0.0, 1.0));
            }
        }
        known.insert(category, value.unwrap_or(0.5));
    }
    known
}

const PREFERENCES: [&str; 3] =
    ["content_preference_shoes", "content_preference_hats", "content_preference_coats"];

proptest! {
    /// However the events come, the preferences are those of the events in order, or the state says that it cannot tell.
    #[test]
    fn preferences_follow_the_events_in_order(
        events in prop::collection::vec((any_event(), 0..2 * DAY), 1..20), gone in any::<prop::sample::Index>(), later in 0..20 * DAY,
    ) {
        let program = program(&PREFERENCES, "UTC");
        let mut now = 0;
        let mut state = State::default();
        let mut known = Vec::new();
        let check = |state: &State, known: &[Event], now: Instant| {
            let expected = preferences(known, now);
            for (name, value) in PREFERENCES.iter().zip(values(&program, state, now)) {
                let expected = expected[name.trim_start_matches("content_preference_")];
                prop_assert!((value.unwrap() - expected).abs() <= 1e-9, "{name}: {value:?} for {expected}");
            }
            Ok(())
        };
        for (event, length) in events {
            now += length;
            state.advance(program.streams(), now);
            known.push(event);
            if program.fold(&mut state, &change(&program, &[event], 1), now) == Fold::Recompute {
                state = fresh(&program, &known, now);
            }
            check(&state, &known, now)?;
        }
        let removed = known.swap_remove(gone.index(known.len()));
        if program.fold(&mut state, &change(&program, &[removed], -1), now) == Fold::Recompute {
            state = fresh(&program, &known, now);
        }
        check(&state, &known, now)?;
        now += later;
        state.advance(program.streams(), now);
        check(&state, &known, now)?;
        prop_assert_eq!(state.to_bytes(), fresh(&program, &known, now).to_bytes());
        let read = State::from_bytes(&state.to_bytes(), program.streams()).unwrap();
        prop_assert_eq!(read.to_bytes(), state.to_bytes());
    }

    /// In one part or two, brought to a moment, a state says what the events make of it at once.
    #[test]
    fn a_state_over_its_base_settles(events in prop::collection::vec((any_event(), 0..4 * DAY), 1..20)) {
        let program = program(&PREFERENCES, "UTC");
        let streams = program.streams();
        let mut row = Stored { base: Some(Vec::new()), recent: None };
        let (mut now, mut known) = (0, Vec::new());
        for (event, later) in events {
            now += later;
            known.push(event);
            let [mut state, _] = reopened(&program, &row);
            state.advance(streams, now);
            if program.fold(&mut state, &change(&program, &[event], 1), now) == Fold::Recompute {
                state = fresh(&program, &known, now);
            }
            let Stored { base, recent } = state.stored(streams, now);
            row = Stored { base: base.or(row.base.take()), recent };
            let [mut over, _] = reopened(&program, &row);
            over.settle(streams, now);
            prop_assert!(over.agrees(&fresh(&program, &known, now), streams, now));
        }
    }

    /// The value of the latest event, of those at one instant the sum, through additions, corrections and removals.
    #[test]
    fn the_latest_value_is_that_of_the_latest_events(
        steps in prop::collection::vec((any_event(), 0..4_usize, any::<prop::sample::Index>(), 0..DAY), 1..20),
    ) {
        let program = program(&["latest_value"], "UTC");
        let (mut now, mut state, mut known) = (0, State::default(), Vec::<Event>::new());
        for (event, what, other, length) in steps {
            now += length;
            state.advance(program.streams(), now);
            let mut all = change(&program, &[event], 1);
            known.push(event);
            // Together with the removal of another, or a correction of one.
            if what > 1 {
                let place = other.index(known.len());
                all.add(change(&program, &[known[place]], -1));
                if what == 3 { known[place].3 += 5 } else { known.swap_remove(place); }
                if what == 3 { all.add(change(&program, &[known[place]], 1)) }
            }
            all.settle();
            if program.fold(&mut state, &all, now) == Fold::Recompute {
                state = fresh(&program, &known, now);
            }
            let seen: Vec<&Event> = known.iter().filter(|event| event.1 <= now).collect();
            let last = seen.iter().map(|event| event.1).max();
            let sum = last.map(|last| seen.iter().filter(|event| event.1 == last).map(|event| event.3).sum::<i64>() as f64);
            prop_assert_eq!(values(&program, &state, now), [sum]);
            prop_assert_eq!(state.to_bytes(), fresh(&program, &known, now).to_bytes());
        }
    }

    /// Hours and days by the clocks of the zone, those of half hours too, and of several the earliest.
    #[test]
    fn peaks_and_shares_are_those_of_the_clocks(
        events in prop::collection::vec((-95 * 24 * 60..60_i64, 0..60_000_000_i64), 0..30), zone in prop::sample::select(ZONES.to_vec()), now in 0..DAY,
    ) {
        let zone = Zone::by_name(zone).unwrap();
        let leaf = |key: &str| json!({"event": "*", "within": "90 days", (key): {"min": 0}});
        let events: Vec<Event> = events.into_iter().map(|(minute, within)| ("open", minute * HOUR / 60 + within, "hats", 1)).collect();
        let counted = |t: Instant| events.iter().map(|event| event.1).filter(move |at| *at <= t && at.div_euclid(HOUR) > t.div_euclid(HOUR) - 90 * 24);
        for (key, shown, possible) in [("peak_hour", 0, 0..24), ("peak_weekday", 1, 1..8)] {
            let criteria = |test: Value| {
                let mut leaf = leaf(key);
                leaf[key] = test;
                locate(&leaf, Scope::Subscriber).unwrap()
            };
            let definition = |n: u32| Definition::new(n + 1, format!("{n}"), criteria(json!({"equals": n})), zone);
            let definitions: Vec<Definition> = possible.map(definition).collect();
            let program = Program::alone(&definitions).unwrap();
            let state = fresh(&program, &events, now);
            let mut at = now;
            for _ in 0..3 {
                let mut counts = [0; 24];
                counted(at).for_each(|event| counts[zone.shows(event).unwrap()[shown] as usize] += 1);
                let most = counts.iter().copied().max().unwrap();
                let peak = (most > 0).then(|| counts.iter().position(|count| *count == most).unwrap() as u32);
                let members: Vec<u32> = program.members(SOMEBODY, &state, at).iter().map(|id| id - 1).collect();
                prop_assert_eq!(&members, &peak.into_iter().collect::<Vec<_>>());
                let Some(due) = program.next_due(SOMEBODY, &state, at) else { break };
                at = due;
            }
        }
        let share = program(&["weekend_share"], "UTC");
        let weekend = counted(now).filter(|at| zone_less(*at)).count() as f64;
        let all = counted(now).count() as f64;
        let expected = if all == 0.0 { 0.0 } else { weekend / all };
        prop_assert!((values(&share, &fresh(&share, &events, now), now)[0].unwrap() - expected).abs() <= 1e-9);
    }
}

fn zone_less(at: Instant) -> bool {
    // 1 January 2000 was a Saturday.
    [0, 1].contains(&at.div_euclid(DAY).rem_euclid(7))
}

#[test]
fn the_features_of_a_history() {
    let names = [
        "freq_purchase",
        "freq_click",
        "pref_shoes",
        "pref_none",
        "latest_is_email_open",
        "latest_is_purchase",
        "latest_category_is_hats",
        "latest_category_is_shoes",
        "latest_hour",
        "latest_weekday",
        "latest_weekend",
        "latest_value",
        "peak_hour",
        "peak_weekday",
        "weekday_share_6",
        "month_share_1",
        "inter_purchase_days",
        "next_purchase_days",
        "category_shift_shoes",
    ];
    let program = program(&names, "UTC");
    // The times are of 2000: 1 January was a Saturday.
    let events: [Event; 4] = [
        ("purchase", 5 * HOUR, "shoes", 10),
        ("click", 6 * HOUR, "shoes", 0),
        ("purchase", 2 * DAY + 5 * HOUR, "hats", 20),
        ("open", 2 * DAY + 9 * HOUR, "hats", 7),
    ];
    let now = 3 * DAY + 5 * HOUR;
    let close = |actual: &[Option<f64>], expected: &[Option<f64>]| {
        for ((name, actual), expected) in names.iter().zip(actual).zip(expected) {
            let same = match (actual, expected) {
                (Some(actual), Some(expected)) => (actual - expected).abs() <= 1e-9,
                (actual, expected) => actual == expected,
            };
            assert!(same, "{name}: {actual:?} for {expected:?}");
        }
    };
    let numbers =
        [0.5, 0.25, 0.5, 0.0, 1.0, 0.0, 1.0, 0.0, 9.0, 1.0, 0.0, 7.0, 5.0, 1.0, 0.5, 1.0, 2.0, 1.0, 0.5];
    close(&values(&program, &fresh(&program, &events, now), now), &numbers.map(Some));
    let nothing = values(&program, &State::default(), now);
    let missing = [
        "latest_hour",
        "latest_weekday",
        "latest_value",
        "peak_hour",
        "peak_weekday",
        "inter_purchase_days",
        "next_purchase_days",
    ];
    for (name, value) in names.iter().zip(nothing) {
        assert_eq!(value, if missing.contains(name) { None } else { Some(0.0) }, "{name}");
    }
}

#[test]
fn one_value_is_the_mode_or_several_share_it() {
    let mode = |value: Value, within: &str| {
        let leaf = json!({"event": "*", "mode": value, "of": "category", "within": within});
        let program =
            Program::alone(&[Definition::new(1, "s", locate(&leaf, Scope::Subscriber).unwrap(), Zone::UTC)])
                .unwrap();
        let events = [
            ("open", 0, "hats", 1),
            ("open", 0, "hats", 1),
            ("click", DAY, "shoes", 1),
            ("open", 2 * DAY, "shoes", 1),
        ];
        let state = fresh(&program, &events, 2 * DAY);
        let member = program.members(SOMEBODY, &state, 2 * DAY).contains(1);
        (member, program.next_due(SOMEBODY, &state, 2 * DAY))
    };
    assert_eq!(mode(json!("hats"), "9 days"), (true, Some(9 * DAY)));
    assert_eq!(mode(json!("shoes"), "9 days").0, true);
    assert_eq!(mode(json!("hats"), "30 hours").0, false);
    assert_eq!(mode(json!("shoes"), "30 hours").0, true);
    assert_eq!(mode(json!(5), "9 days").0, false);
}

#[test]
fn what_the_built_in_features_keep_serves_the_others() {
    let criteria = json!({"all": [{"peak_hour": {"min": 1}}, {"latest_value": {"min": 1}}, {"latest_hour": {"min": 1}}, {"latest_is_open": {"min": 1}}]});
    let criteria = features().expand(locate(&criteria, Scope::Subscriber).unwrap()).unwrap();
    let definition = Definition::new(1, "s", criteria, Zone::UTC);
    // Of opens the time of the last one, and nothing else beyond what is there.
    let plan = plan_streams(Program::alone(&[]).unwrap().streams(), &requirements([&definition]), true);
    assert_eq!(plan.add.len(), 1);
    assert_eq!(plan.add[0].0.event.as_deref(), Some("email_open"));
}

/// The decision about missing values is that of attributes: a `not_` operator is the complement of its positive.
#[test]
fn a_feature_that_is_missing_passes_what_a_missing_value_does() {
    let tests = [
        (json!({"exists": false}), true),
        (json!({"exists": true}), false),
        (json!({"not_equals": 5}), true),
        (json!({"not_in": [5, 6]}), true),
        (json!({"equals": 5}), false),
        (json!({"max": 5}), false),
        (json!({"exists": false, "not_equals": 5}), true),
    ];
    let definition = |((test, _), id): (&(Value, bool), u32)| {
        let criteria = locate(&json!({"recency": test}), Scope::Subscriber).unwrap();
        Definition::new(id, format!("{id}"), features().expand(criteria).unwrap(), Zone::UTC)
    };
    let definitions: Vec<Definition> = tests.iter().zip(1..).map(definition).collect();
    let program = Program::alone(&definitions).unwrap();
    // Somebody who has bought nothing, and somebody who bought something 5 days ago.
    for (kind, missing) in [("open", true), ("purchase", false)] {
        let state = fresh(&program, &[(kind, DAY, "hats", 1)], 6 * DAY);
        let members = program.members(SOMEBODY, &state, 6 * DAY);
        for ((test, expected), id) in tests.iter().zip(1..) {
            assert_eq!(members.contains(id), *expected == missing, "{test} of {kind}");
        }
    }
}
