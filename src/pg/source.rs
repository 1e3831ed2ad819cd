//! A source of events: which columns mean what, and how a row becomes an event.

use super::column::{Column, IDS, TEXTS, is_enum};
use super::event::{Event, instant, is_summable, text};
use super::relation::Relation;
use super::report::Refusal;
use crate::profile::Identities;
use pgrx::prelude::*;
use pgrx::spi::{quote_identifier, quote_literal};
use std::borrow::Cow;
use std::ffi::CString;
use std::rc::Rc;

/// Longest subscriber id, in bytes: it is the key of an index.
pub const LONGEST_SUBSCRIBER: usize = 1_024;

/// A source as it is stored.
#[derive(Clone, Debug)]
pub struct Source {
    pub id: i32,
    pub relation: pg_sys::Oid,
    /// The relation and, where it is partitioned or inherited from, all that belong to it.
    pub tables: Vec<pg_sys::Oid>,
    /// Whether rows are captured one by one, and not statement by statement.
    pub by_row: bool,
    pub mapping: Mapping,
}

/// Which columns mean what.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub subscriber: String,
    pub occurred_at: String,
    /// The zone of a time without one.
    pub time_zone: Option<String>,
    pub event_type: EventType,
    pub value: Option<String>,
    pub properties: Option<String>,
}

#[derive(Clone, Debug)]
pub enum EventType {
    Column(String),
    Constant(String),
}

/// Which rows of a table are read, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The table's own, as they come.
    Alone,
    /// With those of its parts, as they come.
    Any,
    /// With those of its parts, in ascending order of subscriber.
    BySubscriber,
}

/// A mapping resolved against the table as it is now.
#[derive(Clone, Debug)]
pub struct Reader {
    pub relation: Relation,
    subscriber: Column,
    occurred_at: Column,
    time_zone: Option<String>,
    event_type: Result<Column, String>,
    value: Option<Column>,
    properties: Option<Column>,
    /// Whose the ids in the rows are.
    identities: Rc<Identities>,
}

const TIMES: &[pg_sys::Oid] = &[pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPOID, pg_sys::DATEOID];
const NUMBERS: &[pg_sys::Oid] = &[
    pg_sys::NUMERICOID,
    pg_sys::INT2OID,
    pg_sys::INT4OID,
    pg_sys::INT8OID,
    pg_sys::FLOAT4OID,
    pg_sys::FLOAT8OID,
];

impl Reader {
    /// Resolves names and types, or says which column is wrong and why; or why the relation cannot be a source.
    pub fn new(relation: Relation, mapping: &Mapping) -> Result<Self, Refusal> {
        relation.check_source()?;
        Self::of_any(relation, mapping)
    }

    /// The same for a relation of any kind that has rows, to be read once.
    pub fn of_any(relation: Relation, mapping: &Mapping) -> Result<Self, Refusal> {
        mapping.time_zone.as_deref().map_or(Ok(()), check_zone)?;
        let column = |name: &str, role: &str, types: &[pg_sys::Oid], wanted: &str| {
            let column = Column::find(&relation, name)?.in_rows(&relation)?;
            if types.contains(&column.type_oid) { Ok(column) } else { Err(column.refuse(role, wanted)) }
        };
        let occurred_at =
            column(&mapping.occurred_at, "occurred_at", TIMES, "timestamptz, timestamp or date")?;
        let zone_needed = occurred_at.type_oid != pg_sys::TIMESTAMPTZOID;
        if zone_needed && mapping.time_zone.is_none() {
            return Err(Refusal::new(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("column \"{}\" has no time zone", occurred_at.name),
            )
            .hint(
                "State the zone its times are in, such as time_zone => 'UTC' or time_zone => 'Europe/Paris'.",
            ));
        }
        let optional = |name: &Option<String>, role, types, wanted| {
            name.as_ref().map(|name| column(name, role, types, wanted)).transpose()
        };
        Ok(Reader {
            subscriber: column(&mapping.subscriber, "subscriber", IDS, "text, integer or uuid")?,
            time_zone: mapping.time_zone.clone().filter(|_| zone_needed),
            event_type: match &mapping.event_type {
                EventType::Constant(name) => Err(name.clone()),
                EventType::Column(name) => {
                    let column = Column::find(&relation, name)?.in_rows(&relation)?;
                    if !TEXTS.contains(&column.type_oid) && !is_enum(column.type_oid) {
                        return Err(column.refuse("event_type", "text or an enum"));
                    }
                    Ok(column)
                }
            },
            value: optional(&mapping.value, "value", NUMBERS, "numeric, an integer or a float")?,
            properties: optional(&mapping.properties, "properties", &[pg_sys::JSONBOID], "jsonb")?,
            occurred_at,
            relation,
            identities: Rc::default(),
        })
    }

    /// The same under which ids that were merged count for whom they are.
    pub fn with_identities(self, identities: &Rc<Identities>) -> Self {
        Reader { identities: Rc::clone(identities), ..self }
    }

    /// The subscriber of a row, as [`Reader::read`] has it, in a statement.
    fn subscriber_of_row(&self) -> String {
        let id = format!("({})::pg_catalog.text", quote_identifier(&self.subscriber.name));
        if self.identities.is_empty() {
            return id;
        }
        format!("coalesce({}::pg_catalog.jsonb ->> {id}, {id})", quote_literal(self.identities.to_json()))
    }

    /// The last column that must be deformed.
    pub fn last_column(&self) -> i16 {
        self.columns().map(|column| column.number).max().unwrap_or(0)
    }

    /// A statement that reads the mapped columns, in the order in which [`Reader::scanned`] expects them.
    pub fn scan(&self, filter: &str, order: Order) -> String {
        let id = quote_identifier(&self.subscriber.name);
        let (only, order) = match order {
            Order::Alone => ("ONLY ", String::new()),
            Order::Any => ("", String::new()),
            Order::BySubscriber => ("", format!(" ORDER BY {} COLLATE \"C\"", self.subscriber_of_row())),
        };
        let from = self.relation.quoted();
        format!("SELECT {} FROM {only}{from} WHERE {id} IS NOT NULL {filter}{order}", self.column_list())
    }

    /// A statement that reads the mapped columns of every row, in the order in which [`Reader::scanned`] expects them, and
    /// after them the row's table and place.
    pub fn scan_rows(&self) -> String {
        format!(
            "SELECT {}, tableoid, ctid::pg_catalog.text FROM {}",
            self.column_list(),
            self.relation.quoted()
        )
    }

    /// How many columns are mapped.
    pub fn width(&self) -> i32 {
        self.columns().count() as i32
    }

    /// Why a row, or a value in it, does not count; nothing for one that counts in full.
    pub fn set_aside(&self, column: impl Fn(i16) -> (pg_sys::Datum, bool)) -> Option<&'static str> {
        let get = |wanted: &Column| {
            let (datum, is_null) = column(wanted.number);
            (!is_null).then_some((datum, wanted.type_oid))
        };
        let Some(subscriber) = get(&self.subscriber).and_then(|(datum, oid)| text(datum, oid)) else {
            return Some("no subscriber");
        };
        if subscriber.len() > LONGEST_SUBSCRIBER {
            return Some("subscriber of more than 1024 bytes");
        }
        if self.event_type.as_ref().is_ok_and(|column| get(column).is_none()) {
            return Some("no event type");
        }
        let Some((datum, oid)) = get(&self.occurred_at) else { return Some("no time") };
        if instant(datum, oid, self.time_zone.as_deref()).is_none() {
            return Some("time outside the years 1 to 9999");
        }
        let (datum, oid) = self.value.as_ref().and_then(get)?;
        (!is_summable(datum, oid)).then_some("value that is no number, or too large to be summed")
    }

    /// A statement that deletes the rows of some subscribers, and those ids that the column can hold.
    pub fn delete(&self, ids: &[String]) -> (String, Vec<String>) {
        let (condition, ids) = self.subscriber.exactly(ids);
        (format!("DELETE FROM {} WHERE {condition}", self.relation.quoted()), ids)
    }

    /// A statement that reads each subscriber once.
    pub fn scan_subscribers(&self) -> String {
        let id = quote_identifier(&self.subscriber.name);
        format!(
            "SELECT DISTINCT {} FROM {} WHERE {id} IS NOT NULL",
            self.subscriber_of_row(),
            self.relation.quoted()
        )
    }

    /// A reader of what [`Reader::scan`] returns.
    pub fn scanned(&self) -> Reader {
        let mut reader = self.clone();
        let mut number = 0;
        let mut renumber = |column: &mut Column| {
            number += 1;
            column.number = number;
        };
        renumber(&mut reader.subscriber);
        renumber(&mut reader.occurred_at);
        reader.event_type.as_mut().ok().map(&mut renumber);
        reader.value.as_mut().map(&mut renumber);
        reader.properties.as_mut().map(&mut renumber);
        reader
    }

    /// A condition that selects some subscribers, and those ids that the column can hold.
    pub fn some_subscribers(&self, ids: &[String]) -> (String, Vec<String>) {
        let (condition, ids) = self.subscriber.some(ids);
        (format!("AND {condition}"), ids)
    }

    /// The event in a row, given a way to its columns. `None` for a row that is none: without a subscriber, a
    /// type or a time that can be used.
    pub fn read<'a>(&'a self, column: impl Fn(i16) -> (pg_sys::Datum, bool)) -> Option<Event<'a>> {
        let get = |wanted: &Column| {
            let (datum, is_null) = column(wanted.number);
            (!is_null).then_some(datum)
        };
        let subscriber = text(get(&self.subscriber)?, self.subscriber.type_oid)?;
        if subscriber.len() > LONGEST_SUBSCRIBER {
            return None;
        }
        let subscriber = self.identities.survivor(&subscriber).map_or(subscriber, Cow::Borrowed);
        let event_type = match &self.event_type {
            Err(constant) => Cow::Borrowed(constant.as_str()),
            Ok(column) => text(get(column)?, column.type_oid)?,
        };
        let at = instant(get(&self.occurred_at)?, self.occurred_at.type_oid, self.time_zone.as_deref())?;
        let value = self.value.as_ref().and_then(|column| Some((get(column)?, column.type_oid)));
        let properties = self.properties.as_ref().and_then(get);
        Some(Event::new(subscriber, event_type, at, value, properties))
    }

    /// The mapped columns, quoted, for a statement.
    fn column_list(&self) -> String {
        let columns: Vec<String> = self.columns().map(|column| quote_identifier(&column.name)).collect();
        columns.join(", ")
    }

    fn columns(&self) -> impl Iterator<Item = &Column> {
        [
            Some(&self.subscriber),
            Some(&self.occurred_at),
            self.event_type.as_ref().ok(),
            self.value.as_ref(),
            self.properties.as_ref(),
        ]
        .into_iter()
        .flatten()
    }
}

/// Refuses a time zone that PostgreSQL does not know.
fn check_zone(zone: &str) -> Result<(), Refusal> {
    let name = CString::new(zone).unwrap_or_default();
    // SAFETY: a look-up by a C string.
    if zone.is_empty() || unsafe { pg_sys::pg_tzset(name.as_ptr()) }.is_null() {
        return Err(Refusal::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("time zone \"{zone}\" not recognized"),
        )
        .hint("Use a name from pg_timezone_names, such as UTC or Europe/Paris."));
    }
    Ok(())
}
