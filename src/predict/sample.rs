//! Made-up examples for the tests.

use super::matrix::Matrix;
use super::random::Random;

pub struct Sample {
    pub rows: Matrix,
    pub target: Vec<f64>,
}

impl Sample {
    pub fn scores(&self, score: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut scores = Vec::new();
        self.rows.each_row(|_, row| scores.push(score(row)));
        scores
    }
}

fn unit(random: &mut Random) -> f64 {
    random.below(1 << 53) as f64 / (1_u64 << 53) as f64
}

/// Classes that the first feature says most about, the second one less, the third one where it is missing, and the fourth
/// one nothing.
pub fn classes(rows: usize, seed: u64) -> Sample {
    let mut random = Random::new(seed);
    let mut sample = Sample { rows: Matrix::new(4), target: Vec::new() };
    for _ in 0..rows {
        let [a, b, c, d] = [(); 4].map(|()| unit(&mut random));
        let missing = c > 0.7;
        let odds = 5.0 * a + 2.0 * (b * 6.0).sin() + if missing { 1.5 } else { 0.0 } - 3.5;
        let happens = unit(&mut random) < super::ensemble::sigmoid(odds);
        sample.rows.push(&[a, b, if missing { f64::NAN } else { c }, d]);
        sample.target.push(f64::from(u8::from(happens)));
    }
    sample
}

/// Classes that the features say nothing about.
pub fn noise(rows: usize, seed: u64) -> Sample {
    let mut random = Random::new(seed);
    let mut sample = classes(rows, seed);
    sample.target.iter_mut().for_each(|target| *target = f64::from(u8::from(unit(&mut random) < 0.5)));
    sample
}
