//! Steps that follow each other in time.

use super::leaf::Course;
use crate::activity::{Instant, SECOND, State, Window};
use crate::criteria::Duration;

/// A sequence over streams that keep exact times.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    /// The streams of the steps, and whether a step is an absent one; the first is not.
    pub steps: Vec<(u32, bool)>,
    pub step_within: Option<Duration>,
    pub within: Window,
}

/// What a state says about a sequence: for each step the times of its events, in order, as long as any of them can
/// count.
pub struct Trail<'s> {
    sequence: &'s Sequence,
    times: Vec<Vec<Instant>>,
}

impl Sequence {
    /// At an instant that is not later than those that will be asked about.
    pub fn read<'s>(&'s self, state: &State, at: Instant) -> Trail<'s> {
        let from = self.within.begin(at);
        Trail {
            sequence: self,
            times: self.steps.iter().map(|(stream, _)| state.times(*stream, from)).collect(),
        }
    }

    /// The latest instant at which the step after one at an instant may follow.
    fn deadline(&self, last: Instant) -> Option<Instant> {
        self.step_within.map(|length| last.saturating_add(length.seconds().saturating_mul(SECOND)))
    }
}

impl Trail<'_> {
    /// The times at which the last step that happens can have happened, and the absent steps after it.
    fn ends(&self, at: Instant) -> (Vec<Instant>, &[Vec<Instant>]) {
        let begin = self.sequence.within.begin(at);
        let mut reached: Vec<Instant> = Vec::new();
        let mut absent_from = 0;
        for (index, (_, absent)) in self.sequence.steps.iter().enumerate() {
            if *absent {
                continue;
            }
            let times = self.times[index].iter().copied().filter(|time| *time >= begin);
            reached = if index == 0 {
                times.collect()
            } else {
                let between = &self.times[absent_from..index];
                // From the latest of the earlier ones the time is shortest and the least lies between.
                times
                    .filter(|time| {
                        latest_before(&reached, *time).is_some_and(|last| {
                            let in_time =
                                self.sequence.deadline(last).is_none_or(|deadline| *time <= deadline);
                            in_time && !any_between(between, last, *time - 1)
                        })
                    })
                    .collect()
            };
            absent_from = index + 1;
        }
        (reached, &self.times[absent_from..])
    }
}

impl Course for Trail<'_> {
    /// 1 where the sequence has happened, and 0 otherwise.
    fn units(&self, at: Instant) -> Option<i128> {
        let (ends, after) = self.ends(at);
        let happened = ends.into_iter().any(|last| {
            after.is_empty()
                || match self.sequence.deadline(last) {
                    // What shall not follow has all its time first.
                    Some(deadline) => deadline <= at && !any_between(after, last, deadline),
                    None => !any_between(after, last, at),
                }
        });
        Some(happened.into())
    }

    fn next_change(&self, at: Instant) -> Option<Instant> {
        let window = self.sequence.within;
        let all = || self.times.iter().flatten().copied();
        let leave = all().map(|time| window.expiry(window.resolution.pane(time)));
        let absent_last = self.sequence.steps.last().is_some_and(|(_, absent)| *absent);
        let waited = all().filter(|_| absent_last).filter_map(|time| self.sequence.deadline(time));
        leave.chain(waited).filter(|moment| *moment > at).min()
    }
}

fn latest_before(times: &[Instant], time: Instant) -> Option<Instant> {
    times[..times.partition_point(|other| *other < time)].last().copied()
}

/// Whether something lies after the one instant and not after the other.
fn any_between(steps: &[Vec<Instant>], after: Instant, until: Instant) -> bool {
    steps.iter().any(|times| {
        times.get(times.partition_point(|time| *time <= after)).is_some_and(|time| *time <= until)
    })
}
