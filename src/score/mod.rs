//! Features and scores: named numbers computed from what a subscriber did.

mod accumulate;
mod builtin;
mod engagement;
mod feature;

pub use accumulate::Accumulator;
pub use builtin::{READY, features};
pub use engagement::{Engagement, consistency};
pub use feature::{BuiltinStreams, Feature, View};
