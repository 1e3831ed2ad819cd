//! Which streams a set of definitions needs, against those that exist.

use super::compile::Definition;
use crate::activity::{Horizons, Selection, Stream, Streams, Window};
use crate::criteria::{EventLeaf, Measure, Node};
use crate::score::BuiltinStreams;

/// What has to change for the needed streams to exist.
#[derive(Clone, Debug, Default)]
pub struct StreamPlan {
    /// Streams that nothing reads any more.
    pub drop: Vec<u32>,
    /// Streams to be filled from the events.
    pub add: Vec<(Selection, Horizons)>,
}

/// What each event leaf of the definitions reads: a selection, and how far back.
pub fn requirements<'a>(definitions: impl IntoIterator<Item = &'a Definition>) -> Vec<(Selection, Horizons)> {
    let mut wanted = Vec::new();
    for definition in definitions {
        visit(&definition.criteria, &mut |leaf| {
            let requirement = (selection(leaf), horizons(leaf));
            if !wanted.contains(&requirement) {
                wanted.push(requirement);
            }
        });
    }
    wanted
}

/// Compares the streams that exist with what is wanted. The built-in streams stay: the features read them.
pub fn plan_streams(existing: &Streams, wanted: Vec<(Selection, Horizons)>) -> StreamPlan {
    let mut used: Vec<u32> = BuiltinStreams::default().ids().to_vec();
    let mut add: Vec<(Selection, Horizons)> = Vec::new();
    for (selection, horizons) in wanted {
        if let Some(stream) = serving(existing, &selection, horizons) {
            used.push(stream.id);
        } else if let Some((known, widest)) = add.iter_mut().find(|(known, _)| known.joins(&selection)) {
            widest.merge(horizons);
            known.of = known.of.take().or(selection.of);
        } else {
            add.push((selection, horizons));
        }
    }
    let drop = existing.as_slice().iter().map(|stream| stream.id).filter(|id| !used.contains(id)).collect();
    StreamPlan { drop, add }
}

/// The oldest stream that selects the same events, sums what is to be summed and reaches back far enough.
pub fn serving<'s>(streams: &'s Streams, selection: &Selection, horizons: Horizons) -> Option<&'s Stream> {
    let mut streams = streams.as_slice().iter();
    streams.find(|stream| stream.selection.serves(selection) && stream.horizons.cover(horizons))
}

/// What an event leaf selects.
pub fn selection(leaf: &EventLeaf) -> Selection {
    let mut selection = Selection::of_type(&leaf.event);
    selection.filter.clone_from(&leaf.filter);
    if let Measure::Sum(path) = &leaf.measure {
        selection.of = Some(path.clone());
    }
    selection
}

/// How far back an event leaf looks.
pub fn horizons(leaf: &EventLeaf) -> Horizons {
    let mut horizons = Horizons::default();
    leaf.within.map(Window::new).into_iter().for_each(|window| horizons.include(window));
    horizons
}

fn visit(node: &Node, see: &mut impl FnMut(&EventLeaf)) {
    match node {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) => {
            nodes.iter().for_each(|node| visit(node, see))
        }
        Node::Not(node) => visit(node, see),
        Node::Event(leaf) => see(leaf),
        Node::Attribute(..) | Node::Segment(_) => {}
    }
}
