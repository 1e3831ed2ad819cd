//! Features and scores as data.

use super::segment::refuse_used;
use crate::criteria::{Features, Formula, is_root};
use crate::error::{Result, nearest};
use crate::membership::{Definition, plan_streams, reads, requirements};
use crate::pg::owner::Acting;
use crate::pg::registry::{self, Registry};
use crate::pg::report::{Refusal, required, value_of};
use crate::pg::spi::{connect, connect_at_latest};
use crate::pg::types::JsonbArgument;
use crate::pg::{catalogue, change};
use crate::score::{FAMILIES, Feature, READY, ready};
use pgrx::prelude::*;
use serde_json::Value;

/// Longest name of a feature, in bytes, as of a column.
const LONGEST_NAME: usize = 63;

/// Creates a feature, which is then kept for everybody and shown by `segment.profile`; without `spec`, one of those that are
/// ready by that name. Blocks the writers of all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe)]
fn create_feature(
    name: Option<String>,
    spec: default!(Option<JsonbArgument>, "NULL"),
    description: default!(Option<String>, "NULL"),
) {
    create("feature", name, spec, description);
}

/// Creates a score: a feature that is a sum of terms.
#[pg_extern(volatile, parallel_unsafe)]
fn create_score(
    name: Option<String>,
    spec: default!(Option<JsonbArgument>, "NULL"),
    description: default!(Option<String>, "NULL"),
) {
    create("score", name, spec, description);
}

fn create(kind: &str, name: Option<String>, spec: Option<JsonbArgument>, description: Option<String>) {
    let name = required(name, "name");
    check_name(&name);
    let registry = change::begin(&format!("create_{kind}"));
    let ready = ready(&name);
    if registry.created.contains(&name)
        || Feature::by_name(&name).is_some()
        || (ready.is_some() && spec.is_some())
    {
        let hint = match ready {
            Some(_) => "It is ready: leave the spec out to have it kept and shown, or choose another name.",
            None => "Choose another name, or call segment.alter_feature.",
        };
        refuse_existing(&name, hint);
    }
    let text = match (&spec, registry.features.spec(&name)) {
        (Some(spec), _) => spec.text(),
        (None, Some(spec)) => spec.to_string(),
        (None, None) => {
            let near = nearest(&name, READY.iter().map(|(name, ..)| *name));
            Refusal::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                format!("no feature \"{name}\" is ready to be used without a spec"),
            )
            .hint(match near {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => "The view segment.feature_list has those that are.".to_owned(),
            })
            .raise()
        }
    };
    let description = description.or(ready);
    // It may not refer to itself.
    let formula = value_of(registry.features.parse(&value_of(read(&text))));
    let features = with_spec(&registry, &name, &text);
    if kind == "score" && !matches!(formula, Formula::Score(_)) {
        refuse_no_score();
    }
    let mut kept = registry.created.clone();
    kept.push(name.clone());
    let fill = store_streams(&registry, &registry.definitions, &features, &kept);
    {
        let _acting = Acting::as_owner(registry::home().owner);
        connect(|session| {
            session.modify(
                "INSERT INTO segment.feature (name, kind, spec, description, created_at) VALUES ($1, $2, $3::jsonb, $4, segment.now())",
                &[name.into(), kind.into(), text.into(), description.into()],
            )
        });
    }
    if fill {
        change::finish("create_feature", true, &[]);
    }
}

/// Has those of some ready features kept that nobody has kept yet, as `create_feature` does, in one pass over the events.
pub fn keep_ready(kind: &str, names: &[&str]) {
    let registry = change::begin(kind);
    let added: Vec<&str> =
        names.iter().copied().filter(|name| registry.created.iter().all(|kept| kept != name)).collect();
    let kept: Vec<String> =
        registry.created.iter().cloned().chain(added.iter().map(|name| (*name).to_owned())).collect();
    let fill = store_streams(&registry, &registry.definitions, &registry.features, &kept);
    {
        let _acting = Acting::as_owner(registry::home().owner);
        connect(|session| {
            for name in added {
                let spec = registry.features.spec(name).map(|spec| spec.to_string());
                session.modify(
                    "INSERT INTO segment.feature (name, kind, spec, description, created_at) VALUES ($1, 'feature', $2::jsonb, $3, segment.now())",
                    &[name.into(), spec.into(), ready(name).into()],
                );
            }
        });
    }
    if fill {
        change::finish(kind, true, &[]);
    }
}

/// Creates some scores at once, each with its spec and what it is.
pub fn create_scores(kind: &str, scores: &[(String, Value, String)]) {
    let registry = change::begin(kind);
    let mut features = registry.features.clone();
    let mut kept = registry.created.clone();
    for (name, spec, _) in scores {
        check_name(name);
        if registry.features.formula(name).is_ok() {
            refuse_existing(name, "Drop that feature first; a model may also have another name.");
        }
        features.specs.insert(name.clone(), spec.clone());
        kept.push(name.clone());
    }
    scores.iter().for_each(|(name, ..)| drop(value_of(features.formula(name))));
    let fill = store_streams(&registry, &registry.definitions, &features, &kept);
    {
        let _acting = Acting::as_owner(registry::home().owner);
        connect(|session| {
            for (name, spec, description) in scores {
                session.modify(
                    "INSERT INTO segment.feature (name, kind, spec, description, created_at) VALUES ($1, 'score', $2::jsonb, $3, segment.now())",
                    &[name.clone().into(), spec.to_string().into(), description.clone().into()],
                );
            }
        });
    }
    if fill {
        change::finish(kind, true, &[]);
    }
}

/// Puts other specs in the place of those of some scores, and evaluates everybody once.
pub fn alter_scores(kind: &str, scores: &[(String, Value, String)]) {
    let registry = change::begin(kind);
    let mut features = registry.features.clone();
    for (name, spec, _) in scores {
        require_created(&registry, name);
        features.specs.insert(name.clone(), spec.clone());
    }
    let definitions = reread(&registry, &features).unwrap_or_else(|(_, error)| value_of(Err(error)));
    let fill = store_streams(&registry, &definitions, &features, &registry.created);
    {
        let _acting = Acting::as_owner(registry::home().owner);
        connect(|session| {
            for (name, spec, _) in scores {
                session.modify(
                    "UPDATE segment.feature SET spec = $2::jsonb WHERE name = $1",
                    &[name.clone().into(), spec.to_string().into()],
                );
            }
        });
    }
    change::finish(kind, fill, &[]);
}

/// Puts another definition in the place of a feature's: whatever uses it is evaluated again. Blocks the writers of all sources
/// until the transaction ends.
#[pg_extern(volatile, parallel_unsafe)]
fn alter_feature(name: Option<String>, spec: Option<JsonbArgument>) {
    let name = required(name, "name");
    let text = required(spec, "spec").text();
    let registry = change::begin("alter_feature");
    require_created(&registry, &name);
    // It may not come to refer to itself.
    let mut without = registry.features.clone();
    without.specs.remove(&name);
    let formula = value_of(without.parse(&value_of(read(&text))));
    if is_score(&name) && !matches!(formula, Formula::Score(_)) {
        refuse_no_score();
    }
    let features = with_spec(&registry, &name, &text);
    let definitions = reread(&registry, &features).unwrap_or_else(|(_, error)| value_of(Err(error)));
    let fill = store_streams(&registry, &definitions, &features, &registry.created);
    {
        let _acting = Acting::as_owner(registry::home().owner);
        connect(|session| {
            session.modify(
                "UPDATE segment.feature SET spec = $2::jsonb WHERE name = $1",
                &[name.into(), text.into()],
            )
        });
    }
    change::finish("alter_feature", fill, &[]);
}

/// Drops a feature that was created; one that was ready stays ready. Blocks the writers of all sources until the transaction
/// ends.
#[pg_extern(volatile, parallel_unsafe, strict)]
pub fn drop_feature(name: String) {
    let registry = change::begin("drop_feature");
    require_created(&registry, &name);
    let mut features = registry.features.clone();
    features.specs.remove(&name);
    if let Some(spec) = crate::score::features().specs.remove(&name) {
        features.specs.insert(name.clone(), spec);
    }
    let kept: Vec<String> = registry.created.iter().filter(|other| **other != name).cloned().collect();
    let used = |other: &&String| features.formula(other).is_err();
    let used: Vec<&str> = kept.iter().filter(used).map(String::as_str).collect();
    refuse_used(&format!("feature \"{name}\": other features use it:"), &used, "Drop or alter those first.");
    let definitions = match reread(&registry, &features) {
        Ok(definitions) => definitions,
        Err((segments, _)) => {
            let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
            refuse_used(
                &format!("feature \"{name}\": segments use it:"),
                &segments,
                "Drop or alter those first.",
            );
            return;
        }
    };
    if !features.specs.contains_key(&name) {
        let views = views_of(&name);
        let views: Vec<&str> = views.iter().map(String::as_str).collect();
        refuse_used(&format!("feature \"{name}\": views have it as a column:"), &views, "Drop those first.");
    }
    store_streams(&registry, &definitions, &features, &kept);
    let _acting = Acting::as_owner(registry::home().owner);
    connect(|session| session.modify("DELETE FROM segment.feature WHERE name = $1", &[name.into()]));
}

/// The views that have a feature as a column, by what they call for it.
fn views_of(name: &str) -> Vec<String> {
    let _acting = Acting::as_owner(registry::home().owner);
    connect_at_latest(|session| {
        let sql = "SELECT DISTINCT r.ev_class::regclass::text FROM pg_catalog.pg_depend d
                   JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
                   WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_proc'::regclass
                     AND d.refobjid = 'segment._feature'::regproc
                     AND strpos(pg_get_viewdef(r.ev_class), '_feature(' || quote_literal($1) || '::text,') > 0
                   ORDER BY 1";
        session.select(sql, &[name.into()]).first_column()
    })
}

/// The name of an existing feature, or an error: lets functions refuse a misspelt one.
#[pg_extern(stable, parallel_restricted, strict, name = "_existing_feature")]
fn existing_feature(name: String) -> String {
    value_of(registry::visible().features.formula(&name));
    name
}

/// All features: with a formula of their own, ready as data, and created.
#[pg_extern(stable, parallel_restricted, name = "_features_known")]
fn features_known() -> TableIterator<
    'static,
    (
        name!(name, String),
        name!(origin, &'static str),
        name!(description, Option<String>),
        name!(spec, Option<String>),
    ),
> {
    let registry = registry::visible();
    let own = Feature::ALL.map(|feature| (feature.name().to_owned(), "built in", None, None));
    let ready = READY.iter().filter(|(name, ..)| !registry.created.iter().any(|created| created == name));
    let ready = ready.map(|(name, what, spec)| {
        ((*name).to_owned(), "ready", Some((*what).to_owned()), Some((*spec).to_owned()))
    });
    // Of which there is one for each text.
    let families = FAMILIES.iter().map(|(prefix, placeholder, what, spec)| {
        (format!("{prefix}{placeholder}"), "ready", Some((*what).to_owned()), Some((*spec).to_owned()))
    });
    let created = registry.created.iter().map(|name| {
        let spec = registry.features.specs.get(name).map(ToString::to_string);
        (name.clone(), "created", None, spec)
    });
    TableIterator::new(own.into_iter().chain(ready).chain(families).chain(created).collect::<Vec<_>>())
}

fn refuse_existing(name: &str, hint: &str) -> ! {
    Refusal::new(PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT, format!("feature \"{name}\" already exists"))
        .hint(hint)
        .raise()
}

fn check_name(name: &str) {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let fits = name.len() <= LONGEST_NAME
        && name.bytes().all(plain)
        && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    if !fits || is_root(name) {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("\"{name}\" cannot be the name of a feature"),
        )
        .hint("A name is up to 63 lower-case letters, digits and underscores, begins with a letter, and is none of those that criteria reserve.")
        .raise();
    }
}

fn is_score(name: &str) -> bool {
    let _acting = Acting::as_owner(registry::home().owner);
    connect_at_latest(|session| {
        let sql = "SELECT FROM segment.feature WHERE name = $1 AND kind = 'score'";
        session.select(sql, &[name.into()]).count() > 0
    })
}

fn refuse_no_score() -> ! {
    Refusal::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, "a score is a sum of terms")
        .hint("Write {\"terms\": [{\"of\": \"open_rate_30d\", \"weight\": 0.2}], \"clamp\": [0, 1]}, or call segment.create_feature.")
        .raise()
}

fn require_created(registry: &Registry, name: &str) {
    if registry.created.iter().any(|created| created == name) {
        return;
    }
    let refusal =
        Refusal::new(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("feature \"{name}\" was not created"));
    refusal
        .hint(match nearest(name, registry.created.iter().map(String::as_str)) {
            Some(near) => format!("Did you mean \"{near}\"?"),
            None => {
                "Only features that somebody created can be altered and dropped; see segment.feature_list."
                    .to_owned()
            }
        })
        .raise()
}

fn read(text: &str) -> Result<Value> {
    crate::criteria::read(text)
}

fn with_spec(registry: &Registry, name: &str, text: &str) -> Features {
    let mut features = registry.features.clone();
    features.specs.insert(name.to_owned(), value_of(read(text)));
    features
}

/// All definitions as they are with other features; the names of those that cannot be, and why the first cannot.
fn reread(
    registry: &Registry,
    features: &Features,
) -> std::result::Result<Vec<Definition>, (Vec<String>, crate::error::Error)> {
    let _acting = Acting::as_owner(registry::home().owner);
    let none = catalogue::Texts::default();
    let (parsed, _) =
        connect_at_latest(|session| catalogue::definitions(session, &registry.tier_sets, features, &none));
    let broken = |name: &String| registry.broken.iter().any(|(known, _)| known == name);
    let (mut definitions, mut failed) = (Vec::new(), Vec::new());
    for definition in parsed {
        match definition {
            Ok(definition) => definitions.push(definition),
            Err((name, _)) if broken(&name) => {}
            Err(failure) => failed.push(failure),
        }
    }
    match failed.first().map(|(_, error)| error.clone()) {
        None => Ok(definitions),
        Some(error) => Err((failed.into_iter().map(|(name, _)| name).collect(), error)),
    }
}

/// Has the streams that some definitions and the features that are kept need; whether something must be filled.
fn store_streams(
    registry: &Registry,
    definitions: &[Definition],
    features: &Features,
    kept: &[String],
) -> bool {
    let mut wanted = requirements(definitions);
    wanted.extend(
        kept.iter().filter_map(|name| features.formula(name).ok()).flat_map(|formula| reads(&formula)),
    );
    let settled = registry.evaluated_version == 0;
    change::store_streams(&plan_streams(registry.program.streams(), &wanted, settled), false)
}
