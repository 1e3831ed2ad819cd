//! Which segments somebody was in just before they converted.

use crate::activity::Instant;
use crate::membership::{Members, Transition};
use std::collections::BTreeMap;

/// Conversions of those who were members at the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earned {
    pub subscribers: i64,
    pub conversions: i64,
    /// In the units of the conversions' values.
    pub revenue: i128,
    /// All conversions in the time over which the members are on record, by members or not, and their values.
    pub all_conversions: i64,
    pub all_revenue: i128,
}

/// Segments, by number, with what their members earned.
#[derive(Debug)]
pub struct BySegment {
    segments: BTreeMap<u32, (Instant, Earned)>,
    all: Vec<(Instant, i64)>,
}

impl BySegment {
    /// Of some segments, each with the instant from which on its members are on record.
    pub fn new(segments: impl IntoIterator<Item = (u32, Instant)>) -> Self {
        let segments = segments.into_iter().map(|(id, begin)| (id, (begin, Earned::default())));
        BySegment { segments: segments.collect(), all: Vec::new() }
    }

    /// Adds the conversions of a subscriber, each with its value and in ascending order of time, given what happened to their
    /// memberships, in order. What happened at the very instant of a conversion, such as an entry because of it, came after it.
    pub fn add(&mut self, conversions: &[(Instant, i64)], transitions: &[Transition]) {
        let (mut members, mut counted) = (Members::default(), Members::default());
        let mut transitions = transitions.iter().peekable();
        for (at, value) in conversions {
            while let Some(transition) = transitions.next_if(|transition| transition.at < *at) {
                transition.entered.iter().for_each(|id| members.set(*id, true));
                transition.departed.iter().for_each(|id| members.set(*id, false));
            }
            for id in members.iter() {
                let Some((_, earned)) = self.segments.get_mut(&id).filter(|(begin, _)| begin < at) else {
                    continue;
                };
                earned.subscribers += i64::from(!counted.contains(id));
                earned.conversions += 1;
                earned.revenue += i128::from(*value);
                counted.set(id, true);
            }
        }
        self.all.extend(conversions);
    }

    /// The segments in ascending order, each with the instant from which on it is on record.
    pub fn earned(mut self) -> impl Iterator<Item = (u32, Instant, Earned)> {
        self.all.sort_unstable();
        let all = self.all;
        self.segments.into_iter().map(move |(id, (begin, earned))| {
            let since = &all[all.partition_point(|(at, _)| *at <= begin)..];
            let all_revenue = since.iter().map(|(_, value)| i128::from(*value)).sum();
            (id, begin, Earned { all_conversions: since.len() as i64, all_revenue, ..earned })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Cause;

    fn moved(at: Instant, entered: &[u32], departed: &[u32]) -> Transition {
        let (entered, departed) = (entered.to_vec(), departed.to_vec());
        Transition { at, cause: Cause::Event, entered, departed, leaves: Vec::new() }
    }

    #[test]
    fn members_are_those_of_just_before_the_conversion() {
        let mut found = BySegment::new([(1, 0), (2, 0), (9, 25)]);
        let transitions = [moved(5, &[1, 9], &[]), moved(20, &[2], &[1]), moved(40, &[7], &[2])];
        // The one at 20 has it enter 2, and was made as a member of 1.
        found.add(&[(5, 100), (20, 10), (30, 1), (50, 1_000)], &transitions);
        found.add(&[(30, 5)], &[]);
        let rows: Vec<_> = found.earned().collect();
        let earned = |subscribers, conversions, revenue, all_conversions, all_revenue| Earned {
            subscribers,
            conversions,
            revenue,
            all_conversions,
            all_revenue,
        };
        assert_eq!(
            rows,
            [
                (1, 0, earned(1, 1, 10, 5, 1_116)),
                (2, 0, earned(1, 1, 1, 5, 1_116)),
                (9, 25, earned(1, 2, 1_001, 3, 1_006)),
            ]
        );
    }
}
