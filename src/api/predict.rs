//! Predictions of everybody, and why one is what it is.

use crate::membership::bucket;
use crate::pg::examples::Reading;
use crate::pg::flush::flush;
use crate::pg::model::{self, Version};
use crate::pg::prediction::{self, Predictions};
use crate::pg::report::{Refusal, invalid, required};
use crate::pg::{guc, registry, transaction};
use crate::predict::Model;
use pgrx::prelude::*;

/// Subscribers between two commits.
const BATCH: i32 = 10_000;

/// Percent to the unit of buckets.
const MILLIONTHS: f64 = 1e6;

/// Predicts for everybody who was active, by the active version and its challenger, and puts that into `segment.prediction`, in
/// batches that commit one by one.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.predict(model text, batch integer DEFAULT 10000)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn predict(model: Option<String>, batch: Option<i32>, fcinfo: pg_sys::FunctionCallInfo) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.predict") };
    let name = required(model, "model");
    let batch = batch.unwrap_or(BATCH);
    if batch < 1 {
        invalid(format!("batch is {batch}, but must be at least 1"), "Leave it at its default of 10000.");
    }
    let active = model::active(&name);
    let challenger = model::versions(Some(&name)).into_iter().find(|version| version.challenge.is_some());
    let mut voices = vec![Voice::of(active)];
    voices.extend(challenger.map(Voice::of));
    let at = guc::now();
    let horizon = voices[0].version.question.spans.horizon;
    let keep = prediction::are_due(&name, at, horizon);
    let salt = format!("model:{name}");
    let (mut after, mut total) = (None, 0);
    loop {
        let registry = registry::visible();
        let mut predictions = Vec::new();
        let mut last = None;
        for (place, voice) in voices.iter().enumerate() {
            let reading = Reading::of_present(&registry, &voice.version.question);
            if place == 0 && after.is_none() && !reading.is_stored() {
                pgrx::notice!(
                    "the events are read: segment.create_feature has features kept, which is faster"
                );
            }
            let page = reading.page(&registry, after.as_deref(), i64::from(batch), at);
            last = page.last().map(|(subscriber, _)| subscriber.clone());
            for (subscriber, features) in page {
                let challenged = || {
                    let percent = voices.get(1).and_then(|voice| voice.version.challenge);
                    percent.is_some_and(|percent| bucket(&salt, &subscriber) < (percent * MILLIONTHS) as i128)
                };
                if (place == 1) == challenged()
                    && let Some(features) = features
                {
                    predictions.push(voice.say(subscriber, &features));
                }
            }
        }
        let Some(last) = last else { break };
        after = Some(last);
        total += predictions.len();
        predictions.sort_unstable_by(|a: &Said, b| a.subscriber.cmp(&b.subscriber));
        let predictions = Predictions {
            model: name.clone(),
            at,
            versions: Some(predictions.iter().map(|said| said.version).collect()),
            values: predictions.iter().map(|said| said.value).collect(),
            confidences: Some(predictions.iter().map(|said| said.confidence).collect()),
            subscribers: predictions.into_iter().map(|said| said.subscriber).collect(),
        };
        if keep {
            prediction::keep(&predictions);
        }
        prediction::store_alone(&predictions);
        flush();
        transaction::commit();
        pgrx::check_for_interrupts!();
    }
    prediction::clean(&name, at);
    flush();
    pgrx::notice!("predicted {total} subscribers");
}

/// What a version said about somebody.
struct Said {
    subscriber: String,
    version: i32,
    value: f64,
    confidence: f64,
}

/// A version that predicts.
struct Voice {
    version: Version,
    model: Model,
}

impl Voice {
    fn of(version: Version) -> Self {
        Voice { model: model::load(&version), version }
    }

    fn say(&self, subscriber: String, features: &[f64]) -> Said {
        let value = self.model.predict(features);
        let confidence = self.model.confidence(value);
        Said { subscriber, version: self.version.version, value, confidence }
    }
}

/// Why a subscriber's prediction is what it is now: what each feature adds to the score (exact Shapley values), the largest first;
/// the base, of which nothing is known, and the score, which is the sum of all; and the prediction that the score is calibrated to.
#[pg_extern(stable, parallel_restricted)]
fn explain_prediction(
    subscriber: Option<String>,
    model: Option<String>,
    version: default!(Option<i32>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(feature, String),
        name!(value, Option<f64>),
        name!(contribution, Option<f64>),
        name!(effect, String),
    ),
> {
    let subscriber = required(subscriber, "subscriber");
    let version = model::find(&required(model, "model"), version);
    let registry = registry::visible();
    let reading = Reading::of_present(&registry, &version.question);
    let features = reading.one(&registry, &subscriber, guc::statement_now()).unwrap_or_else(|| {
        let days = version.question.spans.window / 86_400_000_000;
        Refusal::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("subscriber \"{subscriber}\" was not active in the last {days} days"),
        )
        .hint("The model learned from who was, and says nothing of others.")
        .raise()
    });
    let learned = model::load(&version);
    let (base, contributions) = learned.learner.contributions(&features);
    let score = learned.learner.score(&features);
    let mut rows: Vec<_> = version
        .question
        .features
        .iter()
        .zip(&features)
        .zip(contributions)
        .map(|((name, value), contribution)| {
            let effect = match contribution {
                more if more > 0.0 => "raises it",
                less if less < 0.0 => "lowers it",
                _ => "changes nothing",
            };
            let value = Some(*value).filter(|value| !value.is_nan());
            (name.clone(), value, Some(contribution), effect.to_owned())
        })
        .collect();
    let size = |row: &(String, Option<f64>, Option<f64>, String)| row.2.unwrap_or_default().abs();
    rows.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let predicted = learned.predict(&features);
    rows.push(("(base)".to_owned(), None, Some(base), "the score without knowing anything".to_owned()));
    rows.push(("(score)".to_owned(), None, Some(score), "the sum of all".to_owned()));
    let kind = version.question.kind.name();
    rows.push((
        "(prediction)".to_owned(),
        Some(predicted),
        None,
        format!("the {kind} that the score stands for"),
    ));
    TableIterator::new(rows)
}
