//! Logistic regression with an L2 penalty, by Newton's method.

use super::ensemble::{Examples, sigmoid, softplus};
use super::grow::PER_TICK;
use crate::error::{Error, Result};

/// Newton steps; a handful is the rule.
const MOST_STEPS: usize = 100;

/// It has converged when no coefficient moves more than this.
const TOLERANCE: f64 = 1e-10;

/// `score = intercept + sum of coefficient * (value - mean) / deviation`: the log-odds of class 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logistic {
    pub intercept: f64,
    /// Per standard deviation.
    pub coefficients: Vec<f64>,
    /// Mean and population standard deviation of each feature; a missing value counts as the mean. The deviation of a feature
    /// that does not vary is 1.
    pub scale: Vec<(f64, f64)>,
}

impl Logistic {
    /// Minimises `|w|^2 / 2 + c * sum of the weighted log-losses` over standardised features; the intercept is not
    /// penalised. That is what scikit-learn's LogisticRegression minimises.
    pub fn fit(examples: Examples, c: f64, tick: &mut dyn FnMut()) -> Result<Self> {
        let width = examples.rows.width();
        let scale: Vec<(f64, f64)> = (0..width).map(|column| scale(examples.rows.column(column))).collect();
        let mut model = Logistic { intercept: 0.0, coefficients: vec![0.0; width], scale };
        let mut objective = model.objective(examples, c, tick);
        for _ in 0..MOST_STEPS {
            let step = model.newton_step(examples, c, tick)?;
            // A step too far makes it worse: half of it, then, until it does not.
            let mut part = 1.0;
            let next = loop {
                let next = model.moved(&step, part);
                let reached = next.objective(examples, c, tick);
                if reached <= objective || part < 1e-10 {
                    objective = reached;
                    break next;
                }
                part /= 2.0;
            };
            model = next;
            let size = step.iter().fold(0.0, |most: f64, part| most.max(part.abs()));
            if size * part <= TOLERANCE {
                break;
            }
        }
        Ok(model)
    }

    pub fn score(&self, row: &[f64]) -> f64 {
        self.intercept + self.contributions(row).1.iter().sum::<f64>()
    }

    /// What each feature adds to the score of a row that has the mean of everything.
    pub fn contributions(&self, row: &[f64]) -> (f64, Vec<f64>) {
        let parts = self.standard(row).zip(&self.coefficients).map(|(value, weight)| value * weight);
        (self.intercept, parts.collect())
    }

    fn standard<'r>(&'r self, row: &'r [f64]) -> impl Iterator<Item = f64> + 'r {
        let standard = |(value, (mean, deviation)): (&f64, &(f64, f64))| match value.is_nan() {
            true => 0.0,
            false => (value - mean) / deviation,
        };
        row.iter().zip(&self.scale).map(standard)
    }

    fn moved(&self, step: &[f64], part: f64) -> Self {
        let mut moved = self.clone();
        moved.intercept -= part * step[0];
        moved.coefficients.iter_mut().zip(&step[1..]).for_each(|(weight, step)| *weight -= part * step);
        moved
    }

    fn objective(&self, examples: Examples, c: f64, tick: &mut dyn FnMut()) -> f64 {
        let mut loss = 0.0;
        examples.rows.each_row(|index, row| {
            if index % PER_TICK == 0 {
                tick();
            }
            let score = self.score(row);
            loss += examples.weights[index] * (softplus(score) - examples.target[index] * score);
        });
        c * loss + self.coefficients.iter().map(|weight| weight * weight / 2.0).sum::<f64>()
    }

    /// The Hessian's inverse times the gradient; the intercept first.
    fn newton_step(&self, examples: Examples, c: f64, tick: &mut dyn FnMut()) -> Result<Vec<f64>> {
        let size = self.coefficients.len() + 1;
        let (mut gradient, mut hessian) = (vec![0.0; size], vec![0.0; size * size]);
        let mut values = vec![1.0; size];
        examples.rows.each_row(|index, row| {
            if index % (PER_TICK / 64) == 0 {
                tick();
            }
            values[1..].iter_mut().zip(self.standard(row)).for_each(|(value, standard)| *value = standard);
            let score = self.intercept
                + values[1..]
                    .iter()
                    .zip(&self.coefficients)
                    .map(|(value, weight)| value * weight)
                    .sum::<f64>();
            let p = sigmoid(score);
            let weight = c * examples.weights[index];
            let (slope, bend) = (weight * (p - examples.target[index]), weight * p * (1.0 - p));
            for (at, value) in values.iter().enumerate() {
                gradient[at] += slope * value;
                let scaled = bend * value;
                let line = &mut hessian[at * size..at * size + at + 1];
                line.iter_mut().zip(&values).for_each(|(sum, other)| *sum += scaled * other);
            }
        });
        for at in 1..size {
            gradient[at] += self.coefficients[at - 1];
            hessian[at * size + at] += 1.0;
        }
        // Where all probabilities are 0 or 1 nothing holds the intercept.
        hessian[0] += 1e-12;
        solve(&mut hessian, gradient)
    }
}

/// The mean of the known values, and their population standard deviation.
fn scale(column: &[f64]) -> (f64, f64) {
    let known = || column.iter().filter(|value| !value.is_nan());
    let count = known().count();
    if count == 0 {
        return (0.0, 1.0);
    }
    let mean = known().sum::<f64>() / count as f64;
    let variance = known().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count as f64;
    // What is left of equal values by rounding is no deviation.
    let deviation = variance.sqrt();
    (mean, if deviation > mean.abs() * 1e-12 { deviation } else { 1.0 })
}

/// Solves a positive definite system given by its lower triangle, by rows: Cholesky's decomposition.
fn solve(matrix: &mut [f64], mut right: Vec<f64>) -> Result<Vec<f64>> {
    let size = right.len();
    for row in 0..size {
        for column in 0..=row {
            let (a, b) = (&matrix[row * size..row * size + column], &matrix[column * size..]);
            let rest = matrix[row * size + column] - a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            if row != column {
                matrix[row * size + column] = rest / matrix[column * size + column];
            } else if rest > 0.0 {
                matrix[row * size + row] = rest.sqrt();
            } else {
                return Err(Error::Argument {
                    problem: "logistic regression failed: the features are not finite enough to be weighed"
                        .to_owned(),
                    hint: "Leave out features of extreme size, or train with algorithm => 'boosting'."
                        .to_owned(),
                });
            }
        }
    }
    for row in 0..size {
        let known: f64 = (0..row).map(|column| matrix[row * size + column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row * size + row];
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|below| matrix[below * size + row] * right[below]).sum();
        right[row] = (right[row] - known) / matrix[row * size + row];
    }
    Ok(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::matrix::Matrix;
    use crate::predict::sample;

    #[test]
    fn the_gradient_is_nothing_where_it_ends() {
        let sample = sample::classes(500, 11);
        let weights = vec![1.0; 500];
        let examples = Examples { rows: &sample.rows, target: &sample.target, weights: &weights };
        let model = Logistic::fit(examples, 1.0, &mut || {}).unwrap();
        let step = model.newton_step(examples, 1.0, &mut || {}).unwrap();
        assert!(step.iter().all(|step| step.abs() < 1e-9), "{step:?}");
        let p = sample.scores(|row| sigmoid(model.score(row)));
        let (sum, positives): (f64, f64) = (p.iter().sum(), sample.target.iter().sum());
        assert!((sum - positives).abs() < 1e-6, "the intercept is not penalised: {sum} {positives}");
    }

    #[test]
    fn what_does_not_vary_or_separates_is_no_trouble() {
        let mut rows = Matrix::new(3);
        let target: Vec<f64> = (0..40).map(|row| f64::from(row / 20)).collect();
        (0..40).for_each(|row| rows.push(&[3.0, f64::from(row), f64::NAN]));
        let weights = vec![1.0; 40];
        let examples = Examples { rows: &rows, target: &target, weights: &weights };
        let model = Logistic::fit(examples, 1.0, &mut || {}).unwrap();
        assert_eq!((model.coefficients[0], model.coefficients[2]), (0.0, 0.0));
        assert!(model.score(&[3.0, 0.0, 1.0]) < -3.0 && model.score(&[3.0, 39.0, f64::NAN]) > 3.0);
    }
}
