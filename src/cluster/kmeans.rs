//! k-means by Lloyd's algorithm, as scikit-learn runs it: the same rule to stop, the same repair of empty clusters.
//!
//! Only rows that change their cluster touch its sum. The centroids that a fit returns are those that its labels,
//! sizes and inertia were computed with.

use super::kernel::{Column, LANES, nearest, row, vectorised};
use super::panels::{BLOCK, Block, Panels};
use super::random::Random;
use super::scale::{Scale, moments, total};
use super::seeding::plus_plus;
use super::team::Team;
use crate::error::{Error, Result};
use std::collections::HashSet;

/// Most clusters.
const MOST_CLUSTERS: usize = 1_000;

/// Most numbers of all centroids together: what a block takes stays far below the time in which a cancellation is expected, and
/// the sums that each block has of its own below the memory of its rows.
const MOST_COORDINATES: usize = 20_000;

/// The label of a row that has none yet.
const NONE: u32 = u32::MAX;

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

/// Rows of a block at work.
pub struct Rows<'p> {
    pub block: Block<'p>,
    labels: Vec<u32>,
    /// Squared distance of each row to the closest centroid; 0 for what is no row.
    pub closest: Vec<f64>,
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
    let mut rows: Vec<Rows> = Vec::new();
    for block in panels.blocks() {
        rows.push(Rows { block, labels: filled(NONE)?, closest: filled(0.0)? });
    }
    let mut random = Random::new(options.seed);
    let mut best: Option<(f64, Vec<f64>, usize, bool)> = None;
    let mut settled = false;
    for _ in 0..options.starts {
        let centroids = match &options.initial {
            Some(initial) => initial.clone(),
            None => plus_plus(panels, options.k, &mut random, &mut rows, team),
        };
        let mut lloyd = Lloyd { panels, rows: &mut rows, team, centroids, k: options.k };
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
    let labels = rows.iter().flat_map(|rows| &rows.labels[..rows.block.rows]);
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

struct Lloyd<'w, 'p, 't, 'r> {
    panels: &'p Panels,
    rows: &'r mut [Rows<'p>],
    team: &'w mut Team<'t>,
    centroids: Vec<f64>,
    k: usize,
}

impl Lloyd<'_, '_, '_, '_> {
    /// Moves the centroids until they stay, and returns the iterations, and whether they did.
    fn run(&mut self, most: usize, threshold: f64) -> (usize, bool) {
        let width = self.panels.width();
        self.rows.iter_mut().for_each(|rows| rows.labels.fill(NONE));
        let (mut sums, mut sizes) = (vec![0.0; self.k * width], vec![0; self.k]);
        for iteration in 1..=most {
            let centroids = &self.centroids;
            let moves = self.team.each(self.rows.iter_mut(), |rows| reassign(rows, centroids));
            let mut moved = 0;
            for part in moves {
                sums.iter_mut().zip(part.sums).for_each(|(sum, change)| *sum += change);
                sizes.iter_mut().zip(part.sizes).for_each(|(size, change)| *size += change);
                moved += part.moved;
            }
            if moved == 0 {
                // What rounding has gathered in the sums does not stay in the result.
                (sums, sizes) = self.recount();
                self.centroids = self.means(sums, sizes);
                return (iteration, true);
            }
            let next = self.means(sums.clone(), sizes.clone());
            let shifts = next.iter().zip(&self.centroids).map(|(new, old)| (new - old) * (new - old));
            let shift: f64 = shifts.sum();
            self.centroids = next;
            if shift <= threshold {
                return (iteration, true);
            }
        }
        (most, false)
    }

    fn recount(&mut self) -> (Vec<f64>, Vec<i64>) {
        let (k, width) = (self.k, self.panels.width());
        let parts = self.team.each(self.rows.iter(), |rows| {
            let mut part = Moves::none(k, width);
            for ((panel, count), labels) in rows.block.panels().zip(rows.labels.chunks_exact(LANES)) {
                (0..count).for_each(|lane| part.add(panel, lane, labels[lane], 1.0));
            }
            part
        });
        parts.into_iter().fold((vec![0.0; k * width], vec![0; k]), |(mut sums, mut sizes), part| {
            sums.iter_mut().zip(part.sums).for_each(|(sum, more)| *sum += more);
            sizes.iter_mut().zip(part.sizes).for_each(|(size, more)| *size += more);
            (sums, sizes)
        })
    }

    /// The means of sums. A cluster without rows takes the row that is farthest from its own centroid, and that row
    /// from its cluster; where all rows lie on their centroids, it stays where it is.
    fn means(&mut self, mut sums: Vec<f64>, mut sizes: Vec<i64>) -> Vec<f64> {
        let width = self.panels.width();
        let empty: Vec<usize> = (0..self.k).filter(|cluster| sizes[*cluster] == 0).collect();
        if !empty.is_empty() {
            for (cluster, (_, row, from)) in empty.iter().zip(self.farthest(empty.len())) {
                for (column, value) in self.panels.row(row).enumerate() {
                    sums[from as usize * width + column] -= value;
                    sums[cluster * width + column] = value;
                }
                sizes[from as usize] -= 1;
                sizes[*cluster] = 1;
            }
        }
        let mut means = self.centroids.clone();
        let cells = means.chunks_exact_mut(width).zip(sums.chunks_exact(width)).zip(sizes);
        for ((mean, sum), size) in cells.filter(|(_, size)| *size > 0) {
            mean.iter_mut().zip(sum).for_each(|(mean, sum)| *mean = sum / size as f64);
        }
        means
    }

    /// The rows farthest from their centroids, not those on them: the squared distance, the row and its cluster.
    fn farthest(&mut self, wanted: usize) -> Vec<(f64, usize, u32)> {
        let (centroids, width) = (&self.centroids, self.panels.width());
        let parts = self.team.each(self.rows.iter().enumerate(), |(index, rows)| {
            let mut distances = Vec::new();
            for (place, (panel, count)) in rows.block.panels().enumerate() {
                for lane in 0..count {
                    let label = rows.labels[place * LANES + lane];
                    let centroid = &centroids[label as usize * width..][..width];
                    let cells = centroid.iter().zip(row(panel, lane));
                    let distance: f64 = cells.map(|(a, b)| (a - b) * (a - b)).sum();
                    if distance > 0.0 {
                        distances.push((distance, index * BLOCK + place * LANES + lane, label));
                    }
                }
            }
            farthest_first(distances, wanted)
        });
        farthest_first(parts.into_iter().flatten().collect(), wanted)
    }
}

fn farthest_first(mut rows: Vec<(f64, usize, u32)>, wanted: usize) -> Vec<(f64, usize, u32)> {
    rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    rows.truncate(wanted);
    rows
}

/// What an assignment changes in the sums and sizes of the clusters.
pub struct Moves {
    sums: Vec<f64>,
    sizes: Vec<i64>,
    moved: usize,
}

impl Moves {
    fn none(k: usize, width: usize) -> Self {
        Moves { sums: vec![0.0; k * width], sizes: vec![0; k], moved: 0 }
    }

    #[inline(always)]
    fn add(&mut self, panel: &[Column], lane: usize, label: u32, sign: f64) {
        let width = panel.len();
        let sums = &mut self.sums[label as usize * width..][..width];
        for (sum, value) in sums.iter_mut().zip(row(panel, lane)) {
            *sum += sign * value;
        }
        self.sizes[label as usize] += sign as i64;
    }
}

vectorised! {
    /// Gives every row the label of its nearest centroid.
    pub fn reassign(rows: &mut Rows, centroids: &[f64]) -> Moves {
        let width = rows.block.width;
        let mut moves = Moves::none(centroids.len() / width, width);
        for ((panel, count), labels) in rows.block.panels().zip(rows.labels.chunks_exact_mut(LANES)) {
            let (nearest, _) = nearest(panel, centroids);
            if *labels == nearest {
                continue;
            }
            for lane in 0..count {
                let (old, new) = (labels[lane], nearest[lane]);
                if old != new {
                    if old != NONE {
                        moves.add(panel, lane, old, -1.0);
                    }
                    moves.add(panel, lane, new, 1.0);
                    labels[lane] = new;
                    moves.moved += 1;
                }
            }
        }
        moves
    }

    /// The same, and the sum of the squared distances.
    pub fn assign(rows: &mut Rows, centroids: &[f64]) -> f64 {
        let mut sums = [0.0; LANES];
        for ((panel, count), labels) in rows.block.panels().zip(rows.labels.chunks_exact_mut(LANES)) {
            let (nearest, least) = nearest(panel, centroids);
            for lane in 0..count {
                sums[lane] += least[lane];
            }
            labels[..count].copy_from_slice(&nearest[..count]);
        }
        sums.iter().sum()
    }
}

/// Assigns all rows, and returns the inertia.
fn settle(rows: &mut [Rows], centroids: &[f64], team: &mut Team) -> f64 {
    team.each(rows.iter_mut(), |rows| assign(rows, centroids)).into_iter().sum()
}

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
        format!("k is {k}, but there are only {} distinct rows", distinct.len()),
        "Ask for fewer clusters, or check the columns for NULLs: rows with one are left out.",
    ))
}

fn filled<T: Copy>(value: T) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(BLOCK).map_err(|_| Error::Memory)?;
    values.resize(BLOCK, value);
    Ok(values)
}

fn refusal(problem: String, hint: &str) -> Error {
    Error::Argument { problem, hint: hint.to_owned() }
}
