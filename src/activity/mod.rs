//! What a subscriber did, in a compact record that a late, changed or deleted event updates exactly.
//!
//! A [`Stream`] is one distinct selection of events that some live leaf or feature reads. A [`State`] holds
//! panes: tallies of the events whose time floors to the same second, minute or hour, the finest that some window
//! can still ask about, or of all older ones. Events that feed the same streams share panes. The state
//! after any history is a function of the multiset of events, the streams and the evaluation time alone, so two
//! ways to the same events give the same bytes.

mod base;
mod clock;
mod codec;
mod feed;
mod gathered;
mod hash;
mod journey;
mod line;
mod preference;
mod read;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod time;

pub use base::{Base, Stored};
pub use clock::parse_instant;
pub use feed::{Change, Entry, Feed};
pub use gathered::Gathered;
pub use hash::hash;
pub use journey::{sessions, usual_channel};
pub use line::Line;
pub use preference::preferences;
pub use read::Totals;
pub use state::{Fold, State, Tally};
pub use stream::{Horizons, Keep, Selection, Stream, Streams, hash_of};
pub use time::{DAY, HOUR, Instant, Resolution, SECOND, VALID_TIMES, Window};

/// Decimal digits kept of an event's value; sums are integers of this unit, so that a delete inverts exactly.
pub const VALUE_SCALE: u32 = 6;
