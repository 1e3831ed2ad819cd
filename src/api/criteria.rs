//! Criteria as such: test documents, check, normalise, describe, and find what an index knows of them.

use crate::activity::VALID_TIMES;
use crate::criteria::{Clock, Node, Scope, matches_at, parse};
use crate::error::Error;
use crate::membership::Program;
use crate::pg::registry;
use crate::pg::report::{raise, value_of};
use crate::pg::spi::instant;
use crate::pg::types::JsonbArgument;
use pgrx::JsonB;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Compiled criteria kept per backend and scope; beyond, all are dropped and compiled again as they come.
const KEPT: usize = 256;

/// Criteria that were compiled before, by their bytes.
struct Compiled {
    scope: Scope,
    /// Those of the last call, which are mostly those of the next.
    last: Option<(Vec<u8>, Rc<Node>)>,
    all: HashMap<Vec<u8>, Rc<Node>>,
}

thread_local! {
    static WHENEVER: RefCell<Compiled> = RefCell::new(Compiled::new(Scope::Document));
    static AT: RefCell<Compiled> = RefCell::new(Compiled::new(Scope::DocumentAt));
}

/// Whether a document satisfies criteria, which must not depend on the current time. NULL where either is NULL.
#[pg_extern(immutable, parallel_safe, strict, cost = 10)]
fn matches(document: JsonbArgument, criteria: JsonbArgument) -> bool {
    let node = WHENEVER.with_borrow_mut(|compiled| compiled.node(&criteria));
    matches_at(&node, document.root(), &Clock::TIMELESS)
}

/// Whether a document satisfies criteria at an instant, whose days are those of a time zone. NULL where an argument
/// is NULL.
#[pg_extern(name = "matches", immutable, parallel_safe, strict, cost = 20)]
fn matches_then(
    document: JsonbArgument,
    criteria: JsonbArgument,
    at: TimestampWithTimeZone,
    time_zone: default!(&str, "'UTC'"),
) -> bool {
    let now = instant(at);
    if !VALID_TIMES.contains(&now) {
        raise(Error::Argument {
            problem: "at must lie in the years 1 to 9999".to_owned(),
            hint: "Pass an instant such as now().".to_owned(),
        });
    }
    let node = AT.with_borrow_mut(|compiled| compiled.node(&criteria));
    matches_at(&node, document.root(), &value_of(Clock::new(now, time_zone)))
}

/// True for criteria that `create_segment` accepts; the error that it would raise for others.
#[pg_extern(stable, parallel_restricted, strict)]
fn validate(criteria: JsonbArgument) -> bool {
    let registry = registry::visible();
    let checked = registry.parse(&criteria.text());
    value_of(checked.and_then(|criteria| Program::check(&criteria, &registry.definitions)));
    true
}

/// The canonical form of criteria: equal for all spellings of the same that the language knows to be the same.
#[pg_extern(immutable, parallel_safe, strict)]
fn normalise(criteria: JsonbArgument) -> JsonB {
    JsonB(value_of(crate::criteria::normalise(&criteria.text())))
}

/// A row per leaf of the criteria, in the order of the tree: where it stands, and an English sentence of what it
/// demands. Rows rather than one text, as psql lines them up and a query can pick among them.
#[pg_extern(immutable, parallel_safe, strict)]
fn describe(
    criteria: JsonbArgument,
) -> TableIterator<'static, (name!(path, String), name!(sentence, String))> {
    TableIterator::new(value_of(crate::criteria::describe(&criteria.text())))
}

/// A fragment that every document contains (`@>`) that satisfies the criteria, for an index on jsonb to look for.
#[pg_extern(immutable, parallel_safe, strict)]
fn containment(criteria: JsonbArgument) -> JsonB {
    JsonB(value_of(crate::criteria::containment(&criteria.text())))
}

impl Compiled {
    fn new(scope: Scope) -> Self {
        Compiled { scope, last: None, all: HashMap::new() }
    }

    fn node(&mut self, criteria: &JsonbArgument) -> Rc<Node> {
        let bytes = criteria.bytes();
        if let Some((_, node)) = self.last.as_ref().filter(|(last, _)| last.as_slice() == bytes) {
            return Rc::clone(node);
        }
        let node = match self.all.get(bytes) {
            Some(node) => Rc::clone(node),
            None => {
                let node = Rc::new(value_of(parse(&criteria.text(), self.scope)));
                if self.all.len() >= KEPT {
                    self.all.clear();
                }
                self.all.insert(bytes.to_vec(), Rc::clone(&node));
                node
            }
        };
        self.last = Some((bytes.to_vec(), Rc::clone(&node)));
        node
    }
}
