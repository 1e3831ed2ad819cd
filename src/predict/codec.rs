//! The stored form of a model: a magic word, the number of the form, the parts with their lengths in front, little-endian,
//! and at the end a checksum of everything before. Whatever the bytes are, reading them ends with a model that holds together
//! or with an error, and takes no more memory than a few times their length.

use super::calibration::Calibration;
use super::drift::Baseline;
use super::ensemble::Ensemble;
use super::logistic::Logistic;
use super::model::{Confidence, Learner, Model};
use super::tree::{Node, Tree};
use crate::activity::hash;
use crate::error::{Error, Result};

const MAGIC: [u8; 4] = *b"SGPM";

/// Of the form, changed with it.
const FORM: u8 = 1;

/// Bytes of the checksum.
const CHECKSUM: usize = 8;

impl Model {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer(MAGIC.to_vec());
        writer.byte(FORM);
        match &self.learner {
            Learner::Logistic(Logistic { intercept, coefficients, scale }) => {
                writer.byte(0);
                writer.number(*intercept);
                writer.numbers(coefficients);
                writer.numbers(
                    &scale.iter().flat_map(|(mean, deviation)| [*mean, *deviation]).collect::<Vec<_>>(),
                );
            }
            Learner::Trees(ensemble) => {
                writer.byte(1);
                writer.number(ensemble.base);
                writer.number(ensemble.weight);
                writer.numbers(&ensemble.gains);
                writer.count(ensemble.trees.len());
                ensemble.trees.iter().for_each(|tree| writer.tree(tree));
            }
        }
        match &self.calibration {
            Calibration::Platt { slope, intercept } => {
                writer.byte(0);
                writer.number(*slope);
                writer.number(*intercept);
            }
            Calibration::Isotonic { scores, means } => {
                writer.byte(1);
                writer.numbers(scores);
                writer.numbers(means);
            }
        }
        match &self.confidence {
            Confidence::Probability => writer.byte(0),
            Confidence::Shares { upto, shares } => {
                writer.byte(1);
                writer.numbers(upto);
                writer.numbers(shares);
            }
        }
        writer.count(self.baselines.len());
        self.baselines.iter().chain([&self.predicted]).for_each(|baseline| writer.baseline(baseline));
        let checksum = hash(&writer.0);
        writer.0.extend(checksum.to_le_bytes());
        writer.0
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or_else(corrupt)?;
        let mut reader = Reader(content.strip_prefix(&MAGIC).ok_or_else(corrupt)?);
        if reader.byte()? != FORM || hash(content) != u64::from_le_bytes(*checksum) {
            return Err(corrupt());
        }
        let learner = match reader.byte()? {
            0 => {
                let (intercept, coefficients, scale) =
                    (reader.number()?, reader.numbers()?, reader.numbers()?);
                let scale = scale.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
                Learner::Logistic(Logistic { intercept, coefficients, scale })
            }
            1 => {
                let (base, weight, gains) = (reader.number()?, reader.number()?, reader.numbers()?);
                let trees = (0..reader.count(4)?).map(|_| reader.tree()).collect::<Result<_>>()?;
                Learner::Trees(Ensemble { base, trees, weight, gains })
            }
            _ => return Err(corrupt()),
        };
        let calibration = match reader.byte()? {
            0 => Calibration::Platt { slope: reader.number()?, intercept: reader.number()? },
            1 => Calibration::Isotonic { scores: reader.numbers()?, means: reader.numbers()? },
            _ => return Err(corrupt()),
        };
        let confidence = match reader.byte()? {
            0 => Confidence::Probability,
            1 => Confidence::Shares { upto: reader.numbers()?, shares: reader.numbers()? },
            _ => return Err(corrupt()),
        };
        let baselines = (0..reader.count(24)?).map(|_| reader.baseline()).collect::<Result<_>>()?;
        let predicted = reader.baseline()?;
        let model = Model { learner, calibration, confidence, baselines, predicted };
        if !reader.0.is_empty() {
            return Err(corrupt());
        }
        model.check().map(|()| model)
    }
}

fn corrupt() -> Error {
    Error::Corrupt("model")
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn count(&mut self, count: usize) {
        self.0.extend((count as u32).to_le_bytes());
    }

    fn number(&mut self, number: f64) {
        self.0.extend(number.to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[f64]) {
        self.count(numbers.len());
        numbers.iter().for_each(|number| self.number(*number));
    }

    fn integers(&mut self, integers: &[u64]) {
        self.count(integers.len());
        integers.iter().for_each(|integer| self.0.extend(integer.to_le_bytes()));
    }

    fn tree(&mut self, tree: &Tree) {
        self.count(tree.nodes.len());
        for node in &tree.nodes {
            // A leaf has a value, and any other node a threshold.
            let number = if node.left == 0 { node.value } else { node.threshold };
            self.0.extend(node.left.to_le_bytes());
            self.0.extend(node.cover.to_le_bytes());
            self.0.extend(node.feature.to_le_bytes());
            self.byte(node.missing_left.into());
            self.number(number);
        }
    }

    fn baseline(&mut self, baseline: &Baseline) {
        self.0.extend(baseline.missing.to_le_bytes());
        self.numbers(&baseline.edges);
        self.integers(&baseline.counts);
        self.numbers(&baseline.points);
        self.integers(&baseline.below);
    }
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or_else(corrupt)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8> {
        self.take().map(u8::from_le_bytes)
    }

    /// How many elements follow, each of so many bytes at least: never more than there can be.
    fn count(&mut self, size: usize) -> Result<usize> {
        let count = self.take().map(u32::from_le_bytes)? as usize;
        if count <= self.0.len() / size { Ok(count) } else { Err(corrupt()) }
    }

    fn number(&mut self) -> Result<f64> {
        self.take().map(f64::from_le_bytes)
    }

    fn numbers(&mut self) -> Result<Vec<f64>> {
        (0..self.count(8)?).map(|_| self.number()).collect()
    }

    fn integers(&mut self) -> Result<Vec<u64>> {
        (0..self.count(8)?).map(|_| self.take().map(u64::from_le_bytes)).collect()
    }

    fn tree(&mut self) -> Result<Tree> {
        let node = |reader: &mut Self| -> Result<Node> {
            let left = u32::from_le_bytes(reader.take()?);
            let cover = u32::from_le_bytes(reader.take()?);
            let feature = u16::from_le_bytes(reader.take()?);
            let missing_left = reader.byte()? != 0;
            let number = reader.number()?;
            let (threshold, value) = if left == 0 { (0.0, number) } else { (number, 0.0) };
            Ok(Node { threshold, value, cover, left, feature, missing_left })
        };
        let nodes = (0..self.count(19)?).map(|_| node(self)).collect::<Result<_>>()?;
        Ok(Tree { nodes })
    }

    fn baseline(&mut self) -> Result<Baseline> {
        let missing = u64::from_le_bytes(self.take()?);
        let (edges, counts) = (self.numbers()?, self.integers()?);
        Ok(Baseline { missing, edges, counts, points: self.numbers()?, below: self.integers()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::ensemble::{Boosting, Examples, Loss};
    use crate::predict::sample;
    use proptest::prelude::*;

    fn models() -> [Model; 2] {
        let sample = sample::classes(400, 1);
        let weights = vec![1.0; 400];
        let examples = Examples { rows: &sample.rows, target: &sample.target, weights: &weights };
        let options =
            Boosting { rounds: 5, rate: 0.3, depth: 3, min_rows: 20, l2: 1.0, patience: 9, bins: 32 };
        let trees = Ensemble::boost(examples, None, Loss::Logistic, options, &mut || {});
        let logistic = Logistic::fit(examples, 1.0, &mut || {}).unwrap();
        let baselines: Vec<Baseline> =
            (0..4).map(|column| Baseline::new(sample.rows.column(column))).collect();
        let scores = sample.scores(|row| trees.score(row));
        let isotonic = Calibration::isotonic(&scores, &sample.target, 20);
        let model = |learner, calibration, confidence| Model {
            learner,
            calibration,
            confidence,
            baselines: baselines.clone(),
            predicted: Baseline::new(&scores),
        };
        let shares = Confidence::Shares { upto: vec![0.2, 1.0], shares: vec![0.9, 0.6] };
        let platt = Calibration::Platt { slope: 1.1, intercept: -0.2 };
        [
            model(Learner::Trees(trees), isotonic, shares),
            model(Learner::Logistic(logistic), platt, Confidence::Probability),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for model in models() {
            assert_eq!(Model::from_bytes(&model.to_bytes()), Ok(model));
        }
    }

    /// The bytes with a checksum that fits them.
    fn sealed(mut content: Vec<u8>) -> Vec<u8> {
        let checksum = hash(&content);
        content.extend(checksum.to_le_bytes());
        content
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn hostile_bytes_give_a_sound_model_or_an_error(
            which in 0_usize..2,
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            keep in any::<prop::sample::Index>(),
            cut in any::<bool>(),
        ) {
            thread_local!(static KNOWN: [Vec<u8>; 2] = models().map(|model| model.to_bytes()));
            let bytes = KNOWN.with(|known| known[which].clone());
            let mut content = bytes[..bytes.len() - CHECKSUM].to_vec();
            for (place, byte) in &changes {
                let place = place.index(content.len());
                content[place] = *byte;
            }
            if cut {
                content.truncate(keep.index(content.len()));
            }
            // Unsealed, whatever changed is noticed.
            if content != bytes[..bytes.len() - CHECKSUM] {
                let mut unsealed = content.clone();
                unsealed.extend(&bytes[bytes.len() - CHECKSUM..]);
                prop_assert!(Model::from_bytes(&unsealed).is_err());
            }
            // Sealed by somebody who means it, it is at worst another model.
            if let Ok(model) = Model::from_bytes(&sealed(content)) {
                for row in [[0.0; 4], [f64::NAN; 4], [1e300, -1e300, 0.5, 0.5]] {
                    let predicted = model.predict(&row);
                    model.confidence(predicted);
                    prop_assert_eq!(model.learner.contributions(&row).1.len(), 4);
                    model.baselines[0].compare(&row);
                }
            }
        }
    }
}
