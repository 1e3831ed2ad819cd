//! Programs by example: what is explained, shared, referred to and refused.

use super::tests::{Event, SOMEBODY, ZONES, builtin, definition, fresh, program, standing, stored};
use super::*;
use crate::activity::{DAY, HOUR, Instant, State, Stream, Streams};
use crate::criteria::encode::jsonb;
use crate::criteria::random::Random;
use crate::criteria::{Clock, Moment, Scope, Zone, describe, locate, parse_value};
use crate::error::Code;
use crate::profile::Profile;
use crate::score::features;
use serde_json::{Value, json};

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
