//! Numbers that are passed to a function one by one, each of any numeric type.

use super::report::Refusal;
use pgrx::prelude::*;
use pgrx::{FromDatum, direct_function_call, pg_arg_is_null, pg_getarg_datum_raw};

/// The arguments of a call from a place on, which have the same types at the same place of the same statement.
pub struct Passed {
    first: usize,
    types: Vec<pg_sys::Oid>,
}

impl Passed {
    /// Those of this call; refuses what is no number, and an array in their place.
    ///
    /// # Safety
    /// The call is one by the executor.
    pub unsafe fn from(first: usize, call: pg_sys::FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise.
        let (info, count) = unsafe { ((*call).flinfo, usize::from((*call).nargs.unsigned_abs())) };
        let type_of = |place: usize| {
            // SAFETY: looks at the expression that the call is part of, and the type up.
            let (stated, base) = unsafe {
                let stated = pg_sys::get_fn_expr_argtype(info, place as i32);
                (stated, pg_sys::getBaseType(stated))
            };
            if NUMBERS.contains(&base) { base } else { no_number(place - first + 1, stated) }
        };
        Passed { first, types: (first..count).map(type_of).collect() }
    }

    pub fn count(&self) -> usize {
        self.types.len()
    }

    /// Reads them, and returns whether all are there and finite.
    ///
    /// # Safety
    /// The call is one at the same place.
    pub unsafe fn read(&self, call: pg_sys::FunctionCallInfo, numbers: &mut Vec<f64>) -> bool {
        numbers.clear();
        for (place, type_of) in (self.first..).zip(&self.types) {
            // SAFETY: there are so many arguments, of these types.
            numbers.push(unsafe {
                match pg_arg_is_null(call, place) {
                    true => f64::NAN,
                    false => number(pg_getarg_datum_raw(call, place), *type_of),
                }
            });
        }
        numbers.iter().all(|number| number.is_finite())
    }
}

const NUMBERS: [pg_sys::Oid; 6] = [
    pg_sys::FLOAT8OID,
    pg_sys::FLOAT4OID,
    pg_sys::INT4OID,
    pg_sys::INT8OID,
    pg_sys::INT2OID,
    pg_sys::NUMERICOID,
];

/// A number as `float8`; NaN for what is none.
///
/// # Safety
/// The value is of that type.
unsafe fn number(value: pg_sys::Datum, type_of: pg_sys::Oid) -> f64 {
    // SAFETY: the caller's promise.
    let number = unsafe {
        match type_of {
            pg_sys::FLOAT8OID => f64::from_datum(value, false),
            pg_sys::FLOAT4OID => f32::from_datum(value, false).map(f64::from),
            pg_sys::INT4OID => i32::from_datum(value, false).map(f64::from),
            pg_sys::INT8OID => i64::from_datum(value, false).map(|number| number as f64),
            pg_sys::INT2OID => i16::from_datum(value, false).map(f64::from),
            _ => direct_function_call(pg_sys::numeric_float8, &[Some(value)]),
        }
    };
    number.unwrap_or(f64::NAN)
}

fn no_number(place: usize, type_of: pg_sys::Oid) -> ! {
    // SAFETY: returns a C string that lives in the current memory.
    let type_name = unsafe { std::ffi::CStr::from_ptr(pg_sys::format_type_be(type_of)) };
    Refusal::new(
        PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
        format!("number {place} has type {}, which is not numeric", type_name.to_string_lossy()),
    )
    .hint("Pass the model's columns one by one, with a cast where they have other types.")
    .raise()
}
