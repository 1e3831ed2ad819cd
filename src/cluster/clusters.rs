//! A fitted model, as rows that were not fitted are assigned by it.

use super::kernel::{Column, LANES, vectorised};
use super::scale::Scale;

/// A fitted model as new rows are assigned by it.
#[derive(Clone, Debug)]
pub struct Clusters {
    pub scale: Scale,
    /// One after the other, in standard deviations.
    centroids: Vec<f64>,
    /// The same as panels, of which a row is compared with 16 at once; what is no centroid is infinitely far.
    panels: Vec<Column>,
}

impl Clusters {
    /// Of centroids one after the other, in standard deviations.
    pub fn new(scale: Scale, centroids: Vec<f64>) -> Self {
        let width = scale.center.len();
        let mut panels = Vec::new();
        for some in centroids.chunks(LANES * width) {
            panels.extend((0..width).map(|column| {
                let mut cells = [f64::INFINITY; LANES];
                cells.iter_mut().zip(some.chunks_exact(width)).for_each(|(cell, one)| *cell = one[column]);
                Column(cells)
            }));
        }
        Clusters { scale, centroids, panels }
    }

    /// The nearest cluster of a row in original units, and the distance to its centroid in standard deviations: the same,
    /// to the bit, as in a fit.
    pub fn assign(&self, row: &[f64]) -> (u32, f64) {
        let (cluster, squared) = nearest_of(row, &self.scale, &self.panels);
        (cluster, squared.sqrt())
    }

    /// The border between two clusters, which is flat: of a row, the constant and the weights times its deviations add up to
    /// the difference of the squared distances to the second and to the first, and so to 0 or more where the first is nearer or
    /// neither is.
    pub fn border(&self, first: usize, second: usize) -> (f64, Vec<f64>) {
        let width = self.scale.center.len();
        let centroid = |cluster: usize| &self.centroids[cluster * width..][..width];
        let (first, second) = (centroid(first), centroid(second));
        let square = |point: &[f64]| point.iter().map(|value| value * value).sum::<f64>();
        let weights = first.iter().zip(second).map(|(first, second)| 2.0 * (first - second)).collect();
        (square(second) - square(first), weights)
    }
}

vectorised! {
    /// The nearest of the centroids in panels to a row in original units, the first among equals, and the squared distance.
    pub fn nearest_of(row: &[f64], scale: &Scale, panels: &[Column]) -> (u32, f64) {
        let mut best = (0, f64::INFINITY);
        for (index, panel) in panels.chunks_exact(row.len()).enumerate() {
            let mut sums = [0.0; LANES];
            let values = row.iter().zip(&scale.center).zip(&scale.deviation);
            for (column, ((value, center), deviation)) in panel.iter().zip(values) {
                let value = (value - center) / deviation;
                for (sum, cell) in sums.iter_mut().zip(&column.0) {
                    let apart = value - cell;
                    *sum = apart.mul_add(apart, *sum);
                }
            }
            for (lane, distance) in sums.into_iter().enumerate() {
                // Both chosen alike, without a branch.
                let nearer = distance < best.1;
                best = (
                    if nearer { (index * LANES + lane) as u32 } else { best.0 },
                    if nearer { distance } else { best.1 },
                );
            }
        }
        best
    }
}
