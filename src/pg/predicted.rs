//! Predictions in the stored profiles, where no definition reads them: nobody is evaluated, and what else is stored stays.

use super::activity::Activity;
use super::engine::see_own_writes;
use super::guc;
use super::prediction::Predictions;
use super::registry;
use super::scan::Scratch;
use super::store::{Effort, StateRow, Store, Update};
use crate::activity::Stored;
use crate::criteria::{Decimal, Document, Jsonb};
use crate::profile::Profile;
use pgrx::prelude::*;
use pgrx::{IntoDatum, direct_function_call_as_datum};
use serde_json::Value;
use std::ffi::CString;

/// Subscribers between two looks for a cancellation.
const PER_CHECK: usize = 100;

/// Writes predictions, in ascending order of subscriber, into profiles and returns those whose profiles must be read again. The
/// definitions must be held.
pub fn write(predictions: &Predictions) -> Vec<String> {
    let registry = registry::current();
    let paths = registry.program.profile_paths();
    let here = ["predictions", predictions.model.as_str()];
    if paths.iter().any(|path| path.0.iter().zip(here).all(|(key, here)| key == here)) {
        return predictions.subscribers.clone();
    }
    see_own_writes();
    let now = guc::now();
    let (mut store, mut memory) = (Store::open(registry::home()), Scratch::default());
    let mut left = Vec::new();
    for (place, subscriber) in predictions.subscribers.iter().enumerate() {
        if place % PER_CHECK == 0 {
            pgrx::check_for_interrupts!();
        }
        let _inside = memory.enter();
        loop {
            let found = store.find(subscriber);
            // That there is a profile at all is something that conditions on it can tell.
            let able = |row: &StateRow| row.is_settled() && (row.profile.is_some() || paths.is_empty());
            let Some(found) = found.filter(|found| able(&found.row)) else {
                left.push(subscriber.clone());
                break;
            };
            let before = found.row.profile.as_ref();
            let Some(document) = document(before, predictions, place) else { break };
            let profile = Profile::new(before, &document, found.row.evaluation_time(now));
            let update = with_profile(&found.row, profile);
            if store.write(subscriber, Some(&found), &update, Effort::Bulk) {
                break;
            }
        }
    }
    left
}

/// The row as it is, with another profile.
fn with_profile(row: &StateRow, profile: Profile) -> Update {
    Update {
        evaluated_at: row.evaluated_at,
        version: row.version,
        activity: Stored {
            base: None,
            recent: match &row.activity {
                Activity::Whole(_) => None,
                Activity::Parts { recent, .. } => Some(recent.clone()),
            },
        },
        standing: row.standing.clone(),
        manual: row.manual.clone(),
        profile: Some(profile),
        due: row.due_at,
        transitions: Vec::new(),
        earlier: 0,
    }
}

/// The document of a profile with one of the predictions, jsonb without the header; `None` where it has that already.
fn document(profile: Option<&Profile>, predictions: &Predictions, place: usize) -> Option<Vec<u8>> {
    let confidence = predictions.confidences.as_ref().map(|confidences| number(confidences[place]));
    let said = [("value", Some(number(predictions.values[place]))), ("confidence", confidence)];
    let known = profile.and_then(|profile| profile.root().get("predictions"));
    let same = |known: Jsonb| {
        said.iter().all(|(key, number)| known.get(key).is_some_and(|known| known.number() == *number))
    };
    if known.and_then(|known| known.get(&predictions.model)).is_some_and(same) {
        return None;
    }
    let parts = said.map(|(key, number)| {
        format!("\"{key}\": {}", number.map_or_else(|| "null".to_owned(), |number| number.to_string()))
    });
    let own = format!("{}: {{{}}}", Value::from(predictions.model.as_str()), parts.join(", "));
    let others = known.into_iter().flat_map(Jsonb::entries).filter(|(key, _)| *key != predictions.model);
    let others = others.map(|(key, other)| format!("{}: {}", Value::from(key), other.to_json()));
    let all: Vec<String> = others.chain([own]).collect();
    let text = CString::new(format!("{{\"predictions\": {{{}}}}}", all.join(", "))).unwrap_or_default();
    // SAFETY: the functions read a text, and two values of jsonb, and return one in the current memory.
    let whole = unsafe {
        let own = direct_function_call_as_datum(pg_sys::jsonb_in, &[text.as_c_str().into_datum()]);
        let whole = match profile {
            Some(profile) => {
                let profile = profile.document().into_datum();
                direct_function_call_as_datum(pg_sys::jsonb_concat, &[profile, own])
            }
            None => own,
        };
        whole.and_then(|whole| <&[u8]>::from_datum(whole, false))
    };
    whole.map(<[u8]>::to_vec)
}

/// With as many digits as `numeric` takes over from a `float8`.
fn number(number: f64) -> Decimal {
    Decimal::parse(&format!("{number:.14e}")).unwrap_or_default()
}
