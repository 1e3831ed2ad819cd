//! What one program has compiled, for the next.

use super::compile::{Condition, Expression, Program, Quantity, Segment};
use super::compiler::Compiler;
use super::leaf::{Leaf, Read};
use crate::activity::Streams;
use std::rc::Rc;

impl Compiler<'_> {
    /// The segments of a program that mean over these streams what they meant, in ascending order of id, with the leaves that
    /// they read.
    pub fn take_over(&mut self, before: &Program, streams: &Streams) -> Vec<Rc<Segment>> {
        let kept =
            |stream| streams.get(stream).is_some_and(|kept| before.streams().get(stream) == Some(kept));
        let reads_the_same = |quantity: &Quantity| {
            quantity.source.reads().into_iter().all(|read| match read {
                Read::Stream(stream) => kept(stream),
                Read::Profile(_) => true,
            })
        };
        let read_the_same: Vec<bool> = before.quantities.iter().map(reads_the_same).collect();
        let defined = |segment: &Segment| self.by_name.get(segment.name()).copied();
        let is_same = |segment: &&Rc<Segment>| {
            defined(segment).is_some_and(|definition| definition.is(&segment.definition))
                && segment.all_leaves().all(|(_, condition)| match condition {
                    Condition::Leaf(leaf) => read_the_same[before.leaves[*leaf].quantity],
                    Condition::Segment(id) => {
                        before.segment(*id).and_then(defined).is_some_and(|referred| referred.id == *id)
                    }
                })
        };
        let same: Vec<&Rc<Segment>> = before.segments.iter().filter(is_same).collect();
        let mut is_read = vec![false; before.leaves.len()];
        same.iter().flat_map(|segment| segment.all_leaves()).for_each(|(_, condition)| {
            if let Condition::Leaf(leaf) = condition {
                is_read[*leaf] = true;
            }
        });
        // In the order that they had, so that most keep their indexes. Each is another one than those before it.
        let mut indexes = vec![usize::MAX; before.leaves.len()];
        for (index, leaf) in before.leaves.iter().enumerate().filter(|(index, _)| is_read[*index]) {
            let quantity = self.quantity(before.quantities[leaf.quantity].source.clone());
            indexes[index] = self.new_leaf(Leaf { quantity, ..leaf.clone() });
        }
        same.into_iter().map(|segment| segment.renumbered(&indexes)).collect()
    }
}

impl Segment {
    /// The same where its leaves have other indexes, by those that they had.
    fn renumbered(self: &Rc<Self>, indexes: &[usize]) -> Rc<Self> {
        let stays = |condition: &Condition| match condition {
            Condition::Leaf(leaf) => indexes[*leaf] == *leaf,
            Condition::Segment(_) => true,
        };
        if self.all_leaves().all(|(_, condition)| stays(condition)) {
            return Rc::clone(self);
        }
        let mut segment = Segment::clone(self);
        segment.expression.renumber(indexes);
        if let Some(leave) = segment.guard.as_mut().and_then(|guard| guard.leave.as_mut()) {
            leave.renumber(indexes);
        }
        let guarded = segment.guard.iter_mut().flat_map(|guard| &mut guard.leaves);
        for (_, condition) in segment.leaves.iter_mut().chain(guarded) {
            if let Condition::Leaf(leaf) = condition {
                *leaf = indexes[*leaf];
            }
        }
        Rc::new(segment)
    }
}

impl Expression {
    fn renumber(&mut self, indexes: &[usize]) {
        match self {
            Expression::All(parts)
            | Expression::Any(parts)
            | Expression::None(parts)
            | Expression::AtLeast(_, parts) => parts.iter_mut().for_each(|part| part.renumber(indexes)),
            Expression::Not(part) => part.renumber(indexes),
            Expression::Leaf(leaf) => *leaf = indexes[*leaf],
            Expression::Segment(_) => {}
        }
    }
}
