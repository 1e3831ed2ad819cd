//! How much each feature matters to a model.

use super::kind::Kind;
use super::metrics::{auc, mean, rmse};
use super::model::{Learner, Model};
use super::random::Random;
use super::set::Set;

/// Rows that the importance of features is measured on, and how often.
const IMPORTANCE_ROWS: usize = 5_000;
const IMPORTANCE_ROUNDS: usize = 5;

/// Who predicts.
/// By feature, the share of the gains, and by how much worse a test is with its values in disorder: mean and deviation.
pub fn importance(
    kind: Kind,
    model: &Model,
    test: &Set,
    seed: u64,
    tick: &mut dyn FnMut(),
) -> Vec<(f64, f64, f64)> {
    let mut random = Random::new(seed);
    let mut order: Vec<usize> = (0..test.outcome.len()).collect();
    random.shuffle(&mut order, IMPORTANCE_ROWS);
    order.truncate(IMPORTANCE_ROWS);
    let mut rows = Vec::new();
    test.rows.each_row(|_, row| rows.push(row.to_vec()));
    let mut some = Set::new(test.rows.width());
    order.iter().for_each(|row| some.push(&rows[*row], test.outcome[*row], 0.0));
    let error = |set: &Set, tick: &mut dyn FnMut()| {
        let predicted = set.predictions(|row| model.predict(row), tick);
        match kind.is_class() {
            true => -auc(&predicted, &set.outcome),
            false => rmse(&predicted, &set.outcome),
        }
    };
    let as_it_is = error(&some, tick);
    let gains = match &model.learner {
        Learner::Trees(ensemble) => ensemble.gains.clone(),
        Learner::Logistic(logistic) => {
            let total: f64 = logistic.coefficients.iter().map(|weight| weight.abs()).sum();
            logistic.coefficients.iter().map(|weight| weight.abs() / total.max(f64::MIN_POSITIVE)).collect()
        }
    };
    let mut places: Vec<usize> = (0..some.outcome.len()).collect();
    let mut of = |feature: usize| {
        let worse: Vec<f64> = (0..IMPORTANCE_ROUNDS)
            .map(|_| {
                random.shuffle(&mut places, usize::MAX);
                let rows = some.rows.with_column(feature, &places);
                let disordered = Set { rows, outcome: some.outcome.clone(), rule: Vec::new() };
                error(&disordered, tick) - as_it_is
            })
            .collect();
        let middle = mean(worse.iter().copied());
        let variance = mean(worse.iter().map(|worse| (worse - middle) * (worse - middle)));
        (gains[feature], middle, variance.sqrt())
    };
    (0..test.rows.width()).map(&mut of).collect()
}
