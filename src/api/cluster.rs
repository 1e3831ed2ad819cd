//! k-means over the numeric columns of any relation that the caller may read.

use crate::cluster::{KMeans, Options, Scale};
use crate::error::nearest;
use crate::pg::owner::Acting;
use crate::pg::registry;
use crate::pg::relation::Relation;
use crate::pg::report::{Refusal, required, value_of};
use crate::pg::spi::{Session, connect, connect_as_caller, connect_at_latest};
use crate::pg::types::{Name, Regclass};
use ndarray::Array2;
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;

/// Rows fetched at once.
const FETCH: usize = 10_000;

/// Groups the rows of a relation into k clusters by their standardised columns, and returns a row per cluster
/// and column: its mean, in the column's units and in standard deviations from the population's mean. With a
/// model name, the result is stored under it as a new version, for `kmeans_assign`.
#[pg_extern(volatile, parallel_unsafe)]
fn kmeans(
    relation: Option<Regclass>,
    columns: Option<Vec<Option<String>>>,
    k: Option<i32>,
    model: default!(Option<String>, "NULL"),
    seed: default!(Option<i64>, "42"),
    max_iterations: default!(Option<i32>, "300"),
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
    let relation = Relation::require(required(relation, "relation").0);
    let columns: Option<Vec<String>> = required(columns, "columns").into_iter().collect();
    let columns = required(columns, "every column");
    let seed = seed.unwrap_or(42);
    let count = |argument: Option<i32>| usize::try_from(argument.unwrap_or(0)).unwrap_or(0);
    let options =
        Options { k: count(k), seed: seed as u64, max_iterations: count(max_iterations.or(Some(300))) };
    value_of(options.check());
    if model.as_deref() == Some("") {
        Refusal::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, "model must not be empty")
            .hint("Name the model, or leave it out to store none.")
            .raise();
    }
    check_columns(&relation, &columns);
    let (rows, skipped) = connect_as_caller(|session| read(session, &relation, &columns));
    let total = rows.nrows();
    if skipped > 0 {
        pgrx::notice!("{skipped} rows with NULL, NaN or an infinity were left out");
    }
    let fit = value_of(KMeans::fit(rows, options, &mut || {
        pgrx::check_for_interrupts!();
    }));
    if let Some(name) = model {
        store(&name, &relation, &columns, seed, (total, skipped), &fit);
    }
    let mut profile = Vec::with_capacity(fit.sizes.len() * columns.len());
    for (cluster, size) in fit.sizes.iter().enumerate() {
        let centroid = fit.centroids.row(cluster);
        for ((column, mean), z_score) in columns.iter().zip(fit.scale.restore(centroid)).zip(centroid) {
            let share = *size as f64 / total as f64;
            profile.push((cluster as i32 + 1, *size as i64, share, column.clone(), mean, *z_score));
        }
    }
    TableIterator::new(profile)
}

/// The nearest cluster of a stored model's newest version for every row of a relation with the model's columns,
/// with the distance to its centroid in standard deviations. Rows with NULL, NaN or an infinity are left out.
#[pg_extern(stable, parallel_restricted, strict)]
fn kmeans_assign(
    model: String,
    relation: Regclass,
    id_column: Name,
) -> TableIterator<'static, (name!(id, String), name!(cluster, i32), name!(distance, f64))> {
    let (fit, columns) = load(&model);
    let relation = Relation::require(relation.0);
    let mut assigned = Vec::new();
    check_columns(&relation, &columns);
    connect_as_caller(|session| {
        let id = quote_identifier(&id_column.0);
        let sql = format!("SELECT {}, ({id})::pg_catalog.text FROM {}", list(&columns), relation.quoted());
        let mut cursor = session.cursor(&sql, true);
        loop {
            let rows = cursor.fetch(FETCH);
            if rows.count() == 0 {
                break;
            }
            for row in 0..rows.count() {
                let values = (1..=columns.len() as i32).map(|column| rows.get::<f64>(row, column));
                let values: Option<Vec<f64>> =
                    values.map(|value| value.filter(|value| value.is_finite())).collect();
                if let (Some(values), Some(id)) = (values, rows.get(row, columns.len() as i32 + 1)) {
                    let (cluster, distance) = fit.assign(&values);
                    assigned.push((id, cluster as i32 + 1, distance));
                }
            }
            pgrx::check_for_interrupts!();
        }
        cursor.close();
    });
    TableIterator::new(assigned)
}

/// The finite rows of some columns, and how many others there are. Read with the caller's own rights.
fn read(session: &Session, relation: &Relation, columns: &[String]) -> (Array2<f64>, usize) {
    let width = columns.len();
    let mut cursor = session.cursor(&format!("SELECT {} FROM {}", list(columns), relation.quoted()), true);
    let mut values: Vec<f64> = Vec::new();
    let mut skipped = 0;
    loop {
        let rows = cursor.fetch(FETCH);
        if rows.count() == 0 {
            break;
        }
        check_memory(values.len() + rows.count() * width);
        for row in 0..rows.count() {
            let start = values.len();
            let read = (1..=width as i32).map(|column| rows.get::<f64>(row, column).unwrap_or(f64::NAN));
            values.extend(read);
            if values[start..].iter().any(|value| !value.is_finite()) {
                values.truncate(start);
                skipped += 1;
            }
        }
        pgrx::check_for_interrupts!();
    }
    cursor.close();
    let rows = Array2::from_shape_vec((values.len() / width, width), values);
    (rows.unwrap_or_else(|_| Array2::zeros((0, width))), skipped)
}

/// Refuses what would not fit: the rows, twice while a vector grows, and the distances of one iteration.
fn check_memory(values: usize) {
    let needed = values * size_of::<f64>() * 3 / 1024;
    // SAFETY: reads a setting, in kilobytes.
    let allowed = unsafe { pg_sys::maintenance_work_mem } as usize;
    if needed > allowed {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!(
                "memory required is more than {} MB, maintenance_work_mem is {} MB",
                needed / 1024,
                allowed / 1024
            ),
        )
        .hint("Raise maintenance_work_mem, or cluster a sample of the rows.")
        .raise();
    }
}

fn check_columns(relation: &Relation, columns: &[String]) {
    if columns.is_empty() {
        Refusal::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, "columns must not be empty")
            .hint("Name the numeric columns, such as ARRAY['recency', 'frequency'].")
            .raise();
    }
    let known: Vec<(String, bool, String)> = connect_at_latest(|session| {
        let rows = session.select(
            "SELECT a.attname::text, coalesce(nullif(t.typbasetype, 0), t.oid) IN ('int2'::regtype, 'int4'::regtype,
                      'int8'::regtype, 'float4'::regtype, 'float8'::regtype, 'numeric'::regtype),
                    pg_catalog.format_type(a.atttypid, NULL)
             FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
             WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped",
            &[relation.oid.into()],
        );
        (0..rows.count()).map(|row| (rows.value(row, 1), rows.value(row, 2), rows.value(row, 3))).collect()
    });
    for column in columns {
        match known.iter().find(|(name, ..)| name == column) {
            None => Refusal::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
                format!(
                    "column \"{column}\" of relation \"{}.{}\" does not exist",
                    relation.schema, relation.name
                ),
            )
            .hint(match nearest(column, known.iter().map(|(name, ..)| name.as_str())) {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => "Name numeric columns of the relation.".to_owned(),
            })
            .raise(),
            Some((_, false, found)) => Refusal::new(
                PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                format!("column \"{column}\" has type {found}, which is not numeric"),
            )
            .hint("Cluster numeric columns; encode others as numbers in a view.")
            .raise(),
            Some(_) => {}
        }
    }
}

fn list(columns: &[String]) -> String {
    let columns: Vec<String> =
        columns.iter().map(|column| format!("({})::pg_catalog.float8", quote_identifier(column))).collect();
    columns.join(", ")
}

fn store(
    name: &str,
    relation: &Relation,
    columns: &[String],
    seed: i64,
    (rows, skipped): (usize, usize),
    fit: &KMeans,
) {
    let _acting = Acting::as_owner(registry::home().owner);
    connect(|session| {
        session.modify(
            "INSERT INTO segment.cluster_model
               (name, version, relation, columns, seed, rows, skipped, iterations, inertia, center, deviation, centroids, sizes)
             SELECT $1, coalesce(max(m.version), 0) + 1, $2, $3::text[]::name[], $4, $5, $6, $7, $8, $9, $10, $11, $12
             FROM segment.cluster_model m WHERE m.name = $1",
            &[
                name.into(),
                relation.quoted().into(),
                columns.to_vec().into(),
                seed.into(),
                (rows as i64).into(),
                (skipped as i64).into(),
                (fit.iterations as i32).into(),
                fit.inertia.into(),
                fit.scale.center.clone().into(),
                fit.scale.deviation.clone().into(),
                fit.centroids.iter().copied().collect::<Vec<f64>>().into(),
                fit.sizes.iter().map(|size| *size as i64).collect::<Vec<_>>().into(),
            ],
        );
    });
}

/// The newest version of a stored model and its columns.
fn load(name: &str) -> (KMeans, Vec<String>) {
    let _acting = Acting::as_owner(registry::home().owner);
    connect(|session| {
        let rows = session.select(
            "SELECT columns::text[], center, deviation, centroids, sizes, inertia, iterations
             FROM segment.cluster_model WHERE name = $1 ORDER BY version DESC LIMIT 1",
            &[name.into()],
        );
        if rows.count() == 0 {
            let names = session.select("SELECT DISTINCT name FROM segment.cluster_model", &[]);
            let names: Vec<String> = (0..names.count()).filter_map(|row| names.get(row, 1)).collect();
            let near = nearest(name, names.iter().map(String::as_str));
            Refusal::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                format!("cluster model \"{name}\" does not exist"),
            )
            .hint(match near {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => "Store one with segment.kmeans(..., model => 'name').".to_owned(),
            })
            .raise();
        }
        let columns: Vec<String> = rows.value(0, 1);
        let sizes: Vec<i64> = rows.value(0, 5);
        let centroids = Array2::from_shape_vec((sizes.len(), columns.len()), rows.value(0, 4));
        let fit = KMeans {
            scale: Scale { center: rows.value(0, 2), deviation: rows.value(0, 3) },
            centroids: centroids.unwrap_or_else(|_| pgrx::error!("cluster model \"{name}\" is damaged")),
            sizes: sizes.into_iter().map(|size| size as usize).collect(),
            inertia: rows.value(0, 6),
            iterations: rows.value::<i32>(0, 7) as usize,
        };
        (fit, columns)
    })
}
