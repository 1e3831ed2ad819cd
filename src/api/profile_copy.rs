//! Ordinary tables of everybody's profile, which `refresh` keeps.

use super::profile_view::relation_name;
use crate::pg::profile_copy;
use crate::pg::report::{Refusal, invalid, required};
use crate::pg::spi::{connect, connect_as_caller};
use pgrx::prelude::*;

/// Creates a table, the caller's, with the columns and the rows of a view of profiles, and has `refresh` bring it up to date
/// once `every` has passed, in batches that commit one by one. The view needs a column `subscriber`, each once. The rows are
/// read and written with the rights of the table's owner; a table that is dropped is forgotten.
#[pg_extern(volatile, parallel_unsafe)]
fn create_profile_copy(
    name: Option<String>,
    view: default!(Option<String>, "'segment.profile'"),
    every: default!(Option<Interval>, "'1 hour'"),
) {
    let table = relation_name(&required(name, "name"));
    let view = relation_name(&required(view, "view"));
    let every = required(every, "every");
    if every.as_micros() <= 0 {
        invalid("every is not a length of time", "Write how old the table may be, such as '1 hour'.");
    }
    let oid = |relation: &str| -> pg_sys::Oid {
        connect_as_caller(|session| {
            session.select_once("SELECT $1::regclass::oid", &[relation.into()]).get(0, 1).unwrap_or_default()
        })
    };
    let of = oid(&view);
    let named = connect(|session| {
        let sql =
            "SELECT FROM pg_attribute WHERE attrelid = $1 AND attname = 'subscriber' AND NOT attisdropped";
        session.select(sql, &[of.into()]).count()
    });
    if named == 0 {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
            format!("{view} has no column \"subscriber\""),
        )
        .hint("Name a view that segment.create_profile_view made with it, or segment.profile.")
        .raise();
    }
    connect_as_caller(|session| {
        session.modify_once(&format!("CREATE TABLE {table} AS SELECT * FROM {view} WITH NO DATA"), &[]);
        session.modify_once(&format!("ALTER TABLE {table} ADD PRIMARY KEY (subscriber)"), &[]);
    });
    profile_copy::create(oid(&table), of, every);
}
