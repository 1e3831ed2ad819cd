//! One form for criteria that mean the same.
//!
//! Shorthand becomes the `attribute` form, `none` and `not` go down to the leaves and into their operators, nested
//! `all` and `any` become one, tests of one path are joined, and everything stands in one order.

use super::ast::{
    Among, EventLeaf, Filter, Literal, Measure, Node, Operand, Operator, Path, Pattern, SequenceLeaf, Test,
    Type,
};
use super::moment::Moment;
use super::number::Decimal;
use super::parse::{Scope, parse, parse_value};
use super::parse_test::ANNIVERSARY;
use crate::error::Result;
use serde_json::{Map, Value, json};

/// The canonical form of criteria for documents or for segments; it is itself a document of the language, under
/// the same limits. Normalising it again changes nothing.
pub fn normalise(text: &str) -> Result<Value> {
    let value = form(&parse(text, Scope::Any)?, true)?;
    parse(&value.to_string(), Scope::Any)?;
    Ok(value)
}

/// The canonical form of a node, or of its negation.
fn form(node: &Node, positive: bool) -> Result<Value> {
    let forms =
        |nodes: &[Node], positive| nodes.iter().map(|node| form(node, positive)).collect::<Result<Vec<_>>>();
    Ok(match node {
        Node::All(nodes) if positive => all(forms(nodes, true)?),
        Node::All(nodes) => any(forms(nodes, false)?),
        Node::Any(nodes) if positive => any(forms(nodes, true)?),
        Node::Any(nodes) => all(forms(nodes, false)?),
        Node::None(nodes) if positive => all(forms(nodes, false)?),
        Node::None(nodes) => any(forms(nodes, true)?),
        Node::Not(node) => form(node, !positive)?,
        Node::AtLeast(wanted, nodes) if positive => at_least(*wanted, forms(nodes, true)?),
        // Fewer than k of n hold where more than n - k do not.
        Node::AtLeast(wanted, nodes) => at_least(nodes.len() + 1 - wanted, forms(nodes, false)?),
        Node::Attribute(path, test) => {
            let operators = test.operators.iter().flat_map(simple);
            let leaves: Vec<Value> = operators
                .map(|operator| leaf(path, &operator, test.ignore_case, positive))
                .collect::<Result<_>>()?;
            if positive { all(leaves) } else { any(leaves) }
        }
        Node::Event(leaf) => negated_unless(positive, event(leaf)?),
        Node::Sequence(leaf) => negated_unless(positive, sequence(leaf)?),
        Node::Bucket(leaf) => {
            let end = |number: &Decimal| Literal::Number(number.clone()).to_json();
            let ends = json!({"salt": leaf.salt, "from": end(&leaf.from), "to": end(&leaf.to)});
            negated_unless(positive, json!({"bucket": ends}))
        }
        Node::Segment(name) => negated_unless(positive, json!({"segment": name})),
        Node::Number(leaf) => {
            form(&Node::Attribute(Path(vec![leaf.name.clone()]), leaf.test.clone()), positive)?
        }
        Node::Tier(leaf) => {
            negated_unless(positive, json!({"segment": leaf.segment, "tier_set": leaf.tier_set}))
        }
    })
}

fn always() -> Value {
    json!({})
}

fn never() -> Value {
    json!({"any": []})
}

fn negated_unless(positive: bool, leaf: Value) -> Value {
    if positive { leaf } else { json!({"not": leaf}) }
}

fn all(nodes: Vec<Value>) -> Value {
    let mut parts = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            node if node == always() => {}
            node if node == never() => return never(),
            Value::Object(mut object) => match object.remove("all") {
                Some(Value::Array(inner)) => inner.into_iter().for_each(|node| split(node, &mut parts)),
                _ => split(Value::Object(object), &mut parts),
            },
            node => parts.push(node),
        }
    }
    order(&mut parts);
    parts.dedup();
    let Some(mut parts) = join(parts) else { return never() };
    order(&mut parts);
    if parts.len() > 1 { json!({"all": parts}) } else { parts.pop().unwrap_or_else(always) }
}

fn any(nodes: Vec<Value>) -> Value {
    let mut parts = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            node if node == always() => return always(),
            Value::Object(mut object) => match object.remove("any") {
                Some(Value::Array(inner)) => parts.extend(inner),
                _ => parts.push(Value::Object(object)),
            },
            node => parts.push(node),
        }
    }
    order(&mut parts);
    parts.dedup();
    if parts.len() == 1 { parts.pop().unwrap_or_else(never) } else { json!({"any": parts}) }
}

fn at_least(mut wanted: usize, nodes: Vec<Value>) -> Value {
    let given = nodes.len();
    let mut nodes: Vec<Value> = nodes.into_iter().filter(|node| *node != always()).collect();
    wanted = wanted.saturating_sub(given - nodes.len());
    nodes.retain(|node| *node != never());
    match wanted {
        0 => always(),
        1 => any(nodes),
        _ if wanted > nodes.len() => never(),
        _ if wanted == nodes.len() => all(nodes),
        _ => {
            order(&mut nodes);
            json!({"at_least": wanted, "of": nodes})
        }
    }
}

fn order(nodes: &mut [Value]) {
    nodes.sort_by_cached_key(Value::to_string);
}

/// An attribute leaf with several operators as leaves with one each.
fn split(node: Value, parts: &mut Vec<Value>) {
    match node {
        Value::Object(leaf) if leaf.contains_key("attribute") => {
            let shared = |key: &str| ["attribute", "ignore_case"].contains(&key);
            let operators = leaf.iter().filter(|(key, _)| !shared(key));
            parts.extend(operators.map(|operator| {
                let common = leaf.iter().filter(|(key, _)| shared(key));
                Value::Object(
                    common.chain([operator]).map(|(key, value)| (key.clone(), value.clone())).collect(),
                )
            }));
        }
        node => parts.push(node),
    }
}

/// Joins leaves with one operator each about the same path, if no operator comes twice. `None` where the bounds leave
/// nothing between them, which one test may not say and several may.
fn join(parts: Vec<Value>) -> Option<Vec<Value>> {
    let mut joined: Vec<Value> = Vec::with_capacity(parts.len());
    for part in parts {
        let fits = |leaf: &&mut Value| {
            let same = |key: &str| leaf.get(key) == part.get(key);
            let free = |part: &Map<String, Value>| {
                let mut operators =
                    part.keys().filter(|key| !["attribute", "ignore_case"].contains(&key.as_str()));
                operators.all(|key| leaf.get(key).is_none())
            };
            part.get("attribute").is_some()
                && same("attribute")
                && same("ignore_case")
                && part.as_object().is_some_and(free)
        };
        match (joined.iter_mut().find(fits), part) {
            (Some(Value::Object(leaf)), Value::Object(part)) => leaf.extend(part),
            (_, part) => joined.push(part),
        }
    }
    let possible = |leaf: &Value| leaf.get("attribute").is_none() || parse_value(leaf, Scope::Any).is_ok();
    joined.iter().all(possible).then_some(joined)
}

/// The operators that say the same with the fewest words.
fn simple(operator: &Operator) -> Vec<Operator> {
    let one = |values: &[Literal]| if let [value] = values { Some(value.clone()) } else { None };
    let simpler = match operator {
        Operator::Between(low, high) => {
            return vec![Operator::Min(low.clone()), Operator::Max(high.clone())];
        }
        Operator::In(values) => one(values).map(Operator::Equals),
        Operator::NotIn(values) => one(values).map(Operator::NotEquals),
        Operator::HasAny(values) | Operator::HasAll(values) => one(values).map(Operator::Has),
        _ => None,
    };
    vec![simpler.unwrap_or_else(|| operator.clone())]
}

/// The operator that holds where the other does not.
fn complement(operator: &Operator) -> Option<Operator> {
    Some(match operator {
        Operator::Equals(value) => Operator::NotEquals(value.clone()),
        Operator::NotEquals(value) => Operator::Equals(value.clone()),
        Operator::In(values) => Operator::NotIn(values.clone()),
        Operator::NotIn(values) => Operator::In(values.clone()),
        Operator::Contains(part) => Operator::NotContains(part.clone()),
        Operator::NotContains(part) => Operator::Contains(part.clone()),
        Operator::Exists(wanted) => Operator::Exists(!wanted),
        Operator::Has(value) => Operator::HasNone(vec![value.clone()]),
        Operator::HasAny(values) => Operator::HasNone(values.clone()),
        Operator::HasNone(values) => Operator::HasAny(values.clone()),
        _ => return None,
    })
}

fn leaf(path: &Path, operator: &Operator, ignore_case: bool, positive: bool) -> Result<Value> {
    let complement = if positive { None } else { complement(operator) };
    let positive = positive || complement.is_some();
    let simpler = complement.and_then(|complement| simple(&complement).pop());
    let operator = simpler.as_ref().unwrap_or(operator);
    Ok(match operator {
        Operator::In(values) | Operator::HasAny(values) if values.is_empty() => never(),
        Operator::NotIn(values) | Operator::HasNone(values) if values.is_empty() => always(),
        operator => {
            let mut leaf = operators(std::slice::from_ref(operator), ignore_case)?;
            leaf.insert("attribute".to_owned(), path_value(path));
            negated_unless(positive, Value::Object(leaf))
        }
    })
}

/// A path as the `attribute` form has it.
fn path_value(path: &Path) -> Value {
    let plain = |key: &String| !key.is_empty() && !key.contains('.');
    if path.0.iter().all(plain) { path.0.join(".").into() } else { path.0.clone().into() }
}

/// The keys of a test.
fn operators(operators: &[Operator], ignore_case: bool) -> Result<Map<String, Value>> {
    let mut keys = Map::new();
    for operator in operators {
        let (key, value) = operand(operator)?;
        keys.insert(key.to_owned(), value);
    }
    if ignore_case && operators.iter().any(has_text) {
        keys.insert("ignore_case".to_owned(), true.into());
    }
    Ok(keys)
}

/// The keys of a test that stands in one object, of an element or a number: operators become simpler where the
/// simpler one is not there already.
fn test(test: &Test) -> Result<Map<String, Value>> {
    let mut simpler: Vec<Operator> = Vec::with_capacity(test.operators.len());
    let mut taken: Vec<&str> =
        test.operators.iter().map(|operator| operand(operator).map(|(key, _)| key)).collect::<Result<_>>()?;
    for operator in &test.operators {
        let candidates = simple(operator);
        let keys = candidates
            .iter()
            .map(|candidate| operand(candidate).map(|(key, _)| key))
            .collect::<Result<Vec<_>>>()?;
        let own = operand(operator)?.0;
        if keys.iter().all(|key| *key == own || !taken.contains(key)) {
            taken.extend(keys);
            simpler.extend(candidates);
        } else {
            simpler.push(operator.clone());
        }
    }
    operators(&simpler, test.ignore_case)
}

/// Whether the case of letters can matter to an operator.
fn has_text(operator: &Operator) -> bool {
    let bound = |operand: &Operand| matches!(operand, Operand::Text(_));
    match operator {
        Operator::Equals(value) | Operator::NotEquals(value) | Operator::Has(value) => value.has_text(),
        Operator::In(values)
        | Operator::NotIn(values)
        | Operator::HasAny(values)
        | Operator::HasAll(values)
        | Operator::HasNone(values) => values.iter().any(Literal::has_text),
        Operator::Min(value) | Operator::Max(value) | Operator::Gt(value) | Operator::Lt(value) => {
            bound(value)
        }
        Operator::Between(low, _) => bound(low),
        Operator::Contains(_)
        | Operator::NotContains(_)
        | Operator::StartsWith(_)
        | Operator::EndsWith(_)
        | Operator::Matches(_) => true,
        _ => false,
    }
}

/// An operator's key and its operand.
pub(super) fn operand(operator: &Operator) -> Result<(&'static str, Value)> {
    let bound = |operand: &Operand| match operand {
        Operand::Number(number) => Literal::Number(number.clone()).to_json(),
        Operand::Text(text) => text.clone().into(),
    };
    Ok(match operator {
        Operator::Equals(value) => ("equals", value.to_json()),
        Operator::NotEquals(value) => ("not_equals", value.to_json()),
        Operator::In(values) => ("in", list(values)),
        Operator::NotIn(values) => ("not_in", list(values)),
        Operator::Min(value) => ("min", bound(value)),
        Operator::Max(value) => ("max", bound(value)),
        Operator::Gt(value) => ("gt", bound(value)),
        Operator::Lt(value) => ("lt", bound(value)),
        Operator::Between(low, high) => ("between", json!([bound(low), bound(high)])),
        Operator::Contains(part) => ("contains", part.clone().into()),
        Operator::NotContains(part) => ("not_contains", part.clone().into()),
        Operator::StartsWith(part) => ("starts_with", part.clone().into()),
        Operator::EndsWith(part) => ("ends_with", part.clone().into()),
        Operator::Matches(Pattern(regex)) => ("matches", regex.as_str().into()),
        Operator::Exists(wanted) => ("exists", (*wanted).into()),
        Operator::Has(value) => ("has", value.to_json()),
        Operator::HasAny(values) => ("has_any", list(values)),
        Operator::HasAll(values) => ("has_all", list(values)),
        Operator::HasNone(values) => ("has_none", list(values)),
        Operator::Size(size) => {
            let mut tests = test(size)?;
            let exactly = if tests.len() == 1 { tests.remove("equals") } else { None };
            ("size", exactly.unwrap_or(Value::Object(tests)))
        }
        Operator::AnyElement(filter) => {
            let filter = match filter.as_ref() {
                Filter::Element(element) => Value::Object(test(element)?),
                Filter::Criteria(node) => form(node, true)?,
            };
            ("any_element", filter)
        }
        Operator::Before(moment) => ("before", moment.to_string().into()),
        Operator::After(moment) => ("after", moment.to_string().into()),
        Operator::On(moment) => ("on", moment.to_string().into()),
        Operator::Anniversary => ("on", ANNIVERSARY.into()),
        Operator::Within(length) => ("within", length.to_string().into()),
        Operator::OlderThan(length) => ("older_than", length.to_string().into()),
        Operator::HeldFor(length) => ("held_for", length.to_string().into()),
        Operator::Type(types) => ("type", type_names(types)),
        Operator::VersionMin(version) => ("version_min", version.clone().into()),
        Operator::VersionMax(version) => ("version_max", version.clone().into()),
    })
}

fn list(values: &[Literal]) -> Value {
    values.iter().map(Literal::to_json).collect()
}

fn type_names(types: &[Type]) -> Value {
    let mut types = types.to_vec();
    types.sort_unstable();
    types.dedup();
    match types.as_slice() {
        [one] => one.name().into(),
        types => types.iter().map(|kind| kind.name()).collect(),
    }
}

/// The keys of an event type and a filter.
fn selection(event: &str, filter: Option<&Value>) -> Result<Map<String, Value>> {
    let mut keys = Map::new();
    keys.insert("event".to_owned(), event.into());
    if let Some(filter) = filter {
        let filter = form(&parse_value(filter, Scope::Event)?, true)?;
        if filter != always() {
            keys.insert("where".to_owned(), filter);
        }
    }
    Ok(keys)
}

fn sequence(leaf: &SequenceLeaf) -> Result<Value> {
    let mut steps = Vec::with_capacity(leaf.steps.len());
    for step in &leaf.steps {
        let mut keys = selection(&step.event, step.filter.as_ref())?;
        if step.absent {
            keys.insert("absent".to_owned(), true.into());
        }
        steps.push(Value::Object(keys));
    }
    let mut form = json!({"sequence": steps, "within": leaf.within.to_string()});
    if let Some(gap) = leaf.step_within {
        form["step_within"] = gap.to_string().into();
    }
    Ok(form)
}

fn event(leaf: &EventLeaf) -> Result<Value> {
    let mut keys = selection(&leaf.event, leaf.filter.as_ref())?;
    let tests = Value::Object(test(&leaf.test)?);
    let mut measure = |key: &str, value: Value, of: Option<&Path>| {
        keys.insert(key.to_owned(), value);
        if let Some(path) = of.map(path_value).filter(|of| ["trend", "mode"].contains(&key) || of != "value")
        {
            keys.insert("of".to_owned(), path);
        }
    };
    match &leaf.measure {
        Measure::Count if tests == json!({"min": 1}) => {}
        Measure::Count => measure("count", tests, None),
        Measure::Sum(path) => measure("sum", tests, Some(path)),
        Measure::Average(path) => measure("average", tests, Some(path)),
        Measure::Minimum(path) => measure("minimum", tests, Some(path)),
        Measure::Maximum(path) => measure("maximum", tests, Some(path)),
        Measure::Distinct(path) => measure("distinct", tests, Some(path)),
        Measure::First(among) => measure("first", among_value(*among), None),
        Measure::Last(among) => measure("last", among_value(*among), None),
        Measure::Latest(path) => measure("latest", tests, Some(path)),
        Measure::LatestHour => measure("latest_hour", tests, None),
        Measure::LatestWeekday => measure("latest_weekday", tests, None),
        Measure::PeakHour => measure("peak_hour", tests, None),
        Measure::PeakWeekday => measure("peak_weekday", tests, None),
        Measure::AverageGap => measure("average_gap", tests, None),
        Measure::Mode(path, value) => measure("mode", value.to_json(), Some(path)),
        Measure::DaysSinceLast => measure("days_since_last", tests, None),
        Measure::Streak => measure("streak", tests, None),
        Measure::Trend { of, .. } => measure("trend", tests, of.as_ref()),
    }
    let recurring = leaf.recurring.lists().into_iter().filter(|(_, numbers, ..)| !numbers.is_empty());
    keys.extend(recurring.map(|(key, numbers, ..)| (key.to_owned(), numbers.clone().into())));
    let span = &leaf.span;
    let parts = [
        ("within", span.within.map(|within| within.to_string())),
        ("older_than", span.older_than.map(|older_than| older_than.to_string())),
        ("from", span.from.as_ref().map(Moment::to_string)),
        ("until", span.until.as_ref().map(Moment::to_string)),
        ("on", span.on.as_ref().map(Moment::to_string)),
    ];
    for (key, value) in parts {
        keys.extend(value.map(|value| (key.to_owned(), value.into())));
    }
    Ok(Value::Object(keys))
}

fn among_value(among: Among) -> Value {
    if among == Among::AllTypes { "*".into() } else { true.into() }
}

impl Literal {
    pub fn to_json(&self) -> Value {
        match self {
            Literal::Null => Value::Null,
            Literal::Boolean(value) => (*value).into(),
            // Its text is JSON; kept digit by digit.
            Literal::Number(number) => serde_json::from_str(&number.to_string()).unwrap_or(Value::Null),
            Literal::Text(text) => text.clone().into(),
            Literal::Array(values) => values.iter().map(Literal::to_json).collect(),
            Literal::Object(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
        }
    }

    pub fn has_text(&self) -> bool {
        match self {
            Literal::Text(_) => true,
            Literal::Array(values) => values.iter().any(Literal::has_text),
            Literal::Object(entries) => entries.iter().any(|(_, value)| value.has_text()),
            _ => false,
        }
    }
}
