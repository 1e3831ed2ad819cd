//! The features that criteria may name, and what takes the place of a name.

use super::ast::{Located, Node, Path, Type};
use super::formula::{Formula, NumberLeaf};
use super::known_type::refuse_other_types;
use super::quantity::Quantity;
use crate::error::{Error, Result, nearest};
use serde_json::Value;
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Most features that one refers to, one through the other.
const DEEPEST: usize = 8;

/// What may stand before the name of a feature.
const ROOTS: [&str; 3] = ["features", "scores", "behavior_scores"];

/// Most parts of a formula, with those of the features that it refers to.
const MOST_PARTS: usize = 1_000;

/// How much more a formula may hold.
#[derive(Clone, Copy)]
pub(super) struct Room<'r> {
    depth: usize,
    parts: &'r Cell<usize>,
}

impl Room<'_> {
    pub(super) fn take(&self) -> Result<()> {
        let left = self.parts.get().checked_sub(1);
        self.parts.set(
            left.ok_or(Error::TooLarge { what: "the number of parts of a formula", limit: MOST_PARTS })?,
        );
        Ok(())
    }
}

/// The features that criteria may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Those without a definition in data, each with the numbers that it can be.
    pub builtin: Vec<(&'static str, Quantity)>,
    /// The others, by name, each with its definition.
    pub specs: BTreeMap<String, Value>,
    /// Those of which there is one for each text, such as a category, that stands at the end of the name.
    pub families: Vec<Family>,
}

/// Features whose definitions differ in one text alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name up to the text.
    pub prefix: &'static str,
    /// What stands in the place of the text in `spec`.
    pub placeholder: &'static str,
    pub spec: Value,
}

impl Family {
    /// The definition of the feature of some name, if it is one of these.
    fn spec_of(&self, name: &str) -> Option<Value> {
        let text = name.strip_prefix(self.prefix).filter(|text| !text.is_empty())?;
        let mut spec = self.spec.clone();
        put(&mut spec, self.placeholder, text);
        Some(spec)
    }
}

/// Puts a text in the place of another wherever that is a value; a number that it is where that stands in a list.
fn put(value: &mut Value, placeholder: &str, text: &str) {
    match value {
        Value::String(known) if known == placeholder => text.clone_into(known),
        Value::Array(values) => {
            for value in values {
                let number = text.parse::<u32>().ok().filter(|_| *value == *placeholder);
                match number {
                    Some(number) => *value = number.into(),
                    None => put(value, placeholder, text),
                }
            }
        }
        Value::Object(object) => object.values_mut().for_each(|value| put(value, placeholder, text)),
        _ => {}
    }
}

impl Features {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let builtin = self.builtin.iter().map(|(name, _)| *name);
        builtin.chain(self.specs.keys().map(String::as_str))
    }

    /// The definition of a feature that has one, by name.
    pub fn spec(&self, name: &str) -> Option<Cow<'_, Value>> {
        let own = self.specs.get(name).map(Cow::Borrowed);
        own.or_else(|| self.families.iter().find_map(|family| family.spec_of(name)).map(Cow::Owned))
    }

    /// How a feature is computed, by name.
    pub fn formula(&self, name: &str) -> Result<Formula> {
        self.named(name, "", Room { depth: DEEPEST, parts: &Cell::new(MOST_PARTS) })
    }

    /// A definition as it is written.
    pub fn parse(&self, spec: &Value) -> Result<Formula> {
        self.read(spec, "", Room { depth: DEEPEST, parts: &Cell::new(MOST_PARTS) })
    }

    /// Criteria with how each feature is computed in the place of its name.
    pub fn expand(&self, criteria: Located) -> Result<Located> {
        let root = self.expand_node(criteria.root, &mut criteria.paths.iter())?;
        Ok(Located { root, paths: criteria.paths })
    }

    /// Takes the paths of its leaves.
    fn expand_node(&self, node: Node, paths: &mut std::slice::Iter<Rc<str>>) -> Result<Node> {
        let mut all = |nodes: Vec<Node>| {
            nodes.into_iter().map(|node| self.expand_node(node, paths)).collect::<Result<Vec<Node>>>()
        };
        Ok(match node {
            Node::All(nodes) => Node::All(all(nodes)?),
            Node::Any(nodes) => Node::Any(all(nodes)?),
            Node::None(nodes) => Node::None(all(nodes)?),
            Node::AtLeast(wanted, nodes) => Node::AtLeast(wanted, all(nodes)?),
            Node::Not(node) => Node::Not(Box::new(self.expand_node(*node, paths)?)),
            leaf => {
                let at = paths.next().map_or("", |path| path);
                match leaf {
                    Node::Attribute(path, test) if !path.is_of_profile() => {
                        let name = match path.0.as_slice() {
                            [root, name] if ROOTS.contains(&root.as_str()) => name.clone(),
                            _ => super::describe::describe_path(&path),
                        };
                        let room = Room { depth: DEEPEST, parts: &Cell::new(MOST_PARTS) };
                        let formula = self.named(&name, at, room)?;
                        refuse_other_types(&name, Type::Number, &test, at)?;
                        self.quantity(&formula).refuse_impossible(&name, &test, at)?;
                        match formula {
                            Formula::Builtin(name) => Node::Attribute(Path(vec![name]), test),
                            formula => Node::Number(Box::new(NumberLeaf { name, formula, test })),
                        }
                    }
                    leaf => leaf,
                }
            }
        })
    }

    /// The numbers that a formula can give.
    fn quantity(&self, formula: &Formula) -> Quantity {
        let known = |name: &str| self.builtin.iter().find(|(known, _)| *known == name);
        Quantity::of_formula(formula, &|name| {
            known(name).map_or(Quantity::ANY, |(_, quantity)| quantity.clone())
        })
    }

    pub(super) fn named(&self, name: &str, at: &str, room: Room) -> Result<Formula> {
        if self.builtin.iter().any(|(known, _)| *known == name) {
            return Ok(Formula::Builtin(name.to_owned()));
        }
        let Some(spec) = self.spec(name) else {
            return Err(Error::Unknown {
                kind: "feature",
                hint: match nearest(name, self.names()) {
                    Some(near) => format!("Did you mean \"{near}\"?"),
                    None if name.contains('.') && !name.contains('"') => {
                        "Beyond features there are traits, preferences, tags and email.".to_owned()
                    }
                    None if name.contains('.') => {
                        "A key with a dot is one key: write {\"attribute\": \"traits.country\", ...}."
                            .to_owned()
                    }
                    None => format!(
                        "A trait is written as \"traits.{name}\"; the view segment.feature_list has all features."
                    ),
                },
                path: at.to_owned(),
                name: name.to_owned(),
            });
        };
        let depth = room.depth.checked_sub(1).ok_or(Error::TooLarge {
            what: "the number of features that refer to each other",
            limit: DEEPEST,
        })?;
        self.read(&spec, at, Room { depth, ..room })
    }
}
