//! Tier sets: segments in an order of priority, in exactly one of which everybody has a place.

use super::ast::{Located, Node, TierLeaf};
use super::parse::{join, read};
use crate::error::{Error, Result, nearest};
use serde_json::Value;
use std::rc::Rc;

/// A tier set as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierSet {
    pub name: String,
    /// The highest first.
    pub segments: Vec<String>,
    /// The place of whoever is in none of them.
    pub otherwise: String,
    /// Which moves are allowed, from one place to another, where not all are; the last place is that of whoever is in none.
    pub moves: Option<Vec<(usize, usize)>>,
}

/// Reads a list of moves such as `[["silver", "gold"]]`, by the names of the places of a tier set in their order.
pub fn parse_moves(text: &str, places: &[&str]) -> Result<Vec<(usize, usize)>> {
    const FORM: &str =
        "Write a list of moves such as [[\"silver\", \"gold\"], [\"gold\", \"silver\"]]; NULL allows all.";
    let refuse = |path: String, problem: String, expected: String| {
        Err(Error::Document { kind: "moves", path, problem, expected })
    };
    let Value::Array(moves) = read(text)? else {
        return refuse(String::new(), "expected a list of moves".to_owned(), FORM.to_owned());
    };
    let mut read = Vec::with_capacity(moves.len());
    for (index, pair) in moves.iter().enumerate() {
        let at = format!("[{index}]");
        let Some([from, to]) = pair.as_array().map(Vec::as_slice) else {
            return refuse(at, "expected two tiers, from the one to the other".to_owned(), FORM.to_owned());
        };
        let mut pair = [0, 0];
        for (side, name) in [from, to].into_iter().enumerate() {
            let place = name.as_str().and_then(|name| places.iter().position(|place| *place == name));
            let Some(place) = place else {
                let near = name.as_str().and_then(|name| nearest(name, places.iter().copied()));
                let near = near.map_or_else(String::new, |near| format!("Did you mean \"{near}\"? "));
                let expected = format!("{near}The places are {}.", places.join(", "));
                return refuse(
                    format!("{at}[{side}]"),
                    format!("{name} is no place of the tier set"),
                    expected,
                );
            };
            pair[side] = place;
        }
        if pair[0] == pair[1] {
            return refuse(at, "a move leads from one place to another".to_owned(), FORM.to_owned());
        }
        read.push((pair[0], pair[1]));
    }
    Ok(read)
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
    old: &mut impl Iterator<Item = Rc<str>>,
    new: &mut Vec<Rc<str>>,
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
    fn moves_are_read_strictly() {
        let places = ["gold", "silver", "none"];
        let moves = parse_moves(r#"[["silver", "gold"], ["none", "silver"]]"#, &places).unwrap();
        assert_eq!(moves, [(1, 0), (2, 1)]);
        assert!(parse_moves("[]", &places).unwrap().is_empty());
        for (text, path, hint) in [
            ("{}", "At the top of the document.", "Write "),
            (r#"[["gold"]]"#, "At [0].", "Write "),
            (r#"[["gold", "silver"], ["sliver", "gold"]]"#, "At [1][0].", "Did you mean \"silver\"?"),
            (r#"[["gold", 5]]"#, "At [0][1].", "The places are "),
            (r#"[["gold", "gold"]]"#, "At [0].", "Write "),
        ] {
            let error = parse_moves(text, &places).unwrap_err();
            assert_eq!(error.detail().unwrap(), path, "{text}");
            assert!(error.hint().unwrap().starts_with(hint), "{text}: {error:?}");
        }
    }

    #[test]
    fn a_place_is_the_segment_without_those_above() {
        let sets = [TierSet {
            name: "loyalty".to_owned(),
            segments: ["gold", "silver"].map(str::to_owned).to_vec(),
            otherwise: "none".to_owned(),
            moves: None,
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
        assert_eq!(paths, ["".into()]);
        let paths = means(
            json!({"not": {"segment": "silver", "tier_set": "loyalty"}}),
            json!({"not": {"all": [{"segment": "silver"}, {"none": [{"segment": "gold"}]}]}}),
        );
        assert_eq!(paths, ["not".into(), "not".into()]);
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
