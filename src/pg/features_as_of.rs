//! Features of everybody as of instants in the past, from the events before each and nothing else.

use super::registry::Registry;
use super::scan::BySubscriber;
use super::spi::connect;
use super::survey::of_events;
use crate::activity::{Change, Entry, Instant};
use crate::membership::{Figures, Subject};
use crate::score::View;

/// Subscribers between two looks for a cancellation.
const PER_CHECK: usize = 256;

/// Shows every subscriber with events, in ascending order and under the active snapshot: with all of the events, and for each of
/// some instants the figures of those before it, none where there are none before it. Profiles are not looked at: of them only
/// the present is known. Returns, by instant, when the last of the events happened that any of its figures read. Every source
/// must be readable.
pub fn features_as_of(
    registry: &Registry,
    figures: &Figures,
    instants: &[Instant],
    mut see: impl FnMut(&str, &Change, &[Vec<f64>]),
) -> Vec<Option<Instant>> {
    let mut latest = vec![None; instants.len()];
    let mut rows = vec![Vec::new(); instants.len()];
    let mut view = View::default();
    connect(|session| {
        let mut events = BySubscriber::open(session, registry, figures.program(), &registry.sources);
        for (count, (subscriber, change)) in events.by_ref().enumerate() {
            if count % PER_CHECK == 0 {
                pgrx::check_for_interrupts!();
            }
            for ((instant, row), latest) in instants.iter().zip(&mut rows).zip(&mut latest) {
                row.clear();
                let before: Vec<Entry> =
                    change.entries.iter().filter(|entry| entry.at < *instant).cloned().collect();
                let Some(last) = before.iter().map(|entry| entry.at).max() else { continue };
                *latest = (*latest).max(Some(last));
                let state = of_events(figures.program(), &Change { events: 1, entries: before }, *instant);
                figures.values(nobody(&subscriber), &state, *instant, &mut view, row);
            }
            see(&subscriber, &change, &rows);
        }
        events.close();
    });
    latest
}

/// A subscriber of whom nothing is known but what they did.
pub fn nobody(id: &str) -> Subject<'_> {
    Subject { id, manual: None, profile: None, past: None }
}
