//! Event leaves: conditions on what a subscriber did.

use super::ast::{EventLeaf, Measure, Node, Path, Span, Test};
use super::duration::Duration;
use super::parse::{Parser, Scope, canonical_event, criteria, join, parse_path};
use super::parse_span::parse_span;
use super::parse_test::{at_least_one, parse_numeric_test};
use crate::error::{Result, nearest};
use serde_json::{Map, Value};

/// Keys that say what is measured; a leaf has one of them at most.
const MEASURES: [&str; 11] = [
    "count",
    "sum",
    "average",
    "minimum",
    "maximum",
    "distinct",
    "first",
    "last",
    "streak",
    "trend",
    "days_since_last",
];
/// Those that read a property.
const OF: [&str; 6] = ["sum", "average", "minimum", "maximum", "distinct", "trend"];
/// Keys that stand for several leaves; a leaf has one of them at most.
const PATTERNS: [&str; 3] = ["stopped", "restarted", "regularly"];
const SPAN: [&str; 5] = ["within", "older_than", "from", "until", "on"];
const OTHERS: [&str; 3] = ["event", "where", "of"];

/// Most periods that `regularly` looks at.
const MOST_PERIODS: u64 = 100;

type Object = Map<String, Value>;

fn known_keys() -> impl Iterator<Item = &'static str> + Clone {
    OTHERS.into_iter().chain(MEASURES).chain(PATTERNS).chain(SPAN)
}

impl Parser {
    pub(super) fn event(&mut self, object: &Object, at: &str) -> Result<Node> {
        if !self.scope.has_subscriber() {
            return Err(criteria(
                &join(at, "event"),
                "a document has no events",
                "Event leaves belong in the criteria of a segment.",
            ));
        }
        if let Some(key) = object.keys().find(|key| !known_keys().any(|known| known == *key)) {
            let near = nearest(key, known_keys())
                .map(|near| format!("Did you mean \"{near}\"? "))
                .unwrap_or_default();
            let known: Vec<&str> = known_keys().collect();
            return Err(criteria(
                &join(at, key),
                format!("unknown key \"{key}\" in an event leaf"),
                format!("{near}Known keys are {}.", known.join(", ")),
            ));
        }
        one_of(object, &MEASURES, at, "measures one thing")?;
        one_of(object, &PATTERNS, at, "follows one pattern")?;
        let (event, filter) = self.selection(object, at)?;
        let span = parse_span(object, at)?;
        let (measure, test) = self.measure(object, &span, at)?;
        let leaf = EventLeaf { event, filter, measure, test, span };
        match PATTERNS.into_iter().find(|pattern| object.contains_key(*pattern)) {
            None => {
                self.leaves.push(at.to_owned());
                Ok(Node::Event(Box::new(leaf)))
            }
            Some(pattern) => self.pattern(pattern, object, leaf, at),
        }
    }

    /// The event type and the filter of a leaf or a step.
    pub(super) fn selection(&mut self, object: &Object, at: &str) -> Result<(String, Option<Value>)> {
        let event = match object.get("event") {
            Some(Value::String(event)) if !event.is_empty() => canonical_event(event).to_owned(),
            _ => {
                return Err(criteria(
                    &join(at, "event"),
                    "expected the name of an event type",
                    "Write {\"event\": \"purchase\"}.",
                ));
            }
        };
        let Some(filter) = object.get("where") else { return Ok((event, None)) };
        // Only the check is wanted here; streams keep the document and compile it themselves.
        self.inner(filter, &join(at, "where"), Scope::Event)?;
        let filters = filter.as_object().is_some_and(|filter| !filter.is_empty());
        Ok((event, filters.then(|| filter.clone())))
    }

    fn measure(&mut self, object: &Object, span: &Span, at: &str) -> Result<(Measure, Test)> {
        let key = MEASURES.into_iter().find(|key| object.contains_key(*key));
        let of = object.get("of").map(|of| parse_path(of, &join(at, "of"))).transpose()?;
        if of.is_some() && !key.is_some_and(|key| OF.contains(&key)) {
            return Err(criteria(
                &join(at, "of"),
                format!("\"of\" needs one of {}", OF.join(", ")),
                "Write {\"sum\": {\"min\": 500}, \"of\": \"value\"}.",
            ));
        }
        let value_or = |of: Option<Path>| of.unwrap_or_else(|| Path(vec!["value".to_owned()]));
        let (Some(key), Some(value)) = (key, key.and_then(|key| object.get(key))) else {
            return Ok((Measure::Count, at_least_one()));
        };
        let here = join(at, key);
        let span_keys = || SPAN.into_iter().find(|key| object.contains_key(*key));
        Ok(match key {
            "first" | "last" => {
                if *value != Value::Bool(true) {
                    return Err(criteria(
                        &here,
                        "expected true",
                        format!("Write \"{key}\": true, or leave it out."),
                    ));
                }
                (if key == "first" { Measure::First } else { Measure::Last }, at_least_one())
            }
            "streak" => {
                if let Some(key) = span_keys() {
                    return Err(criteria(
                        &join(at, key),
                        "a streak ends today and goes back as far as it lasts",
                        "Leave it out.",
                    ));
                }
                (Measure::Streak, self.numeric(value, &here)?)
            }
            "days_since_last" => {
                if let Some(key) = span_keys() {
                    return Err(criteria(
                        &join(at, key),
                        "the latest event is looked for among all",
                        "Leave it out; test the number of days instead.",
                    ));
                }
                (Measure::DaysSinceLast, self.numeric(value, &here)?)
            }
            "trend" => {
                let Span { within: Some(within), older_than: None, from: None, until: None, on: None } = span
                else {
                    return Err(criteria(
                        at,
                        "a trend compares the last so much time with as much before it",
                        "Write {\"within\": \"7 days\", \"trend\": {\"min\": 0.5}}: at least half as much again.",
                    ));
                };
                let both = Duration::from_seconds(within.seconds().saturating_mul(2)).map_err(|_| {
                    criteria(
                        &join(at, "within"),
                        "the time before it would reach back more than 100 years",
                        "Take at most 50 years.",
                    )
                })?;
                (Measure::Trend { of, both }, self.numeric(value, &here)?)
            }
            "sum" => (Measure::Sum(value_or(of)), self.numeric(value, &here)?),
            "average" => (Measure::Average(value_or(of)), self.numeric(value, &here)?),
            "minimum" => (Measure::Minimum(value_or(of)), self.numeric(value, &here)?),
            "maximum" => (Measure::Maximum(value_or(of)), self.numeric(value, &here)?),
            "distinct" => (Measure::Distinct(value_or(of)), self.numeric(value, &here)?),
            _ => (Measure::Count, self.numeric(value, &here)?),
        })
    }

    fn numeric(&mut self, value: &Value, at: &str) -> Result<Test> {
        let tests = self.object(value, at, "Write a test such as {\"min\": 2}.")?;
        parse_numeric_test(self, tests, at)
    }

    /// A pattern as the leaves that it stands for.
    fn pattern(&mut self, pattern: &str, object: &Object, leaf: EventLeaf, at: &str) -> Result<Node> {
        let here = join(at, pattern);
        let value = object.get(pattern).unwrap_or(&Value::Null);
        let goes_along = if pattern == "regularly" { "count" } else { "within" };
        let stray = |key: &&str| object.contains_key(*key) && *key != goes_along;
        let stray = MEASURES.into_iter().chain(SPAN).find(stray);
        if let Some(key) = stray {
            return Err(criteria(
                &join(at, key),
                format!("\"{key}\" does not go with \"{pattern}\""),
                format!("Leave it out; \"{pattern}\" goes with where and {goes_along}."),
            ));
        }
        let within = leaf.span.within;
        let mut during = |within: Option<Duration>, older_than: Option<Duration>| -> Result<Node> {
            self.enter_leaf(at)?;
            let span = Span { within, older_than, ..Span::default() };
            Ok(Node::Event(Box::new(EventLeaf { span, ..leaf.clone() })))
        };
        match pattern {
            "stopped" => {
                let silence = duration(value, &here)?;
                if within.is_some_and(|within| silence >= within) {
                    return Err(criteria(
                        &here,
                        "the silence is not shorter than the window that has the events",
                        "Write {\"within\": \"14 days\", \"stopped\": \"7 days\"}: in the last 14 days, and not in the last 7.",
                    ));
                }
                let before = during(within, None)?;
                Ok(Node::All(vec![before, Node::Not(Box::new(during(Some(silence), None)?))]))
            }
            "restarted" => {
                let silence = duration(value, &here)?;
                let Some(again) = within.filter(|within| *within < silence) else {
                    return Err(criteria(
                        &here,
                        "the silence does not reach back beyond the window that has the new events",
                        "Write {\"within\": \"2 days\", \"restarted\": \"7 days\"}: in the last 2 days, not in the 5 before, and earlier.",
                    ));
                };
                let now = during(Some(again), None)?;
                let silent = Node::Not(Box::new(during(Some(silence), Some(again))?));
                Ok(Node::All(vec![now, silent, during(None, Some(silence))?]))
            }
            _ => {
                let (every, periods, wanted) = regularly(value, &here)?;
                let mut nodes = Vec::with_capacity(periods);
                for period in 0..periods as i64 {
                    let length = |count: i64| {
                        Duration::from_seconds(every.seconds().saturating_mul(count))
                            .map_err(|problem| criteria(&here, problem, "Take fewer or shorter periods."))
                    };
                    let older_than = if period == 0 { None } else { Some(length(period)?) };
                    nodes.push(during(Some(length(period + 1)?), older_than)?);
                }
                Ok(Node::AtLeast(wanted, nodes))
            }
        }
    }

    /// Counts a leaf that a pattern stands for.
    fn enter_leaf(&mut self, at: &str) -> Result<()> {
        self.leaves.push(at.to_owned());
        self.count_node()
    }
}

/// Refuses more than one of some keys.
fn one_of(object: &Object, keys: &[&str], at: &str, what: &str) -> Result<()> {
    let given: Vec<&str> = keys.iter().copied().filter(|key| object.contains_key(*key)).collect();
    if given.len() < 2 {
        return Ok(());
    }
    Err(criteria(
        at,
        format!("an event leaf {what}, not {}", given.join(" and ")),
        "Write two leaves in \"all\".",
    ))
}

/// `{"every": "1 week", "periods": 4, "at_least": 3}`
fn regularly(value: &Value, at: &str) -> Result<(Duration, usize, usize)> {
    const FORM: &str =
        "Write {\"every\": \"1 week\", \"periods\": 4, \"at_least\": 3}: in 3 of the last 4 weeks.";
    let object = value.as_object().ok_or_else(|| criteria(at, "expected an object", FORM))?;
    let known = ["every", "periods", "at_least"];
    if let Some(key) = object.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(criteria(&join(at, key), format!("unknown key \"{key}\""), FORM));
    }
    let every = object.get("every").ok_or_else(|| criteria(at, "\"every\" is missing", FORM))?;
    let every = duration(every, &join(at, "every"))?;
    let number = |key: &str, least: u64, most: u64| {
        let number = object.get(key).and_then(Value::as_u64).filter(|number| (least..=most).contains(number));
        number.map(|number| number as usize).ok_or_else(|| {
            criteria(&join(at, key), format!("expected a whole number from {least} to {most}"), FORM)
        })
    };
    let periods = number("periods", 2, MOST_PERIODS)?;
    Ok((every, periods, number("at_least", 1, periods as u64)?))
}

pub(super) fn duration(value: &Value, at: &str) -> Result<Duration> {
    const FORM: &str = "Write a duration such as \"90 days\" or \"4 hours\".";
    match value {
        Value::String(text) => Duration::parse(text).map_err(|problem| criteria(at, problem, FORM)),
        _ => Err(criteria(at, "expected a duration", FORM)),
    }
}
