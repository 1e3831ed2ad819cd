//! One distinct condition over a subscriber's state: its value, its truth, and when that can flip.

use crate::activity::{Instant, VALUE_SCALE, Window};
use crate::criteria::{Decimal, Test, passes_number};
use crate::score::{Feature, View};

/// How many changes of a value are followed in search of the one that flips a leaf. Beyond, the last one
/// looked at is returned: a sound lower bound, at the cost of one more look when it comes.
const LOOK_AHEAD: usize = 32;

#[derive(Clone, Debug)]
pub struct Leaf {
    pub source: Source,
    pub test: Test,
}

/// Where a leaf's number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Count { stream: u32, window: Option<Window> },
    Sum { stream: u32, window: Option<Window> },
    Feature(Feature),
}

impl Source {
    pub fn value(self, view: View, at: Instant) -> Decimal {
        match self {
            Source::Count { stream, window } => view.state.tally(stream, window, at).count.into(),
            Source::Sum { stream, window } => {
                Decimal::from_scaled(view.state.tally(stream, window, at).sum, VALUE_SCALE)
            }
            Source::Feature(feature) => feature.value(view, at),
        }
    }

    /// The earliest instant after `at` at which the value can change, pending events aside.
    fn next_change(self, view: View, at: Instant) -> Option<Instant> {
        match self {
            Source::Count { stream, window } | Source::Sum { stream, window } => {
                view.state.next_expiry(stream, window?, at)
            }
            Source::Feature(feature) => feature.next_change(view, at),
        }
    }
}

impl Leaf {
    pub fn holds(&self, view: View, at: Instant) -> bool {
        passes_number(&self.test, &self.source.value(view, at))
    }

    /// An instant after `at` before which the leaf cannot flip, pending events aside; `None` where it never
    /// does. It is the very flip unless that lies more than [`LOOK_AHEAD`] changes ahead.
    pub fn next_flip(&self, view: View, at: Instant) -> Option<Instant> {
        let mut next = self.source.next_change(view, at)?;
        let now = self.holds(view, at);
        for _ in 0..LOOK_AHEAD {
            if self.holds(view, next) != now {
                return Some(next);
            }
            next = self.source.next_change(view, next)?;
        }
        Some(next)
    }
}
