//! What the models say of each customer, and how right they were.

use super::bg_nbd::BgNbd;
use super::gamma_gamma::GammaGamma;
use super::history::Customer;
use std::collections::HashMap;

/// What is expected of a customer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    pub p_alive: f64,
    /// Number of purchases in the horizon.
    pub purchases: f64,
    /// Of one purchase.
    pub value: Option<f64>,
    /// Of all purchases in the horizon, those later worth less.
    pub lifetime_value: Option<f64>,
}

/// Forecasts for a horizon. Customers who bought equally often for as long share most of the work.
pub struct Forecaster {
    purchases: BgNbd,
    value: Option<GammaGamma>,
    horizon: f64,
    /// What is left of a value after one unit of time.
    remaining: f64,
    /// Expected and discounted purchases of those who are customers still, by frequency and age.
    known: HashMap<(u32, u64), (f64, f64)>,
}

impl Forecaster {
    /// `horizon` in the model's unit of time, of so many days; `discount` per year of 365.25 days.
    pub fn new(
        purchases: BgNbd,
        value: Option<GammaGamma>,
        horizon: f64,
        discount: f64,
        unit_days: f64,
    ) -> Self {
        let remaining = (-discount.ln_1p() * unit_days / 365.25).exp();
        Forecaster { purchases, value, horizon, remaining, known: HashMap::new() }
    }

    pub fn of(&mut self, customer: &Customer) -> Forecast {
        let p_alive = self.purchases.p_alive(customer);
        let (model, horizon, remaining) = (self.purchases, self.horizon, self.remaining);
        let key = (customer.frequency, customer.age.to_bits());
        let (purchases, discounted) =
            *self.known.entry(key).or_insert_with(|| discounted(model, customer, horizon, remaining));
        let value = self.value.map(|model| model.expected_value(customer));
        Forecast {
            p_alive,
            purchases: p_alive * purchases,
            value,
            lifetime_value: value.map(|value| p_alive * discounted * value),
        }
    }
}

/// Expected purchases in the horizon of somebody who is a customer still; and the same with those of each unit of time counted at
/// its end's present value.
fn discounted(model: BgNbd, customer: &Customer, horizon: f64, remaining: f64) -> (f64, f64) {
    let expected = |time: f64| model.expected_if_alive(customer.frequency, customer.age, time);
    let all = expected(horizon);
    if remaining == 1.0 {
        return (all, all);
    }
    let (mut before, mut present, mut elapsed) = (0.0, 0.0, 0.0);
    while elapsed < horizon {
        elapsed = f64::min(elapsed + 1.0, horizon);
        let until = expected(elapsed);
        present += (until - before) * remaining.powf(elapsed);
        before = until;
    }
    (all, present)
}

/// How forecast numbers of purchases compare with what happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    pub customers: usize,
    pub predicted: f64,
    pub actual: f64,
    /// Mean absolute error per customer: of the forecast, and of everybody going on at the rate that they had.
    pub error: f64,
    pub error_of_rate: f64,
    /// Between forecast and actual numbers (Pearson); `None` where one of them never varies.
    pub correlation: Option<f64>,
}

impl Judgement {
    /// Of forecast, actual and rated numbers of purchases, one row per customer.
    pub fn of(rows: &[(f64, f64, f64)]) -> Self {
        let mean = |number: fn(&(f64, f64, f64)) -> f64| {
            rows.iter().map(number).sum::<f64>() / (rows.len() as f64).max(1.0)
        };
        let pairs: Vec<(f64, f64)> = rows.iter().map(|(forecast, actual, _)| (*forecast, *actual)).collect();
        Judgement {
            customers: rows.len(),
            predicted: rows.iter().map(|row| row.0).sum(),
            actual: rows.iter().map(|row| row.1).sum(),
            error: mean(|(forecast, actual, _)| (forecast - actual).abs()),
            error_of_rate: mean(|(_, actual, rated)| (rated - actual).abs()),
            correlation: pearson(&pairs),
        }
    }
}

/// Pearson's correlation; `None` where there is none.
pub fn pearson(pairs: &[(f64, f64)]) -> Option<f64> {
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(u, v)| of(u - x, v - y)).sum::<f64>();
    let correlation = sum(&|u, v| u * v) / (sum(&|u, _| u * u) * sum(&|_, v| v * v)).sqrt();
    correlation.is_finite().then_some(correlation)
}
