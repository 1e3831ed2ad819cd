//! Sequences: conditions on the order of what a subscriber did.

use super::ast::{Node, SequenceLeaf, Step};
use super::parse::{Parser, criteria, join};
use super::parse_event::duration;
use crate::error::{Result, nearest};
use serde_json::{Map, Value};

const KEYS: [&str; 3] = ["sequence", "step_within", "within"];
const STEP_KEYS: [&str; 3] = ["event", "where", "absent"];

const FORM: &str = "Write {\"sequence\": [{\"event\": \"cart_add\"}, {\"event\": \"purchase\", \"absent\": true}], \
                    \"step_within\": \"4 hours\", \"within\": \"7 days\"}.";

impl Parser {
    pub(super) fn sequence(&mut self, object: &Map<String, Value>, at: &str) -> Result<Node> {
        let here = join(at, "sequence");
        self.leaves.push(at.into());
        if !self.scope.has_subscriber() {
            return Err(criteria(
                &here,
                "a document has no events",
                "Sequences belong in the criteria of a segment.",
            ));
        }
        check_keys(object, &KEYS, at)?;
        let Some(Value::Array(values)) = object.get("sequence") else {
            return Err(criteria(&here, "expected a list of steps", FORM));
        };
        if values.len() < 2 {
            return Err(criteria(
                &here,
                "a sequence has at least two steps",
                "For one step, write an event leaf.",
            ));
        }
        let mut steps = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            steps.push(self.step(value, &format!("{here}[{index}]"))?);
        }
        if steps.first().is_some_and(|step| step.absent) {
            return Err(criteria(
                &format!("{here}[0].absent"),
                "a sequence begins with something that happens",
                "Begin with another step; what is absent is absent between two steps, or after the last.",
            ));
        }
        let Some(within) = object.get("within") else {
            return Err(criteria(
                &join(at, "within"),
                "a sequence needs the time that it lies in",
                "Write \"within\": \"30 days\": the exact times of its events are kept for so long.",
            ));
        };
        let within = duration(within, &join(at, "within"))?;
        let step_within =
            object.get("step_within").map(|value| duration(value, &join(at, "step_within"))).transpose()?;
        let waits = steps.last().is_some_and(|step| step.absent);
        if waits && step_within.is_some_and(|step_within| step_within >= within) {
            return Err(criteria(
                &join(at, "step_within"),
                "the time to wait for what shall not follow is not shorter than the time that all steps lie in",
                "Take a longer \"within\", or a shorter \"step_within\".",
            ));
        }
        Ok(Node::Sequence(SequenceLeaf { steps, step_within, within }))
    }

    fn step(&mut self, value: &Value, at: &str) -> Result<Step> {
        self.count_node()?;
        let object = self.object(value, at, "Write a step such as {\"event\": \"purchase\"}.")?;
        check_keys(object, &STEP_KEYS, at)?;
        let (event, filter) = self.selection(object, at)?;
        let absent = match object.get("absent") {
            None => false,
            Some(Value::Bool(absent)) => *absent,
            Some(_) => {
                return Err(criteria(&join(at, "absent"), "expected true or false", "Write true or false."));
            }
        };
        Ok(Step { event, filter, absent })
    }
}

fn check_keys(object: &Map<String, Value>, known: &'static [&'static str], at: &str) -> Result<()> {
    let Some(key) = object.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    let near = nearest(key, known.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("Did you mean \"{near}\"? "));
    Err(criteria(
        &join(at, key),
        format!("unknown key \"{key}\" in a sequence"),
        format!("{near}Known keys are {}.", known.join(", ")),
    ))
}
