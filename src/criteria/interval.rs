//! Whether the bounds of one test leave anything between them.

use super::ast::{Literal, Operand, Operator};
use super::version::Version;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Whether two operators of a test contradict each other at every instant and in every time zone.
pub fn is_empty(operators: &[Operator]) -> bool {
    operators.iter().any(|low| operators.iter().any(|high| contradict(low, high)))
}

fn contradict(low: &Operator, high: &Operator) -> bool {
    match (low, high) {
        (Operator::VersionMin(low), Operator::VersionMax(high)) => {
            let versions = Version::parse(low).zip(Version::parse(high));
            versions.is_some_and(|(low, high)| low.compare(high).is_gt())
        }
        (Operator::After(low), Operator::Before(high)) => low.compare(high).is_some_and(Ordering::is_ge),
        (Operator::Within(latest), Operator::OlderThan(oldest)) => latest <= oldest,
        _ => lower(low).zip(upper(high)).is_some_and(|((low, above), (high, below))| {
            let order = match (&*low, &*high) {
                (Operand::Number(low), Operand::Number(high)) => low.cmp(high),
                (Operand::Text(low), Operand::Text(high)) => low.as_bytes().cmp(high.as_bytes()),
                // "5" is both at least the number 3 and at most the text "9".
                _ => return false,
            };
            order.is_gt() || order.is_eq() && (above || below)
        }),
    }
}

/// A bound from below, and whether it is left out itself.
fn lower(operator: &Operator) -> Option<(Cow<'_, Operand>, bool)> {
    match operator {
        Operator::Min(bound) | Operator::Between(bound, _) => Some((Cow::Borrowed(bound), false)),
        Operator::Gt(bound) => Some((Cow::Borrowed(bound), true)),
        operator => both(operator),
    }
}

/// The same from above.
fn upper(operator: &Operator) -> Option<(Cow<'_, Operand>, bool)> {
    match operator {
        Operator::Max(bound) | Operator::Between(_, bound) => Some((Cow::Borrowed(bound), false)),
        Operator::Lt(bound) => Some((Cow::Borrowed(bound), true)),
        operator => both(operator),
    }
}

/// A bound from below and from above.
fn both(operator: &Operator) -> Option<(Cow<'_, Operand>, bool)> {
    match operator {
        Operator::Equals(Literal::Number(number)) => {
            Some((Cow::Owned(Operand::Number(number.clone())), false))
        }
        Operator::Equals(Literal::Text(text)) => Some((Cow::Owned(Operand::Text(text.clone())), false)),
        _ => None,
    }
}
