//! Which streams a set of definitions needs, against those that exist.

use super::compile::Definition;
use crate::activity::{Horizons, Selection, Stream, Window};
use crate::criteria::{EventLeaf, Measure, Node};
use crate::score::BuiltinStreams;

/// What has to change for the needed streams to exist.
#[derive(Clone, Debug, Default)]
pub struct StreamPlan {
    /// Streams that nothing needs any more, or that do not reach back far enough.
    pub drop: Vec<u32>,
    /// Streams to be filled from the events.
    pub add: Vec<(Selection, Horizons)>,
}

/// The selections that definitions and features read, each once, with how far back they look.
pub fn requirements<'a>(definitions: impl IntoIterator<Item = &'a Definition>) -> Vec<(Selection, Horizons)> {
    let mut wanted = BuiltinStreams::requirements().to_vec();
    for definition in definitions {
        visit(&definition.criteria, &mut |leaf| {
            let selection = selection(leaf);
            let index = match wanted.iter().position(|(known, _)| *known == selection) {
                Some(index) => index,
                None => {
                    wanted.push((selection, Horizons::default()));
                    wanted.len() - 1
                }
            };
            if let Some(within) = leaf.within {
                wanted[index].1.include(Window::new(within));
            }
        });
    }
    wanted
}

/// A stream that reaches further back than is needed is kept: it costs nothing to keep and events to refill.
pub fn plan_streams(existing: &[Stream], wanted: Vec<(Selection, Horizons)>) -> StreamPlan {
    let serves = |stream: &Stream, (selection, horizons): &(Selection, Horizons)| {
        stream.selection == *selection && stream.horizons.cover(*horizons)
    };
    let unused = existing.iter().filter(|stream| !wanted.iter().any(|wanted| serves(stream, wanted)));
    let drop = unused.map(|stream| stream.id).collect();
    let missing = |wanted: &(Selection, Horizons)| !existing.iter().any(|stream| serves(stream, wanted));
    StreamPlan { drop, add: wanted.into_iter().filter(missing).collect() }
}

/// What an event leaf selects.
pub fn selection(leaf: &EventLeaf) -> Selection {
    let mut selection = Selection::of_type(&leaf.event);
    selection.filter.clone_from(&leaf.filter);
    if let Measure::Sum(path) = &leaf.measure {
        selection.of.clone_from(path);
    }
    selection
}

fn visit(node: &Node, see: &mut impl FnMut(&EventLeaf)) {
    match node {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) => nodes.iter().for_each(|node| visit(node, see)),
        Node::Not(node) => visit(node, see),
        Node::Event(leaf) => see(leaf),
        Node::Attribute(..) => {}
    }
}
