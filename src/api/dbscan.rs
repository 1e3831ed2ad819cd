//! DBSCAN over the rows of any relation that the caller may read.

use crate::cluster::{Team, dbscan as clusters};
use crate::pg::numbers::{check_columns, load_with_ids, named, scale_of};
use crate::pg::relation::Relation;
use crate::pg::report::{required, value_of};
use crate::pg::types::{Name, Regclass};
use pgrx::prelude::*;

/// Groups the rows of a relation by density, and returns the cluster of each row, none for noise. Clusters are numbered in
/// the order of their first rows. A row with at least `neighbours` rows, itself included, within the radius belongs to a
/// cluster with all of them; the radius is in standard deviations unless `standardise` is false. Rows with NULL, NaN or an
/// infinity are left out.
#[pg_extern(stable, parallel_restricted)]
fn dbscan(
    relation: Option<Regclass>,
    columns: Option<Vec<Option<String>>>,
    id_column: Option<Name>,
    radius: Option<f64>,
    neighbours: default!(Option<i32>, "5"),
    standardise: default!(Option<bool>, "true"),
) -> TableIterator<'static, (name!(id, String), name!(cluster, Option<i32>))> {
    let relation = Relation::require(required(relation, "relation").0);
    let columns = named(columns);
    let id_column = required(id_column, "id_column").0;
    let radius = required(radius, "radius");
    check_columns(&relation, &columns);
    let (mut panels, ids) = load_with_ids(&relation, &columns, &id_column);
    if standardise.unwrap_or(true) && !ids.is_empty() {
        let scale = scale_of(&panels, &columns, &mut Team::new(1, &mut interrupt));
        scale.apply(&mut panels);
    }
    let neighbours = usize::try_from(neighbours.unwrap_or(5)).unwrap_or(0);
    let found = value_of(clusters(panels, radius, neighbours, interrupt));
    let found = found.into_iter().map(|cluster| cluster.map(|cluster| cluster as i32 + 1));
    TableIterator::new(ids.into_iter().zip(found).collect::<Vec<_>>())
}

fn interrupt() {
    pgrx::check_for_interrupts!();
}
