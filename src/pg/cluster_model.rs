//! Stored cluster models: named, each fit under a name a version of its own.

use super::owner::Acting;
use super::report::{Refusal, value_of};
use super::spi::{connect, connect_at_latest};
use crate::cluster::{Clusters, Fit, Options, Scale};
use crate::error::{Error, nearest};
use pgrx::prelude::*;

/// A model as it is stored. Lists by cluster and column have one cluster after the other.
#[derive(Clone, Debug)]
pub struct Model {
    /// 0 until it is stored.
    pub version: i32,
    /// The quoted name of the relation that it was fitted to.
    pub relation: String,
    pub columns: Vec<String>,
    pub standardised: bool,
    /// Of all rows, in original units.
    pub population: Scale,
    /// In the units in which distances are taken.
    pub centroids: Vec<f64>,
    pub sizes: Vec<i64>,
    /// Of the rows of each cluster, in original units.
    pub means: Vec<f64>,
    pub deviations: Vec<f64>,
}

/// What is on record about how a model came about, and how good it is.
pub struct Record<'r> {
    pub options: &'r Options,
    pub rows: usize,
    pub skipped: usize,
    pub iterations: usize,
    pub converged: bool,
    pub inertia: f64,
    pub davies_bouldin: Option<f64>,
    pub calinski_harabasz: Option<f64>,
    /// The criteria for each k that was tried, as a JSON text.
    pub choice: Option<String>,
}

impl Model {
    /// Of a fit, whose rows were standardised or not.
    pub fn new(
        relation: String,
        columns: Vec<String>,
        population: Scale,
        standardised: bool,
        fit: &Fit,
    ) -> Self {
        let (means, deviations) = if standardised {
            let spread = population.deviation.iter().cycle();
            let deviations = fit.deviations.iter().zip(spread).map(|(own, of_all)| own * of_all).collect();
            (population.restore(&fit.means), deviations)
        } else {
            (fit.means.clone(), fit.deviations.clone())
        };
        Model {
            version: 0,
            relation,
            columns,
            standardised,
            population,
            centroids: fit.centroids.clone(),
            sizes: fit.sizes.iter().map(|size| *size as i64).collect(),
            means,
            deviations,
        }
    }

    /// Whether there is a finite number for every column of every cluster, and something to divide by.
    fn holds_together(&self) -> bool {
        let (width, cells) = (self.columns.len(), self.columns.len() * self.sizes.len());
        let Scale { center, deviation } = &self.population;
        let finite = |numbers: &[f64], count: usize| {
            numbers.len() == count && numbers.iter().all(|number| number.is_finite())
        };
        cells > 0
            && [center, deviation].iter().all(|numbers| finite(numbers, width))
            && [&self.centroids, &self.means, &self.deviations].iter().all(|numbers| finite(numbers, cells))
            && deviation.iter().all(|deviation| *deviation > 0.0)
    }

    pub fn clusters(&self) -> Clusters {
        let scale = if self.standardised { self.population.clone() } else { Scale::none(self.columns.len()) };
        Clusters::new(scale, self.centroids.clone())
    }

    pub fn centroids_in_units(&self) -> Vec<f64> {
        self.clusters().scale.restore(&self.centroids)
    }

    /// By how many standard deviations of all rows each mean is off theirs.
    pub fn z_scores(&self) -> Vec<f64> {
        self.population.standardise(&self.means)
    }

    pub fn share(&self, cluster: usize) -> f64 {
        self.sizes[cluster] as f64 / self.sizes.iter().sum::<i64>().max(1) as f64
    }

    /// Stores it as the next version under a name.
    pub fn store(&self, name: &str, record: Record) {
        let _acting = Acting::as_owner();
        connect_at_latest(|session| {
            // One version after the other.
            session.modify("LOCK TABLE segment.cluster_model IN SHARE ROW EXCLUSIVE MODE", &[]);
            session.modify(
                "INSERT INTO segment.cluster_model
                   (name, version, relation, columns, standardised, seed, starts, max_iterations, tolerance, rows, skipped,
                    iterations, converged, inertia, davies_bouldin, calinski_harabasz, choice,
                    center, deviation, centroids, sizes, means, deviations)
                 SELECT $1, coalesce(max(m.version), 0) + 1, $2, $3::text[]::name[], $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                        $14, $15, $16::jsonb, $17, $18, $19, $20, $21, $22
                 FROM segment.cluster_model m WHERE m.name = $1",
                &[
                    name.into(),
                    self.relation.clone().into(),
                    self.columns.clone().into(),
                    self.standardised.into(),
                    (record.options.seed as i64).into(),
                    (record.options.starts as i32).into(),
                    (record.options.max_iterations as i32).into(),
                    record.options.tolerance.into(),
                    (record.rows as i64).into(),
                    (record.skipped as i64).into(),
                    (record.iterations as i32).into(),
                    record.converged.into(),
                    record.inertia.into(),
                    record.davies_bouldin.into(),
                    record.calinski_harabasz.into(),
                    record.choice.into(),
                    self.population.center.clone().into(),
                    self.population.deviation.clone().into(),
                    self.centroids.clone().into(),
                    self.sizes.clone().into(),
                    self.means.clone().into(),
                    self.deviations.clone().into(),
                ],
            );
        });
    }

    /// Drops all versions of a name, and returns how many there were.
    pub fn drop_all(name: &str) -> i64 {
        let _acting = Acting::as_owner();
        let sql = "DELETE FROM segment.cluster_model WHERE name = $1";
        connect(|session| session.modify(sql, &[name.into()]).count() as i64)
    }

    /// A version of the model of a name, the newest without one; or 42704. What is stored in other shapes is XX001.
    pub fn load(name: &str, version: Option<i32>) -> Model {
        let _acting = Acting::as_owner();
        connect(|session| {
            let rows = session.select(
                "SELECT relation, columns::text[], standardised, center, deviation, centroids, sizes, means, deviations, version
                 FROM segment.cluster_model WHERE name = $1 AND version = coalesce($2, version)
                 ORDER BY version DESC LIMIT 1",
                &[name.into(), version.into()],
            );
            if rows.count() == 0 {
                let names = session.select("SELECT DISTINCT name FROM segment.cluster_model", &[]);
                unknown(name, version, &names.first_column::<String>());
            }
            // A NULL becomes what the check finds.
            let numbers = |column: i32| -> Vec<f64> {
                let numbers: Vec<Option<f64>> = rows.value(0, column);
                numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect()
            };
            let sizes: Vec<Option<i64>> = rows.value(0, 7);
            let model = Model {
                version: rows.value(0, 10),
                relation: rows.value(0, 1),
                columns: rows.value(0, 2),
                standardised: rows.value(0, 3),
                population: Scale { center: numbers(4), deviation: numbers(5) },
                centroids: numbers(6),
                sizes: sizes.into_iter().flatten().collect(),
                means: numbers(8),
                deviations: numbers(9),
            };
            value_of(model.holds_together().then_some(model).ok_or(Error::Corrupt("cluster model")))
        })
    }
}

fn unknown(name: &str, version: Option<i32>, names: &[String]) -> ! {
    let (what, hint) = match (version, nearest(name, names.iter().map(String::as_str))) {
        (Some(version), _) if names.iter().any(|known| known == name) => (
            format!("version {version} of cluster model \"{name}\""),
            "The versions are listed in segment.cluster_model.".to_owned(),
        ),
        (_, Some(near)) => (format!("cluster model \"{name}\""), format!("Did you mean \"{near}\"?")),
        (_, None) => (
            format!("cluster model \"{name}\""),
            "Store one with segment.kmeans(..., model => 'name').".to_owned(),
        ),
    };
    Refusal::new(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("{what} does not exist"))
        .hint(hint)
        .raise()
}
