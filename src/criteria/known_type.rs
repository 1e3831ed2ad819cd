//! What can be asked of a value whose type is known: features, scores and predictions are numbers, `email` is text.

use super::ast::{Operator, Path, Test, Type};
use super::describe::describe_path;
use super::near::did_you_mean;
use super::normalise::operand;
use super::number::Decimal;
use super::parse::{criteria, join};
use super::quantity::Quantity;
use crate::error::Result;
use serde_json::{Value, json};

/// What a prediction consists of.
const PREDICTION: [&str; 2] = ["value", "confidence"];

/// Refuses a test of an attribute of the profile, at a path of the document, that nothing there can pass.
pub(super) fn refuse_impossible(path: &Path, test: &Test, at: &str) -> Result<()> {
    let what = describe_path(path);
    let Some(Path(keys)) = path.in_profile() else { return Ok(()) };
    match keys.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["email"] => refuse_other_types(&what, Type::String, test, at),
        ["email", ..] => Err(criteria(
            at,
            format!("the e-mail address has no \"{what}\""),
            "It is \"email\", which is text.",
        )),
        ["predictions", _, part] if PREDICTION.contains(part) => {
            refuse_other_types(&what, Type::Number, test, at)?;
            let quantity = if *part == "confidence" { Quantity::share() } else { Quantity::ANY };
            quantity.refuse_impossible(&what, test, at)
        }
        ["predictions", model, part, ..] => {
            let hint = format!("Write \"predictions.{model}\" or \"predictions.{model}.confidence\".");
            Err(criteria(
                at,
                format!("a prediction has no \"{part}\""),
                format!("{}{hint}", did_you_mean(part, &PREDICTION)),
            ))
        }
        // Nobody knows the types of traits, preferences and tags beforehand.
        _ => Ok(()),
    }
}

/// Refuses an operator that asks of a value what none of its type can be; the test stands at a path of the document.
pub(super) fn refuse_other_types(what: &str, kind: Type, test: &Test, at: &str) -> Result<()> {
    for operator in &test.operators {
        let (key, operand) = operand(operator)?;
        let asked = match operator {
            Operator::Equals(_) | Operator::NotEquals(_) | Operator::Has(_) => std::slice::from_ref(&operand),
            _ => operand.as_array().map_or(std::slice::from_ref(&operand), Vec::as_slice),
        };
        if let Some(other) = asked.iter().find(|value| !fits(kind, key, value)) {
            let (name, hint) = match kind {
                Type::Number => (
                    "a number",
                    "A number is tested by min, max, gt, lt, between, equals, not_equals, in, not_in, exists.",
                ),
                _ => (
                    "text",
                    "Text is tested by equals, not_equals, in, not_in, contains, starts_with, ends_with, matches, exists.",
                ),
            };
            let quoted = other.as_str().filter(|text| kind == Type::Number && Decimal::parse(text).is_some());
            return Err(criteria(
                &join(at, key),
                format!("{what} is {name}, and {} asks for something else", json!({key: operand})),
                quoted.map_or_else(|| hint.to_owned(), |number| format!("Write {number} without quotes.")),
            ));
        }
    }
    Ok(())
}

/// Whether a value of some type can be what an operator asks for with one of its operands.
fn fits(kind: Type, key: &str, operand: &Value) -> bool {
    match key {
        "exists" | "held_for" => true,
        "equals" | "not_equals" | "in" | "not_in" | "has" | "has_any" | "has_all" | "has_none" => {
            match kind {
                Type::Number => operand.is_number(),
                _ => operand.is_string(),
            }
        }
        // Text that is wholly a number is compared as one.
        "min" | "max" | "gt" | "lt" | "between" => kind != Type::Number || operand.is_number(),
        "type" => [kind, Type::Null, Type::Missing].iter().any(|kind| operand == kind.name()),
        "size" | "any_element" => false,
        _ => kind != Type::Number,
    }
}

#[cfg(test)]
mod tests {
    use crate::criteria::{Located, Scope, locate};
    use crate::error::{Code, Error, Result};
    use crate::score::features;
    use serde_json::{Value, json};

    fn define(criteria: &Value) -> Result<Located> {
        features().expand(locate(criteria, Scope::Subscriber)?)
    }

    #[test]
    fn what_no_number_passes_is_refused_of_features_scores_and_predictions() {
        let others = [
            json!({"min": "0.7"}),
            json!({"between": ["a", "b"]}),
            json!({"equals": "high"}),
            json!({"equals": true}),
            json!({"not_equals": [1]}),
            json!({"in": [1, "2"]}),
            json!({"not_in": [{"a": 1}]}),
            json!({"has": "vip"}),
            json!({"has_none": [false]}),
            json!({"contains": "7"}),
            json!({"not_contains": "7"}),
            json!({"matches": "^7"}),
            json!({"type": "string"}),
            json!({"type": ["number", "array"]}),
            json!({"size": 2}),
            json!({"any_element": {"min": 1}}),
            json!({"version_min": "1.2.3"}),
            json!({"after": "2024-01-01"}),
            json!({"on": "anniversary"}),
            json!({"within": "30 days"}),
        ];
        for path in [
            "engagement_score",
            "scores.email_engagement",
            "predictions.churn",
            "churn_probability",
            "predictions.churn.confidence",
        ] {
            for test in &others {
                let (key, _) = test.as_object().unwrap().iter().next().unwrap();
                let mut leaf = test.clone();
                leaf["attribute"] = path.into();
                let error = define(&json!({"all": [{}, leaf]})).unwrap_err();
                assert_eq!(error.code(), Code::InvalidParameterValue, "{path}: {test}");
                assert_eq!(error.detail(), Some(format!("At all[1].{key}.")), "{path}: {test}");
                assert!(error.hint().is_some_and(|hint| hint.len() > 10), "{path}: {test}");
            }
            for test in [
                json!({"min": 0.7, "lt": 1}),
                json!({"between": [0, 1], "not_equals": 0.5}),
                json!({"in": [1, 2], "exists": true}),
                json!({"not_in": []}),
                json!({"has_any": [1, 2]}),
                json!({"type": ["number", "missing"]}),
            ] {
                let mut leaf = test.clone();
                leaf["attribute"] = path.into();
                assert!(define(&leaf).is_ok(), "{path}: {test}");
            }
        }
        let error = define(&json!({"behavior_scores": {"email_engagement": {"min": "0.7"}}})).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"invalid criteria: email_engagement is a number, and {"min":"0.7"} asks for something else"#
        );
        assert_eq!(error.detail().as_deref(), Some("At behavior_scores.email_engagement.min."));
        assert_eq!(error.hint().as_deref(), Some("Write 0.7 without quotes."));
    }

    /// What does not exist is told first.
    #[test]
    fn an_unknown_feature_is_told_before_its_test() {
        assert!(matches!(define(&json!({"country": {"equals": "US"}})), Err(Error::Unknown { .. })));
    }

    #[test]
    fn an_email_is_text_and_traits_are_of_any_type() {
        for test in [
            json!({"equals": 5}),
            json!({"in": ["a@b.org", null]}),
            json!({"size": 1}),
            json!({"any_element": {"equals": "a"}}),
            json!({"type": "array"}),
        ] {
            assert!(define(&json!({"email": test})).is_err(), "{test}");
        }
        for test in [
            json!({"equals": "a@b.org"}),
            json!({"ends_with": ".org"}),
            json!({"min": 5}),
            json!({"has_any": ["a@b.org"]}),
            json!({"type": "string"}),
        ] {
            assert!(define(&json!({"email": test})).is_ok(), "{test}");
        }
        for test in [
            json!({"equals": 5}),
            json!({"size": 1}),
            json!({"min": "a"}),
            json!({"contains": "a"}),
            json!({"within": "1 day"}),
        ] {
            for root in ["traits", "demographics", "preferences"] {
                assert!(define(&json!({root: {"plan": test}})).is_ok(), "{test}");
            }
            assert!(define(&json!({"tags": test})).is_ok(), "{test}");
        }
    }

    #[test]
    fn a_prediction_is_a_value_and_a_confidence() {
        let error = define(&json!({"attribute": "predictions.churn.confidnce", "min": 0.5})).unwrap_err();
        assert_eq!(error.to_string(), "invalid criteria: a prediction has no \"confidnce\"");
        assert!(error.hint().is_some_and(|hint| hint.starts_with("Did you mean \"confidence\"?")));
        assert!(define(&json!({"email": {"domain": {"equals": "b.org"}}})).is_err());
        assert!(define(&json!({"attribute": "predictions", "exists": true})).is_ok());
    }
}
