//! A feature or a score by its name, to be read from the states of many subscribers one after the other.

use super::compile::Program;
use super::compiler::Compiler;
use super::leaf::Course;
use super::number::Named;
use super::streams::serving;
use super::subject::Subject;
use crate::activity::{Horizons, Instant, Selection, State};
use crate::criteria::{DECIMALS, Formula};
use crate::error::{Error, Result};
use crate::score::{Feature, View};
use std::cell::RefCell;

/// How a number about a subscriber is read from a state.
#[derive(Clone, Debug)]
pub struct Figure {
    reading: Reading,
    /// Ids of the streams that it reads, beside those that there always are.
    pub streams: Vec<u32>,
}

#[derive(Clone, Debug)]
enum Reading {
    Feature(Feature),
    Named(Box<Named>),
}

impl Program {
    /// A formula over this program's streams; an error where those lack something that it reads.
    pub fn figure(&self, formula: &Formula) -> Result<Figure> {
        if let Formula::Builtin(name) = formula {
            let feature = Feature::by_name(name).ok_or(Error::Corrupt("feature"))?;
            return Ok(Figure { reading: Reading::Feature(feature), streams: Vec::new() });
        }
        let streams = RefCell::new(Vec::new());
        let find = |selection: &Selection, horizons: Horizons| {
            let stream = serving(self.streams().as_slice().iter(), selection, horizons);
            let id = stream.map(|stream| stream.id).ok_or(Error::Corrupt("stream catalogue"))?;
            streams.borrow_mut().push(id);
            Ok(id)
        };
        let reading = Reading::Named(Compiler::new(&find, &[]).named(formula)?.into());
        Ok(Figure { reading, streams: streams.take() })
    }
}

impl Figure {
    /// How many decimal places the number has.
    pub fn scale(&self) -> u32 {
        match &self.reading {
            Reading::Feature(feature) => feature.scale(),
            Reading::Named(_) => DECIMALS,
        }
    }

    /// The number at an instant to which the state has been advanced, in units of `10^-scale`; `None` where there is none.
    pub fn units(&self, subject: Subject, state: &State, view: &View, at: Instant) -> Option<i128> {
        match &self.reading {
            Reading::Feature(feature) => (*feature, view).units(at),
            Reading::Named(named) => (named.as_ref(), subject, state).units(at),
        }
    }
}
