//! The tree that a criteria document means.

use super::duration::Duration;
use super::formula::NumberLeaf;
use super::moment::Moment;
use super::number::Decimal;
use regex::Regex;
use serde_json::Value;
use std::rc::Rc;

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    None(Vec<Node>),
    Not(Box<Node>),
    /// So many of the nodes, from 1 to all of them.
    AtLeast(usize, Vec<Node>),
    Attribute(Path, Test),
    Event(Box<EventLeaf>),
    Sequence(SequenceLeaf),
    Bucket(BucketLeaf),
    /// Membership of another segment, by name.
    Segment(String),
    Tier(TierLeaf),
    /// A named number, with how it is computed in the place of an attribute.
    Number(Box<NumberLeaf>),
}

/// A tree with the path that each of its leaves has in the document, in the order of the tree. Leaves that one leaf of the
/// document stands for have its path.
#[derive(Clone, Debug)]
pub struct Located {
    pub root: Node,
    pub paths: Vec<Rc<str>>,
}

/// Keys from the root of a document to a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<String>);

impl Path {
    fn of<const N: usize>(keys: [&str; N]) -> Path {
        Path(keys.map(str::to_owned).to_vec())
    }

    /// Whether a subscriber's attribute is one of the profile, and not a feature.
    pub fn is_of_profile(&self) -> bool {
        self.in_profile().is_some()
    }

    /// Where in the document of a profile an attribute lies, that is one of it: `demographics` are traits, and the
    /// prediction of a model is its value.
    pub fn in_profile(&self) -> Option<Path> {
        let (root, rest) = self.0.split_first()?;
        let root = match root.as_str() {
            "traits" | "demographics" => "traits",
            root @ ("email" | "preferences" | "tags") => root,
            "predictions" => {
                let value = if rest.len() == 1 { "value" } else { return Some(self.clone()) };
                return Some(Path([&self.0[..], &[value.to_owned()]].concat()));
            }
            "churn_probability" if rest.is_empty() => {
                return Some(Path::of(["predictions", "churn", "value"]));
            }
            "predicted_lifetime_value" if rest.is_empty() => {
                return Some(Path::of(["predictions", "value", "value"]));
            }
            _ => return None,
        };
        Some(Path([&[root.to_owned()], rest].concat()))
    }
}

/// Operators on one value; all must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    pub operators: Vec<Operator>,
    pub ignore_case: bool,
}

/// A regular expression; those that are written alike are equal.
#[derive(Clone, Debug)]
pub struct Pattern(pub Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// A list of literals is sorted and has none twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Operator {
    Equals(Literal),
    NotEquals(Literal),
    In(Vec<Literal>),
    NotIn(Vec<Literal>),
    Min(Operand),
    Max(Operand),
    Gt(Operand),
    Lt(Operand),
    Between(Operand, Operand),
    Contains(String),
    NotContains(String),
    StartsWith(String),
    EndsWith(String),
    Matches(Pattern),
    Exists(bool),
    Has(Literal),
    HasAny(Vec<Literal>),
    HasAll(Vec<Literal>),
    HasNone(Vec<Literal>),
    Size(Test),
    AnyElement(Box<Filter>),
    Before(Moment),
    After(Moment),
    /// On the day, or in the period of the calendar.
    On(Moment),
    /// The day of the year is today's.
    Anniversary,
    /// In the last so much time.
    Within(Duration),
    OlderThan(Duration),
    /// The value has been the same for so long.
    HeldFor(Duration),
    /// One of the types.
    Type(Vec<Type>),
    /// A version, checked when parsed.
    VersionMin(String),
    VersionMax(String),
}

/// What kind of JSON a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    String,
    Number,
    Boolean,
    Array,
    Object,
    /// A JSON null.
    Null,
    /// No value at all.
    Missing,
}

/// What an order comparison compares with: a number orders as a number, a string as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    Number(Decimal),
    Text(String),
}

/// A JSON value to compare with, deeply. The order is that of lists that are searched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Literal {
    Null,
    Boolean(bool),
    Number(Decimal),
    Text(String),
    Array(Vec<Literal>),
    Object(Vec<(String, Literal)>),
}

/// Conditions on a document other than the subscriber's own: an event's properties, or an array element.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Operators on the element itself.
    Element(Test),
    /// Criteria whose paths start at it.
    Criteria(Node),
}

/// A condition on what a subscriber did: `{"event": "purchase", "count": {"min": 2}, "within": "90 days"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct EventLeaf {
    /// The canonical event type.
    pub event: String,
    /// The `where` criteria as written, with its keys sorted; two leaves with equal text share a stream.
    pub filter: Option<Value>,
    pub recurring: Recurring,
    pub measure: Measure,
    pub test: Test,
    pub span: Span,
}

/// The times of the day, the week and the year, on the clocks of a time zone, that an event leaf looks at; an empty list is all
/// of them. Each is sorted and has none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recurring {
    /// From 0 to 23.
    pub hours: Vec<u32>,
    /// From 1, which is Monday, to 7.
    pub weekdays: Vec<u32>,
    /// From 1 to 12.
    pub months: Vec<u32>,
}

impl Recurring {
    /// The keys, what they hold, and the least and the greatest number there.
    pub fn lists(&self) -> [(&'static str, &Vec<u32>, u32, u32); 3] {
        [("hours", &self.hours, 0, 23), ("weekdays", &self.weekdays, 1, 7), ("months", &self.months, 1, 12)]
    }
}

/// The stretch of time that an event leaf looks at: all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The last so much time.
    pub within: Option<Duration>,
    /// What has left the last so much time.
    pub older_than: Option<Duration>,
    /// What is not earlier than the beginning of this moment.
    pub from: Option<Moment>,
    /// What is earlier than that of this one.
    pub until: Option<Moment>,
    /// What lies in the period that this one names, or else on its day.
    pub on: Option<Moment>,
}

/// What is measured over the events that a leaf selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    Count,
    /// The sum of a numeric property, by path; `value` is the source's value column.
    Sum(Path),
    /// The same divided by the number of events; missing where there are none.
    Average(Path),
    /// The smallest and the greatest number at a path; missing where there is none.
    Minimum(Path),
    Maximum(Path),
    /// How many different texts, numbers and booleans there are at a path.
    Distinct(Path),
    /// 1 if the first event ever, of its type or else of all types, is among those selected, and 0 otherwise.
    First(Among),
    /// The same of the latest one.
    Last(Among),
    /// The number at a path of the latest event; of several at one instant their sum. Missing where there is none.
    Latest(Path),
    /// The hour of the day, and the day of the week from 1 on, that the clocks showed at the latest event.
    LatestHour,
    LatestWeekday,
    /// Those in which most events lie; of several the earliest. Missing where there are none.
    PeakHour,
    PeakWeekday,
    /// The days between the first and the last event, by the number of steps between; missing with fewer than two events.
    AverageGap,
    /// 1 if no value at a path is more frequent than this one, and this one is there; 0 otherwise.
    Mode(Path, Literal),
    /// How many whole days ago the latest was; missing where there is none.
    DaysSinceLast,
    /// How many days in a row have events, up to today, or to yesterday as long as today has none.
    Streak,
    /// By which share the number of events, or the sum of a property, in the window is above that in the equally long window
    /// before it; missing where there was nothing.
    Trend {
        of: Option<Path>,
        /// Both windows together.
        both: Duration,
    },
}

/// Which events one is the first or the latest of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    ItsType,
    AllTypes,
}

/// A condition on the order of what a subscriber did:
/// `{"sequence": [{"event": "cart_add"}, {"event": "purchase", "absent": true}], "step_within": "4 hours", "within": "7 days"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceLeaf {
    /// At least two; the first is not an absent one.
    pub steps: Vec<Step>,
    /// The longest time from one step to the next.
    pub step_within: Option<Duration>,
    /// All steps lie in the last so much time.
    pub within: Duration,
}

/// One step of a sequence: an event that happens, or that does not before the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The canonical event type.
    pub event: String,
    /// As in [`EventLeaf`].
    pub filter: Option<Value>,
    pub absent: bool,
}

/// A part of all subscribers that a hash chooses: `{"bucket": {"salt": "spring", "from": 0, "to": 10}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketLeaf {
    /// Other salts choose independently of each other.
    pub salt: String,
    /// In percent; the lower end belongs to it, the upper does not.
    pub from: Decimal,
    pub to: Decimal,
}

impl BucketLeaf {
    /// The test of the place of a subscriber, in percent.
    pub fn test(&self) -> Test {
        let (from, to) = (Operand::Number(self.from.clone()), Operand::Number(self.to.clone()));
        Test { operators: vec![Operator::Min(from), Operator::Lt(to)], ignore_case: false }
    }
}

/// The one place of a subscriber in a tier set: `{"segment": "gold", "tier_set": "loyalty"}`, or with null the place of whoever
/// is in none of its segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierLeaf {
    pub tier_set: String,
    pub segment: Option<String>,
}
