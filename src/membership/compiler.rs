//! From the criteria of segments to expressions over leaves, equal ones of which are compiled once.

use super::compile::{Condition, Expression, Leaves, Quantity, Segment};
use super::definition::Definition;
use super::leaf::{Accepts, Leaf, Source};
use super::safeguard::Guard;
use crate::activity::{Horizons, Selection};
use crate::criteria::{Located, Node, Safeguards, Test, Zone};
use crate::error::{Error, Result, nearest};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::rc::Rc;

/// The paths of the leaves that are still to come.
type Paths<'p> = std::slice::Iter<'p, Rc<str>>;

pub(super) struct Compiler<'a> {
    pub find: &'a dyn Fn(&Selection, Horizons) -> Result<u32>,
    /// That of the segment at hand.
    pub zone: Zone,
    pub by_name: HashMap<&'a str, &'a Definition, RandomState>,
    pub leaves: Vec<Leaf>,
    pub quantities: Vec<Quantity>,
    /// Quantities by source, so that equal ones are computed once.
    by_source: HashMap<Source, usize, RandomState>,
    found: Leaves,
}

impl<'a> Compiler<'a> {
    pub fn new(find: &'a dyn Fn(&Selection, Horizons) -> Result<u32>, definitions: &'a [Definition]) -> Self {
        Compiler {
            find,
            zone: Zone::UTC,
            by_name: definitions.iter().map(|definition| (&*definition.name, definition)).collect(),
            leaves: Vec::new(),
            quantities: Vec::new(),
            by_source: HashMap::default(),
            found: Vec::new(),
        }
    }

    /// In ascending order of id. Those that are known are among the known ones, which are in that order too.
    pub fn segments(
        &mut self,
        definitions: &[Definition],
        known: &[Rc<Segment>],
    ) -> Result<Vec<Rc<Segment>>> {
        let mut segments = Vec::with_capacity(definitions.len());
        for definition in definitions {
            segments.push(match known.binary_search_by_key(&definition.id, |segment| segment.id()) {
                Ok(found) => Rc::clone(&known[found]),
                Err(_) => Rc::new(self.segment(definition)?),
            });
        }
        segments.sort_by_key(|segment| segment.id());
        Ok(segments)
    }

    /// With all criteria that the definition has.
    pub fn segment(&mut self, definition: &Definition) -> Result<Segment> {
        self.zone = definition.zone;
        let (expression, leaves) = self.whole(&definition.criteria)?;
        let leave = definition.safeguards.as_ref().and_then(|safeguards| safeguards.leave.as_ref());
        let leave = leave.map(|leave| self.whole(leave)).transpose()?;
        let guard = match &definition.safeguards {
            Some(safeguards) => Some(Guard::new(safeguards, definition.on_hold, leave)),
            None => definition.on_hold.then(|| Guard::new(&Safeguards::default(), true, None)),
        };
        Ok(Segment { definition: definition.clone(), expression, leaves, guard })
    }

    /// The expression of criteria, and their leaves.
    pub fn whole(&mut self, criteria: &Located) -> Result<(Expression, Leaves)> {
        let expression = self.expression(&criteria.root, &mut criteria.paths.iter())?;
        Ok((expression, std::mem::take(&mut self.found)))
    }

    /// Takes the paths of its leaves.
    fn expression(&mut self, node: &Node, paths: &mut Paths) -> Result<Expression> {
        let at = match node {
            Node::All(nodes) => return Ok(Expression::All(self.expressions(nodes, paths)?)),
            Node::Any(nodes) => return Ok(Expression::Any(self.expressions(nodes, paths)?)),
            Node::None(nodes) => return Ok(Expression::None(self.expressions(nodes, paths)?)),
            Node::Not(node) => return Ok(Expression::Not(Box::new(self.expression(node, paths)?))),
            Node::AtLeast(wanted, nodes) => {
                return Ok(Expression::AtLeast(*wanted, self.expressions(nodes, paths)?));
            }
            _ => paths.next().ok_or(Error::Corrupt("path of a leaf"))?,
        };
        if let Node::Segment(name) = node {
            return self.member(name, at);
        }
        let (source, test) = self.source_of(node)?;
        Ok(self.leaf(source, test, at))
    }

    fn expressions(&mut self, nodes: &[Node], paths: &mut Paths) -> Result<Vec<Expression>> {
        nodes.iter().map(|node| self.expression(node, paths)).collect()
    }

    fn member(&mut self, name: &str, at: &Rc<str>) -> Result<Expression> {
        let id = self.by_name.get(name).map(|definition| definition.id).ok_or_else(|| Error::Unknown {
            kind: "segment",
            hint: match nearest(name, self.by_name.keys().copied()) {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => "Create that segment first.".to_owned(),
            },
            path: at.to_string(),
            name: name.to_owned(),
        })?;
        self.found.push((Rc::clone(at), Condition::Segment(id)));
        Ok(Expression::Segment(id))
    }

    fn leaf(&mut self, source: Source, test: Test, at: &Rc<str>) -> Expression {
        let accepts = Accepts::of(&test, source.scale());
        let quantity = self.quantity(source);
        // Tests that say the same in other words stay apart, to be explained in their own.
        let same = |leaf: &Leaf| leaf.accepts == accepts && *leaf.test == test;
        let mut known = self.quantities[quantity].leaves.iter().copied();
        let index = match known.find(|leaf| same(&self.leaves[*leaf])) {
            Some(known) => known,
            None => self.new_leaf(Leaf { quantity, test: Rc::new(test), accepts }),
        };
        self.found.push((Rc::clone(at), Condition::Leaf(index)));
        Expression::Leaf(index)
    }

    /// The index of a quantity, which is a new one or is known.
    pub fn quantity(&mut self, source: Source) -> usize {
        let quantities = &mut self.quantities;
        *self.by_source.entry(source).or_insert_with_key(|source| {
            quantities.push(Quantity::new(source.clone()));
            quantities.len() - 1
        })
    }

    /// The index of a leaf that is a new one.
    pub fn new_leaf(&mut self, leaf: Leaf) -> usize {
        self.quantities[leaf.quantity].leaves.push(self.leaves.len());
        self.leaves.push(leaf);
        self.leaves.len() - 1
    }
}
