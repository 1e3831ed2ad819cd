//! Models: trained, judged, put into force and taken out of it.

#![allow(clippy::too_many_arguments)]

use crate::activity::{Instant, VALID_TIMES};
use crate::pg::examples::{Examples, Question, Reading, extent};
use crate::pg::model::{self, Snapshot, Trained, Version};
use crate::pg::report::{Refusal, invalid, required, value_of};
use crate::pg::spi::{connect, instant};
use crate::pg::types::JsonbArgument;
use crate::pg::{guc, registry, transaction};
use crate::predict::{Kind, MOST_FEATURES, Predictor, Set, Spans, Study, Training, study};
use pgrx::prelude::*;
use serde_json::{Map, Value};

/// Snapshots that a model is trained on by default, at most.
const SNAPSHOTS: i32 = 4;

/// Trains a new version of a model on the subscribers' own history and tests it at a later time. It becomes the active one where
/// it is better than what needs no model and no worse than the version that is active.
#[pg_extern(volatile, parallel_unsafe)]
fn train(
    model: Option<String>,
    kind: Option<String>,
    horizon: default!(Option<Interval>, "'30 days'"),
    gap: default!(Option<Interval>, "'0'"),
    active_within: default!(Option<Interval>, "'90 days'"),
    event_type: default!(Option<String>, "NULL"),
    features: default!(Option<Vec<Option<String>>>, "NULL"),
    snapshot: default!(Option<TimestampWithTimeZone>, "NULL"),
    snapshots: default!(Option<i32>, "4"),
    algorithm: default!(Option<String>, "NULL"),
    parameters: default!(Option<JsonbArgument>, "NULL"),
    seed: default!(Option<i64>, "42"),
) -> TableIterator<
    'static,
    (
        name!(version, i32),
        name!(algorithm, String),
        name!(trained_on, i64),
        name!(tested_on, i64),
        name!(metric, String),
        name!(value, f64),
        name!(base_rate, f64),
        name!(rule, f64),
        name!(beats_baseline, bool),
        name!(active, bool),
    ),
> {
    let name = required(model, "model");
    if name.is_empty() {
        invalid("model must not be empty", "Name the model, such as 'churn'.");
    }
    let kind_name = required(kind, "kind");
    let kind = Kind::by_name(&kind_name).unwrap_or_else(|| {
        invalid(
            format!("there is no kind \"{kind_name}\" of models"),
            "Kinds are churn, value and engagement.",
        )
    });
    let spans = Spans {
        window: span(active_within, "active_within", 1),
        gap: span(gap, "gap", 0),
        horizon: span(horizon, "horizon", 1),
    };
    let registry = registry::visible();
    let known = |name: &&&str| registry.features.formula(name).is_ok();
    let features = match features {
        None => kind.features().iter().filter(known).map(|name| (*name).to_owned()).collect(),
        Some(features) => features.into_iter().collect::<Option<Vec<String>>>().unwrap_or_else(|| {
            invalid("features must not contain null", "Name features of segment.feature_list.")
        }),
    };
    if features.is_empty() || features.len() > MOST_FEATURES {
        invalid(
            format!("there must be from 1 to {MOST_FEATURES} features"),
            "The view segment.feature_list has those that there are.",
        );
    }
    let most = snapshots.unwrap_or(SNAPSHOTS);
    if most < 1 {
        invalid(format!("snapshots is {most}, but must be at least 1"), "Leave it out for up to 4.");
    }
    let wanted = snapshot.map(instant);
    if wanted.is_some_and(|wanted| !VALID_TIMES.contains(&wanted)) {
        invalid("snapshot is not a time within the years 1 to 9999", "Leave it out for the latest.");
    }
    let question = Question { kind, spans, event: event_type, features };
    question.check(&registry);
    let mut training = document(parameters.as_ref().map(JsonbArgument::text));
    training.extend(algorithm.map(|algorithm| ("algorithm".to_owned(), Value::from(algorithm))));
    training.insert("seed".to_owned(), Value::from(seed.unwrap_or(42)));
    value_of(Training::parse(&training));
    training.insert("snapshots".to_owned(), Value::from(most));
    let trained = learn(&name, &question, training, wanted);
    TableIterator::once(trained)
}

/// Trains a new version of a model, or of every model that has an active version, as the active one was trained; each commits by
/// itself. With `drifted_only`, of those alone whose features or predictions have drifted.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.retrain(model text DEFAULT NULL, drifted_only boolean DEFAULT false)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn retrain(model: Option<String>, drifted_only: Option<bool>, fcinfo: pg_sys::FunctionCallInfo) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.retrain") };
    let versions = match &model {
        Some(name) => vec![model::find(name, None)],
        None => model::versions(None).into_iter().filter(|version| version.active).collect(),
    };
    for version in versions {
        let name = &version.name;
        if drifted_only == Some(true) && !super::monitor::has_drifted(&version) {
            pgrx::notice!("model \"{name}\" has not drifted");
            continue;
        }
        let (number, .., active) =
            learn(name, &version.question, document(Some(version.training.clone())), None);
        let becomes = if active { "which is active now" } else { "which is not active" };
        pgrx::notice!("model \"{name}\" has a new version {number}, {becomes}");
        transaction::commit();
        pgrx::check_for_interrupts!();
    }
}

/// What `train` returns.
type Outcome = (i32, String, i64, i64, String, f64, f64, f64, bool, bool);

fn learn(
    name: &str,
    question: &Question,
    mut document: Map<String, Value>,
    wanted: Option<Instant>,
) -> Outcome {
    let registry = registry::visible();
    let most = document.remove("snapshots").and_then(|most| most.as_u64()).unwrap_or(SNAPSHOTS as u64);
    let training = value_of(Training::parse(&document));
    document.insert("snapshots".to_owned(), Value::from(most));
    let versions = model::versions(Some(name));
    if let Some(other) = versions.iter().find(|version| version.question.kind != question.kind) {
        invalid(
            format!("model \"{name}\" is one of {}", other.question.kind.name()),
            "Choose another name, or drop that model first.",
        );
    }
    let reading = Reading::of_events(&registry, question);
    let Some((first, last)) = extent(&registry) else {
        invalid("there are no events to learn from", "Attach a table of events with segment.attach_source.");
    };
    let plan = value_of(question.spans.plan(first, last, wanted, most as usize));
    let Examples { train, validation, test, latest, share } = reading.examples(&registry, &plan);
    let study = value_of(study(question.kind, &train, &validation, &test, training, &mut || {
        pgrx::check_for_interrupts!();
    }));
    let role = |at: Instant| match at {
        at if at == plan.test => "test",
        at if plan.validation == Some(at) => "validation",
        _ => "training",
    };
    let snapshots: Vec<Snapshot> =
        latest.iter().map(|(at, latest)| Snapshot { role: role(*at), at: *at, latest: *latest }).collect();
    let trained = Trained {
        name,
        question,
        snapshots: &snapshots,
        share,
        training: &Value::Object(document).to_string(),
        trained_by: &session_user(),
        trained_at: guc::statement_now(),
    };
    let number = model::store(trained, &study);
    let active = study.better && succeeds(&versions, question, &study, &test);
    if active {
        model::activate(&model::find(name, Some(number)), guc::statement_now());
    } else if !study.better {
        pgrx::notice!("the model is no better than its baselines, and not activated");
    }
    let metric = if question.kind.is_class() { "auc" } else { "rmse" };
    let value = |predictor: Predictor| {
        let mut metrics = study.metrics.iter();
        metrics.find(|found| (found.0, found.1) == (predictor, metric)).map_or(f64::NAN, |found| found.2)
    };
    let [own, base, rule] = [Predictor::Model, Predictor::BaseRate, Predictor::Rule].map(value);
    let rows = |set: &Set| set.outcome.len() as i64;
    let algorithm = study.algorithm.name().to_owned();
    (number, algorithm, rows(&train), rows(&test), metric.to_owned(), own, base, rule, study.better, active)
}

/// Whether a new version may take the place of the one that is active: where none is, or by its error on the same test.
fn succeeds(versions: &[Version], question: &Question, study: &Study, test: &Set) -> bool {
    let Some(active) = versions.iter().find(|version| version.active) else { return true };
    let same = active.question.features == question.features
        && active.question.spans == question.spans
        && active.question.event == question.event;
    if !same {
        pgrx::notice!(
            "version {} stays active: it answers another question, call segment.activate to replace it",
            active.version
        );
        return false;
    }
    let other = model::load(active);
    let [new, old] = [&study.model, &other].map(|model| {
        let mut predicted = Vec::with_capacity(test.outcome.len());
        test.rows.each_row(|_, row| predicted.push(model.predict(row)));
        crate::predict::brier(&predicted, &test.outcome)
    });
    if new > old {
        pgrx::notice!("version {} stays active: its error on the same test is less", active.version);
    }
    new <= old
}

/// Has a version of a model predict.
#[pg_extern(volatile, parallel_unsafe)]
fn activate(model: Option<String>, version: Option<i32>) {
    let name = required(model, "model");
    let version = model::find(&name, Some(required(version, "version")));
    if !version.better {
        pgrx::notice!("version {} is no better than its baselines", version.version);
    }
    model::activate(&version, guc::statement_now());
}

/// Has the version predict again that did before the active one; returns its number.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn rollback(model: String) -> i32 {
    model::active(&model);
    let before = model::before(&model).unwrap_or_else(|| {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("no other version of model \"{model}\" was active before"),
        )
        .hint("Call segment.activate(model, version) with one of the view segment.models.")
        .raise()
    });
    model::activate(&model::find(&model, Some(before)), guc::statement_now());
    before
}

/// Has a version predict for a part of the subscribers in the place of the active one: those whose bucket for the salt
/// `model:` and the model's name lies below a percentage. 0 ends it.
#[pg_extern(volatile, parallel_unsafe)]
fn challenge(model: Option<String>, version: Option<i32>, percent: default!(Option<f64>, "10")) {
    let name = required(model, "model");
    let champion = model::active(&name);
    let version = model::find(&name, Some(required(version, "version")));
    let percent = required(percent, "percent");
    if !(0.0..=100.0).contains(&percent) {
        invalid(format!("percent is {percent}, but must be from 0 to 100"), "Leave it out for 10.");
    }
    if version.id == champion.id {
        invalid(format!("version {} is the active one", version.version), "Name another version.");
    }
    model::challenge(&version, Some(percent).filter(|percent| *percent > 0.0));
}

/// Drops a version of a model that is not active, or the whole model with its predictions; returns how many versions.
#[pg_extern(volatile, parallel_unsafe)]
fn drop_model(model: Option<String>, version: default!(Option<i32>, "NULL")) -> i64 {
    let name = required(model, "model");
    let found = model::find(&name, version);
    if version.is_some() && found.active {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("version {} of model \"{name}\" is active", found.version),
        )
        .hint("Activate another version first, or drop the whole model.")
        .raise();
    }
    model::drop(&name, version)
}

/// The id of a version of a model: of the active one, or the newest where none is, without a number.
#[pg_extern(stable, parallel_restricted, name = "_model")]
fn model_id(model: Option<String>, version: Option<i32>) -> i32 {
    model::find(&required(model, "model"), version).id
}

/// A length of time in microseconds, of at least so many.
fn span(argument: Option<Interval>, name: &str, least: i64) -> Instant {
    let interval = required(argument, name);
    let micros = i128::from(interval.days()) * 86_400_000_000 + i128::from(interval.micros());
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    // A second, where it may not be nothing; a hundred years at most.
    let (least, most) = (least * 1_000_000, 36_525 * 86_400_000_000);
    if interval.months() != 0 {
        invalid(format!("{name} has months or years, which are not always as long"), "Write it in days.");
    }
    if !(least..=most).contains(&micros) {
        invalid(format!("{name} is out of range"), "Write a length of time such as '30 days'.");
    }
    micros
}

fn document(text: Option<String>) -> Map<String, Value> {
    let Some(text) = text else { return Map::new() };
    match value_of(crate::criteria::read(&text)) {
        Value::Object(document) => document,
        _ => invalid("parameters must be an object", "Write {\"depth\": 4}, or leave it out."),
    }
}

fn session_user() -> String {
    connect(|session| session.select("SELECT session_user::text", &[]).value(0, 1))
}
