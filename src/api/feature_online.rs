//! Features and scores created and altered while writers go on.

use super::feature::{
    New, is_score, leave_out, plan, read, refuse_no_score, require_created, reread, reread_all,
};
use super::segment::{add_streams, settle};
use crate::criteria::{Features, Formula};
use crate::pg::owner::Acting;
use crate::pg::registry::Registry;
use crate::pg::report::{required, value_of};
use crate::pg::spi::{connect, connect_at_latest};
use crate::pg::types::JsonbArgument;
use crate::pg::{change, transaction};
use pgrx::prelude::*;

/// Creates a feature while writers go on, committing in between. Its numbers show when it is filled; after a crash or an error
/// the same call goes on where that one ended.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.create_feature_concurrently(name text, spec jsonb DEFAULT NULL, description text DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn create_feature_concurrently(
    name: Option<String>,
    spec: Option<JsonbArgument>,
    description: Option<String>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.create_feature_concurrently") };
    create_online("feature", name, spec, description);
}

/// The same of a score.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.create_score_concurrently(name text, spec jsonb DEFAULT NULL, description text DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn create_score_concurrently(
    name: Option<String>,
    spec: Option<JsonbArgument>,
    description: Option<String>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.create_score_concurrently") };
    create_online("score", name, spec, description);
}

fn create_online(kind: &str, name: Option<String>, spec: Option<JsonbArgument>, description: Option<String>) {
    let what = format!("create_{kind}_concurrently");
    let name = required(name, "name");
    let registry = change::begin_online_at_now(&what);
    let text = spec.as_ref().map(JsonbArgument::text);
    if !resumes(&name, text.or_else(|| registry.features.spec(&name).map(|spec| spec.to_string()))) {
        let new = New::checked(&registry, kind, name.clone(), spec, description);
        let plan = new.plan(&registry);
        let fill = !plan.add.is_empty();
        let number = add_streams(plan);
        new.store(fill.then_some(number));
        if !fill {
            return;
        }
    }
    sweep(&name, &what);
}

/// Puts another definition in the place of a feature's, while writers go on, committing in between: whatever uses it is
/// evaluated again. After a crash or an error the same call goes on where that one ended.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.alter_feature(name text, spec jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn alter_feature(name: Option<String>, spec: Option<JsonbArgument>, fcinfo: pg_sys::FunctionCallInfo) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.alter_feature") };
    let changes = [(required(name, "name"), required(spec, "spec").text())];
    let registry = change::begin_online_at_now("alter_feature");
    alter(&registry, "alter_feature", &changes);
}

/// Puts other specs in the place of those of some features, brings everybody under them in batches that commit one by one, and
/// puts them into force.
pub fn alter(registry: &Registry, kind: &str, changes: &[(String, String)]) {
    changes.iter().for_each(|(name, _)| require_created(registry, name));
    if !changes.iter().all(|(name, text)| resumes(name, Some(text.clone()))) {
        let mut features = Features::clone(&registry.features);
        let mut without = features.clone();
        for (name, text) in changes {
            let parsed = value_of(read(text));
            // It may not come to refer to itself.
            features.specs.remove(name);
            let formula = value_of(features.parse(&parsed));
            if is_score(name) && !matches!(formula, Formula::Score(_)) {
                refuse_no_score();
            }
            features.specs.insert(name.clone(), parsed);
            leave_out(&mut without, name);
        }
        let definitions = reread_all(registry, &features);
        let number = add_streams(plan(registry, &definitions, &features, &registry.created));
        let users = match reread(registry, &without) {
            Ok(_) => Vec::new(),
            Err((users, _)) => users,
        };
        let (names, specs): (Vec<String>, Vec<String>) = changes.iter().cloned().unzip();
        let _acting = Acting::as_owner();
        connect(|session| {
            session.modify(
                // The segments that use them change with them, and those that an unfinished change of them has left.
                "WITH altered AS (
                   UPDATE segment.feature f SET spec = a.spec::jsonb, changing = $4
                   FROM unnest($1, $2) AS a (name, spec) WHERE f.name = a.name
                 )
                 UPDATE segment.definition d SET changing = $4
                 WHERE d.changing IS NULL AND d.name = ANY ($3)
                    OR d.changing IN (SELECT f.changing FROM segment.feature f WHERE f.name = ANY ($1))",
                &[names.into(), specs.into(), users.into(), number.into()],
            )
        });
    }
    sweep(&changes[0].0, kind);
}

/// Whether an earlier call, or somebody, left a change of some features unfinished.
pub fn is_changing(names: &[String]) -> bool {
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        let sql = "SELECT FROM segment.feature WHERE name = ANY ($1) AND changing IS NOT NULL";
        session.select(sql, &[names.to_vec().into()]).count() > 0
    })
}

/// Whether an earlier call left the same change unfinished.
fn resumes(name: &str, spec: Option<String>) -> bool {
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        let sql = "SELECT FROM segment.feature WHERE name = $1 AND spec = $2::jsonb AND changing IS NOT NULL";
        session.select(sql, &[name.into(), spec.into()]).count() > 0
    })
}

/// Commits the definition of a feature, brings everybody under it, and puts it into force.
fn sweep(name: &str, kind: &str) {
    let changing: Option<i64> = {
        let _acting = Acting::as_owner();
        connect_at_latest(|session| {
            let sql = "SELECT changing FROM segment.feature WHERE name = $1";
            session.select(sql, &[name.into()]).get(0, 1)
        })
    };
    let (run, total) = change::sweep(kind);
    {
        let _acting = Acting::as_owner();
        connect(|session| {
            // Another change of either that came meanwhile will end itself.
            let features = "UPDATE segment.feature SET changing = NULL WHERE changing = $1";
            session.modify(features, &[changing.into()]);
            let segments = "UPDATE segment.definition SET changing = NULL WHERE changing = $1";
            session.modify(segments, &[changing.into()]);
        });
    }
    settle(run, total);
}
