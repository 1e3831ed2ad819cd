//! One event row as the domain sees it: its values decoded, its properties read in place.

use crate::activity::{DAY, Instant, VALID_TIMES, VALUE_SCALE};
use crate::criteria::{Decimal, Document, Jsonb, Kind, numeric, numeric_units};
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum, direct_function_call};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ffi::CStr;

/// One row, as the domain sees it. It must be done with before the memory of the row is.
pub struct Event<'a> {
    pub subscriber: Cow<'a, str>,
    pub event_type: Cow<'a, str>,
    pub at: Instant,
    /// The value column with its type; a number is made of it when something first asks for one.
    value: Option<(pg_sys::Datum, pg_sys::Oid)>,
    number: OnceCell<Option<Decimal>>,
    properties: Option<pg_sys::Datum>,
    /// The properties, detoasted when something first asks for them.
    document: OnceCell<Jsonb<'static>>,
}

impl<'a> Event<'a> {
    pub fn new(
        subscriber: Cow<'a, str>,
        event_type: Cow<'a, str>,
        at: Instant,
        value: Option<(pg_sys::Datum, pg_sys::Oid)>,
        properties: Option<pg_sys::Datum>,
    ) -> Self {
        Event {
            subscriber,
            event_type,
            at,
            value,
            number: OnceCell::new(),
            properties,
            document: OnceCell::new(),
        }
    }

    /// The value column as a `numeric`, where it has a number.
    pub fn value(&self) -> Option<AnyNumeric> {
        super::spi::numeric(self.number()?)
    }

    /// The properties as they are stored.
    pub fn properties(&self) -> Option<pg_sys::Datum> {
        self.properties
    }

    /// The value column's number, as sums count it.
    pub fn amount(&self) -> Option<f64> {
        let units = i64::try_from(self.units(VALUE_SCALE)?).ok()?;
        Some(units as f64 / 10_f64.powi(VALUE_SCALE as i32))
    }

    /// Whether the value column has a number.
    fn number_is_there(&self) -> bool {
        self.value.is_some_and(|(datum, type_oid)| units(datum, type_oid, VALUE_SCALE).is_some())
            || self.number().is_some()
    }

    /// The value column's number, if it has one.
    fn number(&self) -> Option<&Decimal> {
        let (datum, type_oid) = self.value?;
        self.number.get_or_init(|| number(datum, type_oid)).as_ref()
    }

    /// The same in units of `10^-scale`.
    fn units(&self, scale: u32) -> Option<i128> {
        let (datum, type_oid) = self.value?;
        units(datum, type_oid, scale).or_else(|| self.number()?.to_scaled(scale))
    }
}

/// A value as its cast to text, in place where it is one.
pub fn text<'a>(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> Option<Cow<'a, str>> {
    // SAFETY: the datum has the stated type and its memory outlives the row's event; a database with the encoding UTF8,
    // which the extension demands, stores no other text.
    unsafe {
        match type_oid {
            pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => {
                let text = std::str::from_utf8_unchecked(content(datum));
                let padded = type_oid == pg_sys::BPCHAROID;
                Some(Cow::Borrowed(if padded { text.trim_end_matches(' ') } else { text }))
            }
            pg_sys::INT2OID => i16::from_datum(datum, false).map(|id| Cow::Owned(id.to_string())),
            pg_sys::INT4OID => i32::from_datum(datum, false).map(|id| Cow::Owned(id.to_string())),
            pg_sys::INT8OID => i64::from_datum(datum, false).map(|id| Cow::Owned(id.to_string())),
            _ => {
                let mut output = pg_sys::Oid::INVALID;
                let mut is_varlena = false;
                pg_sys::getTypeOutputInfo(type_oid, &mut output, &mut is_varlena);
                let text = CStr::from_ptr(pg_sys::OidOutputFunctionCall(output, datum));
                text.to_str().ok().map(Cow::Borrowed)
            }
        }
    }
}

/// Whether a value counts in sums.
pub fn is_summable(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> bool {
    let slowly = || number(datum, type_oid)?.to_scaled(VALUE_SCALE);
    units(datum, type_oid, VALUE_SCALE).or_else(slowly).is_some_and(|units| i64::try_from(units).is_ok())
}

/// A number in units of `10^-scale`, where that takes no more than a look.
fn units(datum: pg_sys::Datum, type_oid: pg_sys::Oid, scale: u32) -> Option<i128> {
    let unit = 10_i128.checked_pow(scale)?;
    // SAFETY: the datum has the stated type.
    unsafe {
        match type_oid {
            pg_sys::INT2OID => Some(i128::from(i16::from_datum(datum, false)?) * unit),
            pg_sys::INT4OID => Some(i128::from(i32::from_datum(datum, false)?) * unit),
            pg_sys::INT8OID => i128::from(i64::from_datum(datum, false)?).checked_mul(unit),
            pg_sys::NUMERICOID => numeric_units(varlena(datum), scale).map(i128::from),
            _ => None,
        }
    }
}

/// A value that is neither compressed nor out of line; in place, where it is stored like that.
///
/// # Safety
/// The datum is a varlena whose memory outlives what is made of it.
unsafe fn plain(datum: pg_sys::Datum) -> *mut pg_sys::varlena {
    let stored: *mut pg_sys::varlena = datum.cast_mut_ptr();
    // SAFETY: the caller's promise.
    unsafe {
        let as_it_is =
            pgrx::varatt_is_4b_u(stored) || (pgrx::varatt_is_1b(stored) && !pgrx::varatt_is_1b_e(stored));
        if as_it_is { stored } else { pg_sys::pg_detoast_datum_packed(stored) }
    }
}

/// The bytes of a value, header included.
///
/// # Safety
/// As for [`plain`].
unsafe fn varlena<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe {
        let varlena = plain(datum);
        std::slice::from_raw_parts(varlena.cast(), pgrx::varsize_any(varlena))
    }
}

/// The bytes of a value without the header.
///
/// # Safety
/// As for [`plain`].
unsafe fn content<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe {
        let varlena = plain(datum);
        std::slice::from_raw_parts(pgrx::vardata_any(varlena).cast(), pgrx::varsize_any_exhdr(varlena))
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
fn number(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> Option<Decimal> {
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
            _ => numeric(varlena(datum)),
        }
    }
}

/// The event must be done with before the current memory context is.
fn jsonb(datum: pg_sys::Datum) -> Jsonb<'static> {
    // SAFETY: where it is, or in the current memory context, it outlives the row's event.
    Jsonb::root(unsafe { content(datum) })
}

/// What `where` and `of` see of an event: the properties, with the value column under `value`.
#[derive(Clone, Copy)]
pub enum EventDocument<'e> {
    Root(&'e Event<'e>),
    /// The value column.
    Value(&'e Event<'e>),
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
            EventDocument::Value(event) => event.number().cloned(),
            EventDocument::Property(value) => value.number(),
        }
    }

    fn units(self, scale: u32) -> Option<i128> {
        match self {
            EventDocument::Root(_) => None,
            EventDocument::Value(event) => event.units(scale),
            EventDocument::Property(value) => value.units(scale),
        }
    }

    fn text(self) -> Option<&'e str> {
        if let EventDocument::Property(value) = self { value.text() } else { None }
    }

    fn get(self, key: &str) -> Option<Self> {
        match self {
            EventDocument::Root(event) => match key {
                "value" if event.number_is_there() => Some(EventDocument::Value(event)),
                _ => {
                    let properties =
                        event.document.get_or_init(|| event.properties.map_or(Jsonb::NULL, jsonb));
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
