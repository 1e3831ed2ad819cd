//! k-means against what is known about it: linfa's own, and properties that hold for any rows.

use super::kernel::Vectors;
use super::kernel::tests::FORCED;
use super::random::Random;
use super::*;
use crate::error::Result;
use linfa::DatasetBase;
use linfa::traits::Fit as _;
use linfa_clustering::{KMeans, KMeansInit};
use ndarray::Array2;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;

fn options(k: usize) -> Options {
    Options { k, seed: 42, starts: 1, max_iterations: 300, tolerance: 0.0, initial: None }
}

fn panels(rows: impl IntoIterator<Item = Vec<f64>>) -> Panels {
    let mut rows = rows.into_iter().peekable();
    let mut panels = Panels::new(rows.peek().map_or(1, Vec::len));
    rows.for_each(|row| panels.push(&row).unwrap());
    panels
}

/// Groups around some centres, overlapping a little.
fn blobs(rows: usize, width: usize, groups: usize, seed: u64) -> Panels {
    let mut random = Random::new(seed);
    let mut spread = |size: f64| (0..12).map(|_| random.unit() - 0.5).sum::<f64>() * size;
    let centres: Vec<Vec<f64>> = (0..groups).map(|_| (0..width).map(|_| spread(4.0)).collect()).collect();
    panels((0..rows).map(|row| centres[row % groups].iter().map(|centre| centre + spread(1.0)).collect()))
}

fn run(panels: &Panels, options: &Options) -> Result<Fit> {
    fit(panels, options, &mut Team::new(1, &mut || ()))
}

#[test]
fn separates_what_is_apart() {
    let group = |index: usize| {
        if index < 150 {
            0.0
        } else if index < 250 {
            10.0
        } else {
            20.0
        }
    };
    let rows = panels((0..300).map(|index| vec![group(index) + (index % 7) as f64 / 10.0, group(index)]));
    let fit = run(&rows, &Options { starts: 5, ..options(3) }).unwrap();
    assert_eq!(fit.sizes, [150, 100, 50]);
    assert!(fit.labels.iter().enumerate().all(|(row, label)| f64::from(*label) * 10.0 == group(row)));
    assert!(fit.converged && fit.means == fit.centroids);
}

#[test]
fn converges_where_linfa_does() {
    for seed in 0..5 {
        let rows = blobs(400, 3, 4, seed);
        let initial: Vec<f64> = (0..4).flat_map(|row| rows.row(row * 7)).collect();
        let ours = run(&rows, &Options { initial: Some(initial.clone()), ..options(4) }).unwrap();
        let numbers = (0..rows.rows()).flat_map(|row| rows.row(row)).collect();
        let data = DatasetBase::from(Array2::from_shape_vec((400, 3), numbers).unwrap());
        let theirs = KMeans::params_with_rng(4, Xoshiro256Plus::seed_from_u64(1))
            .init_method(KMeansInit::Precomputed(Array2::from_shape_vec((4, 3), initial).unwrap()))
            .n_runs(1)
            .max_n_iterations(5_000)
            .tolerance(1e-12)
            .fit(&data)
            .unwrap();
        // linfa has them in the order of the initial ones.
        let mut theirs: Vec<Vec<f64>> =
            theirs.centroids().rows().into_iter().map(|row| row.to_vec()).collect();
        let mut ours: Vec<Vec<f64>> = ours.centroids.chunks(3).map(<[f64]>::to_vec).collect();
        for list in [&mut ours, &mut theirs] {
            list.sort_by(|a, b| a[0].total_cmp(&b[0]));
        }
        let apart = ours.iter().flatten().zip(theirs.iter().flatten()).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-9, "seed {seed}: {ours:?} {theirs:?}");
    }
}

#[test]
fn threads_and_processors_give_the_same_bits() {
    let rows = blobs(30_000, 5, 6, 3);
    let everything = |threads| {
        let (mut tick, mut rows) = (|| (), rows.clone());
        let mut team = Team::new(threads, &mut tick);
        let scale = Scale::of(&rows, &mut team);
        scale.apply(&mut rows);
        let fit = fit(&rows, &Options { starts: 3, tolerance: 1e-4, ..options(7) }, &mut team).unwrap();
        let some = sample(rows.rows(), 500, 1);
        let labels: Vec<u32> = some.iter().map(|row| fit.labels[*row]).collect();
        let silhouette = silhouette(&rows.select(&some).unwrap(), &labels, 7, &mut team);
        let indices = [davies_bouldin(&rows, &fit, &mut team), calinski_harabasz(&fit)];
        let numbers = [&scale.center, &fit.centroids, &fit.means, &fit.deviations].map(|list| bits(list));
        (
            numbers,
            fit.inertia.to_bits(),
            fit.labels,
            silhouette,
            indices.map(|index| index.unwrap().to_bits()),
        )
    };
    let alone = everything(1);
    assert_eq!(alone, everything(2));
    assert_eq!(alone, everything(5));
    FORCED.set(Some(Vectors::Portable));
    assert_eq!(alone, everything(1));
    FORCED.set(None);
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

#[test]
fn more_iterations_and_starts_are_never_worse() {
    let rows = blobs(3_000, 4, 9, 11);
    let inertia = |starts, max_iterations| {
        run(&rows, &Options { starts, max_iterations, ..options(9) }).unwrap().inertia
    };
    let by_iterations: Vec<f64> = (1..8).map(|most| inertia(1, most)).collect();
    assert!(by_iterations.windows(2).all(|pair| pair[1] <= pair[0]), "{by_iterations:?}");
    assert!(inertia(10, 300) <= inertia(3, 300));
    assert!(!run(&rows, &Options { max_iterations: 1, ..options(9) }).unwrap().converged);
}

#[test]
fn labels_sizes_and_inertia_are_those_of_the_centroids() {
    let rows = blobs(9_000, 3, 4, 5);
    // More than a panel of centroids, too.
    for (k, tolerance) in [(4, 0.0), (4, 1e-2), (37, 1e-2)] {
        let fit = run(&rows, &Options { tolerance, ..options(k) }).unwrap();
        let clusters = Clusters::new(Scale::none(3), fit.centroids.clone());
        let all = (0..rows.rows()).map(|row| clusters.assign(&rows.row(row).collect::<Vec<_>>()));
        let (labels, distances): (Vec<u32>, Vec<f64>) = all.unzip();
        let inertia: f64 = distances.iter().map(|distance| distance * distance).sum();
        assert_eq!(labels, fit.labels);
        assert!((inertia - fit.inertia).abs() < 1e-9 * inertia);
        assert_eq!(fit.sizes.iter().sum::<usize>(), 9_000);
        assert!(fit.sizes.is_sorted_by(|a, b| a >= b));
    }
}

#[test]
fn a_cluster_is_what_lies_within_its_borders() {
    let mut rows = blobs(2_000, 3, 5, 21);
    rows.map(|column, value| value * [1.0, 1e4, 1e-3][column] + 7.0);
    let mut tick = || ();
    let scale = Scale::of(&rows, &mut Team::new(1, &mut tick));
    let mut standardised = rows.clone();
    scale.apply(&mut standardised);
    let clusters = Clusters::new(scale, run(&standardised, &options(5)).unwrap().centroids);
    for row in 0..rows.rows() {
        let row: Vec<f64> = rows.row(row).collect();
        let deviations = clusters.scale.standardise(&row);
        let nearer = |first: usize, second: usize| {
            let (constant, weights) = clusters.border(first, second);
            constant + weights.iter().zip(&deviations).map(|(weight, value)| weight * value).sum::<f64>()
                >= 0.0
        };
        let within = |cluster: usize| (0..5).all(|other| other == cluster || nearer(cluster, other));
        let found: Vec<usize> = (0..5).filter(|cluster| within(*cluster)).collect();
        assert_eq!(found, [clusters.assign(&row).0 as usize]);
    }
}

#[test]
fn an_empty_cluster_takes_the_farthest_row() {
    // No row is nearest to the third initial centroid.
    let rows = panels([0.0, 1.0, 2.0, 10.0, 11.0, 40.0].map(|x| vec![x]));
    let initial = Some(vec![1.0, 10.0, -1e6]);
    let fit = run(&rows, &Options { initial, ..options(3) }).unwrap();
    assert_eq!(fit.sizes, [3, 2, 1]);
    assert_eq!(fit.centroids, [1.0, 10.5, 40.0]);
}

#[test]
fn duplicates_constants_and_single_rows_are_harmless() {
    let rows = panels((0..100).map(|row| vec![f64::from(row % 3), 5.0]));
    let fit = run(&rows, &options(3)).unwrap();
    assert_eq!((fit.inertia, fit.sizes.as_slice()), (0.0, [34, 33, 33].as_slice()));
    let scale = |rows: &Panels| Scale::of(rows, &mut Team::new(1, &mut || ()));
    assert_eq!(scale(&rows).deviation[1], 1.0);
    // The mean of many tenths is not exactly a tenth.
    assert_eq!(scale(&panels((0..1_000).map(|_| vec![0.1]))).deviation, [1.0]);
    let close = |rows: &Panels| scale(rows).too_close(rows, &mut Team::new(1, &mut || ()));
    assert_eq!(close(&panels((0..50).map(|row| vec![0.1, f64::from(row) * 1e-200]))), Some(1));
    assert_eq!(close(&panels((0..50).map(|row| vec![f64::from(row) * 1e-155]))), Some(0));
    assert_eq!(
        close(&panels((0..50).map(|row| vec![0.0, -0.0, f64::from(row % 2 * 2), f64::from(row) * 1e-100]))),
        None
    );
    let one = run(&panels([vec![1.0, 2.0]]), &options(1)).unwrap();
    assert_eq!((one.centroids, one.deviations), (vec![1.0, 2.0], vec![0.0, 0.0]));
}

#[test]
fn impossible_requests_are_refused() {
    let rows = panels([vec![1.0], vec![1.0], vec![0.0], vec![-0.0]]);
    let problem = |options: Options| run(&rows, &options).unwrap_err().to_string();
    assert_eq!(problem(options(3)), "k is 3, but the number of distinct rows is 2");
    assert_eq!(problem(options(0)), "k must be at least 1");
    assert_eq!(problem(Options { starts: 0, ..options(1) }), "starts must be 1 to 1000");
    assert_eq!(
        problem(Options { tolerance: f64::NAN, ..options(1) }),
        "tolerance must be at least 0 and below 1"
    );
    let wide = options(21).check(1_000).unwrap_err().to_string();
    assert_eq!(wide, "k times the columns is 21000, and must be at most 20000");
    let initial = Some(vec![1.0]);
    assert!(problem(Options { initial, ..options(2) }).contains("initial has 1 numbers"));
    assert!(run(&Panels::new(1), &options(1)).is_err());
}

/// The definition, word by word.
#[test]
fn the_silhouette_is_that_of_its_definition() {
    let rows = blobs(100, 2, 3, 8);
    let labels: Vec<u32> = (0..100).map(|row| if row == 99 { 3 } else { (row % 3) as u32 }).collect();
    let distance =
        |a: usize, b: usize| rows.row(a).zip(rows.row(b)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
    let mean_to = |row: usize, label: u32| {
        let others: Vec<f64> = (0..100)
            .filter(|other| *other != row && labels[*other] == label)
            .map(|other| distance(row, other))
            .collect();
        others.iter().sum::<f64>() / others.len() as f64
    };
    let of = |row: usize| {
        let own = labels[row];
        if own == 3 {
            return 0.0;
        }
        let between = (0..4).filter(|label| *label != own).map(|label| mean_to(row, label));
        let (a, b) = (mean_to(row, own), between.fold(f64::INFINITY, f64::min));
        (b - a) / a.max(b)
    };
    let expected = (0..100).map(of).sum::<f64>() / 100.0;
    let found = silhouette(&rows, &labels, 4, &mut Team::new(2, &mut || ())).unwrap();
    assert!((found.mean - expected).abs() < 1e-12);
    assert_eq!(found.clusters[3], (1, Some(0.0)));
    let sum = found.clusters.iter().map(|(size, mean)| *size as f64 * mean.unwrap_or(0.0)).sum::<f64>();
    assert!((sum / 100.0 - expected).abs() < 1e-12);
    assert_eq!(silhouette(&rows, &[0; 100], 4, &mut Team::new(1, &mut || ())), None);
}

/// What MADlib's manual publishes.
#[test]
fn the_inertia_of_the_manual_of_madlib() {
    let rows = include_str!("madlib.csv").lines();
    let rows = panels(rows.map(|line| line.split(',').map(|number| number.parse().unwrap()).collect()));
    let fit = run(&rows, &Options { starts: 20, ..options(2) }).unwrap();
    assert!((fit.inertia - 151_184.962_671_616).abs() < 1e-6, "{}", fit.inertia);
}
