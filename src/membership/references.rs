//! Which segments refer to which.

use super::definition::Definition;
use crate::criteria::Node;

/// The segments whose criteria refer to one, directly or through others, each with how many references away it is; the
/// nearest first.
pub fn dependents<'d>(name: &str, definitions: &'d [Definition]) -> Vec<(&'d str, usize)> {
    let mut found: Vec<(&str, usize)> = Vec::new();
    let mut depth = 0;
    loop {
        depth += 1;
        let from = |other: &str| match depth {
            1 => other == name,
            _ => found.contains(&(other, depth - 1)),
        };
        let next: Vec<(&str, usize)> = definitions
            .iter()
            .filter(|definition| found.iter().all(|(known, _)| *known != &*definition.name))
            .filter(|definition| referred(definition).any(from))
            .map(|definition| (&*definition.name, depth))
            .collect();
        if next.is_empty() {
            return found;
        }
        found.extend(next);
    }
}

/// Some definitions and those that they refer to, directly or through others: what is needed to evaluate them.
pub fn with_referred(wanted: Vec<Definition>, definitions: &[Definition]) -> Vec<Definition> {
    let mut all = wanted;
    let mut looked_at = 0;
    while let Some(definition) = all.get(looked_at) {
        let names = referred(definition);
        let referred = names.filter_map(|name| definitions.iter().find(|other| *other.name == *name));
        // The moves of one depend on the others.
        let together =
            definitions.iter().filter(|other| other.tiers.is_some() && other.tiers == definition.tiers);
        let referred = referred.chain(together);
        let new: Vec<Definition> =
            referred.filter(|other| all.iter().all(|known| known.id != other.id)).cloned().collect();
        all.extend(new);
        looked_at += 1;
    }
    all.sort_by_key(|definition| definition.id);
    all.dedup_by_key(|definition| definition.id);
    all
}

/// The names of the segments that a definition refers to.
fn referred(definition: &Definition) -> impl Iterator<Item = &str> {
    definition.all_criteria().flat_map(|criteria| references(&criteria.root))
}

/// The names of the segments that criteria refer to.
fn references(criteria: &Node) -> Vec<&str> {
    match criteria {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) | Node::AtLeast(_, nodes) => {
            nodes.iter().flat_map(references).collect()
        }
        Node::Not(node) => references(node),
        Node::Segment(name) => vec![name],
        // What a tier means stands in its place where criteria are compiled.
        Node::Attribute(..)
        | Node::Event(_)
        | Node::Sequence(_)
        | Node::Bucket(_)
        | Node::Number(_)
        | Node::Tier(_) => Vec::new(),
    }
}
