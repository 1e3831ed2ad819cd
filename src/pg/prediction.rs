//! Predictions about subscribers: numbers that a model made, kept beside the profiles and read with them.

use super::owner::Acting;
use super::pending;
use super::registry;
use super::spi::{Param, connect, connect_at_latest};
use std::collections::HashMap;

/// Predictions of one model about some subscribers.
pub struct Predictions {
    pub model: String,
    /// Of a model that was trained here.
    pub version: Option<i32>,
    pub subscribers: Vec<String>,
    /// Finite, one for each.
    pub values: Vec<f64>,
    /// From 0 to 1, one for each where there are any.
    pub confidences: Option<Vec<f64>>,
}

/// Puts predictions in the place of those that the model made before about the same subscribers. They count when the
/// transaction commits, as a write to a table of profiles does.
pub fn store(predictions: Predictions) {
    let Predictions { model, version, subscribers, values, confidences } = predictions;
    // Whoever reads them again from now on waits for no change of definitions in between.
    registry::hold_definitions();
    {
        let _acting = Acting::as_owner(registry::home().owner);
        connect_at_latest(|session| {
            session.modify(
                "INSERT INTO segment.prediction AS p (subscriber, model, version, value, confidence, predicted_at)
                 SELECT subscriber, $1, $2, value, confidence, segment.now()
                 FROM unnest($3::text[], $4::float8[], $5::float8[]) AS t (subscriber, value, confidence) ORDER BY subscriber
                 ON CONFLICT (subscriber, model) DO UPDATE SET version = excluded.version, value = excluded.value,
                   confidence = excluded.confidence, predicted_at = excluded.predicted_at",
                &[model.into(), version.into(), subscribers.clone().into(), values.into(), confidences.into()],
            );
        });
    }
    pending::record(|changes| changes.profiles.extend(subscribers));
}

/// Deletes the predictions about somebody.
pub fn forget(subscriber: &str) {
    delete("DELETE FROM segment.prediction WHERE subscriber = $1 RETURNING subscriber", subscriber);
}

/// Deletes what a model predicted, and returns about how many subscribers that was.
pub fn drop(model: &str) -> i64 {
    delete("DELETE FROM segment.prediction WHERE model = $1 RETURNING subscriber", model)
}

fn delete(sql: &'static str, of: &str) -> i64 {
    registry::hold_definitions();
    let _acting = Acting::as_owner(registry::home().owner);
    let subscribers = connect_at_latest(|session| session.modify(sql, &[of.into()]).first_column());
    let count = subscribers.len() as i64;
    pending::record(|changes| changes.profiles.extend(subscribers));
    count
}

/// Adds what is predicted about some subscribers to their profiles.
pub fn add(documents: &mut HashMap<String, Vec<u8>>, subscribers: &[String]) {
    let _acting = Acting::as_owner(registry::home().owner);
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
