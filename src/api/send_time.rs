//! Send time and frequency: when each subscriber answers, and how often.

use crate::activity::Instant;
use crate::criteria::{Clock, Zone};
use crate::pg::flush::flush;
use crate::pg::occurrence::{Named, Origin, check_memory};
use crate::pg::owner::Acting;
use crate::pg::prediction::{self, Predictions};
use crate::pg::report::{invalid, required, value_of};
use crate::pg::spi::{connect, instant, timestamp};
use crate::pg::types::{Name, Regclass};
use crate::pg::{guc, transaction};
use crate::send_time::{Choice, Habits, Judgement, Person, Responses, hour, next};
use pgrx::prelude::*;
use std::collections::HashMap;

/// Responses between two looks at how much memory they take.
const BLOCK: usize = 1 << 16;

/// Subscribers between two commits.
const BATCH: usize = 10_000;

/// What is predicted of a choice, and the confidence in it, by the name of the model.
const PREDICTED: [(&str, fn(&Choice) -> (f64, f64)); 3] = [
    ("send_hour", |choice| (choice.hour_of_day().into(), choice.confidence)),
    ("send_weekday", |choice| (choice.weekday().into(), choice.confidence)),
    ("send_frequency", |choice| (choice.per_week, choice.rate_confidence)),
];

/// What counts as a response where nothing else is said.
const RESPONSES: [&str; 2] = ["email_open", "email_click"];

/// The hour of the week at which each subscriber is most likely to answer, by when they did, in their own time zone: a row each,
/// in order of subscriber. day_of_week is 1 on Mondays to 7; next_at is when that hour begins next. share is the expected share of
/// their responses in that hour; confidence, 0 to 1, is what their own responses weigh in it against everybody's. With fewer than
/// min_responses of their own (responses of one hour count once), the hour is everybody's, and own is false. per_week is the
/// expected number of days with a response, per week.
#[pg_extern(stable, parallel_restricted)]
#[allow(clippy::too_many_arguments)]
fn send_time(
    relation: default!(Option<Regclass>, "NULL"),
    subscriber: default!(Option<Name>, "NULL"),
    occurred_at: default!(Option<Name>, "NULL"),
    event_types: default!(Option<Vec<Option<String>>>, "NULL"),
    time_zone: default!(Option<String>, "'UTC'"),
    zone_trait: default!(Option<String>, "'time_zone'"),
    lookback: default!(Option<Interval>, "'1 year'"),
    min_responses: default!(Option<i32>, "5"),
) -> TableIterator<
    'static,
    (
        name!(subscriber, String),
        name!(time_zone, String),
        name!(day_of_week, i32),
        name!(hour, i32),
        name!(next_at, TimestampWithTimeZone),
        name!(responses, i32),
        name!(own, bool),
        name!(share, f64),
        name!(confidence, f64),
        name!(per_week, f64),
        name!(per_week_confidence, f64),
    ),
> {
    let named = Named { relation, subscriber, occurred_at, value: None };
    let question = Question::new(named, event_types, time_zone, zone_trait, min_responses);
    let now = guc::statement_now();
    let rows = question.choose(now, before(now, lookback), |subscriber, person, choice| {
        let zone = question.zone_of(subscriber);
        (
            subscriber.to_owned(),
            zone.name().to_owned(),
            choice.weekday(),
            choice.hour_of_day(),
            timestamp(next(Clock { now, zone }, choice.hour)),
            person.responses as i32,
            choice.own,
            choice.share,
            choice.confidence,
            choice.per_week,
            choice.rate_confidence,
        )
    });
    TableIterator::new(rows)
}

/// Keeps what `send_time` says of everybody as predictions, in the place of those before, in batches that commit one by one: hour
/// and day of the week as those of the models `send_hour` and `send_weekday`, days with a response per week as `send_frequency`.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.predict_send_times(
  relation regclass DEFAULT NULL, subscriber name DEFAULT NULL, occurred_at name DEFAULT NULL, event_types text[] DEFAULT NULL,
  time_zone text DEFAULT 'UTC', zone_trait text DEFAULT 'time_zone', lookback interval DEFAULT '1 year', min_responses integer DEFAULT 5)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
#[allow(clippy::too_many_arguments)]
fn predict_send_times(
    relation: Option<Regclass>,
    subscriber: Option<Name>,
    occurred_at: Option<Name>,
    event_types: Option<Vec<Option<String>>>,
    time_zone: Option<String>,
    zone_trait: Option<String>,
    lookback: Option<Interval>,
    min_responses: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.predict_send_times") };
    let named = Named { relation, subscriber, occurred_at, value: None };
    let question = Question::new(named, event_types, time_zone, zone_trait, min_responses);
    let at = guc::now();
    let since = before(at, lookback);
    let mut choices = question.choose(at, since, |subscriber, _, choice| (subscriber.to_owned(), choice));
    choices.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    for batch in choices.chunks(BATCH) {
        for (model, said) in PREDICTED {
            let (values, confidences) = batch.iter().map(|(_, choice)| said(choice)).unzip();
            prediction::store_alone(&Predictions {
                model: model.to_owned(),
                at,
                subscribers: batch.iter().map(|(subscriber, _)| subscriber.clone()).collect(),
                versions: None,
                values,
                confidences: Some(confidences),
            });
        }
        flush();
        transaction::commit();
        pgrx::check_for_interrupts!();
    }
    PREDICTED.iter().for_each(|(model, _)| prediction::clean(model, at));
    flush();
    pgrx::notice!("predicted the send times of {} subscribers", choices.len());
}

/// Whether a send time of one's own would have been better than everybody's: hours are chosen by the responses of the lookback
/// before an instant, and judged by those that came from then until now. own and everybody are the shares of the later responses
/// that came in the hour chosen for the subscriber and in everybody's hour; gain is the difference, with its 95 % interval;
/// log_gain is the mean gain in the logarithm of the expected share of an hour in which a response came.
#[pg_extern(stable, parallel_restricted)]
#[allow(clippy::too_many_arguments)]
fn evaluate_send_time(
    cut: Option<TimestampWithTimeZone>,
    relation: default!(Option<Regclass>, "NULL"),
    subscriber: default!(Option<Name>, "NULL"),
    occurred_at: default!(Option<Name>, "NULL"),
    event_types: default!(Option<Vec<Option<String>>>, "NULL"),
    time_zone: default!(Option<String>, "'UTC'"),
    zone_trait: default!(Option<String>, "'time_zone'"),
    lookback: default!(Option<Interval>, "'1 year'"),
    min_responses: default!(Option<i32>, "5"),
) -> TableIterator<
    'static,
    (
        name!(subscribers, i64),
        name!(responses, i64),
        name!(own, f64),
        name!(everybody, f64),
        name!(gain, f64),
        name!(gain_low, f64),
        name!(gain_high, f64),
        name!(log_gain, f64),
    ),
> {
    let cut = instant(required(cut, "cut"));
    let named = Named { relation, subscriber, occurred_at, value: None };
    let question = Question::new(named, event_types, time_zone, zone_trait, min_responses);
    let now = guc::statement_now();
    let (mut known, mut later) = (Responses::default(), Responses::default());
    question.read(before(cut, lookback), |who, zone, at| {
        // Everybody has the same number in both.
        let (number, _) = (known.person(who), later.person(who));
        if let Some(at) = at.filter(|at| *at <= now) {
            let part = if at < cut { &mut known } else { &mut later };
            part.add(number, hour(Clock { now: at, zone }, at));
        }
        known.bytes() + later.bytes()
    });
    let only = |people: Vec<(&str, Person)>| people.into_iter().map(|(_, person)| person).collect::<Vec<_>>();
    let (known, later) = (only(known.people(question.hour(cut))), only(later.people(question.hour(now))));
    let habits = value_of(Habits::of(known.iter()));
    let Some(judged) = Judgement::of(&habits, &known, &later, question.least) else {
        invalid(
            format!("nobody who answered {} times before the cut has answered since", question.least),
            "Take an earlier cut, or a smaller min_responses.",
        )
    };
    TableIterator::once((
        judged.people as i64,
        i64::from(judged.responses),
        judged.own,
        judged.everybody,
        judged.gain,
        judged.gain - judged.margin,
        judged.gain + judged.margin,
        judged.log_gain,
    ))
}

/// What counts as a response, and whose clocks tell the hour.
struct Question {
    origin: Origin,
    zone: Zone,
    /// Of the subscribers who have one of their own.
    zones: HashMap<String, Zone>,
    least: u32,
}

impl Question {
    fn new(
        named: Named,
        event_types: Option<Vec<Option<String>>>,
        time_zone: Option<String>,
        zone_trait: Option<String>,
        min_responses: Option<i32>,
    ) -> Self {
        let zone = value_of(Zone::by_name(&required(time_zone, "time_zone")));
        let least = required(min_responses, "min_responses");
        let Ok(least @ 1..) = u32::try_from(least) else {
            invalid(
                "min_responses must be at least 1",
                "Below it, everybody's hour is taken; leave it at its default.",
            )
        };
        let types = event_types.map(|types| types.into_iter().flatten().collect());
        let origin = Origin::new(named, types, &RESPONSES, zone.name());
        let zones = zone_trait.map_or_else(HashMap::new, |name| zones(&name));
        Question { origin, zone, zones, least }
    }

    fn zone_of(&self, subscriber: &str) -> Zone {
        self.zones.get(subscriber).copied().unwrap_or(self.zone)
    }

    fn hour(&self, at: Instant) -> i32 {
        hour(Clock { now: at, zone: self.zone }, at)
    }

    /// What is made of everybody's responses since an instant, and of the hour chosen by them, in order of subscriber.
    fn choose<R>(&self, now: Instant, since: Instant, said: impl Fn(&str, &Person, Choice) -> R) -> Vec<R> {
        let mut found = Responses::default();
        self.read(since, |who, zone, at| {
            let number = found.person(who);
            if let Some(at) = at.filter(|at| *at <= now) {
                found.add(number, hour(Clock { now: at, zone }, at));
            }
            found.bytes()
        });
        let people = found.people(self.hour(now));
        let habits = value_of(Habits::of(people.iter().map(|(_, person)| person)));
        let said = people.iter().map(|(subscriber, person)| {
            pgrx::check_for_interrupts!();
            said(subscriber, person, habits.choose(person, self.least))
        });
        said.collect()
    }

    /// Shows everybody, with their zone, and with each response since an instant, to what keeps them and says how much memory it
    /// takes.
    fn read(&self, since: Instant, mut keep: impl FnMut(&str, Zone, Option<Instant>) -> usize) {
        let mut count = 0_usize;
        self.origin.each_person(|who, at| {
            let bytes = keep(who, self.zone_of(who), at.filter(|at| *at >= since));
            count += 1;
            if count.is_multiple_of(BLOCK) {
                check_memory(bytes);
            }
        });
    }
}

/// The instant that lies so long before another.
fn before(at: Instant, lookback: Option<Interval>) -> Instant {
    let length = required(lookback, "lookback");
    let back = connect(|session| {
        let rows = session.select("SELECT $1 - $2", &[timestamp(at).into(), length.into()]);
        rows.instant(0, 1)
    });
    match back {
        Some(back) if back < at => back,
        _ => invalid("lookback must be longer than nothing", "Write an interval such as '180 days'."),
    }
}

/// The time zones that a trait names, of the subscribers whose profile has one that is known.
fn zones(name: &str) -> HashMap<String, Zone> {
    let _acting = Acting::as_owner_at_large();
    let mut zones = HashMap::new();
    connect(|session| {
        let rows = session.select(
            "SELECT subscriber, profile -> 'traits' ->> $1 FROM segment.state WHERE profile -> 'traits' ->> $1 IS NOT NULL",
            &[name.into()],
        );
        for row in 0..rows.count() {
            if let Ok(zone) = Zone::by_name(&rows.value::<String>(row, 2)) {
                zones.insert(rows.value(row, 1), zone);
            }
        }
    });
    zones
}
