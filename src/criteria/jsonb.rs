//! Reads PostgreSQL's on-disk jsonb in place: no text round trip, no allocation but for numbers.
//!
//! The layout (`src/include/utils/jsonb.h`) has been stable since 9.4, because pg_upgrade keeps it. Every
//! read is bounds-checked, so bytes that are no jsonb give missing values, never a fault.

use super::ast::Literal;
use super::document::{Document, Kind};
use super::number::Decimal;
use serde_json::Value;
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

/// Up to so many keys, looking at one after the other is faster than halving.
const FEW_KEYS: usize = 32;

/// How deep values are compared and shown.
const DEEPEST: usize = 64;

/// One jsonb value, with the bytes it lies in.
#[derive(Clone, Copy, Debug)]
pub struct Jsonb<'a> {
    kind: Kind,
    /// The first word of a container; of a boolean, 1 for true.
    header: u32,
    /// A container, a varlena `numeric` with its header, or the bytes of a text.
    bytes: &'a [u8],
}

/// A container, taken apart.
#[derive(Clone, Copy)]
struct Container<'a> {
    /// What an object stores is its keys, then its values.
    descriptors: &'a [[u8; 4]],
    data: &'a [u8],
}

impl<'a> Jsonb<'a> {
    pub const NULL: Jsonb<'static> = Jsonb::scalar(Kind::Null, 0, &[]);

    /// The root of a jsonb datum, given its bytes after the varlena header.
    pub fn root(bytes: &'a [u8]) -> Self {
        // A search goes to and fro in what mostly comes from memory: asked for at once, it comes at once.
        const LINE: usize = 64;
        let touched = bytes.iter().take(16 * LINE).step_by(LINE).fold(0, |sum, byte| sum ^ byte);
        std::hint::black_box(touched);
        let root = Self::container_in(bytes);
        let scalar = |header: u32| header & SCALAR != 0;
        match root.filter(|root| scalar(root.header)) {
            Some(wrapped) => wrapped.parts().and_then(|parts| parts.entry(0)).unwrap_or(Jsonb::NULL),
            None => root.unwrap_or(Jsonb::NULL),
        }
    }

    const fn scalar(kind: Kind, header: u32, bytes: &'a [u8]) -> Self {
        Jsonb { kind, header, bytes }
    }

    fn container_in(bytes: &'a [u8]) -> Option<Self> {
        let header = word(bytes, 0)?;
        let kind = if header & OBJECT != 0 { Kind::Object } else { Kind::Array };
        Some(Jsonb { kind, header, bytes })
    }

    /// The keys of an object and their values, in the order in which they are stored, which equal objects share.
    pub fn entries(self) -> impl Iterator<Item = (&'a str, Jsonb<'a>)> {
        self.stored_entries().filter_map(|(key, value)| Some((std::str::from_utf8(key).ok()?, value)))
    }

    /// The same with keys as they are stored, in whatever encoding.
    pub fn stored_entries(self) -> impl Iterator<Item = (&'a [u8], Jsonb<'a>)> {
        let parts = if self.kind == Kind::Object { self.parts() } else { None };
        let count = self.count();
        parts.into_iter().flat_map(move |parts| {
            (0..count).filter_map(move |index| {
                Some((parts.entry(index)?.text_bytes()?, parts.entry(count + index)?))
            })
        })
    }

    /// Whether both say the same, however their numbers are written; beyond a depth, however deep they are stored.
    pub fn same(self, other: Jsonb) -> bool {
        self.same_within(other, DEEPEST)
    }

    fn same_within(self, other: Jsonb, depth: usize) -> bool {
        let same = |a: Jsonb, b: Jsonb| a.same_within(b, depth - 1);
        self.kind == other.kind
            && match self.kind {
                Kind::Null => true,
                Kind::Boolean => self.header == other.header,
                Kind::Text => self.bytes == other.bytes,
                Kind::Number => self.bytes == other.bytes || self.number() == other.number(),
                _ if depth == 0 => self.bytes == other.bytes,
                Kind::Array => {
                    let pair = |index| Some(same(self.element(index)?, other.element(index)?));
                    self.count() == other.count() && (0..self.count()).all(|index| pair(index) == Some(true))
                }
                Kind::Object => {
                    let mut pairs = self.entries().zip(other.entries());
                    self.count() == other.count() && pairs.all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
                }
            }
    }

    /// The value as JSON; numbers that are none, and what lies too deep to be shown, as null.
    pub fn to_json(self) -> Value {
        self.to_json_within(DEEPEST)
    }

    fn to_json_within(self, depth: usize) -> Value {
        let json = |value: Jsonb| value.to_json_within(depth - 1);
        match self.kind {
            Kind::Boolean => (self.header == 1).into(),
            Kind::Number => self.number().map_or(Value::Null, |number| Literal::Number(number).to_json()),
            Kind::Text => self.text().map_or(Value::Null, Value::from),
            Kind::Array if depth > 0 => {
                (0..self.count()).filter_map(|index| self.element(index).map(json)).collect()
            }
            Kind::Object if depth > 0 => {
                Value::Object(self.entries().map(|(key, value)| (key.to_owned(), json(value))).collect())
            }
            _ => Value::Null,
        }
    }

    /// What is stored of it: a container, a varlena `numeric`, the bytes of a text, or 1 for true.
    pub fn stored(self) -> (Kind, &'a [u8]) {
        match self.kind {
            Kind::Boolean if self.header == 1 => (self.kind, &[1]),
            _ => (self.kind, self.bytes),
        }
    }

    fn count(self) -> usize {
        (self.header & COUNT_MASK) as usize
    }

    fn parts(self) -> Option<Container<'a>> {
        let entries = match self.kind {
            Kind::Object => self.count() * 2,
            Kind::Array => self.count(),
            _ => return None,
        };
        let (descriptors, data) = self.bytes.get(4..)?.split_at_checked(entries * 4)?;
        Some(Container { descriptors: descriptors.as_chunks().0, data })
    }

    /// The value under a key of an object: keys are sorted by length, which descriptors tell without the data, then by
    /// bytes.
    // Inlined, like what it calls, because a value that is handed on through memory costs more than finding it.
    #[inline(always)]
    fn find(self, key: &[u8]) -> Option<Self> {
        let parts = self.parts()?;
        let keys = parts.descriptors.len() / 2;
        if keys <= FEW_KEYS { parts.walk(key, keys) } else { parts.search(key, keys) }
    }
}

impl<'a> Container<'a> {
    /// Looks at the keys in their order, which adds up the place of the value's data on the way.
    #[inline(always)]
    fn walk(self, key: &[u8], keys: usize) -> Option<Jsonb<'a>> {
        let mut start = 0;
        for index in 0..keys {
            let end = end(start, self.descriptor(index)?);
            match end.checked_sub(start)?.cmp(&key.len()) {
                Ordering::Equal if self.data.get(start..end)? == key => {
                    let between = self.descriptors.get(index + 1..index + keys)?;
                    let start =
                        between.iter().fold(end, |start, bytes| self::end(start, u32::from_ne_bytes(*bytes)));
                    return self.entry_at(index + keys, start);
                }
                Ordering::Less | Ordering::Equal => start = end,
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// Halves the keys that are left.
    fn search(self, key: &[u8], keys: usize) -> Option<Jsonb<'a>> {
        let (mut low, mut high) = (0, keys);
        while low < high {
            let middle = low + (high - low) / 2;
            let order = match self.length(middle)?.cmp(&key.len()) {
                Ordering::Equal => self.data.get(self.offset(middle)..)?.get(..key.len())?.cmp(key),
                order => order,
            };
            match order {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return self.entry(middle + keys),
            }
        }
        None
    }

    fn descriptor(self, index: usize) -> Option<u32> {
        self.descriptors.get(index).map(|bytes| u32::from_ne_bytes(*bytes))
    }

    /// Where an entry's data begins, added up from the nearest descriptor before that holds an offset.
    fn offset(self, index: usize) -> usize {
        let mut offset = 0_usize;
        for bytes in self.descriptors.get(..index).unwrap_or_default().iter().rev() {
            let descriptor = u32::from_ne_bytes(*bytes);
            offset = offset.saturating_add((descriptor & ENTRY_OFFSET_MASK) as usize);
            if descriptor & ENTRY_HAS_OFFSET != 0 {
                break;
            }
        }
        offset
    }

    fn length(self, index: usize) -> Option<usize> {
        let descriptor = self.descriptor(index)?;
        let stated = (descriptor & ENTRY_OFFSET_MASK) as usize;
        if descriptor & ENTRY_HAS_OFFSET == 0 { Some(stated) } else { stated.checked_sub(self.offset(index)) }
    }

    fn entry(self, index: usize) -> Option<Jsonb<'a>> {
        self.entry_at(index, self.offset(index))
    }

    /// An entry whose data begins at an offset.
    #[inline(always)]
    fn entry_at(self, index: usize, start: usize) -> Option<Jsonb<'a>> {
        let descriptor = self.descriptor(index)?;
        let end = end(start, descriptor);
        // Numerics and containers are aligned to four bytes within the data.
        let aligned = start.checked_add(3)? & !3;
        Some(match descriptor & ENTRY_TYPE_MASK {
            ENTRY_STRING => Jsonb::scalar(Kind::Text, 0, self.data.get(start..end)?),
            ENTRY_NUMERIC => Jsonb::scalar(Kind::Number, 0, self.data.get(aligned..end)?),
            ENTRY_FALSE => Jsonb::scalar(Kind::Boolean, 0, &[]),
            ENTRY_TRUE => Jsonb::scalar(Kind::Boolean, 1, &[]),
            ENTRY_CONTAINER => Jsonb::container_in(self.data.get(aligned..end)?)?,
            _ => Jsonb::NULL,
        })
    }
}

/// Where an entry's data ends: some descriptors hold that offset, the others the length.
fn end(start: usize, descriptor: u32) -> usize {
    let stated = (descriptor & ENTRY_OFFSET_MASK) as usize;
    if descriptor & ENTRY_HAS_OFFSET != 0 { stated } else { start.saturating_add(stated) }
}

impl<'a> Document<'a> for Jsonb<'a> {
    fn kind(self) -> Kind {
        self.kind
    }

    fn boolean(self) -> Option<bool> {
        (self.kind == Kind::Boolean).then_some(self.header == 1)
    }

    fn number(self) -> Option<Decimal> {
        if self.kind == Kind::Number { numeric(self.bytes) } else { None }
    }

    fn compare_number(self, other: &Decimal) -> Option<Ordering> {
        if self.kind != Kind::Number {
            return None;
        }
        let (negative, weight, digits) = numeric_parts(self.bytes)?;
        Some(other.order_of_base_10000(negative, weight, base_10000(digits)))
    }

    fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.text_bytes()?).ok()
    }

    fn text_bytes(self) -> Option<&'a [u8]> {
        (self.kind == Kind::Text).then_some(self.bytes)
    }

    #[inline(always)]
    fn get(self, key: &str) -> Option<Self> {
        if self.kind == Kind::Object { self.find(key.as_bytes()) } else { None }
    }

    fn size(self) -> usize {
        if matches!(self.kind, Kind::Array | Kind::Object) { self.count() } else { 0 }
    }

    fn element(self, index: usize) -> Option<Self> {
        if self.kind == Kind::Array { self.parts()?.entry(index) } else { None }
    }
}

/// Decodes a varlena `numeric` (`src/backend/utils/adt/numeric.c`); `None` for NaN and the infinities.
pub fn numeric(varlena: &[u8]) -> Option<Decimal> {
    let (negative, weight, digits) = numeric_parts(varlena)?;
    Some(Decimal::from_base_10000(negative, weight, base_10000(digits)))
}

fn base_10000(digits: &[u8]) -> impl Iterator<Item = u16> + Clone {
    digits.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]]))
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
    for digit in base_10000(digits).map(i64::from) {
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

    #[test]
    fn keys_are_found_among_few_and_many() {
        for count in [1, 2, 31, 32, 33, 64, 200] {
            let key = |n: usize| format!("{}{n}", "k".repeat(n % 7));
            let entries: serde_json::Map<_, _> =
                (0..count).map(|n| (key(n), json!([n, "x".repeat(n)]))).collect();
            let value = Value::Object(entries);
            same(&value, Jsonb::root(&jsonb(&value)));
            assert!(Jsonb::root(&jsonb(&value)).get("kk").is_none());
        }
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
        fn numbers_compare_in_place_as_they_do_in_full(a in "-?[0-9]{1,12}(\\.[0-9]{1,9})?", b in "-?[0-9]{1,12}(\\.[0-9]{1,9})?", same: bool) {
            // Leading zeros are no JSON.
            let stored: Value = serde_json::from_str(&a).unwrap_or(json!(0));
            let other = Decimal::parse(if same { &a } else { &b }).unwrap();
            let document = jsonb(&stored);
            prop_assert_eq!(Jsonb::root(&document).compare_number(&other), Document::number(&stored).map(|number| number.cmp(&other)));
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
