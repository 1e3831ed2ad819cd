//! Stored customer-base models: named, each fit under a name a version of its own, with where its purchases are.

use super::occurrence::{Named, Origin, check_memory};
use super::owner::Acting;
use super::report::{Refusal, invalid, value_of};
use super::spi::{connect, timestamp};
use super::types::{Name, Regclass};
use crate::activity::Instant;
use crate::criteria::{Clock, Zone};
use crate::customer_base::{BgNbd, Fit, GammaGamma, Histories};
use crate::error::nearest;
use pgrx::prelude::*;

/// Purchases between two looks at how much memory they take.
const BLOCK: usize = 1 << 16;

/// Where a model's purchases are, and how they are counted.
pub struct Source {
    /// Quoted, with its schema; `None` for the attached sources.
    pub relation: Option<String>,
    pub subscriber: Option<String>,
    pub occurred_at: Option<String>,
    pub value: Option<String>,
    pub event_type: Option<String>,
    pub zone: Zone,
    pub unit: String,
}

impl Source {
    /// How many days the unit has, in which times are counted.
    pub fn unit_days(&self) -> f64 {
        match self.unit.as_str() {
            "day" => 1.0,
            "week" => 7.0,
            unit => invalid(format!("unit \"{unit}\" is not known"), "Write 'day' or 'week'."),
        }
    }

    /// The day, in the time zone, of an instant.
    pub fn day(&self, at: Instant) -> i32 {
        let clock = Clock { now: at, zone: self.zone };
        clock.local(at).map_or(0, |local| chrono::Datelike::num_days_from_ce(&local))
    }

    /// All purchases up to an instant.
    pub fn purchases(&self, until: Instant) -> Histories {
        let relation = self.relation.as_ref().map(|relation| Regclass(existing(relation)));
        let name = |name: &Option<String>| name.clone().map(Name);
        let named = Named {
            relation,
            subscriber: name(&self.subscriber),
            occurred_at: name(&self.occurred_at),
            value: name(&self.value),
        };
        let types = self.event_type.clone().map(|kind| vec![kind]);
        let origin = Origin::new(named, types, &["purchase"], self.zone.name());
        let (mut histories, mut count) = (Histories::default(), 0_usize);
        origin.each(|subscriber, at, value| {
            if at <= until {
                histories.add(subscriber, self.day(at), value.unwrap_or(0.0));
                count += 1;
                if count.is_multiple_of(BLOCK) {
                    check_memory(histories.bytes());
                }
            }
        });
        histories
    }
}

/// The relation of a stored name.
fn existing(relation: &str) -> pg_sys::Oid {
    let found = connect(|session| {
        session.select("SELECT pg_catalog.to_regclass($1)::oid", &[relation.into()]).get(0, 1)
    });
    found.unwrap_or_else(|| {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!("relation {relation} does not exist any more"),
        )
        .hint("The model was fitted to it: fit it again to another.")
        .raise()
    })
}

/// A stored model.
pub struct Model {
    pub source: Source,
    /// The end of what it observed.
    pub until: Instant,
    pub purchases: BgNbd,
    /// What purchases are worth, where they have values.
    pub values: Option<GammaGamma>,
}

/// What is on record about how a model came about.
pub struct Record {
    pub until: Instant,
    pub customers: i64,
    pub repeaters: i64,
    /// Of frequency and value, where there are values.
    pub correlation: Option<f64>,
}

impl Model {
    /// Stores a new version of a model, and returns its number.
    pub fn store(
        name: &str,
        source: &Source,
        record: &Record,
        purchases: &Fit<BgNbd>,
        values: Option<&Fit<GammaGamma>>,
    ) -> i32 {
        let _acting = Acting::as_owner();
        connect(|session| {
            let stored = session.modify(
                "INSERT INTO segment.customer_base_model
                   (name, version, relation, subscriber, occurred_at, value, event_type, time_zone, unit, until, customers, repeaters,
                    r, alpha, a, b, log_likelihood, p, q, gamma, spend_log_likelihood, spend_correlation, gradient)
                 SELECT $1, coalesce(max(m.version), 0) + 1, $2, $3::text, $4::text, $5::text, $6, $7, $8, $9, $10, $11, $12, $13, $14,
                        $15, $16, $17, $18, $19, $20, $21, $22
                 FROM segment.customer_base_model m WHERE m.name = $1
                 RETURNING version",
                &[
                    name.into(),
                    source.relation.clone().into(),
                    source.subscriber.clone().into(),
                    source.occurred_at.clone().into(),
                    source.value.clone().into(),
                    source.event_type.clone().into(),
                    source.zone.name().into(),
                    source.unit.clone().into(),
                    timestamp(record.until).into(),
                    record.customers.into(),
                    record.repeaters.into(),
                    purchases.model.r.into(),
                    purchases.model.alpha.into(),
                    purchases.model.a.into(),
                    purchases.model.b.into(),
                    purchases.log_likelihood.into(),
                    values.map(|fit| fit.model.p).into(),
                    values.map(|fit| fit.model.q).into(),
                    values.map(|fit| fit.model.gamma).into(),
                    values.map(|fit| fit.log_likelihood).into(),
                    record.correlation.into(),
                    values.map_or(purchases.gradient, |fit| fit.gradient.max(purchases.gradient)).into(),
                ],
            );
            stored.value(0, 1)
        })
    }

    /// The version asked for, or the newest; or 42704.
    pub fn load(name: &str, version: Option<i32>) -> Model {
        let _acting = Acting::as_owner();
        connect(|session| {
            let rows = session.select(
                "SELECT relation, subscriber::text, occurred_at::text, value::text, event_type, time_zone, unit, until,
                        r, alpha, a, b, p, q, gamma
                 FROM segment.customer_base_model WHERE name = $1 AND ($2 IS NULL OR version = $2)
                 ORDER BY version DESC LIMIT 1",
                &[name.into(), version.into()],
            );
            if rows.count() == 0 {
                let names = session.select("SELECT DISTINCT name FROM segment.customer_base_model", &[]);
                unknown(name, version, &names.first_column::<String>());
            }
            Model {
                source: Source {
                    relation: rows.get(0, 1),
                    subscriber: rows.get(0, 2),
                    occurred_at: rows.get(0, 3),
                    value: rows.get(0, 4),
                    event_type: rows.get(0, 5),
                    zone: value_of(Zone::by_name(&rows.value::<String>(0, 6))),
                    unit: rows.value(0, 7),
                },
                until: rows.instant(0, 8).unwrap_or(Instant::MIN),
                purchases: BgNbd {
                    r: rows.value(0, 9),
                    alpha: rows.value(0, 10),
                    a: rows.value(0, 11),
                    b: rows.value(0, 12),
                },
                values: rows
                    .get(0, 13)
                    .zip(rows.get(0, 14))
                    .zip(rows.get(0, 15))
                    .map(|((p, q), gamma)| GammaGamma { p, q, gamma }),
            }
        })
    }
}

fn unknown(name: &str, version: Option<i32>, names: &[String]) -> ! {
    let known = names.iter().any(|known| known == name);
    let problem = match version {
        Some(version) if known => format!("customer-base model \"{name}\" has no version {version}"),
        _ => format!("customer-base model \"{name}\" does not exist"),
    };
    Refusal::new(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, problem)
        .hint(match nearest(name, names.iter().map(String::as_str)) {
            Some(near) if !known => format!("Did you mean \"{near}\"?"),
            _ => "The models and their versions are listed in segment.customer_base_model.".to_owned(),
        })
        .raise()
}
