//! Times at document level: periods of the calendar, windows, time zones.

use super::*;

fn holds_at(now: &str, zone: &str, operators: Value, value: &str) -> bool {
    let clock = Clock::new(at(now), zone).unwrap();
    let node = parse_value(&json!({"x": operators}), Scope::DocumentAt).unwrap();
    let document = json!({"x": value});
    let plain = matches_at(&node, &document, &clock);
    assert_eq!(plain, matches_at(&node, Jsonb::root(&jsonb(&document)), &clock));
    plain
}

/// The first and the last value that a word lets in, and their neighbours, which it does not.
fn covers(now: &str, zone: &str, word: &str, first: &str, end: &str) {
    let around = |text: &str, micros: i64| super::super::instant::print_instant(at(text) + micros);
    for (value, expected) in [
        (around(first, -1), false),
        (around(first, 0), true),
        (around(end, -1), true),
        (around(end, 0), false),
    ] {
        assert_eq!(
            holds_at(now, zone, json!({"on": word}), &value),
            expected,
            "{word} at {now} in {zone}: {value}"
        );
        assert_eq!(holds_at(now, zone, json!({"before": word}), &value), at(&value) < at(first));
        assert_eq!(holds_at(now, zone, json!({"after": word}), &value), at(&value) >= at(end));
    }
}

#[test]
fn words_of_the_calendar_are_periods_in_the_time_zone() {
    // Thursday, leap day.
    let utc = |word, first: &str, end: &str| {
        covers("2024-02-29T12:00:00Z", "UTC", word, &format!("{first}T00:00Z"), &format!("{end}T00:00Z"));
    };
    utc("today", "2024-02-29", "2024-03-01");
    utc("yesterday", "2024-02-28", "2024-02-29");
    utc("tomorrow", "2024-03-01", "2024-03-02");
    utc("this_week", "2024-02-26", "2024-03-04");
    utc("last_week", "2024-02-19", "2024-02-26");
    utc("next_week", "2024-03-04", "2024-03-11");
    utc("this_month", "2024-02-01", "2024-03-01");
    utc("last_month", "2024-01-01", "2024-02-01");
    utc("next_month", "2024-03-01", "2024-04-01");
    utc("this_year", "2024-01-01", "2025-01-01");
    utc("last_year", "2023-01-01", "2024-01-01");
    utc("next_year", "2025-01-01", "2026-01-01");
    utc("2024-02-10", "2024-02-10", "2024-02-11");
    covers("2024-01-01T23:30:00Z", "Asia/Tokyo", "today", "2024-01-01T15:00Z", "2024-01-02T15:00Z");
    covers(
        "2024-01-01T02:00:00Z",
        "America/Los_Angeles",
        "this_year",
        "2023-01-01T08:00Z",
        "2024-01-01T08:00Z",
    );
    // Weeks begin on Monday; on a Sunday the week is almost over.
    covers("2024-03-03T12:00:00Z", "UTC", "this_week", "2024-02-26T00:00Z", "2024-03-04T00:00Z");
}

#[test]
fn days_are_as_long_as_the_clocks_make_them() {
    // The clocks of Paris go forward on 31 March 2024 and back on 27 October.
    covers("2024-03-31T10:00:00Z", "Europe/Paris", "today", "2024-03-30T23:00Z", "2024-03-31T22:00Z");
    covers("2024-10-27T10:00:00Z", "Europe/Paris", "today", "2024-10-26T22:00Z", "2024-10-27T23:00Z");
    // An hour that is shown twice is two hours.
    covers("2024-10-27T00:30:00Z", "Europe/Paris", "now/h", "2024-10-27T00:00Z", "2024-10-27T01:00Z");
    covers("2024-10-27T01:30:00Z", "Europe/Paris", "now/h", "2024-10-27T01:00Z", "2024-10-27T02:00Z");
    // Five days back on the calendar is the 26th, though 120 hours back is the 25th.
    assert!(holds_at(
        "2024-03-31T22:30:00Z",
        "Europe/Paris",
        json!({"on": "-5 days"}),
        "2024-03-27T12:00:00+01:00"
    ));
    assert!(!holds_at(
        "2024-03-31T22:30:00Z",
        "Europe/Paris",
        json!({"on": "-5 days"}),
        "2024-03-26T12:00:00+01:00"
    ));
    // A month from the end of a longer one ends with the shorter.
    assert!(holds_at("2024-01-31T12:00:00Z", "UTC", json!({"on": "now+1M"}), "2024-02-29"));
    assert!(holds_at("2023-01-31T12:00:00Z", "UTC", json!({"on": "now+1M"}), "2023-02-28"));
}

#[test]
fn on_an_instant_means_its_day() {
    let on =
        |value| holds_at("2024-01-01T00:00:00Z", "Asia/Tokyo", json!({"on": "2015-02-01T20:30:00Z"}), value);
    assert!(
        on("2015-02-01T15:00:00Z")
            && on("2015-02-02T14:59:59Z")
            && on("2015-02-02")
            && on("2015-02-02T00:00")
    );
    assert!(!on("2015-02-01T14:59:59Z") && !on("2015-02-01"));
}

#[test]
fn before_and_after_leave_the_instant_out() {
    let now = "2024-01-01T00:00:00Z";
    let instant = "2015-02-01T20:30:00Z";
    assert!(!holds_at(now, "UTC", json!({"before": instant}), instant));
    assert!(!holds_at(now, "UTC", json!({"after": instant}), instant));
    assert!(holds_at(now, "UTC", json!({"after": instant}), "2015-02-01T20:30:00.000001Z"));
    assert!(holds_at(now, "UTC", json!({"before": instant}), "2015-02-01T22:29:59+02:00"));
    assert!(holds_at(now, "UTC", json!({"before": "-30 days"}), "2023-12-01T23:59:59Z"));
    assert!(!holds_at(now, "UTC", json!({"before": "-30 days"}), "2023-12-02T00:00:00Z"));
}

#[test]
fn within_and_older_than_part_the_past() {
    let now = "2024-03-31T00:00:00Z";
    for (value, within, older) in [
        ("2024-03-31T00:00:00.000001Z", false, false),
        ("2024-03-31T00:00:00Z", true, false),
        ("2024-03-01T00:00:00.000001Z", true, false),
        ("2024-03-01T00:00:00Z", false, true),
        ("0001-01-01", false, true),
        ("soon", false, false),
    ] {
        assert_eq!(holds_at(now, "UTC", json!({"within": "30 days"}), value), within, "{value}");
        assert_eq!(holds_at(now, "UTC", json!({"older_than": "30 days"}), value), older, "{value}");
    }
}

#[test]
fn an_anniversary_has_the_month_and_day_of_today() {
    let today = |now: &str, zone: &str, value: &str| holds_at(now, zone, json!({"on": "anniversary"}), value);
    assert!(today("2024-05-17T12:00:00Z", "UTC", "1980-05-17"));
    assert!(!today("2024-05-18T12:00:00Z", "UTC", "1980-05-17"));
    assert!(today("2024-05-17T23:00:00Z", "Asia/Tokyo", "1980-05-18"));
    assert!(today("2024-05-18T01:00:00Z", "Asia/Tokyo", "1980-05-17T20:00:00Z"));
    // Who was born on 29 February celebrates on the 28th in common years.
    assert!(today("2024-02-29T12:00:00Z", "UTC", "2000-02-29"));
    assert!(!today("2024-02-28T12:00:00Z", "UTC", "2000-02-29"));
    assert!(today("2023-02-28T12:00:00Z", "UTC", "2000-02-29"));
    assert!(today("2023-02-28T12:00:00Z", "UTC", "2000-02-28"));
    assert!(!today("2023-02-28T12:00:00Z", "UTC", "not a time"));
}

#[test]
fn times_without_an_offset_are_those_of_the_zone() {
    let after = |zone: &str, value| {
        holds_at("2024-01-01T00:00:00Z", zone, json!({"after": "2023-07-01T12:00:00Z"}), value)
    };
    assert!(after("America/New_York", "2023-07-01T12:00"));
    assert!(!after("Europe/Paris", "2023-07-01T12:00"));
    // In matches(document, criteria) that is UTC.
    assert!(holds(json!({"x": {"after": "2023-07-01T12:00"}}), json!({"x": "2023-07-01T12:00:00.1Z"})));
}

#[test]
fn only_an_instant_allows_what_depends_on_it() {
    for operators in [
        json!({"within": "30 days"}),
        json!({"older_than": "30 days"}),
        json!({"before": "-30 days"}),
        json!({"after": "now"}),
        json!({"on": "today"}),
        json!({"on": "anniversary"}),
        json!({"on": "now-1d/d"}),
    ] {
        let criteria = json!({"x": operators});
        let error = parse_value(&criteria, Scope::Document).unwrap_err();
        assert_eq!(error.code(), Code::InvalidParameterValue);
        assert!(
            error.hint().unwrap().contains("segment.matches(document, criteria, at =>"),
            "{criteria}: {error:?}"
        );
        assert!(parse_value(&criteria, Scope::DocumentAt).is_ok());
        // In an array too, and the events of a segment are judged once.
        assert!(parse_value(&json!({"x": {"any_element": operators}}), Scope::Document).is_err());
        assert!(parse_value(&json!({"event": "a", "where": criteria}), Scope::Subscriber).is_err());
        assert!(parse_value(&criteria, Scope::Subscriber).is_err());
    }
    assert!(
        parse_value(&json!({"event": "a", "where": {"x": {"after": "2024-01-01"}}}), Scope::Subscriber)
            .is_ok()
    );
    let error = refused(json!({"engagement_score": {"after": "2024-01-01"}}));
    assert!(error.to_string().contains("\"after\" tests times"), "{error}");
}

#[test]
fn far_from_every_calendar_nothing_holds() {
    let far = |operators| holds_at("9999-12-31T00:00:00Z", "UTC", operators, "2024-01-01");
    assert!(!far(json!({"before": "now+1000000y"})));
    assert!(!far(json!({"after": "now-1000000y"})));
    assert!(!far(json!({"on": "now+1000000d/y"})));
}

/// A value may lie beyond them, such as an end of all time in some time zone; what it is compared with has to print as it is read.
#[test]
fn times_to_compare_with_lie_in_the_years_1_to_9999() {
    for beyond in [
        "0044-03-15 BC",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T24:00",
        "9999-12-31T23:59:59-05:00",
        "0044-03-15 BC||+1d",
    ] {
        let error = parse_value(&json!({"x": {"before": beyond}}), Scope::Document).unwrap_err();
        assert!(error.to_string().contains("in the years 1 to 9999"), "{beyond}: {error}");
    }
    assert!(holds(json!({"x": {"after": "2024-01-01"}}), json!({"x": "9999-12-31T23:59:59-05:00"})));
    assert!(holds(json!({"x": {"before": "0001-01-01"}}), json!({"x": "0044-03-15 BC"})));
    for within in ["0001-01-01", "9999-12-31T23:59:59.999999Z", "9999-12-31||/y"] {
        let criteria = json!({"attribute": "x", "before": within});
        assert_eq!(normalise(&criteria.to_string()).unwrap(), criteria);
    }
}
