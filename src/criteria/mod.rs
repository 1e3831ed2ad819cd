//! The criteria language: what a segment means, without any database in it.
//!
//! [`parse`] turns a JSON document into a tree of [`Node`]s or says what is wrong and where;
//! [`matches`] evaluates the attribute leaves of a tree over one document. Event leaves are evaluated over
//! a subscriber's activity by `membership`.
//!
//! Logic is two-valued: a positive operator on a missing, null or wrongly typed value is false, and each
//! `not_` operator is the exact complement of its positive.

mod ast;
mod compare;
mod describe;
mod document;
mod duration;
#[cfg(test)]
pub mod encode;
mod evaluate;
mod jsonb;
mod number;
mod parse;
mod parse_test;
#[cfg(test)]
mod tests;

pub use ast::{EventLeaf, Filter, Literal, Measure, Node, Operand, Operator, Path, Test};
pub use compare::passes_number;
pub use describe::{describe_path, describe_test};
pub use document::{Document, Kind};
pub use duration::Duration;
pub use evaluate::{follow, matches};
pub use jsonb::{Jsonb, numeric, numeric_units};
pub use number::Decimal;
pub use parse::{Scope, canonical_event, event_names, parse, parse_value};
