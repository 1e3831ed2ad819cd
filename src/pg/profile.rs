//! A source of profiles: a table with a row per subscriber, and which of its columns mean what.

use super::column::{Column, IDS, TEXTS, column_names, is_enum};
use super::event::text;
use super::owner::Acting;
use super::prediction;
use super::registry::Registry;
use super::relation::Relation;
use super::report::Refusal;
use super::scan::each_row;
use super::source::LONGEST_SUBSCRIBER;
use super::spi::{Param, Session, connect, connect_at_latest, set_locally};
use pgrx::prelude::*;
use pgrx::spi::{quote_identifier, quote_literal};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

/// Largest profile, in bytes of jsonb; what is larger counts as one without any values.
const LARGEST: usize = 1 << 20;

/// Values are written the same whatever the session of the writer has set.
const OUTPUT: [(&CStr, &CStr); 2] = [(c"TimeZone", c"UTC"), (c"extra_float_digits", c"1")];

/// A source of profiles as it is stored.
#[derive(Clone, Debug)]
pub struct ProfileSource {
    pub id: i32,
    pub relation: pg_sys::Oid,
    pub mapping: ProfileMapping,
}

/// Which columns mean what.
#[derive(Clone, Debug)]
pub struct ProfileMapping {
    pub subscriber: String,
    pub email: Option<String>,
    /// Columns that are traits of the same name.
    pub traits: Vec<String>,
    /// A column of jsonb objects whose keys are traits, too.
    pub properties: Option<String>,
    pub preferences: Option<String>,
    pub tags: Option<String>,
}

/// A mapping resolved against the table as it is now.
#[derive(Clone, Debug)]
pub struct ProfileReader {
    pub relation: Relation,
    pub subscriber: Column,
    mapping: ProfileMapping,
    /// The traits as they are read.
    traits: Vec<String>,
    /// How large the values of a row are, before they are put together.
    size: String,
}

/// A mapping resolved, or why it cannot be.
pub type ResolvedProfiles = Rc<std::result::Result<ProfileReader, Refusal>>;

/// Types that have a JSON form which no value can fail to have.
const PLAIN: &[pg_sys::Oid] = &[
    pg_sys::BOOLOID,
    pg_sys::INT2OID,
    pg_sys::INT4OID,
    pg_sys::INT8OID,
    pg_sys::FLOAT4OID,
    pg_sys::FLOAT8OID,
    pg_sys::NUMERICOID,
    pg_sys::TEXTOID,
    pg_sys::VARCHAROID,
    pg_sys::BPCHAROID,
    pg_sys::NAMEOID,
    pg_sys::UUIDOID,
    pg_sys::DATEOID,
    pg_sys::TIMESTAMPOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::JSONBOID,
];

/// A column of the table `t` under its own name. The JSON form of an enum's values is their text, whatever casts there are.
fn as_read(column: &Column) -> String {
    let name = quote_identifier(&column.name);
    // SAFETY: catalogue look-ups.
    let element = unsafe { pg_sys::get_element_type(column.type_oid) };
    let cast = match column.type_oid {
        oid if is_enum(oid) => "::pg_catalog.text",
        _ if element != pg_sys::Oid::INVALID && !PLAIN.contains(&element) => "::pg_catalog.text[]",
        _ => "",
    };
    format!("t.{name}{cast} AS {name}")
}

/// How many bytes a value has, without reading it.
fn size_of(column: &Column) -> String {
    let name = quote_identifier(&column.name);
    let texts = [pg_sys::TEXTOID, pg_sys::VARCHAROID, pg_sys::BPCHAROID];
    let size = if texts.contains(&column.type_oid) { "octet_length" } else { "pg_column_size" };
    format!("coalesce({size}(t.{name}), 0)")
}

fn is_plain(type_oid: pg_sys::Oid) -> bool {
    let plain = |oid| PLAIN.contains(&oid) || is_enum(oid);
    // SAFETY: catalogue look-ups; what is no array has no type of elements.
    let element = unsafe {
        let element = pg_sys::get_element_type(type_oid);
        if element == pg_sys::Oid::INVALID { element } else { pg_sys::getBaseType(element) }
    };
    plain(type_oid) || plain(element)
}

impl ProfileMapping {
    /// All columns of a table that are not mapped otherwise and can be traits.
    pub fn other_columns(&self, relation: &Relation) -> Vec<String> {
        let named = [Some(&self.subscriber), self.email.as_ref(), self.properties.as_ref()];
        let named = named.into_iter().chain([self.preferences.as_ref(), self.tags.as_ref()]).flatten();
        let named: Vec<&String> = named.collect();
        let is_trait =
            |name: &String| Column::find(relation, name).is_ok_and(|column| is_plain(column.type_oid));
        let columns = column_names(relation.oid).into_iter();
        columns.filter(|name| !named.contains(&name) && is_trait(name)).collect()
    }
}

impl ProfileReader {
    /// Resolves names and types, or says which column is wrong and why.
    pub fn new(relation: Relation, mapping: &ProfileMapping) -> Result<Self, Refusal> {
        relation.check_source()?;
        let check = |name: &str, role: &str, fits: &dyn Fn(pg_sys::Oid) -> bool, wanted: &str| {
            let column = Column::find(&relation, name)?;
            if fits(column.type_oid) { Ok(column) } else { Err(column.refuse(role, wanted)) }
        };
        let subscriber =
            check(&mapping.subscriber, "subscriber", &|oid| IDS.contains(&oid), "text, integer or uuid")?;
        let subscriber = subscriber.in_rows(&relation)?;
        let json = |oid| oid == pg_sys::JSONBOID;
        for (name, role) in [(&mapping.properties, "properties"), (&mapping.preferences, "preferences")] {
            name.as_ref().map(|name| check(name, role, &json, "jsonb")).transpose()?;
        }
        if let Some(email) = &mapping.email {
            check(email, "email", &|oid| TEXTS.contains(&oid), "text")?;
        }
        let wanted = "a number, text, boolean, date, time, uuid, enum or jsonb, or an array of them";
        let mut traits = Vec::with_capacity(mapping.traits.len());
        for name in &mapping.traits {
            traits.push(as_read(&check(name, "trait", &is_plain, wanted)?));
        }
        mapping.tags.as_ref().map(|name| check(name, "trait", &is_plain, wanted)).transpose()?;
        let others = [&mapping.email, &mapping.properties, &mapping.preferences, &mapping.tags];
        let mut sizes = vec!["0::pg_catalog.int8".to_owned()];
        for name in mapping.traits.iter().chain(others.into_iter().flatten()) {
            sizes.push(size_of(&Column::find(&relation, name)?));
        }
        Ok(ProfileReader { relation, subscriber, mapping: mapping.clone(), traits, size: sizes.join(" + ") })
    }

    /// Refuses a table in which a subscriber can have two rows.
    pub fn check_unique(&self) -> Result<(), Refusal> {
        let unique = connect_at_latest(|session| {
            let rows = session.select(
                "SELECT FROM pg_catalog.pg_index WHERE indrelid = $1 AND indisunique AND indisvalid AND indpred IS NULL
                   AND indnkeyatts = 1 AND indkey[0] = $2",
                &[self.relation.oid.into(), self.subscriber.number.into()],
            );
            rows.count() > 0
        });
        if unique {
            return Ok(());
        }
        let (column, table) = (&self.subscriber.name, self.relation.quoted());
        let problem = format!("column \"{column}\" of {table} is not unique");
        Err(Refusal::new(PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, problem).hint(format!(
            "A subscriber has one row: CREATE UNIQUE INDEX ON {table} ({}).",
            quote_identifier(column)
        )))
    }

    /// The subscriber of a row, given a way to its columns.
    pub fn subscriber(&self, column: impl Fn(i16) -> (pg_sys::Datum, bool)) -> Option<String> {
        let (datum, is_null) = column(self.subscriber.number);
        let id = if is_null { None } else { text(datum, self.subscriber.type_oid) };
        id.filter(|id| id.len() <= LONGEST_SUBSCRIBER).map(|id| id.into_owned())
    }

    /// A statement that deletes the rows of some subscribers, and those ids that the column can hold.
    pub fn delete(&self, ids: &[String]) -> (String, Vec<String>) {
        let (condition, ids) = self.subscriber.exactly(ids);
        (format!("DELETE FROM {} WHERE {condition}", self.relation.quoted()), ids)
    }

    /// A statement that reads the ids of all rows.
    pub fn scan_subscribers(&self) -> String {
        let id = quote_identifier(&self.subscriber.name);
        format!("SELECT ({id})::pg_catalog.text FROM {} WHERE {id} IS NOT NULL", self.relation.quoted())
    }

    /// A statement that reads the profiles of some subscribers: id and document.
    fn read(&self, condition: &str) -> String {
        format!(
            "SELECT subscriber, CASE WHEN pg_column_size(profile) <= {LARGEST} THEN profile ELSE jsonb_build_object('traits', jsonb '{{}}') END
             FROM (SELECT (t.{})::pg_catalog.text AS subscriber, CASE WHEN {} <= {LARGEST} THEN {} END AS profile
                   FROM {} t WHERE {condition} OFFSET 0) p",
            quote_identifier(&self.subscriber.name),
            self.size,
            self.document(),
            self.relation.quoted(),
        )
    }

    /// A statement that reads the rows that do not count: table, place and reason.
    pub fn set_aside(&self) -> String {
        format!(
            "SELECT relation, place, CASE WHEN subscriber IS NULL THEN 'no subscriber'
                                          WHEN octet_length(subscriber) > {LONGEST_SUBSCRIBER} THEN 'subscriber of more than 1024 bytes'
                                          ELSE 'profile of more than 1 MiB' END
             FROM (SELECT t.tableoid AS relation, t.ctid::pg_catalog.text AS place, (t.{})::pg_catalog.text AS subscriber,
                          CASE WHEN {} <= {LARGEST} THEN {} END AS profile
                   FROM {} t OFFSET 0) p
             WHERE subscriber IS NULL OR octet_length(subscriber) > {LONGEST_SUBSCRIBER}
                OR profile IS NULL OR pg_column_size(profile) > {LARGEST}",
            quote_identifier(&self.subscriber.name),
            self.size,
            self.document(),
            self.relation.quoted(),
        )
    }

    /// The profile in a row of the table `t`.
    fn document(&self) -> String {
        let ProfileMapping { email, properties, preferences, tags, .. } = &self.mapping;
        let column = |name: &String| format!("t.{}", quote_identifier(name));
        let mut parts = Vec::new();
        let mut part = |key: &str, value: String| parts.push(format!("{}, {value}", quote_literal(key)));
        email.iter().for_each(|name| part("email", format!("{}::pg_catalog.text", column(name))));
        let mut all = match self.traits.as_slice() {
            [] => "'{}'::jsonb".to_owned(),
            // A column may be called as the row is.
            listed => format!("(SELECT to_jsonb(r.*) FROM (SELECT {}) r)", listed.join(", ")),
        };
        if let Some(name) = properties {
            let name = column(name);
            all.push_str(&format!(" || CASE jsonb_typeof({name}) WHEN 'object' THEN {name} ELSE '{{}}' END"));
        }
        part("traits", all);
        preferences.iter().for_each(|name| part("preferences", column(name)));
        tags.iter().for_each(|name| part("tags", format!("to_jsonb({})", column(name))));
        format!("jsonb_build_object({})", parts.join(", "))
    }
}

/// The profiles of some subscribers, given in ascending order, under the active snapshot: jsonb without the header.
/// Where several sources have one, a later source's values win over an earlier one's.
pub fn documents(registry: &Registry, subscribers: &[String]) -> HashMap<String, Vec<u8>> {
    let mut documents: HashMap<String, Vec<u8>> = HashMap::new();
    // Of a person with several ids, that counts by which they are known.
    let is_own = |id: &&String| registry.identities.survivor(id).is_none();
    let subscribers: Cow<[String]> = if registry.identities.is_empty() {
        Cow::Borrowed(subscribers)
    } else {
        subscribers.iter().filter(is_own).cloned().collect()
    };
    let subscribers = subscribers.as_ref();
    for source in &registry.profiles {
        let resolved = registry.locked_profiles(source);
        let Ok(reader) = resolved.as_ref() else { continue };
        let (condition, ids) = reader.subscriber.some(subscribers);
        if ids.is_empty() {
            continue;
        }
        connect(|session| {
            let rows = {
                let _acting = Acting::as_table_owner(reader.relation.owner);
                OUTPUT.iter().for_each(|(name, value)| set_locally(name, value));
                session.select_once(&reader.read(&condition), &[ids.into()])
            };
            for row in 0..rows.count() {
                let (subscriber, document) = (rows.value::<String>(row, 1), rows.bytes(row, 2));
                // A case-insensitive column may match more than was asked for.
                if subscribers.binary_search(&subscriber).is_err() {
                    continue;
                }
                let document = match documents.get(&subscriber) {
                    Some(earlier) => merged(session, earlier, &document),
                    None => document,
                };
                documents.insert(subscriber, document);
            }
        });
    }
    prediction::add(&mut documents, subscribers);
    documents
}

/// What is missing in the later one, NULL included, is as it is in the earlier one.
fn merged(session: &Session, earlier: &[u8], later: &[u8]) -> Vec<u8> {
    let rows = session.select(
        "SELECT $1 || jsonb_strip_nulls($2) || jsonb_build_object(
           'traits', CASE jsonb_typeof($1->'traits') WHEN 'object' THEN $1->'traits' ELSE '{}' END
             || CASE jsonb_typeof($2->'traits') WHEN 'object' THEN jsonb_strip_nulls($2->'traits') ELSE '{}' END,
           'preferences', CASE jsonb_typeof($1->'preferences') WHEN 'object' THEN $1->'preferences' ELSE '{}' END
             || CASE jsonb_typeof($2->'preferences') WHEN 'object' THEN jsonb_strip_nulls($2->'preferences') ELSE '{}' END)",
        &[Param::jsonb(earlier), Param::jsonb(later)],
    );
    rows.bytes(0, 1)
}

/// Everybody with a profile whom somebody wants, in no particular order.
pub fn subscribers(registry: &Registry, mut wanted: impl FnMut(String)) {
    for source in &registry.profiles {
        let resolved = registry.locked_profiles(source);
        let Ok(reader) = resolved.as_ref() else { continue };
        connect(|session| {
            each_row(session, reader.relation.owner, &reader.scan_subscribers(), |rows, row| {
                let counts = |id: &String| {
                    id.len() <= LONGEST_SUBSCRIBER && registry.identities.survivor(id).is_none()
                };
                rows.get::<String>(row, 1).filter(counts).map(&mut wanted);
            });
        });
    }
}
