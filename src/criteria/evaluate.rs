//! Evaluates criteria over one document.

use super::ast::{Node, Path};
use super::compare::passes;
use super::document::Document;

/// Whether a document satisfies criteria. Leaves about events and segments are about a subscriber, which a document
/// is not; [`super::parse`] refuses them where documents are matched, and here they are false.
pub fn matches<'a, D: Document<'a>>(node: &Node, document: D) -> bool {
    match node {
        Node::All(nodes) => nodes.iter().all(|node| matches(node, document)),
        Node::Any(nodes) => nodes.iter().any(|node| matches(node, document)),
        Node::None(nodes) => !nodes.iter().any(|node| matches(node, document)),
        Node::Not(node) => !matches(node, document),
        Node::Attribute(path, test) => passes(test, follow(document, path)),
        Node::Event(_) | Node::Segment(_) => false,
    }
}

/// The value at a path, if every key on the way exists.
pub fn follow<'a, D: Document<'a>>(document: D, path: &Path) -> Option<D> {
    path.0.iter().try_fold(document, |value, key| value.get(key))
}
