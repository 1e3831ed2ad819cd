//! The columns of `segment.profile`, and of the views that are made of them, as SQL.

use super::report::Refusal;
use crate::criteria::Features;
use crate::error::nearest;
use pgrx::prelude::*;
use pgrx::spi::{quote_identifier, quote_literal};

/// What is stored about a subscriber, as the functions of `api::view` expect it.
const ROW: &str =
    "v.version, s.version, s.subscriber, s.evaluated_at, s.activity, s.recent, s.profile, s.held";
const STORED: &str = "s.members, s.manual, s.memory, s.due_at";

/// Everybody with events or a profile; a prediction alone is none. The version of the definitions comes from a function, not from its table, which
/// would be read for each row in a parallel plan.
const FROM: &str = "FROM segment.state s CROSS JOIN segment._version() v (version)
WHERE s.activity OPERATOR(pg_catalog.<>) ''
   OR s.profile OPERATOR(pg_catalog.-) 'predictions' OPERATOR(pg_catalog.<>) '{}'";

/// The tier set whose place has a column of its own.
pub const ENGAGEMENT: &str = "engagement";

/// What there is beside features and scores, in the order of the view.
const PLAIN: [&str; 20] = [
    "subscriber",
    "email",
    "first_event_at",
    "last_event_at",
    "segments",
    "tier",
    "tiers",
    "traits",
    "preferences",
    "tags",
    "predictions",
    "churn_probability",
    "predicted_lifetime_value",
    "send_weekday",
    "send_hour",
    "send_confidence",
    "send_frequency",
    "features",
    "due_at",
    "evaluated_at",
];

/// Whether one of the columns beside features and scores has a name.
pub fn is_plain(name: &str) -> bool {
    PLAIN.contains(&name)
}

/// The model, and the part of what it predicts, that one of them shows.
pub fn predicted(column: &str) -> Option<[&'static str; 2]> {
    Some(match column {
        "churn_probability" => ["churn", "value"],
        "predicted_lifetime_value" => ["value", "value"],
        "send_weekday" => ["send_weekday", "value"],
        "send_hour" => ["send_hour", "value"],
        "send_confidence" => ["send_hour", "confidence"],
        "send_frequency" => ["send_frequency", "value"],
        _ => return None,
    })
}

/// What a column of profiles is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column<'c> {
    /// One of those in [`PLAIN`].
    Plain(&'static str),
    /// A key of the traits.
    Trait(&'c str),
    Feature(&'c str),
}

impl<'c> Column<'c> {
    /// By its name, or a trait by `traits.` and its key; `None` for what is neither that nor a feature.
    pub fn by_name(name: &'c str, features: &Features) -> Option<Self> {
        if let Some(plain) = PLAIN.into_iter().find(|plain| *plain == name) {
            return Some(Column::Plain(plain));
        }
        match name.strip_prefix("traits.") {
            Some(key) if !key.is_empty() => Some(Column::Trait(key)),
            _ => features.names().any(|known| known == name).then_some(Column::Feature(name)),
        }
    }

    /// All that there are: of the created features only `features` has those that are not named in the second list.
    pub fn all(features: &'c [String]) -> Vec<Self> {
        let plain = PLAIN.into_iter().map(Column::Plain);
        plain.chain(features.iter().map(|name| Column::Feature(name))).collect()
    }

    /// How a view calls it.
    pub fn name(self) -> &'c str {
        match self {
            Column::Plain(name) => name,
            Column::Trait(name) | Column::Feature(name) => name,
        }
    }

    /// As it is computed from a row `s` of `segment.state`.
    fn expression(self) -> String {
        let key = |key: &str| format!("s.profile OPERATOR(pg_catalog.->) '{key}'");
        // What is there and null is missing.
        let present = |name: &str| {
            format!(
                "CASE WHEN s.profile OPERATOR(pg_catalog.->>) '{name}' IS NOT NULL THEN {} END",
                key(name)
            )
        };
        match self {
            Column::Feature(name) => format!("segment._feature({}, {ROW})", quote_literal(name)),
            Column::Trait(name) => {
                format!("({}) OPERATOR(pg_catalog.->>) {}", key("traits"), quote_literal(name))
            }
            Column::Plain("email") => "s.profile OPERATOR(pg_catalog.->>) 'email'".to_owned(),
            Column::Plain("first_event_at") => format!("segment._event_at(false, {ROW})"),
            Column::Plain("last_event_at") => format!("segment._event_at(true, {ROW})"),
            Column::Plain("segments") => format!("segment._segments({ROW}, {STORED})"),
            Column::Plain("tiers") => format!("segment._tiers({ROW}, {STORED})::pg_catalog.jsonb"),
            Column::Plain("tier") => format!(
                "segment._tiers({ROW}, {STORED})::pg_catalog.jsonb OPERATOR(pg_catalog.->>) '{ENGAGEMENT}'"
            ),
            Column::Plain("features") => format!("segment._created_features({ROW})::pg_catalog.jsonb"),
            Column::Plain("traits") => key("traits"),
            Column::Plain(name @ ("preferences" | "tags" | "predictions")) => present(name),
            // What is due is due now.
            Column::Plain("due_at") => {
                "CASE WHEN s.due_at IS NOT NULL THEN GREATEST(s.due_at, segment.now()) END".to_owned()
            }
            Column::Plain(name) => match predicted(name) {
                Some([model, part]) => format!(
                    "(s.profile OPERATOR(pg_catalog.#>>) '{{predictions,{model},{part}}}')::pg_catalog.numeric"
                ),
                None => format!("s.{name}"),
            },
        }
    }
}

/// A statement that reads some columns of everybody's profile.
pub fn select(columns: &[Column]) -> String {
    let column = |column: &Column| format!("{} AS {}", column.expression(), quote_identifier(column.name()));
    let columns: Vec<String> = columns.iter().map(column).collect();
    format!("SELECT {}\n{FROM}", columns.join(",\n       "))
}

/// The columns that somebody asked for by name; 42703 for one that there is not.
pub fn columns<'c>(names: &'c [String], features: &'c Features) -> Vec<Column<'c>> {
    let column = |name: &'c String| {
        Column::by_name(name, features).unwrap_or_else(|| {
            let near = nearest(name, PLAIN.into_iter().chain(features.names()));
            let refusal = Refusal::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
                format!("profiles have no column \"{name}\""),
            );
            refusal
                .hint(match near {
                    Some(near) => format!("Did you mean \"{near}\"?"),
                    None => "There are the columns of segment.profile, traits.KEY, and the features of segment.feature_list.".to_owned(),
                })
                .raise()
        })
    };
    names.iter().map(column).collect()
}
