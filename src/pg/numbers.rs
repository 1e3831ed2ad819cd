//! Numeric columns of a relation that the caller named, read as the caller would, row by row as the executor produces
//! them: nothing is gathered in between.

use super::relation::Relation;
use super::report::{Refusal, invalid, required, value_of};
use super::spi::{connect_at_latest, open, set_locally};
use crate::cluster::{Panels, Scale, Team, bytes_per_block};
use crate::error::nearest;
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;
use std::ffi::CString;

/// Takes the numbers of a row, and its id where one was asked for.
type Take<'t> = dyn FnMut(&[f64], Option<pg_sys::Datum>) + 't;

/// Reads all rows that have a finite number in every column, and an id where one is named, which is passed as a text that
/// lives until the next row. Returns how many others there are.
pub fn read(relation: &Relation, columns: &[String], id: Option<&str>, take: &mut Take) -> usize {
    let mut list: Vec<String> =
        columns.iter().map(|column| format!("({})::pg_catalog.float8", quote_identifier(column))).collect();
    list.extend(id.map(|id| format!("({})::pg_catalog.text", quote_identifier(id))));
    let sql = CString::new(format!("SELECT {} FROM {}", list.join(", "), relation.quoted()));
    let mut receiver = Receiver {
        base: pg_sys::DestReceiver {
            receiveSlot: Some(receive),
            rStartup: Some(start),
            rShutdown: Some(end),
            rDestroy: Some(end),
            mydest: pg_sys::CommandDest::DestNone,
        },
        has_id: id.is_some(),
        row: vec![0.0; columns.len()],
        skipped: 0,
        take,
    };
    let options =
        pg_sys::SPIExecuteOptions { read_only: true, dest: (&raw mut receiver).cast(), ..Default::default() };
    // SAFETY: the settings are restored by the session's end, or by the transaction's abort.
    let nest_level = unsafe { pg_sys::NewGUCNestLevel() };
    // The same order every time, as far as the table allows: what is computed depends on it.
    set_locally(c"max_parallel_workers_per_gather", c"0");
    set_locally(c"synchronize_seqscans", c"off");
    // SAFETY: the text, the options and the receiver outlive the statement.
    open(Some(nest_level), |_| unsafe {
        pg_sys::SPI_execute_extended(sql.unwrap_or_default().as_ptr(), &options);
    });
    receiver.skipped
}

/// Where the executor puts rows.
#[repr(C)]
struct Receiver<'t> {
    base: pg_sys::DestReceiver,
    has_id: bool,
    row: Vec<f64>,
    skipped: usize,
    take: &'t mut Take<'t>,
}

#[pg_guard]
unsafe extern "C-unwind" fn receive(
    slot: *mut pg_sys::TupleTableSlot,
    this: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: the executor passes the receiver it was given and a slot with the columns of the statement.
    unsafe {
        let receiver = &mut *this.cast::<Receiver>();
        let columns = receiver.row.len() + usize::from(receiver.has_id);
        if ((*slot).tts_nvalid as usize) < columns {
            pg_sys::slot_getsomeattrs_int(slot, columns as i32);
        }
        let values = std::slice::from_raw_parts((*slot).tts_values, columns);
        let nulls = std::slice::from_raw_parts((*slot).tts_isnull, columns);
        let mut complete = !nulls.iter().any(|null| *null);
        for (number, value) in receiver.row.iter_mut().zip(values) {
            *number = f64::from_bits(value.value() as u64);
            complete &= number.is_finite();
        }
        if complete {
            let id = receiver.has_id.then(|| values[columns - 1]);
            (receiver.take)(&receiver.row, id);
        } else {
            receiver.skipped += 1;
        }
        true
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn start(
    _this: *mut pg_sys::DestReceiver,
    _operation: i32,
    _columns: pg_sys::TupleDesc,
) {
}

#[pg_guard]
unsafe extern "C-unwind" fn end(_this: *mut pg_sys::DestReceiver) {}

/// The rows with a finite number in every column, and how many others there are; refuses what `maintenance_work_mem`
/// would not hold before it is allocated.
pub fn load(relation: &Relation, columns: &[String]) -> (Panels, usize) {
    let mut panels = Panels::new(columns.len());
    let skipped = read(relation, columns, None, &mut |row, _| {
        if panels.is_full() {
            check_memory(panels.blocks().len() + 1, columns.len());
        }
        push(&mut panels, row, columns);
    });
    (panels, skipped)
}

/// The same with the ids of the rows; a row with a NULL for one is left out.
pub fn load_with_ids(relation: &Relation, columns: &[String], id: &str) -> (Panels, Vec<String>) {
    let (mut panels, mut ids) = (Panels::new(columns.len()), Vec::new());
    read(relation, columns, Some(id), &mut |row, id| {
        if panels.is_full() {
            // A copy of the rows, and the tree, are made of them.
            check_memory(3 * (panels.blocks().len() + 1), columns.len());
        }
        // SAFETY: the id was cast to text.
        if let Some(id) = id.and_then(|id| unsafe { String::from_datum(id, false) }) {
            push(&mut panels, row, columns);
            ids.push(id);
        }
    });
    (panels, ids)
}

/// Mean and deviation of the columns; refuses one whose numbers differ by too little to be told apart.
pub fn scale_of(panels: &Panels, columns: &[String], team: &mut Team) -> Scale {
    let scale = Scale::of(panels, team);
    if let Some(column) = scale.too_close(panels, team) {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            format!("column \"{}\" varies by too little to be squared", columns[column]),
        )
        .hint("Scale the column in a view.")
        .raise();
    }
    scale
}

/// The names of columns, none of them NULL.
pub fn named(columns: Option<Vec<Option<String>>>) -> Vec<String> {
    let columns: Option<Vec<String>> = required(columns, "columns").into_iter().collect();
    columns.unwrap_or_else(|| invalid("columns must not hold NULL", "Name each numeric column."))
}

fn push(panels: &mut Panels, row: &[f64], columns: &[String]) {
    if let Some(column) = Panels::too_large(row) {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            format!(
                "column \"{}\" has a value of {:e}, too large to be squared",
                columns[column], row[column]
            ),
        )
        .hint("Scale the column, or take its logarithm, in a view.")
        .raise();
    }
    value_of(panels.push(row));
}

fn check_memory(blocks: usize, width: usize) {
    let needed = blocks * bytes_per_block(width) / 1024;
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
        .hint("Raise maintenance_work_mem, or pass a view of a sample of the rows.")
        .raise();
    }
}

/// Refuses columns that the relation does not have, or that hold no numbers, and having none.
pub fn check_columns(relation: &Relation, columns: &[String]) {
    if columns.is_empty() {
        invalid(
            "columns must not be empty",
            "Name the numeric columns, such as ARRAY['recency', 'frequency'].",
        );
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
    for (place, column) in columns.iter().enumerate() {
        if columns[..place].contains(column) {
            Refusal::new(
                PgSqlErrorCode::ERRCODE_DUPLICATE_COLUMN,
                format!("column \"{column}\" is named twice"),
            )
            .hint("Name each column once.")
            .raise();
        }
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
