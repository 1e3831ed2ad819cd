//! What an index on jsonb can know of criteria: a fragment that every matching document contains.

use super::ast::{Filter, Literal, Node, Operator, Path, Test, Type};
use super::normalise::normalise;
use super::parse::{Scope, parse, parse_value};
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};

/// A fragment, as large as the criteria give away, such that `document @> fragment` for every document that
/// satisfies them; `{}`, which every object contains, where they give nothing away.
pub fn containment(text: &str) -> Result<Value> {
    parse(text, Scope::DocumentAt)?;
    // In the canonical form negations are at the leaves, and tests of one path stand together. It may be too large.
    let node = match normalise(text).and_then(|value| parse_value(&value, Scope::DocumentAt)) {
        Err(Error::TooLarge { .. }) => None,
        node => Some(node?),
    };
    Ok(node.as_ref().and_then(fragment).unwrap_or_else(|| json!({})))
}

/// What every document contains that satisfies a node in canonical form; `None` for nothing.
fn fragment(node: &Node) -> Option<Value> {
    match node {
        Node::All(nodes) => nodes.iter().filter_map(fragment).reduce(merge),
        // At least one of them holds.
        Node::Any(nodes) | Node::AtLeast(_, nodes) => {
            let mut fragments = nodes.iter().map(fragment);
            let first = fragments.next()??;
            fragments.try_fold(first, |shared, next| intersect(&shared, &next?))
        }
        Node::Attribute(path, test) => tested(test).map(|value| at(path, value)),
        Node::None(_)
        | Node::Not(_)
        | Node::Event(_)
        | Node::Sequence(_)
        | Node::Bucket(_)
        | Node::Segment(_)
        | Node::Tier(_)
        | Node::Number(_) => None,
    }
}

/// A value below the keys of a path.
fn at(path: &Path, value: Value) -> Value {
    path.0.iter().rev().fold(value, |value, key| Value::Object(Map::from_iter([(key.clone(), value)])))
}

/// What a value that passes a test contains.
fn tested(test: &Test) -> Option<Value> {
    let mut found = test.operators.iter().filter_map(|operator| contained(operator, test.ignore_case));
    let mut found = found.next().map(|first| found.fold(first, merge));
    // A scalar stands for the list of itself, so an element says something only where there must be an array.
    if found.as_ref().is_some_and(Value::is_array) {
        let single = test.operators.iter().filter_map(|operator| match operator {
            Operator::Has(value) => Some(std::slice::from_ref(value)),
            Operator::HasAll(values) => Some(values.as_slice()),
            _ => None,
        });
        let elements = single.flatten().filter(|value| is_exact(value, test.ignore_case));
        let elements: Vec<Value> = elements.map(Literal::to_json).collect();
        found = found.map(|found| merge(found, elements.into()));
    }
    found
}

fn contained(operator: &Operator, ignore_case: bool) -> Option<Value> {
    let exact = |value: &Literal| is_exact(value, ignore_case).then(|| value.to_json());
    match operator {
        Operator::Equals(value) => exact(value),
        Operator::In(values) => {
            let mut values = values.iter();
            let first = exact(values.next()?)?;
            values.try_fold(first, |shared, value| intersect(&shared, &exact(value)?))
        }
        Operator::Has(Literal::Array(_) | Literal::Object(_)) | Operator::Size(_) => Some(json!([])),
        // No scalar is two different values.
        Operator::HasAll(values) if values.len() > 1 => Some(json!([])),
        Operator::AnyElement(filter) => {
            let element = match filter.as_ref() {
                Filter::Element(test) => tested(test),
                Filter::Criteria(node) => fragment(node),
            };
            Some(element.map_or_else(|| json!([]), |element| json!([element])))
        }
        Operator::Type(types) => match types.as_slice() {
            [Type::Array] => Some(json!([])),
            [Type::Object] => Some(json!({})),
            [Type::Null] => Some(Value::Null),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a value equal to a literal contains it; text whose case does not matter is spelled in many ways.
fn is_exact(value: &Literal, ignore_case: bool) -> bool {
    !(ignore_case && value.has_text())
}

/// Both: contained in whatever contains either. Where that cannot be, no document matches and either will do.
fn merge(a: Value, b: Value) -> Value {
    match (a, b) {
        (Value::Object(mut a), Value::Object(b)) => {
            for (key, value) in b {
                let value = match a.remove(&key) {
                    Some(known) => merge(known, value),
                    None => value,
                };
                a.insert(key, value);
            }
            Value::Object(a)
        }
        (Value::Array(mut a), Value::Array(b)) => {
            b.into_iter().for_each(|element| {
                if !a.contains(&element) {
                    a.push(element)
                }
            });
            Value::Array(a)
        }
        (a, _) => a,
    }
}

/// What is contained in whatever contains one or the other.
fn intersect(a: &Value, b: &Value) -> Option<Value> {
    match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (Value::Object(a), Value::Object(b)) => {
            let shared = a.iter().filter_map(|(key, a)| Some((key.clone(), intersect(a, b.get(key)?)?)));
            Some(Value::Object(shared.collect()))
        }
        (Value::Array(a), Value::Array(b)) => {
            Some(a.iter().filter(|element| b.contains(element)).cloned().collect())
        }
        _ => None,
    }
}
