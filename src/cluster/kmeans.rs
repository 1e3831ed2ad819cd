//! k-means: the best of several starts, and what its clusters are like.
//!
//! The centroids that a fit returns are those that its labels, sizes and inertia were computed with.

use super::kernel::{LANES, row};
use super::lloyd::{Lloyd, Rows, settle};
use super::panels::{BLOCK, Panels};
use super::random::Random;
use super::scale::{moments, total};
use super::seeding::plus_plus;
use super::team::Team;
use crate::error::{Error, Result};
use std::collections::HashSet;

/// Most clusters.
const MOST_CLUSTERS: usize = 1_000;

/// Most numbers of all centroids together: what a block takes stays far below the time in which a cancellation is expected, and
/// the sums that each block has of its own below the memory of its rows.
const MOST_COORDINATES: usize = 20_000;

#[derive(Clone, Debug)]
pub struct Options {
    pub k: usize,
    pub seed: u64,
    /// How many times to begin anew, of which the result with the smallest inertia stays.
    pub starts: usize,
    pub max_iterations: usize,
    /// Lloyd stops when the centroids' squared shift falls to this part of the columns' mean variance.
    pub tolerance: f64,
    /// Centroids to begin with, once, one after the other.
    pub initial: Option<Vec<f64>>,
}

/// The clusters of some rows, the largest first.
#[derive(Clone, Debug)]
pub struct Fit {
    /// One after the other, in the units of the rows.
    pub centroids: Vec<f64>,
    /// The cluster of each row.
    pub labels: Vec<u32>,
    pub sizes: Vec<usize>,
    /// Sum of squared distances to the centroids.
    pub inertia: f64,
    pub iterations: usize,
    /// Whether it stopped before the most iterations.
    pub converged: bool,
    /// Mean and population standard deviation of the rows of each cluster, by column, one cluster after the other.
    pub means: Vec<f64>,
    pub deviations: Vec<f64>,
}

impl Options {
    /// Refuses what makes no sense for any rows.
    pub fn check(&self, width: usize) -> Result<()> {
        let refuse = |problem: &str, hint: &str| Err(refusal(problem.to_owned(), hint));
        if self.k == 0 {
            return refuse("k must be at least 1", "Ask for two or more clusters.");
        }
        if self.k > MOST_CLUSTERS {
            return Err(refusal(format!("k must be at most {MOST_CLUSTERS}"), "Ask for fewer clusters."));
        }
        if self.k * width > MOST_COORDINATES {
            return Err(refusal(
                format!("k times the columns is {}, and must be at most {MOST_COORDINATES}", self.k * width),
                "Ask for fewer clusters, or by fewer columns.",
            ));
        }
        if self.max_iterations == 0 {
            return refuse("max_iterations must be at least 1", "Leave it at its default.");
        }
        if self.starts == 0 || self.starts > MOST_CLUSTERS {
            return Err(refusal(format!("starts must be 1 to {MOST_CLUSTERS}"), "Leave it at its default."));
        }
        if !(0.0..1.0).contains(&self.tolerance) {
            return refuse("tolerance must be at least 0 and below 1", "Leave it at its default, 0.0001.");
        }
        match &self.initial {
            Some(initial) if initial.len() != self.k * width => Err(refusal(
                format!("initial has {} numbers, not k times the columns: {}", initial.len(), self.k * width),
                "Pass the coordinates of one centroid after the other, in the order of the columns.",
            )),
            Some(initial) if initial.iter().any(|value| !value.is_finite()) => {
                refuse("initial must have finite numbers", "Pass the coordinates of existing rows.")
            }
            _ => Ok(()),
        }
    }
}

/// Fits rows, whose columns are taken as they are: standardise them first.
pub fn fit(panels: &Panels, options: &Options, team: &mut Team) -> Result<Fit> {
    options.check(panels.width())?;
    check_distinct(panels, options.k, team)?;
    // As scikit-learn has it: of the mean of the columns' variances.
    let (_, variances) = moments(panels, team);
    let threshold = options.tolerance * variances.iter().sum::<f64>() / panels.width() as f64;
    let mut rows = panels.blocks().map(Rows::new).collect::<Result<Vec<_>>>()?;
    let mut random = Random::new(options.seed);
    let mut best: Option<(f64, Vec<f64>, usize, bool)> = None;
    let mut settled = false;
    for _ in 0..options.starts {
        let centroids = match &options.initial {
            Some(initial) => initial.clone(),
            None => plus_plus(panels, options.k, &mut random, &mut rows, team),
        };
        let mut lloyd = Lloyd::new(panels, &mut rows, team, centroids);
        let (iterations, converged) = lloyd.run(options.max_iterations, threshold);
        let centroids = lloyd.centroids;
        let inertia = settle(&mut rows, &centroids, team);
        settled = best.as_ref().is_none_or(|(least, ..)| inertia < *least);
        if settled {
            best = Some((inertia, centroids, iterations, converged));
        }
    }
    let (inertia, centroids, iterations, converged) = best.ok_or(Error::Memory)?;
    if !settled {
        settle(&mut rows, &centroids, team);
    }
    let mut sizes = vec![0; options.k];
    let labels = rows.iter().flat_map(Rows::labels);
    labels.clone().for_each(|label| sizes[*label as usize] += 1);
    // The largest first.
    let mut order: Vec<usize> = (0..options.k).collect();
    order.sort_by_key(|cluster| std::cmp::Reverse(sizes[*cluster]));
    let mut place = vec![0; options.k];
    order.iter().enumerate().for_each(|(new, old)| place[*old] = new as u32);
    let width = panels.width();
    let mut fit = Fit {
        centroids: order.iter().flat_map(|old| &centroids[old * width..][..width]).copied().collect(),
        labels: labels.map(|label| place[*label as usize]).collect(),
        sizes: order.iter().map(|old| sizes[*old]).collect(),
        inertia,
        iterations,
        converged,
        means: Vec::new(),
        deviations: Vec::new(),
    };
    fit.describe(panels, team);
    Ok(fit)
}

impl Fit {
    /// Computes the means and deviations of the clusters.
    fn describe(&mut self, panels: &Panels, team: &mut Team) {
        let labels = &self.labels;
        let means = averages(panels, labels, &self.sizes, team, |_, value| value);
        let square = |cell: usize, value: f64| (value - means[cell]) * (value - means[cell]);
        let variances = averages(panels, labels, &self.sizes, team, square);
        // A cluster that nobody is in has no mean.
        let known = |means: Vec<f64>| {
            let cells = means.into_iter().zip(&self.centroids);
            cells.map(|(mean, centroid)| if mean.is_finite() { mean } else { *centroid }).collect()
        };
        self.deviations = variances.into_iter().map(|variance| variance.max(0.0).sqrt()).collect();
        self.means = known(means);
    }
}

/// The mean, by cluster and column, of what is made of each number, given with the place of its cluster and column.
fn averages(
    panels: &Panels,
    labels: &[u32],
    sizes: &[usize],
    team: &mut Team,
    value: impl Fn(usize, f64) -> f64 + Sync,
) -> Vec<f64> {
    let width = panels.width();
    let blocks: Vec<_> = panels.blocks().zip(labels.chunks(BLOCK)).collect();
    let parts = team.each(blocks, |(block, labels)| {
        let mut sums = vec![0.0; sizes.len() * width];
        for ((panel, _), labels) in block.panels().zip(labels.chunks(LANES)) {
            for (lane, label) in labels.iter().enumerate() {
                let first = *label as usize * width;
                let sums = sums[first..first + width].iter_mut().enumerate();
                for ((column, sum), cell) in sums.zip(row(panel, lane)) {
                    *sum += value(first + column, cell);
                }
            }
        }
        sums
    });
    let mut sums = total(sizes.len() * width, parts);
    for (sums, size) in sums.chunks_exact_mut(width).zip(sizes) {
        sums.iter_mut().for_each(|sum| *sum /= *size as f64);
    }
    sums
}

/// Refuses fewer distinct rows than clusters.
fn check_distinct(panels: &Panels, k: usize, team: &mut Team) -> Result<()> {
    let mut distinct = HashSet::new();
    for row in 0..panels.rows() {
        if row % BLOCK == 0 {
            team.tick();
        }
        // Adding 0 makes one of both zeros.
        distinct.insert(panels.row(row).map(|value| (value + 0.0).to_bits()).collect::<Vec<_>>());
        if distinct.len() >= k {
            return Ok(());
        }
    }
    Err(refusal(
        format!("k is {k}, but the number of distinct rows is {}", distinct.len()),
        "Ask for fewer clusters, or check the columns for NULLs: rows with one are left out.",
    ))
}

fn refusal(problem: String, hint: &str) -> Error {
    Error::Argument { problem, hint: hint.to_owned() }
}
