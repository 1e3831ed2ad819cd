//! Gamma-gamma: what a purchase of a customer is worth.
//!
//! The values of a customer's purchases are Gamma(p, ν), and ν is Gamma(q, γ) among the customers, whatever their number of
//! purchases. Source: Fader and Hardie, The Gamma-Gamma Model of Monetary Value (2013), equations 1a and 5.

use super::history::Customer;
use super::maximise::{Fit, Slope, maximise};
use super::special::{digamma, ln_gamma};
use crate::error::{Error, Result};

/// Customers who bought again, below which nothing is fitted.
const FEWEST: usize = 30;

const INDIFFERENT: &str =
    "What the customers spend does not determine the model: take more of them, or pass spend => false.";

/// Between two looks at whether to stop.
const BLOCK: usize = 1 << 12;

/// The parameters; γ in units of value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GammaGamma {
    pub p: f64,
    pub q: f64,
    pub gamma: f64,
}

/// Number of purchases and their mean value, of those customers of whom the model can say something: who bought again, for more
/// than nothing.
fn spent(customers: &[Customer]) -> Vec<(f64, f64)> {
    let positive = |customer: &Customer| customer.value.filter(|value| *value > 0.0);
    customers
        .iter()
        .filter_map(|customer| Some((f64::from(customer.frequency), positive(customer)?)))
        .collect()
}

impl GammaGamma {
    /// The most likely parameters; `tick` runs often and may unwind to stop.
    pub fn fit(customers: &[Customer], tick: &mut dyn FnMut()) -> Result<Fit<Self>> {
        let spent = spent(customers);
        if spent.len() < FEWEST {
            return Err(Error::Argument {
                problem: format!(
                    "there are {} customers with repeat purchases of positive value; the model of values needs {FEWEST}",
                    spent.len()
                ),
                hint: "Take more customers or a longer time, or pass spend => false.".to_owned(),
            });
        }
        // Values of about 1, whatever the currency.
        let scale = spent.iter().map(|(_, mean)| mean).sum::<f64>() / spent.len() as f64;
        let scaled: Vec<_> = spent.iter().map(|(x, mean)| (*x, mean / scale)).collect();
        let starts = [[1.0, 1.0, 1.0], [5.0, 4.0, 0.5], [2.0, 10.0, 5.0], [20.0, 2.5, 0.1]];
        let found = maximise(["p", "q", "gamma"], INDIFFERENT, &starts, |parameters| {
            likelihood(&scaled, *parameters, tick)
        })?;
        let [p, q, gamma] = found.parameters;
        if q <= 1.0 {
            return Err(Error::Argument {
                problem: format!("the values have no finite mean: q is {q:.3}, and must be more than 1"),
                hint: "A few purchases outweigh all others: leave them out, or pass spend => false."
                    .to_owned(),
            });
        }
        let model = GammaGamma { p, q, gamma: gamma * scale };
        Ok(Fit {
            model,
            log_likelihood: model.log_likelihood(customers),
            gradient: found.gradient,
            evaluations: found.evaluations,
        })
    }

    /// Of the customers of whom the model can say something.
    pub fn log_likelihood(&self, customers: &[Customer]) -> f64 {
        let spent = spent(customers);
        likelihood(&spent, [self.p, self.q, self.gamma], &mut || ()).0 * spent.len() as f64
    }

    /// The expected value of a purchase of a customer (equation 5): between their own mean and everybody's, and everybody's where
    /// nothing is known of them.
    pub fn expected_value(&self, customer: &Customer) -> f64 {
        let (x, mean) = match customer.value.filter(|value| *value > 0.0) {
            Some(value) => (f64::from(customer.frequency), value),
            None => (0.0, 0.0),
        };
        self.p * (self.gamma + x * mean) / (self.p * x + self.q - 1.0)
    }
}

/// The mean log-likelihood (equation 1a) and its derivatives.
fn likelihood(spent: &[(f64, f64)], [p, q, gamma]: [f64; 3], tick: &mut dyn FnMut()) -> Slope<3> {
    let (mut value, mut slope) = (0.0, [0.0; 3]);
    let (of_q, by_q, ln_gamma_scale) = (ln_gamma(q), digamma(q), gamma.ln());
    for block in spent.chunks(BLOCK) {
        tick();
        for (x, mean) in block {
            let (px, total) = (p * x, gamma + x * mean);
            let (ln_total, of_all) = (total.ln(), digamma(px + q));
            value += ln_gamma(px + q) - ln_gamma(px) - of_q
                + q * ln_gamma_scale
                + (px - 1.0) * mean.ln()
                + px * x.ln()
                - (px + q) * ln_total;
            slope[0] += x * (of_all - digamma(px) + mean.ln() + x.ln() - ln_total);
            slope[1] += of_all - by_q + ln_gamma_scale - ln_total;
            slope[2] += q / gamma - (px + q) / total;
        }
    }
    let count = spent.len() as f64;
    (value / count, slope.map(|sum| sum / count))
}

/// How strongly the number of purchases goes with their value (Pearson): the model takes it for 0.
pub fn correlation(customers: &[Customer]) -> Option<f64> {
    super::forecast::pearson(&spent(customers))
}
