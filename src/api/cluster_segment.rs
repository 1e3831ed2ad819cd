//! Segments made of the clusters of a model, and kept by the engine like any other.
//!
//! The border between two clusters is flat, so on which side of it somebody is is the sign of a score; a cluster is what lies
//! on its side of all its borders.

use super::feature::drop_feature;
use super::feature_online;
use super::feature_set::{alter_scores, create_scores};
use super::segment::{create_segments, drop_segment, refuse_used, segment_id};
use crate::cluster::{assignment, in_words, names};
use crate::error::nearest;
use crate::pg::cluster_model::Model;
use crate::pg::cluster_set::{self, ClusterSet};
use crate::pg::home;
use crate::pg::locks;
use crate::pg::numbers::{check_columns, read};
use crate::pg::owner::Acting;
use crate::pg::registry::Registry;
use crate::pg::relation::Relation;
use crate::pg::report::{Refusal, invalid, required};
use crate::pg::{change, transaction};
use crate::score::Tier;
use pgrx::prelude::*;
use serde_json::{Value, json};

/// Fewest rows of a model whose clusters may be segments.
const FEWEST_ROWS: i64 = 10;

/// Most clusters: there is a score for every two.
const MOST_CLUSTERS: usize = 12;

/// Columns that a description mentions.
const MENTIONED: usize = 3;

/// Longest name of a segment, in bytes.
const LONGEST_NAME: usize = 200;

/// Makes segments of the clusters of a stored model, named by what sets each apart, and fills them. Where a former call did,
/// brings the segments under the newest version, or the one named: each segment goes to the cluster whose centroid is
/// nearest to its former one, all pairs together, and keeps its name. Blocks the writers of all sources until the transaction
/// ends.
#[pg_extern(volatile, parallel_unsafe)]
fn cluster_segments(
    model: Option<String>,
    prefix: default!(Option<String>, "NULL"),
    version: default!(Option<i32>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(segment, String),
        name!(cluster, i32),
        name!(description, String),
        name!(members, i64),
        name!(shift, Option<f64>),
        name!(kept, Option<f64>),
    ),
> {
    let name = required(model, "model");
    let registry = change::begin("cluster_segments");
    let newest = Model::load(&name, version);
    check(&registry, &name, &newest);
    let set = match ClusterSet::load(&name) {
        None => create(&name, &newest, prefix.unwrap_or_else(|| format!("{name}: "))),
        Some(former) => {
            let set = follow(&name, &newest, &former);
            alter_scores("cluster_segments", &borders(&name, &newest, &set.clusters, &set.scores));
            set
        }
    };
    let descriptions = descriptions(&newest, &set.clusters);
    set.describe(&descriptions);
    set.store(&name);
    let rows = set.members().into_iter().zip(descriptions).enumerate().map(
        |(place, ((segment, members), description))| {
            let shift = set.shifts.as_ref().map(|shifts| shifts[place]);
            (segment, set.clusters[place], description, members, shift, set.kept)
        },
    );
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// Brings the segments that were made of a model under its newest version, or the one named, as `cluster_segments` does, while
/// writers go on, committing in between. After a crash or an error the same call goes on where that one ended.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.update_cluster_segments(model text, version integer DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn update_cluster_segments(model: Option<String>, version: Option<i32>, fcinfo: pg_sys::FunctionCallInfo) {
    const KIND: &str = "update_cluster_segments";
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.update_cluster_segments") };
    let name = required(model, "model");
    let registry = change::begin_online_at_now(KIND);
    let newest = Model::load(&name, version);
    check(&registry, &name, &newest);
    let former = ClusterSet::load(&name).unwrap_or_else(|| refuse_without_segments(&name));
    let set = follow(&name, &newest, &former);
    let scores = borders(&name, &newest, &set.clusters, &set.scores);
    if set.version != former.version {
        // Committed with the scores.
        set.describe(&descriptions(&newest, &set.clusters));
        set.store(&name);
    }
    let altered = scores.iter().any(|(name, spec, _)| registry.features.specs.get(name) != Some(spec));
    if altered || feature_online::is_changing(&set.scores) {
        let changes: Vec<_> = scores.into_iter().map(|(name, spec, _)| (name, spec.to_string())).collect();
        feature_online::alter(&registry, KIND, &changes);
    }
    pgrx::notice!("version {} of cluster model \"{name}\" is in force", set.version);
}

/// Drops the segments and scores that were made of a model, and returns how many segments there were. Blocks the writers of
/// all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn drop_cluster_segments(model: String) -> i64 {
    change::begin("drop_cluster_segments");
    let set = ClusterSet::load(&model).unwrap_or_else(|| refuse_without_segments(&model));
    cluster_set::forget(&model);
    let members = set.members();
    for (segment, _) in &members {
        drop_segment(segment.clone());
    }
    set.scores.into_iter().for_each(drop_feature);
    members.len() as i64
}

/// Drops all versions of a cluster model that has no segments, and returns how many there were.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn drop_cluster_model(model: String) -> i64 {
    // Nobody makes segments of it meanwhile.
    locks::hold_off_changes();
    if let Some(set) = ClusterSet::load(&model) {
        let segments: Vec<String> = set.members().into_iter().map(|(segment, _)| segment).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let are_clusters = format!("cluster model \"{model}\": its clusters are segments:");
        refuse_used(&are_clusters, &segments, "Drop those first, with segment.drop_cluster_segments.");
    }
    Model::load(&model, None);
    Model::drop_all(&model)
}

fn refuse_without_segments(model: &str) -> ! {
    Refusal::new(
        PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
        format!("cluster model \"{model}\" has no segments"),
    )
    .hint("segment.cluster_segments makes them; the models that have some are listed in segment.cluster_set.")
    .raise()
}

/// Refuses a model of which no segments can be made.
fn check(registry: &Registry, name: &str, model: &Model) {
    if let Some(column) = model.columns.iter().find(|column| registry.features.formula(column).is_err()) {
        let near = nearest(column, registry.features.names());
        let near = near.map_or_else(String::new, |near| format!(" Did you mean \"{near}\"?"));
        invalid(
            format!("column \"{column}\" of cluster model \"{name}\" is not a feature"),
            format!(
                "Segments follow models of features, such as columns of segment.profile; segment.feature_list has all.{near}"
            ),
        );
    }
    let (rows, k) = (model.sizes.iter().sum::<i64>(), model.sizes.len());
    if rows < FEWEST_ROWS {
        invalid(
            format!(
                "cluster model \"{name}\" was fitted to {rows} rows, segments need at least {FEWEST_ROWS}"
            ),
            "Fit it again when there are more.",
        );
    }
    if !(2..=MOST_CLUSTERS).contains(&k) {
        invalid(
            format!(
                "cluster model \"{name}\" has {k} clusters, segments can be made of 2 to {MOST_CLUSTERS}"
            ),
            "Fit it with another k.",
        );
    }
}

/// Creates the scores and segments of a model.
fn create(model: &str, newest: &Model, prefix: String) -> ClusterSet {
    let clusters: Vec<i32> = (1..=newest.sizes.len() as i32).collect();
    let slug: String =
        model.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let slug: String = slug.chars().take(40).collect();
    let scores: Vec<String> =
        pairs(clusters.len()).map(|(a, b)| format!("near_{slug}_{}_{}", a + 1, b + 1)).collect();
    create_scores("cluster_segments", &borders(model, newest, &clusters, &scores));
    let names = names(&newest.columns, &newest.z_scores());
    let segments: Vec<Tier> = names
        .into_iter()
        .enumerate()
        .map(|(place, name)| {
            let name = format!("{prefix}{name}");
            let fits = name.len() <= LONGEST_NAME;
            Tier {
                name: if fits { name } else { format!("{prefix}cluster {}", place + 1) },
                description: String::new(),
                criteria: criteria(newest, &scores, place, clusters.len()),
                is_tier: false,
            }
        })
        .collect();
    create_segments("cluster_segments", &segments);
    let segments = segments.iter().filter_map(|segment| segment_id(&segment.name)).collect();
    ClusterSet { version: newest.version, clusters, segments, scores, shifts: None, kept: None }
}

/// The segments of a model under another version: each as the cluster that its own has become.
fn follow(name: &str, newest: &Model, former: &ClusterSet) -> ClusterSet {
    let old = Model::load(name, Some(former.version));
    let k = former.segments.len();
    if newest.sizes.len() != k || newest.columns != old.columns {
        invalid(
            format!(
                "version {} of cluster model \"{name}\" has other columns or another k than its segments",
                newest.version
            ),
            "Drop the segments with segment.drop_cluster_segments, and make them anew.",
        );
    }
    let width = old.columns.len();
    // Both in the units of the newest.
    let scale = newest.clusters().scale;
    let (from, to) = (scale.standardise(&old.centroids_in_units()), &newest.centroids);
    let distance = |a: usize, b: usize| {
        let cells = from[a * width..][..width].iter().zip(&to[b * width..][..width]);
        cells.map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
    };
    let old_of = |place: usize| former.clusters[place] as usize - 1;
    let costs: Vec<f64> = (0..k * k).map(|cell| distance(old_of(cell / k), cell % k)).collect();
    let matched = assignment(&costs, k);
    let shifts = matched.iter().enumerate().map(|(place, new)| costs[place * k + new].sqrt()).collect();
    let clusters: Vec<i32> = matched.iter().map(|cluster| *cluster as i32 + 1).collect();
    let kept = kept(&old, newest, &former.clusters, &clusters);
    ClusterSet { version: newest.version, clusters, shifts: Some(shifts), kept, ..former.clone() }
}

/// The share of the profiles that have the same place under two versions.
fn kept(old: &Model, new: &Model, old_clusters: &[i32], new_clusters: &[i32]) -> Option<f64> {
    let profile = Relation::require(home::table(c"profile")?);
    let _acting = Acting::as_owner_at_large();
    check_columns(&profile, &new.columns);
    let (before, after) = (old.clusters(), new.clusters());
    let place =
        |clusters: &[i32], label: u32| clusters.iter().position(|cluster| *cluster == label as i32 + 1);
    let (mut same, mut all) = (0_u64, 0_u64);
    read(&profile, &new.columns, None, &mut |row, _| {
        all += 1;
        same +=
            u64::from(place(old_clusters, before.assign(row).0) == place(new_clusters, after.assign(row).0));
    });
    (all > 0).then(|| same as f64 / all as f64)
}

/// Every two places, in the order of the scores.
fn pairs(k: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..k).flat_map(move |first| (first + 1..k).map(move |second| (first, second)))
}

/// The scores of a model, each with its spec and what it is: 0 or more on the first one's side of a border.
fn borders(model: &str, newest: &Model, clusters: &[i32], scores: &[String]) -> Vec<(String, Value, String)> {
    let fitted = newest.clusters();
    let cluster = |place: usize| clusters[place] as usize - 1;
    let score = |((first, second), name): ((usize, usize), &String)| {
        let (constant, weights) = fitted.border(cluster(first), cluster(second));
        let scales = fitted.scale.center.iter().zip(&fitted.scale.deviation);
        let terms = newest.columns.iter().zip(weights).zip(scales).map(|((column, weight), (center, deviation))| {
            json!({"of": column, "scale": 1.0 / deviation, "offset": -center / deviation, "weight": weight})
        });
        let terms: Vec<Value> = terms.chain([json!({"of": constant})]).collect();
        let what = format!("0 or more where {model} {} is no farther than {}", first + 1, second + 1);
        (name.clone(), json!({ "terms": terms }), what)
    };
    pairs(clusters.len()).zip(scores).map(score).collect()
}

/// All features are there, and somebody is on this side of all borders; of those on one, the first has it.
fn criteria(model: &Model, scores: &[String], place: usize, k: usize) -> Value {
    let known = model.columns.iter().map(|column| json!({"attribute": column, "exists": true}));
    let sides = pairs(k).zip(scores).filter_map(|((first, second), score)| {
        if first == place {
            Some(json!({"attribute": score, "min": 0}))
        } else {
            (second == place).then(|| json!({"attribute": score, "lt": 0}))
        }
    });
    json!({ "all": known.chain(sides).collect::<Vec<_>>() })
}

/// What sets the cluster of each place apart, in words.
fn descriptions(model: &Model, clusters: &[i32]) -> Vec<String> {
    let (width, scores) = (model.columns.len(), model.z_scores());
    let describe = |cluster: &i32| {
        let first = (*cluster as usize - 1) * width;
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|a, b| scores[first + b].abs().total_cmp(&scores[first + a].abs()));
        let words = order.iter().take(MENTIONED).map(|column| {
            let of_all = model.population.center[*column];
            in_words(&model.columns[*column], model.means[first + column], of_all, scores[first + column])
        });
        words.collect::<Vec<_>>().join("; ")
    };
    clusters.iter().map(describe).collect()
}
