//! Argument types that pgrx has no safe form of: a table's oid, a column's name, a text or a jsonb left in place.

use crate::criteria::Jsonb;
use pgrx::FromDatum;
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;
use std::ffi::CStr;

/// A `regclass`, not opened.
#[derive(Clone, Copy, Debug)]
pub struct Regclass(pub pg_sys::Oid);

/// A `name`.
#[derive(Clone, Debug)]
pub struct Name(pub String);

/// A `text`, read in place.
#[derive(Clone, Copy, Debug)]
pub struct TextArgument(&'static [u8]);

impl TextArgument {
    pub fn bytes(&self) -> &[u8] {
        self.0
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.0).into_owned()
    }
}

/// A detoasted `jsonb`, read in place.
#[derive(Clone, Copy, Debug)]
pub struct JsonbArgument(&'static [u8]);

impl JsonbArgument {
    pub fn root(&self) -> Jsonb<'_> {
        Jsonb::root(self.0)
    }

    /// The bytes themselves, for comparing one value with another.
    pub fn bytes(&self) -> &[u8] {
        self.0
    }

    /// PostgreSQL's own text of the value.
    pub fn text(&self) -> String {
        // SAFETY: the bytes were taken from a detoasted jsonb datum, whose header lies right before them.
        unsafe {
            let datum = pg_sys::Datum::from(self.0.as_ptr().sub(pg_sys::VARHDRSZ));
            let text = pgrx::direct_function_call::<&CStr>(pg_sys::jsonb_out, &[Some(datum)]);
            text.map_or_else(String::new, |text| text.to_string_lossy().into_owned())
        }
    }
}

/// A `jsonb` as it is stored, copied: to see that it is the same as before takes less than to read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredJsonb(Box<[u8]>);

impl StoredJsonb {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn is_null(&self) -> bool {
        Jsonb::root(&self.0).same(Jsonb::NULL)
    }

    /// PostgreSQL's own text of the value.
    pub fn text(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        // SAFETY: the header and the content go to memory that is aligned as a jsonb has to be.
        unsafe {
            let varlena: *mut u8 = pg_sys::palloc(pg_sys::VARHDRSZ + self.0.len()).cast();
            pgrx::set_varsize_4b(varlena.cast(), (pg_sys::VARHDRSZ + self.0.len()) as i32);
            let content = varlena.add(pg_sys::VARHDRSZ);
            content.copy_from_nonoverlapping(self.0.as_ptr(), self.0.len());
            JsonbArgument(std::slice::from_raw_parts(content, self.0.len())).text()
        }
    }
}

impl FromDatum for StoredJsonb {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the caller's.
        let jsonb = unsafe { JsonbArgument::from_polymorphic_datum(datum, is_null, oid) };
        jsonb.map(|jsonb| StoredJsonb(jsonb.0.into()))
    }
}

impl FromDatum for Regclass {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a regclass datum is an oid.
        unsafe { pg_sys::Oid::from_polymorphic_datum(datum, is_null, pg_sys::OIDOID).map(Regclass) }
    }
}

impl FromDatum for Name {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: a name datum points to a null-terminated string of at most 64 bytes.
        let name = unsafe { CStr::from_ptr(datum.cast_mut_ptr()) };
        Some(Name(name.to_string_lossy().into_owned()))
    }
}

impl FromDatum for TextArgument {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a text is a varlena.
        (!is_null).then(|| TextArgument(unsafe { content(datum) }))
    }
}

/// What lies behind the header of a varlena.
///
/// # Safety
/// The datum is one.
unsafe fn content(datum: pg_sys::Datum) -> &'static [u8] {
    // SAFETY: detoasting gives a header and as many bytes as it says, in a memory context that outlives the call that this
    // argument belongs to.
    unsafe {
        let stored = datum.cast_mut_ptr();
        // The common case needs no call of PostgreSQL, which costs a jump buffer.
        let plain = pgrx::varlena::varatt_is_4b_u(stored);
        let varlena = if plain { stored } else { pg_sys::pg_detoast_datum(stored) };
        let length = pgrx::varsize_any_exhdr(varlena);
        std::slice::from_raw_parts(pgrx::vardata_any(varlena).cast(), length)
    }
}

impl FromDatum for JsonbArgument {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a jsonb is a varlena.
        (!is_null).then(|| JsonbArgument(unsafe { content(datum) }))
    }
}

macro_rules! argument {
    ($type:ty, $sql:literal) => {
        // SAFETY: `from_polymorphic_datum` reads the type that the SQL declaration states.
        unsafe impl<'fcx> ArgAbi<'fcx> for $type {
            unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
                // SAFETY: not called for a null argument of a type that is no Option.
                match unsafe { arg.unbox_arg_using_from_datum() } {
                    Some(value) => value,
                    None => pgrx::error!("unexpected null argument"),
                }
            }
        }

        // SAFETY: the type is an existing one of PostgreSQL.
        unsafe impl SqlTranslatable for $type {
            const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!($type);
            const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
            const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal($sql));
            const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Err(ReturnsError::Datum);
        }
    };
}

argument!(Regclass, "regclass");
argument!(Name, "name");
argument!(TextArgument, "text");
argument!(JsonbArgument, "jsonb");
