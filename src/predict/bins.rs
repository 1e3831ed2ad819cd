//! Features cut into at most 255 bins each, which is all that a tree sees of them while it grows.

use super::matrix::Matrix;

/// The bin of a missing value.
pub const MISSING: u8 = u8::MAX;

/// Bins that a feature can have, with that of missing values.
pub const SLOTS: usize = MISSING as usize + 1;

/// Most rows that the cuts are made from; of more, evenly spaced ones are taken.
const SAMPLE: usize = 200_000;

#[derive(Clone, Debug)]
pub struct Bins {
    /// By feature, ascending: a value is in the first bin whose cut it does not exceed, or in the last one.
    pub cuts: Vec<Vec<f64>>,
    /// By feature, the bin of each row.
    pub codes: Vec<Vec<u8>>,
}

impl Bins {
    /// Cuts the features of a matrix into at most so many bins beside that of missing values.
    pub fn new(matrix: &Matrix, most: usize, tick: &mut dyn FnMut()) -> Self {
        let most = most.clamp(2, MISSING.into());
        let mut bins = Bins { cuts: Vec::new(), codes: Vec::new() };
        for feature in 0..matrix.width() {
            tick();
            let column = matrix.column(feature);
            let cuts = cuts(column, most);
            let code = |value: &f64| match value.is_nan() {
                true => MISSING,
                false => cuts.partition_point(|cut| cut < value) as u8,
            };
            bins.codes.push(column.iter().map(code).collect());
            bins.cuts.push(cuts);
        }
        bins
    }
}

/// Between neighbouring distinct values where these are few enough, else at evenly spaced quantiles.
fn cuts(column: &[f64], most: usize) -> Vec<f64> {
    let step = column.len().div_ceil(SAMPLE).max(1);
    let sample = column.iter().step_by(step).copied();
    let mut sorted: Vec<f64> = sample.filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= most {
        return distinct.windows(2).map(|pair| between(pair[0], pair[1])).collect();
    }
    // Within a value that many have, the cut is that value.
    let mut cuts: Vec<f64> = (1..most)
        .map(|bin| bin * sorted.len() / most)
        .map(|rank| between(sorted[rank - 1], sorted[rank]))
        .collect();
    cuts.dedup();
    cuts
}

/// A number that is not below the first and, unless they are the same, is below the second.
fn between(low: f64, high: f64) -> f64 {
    let middle = low + (high - low) / 2.0;
    if middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[f64]) -> Matrix {
        let mut matrix = Matrix::new(1);
        values.iter().for_each(|value| matrix.push(&[*value]));
        matrix
    }

    #[test]
    fn few_values_have_a_bin_each() {
        let bins = Bins::new(&column(&[3.0, 1.0, f64::NAN, 2.0, 1.0, f64::INFINITY]), 255, &mut || {});
        assert_eq!(bins.cuts, [[1.5, 2.5]]);
        assert_eq!(bins.codes, [[2, 0, MISSING, 1, 0, MISSING]]);
    }

    #[test]
    fn many_values_share_bins_of_the_same_size() {
        let values: Vec<f64> = (0..10_000).map(f64::from).collect();
        let bins = Bins::new(&column(&values), 10, &mut || {});
        let mut sizes = [0; 10];
        bins.codes[0].iter().for_each(|code| sizes[*code as usize] += 1);
        assert_eq!(sizes, [1_000; 10]);
    }

    #[test]
    fn neighbouring_numbers_are_told_apart() {
        let next = f64::from_bits(1_f64.to_bits() + 1);
        let bins = Bins::new(&column(&[1.0, next]), 255, &mut || {});
        assert_eq!(bins.codes, [[0, 1]]);
    }
}
