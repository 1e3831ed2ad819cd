//! Compiles leaves, and the formulas of named numbers, to where their numbers come from.

use super::attribute::Attribute;
use super::compiler::Compiler;
use super::derived::{Derivation, Derived, Shown};
use super::edge::{Edge, edges};
use super::leaf::{Accepts, Source};
use super::number::{Condition, Fading, Named, Number, Term, Weighed};
use super::sequence::Sequence;
use super::streams::{fading_needs, needs, peak_resolution, preference_needs, steps_need};
use crate::activity::{Window, hash_of};
use crate::criteria::{self, EventLeaf, Formula, Literal, Measure, Node, Test, at_least_one, describe_path};
use crate::error::{Error, Result};
use crate::score::Feature;

impl Compiler<'_> {
    /// The number that a leaf is about, and what is demanded of it.
    pub(super) fn source_of(&self, leaf: &Node) -> Result<(Source, Test)> {
        Ok(match leaf {
            Node::Attribute(path, test) => match path.in_profile() {
                Some(path) => {
                    let attribute = Attribute::new(path, test, self.zone);
                    (Source::Attribute(attribute.into()), at_least_one())
                }
                None => {
                    // Names have been looked up before.
                    let feature = Feature::by_name(&describe_path(path)).ok_or(Error::Corrupt("feature"))?;
                    (Source::Feature(feature), test.clone())
                }
            },
            Node::Number(leaf) => (Source::Named(self.named(&leaf.formula)?.into()), leaf.test.clone()),
            Node::Event(leaf) => (self.measured(leaf)?, leaf.test.clone()),
            Node::Sequence(leaf) => {
                let mut steps = Vec::with_capacity(leaf.steps.len());
                for ((selection, horizons), step) in steps_need(leaf).iter().zip(&leaf.steps) {
                    steps.push(((self.find)(selection, *horizons)?, step.absent));
                }
                let within = Window::new(leaf.within);
                let sequence = Sequence { steps, step_within: leaf.step_within, within };
                (Source::Sequence(sequence), at_least_one())
            }
            Node::Bucket(leaf) => (Source::Bucket(leaf.salt.as_str().into()), leaf.test()),
            _ => return Err(Error::Corrupt("leaf")),
        })
    }

    /// Where the number of an event leaf comes from.
    fn measured(&self, leaf: &EventLeaf) -> Result<Source> {
        let needs = needs(leaf, self.zone);
        let streams: Vec<u32> = needs
            .iter()
            .map(|(selection, horizons)| (self.find)(selection, *horizons))
            .collect::<Result<_>>()?;
        let stream = streams.first().copied().unwrap_or_default();
        let whole = streams.last().copied().unwrap_or_default();
        let edges = edges(leaf, self.zone);
        // Most leaves need no more than what one window holds.
        let window = match &edges {
            [None, None, None, None] => Some(None),
            [Some(Edge::Window(window)), None, None, None] => Some(Some(*window)),
            _ => None,
        };
        let derivation = match (&leaf.measure, window) {
            (Measure::Count, Some(window)) => return Ok(Source::Count { stream, window }),
            (Measure::Sum(_), Some(window)) => return Ok(Source::Sum { stream, window }),
            (Measure::Count, _) => Derivation::Count,
            (Measure::Sum(_), _) => Derivation::Sum,
            (Measure::Average(_), _) => Derivation::Average,
            (Measure::Minimum(_), _) => Derivation::Minimum,
            (Measure::Maximum(_), _) => Derivation::Maximum,
            (Measure::Distinct(_), _) => Derivation::Distinct,
            (Measure::First(_), _) => Derivation::First { whole },
            (Measure::Last(_), _) => Derivation::Last { whole },
            (Measure::Latest(_), _) => Derivation::Latest,
            (Measure::LatestHour, _) => Derivation::LatestShown(Shown::Hour, self.zone),
            (Measure::LatestWeekday, _) => Derivation::LatestShown(Shown::Weekday, self.zone),
            (Measure::PeakHour, Some(Some(window))) => {
                Derivation::Peak(Shown::Hour, self.zone, peak_resolution(window, self.zone))
            }
            (Measure::PeakWeekday, Some(Some(window))) => {
                Derivation::Peak(Shown::Weekday, self.zone, peak_resolution(window, self.zone))
            }
            (Measure::PeakHour | Measure::PeakWeekday, _) => return Err(Error::Corrupt("peak")),
            (Measure::AverageGap, _) => Derivation::AverageGap,
            (Measure::Mode(_, value), _) => Derivation::Mode(hash_of(value).unwrap_or_default()),
            (Measure::DaysSinceLast, _) => Derivation::DaysSinceLast,
            (Measure::Streak, _) => Derivation::Streak,
            (Measure::Trend { of, .. }, _) => Derivation::Trend { sums: of.is_some() },
        };
        Ok(Source::Derived(Derived { stream, derivation, edges }))
    }

    pub(super) fn named(&self, formula: &Formula) -> Result<Named> {
        Ok(Named { key: format!("{formula:?} {}", self.zone.name()), number: self.number(formula)? })
    }

    fn number(&self, formula: &Formula) -> Result<Number> {
        let boxed = |formula: &Formula| self.number(formula).map(Box::new);
        Ok(match formula {
            Formula::Constant(number) => Number::Constant(*number),
            Formula::Builtin(name) => {
                let feature = Feature::by_name(name).ok_or(Error::Corrupt("feature"))?;
                Number::Source(Source::Feature(feature))
            }
            Formula::Events(leaf) => Number::Source(self.measured(leaf)?),
            Formula::Attribute(path) => {
                Number::Attribute(path.in_profile().ok_or(Error::Corrupt("feature"))?)
            }
            Formula::Preference { of, text } => {
                let (selection, horizons) = preference_needs(of);
                let hash = hash_of(&Literal::Text(text.clone())).unwrap_or_default();
                Number::Preference { stream: (self.find)(&selection, horizons)?, hash }
            }
            Formula::Divide(number, by) => Number::Divide(boxed(number)?, boxed(by)?),
            Formula::Multiply(parts) => {
                Number::Multiply(parts.iter().map(|part| self.number(part)).collect::<Result<_>>()?)
            }
            Formula::Decay(decay) => {
                let (selection, horizons, window) = fading_needs(decay, self.zone);
                Number::Decay(Fading {
                    stream: (self.find)(&selection, horizons)?,
                    sums: matches!(decay.leaf.measure, Measure::Sum(_)),
                    window,
                    half_life: decay.half_life.seconds() as f64 / 3_600.0,
                    cap: decay.cap.map(|(most, per)| (most, per.seconds() / 3_600)),
                })
            }
            Formula::Score(score) => {
                let term = |term: &criteria::Term| {
                    let of = match &term.of {
                        criteria::Weighed::Number { formula, scale, offset, bounds } => {
                            let number = boxed(formula)?;
                            Weighed::Number { number, scale: *scale, offset: *offset, bounds: *bounds }
                        }
                        criteria::Weighed::Condition(node) => Weighed::Condition(self.condition(node)?),
                    };
                    Ok(Term { of, weight: term.weight, group: term.group.clone() })
                };
                Number::Score {
                    terms: score.terms.iter().map(term).collect::<Result<_>>()?,
                    groups: score.groups.clone(),
                    clamp: score.clamp,
                }
            }
        })
    }

    /// Criteria without references to segments.
    fn condition(&self, node: &Node) -> Result<Condition> {
        let all = |nodes: &[Node]| nodes.iter().map(|node| self.condition(node)).collect::<Result<Vec<_>>>();
        Ok(match node {
            Node::All(nodes) => Condition::All(all(nodes)?),
            Node::Any(nodes) => Condition::Any(all(nodes)?),
            Node::None(nodes) => Condition::None(all(nodes)?),
            Node::AtLeast(wanted, nodes) => Condition::AtLeast(*wanted, all(nodes)?),
            Node::Not(node) => Condition::Not(Box::new(self.condition(node)?)),
            node => {
                let (source, test) = self.source_of(node)?;
                let accepts = Accepts::of(&test, source.scale());
                Condition::Leaf(Box::new((source, test, accepts)))
            }
        })
    }
}
