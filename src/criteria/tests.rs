//! The language's decisions, each under its name.

use super::encode::jsonb;
use super::*;
use crate::error::{Code, Error};
use proptest::prelude::*;
use serde_json::{Value, json};

mod bounds;
mod canonical;
mod cases;
mod flips;
mod impossible;
mod times;

/// The instant of a time with an offset.
fn at(text: &str) -> Instant {
    match instant::Written::parse(text) {
        Some(instant::Written::Instant(instant)) => instant,
        other => panic!("{text}: {other:?}"),
    }
}

/// Matches through both kinds of document, which must agree.
fn holds(criteria: Value, document: Value) -> bool {
    let node =
        parse_value(&criteria, Scope::Document).unwrap_or_else(|error| panic!("{criteria}: {error:?}"));
    let plain = matches(&node, &document);
    assert_eq!(plain, matches(&node, Jsonb::root(&jsonb(&document))), "{criteria} over {document}");
    plain
}

fn refused(criteria: Value) -> Error {
    match parse_value(&criteria, Scope::Subscriber) {
        Ok(node) => panic!("{criteria} was accepted as {node:?}"),
        Err(error) => error,
    }
}

fn refused_at(criteria: Value) -> String {
    match refused(criteria) {
        Error::Criteria { path, .. } => path,
        other => panic!("{other:?}"),
    }
}

/// Greek has two small letters for one capital, German a sharp s that stands for two, Turkish an i without a dot.
#[test]
fn letters_are_folded_one_by_one() {
    let equal = |a: &str, b: &str| holds(json!({"x": {"equals": a, "ignore_case": true}}), json!({"x": b}));
    for (a, b) in
        [("ΟΔΟΣ", "οδος"), ("οδος", "ΟΔΟΣ"), ("ς", "σ"), ("µm", "ΜM"), ("ẞ", "ß"), ("İ", "i\u{307}")]
    {
        assert!(equal(a, b), "{a} and {b}");
    }
    for (a, b) in [("straße", "STRASSE"), ("ı", "i"), ("ı", "I"), ("İ", "i"), ("é", "e\u{301}")] {
        assert!(!equal(a, b), "{a} and {b}");
    }
    // As patterns do.
    for letter in '\u{80}'..'\u{3000}' {
        let pattern = json!({"x": {"matches": format!("^{letter}$"), "ignore_case": true}});
        let others = [letter.to_lowercase().collect::<String>(), letter.to_uppercase().collect()];
        for other in others.iter().filter(|other| **other != letter.to_string() && other.chars().count() == 1)
        {
            let agree = equal(&letter.to_string(), other) == holds(pattern.clone(), json!({"x": other}));
            assert!(agree, "{letter} and {other}");
        }
    }
}

#[test]
fn the_empty_document_matches_everyone() {
    assert!(holds(json!({}), json!({})));
    assert!(holds(json!({"all": []}), json!({})));
    assert!(!holds(json!({"any": []}), json!({})));
    assert!(holds(json!({"none": []}), json!({})));
}

#[test]
fn shorthand_means_all_of_its_keys() {
    let criteria = json!({"engagement_score": {"min": 0.7}, "demographics": {"country": {"equals": "US"}}});
    assert!(holds(criteria.clone(), json!({"engagement_score": 0.7, "demographics": {"country": "US"}})));
    assert!(!holds(criteria.clone(), json!({"engagement_score": 0.69, "demographics": {"country": "US"}})));
    assert!(!holds(criteria, json!({"engagement_score": 0.7})));
}

#[test]
fn attribute_form_reaches_reserved_and_dotted_names() {
    assert!(holds(json!({"attribute": "all", "equals": 1}), json!({"all": 1})));
    assert!(holds(json!({"attribute": ["a", "b.c"], "equals": 1}), json!({"a": {"b.c": 1}})));
    assert!(holds(json!({"attribute": "a.b", "equals": 1}), json!({"a": {"b": 1}})));
}

#[test]
fn logic_is_two_valued() {
    for missing in [json!({}), json!({"x": null}), json!({"x": {}})] {
        for operators in [
            json!({"equals": 1}),
            json!({"in": [1]}),
            json!({"min": 1}),
            json!({"max": 1}),
            json!({"gt": 1}),
            json!({"lt": 1}),
            json!({"between": [0, 2]}),
            json!({"contains": "a"}),
            json!({"starts_with": "a"}),
            json!({"ends_with": "a"}),
            json!({"matches": "a"}),
            json!({"has": 1}),
            json!({"has_any": [1]}),
            json!({"has_all": [1]}),
            json!({"size": 0}),
            json!({"any_element": {"exists": true}}),
        ] {
            assert!(!holds(json!({"x": operators}), missing.clone()), "{operators} over {missing}");
            assert!(
                holds(json!({"not": {"x": operators}}), missing.clone()),
                "not {operators} over {missing}"
            );
        }
        for operators in [
            json!({"not_equals": 1}),
            json!({"not_in": [1]}),
            json!({"not_contains": "a"}),
            json!({"has_none": [1]}),
        ] {
            assert!(holds(json!({"x": operators}), missing.clone()), "{operators} over {missing}");
        }
    }
}

#[test]
fn an_empty_string_is_a_value() {
    assert!(holds(json!({"x": {"exists": true}}), json!({"x": ""})));
    assert!(holds(json!({"x": {"exists": false}}), json!({"x": null})));
    assert!(holds(json!({"x": {"exists": false}}), json!({})));
}

#[test]
fn numbers_compare_exactly_as_numeric() {
    let big: Value = serde_json::from_str("9007199254740993").unwrap();
    assert!(holds(json!({"x": {"equals": big}}), json!({"x": big})));
    assert!(!holds(json!({"x": {"equals": big}}), json!({"x": 9007199254740992_u64})));
    assert!(holds(json!({"x": {"equals": 1}}), json!({"x": 1.0})));
    let tiny: Value = serde_json::from_str("1e-400").unwrap();
    assert!(holds(json!({"x": {"gt": 0}}), json!({"x": tiny})));
}

#[test]
fn order_reads_numeric_strings_and_equality_does_not() {
    assert!(holds(json!({"x": {"min": 10}}), json!({"x": "12"})));
    assert!(!holds(json!({"x": {"min": 10}}), json!({"x": "12 apples"})));
    assert!(!holds(json!({"x": {"equals": 1}}), json!({"x": "1"})));
    assert!(!holds(json!({"x": {"in": ["1"]}}), json!({"x": 1})));
}

#[test]
fn text_orders_by_bytes() {
    assert!(holds(json!({"x": {"gt": "Z"}}), json!({"x": "a"})));
    assert!(!holds(json!({"x": {"gt": "Z"}}), json!({"x": 5})));
}

#[test]
fn ignore_case_goes_with_every_text_comparison() {
    for operators in [
        json!({"equals": "ÉCLAIR"}),
        json!({"in": ["no", "ÉclAir"]}),
        json!({"contains": "CLA"}),
        json!({"starts_with": "É"}),
        json!({"ends_with": "AIR"}),
        json!({"matches": "^ÉCL"}),
        json!({"has": "ÉCLAIR"}),
    ] {
        let mut folded = operators.clone();
        folded["ignore_case"] = json!(true);
        assert!(!holds(json!({"x": operators}), json!({"x": "éclair"})));
        assert!(holds(json!({"x": folded}), json!({"x": "éclair"})));
        // What is asked of the elements of a list is asked likewise, unless it says otherwise.
        let list = json!({"x": [0, "éclair"]});
        assert!(holds(json!({"x": {"any_element": operators, "ignore_case": true}}), list.clone()));
        folded["ignore_case"] = json!(false);
        assert!(!holds(json!({"x": {"any_element": folded, "ignore_case": true}}), list));
    }
}

#[test]
fn long_lists_are_searched_exactly() {
    let numbers: Vec<Value> = (0..300).rev().map(|n| json!(n * 2)).collect();
    let mut all: Vec<Value> = (0..300).map(|n| json!(format!("text {n}"))).chain(numbers).collect();
    all.extend([json!(true), json!([1, 2]), json!({"a": 1}), json!("Éé")]);
    for (value, listed) in [
        (json!(598.0), true),
        (json!(599), false),
        (json!(-1), false),
        (json!("text 0"), true),
        (json!("text 299"), true),
        (json!("TEXT 7"), false),
        (json!("598"), false),
        (json!(true), true),
        (json!(false), false),
        (json!([1, 2.0]), true),
        (json!([2, 1]), false),
        (json!({"a": 1}), true),
        (json!(null), false),
        (json!("Éé"), true),
    ] {
        let document = json!({"x": value, "list": [0.5, value]});
        assert_eq!(holds(json!({"x": {"in": all}}), document.clone()), listed, "{value}");
        assert_eq!(holds(json!({"x": {"not_in": all}}), document.clone()), !listed, "{value}");
        assert_eq!(holds(json!({"list": {"has_any": all}}), document.clone()), listed, "{value}");
        assert_eq!(holds(json!({"list": {"has_none": all}}), document), !listed, "{value}");
    }
    assert!(holds(json!({"x": {"in": all, "ignore_case": true}}), json!({"x": "TEXT 7"})));
    assert!(holds(json!({"x": {"in": all, "ignore_case": true}}), json!({"x": "ÉÉ"})));
}

#[test]
fn parts_of_a_text_fold_as_the_whole() {
    for operators in [
        json!({"contains": "ΔΟΣ"}),
        json!({"ends_with": "οδοσ"}),
        json!({"equals": "ΟΔΟΣ"}),
        json!({"starts_with": "οδ"}),
    ] {
        let mut folded = operators.clone();
        folded["ignore_case"] = json!(true);
        assert!(holds(json!({"x": folded}), json!({"x": "ΟΔΟΣ"})), "{operators}");
    }
}

#[test]
fn array_operators() {
    let document = json!({"tags": ["a", "b"], "interests": [{"key": "cars", "value": 50}, {"key": "football", "value": 15}]});
    for (operators, expected) in [
        (json!({"has": "a"}), true),
        (json!({"has": "c"}), false),
        (json!({"has_any": ["c", "b"]}), true),
        (json!({"has_all": ["a", "b"]}), true),
        (json!({"has_all": ["a", "c"]}), false),
        (json!({"has_none": ["c"]}), true),
        (json!({"has_none": ["a"]}), false),
        (json!({"size": 2}), true),
        (json!({"size": {"gt": 2}}), false),
        (json!({"any_element": {"starts_with": "b"}}), true),
    ] {
        assert_eq!(holds(json!({"tags": operators}), document.clone()), expected, "{operators}");
    }
    let interest = |key: &str, test: Value| json!({"interests": {"any_element": {"key": {"equals": key}, "value": test}}});
    assert!(holds(interest("cars", json!({"gt": 45})), document.clone()));
    assert!(!holds(interest("football", json!({"equals": 50})), document.clone()));
    assert!(!holds(interest("football", json!({"not_equals": 15})), json!({})));
}

#[test]
fn a_scalar_is_the_list_of_itself() {
    assert!(holds(json!({"gender": {"has_all": ["female"]}}), json!({"gender": "female"})));
    assert!(!holds(json!({"gender": {"has_all": ["male", "female"]}}), json!({"gender": "female"})));
}

#[test]
fn equality_is_deep() {
    assert!(holds(json!({"x": {"equals": {"a": [1, {"b": "c"}]}}}), json!({"x": {"a": [1.0, {"b": "c"}]}})));
    assert!(!holds(json!({"x": {"equals": {"a": 1}}}), json!({"x": {"a": 1, "b": 2}})));
}

#[test]
fn mistakes_are_refused_with_their_path() {
    assert_eq!(refused_at(json!({"age": {"mni": 3}})), "age.mni");
    assert_eq!(refused_at(json!({"all": [{}, {"age": {"min": 3, "mxa": 4}}]})), "all[1].age.mxa");
    assert_eq!(refused_at(json!({"evnt": "purchase"})), "evnt");
    assert_eq!(refused_at(json!({"event": "purchase", "cuont": {"min": 2}})), "cuont");
    assert_eq!(refused_at(json!({"event": "purchase", "count": {"has": 2}})), "count.has");
    assert_eq!(refused_at(json!({"event": "purchase", "count": {"min": "two"}})), "count");
    assert_eq!(refused_at(json!({"event": "purchase", "count": {}})), "count");
    assert_eq!(refused_at(json!({"x": {"any_element": {"event": "purchase"}}})), "x.any_element.event");
    assert_eq!(refused_at(json!({"x": {"between": [1, "b"]}})), "x.between");
    assert_eq!(refused_at(json!({"event": "purchase", "within": "9999999999999999999999 days"})), "within");
    assert_eq!(refused_at(json!({"event": "purchase", "within": "3 months"})), "within");
    assert_eq!(refused_at(json!({"event": "purchase", "where": {"a": {"b": 1}}})), "where.a.b");
    assert_eq!(refused_at(json!({"event": "purchase", "of": "value"})), "of");
    assert_eq!(refused_at(json!({"event": ""})), "event");
    assert_eq!(refused_at(json!({"x": {"matches": "(?=a)"}})), "x.matches");
    assert_eq!(refused_at(json!({"x": {"between": [2, 1]}})), "x.between");
    assert_eq!(refused_at(json!({"x": {"equals": null}})), "x.equals");
    assert_eq!(refused_at(json!({"x": {}})), "x");
    assert_eq!(refused_at(json!({"sequence": []})), "sequence");
    assert_eq!(refused_at(json!([])), "");
    assert_eq!(refused_at(json!({"country": "US"})), "country");
    let hint = refused(json!({"age": {"mni": 3}})).hint().unwrap();
    assert!(hint.starts_with("Did you mean \"min\"?"), "{hint}");
}

#[test]
fn u39_counts_may_be_given_as_numeric_text() {
    let node = parse_value(&json!({"event": "purchase", "count": {"between": ["2", 10]}}), Scope::Subscriber);
    let Ok(Node::Event(leaf)) = node else { panic!() };
    assert_eq!(describe_test(&leaf.test), "between 2 and 10");
}

#[test]
fn whole_numbers_may_be_written_with_a_point() {
    let parse = |value| parse_value(&value, Scope::Subscriber);
    assert!(matches!(parse(json!({"at_least": 2.0, "of": [{}, {}]})), Ok(Node::AtLeast(2, _))));
    assert!(parse(json!({"event": "a", "hours": [9.0, 1e1]})).is_ok());
    for number in [json!(1.5), json!(-1), json!(1e30), json!("1"), json!(0)] {
        assert_eq!(refused_at(json!({"at_least": number, "of": [{}]})), "at_least");
    }
}

#[test]
fn numbers_that_jsonb_cannot_hold_are_refused_as_text_too() {
    for number in ["1e131072", "-1e200000", "1e-16384"] {
        assert_eq!(refused_at(json!({"event": "a", "count": {"min": number}})), "count.min");
        assert_eq!(
            refused_at(json!({"tags": {"size": {"between": [0, number]}}})),
            "tags.size.between",
            "{number}"
        );
    }
}

#[test]
fn who_means_a_key_of_an_operators_name_is_told_how_to_reach_it() {
    let error = refused(json!({"traits": {"type": {"equals": "vip"}}}));
    assert_eq!(error.detail().unwrap(), "At traits.type.");
    assert!(error.hint().unwrap().contains("{\"attribute\": \"a.type\""), "{error:?}");
    assert!(holds(json!({"attribute": "a.type", "equals": "vip"}), json!({"a": {"type": "vip"}})));
    // An object that only looks like a test is a value to compare with.
    assert!(holds(json!({"a": {"equals": {"min": 1}}}), json!({"a": {"min": 1}})));
}

#[test]
fn words_of_other_languages_are_translated() {
    for (criteria, at, meant) in [
        (json!({"and": []}), "and", "all"),
        (json!({"$or": []}), "$or", "any"),
        (json!({"age": {"gte": 18}}), "age.gte", "min"),
        (json!({"age": {"<": 18}}), "age.<", "lt"),
        (json!({"a": {"$nin": ["x"]}}), "a.$nin", "not_in"),
        (json!({"a": {"EQUALS": "x"}}), "a.EQUALS", "equals"),
        (json!({"a": {"like": "x"}}), "a.like", "matches"),
        (json!({"a": {"$regx": "x"}}), "a.$regx", "matches"),
        (json!({"event": "a", "count": {">=": 2}}), "count.>=", "min"),
    ] {
        let error = refused(criteria);
        assert_eq!(error.detail().unwrap(), format!("At {at}."));
        let hint = error.hint().unwrap();
        assert!(hint.starts_with(&format!("Did you mean \"{meant}\"?")), "{at}: {hint}");
    }
    let hint = refused(json!({"traits": {"country": "US"}})).hint().unwrap();
    assert_eq!(hint, "A test is an object such as {\"equals\": ...}.");
}

#[test]
fn limits_are_stated() {
    let mut deep = json!({});
    for _ in 0..40 {
        deep = json!({"not": deep});
    }
    assert_eq!(refused(deep).code(), Code::ProgramLimitExceeded);
    let mut deep = json!({"exists": true});
    for _ in 0..40 {
        deep = json!({"any_element": deep});
    }
    assert_eq!(refused(json!({"traits": {"lists": deep}})).code(), Code::ProgramLimitExceeded);
    assert_eq!(refused(json!({"all": vec![json!({}); 1_001]})).code(), Code::ProgramLimitExceeded);
    let text = format!("{}{}", "[".repeat(500), "]".repeat(500));
    assert_eq!(parse(&text, Scope::Document).unwrap_err().code(), Code::ProgramLimitExceeded);
    assert_eq!(parse(&" ".repeat(70_000), Scope::Document).unwrap_err().code(), Code::ProgramLimitExceeded);
    let pattern = json!({"x": {"matches": "(a{100}){100}{100}"}});
    assert_eq!(refused(pattern).code(), Code::InvalidParameterValue);
}

#[test]
fn events_have_synonyms_and_default_to_at_least_one() {
    let Node::Event(leaf) = parse_value(&json!({"event": "open"}), Scope::Subscriber).unwrap() else {
        panic!()
    };
    assert_eq!(leaf.event, "email_open");
    assert_eq!(describe_test(&leaf.test), "at least 1");
    assert_eq!(event_names("email_open").collect::<Vec<_>>(), ["email_open", "open"]);
    let error = parse_value(&json!({"event": "open"}), Scope::Document).unwrap_err();
    assert_eq!(error.code(), Code::InvalidParameterValue);
}

/// Valid documents to damage.
fn any_document() -> impl Strategy<Value = Value> {
    let test = prop_oneof![
        (-5_i64..5).prop_map(|n| json!({"min": n})),
        "[a-c]{1,2}".prop_map(|s| json!({"equals": s, "ignore_case": true})),
        Just(json!({"in": [1, "a", true]})),
        Just(json!({"between": [1, 2]})),
        Just(json!({"any_element": {"k": {"size": {"max": 3}}}})),
    ];
    let event = (1_i64..4).prop_map(|n| {
        json!({"event": "purchase", "count": {"min": n}, "where": {"k": {"has": "v"}}, "within": "90 days"})
    });
    let leaf = prop_oneof![("[a-c]", test).prop_map(|(key, test)| json!({key: test})), event];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|nodes| json!({"all": nodes})),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|nodes| json!({"none": nodes})),
            inner.prop_map(|node| json!({"not": node})),
        ]
    })
}

proptest! {
    #[test]
    fn valid_documents_are_accepted(document in any_document()) {
        prop_assert!(parse_value(&document, Scope::Subscriber).is_ok());
    }

    #[test]
    fn damaged_documents_give_a_definition_or_an_error(document in any_document(), at: usize, with in "[\\x20-\\x7e]{0,3}", cut in 0_usize..4) {
        let mut text = document.to_string();
        let from = at % text.len();
        let to = (from + cut).min(text.len());
        text.replace_range(from..to, &with);
        if let Err(error) = parse(&text, Scope::Subscriber) {
            prop_assert!(error.code() != Code::DataCorrupted);
            prop_assert!(error.hint().is_some());
        }
    }

    #[test]
    fn not_operators_are_exact_complements(value in prop_oneof![
        Just(json!(null)), any::<i32>().prop_map(Value::from), "[a-c]{0,2}".prop_map(Value::from),
        prop::collection::vec("[a-c]", 0..3).prop_map(Value::from)
    ], operand in prop_oneof![(-3_i64..3).prop_map(Value::from), "[a-c]{0,2}".prop_map(Value::from)]) {
        let document = json!({"x": value});
        for (positive, negative) in [("equals", "not_equals"), ("in", "not_in"), ("has_any", "has_none")] {
            let operand = if positive == "equals" { operand.clone() } else { json!([operand]) };
            prop_assert_ne!(holds(json!({"x": {positive: operand}}), document.clone()), holds(json!({"x": {negative: operand}}), document.clone()));
        }
    }
}
