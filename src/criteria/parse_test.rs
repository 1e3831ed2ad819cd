//! Parses the operators of one test.

use super::ast::{Filter, Literal, Operand, Operator, Test};
use super::compare::fold_case;
use super::number::Decimal;
use super::parse::{MAX_DEPTH, Parser, criteria, join};
use crate::error::{Result, nearest};
use regex::RegexBuilder;
use serde_json::{Map, Value};

/// Every key of a test.
pub const OPERATORS: [&str; 22] = [
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
    "ignore_case",
];
const NUMERIC: [&str; 6] = ["min", "max", "gt", "lt", "equals", "between"];

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 1_024;
/// Most memory a compiled pattern may take, in bytes.
const MAX_COMPILED_PATTERN: usize = 256 * 1_024;

pub fn is_operator(key: &str) -> bool {
    OPERATORS.contains(&key)
}

/// What an event leaf without a test means.
pub fn at_least_one() -> Test {
    Test { operators: vec![Operator::Min(Operand::Number(Decimal::from(1)))], ignore_case: false }
}

/// What to write where a literal stands in place of a test.
pub fn literal_key_hint(key: &str, forms: &[&'static str]) -> String {
    match nearest(key, forms.iter().copied()) {
        Some(form) => format!("Did you mean \"{form}\"? A test is an object such as {{\"equals\": ...}}."),
        None => "A test is an object such as {\"equals\": ...}.".to_owned(),
    }
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
    Ok(Test { operators, ignore_case })
}

/// A test of a computed number, such as a count.
pub fn parse_numeric_test(parser: &mut Parser, object: &Map<String, Value>, at: &str) -> Result<Test> {
    if let Some(key) = object.keys().find(|key| !NUMERIC.contains(&key.as_str())) {
        let near =
            nearest(key, NUMERIC).map_or_else(String::new, |near| format!("Did you mean \"{near}\"? "));
        return Err(criteria(
            &join(at, key),
            format!("unknown operator \"{key}\" for a number"),
            format!("{near}Operators for a number are {}.", NUMERIC.join(", ")),
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
    if bounds_are_numbers {
        Ok(test)
    } else {
        Err(criteria(at, "expected numbers to compare with", "Write a test such as {\"min\": 2}."))
    }
}

fn operator(parser: &mut Parser, key: &str, value: &Value, at: &str, ignore_case: bool) -> Result<Operator> {
    let one = || literal(value, at, ignore_case);
    let many = || literals(value, at, ignore_case);
    let order = || operand(value, at, ignore_case);
    let part = || text(value, at).map(|text| fold_case(text, ignore_case).into_owned());
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
        "matches" => pattern(text(value, at)?, at, ignore_case)?,
        "exists" => Operator::Exists(value.as_bool().ok_or_else(|| {
            criteria(at, "expected true or false", "Write {\"exists\": true} or {\"exists\": false}.")
        })?),
        "has" => Operator::Has(comparable(one()?, at)?),
        "has_any" => Operator::HasAny(many()?),
        "has_all" => Operator::HasAll(many()?),
        "has_none" => Operator::HasNone(many()?),
        "size" => Operator::Size(size(parser, value, at)?),
        _ => Operator::AnyElement(Box::new(element(parser, value, at)?)),
    })
}

/// `null` cannot be compared with: a null value is a missing one.
fn comparable(value: Literal, at: &str) -> Result<Literal> {
    if value == Literal::Null {
        return Err(criteria(
            at,
            "null equals nothing",
            "Write {\"exists\": false} to find a missing value.",
        ));
    }
    Ok(value)
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
            Ok(Test { operators: vec![Operator::Equals(number)], ignore_case: false })
        }
        Value::Object(object) => parse_numeric_test(parser, object, at),
        _ => Err(criteria(
            at,
            "expected a number or a test of one",
            "Write {\"size\": 2} or {\"size\": {\"min\": 2}}.",
        )),
    }
}

fn element(parser: &mut Parser, value: &Value, at: &str) -> Result<Filter> {
    let object =
        parser.object(value, at, "Write operators for the element, or criteria whose paths start at it.")?;
    if !object.is_empty() && object.keys().all(|key| is_operator(key)) {
        Ok(Filter::Element(parse_test(parser, object, at)?))
    } else {
        Ok(Filter::Criteria(parser.node_of_document(value, at)?))
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
        .map(Operator::Matches)
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

fn text<'v>(value: &'v Value, at: &str) -> Result<&'v str> {
    value.as_str().ok_or_else(|| criteria(at, "expected a string", "This operator compares text."))
}

fn operand(value: &Value, at: &str, ignore_case: bool) -> Result<Operand> {
    match literal(value, at, ignore_case)? {
        Literal::Number(number) => Ok(Operand::Number(number)),
        Literal::Text(text) => Ok(Operand::Text(text)),
        _ => Err(criteria(
            at,
            "expected a number or a string",
            "Numbers order as numbers, strings by their bytes.",
        )),
    }
}

fn literals(value: &Value, at: &str, ignore_case: bool) -> Result<Vec<Literal>> {
    let Value::Array(values) = value else {
        return Err(criteria(at, "expected a list of values", "Write [...] around the values."));
    };
    let values = values.iter().enumerate();
    values
        .map(|(index, value)| {
            let at = format!("{at}[{index}]");
            comparable(literal(value, &at, ignore_case)?, &at)
        })
        .collect()
}

fn literal(value: &Value, at: &str, ignore_case: bool) -> Result<Literal> {
    literal_within(value, at, ignore_case, MAX_DEPTH)
}

fn literal_within(value: &Value, at: &str, ignore_case: bool, depth: usize) -> Result<Literal> {
    let deeper =
        || depth.checked_sub(1).ok_or(crate::error::Error::TooLarge { what: "nesting", limit: MAX_DEPTH });
    Ok(match value {
        Value::Null => Literal::Null,
        Value::Bool(value) => Literal::Boolean(*value),
        Value::Number(number) => Literal::Number(Decimal::parse(number.as_str()).ok_or_else(|| {
            criteria(
                at,
                format!("the number {number} is out of range"),
                "Write a number with a smaller exponent.",
            )
        })?),
        Value::String(text) => Literal::Text(fold_case(text, ignore_case).into_owned()),
        Value::Array(values) => {
            let depth = deeper()?;
            Literal::Array(
                values.iter().map(|v| literal_within(v, at, ignore_case, depth)).collect::<Result<_>>()?,
            )
        }
        Value::Object(entries) => {
            let depth = deeper()?;
            let entries = entries.iter();
            Literal::Object(
                entries
                    .map(|(k, v)| Ok((k.clone(), literal_within(v, at, ignore_case, depth)?)))
                    .collect::<Result<_>>()?,
            )
        }
    })
}
