//! The criteria language: what a segment means, without any database in it.
//!
//! [`parse`] turns a JSON document into a tree of [`Node`]s or says what is wrong and where;
//! [`matches_at`] evaluates the attribute leaves of a tree over one document. Event leaves are evaluated over
//! a subscriber's activity by `membership`. [`normalise`], [`describe`] and [`containment`] say the same
//! criteria in one form, in English, and as far as an index understands them.
//!
//! Logic is two-valued: a positive operator on a missing, null or wrongly typed value is false, and each
//! `not_` operator is the exact complement of its positive.

mod ast;
mod bound;
mod clock;
mod compare;
mod containment;
mod describe;
mod document;
mod duration;
pub mod encode;
mod evaluate;
mod features;
mod formula;
mod instant;
mod interval;
mod jsonb;
mod known_type;
mod moment;
mod near;
mod next_flip;
mod normalise;
mod number;
mod parse;
mod parse_event;
mod parse_formula;
mod parse_literal;
mod parse_sequence;
mod parse_span;
mod parse_test;
mod quantity;
#[cfg(test)]
pub mod random;
mod safeguards;
#[cfg(test)]
mod tests;
mod tier;
mod version;

pub use ast::{
    Among, EventLeaf, Filter, Literal, Located, Measure, Node, Operand, Operator, Path, Recurring,
    SequenceLeaf, Span, Step, Test, TierLeaf, Type,
};
pub use bound::Bound;
pub use clock::{Clock, Zone};
pub use compare::passes_number;
pub use containment::containment;
pub use describe::{
    describe, describe_bucket, describe_measure, describe_path, describe_sequence, describe_test,
};
pub use document::{Document, Kind};
pub use duration::Duration;
pub use evaluate::{follow, matches, matches_at};
pub use features::{Family, Features};
pub use formula::{Decay, Formula, NumberLeaf, Score, Term, Weighed};
pub use instant::{Instant, Written};
pub use jsonb::{Jsonb, numeric, numeric_units};
pub use moment::Moment;
pub use next_flip::{next_flip, next_flip_of_test};
pub use normalise::normalise;
pub use number::Decimal;
pub use parse::{Scope, canonical_event, event_names, is_root, locate, parse, parse_value, read};
pub use parse_test::at_least_one;
pub use quantity::{DECIMALS, LONGEST_STREAK, Quantity};
pub use safeguards::{MostMoved, Safeguards};
pub use tier::{TierSet, expand_tiers, parse_moves, reads_tier_set};
