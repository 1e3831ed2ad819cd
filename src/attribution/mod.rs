//! Attribution: how much of each conversion is owed to which of the touchpoints before it, and which segments somebody was in
//! when they converted.

mod model;
mod paths;
mod segments;

pub use model::Model;
pub use paths::{CONVERSION_SCALE, Credit, Paths};
pub use segments::{BySegment, Earned};
