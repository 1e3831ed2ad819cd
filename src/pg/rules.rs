//! Definitions that are in force together, compiled, and which states they can be asked of.

use super::report::raise;
use crate::activity::{Stream, Streams};
use crate::error::Error;
use crate::membership::{Definition, Program};
use std::rc::Rc;

/// Definitions, and the names of those that cannot be read, with the reason.
pub type Parsed = Vec<Result<Definition, (String, Error)>>;

pub struct Rules {
    pub program: Rc<Program>,
    pub definitions: Vec<Definition>,
    /// Definitions that cannot be read or compiled, with the reason; they have no members.
    pub broken: Vec<(String, Error)>,
    /// States last written before this version lack streams: they must be computed again from the events.
    pub filled_version: i64,
    /// Memberships last evaluated before this version lack segments, while somebody makes up for that.
    pub evaluated_version: i64,
}

impl Rules {
    /// Of definitions over streams, which come with the version from which on a state that was written has them. What was
    /// compiled for one of those `before` is not compiled again.
    pub fn new<'r>(
        parsed: Parsed,
        streams: Vec<(Stream, i64)>,
        evaluated_version: i64,
        mut before: impl Iterator<Item = &'r Rules>,
    ) -> Self {
        let (streams, since): (Vec<Stream>, Vec<i64>) = streams.into_iter().unzip();
        let filled_version = since.into_iter().max().unwrap_or(0);
        let beyond = before.find_map(|before| Some((before, before.beyond(&parsed, &streams)?)));
        let (program, definitions, broken) = match beyond {
            Some((before, 0)) => (Rc::clone(&before.program), before.definitions.clone(), Vec::new()),
            beyond => {
                let before = beyond.map(|(before, _)| &*before.program);
                let (program, definitions, broken) = compile(before, streams, parsed);
                (Rc::new(program), definitions, broken)
            }
        };
        Rules { program, definitions, broken, filled_version, evaluated_version }
    }

    /// How many of these definitions and streams come after its own, if its own are the first of them.
    fn beyond(&self, parsed: &Parsed, streams: &[Stream]) -> Option<usize> {
        let same = |(parsed, known): (&Result<Definition, _>, &Definition)| {
            parsed.as_ref().is_ok_and(|parsed| {
                (parsed.id, &parsed.name, parsed.zone) == (known.id, &known.name, known.zone)
                    && Rc::ptr_eq(&parsed.criteria, &known.criteria)
                    && parsed.safeguards.as_ref().map(Rc::as_ptr) == known.safeguards.as_ref().map(Rc::as_ptr)
                    && (&parsed.tiers, parsed.on_hold) == (&known.tiers, known.on_hold)
            })
        };
        let more = parsed.len().checked_sub(self.definitions.len()).filter(|_| self.broken.is_empty())?;
        let all_same = parsed.iter().zip(&self.definitions).all(same);
        Some(more + self.program.streams_beyond(streams).filter(|_| all_same)?)
    }
}

/// The program of the definitions that can be compiled, those, and those that cannot: only direct writes to the tables
/// make such, and whoever refers to one is one too. Definitions and streams of a program before are the first of these.
fn compile(
    before: Option<&Program>,
    streams: Vec<Stream>,
    parsed: Parsed,
) -> (Program, Vec<Definition>, Vec<(String, Error)>) {
    let mut definitions = Vec::with_capacity(parsed.len());
    let mut broken = Vec::new();
    for definition in parsed {
        match definition {
            Ok(definition) => definitions.push(definition),
            Err(unreadable) => broken.push(unreadable),
        }
    }
    if let Some(Ok(program)) = before.map(|before| before.extended(streams.clone(), &definitions)) {
        return (program, definitions, broken);
    }
    loop {
        let error = match Program::compile(streams.clone(), &definitions) {
            Ok(program) => return (program, definitions, broken),
            Err(error) => error,
        };
        let stored = Streams::new(streams.clone());
        let cause = |definition: &Definition| Program::check_against(&stored, definition, &definitions).err();
        let found =
            definitions.iter().enumerate().find_map(|(at, definition)| Some((at, cause(definition)?)));
        // None alone is at fault where they refer to each other in a circle: the last one goes.
        let (at, error) = found.unwrap_or((definitions.len().saturating_sub(1), error));
        if definitions.is_empty() {
            raise(error);
        }
        broken.push((definitions.remove(at).name.to_string(), error));
    }
}
