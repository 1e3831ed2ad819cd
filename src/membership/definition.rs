//! Segments as they are stored, and whether they can be compiled.

use super::compile::Program;
use super::compiler::Compiler;
use super::order::order;
use super::streams::{requirements, serving};
use super::tiers::Tiers;
use crate::activity::{Horizons, Selection, Streams};
use crate::criteria::{Located, Safeguards, Zone};
use crate::error::{Error, Result};
use crate::score::BuiltinStreams;
use std::rc::Rc;

/// A segment as it is stored, parsed.
#[derive(Clone, Debug)]
pub struct Definition {
    pub id: u32,
    pub name: Rc<str>,
    pub criteria: Rc<Located>,
    /// The calendar that the criteria mean, those to leave too.
    pub zone: Zone,
    pub safeguards: Option<Rc<Safeguards>>,
    /// The tier set that it is in, where the moves of that are limited.
    pub tiers: Option<Rc<Tiers>>,
    /// Whether nobody moves, but by hand.
    pub on_hold: bool,
}

impl Definition {
    /// Of criteria alone: what decides beside them is left out.
    pub fn new(id: u32, name: impl Into<Rc<str>>, criteria: impl Into<Rc<Located>>, zone: Zone) -> Self {
        Definition {
            id,
            name: name.into(),
            criteria: criteria.into(),
            zone,
            safeguards: None,
            tiers: None,
            on_hold: false,
        }
    }

    /// Whether another one is the same, with criteria that were parsed once for both.
    pub(super) fn is(&self, other: &Definition) -> bool {
        (self.id, &self.name, self.zone) == (other.id, &other.name, other.zone)
            && Rc::ptr_eq(&self.criteria, &other.criteria)
            && self.safeguards.as_ref().map(Rc::as_ptr) == other.safeguards.as_ref().map(Rc::as_ptr)
            && (&self.tiers, self.on_hold) == (&other.tiers, other.on_hold)
    }

    /// All criteria that the definition has.
    pub(super) fn all_criteria(&self) -> impl Iterator<Item = &Located> {
        let leave = self.safeguards.as_ref().and_then(|safeguards| safeguards.leave.as_ref());
        std::iter::once(&*self.criteria).chain(leave)
    }
}

/// The tier sets whose moves are limited, of which all segments are among the definitions.
pub(super) fn tiers_of(definitions: &[Definition]) -> Vec<Rc<Tiers>> {
    let mut found: Vec<Rc<Tiers>> = Vec::new();
    for tiers in definitions.iter().filter_map(|definition| definition.tiers.as_ref()) {
        let defined = |id: &u32| definitions.iter().any(|definition| definition.id == *id);
        if !found.contains(tiers) && tiers.segments.iter().all(defined) {
            found.push(Rc::clone(tiers));
        }
    }
    found
}

impl Program {
    /// Checks that criteria speak only of what exists, the definitions given among it.
    pub fn check(criteria: &Located, definitions: &[Definition]) -> Result<()> {
        let find = |_: &Selection, _: Horizons| Ok(0);
        Compiler::new(&find, definitions).whole(criteria).map(drop)
    }

    /// The same of all criteria of a definition.
    pub fn check_definition(definition: &Definition, definitions: &[Definition]) -> Result<()> {
        let find = |_: &Selection, _: Horizons| Ok(0);
        Compiler::new(&find, definitions).segment(definition).map(drop)
    }

    /// Checks that definitions do not refer to each other in a circle.
    pub fn check_references(definitions: &[Definition]) -> Result<()> {
        let find = |_: &Selection, _: Horizons| Ok(0);
        let segments = Compiler::new(&find, definitions).segments(definitions, &[])?;
        order(&segments, &tiers_of(definitions)).map(drop)
    }

    /// Checks that a definition can be compiled over the streams that are stored, with the other definitions.
    pub fn check_against(
        stored: &Streams,
        definition: &Definition,
        definitions: &[Definition],
    ) -> Result<()> {
        Self::check_definition(definition, definitions)?;
        let builtin = Streams::new(BuiltinStreams::default().streams()?);
        let served = |(selection, horizons): &(Selection, Horizons)| {
            serving(builtin.as_slice().iter(), selection, *horizons)
                .or_else(|| serving(stored.as_slice().iter(), selection, *horizons))
                .is_some()
        };
        if requirements([definition]).iter().all(served) {
            Ok(())
        } else {
            Err(Error::Corrupt("stream catalogue"))
        }
    }
}
