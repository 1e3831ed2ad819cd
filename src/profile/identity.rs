//! Ids that are one person's.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Which ids were merged into which others. Who is merged into somebody who is merged, too, is the same person as the last.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// What each was merged into.
    into: HashMap<String, String>,
    /// Whose each is in the end.
    survivors: HashMap<String, String>,
    /// The ids that are somebody's, in ascending order.
    others: HashMap<String, Vec<String>>,
}

impl Identities {
    /// From pairs of an id and what it was merged into; those that go round in a circle are nobody's.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let into: HashMap<String, String> = pairs.into_iter().collect();
        let mut identities = Identities { into, ..Identities::default() };
        let mut others: BTreeMap<&String, Vec<String>> = BTreeMap::new();
        for id in identities.into.keys() {
            let Some(survivor) = path(&identities.into, id).last() else { continue };
            if !identities.into.contains_key(survivor) {
                identities.survivors.insert(id.clone(), survivor.to_owned());
            }
        }
        for (id, survivor) in &identities.survivors {
            others.entry(survivor).or_default().push(id.clone());
        }
        let others = others.into_iter().map(|(survivor, mut ids)| {
            ids.sort_unstable();
            (survivor.clone(), ids)
        });
        identities.others = others.collect();
        identities
    }

    pub fn is_empty(&self) -> bool {
        self.survivors.is_empty()
    }

    /// What an id was merged into.
    pub fn merged_into(&self, id: &str) -> Option<&str> {
        self.into.get(id).map(String::as_str)
    }

    /// Merges more: the pairs among those given that are new, and all ids with them.
    pub fn with(
        &self,
        pairs: impl Iterator<Item = (String, String)>,
    ) -> Result<(Vec<Pair>, Self), Unmergeable> {
        let mut into = self.into.clone();
        let mut new = Vec::new();
        for (id, other) in pairs {
            match into.get(&id) {
                Some(before) if *before == other => continue,
                Some(before) => return Err(Unmergeable::Elsewhere { into: before.clone(), id }),
                None if id == other || path(&into, &other).any(|next| next == id) => {
                    return Err(Unmergeable::Same { id, into: other });
                }
                None => into.insert(id.clone(), other.clone()),
            };
            new.push((id, other));
        }
        Ok((new, Identities::new(into)))
    }

    /// Whose id it is, of one that was merged.
    pub fn survivor(&self, id: &str) -> Option<&str> {
        self.survivors.get(id).map(String::as_str)
    }

    /// The id by which the person is known who has this one.
    pub fn of<'i>(&'i self, id: &'i str) -> &'i str {
        self.survivor(id).unwrap_or(id)
    }

    /// The ids that were merged into one, directly or not, in ascending order.
    pub fn others(&self, survivor: &str) -> &[String] {
        self.others.get(survivor).map_or(&[], Vec::as_slice)
    }

    /// Some ids, given in ascending order, with those that were merged into them, in ascending order.
    pub fn with_others<'i>(&self, ids: &'i [String]) -> Cow<'i, [String]> {
        if self.is_empty() {
            return Cow::Borrowed(ids);
        }
        let others = ids.iter().flat_map(|id| self.others(id));
        let mut all: Vec<String> = ids.iter().chain(others).cloned().collect();
        all.sort_unstable();
        all.dedup();
        Cow::Owned(all)
    }

    /// Whose each id is that was merged, in JSON.
    pub fn to_json(&self) -> String {
        serde_json::json!(self.survivors).to_string()
    }
}

/// An id, and what it is merged into.
pub type Pair = (String, String);

/// Why an id cannot be merged into another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmergeable {
    /// It was merged into one.
    Elsewhere { id: String, into: String },
    /// It is the other's already, or itself.
    Same { id: String, into: String },
}

/// What an id was merged into, and what that was; no longer than there are ids.
fn path<'i>(into: &'i HashMap<String, String>, id: &str) -> impl Iterator<Item = &'i str> {
    let first = into.get(id).map(String::as_str);
    std::iter::successors(first, |id| into.get(*id).map(String::as_str)).take(into.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identities(pairs: &[(&str, &str)]) -> Identities {
        Identities::new(pairs.iter().map(|(id, into)| ((*id).to_owned(), (*into).to_owned())))
    }

    #[test]
    fn a_chain_is_one_person() {
        let chain = identities(&[("a", "b"), ("b", "c"), ("x", "c"), ("u", "v")]);
        assert_eq!(["a", "b", "c", "x", "u", "w"].map(|id| chain.of(id)), ["c", "c", "c", "c", "v", "w"]);
        assert_eq!(chain.others("c"), ["a", "b", "x"]);
        assert_eq!(
            (chain.merged_into("a"), chain.survivor("a"), chain.survivor("c")),
            (Some("b"), Some("c"), None)
        );
        let some = ["c".to_owned(), "w".to_owned()];
        assert_eq!(chain.with_others(&some).as_ref(), ["a", "b", "c", "w", "x"]);
        assert_eq!(identities(&[("a", "b")]).to_json(), r#"{"a":"b"}"#);
    }

    #[test]
    fn more_are_merged_once_and_in_no_circle() {
        let pair = |id: &str, into: &str| (id.to_owned(), into.to_owned());
        let before = identities(&[("a", "b"), ("y", "z")]);
        let pairs = [pair("b", "y"), pair("a", "b"), pair("c", "a"), pair("c", "a")];
        let (new, merged) = before.with(pairs.into_iter()).unwrap();
        assert_eq!(new, [pair("b", "y"), pair("c", "a")]);
        assert_eq!(merged.others("z"), ["a", "b", "c", "y"]);
        let refused = |id: &str, into: &str| merged.with([pair(id, into)].into_iter()).unwrap_err();
        assert_eq!(refused("a", "z"), Unmergeable::Elsewhere { id: "a".to_owned(), into: "b".to_owned() });
        assert_eq!(refused("z", "c"), Unmergeable::Same { id: "z".to_owned(), into: "c".to_owned() });
        assert_eq!(refused("n", "n"), Unmergeable::Same { id: "n".to_owned(), into: "n".to_owned() });
    }

    #[test]
    fn a_circle_is_nobody() {
        let circle = identities(&[("a", "b"), ("b", "a"), ("x", "a"), ("u", "v")]);
        assert_eq!(["a", "b", "x", "u"].map(|id| circle.of(id)), ["a", "b", "x", "v"]);
        assert!(circle.others("a").is_empty());
    }
}
