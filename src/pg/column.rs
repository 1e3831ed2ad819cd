//! The columns of a user's table that mean something here.

use super::relation::Relation;
use super::report::Refusal;
use crate::error::nearest;
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;
use std::ffi::{CStr, CString};

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub number: i16,
    /// The base type, where the column has a domain.
    pub type_oid: pg_sys::Oid,
}

/// Types of ids, which cast to text and back.
pub const IDS: &[pg_sys::Oid] = &[
    pg_sys::TEXTOID,
    pg_sys::VARCHAROID,
    pg_sys::BPCHAROID,
    pg_sys::INT2OID,
    pg_sys::INT4OID,
    pg_sys::INT8OID,
    pg_sys::UUIDOID,
];
pub const TEXTS: &[pg_sys::Oid] = &[pg_sys::TEXTOID, pg_sys::VARCHAROID, pg_sys::BPCHAROID, pg_sys::NAMEOID];

/// As `pg_attribute.attgenerated` says it.
const VIRTUAL: u8 = b'v';

impl Column {
    pub fn find(relation: &Relation, name: &str) -> Result<Self, Refusal> {
        let text = CString::new(name).unwrap_or_default();
        // SAFETY: catalogue look-ups by a valid oid and a C string.
        let number = unsafe { pg_sys::get_attnum(relation.oid, text.as_ptr()) };
        if number <= 0 {
            let refusal = Refusal::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
                format!(
                    "column \"{name}\" of relation \"{}.{}\" does not exist",
                    relation.schema, relation.name
                ),
            );
            let columns = column_names(relation.oid);
            let near = nearest(name, columns.iter().map(String::as_str));
            return Err(refusal.hint(match near {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => format!("Its columns are {}.", columns.join(", ")),
            }));
        }
        // SAFETY: the column exists.
        let type_oid = unsafe { pg_sys::getBaseType(pg_sys::get_atttype(relation.oid, number)) };
        Ok(Column { name: name.to_owned(), number, type_oid })
    }

    /// Refuses one whose values are not in the rows that triggers are shown: a virtual generated column, of PostgreSQL 18 on.
    pub fn in_rows(self, relation: &Relation) -> Result<Self, Refusal> {
        // SAFETY: a catalogue look-up.
        let generated = unsafe { pg_sys::get_attgenerated(relation.oid, self.number) };
        if generated as u8 != VIRTUAL {
            return Ok(self);
        }
        Err(Refusal::new(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            format!("column \"{}\" is generated when it is read", self.name),
        )
        .hint("Its values are not in the rows that triggers see. Name a column that is stored."))
    }

    pub fn refuse(&self, role: &str, wanted: &str) -> Refusal {
        // SAFETY: format_type_be returns a C string for any oid.
        let found =
            unsafe { CStr::from_ptr(pg_sys::format_type_be(self.type_oid)).to_string_lossy().into_owned() };
        Refusal::new(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("column \"{}\" has type {found}, which cannot be the {role}", self.name),
        )
        .hint(format!("The {role} must be {wanted}."))
    }

    /// A condition that selects some ids, given as `$1 text[]`, by the column's own type and so by its index; and those
    /// that the type can hold.
    pub fn some(&self, ids: &[String]) -> (String, Vec<String>) {
        let fits = |id: &String| match self.type_oid {
            // As the column writes them: "007" is not the subscriber 7.
            pg_sys::INT2OID => id.parse::<i16>().is_ok_and(|number| number.to_string() == *id),
            pg_sys::INT4OID => id.parse::<i32>().is_ok_and(|number| number.to_string() == *id),
            pg_sys::INT8OID => id.parse::<i64>().is_ok_and(|number| number.to_string() == *id),
            pg_sys::UUIDOID => is_uuid(id),
            _ => true,
        };
        let cast = match self.type_oid {
            pg_sys::INT2OID => "int2",
            pg_sys::INT4OID => "int4",
            pg_sys::INT8OID => "int8",
            pg_sys::UUIDOID => "uuid",
            pg_sys::VARCHAROID => "varchar",
            pg_sys::BPCHAROID => "bpchar",
            _ => "text",
        };
        let id = quote_identifier(&self.name);
        (format!("{id} = ANY ($1::pg_catalog.{cast}[])"), ids.iter().filter(|id| fits(id)).cloned().collect())
    }

    /// The same, and nobody else where the column's collation takes different ids for equal.
    pub fn exactly(&self, ids: &[String]) -> (String, Vec<String>) {
        let (condition, ids) = self.some(ids);
        let id = quote_identifier(&self.name);
        let condition =
            format!("{condition} AND ({id})::pg_catalog.text = ANY ($1::pg_catalog.text[] COLLATE \"C\")");
        (condition, ids)
    }
}

/// The columns of a table, by name.
pub fn column_names(relation: pg_sys::Oid) -> Vec<String> {
    super::spi::connect_at_latest(|session| {
        let rows = session.select(
            "SELECT attname::text FROM pg_catalog.pg_attribute
             WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            &[relation.into()],
        );
        rows.first_column()
    })
}

pub fn is_enum(type_oid: pg_sys::Oid) -> bool {
    // SAFETY: a catalogue look-up.
    unsafe { pg_sys::type_is_enum(type_oid) }
}

/// Whether PostgreSQL prints this very text for a uuid.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
}
