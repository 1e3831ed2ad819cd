//! Compiles definitions into a program.

use super::attribute::Attribute;
use super::compiler::Compiler;
use super::definition::{Definition, tiers_of};
use super::derived::Derived;
use super::evaluate::Scratch;
use super::feeds::Feeds;
use super::leaf::{Accepts, Leaf, Read, Source};
use super::members::Members;
use super::number::Named;
use super::order::{Step, order};
use super::safeguard::Guard;
use super::streams::serving;
use super::tiers::Tiers;
use crate::activity::{Horizons, Resolution, Selection, Stream, Streams, Window};
use crate::criteria::Path;
use crate::error::{Error, Result};
use crate::score::{BuiltinStreams, Feature};
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Clone, Debug)]
pub(super) enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    None(Vec<Expression>),
    Not(Box<Expression>),
    AtLeast(usize, Vec<Expression>),
    /// An index into the program's leaves.
    Leaf(usize),
    /// The id of another segment.
    Segment(u32),
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// What it was compiled from.
    pub definition: Definition,
    pub expression: Expression,
    pub leaves: Leaves,
    pub guard: Option<Guard>,
}

/// Every leaf of criteria in document order, with its path.
pub(super) type Leaves = Vec<(Rc<str>, Condition)>;

/// What a leaf of a document became.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition {
    /// An index into the program's leaves.
    Leaf(usize),
    /// The id of a segment.
    Segment(u32),
}

/// Ends of ranges in ascending order, each with the index of its leaf.
type Ends = Vec<(i128, usize)>;

/// One distinct number that leaves are about.
#[derive(Clone, Debug)]
pub(super) struct Quantity {
    pub source: Source,
    /// Indexes of the leaves about it.
    pub leaves: Vec<usize>,
    /// Where their truths can change, ascending; `None` where any change of the number may matter.
    pub boundaries: Option<Vec<i128>>,
    /// The leaves that can differ from what they are at zero where the number is above it: those that begin to hold,
    /// by their lower end, and those that cease to, by their upper end; `None` where that is not all there is to it.
    pub thresholds: Option<(Ends, Ends)>,
}

/// A window with the indexes of the quantities that are its count and its sum.
type Asked = (Window, Option<usize>, Option<usize>);

/// What is asked about one stream, but for the features.
#[derive(Clone, Debug, Default)]
pub(super) struct Questions {
    /// Indexes of the quantities over its whole lifetime.
    pub lifetime: Vec<usize>,
    /// By resolution, shortest first.
    pub windows: [Vec<Asked>; Resolution::COUNT],
}

/// All live definitions, ready to run.
#[derive(Clone, Debug)]
pub struct Program {
    streams: Streams,
    pub(super) feeds: Feeds,
    pub(super) quantities: Vec<Quantity>,
    /// By position of the stream.
    pub(super) questions: Vec<Questions>,
    /// The quantities that are features, by index.
    pub(super) features: Vec<(usize, Feature)>,
    /// The quantities that are derived from streams, by index, with the position of a stream without whose events they are
    /// blank.
    pub(super) derived: Vec<(usize, usize)>,
    /// The quantities that are conditions on the profile, by index.
    pub(super) attributes: Vec<(usize, Rc<Attribute>)>,
    /// The quantities that are named numbers, by index.
    pub(super) named: Vec<(usize, Rc<Named>)>,
    /// The quantities that are buckets, by index, with the salt.
    pub(super) buckets: Vec<(usize, Rc<str>)>,
    pub(super) leaves: Vec<Leaf>,
    /// In ascending order of id.
    pub(super) segments: Vec<Rc<Segment>>,
    /// By leaf, the indexes of the segments that read it.
    pub(super) readers: Vec<Vec<usize>>,
    /// What is decided when the segments that look at leaves alone are.
    pub(super) steps: Vec<Step>,
    /// The tier sets whose moves are limited.
    pub(super) tiers: Vec<Rc<Tiers>>,
    /// The truths of the leaves, and the members, where every count and sum is zero.
    pub(super) blank: (Vec<bool>, Members),
    pub(super) scratch: RefCell<Scratch>,
}

impl Program {
    /// `stored` are the streams beside the built-in ones; every definition's must be among them, and every segment
    /// that one refers to among the definitions.
    pub fn compile(stored: Vec<Stream>, definitions: &[Definition]) -> Result<Self> {
        Self::compile_after(None, stored, definitions)
    }

    /// The same, where what another program has compiled of the same definitions and streams is taken over.
    pub fn compile_after(
        before: Option<&Program>,
        stored: Vec<Stream>,
        definitions: &[Definition],
    ) -> Result<Self> {
        let mut streams = BuiltinStreams::default().streams()?;
        streams.extend(stored);
        Self::compile_over(streams, before, definitions)
    }

    /// The same over those streams alone that these definitions read, for states that are read by the narrower program.
    pub fn narrowed(&self, definitions: &[Definition]) -> Result<Self> {
        let reads: Vec<Read> = self.reads().collect();
        let read = |stream: &&Stream| reads.contains(&Read::Stream(stream.id));
        let streams = self.streams.as_slice().iter().filter(read).cloned().collect();
        Self::compile_over(streams, None, definitions)
    }

    fn compile_over(
        streams: Vec<Stream>,
        before: Option<&Program>,
        definitions: &[Definition],
    ) -> Result<Self> {
        let streams = Streams::new(streams);
        let find = |selection: &Selection, horizons: Horizons| {
            let stream = serving(streams.as_slice().iter(), selection, horizons);
            stream.map(|stream| stream.id).ok_or(Error::Corrupt("stream catalogue"))
        };
        let mut compiler = Compiler::new(&find, definitions);
        let known = before.map_or_else(Vec::new, |before| compiler.take_over(before, &streams));
        let segments = compiler.segments(definitions, &known)?;
        let Compiler { leaves, quantities, .. } = compiler;
        let tiers = tiers_of(definitions);
        let steps = order(&segments, &tiers)?;
        let mut program = Program {
            feeds: Feeds::new(&streams),
            questions: vec![Questions::default(); streams.as_slice().len()],
            streams,
            features: Vec::new(),
            derived: Vec::new(),
            attributes: Vec::new(),
            named: Vec::new(),
            buckets: Vec::new(),
            readers: vec![Vec::new(); leaves.len()],
            quantities,
            leaves,
            segments,
            steps,
            tiers,
            blank: (Vec::new(), Members::default()),
            scratch: RefCell::default(),
        };
        program.arrange();
        Ok(program)
    }

    /// What the definitions read of profiles.
    pub fn profile_paths(&self) -> Vec<&Path> {
        let path = |read| if let Read::Profile(path) = read { Some(path) } else { None };
        self.reads().filter_map(path).collect()
    }

    /// What they read of a subscriber.
    fn reads(&self) -> impl Iterator<Item = Read<'_>> {
        self.quantities.iter().flat_map(|quantity| quantity.source.reads())
    }

    /// Puts everything where evaluation looks for it.
    fn arrange(&mut self) {
        let position = |stream: u32| self.streams.position(stream).map(|position| position as usize);
        for (index, quantity) in self.quantities.iter_mut().enumerate() {
            let boundaries = quantity.leaves.iter().map(|leaf| self.leaves[*leaf].accepts.boundaries());
            quantity.boundaries = boundaries.collect::<Option<Vec<_>>>().map(|boundaries| {
                let mut boundaries = boundaries.concat();
                boundaries.sort_unstable();
                boundaries.dedup();
                boundaries
            });
            quantity.thresholds = thresholds(quantity, &self.leaves);
            let (stream, window, sums) = match &quantity.source {
                Source::Feature(feature) => {
                    self.features.push((index, *feature));
                    continue;
                }
                Source::Named(named) => {
                    self.named.push((index, Rc::clone(named)));
                    continue;
                }
                Source::Attribute(attribute) => {
                    self.attributes.push((index, Rc::clone(attribute)));
                    continue;
                }
                Source::Derived(Derived { stream, .. }) => {
                    self.derived.extend(position(*stream).map(|position| (index, position)));
                    continue;
                }
                Source::Sequence(sequence) => {
                    let first = sequence.steps.first().and_then(|(stream, _)| position(*stream));
                    self.derived.extend(first.map(|position| (index, position)));
                    continue;
                }
                Source::Bucket(salt) => {
                    self.buckets.push((index, Rc::clone(salt)));
                    continue;
                }
                Source::Count { stream, window } => (*stream, *window, false),
                Source::Sum { stream, window } => (*stream, *window, true),
            };
            let Some(position) = position(stream) else { continue };
            let questions = &mut self.questions[position];
            let Some(window) = window else {
                questions.lifetime.push(index);
                continue;
            };
            let windows = &mut questions.windows[window.resolution as usize];
            let place = match windows.binary_search_by_key(&window.panes(), |(window, ..)| window.panes()) {
                Ok(found) => found,
                Err(place) => {
                    windows.insert(place, (window, None, None));
                    place
                }
            };
            let slot = &mut windows[place];
            *(if sums { &mut slot.2 } else { &mut slot.1 }) = Some(index);
        }
        for (index, segment) in self.segments.iter().enumerate() {
            for (_, condition) in &segment.leaves {
                if let Condition::Leaf(leaf) = condition
                    && !self.readers[*leaf].contains(&index)
                {
                    self.readers[*leaf].push(index);
                }
            }
        }
        let blank = |leaf: &Leaf| leaf.holds(self.quantities[leaf.quantity].source.blank());
        let truths: Vec<bool> = self.leaves.iter().map(blank).collect();
        let mut members = Members::default();
        for segment in &self.segments {
            members.set(segment.id(), segment.expression.holds(&truths, &members));
        }
        for step in &self.steps {
            if let Step::Segment(index) = step {
                let segment = &self.segments[*index];
                members.set(segment.id(), segment.expression.holds(&truths, &members));
            }
        }
        self.scratch.get_mut().truths.clone_from(&truths);
        self.scratch.get_mut().seen = vec![false; self.segments.len()];
        self.blank = (truths, members);
    }

    /// Whether it was compiled from these streams and definitions, both in ascending order of id; criteria are the same where
    /// they were parsed once.
    pub fn is_of(&self, stored: &[Stream], definitions: &[Definition]) -> bool {
        let builtin = BuiltinStreams::default().ids();
        let own = self.streams.as_slice().iter().filter(|stream| !builtin.contains(&stream.id));
        let segments = self.segments.iter().map(|segment| &segment.definition);
        own.eq(stored)
            && self.segments.len() == definitions.len()
            && segments.zip(definitions).all(|(own, definition)| own.is(definition))
    }

    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    pub fn segment_name(&self, id: u32) -> Option<&str> {
        self.segment(id).map(|segment| &*segment.definition.name)
    }

    /// Whether some membership depends on more than the state.
    pub fn is_guarded(&self) -> bool {
        !self.tiers.is_empty() || self.segments.iter().any(|segment| segment.guard.is_some())
    }

    /// The segments in which members stay for some time at least.
    pub fn stays(&self) -> impl Iterator<Item = u32> + '_ {
        let stays = |segment: &&Rc<Segment>| segment.guard.as_ref().is_some_and(|guard| guard.stay > 0);
        self.segments.iter().filter(stays).map(|segment| segment.id())
    }

    pub(super) fn segment(&self, id: u32) -> Option<&Segment> {
        self.segments
            .binary_search_by_key(&id, |segment| segment.id())
            .ok()
            .map(|index| &*self.segments[index])
    }
}

impl Quantity {
    /// Leaves about it come later.
    pub fn new(source: Source) -> Self {
        Quantity { source, leaves: Vec::new(), boundaries: None, thresholds: None }
    }
}

impl Segment {
    pub fn id(&self) -> u32 {
        self.definition.id
    }

    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Every leaf of the criteria, and of those to leave.
    pub fn all_leaves(&self) -> impl Iterator<Item = &(Rc<str>, Condition)> {
        self.leaves.iter().chain(self.guard.iter().flat_map(|guard| &guard.leaves))
    }
}

impl Expression {
    pub fn holds(&self, truths: &[bool], members: &Members) -> bool {
        match self {
            Expression::All(parts) => parts.iter().all(|part| part.holds(truths, members)),
            Expression::Any(parts) => parts.iter().any(|part| part.holds(truths, members)),
            Expression::None(parts) => !parts.iter().any(|part| part.holds(truths, members)),
            Expression::Not(part) => !part.holds(truths, members),
            Expression::AtLeast(wanted, parts) => {
                parts.iter().filter(|part| part.holds(truths, members)).take(*wanted).count() == *wanted
            }
            Expression::Leaf(index) => truths[*index],
            Expression::Segment(id) => members.contains(*id),
        }
    }
}

/// See [`Quantity::thresholds`].
fn thresholds(quantity: &Quantity, leaves: &[Leaf]) -> Option<(Ends, Ends)> {
    let (mut begin, mut cease) = (Vec::new(), Vec::new());
    for leaf in &quantity.leaves {
        let Accepts::Range(low, high) = leaves[*leaf].accepts else { return None };
        if low > 0 {
            begin.push((low, *leaf));
        } else if low <= high && high >= 0 {
            cease.push((high, *leaf));
        }
    }
    begin.sort_unstable();
    cease.sort_unstable();
    Some((begin, cease))
}
