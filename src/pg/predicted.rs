//! Predictions in the stored profiles, where no definition reads them: nobody is evaluated, and what else is stored stays.

use super::activity::Activity;
use super::engine::see_own_writes;
use super::guc;
use super::home::home;
use super::prediction::Predictions;
use super::registry;
use super::scan::Scratch;
use super::store::{Effort, StateRow, Store, Update};
use crate::activity::Stored;
use crate::criteria::encode::{Item, object};
use crate::criteria::{Decimal, Document, Jsonb, Path};
use crate::profile::Profile;

/// Subscribers between two looks for a cancellation.
const PER_CHECK: usize = 100;

/// Writes predictions, in ascending order of subscriber, into profiles and returns those whose profiles must be read again. The
/// definitions must be held.
pub fn write(predictions: &Predictions) -> Vec<String> {
    let registry = registry::current();
    // Whoever a change under way has not reached stands by what was before it.
    let paths: Vec<&Path> = registry.all_rules().flat_map(|rules| rules.program.profile_paths()).collect();
    let here = ["predictions", predictions.model.as_str()];
    if paths.iter().any(|path| path.0.iter().zip(here).all(|(key, here)| key == here)) {
        return predictions.subscribers.clone();
    }
    see_own_writes();
    let now = guc::now();
    let (mut store, mut memory) = (Store::open(home()), Scratch::default());
    let mut left = Vec::new();
    for (place, subscriber) in predictions.subscribers.iter().enumerate() {
        if place % PER_CHECK == 0 {
            pgrx::check_for_interrupts!();
        }
        let _inside = memory.enter();
        let confidence = predictions.confidences.as_ref().map(|confidences| number(confidences[place]));
        let said = [("value", Some(number(predictions.values[place]))), ("confidence", confidence)];
        loop {
            let found = store.find(subscriber);
            // That there is a profile at all is something that conditions on it can tell.
            let able = |row: &StateRow| row.is_settled() && (row.profile.is_some() || paths.is_empty());
            let Some(found) = found.filter(|found| able(&found.row)) else {
                left.push(subscriber.clone());
                break;
            };
            let before = found.row.profile.as_ref();
            if before.is_some_and(|before| has(before, &predictions.model, &said)) {
                break;
            }
            let Some(document) = document(before, &predictions.model, &said) else {
                left.push(subscriber.clone());
                break;
            };
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

/// Whether a profile has a prediction already.
fn has(profile: &Profile, model: &str, said: &[(&str, Option<Decimal>)]) -> bool {
    let known = profile.root().get("predictions").and_then(|known| known.get(model));
    known.is_some_and(|known| {
        said.iter().all(|(key, number)| known.get(key).is_some_and(|known| known.number() == *number))
    })
}

/// The document of a profile with another prediction of a model, jsonb without the header; `None` where it would be too large.
fn document(profile: Option<&Profile>, model: &str, said: &[(&str, Option<Decimal>)]) -> Option<Vec<u8>> {
    let stored = |(key, value)| (key, Item::Stored(value));
    let known = profile.and_then(|profile| profile.root().get("predictions"));
    let others =
        known.into_iter().flat_map(Jsonb::stored_entries).filter(|(key, _)| *key != model.as_bytes());
    let mut predictions: Vec<_> = others.map(stored).collect();
    let own =
        said.iter().map(|(key, number)| (key.as_bytes(), number.as_ref().map_or(Item::Null, Item::Number)));
    predictions.push((model.as_bytes(), Item::Object(own.collect())));
    let others = profile.into_iter().flat_map(|profile| profile.root().stored_entries());
    let mut all: Vec<_> = others.filter(|(key, _)| *key != b"predictions").map(stored).collect();
    all.push((b"predictions", Item::Object(predictions)));
    object(all)
}

/// With as many digits as `numeric` takes over from a `float8`.
fn number(number: f64) -> Decimal {
    Decimal::parse(&format!("{number:.14e}")).unwrap_or_default()
}
