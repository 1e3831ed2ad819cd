//! When somebody answers, and how often: counts of their own, drawn towards everybody's as far as there are few of them.

mod choice;
mod judgement;
mod responses;
mod strength;

pub use choice::{Choice, Habits, next};
pub use judgement::Judgement;
pub use responses::{Person, Responses, hour};
