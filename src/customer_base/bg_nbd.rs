//! BG/NBD: customers buy at random until they stop for good.
//!
//! While a customer is one, purchases come as a Poisson process of rate λ, and after each the customer stops with probability
//! p; λ is Gamma(r, α) and p is Beta(a, b) among the customers. Source: Fader, Hardie and Lee, "Counting Your Customers" the
//! Easy Way, Marketing Science 24 (2005), equations 6, 7, 9 and 10.

use super::history::Customer;
use super::maximise::{Fit, Slope, maximise};
use super::special::{digamma, ln_gamma};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// Customers, and among them such as bought again, below which nothing is fitted.
const FEWEST: usize = 100;
const FEWEST_REPEATERS: usize = 30;

const INDIFFERENT: &str = "Where r or alpha has no bound, customers hardly differ in how often they buy; where a or b has none, in \
                           whether they stop. Take more customers, or a longer time.";

/// Between two looks at whether to stop.
const BLOCK: usize = 1 << 14;

/// The parameters; α in units of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BgNbd {
    pub r: f64,
    pub alpha: f64,
    pub a: f64,
    pub b: f64,
}

impl BgNbd {
    /// The most likely parameters; `tick` runs often and may unwind to stop.
    pub fn fit(customers: &[Customer], tick: &mut dyn FnMut()) -> Result<Fit<Self>> {
        let repeaters = customers.iter().filter(|customer| customer.frequency > 0).count();
        if customers.len() < FEWEST || repeaters < FEWEST_REPEATERS {
            return Err(Error::Argument {
                problem: format!(
                    "there are {} customers, {repeaters} of whom bought on more than one day; the model needs {FEWEST} and \
                     {FEWEST_REPEATERS}",
                    customers.len()
                ),
                hint: "Take more customers, or a longer time.".to_owned(),
            });
        }
        // Times of about 1, whatever the unit.
        let scale = customers.iter().fold(0.0, |most, customer| f64::max(most, customer.age));
        let sample = Sample::of(customers, scale);
        let purchases: f64 = customers.iter().map(|customer| f64::from(customer.frequency)).sum();
        let observed: f64 = customers.iter().map(|customer| customer.age / scale).sum();
        let per_rate = observed / purchases;
        let starts = [
            [1.0, 1.0, 1.0, 1.0],
            [0.5, 0.5 * per_rate, 0.5, 2.0],
            [2.0, 2.0 * per_rate, 1.0, 5.0],
            [0.2, 0.2 * per_rate, 0.1, 1.0],
        ];
        let found = maximise(["r", "alpha", "a", "b"], INDIFFERENT, &starts, |parameters| {
            sample.likelihood(*parameters, tick)
        })?;
        let [r, alpha, a, b] = found.parameters;
        let model = BgNbd { r, alpha: alpha * scale, a, b };
        Ok(Fit {
            model,
            log_likelihood: model.log_likelihood(customers),
            gradient: found.gradient,
            evaluations: found.evaluations,
        })
    }

    pub fn log_likelihood(&self, customers: &[Customer]) -> f64 {
        let sample = Sample::of(customers, 1.0);
        sample.likelihood([self.r, self.alpha, self.a, self.b], &mut || ()).0 * customers.len() as f64
    }

    /// The probability of being a customer still; 1 for whoever has not bought again, because nobody stops but after a
    /// purchase, and the first does not count as one here.
    pub fn p_alive(&self, customer: &Customer) -> f64 {
        if customer.frequency == 0 {
            return 1.0;
        }
        let x = f64::from(customer.frequency);
        let odds_against = (self.a / (self.b + x - 1.0)).ln()
            + (self.r + x) * ((self.alpha + customer.age).ln() - (self.alpha + customer.recency).ln());
        1.0 / (1.0 + odds_against.exp())
    }

    /// The expected number of purchases in the next so much time of somebody who is a customer still: with their p_alive, the
    /// expected number of anybody. Depends on the frequency and the age alone; with neither, it is that of a new customer.
    ///
    /// Equation 10 divides by a - 1 and by a + b + x - 1, either of which may be 0. Euler's transformation of its
    /// hypergeometric series, with the first term split off, leaves
    /// c (1 - w^e) / e - w^e Σ (d)_k (1 + e)_(k-1) z^k / ((c + 1)_(k-1) k!), where c = a + b + x - 1, d = a + b - 1 - r,
    /// e = a - 1, w = (α + T) / (α + T + t) and z = 1 - w.
    pub fn expected_if_alive(&self, frequency: u32, age: f64, time: f64) -> f64 {
        let (x, observed) = (f64::from(frequency), self.alpha + age);
        let (c, d, e) = (self.a + self.b + x - 1.0, self.a + self.b - 1.0 - self.r, self.a - 1.0);
        let (z, ln_w) = (time / (observed + time), -(time / observed).ln_1p());
        let (mut term, mut sum, mut k) = (d * z, 0.0, 1.0);
        while term != 0.0 && f64::abs(term) > f64::EPSILON * f64::abs(sum) {
            sum += term;
            term *= (d + k) * (e + k) / ((c + k) * (k + 1.0)) * z;
            k += 1.0;
        }
        let grown = if e == 0.0 { -ln_w } else { -(e * ln_w).exp_m1() / e };
        c * grown - (e * ln_w).exp() * sum
    }
}

/// Customers who are alike, counted, with the distinct frequencies apart.
struct Sample {
    customers: f64,
    /// Place of the frequency, recency, age, how many.
    groups: Vec<(usize, f64, f64, f64)>,
    frequencies: Vec<f64>,
}

/// What the likelihood takes from a frequency alone, and its derivatives by r, a and b.
struct ByFrequency {
    value: f64,
    by_r: f64,
    by_a: f64,
    by_b: f64,
    ln_stop: f64,
    stop_by_b: f64,
}

impl Sample {
    fn of(customers: &[Customer], scale: f64) -> Self {
        let mut alike: HashMap<(u32, u64, u64), f64> = HashMap::new();
        for customer in customers {
            let key =
                (customer.frequency, (customer.recency / scale).to_bits(), (customer.age / scale).to_bits());
            *alike.entry(key).or_default() += 1.0;
        }
        let mut alike: Vec<_> = alike.into_iter().collect();
        // Sums do not depend on the order of a hash table.
        alike.sort_unstable_by_key(|(key, _)| *key);
        let mut frequencies: Vec<u32> = alike.iter().map(|((frequency, ..), _)| *frequency).collect();
        frequencies.dedup();
        let group = |((frequency, recency, age), count): ((u32, u64, u64), f64)| {
            let place = frequencies.partition_point(|known| *known < frequency);
            (place, f64::from_bits(recency), f64::from_bits(age), count)
        };
        Sample {
            customers: customers.len() as f64,
            groups: alike.into_iter().map(group).collect(),
            frequencies: frequencies.iter().copied().map(f64::from).collect(),
        }
    }

    /// The mean log-likelihood (equation 6) and its derivatives.
    fn likelihood(&self, [r, alpha, a, b]: [f64; 4], tick: &mut dyn FnMut()) -> Slope<4> {
        let by_frequency: Vec<ByFrequency> =
            self.frequencies.iter().map(|x| ByFrequency::of(*x, [r, a, b])).collect();
        let ln_alpha = alpha.ln();
        let (mut value, mut slope) = (0.0, [0.0; 4]);
        for block in self.groups.chunks(BLOCK) {
            tick();
            for (place, recency, age, count) in block {
                let (x, known) = (self.frequencies[*place], &by_frequency[*place]);
                let (until_age, until_recency) = ((alpha + age).ln(), (alpha + recency).ln());
                // Still a customer, or stopped after the last purchase: what each adds, relative to the larger.
                let (alive, stopped) =
                    (-(r + x) * until_age, known.ln_stop + a.ln() - (r + x) * until_recency);
                let most = f64::max(alive, stopped);
                let (is_alive, is_stopped) = ((alive - most).exp(), (stopped - most).exp());
                let all = is_alive + is_stopped;
                let (is_alive, is_stopped) = (is_alive / all, is_stopped / all);
                value += count * (known.value + r * ln_alpha + most + all.ln());
                slope[0] +=
                    count * (known.by_r + ln_alpha - is_alive * until_age - is_stopped * until_recency);
                slope[1] += count
                    * (r / alpha - (r + x) * (is_alive / (alpha + age) + is_stopped / (alpha + recency)));
                slope[2] += count * (known.by_a + is_stopped / a);
                slope[3] += count * (known.by_b - is_stopped * known.stop_by_b);
            }
        }
        (value / self.customers, slope.map(|sum| sum / self.customers))
    }
}

impl ByFrequency {
    fn of(x: f64, [r, a, b]: [f64; 3]) -> Self {
        let (all, of_all) = (digamma(a + b), digamma(a + b + x));
        // Nobody stops before a repeat purchase.
        let stops = x > 0.0;
        ByFrequency {
            value: ln_gamma(r + x) - ln_gamma(r) + ln_gamma(a + b) + ln_gamma(b + x)
                - ln_gamma(b)
                - ln_gamma(a + b + x),
            by_r: digamma(r + x) - digamma(r),
            by_a: all - of_all,
            by_b: all + digamma(b + x) - digamma(b) - of_all,
            ln_stop: if stops { -(b + x - 1.0).ln() } else { f64::NEG_INFINITY },
            stop_by_b: if stops { 1.0 / (b + x - 1.0) } else { 0.0 },
        }
    }
}
