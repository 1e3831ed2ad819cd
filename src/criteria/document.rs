//! The only way the evaluator sees data: a read-only JSON value, wherever its bytes live.

use super::number::Decimal;
use serde_json::Value;
use std::cmp::Ordering;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

/// A JSON value by reference. Accessors of another kind than the value's own return `None`, or nothing.
pub trait Document<'a>: Copy {
    fn kind(self) -> Kind;
    fn boolean(self) -> Option<bool> {
        None
    }
    fn number(self) -> Option<Decimal>;
    /// How the number compares with another.
    fn compare_number(self, other: &Decimal) -> Option<Ordering> {
        Some(self.number()?.cmp(other))
    }
    /// The number in units of `10^-scale`, halves rounded away from zero.
    fn units(self, scale: u32) -> Option<i128> {
        self.number()?.to_scaled(scale)
    }
    fn text(self) -> Option<&'a str> {
        None
    }
    /// The bytes of the text, for what needs no characters.
    fn text_bytes(self) -> Option<&'a [u8]> {
        self.text().map(str::as_bytes)
    }
    /// The value of an object under a key.
    fn get(self, _key: &str) -> Option<Self> {
        None
    }
    /// The number of elements of an array, or of keys of an object.
    fn size(self) -> usize {
        0
    }
    /// An element of an array.
    fn element(self, _index: usize) -> Option<Self> {
        None
    }
}

impl<'a> Document<'a> for &'a Value {
    fn kind(self) -> Kind {
        match self {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Boolean,
            Value::Number(_) => Kind::Number,
            Value::String(_) => Kind::Text,
            Value::Array(_) => Kind::Array,
            Value::Object(_) => Kind::Object,
        }
    }

    fn boolean(self) -> Option<bool> {
        self.as_bool()
    }

    fn number(self) -> Option<Decimal> {
        match self {
            Value::Number(number) => Decimal::parse(number.as_str()),
            _ => None,
        }
    }

    fn text(self) -> Option<&'a str> {
        self.as_str()
    }

    fn get(self, key: &str) -> Option<Self> {
        Value::get(self, key)
    }

    fn size(self) -> usize {
        match self {
            Value::Array(elements) => elements.len(),
            Value::Object(entries) => entries.len(),
            _ => 0,
        }
    }

    fn element(self, index: usize) -> Option<Self> {
        match self {
            Value::Array(elements) => elements.get(index),
            _ => None,
        }
    }
}
