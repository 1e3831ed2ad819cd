//! Predictions that come from elsewhere.

use crate::pg::guc;
use crate::pg::prediction::{self, Predictions, store};
use crate::pg::report::{invalid, required};
use crate::pg::source::LONGEST_SUBSCRIBER;
use pgrx::prelude::*;
use std::collections::HashSet;

/// Longest name of a model, in bytes.
const LONGEST_MODEL: usize = 200;

/// Stores what a model predicts about subscribers, in the place of what it predicted before about the same, and returns
/// how many there are. The arrays are of one length, confidences from 0 to 1 or NULL.
#[pg_extern(volatile, parallel_unsafe)]
fn set_predictions(
    model: Option<String>,
    subscribers: Option<Vec<Option<String>>>,
    values: Option<Vec<Option<f64>>>,
    confidences: default!(Option<Vec<Option<f64>>>, "NULL"),
) -> i64 {
    let model = required(model, "model");
    let subscribers = whole(required(subscribers, "subscribers"), "subscribers");
    let values = whole(required(values, "values"), "values");
    let confidences = confidences.map(|confidences| whole(confidences, "confidences"));
    if model.is_empty() || model.len() > LONGEST_MODEL {
        invalid(
            format!("the name of a model has 1 to {LONGEST_MODEL} bytes, not {}", model.len()),
            "Name it by what it predicts, such as churn.",
        );
    }
    for (name, length) in
        [("values", Some(values.len())), ("confidences", confidences.as_ref().map(Vec::len))]
    {
        if length.is_some_and(|length| length != subscribers.len()) {
            invalid(
                format!("subscribers and {name} have different lengths"),
                "Pass one of them for each subscriber.",
            );
        }
    }
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        invalid(
            format!("{value} is no prediction"),
            "Leave out the subscribers about whom nothing is predicted.",
        );
    }
    let outside = |confidence: &&f64| !(0.0..=1.0).contains(*confidence);
    if let Some(confidence) = confidences.iter().flatten().find(outside) {
        invalid(format!("{confidence} is no confidence"), "Pass numbers from 0 to 1.");
    }
    if let Some(long) = subscribers.iter().find(|id| id.is_empty() || id.len() > LONGEST_SUBSCRIBER) {
        invalid(
            format!("the id of a subscriber has 1 to {LONGEST_SUBSCRIBER} bytes, not {}", long.len()),
            "Pass ids as the attached tables have them.",
        );
    }
    let mut seen = HashSet::new();
    if let Some(twice) = subscribers.iter().find(|id| !seen.insert(id.as_str())) {
        invalid(format!("subscriber \"{twice}\" is there twice"), "Pass one prediction for each.");
    }
    let count = subscribers.len() as i64;
    store(Predictions { model, at: guc::now(), subscribers, versions: None, values, confidences });
    count
}

/// Forgets what a model predicted, about everybody, and returns about how many.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn drop_predictions(model: String) -> i64 {
    prediction::drop(&model, None)
}

fn whole<T>(values: Vec<Option<T>>, name: &str) -> Vec<T> {
    let length = values.len();
    let values: Vec<T> = values.into_iter().flatten().collect();
    if values.len() < length {
        invalid(format!("{name} must not hold NULL"), "Leave those out about whom nothing is predicted.");
    }
    values
}
