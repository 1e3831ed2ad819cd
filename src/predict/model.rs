//! A trained model: what it predicts of a row, how sure it is, and why.

use super::calibration::Calibration;
use super::drift::Baseline;
use super::ensemble::Ensemble;
use super::logistic::Logistic;
use crate::error::{Error, Result};

/// Most features of a model.
pub const MOST_FEATURES: usize = 256;

#[derive(Clone, Debug, PartialEq)]
pub enum Learner {
    Logistic(Logistic),
    /// Boosting, or a forest.
    Trees(Ensemble),
}

impl Learner {
    /// What the calibration makes a prediction of.
    pub fn score(&self, row: &[f64]) -> f64 {
        match self {
            Learner::Logistic(logistic) => logistic.score(row),
            Learner::Trees(ensemble) => ensemble.score(row),
        }
    }

    /// The score of which nothing is known, and what each feature of a row adds to it: exact Shapley values; together they
    /// are the row's score.
    pub fn contributions(&self, row: &[f64]) -> (f64, Vec<f64>) {
        match self {
            Learner::Logistic(logistic) => logistic.contributions(row),
            Learner::Trees(ensemble) => ensemble.contributions(row),
        }
    }
}

/// How sure a prediction is.
#[derive(Clone, Debug, PartialEq)]
pub enum Confidence {
    /// Of a probability: that of the outcome that is the more likely.
    Probability,
    /// Of a value: by what was predicted, ascending, how often the outcome lay on the same side of the mean.
    Shares { upto: Vec<f64>, shares: Vec<f64> },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub learner: Learner,
    pub calibration: Calibration,
    pub confidence: Confidence,
    /// By feature, as it was at the training.
    pub baselines: Vec<Baseline>,
    /// Of the predictions.
    pub predicted: Baseline,
}

impl Model {
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.calibration.apply(self.learner.score(row))
    }

    /// How likely it is, from 0 to 1, that the outcome lies on the side where the prediction is.
    pub fn confidence(&self, predicted: f64) -> f64 {
        match &self.confidence {
            Confidence::Probability => predicted.max(1.0 - predicted),
            Confidence::Shares { upto, shares } => {
                let place = upto.partition_point(|end| *end < predicted).min(shares.len() - 1);
                shares[place]
            }
        }
    }

    /// Refuses what would not predict something finite of every row.
    pub fn check(&self) -> Result<()> {
        let corrupt = || Error::Corrupt("model");
        let width = self.baselines.len();
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let ascending = |values: &[f64]| values.windows(2).all(|pair| pair[0] < pair[1]);
        let sound = match &self.learner {
            Learner::Logistic(Logistic { intercept, coefficients, scale }) => {
                let scaled = scale.iter().all(|(mean, deviation)| mean.is_finite() && *deviation > 0.0);
                intercept.is_finite()
                    && finite(coefficients)
                    && coefficients.len() == width
                    && scale.len() == width
                    && scaled
            }
            Learner::Trees(ensemble) => {
                ensemble.trees.iter().try_for_each(|tree| tree.check(width))?;
                ensemble.gains.len() == width
                    && finite(&ensemble.gains)
                    && ensemble.base.is_finite()
                    && ensemble.weight.is_finite()
            }
        };
        let calibrated = match &self.calibration {
            Calibration::Platt { slope, intercept } => slope.is_finite() && intercept.is_finite(),
            Calibration::Isotonic { scores, means } => {
                !scores.is_empty()
                    && scores.len() == means.len()
                    && finite(scores)
                    && finite(means)
                    && ascending(scores)
            }
        };
        let sure = match &self.confidence {
            Confidence::Probability => true,
            Confidence::Shares { upto, shares } => {
                let shared = shares.iter().all(|share| (0.0..=1.0).contains(share));
                !shares.is_empty() && upto.len() == shares.len() && shared
            }
        };
        let told = |baseline: &Baseline| {
            let Baseline { missing, edges, counts, points, below } = baseline;
            // So few that no sum of them is too large.
            let few = |counts: &[u64]| counts.iter().all(|count| *count <= u64::from(u32::MAX));
            counts.len() == edges.len() + 1
                && points.len() == below.len()
                && ascending(edges)
                && ascending(points)
                && few(counts)
                && few(below)
                && few(&[*missing])
        };
        let all = sound && calibrated && sure && self.baselines.iter().all(told) && told(&self.predicted);
        if all && width > 0 && width <= MOST_FEATURES { Ok(()) } else { Err(corrupt()) }
    }
}
