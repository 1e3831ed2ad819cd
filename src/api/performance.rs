//! What the events themselves say about the values of one of their properties.

use crate::activity::{Instant, VALID_TIMES, VALUE_SCALE, preferences};
use crate::criteria::{Decimal, Document, Kind, Literal, Path, follow};
use crate::error::Error;
use crate::pg::event::{Event, EventDocument};
use crate::pg::report::{raise, required};
use crate::pg::scan::{self, Order, Scan, readers};
use crate::pg::spi::{connect, instant, numeric};
use crate::pg::{guc, registry};
use crate::score::Performance;
use pgrx::prelude::*;
use std::collections::BTreeMap;

/// Most values that are told apart.
pub(super) const MOST_VALUES: usize = 100_000;

/// What became of what was sent, by a property of the events, such as the campaign or the channel: a row per value, from all events
/// between two instants, the later one included. Rates are by what was sent, and NULL where nothing was. Reads every source.
#[pg_extern(volatile, parallel_unsafe)]
fn performance(
    property: default!(Option<String>, "'campaign'"),
    since: default!(Option<TimestampWithTimeZone>, "NULL"),
    until: default!(Option<TimestampWithTimeZone>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(value, String),
        name!(events, i64),
        name!(sends, i64),
        name!(opens, i64),
        name!(clicks, i64),
        name!(purchases, i64),
        name!(revenue, Option<AnyNumeric>),
        name!(open_rate, Option<f64>),
        name!(click_rate, Option<f64>),
        name!(conversion_rate, Option<f64>),
        name!(average_value, Option<f64>),
        name!(score, Option<f64>),
    ),
> {
    let (by, value) = (path(&required(property, "property")), path("value"));
    let since = since.map_or(VALID_TIMES.start, instant);
    let until = until.map_or_else(guc::statement_now, instant);
    let mut by_value: BTreeMap<Literal, Performance> = BTreeMap::new();
    let registry = registry::visible();
    if let Some(refusal) = registry.unreadable() {
        refusal.raise();
    }
    connect(|session| {
        for reader in readers(&registry, &registry.sources) {
            let mut scan = Scan::open(session, &reader, Order::Any);
            while scan.next(|event| {
                if (since..=until).contains(&event.at)
                    && let Some(found) = literal_at(event, &by)
                {
                    let units = follow(EventDocument::Root(event), &value)
                        .and_then(|value| value.units(VALUE_SCALE))
                        .and_then(|units| i64::try_from(units).ok());
                    by_value.entry(found).or_default().add(&event.event_type, units.unwrap_or(0));
                }
            }) {
                if by_value.len() > MOST_VALUES {
                    raise(Error::TooLarge {
                        what: "the number of values of the property",
                        limit: MOST_VALUES,
                    });
                }
            }
            scan.close();
        }
    });
    TableIterator::new(by_value.into_iter().map(|(value, found)| {
        let average = found.revenue as f64 / 10_f64.powi(VALUE_SCALE as i32) / found.purchases as f64;
        (
            text(&value),
            found.events,
            found.sends,
            found.opens,
            found.clicks,
            found.purchases,
            numeric(&Decimal::from_scaled(found.revenue, VALUE_SCALE)),
            found.per_send(found.opens),
            found.per_send(found.clicks),
            found.per_send(found.purchases),
            (found.purchases > 0).then_some(average),
            found.score(),
        )
    }))
}

/// What a subscriber makes of each category, or of each value of another property: a row per value of the events that say so, the
/// best first. Reads the events of that one.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn content_preferences(
    subscriber: String,
    property: default!(&str, "'category'"),
) -> TableIterator<'static, (name!(value, String), name!(preference, f64))> {
    let path = path(property);
    let now = guc::statement_now();
    let registry = registry::visible();
    let subscriber = registry.identities.of(&subscriber).to_owned();
    if let Some(refusal) = registry.unreadable() {
        refusal.raise();
    }
    let mut touches: Vec<(Instant, String, Literal)> = Vec::new();
    connect(|session| {
        scan::show_events_of(session, &registry, std::slice::from_ref(&subscriber), |event| {
            if event.subscriber == subscriber
                && event.at <= now
                && let Some(value) = literal_at(event, &path)
            {
                touches.push((event.at, event.event_type.clone().into_owned(), value));
            }
        });
    });
    let mut rows = preferences(touches);
    rows.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    TableIterator::new(rows.into_iter().map(|(value, preference)| (text(&value), preference)))
}

pub(super) fn path(property: &str) -> Path {
    Path(property.split('.').map(str::to_owned).collect())
}

/// The text, the number or the boolean that an event has at a path.
pub(super) fn literal_at(event: &Event, path: &Path) -> Option<Literal> {
    let value = follow(EventDocument::Root(event), path)?;
    match value.kind() {
        Kind::Text => value.text().map(|text| Literal::Text(text.to_owned())),
        Kind::Number => value.number().map(Literal::Number),
        Kind::Boolean => value.boolean().map(Literal::Boolean),
        _ => None,
    }
}

pub(super) fn text(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => text.clone(),
        literal => literal.to_json().to_string(),
    }
}
