//! Predictions as they are stored: the latest of everybody, and some earlier ones to be compared with what came.

use super::owner::Acting;
use super::registry;
use super::spi::{connect, connect_at_latest, timestamp};
use crate::activity::Instant;

/// Earlier predictions that are kept of each model, one per horizon.
const KEPT: i64 = 4;

/// A prediction of a subscriber.
pub struct Prediction {
    pub subscriber: String,
    pub value: f64,
    pub confidence: f64,
    pub version: i32,
}

/// What was predicted of everybody at a time, in ascending order of subscriber.
pub struct Past {
    pub at: Instant,
    pub version: i32,
    pub subscribers: Vec<String>,
    pub values: Vec<f64>,
}

/// Whether predictions made now are to be kept: where none are from within a horizon.
pub fn are_due(model: &str, at: Instant, horizon: Instant) -> bool {
    let _acting = Acting::as_owner(registry::home().owner);
    connect_at_latest(|session| {
        let rows = session.select(
            "SELECT max(predicted_at) FROM segment.past_prediction WHERE model = $1",
            &[model.into()],
        );
        rows.instant(0, 1).is_none_or(|last| at - last >= horizon)
    })
}

/// Puts predictions in the place of earlier ones of the same subscribers; with `keep`, they are kept to be compared, too.
pub fn write(model: &str, predictions: Vec<Prediction>, at: Instant, keep: bool) {
    let _acting = Acting::as_owner(registry::home().owner);
    let (mut subscribers, mut values, mut confidences, mut versions) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for prediction in predictions {
        subscribers.push(prediction.subscriber);
        values.push(prediction.value);
        confidences.push(prediction.confidence);
        versions.push(prediction.version);
    }
    connect(|session| {
        if keep {
            session.modify(
                "INSERT INTO segment.past_prediction (model, predicted_at, version, subscriber, value)
                 SELECT $1, $2, t.version, t.subscriber, t.value
                 FROM unnest($3::integer[], $4::text[], $5::float8[]) AS t (version, subscriber, value)",
                &[
                    model.into(),
                    timestamp(at).into(),
                    versions.clone().into(),
                    subscribers.clone().into(),
                    values.clone().into(),
                ],
            );
        }
        session.modify(
            "INSERT INTO segment.prediction (model, subscriber, value, confidence, version, predicted_at)
             SELECT $1, t.subscriber, t.value, t.confidence, t.version, $2
             FROM unnest($3::text[], $4::float8[], $5::float8[], $6::integer[]) AS t (subscriber, value, confidence, version)
             ON CONFLICT (model, subscriber) DO UPDATE
               SET value = excluded.value, confidence = excluded.confidence, version = excluded.version,
                   predicted_at = excluded.predicted_at",
            &[
                model.into(),
                timestamp(at).into(),
                subscribers.into(),
                values.into(),
                confidences.into(),
                versions.into(),
            ],
        );
    });
}

/// Removes what was predicted before a time of those who were not predicted again, and the oldest of what is kept.
pub fn clean(model: &str, before: Instant) {
    let _acting = Acting::as_owner_at_large(registry::home().owner);
    connect(|session| {
        session.modify_once(
            "DELETE FROM segment.prediction WHERE model = $1 AND predicted_at < $2",
            &[model.into(), timestamp(before).into()],
        );
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
    let _acting = Acting::as_owner_at_large(registry::home().owner);
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
