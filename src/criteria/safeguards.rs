//! Safeguards of a segment: what keeps people from moving in and out at once, as data.

use super::ast::Located;
use super::duration::Duration;
use super::features::Features;
use super::parse::{Scope, join, locate_at, read};
use super::parse_event::duration;
use super::tier::{TierSet, expand_tiers};
use crate::error::{Error, Result, nearest};
use serde_json::Value;

const KEYS: [&str; 5] = ["enter_after", "leave_after", "stay", "leave", "most_moved"];

const FORM: &str = "Write {\"enter_after\": \"12 hours\", \"leave_after\": \"2 days\", \"stay\": \"30 days\", \
                    \"leave\": {...}, \"most_moved\": {\"share\": 0.2, \"count\": 100}}, one of them at least; NULL removes all.";

const MOST_MOVED: &str = "Write {\"share\": 0.2, \"count\": 100}: the share of the members, above 0 and at most 1, and the number of people, \
                          0 where it is left out, that both have to be exceeded.";

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
    /// What time may do at once.
    pub most_moved: Option<MostMoved>,
}

/// How many may move in and out of a segment in one refresh; more are an alarm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MostMoved {
    /// Of those who are members before.
    share: f64,
    /// However small the segment is.
    count: i64,
}

impl MostMoved {
    fn parse(value: &Value) -> Option<Self> {
        let most = match value {
            Value::Number(share) => MostMoved { share: share.as_f64()?, count: 0 },
            Value::Object(entries) if entries.keys().all(|key| key == "share" || key == "count") => {
                let count = entries.get("count").map_or(Some(0), Value::as_i64)?;
                MostMoved { share: entries.get("share")?.as_f64()?, count }
            }
            _ => return None,
        };
        (most.share > 0.0 && most.share <= 1.0 && most.count >= 0).then_some(most)
    }

    /// Whether so many movers are too many for so many members.
    pub fn is_exceeded(&self, moved: i64, members: i64) -> bool {
        moved > self.count && moved as f64 > self.share * members as f64
    }
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
                Error::Criteria { path, problem, expected } => {
                    Error::Document { kind: "safeguards", path, problem, expected }
                }
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
        let most_moved = entries.get("most_moved").map(|most| {
            let refusal = || refuse("most_moved", "expected a share, or a share and a count", MOST_MOVED);
            MostMoved::parse(most).ok_or_else(refusal)
        });
        Ok(Safeguards {
            most_moved: most_moved.transpose()?,
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
    Error::Document {
        kind: "safeguards",
        path: join("", key),
        problem: problem.into(),
        expected: expected.into(),
    }
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
        let most = |text: &str| read(text).unwrap().most_moved.unwrap();
        assert!(most(r#"{"most_moved": 0.2}"#).is_exceeded(21, 100));
        assert!(!most(r#"{"most_moved": 0.2}"#).is_exceeded(20, 100));
        let both = most(r#"{"most_moved": {"share": 0.2, "count": 30}}"#);
        assert!(!both.is_exceeded(30, 100) && both.is_exceeded(31, 100) && !both.is_exceeded(40, 200));
        for (text, path, hint) in [
            ("[]", "At the top of the document.", "Write "),
            ("{}", "At the top of the document.", "Write "),
            (r#"{"enter_afer": "1 day"}"#, "At enter_afer.", "Did you mean \"enter_after\"?"),
            (r#"{"most_movd": 0.5}"#, "At most_movd.", "Did you mean \"most_moved\"?"),
            (r#"{"most_moved": 5}"#, "At most_moved.", "Write "),
            (r#"{"most_moved": {"share": 0.5, "count": -1}}"#, "At most_moved.", "Write "),
            (r#"{"most_moved": {"count": 10}}"#, "At most_moved.", "Write "),
            (r#"{"most_moved": {"share": 0.5, "cuont": 1}}"#, "At most_moved.", "Write "),
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
