//! Parses the operands that are values to compare with.

use super::ast::{Literal, Operand};
use super::compare::fold_case;
use super::document::Document;
use super::number::Decimal;
use super::parse::{MAX_DEPTH, criteria};
use crate::error::{Error, Result};
use serde_json::Value;

/// `null` cannot be compared with: a null value is a missing one.
pub fn comparable(value: Literal, at: &str) -> Result<Literal> {
    if value == Literal::Null {
        return Err(criteria(
            at,
            "null equals nothing",
            "Write {\"exists\": false} to find a missing value.",
        ));
    }
    Ok(value)
}

pub fn text<'v>(value: &'v Value, at: &str, hint: &str) -> Result<&'v str> {
    value.as_str().ok_or_else(|| criteria(at, "expected a string", hint))
}

/// A whole number from 0 on, however it is written: 2.0 is one.
pub fn whole(value: &Value) -> Option<u64> {
    let (number, is_whole) = value.number()?.floor_scaled(0);
    u64::try_from(number).ok().filter(|_| is_whole)
}

pub fn operand(value: &Value, at: &str, ignore_case: bool) -> Result<Operand> {
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

pub fn literals(value: &Value, at: &str, ignore_case: bool) -> Result<Vec<Literal>> {
    let Value::Array(values) = value else {
        return Err(criteria(at, "expected a list of values", "Write [...] around the values."));
    };
    let values = values.iter().enumerate();
    let mut literals: Vec<Literal> = values
        .map(|(index, value)| {
            let at = format!("{at}[{index}]");
            comparable(literal(value, &at, ignore_case)?, &at)
        })
        .collect::<Result<_>>()?;
    literals.sort_unstable();
    literals.dedup();
    Ok(literals)
}

pub fn literal(value: &Value, at: &str, ignore_case: bool) -> Result<Literal> {
    literal_within(value, at, ignore_case, MAX_DEPTH)
}

fn literal_within(value: &Value, at: &str, ignore_case: bool, depth: usize) -> Result<Literal> {
    let deeper = || depth.checked_sub(1).ok_or(Error::TooLarge { what: "nesting", limit: MAX_DEPTH });
    Ok(match value {
        Value::Null => Literal::Null,
        Value::Bool(value) => Literal::Boolean(*value),
        Value::Number(number) => {
            let decimal = Decimal::parse(number.as_str()).filter(Decimal::is_numeric);
            Literal::Number(decimal.ok_or_else(|| {
                criteria(
                    at,
                    format!("the number {number} is out of range"),
                    "Write a number with a smaller exponent.",
                )
            })?)
        }
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
