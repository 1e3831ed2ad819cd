//! k-means: k-means++ seeding and Lloyd's algorithm, by linfa-clustering.
//!
//! linfa runs one iteration at a time here, so that a caller can stop between iterations, and what it
//! reports of a fit (inertia and sizes, both one step stale) is computed from the settled centroids instead.

use super::scale::Scale;
use crate::error::{Error, Result};
use linfa::DatasetBase;
use linfa::traits::Fit as _;
use linfa_clustering::{KMeans as LinfaKMeans, KMeansInit};
use ndarray::{Array2, ArrayView1, ArrayView2};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::HashSet;

/// Lloyd stops when the centroids' squared shift falls below this part of the mean variance, which
/// standardisation makes 1: scikit-learn's rule.
const TOLERANCE: f64 = 1e-4;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub k: usize,
    pub seed: u64,
    pub max_iterations: usize,
}

/// A fitted model. Clusters are ordered by size, the largest first.
#[derive(Clone, Debug)]
pub struct KMeans {
    pub scale: Scale,
    /// One row per cluster, in standard deviations from the mean.
    pub centroids: Array2<f64>,
    pub sizes: Vec<usize>,
    /// Sum of squared distances to the nearest centroid, in standardised units.
    pub inertia: f64,
    pub iterations: usize,
}

impl KMeans {
    /// Fits finite rows; `tick` runs between iterations and may unwind to stop.
    pub fn fit(mut rows: Array2<f64>, options: Options, tick: &mut dyn FnMut()) -> Result<Self> {
        check(rows.view(), options)?;
        stay_on_this_thread()?;
        let scale = Scale::of(rows.view());
        scale.apply(&mut rows);
        let data = DatasetBase::from(rows.view());
        let rng = Xoshiro256Plus::seed_from_u64(options.seed);
        let step = |init| {
            let model = LinfaKMeans::params_with_rng(options.k, rng.clone())
                .n_runs(1)
                .max_n_iterations(1)
                .init_method(init);
            let fit = model.fit(&data).map_err(|problem| Error::Argument {
                problem: format!("k-means failed: {problem}"),
                hint: "Check the columns for values of extreme size.".to_owned(),
            });
            fit.map(|model| model.centroids().clone())
        };
        let mut centroids = step(KMeansInit::KMeansPlusPlus)?;
        let mut iterations = 1;
        while iterations < options.max_iterations {
            tick();
            let next = step(KMeansInit::Precomputed(centroids.clone()))?;
            let shift: f64 = (&next - &centroids).iter().map(|change| change * change).sum();
            centroids = next;
            iterations += 1;
            if shift <= TOLERANCE {
                break;
            }
        }
        Ok(Self::settle(rows.view(), scale, centroids, iterations, options.max_iterations, tick))
    }

    /// Moves each centroid to the mean of its rows until no row changes its cluster: linfa counts the old
    /// centroid as one more row, so its centroids are only near the means.
    fn settle(
        rows: ArrayView2<f64>,
        scale: Scale,
        mut centroids: Array2<f64>,
        mut iterations: usize,
        max_iterations: usize,
        tick: &mut dyn FnMut(),
    ) -> Self {
        let assign = |centroids: &Array2<f64>| -> (Vec<usize>, f64) {
            let nearest = rows.rows().into_iter().map(|row| nearest(centroids, row));
            nearest.fold(
                (Vec::with_capacity(rows.nrows()), 0.0),
                |(mut labels, inertia), (label, distance)| {
                    labels.push(label);
                    (labels, inertia + distance)
                },
            )
        };
        let (mut labels, _) = assign(&centroids);
        let inertia = loop {
            tick();
            centroids = means(rows, &labels, centroids);
            let (next, inertia) = assign(&centroids);
            iterations += 1;
            let settled = next == labels || iterations >= max_iterations;
            labels = next;
            if settled {
                break inertia;
            }
        };
        let mut sizes = vec![0; centroids.nrows()];
        labels.iter().for_each(|label| sizes[*label] += 1);
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|cluster| std::cmp::Reverse(sizes[*cluster]));
        KMeans {
            scale,
            centroids: centroids.select(ndarray::Axis(0), &order),
            sizes: order.iter().map(|cluster| sizes[*cluster]).collect(),
            inertia,
            iterations,
        }
    }

    /// The index of the nearest cluster of a row in original units, and the distance to its centroid in
    /// standard deviations.
    pub fn assign(&self, row: &[f64]) -> (usize, f64) {
        let scales = self.scale.center.iter().zip(&self.scale.deviation);
        let scaled: Vec<f64> =
            row.iter().zip(scales).map(|(value, (center, sd))| (value - center) / sd).collect();
        let (cluster, squared) = nearest(&self.centroids, ArrayView1::from(&scaled));
        (cluster, squared.sqrt())
    }
}

/// The mean of each cluster's rows; a cluster without any keeps its centroid.
fn means(rows: ArrayView2<f64>, labels: &[usize], mut centroids: Array2<f64>) -> Array2<f64> {
    let mut sums: Array2<f64> = Array2::zeros(centroids.raw_dim());
    let mut sizes = vec![0_usize; centroids.nrows()];
    for (row, label) in rows.rows().into_iter().zip(labels) {
        let mut sum = sums.row_mut(*label);
        sum += &row;
        sizes[*label] += 1;
    }
    for (label, size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
        centroids.row_mut(label).assign(&(&sums.row(label) / *size as f64));
    }
    centroids
}

/// Nearest centroid and squared distance; the lowest index among equals.
fn nearest(centroids: &Array2<f64>, row: ArrayView1<f64>) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (index, centroid) in centroids.rows().into_iter().enumerate() {
        let distance = centroid.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum();
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best
}

impl Options {
    /// Refuses what makes no sense for any rows.
    pub fn check(&self) -> Result<()> {
        if self.k == 0 {
            return Err(refusal("k must be at least 1".to_owned(), "Ask for two or more clusters."));
        }
        if self.max_iterations == 0 {
            return Err(refusal("max_iterations must be at least 1".to_owned(), "Leave it at its default."));
        }
        Ok(())
    }
}

fn check(rows: ArrayView2<f64>, options: Options) -> Result<()> {
    options.check()?;
    let mut distinct = HashSet::new();
    for row in rows.rows() {
        distinct.insert(row.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        if distinct.len() >= options.k {
            return Ok(());
        }
    }
    Err(refusal(
        format!("k is {}, but there are only {} distinct rows", options.k, distinct.len()),
        "Ask for fewer clusters, or check the columns for NULLs: rows with one are left out.",
    ))
}

fn refusal(problem: String, hint: &str) -> Error {
    Error::Argument { problem, hint: hint.to_owned() }
}

/// linfa spreads its work over rayon. A backend must not start threads (they would run PostgreSQL's signal
/// handlers), so the calling thread becomes a pool of its own, and rayon finds no other.
fn stay_on_this_thread() -> Result<()> {
    thread_local! {
        static POOL: std::cell::OnceCell<rayon::ThreadPool> = const { std::cell::OnceCell::new() };
    }
    POOL.with(|pool| {
        if pool.get().is_none() {
            let alone = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
            let alone = alone.map_err(|problem| Error::Argument {
                problem: format!("k-means cannot run: {problem}"),
                hint: "Start a new session.".to_owned(),
            })?;
            let _ = pool.set(alone);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn options(k: usize) -> Options {
        Options { k, seed: 42, max_iterations: 300 }
    }

    #[test]
    fn separates_what_is_apart_and_starts_no_thread() {
        let mut rows = Array2::zeros((300, 2));
        for (index, mut row) in rows.rows_mut().into_iter().enumerate() {
            let group = if index < 150 {
                0.0
            } else if index < 250 {
                10.0
            } else {
                20.0
            };
            row[0] = group + (index % 7) as f64 / 10.0;
            row[1] = 1_000.0 * group + (index % 5) as f64;
        }
        let mut ticks = 0;
        let model = KMeans::fit(rows, options(3), &mut || ticks += 1).unwrap();
        assert_eq!(model.sizes, [150, 100, 50]);
        assert!(ticks >= 2);
        assert_eq!(model.assign(&[10.2, 10_001.0]).0, 1);
        let largest = model.scale.restore(model.centroids.row(0));
        assert!((largest[0] - 0.3).abs() < 0.01 && (largest[1] - 2.0).abs() < 0.01, "{largest:?}");
    }

    #[test]
    fn a_constant_column_is_harmless() {
        let model = KMeans::fit(array![[1.0, 5.0], [2.0, 5.0], [9.0, 5.0]], options(2), &mut || ()).unwrap();
        assert!(model.inertia.is_finite());
        assert_eq!(model.sizes.iter().sum::<usize>(), 3);
    }

    #[test]
    fn impossible_requests_are_refused() {
        let rows = array![[1.0], [1.0], [2.0]];
        let problem = |k| KMeans::fit(rows.clone(), options(k), &mut || ()).unwrap_err().to_string();
        assert_eq!(problem(3), "k is 3, but there are only 2 distinct rows");
        assert_eq!(problem(0), "k must be at least 1");
        let empty = KMeans::fit(Array2::zeros((0, 2)), options(1), &mut || ()).unwrap_err();
        assert_eq!(empty.to_string(), "k is 1, but there are only 0 distinct rows");
    }

    #[test]
    fn a_seed_decides_the_result() {
        let rows = Array2::from_shape_fn((500, 3), |(r, c)| ((r * 7919 + c * 104_729) % 1009) as f64);
        let fit = || KMeans::fit(rows.clone(), options(5), &mut || ()).unwrap();
        assert_eq!(fit().centroids, fit().centroids);
        assert_eq!(fit().inertia.to_bits(), fit().inertia.to_bits());
    }
}
