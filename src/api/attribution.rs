//! What conversions are owed to: the touchpoints before them, and the segments of those who converted.

use super::history::on_record;
use super::performance::{MOST_VALUES, literal_at, path, text};
use crate::activity::{Instant, VALID_TIMES, VALUE_SCALE, usual_channel};
use crate::attribution::{BySegment, CONVERSION_SCALE, Model, Paths};
use crate::criteria::{Document, Path, canonical_event, follow};
use crate::error::{Error, nearest};
use crate::pg::event::{Event, EventDocument};
use crate::pg::occurrence::check_memory;
use crate::pg::past::transitions;
use crate::pg::report::{invalid, raise, required};
use crate::pg::scan::{each_event_as_caller, every_reader};
use crate::pg::spi::{instant, numeric_of, timestamp};
use crate::pg::{guc, registry};
use pgrx::prelude::*;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Events between two looks at how much memory they take.
const BLOCK: usize = 1 << 16;

/// Subscribers whose history is read at once.
const PAGE: usize = 1_000;

/// Credits the conversions between two instants to the touchpoints before each, by a model: a row for each campaign, channel or
/// other property of touchpoints, and one with a NULL value for the conversions before which there was none within the lookback.
/// The sums over all rows are the number and the value of all conversions exactly: shares are rounded to 9 decimal places, parts of a
/// value to 6. Of a conversion without a number as its value, the value is 0. Reads every source with the rights of the caller.
#[pg_extern(stable, parallel_unsafe)]
#[allow(clippy::too_many_arguments)]
fn attribution(
    model: default!(Option<String>, "'last_touch'"),
    by: default!(Option<String>, "'campaign'"),
    touchpoint_types: default!(Option<Vec<Option<String>>>, "'{email_open,email_click}'"),
    conversion_type: default!(Option<String>, "'purchase'"),
    conversion_value: default!(Option<String>, "'value'"),
    lookback: default!(Option<Interval>, "'30 days'"),
    half_life: default!(Option<Interval>, "'7 days'"),
    since: default!(Option<TimestampWithTimeZone>, "NULL"),
    until: default!(Option<TimestampWithTimeZone>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(value, Option<String>),
        name!(touchpoints, i64),
        name!(conversions, Option<AnyNumeric>),
        name!(revenue, Option<AnyNumeric>),
    ),
> {
    let model = required(model, "model");
    let half_life = length(required(half_life, "half_life"), "half_life", "7 days");
    let lookback = length(required(lookback, "lookback"), "lookback", "30 days");
    let Some(model) = Model::named(&model, half_life) else { unknown(&model) };
    let by = required(by, "by");
    let conversion = Conversion::new(conversion_type, conversion_value, since, until);
    let types = required(touchpoint_types, "touchpoint_types").into_iter().flatten();
    let types: Vec<String> = types.map(|kind| canonical_event(&kind).to_owned()).collect();
    if types.is_empty() || types.contains(&conversion.kind) {
        invalid(
            format!("touchpoints are events of other types than \"{}\", of one at least", conversion.kind),
            "Name what may have led to a conversion, such as touchpoint_types => '{email_click}'.",
        );
    }
    let touched = conversion.times.start().saturating_sub(lookback)..=*conversion.times.end();
    let (property, is_channel) = (path(&by), by == "channel");
    let mut paths = Paths::default();
    let mut count = 0_usize;
    each_event(|event| {
        let kind = canonical_event(&event.event_type);
        if let Some(value) = conversion.value_of(event) {
            paths.convert(&event.subscriber, event.at, value);
        } else if touched.contains(&event.at) && types.iter().any(|other| other == kind) {
            let own = literal_at(event, &property).map(|literal| text(&literal));
            let usual = || usual_channel(kind).filter(|_| is_channel).map(str::to_owned);
            if let Some(value) = own.or_else(usual) {
                paths.touch(&event.subscriber, event.at, &value);
            }
        }
        count += 1;
        if count.is_multiple_of(BLOCK) {
            check_memory(paths.bytes());
        }
        if paths.values() > MOST_VALUES {
            raise(Error::TooLarge { what: "the number of values of the property", limit: MOST_VALUES });
        }
    });
    let credits = paths.credit(model, lookback, || {
        pgrx::check_for_interrupts!();
    });
    TableIterator::new(credits.into_iter().map(|credit| {
        (
            credit.value.map(String::from),
            credit.touchpoints,
            numeric_of(credit.conversions, CONVERSION_SCALE),
            numeric_of(credit.revenue, VALUE_SCALE),
        )
    }))
}

/// What the members of each segment earned: the conversions between two instants of those who were on record as members just
/// before, so that an entry because of a conversion does not count for it. A row per segment; since is the instant from which on
/// its members are on record, or the one that was asked for, and the last two columns are all conversions since then, by members
/// or not. A conversion counts for every segment that the subscriber was in; of what is to come none does. Reads every source,
/// and the history, with the rights of the caller.
#[pg_extern(stable, parallel_unsafe)]
fn segment_attribution(
    conversion_type: default!(Option<String>, "'purchase'"),
    conversion_value: default!(Option<String>, "'value'"),
    since: default!(Option<TimestampWithTimeZone>, "NULL"),
    until: default!(Option<TimestampWithTimeZone>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(segment, String),
        name!(since, TimestampWithTimeZone),
        name!(subscribers, i64),
        name!(conversions, i64),
        name!(revenue, Option<AnyNumeric>),
        name!(all_conversions, i64),
        name!(all_revenue, Option<AnyNumeric>),
    ),
> {
    let mut conversion = Conversion::new(conversion_type, conversion_value, since, until);
    // Who will be a member is not on record.
    conversion.times = *conversion.times.start()..=(*conversion.times.end()).min(guc::statement_now());
    let registry = registry::visible();
    let begin = |name: &str| on_record(&registry, name).1.at;
    let segments = registry.definitions.iter().map(|definition| (definition.id, begin(&definition.name)));
    let segments: Vec<(u32, Instant)> = segments.collect();
    let Some(first) = segments.iter().map(|(_, begin)| *begin).min() else {
        return TableIterator::new(Vec::new());
    };
    let mut found = BySegment::new(segments);
    let mut people: BTreeMap<String, Vec<(Instant, i64)>> = BTreeMap::new();
    let (mut count, mut bytes) = (0_usize, 0);
    each_event(|event| {
        // Of what was before the first of the segments nothing is on record.
        let Some(value) = conversion.value_of(event).filter(|_| event.at > first) else { return };
        bytes += size_of::<(Instant, i64)>();
        let conversions = people.entry(event.subscriber.clone().into_owned()).or_insert_with(|| {
            bytes += size_of::<(String, Vec<(Instant, i64)>)>() + event.subscriber.len();
            Vec::new()
        });
        conversions.push((event.at, value));
        count += 1;
        if count.is_multiple_of(BLOCK) {
            check_memory(bytes);
        }
    });
    let everybody: Vec<String> = people.keys().cloned().collect();
    for page in everybody.chunks(PAGE) {
        pgrx::check_for_interrupts!();
        let past = transitions(&registry, page, *conversion.times.end());
        for id in page {
            let Some(mut conversions) = people.remove(id) else { continue };
            conversions.sort_unstable();
            found.add(&conversions, past.get(id).map_or(&[], Vec::as_slice));
        }
    }
    let rows = found.earned().filter_map(|(id, begin, earned)| {
        Some((
            registry.program.segment_name(id)?.to_owned(),
            timestamp(begin.max(*conversion.times.start())),
            earned.subscribers,
            earned.conversions,
            numeric_of(earned.revenue, VALUE_SCALE),
            earned.all_conversions,
            numeric_of(earned.all_revenue, VALUE_SCALE),
        ))
    });
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// Which events are conversions.
struct Conversion {
    kind: String,
    value: Path,
    times: RangeInclusive<Instant>,
}

impl Conversion {
    fn new(
        kind: Option<String>,
        value: Option<String>,
        since: Option<TimestampWithTimeZone>,
        until: Option<TimestampWithTimeZone>,
    ) -> Self {
        let kind = required(kind, "conversion_type");
        Conversion {
            kind: canonical_event(&kind).to_owned(),
            value: path(&required(value, "conversion_value")),
            times: since.map_or(VALID_TIMES.start, instant)..=until.map_or_else(guc::statement_now, instant),
        }
    }

    /// The value of an event that is one of these, in units of `10^-VALUE_SCALE`.
    fn value_of(&self, event: &Event) -> Option<i64> {
        if canonical_event(&event.event_type) != self.kind || !self.times.contains(&event.at) {
            return None;
        }
        let value = follow(EventDocument::Root(event), &self.value);
        let units = value.and_then(|value| value.units(VALUE_SCALE));
        Some(units.and_then(|units| i64::try_from(units).ok()).unwrap_or(0))
    }
}

/// Shows every event of all sources, as the caller may read them.
fn each_event(mut show: impl FnMut(&Event)) {
    every_reader(&registry::visible()).iter().for_each(|reader| each_event_as_caller(reader, &mut show));
}

fn length(interval: Interval, argument: &str, example: &str) -> Instant {
    match i64::try_from(interval.as_micros()) {
        Ok(length @ 1..) => length,
        _ => invalid(
            format!("{argument} must be longer than nothing"),
            format!("Write an interval such as '{example}'."),
        ),
    }
}

fn unknown(model: &str) -> ! {
    let mut hint = format!("There are {}.", Model::NAMES.join(", "));
    if let Some(near) = nearest(model, Model::NAMES) {
        hint = format!("Did you mean \"{near}\"? {hint}");
    }
    invalid(format!("there is no attribution model \"{model}\""), hint)
}
