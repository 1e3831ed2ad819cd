//! One event row as the domain sees it: its values decoded, its properties read in place.

use crate::activity::{DAY, Instant, VALID_TIMES};
use crate::criteria::{Decimal, Document, Jsonb, Kind, numeric};
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum, direct_function_call};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ffi::CStr;

/// One row, as the domain sees it.
pub struct Event<'a> {
    pub subscriber: String,
    pub event_type: Cow<'a, str>,
    pub at: Instant,
    value: Option<Decimal>,
    properties: Option<pg_sys::Datum>,
    /// The properties, detoasted when something first asks for them.
    document: OnceCell<Jsonb<'static>>,
}

impl<'a> Event<'a> {
    pub fn new(
        subscriber: String,
        event_type: Cow<'a, str>,
        at: Instant,
        value: Option<Decimal>,
        properties: Option<pg_sys::Datum>,
    ) -> Self {
        Event { subscriber, event_type, at, value, properties, document: OnceCell::new() }
    }
}

/// A value as its cast to text.
pub fn text(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> Option<String> {
    // SAFETY: the datum has the stated type.
    unsafe {
        match type_oid {
            pg_sys::TEXTOID | pg_sys::VARCHAROID => String::from_datum(datum, false),
            pg_sys::BPCHAROID => {
                String::from_datum(datum, false).map(|text| text.trim_end_matches(' ').to_owned())
            }
            pg_sys::INT2OID => i16::from_datum(datum, false).map(|id| id.to_string()),
            pg_sys::INT4OID => i32::from_datum(datum, false).map(|id| id.to_string()),
            pg_sys::INT8OID => i64::from_datum(datum, false).map(|id| id.to_string()),
            _ => {
                let mut output = pg_sys::Oid::INVALID;
                let mut is_varlena = false;
                pg_sys::getTypeOutputInfo(type_oid, &mut output, &mut is_varlena);
                let text = CStr::from_ptr(pg_sys::OidOutputFunctionCall(output, datum));
                text.to_str().ok().map(str::to_owned)
            }
        }
    }
}

/// A time in UTC; `None` outside the years 1 to 9999.
pub fn instant(datum: pg_sys::Datum, type_oid: pg_sys::Oid, zone: Option<&str>) -> Option<Instant> {
    let local = match type_oid {
        pg_sys::DATEOID => i64::from(datum.value() as i32).checked_mul(DAY)?,
        _ => datum.value() as i64,
    };
    if !VALID_TIMES.contains(&local) {
        return None;
    }
    let at = match zone {
        None => local,
        Some("UTC") => local,
        // The range check above leaves the conversion nothing to fail on.
        Some(zone) => {
            let zone = zone.into_datum()?;
            // SAFETY: the arguments have the types that timestamp_zone takes.
            unsafe {
                direct_function_call::<i64>(
                    pg_sys::timestamp_zone,
                    &[Some(zone), Some(pg_sys::Datum::from(local))],
                )?
            }
        }
    };
    VALID_TIMES.contains(&at).then_some(at)
}

/// An exact number; `None` for NaN and the infinities.
pub fn number(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> Option<Decimal> {
    // SAFETY: the datum has the stated type.
    unsafe {
        match type_oid {
            pg_sys::INT2OID => i16::from_datum(datum, false).map(|value| Decimal::from(i64::from(value))),
            pg_sys::INT4OID => i32::from_datum(datum, false).map(|value| Decimal::from(i64::from(value))),
            pg_sys::INT8OID => i64::from_datum(datum, false).map(Decimal::from),
            pg_sys::FLOAT8OID => Decimal::from_f64(f64::from_datum(datum, false)?),
            pg_sys::FLOAT4OID => {
                // The shortest decimal of the narrower type, as its text shows it.
                let value = f32::from_datum(datum, false).filter(|value| value.is_finite())?;
                Decimal::parse(&format!("{value:e}"))
            }
            _ => {
                let varlena = pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr());
                numeric(std::slice::from_raw_parts(varlena.cast(), pgrx::varsize_any(varlena)))
            }
        }
    }
}

/// The event must be done with before the current memory context is.
fn jsonb(datum: pg_sys::Datum) -> Jsonb<'static> {
    // SAFETY: detoasted into the current memory context, which outlives the row's event.
    unsafe {
        let varlena = pg_sys::pg_detoast_datum(datum.cast_mut_ptr());
        Jsonb::root(std::slice::from_raw_parts(
            pgrx::vardata_any(varlena).cast(),
            pgrx::varsize_any_exhdr(varlena),
        ))
    }
}

/// What `where` and `of` see of an event: the properties, with the value column under `value`.
#[derive(Clone, Copy)]
pub enum EventDocument<'e> {
    Root(&'e Event<'e>),
    Value(&'e Decimal),
    Property(Jsonb<'e>),
}

impl<'e> Document<'e> for EventDocument<'e> {
    fn kind(self) -> Kind {
        match self {
            EventDocument::Root(_) => Kind::Object,
            EventDocument::Value(_) => Kind::Number,
            EventDocument::Property(value) => value.kind(),
        }
    }

    fn boolean(self) -> Option<bool> {
        if let EventDocument::Property(value) = self { value.boolean() } else { None }
    }

    fn number(self) -> Option<Decimal> {
        match self {
            EventDocument::Root(_) => None,
            EventDocument::Value(number) => Some(number.clone()),
            EventDocument::Property(value) => value.number(),
        }
    }

    fn text(self) -> Option<&'e str> {
        if let EventDocument::Property(value) = self { value.text() } else { None }
    }

    fn get(self, key: &str) -> Option<Self> {
        match self {
            EventDocument::Root(event) => match (&event.value, key) {
                (Some(value), "value") => Some(EventDocument::Value(value)),
                _ => {
                    let properties =
                        event.document.get_or_init(|| event.properties.map_or(Jsonb::Null, jsonb));
                    properties.get(key).map(EventDocument::Property)
                }
            },
            EventDocument::Value(_) => None,
            EventDocument::Property(value) => value.get(key).map(EventDocument::Property),
        }
    }

    fn size(self) -> usize {
        if let EventDocument::Property(value) = self { value.size() } else { 0 }
    }

    fn element(self, index: usize) -> Option<Self> {
        match self {
            EventDocument::Property(value) => value.element(index).map(EventDocument::Property),
            _ => None,
        }
    }
}
