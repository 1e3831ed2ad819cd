//! Damaged criteria: each gives a definition, or an error that names its place and what to write instead.
//!
//! MUTATIONS and MUTATION_SEED make it longer or different; `make soak` runs ten million.

use crate::criteria::random::Random;
use crate::criteria::{Clock, Scope, Zone, describe, locate, matches_at, normalise, parse, read};
use crate::error::{Code, Error};
use crate::membership::{Definition, Program};
use crate::score::features;
use serde_json::{Map, Value, json};
use std::rc::Rc;

const WORDS: [&str; 51] = [
    "all",
    "any",
    "none",
    "not",
    "at_least",
    "of",
    "attribute",
    "event",
    "sequence",
    "segment",
    "bucket",
    "where",
    "count",
    "sum",
    "within",
    "equals",
    "in",
    "min",
    "max",
    "between",
    "contains",
    "matches",
    "exists",
    "has",
    "size",
    "any_element",
    "before",
    "on",
    "type",
    "version_min",
    "ignore_case",
    "equls",
    "mni",
    "",
    "average",
    "distinct",
    "first",
    "streak",
    "trend",
    "stopped",
    "restarted",
    "regularly",
    "older_than",
    "from",
    "until",
    "step_within",
    "absent",
    "every",
    "traits",
    "tags",
    "held_for",
];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn mutations_give_a_definition_or_a_helpful_error() {
    let seed = setting("MUTATION_SEED", 20_240_229);
    let mut random = Random::new(seed);
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    for number in 0..setting("MUTATIONS", 10_000) {
        let mut criteria = random.segment_criteria();
        for _ in 0..=random.below(3) {
            let places = size(&criteria);
            let place = random.below(places);
            mutate(&mut criteria, place, &mut random);
        }
        let mut text = criteria.to_string();
        if number % 4 == 0 {
            damage(&mut text, &mut random);
        }
        match check(&text) {
            Ok(()) => accepted += 1,
            Err(problem) => match problem {
                Some(problem) => panic!("mutation {number} of seed {seed}, {text}: {problem}"),
                None => refused += 1,
            },
        }
    }
    // Both ways were walked.
    assert!(accepted * 20 > refused && refused * 20 > accepted, "{accepted} accepted, {refused} refused");
}

/// Whether a document is accepted for anything; what is wrong with how it was refused or accepted, if anything is.
fn check(text: &str) -> Result<(), Option<String>> {
    for scope in [Scope::Document, Scope::DocumentAt, Scope::Event, Scope::Subscriber] {
        match parse(text, scope) {
            Err(error) => verdict(&error)?,
            Ok(_) if scope == Scope::Subscriber => {
                let located = read(text).and_then(|document| locate(&document, scope));
                let located = located.map_err(|error| Some(error.to_string()))?;
                let criteria = match features().expand(located) {
                    Ok(criteria) => Rc::new(criteria),
                    Err(error) => {
                        verdict(&error)?;
                        continue;
                    }
                };
                let known = Definition::new(1, "champions", Rc::clone(&criteria), Zone::UTC);
                if let Err(error) = Program::check(&criteria, &[known]) {
                    verdict(&error)?;
                }
            }
            Ok(node) => {
                let clock = Clock::new(1_000_000, "Europe/Paris").map_err(|error| Some(error.to_string()))?;
                matches_at(&node, &json!({"a": [1, "a"], "b": "2024-03-01"}), &clock);
            }
        }
    }
    if let Err(error) = parse(text, Scope::Any) {
        verdict(&error)?;
        return Err(None);
    }
    describe(text).map_err(|error| Some(format!("described: {error:?}")))?;
    match normalise(text) {
        Ok(form) if normalise(&form.to_string()).as_ref() == Ok(&form) => Ok(()),
        Ok(form) => Err(Some(format!("normalised as {form}, which is not canonical"))),
        // The canonical form may need more room than there is.
        Err(Error::TooLarge { .. }) => Ok(()),
        Err(error) => Err(Some(format!("normalised: {error:?}"))),
    }
}

/// What is wrong with an error: its class, or that it does not say where and what to write.
fn verdict(error: &Error) -> Result<(), Option<String>> {
    let limited = error.code() == Code::ProgramLimitExceeded;
    let classed = limited || [Code::InvalidParameterValue, Code::UndefinedObject].contains(&error.code());
    let helpful = error.hint().is_some_and(|hint| !hint.is_empty()) && (limited || error.detail().is_some());
    if classed && helpful { Ok(()) } else { Err(Some(format!("{error:?}"))) }
}

/// The number of values in a document.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(entries) => entries.values().map(size).sum(),
        _ => 0,
    }
}

/// Damages the value at a place, counted in depth-first order.
fn mutate(value: &mut Value, place: usize, random: &mut Random) {
    if place == 0 {
        return strike(value, random);
    }
    let mut before = 1;
    let inner: Vec<&mut Value> = match value {
        Value::Array(values) => values.iter_mut().collect(),
        Value::Object(entries) => entries.values_mut().collect(),
        _ => Vec::new(),
    };
    for inner in inner {
        let length = size(inner);
        if place < before + length {
            return mutate(inner, place - before, random);
        }
        before += length;
    }
}

fn strike(value: &mut Value, random: &mut Random) {
    match (random.below(7), &mut *value) {
        (0, Value::Object(entries)) => rename(entries, random),
        (0 | 1, Value::Array(values)) if !values.is_empty() => {
            let at = random.below(values.len());
            if random.below(2) == 0 { drop(values.remove(at)) } else { values.push(values[at].clone()) }
        }
        (1, Value::Object(entries)) => {
            let keys: Vec<String> = entries.keys().cloned().collect();
            if !keys.is_empty() {
                entries.remove(&keys[random.below(keys.len())]);
            }
        }
        (2, Value::Object(entries)) => {
            entries.insert((random.pick(&WORDS)).to_owned(), scalar(random));
        }
        (3, value) => *value = json!([value.take()]),
        (4, value) => *value = json!({random.pick(&WORDS): value.take()}),
        (5, value) => *value = random.document(),
        (_, value) => *value = scalar(random),
    }
}

/// Another word in place of a key, or a slip in it.
fn rename(entries: &mut Map<String, Value>, random: &mut Random) {
    let keys: Vec<String> = entries.keys().cloned().collect();
    if keys.is_empty() {
        return;
    }
    let key = keys[random.below(keys.len())].clone();
    let mut new = key.clone();
    match random.below(3) {
        0 => new = (random.pick(&WORDS)).to_owned(),
        1 => drop(new.pop()),
        _ => new.insert(0, 'x'),
    }
    let value = entries.remove(&key).unwrap_or_default();
    entries.insert(new, value);
}

fn scalar(random: &mut Random) -> Value {
    let texts = [
        "null",
        "true",
        "0",
        "-1",
        "1e400",
        "99999999999999999999",
        "0.5",
        "\"\"",
        "\"purchase\"",
        "\"7 days\"",
        "\"3 months\"",
        "\"(\"",
        "\"(a{1000}){1000}\"",
        "\"now-1M/M\"",
        "\"now+\"",
        "\"1.2.x\"",
        "[]",
        "{}",
        "[2, 1]",
        "\"é\\u0007\"",
        "\"-1 day\"",
        "[[[[]]]]",
    ];
    serde_json::from_str(random.pick(&texts)).unwrap_or_default()
}

/// Cuts, or writes over, a few bytes of the text.
fn damage(text: &mut String, random: &mut Random) {
    let from = random.below(text.len());
    let to = (from + random.below(4)).min(text.len());
    if text.is_char_boundary(from) && text.is_char_boundary(to) {
        text.replace_range(from..to, random.pick(&["", "\"", "{", "]", ",", "9", "\\", ":"]));
    }
}

/// An unknown name of anything says what is near.
#[test]
fn errors_name_what_is_near() {
    for (criteria, near) in [
        (json!({"al": []}), "all"),
        (json!({"age": {"equls": 1}}), "equals"),
        (json!({"event": "purchase", "wihtin": "7 days"}), "within"),
        (json!({"event": "purchase", "count": {"mni": 2}}), "min"),
        (json!({"engagement_scor": {"min": 1}}), "engagement_score"),
        (json!({"segment": "champion"}), "champions"),
    ] {
        let known = |criteria| Definition::new(1, "champions", criteria, Zone::UTC);
        let everyone = locate(&json!({}), Scope::Subscriber).unwrap();
        let checked = locate(&criteria, Scope::Subscriber)
            .and_then(|criteria| features().expand(criteria))
            .and_then(|criteria| Program::check(&criteria, &[known(everyone)]));
        let hint = checked.unwrap_err().hint().unwrap();
        assert!(hint.starts_with(&format!("Did you mean \"{near}\"?")), "{criteria}: {hint}");
    }
}
