//! Parses the operators of one test.

use super::ast::{Filter, Literal, Operand, Operator, Pattern, Test, Type};
use super::compare::fold_case;
use super::duration::Duration;
use super::interval::is_empty;
use super::moment::{Moment, calendar_words};
use super::near::did_you_mean;
use super::number::Decimal;
use super::parse::{Parser, Scope, criteria, join};
use super::parse_literal::{comparable, literal, literals, operand, text};
use super::quantity::Quantity;
use super::version::Version;
use crate::error::{Result, nearest};
use regex::RegexBuilder;
use serde_json::{Map, Value};

/// Every key of a test.
pub const OPERATORS: [&str; 31] = [
    "equals",
    "not_equals",
    "in",
    "not_in",
    "min",
    "max",
    "gt",
    "lt",
    "between",
    "contains",
    "not_contains",
    "starts_with",
    "ends_with",
    "matches",
    "exists",
    "has",
    "has_any",
    "has_all",
    "has_none",
    "size",
    "any_element",
    "before",
    "after",
    "on",
    "within",
    "older_than",
    "held_for",
    "type",
    "version_min",
    "version_max",
    "ignore_case",
];
const TYPES: [(&str, Type); 7] = [
    ("string", Type::String),
    ("number", Type::Number),
    ("boolean", Type::Boolean),
    ("array", Type::Array),
    ("object", Type::Object),
    ("null", Type::Null),
    ("missing", Type::Missing),
];
/// The operand of `on` that is no time of its own.
pub const ANNIVERSARY: &str = "anniversary";
const NUMERIC: [&str; 6] = ["min", "max", "gt", "lt", "equals", "between"];

/// Operators whose operand may be an object.
const TAKES_OBJECTS: [&str; 5] = ["equals", "not_equals", "has", "size", "any_element"];

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 1_024;
/// What to write where an operator wants something else than it got.
pub const A_TEST: &str = "A test is an object such as {\"equals\": ...}.";
const TEXT: &str = "This operator compares text.";
const TIME: &str =
    "Write an ISO 8601 date or time, \"-30 days\", a word such as \"last_month\", or \"now-1M/M\".";
const LENGTH: &str = "Write a duration such as \"30 days\"; \"on\" takes words such as \"last_month\".";
const VERSION: &str = "Write one as semver.org has it, such as \"1.2.3\" or \"2.0.0-rc.1\".";

/// Most memory a compiled pattern may take, in bytes.
const MAX_COMPILED_PATTERN: usize = 256 * 1_024;

pub fn is_operator(key: &str) -> bool {
    OPERATORS.contains(&key)
}

/// What an event leaf without a test means.
pub fn at_least_one() -> Test {
    Test { operators: vec![Operator::Min(Operand::Number(Decimal::from(1)))], ignore_case: false }
}

pub fn parse_test(parser: &mut Parser, object: &Map<String, Value>, at: &str) -> Result<Test> {
    let ignore_case = match object.get("ignore_case") {
        None => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => {
            return Err(criteria(&join(at, "ignore_case"), "expected true or false", "Write true or false."));
        }
    };
    let mut operators = Vec::with_capacity(object.len());
    for (key, value) in object.iter().filter(|(key, _)| *key != "ignore_case") {
        operators.push(operator(parser, key, value, &join(at, key), ignore_case)?);
    }
    if operators.is_empty() {
        return Err(criteria(
            at,
            "expected at least one operator",
            "Write a test such as {\"exists\": true}.",
        ));
    }
    if is_empty(&operators) {
        return Err(criteria(
            at,
            "the interval is empty",
            "No value lies between these bounds; check their order.",
        ));
    }
    Ok(Test { operators, ignore_case })
}

/// A test of a computed number, such as a count.
pub fn parse_numeric_test(
    parser: &mut Parser,
    object: &Map<String, Value>,
    what: &str,
    quantity: &Quantity,
    at: &str,
) -> Result<Test> {
    if let Some(key) = object.keys().find(|key| !NUMERIC.contains(&key.as_str())) {
        return Err(criteria(
            &join(at, key),
            format!("unknown operator \"{key}\" for a number"),
            format!("{}Operators for a number are {}.", did_you_mean(key, &NUMERIC), NUMERIC.join(", ")),
        ));
    }
    if object.is_empty() {
        return Err(criteria(at, "expected at least one operator", "Write a test such as {\"min\": 2}."));
    }
    // Numbers given as text are read as such.
    let read = |value: &Value| match value {
        Value::String(text) => serde_json::from_str(text).ok().filter(Value::is_number),
        _ => None,
    };
    let numbers = object.iter().map(|(key, value)| {
        let value = match value {
            Value::Array(values) => values.iter().map(|v| read(v).unwrap_or_else(|| v.clone())).collect(),
            value => read(value).unwrap_or_else(|| value.clone()),
        };
        (key.clone(), value)
    });
    let test = parse_test(parser, &numbers.collect(), at)?;
    let number = |operand: &Operand| matches!(operand, Operand::Number(_));
    let bounds_are_numbers = test.operators.iter().all(|operator| match operator {
        Operator::Min(bound) | Operator::Max(bound) | Operator::Gt(bound) | Operator::Lt(bound) => {
            number(bound)
        }
        Operator::Between(low, high) => number(low) && number(high),
        Operator::Equals(value) => matches!(value, Literal::Number(_)),
        _ => false,
    });
    if !bounds_are_numbers {
        return Err(criteria(at, "expected numbers to compare with", "Write a test such as {\"min\": 2}."));
    }
    quantity.refuse_impossible(what, &test, at)?;
    Ok(test)
}

fn operator(parser: &mut Parser, key: &str, value: &Value, at: &str, ignore_case: bool) -> Result<Operator> {
    let is_test =
        value.as_object().is_some_and(|test| !test.is_empty() && test.keys().all(|key| is_operator(key)));
    if is_test && !TAKES_OBJECTS.contains(&key) {
        return Err(criteria(
            at,
            format!("\"{key}\" is an operator, and gets a test"),
            format!("A key of this name is reached by {{\"attribute\": \"a.{key}\", \"equals\": ...}}."),
        ));
    }
    let one = || literal(value, at, ignore_case);
    let many = || literals(value, at, ignore_case);
    let order = || operand(value, at, ignore_case);
    let part = || text(value, at, TEXT).map(|text| fold_case(text, ignore_case).into_owned());
    Ok(match key {
        "equals" => Operator::Equals(comparable(one()?, at)?),
        "not_equals" => Operator::NotEquals(comparable(one()?, at)?),
        "in" => Operator::In(many()?),
        "not_in" => Operator::NotIn(many()?),
        "min" => Operator::Min(order()?),
        "max" => Operator::Max(order()?),
        "gt" => Operator::Gt(order()?),
        "lt" => Operator::Lt(order()?),
        "between" => between(value, at, ignore_case)?,
        "contains" => Operator::Contains(part()?),
        "not_contains" => Operator::NotContains(part()?),
        "starts_with" => Operator::StartsWith(part()?),
        "ends_with" => Operator::EndsWith(part()?),
        "matches" => pattern(text(value, at, TEXT)?, at, ignore_case)?,
        "exists" => Operator::Exists(value.as_bool().ok_or_else(|| {
            criteria(at, "expected true or false", "Write {\"exists\": true} or {\"exists\": false}.")
        })?),
        "has" => Operator::Has(comparable(one()?, at)?),
        "has_any" => Operator::HasAny(many()?),
        "has_all" => Operator::HasAll(many()?),
        "has_none" => Operator::HasNone(many()?),
        "size" => Operator::Size(size(parser, value, at)?),
        "before" => Operator::Before(moment(parser, key, value, at)?),
        "after" => Operator::After(moment(parser, key, value, at)?),
        "on" if value == ANNIVERSARY => {
            refuse_time(parser, key, true, at)?;
            Operator::Anniversary
        }
        "on" => Operator::On(moment(parser, key, value, at)?),
        "within" => Operator::Within(length(parser, key, value, at)?),
        "older_than" => Operator::OlderThan(length(parser, key, value, at)?),
        "held_for" => {
            refuse_memory(parser, at)?;
            Operator::HeldFor(length(parser, key, value, at)?)
        }
        "type" => Operator::Type(types(value, at)?),
        "version_min" => Operator::VersionMin(version(value, at)?),
        "version_max" => Operator::VersionMax(version(value, at)?),
        _ => Operator::AnyElement(Box::new(element(parser, value, at, ignore_case)?)),
    })
}

fn between(value: &Value, at: &str, ignore_case: bool) -> Result<Operator> {
    let hint = "Write [low, high], both numbers or both strings, low first.";
    let Some([low, high]) = value.as_array().map(Vec::as_slice) else {
        return Err(criteria(at, "expected two bounds", hint));
    };
    let bounds = (operand(low, at, ignore_case)?, operand(high, at, ignore_case)?);
    let ordered = match &bounds {
        (Operand::Number(low), Operand::Number(high)) => low <= high,
        (Operand::Text(low), Operand::Text(high)) => low.as_bytes() <= high.as_bytes(),
        _ => return Err(criteria(at, "the bounds are of different types", hint)),
    };
    if ordered {
        Ok(Operator::Between(bounds.0, bounds.1))
    } else {
        Err(criteria(at, "the interval is empty", hint))
    }
}

fn size(parser: &mut Parser, value: &Value, at: &str) -> Result<Test> {
    match value {
        Value::Number(_) => {
            let number = literal(value, at, false)?;
            let test = Test { operators: vec![Operator::Equals(number)], ignore_case: false };
            Quantity::count().refuse_impossible("size", &test, at)?;
            Ok(test)
        }
        Value::Object(object) => parse_numeric_test(parser, object, "size", &Quantity::count(), at),
        _ => Err(criteria(
            at,
            "expected a number or a test of one",
            "Write {\"size\": 2} or {\"size\": {\"min\": 2}}.",
        )),
    }
}

/// What an element is asked for. Operators on the element itself belong to the test of the array, where they say nothing else of
/// the case of letters.
fn element(parser: &mut Parser, value: &Value, at: &str, ignore_case: bool) -> Result<Filter> {
    let object =
        parser.object(value, at, "Write operators for the element, or criteria whose paths start at it.")?;
    if !object.is_empty() && object.keys().all(|key| is_operator(key)) {
        let mut operators = object.clone();
        if ignore_case {
            operators.entry("ignore_case").or_insert(true.into());
        }
        Ok(Filter::Element(parser.about_element(|parser| parse_test(parser, &operators, at))?))
    } else {
        Ok(Filter::Criteria(parser.element(value, at)?))
    }
}

fn pattern(text: &str, at: &str, ignore_case: bool) -> Result<Operator> {
    if text.len() > MAX_PATTERN {
        return Err(criteria(
            at,
            "the pattern is too long",
            format!("Patterns are limited to {MAX_PATTERN} bytes."),
        ));
    }
    RegexBuilder::new(text)
        .case_insensitive(ignore_case)
        .size_limit(MAX_COMPILED_PATTERN)
        .build()
        .map(|regex| Operator::Matches(Pattern(regex)))
        .map_err(|problem| {
            let hint = match problem {
                regex::Error::CompiledTooBig(_) => "Shorten the pattern, or lower its repetition counts.",
                _ => "Patterns follow the Rust regex syntax: no look-around and no back-references.",
            };
            let problem = problem.to_string();
            let last = problem.lines().last().unwrap_or_default().trim_start_matches("error:").trim();
            criteria(at, format!("the pattern cannot be used: {last}"), hint)
        })
}

/// A time to compare with.
fn moment(parser: &Parser, key: &str, value: &Value, at: &str) -> Result<Moment> {
    let text = text(value, at, TIME)?;
    let moment = Moment::parse(text).map_err(|problem| {
        let near = nearest(text, calendar_words().chain([ANNIVERSARY]));
        let near = near.map_or_else(String::new, |near| format!("Did you mean \"{near}\"? "));
        criteria(at, problem, format!("{near}{TIME}"))
    })?;
    refuse_time(parser, key, moment.is_relative(), at)?;
    Ok(moment)
}

/// How long ago.
fn length(parser: &Parser, key: &str, value: &Value, at: &str) -> Result<Duration> {
    let length =
        Duration::parse(text(value, at, LENGTH)?).map_err(|problem| criteria(at, problem, LENGTH))?;
    refuse_time(parser, key, true, at)?;
    Ok(length)
}

/// Refuses tests of times where there are none, and those that move with the current time where there is none.
fn refuse_time(parser: &Parser, key: &str, relative: bool, at: &str) -> Result<()> {
    let moves = format!("\"{key}\" depends on the current time here");
    match parser.scope {
        Scope::Subscriber => Err(criteria(
            at,
            format!("\"{key}\" tests times, and the features of a subscriber are numbers"),
            "Test a trait such as traits.signed_up, or write an event leaf such as {\"event\": \"signup\", \"within\": \"30 days\"}.",
        )),
        Scope::Document if relative => Err(criteria(
            at,
            moves,
            "State the instant: segment.matches(document, criteria, at => now(), time_zone => 'UTC').",
        )),
        Scope::Event if relative => Err(criteria(
            at,
            moves,
            "Events are judged once, when they arrive; write a date, or \"within\" beside \"event\".",
        )),
        _ => Ok(()),
    }
}

/// Refuses to ask how long a value has been the same where nothing remembers that.
fn refuse_memory(parser: &Parser, at: &str) -> Result<()> {
    match parser.scope {
        Scope::Profile | Scope::Any => Ok(()),
        _ => Err(criteria(
            at,
            "\"held_for\" is about what is remembered of a subscriber's profile",
            "Write it beside a test of a whole trait, such as {\"attribute\": \"traits.plan\", \"equals\": \"pro\", \"held_for\": \"7 days\"}.",
        )),
    }
}

/// A type by name, or several.
fn types(value: &Value, at: &str) -> Result<Vec<Type>> {
    let names = || TYPES.iter().map(|(name, _)| *name);
    let one = |value: &Value, at: &str| {
        let name = value.as_str().unwrap_or_default();
        TYPES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind).ok_or_else(|| {
            let near = nearest(name, names());
            let near = near.map_or_else(String::new, |near| format!("Did you mean \"{near}\"? "));
            let types = names().collect::<Vec<_>>().join(", ");
            criteria(at, "expected the name of a type", format!("{near}Types are {types}."))
        })
    };
    match value {
        Value::Array(values) if !values.is_empty() => {
            let values = values.iter().enumerate();
            values.map(|(index, value)| one(value, &format!("{at}[{index}]"))).collect()
        }
        value => Ok(vec![one(value, at)?]),
    }
}

impl Type {
    pub fn name(self) -> &'static str {
        TYPES.iter().find(|(_, kind)| *kind == self).map_or("missing", |(name, _)| name)
    }
}

fn version(value: &Value, at: &str) -> Result<String> {
    let version = Version::parse(text(value, at, VERSION)?).map(|version| version.to_string());
    version.ok_or_else(|| criteria(at, "expected a version", VERSION))
}
