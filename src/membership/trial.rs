//! Programs of definitions that need not be stored.

use super::compile::Program;
use super::definition::Definition;
use super::streams::{plan_streams, requirements};
use crate::activity::{Horizons, Selection, Stream, Streams};
use crate::error::Result;
use crate::score::BuiltinStreams;

impl Program {
    /// These definitions over the streams of the stored states; `None` where those lack some that are read.
    pub fn over(streams: &Streams, definitions: &[Definition]) -> Result<Option<Self>> {
        let stored = stored(streams, &requirements(definitions));
        stored.map(|stored| Program::compile(stored, definitions)).transpose()
    }

    /// These definitions over streams of their own, which no stored state has.
    pub fn alone(definitions: &[Definition]) -> Result<Self> {
        Program::compile(own(&requirements(definitions))?, definitions)
    }
}

/// The streams of the stored states beside the built-in ones; `None` where they lack some that are wanted.
pub(super) fn stored(streams: &Streams, wanted: &[(Selection, Horizons)]) -> Option<Vec<Stream>> {
    if !plan_streams(streams, wanted, false).add.is_empty() {
        return None;
    }
    let builtin = BuiltinStreams::default().ids();
    Some(streams.as_slice().iter().filter(|stream| !builtin.contains(&stream.id)).cloned().collect())
}

/// Streams that no stored state has, beside the built-in ones.
pub(super) fn own(wanted: &[(Selection, Horizons)]) -> Result<Vec<Stream>> {
    let builtin = Streams::new(BuiltinStreams::default().streams()?);
    let missing = plan_streams(&builtin, wanted, true).add;
    let first = builtin.as_slice().iter().map(|stream| stream.id + 1).max().unwrap_or_default();
    let streams = missing.into_iter().zip(first..);
    streams.map(|((selection, horizons), id)| Stream::new(id, selection, horizons)).collect()
}
