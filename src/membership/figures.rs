//! Numbers about subscribers by formulas that need not be stored.

use super::compile::Program;
use super::figure::Figure;
use super::streams::reads;
use super::subject::Subject;
use super::trial;
use crate::activity::{Horizons, Instant, Selection, State, Stream, Streams};
use crate::criteria::{Formula, Node, Weighed};
use crate::error::Result;
use crate::score::View;

/// Formulas compiled together, with the streams that they read.
pub struct Figures {
    program: Program,
    figures: Vec<Figure>,
}

impl Figures {
    /// Over the streams of the stored states; `None` where those lack some that are read.
    pub fn over(streams: &Streams, formulas: &[Formula]) -> Result<Option<Self>> {
        let wanted: Vec<(Selection, Horizons)> = formulas.iter().flat_map(reads).collect();
        trial::stored(streams, &wanted).map(|stored| Self::compile(stored, formulas)).transpose()
    }

    /// Over streams of their own, which no stored state has.
    pub fn alone(formulas: &[Formula]) -> Result<Self> {
        let wanted: Vec<(Selection, Horizons)> = formulas.iter().flat_map(reads).collect();
        Self::compile(trial::own(&wanted)?, formulas)
    }

    fn compile(streams: Vec<Stream>, formulas: &[Formula]) -> Result<Self> {
        let program = Program::compile(streams, &[])?;
        let figures = formulas.iter().map(|formula| program.figure(formula)).collect::<Result<_>>()?;
        Ok(Figures { program, figures })
    }

    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The stream of all events of a type, or of every type, that sums their values; or, if asked for none, of any kind.
    pub fn stream(&self, event: &str, valued: bool) -> Option<u32> {
        let wanted = Selection::of(event);
        let wanted = if valued { wanted.with_value() } else { wanted };
        let mut streams = self.program.streams().as_slice().iter();
        streams.find(|stream| stream.selection.serves(&wanted)).map(|stream| stream.id)
    }

    /// The numbers of a state that has been advanced to an instant, in the order of the formulas; NaN where there is none.
    pub fn values(
        &self,
        subject: Subject,
        state: &State,
        at: Instant,
        view: &mut View,
        values: &mut Vec<f64>,
    ) {
        values.clear();
        view.read(state);
        values.extend(self.figures.iter().map(|figure| {
            let units = figure.units(subject, state, view, at);
            units.map_or(f64::NAN, |units| units as f64 / 10_f64.powi(figure.scale() as i32))
        }));
    }
}

/// Whether a formula reads the profile, of which only the present is known.
pub fn reads_profile(formula: &Formula) -> bool {
    match formula {
        Formula::Attribute(_) => true,
        Formula::Constant(_)
        | Formula::Builtin(_)
        | Formula::Events(_)
        | Formula::Decay(_)
        | Formula::Preference { .. } => false,
        Formula::Divide(a, b) => reads_profile(a) || reads_profile(b),
        Formula::Multiply(parts) => parts.iter().any(reads_profile),
        Formula::Score(score) => score.terms.iter().any(|term| match &term.of {
            Weighed::Number { formula, .. } => reads_profile(formula),
            Weighed::Condition(node) => asks_profile(node),
        }),
    }
}

fn asks_profile(node: &Node) -> bool {
    match node {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) | Node::AtLeast(_, nodes) => {
            nodes.iter().any(asks_profile)
        }
        Node::Not(node) => asks_profile(node),
        Node::Attribute(path, _) => path.is_of_profile(),
        Node::Number(leaf) => reads_profile(&leaf.formula),
        Node::Event(_) | Node::Sequence(_) | Node::Bucket(_) | Node::Segment(_) | Node::Tier(_) => false,
    }
}
