//! In which order memberships are decided: what others refer to comes first.

use super::compile::{Condition, Segment};
use super::tiers::Tiers;
use crate::error::{Error, Result};
use std::rc::Rc;

/// One step of what follows when the segments that look at leaves alone are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Decides about a segment, by its index, that refers to others or has safeguards.
    Segment(usize),
    /// Settles the moves of a tier set, by its index.
    Tiers(usize),
}

/// The steps; refuses a circle. The segments of a tier set whose moves are limited count as one for whoever refers to one of
/// them from without.
pub(super) fn order(segments: &[Rc<Segment>], tiers: &[Rc<Tiers>]) -> Result<Vec<Step>> {
    let late = |index: &usize| {
        let segment = &segments[*index];
        segment.guard.is_some() || references(segment).next().is_some()
    };
    let mut waiting: Vec<usize> = (0..segments.len()).filter(late).collect();
    let mut unsettled: Vec<usize> = (0..tiers.len()).collect();
    let mut steps = Vec::with_capacity(waiting.len() + unsettled.len());
    while !waiting.is_empty() || !unsettled.is_empty() {
        let undecided = |id: u32| waiting.iter().any(|index| segments[*index].id() == id);
        let blocked = |index: usize| {
            let own = segments[index].id();
            references(&segments[index]).any(|id| {
                let within = |set: &usize| {
                    let set = &tiers[*set].segments;
                    set.contains(&id) && !set.contains(&own)
                };
                undecided(id) || unsettled.iter().any(within)
            })
        };
        let (later, ready): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|index| blocked(**index));
        let (open, settled): (Vec<usize>, Vec<usize>) =
            unsettled.iter().partition(|set| tiers[**set].segments.iter().any(|id| undecided(*id)));
        if ready.is_empty() && settled.is_empty() {
            let names: Vec<&str> = later.iter().map(|index| segments[*index].name()).collect();
            return Err(Error::Criteria {
                path: "segment".to_owned(),
                problem: format!("segments refer to each other in a circle: {}", names.join(", ")),
                expected: "Let one of them say what the other would, instead of referring to it.".to_owned(),
            });
        }
        steps.extend(ready.into_iter().map(Step::Segment));
        steps.extend(settled.into_iter().map(Step::Tiers));
        (waiting, unsettled) = (later, open);
    }
    Ok(steps)
}

/// The ids of the segments that one refers to.
fn references(segment: &Segment) -> impl Iterator<Item = u32> + '_ {
    segment.all_leaves().filter_map(|(_, condition)| match condition {
        Condition::Segment(id) => Some(*id),
        Condition::Leaf(_) => None,
    })
}
