//! The ends of what a leaf looks at, as they move with time.

use super::derived::STREAK;
use crate::activity::{Horizons, Instant, Resolution, Window};
use crate::criteria::{Bound, EventLeaf, Measure, Zone};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    /// The oldest that the last so much time holds.
    Window(Window),
    /// An end of a period of the calendar, at the resolution on whose panes it lies.
    Calendar(Bound, Resolution),
    /// An instant.
    Fixed(Instant),
}

/// What is looked at lies not before the first two, and before the other two.
pub type Edges = [Option<Edge>; 4];

/// The first of the edges that what is looked at lies before.
pub const UPPER: usize = 2;

/// The edges of an event leaf that its stream does not have. Of a trend the second is that of the time before.
pub fn edges(leaf: &EventLeaf, zone: Zone) -> Edges {
    let window = |length| Edge::Window(Window::new(length));
    let (within, older_than) = (leaf.span.within.map(window), leaf.span.older_than.map(window));
    let (lower, upper) = (leaf.span.lower(zone), leaf.span.upper(zone));
    match &leaf.measure {
        Measure::Streak => [Some(Edge::Window(STREAK)), None, None, None],
        Measure::Trend { both, .. } => [within, Some(window(*both)), None, None],
        // Streams that keep no more than times select whatever time they are of.
        Measure::First(_) | Measure::Last(_) => {
            [within, lower.map(Edge::of), older_than, upper.map(Edge::of)]
        }
        _ => {
            let moving =
                |bound: Option<Bound>| bound.map(Edge::of).filter(|edge| !matches!(edge, Edge::Fixed(_)));
            [within, moving(lower), older_than, moving(upper)]
        }
    }
}

impl Edge {
    fn of(bound: Bound) -> Self {
        let resolution = if bound.is_hourly() { Resolution::Hour } else { Resolution::Minute };
        bound.fixed().map_or(Edge::Calendar(bound, resolution), Edge::Fixed)
    }

    /// The first instant behind it.
    pub fn begin(&self, at: Instant) -> Instant {
        match self {
            Edge::Window(window) => window.begin(at),
            // Panes are never parted: before 1970 some clocks were ahead of UTC by parts of minutes.
            Edge::Calendar(bound, resolution) => {
                resolution.pane(bound.at(at).unwrap_or(at)) * resolution.micros()
            }
            Edge::Fixed(instant) => *instant,
        }
    }

    /// What tells what lies before it from what does not.
    pub fn resolution(&self) -> Resolution {
        match self {
            Edge::Window(window) => window.resolution,
            Edge::Calendar(_, resolution) => *resolution,
            Edge::Fixed(_) => Resolution::Exact,
        }
    }

    /// When it next passes an instant, in either direction.
    pub fn next_pass(&self, instant: Instant, at: Instant) -> Option<Instant> {
        match self {
            Edge::Window(window) => {
                Some(window.expiry(window.resolution.pane(instant))).filter(|expiry| *expiry > at)
            }
            Edge::Calendar(bound, _) => bound.next_pass(instant, at),
            Edge::Fixed(_) => None,
        }
    }

    /// Has all kept that it can part.
    pub fn include_in(&self, horizons: &mut Horizons) {
        match self {
            Edge::Window(window) => horizons.include(*window),
            Edge::Calendar(bound, resolution) => {
                horizons.reach_back(*resolution, bound.reach() / resolution.micros() + 2)
            }
            Edge::Fixed(_) => {}
        }
    }
}
