//! Formulas as they are written, in JSON.

use super::ast::{Located, Measure, Node, Path};
use super::duration::Duration;
use super::features::{Features, Room};
use super::formula::{Decay, Formula, Score, Term, Weighed};
use super::number::Decimal;
use super::parse::{Parser, Scope, criteria, join, parse_path};
use super::parse_event::duration;
use super::parse_test::at_least_one;
use crate::error::{Result, nearest};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

impl Features {
    pub(super) fn read(&self, spec: &Value, at: &str, room: Room) -> Result<Formula> {
        room.take()?;
        const FORM: &str = "Write a number, the name of a feature, or an object such as {\"event\": \"purchase\", \"sum\": \"value\"}.";
        let list = |value: &Value, key: &str, least: usize| -> Result<Vec<Formula>> {
            let here = join(at, key);
            let elements = value.as_array().filter(|elements| elements.len() >= least);
            let elements = elements
                .ok_or_else(|| criteria(&here, format!("expected a list of {least} or more"), FORM))?
                .iter()
                .enumerate();
            elements.map(|(index, value)| self.read(value, &format!("{here}[{index}]"), room)).collect()
        };
        let object = match spec {
            Value::Number(_) => return Ok(Formula::Constant(number(spec, at)?)),
            Value::String(name) => return self.named(name, at, room),
            Value::Object(object) => object,
            _ => return Err(criteria(at, "expected a formula", FORM)),
        };
        if object.contains_key("event") {
            return measured(object, at);
        }
        if object.contains_key("preference") {
            return preference(object, at);
        }
        match (object.len(), object.iter().next()) {
            (1, Some((key, value))) if key == "feature" => match value {
                Value::String(name) => self.named(name, &join(at, key), room),
                _ => Err(criteria(&join(at, key), "expected the name of a feature", FORM)),
            },
            (1, Some((key, value))) if key == "attribute" => {
                let path = parse_path(value, &join(at, key))?;
                path.in_profile().map(Formula::Attribute).ok_or_else(|| {
                    criteria(&join(at, key), "expected an attribute of the profile", "Write \"traits.age\".")
                })
            }
            (1, Some((key, value))) if key == "divide" => {
                let here = join(at, key);
                let parts: [Formula; 2] = list(value, key, 2)?
                    .try_into()
                    .map_err(|_| criteria(&here, "expected two formulas", "Write [number, by]."))?;
                let [number, by] = parts;
                Ok(Formula::Divide(Box::new(number), Box::new(by)))
            }
            (1, Some((key, value))) if key == "multiply" => Ok(Formula::Multiply(list(value, key, 1)?)),
            _ if object.contains_key("terms") => self.score(object, at, room),
            _ => {
                let known = ["event", "preference", "feature", "attribute", "divide", "multiply", "terms"];
                let key = object.keys().find(|key| !known.contains(&key.as_str())).map_or("", |path| path);
                let near =
                    nearest(key, known).map_or_else(String::new, |near| format!("Did you mean \"{near}\"? "));
                Err(criteria(&join(at, key), "expected a formula", format!("{near}{FORM}")))
            }
        }
    }

    fn score(&self, object: &Map<String, Value>, at: &str, room: Room) -> Result<Formula> {
        only(object, &["terms", "clamp", "groups"], at)?;
        let here = join(at, "terms");
        let terms = object.get("terms").and_then(Value::as_array).filter(|terms| !terms.is_empty());
        let terms = terms.ok_or_else(|| {
            criteria(
                &here,
                "expected a list of terms",
                "Write [{\"of\": \"open_rate_30d\", \"weight\": 0.2}, {\"when\": {\"event\": \"complaint\"}, \"points\": -10}].",
            )
        })?;
        let mut groups = BTreeMap::new();
        if let Some(value) = object.get("groups") {
            let here = join(at, "groups");
            let named = value.as_object().ok_or_else(|| {
                criteria(&here, "expected an object", "Write {\"email\": [0, 20]}: the least and the most.")
            })?;
            for (name, value) in named {
                groups.insert(name.clone(), bounds(value, &join(&here, name))?);
            }
        }
        let terms = terms.iter().enumerate();
        let terms: Vec<Term> = terms
            .map(|(index, term)| self.term(term, &format!("{here}[{index}]"), room))
            .collect::<Result<_>>()?;
        let unknown = |term: &&Term| term.group.as_ref().is_some_and(|group| !groups.contains_key(group));
        if let Some(group) = terms.iter().find(unknown).and_then(|term| term.group.as_deref()) {
            return Err(criteria(
                &here,
                format!("the group \"{group}\" is not among \"groups\""),
                "Write {\"groups\": {\"email\": [0, 20]}}: the least and the most that its terms add.",
            ));
        }
        let clamp = object.get("clamp").map(|value| bounds(value, &join(at, "clamp"))).transpose()?;
        let clamp = clamp.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        Ok(Formula::Score(Box::new(Score { terms, groups, clamp })))
    }

    fn term(&self, value: &Value, at: &str, room: Room) -> Result<Term> {
        let object = value.as_object().ok_or_else(|| {
            criteria(at, "expected an object", "Write {\"of\": \"open_rate_30d\", \"weight\": 0.2}.")
        })?;
        let optional = |key: &str, default: f64| {
            object.get(key).map_or(Ok(default), |value| number(value, &join(at, key)))
        };
        let group = match object.get("group") {
            None => None,
            Some(Value::String(group)) => Some(group.clone()),
            Some(_) => {
                return Err(criteria(&join(at, "group"), "expected the name of a group", "Write a text."));
            }
        };
        if let Some(when) = object.get("when") {
            only(object, &["when", "points", "group"], at)?;
            let condition = self.expand(condition(when, &join(at, "when"))?)?;
            let weight = optional("points", 1.0)?;
            return Ok(Term { of: Weighed::Condition(condition.root), weight, group });
        }
        only(object, &["of", "weight", "scale", "offset", "floor", "cap", "group"], at)?;
        let of = object.get("of").ok_or_else(|| {
            criteria(
                at,
                "a term needs \"of\" or \"when\"",
                "Write {\"of\": \"open_rate_30d\", \"weight\": 0.2}.",
            )
        })?;
        let formula = self.read(of, &join(at, "of"), room)?;
        let (floor, cap) = (optional("floor", f64::NEG_INFINITY)?, optional("cap", f64::INFINITY)?);
        if floor > cap {
            return Err(criteria(&join(at, "floor"), "the floor is above the cap", "Swap them."));
        }
        let (scale, offset) = (optional("scale", 1.0)?, optional("offset", 0.0)?);
        let of = Weighed::Number { formula, scale, offset, bounds: (floor, cap) };
        Ok(Term { of, weight: optional("weight", 1.0)?, group })
    }
}

/// Criteria of a term, about what somebody did and is known of them.
fn condition(value: &Value, at: &str) -> Result<Located> {
    let mut parser = Parser::new(Scope::Subscriber);
    let root = parser.node(value, at)?;
    if refers(&root) {
        return Err(criteria(
            at,
            "a score does not look at segments",
            "Write what makes somebody a member in its place.",
        ));
    }
    Ok(Located { root, paths: parser.leaves })
}

fn refers(node: &Node) -> bool {
    match node {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) | Node::AtLeast(_, nodes) => {
            nodes.iter().any(refers)
        }
        Node::Not(node) => refers(node),
        Node::Segment(_) | Node::Tier(_) => true,
        _ => false,
    }
}

/// `{"event": "purchase", "sum": "value", "within": "30 days"}`: an event leaf whose measure has the path in the place of the
/// test, or `true`.
fn measured(object: &Map<String, Value>, at: &str) -> Result<Formula> {
    const PATHS: [&str; 6] = ["sum", "average", "minimum", "maximum", "distinct", "latest"];
    const FLAGS: [&str; 9] = [
        "count",
        "streak",
        "trend",
        "days_since_last",
        "latest_hour",
        "latest_weekday",
        "peak_hour",
        "peak_weekday",
        "average_gap",
    ];
    let mut leaf = object.clone();
    let fading = ["half_life", "cap"].map(|key| leaf.remove(key));
    for key in PATHS {
        if let Some(path) = leaf.get(key).cloned() {
            parse_path(&path, &join(at, key))?;
            leaf.insert(key.to_owned(), json!({"min": 0}));
            leaf.insert("of".to_owned(), path);
        }
    }
    for key in FLAGS {
        match leaf.get(key) {
            None => {}
            Some(Value::Bool(true)) => drop(leaf.insert(key.to_owned(), json!({"min": 0}))),
            Some(_) => {
                return Err(criteria(
                    &join(at, key),
                    "expected true",
                    "A formula measures and tests nothing.",
                ));
            }
        }
    }
    let mut parser = Parser::new(Scope::Subscriber);
    let Node::Event(mut leaf) = parser.event(&leaf, at)? else {
        return Err(criteria(
            at,
            "a pattern is no number",
            "Use it as the condition of a term: {\"when\": {...}, \"points\": 1}.",
        ));
    };
    leaf.test = at_least_one();
    let [half_life, cap] = fading;
    let Some(half_life) = half_life else {
        return match cap {
            None => Ok(Formula::Events(leaf)),
            Some(_) => Err(criteria(&join(at, "cap"), "\"cap\" needs \"half_life\"", "Leave it out.")),
        };
    };
    if leaf.span != Default::default() || !matches!(leaf.measure, Measure::Count | Measure::Sum(_)) {
        return Err(criteria(
            at,
            "what fades is counted or summed, without a window",
            "Write {\"event\": \"open\", \"half_life\": \"30 days\"}.",
        ));
    }
    let half_life = duration(&half_life, &join(at, "half_life"))?;
    if half_life.seconds() < 3_600 || half_life.seconds() > 2 * 365 * 86_400 {
        return Err(criteria(
            &join(at, "half_life"),
            "a half-life is at least an hour and at most 730 days",
            "Write \"30 days\".",
        ));
    }
    let cap = cap.map(|cap| cap_of(&cap, &join(at, "cap"))).transpose()?;
    Ok(Formula::Decay(Box::new(Decay { leaf: *leaf, half_life, cap })))
}

/// `{"preference": "shoes", "of": "category"}`
fn preference(object: &Map<String, Value>, at: &str) -> Result<Formula> {
    only(object, &["preference", "of"], at)?;
    let text = object.get("preference").and_then(Value::as_str).ok_or_else(|| {
        criteria(&join(at, "preference"), "expected a text", "Write {\"preference\": \"shoes\"}: a category.")
    })?;
    let of = object.get("of").map(|of| parse_path(of, &join(at, "of"))).transpose()?;
    let of = of.unwrap_or_else(|| Path(vec!["category".to_owned()]));
    Ok(Formula::Preference { of, text: text.to_owned() })
}

/// `{"most": 3, "per": "1 day"}`
fn cap_of(value: &Value, at: &str) -> Result<(f64, Duration)> {
    const FORM: &str = "Write {\"most\": 3, \"per\": \"1 day\"}, per hour or per day.";
    let object = value.as_object().ok_or_else(|| criteria(at, "expected an object", FORM))?;
    only(object, &["most", "per"], at)?;
    let missing = |key: &str| criteria(&join(at, key), format!("\"{key}\" is needed"), FORM);
    let most = number(object.get("most").ok_or_else(|| missing("most"))?, &join(at, "most"))?;
    let per = duration(object.get("per").ok_or_else(|| missing("per"))?, &join(at, "per"))?;
    if most < 0.0 || ![3_600, 86_400].contains(&per.seconds()) {
        return Err(criteria(at, "a cap is not negative, and per hour or per day", FORM));
    }
    Ok((most, per))
}

fn bounds(value: &Value, at: &str) -> Result<(f64, f64)> {
    const FORM: &str = "Write [least, most].";
    let Some([least, most]) = value.as_array().map(Vec::as_slice) else {
        return Err(criteria(at, "expected two numbers", FORM));
    };
    let (least, most) = (number(least, at)?, number(most, at)?);
    if least <= most { Ok((least, most)) } else { Err(criteria(at, "the least is above the most", FORM)) }
}

fn number(value: &Value, at: &str) -> Result<f64> {
    let number = match value {
        Value::Number(number) => Decimal::parse(number.as_str()).map(|number| number.to_f64()),
        _ => None,
    };
    let number = number.filter(|number| number.is_finite());
    number.ok_or_else(|| criteria(at, "expected a number", "Write one such as 0.3."))
}

fn only(object: &Map<String, Value>, known: &[&str], at: &str) -> Result<()> {
    let Some(key) = object.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    let near = nearest(key, known.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("Did you mean \"{near}\"? "));
    Err(criteria(
        &join(at, key),
        format!("unknown key \"{key}\""),
        format!("{near}Known keys are {}.", known.join(", ")),
    ))
}
