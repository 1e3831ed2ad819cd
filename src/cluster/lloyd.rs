//! Lloyd's algorithm as scikit-learn runs it: the same rule to stop, the same repair of empty clusters.
//!
//! Only rows that change their cluster touch its sum.

use super::kernel::{Column, LANES, nearest, row, vectorised};
use super::panels::{BLOCK, Block, Panels};
use super::team::Team;
use crate::error::{Error, Result};

/// The label of a row that has none yet.
const NONE: u32 = u32::MAX;

/// Rows of a block at work.
pub struct Rows<'p> {
    pub block: Block<'p>,
    labels: Vec<u32>,
    /// Squared distance of each row to the closest centroid; 0 for what is no row.
    pub closest: Vec<f64>,
}

impl<'p> Rows<'p> {
    pub fn new(block: Block<'p>) -> Result<Self> {
        Ok(Rows { block, labels: filled(NONE)?, closest: filled(0.0)? })
    }

    /// The cluster of each row.
    pub fn labels(&self) -> &[u32] {
        &self.labels[..self.block.rows]
    }
}

fn filled<T: Copy>(value: T) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(BLOCK).map_err(|_| Error::Memory)?;
    values.resize(BLOCK, value);
    Ok(values)
}

/// A run of the algorithm.
pub struct Lloyd<'w, 'p, 't, 'r> {
    panels: &'p Panels,
    rows: &'r mut [Rows<'p>],
    team: &'w mut Team<'t>,
    pub centroids: Vec<f64>,
    k: usize,
}

impl<'w, 'p, 't, 'r> Lloyd<'w, 'p, 't, 'r> {
    /// From centroids on, one after the other.
    pub fn new(
        panels: &'p Panels,
        rows: &'r mut [Rows<'p>],
        team: &'w mut Team<'t>,
        centroids: Vec<f64>,
    ) -> Self {
        Lloyd { k: centroids.len() / panels.width(), panels, rows, team, centroids }
    }

    /// Moves the centroids until they stay, and returns the iterations, and whether they did.
    pub fn run(&mut self, most: usize, threshold: f64) -> (usize, bool) {
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
pub fn settle(rows: &mut [Rows], centroids: &[f64], team: &mut Team) -> f64 {
    team.each(rows.iter_mut(), |rows| assign(rows, centroids)).into_iter().sum()
}
