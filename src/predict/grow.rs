//! Grows a tree from binned features by histograms: the one grower of boosting and of the forest.
//!
//! A node is split where the sum of the gains G^2 / (H + l2) of its children exceeds its own the most, G and H being the
//! sums of the rows' gradients and hessians (Friedman 2001; Chen and Guestrin 2016). With g = -y and h = 1 that is the
//! split of least variance, which of classes 0 and 1 is that of Gini. The histogram of the larger child is that of its
//! parent less its sibling's (Ke and others 2017).

use super::bins::{Bins, MISSING, SLOTS};
use super::random::Random;
use super::tree::{DEEPEST, Node, Tree};

/// Rows looked at between two ticks.
pub const PER_TICK: usize = 65_536;

/// What is no gain but for the rounding of sums.
const NO_GAIN: f64 = 1e-10;

/// The first and the second derivative of the loss of a row, and how its histograms count it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gradient {
    pub g: f64,
    pub h: f64,
}

#[derive(Clone, Copy, Debug)]
pub struct Growth {
    pub depth: usize,
    /// Fewest rows of a leaf.
    pub min_rows: u32,
    pub l2: f64,
    /// How many features, drawn anew at each node, a split may be of; all of them without a number.
    pub candidates: Option<usize>,
    /// What the leaves' values are multiplied by.
    pub rate: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    g: f64,
    h: f64,
    rows: u32,
}

impl Sums {
    fn add(&mut self, other: Sums) {
        self.g += other.g;
        self.h += other.h;
        self.rows += other.rows;
    }

    fn less(self, other: Sums) -> Sums {
        Sums { g: self.g - other.g, h: self.h - other.h, rows: self.rows - other.rows }
    }

    fn score(self, l2: f64) -> f64 {
        self.g * self.g / (self.h + l2)
    }
}

/// By feature, [`SLOTS`] sums each.
type Histogram = Vec<Sums>;

struct Split {
    gain: f64,
    feature: usize,
    /// The last bin that goes left.
    bin: u8,
    missing_left: bool,
    left: Sums,
}

/// A grown tree, and where its rows are.
pub struct Grown {
    pub tree: Tree,
    /// Each leaf's node, and its range of the rows as they lie now.
    pub leaves: Vec<(usize, std::ops::Range<usize>)>,
}

pub struct Grower<'a> {
    bins: &'a Bins,
    growth: Growth,
    random: &'a mut Random,
    /// Histograms to be used again.
    spare: Vec<Histogram>,
    scratch: Vec<u32>,
    ordered: Vec<Gradient>,
    features: Vec<usize>,
    /// By feature, the sum of the gains of its splits.
    pub gains: Vec<f64>,
}

impl<'a> Grower<'a> {
    pub fn new(bins: &'a Bins, growth: Growth, random: &'a mut Random) -> Self {
        let width = bins.codes.len();
        let growth = Growth { depth: growth.depth.min(DEEPEST), ..growth };
        Grower {
            bins,
            growth,
            random,
            spare: Vec::new(),
            scratch: Vec::new(),
            ordered: Vec::new(),
            features: (0..width).collect(),
            gains: vec![0.0; width],
        }
    }

    /// Grows a tree of some rows, of which there is one at least, and brings those of each leaf together.
    pub fn grow(&mut self, rows: &mut [u32], gradients: &[Gradient], tick: &mut dyn FnMut()) -> Grown {
        let mut total = Sums::default();
        for row in rows.iter() {
            let Gradient { g, h } = gradients[*row as usize];
            total.add(Sums { g, h, rows: 1 });
        }
        let mut grown = Grown { tree: Tree { nodes: vec![self.leaf(total)] }, leaves: Vec::new() };
        let root = (self.growth.depth > 0).then(|| self.histogram(rows, gradients, tick));
        // Depth first, the left child before the right one; each with its histogram, where it may be split.
        let mut open = vec![(0, 0..rows.len(), total, 0, root)];
        while let Some((node, range, sums, depth, histogram)) = open.pop() {
            let split = histogram.as_ref().and_then(|histogram| self.best(histogram, sums));
            let Some(split) = split else {
                self.spare.extend(histogram);
                grown.leaves.push((node, range));
                continue;
            };
            self.gains[split.feature] += split.gain;
            let middle = range.start + self.partition(&mut rows[range.clone()], &split);
            let right = sums.less(split.left);
            let left_node = grown.tree.nodes.len();
            let nodes = [self.leaf(split.left), self.leaf(right)];
            grown.tree.nodes.extend(nodes);
            let cuts = &self.bins.cuts[split.feature];
            grown.tree.nodes[node] = Node {
                // Above all cuts only missing values are told from the others.
                threshold: cuts.get(split.bin as usize).copied().unwrap_or(f64::INFINITY),
                left: left_node as u32,
                feature: split.feature as u16,
                missing_left: split.missing_left,
                ..Node::leaf(0.0, sums.rows)
            };
            let (left_range, right_range) = (range.start..middle, middle..range.end);
            let mut children = [None, None];
            if depth + 1 < self.growth.depth {
                children = self.of_children(rows, gradients, histogram, [&left_range, &right_range], tick);
            } else {
                self.spare.extend(histogram);
            }
            let [left_histogram, right_histogram] = children;
            open.push((left_node + 1, right_range, right, depth + 1, right_histogram));
            open.push((left_node, left_range, split.left, depth + 1, left_histogram));
        }
        grown
    }

    /// The leaf that a node is unless it is split.
    fn leaf(&self, sums: Sums) -> Node {
        Node::leaf(-self.growth.rate * sums.g / (sums.h + self.growth.l2), sums.rows)
    }

    /// The histograms of both children: that of the smaller is made, that of the larger follows.
    fn of_children(
        &mut self,
        rows: &[u32],
        gradients: &[Gradient],
        parent: Option<Histogram>,
        ranges: [&std::ops::Range<usize>; 2],
        tick: &mut dyn FnMut(),
    ) -> [Option<Histogram>; 2] {
        let Some(mut larger) = parent else { return [None, None] };
        let small = usize::from(ranges[1].len() < ranges[0].len());
        let smaller = self.histogram(&rows[ranges[small].clone()], gradients, tick);
        larger.iter_mut().zip(&smaller).for_each(|(sums, less)| *sums = sums.less(*less));
        if small == 0 { [Some(smaller), Some(larger)] } else { [Some(larger), Some(smaller)] }
    }

    fn histogram(&mut self, rows: &[u32], gradients: &[Gradient], tick: &mut dyn FnMut()) -> Histogram {
        let mut histogram = self.spare.pop().unwrap_or_default();
        histogram.clear();
        histogram.resize(self.bins.codes.len() * SLOTS, Sums::default());
        // Read once in the order of the rows, and not once for each feature.
        self.ordered.clear();
        self.ordered.extend(rows.iter().map(|row| gradients[*row as usize]));
        for (codes, slots) in self.bins.codes.iter().zip(histogram.chunks_exact_mut(SLOTS)) {
            for (rows, gradients) in rows.chunks(PER_TICK).zip(self.ordered.chunks(PER_TICK)) {
                tick();
                for (row, gradient) in rows.iter().zip(gradients) {
                    let slot = &mut slots[codes[*row as usize] as usize];
                    slot.g += gradient.g;
                    slot.h += gradient.h;
                    slot.rows += 1;
                }
            }
        }
        histogram
    }

    /// The split that gains the most; of equal ones that of the first feature, and of its lowest bin.
    fn best(&mut self, histogram: &Histogram, total: Sums) -> Option<Split> {
        if total.rows < 2 * self.growth.min_rows {
            return None;
        }
        let count = self.growth.candidates.unwrap_or(self.features.len());
        if count < self.features.len() {
            self.random.shuffle(&mut self.features, count);
        }
        let mut best: Option<Split> = None;
        for feature in self.features.iter().take(count) {
            let slots = &histogram[feature * SLOTS..(feature + 1) * SLOTS];
            self.best_of(*feature, slots, total, &mut best);
        }
        best
    }

    fn best_of(&self, feature: usize, slots: &[Sums], total: Sums, best: &mut Option<Split>) {
        let Growth { min_rows, l2, .. } = self.growth;
        let missing = slots[usize::from(MISSING)];
        let own = total.score(l2);
        let mut known = Sums::default();
        // The last bin is split off only from missing values.
        let bins = self.bins.cuts[feature].len() + usize::from(missing.rows > 0);
        for (bin, slot) in slots.iter().enumerate().take(bins) {
            if slot.rows == 0 && bin < self.bins.cuts[feature].len() {
                continue;
            }
            known.add(*slot);
            let mut consider = |left: Sums, missing_left: bool| {
                let right = total.less(left);
                if left.rows < min_rows || right.rows < min_rows || left.h <= 0.0 || right.h <= 0.0 {
                    return;
                }
                let gain = left.score(l2) + right.score(l2) - own;
                if gain > best.as_ref().map_or(NO_GAIN, |best| best.gain) {
                    *best = Some(Split { gain, feature, bin: bin as u8, missing_left, left });
                }
            };
            if missing.rows > 0 {
                consider(known, false);
                let mut with = known;
                with.add(missing);
                consider(with, true);
            } else {
                // Without any here, a missing value goes where most go.
                consider(known, known.rows > total.rows - known.rows);
            }
        }
    }

    /// Brings the rows that go left to the front, all in their order; returns how many they are.
    fn partition(&mut self, rows: &mut [u32], split: &Split) -> usize {
        let codes = &self.bins.codes[split.feature];
        self.scratch.clear();
        let mut left = 0;
        for place in 0..rows.len() {
            let row = rows[place];
            let code = codes[row as usize];
            let goes_left = if code == MISSING { split.missing_left } else { code <= split.bin };
            if goes_left {
                rows[left] = row;
                left += 1;
            } else {
                self.scratch.push(row);
            }
        }
        rows[left..].copy_from_slice(&self.scratch);
        left
    }
}
