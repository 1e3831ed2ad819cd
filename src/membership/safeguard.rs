//! Membership under safeguards: a state machine over the truth of the criteria, in the order in which it is processed.
//!
//! Somebody who is out wishes to enter while the criteria hold, and those to leave, if there are some, do not. A member
//! wishes to leave while those to leave hold, or, without any, the criteria do not. A wish is granted when it has lasted
//! for so long without interruption, of a member also not before so long after the entry. Who enters has no wish to leave
//! at the same moment, and the other way round, so that looking again at the same moment changes nothing. While a segment
//! is on hold no wish is granted; those that would be wait.

use super::compile::{Expression, Leaves, Segment};
use super::members::Members;
use crate::activity::{Instant, SECOND};
use crate::criteria::{Duration, Safeguards};

/// Safeguards ready to run. Lengths of time are in microseconds, 0 where there is no such safeguard.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub enter_after: Instant,
    pub leave_after: Instant,
    pub stay: Instant,
    pub leave: Option<Expression>,
    /// Whether nobody moves.
    pub on_hold: bool,
    /// Every leaf of the criteria to leave in document order, with its path.
    pub leaves: Leaves,
}

/// What is remembered about a subscriber and a guarded segment, beside the membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub segment: u32,
    /// Since when there has been the wish to move.
    pub since: Option<Instant>,
    /// When a member entered, where members stay for some time.
    pub entered: Option<Instant>,
}

/// What is remembered about a subscriber beside the memberships.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// By segment in ascending order: nothing where there is nothing to remember.
    held: Vec<Held>,
    /// Whether the last evaluation was one of the state before the events of its time: nobody has looked yet where those
    /// put the subscriber.
    pub unsettled: bool,
}

/// Where a subscriber stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub members: Members,
    pub memory: Memory,
}

impl Standing {
    /// From the stored forms of both.
    pub fn from_bytes(members: &[u8], memory: &[u8]) -> Self {
        Standing { members: Members::from_bytes(members), memory: Memory::from_bytes(memory) }
    }
}

/// What keeps somebody where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The name of the safeguard.
    pub safeguard: &'static str,
    /// Until when, as long as nothing else changes; `None` for what no time ends.
    pub until: Option<Instant>,
}

/// What comes of one look at one membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub member: bool,
    pub held: Held,
    /// When the wish will be granted.
    pub due: Option<Instant>,
}

impl Guard {
    /// Of a segment on hold or not, with the criteria to leave, if there are some, and their leaves.
    pub fn new(safeguards: &Safeguards, on_hold: bool, leave: Option<(Expression, Leaves)>) -> Self {
        let (leave, leaves) = leave.map_or((None, Vec::new()), |(leave, leaves)| (Some(leave), leaves));
        let micros = |length: Option<Duration>| length.map_or(0, |length| length.seconds() * SECOND);
        Guard {
            enter_after: micros(safeguards.enter_after),
            leave_after: micros(safeguards.leave_after),
            stay: micros(safeguards.stay),
            leave,
            on_hold,
            leaves,
        }
    }

    /// Looks at a membership at an instant, by the truths of the leaves and the memberships that the criteria refer to.
    pub fn look(
        &self,
        segment: &Segment,
        truths: &[bool],
        members: &Members,
        past: Option<&Standing>,
        at: Instant,
    ) -> Outcome {
        let enters = segment.expression.holds(truths, members);
        let leaves = self.leave.as_ref().map(|leave| leave.holds(truths, members));
        let member = past.is_some_and(|past| past.members.contains(segment.id()));
        let held = past.map_or(Held::nothing(segment.id()), |past| past.memory.of(segment.id()));
        self.step(member, held, Self::wishes(member, enters, leaves), at)
    }

    /// Whether somebody wishes to move, by what the criteria say, and those to leave, if there are some.
    pub fn wishes(member: bool, enters: bool, leaves: Option<bool>) -> bool {
        if member { leaves.unwrap_or(!enters) } else { enters && leaves != Some(true) }
    }

    /// Looks at a membership at an instant.
    pub fn step(&self, member: bool, held: Held, wishes: bool, at: Instant) -> Outcome {
        let entered = held.entered.filter(|_| member && self.stay > 0);
        let stays = Outcome { member, held: Held { since: None, entered, ..held }, due: None };
        if !wishes {
            return stays;
        }
        let since = held.since.unwrap_or(at);
        let due = self.holds(member, since, entered).into_iter().filter_map(|hold| hold.until).max();
        match due.filter(|due| *due > at && since != RELEASED) {
            Some(due) => Outcome { held: Held { since: Some(since), ..stays.held }, due: Some(due), ..stays },
            None if self.on_hold => Outcome { held: Held { since: Some(since), ..stays.held }, ..stays },
            None => {
                let entered = (!member && self.stay > 0).then_some(at);
                Outcome { member: !member, held: Held { since: None, entered, ..held }, due: None }
            }
        }
    }

    /// What has to pass before a wish is granted.
    fn holds(&self, member: bool, since: Instant, entered: Option<Instant>) -> Vec<Hold> {
        let (safeguard, after) =
            if member { ("leave_after", self.leave_after) } else { ("enter_after", self.enter_after) };
        let wait = (after > 0).then(|| Hold { safeguard, until: Some(since.saturating_add(after)) });
        let stay =
            entered.map(|entered| Hold { safeguard: "stay", until: Some(entered.saturating_add(self.stay)) });
        wait.into_iter().chain(stay).collect()
    }

    /// What keeps somebody at an instant where they are, though the criteria say otherwise, or, of a member, would not
    /// let them in.
    pub fn kept_by(&self, outcome: &Outcome, enters: bool, at: Instant) -> Vec<Hold> {
        let Outcome { member, held, .. } = outcome;
        match held.since {
            Some(since) => {
                let waits = self.holds(*member, since, held.entered).into_iter();
                let waits = waits.filter(|hold| hold.until.is_some_and(|until| until > at));
                waits.chain(self.on_hold.then_some(Hold { safeguard: "hold", until: None })).collect()
            }
            None if *member != enters => vec![Hold { safeguard: "leave", until: None }],
            None => Vec::new(),
        }
    }
}

impl Held {
    pub fn nothing(segment: u32) -> Self {
        Held { segment, since: None, entered: None }
    }
}

/// Bytes per entry: the segment and two instants. One more at the end says that all of it is unsettled.
const ENTRY: usize = 20;

impl Memory {
    /// From the stored form; what nobody wrote is nothing.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let entry = |bytes: &[u8]| {
            let (segment, rest) = bytes.split_first_chunk::<4>()?;
            let (since, rest) = rest.split_first_chunk::<8>()?;
            let (entered, _) = rest.split_first_chunk::<8>()?;
            let instant = |bytes: &[u8; 8]| Some(Instant::from_be_bytes(*bytes)).filter(|at| *at != NEVER);
            Some(Held {
                segment: u32::from_be_bytes(*segment),
                since: instant(since),
                entered: instant(entered),
            })
        };
        let entries = bytes.chunks_exact(ENTRY);
        let unsettled = !entries.remainder().is_empty();
        Memory { held: entries.filter_map(entry).collect(), unsettled }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let instant = |at: Option<Instant>| at.unwrap_or(NEVER).to_be_bytes();
        let entry = |held: &Held| {
            [&held.segment.to_be_bytes()[..], &instant(held.since), &instant(held.entered)].concat()
        };
        self.held.iter().flat_map(entry).chain(self.unsettled.then_some(1)).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && !self.unsettled
    }

    /// What is remembered about a segment.
    pub fn of(&self, segment: u32) -> Held {
        let place = self.held.binary_search_by_key(&segment, |held| held.segment);
        place.map_or_else(|_| Held::nothing(segment), |place| self.held[place])
    }

    /// Remembers something about a segment, or nothing any more.
    pub fn set(&mut self, held: Held) {
        let place = self.held.binary_search_by_key(&held.segment, |other| other.segment);
        match (place, held == Held::nothing(held.segment)) {
            (Ok(place), true) => drop(self.held.remove(place)),
            (Ok(place), false) => self.held[place] = held,
            (Err(_), true) => {}
            (Err(place), false) => self.held.insert(place, held),
        }
    }

    /// Remembers a wish, of which this was known, that was granted in vain.
    pub fn keep(&mut self, held: Held, at: Instant) {
        let since = held.since.filter(|since| *since != RELEASED).unwrap_or(at);
        self.set(Held { since: Some(since), ..held });
    }

    /// What is remembered about a segment here and there, where that differs.
    pub fn differences<'m>(&'m self, other: &'m Memory) -> impl Iterator<Item = (Held, Held)> + 'm {
        let only_there =
            other.held.iter().filter(|held| self.of(held.segment) == Held::nothing(held.segment));
        let segments = self.held.iter().chain(only_there).map(|held| held.segment);
        segments.map(|id| (self.of(id), other.of(id))).filter(|(here, there)| here != there)
    }

    /// Lets the criteria alone decide about a segment at the next look: a wish is granted at once. A member who stays
    /// entered at an instant.
    pub fn release(&mut self, segment: u32, entered: Option<Instant>) {
        self.set(Held { segment, since: Some(RELEASED), entered });
    }
}

/// Stands for no instant.
const NEVER: Instant = Instant::MIN;
/// Stands for a wish that waits for nothing.
const RELEASED: Instant = Instant::MIN + 1;
