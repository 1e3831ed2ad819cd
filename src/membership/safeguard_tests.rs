//! Membership under safeguards equals an obvious model that looks back hour by hour, and looking again changes nothing.

use super::tests::{Event, SOMEBODY, any_event, fresh};
use super::*;
use crate::activity::{DAY, HOUR, Instant};
use crate::criteria::{Safeguards, Scope, Zone, locate};
use crate::score::features;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::rc::Rc;

fn definition(id: u32, criteria: &Value, safeguards: Option<&Value>) -> Definition {
    let parsed = |safeguards: &Value| Safeguards::parse(&safeguards.to_string(), &features(), &[]).unwrap();
    let criteria = features().expand(locate(criteria, Scope::Subscriber).unwrap()).unwrap();
    Definition {
        safeguards: safeguards.map(parsed).map(Rc::new),
        ..Definition::new(id, format!("s{id}"), criteria, Zone::UTC)
    }
}

fn any_leaf() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![Just("purchase"), Just("open"), Just("visit")];
    (kind, 1..60_i64, 1..3_i64).prop_map(|(kind, hours, least)| {
        json!({"event": kind, "within": format!("{hours} hours"), "count": {"min": least}})
    })
}

fn any_criteria() -> impl Strategy<Value = Value> {
    prop_oneof![
        any_leaf(),
        any_leaf().prop_map(|leaf| json!({"not": leaf})),
        (any_leaf(), any_leaf()).prop_map(|(a, b)| json!({"all": [a, {"not": b}]})),
    ]
}

fn any_safeguards() -> impl Strategy<Value = Value> {
    let length = || prop::option::of((1..50_i64).prop_map(|hours| json!(format!("{hours} hours"))));
    (length(), length(), length(), prop::option::of(any_criteria())).prop_map(
        |(enter, leave, stay, criteria)| {
            let keys = [("enter_after", enter), ("leave_after", leave), ("stay", stay), ("leave", criteria)];
            let mut document: serde_json::Map<String, Value> =
                keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
            if document.is_empty() {
                document.insert("stay".to_owned(), json!("1 hour"));
            }
            Value::Object(document)
        },
    )
}

/// Whether somebody is a member at each of some hours, by what the criteria to enter and to leave say at each: whoever has
/// wished to move at every hour back to one that is long enough ago, and since the last move, moves.
fn model(safeguards: &Value, enters: &[bool], leaves: Option<&[bool]>) -> Vec<bool> {
    let hours = |key: &str| -> usize {
        let words = safeguards[key].as_str().unwrap_or("0 hours").split(' ').next();
        words.unwrap().parse().unwrap()
    };
    let mut member = false;
    let mut moved = 0;
    let mut members = Vec::new();
    for now in 0..enters.len() {
        let wishes = |hour: usize| match (member, leaves) {
            (false, leaves) => enters[hour] && !leaves.is_some_and(|leaves| leaves[hour]),
            (true, None) => !enters[hour],
            (true, Some(leaves)) => leaves[hour],
        };
        let after = hours(if member { "leave_after" } else { "enter_after" });
        let long = now >= moved + after && (now - after..=now).all(wishes);
        if long && (!member || now >= moved + hours("stay")) {
            member = !member;
            moved = now;
        }
        members.push(member);
    }
    members
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn membership_equals_a_model_that_looks_back(
        criteria in any_criteria(), safeguards in any_safeguards(), events in prop::collection::vec(any_event(), 1..12),
        cuts in prop::collection::vec(0..240_i64, 0..4),
    ) {
        let whole = |(kind, at, value): Event| (kind, at.div_euclid(HOUR) * HOUR, value);
        let events: Vec<Event> = events.into_iter().map(whole).collect();
        let leave = safeguards.get("leave");
        let mut definitions = vec![
            definition(1, &criteria, Some(&safeguards)),
            definition(2, &json!({"segment": "s1"}), None),
            definition(3, &criteria, None),
        ];
        definitions.extend(leave.map(|leave| definition(4, leave, None)));
        let program = Program::alone(&definitions).unwrap();
        let at = |hour: i64| hour * HOUR;
        let truth = |segment: u32| -> Vec<bool> {
            let holds = |hour: i64| program.members(SOMEBODY, &fresh(&program, &events, at(hour)), at(hour)).contains(segment);
            (0..240).map(holds).collect()
        };
        let expected = model(&safeguards, &truth(3), leave.map(|_| truth(4)).as_deref());
        // By due moments, in one go or in several, and hour by hour.
        let mut state = fresh(&program, &events, 0);
        let mut standing = program.evaluate(SOMEBODY, &state, 0, Patience::Much).standing;
        let first = standing.clone();
        let mut moments: Vec<Instant> = cuts.into_iter().map(|hour| at(hour) + HOUR / 2).collect();
        moments.push(at(239));
        moments.sort_unstable();
        let mut from = 0;
        let mut transitions = Vec::new();
        for to in moments {
            transitions.extend(program.advance(SOMEBODY, &mut state, &mut standing, from, to));
            from = to;
            let again = program.evaluate(Subject { past: Some(&standing), ..SOMEBODY }, &state, to, Patience::Much);
            prop_assert_eq!(&again.standing, &standing);
            prop_assert_eq!(Memory::from_bytes(&standing.memory.to_bytes()), standing.memory.clone());
        }
        let mut member = first.members.contains(1);
        let mut moves = transitions.iter().peekable();
        for (hour, expected) in expected.into_iter().enumerate() {
            while let Some(transition) = moves.next_if(|transition| transition.at <= at(hour as i64)) {
                prop_assert_eq!(transition.entered.contains(&1), transition.entered.contains(&2));
                prop_assert_eq!(transition.departed.contains(&1), transition.departed.contains(&2));
                member = (member || transition.entered.contains(&1)) && !transition.departed.contains(&1);
            }
            prop_assert_eq!(member, expected, "at hour {}", hour);
        }
    }
}

/// A set of the segments 1 and 2 with some moves.
fn limited(definitions: &mut [Definition], moves: Vec<(usize, usize)>) {
    let tiers = Rc::new(Tiers { name: "t".to_owned(), segments: vec![1, 2], moves });
    definitions.iter_mut().filter(|set| set.id < 3).for_each(|set| set.tiers = Some(Rc::clone(&tiers)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn moves_between_tiers_happen_where_they_are_allowed(
        high in any_criteria(), low in any_criteria(), within in any::<bool>(), stay in any::<bool>(),
        events in prop::collection::vec(any_event(), 1..12), moves in prop::collection::vec((0..3_usize, 0..3_usize), 0..6),
    ) {
        let whole = |(kind, at, value): Event| (kind, at.div_euclid(HOUR) * HOUR, value);
        let events: Vec<Event> = events.into_iter().map(whole).collect();
        let without = |name: &str| if within { json!({"all": [low, {"not": {"segment": name}}]}) } else { low.clone() };
        let stays = json!({"stay": "7 hours"});
        let mut definitions = vec![
            definition(1, &high, stay.then_some(&stays)),
            definition(2, &without("s1"), None),
            definition(3, &json!({"segment": "s1"}), None),
            definition(4, &high, stay.then_some(&stays)),
            definition(5, &without("s4"), None),
        ];
        limited(&mut definitions, moves.clone());
        let program = Program::alone(&definitions).unwrap();
        let place = |(high, low): (bool, bool)| if high { 0 } else if low { 1 } else { 2 };
        let mut state = fresh(&program, &events, 0);
        let mut standing = Standing::default();
        let mut before = (false, false);
        for hour in 0..240 {
            let at = hour * HOUR;
            standing = program.stands(SOMEBODY, &mut state, standing, at - HOUR, at);
            let past = Subject { past: Some(&standing), ..SOMEBODY };
            prop_assert_eq!(&program.evaluate(past, &state, at, Patience::Much).standing, &standing);
            let is = |id: u32| standing.members.contains(id);
            let moved = (place(before), place((is(1), is(2))));
            prop_assert!(moved.0 == moved.1 || moves.contains(&moved), "{:?} at {}", moved, hour);
            if !stay {
                let wanted = (is(4), is(5));
                let allowed = moves.contains(&(place(before), place(wanted))) || place(before) == place(wanted);
                prop_assert_eq!((is(1), is(2)), if allowed { wanted } else { before }, "at hour {}", hour);
            }
            prop_assert_eq!(is(1), is(3));
            before = (is(1), is(2));
        }
    }
}

#[test]
fn hands_move_where_nothing_else_may() {
    let leaf = |kind: &str| json!({"event": kind});
    let mut definitions = [definition(1, &leaf("open"), None), definition(2, &leaf("purchase"), None)];
    limited(&mut definitions, vec![(2, 1)]);
    let program = Program::alone(&definitions).unwrap();
    let state = fresh(&program, &[("open", 0, 1), ("purchase", 0, 1)], 0);
    let stands = |manual: Option<&Manual>, members: &[u32]| {
        let mut standing = Standing::default();
        members.iter().for_each(|id| standing.members.set(*id, true));
        let subject = Subject { manual, past: Some(&standing), ..SOMEBODY };
        let members = program.members(subject, &state, 0);
        (members.iter().collect::<Vec<_>>(), program.holds(1, subject, &state, 0).len())
    };
    let mut manual = Manual::default();
    assert_eq!(stands(None, &[]), (vec![], 1));
    manual.decide(1, Some(true));
    assert_eq!(stands(Some(&manual), &[]), (vec![1, 2], 0));
    manual.decide(1, Some(false));
    assert_eq!(stands(Some(&manual), &[1]), (vec![2], 0));
    assert_eq!(stands(None, &[2]), (vec![2], 1));
    // A segment between two of a set would close a circle.
    let mut circle = [
        definition(1, &json!({"segment": "s3"}), None),
        definition(2, &leaf("open"), None),
        definition(3, &json!({"segment": "s2"}), None),
    ];
    limited(&mut circle, Vec::new());
    assert!(Program::check_references(&circle).unwrap_err().to_string().contains("in a circle: s1, s3"));
}

#[test]
fn what_keeps_somebody_is_told_with_its_end() {
    let criteria = json!({"event": "purchase", "within": "10 hours"});
    let safeguards = json!({"enter_after": "2 hours", "leave_after": "3 hours", "stay": "1 day"});
    let guarded = definition(1, &criteria, Some(&safeguards));
    let program = Program::alone(std::slice::from_ref(&guarded)).unwrap();
    let events = [("purchase", 0, 1)];
    let mut state = fresh(&program, &events, 0);
    let mut standing = program.evaluate(SOMEBODY, &state, 0, Patience::Much).standing;
    let mut from = 0;
    let mut told = |to: Instant| {
        program.advance(SOMEBODY, &mut state, &mut standing, from, to);
        from = to;
        let subject = Subject { past: Some(&standing), ..SOMEBODY };
        let holds =
            program.holds(1, subject, &state, to).into_iter().map(|hold| (hold.safeguard, hold.until));
        let change = program.next_transition(1, subject, &state, to);
        (standing.members.contains(1), holds.collect::<Vec<_>>(), change)
    };
    assert_eq!(told(HOUR), (false, vec![("enter_after", Some(2 * HOUR))], Some(2 * HOUR)));
    assert_eq!(told(2 * HOUR), (true, vec![], Some(26 * HOUR)));
    let both = vec![("leave_after", Some(13 * HOUR)), ("stay", Some(26 * HOUR))];
    assert_eq!(told(12 * HOUR), (true, both, Some(26 * HOUR)));
    assert_eq!(told(14 * HOUR), (true, vec![("stay", Some(26 * HOUR))], Some(26 * HOUR)));
    assert_eq!(told(26 * HOUR), (false, vec![], None));
    assert!(standing.memory.is_empty());
    // Decided by hand, nothing is remembered; released, the criteria alone decide, but for how long a member stays.
    let mut manual = Manual::default();
    manual.decide(1, Some(true));
    let subject = Subject { manual: Some(&manual), past: Some(&standing), ..SOMEBODY };
    let mut standing = program.evaluate(subject, &state, 2 * DAY, Patience::Much).standing;
    assert!(standing.members.contains(1) && standing.memory.is_empty());
    standing.memory.release(1, Some(2 * DAY));
    let subject = Subject { past: Some(&standing), ..SOMEBODY };
    assert_eq!(program.evaluate(subject, &state, 2 * DAY, Patience::Much).standing, Standing::default());
}

#[test]
fn criteria_to_leave_make_a_band_in_between() {
    let enter = json!({"event": "purchase", "count": {"min": 3}, "within": "5 days"});
    let leave = json!({"leave": {"not": {"event": "purchase", "count": {"min": 2}, "within": "5 days"}}});
    let guarded = definition(1, &enter, Some(&leave));
    let program = Program::alone(std::slice::from_ref(&guarded)).unwrap();
    let events = [("purchase", 0, 1), ("purchase", DAY, 1), ("purchase", 2 * DAY, 1)];
    let mut state = fresh(&program, &events, 0);
    let mut standing = Standing::default();
    let transitions = program.advance(SOMEBODY, &mut state, &mut standing, 0, 20 * DAY);
    let moves: Vec<_> = transitions.iter().map(|moved| (moved.at, moved.entered.as_slice())).collect();
    assert_eq!(moves, [(2 * DAY, &[1][..]), (6 * DAY, &[][..])]);
    // Which leaf did it: of the criteria, and of those to leave.
    let mut transitions = transitions;
    let (before, after) = (fresh(&program, &events, 0), fresh(&program, &events, 20 * DAY));
    let mut members = Members::default();
    program.blame((SOMEBODY, before), 0, (SOMEBODY, &after), &mut members, &mut transitions);
    let leaves: Vec<_> = transitions.into_iter().flat_map(|moved| moved.leaves).collect();
    assert_eq!(leaves, [Some(String::new()), Some("leave.not".to_owned())]);
    let reports = program.explain(&guarded, SOMEBODY, &after, 20 * DAY);
    assert_eq!(reports.iter().map(|leaf| leaf.path.as_str()).collect::<Vec<_>>(), ["", "leave.not"]);
}
