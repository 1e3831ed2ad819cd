//! Views of everybody's profile, now and as of an instant.

use crate::activity::VALID_TIMES;
use crate::pg::profile_view::{Column, columns, select};
use crate::pg::report::{invalid, required};
use crate::pg::spi::{connect, connect_as_caller, instant};
use crate::pg::{guc, profile_at, registry};
use crate::score::{Feature, READY};
use pgrx::prelude::*;

/// The statement that `segment.profile` is: all columns, of the features those that come with the extension. They are the
/// last, so that later versions can add more.
#[pg_extern(stable, parallel_restricted, name = "_profile_select")]
fn profile_select() -> String {
    select(&Column::all(&coming_along()))
}

/// Everybody's profile as of an instant, by the events that had occurred by then. Traits, preferences, tags and decisions by
/// hand are those of now, and safeguards do not count. Reads all events.
#[pg_extern(requires = ["views"], sql = r#"
CREATE FUNCTION segment.profile_at(at timestamptz) RETURNS SETOF segment.profile
LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 10000 COST 100000 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn profile_at(at: TimestampWithTimeZone, fcinfo: pg_sys::FunctionCallInfo) {
    let at = instant(at);
    if !VALID_TIMES.contains(&at) || at > guc::statement_now() {
        invalid(
            "at is not a time between the year 1 and now",
            "What will be in the profiles is not known yet; segment.profile has those of now.",
        );
    }
    // SAFETY: declared as above.
    unsafe { profile_at::fill(fcinfo, &registry::visible(), at) };
}

/// The features that there are before anybody creates one.
fn coming_along() -> Vec<String> {
    let ready = READY.iter().map(|(name, ..)| *name);
    Feature::ALL.map(Feature::name).into_iter().chain(ready).map(str::to_owned).collect()
}

/// Creates a view of everybody's profile with the columns named: those of `segment.profile`, any feature or score, and
/// `traits.KEY`, a trait as text; without names all of `segment.profile` but the ready features that are not kept, and those
/// that were created. It is the caller's, and reads with the rights of whoever reads it.
#[pg_extern(volatile, parallel_unsafe)]
fn create_profile_view(name: Option<String>, columns: default!(Option<Vec<Option<String>>>, "NULL")) {
    let name = relation_name(&required(name, "name"));
    let names = named(columns);
    let registry = registry::visible();
    let statement = select(&self::columns(&names, &registry.features));
    let sql = format!("CREATE VIEW {name} WITH (security_invoker = true) AS {statement}");
    connect_as_caller(|session| session.modify_once(&sql, &[]));
}

/// The names of the columns asked for, each once.
pub fn named(columns: Option<Vec<Option<String>>>) -> Vec<String> {
    let registry = registry::visible();
    let names: Vec<String> = match columns {
        Some(columns) => columns.into_iter().flatten().collect(),
        None => {
            let features: Vec<String> = Feature::ALL
                .map(|feature| feature.name().to_owned())
                .into_iter()
                .chain(registry.created.clone())
                .collect();
            let all = Column::all(&features).into_iter().map(|column| column.name().to_owned());
            all.filter(|name| name != "features").collect()
        }
    };
    let refuse = |problem: String| {
        invalid(problem, "Name each column once, such as ARRAY['subscriber', 'engagement_score'].")
    };
    if names.is_empty() {
        refuse("a view of profiles needs at least one column".to_owned())
    }
    for (place, name) in names.iter().enumerate() {
        if names[..place].contains(name) {
            refuse(format!("column \"{name}\" is named twice"))
        }
    }
    names
}

/// A name such as `sales.customers`, quoted for a statement.
pub fn relation_name(name: &str) -> String {
    connect(|session| {
        let sql = "SELECT string_agg(quote_ident(part), '.') FROM unnest(parse_ident($1)) AS p (part)";
        session.select(sql, &[name.into()]).value(0, 1)
    })
}
