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
    /// Of definitions over streams, which come with the version from which on a state that was written has them. The
    /// program of one of those `before` is shared where it is the same; where none is, the first of them is taken over from.
    pub fn new<'r>(
        parsed: Parsed,
        streams: Vec<(Stream, i64)>,
        evaluated_version: i64,
        before: impl Iterator<Item = &'r Rules>,
    ) -> Self {
        let (streams, since): (Vec<Stream>, Vec<i64>) = streams.into_iter().unzip();
        let filled_version = since.into_iter().max().unwrap_or(0);
        let (mut definitions, mut broken) = (Vec::with_capacity(parsed.len()), Vec::new());
        for definition in parsed {
            match definition {
                Ok(definition) => definitions.push(definition),
                Err(unreadable) => broken.push(unreadable),
            }
        }
        let before: Vec<&Rc<Program>> = before.map(|before| &before.program).collect();
        let same = before.iter().find(|before| before.is_of(&streams, &definitions));
        let program = match same {
            Some(same) => Rc::clone(same),
            None => compile(before.first().copied(), &streams, &mut definitions, &mut broken).into(),
        };
        Rules { program, definitions, broken, filled_version, evaluated_version }
    }
}

/// The program of the definitions that can be compiled. Those that cannot become broken ones: only direct writes to the tables
/// make such, and whoever refers to one is one too.
fn compile(
    before: Option<&Rc<Program>>,
    streams: &[Stream],
    definitions: &mut Vec<Definition>,
    broken: &mut Vec<(String, Error)>,
) -> Program {
    loop {
        let error = match Program::compile_after(before.map(Rc::as_ref), streams.to_vec(), definitions) {
            Ok(program) => return program,
            Err(error) => error,
        };
        let stored = Streams::new(streams.to_vec());
        let cause = |definition: &Definition| Program::check_against(&stored, definition, definitions).err();
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
