//! Times the learners of the extension on numbers from a file, without a server: `learn kmeans DIRECTORY` and `learn boosting
//! DIRECTORY` read what `learning.py data DIRECTORY` wrote, and print what they found and the milliseconds.

use pg_segment_domain_tests::cluster::{Options, Panels, Team, fit};
use pg_segment_domain_tests::predict::{Boosting, Ensemble, Examples, Loss, Matrix, auc};
use std::time::Instant;

/// As `learning.py` has them.
const CLUSTERED: usize = 10;
const K: usize = 8;
const FEATURES: usize = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, directory] = arguments.as_slice() else {
        return Err("learn kmeans|boosting DIRECTORY".into());
    };
    // The first time warms caches up and is not counted.
    let timed = || -> Result<(f64, f64), Box<dyn std::error::Error>> {
        match what.as_str() {
            "kmeans" => kmeans(&numbers(directory, "points")?),
            _ => boosting(&numbers(directory, "train")?, &numbers(directory, "test")?),
        }
    };
    timed()?;
    let (found, milliseconds) = timed()?;
    println!("{found:?} {milliseconds}");
    Ok(())
}

fn numbers(directory: &str, name: &str) -> std::io::Result<Vec<f64>> {
    let bytes = std::fs::read(format!("{directory}/{name}.bin"))?;
    Ok(bytes.as_chunks().0.iter().map(|number| f64::from_le_bytes(*number)).collect())
}

/// The inertia of k-means from the first rows on, and how long the fit took, with its copying of the rows into panels.
fn kmeans(rows: &[f64]) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let began = Instant::now();
    let mut panels = Panels::new(CLUSTERED);
    for row in rows.chunks_exact(CLUSTERED) {
        panels.push(row)?;
    }
    let initial = Some(rows[..K * CLUSTERED].to_vec());
    let options = Options { k: K, seed: 0, starts: 1, max_iterations: 300, tolerance: 1e-4, initial };
    let fit = fit(&panels, &options, &mut Team::new(1, &mut || ()))?;
    Ok((fit.inertia, began.elapsed().as_secs_f64() * 1e3))
}

/// The area under the curve of boosting at rows that it did not see, and how long the fit took, with its binning.
fn boosting(train: &[f64], test: &[f64]) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let split = |numbers: &[f64]| {
        let (mut rows, mut target) = (Matrix::new(FEATURES), Vec::new());
        for row in numbers.chunks_exact(FEATURES + 1) {
            rows.push(&row[..FEATURES]);
            target.push(row[FEATURES]);
        }
        (rows, target)
    };
    let (rows, target) = split(train);
    let weights = vec![1.0; target.len()];
    let examples = Examples { rows: &rows, target: &target, weights: &weights };
    let options =
        Boosting { rounds: 100, rate: 0.1, depth: 3, min_rows: 20, l2: 1.0, patience: 0, bins: 255 };
    let began = Instant::now();
    let model = Ensemble::boost(examples, None, Loss::Logistic, options, &mut || ());
    let milliseconds = began.elapsed().as_secs_f64() * 1e3;
    let (rows, target) = split(test);
    let mut scores = Vec::new();
    rows.each_row(|_, row| scores.push(model.score(row)));
    Ok((auc(&scores, &target), milliseconds))
}
