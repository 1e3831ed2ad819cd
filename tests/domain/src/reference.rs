//! Compares with what scikit-learn and scipy make of the data in `PG_SEGMENT_REFERENCE`; tests/suites/reference.sh runs it.

use crate::predict::{
    Baseline, Boosting, Calibration, Ensemble, Examples, Logistic, Loss, Matrix, auc, brier,
    kolmogorov_smirnov, log_loss, psi, sigmoid,
};

fn read(name: &str) -> Vec<Vec<f64>> {
    let directory = std::env::var("PG_SEGMENT_REFERENCE").expect("PG_SEGMENT_REFERENCE is set");
    let text = std::fs::read_to_string(format!("{directory}/{name}.csv")).expect("the data are there");
    text.lines().map(|line| line.split(',').map(|number| number.parse().unwrap()).collect()).collect()
}

/// The rows that are wanted, with what is to be predicted: the last column.
fn examples(data: &[Vec<f64>], wanted: impl Fn(usize) -> bool) -> (Matrix, Vec<f64>, Vec<f64>) {
    let width = data[0].len() - 1;
    let (mut rows, mut target) = (Matrix::new(width), Vec::new());
    for (_, row) in data.iter().enumerate().filter(|(index, _)| wanted(*index)) {
        rows.push(&row[..width]);
        target.push(row[width]);
    }
    let weights = vec![1.0; target.len()];
    (rows, target, weights)
}

fn scores(rows: &Matrix, score: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut scores = Vec::new();
    rows.each_row(|_, row| scores.push(score(row)));
    scores
}

#[track_caller]
fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected}");
}

/// LogisticRegression(C=1) of scikit-learn 1.9.1 on the standardised features of breast cancer.
#[test]
#[ignore = "needs the data of scikit-learn"]
fn reference_logistic() {
    let (rows, target, weights) = examples(&read("breast_cancer"), |_| true);
    let examples = Examples { rows: &rows, target: &target, weights: &weights };
    let model = Logistic::fit(examples, 1.0, &mut || {}).unwrap();
    near(model.intercept, 0.21450295, 1e-6);
    near(model.coefficients[0], -0.36309271, 1e-6);
    near(model.coefficients[29], -0.47981900, 1e-6);
    let p: Vec<f64> = scores(&rows, |row| sigmoid(model.score(row)));
    near(log_loss(&p, &target), 0.05339186, 1e-6);
    near(auc(&p, &target), 0.99744992, 1e-6);
    near(brier(&p, &target), 0.01279967, 1e-6);
}

/// ks_2samp of scipy 1.17.1, and the population stability index by deciles.
#[test]
#[ignore = "needs the data of scikit-learn"]
fn reference_drift() {
    let iris = read("iris");
    let of =
        |class: f64| -> Vec<f64> { iris.iter().filter(|row| row[4] == class).map(|row| row[0]).collect() };
    let (ks, p) = kolmogorov_smirnov(&of(1.0), &of(2.0));
    near(ks, 0.46, 1e-12);
    near(p, 3.80083e-5, 1e-10);
    // mannwhitneyu: U is 526 of 50 times 50 pairs, the others of which virginica wins.
    let not_setosa = |row: &&Vec<f64>| row[4] > 0.0;
    let (lengths, target): (Vec<f64>, Vec<f64>) =
        iris.iter().filter(not_setosa).map(|row| (row[0], row[4] - 1.0)).unzip();
    near(auc(&lengths, &target), 1.0 - 526.0 / 2_500.0, 1e-12);
    let cancer = read("breast_cancer");
    let of =
        |class: f64| -> Vec<f64> { cancer.iter().filter(|row| row[30] == class).map(|row| row[0]).collect() };
    let (malignant, benign) = (of(0.0), of(1.0));
    near(kolmogorov_smirnov(&benign, &malignant).0, 0.728622, 1e-6);
    let tenths = read("tenths");
    let counts = |class: usize| -> Vec<u64> { tenths.iter().map(|row| row[class] as u64).collect() };
    near(psi(&counts(0), &counts(1)), 3.898734, 1e-6);
    // By 200 points of the distribution function; a value at the end of a tenth is in it, and not in the next.
    let drift = Baseline::new(&benign).compare(&malignant);
    near(drift.ks, 0.728622, 1.0 / 200.0);
    near(drift.psi, 3.898734, 0.02);
}

/// IsotonicRegression of scikit-learn.
#[test]
#[ignore = "needs the data of scikit-learn"]
fn reference_isotonic() {
    let rows = read("isotonic");
    let column = |column: usize| -> Vec<f64> { rows.iter().map(|row| row[column]).collect() };
    let calibration = Calibration::isotonic(&column(0), &column(1), 1);
    rows.iter().for_each(|row| near(calibration.apply(row[0]), row[2], 1e-9));
}

/// HistGradientBoostingClassifier of scikit-learn: not the same trees, but as good.
#[test]
#[ignore = "needs the data of scikit-learn"]
fn reference_boosting() {
    let data = read("breast_cancer");
    let (rows, target, weights) = examples(&data, |index| index % 2 == 0);
    let examples_ = Examples { rows: &rows, target: &target, weights: &weights };
    let options =
        Boosting { rounds: 100, rate: 0.1, depth: 3, min_rows: 20, l2: 0.0, patience: 1, bins: 255 };
    let model = Ensemble::boost(examples_, None, Loss::Logistic, options, &mut || {});
    let (rows, target, _) = examples(&data, |index| index % 2 == 1);
    let own = auc(&scores(&rows, |row| model.score(row)), &target);
    near(own, read("boosting")[0][0], 0.005);
}
