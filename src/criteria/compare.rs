//! The comparison table: which stored value satisfies which operator.

use super::ast::{Filter, Literal, Operand, Operator, Test};
use super::document::{Document, Kind};
use super::evaluate::matches;
use super::number::Decimal;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Whether a value, absent or present, passes every operator of a test.
pub fn passes<'a, D: Document<'a>>(test: &Test, value: Option<D>) -> bool {
    // A JSON null is missing, like an absent key.
    let value = value.filter(|value| value.kind() != Kind::Null);
    test.operators.iter().all(|operator| holds(operator, value, test.ignore_case))
}

fn holds<'a, D: Document<'a>>(operator: &Operator, value: Option<D>, ignore_case: bool) -> bool {
    let equal = |literal: &Literal| value.is_some_and(|value| equals(value, literal, ignore_case));
    let order = |operand: &Operand| value.and_then(|value| compare(value, operand, ignore_case));
    let text = |accept: &dyn Fn(&str) -> bool| {
        value.and_then(Document::text).is_some_and(|text| accept(&fold_case(text, ignore_case)))
    };
    let has = |literal: &Literal| value.is_some_and(|value| has(value, literal, ignore_case));
    match operator {
        Operator::Equals(literal) => equal(literal),
        Operator::NotEquals(literal) => !equal(literal),
        Operator::In(literals) => literals.iter().any(equal),
        Operator::NotIn(literals) => !literals.iter().any(equal),
        Operator::Min(bound) => order(bound).is_some_and(Ordering::is_ge),
        Operator::Max(bound) => order(bound).is_some_and(Ordering::is_le),
        Operator::Gt(bound) => order(bound).is_some_and(Ordering::is_gt),
        Operator::Lt(bound) => order(bound).is_some_and(Ordering::is_lt),
        Operator::Between(low, high) => {
            order(low).is_some_and(Ordering::is_ge) && order(high).is_some_and(Ordering::is_le)
        }
        Operator::Contains(part) => text(&|text| text.contains(part.as_str())),
        Operator::NotContains(part) => !text(&|text| text.contains(part.as_str())),
        Operator::StartsWith(part) => text(&|text| text.starts_with(part.as_str())),
        Operator::EndsWith(part) => text(&|text| text.ends_with(part.as_str())),
        // The pattern was compiled with its own case folding.
        Operator::Matches(pattern) => {
            value.and_then(Document::text).is_some_and(|text| pattern.is_match(text))
        }
        Operator::Exists(wanted) => value.is_some() == *wanted,
        Operator::Has(literal) => has(literal),
        Operator::HasAny(literals) => literals.iter().any(has),
        // A missing or wrongly typed list has nothing, not even an empty selection.
        Operator::HasAll(literals) => {
            value.is_some_and(|value| value.kind() != Kind::Object) && literals.iter().all(has)
        }
        Operator::HasNone(literals) => !literals.iter().any(has),
        Operator::Size(test) => value
            .filter(|value| value.kind() == Kind::Array)
            .is_some_and(|value| passes_number(test, &Decimal::from(value.size() as i64))),
        Operator::AnyElement(filter) => elements(value).any(|element| match filter.as_ref() {
            Filter::Element(test) => passes(test, Some(element)),
            Filter::Criteria(node) => matches(node, element),
        }),
    }
}

/// Whether a computed number passes a test.
pub fn passes_number(test: &Test, number: &Decimal) -> bool {
    passes(test, Some(Computed(number)))
}

fn elements<'a, D: Document<'a>>(value: Option<D>) -> impl Iterator<Item = D> {
    let array = value.filter(|value| value.kind() == Kind::Array);
    let size = array.map_or(0, Document::size);
    (0..size).filter_map(move |index| array.and_then(|array| array.element(index)))
}

/// Membership in a list; a scalar stands for the list of itself.
fn has<'a, D: Document<'a>>(value: D, literal: &Literal, ignore_case: bool) -> bool {
    match value.kind() {
        Kind::Array => elements(Some(value)).any(|element| equals(element, literal, ignore_case)),
        Kind::Object => false,
        _ => equals(value, literal, ignore_case),
    }
}

/// Deep, typed equality: numbers by value, objects whatever the order of their keys.
fn equals<'a, D: Document<'a>>(value: D, literal: &Literal, ignore_case: bool) -> bool {
    match literal {
        Literal::Null => value.kind() == Kind::Null,
        Literal::Boolean(wanted) => value.boolean() == Some(*wanted),
        Literal::Number(wanted) => value.number().as_ref() == Some(wanted),
        Literal::Text(wanted) => {
            value.text().is_some_and(|text| fold_case(text, ignore_case) == wanted.as_str())
        }
        Literal::Array(wanted) => {
            value.kind() == Kind::Array
                && value.size() == wanted.len()
                && elements(Some(value))
                    .zip(wanted)
                    .all(|(element, wanted)| equals(element, wanted, ignore_case))
        }
        Literal::Object(wanted) => {
            value.kind() == Kind::Object
                && value.size() == wanted.len()
                && wanted.iter().all(|(key, wanted)| {
                    value.get(key).is_some_and(|value| equals(value, wanted, ignore_case))
                })
        }
    }
}

/// Order by the operand's type. A string that is wholly a number is read as one; text orders by bytes.
fn compare<'a, D: Document<'a>>(value: D, operand: &Operand, ignore_case: bool) -> Option<Ordering> {
    match operand {
        Operand::Number(bound) => {
            let number = value.number().or_else(|| value.text().and_then(Decimal::parse))?;
            Some(number.cmp(bound))
        }
        Operand::Text(bound) => Some(fold_case(value.text()?, ignore_case).as_bytes().cmp(bound.as_bytes())),
    }
}

/// Text in the form that comparisons without regard to case use; operands are folded when parsed.
pub fn fold_case(text: &str, ignore_case: bool) -> Cow<'_, str> {
    if ignore_case { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}

/// A number that stands for a document, so that one table serves stored and computed values.
#[derive(Clone, Copy)]
struct Computed<'a>(&'a Decimal);

impl<'a> Document<'a> for Computed<'a> {
    fn kind(self) -> Kind {
        Kind::Number
    }
    fn boolean(self) -> Option<bool> {
        None
    }
    fn number(self) -> Option<Decimal> {
        Some(self.0.clone())
    }
    fn text(self) -> Option<&'a str> {
        None
    }
    fn get(self, _: &str) -> Option<Self> {
        None
    }
    fn size(self) -> usize {
        0
    }
    fn element(self, _: usize) -> Option<Self> {
        None
    }
}
