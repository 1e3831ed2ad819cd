//! How much everybody's habits say about one person's: the strength of a prior, by maximum likelihood.

/// The strengths that are looked at: from nothing to "all are alike".
const LEAST: f64 = 0.01;
const MOST: f64 = 1e6;
const STEPS: u32 = 64;

/// The strength of the highest log-likelihood: the best of a grid of logarithms, made more exact by golden sections.
pub fn most_likely(likelihood: impl Fn(f64) -> f64) -> f64 {
    let step = (MOST / LEAST).ln() / f64::from(STEPS);
    let at = |place: f64| LEAST * (place * step).exp();
    let mut best = (f64::NEG_INFINITY, 0.0);
    for place in (0..=STEPS).map(f64::from) {
        let value = likelihood(at(place));
        if value > best.0 {
            best = (value, place);
        }
    }
    let (mut low, mut high) = (f64::max(best.1 - 1.0, 0.0), f64::min(best.1 + 1.0, f64::from(STEPS)));
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    for _ in 0..40 {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if likelihood(at(left)) < likelihood(at(right)) {
            low = left;
        } else {
            high = right;
        }
    }
    at((low + high) / 2.0)
}

/// How many of some numbers are above 0, above 1, and so on: ln Γ(x + n) - ln Γ(x) is Σ ln(x + j) over j < n, so that sums of it
/// over people are sums over these.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Above(Vec<f64>);

impl Above {
    /// Counts a number.
    pub fn count(&mut self, number: u32) {
        let place = number as usize;
        if self.0.len() < place {
            self.0.resize(place, 0.0);
        }
        if let Some(last) = place.checked_sub(1) {
            self.0[last] += 1.0;
        }
    }

    /// Of the numbers counted.
    pub fn counted(mut self) -> Self {
        for place in (1..self.0.len()).rev() {
            self.0[place - 1] += self.0[place];
        }
        self
    }

    /// The sum over the numbers n of ln Γ(x + n) - ln Γ(x).
    pub fn rising(&self, x: f64) -> f64 {
        self.0.iter().enumerate().map(|(j, count)| count * (x + j as f64).ln()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_is_found_wherever_it_lies() {
        for top in [0.02_f64, 1.0, 37.5, 9e4] {
            let found = most_likely(|strength| -(strength.ln() - top.ln()).powi(2));
            assert!((found / top - 1.0).abs() < 1e-6, "{found} {top}");
        }
        assert!(most_likely(|strength| strength) > 0.99 * MOST);
        assert!(most_likely(|strength| -strength) < 1.01 * LEAST);
    }

    #[test]
    fn rising_is_the_sum_of_gamma_functions() {
        let mut above = Above::default();
        [0, 3, 5, 1, 3].into_iter().for_each(|number| above.count(number));
        let above = above.counted();
        let x = 0.7_f64;
        let wanted: f64 =
            [0.0, 3.0, 5.0, 1.0, 3.0].iter().map(|n| libm::lgamma(x + n) - libm::lgamma(x)).sum();
        assert!((above.rising(x) - wanted).abs() < 1e-12);
    }
}
