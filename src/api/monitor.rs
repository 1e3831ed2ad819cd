//! Whether what a model was trained on still holds, and whether what it said came true.

use crate::activity::Instant;
use crate::pg::examples::{Reading, extent};
use crate::pg::model::{self, Version};
use crate::pg::prediction::{self, Past};
use crate::pg::report::required;
use crate::pg::spi::{connect, timestamp};
use crate::pg::{guc, owner::Acting, registry};
use crate::predict::{Drift, calibration_table, measure, spearman};
use pgrx::prelude::*;

/// From which population stability index on a distribution has moved somewhat, and much; with fewer rows it says nothing.
const SOMEWHAT: f64 = 0.1;
const MUCH: f64 = 0.25;
const ENOUGH: u64 = 500;

/// Subscribers read at once.
const PAGE: i64 = 10_000;

/// How far each feature of those who are active now, and what the model predicts of them, is from what it was at the training.
#[pg_extern(volatile, parallel_unsafe)]
fn drift(
    model: Option<String>,
    version: default!(Option<i32>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(feature, String),
        name!(psi, f64),
        name!(ks, f64),
        name!(ks_p, f64),
        name!(missing_then, f64),
        name!(missing_now, f64),
        name!(rows, i64),
        name!(verdict, String),
    ),
> {
    let version = model::find(&required(model, "model"), version);
    let rows = drifts(&version).into_iter().map(|(feature, drift)| {
        let Drift { rows, psi, ks, p, missing_then, missing_now } = drift;
        (feature, psi, ks, p, missing_then, missing_now, rows as i64, verdict(&drift).to_owned())
    });
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// Whether some feature, or the predictions, have drifted much.
pub fn has_drifted(version: &Version) -> bool {
    drifts(version).iter().any(|(_, drift)| verdict(drift) == "drifted")
}

fn verdict(drift: &Drift) -> &'static str {
    match drift.psi {
        _ if drift.rows < ENOUGH => "not enough data",
        psi if psi >= MUCH => "drifted",
        psi if psi >= SOMEWHAT => "moved",
        _ => "stable",
    }
}

fn drifts(version: &Version) -> Vec<(String, Drift)> {
    let registry = registry::visible();
    let reading = Reading::of_present(&registry, &version.question);
    let learned = model::load(version);
    let names = &version.question.features;
    let (mut columns, mut predicted) = (vec![Vec::new(); names.len()], Vec::new());
    let (at, mut after) = (guc::statement_now(), None::<String>);
    loop {
        pgrx::check_for_interrupts!();
        let page = reading.page(&registry, after.as_deref(), PAGE, at);
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for features in page.into_iter().filter_map(|(_, features)| features) {
            columns.iter_mut().zip(&features).for_each(|(column, value)| column.push(*value));
            predicted.push(learned.predict(&features));
        }
    }
    let drifts = learned.baselines.iter().zip(&columns).map(|(baseline, column)| baseline.compare(column));
    let mut named: Vec<(String, Drift)> = names.iter().cloned().zip(drifts).collect();
    named.push(("(prediction)".to_owned(), learned.predicted.compare(&predicted)));
    named
}

/// What came of the predictions that were kept, once their horizon has passed: by the time of the prediction and the version, each
/// measure of how good they were; and of how they moved since those before.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn monitor(
    model: String,
) -> TableIterator<
    'static,
    (
        name!(predicted_at, TimestampWithTimeZone),
        name!(version, i32),
        name!(metric, String),
        name!(value, f64),
    ),
> {
    let mut measured = Vec::new();
    let mut before: Option<Past> = None;
    judged(&model, |version, past, outcomes| {
        let threshold = threshold(version);
        let mut metrics = measure(version.question.kind, &past.values, outcomes, threshold);
        if let Some(before) = before.take() {
            metrics.extend(stability(&before, &past, threshold));
        }
        let at = past.at;
        let named = metrics.into_iter().map(|(metric, value)| (at, past.version, metric.to_owned(), value));
        measured.extend(named);
        before = Some(past);
    });
    let rows =
        measured.into_iter().map(|(at, version, metric, value)| (timestamp(at), version, metric, value));
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// Of the same, the means of what was predicted and of what came, by tenths of the predictions.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn monitor_calibration(
    model: String,
) -> TableIterator<
    'static,
    (
        name!(predicted_at, TimestampWithTimeZone),
        name!(version, i32),
        name!(part, i32),
        name!(rows, i64),
        name!(predicted, f64),
        name!(observed, f64),
    ),
> {
    let mut rows = Vec::new();
    judged(&model, |_, past, outcomes| {
        let parts = calibration_table(&past.values, outcomes);
        rows.extend((1..).zip(parts).map(|(place, part)| {
            (timestamp(past.at), past.version, place, part.rows as i64, part.predicted, part.observed)
        }));
    });
    TableIterator::new(rows)
}

/// Shows the predictions whose horizon has passed, with what came, the oldest first.
fn judged(name: &str, mut show: impl FnMut(&Version, Past, &[f64])) {
    let versions = model::versions(Some(&model::find(name, None).name));
    let registry = registry::visible();
    let last = extent(&registry).map_or(Instant::MIN, |(_, last)| last);
    for past in prediction::past(name) {
        let Some(version) = versions.iter().find(|version| version.version == past.version) else { continue };
        let spans = version.question.spans;
        if past.at + spans.gap + spans.horizon > last {
            continue;
        }
        let reading = Reading::of_events(&registry, &version.question);
        let outcomes = reading.outcomes(&registry, past.at, &past.subscribers);
        show(version, past, &outcomes);
    }
}

/// From which probability on the version takes a prediction for a yes; NaN of values.
fn threshold(version: &Version) -> f64 {
    let _acting = Acting::as_owner();
    connect(|session| {
        let rows = session.select(
            "SELECT value FROM segment.model_metric WHERE model_id = $1 AND predictor = 'model' AND metric = 'threshold'",
            &[version.id.into()],
        );
        rows.get(0, 1).unwrap_or(f64::NAN)
    })
}

/// How predictions of the same subscribers moved since the time before: rank correlation, and the share that is on the same side of
/// the threshold (of values, of the mean).
fn stability(before: &Past, now: &Past, threshold: f64) -> Vec<(&'static str, f64)> {
    let both = before.subscribers.iter().zip(&before.values).filter_map(|(subscriber, value)| {
        let place = now.subscribers.binary_search(subscriber).ok()?;
        Some((*value, now.values[place]))
    });
    let (then, now): (Vec<f64>, Vec<f64>) = both.unzip();
    if then.is_empty() {
        return Vec::new();
    }
    let mean = then.iter().sum::<f64>() / then.len() as f64;
    let limit = if threshold.is_nan() { mean } else { threshold };
    let same = then.iter().zip(&now).filter(|(then, now)| (**then >= limit) == (**now >= limit)).count();
    vec![
        ("stability_rows", then.len() as f64),
        ("stability_spearman", spearman(&then, &now)),
        ("stability_same_side", same as f64 / then.len() as f64),
    ]
}
