//! Which streams a set of definitions needs, against those that exist.

use super::definition::Definition;
use super::edge::{UPPER, edges};
use crate::activity::{Horizons, Keep, Resolution, Selection, Stream, Streams, Window};
use crate::criteria::{
    Among, Bound, Decay, Duration, EventLeaf, Formula, Measure, Node, Path, Recurring, SequenceLeaf, Weighed,
    Zone,
};
use crate::score::BuiltinStreams;

/// What has to change for the needed streams to exist.
#[derive(Clone, Debug, Default)]
pub struct StreamPlan {
    /// Streams that nothing reads any more.
    pub drop: Vec<u32>,
    /// Streams to be filled from the events.
    pub add: Vec<(Selection, Horizons)>,
}

impl StreamPlan {
    /// Keeps what serves some needs that the plan was not made for.
    pub fn keep(&mut self, existing: &Streams, needs: &[(Selection, Horizons)]) {
        let serve = |(selection, horizons): &(Selection, Horizons)| {
            serving(existing.as_slice().iter(), selection, *horizons).map(|stream| stream.id)
        };
        let kept: Vec<u32> = needs.iter().filter_map(serve).collect();
        self.drop.retain(|id| !kept.contains(id));
    }
}

/// What each event leaf of the definitions reads: a selection, and how far back.
pub fn requirements<'a>(definitions: impl IntoIterator<Item = &'a Definition>) -> Vec<(Selection, Horizons)> {
    let mut wanted = Vec::new();
    for definition in definitions {
        for criteria in definition.all_criteria() {
            visit(&criteria.root, definition.zone, &mut |requirement| {
                if !wanted.contains(&requirement) {
                    wanted.push(requirement);
                }
            });
        }
    }
    wanted
}

/// What a feature that is kept reads; its calendar is that of UTC.
pub fn reads(formula: &Formula) -> Vec<(Selection, Horizons)> {
    let mut wanted = Vec::new();
    formula_needs(formula, Zone::UTC, &mut |requirement| wanted.push(requirement));
    wanted
}

/// Compares the streams that exist with what is wanted. The built-in streams stay: the features read them. Where all
/// streams are filled (`settled`), one that a newer one can stand in for goes too.
pub fn plan_streams(existing: &Streams, wanted: &[(Selection, Horizons)], settled: bool) -> StreamPlan {
    let mut add: Vec<(Selection, Horizons)> = Vec::new();
    let missing = |(selection, horizons): &&(Selection, Horizons)| {
        serving(existing.as_slice().iter(), selection, *horizons).is_none()
    };
    // What is to be filled anyway also serves those that ask the same of less.
    for (selection, horizons) in wanted.iter().filter(missing).chain(wanted) {
        match add.iter_mut().find(|(known, _)| known.joins(selection)) {
            Some((known, widest)) => {
                widest.merge(*horizons);
                known.of = known.of.take().or_else(|| selection.of.clone());
            }
            None if missing(&&(selection.clone(), *horizons)) => add.push((selection.clone(), *horizons)),
            None => {}
        }
    }
    let builtin = BuiltinStreams::default().ids();
    let (kept, stored): (Vec<&Stream>, Vec<&Stream>) =
        existing.as_slice().iter().partition(|stream| builtin.contains(&stream.id));
    let mut used: Vec<u32> = builtin.to_vec();
    for (selection, horizons) in wanted {
        let serve = |streams: &[&'_ Stream]| {
            serving(streams.iter().copied(), selection, *horizons).map(|stream| stream.id)
        };
        let added = || add.iter().any(|(known, widest)| known.serves(selection) && widest.cover(*horizons));
        if serve(&kept).is_some() || settled && added() {
            continue;
        }
        let newest_first: Vec<&Stream> = stored.iter().rev().copied().collect();
        used.extend(if settled { serve(&newest_first) } else { serve(&stored) });
    }
    let drop = existing.as_slice().iter().map(|stream| stream.id).filter(|id| !used.contains(id)).collect();
    StreamPlan { drop, add }
}

/// The first of some streams that selects the same events, sums what is to be summed and reaches back far enough.
pub fn serving<'s>(
    mut streams: impl Iterator<Item = &'s Stream>,
    selection: &Selection,
    horizons: Horizons,
) -> Option<&'s Stream> {
    streams.find(|stream| stream.selection.serves(selection) && stream.horizons.cover(horizons))
}

/// What an event leaf reads: what it selects, and how much of that is to be kept; then of [`Measure::First`] and
/// [`Measure::Last`] every event of the type, or of all.
pub fn needs(leaf: &EventLeaf, zone: Zone) -> Vec<(Selection, Horizons)> {
    let mut selection = Selection::of(&leaf.event);
    selection.filter.clone_from(&leaf.filter);
    selection.recurring = recurring(leaf, zone);
    let mut horizons = Horizons::default();
    let edges = edges(leaf, zone);
    let ever = edges[..UPPER].iter().all(Option::is_none);
    match &leaf.measure {
        Measure::First(among) | Measure::Last(among) => {
            horizons.extent = true;
            let whole = match among {
                Among::ItsType => Selection::of(&leaf.event),
                Among::AllTypes => Selection::everything(),
            };
            return vec![(selection, horizons), (whole, horizons)];
        }
        Measure::Count | Measure::Streak => {}
        Measure::Latest(path) => (selection.of, horizons.extent) = (Some(path.clone()), true),
        Measure::DaysSinceLast | Measure::LatestHour | Measure::LatestWeekday | Measure::AverageGap => {
            horizons.extent = true;
        }
        Measure::PeakHour | Measure::PeakWeekday => {
            if let Some(window) = leaf.span.within.map(Window::new) {
                let resolution = peak_resolution(window, zone);
                // The oldest hour may be a whole one.
                let parts = window.resolution.micros() / resolution.micros();
                horizons.reach_back(resolution, window.panes() * parts + parts - 1);
            }
        }
        Measure::Sum(path) => selection.of = Some(path.clone()),
        Measure::Average(path) => (selection.of, selection.keep) = (Some(path.clone()), Keep::Mean),
        Measure::Minimum(path) | Measure::Maximum(path) => {
            (selection.of, selection.keep) = (Some(path.clone()), Keep::Numbers);
            horizons.ever = ever;
        }
        Measure::Distinct(path) | Measure::Mode(path, _) => {
            (selection.of, selection.keep) = (Some(path.clone()), Keep::Values);
            horizons.ever = ever;
        }
        Measure::Trend { of, .. } => selection.of.clone_from(of),
    }
    let fixed = |bound: Option<Bound>| bound.as_ref().and_then(Bound::fixed);
    (selection.from, selection.until) = (fixed(leaf.span.lower(zone)), fixed(leaf.span.upper(zone)));
    edges.iter().flatten().for_each(|edge| edge.include_in(&mut horizons));
    vec![(selection, horizons)]
}

fn recurring(leaf: &EventLeaf, zone: Zone) -> Option<(Recurring, Zone)> {
    (leaf.recurring != Recurring::default()).then(|| (leaf.recurring.clone(), zone))
}

/// What tells the hours of the clocks of a zone apart, of the events of a window.
pub fn peak_resolution(window: Window, zone: Zone) -> Resolution {
    if window.resolution == Resolution::Hour && !zone.is_hourly() {
        Resolution::Minute
    } else {
        window.resolution
    }
}

/// The events that say what is made of the values at a path. Those that are older than [`crate::activity`] keeps one by one are
/// let go of by other means than by a horizon.
pub fn preference_needs(of: &Path) -> (Selection, Horizons) {
    let selection = Selection { of: Some(of.clone()), keep: Keep::Preference, ..Selection::everything() };
    let mut horizons = Horizons::default();
    horizons.include(Window::days(100 * 365).exact());
    (selection, horizons)
}

/// The same of each step of a sequence.
pub fn steps_need(leaf: &SequenceLeaf) -> Vec<(Selection, Horizons)> {
    let mut horizons = Horizons::default();
    horizons.include(Window::new(leaf.within).exact());
    let steps = leaf
        .steps
        .iter()
        .map(|step| (Selection { filter: step.filter.clone(), ..Selection::of(&step.event) }, horizons));
    steps.collect()
}

/// The same of events whose weights fade, and the window beyond which nothing is left of them.
pub fn fading_needs(decay: &Decay, zone: Zone) -> (Selection, Horizons, Window) {
    let (mut selection, mut horizons) = (Selection::of(&decay.leaf.event), Horizons::default());
    selection.filter.clone_from(&decay.leaf.filter);
    selection.recurring = recurring(&decay.leaf, zone);
    if let Measure::Sum(path) = &decay.leaf.measure {
        selection.of = Some(path.clone());
    }
    let seconds = decay.half_life.seconds().saturating_mul(HALVINGS).clamp(30 * 86_400, 100 * 365 * 86_400);
    let window = Window::new(Duration::from_seconds(seconds).unwrap_or(decay.half_life));
    horizons.include(window);
    (selection, horizons, window)
}

/// After so many half-lives a billionth is left, and does not count.
const HALVINGS: i64 = 30;

/// What a formula reads.
pub fn formula_needs(formula: &Formula, zone: Zone, see: &mut impl FnMut((Selection, Horizons))) {
    match formula {
        Formula::Constant(_) | Formula::Builtin(_) | Formula::Attribute(_) => {}
        Formula::Events(leaf) => needs(leaf, zone).into_iter().for_each(see),
        Formula::Decay(decay) => {
            let (selection, horizons, _) = fading_needs(decay, zone);
            see((selection, horizons));
        }
        Formula::Preference { of, .. } => see(preference_needs(of)),
        Formula::Divide(a, b) => {
            formula_needs(a, zone, see);
            formula_needs(b, zone, see);
        }
        Formula::Multiply(parts) => parts.iter().for_each(|part| formula_needs(part, zone, see)),
        Formula::Score(score) => score.terms.iter().for_each(|term| match &term.of {
            Weighed::Number { formula, .. } => formula_needs(formula, zone, see),
            Weighed::Condition(node) => visit(node, zone, see),
        }),
    }
}

fn visit(node: &Node, zone: Zone, see: &mut impl FnMut((Selection, Horizons))) {
    match node {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) | Node::AtLeast(_, nodes) => {
            nodes.iter().for_each(|node| visit(node, zone, see))
        }
        Node::Not(node) => visit(node, zone, see),
        Node::Event(leaf) => needs(leaf, zone).into_iter().for_each(see),
        Node::Number(leaf) => formula_needs(&leaf.formula, zone, see),
        Node::Sequence(leaf) => steps_need(leaf).into_iter().for_each(see),
        Node::Attribute(..) | Node::Bucket(_) | Node::Segment(_) | Node::Tier(_) => {}
    }
}
