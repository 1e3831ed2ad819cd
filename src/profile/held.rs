//! Since when the values of a profile are what they are.

use crate::activity::Instant;
use crate::criteria::{Document, Jsonb, Kind, Path};
use std::collections::BTreeMap;

/// Most changes that are remembered. Beyond, the oldest are forgotten, and nothing counts as held from before them.
const MOST: usize = 1_000;

/// Values that lie deeper are not told apart.
const DEEPEST: usize = 32;

/// When values last changed: those that never did, when the profile was first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    first: Instant,
    /// By path; none lies below another.
    changed: BTreeMap<Vec<String>, Instant>,
}

impl Held {
    /// Of a profile that was first seen at an instant.
    pub fn since(first: Instant) -> Self {
        Held { first, changed: BTreeMap::new() }
    }

    /// Since when the value at a path, which may be none, has been the same.
    pub fn same_since(&self, path: &Path) -> Instant {
        // A change above it or below it is one of it.
        let touches = |changed: &[String]| changed.iter().zip(&path.0).all(|(a, b)| a == b);
        let changes = self.changed.iter().filter(|(changed, _)| touches(changed)).map(|(_, at)| *at);
        changes.max().unwrap_or(self.first)
    }

    /// Notes what differs between one document and the next.
    pub fn note(&mut self, before: Jsonb, after: Jsonb, at: Instant) {
        self.compare(&mut Vec::new(), Some(before), Some(after), at);
        while self.changed.len() > MOST {
            let oldest = self.changed.values().copied().min().unwrap_or(at);
            self.changed.retain(|_, changed| *changed > oldest);
            self.first = self.first.max(oldest);
        }
    }

    fn compare(&mut self, path: &mut Vec<String>, before: Option<Jsonb>, after: Option<Jsonb>, at: Instant) {
        let present = |value: Option<Jsonb<'_>>| value.is_some_and(|value| value.kind() != Kind::Null);
        match (before, after) {
            (Some(before), Some(after)) if before.same(after) => {}
            (Some(before), Some(after))
                if path.len() < DEEPEST && before.kind() == Kind::Object && after.kind() == Kind::Object =>
            {
                for (key, value) in before.entries() {
                    path.push(key.to_owned());
                    self.compare(path, Some(value), after.get(key), at);
                    path.pop();
                }
                for (key, value) in after.entries().filter(|(key, _)| before.get(key).is_none()) {
                    path.push(key.to_owned());
                    self.compare(path, None, Some(value), at);
                    path.pop();
                }
            }
            // Null and absent are the same.
            (before, after) if !present(before) && !present(after) => {}
            _ => {
                self.changed.retain(|known, _| !known.starts_with(path));
                self.changed.insert(path.clone(), at);
            }
        }
    }

    /// Eight bytes of the first instant, then the changes, if there were any, as a JSON list of path and instant.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.first.to_be_bytes().to_vec();
        if !self.changed.is_empty() {
            let changes: serde_json::Value =
                self.changed.iter().map(|(path, at)| serde_json::json!([path, at])).collect();
            bytes.extend(changes.to_string().into_bytes());
        }
        bytes
    }

    /// What was written; of other bytes as much as can be read.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let Some((first, rest)) = bytes.split_first_chunk::<8>() else { return Held::default() };
        let changed: Vec<(Vec<String>, Instant)> = serde_json::from_slice(rest).unwrap_or_default();
        Held { first: Instant::from_be_bytes(*first), changed: changed.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criteria::encode::jsonb;
    use serde_json::{Value, json};

    fn path(keys: &[&str]) -> Path {
        Path(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    fn note(held: &mut Held, before: &Value, after: &Value, at: Instant) {
        let (before, after) = (jsonb(before), jsonb(after));
        held.note(Jsonb::root(&before), Jsonb::root(&after), at);
    }

    #[test]
    fn a_value_is_held_since_it_last_changed() {
        let mut held = Held::since(1);
        let first =
            json!({"traits": {"plan": "free", "age": 30, "address": {"city": "Oslo"}}, "tags": ["a"]});
        let second = json!({"traits": {"plan": "pro", "age": 30.0, "address": {"city": "Oslo", "zip": null}}, "tags": ["a", "b"]});
        note(&mut held, &first, &second, 5);
        let since = |held: &Held, keys: &[&str]| held.same_since(&path(keys));
        assert_eq!(since(&held, &["traits", "plan"]), 5);
        assert_eq!(since(&held, &["traits", "age"]), 1);
        assert_eq!(since(&held, &["traits", "address"]), 1);
        assert_eq!(since(&held, &["tags"]), 5);
        // What lies below it is part of a value, and what it lies in takes it along.
        assert_eq!(since(&held, &["traits"]), 5);
        let third = json!({"traits": {"plan": "pro", "age": 30, "address": "Oslo"}});
        note(&mut held, &second, &third, 9);
        assert_eq!(since(&held, &["traits", "address", "city"]), 9);
        assert_eq!(since(&held, &["traits", "plan"]), 5);
        assert_eq!(since(&held, &["tags"]), 9);
        assert_eq!(since(&held, &["traits", "unknown"]), 1);
        assert_eq!(Held::from_bytes(&held.to_bytes()), held);
    }

    #[test]
    fn what_is_forgotten_was_held_for_no_longer() {
        let mut held = Held::since(0);
        for at in 1..=2_000 {
            note(&mut held, &json!({"traits": {}}), &json!({"traits": {(at.to_string()): 1}}), at);
        }
        assert_eq!(held.changed.len(), MOST);
        assert_eq!(held.same_since(&path(&["traits", "2000"])), 2_000);
        assert_eq!(held.same_since(&path(&["traits", "1"])), 1_000);
    }

    #[test]
    fn bytes_that_nobody_wrote_are_harmless() {
        assert_eq!(Held::from_bytes(b"abc"), Held::default());
        assert_eq!(Held::from_bytes(b"\0\0\0\0\0\0\0\x01[[").first, 1);
    }
}
