//! Trees that add up: gradient boosting and the random forest.

use super::bins::Bins;
use super::grow::{Gradient, Grower, Growth, PER_TICK};
use super::matrix::Matrix;
use super::random::Random;
use super::tree::Tree;

/// What the trees say is added to the base: of boosting with the log-loss that is the log-odds, else the value itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ensemble {
    pub base: f64,
    pub trees: Vec<Tree>,
    /// What each tree counts for.
    pub weight: f64,
    /// By feature, the share of all gains that its splits made.
    pub gains: Vec<f64>,
}

/// What boosting makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// (y - f)^2 / 2
    Squared,
    /// Of classes 0 and 1: ln(1 + exp(f)) - y f
    Logistic,
}

#[derive(Clone, Copy, Debug)]
pub struct Boosting {
    pub rounds: usize,
    pub rate: f64,
    pub depth: usize,
    pub min_rows: u32,
    pub l2: f64,
    /// Stops once so many rounds have not made the loss of the validation rows less.
    pub patience: usize,
    pub bins: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct Forest {
    pub trees: usize,
    pub depth: usize,
    pub min_rows: u32,
    pub candidates: usize,
    pub bins: usize,
    pub seed: u64,
}

/// Rows with what is to be predicted, each counting for its weight.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    pub rows: &'a Matrix,
    pub target: &'a [f64],
    pub weights: &'a [f64],
}

impl Ensemble {
    pub fn score(&self, row: &[f64]) -> f64 {
        self.base + self.weight * self.trees.iter().map(|tree| tree.value(row)).sum::<f64>()
    }

    /// What each feature adds to the score, and the score of which nothing is known: together they are the score.
    pub fn contributions(&self, row: &[f64]) -> (f64, Vec<f64>) {
        let mut sums = vec![0.0; self.gains.len()];
        self.trees.iter().for_each(|tree| tree.contributions(row, self.weight, &mut sums));
        let mean: f64 = self.trees.iter().map(Tree::mean).sum();
        (self.base + self.weight * mean, sums)
    }

    /// Gradient boosting (Friedman 2001, with the second derivatives of Friedman, Hastie, Tibshirani 2000). With rows to
    /// validate with, only the rounds up to their least loss are kept.
    pub fn boost(
        examples: Examples,
        validation: Option<Examples>,
        loss: Loss,
        options: Boosting,
        tick: &mut dyn FnMut(),
    ) -> Self {
        let Boosting { rate, depth, min_rows, l2, .. } = options;
        let bins = Bins::new(examples.rows, options.bins, tick);
        let growth = Growth { depth, min_rows: min_rows.max(1), l2, candidates: None, rate };
        let mut random = Random::new(0);
        let mut grower = Grower::new(&bins, growth, &mut random);
        let base = loss.base(examples);
        let mut scores = vec![base; examples.target.len()];
        let mut checked = vec![base; validation.map_or(0, |examples| examples.target.len())];
        let mut gradients = vec![Gradient::default(); scores.len()];
        let mut rows: Vec<u32> = Vec::with_capacity(scores.len());
        let (mut trees, mut best) = (Vec::new(), (f64::INFINITY, 0));
        if let Some(validation) = validation {
            best.0 = loss.mean(validation, &checked);
        }
        for round in 1..=options.rounds {
            for (begin, part) in gradients.chunks_mut(PER_TICK).enumerate() {
                tick();
                for (place, gradient) in part.iter_mut().enumerate() {
                    let row = begin * PER_TICK + place;
                    *gradient = loss.gradient(examples.target[row], scores[row], examples.weights[row]);
                }
            }
            rows.clear();
            rows.extend(0..scores.len() as u32);
            let grown = grower.grow(&mut rows, &gradients, tick);
            for (leaf, range) in grown.leaves {
                let value = grown.tree.nodes[leaf].value;
                rows[range].iter().for_each(|row| scores[*row as usize] += value);
            }
            // A tree without a split changes nothing from here on.
            let done = grown.tree.nodes.len() == 1;
            if let Some(validation) = validation {
                validation.rows.each_row(|row, values| checked[row] += grown.tree.value(values));
                let mean = loss.mean(validation, &checked);
                if mean < best.0 {
                    best = (mean, round);
                }
            }
            trees.push(grown.tree);
            if done || validation.is_some() && round - best.1 >= options.patience {
                break;
            }
        }
        if validation.is_some() {
            trees.truncate(best.1);
        }
        let gains = shares(&grower.gains);
        Ensemble { base, trees, weight: 1.0, gains }
    }

    /// A random forest (Breiman 2001): trees of rows drawn with replacement, each split of the best of a few features drawn
    /// at its node; what they say is their mean. For classes 0 and 1 that is the probability of 1.
    pub fn forest(examples: Examples, options: Forest, tick: &mut dyn FnMut()) -> Self {
        let bins = Bins::new(examples.rows, options.bins, tick);
        let growth = Growth {
            depth: options.depth,
            min_rows: options.min_rows.max(1),
            l2: 0.0,
            candidates: Some(options.candidates.max(1)),
            rate: 1.0,
        };
        let count = examples.target.len();
        let mut random = Random::new(options.seed);
        let (mut trees, mut gains) = (Vec::new(), vec![0.0; examples.rows.width()]);
        for _ in 0..options.trees {
            tick();
            // A generator for each tree: how one grows changes no other.
            let mut random = Random::new(random.next());
            let mut drawn = vec![0.0; count];
            (0..count).for_each(|_| drawn[random.below(count)] += 1.0);
            let gradient = |row: usize| {
                let weight = drawn[row] * examples.weights[row];
                Gradient { g: -examples.target[row] * weight, h: weight }
            };
            let gradients: Vec<Gradient> = (0..count).map(gradient).collect();
            let mut rows: Vec<u32> = (0..count as u32).filter(|row| drawn[*row as usize] > 0.0).collect();
            let mut grower = Grower::new(&bins, growth, &mut random);
            trees.push(grower.grow(&mut rows, &gradients, tick).tree);
            gains.iter_mut().zip(&grower.gains).for_each(|(sum, gain)| *sum += gain);
        }
        Ensemble { base: 0.0, weight: 1.0 / trees.len().max(1) as f64, trees, gains: shares(&gains) }
    }
}

impl Loss {
    /// The score that fits best where there is one for all.
    fn base(self, examples: Examples) -> f64 {
        let total: f64 = examples.weights.iter().sum();
        let sum: f64 = examples.target.iter().zip(examples.weights).map(|(y, weight)| y * weight).sum();
        let mean = sum / total;
        match self {
            Loss::Squared => mean,
            Loss::Logistic => {
                let mean = mean.clamp(1e-9, 1.0 - 1e-9);
                (mean / (1.0 - mean)).ln()
            }
        }
    }

    fn gradient(self, target: f64, score: f64, weight: f64) -> Gradient {
        match self {
            Loss::Squared => Gradient { g: (score - target) * weight, h: weight },
            Loss::Logistic => {
                let p = sigmoid(score);
                Gradient { g: (p - target) * weight, h: (p * (1.0 - p)).max(1e-16) * weight }
            }
        }
    }

    fn mean(self, examples: Examples, scores: &[f64]) -> f64 {
        let loss = |(score, target): (&f64, &f64)| match self {
            Loss::Squared => (target - score) * (target - score) / 2.0,
            Loss::Logistic => softplus(*score) - target * score,
        };
        let losses = scores.iter().zip(examples.target).map(loss);
        losses.zip(examples.weights).map(|(loss, weight)| loss * weight).sum::<f64>() / scores.len() as f64
    }
}

/// 1 / (1 + exp(-x))
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// ln(1 + exp(x))
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn shares(gains: &[f64]) -> Vec<f64> {
    let total: f64 = gains.iter().sum();
    gains.iter().map(|gain| if total > 0.0 { gain / total } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::sample::{self, Sample};

    pub fn boosting() -> Boosting {
        Boosting { rounds: 60, rate: 0.1, depth: 3, min_rows: 20, l2: 0.0, patience: 10, bins: 255 }
    }

    fn examples<'a>(sample: &'a Sample, weights: &'a [f64]) -> Examples<'a> {
        Examples { rows: &sample.rows, target: &sample.target, weights }
    }

    #[test]
    fn boosting_fits_what_is_there() {
        let (sample, weights) = (sample::classes(2_000, 1), vec![1.0; 2_000]);
        let model =
            Ensemble::boost(examples(&sample, &weights), None, Loss::Logistic, boosting(), &mut || {});
        assert_eq!(model.trees.len(), 60);
        let auc = crate::predict::metrics::auc(&sample.scores(|row| model.score(row)), &sample.target);
        assert!(auc > 0.85, "{auc}");
        model.trees.iter().for_each(|tree| tree.check(sample.rows.width()).unwrap());
        // The mean of the probabilities is the base rate: the first leaf values make it so, and each round after.
        let mean: f64 = sample.scores(|row| sigmoid(model.score(row))).iter().sum::<f64>() / 2_000.0;
        let rate: f64 = sample.target.iter().sum::<f64>() / 2_000.0;
        assert!((mean - rate).abs() < 2e-3, "{mean} {rate}");
        // The last feature is noise.
        assert!((model.gains.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(model.gains[0] > 3.0 * model.gains[3]);
    }

    #[test]
    fn squared_error_finds_the_leaves_means() {
        // One feature, two values, one split: two rounds of rate 1 leave nothing over.
        let mut rows = Matrix::new(1);
        let target: Vec<f64> = (0..100).map(|row| if row % 4 == 0 { 8.0 } else { 2.0 }).collect();
        (0..100).for_each(|row| rows.push(&[f64::from(row % 4)]));
        let weights = vec![1.0; 100];
        let examples = Examples { rows: &rows, target: &target, weights: &weights };
        let options = Boosting { rounds: 5, rate: 1.0, ..boosting() };
        let model = Ensemble::boost(examples, None, Loss::Squared, options, &mut || {});
        assert!((model.score(&[0.0]) - 8.0).abs() < 1e-12);
        assert!((model.score(&[2.0]) - 2.0).abs() < 1e-12);
        assert_eq!(model.base, 3.5);
        // The second tree has nothing to split.
        assert_eq!(model.trees.len(), 2);
    }

    #[test]
    fn it_stops_where_validation_gets_worse() {
        let (sample, weights) = (sample::noise(400, 3), vec![1.0; 400]);
        let other = sample::noise(400, 4);
        let model = Ensemble::boost(
            examples(&sample, &weights),
            Some(examples(&other, &weights)),
            Loss::Logistic,
            boosting(),
            &mut || {},
        );
        assert!(model.trees.len() < 10, "{}", model.trees.len());
    }

    #[test]
    fn missing_values_go_where_they_fit() {
        // A missing value means class 1, as a large one does: they are to go together.
        let mut rows = Matrix::new(1);
        let mut target = Vec::new();
        for row in 0..300 {
            let value = if row % 3 == 0 { f64::NAN } else { f64::from(row % 10) };
            rows.push(&[value]);
            target.push(f64::from(u8::from(value.is_nan() || value > 6.5)));
        }
        let weights = vec![1.0; 300];
        let examples = Examples { rows: &rows, target: &target, weights: &weights };
        let model = Ensemble::boost(examples, None, Loss::Logistic, boosting(), &mut || {});
        assert!(model.score(&[f64::NAN]) > 2.0 && model.score(&[9.0]) > 2.0 && model.score(&[1.0]) < -2.0);
    }

    #[test]
    fn the_forest_gives_probabilities() {
        let (sample, weights) = (sample::classes(1_500, 2), vec![1.0; 1_500]);
        let options = Forest { trees: 30, depth: 8, min_rows: 2, candidates: 2, bins: 64, seed: 7 };
        let model = Ensemble::forest(examples(&sample, &weights), options, &mut || {});
        let scores = sample.scores(|row| model.score(row));
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
        let held_out = sample::classes(1_500, 9);
        let auc = crate::predict::metrics::auc(&held_out.scores(|row| model.score(row)), &held_out.target);
        assert!(auc > 0.8, "{auc}");
        let again = Ensemble::forest(examples(&sample, &weights), options, &mut || {});
        assert_eq!(model, again);
        let other = Ensemble::forest(examples(&sample, &weights), Forest { seed: 8, ..options }, &mut || {});
        assert_ne!(model, other);
    }

    #[test]
    fn contributions_add_up_to_the_score() {
        let (sample, weights) = (sample::classes(1_000, 5), vec![1.0; 1_000]);
        let model =
            Ensemble::boost(examples(&sample, &weights), None, Loss::Logistic, boosting(), &mut || {});
        sample.rows.each_row(|index, row| {
            if index % 50 == 0 {
                let (base, parts) = model.contributions(row);
                assert!((base + parts.iter().sum::<f64>() - model.score(row)).abs() < 1e-9);
            }
        });
    }

    #[test]
    fn a_tick_may_stop_it() {
        let (sample, weights) = (sample::classes(1_000, 5), vec![1.0; 1_000]);
        let stopped = std::panic::catch_unwind(|| {
            let mut ticks = 0;
            Ensemble::boost(examples(&sample, &weights), None, Loss::Logistic, boosting(), &mut || {
                ticks += 1;
                if ticks > 100 {
                    std::panic::resume_unwind(Box::new("stopped"));
                }
            })
        });
        assert!(stopped.is_err());
    }
}
