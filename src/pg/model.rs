//! Trained models as they are stored.

use super::examples::Question;
use super::home;
use super::owner::Acting;
use super::prediction;
use super::report::{Refusal, value_of};
use super::spi::{Rows, connect, connect_at_latest, timestamp};
use crate::activity::Instant;
use crate::error::nearest;
use crate::predict::{Kind, Model, Part, Predictor, Spans, Study};
use pgrx::prelude::*;

/// A version of a model, without what it learned.
#[derive(Clone, Debug)]
pub struct Version {
    pub id: i32,
    pub name: String,
    pub version: i32,
    pub question: Question,
    pub active: bool,
    /// Percent of the subscribers that it predicts in the place of the active version.
    pub challenge: Option<f64>,
    pub better: bool,
    /// How it was trained.
    pub training: String,
}

/// What is stored of a training beside the study.
pub struct Trained<'a> {
    pub name: &'a str,
    pub question: &'a Question,
    /// For each snapshot: role, examples, those with the outcome, and the last event read.
    pub snapshots: &'a [Snapshot],
    pub share: f64,
    pub training: &'a str,
    pub trained_by: &'a str,
    pub trained_at: Instant,
}

pub struct Snapshot {
    pub role: &'static str,
    pub at: Instant,
    pub latest: Option<Instant>,
}

const COLUMNS: &str =
    "model_id, name, version, kind, event_type, features, active, challenge, beats_baseline, training::text,
    (EXTRACT(epoch FROM active_within) * 1000000)::bigint, (EXTRACT(epoch FROM gap) * 1000000)::bigint,
    (EXTRACT(epoch FROM horizon) * 1000000)::bigint";

fn version(rows: &Rows, row: usize) -> Option<Version> {
    let spans = Spans { window: rows.value(row, 11), gap: rows.value(row, 12), horizon: rows.value(row, 13) };
    let question = Question {
        kind: Kind::by_name(&rows.value::<String>(row, 4))?,
        spans,
        event: rows.get(row, 5),
        features: rows.value(row, 6),
    };
    Some(Version {
        id: rows.value(row, 1),
        name: rows.value(row, 2),
        version: rows.value(row, 3),
        question,
        active: rows.value(row, 7),
        challenge: rows.get(row, 8),
        better: rows.value(row, 9),
        training: rows.value(row, 10),
    })
}

/// The versions of a model, or of all, the oldest first, as of now.
pub fn versions(name: Option<&str>) -> Vec<Version> {
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        let rows = session.select_once(
            &format!(
                "SELECT {COLUMNS} FROM segment.model WHERE name = $1 OR $1 IS NULL ORDER BY name, version"
            ),
            &[name.map(str::to_owned).into()],
        );
        (0..rows.count()).filter_map(|row| version(&rows, row)).collect()
    })
}

/// A version of a model by its number, or the active one, or, where none is, the newest. An error where there is none.
pub fn find(name: &str, number: Option<i32>) -> Version {
    let versions = versions(Some(name));
    let Some(newest) = versions.last() else { unknown(name) };
    let active = || versions.iter().find(|version| version.active).unwrap_or(newest);
    let found = match number {
        None => Some(active()),
        Some(number) => versions.iter().find(|version| version.version == number),
    };
    found.cloned().unwrap_or_else(|| {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("model \"{name}\" has no version {}", number.unwrap_or_default()),
        )
        .hint(format!("The newest is {}; the view segment.models has all.", newest.version))
        .raise()
    })
}

fn unknown(name: &str) -> ! {
    let all = versions(None);
    let near = nearest(name, all.iter().map(|version| version.name.as_str()));
    Refusal::new(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("model \"{name}\" does not exist"))
        .hint(match near {
            Some(near) => format!("Did you mean \"{near}\"?"),
            None => "Train one with segment.train(model, kind).".to_owned(),
        })
        .raise()
}

/// The active version of a model; an error where none is.
pub fn active(name: &str) -> Version {
    let version = find(name, None);
    if !version.active {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("no version of model \"{name}\" is active"),
        )
        .hint("See what segment.evaluate says of it, and call segment.activate(model, version).")
        .raise();
    }
    version
}

/// What a version learned.
pub fn load(version: &Version) -> Model {
    let bytes = {
        let _acting = Acting::as_owner();
        connect_at_latest(|session| {
            let rows =
                session.select("SELECT bytes FROM segment.model WHERE model_id = $1", &[version.id.into()]);
            rows.bytes(0, 1)
        })
    };
    let model = value_of(Model::from_bytes(&bytes));
    if model.baselines.len() != version.question.features.len() {
        value_of::<()>(Err(crate::error::Error::Corrupt("model")));
    }
    model
}

/// Stores a version, not active, and returns its number.
pub fn store(trained: Trained, study: &Study) -> i32 {
    let Trained { question, name, .. } = trained;
    let _acting = Acting::as_owner();
    // Two trainings at once would take the same number.
    if let Some(table) = home::table(c"model") {
        // SAFETY: takes a heavyweight lock on an existing table, to be released with the transaction.
        unsafe { pg_sys::LockRelationOid(table, pg_sys::ShareRowExclusiveLock as pg_sys::LOCKMODE) };
    }
    connect_at_latest(|session| {
        let span = |span: Instant| format!("{span} microseconds");
        let rows = session.modify(
            "INSERT INTO segment.model (name, version, kind, algorithm, event_type, features, active_within, gap, horizon, share,
               training, beats_baseline, trained_at, trained_by, bytes)
             SELECT $1, coalesce(max(m.version), 0) + 1, $2, $3, $4, $5, $6::interval, $7::interval, $8::interval, $9, $10::jsonb,
                    $11, $12, $13, $14
             FROM segment.model m WHERE m.name = $1 RETURNING model_id, version",
            &[
                name.into(),
                question.kind.name().into(),
                study.algorithm.name().into(),
                question.event.clone().into(),
                question.features.clone().into(),
                span(question.spans.window).into(),
                span(question.spans.gap).into(),
                span(question.spans.horizon).into(),
                trained.share.into(),
                trained.training.into(),
                study.better.into(),
                timestamp(trained.trained_at).into(),
                trained.trained_by.into(),
                study.model.to_bytes().into(),
            ],
        );
        let (id, version): (i32, i32) = (rows.value(0, 1), rows.value(0, 2));
        for snapshot in trained.snapshots {
            let Spans { gap, horizon, .. } = question.spans;
            session.modify(
                "INSERT INTO segment.model_snapshot (model_id, role, snapshot_at, latest_event_at, outcome_from, outcome_until)
                 VALUES ($1, $2, $3, $4, $5, $6)",
                &[
                    id.into(),
                    snapshot.role.into(),
                    timestamp(snapshot.at).into(),
                    snapshot.latest.map(timestamp).into(),
                    timestamp(snapshot.at + gap).into(),
                    timestamp(snapshot.at + gap + horizon).into(),
                ],
            );
        }
        for (predictor, metric, value) in &study.metrics {
            session.modify(
                "INSERT INTO segment.model_metric (model_id, predictor, metric, value) VALUES ($1, $2, $3, $4)",
                &[id.into(), name_of(*predictor).into(), (*metric).into(), (*value).into()],
            );
        }
        for (part, Part { rows, predicted, observed }) in (1_i32..).zip(&study.table) {
            session.modify(
                "INSERT INTO segment.model_calibration (model_id, part, rows, predicted, observed) VALUES ($1, $2, $3, $4, $5)",
                &[id.into(), part.into(), (*rows as i64).into(), (*predicted).into(), (*observed).into()],
            );
        }
        for (feature, (gain, worse, deviation)) in question.features.iter().zip(&study.importance) {
            session.modify(
                "INSERT INTO segment.model_feature (model_id, feature, gain, permutation, deviation) VALUES ($1, $2, $3, $4, $5)",
                &[id.into(), feature.clone().into(), (*gain).into(), (*worse).into(), (*deviation).into()],
            );
        }
        version
    })
}

fn name_of(predictor: Predictor) -> &'static str {
    match predictor {
        Predictor::Model => "model",
        Predictor::BaseRate => "base_rate",
        Predictor::Rule => "rule",
    }
}

/// Has a version predict in the place of the one that did.
pub fn activate(version: &Version, at: Instant) {
    let _acting = Acting::as_owner();
    connect(|session| {
        session.modify(
            "UPDATE segment.model SET active = false WHERE name = $1 AND active",
            &[version.name.clone().into()],
        );
        session.modify(
            "UPDATE segment.model SET active = true, challenge = NULL, activated_at = $2,
               activations = (SELECT max(m.activations) FROM segment.model m WHERE m.name = segment.model.name) + 1
             WHERE model_id = $1",
            &[version.id.into(), timestamp(at).into()],
        );
    });
}

/// The version that was active before the one that is.
pub fn before(name: &str) -> Option<i32> {
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        let rows = session.select(
            "SELECT version FROM segment.model WHERE name = $1 AND NOT active AND activations > 0
             ORDER BY activations DESC LIMIT 1",
            &[name.into()],
        );
        rows.get(0, 1)
    })
}

/// Has a version predict so many percent of the subscribers in the place of the active one; nobody without a number.
pub fn challenge(version: &Version, percent: Option<f64>) {
    let _acting = Acting::as_owner();
    connect(|session| {
        session.modify(
            "UPDATE segment.model SET challenge = NULL WHERE name = $1 AND challenge IS NOT NULL",
            &[version.name.clone().into()],
        );
        session.modify(
            "UPDATE segment.model SET challenge = $2 WHERE model_id = $1",
            &[version.id.into(), percent.into()],
        );
    });
}

/// Deletes a version, or all, with what it predicted. Returns how many versions there were.
pub fn drop(name: &str, number: Option<i32>) -> i64 {
    prediction::drop(name, number);
    let _acting = Acting::as_owner();
    connect(|session| {
        let dropped = session.modify(
            "DELETE FROM segment.model WHERE name = $1 AND (version = $2 OR $2 IS NULL)",
            &[name.into(), number.into()],
        );
        dropped.count() as i64
    })
}
