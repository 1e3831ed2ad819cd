//! Reads PostgreSQL's on-disk jsonb in place: no text round trip, no allocation but for numbers.
//!
//! The layout (`src/include/utils/jsonb.h`) has been stable since 9.4, because pg_upgrade keeps it. Every
//! read is bounds-checked, so bytes that are no jsonb give missing values, never a fault.

use super::document::{Document, Kind};
use super::number::Decimal;
use std::cmp::Ordering;

const COUNT_MASK: u32 = 0x0FFF_FFFF;
const SCALAR: u32 = 0x1000_0000;
const OBJECT: u32 = 0x2000_0000;

const ENTRY_OFFSET_MASK: u32 = 0x0FFF_FFFF;
const ENTRY_TYPE_MASK: u32 = 0x7000_0000;
const ENTRY_STRING: u32 = 0x0000_0000;
const ENTRY_NUMERIC: u32 = 0x1000_0000;
const ENTRY_FALSE: u32 = 0x2000_0000;
const ENTRY_TRUE: u32 = 0x3000_0000;
const ENTRY_CONTAINER: u32 = 0x5000_0000;
const ENTRY_HAS_OFFSET: u32 = 0x8000_0000;

/// One jsonb value: a scalar or a container, with the bytes it lies in.
#[derive(Clone, Copy, Debug)]
pub enum Jsonb<'a> {
    Null,
    Boolean(bool),
    /// A varlena `numeric`, header included.
    Numeric(&'a [u8]),
    Text(&'a str),
    Container(Container<'a>),
}

#[derive(Clone, Copy, Debug)]
pub struct Container<'a> {
    bytes: &'a [u8],
    header: u32,
}

impl<'a> Jsonb<'a> {
    /// The root of a jsonb datum, given its bytes after the varlena header.
    pub fn root(bytes: &'a [u8]) -> Self {
        let Some(container) = Container::new(bytes) else { return Jsonb::Null };
        if container.header & SCALAR != 0 {
            container.entry(0).unwrap_or(Jsonb::Null)
        } else {
            Jsonb::Container(container)
        }
    }
}

impl<'a> Container<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        Some(Container { bytes, header: word(bytes, 0)? })
    }

    fn count(self) -> usize {
        (self.header & COUNT_MASK) as usize
    }

    fn is_object(self) -> bool {
        self.header & OBJECT != 0
    }

    /// Entries an object stores: its keys, then its values.
    fn entries(self) -> usize {
        if self.is_object() { self.count().saturating_mul(2) } else { self.count() }
    }

    fn descriptor(self, index: usize) -> Option<u32> {
        word(self.bytes, index.checked_add(1)?.checked_mul(4)?)
    }

    /// Where an entry's data begins, relative to the data area. Only some descriptors hold an offset; the
    /// others hold a length, to be added up from the nearest offset before.
    fn offset(self, index: usize) -> Option<usize> {
        let mut offset = 0_usize;
        for before in (0..index).rev() {
            let descriptor = self.descriptor(before)?;
            offset = offset.checked_add((descriptor & ENTRY_OFFSET_MASK) as usize)?;
            if descriptor & ENTRY_HAS_OFFSET != 0 {
                break;
            }
        }
        Some(offset)
    }

    fn entry(self, index: usize) -> Option<Jsonb<'a>> {
        if index >= self.entries() {
            return None;
        }
        let descriptor = self.descriptor(index)?;
        let start = self.offset(index)?;
        let stated = (descriptor & ENTRY_OFFSET_MASK) as usize;
        let end = if descriptor & ENTRY_HAS_OFFSET != 0 { stated } else { start.checked_add(stated)? };
        let base = self.entries().checked_add(1)?.checked_mul(4)?;
        let data = |from: usize| self.bytes.get(base.checked_add(from)?..base.checked_add(end)?);
        // Numerics and containers are aligned to four bytes within the data area.
        let aligned = start.checked_add(3)? & !3;
        Some(match descriptor & ENTRY_TYPE_MASK {
            ENTRY_STRING => Jsonb::Text(std::str::from_utf8(data(start)?).ok()?),
            ENTRY_NUMERIC => Jsonb::Numeric(data(aligned)?),
            ENTRY_FALSE => Jsonb::Boolean(false),
            ENTRY_TRUE => Jsonb::Boolean(true),
            ENTRY_CONTAINER => Jsonb::Container(Container::new(data(aligned)?)?),
            _ => Jsonb::Null,
        })
    }

    /// Binary search: keys are sorted by length, then by bytes.
    fn find(self, key: &str) -> Option<Jsonb<'a>> {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            let Jsonb::Text(candidate) = self.entry(middle)? else { return None };
            let order =
                candidate.len().cmp(&key.len()).then_with(|| candidate.as_bytes().cmp(key.as_bytes()));
            match order {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return self.entry(middle.checked_add(self.count())?),
            }
        }
        None
    }
}

impl<'a> Document<'a> for Jsonb<'a> {
    fn kind(self) -> Kind {
        match self {
            Jsonb::Null => Kind::Null,
            Jsonb::Boolean(_) => Kind::Boolean,
            Jsonb::Numeric(_) => Kind::Number,
            Jsonb::Text(_) => Kind::Text,
            Jsonb::Container(container) if container.is_object() => Kind::Object,
            Jsonb::Container(_) => Kind::Array,
        }
    }

    fn boolean(self) -> Option<bool> {
        if let Jsonb::Boolean(value) = self { Some(value) } else { None }
    }

    fn number(self) -> Option<Decimal> {
        if let Jsonb::Numeric(bytes) = self { numeric(bytes) } else { None }
    }

    fn text(self) -> Option<&'a str> {
        if let Jsonb::Text(text) = self { Some(text) } else { None }
    }

    fn get(self, key: &str) -> Option<Self> {
        match self {
            Jsonb::Container(container) if container.is_object() => container.find(key),
            _ => None,
        }
    }

    fn size(self) -> usize {
        if let Jsonb::Container(container) = self { container.count() } else { 0 }
    }

    fn element(self, index: usize) -> Option<Self> {
        match self {
            Jsonb::Container(container) if !container.is_object() => container.entry(index),
            _ => None,
        }
    }
}

/// Decodes a varlena `numeric` (`src/backend/utils/adt/numeric.c`); `None` for NaN and the infinities.
pub fn numeric(varlena: &[u8]) -> Option<Decimal> {
    let (negative, weight, digits) = numeric_parts(varlena)?;
    let digits = digits.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]]));
    Some(Decimal::from_base_10000(negative, weight, digits))
}

/// A varlena `numeric` in units of `10^-scale`, where it is a whole number of them and not a huge one; the way around
/// [`numeric`] for most.
pub fn numeric_units(varlena: &[u8], scale: u32) -> Option<i64> {
    let (negative, weight, digits) = numeric_parts(varlena)?;
    if !(-3..=3).contains(&weight) || digits.len() > 8 {
        return None;
    }
    let mut units: i64 = 0;
    let mut exponent = weight * 4 + i64::from(scale);
    for pair in digits.chunks_exact(2) {
        let digit = i64::from(u16::from_ne_bytes([pair[0], pair[1]]));
        units = units.checked_add(match u32::try_from(exponent) {
            Ok(exponent) => digit.checked_mul(10_i64.checked_pow(exponent)?)?,
            // Below the unit: whole only if nothing is lost.
            Err(_) => {
                let unit = 10_i64.checked_pow(u32::try_from(-exponent).ok()?)?;
                if digit % unit != 0 {
                    return None;
                }
                digit / unit
            }
        })?;
        exponent -= 4;
    }
    Some(if negative { -units } else { units })
}

/// Sign, weight of the first digit in powers of 10000, and the digits of a `numeric`.
fn numeric_parts(varlena: &[u8]) -> Option<(bool, i64, &[u8])> {
    let header_size = if varlena.first()? & 1 == 1 { 1 } else { 4 };
    let body = varlena.get(header_size..)?;
    let header = half_word(body, 0)?;
    Some(match header & 0xC000 {
        0xC000 => return None,
        0x8000 => {
            let magnitude = i64::from(header & 0x003F);
            let weight = if header & 0x0040 != 0 { magnitude - 64 } else { magnitude };
            (header & 0x2000 != 0, weight, body.get(2..)?)
        }
        sign => (sign == 0x4000, i64::from(half_word(body, 2)? as i16), body.get(4..)?),
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

fn half_word(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    bytes.try_into().ok().map(u16::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criteria::encode::jsonb;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn same<'a>(value: &'a Value, stored: Jsonb<'a>) {
        assert_eq!(Document::kind(value), stored.kind());
        assert_eq!(Document::boolean(value), stored.boolean());
        assert_eq!(Document::number(value), stored.number());
        assert_eq!(Document::text(value), stored.text());
        assert_eq!(Document::size(value), stored.size());
        match value {
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    same(element, stored.element(index).expect("the element is stored"));
                }
            }
            Value::Object(entries) => {
                for (key, element) in entries {
                    same(element, stored.get(key).expect("the key is stored"));
                }
                assert!(stored.get("no such key").is_none());
            }
            _ => {}
        }
    }

    #[test]
    fn reads_scalars_and_containers() {
        let numbers = r#"[0, -1.5, 12345678901234567890, 1e-400, 10000, 0.0001, 1e131071]"#;
        for value in
            [json!(null), json!("text"), json!(true), json!([]), json!({}), json!({"a": {"b": [1, "x"]}})]
        {
            same(&value, Jsonb::root(&jsonb(&value)));
        }
        let value: Value = serde_json::from_str(numbers).unwrap();
        same(&value, Jsonb::root(&jsonb(&value)));
    }

    #[test]
    fn long_arrays_use_both_kinds_of_descriptor() {
        let value = json!((0..200).map(|n| json!({"n": n, "s": "x".repeat(n)})).collect::<Vec<_>>());
        same(&value, Jsonb::root(&jsonb(&value)));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "-?[1-9][0-9]{0,25}(\\.[0-9]{1,9})?".prop_map(|n| serde_json::from_str(&n).unwrap()),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..40).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn units_are_those_of_the_number(text in "-?[0-9]{1,14}(\\.[0-9]{1,9})?", scale in 0_u32..8) {
            // Leading zeros are no JSON.
            let number: Value = serde_json::from_str(&text).unwrap_or(json!(-40));
            let document = jsonb(&number);
            // A lone number is stored as an array of one, after a header and an entry.
            let varlena = &document[8..];
            let whole = numeric(varlena).and_then(|number| number.to_scaled(scale).filter(|units| Decimal::from_scaled(*units, scale) == number));
            if let Some(units) = numeric_units(varlena, scale) {
                prop_assert_eq!(Some(i128::from(units)), whole);
            }
        }

        #[test]
        fn equals_the_document_it_was_written_from(value in any_value()) {
            same(&value, Jsonb::root(&jsonb(&value)));
        }

        #[test]
        fn damaged_bytes_never_fault(value in any_value(), at: usize, byte: u8, cut: usize) {
            let mut bytes = jsonb(&value);
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(length - cut % length);
            let root = Jsonb::root(&bytes);
            for index in 0..root.size().min(64) {
                let _ = root.element(index).map(|element| element.number());
            }
            let _ = root.get("key").map(|element| element.text());
        }
    }
}
