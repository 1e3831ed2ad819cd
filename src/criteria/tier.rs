//! Tier sets: segments in an order of priority, in exactly one of which everybody has a place.

use super::ast::{Located, Node, TierLeaf};
use super::parse::join;
use crate::error::{Error, Result, nearest};

/// A tier set as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierSet {
    pub name: String,
    /// The highest first.
    pub segments: Vec<String>,
}

/// Criteria with what a place in a tier set means in the place of each: in that segment, and in none above it.
pub fn expand_tiers(criteria: Located, sets: &[TierSet]) -> Result<Located> {
    let mut paths = Vec::with_capacity(criteria.paths.len());
    let root = expand(criteria.root, sets, &mut criteria.paths.into_iter(), &mut paths)?;
    Ok(Located { root, paths })
}

/// Expands a node whose leaves have the next of the old paths, which become the new ones.
fn expand(
    node: Node,
    sets: &[TierSet],
    old: &mut impl Iterator<Item = String>,
    new: &mut Vec<String>,
) -> Result<Node> {
    let mut all = |nodes: Vec<Node>| {
        nodes.into_iter().map(|node| expand(node, sets, old, new)).collect::<Result<Vec<Node>>>()
    };
    Ok(match node {
        Node::All(nodes) => Node::All(all(nodes)?),
        Node::Any(nodes) => Node::Any(all(nodes)?),
        Node::None(nodes) => Node::None(all(nodes)?),
        Node::AtLeast(wanted, nodes) => Node::AtLeast(wanted, all(nodes)?),
        Node::Not(node) => Node::Not(Box::new(expand(*node, sets, old, new)?)),
        leaf => {
            let path = old.next().unwrap_or_default();
            let Node::Tier(tier) = leaf else {
                new.push(path);
                return Ok(leaf);
            };
            let (place, segments) = place(&tier, sets, &path)?;
            new.extend(std::iter::repeat_n(path, segments));
            place
        }
    })
}

/// What a place means, and of how many segments it speaks.
fn place(leaf: &TierLeaf, sets: &[TierSet], at: &str) -> Result<(Node, usize)> {
    let Some(set) = sets.iter().find(|set| set.name == leaf.tier_set) else {
        return Err(Error::Unknown {
            kind: "tier set",
            hint: match nearest(&leaf.tier_set, sets.iter().map(|set| set.name.as_str())) {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => "Create that tier set first.".to_owned(),
            },
            path: join(at, "tier_set"),
            name: leaf.tier_set.clone(),
        });
    };
    let Some(segment) = &leaf.segment else { return Ok((none_of(&set.segments), set.segments.len())) };
    let Some(place) = set.segments.iter().position(|name| name == segment) else {
        return Err(Error::Unknown {
            kind: "tier",
            hint: format!("The tiers of \"{}\" are {}.", set.name, set.segments.join(", ")),
            path: join(at, "segment"),
            name: segment.clone(),
        });
    };
    let own = Node::Segment(segment.clone());
    let node = if place == 0 { own } else { Node::All(vec![own, none_of(&set.segments[..place])]) };
    Ok((node, place + 1))
}

/// Whether criteria speak of a place in a tier set.
pub fn reads_tier_set(node: &Node, name: &str) -> bool {
    match node {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) | Node::AtLeast(_, nodes) => {
            nodes.iter().any(|node| reads_tier_set(node, name))
        }
        Node::Not(node) => reads_tier_set(node, name),
        Node::Tier(leaf) => leaf.tier_set == name,
        _ => false,
    }
}

fn none_of(segments: &[String]) -> Node {
    Node::None(segments.iter().cloned().map(Node::Segment).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criteria::{Scope, locate, parse_value};
    use serde_json::json;

    #[test]
    fn a_place_is_the_segment_without_those_above() {
        let sets = [TierSet {
            name: "loyalty".to_owned(),
            segments: ["gold", "silver"].map(str::to_owned).to_vec(),
        }];
        let expanded =
            |criteria: serde_json::Value| expand_tiers(locate(&criteria, Scope::Subscriber)?, &sets);
        let means = |criteria, long: serde_json::Value| {
            let long = parse_value(&long, Scope::Subscriber).unwrap();
            let expanded = expanded(criteria).unwrap();
            assert_eq!(format!("{:?}", expanded.root), format!("{long:?}"));
            expanded.paths
        };
        let paths = means(json!({"segment": "gold", "tier_set": "loyalty"}), json!({"segment": "gold"}));
        assert_eq!(paths, [""]);
        let paths = means(
            json!({"not": {"segment": "silver", "tier_set": "loyalty"}}),
            json!({"not": {"all": [{"segment": "silver"}, {"none": [{"segment": "gold"}]}]}}),
        );
        assert_eq!(paths, ["not", "not"]);
        means(
            json!({"segment": null, "tier_set": "loyalty"}),
            json!({"none": [{"segment": "gold"}, {"segment": "silver"}]}),
        );
        let error = expanded(json!({"all": [{"segment": "bronze", "tier_set": "loyalty"}]})).unwrap_err();
        assert_eq!(error.detail().unwrap(), "At all[0].segment.");
        let error = expanded(json!({"segment": "gold", "tier_set": "loyalti"})).unwrap_err();
        assert_eq!(error.hint().unwrap(), "Did you mean \"loyalty\"?");
    }
}
