//! How good predictions are.

use super::kind::Kind;

/// Least distance of a probability from 0 and 1 in the log-loss.
const LEAST: f64 = 1e-15;

/// Parts of equal size in a calibration table.
pub const PARTS: usize = 10;

/// Everything that can be said of predictions once the outcomes are known.
pub fn measure(kind: Kind, predicted: &[f64], outcomes: &[f64], threshold: f64) -> Vec<(&'static str, f64)> {
    let mut metrics = vec![
        ("rows", outcomes.len() as f64),
        ("mean_outcome", mean(outcomes.iter().copied())),
        ("mean_predicted", mean(predicted.iter().copied())),
    ];
    if !kind.is_class() {
        metrics.extend([
            ("rmse", rmse(predicted, outcomes)),
            ("mae", mae(predicted, outcomes)),
            ("bias", bias(predicted, outcomes)),
            ("r_squared", r_squared(predicted, outcomes)),
            ("spearman", spearman(predicted, outcomes)),
        ]);
        return metrics;
    }
    let counts = confusion(predicted, outcomes, threshold);
    let base = brier(&vec![mean(outcomes.iter().copied()); outcomes.len()], outcomes);
    let error = brier(predicted, outcomes);
    metrics.extend([
        ("auc", auc(predicted, outcomes)),
        ("brier", error),
        ("brier_skill", 1.0 - error / base),
        ("log_loss", log_loss(predicted, outcomes)),
        ("calibration_error", calibration_error(&calibration_table(predicted, outcomes))),
        ("spearman", spearman(predicted, outcomes)),
        ("threshold", threshold),
        ("true_positives", counts.true_positives as f64),
        ("false_positives", counts.false_positives as f64),
        ("true_negatives", counts.true_negatives as f64),
        ("false_negatives", counts.false_negatives as f64),
        ("precision", counts.precision()),
        ("recall", counts.recall()),
    ]);
    metrics
}

/// The probability that of two random rows of different outcomes the one with outcome 1 has the higher score, equal scores
/// counting half: the area under the ROC curve (Mann-Whitney, by mid-ranks). NaN unless both outcomes are there.
pub fn auc(scores: &[f64], outcomes: &[f64]) -> f64 {
    let positives = outcomes.iter().filter(|outcome| **outcome > 0.5).count() as f64;
    let negatives = outcomes.len() as f64 - positives;
    let ranks = mid_ranks(scores);
    let of_positives = ranks.iter().zip(outcomes).filter(|(_, outcome)| **outcome > 0.5);
    let sum: f64 = of_positives.map(|(rank, _)| rank).sum();
    (sum - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

/// Mean squared difference of probabilities and outcomes (Brier 1950); of values, the mean squared error.
pub fn brier(predicted: &[f64], outcomes: &[f64]) -> f64 {
    mean(predicted.iter().zip(outcomes).map(|(p, y)| (p - y) * (p - y)))
}

pub fn log_loss(probabilities: &[f64], outcomes: &[f64]) -> f64 {
    let loss = |(p, y): (&f64, &f64)| {
        let p = p.clamp(LEAST, 1.0 - LEAST);
        -(y * p.ln() + (1.0 - y) * (1.0 - p).ln())
    };
    mean(probabilities.iter().zip(outcomes).map(loss))
}

/// How many of each kind there are where a probability of at least the threshold is taken for a yes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    pub true_positives: u64,
    pub false_positives: u64,
    pub true_negatives: u64,
    pub false_negatives: u64,
}

pub fn confusion(probabilities: &[f64], outcomes: &[f64], threshold: f64) -> Confusion {
    let mut confusion = Confusion::default();
    for (p, y) in probabilities.iter().zip(outcomes) {
        *match (*p >= threshold, *y > 0.5) {
            (true, true) => &mut confusion.true_positives,
            (true, false) => &mut confusion.false_positives,
            (false, false) => &mut confusion.true_negatives,
            (false, true) => &mut confusion.false_negatives,
        } += 1;
    }
    confusion
}

impl Confusion {
    /// Of those taken for a yes, the share that is one; NaN where none is.
    pub fn precision(&self) -> f64 {
        self.true_positives as f64 / (self.true_positives + self.false_positives) as f64
    }

    /// Of those that are a yes, the share that is taken for one; NaN where none is.
    pub fn recall(&self) -> f64 {
        self.true_positives as f64 / (self.true_positives + self.false_negatives) as f64
    }
}

/// A part of the rows, by what was predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    pub rows: u64,
    /// Means.
    pub predicted: f64,
    pub observed: f64,
}

/// Means of what was predicted and of what came, over tenths of the rows in ascending order of the prediction.
pub fn calibration_table(predicted: &[f64], outcomes: &[f64]) -> Vec<Part> {
    let order = ascending(predicted);
    let part = |part: usize| {
        let rows = &order[part * order.len() / PARTS..(part + 1) * order.len() / PARTS];
        let sum = |of: &[f64]| rows.iter().map(|row| of[*row]).sum::<f64>() / rows.len() as f64;
        Part { rows: rows.len() as u64, predicted: sum(predicted), observed: sum(outcomes) }
    };
    (0..PARTS).map(part).filter(|part| part.rows > 0).collect()
}

/// The mean distance of what was predicted and what came, over the parts of a calibration table.
pub fn calibration_error(parts: &[Part]) -> f64 {
    let rows: u64 = parts.iter().map(|part| part.rows).sum();
    parts.iter().map(|part| part.rows as f64 * (part.predicted - part.observed).abs()).sum::<f64>()
        / rows as f64
}

/// Mean absolute error.
pub fn mae(predicted: &[f64], outcomes: &[f64]) -> f64 {
    mean(predicted.iter().zip(outcomes).map(|(p, y)| (p - y).abs()))
}

/// Root of the mean squared error.
pub fn rmse(predicted: &[f64], outcomes: &[f64]) -> f64 {
    brier(predicted, outcomes).sqrt()
}

/// Mean of what was predicted less that of what came.
pub fn bias(predicted: &[f64], outcomes: &[f64]) -> f64 {
    mean(predicted.iter().zip(outcomes).map(|(p, y)| p - y))
}

/// Share of the variance of what came that was predicted; NaN where it does not vary.
pub fn r_squared(predicted: &[f64], outcomes: &[f64]) -> f64 {
    let middle = mean(outcomes.iter().copied());
    1.0 - brier(predicted, outcomes) / mean(outcomes.iter().map(|y| (y - middle) * (y - middle)))
}

/// Spearman's rank correlation: Pearson's of the mid-ranks; NaN where one side does not vary.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (mid_ranks(a), mid_ranks(b));
    let middle = (a.len() as f64 + 1.0) / 2.0;
    let product =
        |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| (x - middle) * (y - middle)).sum() };
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// Ranks from 1 on; equal values have the mean of theirs.
fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let order = ascending(values);
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|row| ranks[*row] = rank);
        before += equal.len();
    }
    ranks
}

fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    order
}

pub fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_counts_pairs() {
        // Pairs (positive, negative): 0.4 > 0.1, 0.4 = 0.4, 0.8 > 0.1, 0.8 > 0.4.
        assert_eq!(auc(&[0.1, 0.4, 0.4, 0.8], &[0.0, 0.0, 1.0, 1.0]), 3.5 / 4.0);
        assert_eq!(auc(&[1.0, 2.0], &[1.0, 0.0]), 0.0);
        assert!(auc(&[1.0, 2.0], &[1.0, 1.0]).is_nan());
        assert!(auc(&[], &[]).is_nan());
    }

    #[test]
    fn losses_by_hand() {
        let (p, y) = ([0.9, 0.2, 0.5, 0.0], [1.0, 0.0, 1.0, 0.0]);
        assert!((brier(&p, &y) - (0.01 + 0.04 + 0.25) / 4.0).abs() < 1e-15);
        let expected = -(0.9_f64.ln() + 0.8_f64.ln() + 0.5_f64.ln()) / 4.0;
        assert!((log_loss(&p, &y) - expected).abs() < 1e-12);
        let counts = confusion(&p, &y, 0.5);
        assert_eq!(counts, Confusion { true_positives: 2, true_negatives: 2, ..Confusion::default() });
        assert_eq!((counts.precision(), counts.recall()), (1.0, 1.0));
        assert!((mae(&p, &y) - 0.2).abs() < 1e-12 && (bias(&p, &y) + 0.1).abs() < 1e-12);
        assert!((r_squared(&y, &y) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn spearman_sees_the_order_alone() {
        assert!((spearman(&[1.0, 2.0, 3.0], &[1.0, 100.0, 1e9]) - 1.0).abs() < 1e-12);
        assert!((spearman(&[1.0, 2.0, 3.0], &[5.0, 4.0, -3.0]) + 1.0).abs() < 1e-12);
        // Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
        let tied = spearman(&[1.0, 2.0, 2.0, 9.0], &[1.0, 2.0, 3.0, 4.0]);
        assert!((tied - 4.5 / (4.5_f64 * 5.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn tables_have_tenths() {
        let p: Vec<f64> = (0..100).map(|row| f64::from(row) / 100.0).collect();
        let y: Vec<f64> = (0..100).map(|row| f64::from(u8::from(row >= 50))).collect();
        let parts = calibration_table(&p, &y);
        assert_eq!(parts.len(), 10);
        assert_eq!((parts[0].rows, parts[4].observed, parts[5].observed), (10, 0.0, 1.0));
        assert!((calibration_error(&parts) - 0.25).abs() < 1e-2);
        assert_eq!(calibration_table(&p[..3], &y[..3]).iter().map(|part| part.rows).sum::<u64>(), 3);
    }
}
