//! Evaluates criteria over one document.

use super::ast::{Node, Path};
use super::clock::Clock;
use super::compare::passes;
use super::document::Document;

/// Whether a document satisfies criteria that do not depend on the current time.
pub fn matches<'a, D: Document<'a>>(node: &Node, document: D) -> bool {
    matches_at(node, document, &Clock::TIMELESS)
}

/// Whether a document satisfies criteria at an instant, in a time zone. Leaves about events and segments are about a subscriber, which a document
/// is not; [`super::parse`] refuses them where documents are matched, and here they are false.
pub fn matches_at<'a, D: Document<'a>>(node: &Node, document: D, clock: &Clock) -> bool {
    let holds = |node: &Node| matches_at(node, document, clock);
    match node {
        Node::All(nodes) => nodes.iter().all(holds),
        Node::Any(nodes) => nodes.iter().any(holds),
        Node::None(nodes) => !nodes.iter().any(holds),
        Node::Not(node) => !holds(node),
        Node::AtLeast(wanted, nodes) => {
            nodes.iter().filter(|node| holds(node)).take(*wanted).count() == *wanted
        }
        Node::Attribute(path, test) => passes(test, follow(document, path), clock),
        Node::Event(_)
        | Node::Sequence(_)
        | Node::Bucket(_)
        | Node::Segment(_)
        | Node::Tier(_)
        | Node::Number(_) => false,
    }
}

/// The value at a path, if every key on the way exists.
#[inline]
pub fn follow<'a, D: Document<'a>>(document: D, path: &Path) -> Option<D> {
    let mut value = document;
    for key in &path.0 {
        value = value.get(key)?;
    }
    Some(value)
}
