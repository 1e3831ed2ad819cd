//! Compares the profiles that are stored with their tables.

use super::owner::Acting;
use super::profile::{documents, subscribers};
use super::registry::Registry;
use super::spi::{Session, connect};
use super::verify::Finding;
use crate::criteria::Jsonb;
use crate::profile::Profile;
use std::collections::HashSet;

/// State rows fetched at once.
const FETCH: usize = 5_000;

/// Reports tables of profiles that cannot be read or whose changes are not captured. Returns whether all can be read.
pub fn check_profile_sources(session: &Session, registry: &Registry, findings: &mut Vec<Finding>) -> bool {
    let mut readable = true;
    for source in &registry.profiles {
        let mut found = |stored: String, expected: &str| {
            let expected = expected.to_owned();
            findings.push(Finding { subscriber: None, finding: "source", segment: None, stored, expected });
        };
        match registry.locked_profiles(source).as_ref() {
            Err(refusal) => {
                readable = false;
                found(
                    refusal.message().to_owned(),
                    "a table of profiles that can be read as it was attached",
                );
            }
            Ok(reader) => {
                if let Err(refusal) = reader.check_unique() {
                    found(refusal.message().to_owned(), "a row per subscriber");
                }
                let rows = session.select(
                    "SELECT count(*) FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                     WHERE t.tgrelid = $1 AND p.proname = 'capture' AND p.pronamespace = 'segment'::regnamespace
                       AND t.tgenabled IN ('A', 'O')",
                    &[source.relation.into()],
                );
                let enabled: i64 = rows.value(0, 1);
                if enabled != 4 {
                    found(
                        format!("{} has {enabled} of 4 capture triggers enabled", reader.relation.quoted()),
                        "all of them: segment.rebuild() makes up for what was missed, detaching and attaching puts them back",
                    );
                }
            }
        }
    }
    readable
}

/// Reports whose profile is not what its table says. Of those whom the queue knows of, nothing can be said yet.
pub fn check_profiles(registry: &Registry, queued: impl Fn(&str) -> bool, findings: &mut Vec<Finding>) {
    let mut strangers: HashSet<String> = HashSet::new();
    subscribers(registry, |subscriber| strangers.extend([subscriber]));
    let mut found = |subscriber: String, stored: String, expected: String| {
        let subscriber = Some(subscriber);
        findings.push(Finding { subscriber, finding: "profile", segment: None, stored, expected });
    };
    let text = |profile: Option<Jsonb>| {
        profile.map_or_else(|| "no profile".to_owned(), |profile| profile.to_json().to_string())
    };
    connect(|session| {
        let mut cursor = {
            let _acting = Acting::as_owner_at_large();
            session.cursor("SELECT subscriber, profile, held FROM segment.state ORDER BY subscriber", true)
        };
        loop {
            pgrx::check_for_interrupts!();
            let rows = {
                let _acting = Acting::as_owner_at_large();
                cursor.fetch(FETCH)
            };
            if rows.count() == 0 {
                break;
            }
            let ids: Vec<String> = rows.first_column();
            let mut expected = documents(registry, &ids);
            for (row, subscriber) in ids.into_iter().enumerate() {
                strangers.remove(&subscriber);
                let stored = Profile::stored(&rows.bytes(row, 2), &rows.bytes(row, 3));
                let expected = expected.remove(&subscriber);
                let (stored, expected) =
                    (stored.as_ref().map(Profile::root), expected.as_deref().map(Jsonb::root));
                let same = match (stored, expected) {
                    (Some(stored), Some(expected)) => stored.same(expected),
                    (stored, expected) => stored.is_none() && expected.is_none(),
                };
                if !same && !queued(&subscriber) {
                    found(subscriber, text(stored), text(expected));
                }
            }
        }
        cursor.close();
    });
    for subscriber in strangers.into_iter().filter(|subscriber| !queued(subscriber)) {
        found(subscriber, "no state".to_owned(), "the state of a subscriber with a profile".to_owned());
    }
}
