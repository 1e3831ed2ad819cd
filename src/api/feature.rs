//! Features and scores as data.

use super::segment::{plan_with, refuse_used};
use crate::criteria::{Features, Formula, is_root};
use crate::error::{Error, Result, nearest};
use crate::membership::{Definition, StreamPlan};
use crate::pg::catalogue::{self, Definitions};
use crate::pg::change;
use crate::pg::owner::Acting;
use crate::pg::profile_view::is_plain;
use crate::pg::registry::{self, Registry};
use crate::pg::report::{Refusal, invalid, raise, required, value_of};
use crate::pg::spi::{at_latest_snapshot, connect, connect_at_latest};
use crate::pg::types::JsonbArgument;
use crate::score::{FAMILIES, Feature, READY, ready};
use pgrx::prelude::*;
use serde_json::Value;
use std::borrow::Cow;

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
    let registry = change::begin(&format!("create_{kind}"));
    let new = New::checked(&registry, kind, name, spec, description);
    let fill = change::store_streams(&new.plan(&registry), 0);
    new.store(None);
    if fill {
        change::finish("create_feature", true, &[]);
    }
}

/// A feature or a score that is about to be created.
pub struct New<'k> {
    kind: &'k str,
    name: String,
    spec: String,
    description: Option<String>,
    /// All features with this one.
    features: Features,
}

impl<'k> New<'k> {
    /// Refuses a name that is taken, or cannot be one, and a spec that says nothing.
    pub fn checked(
        registry: &Registry,
        kind: &'k str,
        name: String,
        spec: Option<JsonbArgument>,
        description: Option<String>,
    ) -> Self {
        check_name(&name);
        let ready = ready(&name);
        if registry.created.contains(&name)
            || Feature::by_name(&name).is_some()
            || (ready.is_some() && spec.is_some())
        {
            let hint = match ready {
                Some(_) => {
                    "It is ready: leave the spec out to have it kept and shown, or choose another name."
                }
                None => "Choose another name, or call segment.alter_feature.",
            };
            refuse_existing(&name, hint);
        }
        let spec = match (&spec, registry.features.spec(&name)) {
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
        // It may not refer to itself.
        let parsed = value_of(read(&spec));
        let formula = value_of(registry.features.parse(&parsed));
        if kind == "score" && !matches!(formula, Formula::Score(_)) {
            refuse_no_score();
        }
        let mut features = Features::clone(&registry.features);
        features.specs.insert(name.clone(), parsed);
        New { kind, name, spec, description: description.or(ready), features }
    }

    pub fn plan(&self, registry: &Registry) -> StreamPlan {
        let mut kept = registry.created.clone();
        kept.push(self.name.clone());
        plan(registry, &registry.definitions, &self.features, &kept)
    }

    /// Adds it to those that are kept; `filling` while not everybody's state has what it reads.
    pub fn store(self, changing: Option<i64>) {
        let _acting = Acting::as_owner();
        connect(|session| {
            session.modify(
                "INSERT INTO segment.feature (name, kind, spec, description, created_at, changing)
                 VALUES ($1, $2, $3::jsonb, $4, segment.now(), $5)",
                &[
                    self.name.into(),
                    self.kind.into(),
                    self.spec.into(),
                    self.description.into(),
                    changing.into(),
                ],
            )
        });
    }
}

/// Drops a feature that was created; one that was ready stays ready.
#[pg_extern(volatile, parallel_unsafe, strict)]
pub fn drop_feature(name: String) {
    let registry = change::begin_online("drop_feature");
    require_created(&registry, &name);
    let ready = crate::score::features().spec(&name).map(Cow::into_owned);
    let mut features = Features::clone(&registry.features);
    leave_out(&mut features, &name);
    // Who uses what is ready goes on with it, if that says the same.
    if ready.is_some() && ready.as_ref() == registry.features.spec(&name).as_deref() {
        features.specs.extend(ready.clone().map(|spec| (name.clone(), spec)));
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
    if ready.is_none() {
        let views = views_of(&name);
        let views: Vec<&str> = views.iter().map(String::as_str).collect();
        refuse_used(&format!("feature \"{name}\": views have it as a column:"), &views, "Drop those first.");
    }
    let plan = plan(&registry, &definitions, &features, &kept);
    change::drop_streams(plan);
    let _acting = Acting::as_owner();
    connect(|session| session.modify("DELETE FROM segment.feature WHERE name = $1", &[name.into()]));
}

/// The views that have a feature as a column, by what they call for it.
fn views_of(name: &str) -> Vec<String> {
    let _acting = Acting::as_owner();
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

pub fn refuse_existing(name: &str, hint: &str) -> ! {
    Refusal::new(PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT, format!("feature \"{name}\" already exists"))
        .hint(hint)
        .raise()
}

pub fn check_name(name: &str) {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let fits = name.len() <= LONGEST_NAME
        && name.bytes().all(plain)
        && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    if !fits || is_root(name) {
        invalid(
            format!("\"{name}\" cannot be the name of a feature"),
            "A name is up to 63 lower-case letters, digits and underscores, begins with a letter, and is none of those that criteria reserve.",
        );
    }
    if is_plain(name) {
        invalid(
            format!(
                "\"{name}\" cannot be the name of a feature: segment.profile has another column of that name"
            ),
            "Choose another name.",
        );
    }
}

pub fn is_score(name: &str) -> bool {
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        let sql = "SELECT FROM segment.feature WHERE name = $1 AND kind = 'score'";
        session.select(sql, &[name.into()]).count() > 0
    })
}

pub fn refuse_no_score() -> ! {
    invalid(
        "a score is a sum of terms",
        "Write {\"terms\": [{\"of\": \"open_rate_30d\", \"weight\": 0.2}], \"clamp\": [0, 1]}, or call segment.create_feature.",
    )
}

pub fn require_created(registry: &Registry, name: &str) {
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

pub fn read(text: &str) -> Result<Value> {
    crate::criteria::read(text)
}

/// Takes a feature away: whatever uses it cannot be read.
pub fn leave_out(features: &mut Features, name: &str) {
    // A family may have one by that name.
    features.specs.insert(name.to_owned(), Value::Null);
}

/// All definitions as they are with other features; the names of those that cannot be, and why the first cannot.
pub fn reread(
    registry: &Registry,
    features: &Features,
) -> std::result::Result<Vec<Definition>, (Vec<String>, Error)> {
    let none = catalogue::Known::default();
    let written = at_latest_snapshot(|| catalogue::written(&none));
    let (parsed, _) = Definitions::new(&written, &registry.tier_sets, features, &none).newest();
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

/// The same; refuses features under which a definition cannot be.
pub fn reread_all(registry: &Registry, features: &Features) -> Vec<Definition> {
    reread(registry, features).unwrap_or_else(|(segments, error)| {
        raise(match error {
            Error::Criteria { path, problem, expected } => {
                let segment = segments.first().map_or("", String::as_str);
                Error::Criteria { path, problem: format!("in segment \"{segment}\", {problem}"), expected }
            }
            error => error,
        })
    })
}

/// The streams that some definitions and the features that are kept need.
pub fn plan(
    registry: &Registry,
    definitions: &[Definition],
    features: &Features,
    kept: &[String],
) -> StreamPlan {
    plan_with(registry, definitions, kept.iter().filter_map(|name| features.formula(name).ok()))
}
