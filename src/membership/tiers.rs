//! Allowed moves between the tiers of a set.
//!
//! The memberships of a subscriber in the segments of a set move together. Where that would be a move from one place to
//! another that is not allowed, they stay as they are, until one that is allowed is due.

use super::members::Members;
use super::safeguard::{Memory, Standing};
use super::subject::Subject;
use crate::activity::Instant;

/// A tier set whose moves are limited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers {
    pub name: String,
    /// Ids of segments, the highest first.
    pub segments: Vec<u32>,
    /// From which place to which; the last place is that of whoever is in none.
    pub moves: Vec<(usize, usize)>,
}

impl Tiers {
    fn place(&self, members: &Members) -> usize {
        self.segments.iter().position(|id| members.contains(*id)).unwrap_or(self.segments.len())
    }

    /// Takes back what was decided about the segments of the set, where that is no move that is allowed. What was decided
    /// by hand stands, and is where the subscriber moves from. A wish that was granted, where there are safeguards, stays
    /// one.
    pub fn settle(
        &self,
        subject: Subject,
        at: Instant,
        standing: &mut Standing,
        guarded: impl Fn(u32) -> bool,
    ) {
        let by_hand = |id: u32| subject.manual.and_then(|manual| manual.decides(id));
        let nothing = Memory::default();
        let mut before = Members::default();
        for id in &self.segments {
            let was = subject.past.is_some_and(|past| past.members.contains(*id));
            before.put(*id, by_hand(*id).unwrap_or(was));
        }
        let moved = (self.place(&before), self.place(&standing.members));
        if moved.0 == moved.1 || self.moves.contains(&moved) {
            return;
        }
        let memory = subject.past.map_or(&nothing, |past| &past.memory);
        for id in self.segments.iter().copied().filter(|id| by_hand(*id).is_none()) {
            if before.contains(id) != standing.members.contains(id) {
                standing.members.put(id, before.contains(id));
                if guarded(id) {
                    standing.memory.keep(memory.of(id), at);
                }
            }
        }
    }
}
