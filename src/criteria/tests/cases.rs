//! What other products of the field test about times, versions and lists, by the ids under which the project keeps
//! those cases; the others about documents are in tests/regress/sql/cases.sql.

use super::super::random::Random;
use super::*;

/// Evaluates every case of a group: its id, criteria, document and expected truth.
fn check(now: &str, zone: &str, cases: &[(&str, Value, Value, bool)]) {
    let clock = Clock::new(at(now), zone).unwrap();
    for (id, criteria, document, expected) in cases {
        let node = parse_value(criteria, Scope::DocumentAt).unwrap_or_else(|error| panic!("{id}: {error:?}"));
        assert_eq!(matches_at(&node, document, &clock), *expected, "{id}: {criteria} over {document}");
        assert_eq!(matches_at(&node, Jsonb::root(&jsonb(document)), &clock), *expected, "{id}");
    }
}

/// A value under `x` and operators for it.
fn cases(id: &'static str, value: Value, tests: &[(Value, bool)]) -> Vec<(&'static str, Value, Value, bool)> {
    tests.iter().map(|(test, expected)| (id, json!({"x": test}), json!({"x": value}), *expected)).collect()
}

const VISIT: &str = "2015-02-01T20:30:00Z";

#[test]
fn u4_to_u8_times_of_a_profile() {
    let visit = json!(VISIT);
    let (sooner, later) = (json!("2015-02-01T20:29:50Z"), json!("2015-02-01T20:30:10Z"));
    let mut all = cases(
        "U4",
        visit.clone(),
        &[
            (json!({"equals": visit}), true),
            (json!({"after": sooner}), true),
            (json!({"before": later}), true),
        ],
    );
    all.extend(cases(
        "U5",
        visit.clone(),
        &[
            (json!({"in": [later, sooner, visit]}), true),
            (json!({"not_in": [later, sooner]}), true),
            (json!({"not_in": [later, sooner, visit]}), false),
        ],
    ));
    all.extend(cases(
        "U6",
        visit.clone(),
        &[(json!({"has_all": [visit]}), true), (json!({"has_all": [later, visit]}), false)],
    ));
    all.extend(cases(
        "U7",
        visit.clone(),
        &[(json!({"on": visit}), true), (json!({"on": "2015-02-02T20:30:00Z"}), false)],
    ));
    all.extend(cases("U8", visit, &[(json!({"on": "-58 days"}), true), (json!({"on": "now-59d"}), false)]));
    for zone in ["UTC", "Europe/Zurich"] {
        check("2015-03-31T20:30:00Z", zone, &all);
    }
    // The clocks went forward on 29 March: whole days since are still days of the calendar.
    check(
        "2015-03-31T22:30:00Z",
        "Europe/Zurich",
        &cases("U8", json!("2015-03-28T22:45:00Z"), &[(json!({"on": "-4 days"}), true)]),
    );
}

#[test]
fn u25_u26_what_is_no_time_is_neither_before_nor_after() {
    let tests = |time: &str| {
        [(json!({"after": time}), false), (json!({"before": time}), false), (json!({"on": time}), false)]
    };
    let mut all = cases("U25", json!("notADate"), &tests(VISIT));
    all.extend(cases("U25", json!(42), &tests(VISIT)));
    all.extend(cases("U26", json!("notADate"), &tests("now-1d")));
    all.extend(cases("U26", json!(null), &tests("now-1d/d")));
    check("2015-03-31T20:30:00Z", "UTC", &all);
    // A date that is compared with no date is refused when it is written.
    assert_eq!(refused_in_document(json!({"x": {"before": "notADate"}})), "x.before");
}

#[test]
fn u37_relative_dates() {
    let tests = [(json!({"any": [{"x": {"after": "-5 days"}}, {"x": {"equals": "now"}}]}), "")];
    for (days, expected) in [(3, true), (15, false)] {
        let value = format!("2024-06-{:02}T12:00:00Z", 20 - days);
        let document = json!({"x": value});
        check("2024-06-20T12:00:00Z", "UTC", &[("U37", tests[0].0.clone(), document.clone(), expected)]);
        check(
            "2024-06-20T12:00:00Z",
            "UTC",
            &[("U37", json!({"x": {"within": "5 days"}}), document, expected)],
        );
    }
}

#[test]
fn u42_to_u45_date_math() {
    let now = "2001-01-01T12:00:00Z";
    // An instant is told by what is before and after it, to the microsecond.
    let instant = |id: &'static str, moment: &str, expected: &str| {
        let near = |micros| super::super::instant::print_instant(at(expected) + micros);
        for (test, value, holds) in [
            ("before", near(-1), true),
            ("before", near(0), false),
            ("after", near(0), false),
            ("after", near(1), true),
        ] {
            check(now, "UTC", &cases(id, json!(value), &[(json!({test: moment}), holds)]));
        }
    };
    // A rounded one is a period: its first instant rounds down, its last up.
    let period = |id: &'static str, moment: &str, first: &str, last: &str| {
        let near = |text: &str, micros| super::super::instant::print_instant(at(text) + micros);
        for (test, value, holds) in [
            ("before", near(first, -1), true),
            ("before", near(first, 0), false),
            ("on", near(first, 0), true),
            ("on", near(last, 0), true),
            ("after", near(last, 0), false),
            ("after", near(last, 1), true),
        ] {
            check(now, "UTC", &cases(id, json!(value), &[(json!({test: moment}), holds)]));
        }
    };
    instant("U42", "now", "2001-01-01T12:00:00Z");
    instant("U42", "now+1h", "2001-01-01T13:00:00Z");
    instant("U42", "now-1h", "2001-01-01T11:00:00Z");
    period("U43", "now/d", "2001-01-01T00:00:00Z", "2001-01-01T23:59:59.999999Z");
    period("U44", "2001-02-01||+1M/d", "2001-03-01T00:00:00Z", "2001-03-01T23:59:59.999999Z");
    period("U44", "now+1M-1d/d", "2001-01-31T00:00:00Z", "2001-01-31T23:59:59.999999Z");
    period("U44", "2001-01-01T12:00:00z||+1M/d", "2001-02-01T00:00:00Z", "2001-02-01T23:59:59.999999Z");
    instant("U45", "2001-01-01T12:00:00-02:00", "2001-01-01T14:00:00Z");
}

#[test]
fn u46_each_mistake_in_date_math_has_its_own_message() {
    let mut messages = Vec::new();
    for moment in [
        "now+1X",
        "now*1d",
        "now+",
        "now/2d",
        "",
        "2022-05-18||invalid",
        "not-a-date",
        "now+1",
        "now-9999999d",
        "soon||/d",
    ] {
        let error = parse_value(&json!({"x": {"on": moment}}), Scope::DocumentAt).unwrap_err();
        assert_eq!(error.code(), Code::InvalidParameterValue, "{moment}");
        assert!(!messages.contains(&error.to_string()), "{moment}: {error}");
        messages.push(error.to_string());
    }
    assert_eq!(messages[0], "invalid criteria: \"X\" is not a unit of time in \"now+1X\"");
    let error = parse_value(&json!({"x": {"on": "last_mouth"}}), Scope::DocumentAt).unwrap_err();
    assert!(error.hint().unwrap().starts_with("Did you mean \"last_month\"?"));
}

#[test]
fn m1_to_m7_relative_dates() {
    // A Wednesday; 10 seconds off midnight, and the second day of each period.
    let on = |id: &'static str, value: &str, word: &str| {
        (id, json!({"x": {"on": word}}), json!({"x": value}), true)
    };
    check(
        "2024-05-15T09:00:00Z",
        "Europe/Berlin",
        &[
            on("M1", "2024-05-15T00:00:10", "today"),
            on("M2", "2024-05-16T00:00:10", "tomorrow"),
            on("M3", "2024-05-14T23:59:50", "yesterday"),
            on("M4", "2024-05-08", "last_week"),
            on("M4", "2024-05-15", "this_week"),
            on("M4", "2024-05-22", "next_week"),
            on("M5", "2024-04-03", "last_month"),
            on("M5", "2024-05-03", "this_month"),
            on("M5", "2024-06-03", "next_month"),
            on("M6", "2023-01-03", "last_year"),
            on("M6", "2025-01-03", "next_year"),
            on("M7", "2024-05-20T11:00:00", "+5 days"),
            on("M7", "2024-05-11T11:00:00", "-4 days"),
        ],
    );
}

#[test]
fn m8_m9_p23_names_tags_and_lists() {
    let (empty, filled) = (json!({"size": 0}), json!({"size": {"min": 1}}));
    let mut all = Vec::new();
    // Those without a name are not named so.
    for document in [json!({"x": "ann"}), json!({"x": null}), json!({})] {
        all.push(("M8", json!({"x": {"not_equals": "xxxxx"}}), document, true));
    }
    for (document, tagged) in [(json!({"x": ["a"]}), true), (json!({"x": []}), false), (json!({}), false)] {
        all.push(("M9", json!({"x": filled}), document.clone(), tagged));
        all.push(("M9", json!({"any": [{"x": empty}, {"x": {"exists": false}}]}), document, !tagged));
    }
    for (email, listed) in [("a@x.com", true), ("b@x.com", true), ("c@x.com", false)] {
        all.push(("P23", json!({"email": {"in": ["a@x.com", "b@x.com"]}}), json!({"email": email}), listed));
    }
    check("2024-05-15T09:00:00Z", "UTC", &all);
}

#[test]
fn h8_leap_days_and_month_ends() {
    let on = |value: &str, moment: &str| ("H8", json!({"x": {"on": moment}}), json!({"x": value}), true);
    check(
        "2024-02-29T12:00:00Z",
        "UTC",
        &[
            on("2023-02-28", "now-1y"),
            on("2028-02-29", "now+4y"),
            on("2024-02-29", "2024-01-31||+1M"),
            on("2024-03-29", "2024-01-31||+1M+1M"),
            on("2024-03-31", "2024-01-31||+2M"),
        ],
    );
}

#[test]
fn versions_order_as_the_standard_has_it() {
    let version =
        |value: &str, test: Value, expected| ("versions", json!({"x": test}), json!({"x": value}), expected);
    check(
        "2024-01-01T00:00:00Z",
        "UTC",
        &[
            version("1.2.3", json!({"version_min": "1.2.3"}), true),
            version("1.2.3+build.9", json!({"version_min": "1.2.3", "version_max": "1.2.3"}), true),
            version("1.2.3-rc.1", json!({"version_min": "1.2.3"}), false),
            version("1.10.0", json!({"version_min": "1.9.9"}), true),
            version("v2", json!({"version_min": "1.9.9", "version_max": "2.0.0"}), true),
            version("1.0.0-alpha.beta", json!({"version_max": "1.0.0-beta"}), true),
            version("1.0.0-beta.11", json!({"version_min": "1.0.0-beta.2"}), true),
            version("banana", json!({"version_min": "0.0.0"}), false),
            version("banana", json!({"version_max": "9.9.9"}), false),
        ],
    );
    check(
        "2024-01-01T00:00:00Z",
        "UTC",
        &[("versions", json!({"x": {"version_min": "1.0"}}), json!({"x": 1.2}), false)],
    );
}

fn refused_in_document(criteria: Value) -> String {
    match parse_value(&criteria, Scope::DocumentAt) {
        Err(Error::Criteria { path, .. }) => path,
        other => panic!("{criteria}: {other:?}"),
    }
}

#[test]
fn intervals_that_are_empty_are_refused() {
    for test in [
        json!({"min": 5, "max": 4}),
        json!({"gt": 5, "max": 5}),
        json!({"min": 5, "lt": 5.0}),
        json!({"between": [1, 3], "gt": 3}),
        json!({"min": "b", "max": "a"}),
        json!({"version_min": "2.0.0", "version_max": "2.0.0-rc.1"}),
        json!({"after": "2024-01-02", "before": "2024-01-01"}),
        json!({"after": "-1 day", "before": "-2 days"}),
        json!({"within": "5 days", "older_than": "5 days"}),
    ] {
        assert_eq!(refused_in_document(json!({"x": test})), "x", "{test}");
    }
    for test in [
        json!({"min": 5, "max": 5}),
        json!({"min": 6, "max": "5"}),
        json!({"version_min": "2.0.0-rc.1", "version_max": "2.0.0"}),
        json!({"after": "-2 days", "before": "-1 day"}),
        json!({"after": "-12 hours", "before": "today"}),
        json!({"within": "6 days", "older_than": "5 days"}),
    ] {
        assert!(parse_value(&json!({"x": test}), Scope::DocumentAt).is_ok(), "{test}");
    }
    assert_eq!(refused_at(json!({"event": "a", "count": {"min": 3, "max": 2}})), "count");
}

#[test]
fn at_least_so_many_of() {
    let criteria =
        json!({"at_least": 2, "of": [{"a": {"equals": 1}}, {"b": {"equals": 1}}, {"c": {"equals": 1}}]});
    assert!(holds(criteria.clone(), json!({"a": 1, "c": 1})));
    assert!(holds(criteria.clone(), json!({"a": 1, "b": 1, "c": 1})));
    assert!(!holds(criteria.clone(), json!({"b": 1})));
    assert!(holds(json!({"not": criteria}), json!({})));
    assert_eq!(refused_at(json!({"at_least": 0, "of": [{}]})), "at_least");
    assert_eq!(refused_at(json!({"at_least": 2, "of": [{}]})), "at_least");
    assert_eq!(refused_at(json!({"at_least": "2", "of": [{}, {}]})), "at_least");
    assert_eq!(refused_at(json!({"at_least": 2})), "");
    assert_eq!(refused_at(json!({"at_least": 1, "of": [{}], "some": 1})), "some");
    assert_eq!(refused_at(json!({"at_least": 1, "of": {}})), "of");
}

#[test]
fn types_tell_null_from_missing() {
    for (document, name) in [
        (json!({"x": "1"}), "string"),
        (json!({"x": 1}), "number"),
        (json!({"x": false}), "boolean"),
        (json!({"x": []}), "array"),
        (json!({"x": {}}), "object"),
        (json!({"x": null}), "null"),
        (json!({}), "missing"),
    ] {
        for known in ["string", "number", "boolean", "array", "object", "null", "missing"] {
            assert_eq!(
                holds(json!({"x": {"type": known}}), document.clone()),
                known == name,
                "{known} of {document}"
            );
        }
        assert!(holds(json!({"x": {"type": ["object", name]}}), document.clone()));
    }
    assert_eq!(refused_in_document(json!({"x": {"type": "strnig"}})), "x.type");
    assert_eq!(refused_in_document(json!({"x": {"type": ["string", 5]}})), "x.type[1]");
    assert_eq!(refused_in_document(json!({"x": {"type": []}})), "x.type");
    assert_eq!(refused_in_document(json!({"bucket": {"salt": "s", "from": 0, "to": 10}})), "bucket");
}

#[test]
fn all_of_a_long_list_are_looked_for() {
    let numbers: Vec<Value> = (0..3_000).map(Value::from).collect();
    let texts = (0..3_000).map(|number| Value::from(format!("t{number}")));
    let wanted: Vec<Value> = numbers.iter().cloned().chain(texts).chain([json!(true)]).collect();
    let mut given: Vec<Value> = wanted.iter().rev().chain(&wanted).cloned().collect();
    let criteria = json!({"x": {"has_all": wanted}});
    assert!(holds(criteria.clone(), json!({"x": given})));
    // 2999.0 is among them, "2999" is not.
    given.retain(|value| *value != json!(2_999));
    assert!(!holds(criteria.clone(), json!({"x": given})));
    given.push(json!("2999"));
    assert!(!holds(criteria.clone(), json!({"x": given})));
    given.push(json!(2_999.0));
    assert!(holds(criteria, json!({"x": given})));
}

#[test]
fn all_of_a_list_are_its_elements_one_by_one() {
    let mut random = Random::new(13);
    let mut held = 0;
    for _ in 0..2_000 {
        // Null equals nothing, and is refused.
        let wanted: Value =
            random.values().as_array().into_iter().flatten().filter(|one| !one.is_null()).cloned().collect();
        let mut document = random.document();
        if let (Some(given), Some(wanted)) = (document["items"].as_array_mut(), wanted.as_array()) {
            given.extend(wanted.iter().filter(|_| random.below(8) > 0).rev().cloned());
        }
        let ignore_case = random.below(2) == 0;
        let test = |operator: &str, operand: &Value| json!({"items": {operator: operand, "ignore_case": ignore_case}});
        let all = holds(test("has_all", &wanted), document.clone());
        let one_by_one =
            || wanted.as_array().into_iter().flatten().all(|one| holds(test("has", one), document.clone()));
        let list = document.get("items").is_some_and(|value| !value.is_null() && !value.is_object());
        assert_eq!(all, list && one_by_one(), "{wanted} in {document}");
        held += i32::from(all && wanted != json!([]));
    }
    assert!(held > 100, "{held}");
}
