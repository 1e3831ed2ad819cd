//! Greedy k-means++: where the first centroids lie.
//!
//! Arthur and Vassilvitskii 2007, with the several candidates per centroid that they propose and scikit-learn
//! uses: 2 + ln k, drawn with a probability in proportion to the squared distance to the nearest centroid so far,
//! of which the one stays that leaves the smallest sum of squared distances.

use super::kernel::{LANES, squared, vectorised};
use super::lloyd::Rows;
use super::panels::{BLOCK, Panels};
use super::random::Random;
use super::scale::total;
use super::team::Team;

/// The coordinates of k rows, one after the other. Rows must not be fewer than 1.
pub fn plus_plus(
    panels: &Panels,
    k: usize,
    random: &mut Random,
    rows: &mut [Rows],
    team: &mut Team,
) -> Vec<f64> {
    let trials = 2 + (k as f64).ln() as usize;
    let mut centroids: Vec<f64> = panels.row(random.below(panels.rows())).collect();
    for part in &mut *rows {
        part.closest.fill(f64::INFINITY);
    }
    for chosen in 1..k {
        let newest = &centroids[(chosen - 1) * panels.width()..];
        let weights = team.each(rows.iter_mut(), |rows| approach(rows, newest));
        let whole: f64 = weights.iter().sum();
        let draws: Vec<usize> =
            (0..trials).map(|_| draw(panels.rows(), rows, &weights, whole, random)).collect();
        let candidates: Vec<f64> = draws.into_iter().flat_map(|row| panels.row(row)).collect();
        let left = total(trials, team.each(rows.iter(), |rows| potentials(rows, &candidates)));
        let mut best = 0;
        for trial in 1..trials {
            if left[trial] < left[best] {
                best = trial;
            }
        }
        centroids.extend_from_slice(&candidates[best * panels.width()..][..panels.width()]);
    }
    centroids
}

/// A row, by the squared distances; any where all are 0.
fn draw(count: usize, rows: &[Rows], weights: &[f64], whole: f64, random: &mut Random) -> usize {
    if whole <= 0.0 {
        return random.below(count);
    }
    let mut left = random.unit() * whole;
    let mut last = 0;
    for (index, (part, weight)) in rows.iter().zip(weights).enumerate() {
        if *weight <= 0.0 {
            continue;
        }
        if left < *weight {
            for (row, distance) in part.closest.iter().enumerate().filter(|(_, distance)| **distance > 0.0) {
                last = index * BLOCK + row;
                left -= distance;
                if left < 0.0 {
                    break;
                }
            }
            return last;
        }
        left -= weight;
        let farther = part.closest.iter().rposition(|distance| *distance > 0.0);
        last = index * BLOCK + farther.unwrap_or(0);
    }
    // Only rounding leads here.
    last
}

vectorised! {
    /// Takes a new centroid into the distance of each row to its closest one, and returns their sum.
    pub fn approach(rows: &mut Rows, centroid: &[f64]) -> f64 {
        let mut sums = [0.0; LANES];
        for ((panel, count), closest) in rows.block.panels().zip(rows.closest.chunks_exact_mut(LANES)) {
            let distances = squared(panel, centroid);
            for lane in 0..LANES {
                closest[lane] = closest[lane].min(distances[lane]);
            }
            closest[count..].fill(0.0);
            for lane in 0..LANES {
                sums[lane] += closest[lane];
            }
        }
        sums.iter().sum()
    }

    /// What the sum of squared distances would be with each of some candidates.
    pub fn potentials(rows: &Rows, candidates: &[f64]) -> Vec<f64> {
        let mut sums = vec![[0.0; LANES]; candidates.len() / rows.block.width];
        for ((panel, _), closest) in rows.block.panels().zip(rows.closest.chunks_exact(LANES)) {
            for (candidate, sums) in candidates.chunks_exact(rows.block.width).zip(&mut sums) {
                let distances = squared(panel, candidate);
                for lane in 0..LANES {
                    sums[lane] += closest[lane].min(distances[lane]);
                }
            }
        }
        sums.iter().map(|lanes| lanes.iter().sum()).collect()
    }
}
