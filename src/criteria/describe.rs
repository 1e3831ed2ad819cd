//! Says in English what a test demands.

use super::ast::{Literal, Operand, Operator, Path, Test};

/// `a.b`, or `a."b.c"` where a key contains a dot.
pub fn describe_path(path: &Path) -> String {
    let keys = path.0.iter().map(|key| if key.contains('.') { format!("{key:?}") } else { key.clone() });
    keys.collect::<Vec<_>>().join(".")
}

/// `at least 2 and less than 10`.
pub fn describe_test(test: &Test) -> String {
    let parts: Vec<String> = test.operators.iter().map(operator).collect();
    let suffix = if test.ignore_case { " (ignoring case)" } else { "" };
    format!("{}{suffix}", parts.join(" and "))
}

fn operator(operator: &Operator) -> String {
    match operator {
        Operator::Equals(value) => format!("equal to {}", literal(value)),
        Operator::NotEquals(value) => format!("not equal to {}", literal(value)),
        Operator::In(values) => format!("one of {}", literals(values)),
        Operator::NotIn(values) => format!("none of {}", literals(values)),
        Operator::Min(bound) => format!("at least {}", operand(bound)),
        Operator::Max(bound) => format!("at most {}", operand(bound)),
        Operator::Gt(bound) => format!("more than {}", operand(bound)),
        Operator::Lt(bound) => format!("less than {}", operand(bound)),
        Operator::Between(low, high) => format!("between {} and {}", operand(low), operand(high)),
        Operator::Contains(part) => format!("containing {part:?}"),
        Operator::NotContains(part) => format!("not containing {part:?}"),
        Operator::StartsWith(part) => format!("starting with {part:?}"),
        Operator::EndsWith(part) => format!("ending with {part:?}"),
        Operator::Matches(pattern) => format!("matching /{pattern}/"),
        Operator::Exists(true) => "present".to_owned(),
        Operator::Exists(false) => "missing".to_owned(),
        Operator::Has(value) => format!("a list with {}", literal(value)),
        Operator::HasAny(values) => format!("a list with any of {}", literals(values)),
        Operator::HasAll(values) => format!("a list with all of {}", literals(values)),
        Operator::HasNone(values) => format!("a list with none of {}", literals(values)),
        Operator::Size(test) => format!("a list of size {}", describe_test(test)),
        Operator::AnyElement(_) => "a list with a matching element".to_owned(),
    }
}

fn operand(operand: &Operand) -> String {
    match operand {
        Operand::Number(number) => number.to_string(),
        Operand::Text(text) => format!("{text:?}"),
    }
}

fn literals(values: &[Literal]) -> String {
    let values: Vec<String> = values.iter().map(literal).collect();
    format!("({})", values.join(", "))
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Null => "null".to_owned(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Number(number) => number.to_string(),
        Literal::Text(text) => format!("{text:?}"),
        Literal::Array(values) => literals(values),
        Literal::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}: {}", literal(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}
