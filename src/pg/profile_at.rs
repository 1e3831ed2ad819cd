//! The columns of `segment.profile` as of an instant in the past.

use super::as_of::{Person, everybody_as_of};
use super::opened::{created_features, segment_names, tier_place, tier_places};
use super::profile_view::{Column, ENGAGEMENT, predicted};
use super::registry::{Kept, Registry};
use super::report::value_of;
use super::result::Rows;
use super::scan::Scratch;
use super::spi::{numeric, numeric_of};
use crate::activity::Instant;
use crate::criteria::{Document, Jsonb, Path};
use crate::membership::{Definition, Patience, Program};
use crate::score::View;
use pgrx::IntoDatum;
use pgrx::prelude::*;
use std::ffi::CString;
use std::rc::Rc;

/// Puts everybody's profile as of an instant into the result of a call that returns rows of `segment.profile`.
///
/// # Safety
/// The call is one of a function declared like that.
pub unsafe fn fill(call: pg_sys::FunctionCallInfo, registry: &Registry, at: Instant) {
    // SAFETY: the caller's promise.
    let mut rows = unsafe { Rows::of(call) };
    let names = rows.names();
    let columns: Vec<(Option<Column>, Option<Rc<Kept>>)> = names
        .iter()
        .map(|name| (Column::by_name(name, &registry.features), registry.figure(name).ok().flatten()))
        .collect();
    let program = by_criteria_alone(registry);
    let mut memory = Scratch::default();
    everybody_as_of(registry, &program, at, |person| {
        memory.run(|| {
            let profile = Profile::of(registry, &program, &person, at);
            rows.put(columns.iter().map(|(column, kept)| profile.value((*column)?, kept.as_deref())));
        });
    });
}

/// The definitions without their safeguards: what these would have said depends on the way to the instant.
fn by_criteria_alone(registry: &Registry) -> Rc<Program> {
    if !registry.program.is_guarded() {
        return Rc::clone(&registry.program);
    }
    let free = |definition: &Definition| {
        let Definition { id, name, criteria, zone, .. } = definition;
        Definition::new(*id, Rc::clone(name), Rc::clone(criteria), *zone)
    };
    let definitions: Vec<Definition> = registry.definitions.iter().map(free).collect();
    let program = value_of(Program::over(registry.program.streams(), &definitions));
    program.map_or_else(|| Rc::clone(&registry.program), Rc::new)
}

/// A person's profile as of an instant.
struct Profile<'p> {
    registry: &'p Registry,
    person: &'p Person,
    at: Instant,
    view: View,
    segments: Vec<String>,
    due: Option<Instant>,
}

impl<'p> Profile<'p> {
    fn of(registry: &'p Registry, program: &Program, person: &'p Person, at: Instant) -> Self {
        let evaluation = program.evaluate(person.subject(), &person.state, at, Patience::Little);
        let segments = segment_names(program, &evaluation.standing.members);
        Profile { registry, person, at, view: View::of(&person.state), segments, due: evaluation.due }
    }

    /// The value of a column of the view; a feature by how it is computed, if its streams are kept.
    fn value(&self, column: Column, kept: Option<&Kept>) -> Option<pg_sys::Datum> {
        match column {
            Column::Feature(_) => {
                let (units, scale) = self.number(kept?)?;
                numeric_of(units, scale)?.into_datum()
            }
            Column::Trait(_) => None,
            Column::Plain(name) => match name {
                "subscriber" => self.person.id.as_str().into_datum(),
                "email" => self.of_profile(name)?.text()?.into_datum(),
                "first_event_at" => self.view.extent().map(|(first, _)| pg_sys::Datum::from(first)),
                "last_event_at" => self.view.extent().map(|(_, last)| pg_sys::Datum::from(last)),
                "segments" => self.segments.clone().into_datum(),
                "tiers" => jsonb(&tier_places(&self.registry.tier_sets, &self.segments)),
                "tier" => {
                    let mut sets = self.registry.tier_sets.iter();
                    let set = sets.find(|set| set.name == ENGAGEMENT)?;
                    tier_place(set, &self.segments).into_datum()
                }
                "features" => {
                    let number = |name: &str| self.number(self.registry.figure(name).ok()??.as_ref());
                    jsonb(&created_features(self.registry, number)?)
                }
                "traits" | "preferences" | "tags" | "predictions" => {
                    jsonb(&self.of_profile(name)?.to_json().to_string())
                }
                "due_at" => self.due.map(pg_sys::Datum::from),
                "evaluated_at" => Some(pg_sys::Datum::from(self.at)),
                name => self.prediction(predicted(name)?),
            },
        }
    }

    fn number(&self, kept: &Kept) -> Option<(i128, u32)> {
        let figure = &kept.figure;
        let units = figure.units(self.person.subject(), &self.person.state, &self.view, self.at)?;
        Some((units, figure.scale()))
    }

    fn prediction(&self, [model, part]: [&str; 2]) -> Option<pg_sys::Datum> {
        let path = ["predictions", model, part].map(str::to_owned).to_vec();
        numeric(&self.person.profile.as_ref()?.get(&Path(path))?.number()?)?.into_datum()
    }

    fn of_profile(&self, key: &str) -> Option<Jsonb<'_>> {
        self.person.profile.as_ref()?.get(&Path(vec![key.to_owned()]))
    }
}

/// A `jsonb` of a text that is one.
fn jsonb(text: &str) -> Option<pg_sys::Datum> {
    let text = CString::new(text).ok()?;
    // SAFETY: the function reads the text and returns a value in the current memory.
    unsafe { pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[text.as_c_str().into_datum()]) }
}
