//! Event leaves: conditions on what a subscriber did.

use super::ast::{Among, EventLeaf, Literal, Measure, Node, Path, Recurring, Span, Test};
use super::duration::Duration;
use super::number::Decimal;
use super::parse::{Parser, Scope, canonical_event, criteria, join, parse_path};
use super::parse_literal::whole;
use super::parse_span::parse_span;
use super::parse_test::{at_least_one, parse_numeric_test};
use super::quantity::Quantity;
use crate::error::{Result, nearest};
use serde_json::{Map, Value};

/// Keys that say what is measured; a leaf has one of them at most.
const MEASURES: [&str; 18] = [
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
    "latest",
    "latest_hour",
    "latest_weekday",
    "peak_hour",
    "peak_weekday",
    "average_gap",
    "mode",
];
/// Those that read a property.
const OF: [&str; 8] = ["sum", "average", "minimum", "maximum", "distinct", "trend", "latest", "mode"];
/// Keys that stand for several leaves; a leaf has one of them at most.
const PATTERNS: [&str; 3] = ["stopped", "restarted", "regularly"];
const SPAN: [&str; 5] = ["within", "older_than", "from", "until", "on"];
const OTHERS: [&str; 6] = ["event", "where", "hours", "weekdays", "months", "of"];

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
        let recurring = recurring(object, at)?;
        let leaf = EventLeaf { event, filter, recurring, measure, test, span };
        match PATTERNS.into_iter().find(|pattern| object.contains_key(*pattern)) {
            None => {
                self.leaves.push(at.into());
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
        let tested = |parser: &mut Self, measure: Measure| {
            let tests = parser.object(value, &here, "Write a test such as {\"min\": 2}.")?;
            let test = parse_numeric_test(parser, tests, key, &Quantity::of_measure(&measure), &here)?;
            Ok((measure, test))
        };
        let span_keys = || SPAN.into_iter().find(|key| object.contains_key(*key));
        Ok(match key {
            "first" | "last" => {
                let among = match value {
                    Value::Bool(true) => Among::ItsType,
                    Value::String(all) if all == "*" => Among::AllTypes,
                    _ => {
                        return Err(criteria(
                            &here,
                            "expected true or \"*\"",
                            format!(
                                "Write \"{key}\": true among the events of its type, or \"*\" among all."
                            ),
                        ));
                    }
                };
                (if key == "first" { Measure::First(among) } else { Measure::Last(among) }, at_least_one())
            }
            "mode" => {
                let value = match value {
                    Value::String(text) => Literal::Text(text.clone()),
                    Value::Bool(value) => Literal::Boolean(*value),
                    Value::Number(number) => {
                        let number = Decimal::parse(number.as_str());
                        Literal::Number(number.ok_or_else(|| criteria(&here, "not a number", MODE))?)
                    }
                    _ => return Err(criteria(&here, "expected a text, a number or a boolean", MODE)),
                };
                let of = of.ok_or_else(|| criteria(at, "\"mode\" needs \"of\"", MODE))?;
                (Measure::Mode(of, value), at_least_one())
            }
            "streak" => {
                if let Some(key) = span_keys() {
                    return Err(criteria(
                        &join(at, key),
                        "a streak ends today and goes back as far as it lasts",
                        "Leave it out.",
                    ));
                }
                tested(self, Measure::Streak)?
            }
            "days_since_last" | "latest" | "latest_hour" | "latest_weekday" | "average_gap" => {
                if let Some(span) = span_keys() {
                    return Err(criteria(
                        &join(at, span),
                        format!("\"{key}\" looks at all events, whenever they were"),
                        "Leave it out; another leaf may test the number of days since the latest.",
                    ));
                }
                let measure = match key {
                    "latest" => Measure::Latest(value_or(of)),
                    "latest_hour" => Measure::LatestHour,
                    "latest_weekday" => Measure::LatestWeekday,
                    "average_gap" => Measure::AverageGap,
                    _ => Measure::DaysSinceLast,
                };
                tested(self, measure)?
            }
            "peak_hour" | "peak_weekday" => {
                let Span { within: Some(_), older_than: None, from: None, until: None, on: None } = span
                else {
                    return Err(criteria(
                        at,
                        "a peak is that of the last so much time",
                        "Write {\"within\": \"90 days\", \"peak_hour\": {\"between\": [9, 17]}}.",
                    ));
                };
                let measure = if key == "peak_hour" { Measure::PeakHour } else { Measure::PeakWeekday };
                tested(self, measure)?
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
                tested(self, Measure::Trend { of, both })?
            }
            "sum" => tested(self, Measure::Sum(value_or(of)))?,
            "average" => tested(self, Measure::Average(value_or(of)))?,
            "minimum" => tested(self, Measure::Minimum(value_or(of)))?,
            "maximum" => tested(self, Measure::Maximum(value_or(of)))?,
            "distinct" => tested(self, Measure::Distinct(value_or(of)))?,
            _ => tested(self, Measure::Count)?,
        })
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
        self.leaves.push(at.into());
        self.count_node()
    }
}

const MODE: &str = "Write {\"mode\": \"email\", \"of\": \"channel\"}: no channel is more frequent.";

/// `"hours": [9, 10], "weekdays": [6, 7], "months": [12]`
fn recurring(object: &Object, at: &str) -> Result<Recurring> {
    let list = |(key, _, least, most): (&str, &Vec<u32>, u32, u32)| {
        let Some(value) = object.get(key) else { return Ok(Vec::new()) };
        let number = |value: &Value| {
            let number = u32::try_from(whole(value)?).ok()?;
            (least..=most).contains(&number).then_some(number)
        };
        let numbers = value.as_array().filter(|numbers| !numbers.is_empty());
        let numbers = numbers.and_then(|numbers| numbers.iter().map(number).collect::<Option<Vec<u32>>>());
        let mut numbers = numbers.ok_or_else(|| {
            criteria(
                &join(at, key),
                format!("expected a list of whole numbers from {least} to {most}"),
                "Write {\"weekdays\": [6, 7], \"hours\": [9, 10]}: Saturdays and Sundays, from 9 to 11 o'clock.",
            )
        })?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    };
    let [hours, weekdays, months] = Recurring::default().lists().map(list);
    Ok(Recurring { hours: hours?, weekdays: weekdays?, months: months? })
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
        let number = object.get(key).and_then(whole).filter(|number| (least..=most).contains(number));
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
