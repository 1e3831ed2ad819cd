//! `matches` and `validate`.

use crate::criteria::{Node, Scope, matches as holds, parse};
use crate::membership::Program;
use crate::pg::registry;
use crate::pg::report::value_of;
use crate::pg::types::JsonbArgument;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Compiled criteria kept per backend; beyond, all are dropped and compiled again as they come.
const KEPT: usize = 256;

thread_local! {
    static COMPILED: RefCell<HashMap<Vec<u8>, Rc<Node>>> = RefCell::new(HashMap::new());
}

/// Whether a document satisfies criteria. NULL where either is NULL.
#[pg_extern(immutable, parallel_safe, strict, cost = 10)]
fn matches(document: JsonbArgument, criteria: JsonbArgument) -> bool {
    holds(&compiled(&criteria), document.root())
}

/// True for criteria that `create_segment` accepts; the error that it would raise for others.
#[pg_extern(stable, parallel_restricted, strict)]
fn validate(criteria: JsonbArgument) -> bool {
    let definitions = &registry::visible().definitions;
    let checked = parse(&criteria.text(), Scope::Subscriber);
    value_of(checked.and_then(|node| Program::check(&node, definitions)));
    true
}

fn compiled(criteria: &JsonbArgument) -> Rc<Node> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(node) = compiled.get(criteria.bytes()) {
            return Rc::clone(node);
        }
        let node = Rc::new(value_of(parse(&criteria.text(), Scope::Document)));
        if compiled.len() >= KEPT {
            compiled.clear();
        }
        compiled.insert(criteria.bytes().to_vec(), Rc::clone(&node));
        node
    })
}
