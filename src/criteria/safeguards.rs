//! Safeguards of a segment: what keeps people from moving in and out at once, as data.

use super::ast::Located;
use super::duration::Duration;
use super::formula::Features;
use super::parse::{Scope, join, locate_at, read};
use super::parse_event::duration;
use super::tier::{TierSet, expand_tiers};
use crate::error::{Error, Result, nearest};
use serde_json::Value;

const KEYS: [&str; 4] = ["enter_after", "leave_after", "stay", "leave"];

const FORM: &str = "Write {\"enter_after\": \"12 hours\", \"leave_after\": \"2 days\", \"stay\": \"30 days\", \
                    \"leave\": {...}}, one of them at least; NULL removes all.";

/// What has to be so, beside the criteria, before somebody enters or leaves.
#[derive(Clone, Debug, Default)]
pub struct Safeguards {
    /// For how long the criteria have held without interruption when somebody enters.
    pub enter_after: Option<Duration>,
    /// For how long a member has been about to leave without interruption when they do.
    pub leave_after: Option<Duration>,
    /// For how long after entering nobody leaves.
    pub stay: Option<Duration>,
    /// When members leave, instead of when the criteria cease to hold.
    pub leave: Option<Located>,
}

impl Safeguards {
    /// Parses the text of a document; what leaves say about features and tiers is what those given make of it.
    pub fn parse(text: &str, features: &Features, sets: &[TierSet]) -> Result<Self> {
        let value = read(text)?;
        let Value::Object(entries) = &value else { return Err(refuse("", "expected an object", FORM)) };
        if entries.is_empty() {
            return Err(refuse("", "expected at least one safeguard", FORM));
        }
        if let Some(key) = entries.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let near =
                nearest(key, KEYS).map_or_else(String::new, |near| format!("Did you mean \"{near}\"? "));
            let expected = format!("{near}Safeguards are {}.", KEYS.join(", "));
            return Err(refuse(key, format!("unknown safeguard \"{key}\""), expected));
        }
        let length = |key: &str| {
            let length = entries.get(key).map(|value| duration(value, key)).transpose();
            length.map_err(|error| match error {
                Error::Criteria { path, problem, expected } => Error::Safeguards { path, problem, expected },
                other => other,
            })
        };
        let leave = match entries.get("leave") {
            Some(criteria) => {
                let located = locate_at(criteria, Scope::Subscriber, "leave")?;
                Some(expand_tiers(features.expand(located)?, sets)?)
            }
            None => None,
        };
        Ok(Safeguards {
            enter_after: length("enter_after")?,
            leave_after: length("leave_after")?,
            stay: length("stay")?,
            leave,
        })
    }
}

impl Safeguards {
    /// What one of them demands, by its key: `a member for 30 days`.
    pub fn describe(&self, key: &str) -> Option<String> {
        Some(match key {
            "enter_after" => format!("the criteria hold for {} without interruption", self.enter_after?),
            "leave_after" => format!("about to leave for {} without interruption", self.leave_after?),
            "stay" => format!("a member for {}", self.stay?),
            _ => return None,
        })
    }
}

fn refuse(key: &str, problem: impl Into<String>, expected: impl Into<String>) -> Error {
    Error::Safeguards { path: join("", key), problem: problem.into(), expected: expected.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::features;

    #[test]
    fn a_document_is_read_strictly() {
        let read = |text: &str| Safeguards::parse(text, &features(), &[]);
        let all =
            read(r#"{"enter_after": "2 hours", "leave_after": "1 day", "stay": "30 days", "leave": {}}"#);
        let all = all.unwrap();
        assert_eq!(all.enter_after.map(Duration::seconds), Some(7_200));
        assert_eq!(all.leave_after.map(Duration::seconds), Some(86_400));
        assert_eq!(all.stay.map(Duration::seconds), Some(30 * 86_400));
        assert!(all.leave.is_some());
        for (text, path, hint) in [
            ("[]", "At the top of the document.", "Write "),
            ("{}", "At the top of the document.", "Write "),
            (r#"{"enter_afer": "1 day"}"#, "At enter_afer.", "Did you mean \"enter_after\"?"),
            (r#"{"most_moved": 5}"#, "At most_moved.", "Safeguards are "),
            (r#"{"stay": 5}"#, "At stay.", ""),
            (r#"{"stay": "3 months"}"#, "At stay.", ""),
            (r#"{"stay": "1 day", "leave": {"all": [{"event": 5}]}}"#, "At leave.all[0].event.", ""),
            (r#"{"leave": {"segment": "a", "tier_set": "b"}}"#, "At leave.tier_set.", "Create"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.detail().unwrap(), path, "{text}");
            assert!(error.hint().unwrap().starts_with(hint), "{text}: {error:?}");
        }
    }
}
