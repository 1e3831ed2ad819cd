//! Whose state cannot be brought up to date by what changed: the events or the profile are read again.

use super::{Engine, see_own_writes};
use crate::activity::Change;
use crate::membership::Patience;
use crate::pg::pending::{self, Reread};
use crate::pg::profile::documents;
use crate::pg::scan;
use crate::pg::spi::at_latest_snapshot;
use crate::pg::store::BATCH;
use crate::profile::Profile;

impl Engine {
    /// Locks some subscribers, in ascending order, of whom [`Engine::finish`] then reads something again.
    pub fn read_again(&mut self, subscribers: Vec<String>, what: Reread) {
        self.apply(
            subscribers.into_iter().map(|subscriber| (subscriber, Change::default())).collect(),
            |_| what,
        );
    }

    /// Inserts what waits, and reads again what must be. Who is computed again from the events is noted: a statement may be in
    /// flight whose rows are read here and captured when it ends.
    pub fn finish(&mut self) {
        self.store.insert_waiting();
        let inexact = std::mem::take(&mut self.inexact);
        if inexact.is_empty() {
            return;
        }
        see_own_writes();
        // Where others put definitions into force meanwhile, what is known of the changes is not what those read.
        let all = !self.is_made_under();
        let from_events = |(subscriber, _, again): &(String, Change, Reread)| {
            (all || *again == Reread::Everything).then(|| subscriber.clone())
        };
        let recomputed: Vec<String> = inexact.iter().filter_map(from_events).collect();
        let unreadable = if recomputed.is_empty() { None } else { self.registry.unreadable() };
        let unreadable_profiles = self.registry.unreadable_profiles();
        for refusal in unreadable.iter().chain(&unreadable_profiles) {
            // The writer goes on with what is known, and `verify` reports the source.
            pgrx::warning!(
                "pg_segment cannot compute {} subscribers again: {}",
                inexact.len(),
                refusal.message()
            );
        }
        for batch in inexact.chunks(BATCH) {
            let ids: Vec<String> = batch.iter().map(|(subscriber, ..)| subscriber.clone()).collect();
            let computed: Vec<String> = batch.iter().filter_map(from_events).collect();
            let (mut events, mut profiles) = at_latest_snapshot(|| {
                let read = unreadable.is_none() && !computed.is_empty();
                let events = read.then(|| scan::of_subscribers(&self.registry, &computed));
                (events, unreadable_profiles.is_none().then(|| documents(&self.registry, &ids)))
            });
            for entry @ (subscriber, change, _) in batch {
                let found = self.find(subscriber);
                let mut work = self.begin(subscriber, found);
                work.evaluation = None;
                if let Some(profiles) = &mut profiles {
                    let document = profiles.remove(subscriber);
                    work.profile =
                        document.map(|document| Profile::new(work.profile.as_ref(), &document, work.at));
                }
                match &mut events {
                    Some(events) if from_events(entry).is_some() => {
                        self.start_over(&mut work, &events.remove(subscriber).unwrap_or_default());
                    }
                    _ => {
                        let _ = self.registry.program.fold(&mut work.state, change, work.at);
                    }
                }
                let update = self.settle(subscriber, &mut work, Patience::Little);
                let nothing = work.state.events == 0 && update.profile.is_none();
                match &work.found {
                    // Anybody else's evaluation time must not go back.
                    Some(found) if nothing && self.created.remove(subscriber) => {
                        self.store.drop(found);
                    }
                    _ => {
                        self.write(subscriber, &work, update);
                    }
                }
                self.check();
            }
        }
        self.store.insert_waiting();
        pending::note_computed(&self.registry, recomputed);
    }

    /// Puts a state computed from all events of a subscriber in the place of what is stored. Nobody else may be writing.
    pub fn replace(&mut self, subscriber: &str, events: &Change) {
        let _inside = self.memory.enter();
        let found = self.find(subscriber);
        let mut work = self.begin(subscriber, found);
        self.start_over(&mut work, events);
        let update = self.settle(subscriber, &mut work, Patience::Much);
        self.write(subscriber, &work, update);
        self.check();
    }
}
