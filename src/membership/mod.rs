//! Who is in which segment, when that changes by itself, and why.
//!
//! A [`Program`] is all live definitions compiled together: the streams they read, their distinct leaves,
//! and a boolean expression per segment. Evaluation is a pure function of a subscriber's state and an
//! instant.

mod advance;
mod attribute;
mod blame;
mod compile;
mod compiler;
mod definition;
mod derived;
mod edge;
mod evaluate;
#[cfg(test)]
mod example_tests;
mod explain;
#[cfg(test)]
mod feature_tests;
mod feeds;
mod figure;
mod figures;
mod leaf;
mod members;
mod number;
mod order;
mod references;
mod safeguard;
#[cfg(test)]
mod safeguard_tests;
mod sample;
mod sequence;
mod source;
mod streams;
mod subject;
mod take_over;
#[cfg(test)]
mod take_over_tests;
#[cfg(test)]
mod tests;
mod tiers;
mod trial;

pub use advance::{Cause, Transition, time_in};
pub use compile::Program;
pub use definition::Definition;
pub use evaluate::{Evaluation, Patience};
pub use explain::LeafReport;
pub use figure::Figure;
pub use figures::{Figures, reads_profile};
pub use leaf::bucket;
pub use members::Members;
pub use references::{dependents, with_referred};
pub use safeguard::{Held, Hold, Memory, Standing};
pub use sample::Sample;
pub use streams::{StreamPlan, plan_streams, reads, requirements};
pub use subject::{Manual, Subject};
pub use tiers::Tiers;
