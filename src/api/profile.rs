//! Attaching tables of profiles, and keeping profiles by call.

use super::source::lock;
use crate::pg::home;
use crate::pg::locks;
use crate::pg::owner::Acting;
use crate::pg::profile::{ProfileMapping, ProfileReader};
use crate::pg::relation::Relation;
use crate::pg::report::{Refusal, invalid, required};
use crate::pg::run;
use crate::pg::source::LONGEST_SUBSCRIBER;
use crate::pg::spi::{connect, connect_at_latest};
use crate::pg::types::{JsonbArgument, Name, Regclass};
use crate::pg::{change, flush, registry, tree, upkeep};
use pgrx::prelude::*;

/// Starts following a table with a row per subscriber, whose columns are then attributes in criteria, and returns how many
/// profiles there are. Without `traits`, all columns are traits that are not named otherwise and whose type allows it.
/// Blocks the writers of all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe)]
fn attach_profiles(
    relation: Option<Regclass>,
    subscriber: Option<Name>,
    email: default!(Option<Name>, "NULL"),
    traits: default!(Option<Vec<Option<String>>>, "NULL"),
    properties: default!(Option<Name>, "NULL"),
    preferences: default!(Option<Name>, "NULL"),
    tags: default!(Option<Name>, "NULL"),
) -> i64 {
    let relation = Relation::require(required(relation, "relation").0);
    let name = |name: Option<Name>| name.map(|name| name.0);
    let mut mapping = ProfileMapping {
        subscriber: required(subscriber, "subscriber").0,
        email: name(email),
        traits: Vec::new(),
        properties: name(properties),
        preferences: name(preferences),
        tags: name(tags),
    };
    mapping.traits = match traits {
        Some(traits) => traits.into_iter().flatten().collect(),
        None => mapping.other_columns(&relation),
    };
    attach(relation, &mapping)
}

/// Attaches a table that the current user owns.
fn attach(relation: Relation, mapping: &ProfileMapping) -> i64 {
    registry::require_read_committed("attach_profiles");
    let oid = relation.oid;
    let reader = check(relation, mapping);
    flush::flush();
    locks::hold_off_changes();
    {
        let _acting = Acting::as_owner();
        // Waits for the writers of the table; later ones find the triggers.
        lock(&reader.relation, "SHARE ROW EXCLUSIVE");
    }
    change::begin("attach_profiles");
    // What was checked before the lock may have changed meanwhile.
    let reader = check(Relation::require(oid), mapping);
    let registry = registry::current();
    if registry.source_of(oid).is_some() || registry.profiles_of(oid).is_some() {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            format!("{} is already attached", reader.relation.quoted()),
        )
        .hint("A table holds either events or profiles, and is attached once: detach it first.")
        .raise();
    }
    let _acting = Acting::as_owner();
    connect(|session| {
        session.modify(
            "INSERT INTO segment.profile_source (relation, subscriber, email, traits, properties, preferences, tags)
             VALUES ($1::oid::regclass, $2::text, $3::text, $4::text[], $5::text, $6::text, $7::text)",
            &[
                oid.into(),
                mapping.subscriber.clone().into(),
                mapping.email.clone().into(),
                mapping.traits.clone().into(),
                mapping.properties.clone().into(),
                mapping.preferences.clone().into(),
                mapping.tags.clone().into(),
            ],
        );
        tree::create_triggers(session, &reader.relation, false);
    });
    read_profiles("attach_profiles")
}

/// Stops following a table of profiles and forgets what is known from it. Returns how many profiles were read again or
/// forgotten. Blocks the writers of all sources until the transaction ends.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn detach_profiles(relation: Regclass) -> i64 {
    registry::require_read_committed("detach_profiles");
    locks::hold_off_changes();
    let found = Relation::look_up(relation.0);
    if let Some(found) = &found {
        found.check_owner();
        let _acting = Acting::as_owner();
        // Before the definitions, in the order in which writers take them.
        lock(found, "ACCESS EXCLUSIVE");
    }
    let registry = change::begin("detach_profiles");
    let _acting = Acting::as_owner();
    let Some(source) = registry.profiles_of(relation.0) else {
        let name = found.map_or_else(|| relation.0.to_u32().to_string(), |found| found.quoted());
        Refusal::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("{name} is not attached as a table of profiles"),
        )
        .hint("The attached tables of profiles are listed in segment.profile_source.")
        .raise()
    };
    connect(|session| {
        tree::drop_triggers(session, relation.0);
        session
            .modify("DELETE FROM segment.profile_source WHERE profile_source_id = $1", &[source.id.into()]);
    });
    read_profiles("detach_profiles")
}

fn read_profiles(kind: &str) -> i64 {
    let run = run::begin(kind);
    let pass = upkeep::read_all_profiles();
    run::end(run, pass);
    pass.subscribers
}

fn check(relation: Relation, mapping: &ProfileMapping) -> ProfileReader {
    let checked = relation.check_attachable().and_then(|()| tree::refuse_parts(&relation));
    let checked = checked.and_then(|()| ProfileReader::new(relation, mapping));
    let checked = checked.and_then(|reader| reader.check_unique().map(|()| reader));
    checked.unwrap_or_else(|refusal| refusal.raise())
}

/// Creates the ready-made table `segment.profile_input` and attaches it; false where that was done before. An ordinary
/// table, not a member of the extension, so that a dump restores it as it restores any other.
#[pg_extern(volatile, parallel_unsafe)]
fn create_profile_table() -> bool {
    let _acting = Acting::as_owner();
    let attached = |table: Option<pg_sys::Oid>| {
        table.is_some_and(|table| registry::current().profiles_of(table).is_some())
    };
    if attached(home::table(c"profile_input")) {
        return false;
    }
    registry::require_read_committed("the first use of segment.profile_input");
    connect(|session| {
        // One creator at a time.
        session.modify("LOCK TABLE segment.profile_source IN SHARE ROW EXCLUSIVE MODE", &[]);
        if home::table(c"profile_input").is_none() {
            session.modify(
                "CREATE TABLE segment.profile_input (
                   subscriber  text PRIMARY KEY,
                   email       text,
                   traits      jsonb NOT NULL DEFAULT '{}',
                   preferences jsonb NOT NULL DEFAULT '{}',
                   tags        text[],
                   created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
                   updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
                 )",
                &[],
            );
        }
    });
    let table = home::table(c"profile_input");
    if attached(table) {
        return false;
    }
    let column = |name: &str| Some(name.to_owned());
    let mapping = ProfileMapping {
        subscriber: "subscriber".to_owned(),
        email: column("email"),
        traits: Vec::new(),
        properties: column("traits"),
        preferences: column("preferences"),
        tags: column("tags"),
    };
    if let Some(table) = table {
        attach(Relation::require(table), &mapping);
    }
    true
}

/// Stores what is known of a subscriber in `segment.profile_input`: keys of `traits` and `preferences` take the place of
/// those that were there, a null removes one, and NULL leaves all as it was. Returns whether the subscriber is new there.
#[pg_extern(volatile, parallel_unsafe)]
fn upsert_profile(
    subscriber: Option<String>,
    email: default!(Option<String>, "NULL"),
    traits: default!(Option<JsonbArgument>, "NULL"),
    preferences: default!(Option<JsonbArgument>, "NULL"),
    tags: default!(Option<Vec<Option<String>>>, "NULL"),
) -> bool {
    let subscriber = required(subscriber, "subscriber");
    if subscriber.len() > LONGEST_SUBSCRIBER {
        invalid(
            format!(
                "the id of a subscriber has at most {LONGEST_SUBSCRIBER} bytes, not {}",
                subscriber.len()
            ),
            "Use a shorter id, such as the primary key of your table.",
        );
    }
    let object = |argument: Option<JsonbArgument>, name: &str| {
        use crate::criteria::{Document, Kind};
        if argument.is_some_and(|argument| argument.root().kind() != Kind::Object) {
            invalid(format!("{name} must be a JSON object"), "Write one such as {\"country\": \"NO\"}.");
        }
        argument.map(|argument| argument.text())
    };
    let (traits, preferences) = (object(traits, "traits"), object(preferences, "preferences"));
    create_profile_table();
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        session
            .modify(
                "INSERT INTO segment.profile_input AS p (subscriber, email, traits, preferences, tags)
                 VALUES ($1, $2, jsonb_strip_nulls(coalesce($3::jsonb, '{}')), jsonb_strip_nulls(coalesce($4::jsonb, '{}')),
                         $5)
                 ON CONFLICT (subscriber) DO UPDATE SET
                   email = coalesce($2, p.email), tags = coalesce($5, p.tags),
                   traits = jsonb_strip_nulls(p.traits || coalesce($3::jsonb, '{}')),
                   preferences = jsonb_strip_nulls(p.preferences || coalesce($4::jsonb, '{}')), updated_at = now()
                 RETURNING xmax = 0",
                &[
                    subscriber.into(),
                    email.into(),
                    traits.into(),
                    preferences.into(),
                    tags.map(|tags| tags.into_iter().flatten().collect::<Vec<String>>()).into(),
                ],
            )
            .value(0, 1)
    })
}
