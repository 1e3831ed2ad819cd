//! A decision tree: how it is read, and what each feature of a row contributed to what it says.

use crate::error::{Error, Result};

/// Deepest a tree may be.
pub const DEEPEST: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// What goes left: values up to this one.
    pub threshold: f64,
    /// What a leaf says.
    pub value: f64,
    /// How many rows of the training came here.
    pub cover: u32,
    /// The left child; the right one is next to it. 0 for a leaf.
    pub left: u32,
    pub feature: u16,
    /// Where missing values go.
    pub missing_left: bool,
}

impl Node {
    pub fn leaf(value: f64, cover: u32) -> Self {
        Node { threshold: 0.0, value, cover, left: 0, feature: 0, missing_left: false }
    }

    fn is_leaf(&self) -> bool {
        self.left == 0
    }

    /// The child that a row goes to.
    fn child(&self, row: &[f64]) -> usize {
        let value = row[self.feature as usize];
        let left = if value.is_nan() { self.missing_left } else { value <= self.threshold };
        self.left as usize + usize::from(!left)
    }
}

/// Nodes, the root first and every child after its parent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    pub nodes: Vec<Node>,
}

impl Tree {
    /// What the leaf of a row says.
    pub fn value(&self, row: &[f64]) -> f64 {
        let mut node = &self.nodes[0];
        while !node.is_leaf() {
            node = &self.nodes[node.child(row)];
        }
        node.value
    }

    /// Refuses nodes that are no tree of so many features, so that reading one always ends within bounds.
    pub fn check(&self, features: usize) -> Result<()> {
        let corrupt = || Error::Corrupt("tree of a model");
        let mut depths = vec![None; self.nodes.len()];
        *depths.first_mut().ok_or_else(corrupt)? = Some(0);
        for (index, node) in self.nodes.iter().enumerate() {
            let depth: usize = depths[index].ok_or_else(corrupt)?;
            let numbers = node.value.is_finite() && !node.threshold.is_nan() && node.cover > 0;
            if !numbers || usize::from(node.feature) >= features.max(1) {
                return Err(corrupt());
            }
            if node.is_leaf() {
                continue;
            }
            let left = node.left as usize;
            if left <= index || depth == DEEPEST {
                return Err(corrupt());
            }
            for child in [left, left + 1] {
                let place = depths.get_mut(child).ok_or_else(corrupt)?;
                if place.replace(depth + 1).is_some() {
                    return Err(corrupt());
                }
            }
            let (left, right) = (self.nodes[left].cover, self.nodes[left + 1].cover);
            if left.checked_add(right) != Some(node.cover) {
                return Err(corrupt());
            }
        }
        Ok(())
    }

    /// The mean of what the leaves say, over the rows of the training.
    pub fn mean(&self) -> f64 {
        let total = f64::from(self.nodes[0].cover);
        let leaves = self.nodes.iter().filter(|node| node.is_leaf());
        leaves.map(|leaf| leaf.value * f64::from(leaf.cover) / total).sum()
    }

    /// Adds, times a factor, the Shapley value of each feature: what knowing it adds to what the tree says, the
    /// mean over all orders in which the features become known, where an unknown one goes both ways in the
    /// proportions of the training (TreeSHAP, path-dependent: Lundberg, Erion, Lee 2018, algorithm 2). They sum to
    /// what the tree says less its mean.
    pub fn contributions(&self, row: &[f64], factor: f64, sums: &mut [f64]) {
        let path = Path(Vec::with_capacity(DEEPEST + 1));
        self.walk(row, factor, sums, 0, path.extended(1.0, 1.0, None));
    }

    fn walk(&self, row: &[f64], factor: f64, sums: &mut [f64], index: usize, path: Path) {
        let node = &self.nodes[index];
        if node.is_leaf() {
            for place in 1..path.0.len() {
                let step = &path.0[place];
                if let Some(feature) = step.feature {
                    let weight = path.sum_without(place);
                    sums[feature] += factor * weight * (step.one - step.zero) * node.value;
                }
            }
            return;
        }
        let feature = usize::from(node.feature);
        let hot = node.child(row);
        let cold = if hot == node.left as usize { hot + 1 } else { node.left as usize };
        // A feature that was met before counts once.
        let met = path.0.iter().position(|step| step.feature == Some(feature));
        let (path, zero, one) = match met {
            Some(place) => (path.without(place), path.0[place].zero, path.0[place].one),
            None => (path, 1.0, 1.0),
        };
        for (child, one) in [(hot, one), (cold, 0.0)] {
            let share = f64::from(self.nodes[child].cover) / f64::from(node.cover);
            self.walk(row, factor, sums, child, path.extended(zero * share, one, Some(feature)));
        }
    }
}

/// A feature on the way to a leaf.
#[derive(Clone, Copy)]
struct Step {
    feature: Option<usize>,
    /// The share of the rows that go on here where the feature is not known, and where it is: 0 or 1.
    zero: f64,
    one: f64,
    /// The weight of the sets of known features, by how many of those before are among them.
    weight: f64,
}

struct Path(Vec<Step>);

impl Path {
    fn extended(&self, zero: f64, one: f64, feature: Option<usize>) -> Path {
        let length = self.0.len();
        let mut steps = Vec::with_capacity(length + 1);
        steps.extend_from_slice(&self.0);
        steps.push(Step { feature, zero, one, weight: if length == 0 { 1.0 } else { 0.0 } });
        let whole = (length + 1) as f64;
        for place in (0..length).rev() {
            let weight = steps[place].weight;
            steps[place + 1].weight += one * weight * (place + 1) as f64 / whole;
            steps[place].weight = zero * weight * (length - place) as f64 / whole;
        }
        Path(steps)
    }

    fn without(&self, out: usize) -> Path {
        let mut steps = self.0.clone();
        self.unwind(out, |place, weight| steps[place].weight = weight);
        let last = steps.len() - 1;
        for place in out..last {
            let (next, weight) = (steps[place + 1], steps[place].weight);
            steps[place] = Step { weight, ..next };
        }
        steps.truncate(last);
        Path(steps)
    }

    fn sum_without(&self, out: usize) -> f64 {
        let mut sum = 0.0;
        self.unwind(out, |_, weight| sum += weight);
        sum
    }

    /// The weights as they would be without a step.
    fn unwind(&self, out: usize, mut show: impl FnMut(usize, f64)) {
        let (last, Step { zero, one, .. }) = (self.0.len() - 1, self.0[out]);
        let whole = (last + 1) as f64;
        let mut next = self.0[last].weight;
        for place in (0..last).rev() {
            let weight = self.0[place].weight;
            if one != 0.0 {
                let without = next * whole / ((place + 1) as f64 * one);
                show(place, without);
                next = weight - without * zero * (last - place) as f64 / whole;
            } else {
                show(place, weight * whole / (zero * (last - place) as f64));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(feature: u16, threshold: f64, left: u32, cover: u32) -> Node {
        Node { feature, threshold, left, missing_left: true, ..Node::leaf(0.0, cover) }
    }

    /// Three features, of which the first is met twice on one way.
    fn tree() -> Tree {
        Tree {
            nodes: vec![
                split(0, 5.0, 1, 100),
                split(1, 2.0, 3, 60),
                Node::leaf(7.0, 40),
                split(0, 1.0, 5, 25),
                split(2, 0.0, 7, 35),
                Node::leaf(-3.0, 10),
                Node::leaf(4.0, 15),
                Node::leaf(1.0, 5),
                Node::leaf(2.5, 30),
            ],
        }
    }

    /// What the tree says where only the features of a set are known.
    fn expected(tree: &Tree, index: usize, row: &[f64], known: u32) -> f64 {
        let node = &tree.nodes[index];
        if node.is_leaf() {
            return node.value;
        }
        if known & (1 << node.feature) != 0 {
            return expected(tree, node.child(row), row, known);
        }
        let children = [node.left as usize, node.left as usize + 1];
        let parts = children.map(|child| {
            f64::from(tree.nodes[child].cover) / f64::from(node.cover) * expected(tree, child, row, known)
        });
        parts.iter().sum()
    }

    #[test]
    fn contributions_are_shapley_values() {
        let tree = tree();
        tree.check(3).unwrap();
        for row in [[0.5, 1.0, 1.0], [3.0, 1.0, -1.0], [3.0, 9.0, f64::NAN], [8.0, f64::NAN, 0.0]] {
            let mut sums = [0.0; 3];
            tree.contributions(&row, 1.0, &mut sums);
            for (feature, sum) in sums.iter().enumerate() {
                let mut shapley = 0.0;
                for others in (0_u32..8).filter(|set| set & (1 << feature) == 0) {
                    let weight = [1.0 / 3.0, 1.0 / 6.0, 1.0 / 3.0][others.count_ones() as usize];
                    let with = expected(&tree, 0, &row, others | 1 << feature);
                    shapley += weight * (with - expected(&tree, 0, &row, others));
                }
                assert!((sum - shapley).abs() < 1e-12, "{row:?} {feature}: {sum} {shapley}");
            }
            let total: f64 = sums.iter().sum();
            assert!((total + tree.mean() - tree.value(&row)).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let broken = |change: &dyn Fn(&mut Vec<Node>)| {
            let mut tree = tree();
            change(&mut tree.nodes);
            assert_eq!(tree.check(3), Err(Error::Corrupt("tree of a model")));
        };
        broken(&|nodes| nodes.clear());
        broken(&|nodes| nodes[3].left = 1);
        broken(&|nodes| nodes[3].left = 3);
        broken(&|nodes| nodes[4].left = 5);
        broken(&|nodes| nodes[4].left = 8);
        broken(&|nodes| nodes[4].left = u32::MAX);
        broken(&|nodes| nodes[1].feature = 3);
        broken(&|nodes| nodes[2].value = f64::NAN);
        broken(&|nodes| nodes[2].cover = 41);
        broken(&|nodes| nodes.push(Node::leaf(1.0, 1)));
        let chain = (0..40_u32).flat_map(|at| [split(0, 0.0, 2 * at + 1, 80 - at), Node::leaf(0.0, 1)]);
        let mut nodes: Vec<Node> = chain.collect();
        nodes.swap(0, 1);
        assert!(Tree { nodes }.check(1).is_err());
    }
}
