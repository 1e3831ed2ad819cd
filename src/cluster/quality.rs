//! How well clusters are told apart: the silhouette, and the indices of Davies and Bouldin, and Calinski and Harabasz.

use super::kernel::{Column, LANES, row, squared, vectorised};
use super::kmeans::Fit;
use super::panels::{BLOCK, Block, Panels};
use super::random::Random;
use super::scale::total;
use super::team::Team;

/// Mean silhouettes of some rows; Rousseeuw 1987. That of a row is (b - a) / max(a, b), of a, its mean distance to the
/// other rows of its cluster, and b, the smallest of its mean distances to the rows of another; 0 for a row that is
/// alone in its cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Silhouette {
    pub mean: f64,
    /// How many rows of each cluster were looked at, and their mean, which a cluster without any lacks.
    pub clusters: Vec<(usize, Option<f64>)>,
}

/// Of all rows given, each with the cluster of 0..k that its label says; `None` where they are in fewer than two.
/// Looks at every pair.
pub fn silhouette(panels: &Panels, labels: &[u32], k: usize, team: &mut Team) -> Option<Silhouette> {
    let mut sizes = vec![0; k];
    labels.iter().for_each(|label| sizes[*label as usize] += 1);
    if sizes.iter().filter(|size| **size > 0).count() < 2 {
        return None;
    }
    // The rows of one cluster after those of another.
    let mut order: Vec<usize> = (0..panels.rows()).collect();
    order.sort_by_key(|row| labels[*row]);
    let points: Vec<f64> = order.iter().flat_map(|row| panels.row(*row)).collect();
    let per_block = BLOCK / LANES;
    let mut places = Vec::new();
    for (index, block) in panels.blocks().enumerate() {
        places
            .extend(block.panels().enumerate().map(|(place, (panel, _))| (index * per_block + place, panel)));
    }
    let rows = team.each(places, |(place, panel)| {
        let mut points = points.chunks_exact(panels.width());
        let sums: Vec<[f64; LANES]> =
            sizes.iter().map(|size| distances(panel, &mut points.by_ref().take(*size))).collect();
        let labels = &labels[place * LANES..];
        let row = |(lane, label): (usize, &u32)| (*label, of_row(&sums, &sizes, lane, *label as usize));
        labels.iter().take(LANES).enumerate().map(row).collect::<Vec<_>>()
    });
    let (mut sums, mut whole) = (vec![0.0; k], 0.0);
    for (label, value) in rows.into_iter().flatten() {
        sums[label as usize] += value;
        whole += value;
    }
    let mean = |(size, sum): (usize, f64)| (size, (size > 0).then(|| sum / size as f64));
    Some(Silhouette {
        mean: whole / panels.rows() as f64,
        clusters: sizes.into_iter().zip(sums).map(mean).collect(),
    })
}

/// Of one row, by the sums of its distances to the rows of each cluster.
fn of_row(sums: &[[f64; LANES]], sizes: &[usize], lane: usize, label: usize) -> f64 {
    if sizes[label] < 2 {
        return 0.0;
    }
    let within = sums[label][lane] / (sizes[label] - 1) as f64;
    let others = (0..sizes.len()).filter(|other| *other != label && sizes[*other] > 0);
    let between = others.map(|other| sums[other][lane] / sizes[other] as f64).fold(f64::INFINITY, f64::min);
    let larger = within.max(between);
    if larger > 0.0 { (between - within) / larger } else { 0.0 }
}

type Points<'i, 'p> = std::iter::Take<&'i mut std::slice::ChunksExact<'p, f64>>;

vectorised! {
    /// The sums of the distances of the rows of a panel to some points.
    pub fn distances(panel: &[Column], points: &mut Points) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        for point in points {
            let squares = squared(panel, point);
            for lane in 0..LANES {
                sums[lane] += squares[lane].sqrt();
            }
        }
        sums
    }
}

/// So many rows of a number, in ascending order, drawn by a seed with equal chances; all where there are no more.
pub fn sample(rows: usize, wanted: usize, seed: u64) -> Vec<usize> {
    let mut random = Random::new(seed);
    let mut left = wanted.min(rows);
    let mut chosen = Vec::with_capacity(left);
    for row in 0..rows {
        // Knuth's algorithm S.
        if random.below(rows - row) < left {
            chosen.push(row);
            left -= 1;
        }
    }
    chosen
}

/// Davies and Bouldin 1979: the mean over the clusters of the largest ratio of how far rows lie from their two means to
/// how far the means lie apart; smaller is better. `None` for fewer than two clusters.
pub fn davies_bouldin(panels: &Panels, fit: &Fit, team: &mut Team) -> Option<f64> {
    let spread = spread(panels, fit, team);
    let (k, width) = (fit.sizes.len(), panels.width());
    let means: Vec<&[f64]> = fit.means.chunks_exact(width).collect();
    let worst = |a: usize| {
        let ratio = |b: usize| {
            let apart = means[a].iter().zip(means[b]).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
            if apart > 0.0 { (spread[a] + spread[b]) / apart } else { 0.0 }
        };
        (0..k).filter(|b| *b != a).map(ratio).fold(0.0, f64::max)
    };
    (k > 1).then(|| (0..k).map(worst).sum::<f64>() / k as f64)
}

/// Calinski and Harabasz 1974: the variance between the means of the clusters to that within them, each by its degrees
/// of freedom; larger is better. `None` for one cluster, for as many as rows, and where nothing varies within them.
pub fn calinski_harabasz(fit: &Fit) -> Option<f64> {
    let (rows, k) = (fit.labels.len(), fit.sizes.len());
    let width = fit.means.len() / k;
    // Of what each cluster and column has, so many times as the cluster has rows.
    let sum = |of_cell: &dyn Fn(usize) -> f64| -> f64 {
        (0..fit.means.len()).map(|cell| of_cell(cell) * fit.sizes[cell / width] as f64).sum()
    };
    let within = sum(&|cell| fit.deviations[cell] * fit.deviations[cell]);
    if k < 2 || rows <= k || within <= 0.0 {
        return None;
    }
    let of_column = |column: usize| {
        let means = fit.means.iter().skip(column).step_by(width).zip(&fit.sizes);
        means.map(|(mean, size)| mean * *size as f64).sum::<f64>() / rows as f64
    };
    let center: Vec<f64> = (0..width).map(of_column).collect();
    let between = sum(&|cell| (fit.means[cell] - center[cell % width]).powi(2));
    Some(between * (rows - k) as f64 / (within * (k - 1) as f64))
}

/// The mean distance of the rows of each cluster to their mean.
fn spread(panels: &Panels, fit: &Fit, team: &mut Team) -> Vec<f64> {
    let (k, width) = (fit.sizes.len(), panels.width());
    let blocks: Vec<(Block, &[u32])> = panels.blocks().zip(fit.labels.chunks(BLOCK)).collect();
    let parts = team.each(blocks, |(block, labels)| {
        let mut sums = vec![0.0; k];
        for ((panel, _), labels) in block.panels().zip(labels.chunks(LANES)) {
            for (lane, label) in labels.iter().enumerate() {
                let mean = &fit.means[*label as usize * width..][..width];
                let squared: f64 = row(panel, lane).zip(mean).map(|(a, b)| (a - b) * (a - b)).sum();
                sums[*label as usize] += squared.sqrt();
            }
        }
        sums
    });
    let sums = total(k, parts).into_iter().zip(&fit.sizes);
    sums.map(|(sum, size)| if *size > 0 { sum / *size as f64 } else { 0.0 }).collect()
}
