//! What somebody decides about a subscriber: membership by hand, and that nothing is to be known any more.

use super::work::Work;
use super::{Engine, see_own_writes};
use crate::activity::Instant;
use crate::membership::{Cause, Manual, Patience, Standing};
use crate::pg::table::Locked;

impl Engine {
    /// Changes what was decided by hand about a subscriber, who is brought to now before; false where nothing changed.
    pub fn decide(&mut self, subscriber: &str, change: impl Fn(&mut Manual)) -> bool {
        loop {
            // What time and other definitions do is on record as their doing.
            let cause = std::mem::replace(&mut self.cause, Cause::Definition);
            self.evaluate(subscriber);
            self.finish();
            self.cause = cause;
            see_own_writes();
            let _inside = self.memory.enter();
            let found = self.find(subscriber);
            let mut work = self.begin(subscriber, found);
            // A change of definitions came between.
            if !work.exact && self.registry.unreadable().is_none() {
                continue;
            }
            let mut before = work.manual.take().unwrap_or_default();
            // What was decided about segments that are gone goes with the next decision.
            before.retain(|id| self.registry.program.segment_name(id).is_some());
            let mut manual = before.clone();
            change(&mut manual);
            if manual == before {
                return false;
            }
            // What nobody decides about any more, the criteria do, and no safeguard.
            for segment in before.iter().filter(|id| manual.decides(*id).is_none()) {
                let entered = self.entry(subscriber, segment, &work);
                work.standing.memory.release(segment, entered);
            }
            work.manual = Some(manual).filter(|manual| !manual.is_empty());
            work.evaluation = None;
            let update = self.settle(subscriber, &mut work, Patience::Much);
            if self.write(subscriber, &work, update) {
                return true;
            }
        }
    }

    /// When somebody entered a segment that they are in and where members stay.
    fn entry(&mut self, subscriber: &str, segment: u32, work: &Work) -> Option<Instant> {
        let row = &work.found.as_ref()?.row;
        let stays = self.registry.program.stays().any(|id| id == segment);
        if !stays || !work.standing.members.contains(segment) {
            return None;
        }
        self.store.entry(subscriber, segment, row.written.is_some())
    }

    /// Deletes everything about a subscriber who has no events and no profile any more, but that somebody left some segments;
    /// false for one who has.
    pub fn forget(&mut self, subscriber: &str, left: &[u32]) -> bool {
        see_own_writes();
        let _inside = self.memory.enter();
        while let Some(found) = self.find(subscriber) {
            if self.store.lock(&found, true) == Locked::Changed {
                continue;
            }
            let state = found.row.open(subscriber, &self.registry);
            let empty = state.is_ok_and(|state| !found.row.subject(subscriber).exists(&state));
            let moved = found.row.written.is_some() || found.row.standing != Standing::default();
            if !empty || moved {
                return false;
            }
            self.store.forget(subscriber, &found, self.now, left);
            break;
        }
        true
    }
}
