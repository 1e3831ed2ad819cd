//! Examples that a model learns from, is calibrated with and is tested on.

use super::kind::Kind;
use super::matrix::Matrix;
use crate::error::{Error, Result};

/// Subscribers as they were at snapshots, with what came after.
#[derive(Clone, Debug)]
pub struct Set {
    pub rows: Matrix,
    /// 1 and 0, or values.
    pub outcome: Vec<f64>,
    /// What a rule without a model goes by: days since the last event that counts or, of value, what the period before brought.
    pub rule: Vec<f64>,
}

impl Set {
    pub fn new(width: usize) -> Self {
        Set { rows: Matrix::new(width), outcome: Vec::new(), rule: Vec::new() }
    }

    pub fn push(&mut self, row: &[f64], outcome: f64, rule: f64) {
        self.rows.push(row);
        self.outcome.push(outcome);
        self.rule.push(rule);
    }

    /// How many have the rarer outcome; of values, how many are not 0.
    pub fn rarer(&self, kind: Kind) -> usize {
        let some = self.outcome.iter().filter(|outcome| **outcome != 0.0).count();
        if kind.is_class() { some.min(self.outcome.len() - some) } else { some }
    }

    /// What is predicted for each, in their order.
    pub fn predictions(&self, predict: impl Fn(&[f64]) -> f64, tick: &mut dyn FnMut()) -> Vec<f64> {
        let mut predictions = Vec::with_capacity(self.outcome.len());
        self.rows.each_row(|index, row| {
            if index % 1_024 == 0 {
                tick();
            }
            predictions.push(predict(row));
        });
        predictions
    }

    /// Refuses a set with fewer of the rarer outcome than `least`, and says what there is.
    pub fn check(&self, kind: Kind, role: &str, least: usize) -> Result<()> {
        let (all, rarer) = (self.outcome.len(), self.rarer(kind));
        if rarer >= least {
            return Ok(());
        }
        let ones = self.outcome.iter().filter(|outcome| **outcome != 0.0).count();
        let problem = match kind {
            Kind::Churn => format!("there are {ones} who left and {} who stayed", all - ones),
            Kind::Engagement => format!("there are {ones} who engaged and {} who did not", all - ones),
            Kind::Value => format!("there are {ones} who spent something, of {all}"),
        };
        let each = if kind.is_class() { " of each" } else { " who did" };
        Err(Error::Argument {
            problem: format!("too few subscribers to {role}: {least}{each} are needed, and {problem}"),
            hint: "Attach more events, or choose another horizon or snapshot.".to_owned(),
        })
    }
}
