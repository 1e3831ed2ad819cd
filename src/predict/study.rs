//! From examples to a model, calibrated, and measured against what needs no model.

use super::calibration::Calibration;
use super::drift::{Baseline, quantile};
use super::ensemble::{Boosting, Ensemble, Examples, Forest, Loss};
use super::importance::importance;
use super::kind::Kind;
use super::logistic::Logistic;
use super::matrix::Matrix;
use super::metrics::{Part, auc, brier, calibration_table, mean, measure};
use super::model::{Confidence, Learner, Model};
use super::set::Set;
use super::training::{Algorithm, Training};
use crate::error::{Error, Result};

/// Fewest examples of each outcome (of value: of any, and of those who spend) to train, and to validate or test.
const LEAST_TRAINED: usize = 50;
const LEAST_TESTED: usize = 20;

/// Below so many rows, or rarer outcomes, trees learn chance: logistic regression is the default then.
const FEW_ROWS: usize = 1_000;
const FEW_OUTCOMES: usize = 100;

/// A pool of an isotonic calibration has a hundredth of the rows, and so many at least.
const LEAST_POOL: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predictor {
    Model,
    /// The same for everybody: the mean outcome of the validation.
    BaseRate,
    /// Classes by the time since the last event alone, values by the period before.
    Rule,
}

#[derive(Clone, Debug)]
pub struct Study {
    pub model: Model,
    pub algorithm: Algorithm,
    /// Of the test.
    pub metrics: Vec<(Predictor, &'static str, f64)>,
    pub table: Vec<Part>,
    /// By feature, the share of the gains, and by how much worse the test is with its values in disorder: mean and deviation.
    pub importance: Vec<(f64, f64, f64)>,
    /// Whether the model is better than what needs none.
    pub better: bool,
}

/// Trains on one set, calibrates on another, later one, and tests on a third.
pub fn study(
    kind: Kind,
    train: &Set,
    validation: &Set,
    test: &Set,
    training: Training,
    tick: &mut dyn FnMut(),
) -> Result<Study> {
    train.check(kind, "train on", LEAST_TRAINED)?;
    validation.check(kind, "validate with", LEAST_TESTED)?;
    test.check(kind, "test on", LEAST_TESTED)?;
    let few = train.outcome.len() < FEW_ROWS || train.rarer(kind) < FEW_OUTCOMES;
    let algorithm = match training.algorithm {
        Some(Algorithm::Logistic) if !kind.is_class() => {
            return Err(Error::Argument {
                problem: "logistic regression predicts no values".to_owned(),
                hint: "Train a model of value with algorithm => 'boosting' or 'forest'.".to_owned(),
            });
        }
        Some(algorithm) => algorithm,
        None if kind.is_class() && few => Algorithm::Logistic,
        None => Algorithm::Boosting,
    };
    let learner = learn(kind, algorithm, train, validation, training, tick)?;
    let scores = validation.predictions(|row| learner.score(row), tick);
    let enough = validation.outcome.len() >= FEW_ROWS && validation.rarer(kind) >= FEW_OUTCOMES;
    let least = (validation.outcome.len() / 100).max(LEAST_POOL);
    let calibration = if kind.is_class() && !enough {
        Calibration::platt(&scores, &validation.outcome, tick)
    } else {
        Calibration::isotonic(&scores, &validation.outcome, least)
    };
    let validated: Vec<f64> = scores.iter().map(|score| calibration.apply(*score)).collect();
    let trained = train.predictions(|row| calibration.apply(learner.score(row)), tick);
    let width = train.rows.width();
    let model = Model {
        confidence: if kind.is_class() {
            Confidence::Probability
        } else {
            shares(&validated, &validation.outcome)
        },
        baselines: (0..width).map(|feature| Baseline::new(train.rows.column(feature))).collect(),
        predicted: Baseline::new(&trained),
        learner,
        calibration,
    };
    model.check()?;
    let predicted = test.predictions(|row| model.predict(row), tick);
    // What needs no model learns from the same rows that the model is calibrated with.
    let base = vec![mean(validation.outcome.iter().copied()); test.outcome.len()];
    let rule = by_rule(kind, validation, test, tick)?;
    let threshold = threshold(kind, &validated, &validation.outcome);
    let mut metrics = Vec::new();
    for (predictor, predicted) in
        [(Predictor::Model, &predicted), (Predictor::BaseRate, &base), (Predictor::Rule, &rule)]
    {
        let measured = measure(kind, predicted, &test.outcome, threshold);
        metrics.extend(measured.into_iter().map(|(metric, value)| (predictor, metric, value)));
    }
    let importance = importance(kind, &model, test, training.seed, tick);
    let errors = [&predicted, &base, &rule].map(|predicted| brier(predicted, &test.outcome));
    let ranked = !kind.is_class() || auc(&predicted, &test.outcome) >= auc(&rule, &test.outcome);
    Ok(Study {
        algorithm,
        metrics,
        table: calibration_table(&predicted, &test.outcome),
        importance,
        better: errors[0] < errors[1] && errors[0] < errors[2] && ranked,
        model,
    })
}

fn learn(
    kind: Kind,
    algorithm: Algorithm,
    train: &Set,
    validation: &Set,
    training: Training,
    tick: &mut dyn FnMut(),
) -> Result<Learner> {
    // Of values, whose largest would decide everything, the logarithm is learned; the calibration leads back.
    let target = |set: &Set| -> Vec<f64> {
        let logarithm = |value: &f64| value.signum() * value.abs().ln_1p();
        if kind.is_class() { set.outcome.clone() } else { set.outcome.iter().map(logarithm).collect() }
    };
    let weights = |set: &Set| -> Vec<f64> {
        let ones = set.outcome.iter().sum::<f64>();
        let (ones, all) = (ones.max(1.0), set.outcome.len() as f64);
        let zeros = (all - ones).max(1.0);
        let weight = |outcome: &f64| all / 2.0 / if *outcome > 0.5 { ones } else { zeros };
        match training.balance && kind.is_class() {
            true => set.outcome.iter().map(weight).collect(),
            false => vec![1.0; set.outcome.len()],
        }
    };
    let (targets, weighed) = ([target(train), target(validation)], [weights(train), weights(validation)]);
    let of = |set: usize| Examples {
        rows: &[train, validation][set].rows,
        target: &targets[set],
        weights: &weighed[set],
    };
    let Training { trees, depth, min_rows, rate, c, seed, .. } = training;
    Ok(match algorithm {
        Algorithm::Logistic => Learner::Logistic(Logistic::fit(of(0), c, tick)?),
        Algorithm::Boosting => {
            let options = Boosting {
                rounds: trees.unwrap_or(200),
                rate,
                depth: depth.unwrap_or(3),
                min_rows: min_rows.unwrap_or(20),
                l2: 1.0,
                patience: 20,
                bins: 255,
            };
            let loss = if kind.is_class() { Loss::Logistic } else { Loss::Squared };
            Learner::Trees(Ensemble::boost(of(0), Some(of(1)), loss, options, tick))
        }
        Algorithm::Forest => {
            let width = train.rows.width();
            let candidates =
                if kind.is_class() { (width as f64).sqrt().round() as usize } else { width.div_ceil(3) };
            let options = Forest {
                trees: trees.unwrap_or(100),
                depth: depth.unwrap_or(10),
                min_rows: min_rows.unwrap_or(5),
                candidates,
                bins: 64,
                seed,
            };
            Learner::Trees(Ensemble::forest(of(0), options, tick))
        }
    })
}

/// What the rule says of the test.
fn by_rule(kind: Kind, known: &Set, test: &Set, tick: &mut dyn FnMut()) -> Result<Vec<f64>> {
    if !kind.is_class() {
        return Ok(test.rule.clone());
    }
    let matrix = |set: &Set| {
        let mut matrix = Matrix::new(1);
        set.rule.iter().for_each(|days| matrix.push(&[days.ln_1p()]));
        matrix
    };
    let (rows, weights) = (matrix(known), vec![1.0; known.outcome.len()]);
    let examples = Examples { rows: &rows, target: &known.outcome, weights: &weights };
    let rule = Logistic::fit(examples, 1.0, tick)?;
    Ok(test.rule.iter().map(|days| super::ensemble::sigmoid(rule.score(&[days.ln_1p()]))).collect())
}

/// The probability from which on as many are taken for a yes as there are.
fn threshold(kind: Kind, predicted: &[f64], outcomes: &[f64]) -> f64 {
    if !kind.is_class() {
        return f64::NAN;
    }
    let mut sorted = predicted.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile(&sorted, 1.0 - mean(outcomes.iter().copied()))
}

/// How often, by tenths of the predictions, the outcome was on the same side of the mean outcome.
fn shares(predicted: &[f64], outcomes: &[f64]) -> Confidence {
    let middle = mean(outcomes.iter().copied());
    let mut order: Vec<usize> = (0..predicted.len()).collect();
    order.sort_by(|a, b| predicted[*a].total_cmp(&predicted[*b]));
    let same = |row: &&usize| (predicted[**row] > middle) == (outcomes[**row] > middle);
    let (mut upto, mut sums): (Vec<f64>, Vec<(f64, f64)>) = (Vec::new(), Vec::new());
    for tenth in 0..10 {
        let rows = &order[tenth * order.len() / 10..(tenth + 1) * order.len() / 10];
        let Some(last) = rows.last() else { continue };
        let (right, all) = (rows.iter().filter(same).count() as f64, rows.len() as f64);
        match sums.last_mut().filter(|_| upto.last() == Some(&predicted[*last])) {
            // Equal predictions are equally sure.
            Some(sum) => *sum = (sum.0 + right, sum.1 + all),
            None => {
                upto.push(predicted[*last]);
                sums.push((right, all));
            }
        }
    }
    Confidence::Shares { upto, shares: sums.into_iter().map(|(right, all)| right / all).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::random::Random;
    use crate::predict::sample;

    fn training(algorithm: Option<Algorithm>) -> Training {
        Training { algorithm, ..Training::default() }
    }

    fn set(rows: usize, seed: u64) -> Set {
        let sample = sample::classes(rows, seed);
        // The rule knows the second feature alone.
        let rule = sample.rows.column(1).to_vec();
        Set { rows: sample.rows, outcome: sample.target, rule }
    }

    fn metric(study: &Study, predictor: Predictor, name: &str) -> f64 {
        study.metrics.iter().find(|metric| (metric.0, metric.1) == (predictor, name)).unwrap().2
    }

    #[test]
    fn a_model_that_sees_more_beats_the_rule() {
        let sets = [set(3_000, 1), set(3_000, 2), set(3_000, 3)];
        for algorithm in Algorithm::ALL {
            for balance in [false, true] {
                let training = Training { balance, ..training(Some(algorithm)) };
                let study = study(Kind::Churn, &sets[0], &sets[1], &sets[2], training, &mut || {}).unwrap();
                assert!(study.better);
                let [model, rule] =
                    [Predictor::Model, Predictor::Rule].map(|predictor| metric(&study, predictor, "auc"));
                assert!(model > rule + 0.1, "{algorithm:?} {model} {rule}");
                assert_eq!(metric(&study, Predictor::BaseRate, "auc"), 0.5);
                // Balanced or not, the probabilities are those of the population.
                assert!(metric(&study, Predictor::Model, "calibration_error") < 0.04);
                assert!(study.importance[0].1 > 0.05 && study.importance[3].1.abs() < 0.02);
                assert_eq!(Model::from_bytes(&study.model.to_bytes()), Ok(study.model));
            }
        }
    }

    #[test]
    fn chance_is_not_better() {
        let sets = [1, 2, 3].map(|seed| {
            let sample = sample::noise(2_000, seed);
            Set {
                rule: sample.target.iter().map(|target| 2.0 - target).collect(),
                outcome: sample.target,
                rows: sample.rows,
            }
        });
        let study =
            study(Kind::Engagement, &sets[0], &sets[1], &sets[2], training(None), &mut || {}).unwrap();
        assert!(!study.better);
        assert_eq!(study.algorithm, Algorithm::Boosting);
    }

    #[test]
    fn values_are_predicted_without_bias() {
        let sets = [1, 2, 3].map(|seed| {
            let mut set = set(4_000, seed);
            let mut random = Random::new(seed);
            let values = set.rows.column(0).to_vec();
            for (outcome, value) in set.outcome.iter_mut().zip(values) {
                *outcome *= 10.0 * value * (1 + random.below(4)) as f64;
            }
            set.rule = vec![0.0; 4_000];
            set
        });
        for algorithm in [Algorithm::Boosting, Algorithm::Forest] {
            let training = training(Some(algorithm));
            let study = study(Kind::Value, &sets[0], &sets[1], &sets[2], training, &mut || {}).unwrap();
            assert!(study.better);
            let (bias, outcome) =
                (metric(&study, Predictor::Model, "bias"), metric(&study, Predictor::Model, "mean_outcome"));
            assert!(bias.abs() < 0.1 * outcome, "{bias} {outcome}");
            assert!(metric(&study, Predictor::Model, "spearman") > 0.5);
            let sure = [0.0, 5.0, 15.0].map(|predicted| study.model.confidence(predicted));
            assert!(sure.iter().all(|sure| (0.0..=1.0).contains(sure)) && sure[0] > 0.8, "{sure:?}");
        }
    }

    #[test]
    fn few_examples_are_for_logistic_regression_and_fewer_for_none() {
        let sets = [set(600, 1), set(600, 2), set(600, 3)];
        let study = |sets: &[Set; 3], kind, algorithm| {
            study(kind, &sets[0], &sets[1], &sets[2], training(algorithm), &mut || {})
        };
        assert_eq!(study(&sets, Kind::Churn, None).unwrap().algorithm, Algorithm::Logistic);
        let error = study(&sets, Kind::Value, Some(Algorithm::Logistic)).unwrap_err();
        assert_eq!(error.to_string(), "logistic regression predicts no values");
        let few = [set(90, 1), set(600, 2), set(600, 3)];
        let ones = few[0].outcome.iter().sum::<f64>();
        let error = study(&few, Kind::Churn, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "too few subscribers to train on: 50 of each are needed, and there are {ones} who left and {} who stayed",
                90.0 - ones
            )
        );
    }
}
