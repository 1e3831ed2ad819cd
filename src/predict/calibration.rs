//! From scores to what they stand for: probabilities, or values.

use super::ensemble::sigmoid;
use super::grow::PER_TICK;

/// A non-decreasing function of the score, learned from rows that the model has not seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Calibration {
    /// sigmoid(slope * score + intercept): Platt 1999.
    Platt { slope: f64, intercept: f64 },
    /// Through points in ascending order of the score, straight in between and constant beyond: isotonic regression.
    Isotonic { scores: Vec<f64>, means: Vec<f64> },
}

impl Calibration {
    pub fn apply(&self, score: f64) -> f64 {
        match self {
            Calibration::Platt { slope, intercept } => sigmoid(slope * score + intercept),
            Calibration::Isotonic { scores, means } => {
                let above = scores.partition_point(|point| *point < score);
                match (above.checked_sub(1), means.get(above)) {
                    (_, None) => means[means.len() - 1],
                    (None, Some(first)) => *first,
                    (Some(below), Some(high)) => {
                        let part = (score - scores[below]) / (scores[above] - scores[below]);
                        means[below] + part * (high - means[below])
                    }
                }
            }
        }
    }

    /// By Newton's method, to targets a little away from 0 and 1, so that few rows do not make certainties (Lin, Lin, Weng
    /// 2007). A slope that would be negative, where the score says nothing, is 0.
    pub fn platt(scores: &[f64], outcomes: &[f64], tick: &mut dyn FnMut()) -> Self {
        let positives = outcomes.iter().filter(|outcome| **outcome > 0.5).count() as f64;
        let negatives = outcomes.len() as f64 - positives;
        let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
        let start = ((positives + 1.0) / (negatives + 1.0)).ln();
        let loss = |slope: f64, intercept: f64| -> f64 {
            let each = scores.iter().zip(outcomes).map(|(score, outcome)| {
                let (at, target) = (slope * score + intercept, if *outcome > 0.5 { high } else { low });
                super::ensemble::softplus(at) - target * at
            });
            each.sum()
        };
        let (mut slope, mut intercept) = (0.0, start);
        let mut least = loss(slope, intercept);
        for _ in 0..100 {
            let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
            for (row, (score, outcome)) in scores.iter().zip(outcomes).enumerate() {
                if row % PER_TICK == 0 {
                    tick();
                }
                let p = sigmoid(slope * score + intercept);
                let (g, h) = (p - if *outcome > 0.5 { high } else { low }, p * (1.0 - p));
                (ga, gb) = (ga + g * score, gb + g);
                (haa, hab, hbb) = (haa + h * score * score, hab + h * score, hbb + h);
            }
            let determinant = haa * hbb - hab * hab;
            if determinant <= 0.0 || ga.abs().max(gb.abs()) < 1e-9 {
                break;
            }
            let step = ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
            let mut part = 1.0;
            loop {
                let next = (slope - part * step.0, intercept - part * step.1);
                let reached = loss(next.0, next.1);
                if reached < least {
                    ((slope, intercept), least) = (next, reached);
                    break;
                }
                part /= 2.0;
                if part < 1e-10 {
                    return Self::rising(slope, intercept, start);
                }
            }
        }
        Self::rising(slope, intercept, start)
    }

    fn rising(slope: f64, intercept: f64, start: f64) -> Self {
        let (slope, intercept) = if slope > 0.0 { (slope, intercept) } else { (0.0, start) };
        Calibration::Platt { slope, intercept }
    }

    /// The non-decreasing function of least squared error, by pooling adjacent violators (Ayer and others 1955): of a
    /// pool there are its lowest and its highest score, with its mean. A pool of fewer than `least` rows joins the one
    /// before: a few rows would make a certainty. There must be a row.
    pub fn isotonic(scores: &[f64], outcomes: &[f64], least: usize) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let mut pools: Vec<Pool> = Vec::new();
        // Equal scores cannot be told apart.
        for equal in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
            let score = scores[equal[0]];
            let sum: f64 = equal.iter().map(|row| outcomes[*row]).sum();
            pools.push(Pool { low: score, high: score, sum, rows: equal.len() as f64 });
            while let [.., before, last] = pools.as_mut_slice() {
                if before.sum / before.rows < last.sum / last.rows {
                    break;
                }
                before.join(last);
                pools.pop();
            }
        }
        let mut place = 1;
        while let Some([before, pool]) = pools.get_mut(place - 1..=place) {
            if before.rows.min(pool.rows) < least as f64 {
                before.join(pool);
                pools.remove(place);
            } else {
                place += 1;
            }
        }
        let (mut at, mut means) = (Vec::new(), Vec::new());
        for pool in pools {
            let mean = pool.sum / pool.rows;
            at.push(pool.low);
            means.push(mean);
            if pool.high > pool.low {
                at.push(pool.high);
                means.push(mean);
            }
        }
        Calibration::Isotonic { scores: at, means }
    }
}

/// Rows next to each other by score.
struct Pool {
    low: f64,
    high: f64,
    sum: f64,
    rows: f64,
}

impl Pool {
    /// Takes in the pool that comes after.
    fn join(&mut self, next: &Pool) {
        self.high = next.high;
        self.sum += next.sum;
        self.rows += next.rows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pools_by_hand() {
        let Calibration::Isotonic { scores, means } =
            Calibration::isotonic(&[1.0, 2.0, 3.0, 4.0, 5.0], &[0.0, 1.0, 0.0, 0.5, 2.0], 1)
        else {
            panic!()
        };
        assert_eq!(scores, [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(means, [0.0, 0.5, 0.5, 2.0]);
    }

    #[test]
    fn platt_recovers_the_odds() {
        // 40 rows at each of three scores, whose outcomes are of the odds of sigmoid(2 s - 1), nearly.
        let (mut scores, mut outcomes) = (Vec::new(), Vec::new());
        for score in [-1.0_f64, 0.0, 1.0] {
            let positives = (sigmoid(2.0 * score - 1.0) * 4_000.0).round() as usize;
            for row in 0..4_000 {
                scores.push(score);
                outcomes.push(f64::from(u8::from(row < positives)));
            }
        }
        let Calibration::Platt { slope, intercept } = Calibration::platt(&scores, &outcomes, &mut || {})
        else {
            panic!()
        };
        assert!((slope - 2.0).abs() < 0.01 && (intercept + 1.0).abs() < 0.01, "{slope} {intercept}");
    }

    #[test]
    fn a_score_that_says_nothing_or_the_contrary_gives_the_base_rate() {
        let outcomes = [1.0, 1.0, 1.0, 0.0];
        let backwards = Calibration::platt(&[0.0, 1.0, 2.0, 9.0], &outcomes, &mut || {});
        assert!((backwards.apply(-5.0) - backwards.apply(5.0)).abs() < 1e-12);
        assert!((backwards.apply(0.0) - 4.0 / 6.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn isotonic_rises_keeps_the_mean_and_is_no_worse(
            rows in proptest::collection::vec((-5_i32..5, 0_u8..2), 1..60), least in 1_usize..20
        ) {
            let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score)).collect();
            let outcomes: Vec<f64> = rows.iter().map(|(_, outcome)| f64::from(*outcome)).collect();
            let fitted = Calibration::isotonic(&scores, &outcomes, least);
            let p: Vec<f64> = scores.iter().map(|score| fitted.apply(*score)).collect();
            let sums = (p.iter().sum::<f64>(), outcomes.iter().sum::<f64>());
            prop_assert!((sums.0 - sums.1).abs() < 1e-9);
            for pair in [-6.0, -1.5, -1.0, 0.0, 0.25, 3.0, 9.0].windows(2) {
                prop_assert!(fitted.apply(pair[0]) <= fitted.apply(pair[1]) + 1e-12);
            }
            let rate = sums.1 / rows.len() as f64;
            let constant = vec![rate; rows.len()];
            let brier = super::super::metrics::brier;
            prop_assert!(brier(&p, &outcomes) <= brier(&constant, &outcomes) + 1e-12);
        }
    }
}
