//! Everybody as of an instant, computed from the events that had occurred by then and nothing that is stored about them but
//! their profiles.
//!
//! Of profiles no history is kept: traits, preferences and tags are those of now, and so is what was decided by hand.

use super::owner::Acting;
use super::registry::Registry;
use super::scan::BySubscriber;
use super::spi::{Cursor, Session, connect};
use super::survey::{of_events, require_readable};
use crate::activity::{Instant, State};
use crate::membership::{Manual, Program, Subject};
use crate::profile::Profile;

/// Rows fetched at once.
const BATCH: usize = 5_000;

/// Somebody as of an instant, to which the state has been brought.
pub struct Person {
    pub id: String,
    pub state: State,
    pub manual: Option<Manual>,
    pub profile: Option<Profile>,
}

impl Person {
    pub fn subject(&self) -> Subject<'_> {
        Subject { id: &self.id, manual: self.manual.as_ref(), profile: self.profile.as_ref(), past: None }
    }
}

/// Shows everybody who had events at an instant, or has a profile, in ascending order, as a program reads their events.
/// The tables are read under the active snapshot as their owners, sorted within work_mem or on disk; one person is in memory
/// at a time. Raises where a source cannot be read.
pub fn everybody_as_of(registry: &Registry, program: &Program, at: Instant, mut see: impl FnMut(Person)) {
    require_readable(registry);
    connect(|session| {
        let mut events = BySubscriber::until(session, registry, program, &registry.sources, at);
        let mut known = Known::open(session);
        let (mut event, mut stored) = (events.next(), known.next());
        // Both come in ascending order.
        loop {
            let heads = event.iter().map(|(who, _)| who).chain(stored.iter().map(|(who, ..)| who));
            let Some(id) = heads.min().cloned() else { break };
            let change = event.take_if(|(who, _)| *who == id).map(|(_, change)| change);
            let row = stored.take_if(|(who, ..)| *who == id);
            if event.is_none() {
                event = events.next();
            }
            if stored.is_none() {
                stored = known.next();
            }
            let (manual, profile) = row.map_or((None, None), |(_, manual, profile)| (manual, profile));
            let state = of_events(program, &change.unwrap_or_default(), at);
            let person = Person { id, state, manual, profile };
            if person.subject().exists(&person.state) {
                see(person);
            }
        }
        events.close();
        known.cursor.close();
    });
}

/// What is stored about whoever has a profile or was decided about by hand, in ascending order.
struct Known {
    cursor: Cursor,
    page: std::vec::IntoIter<<Known as Iterator>::Item>,
}

impl Known {
    fn open(session: &Session) -> Self {
        let _acting = Acting::as_owner_at_large();
        let cursor = session.cursor(
            "SELECT subscriber, manual, profile, held FROM segment.state
             WHERE manual IS NOT NULL OR profile IS NOT NULL ORDER BY subscriber",
            true,
        );
        Known { cursor, page: Vec::new().into_iter() }
    }
}

impl Iterator for Known {
    type Item = (String, Option<Manual>, Option<Profile>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 {
            pgrx::check_for_interrupts!();
            let _acting = Acting::as_owner_at_large();
            let rows = self.cursor.fetch(BATCH);
            let row = |row: usize| {
                let manual = Manual::from_bytes(&rows.bytes(row, 2));
                let profile = Profile::stored(&rows.bytes(row, 3), &rows.bytes(row, 4));
                (rows.value(row, 1), manual, profile)
            };
            let page: Vec<Self::Item> = (0..rows.count()).map(row).collect();
            self.page = page.into_iter();
        }
        self.page.next()
    }
}
