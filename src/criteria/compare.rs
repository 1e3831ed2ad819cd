//! The comparison table: which stored value satisfies which operator.

use super::ast::{Filter, Literal, Operand, Operator, Pattern, Test, Type};
use super::clock::Clock;
use super::document::{Document, Kind};
use super::evaluate::matches_at;
use super::instant::{Instant, Written};
use super::number::Decimal;
use super::version::Version;
use chrono::{Datelike, NaiveDate, NaiveTime};
use std::borrow::Cow;
use std::cmp::Ordering;

/// Whether a value, absent or present, passes every operator of a test.
pub fn passes<'a, D: Document<'a>>(test: &Test, stored: Option<D>, clock: &Clock) -> bool {
    test.operators.iter().all(|operator| holds(operator, stored, test.ignore_case, clock))
}

/// Whether a value passes one operator.
pub fn holds<'a, D: Document<'a>>(
    operator: &Operator,
    stored: Option<D>,
    ignore_case: bool,
    clock: &Clock,
) -> bool {
    // A JSON null is missing, like an absent key; only `type` tells them apart.
    let value = stored.filter(|value| value.kind() != Kind::Null);
    let equal = |literal: &Literal| value.is_some_and(|value| equals(value, literal, ignore_case));
    let order = |operand: &Operand| value.and_then(|value| compare(value, operand, ignore_case));
    let text = |accept: &dyn Fn(&str) -> bool| {
        value.and_then(Document::text).is_some_and(|text| accept(&fold_case(text, ignore_case)))
    };
    let has = |literal: &Literal| value.is_some_and(|value| has(value, literal, ignore_case));
    let time = |accept: &dyn Fn(Instant) -> Option<bool>| {
        value.and_then(|value| accept(read_time(value, clock)?)).unwrap_or(false)
    };
    let version = |bound: &str, accept: fn(Ordering) -> bool| {
        let version = value.and_then(Document::text).and_then(Version::parse);
        version.zip(Version::parse(bound)).is_some_and(|(version, bound)| accept(version.compare(bound)))
    };
    match operator {
        Operator::Equals(literal) => equal(literal),
        Operator::NotEquals(literal) => !equal(literal),
        Operator::In(literals) => value.is_some_and(|value| is_among(value, literals, ignore_case)),
        Operator::NotIn(literals) => !value.is_some_and(|value| is_among(value, literals, ignore_case)),
        Operator::Min(bound) => order(bound).is_some_and(Ordering::is_ge),
        Operator::Max(bound) => order(bound).is_some_and(Ordering::is_le),
        Operator::Gt(bound) => order(bound).is_some_and(Ordering::is_gt),
        Operator::Lt(bound) => order(bound).is_some_and(Ordering::is_lt),
        Operator::Between(low, high) => {
            order(low).is_some_and(Ordering::is_ge) && order(high).is_some_and(Ordering::is_le)
        }
        Operator::Contains(part) => text(&|text| text.contains(part.as_str())),
        Operator::NotContains(part) => !text(&|text| text.contains(part.as_str())),
        Operator::StartsWith(part) => {
            with_text(value, ignore_case, |text| text.starts_with(part.as_bytes())).unwrap_or(false)
        }
        Operator::EndsWith(part) => {
            with_text(value, ignore_case, |text| text.ends_with(part.as_bytes())).unwrap_or(false)
        }
        // The pattern was compiled with its own case folding.
        Operator::Matches(Pattern(regex)) => {
            value.and_then(Document::text).is_some_and(|text| regex.is_match(text))
        }
        Operator::Exists(wanted) => value.is_some() == *wanted,
        Operator::Has(literal) => has(literal),
        Operator::HasAny(literals) => value.is_some_and(|value| has_any(value, literals, ignore_case)),
        Operator::HasAll(literals) => value.is_some_and(|value| has_all(value, literals, ignore_case)),
        Operator::HasNone(literals) => !value.is_some_and(|value| has_any(value, literals, ignore_case)),
        Operator::Size(test) => value
            .filter(|value| value.kind() == Kind::Array)
            .is_some_and(|value| passes_number(test, Some(&Decimal::from(value.size() as i64)))),
        Operator::AnyElement(filter) => elements(value).any(|element| match filter.as_ref() {
            Filter::Element(test) => passes(test, Some(element), clock),
            Filter::Criteria(node) => matches_at(node, element, clock),
        }),
        Operator::Before(moment) => time(&|at| Some(at < moment.period(clock)?.start)),
        Operator::After(moment) => time(&|at| Some(at >= moment.period(clock)?.end)),
        Operator::On(moment) => time(&|at| Some(moment.day(clock)?.contains(&at))),
        Operator::Anniversary => value.is_some_and(|value| is_anniversary(value, clock).unwrap_or(false)),
        Operator::Within(length) => {
            time(&|at| Some(at > clock.now - length.seconds() * 1_000_000 && at <= clock.now))
        }
        Operator::OlderThan(length) => time(&|at| Some(at <= clock.now - length.seconds() * 1_000_000)),
        // One document does not say how it has been; whoever remembers that asks for it apart.
        Operator::HeldFor(_) => false,
        Operator::VersionMin(bound) => version(bound, Ordering::is_ge),
        Operator::VersionMax(bound) => version(bound, Ordering::is_le),
        Operator::Type(types) => types.contains(&Type::of(stored)),
    }
}

/// Whether a computed number passes a test, or the lack of one.
pub fn passes_number(test: &Test, number: Option<&Decimal>) -> bool {
    passes(test, number.map(Computed), &Clock::TIMELESS)
}

impl Type {
    /// The type of a value as it is stored.
    fn of<'a, D: Document<'a>>(value: Option<D>) -> Self {
        match value.map(Document::kind) {
            None => Type::Missing,
            Some(Kind::Null) => Type::Null,
            Some(Kind::Boolean) => Type::Boolean,
            Some(Kind::Number) => Type::Number,
            Some(Kind::Text) => Type::String,
            Some(Kind::Array) => Type::Array,
            Some(Kind::Object) => Type::Object,
        }
    }
}

/// The instant that a value names; a day is the instant at which it begins.
pub fn read_time<'a, D: Document<'a>>(value: D, clock: &Clock) -> Option<Instant> {
    Some(match Written::parse(value.text()?)? {
        Written::Instant(instant) => instant,
        Written::Local(local) => clock.instant(local),
        Written::Day(day) => clock.beginning(day.and_time(NaiveTime::MIN)),
    })
}

/// The day that a time lies on.
pub fn read_day<'a, D: Document<'a>>(value: D, clock: &Clock) -> Option<NaiveDate> {
    Some(match Written::parse(value.text()?)? {
        Written::Instant(instant) => clock.local(instant)?.date(),
        Written::Local(local) => local.date(),
        Written::Day(day) => day,
    })
}

/// Whether the month and the day of a time are today's; 29 February falls on the 28th in common years.
fn is_anniversary<'a, D: Document<'a>>(value: D, clock: &Clock) -> Option<bool> {
    let day = read_day(value, clock)?;
    let today = clock.local(clock.now)?.date();
    let this_year = |day| NaiveDate::from_ymd_opt(today.year(), 2, day);
    let leap = (day.month(), day.day()) == (2, 29);
    Some(match this_year(29).or_else(|| this_year(28)).filter(|_| leap) {
        Some(last) => today == last,
        None => (today.month(), today.day()) == (day.month(), day.day()),
    })
}

/// The elements of an array; anything else has none.
pub fn elements<'a, D: Document<'a>>(value: Option<D>) -> impl Iterator<Item = D> {
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

/// The same for some of a sorted list.
fn has_any<'a, D: Document<'a>>(value: D, literals: &[Literal], ignore_case: bool) -> bool {
    match value.kind() {
        Kind::Array => elements(Some(value)).any(|element| is_among(element, literals, ignore_case)),
        Kind::Object => false,
        _ => is_among(value, literals, ignore_case),
    }
}

/// The same for all of a sorted list without repetitions. What is no list has nothing, not even an empty selection.
fn has_all<'a, D: Document<'a>>(value: D, literals: &[Literal], ignore_case: bool) -> bool {
    let (mut met, mut missing) = (vec![false; literals.len()], literals.len());
    let mut completes = |element: D| {
        let place = place_among(element, literals, ignore_case);
        missing -= usize::from(place.is_some_and(|place| !std::mem::replace(&mut met[place], true)));
        missing == 0
    };
    match value.kind() {
        Kind::Object => false,
        Kind::Array => literals.is_empty() || elements(Some(value)).any(completes),
        _ => literals.is_empty() || completes(value),
    }
}

/// Whether a value equals one of a sorted list of literals.
fn is_among<'a, D: Document<'a>>(value: D, literals: &[Literal], ignore_case: bool) -> bool {
    place_among(value, literals, ignore_case).is_some()
}

/// The place of the literal that a value equals in a sorted list, in which numbers stand before texts, and these before lists.
fn place_among<'a, D: Document<'a>>(value: D, literals: &[Literal], ignore_case: bool) -> Option<usize> {
    match value.kind() {
        Kind::Number => {
            let search = |literal: &Literal| match literal {
                Literal::Null | Literal::Boolean(_) => Ordering::Less,
                Literal::Number(number) => {
                    value.compare_number(number).map_or(Ordering::Less, Ordering::reverse)
                }
                _ => Ordering::Greater,
            };
            literals.binary_search_by(search).ok()
        }
        Kind::Text => {
            let search = |text: &[u8]| {
                literals.binary_search_by(|literal| match literal {
                    Literal::Null | Literal::Boolean(_) | Literal::Number(_) => Ordering::Less,
                    Literal::Text(wanted) => wanted.as_bytes().cmp(text),
                    _ => Ordering::Greater,
                })
            };
            with_text(Some(value), ignore_case, search)?.ok()
        }
        Kind::Null | Kind::Boolean => {
            literals.iter().take(3).position(|literal| equals(value, literal, ignore_case))
        }
        Kind::Array | Kind::Object => {
            let first = literals.partition_point(|literal| *literal < Literal::Array(Vec::new()));
            let place = literals[first..].iter().position(|literal| equals(value, literal, ignore_case))?;
            Some(first + place)
        }
    }
}

/// Deep, typed equality: numbers by value, objects whatever the order of their keys.
fn equals<'a, D: Document<'a>>(value: D, literal: &Literal, ignore_case: bool) -> bool {
    match literal {
        Literal::Null => value.kind() == Kind::Null,
        Literal::Boolean(wanted) => value.boolean() == Some(*wanted),
        Literal::Number(wanted) => value.compare_number(wanted) == Some(Ordering::Equal),
        Literal::Text(wanted) => {
            with_text(Some(value), ignore_case, |text| text == wanted.as_bytes()).unwrap_or(false)
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
            value.compare_number(bound).or_else(|| Some(Decimal::parse(value.text()?)?.cmp(bound)))
        }
        Operand::Text(bound) => with_text(Some(value), ignore_case, |text| text.cmp(bound.as_bytes())),
    }
}

/// What a comparison by bytes says of a text.
fn with_text<'a, D: Document<'a>, R>(
    value: Option<D>,
    ignore_case: bool,
    compare: impl FnOnce(&[u8]) -> R,
) -> Option<R> {
    let value = value?;
    if ignore_case {
        value.text().map(|text| compare(fold_case(text, true).as_bytes()))
    } else {
        value.text_bytes().map(compare)
    }
}

/// Text in the form that comparisons without regard to case use; operands are folded when parsed. Letter by letter, so
/// that a part of a text is folded as it is in the whole, and alike for the letters that patterns take for one.
pub fn fold_case(text: &str, ignore_case: bool) -> Cow<'_, str> {
    match (ignore_case, text.is_ascii()) {
        (false, _) => Cow::Borrowed(text),
        (true, true) => Cow::Owned(text.to_ascii_lowercase()),
        (true, false) => Cow::Owned(text.chars().flat_map(|letter| capital(letter).to_lowercase()).collect()),
    }
}

/// The capital of a letter, where that is one letter: two small ones may share it, as σ and ς do. A dotless i is no other
/// i, although it has the capital of one.
fn capital(letter: char) -> char {
    let mut capitals = letter.to_uppercase();
    match (letter, capitals.next(), capitals.next()) {
        ('ı', ..) | (_, _, Some(_)) => letter,
        (_, capital, None) => capital.unwrap_or(letter),
    }
}

/// A number that stands for a document, so that one table serves stored and computed values.
#[derive(Clone, Copy)]
struct Computed<'a>(&'a Decimal);

impl<'a> Document<'a> for Computed<'a> {
    fn kind(self) -> Kind {
        Kind::Number
    }
    fn number(self) -> Option<Decimal> {
        Some(self.0.clone())
    }
    fn compare_number(self, other: &Decimal) -> Option<Ordering> {
        Some(self.0.cmp(other))
    }
}
