//! Normalising, describing, and what an index can know: nothing of it changes what criteria mean.

use super::super::random::Random;
use super::*;

fn canonical(criteria: &Value) -> Value {
    normalise(&criteria.to_string()).unwrap_or_else(|error| panic!("{criteria}: {error:?}"))
}

/// A Sunday.
fn clock() -> Clock {
    Clock::new(at("2024-03-31T10:00:00Z"), "Europe/Paris").unwrap()
}

#[test]
fn one_meaning_has_one_form() {
    for group in [
        vec![
            json!({"a": {"b": {"min": 1, "max": 5}}}),
            json!({"attribute": "a.b", "min": 1, "max": 5.0}),
            json!({"attribute": ["a", "b"], "between": [1, 5]}),
            json!({"all": [{"a": {"b": {"max": 5}}}, {"all": [{"a": {"b": {"min": 1}}}]}, {}]}),
            json!({"not": {"not": {"a": {"b": {"max": 5, "min": 1, "ignore_case": true}}}}}),
        ],
        vec![
            json!({"none": [{"a": {"equals": 1}}, {"b": {"exists": true}}]}),
            json!({"all": [{"b": {"exists": false}}, {"a": {"not_equals": 1}}]}),
            json!({"a": {"not_in": [1, 1.0]}, "not": {"b": {"exists": true}}}),
            json!({"not": {"any": [{"a": {"in": [1]}}, {"b": {"exists": true}}]}}),
        ],
        vec![
            json!({"x": {"in": ["B", "a"], "ignore_case": true}}),
            json!({"x": {"in": ["A", "b", "a"], "ignore_case": true}}),
        ],
        vec![
            json!({"event": "open"}),
            json!({"event": "email_open", "count": {"min": 1}, "where": {}}),
            json!({"event": "open", "count": {"min": "1"}}),
        ],
        vec![
            json!({"event": "purchase", "sum": {"between": [1, 2]}, "within": "2 weeks"}),
            json!({"event": "purchase", "sum": {"max": 2, "min": 1}, "of": "value", "within": "14 days"}),
            json!({"event": "purchase", "sum": {"max": 2, "min": 1}, "of": ["value"], "within": "336 hours"}),
        ],
        vec![
            json!({"event": "purchase", "where": {"k": {"in": ["v"]}, "j": {"exists": true}}}),
            json!({"event": "purchase", "where": {"all": [{"j": {"exists": true}}, {"k": {"equals": "v"}}]}}),
        ],
        vec![json!({"x": {"on": "last_month"}}), json!({"x": {"on": "now-1M/M"}})],
        vec![
            json!({"x": {"after": "-36 hours"}}),
            json!({"x": {"after": "-1 day 12 hours"}}),
            json!({"x": {"after": "now-36h"}}),
        ],
        vec![json!({"x": {"after": "2024-01-01T00:00:00Z"}}), json!({"x": {"after": "2024-01-01 02:00+02"}})],
        vec![json!({"x": {"version_min": "v1.2"}}), json!({"x": {"version_min": "1.2.0+build"}})],
        vec![
            json!({"x": {"size": 2}}),
            json!({"x": {"size": {"equals": 2}}}),
            json!({"x": {"size": {"equals": "2"}}}),
        ],
        vec![json!({"x": {"type": "array"}}), json!({"x": {"type": ["array", "array"]}})],
        vec![
            json!({"any": [{"a": {"min": 1}}, {"b": {"min": 1}}]}),
            json!({"at_least": 1, "of": [{"b": {"min": 1}}, {"a": {"min": 1}}]}),
            json!({"not": {"at_least": 2, "of": [{"not": {"b": {"min": 1}}}, {"not": {"a": {"min": 1}}}]}}),
        ],
        vec![
            json!({}),
            json!({"all": []}),
            json!({"none": []}),
            json!({"not": {"any": []}}),
            json!({"x": {"not_in": []}}),
        ],
        vec![
            json!({"any": []}),
            json!({"not": {}}),
            json!({"x": {"in": []}}),
            json!({"all": [{"x": {"min": 2}}, {"x": {"max": 1}}]}),
        ],
    ] {
        for other in &group[1..] {
            assert_eq!(canonical(&group[0]), canonical(other), "{} and {other}", group[0]);
        }
    }
}

#[test]
fn the_form_is_readable() {
    let criteria = json!({"country": {"in": ["US", "CA"]}, "age": {"between": [18, 65]}, "not": {"tags": {"has": "spam"}}});
    assert_eq!(
        canonical(&criteria),
        json!({"all": [
            {"attribute": "age", "max": 65, "min": 18},
            {"attribute": "country", "in": ["CA", "US"]},
            {"attribute": "tags", "has_none": ["spam"]},
        ]})
    );
}

#[test]
fn random_criteria_keep_their_meaning() {
    let mut random = Random::new(7);
    let clock = clock();
    let (mut held, mut trials) = (0, 0);
    for _ in 0..1_500 {
        let criteria = random.criteria();
        let node = parse_value(&criteria, Scope::DocumentAt).unwrap();
        let form = canonical(&criteria);
        let same = parse_value(&form, Scope::DocumentAt).unwrap_or_else(|error| panic!("{form}: {error:?}"));
        assert_eq!(form, canonical(&form), "{criteria}");
        for _ in 0..10 {
            let document = random.document();
            let expected = matches_at(&node, &document, &clock);
            assert_eq!(
                expected,
                matches_at(&same, &document, &clock),
                "{criteria} as {form} over {document}"
            );
            trials += 1;
            held += i32::from(expected);
        }
    }
    // Half and half, or nothing was tested.
    assert!(held * 5 > trials && held * 5 < trials * 4, "{held} of {trials}");
}

#[test]
fn random_criteria_of_segments_have_one_form() {
    let mut random = Random::new(8);
    for _ in 0..1_000 {
        let criteria = random.segment_criteria();
        let form = canonical(&criteria);
        assert_eq!(form, canonical(&form), "{criteria}");
    }
}

/// `@>` of jsonb, at the root of which there is no scalar here.
fn contains(document: &Value, fragment: &Value) -> bool {
    match (document, fragment) {
        (Value::Object(document), Value::Object(fragment)) => {
            fragment.iter().all(|(key, part)| document.get(key).is_some_and(|value| contains(value, part)))
        }
        (Value::Array(document), Value::Array(fragment)) => {
            fragment.iter().all(|part| document.iter().any(|element| contains(element, part)))
        }
        (Value::Number(a), Value::Number(b)) => Decimal::parse(a.as_str()) == Decimal::parse(b.as_str()),
        (document, fragment) => document == fragment,
    }
}

fn contained(criteria: Value) -> Value {
    containment(&criteria.to_string()).unwrap_or_else(|error| panic!("{criteria}: {error:?}"))
}

#[test]
fn containment_is_as_large_as_the_criteria_give_away() {
    for (criteria, fragment) in [
        (json!({"a": {"b": {"equals": 1}}, "c": {"equals": "x"}}), json!({"a": {"b": 1}, "c": "x"})),
        (json!({"a": {"in": ["x"]}}), json!({"a": "x"})),
        (json!({"a": {"in": ["x", "y"]}}), json!({})),
        (json!({"a": {"equals": "x", "ignore_case": true}}), json!({})),
        (json!({"a": {"equals": 1, "ignore_case": true}}), json!({"a": 1})),
        (json!({"a": {"equals": [1, {"b": null}]}}), json!({"a": [1, {"b": null}]})),
        (json!({"not": {"a": {"not_equals": true}}}), json!({"a": true})),
        (json!({"a": {"not_equals": 1}}), json!({})),
        // A scalar stands for the list of itself, unless something says that there is an array.
        (json!({"tags": {"has": "a"}}), json!({})),
        (json!({"tags": {"has": "a", "type": "array"}}), json!({"tags": ["a"]})),
        (json!({"all": [{"tags": {"has": "a"}}, {"tags": {"size": {"min": 1}}}]}), json!({"tags": ["a"]})),
        (json!({"tags": {"has_all": ["a", "b"]}}), json!({"tags": ["a", "b"]})),
        (json!({"tags": {"has_all": ["a", "a"]}}), json!({})),
        (json!({"tags": {"any_element": {"equals": "a"}}}), json!({"tags": ["a"]})),
        (
            json!({"items": {"any_element": {"sku": {"equals": "x"}, "n": {"min": 2}}}}),
            json!({"items": [{"sku": "x"}]}),
        ),
        (
            json!({"any": [{"v": {"equals": 1}, "c": {"equals": "x"}}, {"v": {"equals": 1}, "d": {"min": 2}}]}),
            json!({"v": 1}),
        ),
        (json!({"any": [{"v": {"equals": 1}}, {"d": {"min": 2}}]}), json!({})),
        (json!({"a": {"type": "null"}}), json!({"a": null})),
        (json!({"a": {"exists": false}}), json!({})),
        (json!({"any": []}), json!({})),
        (json!({}), json!({})),
    ] {
        assert_eq!(contained(criteria.clone()), fragment, "{criteria}");
    }
}

/// A negated test of four operators is four leaves of the canonical form, which may be too many for it.
#[test]
fn what_has_no_canonical_form_within_the_limits_gives_nothing_away() {
    let test = json!({"min": 1, "max": 5, "contains": "x", "starts_with": "y"});
    let negated = |key: usize| json!({"not": {"x": {key.to_string(): test}}});
    let large = json!({"plan": {"equals": "pro"}, "all": (0..200).map(negated).collect::<Vec<_>>()});
    assert!(parse_value(&large, Scope::Document).is_ok());
    assert_eq!(normalise(&large.to_string()).unwrap_err().code(), Code::ProgramLimitExceeded);
    assert_eq!(contained(large), json!({}));
}

#[test]
fn whatever_matches_contains_the_fragment() {
    let mut random = Random::new(9);
    let clock = clock();
    let mut told = 0;
    for _ in 0..5_000 {
        let criteria = random.criteria();
        let fragment = contained(criteria.clone());
        if fragment == json!({}) {
            continue;
        }
        let node = parse_value(&criteria, Scope::DocumentAt).unwrap();
        for _ in 0..20 {
            // Documents like the fragment, so that many match.
            let mut document = random.document();
            if let (Value::Object(document), Value::Object(fragment)) = (&mut document, &fragment) {
                let kept: Vec<_> = fragment.iter().filter(|_| random.below(3) > 0).collect();
                document.extend(kept.into_iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            if matches_at(&node, &document, &clock) {
                told += 1;
                assert!(contains(&document, &fragment), "{criteria}: {document} without {fragment}");
            }
        }
    }
    assert!(told > 500, "{told}");
}

#[test]
fn there_are_as_many_sentences_as_leaves() {
    fn leaves(node: &Node) -> usize {
        match node {
            Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) | Node::AtLeast(_, nodes) => {
                nodes.iter().map(leaves).sum()
            }
            Node::Not(node) => leaves(node),
            _ => 1,
        }
    }
    let mut random = Random::new(10);
    for _ in 0..1_000 {
        let criteria = random.segment_criteria();
        let Located { root, paths } = locate(&criteria, Scope::Any).unwrap();
        assert_eq!(paths.len(), leaves(&root), "{criteria}: {paths:?}");
        assert_eq!(describe(&criteria.to_string()).unwrap().len(), paths.len());
    }
}

#[test]
fn every_leaf_has_a_sentence_with_its_path() {
    let criteria = json!({"all": [
        {"country": {"in": ["US", "CA"]}, "profile": {"age": {"min": 18, "lt": 65}}},
        {"attribute": "name", "starts_with": "a", "ignore_case": true},
        {"none": [{"event": "open", "within": "2 weeks"}]},
        {"event": "purchase", "sum": {"min": 500}, "where": {"k": {"equals": "v"}, "l": {"exists": true}}},
        {"at_least": 1, "of": [{"segment": "vip"}]},
        {"items": {"any_element": {"n": {"gt": 1}}}},
        {"signup": {"on": "last_month", "within": "90 days"}},
        {"seen": {"on": "-5 days", "before": "+1 week"}},
    ]});
    let sentences = describe(&criteria.to_string()).unwrap();
    let lines: Vec<String> =
        sentences.into_iter().map(|(path, sentence)| format!("{path}: {sentence}")).collect();
    assert_eq!(
        lines,
        [
            r#"all[0].country: country is one of ("CA", "US")."#,
            r#"all[0].profile.age: profile.age is less than 65 and at least 18."#,
            r#"all[1]: name is text starting with "a" (ignoring case)."#,
            r#"all[2].none[0]: the number of "email_open" events in the last 14 days is at least 1."#,
            r#"all[3]: the sum of value over "purchase" events where (k is equal to "v" and l is present) ever is at least 500."#,
            r#"all[4].of[0]: the subscriber is in the segment "vip"."#,
            r#"all[5].items: items is a list with an element where n is more than 1."#,
            r#"all[6].signup: signup is a time of last month and a time in the last 90 days."#,
            r#"all[7].seen: seen is a time before 7 days from now and a time of the day of 5 days ago."#,
        ]
    );
}
