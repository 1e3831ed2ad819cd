//! Standardisation: columns of different units are compared by their deviation from the mean.

use super::kernel::{LANES, vectorised};
use super::panels::{BLOCK, Block, Panels};
use super::team::Team;

/// Of the size of a mean, how far rounding takes it off.
const ROUNDING: f64 = 1e-14;

/// Squares of smaller differences lose their digits, and vanish in the end.
const SMALLEST: f64 = 1e-140;

/// Mean and population standard deviation per column.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    pub center: Vec<f64>,
    /// 1 for a column that never varies: it then tells nothing apart and divides nothing by zero.
    pub deviation: Vec<f64>,
}

impl Scale {
    /// Of at least one row.
    pub fn of(panels: &Panels, team: &mut Team) -> Self {
        let (center, variances) = moments(panels, team);
        // The rounding of the mean alone makes a constant column seem to vary a little.
        let varies = |(variance, center): (f64, &f64)| {
            let deviation = variance.sqrt();
            if deviation > ROUNDING * center.abs() { deviation } else { 1.0 }
        };
        let deviation = variances.into_iter().zip(&center).map(varies).collect();
        Scale { center, deviation }
    }

    /// The first column of these rows whose numbers differ, but by too little to be squared.
    pub fn too_close(&self, panels: &Panels, team: &mut Team) -> Option<usize> {
        let mut close = |column: &usize| {
            let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
            for row in 0..panels.rows() {
                if row % BLOCK == 0 {
                    team.tick();
                }
                let value = panels.row(row).nth(*column).unwrap_or(f64::NAN);
                (least, most) = (least.min(value), most.max(value));
            }
            let spread = most - least;
            spread < SMALLEST && spread > ROUNDING * self.center[*column].abs()
        };
        // A deviation that vanished is that of a column that never varies.
        let suspect = |column: &usize| self.deviation[*column] < SMALLEST || self.deviation[*column] == 1.0;
        (0..panels.width()).filter(suspect).find(|column| close(column))
    }

    /// Leaves numbers as they are.
    pub fn none(width: usize) -> Self {
        Scale { center: vec![0.0; width], deviation: vec![1.0; width] }
    }

    pub fn apply(&self, panels: &mut Panels) {
        panels.map(|column, value| (value - self.center[column]) / self.deviation[column]);
    }

    /// To deviations, of rows one after the other.
    pub fn standardise(&self, rows: &[f64]) -> Vec<f64> {
        let scales = self.center.iter().zip(&self.deviation).cycle();
        rows.iter().zip(scales).map(|(value, (center, deviation))| (value - center) / deviation).collect()
    }

    /// From deviations back to the original units.
    pub fn restore(&self, rows: &[f64]) -> Vec<f64> {
        let scales = self.center.iter().zip(&self.deviation).cycle();
        rows.iter().zip(scales).map(|(value, (center, deviation))| value * deviation + center).collect()
    }
}

/// Mean and population variance per column, by two passes.
pub fn moments(panels: &Panels, team: &mut Team) -> (Vec<f64>, Vec<f64>) {
    let origin = vec![0.0; panels.width()];
    let average =
        |parts| total(panels.width(), parts).into_iter().map(|sum| sum / panels.rows() as f64).collect();
    let means: Vec<f64> = average(team.each(panels.blocks(), |block| sums(block, &origin, false)));
    let variances = average(team.each(panels.blocks(), |block| sums(block, &means, true)));
    (means, variances)
}

vectorised! {
    /// Per column, the sum of the differences from a number, or of their squares.
    pub fn sums(block: Block, from: &[f64], squares: bool) -> Vec<f64> {
        let mut sums = vec![[0.0; LANES]; block.width];
        for (panel, rows) in block.panels() {
            for ((values, from), sums) in panel.iter().zip(from).zip(&mut sums) {
                for (lane, (sum, value)) in sums.iter_mut().zip(values.0).enumerate() {
                    // What is no row adds nothing.
                    let apart = if lane < rows { value - from } else { 0.0 };
                    *sum += if squares { apart * apart } else { apart };
                }
            }
        }
        sums.iter().map(|lanes| lanes.iter().sum()).collect()
    }
}

/// The sum of vectors, in their order.
pub fn total(width: usize, parts: impl IntoIterator<Item = Vec<f64>>) -> Vec<f64> {
    parts.into_iter().fold(vec![0.0; width], |mut total, part| {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        total
    })
}
