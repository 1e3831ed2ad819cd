//! A fitted model, as rows that were not fitted are assigned by it.

use super::kernel::vectorised;
use super::scale::Scale;

/// A fitted model as new rows are assigned by it.
#[derive(Clone, Debug)]
pub struct Clusters {
    pub scale: Scale,
    /// One after the other, in standard deviations.
    pub centroids: Vec<f64>,
}

impl Clusters {
    /// The nearest cluster of a row in original units, and the distance to its centroid in standard deviations: the same,
    /// to the bit, as in a fit.
    pub fn assign(&self, row: &[f64]) -> (u32, f64) {
        let (cluster, squared) = nearest_of(&self.scale.standardise(row), &self.centroids);
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
    /// The nearest centroid of a row, and the squared distance.
    pub fn nearest_of(row: &[f64], centroids: &[f64]) -> (u32, f64) {
        let mut best = (0, f64::INFINITY);
        for (index, centroid) in centroids.chunks_exact(row.len()).enumerate() {
            let mut distance = 0.0;
            for (value, center) in row.iter().zip(centroid) {
                let apart: f64 = value - center;
                distance = apart.mul_add(apart, distance);
            }
            if distance < best.1 {
                best = (index as u32, distance);
            }
        }
        best
    }
}
