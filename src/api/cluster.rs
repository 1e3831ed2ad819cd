//! Clusters of the rows of any relation that the caller may read.

#![allow(clippy::too_many_arguments)]

use crate::cluster::{
    Fit, Options, Panels, Scale, Silhouette, Team, calinski_harabasz, davies_bouldin, fit, sample,
};
use crate::pg::cluster_model::{Model, Record};
use crate::pg::guc;
use crate::pg::numbers::{check_columns, load, named, scale_of};
use crate::pg::relation::Relation;
use crate::pg::report::{invalid, required, value_of};
use crate::pg::types::Regclass;
use pgrx::prelude::*;

/// Rows that a silhouette looks at where nobody says how many: every pair of them.
const SAMPLE: i32 = 10_000;

/// Groups the rows of a relation into k clusters by their standardised columns, and returns a row per cluster
/// and column: the mean of its rows, in the column's units and in standard deviations from the mean of all. With a
/// model name, the result is stored under it as a new version. The best of several starts, by inertia; with `initial`,
/// one start from these centroids, given one after the other in the columns' units.
#[pg_extern(volatile, parallel_unsafe)]
fn kmeans(
    relation: Option<Regclass>,
    columns: Option<Vec<Option<String>>>,
    k: Option<i32>,
    model: default!(Option<String>, "NULL"),
    seed: default!(Option<i64>, "42"),
    max_iterations: default!(Option<i32>, "300"),
    starts: default!(Option<i32>, "10"),
    tolerance: default!(Option<f64>, "0.0001"),
    standardise: default!(Option<bool>, "true"),
    initial: default!(Option<Vec<Option<f64>>>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(cluster, i32),
        name!(size, i64),
        name!(share, f64),
        name!(feature, String),
        name!(mean, f64),
        name!(z_score, f64),
    ),
> {
    let options = options(Some(k.unwrap_or(0)), seed, max_iterations, starts, tolerance);
    let initial =
        initial.map(|numbers| numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect());
    let starts = if initial.is_some() { 1 } else { options.starts };
    let options = Options { initial, starts, ..options };
    check_name(model.as_deref());
    let mut rows = Rows::read(relation, columns, &options, standardise);
    let fit = rows.fit(&options);
    TableIterator::new(rows.stored(model.as_deref(), &options, &fit, None))
}

/// The same for the k of a range with the largest silhouette, as `choose_k` finds it; its table is stored with the model.
#[pg_extern(volatile, parallel_unsafe, name = "kmeans")]
fn kmeans_of_range(
    relation: Option<Regclass>,
    columns: Option<Vec<Option<String>>>,
    k: Option<pgrx::datum::Range<i32>>,
    model: default!(Option<String>, "NULL"),
    seed: default!(Option<i64>, "42"),
    max_iterations: default!(Option<i32>, "300"),
    starts: default!(Option<i32>, "10"),
    tolerance: default!(Option<f64>, "0.0001"),
    standardise: default!(Option<bool>, "true"),
    sample: default!(Option<i32>, "10000"),
) -> TableIterator<
    'static,
    (
        name!(cluster, i32),
        name!(size, i64),
        name!(share, f64),
        name!(feature, String),
        name!(mean, f64),
        name!(z_score, f64),
    ),
> {
    let range = whole(required(k, "k"));
    let options = options(Some(*range.end()), seed, max_iterations, starts, tolerance);
    check_name(model.as_deref());
    let mut rows = Rows::read(relation, columns, &options, standardise);
    let mut tried = rows.tries(range, &options, sample);
    let chosen = chosen(&tried);
    let choice: Vec<String> = tried
        .iter()
        .map(|tried| {
            format!(
                "{{\"k\": {}, \"inertia\": {}, \"silhouette\": {}, \"silhouette_rows\": {}, \"davies_bouldin\": {}, \"calinski_harabasz\": {}}}",
                tried.fit.sizes.len(),
                json(Some(tried.fit.inertia)),
                json(tried.silhouette.as_ref().map(|silhouette| silhouette.mean)),
                tried.looked_at,
                json(tried.davies_bouldin),
                json(tried.calinski_harabasz),
            )
        })
        .collect();
    let choice = format!("[{}]", choice.join(", "));
    let Tried { fit, .. } = tried.swap_remove(chosen);
    let options = Options { k: fit.sizes.len(), ..options };
    TableIterator::new(rows.stored(model.as_deref(), &options, &fit, Some(choice)))
}

/// Tries every k of a range and returns what speaks for each, with the one of the largest silhouette as chosen. Beyond
/// `sample` rows the silhouette is that of a sample of so many, which the seed decides.
#[pg_extern(volatile, parallel_unsafe)]
fn choose_k(
    relation: Option<Regclass>,
    columns: Option<Vec<Option<String>>>,
    k: default!(Option<pgrx::datum::Range<i32>>, "'[2,10]'"),
    seed: default!(Option<i64>, "42"),
    max_iterations: default!(Option<i32>, "300"),
    starts: default!(Option<i32>, "10"),
    tolerance: default!(Option<f64>, "0.0001"),
    standardise: default!(Option<bool>, "true"),
    sample: default!(Option<i32>, "10000"),
) -> TableIterator<
    'static,
    (
        name!(k, i32),
        name!(inertia, f64),
        name!(silhouette, Option<f64>),
        name!(silhouette_rows, i64),
        name!(davies_bouldin, Option<f64>),
        name!(calinski_harabasz, Option<f64>),
        name!(smallest, i64),
        name!(chosen, bool),
    ),
> {
    let range = whole(required(k, "k"));
    let options = options(Some(*range.end()), seed, max_iterations, starts, tolerance);
    let mut rows = Rows::read(relation, columns, &options, standardise);
    let tried = rows.tries(range, &options, sample);
    let chosen = chosen(&tried);
    let rows = tried.into_iter().enumerate().map(|(place, tried)| {
        (
            tried.fit.sizes.len() as i32,
            tried.fit.inertia,
            tried.silhouette.map(|silhouette| silhouette.mean),
            tried.looked_at as i64,
            tried.davies_bouldin,
            tried.calinski_harabasz,
            tried.fit.sizes.last().copied().unwrap_or(0) as i64,
            place == chosen,
        )
    });
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// A cluster, its size and share, a column, its mean in the cluster and how many standard deviations that is off.
type Cell = (i32, i64, f64, String, f64, f64);

/// Rows that were read, in the units in which distances are taken.
struct Rows {
    relation: Relation,
    columns: Vec<String>,
    panels: Panels,
    skipped: usize,
    /// Of the rows as they were read.
    population: Scale,
    standardised: bool,
}

/// A fit, and what speaks for its k.
struct Tried {
    fit: Fit,
    silhouette: Option<Silhouette>,
    /// How many rows the silhouette is of.
    looked_at: usize,
    davies_bouldin: Option<f64>,
    calinski_harabasz: Option<f64>,
}

impl Rows {
    fn read(
        relation: Option<Regclass>,
        columns: Option<Vec<Option<String>>>,
        options: &Options,
        standardise: Option<bool>,
    ) -> Self {
        let relation = Relation::require(required(relation, "relation").0);
        let columns = named(columns);
        value_of(options.check(columns.len()));
        check_columns(&relation, &columns);
        let (mut panels, skipped) = load(&relation, &columns);
        if skipped > 0 {
            pgrx::notice!("{skipped} rows with NULL, NaN or an infinity were left out");
        }
        let (standardised, population) =
            (standardise.unwrap_or(true), with_team(|team| scale_of(&panels, &columns, team)));
        if standardised && panels.rows() > 0 {
            population.apply(&mut panels);
        }
        Rows { relation, columns, panels, skipped, population, standardised }
    }

    fn fit(&mut self, options: &Options) -> Fit {
        let initial = options.initial.as_ref().map(|initial| match self.standardised {
            true => self.population.standardise(initial),
            false => initial.clone(),
        });
        let options = Options { initial, ..options.clone() };
        value_of(with_team(|team| fit(&self.panels, &options, team)))
    }

    fn tries(
        &mut self,
        range: std::ops::RangeInclusive<i32>,
        options: &Options,
        sample: Option<i32>,
    ) -> Vec<Tried> {
        let tries = range.map(|k| {
            let fit = self.fit(&Options { k: k as usize, ..options.clone() });
            with_team(|team| {
                let (silhouette, looked_at) =
                    look(&self.panels, &fit.labels, fit.sizes.len(), sample, options.seed, team);
                Tried {
                    silhouette,
                    looked_at,
                    davies_bouldin: davies_bouldin(&self.panels, &fit, team),
                    calinski_harabasz: calinski_harabasz(&fit),
                    fit,
                }
            })
        });
        tries.collect()
    }

    /// Returns the clusters of a fit, stored under a name where there is one.
    fn stored(self, name: Option<&str>, options: &Options, fit: &Fit, choice: Option<String>) -> Vec<Cell> {
        let relation = self.relation.quoted();
        let model = Model::new(relation, self.columns, self.population, self.standardised, fit);
        if let Some(name) = name {
            let record = Record {
                options,
                rows: self.panels.rows(),
                skipped: self.skipped,
                iterations: fit.iterations,
                converged: fit.converged,
                inertia: fit.inertia,
                davies_bouldin: with_team(|team| davies_bouldin(&self.panels, fit, team)),
                calinski_harabasz: calinski_harabasz(fit),
                choice,
            };
            model.store(name, record);
        }
        let cells = model.means.iter().zip(model.z_scores()).enumerate().map(|(cell, (mean, score))| {
            let (cluster, column) = (cell / model.columns.len(), cell % model.columns.len());
            let feature = model.columns[column].clone();
            (cluster as i32 + 1, model.sizes[cluster], model.share(cluster), feature, *mean, score)
        });
        cells.collect()
    }
}

/// Runs work with the threads that the setting allows, which the backend's signals do not reach.
pub(super) fn with_team<R>(work: impl FnOnce(&mut Team) -> R) -> R {
    work(&mut Team::new(guc::max_threads(), &mut || {
        pgrx::check_for_interrupts!();
    }))
}

/// The silhouette of rows, or of a sample of them, and of how many.
pub(super) fn look(
    panels: &Panels,
    labels: &[u32],
    k: usize,
    wanted: Option<i32>,
    seed: u64,
    team: &mut Team,
) -> (Option<Silhouette>, usize) {
    let wanted = wanted.unwrap_or(SAMPLE);
    if wanted < 2 {
        invalid("sample must be at least 2", "Leave it at its default, 10000.");
    }
    if panels.rows() <= wanted as usize {
        return (crate::cluster::silhouette(panels, labels, k, team), panels.rows());
    }
    let rows = sample(panels.rows(), wanted as usize, seed);
    let labels: Vec<u32> = rows.iter().map(|row| labels[*row]).collect();
    (crate::cluster::silhouette(&value_of(panels.select(&rows)), &labels, k, team), rows.len())
}

/// The one with the largest silhouette, the fewest clusters among equals; the first where none has any.
fn chosen(tried: &[Tried]) -> usize {
    let of = |place: usize| tried[place].silhouette.as_ref().map_or(f64::NEG_INFINITY, |found| found.mean);
    (1..tried.len()).fold(0, |best, place| if of(place) > of(best) { place } else { best })
}

fn options(
    k: Option<i32>,
    seed: Option<i64>,
    max_iterations: Option<i32>,
    starts: Option<i32>,
    tolerance: Option<f64>,
) -> Options {
    let count = |argument: Option<i32>| usize::try_from(argument.unwrap_or(0)).unwrap_or(0);
    Options {
        k: count(k),
        seed: seed.unwrap_or(42) as u64,
        starts: count(starts.or(Some(10))),
        max_iterations: count(max_iterations.or(Some(300))),
        tolerance: tolerance.unwrap_or(1e-4),
        initial: None,
    }
}

/// The numbers of a range, from 2 on; refuses one without an end.
fn whole(range: pgrx::datum::Range<i32>) -> std::ops::RangeInclusive<i32> {
    use pgrx::datum::RangeBound::{Exclusive, Inclusive};
    let (least, most) = match (range.lower(), range.upper()) {
        (Some(Inclusive(least)), Some(Exclusive(end))) => (*least, end - 1),
        _ => (0, 0),
    };
    if least < 2 || most < least || most > 100 {
        invalid("a range of k lies within 2 and 100", "Write one such as '[2,10]'.");
    }
    least..=most
}

fn check_name(model: Option<&str>) {
    if model == Some("") {
        invalid("model must not be empty", "Name the model, or leave it out to store none.");
    }
}

fn json(number: Option<f64>) -> String {
    number.filter(|number| number.is_finite()).map_or_else(|| "null".to_owned(), |number| number.to_string())
}
