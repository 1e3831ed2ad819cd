//! Says in English what criteria demand.

use super::ast::{
    Among, EventLeaf, Filter, Literal, Located, Measure, Node, Operand, Operator, Path, Pattern, Recurring,
    SequenceLeaf, Span, Test, TierLeaf,
};
use super::moment::Moment;
use super::parse::{Scope, locate, parse_value, read};
use crate::error::Result;
use serde_json::Value;

/// A sentence for each leaf of criteria for documents or for segments, with its path, in the order of the tree.
pub fn describe(text: &str) -> Result<Vec<(String, String)>> {
    let Located { root, paths } = locate(&read(text)?, Scope::Any)?;
    let mut sentences = Vec::with_capacity(paths.len());
    leaves(&root, &mut sentences);
    Ok(paths.iter().map(|path| path.to_string()).zip(sentences).collect())
}

fn leaves(node: &Node, sentences: &mut Vec<String>) {
    match node {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) | Node::AtLeast(_, nodes) => {
            nodes.iter().for_each(|node| leaves(node, sentences));
        }
        Node::Not(node) => leaves(node, sentences),
        leaf => sentences.push(format!("{}.", clause(leaf))),
    }
}

/// A node in a clause: `(country is equal to "US" and tags is a list with "vip")`.
fn clause(node: &Node) -> String {
    let list = |nodes: &[Node], word: &str, none: &str| {
        let parts: Vec<String> = nodes.iter().map(clause).collect();
        match parts.as_slice() {
            [] => none.to_owned(),
            [one] => one.clone(),
            parts => format!("({})", parts.join(word)),
        }
    };
    match node {
        Node::All(nodes) => list(nodes, " and ", "anything"),
        Node::Any(nodes) => list(nodes, " or ", "nothing"),
        Node::None(nodes) => format!("not {}", list(nodes, " or ", "nothing")),
        Node::Not(node) => format!("not {}", clause(node)),
        Node::AtLeast(wanted, nodes) => format!("at least {wanted} of {}", list(nodes, "; ", "nothing")),
        Node::Attribute(path, test) => format!("{} is {}", describe_path(path), describe_test(test)),
        Node::Event(leaf) => event(leaf),
        Node::Sequence(leaf) => describe_sequence(leaf),
        Node::Bucket(leaf) => format!("{} is {}", describe_bucket(&leaf.salt), describe_test(&leaf.test())),
        Node::Number(leaf) => format!("{} is {}", leaf.name, describe_test(&leaf.test)),
        Node::Segment(name) => format!("the subscriber is in the segment {name:?}"),
        Node::Tier(TierLeaf { tier_set, segment: Some(segment) }) => {
            format!("the place of the subscriber in the tiers of {tier_set:?} is {segment:?}")
        }
        Node::Tier(TierLeaf { tier_set, segment: None }) => {
            format!("the subscriber is in no tier of {tier_set:?}")
        }
    }
}

fn event(leaf: &EventLeaf) -> String {
    format!("{} is {}", describe_measure(leaf), describe_test(&leaf.test))
}

/// What a bucket leaf measures.
pub fn describe_bucket(salt: &str) -> String {
    format!("the place of the subscriber, in percent, by the salt {salt:?}")
}

/// A sequence: `"cart_add", then no "purchase", each within 4 hours of the step before, in the last 7 days`.
pub fn describe_sequence(leaf: &SequenceLeaf) -> String {
    let steps: Vec<String> = leaf
        .steps
        .iter()
        .map(|step| {
            let no = if step.absent { "no " } else { "" };
            format!("{no}{:?}{}", step.event, describe_filter(step.filter.as_ref()))
        })
        .collect();
    let gap =
        leaf.step_within.map_or_else(String::new, |gap| format!(", each within {gap} of the step before"));
    format!("{}{gap}, in the last {}", steps.join(", then "), leaf.within)
}

fn describe_filter(filter: Option<&Value>) -> String {
    filter.map_or_else(String::new, |filter| {
        let node = parse_value(filter, Scope::Event);
        format!(" where {}", node.map_or_else(|_| filter.to_string(), |node| clause(&node)))
    })
}

/// What an event leaf measures: `the number of "purchase" events in the last 30 days`.
pub fn describe_measure(leaf: &EventLeaf) -> String {
    let filter = describe_filter(leaf.filter.as_ref()) + &describe_recurring(&leaf.recurring);
    let (event, span) = (&leaf.event, describe_span(&leaf.span));
    let events = format!("{event:?} events{filter}{span}");
    match &leaf.measure {
        Measure::Count => format!("the number of {events}"),
        Measure::Sum(path) => format!("the sum of {} over {events}", describe_path(path)),
        Measure::Average(path) => format!("the average of {} over {events}", describe_path(path)),
        Measure::Minimum(path) => format!("the minimum of {} over {events}", describe_path(path)),
        Measure::Maximum(path) => format!("the maximum of {} over {events}", describe_path(path)),
        Measure::Distinct(path) => format!("the number of different {} over {events}", describe_path(path)),
        Measure::First(Among::ItsType) => {
            format!("the number of first {event:?} events ever that are{filter}{span}")
        }
        Measure::Last(Among::ItsType) => {
            format!("the number of latest {event:?} events that are{filter}{span}")
        }
        Measure::First(Among::AllTypes) => format!("the number of first events of all that are {events}"),
        Measure::Last(Among::AllTypes) => format!("the number of latest events of all that are {events}"),
        Measure::Latest(path) => format!("the {} of the latest {event:?} event{filter}", describe_path(path)),
        Measure::LatestHour => format!("the hour of the day of the latest {event:?} event{filter}"),
        Measure::LatestWeekday => format!("the day of the week of the latest {event:?} event{filter}"),
        Measure::PeakHour => format!("the hour of the day with most {events}"),
        Measure::PeakWeekday => format!("the day of the week with most {events}"),
        Measure::AverageGap => format!("the average number of days between {event:?} events{filter}"),
        Measure::Mode(path, value) => {
            let value = literal(value);
            format!(
                "the number of most frequent values of {} in {events} that are {value}",
                describe_path(path)
            )
        }
        Measure::DaysSinceLast => format!("the whole days since the latest {event:?} event{filter}"),
        Measure::Streak => format!("the number of days in a row with {event:?} events{filter}"),
        Measure::Trend { of: None, .. } => format!("the growth of the number of {events}"),
        Measure::Trend { of: Some(path), .. } => {
            format!("the growth of the sum of {} over {events}", describe_path(path))
        }
    }
}

/// ` at 9 and 10 o'clock on days 6 and 7 of the week in month 12`
fn describe_recurring(recurring: &Recurring) -> String {
    let list = |numbers: &[u32]| {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        numbers.join(", ")
    };
    let Recurring { hours, weekdays, months } = recurring;
    let parts = [
        (!hours.is_empty()).then(|| format!(" in the hours {}", list(hours))),
        (!weekdays.is_empty()).then(|| format!(" on the days {} of the week", list(weekdays))),
        (!months.is_empty()).then(|| format!(" in the months {}", list(months))),
    ];
    parts.into_iter().flatten().collect()
}

fn describe_span(span: &Span) -> String {
    let parts = [
        span.within.map(|within| format!(" in the last {within}")),
        span.older_than.map(|older_than| format!(" not in the last {older_than}")),
        span.from.as_ref().map(|from| format!(" from {}", beginning(from))),
        span.until.as_ref().map(|until| format!(" before {}", beginning(until))),
        span.on.as_ref().map(|on| format!(" {}", of_period(on))),
    ];
    if *span == Span::default() { " ever".to_owned() } else { parts.into_iter().flatten().collect() }
}

/// `a.b`, or `a."b.c"` where a key contains a dot.
pub fn describe_path(path: &Path) -> String {
    let keys = path.0.iter().map(|key| if key.contains('.') { format!("{key:?}") } else { key.clone() });
    keys.collect::<Vec<_>>().join(".")
}

/// `at least 2 and less than 10`.
pub fn describe_test(test: &Test) -> String {
    let parts: Vec<String> = test.operators.iter().map(operator).collect();
    let suffix = if test.ignore_case { " (ignoring case)" } else { "" };
    format!("{}{suffix}", parts.join(" and "))
}

fn operator(operator: &Operator) -> String {
    match operator {
        Operator::Equals(value) => format!("equal to {}", literal(value)),
        Operator::NotEquals(value) => format!("not equal to {}", literal(value)),
        Operator::In(values) => format!("one of {}", literals(values)),
        Operator::NotIn(values) => format!("none of {}", literals(values)),
        Operator::Min(bound) => format!("at least {}", operand(bound)),
        Operator::Max(bound) => format!("at most {}", operand(bound)),
        Operator::Gt(bound) => format!("more than {}", operand(bound)),
        Operator::Lt(bound) => format!("less than {}", operand(bound)),
        Operator::Between(low, high) => format!("between {} and {}", operand(low), operand(high)),
        Operator::Contains(part) => format!("text containing {part:?}"),
        Operator::NotContains(part) => format!("not text containing {part:?}"),
        Operator::StartsWith(part) => format!("text starting with {part:?}"),
        Operator::EndsWith(part) => format!("text ending with {part:?}"),
        Operator::Matches(Pattern(regex)) => format!("text matching /{regex}/"),
        Operator::Exists(true) => "present".to_owned(),
        Operator::Exists(false) => "missing".to_owned(),
        Operator::Has(value) => format!("a list with {}", literal(value)),
        Operator::HasAny(values) => format!("a list with any of {}", literals(values)),
        Operator::HasAll(values) => format!("a list with all of {}", literals(values)),
        Operator::HasNone(values) => format!("not a list with any of {}", literals(values)),
        Operator::Size(test) => format!("a list whose size is {}", describe_test(test)),
        Operator::AnyElement(filter) => match filter.as_ref() {
            Filter::Element(test) => format!("a list with an element that is {}", describe_test(test)),
            Filter::Criteria(node) => format!("a list with an element where {}", clause(node)),
        },
        Operator::Before(moment) => format!("a time before {}", time(moment)),
        Operator::After(moment) => format!("a time after {}", time(moment)),
        Operator::On(moment) => format!("a time {}", of_period(moment)),
        Operator::Anniversary => "a time whose anniversary is today".to_owned(),
        Operator::Within(length) => format!("a time in the last {length}"),
        Operator::OlderThan(length) => format!("a time at least {length} ago"),
        Operator::HeldFor(length) => format!("the same for the last {length}"),
        Operator::Type(types) => {
            let types: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
            format!("of type {}", types.join(" or "))
        }
        Operator::VersionMin(version) => format!("version {version} or later"),
        Operator::VersionMax(version) => format!("version {version} or earlier"),
    }
}

/// `of last month`, `of the day of 3 days ago`.
fn of_period(moment: &Moment) -> String {
    let of = if moment.is_period() { "of" } else { "of the day of" };
    format!("{of} {}", time(moment))
}

/// `the beginning of last month`, `2024-03-01`.
fn beginning(moment: &Moment) -> String {
    let of = if moment.is_relative() && moment.is_period() { "the beginning of " } else { "" };
    format!("{of}{}", time(moment))
}

/// `30 days ago`, `last month`, `2024-03-01`.
fn time(moment: &Moment) -> String {
    let text = moment.to_string();
    match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(length), _) => format!("{length} ago"),
        (_, Some(length)) => format!("{length} from now"),
        _ => text.replace('_', " "),
    }
}

fn operand(operand: &Operand) -> String {
    match operand {
        Operand::Number(number) => number.to_string(),
        Operand::Text(text) => format!("{text:?}"),
    }
}

fn literals(values: &[Literal]) -> String {
    let values: Vec<String> = values.iter().map(literal).collect();
    format!("({})", values.join(", "))
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Null => "null".to_owned(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Number(number) => number.to_string(),
        Literal::Text(text) => format!("{text:?}"),
        Literal::Array(values) => literals(values),
        Literal::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}: {}", literal(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}
