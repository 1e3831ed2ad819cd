//! Features and scores: named numbers computed from what a subscriber did.

mod accumulate;
mod builtin;
mod engagement;
mod feature;
mod performance;
mod rfm;
mod tiers;

pub use accumulate::Accumulator;
pub use builtin::{FAMILIES, READY, features, ready};
pub use engagement::{Engagement, consistency};
pub use feature::{BuiltinStreams, Feature, View};
pub use performance::Performance;
pub use rfm::{NO_CELL, Quintiles, cells};
pub use tiers::{Tier, engagement_order, engagement_tiers};
