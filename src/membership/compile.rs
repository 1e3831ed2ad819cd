//! Compiles definitions into a program.

use super::leaf::{Leaf, Source};
use super::members::Members;
use super::streams::{horizons, requirements, selection, serving};
use crate::activity::{Horizons, Instant, Selection, State, Stream, Window};
use crate::criteria::{Document, EventLeaf, Measure, Node, describe_path};
use crate::error::{Error, Result, nearest};
use crate::score::{BuiltinStreams, Feature, View};
use std::collections::HashMap;

/// A segment as it is stored, parsed.
#[derive(Clone, Debug)]
pub struct Definition {
    pub id: u32,
    pub name: String,
    pub criteria: Node,
}

#[derive(Clone, Debug)]
pub(super) enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    None(Vec<Expression>),
    Not(Box<Expression>),
    /// An index into the program's leaves.
    Leaf(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub id: u32,
    pub name: String,
    pub expression: Expression,
    /// Every leaf in document order, with its path.
    pub leaves: Vec<(String, usize)>,
}

/// All live definitions, ready to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// In ascending order of id.
    streams: Vec<Stream>,
    /// Indexes of the streams that an event type feeds, under each of its names.
    by_event: HashMap<String, Vec<usize>>,
    /// Indexes of the streams that every event feeds.
    every_event: Vec<usize>,
    pub(super) leaves: Vec<Leaf>,
    /// In ascending order of id.
    pub(super) segments: Vec<Segment>,
}

impl Program {
    /// `stored` are the streams beside the built-in ones; every definition's must be among them.
    pub fn compile(stored: Vec<Stream>, definitions: &[Definition]) -> Result<Self> {
        let mut streams = BuiltinStreams::default().streams()?;
        streams.extend(stored);
        streams.sort_by_key(|stream| stream.id);
        let find = |leaf: &EventLeaf| {
            let stream = serving(&streams, &selection(leaf), horizons(leaf));
            stream.map(|stream| stream.id).ok_or(Error::Corrupt("stream catalogue"))
        };
        let mut compiler =
            Compiler { find: &find, leaves: Vec::new(), known: HashMap::new(), found: Vec::new() };
        let mut segments = Vec::with_capacity(definitions.len());
        for definition in definitions {
            let expression = compiler.expression(&definition.criteria, "")?;
            let leaves = std::mem::take(&mut compiler.found);
            segments.push(Segment { id: definition.id, name: definition.name.clone(), expression, leaves });
        }
        segments.sort_by_key(|segment| segment.id);
        let leaves = compiler.leaves;

        let mut by_event: HashMap<String, Vec<usize>> = HashMap::new();
        let mut every_event = Vec::new();
        for (index, stream) in streams.iter().enumerate() {
            match stream.selection.event_names() {
                None => every_event.push(index),
                Some(names) => {
                    names
                        .into_iter()
                        .for_each(|name| by_event.entry(name.to_owned()).or_default().push(index));
                }
            }
        }
        Ok(Program { streams, by_event, every_event, leaves, segments })
    }

    /// Checks that criteria speak only of what exists.
    pub fn check(criteria: &Node) -> Result<()> {
        let find = |_: &EventLeaf| Ok(0);
        let mut compiler =
            Compiler { find: &find, leaves: Vec::new(), known: HashMap::new(), found: Vec::new() };
        compiler.expression(criteria, "").map(drop)
    }

    /// Checks that a definition can be compiled over the streams that are stored.
    pub fn check_against(stored: &[Stream], definition: &Definition) -> Result<()> {
        Self::check(&definition.criteria)?;
        let builtin = BuiltinStreams::default().streams()?;
        let served = |(selection, horizons): &(Selection, Horizons)| {
            serving(&builtin, selection, *horizons)
                .or_else(|| serving(stored, selection, *horizons))
                .is_some()
        };
        if requirements([definition]).iter().all(served) {
            Ok(())
        } else {
            Err(Error::Corrupt("stream catalogue"))
        }
    }

    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// The streams that an event feeds.
    pub fn fed_by<'p, 'a: 'p, D: Document<'a> + 'p>(
        &'p self,
        event_type: &str,
        event: D,
    ) -> impl Iterator<Item = &'p Stream> {
        let typed = self.by_event.get(event_type).map_or(&[][..], Vec::as_slice);
        let indexes = self.every_event.iter().chain(typed);
        indexes.map(|index| &self.streams[*index]).filter(move |stream| stream.admits(event))
    }

    pub fn view<'s>(&self, state: &'s State) -> View<'s> {
        View { state, streams: BuiltinStreams::default() }
    }

    pub fn segment_name(&self, id: u32) -> Option<&str> {
        self.segment(id).map(|segment| segment.name.as_str())
    }

    pub fn segment_id(&self, name: &str) -> Option<u32> {
        self.segments.iter().find(|segment| segment.name == name).map(|segment| segment.id)
    }

    /// The segments that a state is in at an instant not before its own. Nobody without events is in any.
    pub fn members(&self, state: &State, at: Instant) -> Members {
        let mut members = Members::default();
        if state.events <= 0 {
            return members;
        }
        let view = self.view(state);
        let truths: Vec<bool> = self.leaves.iter().map(|leaf| leaf.holds(view, at)).collect();
        for segment in &self.segments {
            if segment.expression.holds(&truths) {
                members.set(segment.id, true);
            }
        }
        members
    }

    /// The earliest instant after `at` at which time alone can change anything about a subscriber: a sound
    /// lower bound of the next flip of any live leaf.
    pub fn next_due(&self, state: &State, at: Instant) -> Option<Instant> {
        if state.events <= 0 {
            return None;
        }
        let view = self.view(state);
        let flips = self.leaves.iter().filter_map(|leaf| leaf.next_flip(view, at));
        flips.chain(state.next_pending()).min()
    }

    pub(super) fn segment(&self, id: u32) -> Option<&Segment> {
        self.segments.binary_search_by_key(&id, |segment| segment.id).ok().map(|index| &self.segments[index])
    }
}

impl Expression {
    pub fn holds(&self, truths: &[bool]) -> bool {
        match self {
            Expression::All(parts) => parts.iter().all(|part| part.holds(truths)),
            Expression::Any(parts) => parts.iter().any(|part| part.holds(truths)),
            Expression::None(parts) => !parts.iter().any(|part| part.holds(truths)),
            Expression::Not(part) => !part.holds(truths),
            Expression::Leaf(index) => truths[*index],
        }
    }
}

struct Compiler<'a> {
    find: &'a dyn Fn(&EventLeaf) -> Result<u32>,
    leaves: Vec<Leaf>,
    /// Leaves by what they say, so that equal ones are stored and evaluated once.
    known: HashMap<String, usize>,
    found: Vec<(String, usize)>,
}

impl Compiler<'_> {
    fn expression(&mut self, node: &Node, at: &str) -> Result<Expression> {
        Ok(match node {
            Node::All(nodes) => Expression::All(self.expressions(nodes, at, "all")?),
            Node::Any(nodes) => Expression::Any(self.expressions(nodes, at, "any")?),
            Node::None(nodes) => Expression::None(self.expressions(nodes, at, "none")?),
            Node::Not(node) => Expression::Not(Box::new(self.expression(node, &step(at, "not"))?)),
            Node::Attribute(path, test) => {
                let name = describe_path(path);
                let feature = Feature::by_name(&name).ok_or_else(|| Error::Unknown {
                    kind: "feature",
                    hint: match nearest(&name, Feature::ALL.map(Feature::name)) {
                        Some(near) => format!("Did you mean \"{near}\"?"),
                        None => format!("Features are {}.", Feature::ALL.map(Feature::name).join(", ")),
                    },
                    path: at.to_owned(),
                    name,
                })?;
                self.leaf(Leaf { source: Source::Feature(feature), test: test.clone() }, at)
            }
            Node::Event(leaf) => {
                let leaf = self.event(leaf)?;
                self.leaf(leaf, at)
            }
        })
    }

    fn expressions(&mut self, nodes: &[Node], at: &str, form: &str) -> Result<Vec<Expression>> {
        let nodes = nodes.iter().enumerate();
        nodes.map(|(index, node)| self.expression(node, &format!("{}[{index}]", step(at, form)))).collect()
    }

    fn event(&self, leaf: &EventLeaf) -> Result<Leaf> {
        let stream = (self.find)(leaf)?;
        let window = leaf.within.map(Window::new);
        let source = match leaf.measure {
            Measure::Count => Source::Count { stream, window },
            Measure::Sum(_) => Source::Sum { stream, window },
        };
        Ok(Leaf { source, test: leaf.test.clone() })
    }

    fn leaf(&mut self, leaf: Leaf, at: &str) -> Expression {
        let leaves = &mut self.leaves;
        let index = *self.known.entry(format!("{leaf:?}")).or_insert_with(|| {
            leaves.push(leaf);
            leaves.len() - 1
        });
        self.found.push((at.to_owned(), index));
        Expression::Leaf(index)
    }
}

fn step(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}
