//! Tests that nothing can pass are refused, and those that hold for something, or for everything, are not.

use super::super::random::Random;
use super::*;
use crate::score::features;

fn define(criteria: &Value) -> crate::error::Result<Located> {
    features().expand(locate(criteria, Scope::Subscriber)?)
}

/// That each test of a key beside `rest` is refused at its path, or accepted.
fn judge(rest: &Value, key: &str, impossible: &[Value], possible: &[Value]) {
    for (tests, refused) in [(impossible, true), (possible, false)] {
        for test in tests {
            let mut leaf = rest.clone();
            leaf[key] = test.clone();
            match define(&json!({"all": [{}, {}, leaf]})) {
                Err(error) if refused => {
                    assert_eq!(error.code(), Code::InvalidParameterValue, "{leaf}");
                    assert_eq!(error.detail(), Some(format!("At all[2].{key}.")), "{leaf}: {error:?}");
                    assert!(error.hint().is_some_and(|hint| hint.len() > 10), "{leaf}");
                }
                Ok(_) if !refused => {}
                other => panic!("{leaf}: {other:?}"),
            }
        }
    }
}

#[test]
fn an_interval_that_no_number_of_its_quantity_lies_in_is_refused() {
    let never = [
        json!({"lt": 0}),
        json!({"max": -1}),
        json!({"equals": 1.5}),
        json!({"equals": -1}),
        json!({"between": [1.2, 1.8]}),
        json!({"gt": 1, "lt": 2}),
        json!({"min": 2, "max": 1}),
        json!({"equals": 3, "lt": 3}),
        json!({"equals": "1.5"}),
    ];
    let ever = [
        json!({"equals": 0}),
        json!({"max": 0}),
        json!({"min": 0}),
        json!({"min": -5}),
        json!({"lt": 1}),
        json!({"between": [1.2, 2.8]}),
        json!({"gt": 1, "lt": 3}),
        json!({"equals": 2.0}),
        json!({"min": 1e30}),
    ];
    let event = json!({"event": "purchase"});
    for key in ["count", "distinct", "days_since_last"] {
        judge(&event, key, &never, &ever);
    }
    judge(&event, "streak", &never, &ever[..8]);
    judge(&event, "streak", &[json!({"gt": 365})], &[json!({"equals": 365})]);
    let peak = json!({"event": "visit", "within": "90 days"});
    for (rest, hour, weekday) in
        [(&event, "latest_hour", "latest_weekday"), (&peak, "peak_hour", "peak_weekday")]
    {
        judge(
            rest,
            hour,
            &[json!({"equals": 24}), json!({"min": 24}), json!({"gt": 22.5, "lt": 23})],
            &[json!({"equals": 23}), json!({"lt": 1}), json!({"max": 24})],
        );
        judge(
            rest,
            weekday,
            &[json!({"equals": 0}), json!({"lt": 1}), json!({"gt": 7}), json!({"equals": 8})],
            &[json!({"equals": 7}), json!({"max": 1}), json!({"min": 0})],
        );
    }
    judge(&event, "average_gap", &[json!({"lt": 0})], &[json!({"equals": 0.5}), json!({"max": 0})]);
    for key in ["sum", "average", "minimum", "maximum", "latest"] {
        judge(
            &event,
            key,
            &[json!({"equals": 1, "gt": 1}), json!({"min": 2, "lt": 2})],
            &[json!({"lt": 0}), json!({"equals": 1.5}), json!({"gt": 1, "lt": 1.000001})],
        );
    }
    let mut trend = json!({"event": "visit", "within": "7 days"});
    judge(&trend, "trend", &[json!({"lt": -1})], &[json!({"max": -1}), json!({"equals": 0.25})]);
    trend["of"] = "value".into();
    judge(&trend, "trend", &[json!({"between": [2, 3], "lt": 2})], &[json!({"lt": -1})]);
    let regularly = json!({"event": "visit", "regularly": {"every": "1 week", "periods": 4, "at_least": 3}});
    judge(&regularly, "count", &never, &ever);
    judge(
        &json!({}),
        "traits",
        &[],
        &[json!({"cart": {"size": {"lt": 1}}}), json!({"cart": {"size": 0}}), json!({"a": {"equals": 1.5}})],
    );
    for size in [json!(-1), json!(1.5), json!({"lt": 0}), json!({"gt": 1, "lt": 2})] {
        assert_eq!(refused_at(json!({"traits": {"cart": {"size": size}}})), "traits.cart.size", "{size}");
    }
}

#[test]
fn features_scores_and_predictions_have_the_range_of_their_formula() {
    let above_one = [json!({"gt": 1}), json!({"min": 1.5}), json!({"lt": 0}), json!({"equals": 2})];
    let share = [json!({"min": 1}), json!({"max": 0}), json!({"not_equals": 2}), json!({"not_in": [5]})];
    let open = [json!({"min": 1.5}), json!({"in": [0.5, 7]}), json!({"in": []})];
    for name in [
        "engagement_score",
        "open_rate_30d",
        "open_rate_7d",
        "conversion_rate_30d",
        "month_share_2",
        "email_engagement",
        "content_preference_shoes",
        "engagement_consistency",
        "predictions.churn.confidence",
    ] {
        let rest = if name.contains('.') { json!({"attribute": name}) } else { json!({}) };
        for (tests, possible) in [(&above_one[..], false), (&share[..], true)] {
            for test in tests {
                let mut leaf = rest.clone();
                match leaf.get("attribute") {
                    Some(_) => leaf.as_object_mut().unwrap().extend(test.as_object().unwrap().clone()),
                    None => leaf[name] = test.clone(),
                }
                assert_eq!(define(&leaf).is_ok(), possible, "{leaf}");
            }
        }
    }
    for name in
        ["total_value_90d", "predicted_value", "engagement_velocity", "predictions.value", "avg_value_7d"]
    {
        for test in &open {
            let mut leaf = test.clone();
            leaf["attribute"] = name.into();
            assert!(define(&leaf).is_ok(), "{leaf}");
        }
    }
    judge(
        &json!({}),
        "total_events_30d",
        &[
            json!({"in": [0.5, -1]}),
            json!({"not_in": [0, 1, 2], "max": 2, "exists": true}),
            json!({"min": 1, "not_equals": 1, "lt": 2}),
            json!({"has_any": [1.5]}),
        ],
        &[json!({"not_in": [0, 1, 2], "max": 3}), json!({"not_equals": 0.5}), json!({"in": [0.5, 1]})],
    );
    // Nothing is said of what has no bounds.
    judge(&json!({}), "behavior_engagement_score", &[], &[json!({"lt": 0}), json!({"min": 50})]);
    let error = define(&json!({"all": [{"open_rate_30d": {"min": 30}}]})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid criteria: open_rate_30d is a number from 0 to 1, and no such number passes this test"
    );
    assert_eq!(error.detail().as_deref(), Some("At all[0].open_rate_30d."));
}

#[test]
fn a_value_that_is_named_lies_between_the_bounds_beside_it() {
    for test in [
        json!({"equals": 5, "lt": 3}),
        json!({"equals": 5, "gt": 5}),
        json!({"equals": "b", "max": "a"}),
        json!({"equals": "2", "min": "3", "not_equals": 7}),
    ] {
        assert_eq!(refused_at(json!({"any": [{"traits": {"x": test}}]})), "any[0].traits.x", "{test}");
        assert_eq!(refused_at(json!({"event": "a", "where": {"x": test}})), "where.x", "{test}");
    }
    for test in [
        json!({"equals": 5, "max": 5}),
        json!({"equals": "b", "min": "b"}),
        // Text that is wholly a number is compared as one.
        json!({"equals": "5", "min": 3}),
        json!({"in": [], "exists": true}),
        json!({"exists": false, "not_equals": "a"}),
    ] {
        assert!(define(&json!({"traits": {"x": test}})).is_ok(), "{test}");
    }
    let held = json!({"attribute": "predictions.churn", "held_for": "2 days", "max": 0.6});
    assert!(define(&held).is_ok());
}

/// Random tests against each of the numbers.
#[test]
fn what_is_refused_holds_for_none_of_the_numbers_and_what_is_not_for_one() {
    let mut random = Random::new(27);
    let (mut refused, mut accepted) = (0, 0);
    for trial in 0..4_000 {
        // Beyond the halves and the ends that operators name nothing changes.
        let quarters = |from: i64, to: i64, step: usize| (4 * from..=4 * to).step_by(step);
        let (quantity, numbers) = match trial % 4 {
            0 => (Quantity::count(), quarters(0, 12, 4)),
            1 => (Quantity::of_measure(&Measure::LatestWeekday), quarters(1, 7, 4)),
            2 => (Quantity::share(), quarters(0, 1, 1)),
            _ => (Quantity::ANY, quarters(-4, 12, 1)),
        };
        let half = |random: &mut Random| json!((random.below(22) as f64 - 4.0) / 2.0);
        let mut test = json!({});
        for _ in 0..1 + random.below(3) {
            let key =
                random.pick(&["min", "max", "gt", "lt", "equals", "not_equals", "in", "not_in", "exists"]);
            test[key] = match key {
                "in" | "not_in" => (0..1 + random.below(4)).map(|_| half(&mut random)).collect(),
                "exists" => (random.below(3) > 0).into(),
                _ => half(&mut random),
            };
        }
        // What the language refuses of every value is not looked at.
        let Ok(Node::Attribute(_, parsed)) = parse_value(&json!({"x": test}), Scope::Document) else {
            continue;
        };
        let passes =
            |quarter: i64| passes_number(&parsed, Some(&Decimal::from_scaled(quarter as i128 * 25, 2)));
        let possible = passes_number(&parsed, None) || numbers.into_iter().any(passes);
        assert_eq!(quantity.refuse_impossible("it", &parsed, "").is_ok(), possible, "{quantity}: {test}");
        if possible { accepted += 1 } else { refused += 1 }
    }
    assert!(refused > 300 && accepted > 300, "{refused} refused, {accepted} accepted");
}
