//! Predictions about subscribers: numbers that a model made, kept beside the profiles and read with them, and some earlier ones,
//! kept to be compared with what came.

use super::locks;
use super::owner::Acting;
use super::pending;
use super::predicted;
use super::spi::{Param, connect, connect_at_latest, timestamp};
use crate::activity::Instant;
use std::collections::HashMap;

/// Earlier predictions that are kept of each model, one per horizon.
const KEPT: i64 = 4;

/// Predictions of one model about some subscribers, each once.
pub struct Predictions {
    pub model: String,
    pub at: Instant,
    pub subscribers: Vec<String>,
    /// Of a model that was trained here, one for each.
    pub versions: Option<Vec<i32>>,
    /// Finite, one for each.
    pub values: Vec<f64>,
    /// From 0 to 1, one for each where there are any.
    pub confidences: Option<Vec<f64>>,
}

/// What was predicted of everybody at a time, in ascending order of subscriber.
pub struct Past {
    pub at: Instant,
    pub version: i32,
    pub subscribers: Vec<String>,
    pub values: Vec<f64>,
}

/// Puts predictions in the place of those that the model made before about the same subscribers. They count when the
/// transaction commits, as a write to a table of profiles does.
pub fn store(predictions: Predictions) {
    put(&predictions);
    pending::record(|changes| changes.profiles.extend(predictions.subscribers));
}

/// The same of subscribers in ascending order, by a transaction that does nothing else: where nobody need be evaluated for it, now.
pub fn store_alone(predictions: &Predictions) {
    put(predictions);
    let again = predicted::write(predictions);
    if !again.is_empty() {
        pending::record(|changes| changes.profiles.extend(again));
    }
}

fn put(predictions: &Predictions) {
    // Whoever reads them again from now on waits for no change of definitions in between.
    locks::hold_definitions();
    {
        let _acting = Acting::as_owner();
        connect_at_latest(|session| {
            session.modify(
                "INSERT INTO segment.prediction AS p (subscriber, model, version, value, confidence, predicted_at)
                 SELECT subscriber, $1, version, value, confidence, $2
                 FROM unnest($3::text[], $4::integer[], $5::float8[], $6::float8[]) AS t (subscriber, version, value, confidence)
                 ORDER BY subscriber
                 ON CONFLICT (subscriber, model) DO UPDATE SET version = excluded.version, value = excluded.value,
                   confidence = excluded.confidence, predicted_at = excluded.predicted_at",
                &[
                    predictions.model.clone().into(),
                    timestamp(predictions.at).into(),
                    predictions.subscribers.clone().into(),
                    predictions.versions.clone().into(),
                    predictions.values.clone().into(),
                    predictions.confidences.clone().into(),
                ],
            );
        });
    }
}

/// Whether predictions made now are to be kept: where none are from within a horizon.
pub fn are_due(model: &str, at: Instant, horizon: Instant) -> bool {
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        let rows = session.select(
            "SELECT max(predicted_at) FROM segment.past_prediction WHERE model = $1",
            &[model.into()],
        );
        rows.instant(0, 1).is_none_or(|last| at - last >= horizon)
    })
}

/// Keeps predictions to be compared with what comes.
pub fn keep(predictions: &Predictions) {
    let _acting = Acting::as_owner();
    connect(|session| {
        session.modify(
            "INSERT INTO segment.past_prediction (model, predicted_at, version, subscriber, value)
             SELECT $1, $2, t.version, t.subscriber, t.value
             FROM unnest($3::integer[], $4::text[], $5::float8[]) AS t (version, subscriber, value)",
            &[
                predictions.model.clone().into(),
                timestamp(predictions.at).into(),
                predictions.versions.clone().into(),
                predictions.subscribers.clone().into(),
                predictions.values.clone().into(),
            ],
        );
    });
}

/// Removes what was predicted before a time of those who were not predicted again, and the oldest of what is kept.
pub fn clean(model: &str, before: Instant) {
    delete(
        "DELETE FROM segment.prediction WHERE model = $1 AND predicted_at < $2 RETURNING subscriber",
        &[model.into(), timestamp(before).into()],
    );
    let _acting = Acting::as_owner_at_large();
    connect(|session| {
        session.modify_once(
            "DELETE FROM segment.past_prediction p WHERE p.model = $1 AND p.predicted_at <= (
               SELECT DISTINCT o.predicted_at FROM segment.past_prediction o WHERE o.model = $1
               ORDER BY o.predicted_at DESC OFFSET $2 LIMIT 1)",
            &[model.into(), KEPT.into()],
        );
    });
}

/// What is kept of a model, by time and version, the oldest first.
pub fn past(model: &str) -> Vec<Past> {
    let _acting = Acting::as_owner_at_large();
    connect(|session| {
        let rows = session.select_once(
            "SELECT predicted_at, version, array_agg(subscriber ORDER BY subscriber), array_agg(value ORDER BY subscriber)
             FROM segment.past_prediction WHERE model = $1 GROUP BY predicted_at, version ORDER BY predicted_at, version",
            &[model.into()],
        );
        let past = |row: usize| {
            Some(Past {
                at: rows.instant(row, 1)?,
                version: rows.value(row, 2),
                subscribers: rows.value(row, 3),
                values: rows.value(row, 4),
            })
        };
        (0..rows.count()).filter_map(past).collect()
    })
}

/// Deletes the predictions about somebody.
pub fn forget(subscriber: &str) {
    delete("DELETE FROM segment.prediction WHERE subscriber = $1 RETURNING subscriber", &[subscriber.into()]);
    let _acting = Acting::as_owner_at_large();
    connect(|session| {
        session
            .modify_once("DELETE FROM segment.past_prediction WHERE subscriber = $1", &[subscriber.into()]);
    });
}

/// Deletes what a model, or one of its versions, predicted, and returns about how many subscribers that was.
pub fn drop(model: &str, version: Option<i32>) -> i64 {
    let count = delete(
        "DELETE FROM segment.prediction WHERE model = $1 AND (version = $2 OR $2 IS NULL) RETURNING subscriber",
        &[model.into(), version.into()],
    );
    let _acting = Acting::as_owner_at_large();
    connect(|session| {
        session.modify_once(
            "DELETE FROM segment.past_prediction WHERE model = $1 AND (version = $2 OR $2 IS NULL)",
            &[model.into(), version.into()],
        );
    });
    count
}

fn delete(sql: &'static str, arguments: &[Param]) -> i64 {
    locks::hold_definitions();
    let _acting = Acting::as_owner();
    let subscribers = connect_at_latest(|session| session.modify(sql, arguments).first_column());
    let count = subscribers.len() as i64;
    pending::record(|changes| changes.profiles.extend(subscribers));
    count
}

/// Adds what is predicted about some subscribers to their profiles.
pub fn add(documents: &mut HashMap<String, Vec<u8>>, subscribers: &[String]) {
    let _acting = Acting::as_owner();
    connect(|session| {
        let rows = session.select(
            "SELECT subscriber, jsonb_build_object('predictions', jsonb_object_agg(model,
                      jsonb_build_object('value', value::numeric, 'confidence', confidence::numeric)))
             FROM segment.prediction WHERE subscriber = ANY ($1::text[]) GROUP BY subscriber",
            &[subscribers.to_vec().into()],
        );
        for row in 0..rows.count() {
            let (subscriber, predicted) = (rows.value::<String>(row, 1), rows.bytes(row, 2));
            let document = match documents.get(&subscriber) {
                None => predicted,
                Some(known) => session
                    .select("SELECT $1 || $2", &[Param::jsonb(known), Param::jsonb(&predicted)])
                    .bytes(0, 1),
            };
            documents.insert(subscriber, document);
        }
    });
}
