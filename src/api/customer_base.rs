//! Customer-base models: fitting them to purchases, and what they say of each customer.

use crate::activity::{DAY, Instant};
use crate::criteria::Zone;
use crate::customer_base::{BgNbd, Customer, Forecaster, GammaGamma, Judgement, correlation};
use crate::pg::customer_base_model::{Model, Record, Source};
use crate::pg::guc;
use crate::pg::relation::Relation;
use crate::pg::report::{invalid, required, value_of};
use crate::pg::spi::instant;
use crate::pg::types::{Name, Regclass};
use pgrx::prelude::*;

/// Fits a BG/NBD model, and where there are values a gamma-gamma model, to the purchases of all customers up to an instant, and
/// stores them as a new version of a named model. Purchases are events of the attached sources, or rows of a relation; those of
/// one day (in the time zone) count once. Returns the parameters and the log-likelihoods: r, a, b, p and q are plain numbers,
/// alpha is in units of time, gamma in units of value.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)]
fn fit_customer_base(
    model: Option<String>,
    relation: default!(Option<Regclass>, "NULL"),
    subscriber: default!(Option<Name>, "NULL"),
    occurred_at: default!(Option<Name>, "NULL"),
    value: default!(Option<Name>, "NULL"),
    event_type: default!(Option<String>, "NULL"),
    until: default!(Option<TimestampWithTimeZone>, "NULL"),
    unit: default!(Option<String>, "'week'"),
    time_zone: default!(Option<String>, "'UTC'"),
    spend: default!(Option<bool>, "true"),
) -> TableIterator<
    'static,
    (
        name!(version, i32),
        name!(customers, i64),
        name!(repeaters, i64),
        name!(r, f64),
        name!(alpha, f64),
        name!(a, f64),
        name!(b, f64),
        name!(log_likelihood, f64),
        name!(p, Option<f64>),
        name!(q, Option<f64>),
        name!(gamma, Option<f64>),
        name!(spend_log_likelihood, Option<f64>),
        name!(spend_correlation, Option<f64>),
    ),
> {
    let name = required(model, "model");
    if name.is_empty() {
        invalid("model must not be empty", "Name the model.");
    }
    let source = Source {
        relation: relation.map(|relation| Relation::require(relation.0).quoted()),
        subscriber: subscriber.map(|name| name.0),
        occurred_at: occurred_at.map(|name| name.0),
        value: value.map(|name| name.0),
        event_type,
        zone: value_of(Zone::by_name(&required(time_zone, "time_zone"))),
        unit: required(unit, "unit"),
    };
    let unit_days = source.unit_days();
    let until = until.map_or_else(guc::statement_now, instant);
    let histories = source.purchases(until);
    let customers = histories.customers(source.day(until), unit_days);
    let customers: Vec<Customer> = customers.into_iter().map(|(_, customer)| customer).collect();
    let mut tick = || {
        pgrx::check_for_interrupts!();
    };
    let purchases = value_of(BgNbd::fit(&customers, &mut tick));
    let valued = customers.iter().any(|customer| customer.value.is_some_and(|value| value > 0.0));
    let values = (spend.unwrap_or(true) && valued).then(|| value_of(GammaGamma::fit(&customers, &mut tick)));
    let spend_correlation = values.and_then(|_| correlation(&customers));
    let repeaters = customers.iter().filter(|customer| customer.frequency > 0).count() as i64;
    let counts = (customers.len() as i64, repeaters);
    let record = Record { until, customers: counts.0, repeaters: counts.1, correlation: spend_correlation };
    let version = Model::store(&name, &source, &record, &purchases, values.as_ref());
    let BgNbd { r, alpha, a, b } = purchases.model;
    TableIterator::once((
        version,
        counts.0,
        counts.1,
        r,
        alpha,
        a,
        b,
        purchases.log_likelihood,
        values.map(|fit| fit.model.p),
        values.map(|fit| fit.model.q),
        values.map(|fit| fit.model.gamma),
        values.map(|fit| fit.log_likelihood),
        spend_correlation,
    ))
}

/// What a stored model says of every customer who has bought by an instant (now): a row each, in order of subscriber. Frequency
/// counts the days with purchases after the first; recency and age are the times from the first purchase to the last and to the
/// instant, in the model's unit. Purchases are expected for the horizon; lifetime_value is their expected value, discounted by
/// a yearly rate. Without a model of values, both values are NULL.
#[pg_extern(stable, parallel_restricted)]
fn customer_base(
    model: Option<String>,
    horizon: default!(Option<Interval>, "'1 year'"),
    as_of: default!(Option<TimestampWithTimeZone>, "NULL"),
    discount: default!(Option<f64>, "0.1"),
    version: default!(Option<i32>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(subscriber, String),
        name!(frequency, i32),
        name!(recency, f64),
        name!(age, f64),
        name!(p_alive, f64),
        name!(expected_purchases, f64),
        name!(expected_value, Option<f64>),
        name!(lifetime_value, Option<f64>),
    ),
> {
    let model = Model::load(&required(model, "model"), version);
    let horizon = days(required(horizon, "horizon")) / model.source.unit_days();
    let discount = required(discount, "discount");
    if !(0.0..=100.0).contains(&discount) {
        invalid("discount must lie between 0 and 100", "It is a rate per year: 0.1 is ten percent.");
    }
    let as_of = as_of.map_or_else(guc::statement_now, instant);
    let histories = model.source.purchases(as_of);
    let unit_days = model.source.unit_days();
    let customers = histories.customers(model.source.day(as_of), unit_days);
    let mut forecaster = Forecaster::new(model.purchases, model.values, horizon, discount, unit_days);
    let rows = customers.into_iter().map(|(subscriber, customer)| {
        pgrx::check_for_interrupts!();
        let forecast = forecaster.of(&customer);
        (
            subscriber.to_owned(),
            customer.frequency as i32,
            customer.recency,
            customer.age,
            forecast.p_alive,
            forecast.purchases,
            forecast.value,
            forecast.lifetime_value,
        )
    });
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// How right a stored model was about the time after it was fitted: the purchases it expected, at the end of its observation, of
/// the customers that it knew, and those that came. Errors are mean absolute ones per customer, of the model and of everybody's
/// own rate until then going on.
#[pg_extern(stable, parallel_restricted)]
fn evaluate_customer_base(
    model: Option<String>,
    horizon: Option<Interval>,
    version: default!(Option<i32>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(customers, i64),
        name!(predicted, f64),
        name!(actual, f64),
        name!(bias, Option<f64>),
        name!(error, f64),
        name!(error_of_rate, f64),
        name!(correlation, Option<f64>),
    ),
> {
    let name = required(model, "model");
    let model = Model::load(&name, version);
    let (source, until) = (&model.source, model.until);
    let days = days(required(horizon, "horizon"));
    let end = until.saturating_add((days * DAY as f64) as Instant);
    if end > guc::statement_now() {
        invalid(
            format!("the horizon after the end of the observation of model \"{name}\" is not over"),
            "Take a shorter horizon, or fit a model with until => ... so long ago.",
        );
    }
    let unit_days = source.unit_days();
    let histories = source.purchases(end);
    let later = histories.customers(source.day(end), unit_days);
    let known = histories.customers(source.day(until), unit_days);
    let mut forecaster = Forecaster::new(model.purchases, None, days / unit_days, 0.0, unit_days);
    let mut rows = Vec::with_capacity(known.len());
    let mut later = later.into_iter();
    for (subscriber, customer) in known {
        pgrx::check_for_interrupts!();
        // Both are in order of name, and whoever was known is known later.
        let Some((_, after)) = later.find(|(name, _)| *name == subscriber) else { break };
        let rate = if customer.age > 0.0 { f64::from(customer.frequency) / customer.age } else { 0.0 };
        let actual = f64::from(after.frequency - customer.frequency);
        rows.push((forecaster.of(&customer).purchases, actual, rate * days / unit_days));
    }
    let found = Judgement::of(&rows);
    TableIterator::once((
        found.customers as i64,
        found.predicted,
        found.actual,
        (found.actual > 0.0).then(|| found.predicted / found.actual - 1.0),
        found.error,
        found.error_of_rate,
        found.correlation,
    ))
}

/// Days, of 24 hours; a month is a twelfth of 365.25 of them.
fn days(interval: Interval) -> f64 {
    let days = f64::from(interval.months()) * 365.25 / 12.0
        + f64::from(interval.days())
        + interval.micros() as f64 / DAY as f64;
    if !(days > 0.0 && days <= 36_525.0) {
        invalid(
            "horizon must be longer than nothing and at most 100 years",
            "Write an interval such as '90 days' or '1 year'.",
        );
    }
    days
}
