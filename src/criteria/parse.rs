//! From a JSON document to a tree, strict: whatever is not understood is refused with its path, what was
//! expected, and the nearest name.

use super::ast::{BucketLeaf, Located, Node, Path, Test, TierLeaf};
use super::document::Document;
use super::known_type::refuse_impossible;
use super::near::did_you_mean;
use super::number::Decimal;
use super::parse_literal::whole;
use super::parse_test::{A_TEST, OPERATORS, is_operator, parse_test};
use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::rc::Rc;

/// Longest document, in bytes of its text.
pub const MAX_BYTES: usize = 64 * 1024;
/// Deepest nesting of objects and arrays.
pub const MAX_DEPTH: usize = 32;
/// Most nodes in one document.
pub const MAX_NODES: usize = 1_000;

/// Keys that introduce a node form; a trait of such a name is reached by the `attribute` form.
const FORMS: [&str; 10] =
    ["all", "any", "none", "not", "attribute", "event", "at_least", "sequence", "segment", "bucket"];

/// Event types that mean the same; the right one is canonical.
const SYNONYMS: [(&str, &str); 2] = [("open", "email_open"), ("click", "email_click")];

/// What criteria may speak about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A subscriber: features, which are numbers, the profile, and events.
    Subscriber,
    /// A subscriber's profile, as it is and has been.
    Profile,
    /// One JSON document, whenever that is: its attributes, and no current time.
    Document,
    /// One JSON document at an instant.
    DocumentAt,
    /// The properties of an event, judged once for all when it arrives.
    Event,
    /// All that the language has, for what only reads criteria.
    Any,
}

impl Scope {
    /// Of an element of an array in such a document.
    fn of_element(self) -> Self {
        match self {
            Scope::Subscriber => Scope::Document,
            Scope::Profile | Scope::Any => Scope::DocumentAt,
            scope => scope,
        }
    }

    pub(super) fn has_subscriber(self) -> bool {
        matches!(self, Scope::Subscriber | Scope::Any)
    }
}

/// Parses the text of a criteria document.
pub fn parse(text: &str, scope: Scope) -> Result<Node> {
    parse_value(&read(text)?, scope)
}

/// Reads the text of a criteria document.
pub fn read(text: &str) -> Result<Value> {
    if text.len() > MAX_BYTES {
        return Err(Error::TooLarge { what: "the size of a document in bytes", limit: MAX_BYTES });
    }
    serde_json::from_str(text).map_err(|problem| {
        // The one thing that valid jsonb and this reader disagree about is nesting beyond 128.
        if problem.to_string().contains("recursion limit") {
            Error::TooLarge { what: "nesting", limit: MAX_DEPTH }
        } else {
            criteria("", format!("not JSON: {problem}"), "Write one JSON object.")
        }
    })
}

/// Parses a criteria document.
pub fn parse_value(value: &Value, scope: Scope) -> Result<Node> {
    locate(value, scope).map(|located| located.root)
}

/// Parses a criteria document, and says where its leaves are.
pub fn locate(value: &Value, scope: Scope) -> Result<Located> {
    locate_at(value, scope, "")
}

/// The same of one that lies somewhere in another document.
pub(super) fn locate_at(value: &Value, scope: Scope, at: &str) -> Result<Located> {
    let mut parser = Parser::new(scope);
    let root = parser.node(value, at)?;
    Ok(Located { root, paths: parser.leaves })
}

/// Whether a word at the beginning of a path means something else than a feature.
pub fn is_root(word: &str) -> bool {
    FORMS.contains(&word)
        || Path(vec![word.to_owned()]).is_of_profile()
        || ["features", "scores", "behavior_scores", "of"].contains(&word)
}

/// The canonical name of an event type.
pub fn canonical_event(event: &str) -> &str {
    SYNONYMS.iter().find(|(name, _)| *name == event).map_or(event, |(_, canonical)| canonical)
}

/// Every name of an event type, the canonical one first.
pub fn event_names(canonical: &str) -> impl Iterator<Item = &str> {
    let synonyms = SYNONYMS.iter().filter(move |(_, name)| *name == canonical).map(|(name, _)| *name);
    std::iter::once(canonical).chain(synonyms)
}

pub(super) struct Parser {
    pub(super) scope: Scope,
    nodes: usize,
    depth: usize,
    /// Paths of the leaves so far, those inside leaves left aside.
    pub(super) leaves: Vec<Rc<str>>,
}

impl Parser {
    pub(super) fn new(scope: Scope) -> Self {
        Parser { scope, nodes: 0, depth: 0, leaves: Vec::new() }
    }

    /// A node: a form, or the shorthand that means `all` of its keys.
    pub(super) fn node(&mut self, value: &Value, at: &str) -> Result<Node> {
        self.enter()?;
        let object = self.object(value, at, "Write an object such as {\"all\": [...]}.")?;
        let node = if object.contains_key("event") {
            self.event(object, at)?
        } else if object.contains_key("sequence") {
            self.sequence(object, at)?
        } else if object.contains_key("attribute") {
            self.attribute(object, at)?
        } else if object.contains_key("segment") {
            self.segment(object, at)?
        } else if object.contains_key("bucket") {
            self.bucket(object, at)?
        } else if object.contains_key("at_least") {
            self.at_least(object, at)?
        } else {
            self.conjunction(object, at)?
        };
        self.depth -= 1;
        Ok(node)
    }

    /// Criteria whose paths start at an array's element.
    pub(super) fn element(&mut self, value: &Value, at: &str) -> Result<Node> {
        self.inner(value, at, self.scope.of_element())
    }

    /// A node about another document, as part of a leaf.
    pub(super) fn inner(&mut self, value: &Value, at: &str, scope: Scope) -> Result<Node> {
        let leaves = self.leaves.len();
        let node = self.within(scope, |parser| parser.node(value, at));
        self.leaves.truncate(leaves);
        node
    }

    /// Parses something about an array's element itself.
    pub(super) fn about_element<R>(&mut self, parse: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.enter()?;
        let parsed = self.within(self.scope.of_element(), parse)?;
        self.depth -= 1;
        Ok(parsed)
    }

    /// The test of an attribute: one of the profile is as rich as a document.
    fn test_of(&mut self, path: &Path, operators: &Map<String, Value>, at: &str) -> Result<Test> {
        let profile = self.scope == Scope::Subscriber && path.is_of_profile();
        let scope = if profile { Scope::Profile } else { self.scope };
        let test = self.within(scope, |parser| parse_test(parser, operators, at))?;
        if profile {
            refuse_impossible(path, &test, at)?;
        }
        Ok(test)
    }

    fn within<R>(&mut self, scope: Scope, parse: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.scope, scope);
        let parsed = parse(self);
        self.scope = outer;
        parsed
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::TooLarge { what: "nesting", limit: MAX_DEPTH });
        }
        self.count_node()
    }

    pub(super) fn count_node(&mut self) -> Result<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Error::TooLarge { what: "the number of nodes", limit: MAX_NODES });
        }
        Ok(())
    }

    /// `{"segment": "champions"}`
    fn segment(&mut self, object: &Map<String, Value>, at: &str) -> Result<Node> {
        let here = join(at, "segment");
        self.leaves.push(at.into());
        if !self.scope.has_subscriber() {
            return Err(criteria(&here, "a document is in no segment", "Write operators on its keys."));
        }
        if let Some(key) = object.keys().find(|key| !["segment", "tier_set"].contains(&key.as_str())) {
            return Err(criteria(
                &join(at, key),
                format!("unknown key \"{key}\" beside \"segment\""),
                "Write {\"segment\": \"name\"} as a node of its own, or with a \"tier_set\".",
            ));
        }
        match (object.get("segment"), object.get("tier_set")) {
            (Some(Value::String(name)), None) => Ok(Node::Segment(name.clone())),
            (Some(Value::String(name)), Some(Value::String(tier_set))) => {
                Ok(Node::Tier(TierLeaf { tier_set: tier_set.clone(), segment: Some(name.clone()) }))
            }
            (Some(Value::Null), Some(Value::String(tier_set))) => {
                Ok(Node::Tier(TierLeaf { tier_set: tier_set.clone(), segment: None }))
            }
            (_, Some(tier_set)) if !tier_set.is_string() => Err(criteria(
                &join(at, "tier_set"),
                "expected the name of a tier set",
                "Write {\"segment\": \"gold\", \"tier_set\": \"loyalty\"}.",
            )),
            _ => Err(criteria(&here, "expected the name of a segment", "Write {\"segment\": \"name\"}.")),
        }
    }

    /// `{"bucket": {"salt": "spring", "from": 0, "to": 10}}`
    fn bucket(&mut self, object: &Map<String, Value>, at: &str) -> Result<Node> {
        const FORM: &str = "Write {\"bucket\": {\"salt\": \"spring\", \"from\": 0, \"to\": 10}}, in percent.";
        let here = join(at, "bucket");
        self.leaves.push(at.into());
        if !self.scope.has_subscriber() {
            return Err(criteria(
                &here,
                "a document has no subscriber to be in a bucket",
                "Leave the bucket out; a key of this name is reached by {\"attribute\": \"bucket\"}.",
            ));
        }
        if let Some(key) = object.keys().find(|key| *key != "bucket") {
            return Err(criteria(&join(at, key), format!("unknown key \"{key}\" beside \"bucket\""), FORM));
        }
        let keys = self.object(object.get("bucket").unwrap_or(&Value::Null), &here, FORM)?;
        if let Some(key) = keys.keys().find(|key| !["salt", "from", "to"].contains(&key.as_str())) {
            return Err(criteria(&join(&here, key), format!("unknown key \"{key}\" in a bucket"), FORM));
        }
        let Some(Value::String(salt)) = keys.get("salt") else {
            return Err(criteria(&join(&here, "salt"), "expected a text", FORM));
        };
        let percent = |key: &str| {
            let number = keys.get(key).and_then(Document::number);
            let (least, most) = (Decimal::from(0), Decimal::from(100));
            number
                .filter(|number| (&least..=&most).contains(&number))
                .ok_or_else(|| criteria(&join(&here, key), "expected a number from 0 to 100", FORM))
        };
        let (from, to) = (percent("from")?, percent("to")?);
        if from >= to {
            return Err(criteria(&join(&here, "to"), "nobody is left between the two ends", FORM));
        }
        Ok(Node::Bucket(BucketLeaf { salt: salt.clone(), from, to }))
    }

    /// `{"at_least": 2, "of": [...]}`
    fn at_least(&mut self, object: &Map<String, Value>, at: &str) -> Result<Node> {
        const FORM: &str = "Write {\"at_least\": 2, \"of\": [...]}, with at least 2 nodes in the list.";
        if let Some(key) = object.keys().find(|key| !["at_least", "of"].contains(&key.as_str())) {
            return Err(criteria(&join(at, key), format!("unknown key \"{key}\" beside \"at_least\""), FORM));
        }
        let Some(nodes) = object.get("of") else {
            return Err(criteria(at, "\"at_least\" needs \"of\"", FORM));
        };
        let nodes = self.nodes(nodes, &join(at, "of"))?;
        if nodes.is_empty() {
            return Err(criteria(&join(at, "of"), "expected at least one node", FORM));
        }
        let wanted = object.get("at_least").and_then(whole).and_then(|wanted| usize::try_from(wanted).ok());
        match wanted.filter(|wanted| (1..=nodes.len()).contains(wanted)) {
            Some(wanted) => Ok(Node::AtLeast(wanted, nodes)),
            None => Err(criteria(
                &join(at, "at_least"),
                format!("expected a whole number from 1 to {}, the number of nodes", nodes.len()),
                FORM,
            )),
        }
    }

    fn conjunction(&mut self, object: &Map<String, Value>, at: &str) -> Result<Node> {
        let mut nodes = Vec::with_capacity(object.len());
        for (key, value) in object {
            let here = join(at, key);
            nodes.push(match key.as_str() {
                "all" => Node::All(self.nodes(value, &here)?),
                "any" => Node::Any(self.nodes(value, &here)?),
                "none" => Node::None(self.nodes(value, &here)?),
                "not" => Node::Not(Box::new(self.node(value, &here)?)),
                _ => self.shorthand(&mut vec![key.clone()], value, &here)?,
            });
        }
        Ok(match nodes.len() {
            1 => nodes.remove(0),
            _ => Node::All(nodes),
        })
    }

    fn nodes(&mut self, value: &Value, at: &str) -> Result<Vec<Node>> {
        let Value::Array(elements) = value else {
            return Err(criteria(at, "expected a list of nodes", "Write [...] around the nodes."));
        };
        let nodes = elements.iter().enumerate();
        nodes.map(|(index, element)| self.node(element, &format!("{at}[{index}]"))).collect()
    }

    /// `{"a": {"b": {"min": 1}}}`: keys are a path until an object whose keys are all operators is met.
    fn shorthand(&mut self, path: &mut Vec<String>, value: &Value, at: &str) -> Result<Node> {
        self.enter()?;
        let object = value.as_object().ok_or_else(|| {
            let near = did_you_mean(path.last().map_or("", String::as_str), &FORMS);
            criteria(at, "expected an object", format!("{near}{A_TEST}"))
        })?;
        if object.is_empty() {
            return Err(criteria(
                at,
                "expected at least one operator",
                "Write a test such as {\"exists\": true}.",
            ));
        }
        let operators = object.keys().filter(|key| is_operator(key)).count();
        let node = if operators == object.len() {
            self.leaves.push(at.into());
            let path = Path(path.clone());
            let test = self.test_of(&path, object, at)?;
            Node::Attribute(path, test)
        } else if operators > 0 {
            let other = object.keys().find(|key| !is_operator(key)).map_or("", String::as_str);
            return Err(unknown_operator(other, &join(at, other)));
        } else if let Some((key, _)) = object.iter().find(|(_, value)| !value.is_object()) {
            // A scalar can only belong to an operator, so this key was meant to be one, or the scalar to be its operand.
            let at = join(at, key);
            return Err(if did_you_mean(key, &OPERATORS).is_empty() {
                criteria(&at, "expected an object", A_TEST)
            } else {
                unknown_operator(key, &at)
            });
        } else {
            let mut nodes = Vec::with_capacity(object.len());
            for (key, value) in object {
                path.push(key.clone());
                nodes.push(self.shorthand(path, value, &join(at, key))?);
                path.pop();
            }
            if nodes.len() == 1 { nodes.remove(0) } else { Node::All(nodes) }
        };
        self.depth -= 1;
        Ok(node)
    }

    fn attribute(&mut self, object: &Map<String, Value>, at: &str) -> Result<Node> {
        self.leaves.push(at.into());
        let path = object
            .get("attribute")
            .map_or(Ok(Path(Vec::new())), |path| parse_path(path, &join(at, "attribute")))?;
        let operators: Map<String, Value> = object
            .iter()
            .filter(|(key, _)| *key != "attribute")
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if let Some(other) = operators.keys().find(|key| !is_operator(key)) {
            return Err(unknown_operator(other, &join(at, other)));
        }
        let test = self.test_of(&path, &operators, at)?;
        Ok(Node::Attribute(path, test))
    }

    pub(super) fn object<'v>(
        &self,
        value: &'v Value,
        at: &str,
        hint: &str,
    ) -> Result<&'v Map<String, Value>> {
        value.as_object().ok_or_else(|| criteria(at, "expected an object", hint))
    }
}

/// A dotted string, or an array of keys where a key contains a dot.
pub(super) fn parse_path(value: &Value, at: &str) -> Result<Path> {
    let keys: Option<Vec<String>> = match value {
        Value::String(path) => Some(path.split('.').map(str::to_owned).collect()),
        Value::Array(keys) => keys.iter().map(|key| key.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    // A key may be empty, where it is written as one; in a dotted string that is a slip.
    let meant = |keys: &Vec<String>| value.is_array() || keys.iter().all(|key| !key.is_empty());
    keys.filter(|keys| !keys.is_empty() && keys.len() <= MAX_DEPTH && meant(keys)).map(Path).ok_or_else(
        || criteria(at, "expected a path", "Write \"a.b\", or [\"a\", \"b.c\"] where a key contains a dot."),
    )
}

pub(super) fn criteria(at: &str, problem: impl Into<String>, expected: impl Into<String>) -> Error {
    Error::Criteria { path: at.to_owned(), problem: problem.into(), expected: expected.into() }
}

fn unknown_operator(key: &str, at: &str) -> Error {
    criteria(
        at,
        format!("unknown operator \"{key}\""),
        format!("{}Operators are {}.", did_you_mean(key, &OPERATORS), OPERATORS.join(", ")),
    )
}

pub(super) fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}
