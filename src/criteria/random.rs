//! Random criteria and random documents, for the tests: few keys and few values, so that they often meet.

use super::instant::{Instant, print_instant};
use super::parse::{Scope, parse_value};
use super::parse_test::OPERATORS;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use serde_json::{Map, Value, json};

const KEYS: [&str; 6] = ["a", "b", "tags", "items", "a.b", ""];
const TIMES: [&str; 14] = [
    "2024-03-01",
    "2024-03-01T10:00:00Z",
    "2024-03-01T10:00:00.5+05:30",
    "2024-03-01T12:30",
    "2023-02-28",
    "now",
    "today",
    "-1 day",
    "+2 weeks",
    "last_month",
    "this_week",
    "now-1M/M",
    "2024-01-31||+1M",
    "anniversary",
];
const TEXTS: [&str; 8] = ["", "a", "A", "ab", "b", "1", "1.2.3", "1.2.4-rc.1"];
/// Operators and operands that move with the current time.
const TIMED: [&str; 5] = ["before", "after", "on", "within", "older_than"];
const MOVING: [&str; 20] = [
    "now",
    "today",
    "yesterday",
    "tomorrow",
    "this_week",
    "last_month",
    "this_year",
    "next_year",
    "-1 day",
    "+2 weeks",
    "-90 minutes",
    "now-1M",
    "now+1M-2d",
    "now-1d",
    "now/h",
    "now-1M/M+3d",
    "now/d+2h",
    "now-1w/h",
    "now-3M/m",
    "anniversary",
];
const BOUNDS: [&str; 10] = [
    "2024-03-01",
    "2024-03-01T10:00:00Z",
    "2024-03-01T12:30",
    "2023-02-28",
    "today",
    "now/d",
    "last_month",
    "this_week",
    "now-1M/M",
    "-1 day",
];
const DURATIONS: [&str; 6] = ["1 day", "24 hours", "2 weeks", "14 days", "1 year", "90 minutes"];

/// A generator that a seed decides.
pub struct Random {
    source: Xoshiro256Plus,
    /// The times that documents have lie around it, and criteria are mostly about them.
    now: Option<Instant>,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Random { source: Xoshiro256Plus::seed_from_u64(seed), now: None }
    }

    /// From now on, criteria and documents that are about times around an instant.
    pub fn set_now(&mut self, now: Instant) {
        self.now = Some(now);
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.source.next_u64() >> 11) as usize % limit.max(1)
    }

    pub fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Criteria that are valid for a document at an instant.
    pub fn criteria(&mut self) -> Value {
        self.criteria_of_depth(3)
    }

    pub fn criteria_of_depth(&mut self, depth: usize) -> Value {
        loop {
            let criteria = self.node(depth, false);
            if parse_value(&criteria, Scope::DocumentAt).is_ok() {
                return criteria;
            }
        }
    }

    /// Criteria that are valid for a segment, as far as the language goes.
    pub fn segment_criteria(&mut self) -> Value {
        loop {
            let criteria = self.node(3, true);
            if parse_value(&criteria, Scope::Any).is_ok() {
                return criteria;
            }
        }
    }

    pub fn document(&mut self) -> Value {
        self.object(3)
    }

    fn key(&mut self) -> &'static str {
        self.pick(if self.now.is_some() { &KEYS[2..4] } else { &KEYS[..] })
    }

    fn object(&mut self, depth: usize) -> Value {
        if self.now.is_some() {
            return KEYS[2..4]
                .iter()
                .map(|key| (key.to_string(), self.value(depth)))
                .collect::<Map<_, _>>()
                .into();
        }
        let keys = self.below(KEYS.len() + 1);
        (0..keys).map(|_| (self.pick(&KEYS).to_string(), self.value(depth))).collect::<Map<_, _>>().into()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => Value::Null,
            1..=5 if self.now.is_some() => self.time().into(),
            1 => (self.below(2) == 0).into(),
            2 => self.number(),
            3 | 4 => (self.pick(&TEXTS)).into(),
            5 => (self.pick(&TIMES)).into(),
            6 | 7 => self.list(depth),
            _ => self.object(depth - 1),
        }
    }

    /// A time somewhere around now, written in one of the ways.
    fn time(&mut self) -> String {
        let reach = self.pick(&[1, 3_600, 86_400, 40 * 86_400, 800 * 86_400]);
        let seconds = self.below(2 * reach + 1) as i64 - reach as i64;
        let text = print_instant(self.now.unwrap_or_default() + seconds * 1_000_000);
        match self.below(4) {
            0 => text[..10].to_owned(),
            1 => text.trim_end_matches('Z').to_owned(),
            _ => text,
        }
    }

    fn number(&mut self) -> Value {
        let numbers = ["0", "1", "1.0", "2", "-1", "1e2", "100", "0.5", "12345678901234567890", "1e-400"];
        serde_json::from_str(self.pick(&numbers)).unwrap()
    }

    /// A list to compare with.
    pub fn values(&mut self) -> Value {
        self.list(1)
    }

    fn list(&mut self, depth: usize) -> Value {
        (0..self.below(4)).map(|_| self.value(depth.saturating_sub(1))).collect()
    }

    fn nodes(&mut self, depth: usize, events: bool) -> Vec<Value> {
        (0..self.below(4)).map(|_| self.node(depth - 1, events)).collect()
    }

    fn node(&mut self, depth: usize, events: bool) -> Value {
        match self.below(if depth == 0 { 4 } else { 10 }) {
            0 | 1 => self.shorthand(),
            2 if events => self.event(),
            3 if events => json!({"segment": "champions"}),
            2 | 3 => self.attribute(),
            4 => json!({"all": self.nodes(depth, events)}),
            5 => json!({"any": self.nodes(depth, events)}),
            6 => json!({"none": self.nodes(depth, events)}),
            7 => json!({"not": self.node(depth - 1, events)}),
            8 => json!({"at_least": 1 + self.below(3), "of": self.nodes(depth, events)}),
            _ => {
                let mut both = self.shorthand();
                both["all"] = self.nodes(depth, events).into();
                both
            }
        }
    }

    fn shorthand(&mut self) -> Value {
        let test = self.test();
        match self.below(3) {
            0 => json!({self.key(): {self.key(): test}}),
            _ => json!({self.key(): test}),
        }
    }

    fn attribute(&mut self) -> Value {
        let mut leaf = self.test();
        leaf["attribute"] = match self.below(3) {
            0 => json!([self.key(), self.key()]),
            1 => "items.a".into(),
            _ if self.now.is_some() => "tags".into(),
            _ => "a".into(),
        };
        leaf
    }

    fn event(&mut self) -> Value {
        let mut leaf = self.selection();
        let bound = json!({self.pick(&["min", "max", "gt", "lt", "equals"]).to_string(): self.below(4)});
        match self.below(8) {
            0 => leaf["count"] = bound,
            1 => {
                leaf[self.pick(&["sum", "average", "minimum", "maximum", "distinct", "trend"])] = bound;
                if self.below(2) == 0 {
                    leaf["of"] = self.pick(&["value", "k"]).into();
                }
            }
            2 => leaf["streak"] = bound,
            3 => leaf[self.pick(&["first", "last"])] = true.into(),
            4 => leaf[self.pick(&["stopped", "restarted"])] = self.pick(&DURATIONS).into(),
            5 => {
                leaf["regularly"] =
                    json!({"every": self.pick(&DURATIONS), "periods": 3, "at_least": 1 + self.below(3)})
            }
            6 => return self.sequence(),
            _ => {}
        }
        for key in ["within", "older_than"] {
            if self.below(2) == 0 {
                leaf[key] = self.pick(&DURATIONS).into();
            }
        }
        for key in ["from", "until"] {
            if self.below(6) == 0 {
                leaf[key] = self.pick(&BOUNDS).into();
            }
        }
        if self.below(8) == 0 {
            leaf["on"] = self.pick(&BOUNDS).into();
        }
        leaf
    }

    fn selection(&mut self) -> Value {
        let mut selection = json!({"event": self.pick(&["purchase", "open", "visit"])});
        if self.below(3) == 0 {
            selection["where"] = self.shorthand();
        }
        selection
    }

    fn sequence(&mut self) -> Value {
        let mut steps: Vec<Value> = (0..2 + self.below(2)).map(|_| self.selection()).collect();
        if let Some(last) = steps.last_mut().filter(|_| self.below(2) == 0) {
            last["absent"] = true.into();
        }
        json!({"sequence": steps, "within": self.pick(&DURATIONS)})
    }

    fn test(&mut self) -> Value {
        let mut test: Map<String, Value> = (0..1 + self.below(2))
            .map(|_| {
                let timed = self.now.is_some() && self.below(4) > 0;
                let operator = loop {
                    let operator = self.pick(if timed { &TIMED[..] } else { &OPERATORS[..] });
                    // What is no operator, and what no document can be asked.
                    if !["ignore_case", "held_for"].contains(&operator) {
                        break operator;
                    }
                };
                (operator.to_owned(), self.operand(operator))
            })
            .collect();
        if self.below(4) == 0 {
            test.insert("ignore_case".to_owned(), true.into());
        }
        test.into()
    }

    fn operand(&mut self, operator: &str) -> Value {
        match operator {
            "in" | "not_in" | "has_any" | "has_all" | "has_none" => self.list(1),
            "min" | "max" | "gt" | "lt" if self.below(4) > 0 => self.number(),
            "min" | "max" | "gt" | "lt" | "contains" | "not_contains" | "starts_with" | "ends_with"
            | "matches" => (self.pick(&TEXTS)).into(),
            "between" => json!([self.below(2), 1 + self.below(2)]),
            "exists" => (self.below(2) == 0).into(),
            "size" if self.below(2) == 0 => json!({"min": self.below(2), "max": 2}),
            "size" => self.below(3).into(),
            "any_element" => match self.below(3) {
                0 => self.node(1, false),
                _ => self.test(),
            },
            "before" | "after" | "on" if self.now.is_some() => self.pick(&MOVING).into(),
            "before" | "after" | "on" => (self.pick(&TIMES)).into(),
            "within" | "older_than" => (self.pick(&DURATIONS)).into(),
            "type" if self.below(2) == 0 => json!(["string", "array"]),
            "type" => (self.pick(&["array", "object", "null", "missing", "number"])).into(),
            "version_min" | "version_max" => (self.pick(&["1.2.3", "v1.2", "1.2.4-rc.1"])).into(),
            _ => self.value(1),
        }
    }
}
