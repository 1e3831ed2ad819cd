//! Programs of definitions that need not be stored.

use super::compile::Program;
use super::definition::Definition;
use super::streams::{plan_streams, requirements};
use crate::activity::{Stream, Streams};
use crate::error::Result;
use crate::score::BuiltinStreams;

impl Program {
    /// These definitions over the streams of the stored states; `None` where those lack some that are read.
    pub fn over(streams: &Streams, definitions: &[Definition]) -> Result<Option<Self>> {
        if !plan_streams(streams, &requirements(definitions), false).add.is_empty() {
            return Ok(None);
        }
        let builtin = BuiltinStreams::default().ids();
        let stored = streams.as_slice().iter().filter(|stream| !builtin.contains(&stream.id));
        Program::compile(stored.cloned().collect(), definitions).map(Some)
    }

    /// These definitions over streams of their own, which no stored state has.
    pub fn alone(definitions: &[Definition]) -> Result<Self> {
        let builtin = Streams::new(BuiltinStreams::default().streams()?);
        let missing = plan_streams(&builtin, &requirements(definitions), true).add;
        let first = builtin.as_slice().iter().map(|stream| stream.id + 1).max().unwrap_or_default();
        let streams = missing.into_iter().zip(first..);
        let streams = streams.map(|((selection, horizons), id)| Stream::new(id, selection, horizons));
        Program::compile(streams.collect::<Result<_>>()?, definitions)
    }
}
