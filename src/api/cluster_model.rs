//! What stored cluster models say: of the rows of a relation, of one row, of themselves.

use super::cluster::{look, with_team};
use crate::cluster::{Clusters, in_words, names};
use crate::pg::call::{Seen, kept};
use crate::pg::cluster_model::Model;
use crate::pg::numbers::{check_columns, load, read};
use crate::pg::passed::Passed;
use crate::pg::relation::Relation;
use crate::pg::report::{invalid, required};
use crate::pg::result;
use crate::pg::types::{Name, Regclass, TextArgument};
use pgrx::prelude::*;

/// The nearest cluster of a stored model for every row of a relation with the model's columns, with the distance to its
/// centroid in standard deviations. Rows with NULL, NaN or an infinity are left out.
#[pg_extern(sql = r#"
CREATE FUNCTION segment.kmeans_assign(model text, relation regclass, id_column name, version integer DEFAULT NULL)
RETURNS TABLE (id text, cluster integer, distance double precision)
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn kmeans_assign(
    model: Option<String>,
    relation: Option<Regclass>,
    id_column: Option<Name>,
    version: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let model = Model::load(&required(model, "model"), version);
    let relation = Relation::require(required(relation, "relation").0);
    let id_column = required(id_column, "id_column").0;
    check_columns(&relation, &model.columns);
    let clusters = model.clusters();
    // SAFETY: declared as above.
    let mut assigned = unsafe { result::Rows::of(fcinfo) };
    read(&relation, &model.columns, Some(&id_column), &mut |row, id| {
        let (cluster, distance) = clusters.assign(row);
        assigned.put([id, (cluster as i32 + 1).into_datum(), distance.into_datum()]);
    });
}

/// The nearest cluster of the newest version of a stored model for numbers, which are those of its columns, in their order; NULL
/// where one of them is NULL, NaN or an infinity.
#[pg_extern(sql = r#"
CREATE FUNCTION segment.kmeans_cluster(model text, VARIADIC numbers "any")
RETURNS integer
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn kmeans_cluster(model: Option<TextArgument>, fcinfo: pg_sys::FunctionCallInfo) -> Option<i32> {
    let name = required(model, "model");
    // SAFETY: this function keeps nothing else, and lets go of it at its end.
    let kept = unsafe { kept::<Assignment>(fcinfo) };
    if !kept.as_ref().is_some_and(|known| known.model == name.bytes() && known.seen == Seen::now()) {
        // SAFETY: the executor calls.
        *kept = Some(Assignment::new(name, unsafe { Passed::from(1, fcinfo) }));
    }
    kept.as_mut()?.cluster(fcinfo)
}

/// A model, as it assigns numbers that are passed at one place.
struct Assignment {
    model: Vec<u8>,
    seen: Seen,
    clusters: Clusters,
    passed: Passed,
    numbers: Vec<f64>,
}

impl Assignment {
    fn new(name: TextArgument, passed: Passed) -> Self {
        let model = Model::load(&name.text(), None);
        if passed.count() != model.columns.len() {
            invalid(
                format!(
                    "cluster model \"{}\" has {} columns, but the number of values is {}",
                    name.text(),
                    model.columns.len(),
                    passed.count()
                ),
                format!("Pass {}, in this order.", model.columns.join(", ")),
            );
        }
        let (model_name, seen) = (name.bytes().to_vec(), Seen::now());
        Assignment { model: model_name, seen, clusters: model.clusters(), passed, numbers: Vec::new() }
    }

    fn cluster(&mut self, call: pg_sys::FunctionCallInfo) -> Option<i32> {
        // SAFETY: what is kept at a place is passed its calls alone.
        let complete = unsafe { self.passed.read(call, &mut self.numbers) };
        complete.then(|| self.clusters.assign(&self.numbers).0 as i32 + 1)
    }
}

/// What sets each cluster of a stored model apart: a row per cluster and column, those farthest from the mean of all rows
/// first, with the mean and deviation of its rows and a sentence; `name` says what is farthest off.
#[pg_extern(stable, parallel_restricted)]
fn cluster_profile(
    model: Option<String>,
    version: default!(Option<i32>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(cluster, i32),
        name!(name, String),
        name!(size, i64),
        name!(share, f64),
        name!(feature, String),
        name!(mean, f64),
        name!(deviation, f64),
        name!(overall_mean, f64),
        name!(z_score, f64),
        name!(rule, String),
    ),
> {
    let model = Model::load(&required(model, "model"), version);
    let (width, scores) = (model.columns.len(), model.z_scores());
    let names = names(&model.columns, &scores);
    let mut profile = Vec::with_capacity(scores.len());
    for (cluster, (name, size)) in names.iter().zip(&model.sizes).enumerate() {
        let mut order: Vec<usize> = (0..width).collect();
        let score = |column: usize| scores[cluster * width + column];
        order.sort_by(|a, b| score(*b).abs().total_cmp(&score(*a).abs()));
        for column in order {
            let (feature, of_all) = (&model.columns[column], model.population.center[column]);
            let mean = model.means[cluster * width + column];
            profile.push((
                cluster as i32 + 1,
                name.clone(),
                *size,
                model.share(cluster),
                feature.clone(),
                mean,
                model.deviations[cluster * width + column],
                of_all,
                score(column),
                in_words(feature, mean, of_all, score(column)),
            ));
        }
    }
    TableIterator::new(profile)
}

/// The mean silhouette of the rows of a relation under a stored model, per cluster and, in the row without one, of all.
/// Exact up to `sample` rows; beyond, of a sample of so many, which the seed decides.
#[pg_extern(stable, parallel_restricted)]
fn silhouette(
    model: Option<String>,
    relation: Option<Regclass>,
    sample: default!(Option<i32>, "10000"),
    seed: default!(Option<i64>, "42"),
    version: default!(Option<i32>, "NULL"),
) -> TableIterator<'static, (name!(cluster, Option<i32>), name!(rows, i64), name!(silhouette, Option<f64>))> {
    let model = Model::load(&required(model, "model"), version);
    let relation = Relation::require(required(relation, "relation").0);
    check_columns(&relation, &model.columns);
    let clusters = model.clusters();
    let (mut panels, _) = load(&relation, &model.columns);
    let label = |row: usize| {
        pgrx::check_for_interrupts!();
        clusters.assign(&panels.row(row).collect::<Vec<_>>()).0
    };
    let labels: Vec<u32> = (0..panels.rows()).map(label).collect();
    clusters.scale.apply(&mut panels);
    let (found, looked_at) =
        with_team(|team| look(&panels, &labels, model.sizes.len(), sample, seed.unwrap_or(42) as u64, team));
    let all = (None, looked_at as i64, found.as_ref().map(|found| found.mean));
    let each = found.into_iter().flat_map(|found| found.clusters).enumerate();
    let each = each.map(|(cluster, (size, mean))| (Some(cluster as i32 + 1), size as i64, mean));
    TableIterator::new(each.chain([all]).collect::<Vec<_>>())
}
