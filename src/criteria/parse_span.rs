//! The stretch of time that an event leaf looks at.

use super::ast::Span;
use super::bound::Bound;
use super::clock::Zone;
use super::instant::{Instant, utc};
use super::moment::{Moment, calendar_words};
use super::parse::{criteria, join};
use super::parse_event::duration;
use crate::error::{Error, Result, nearest};
use chrono::Datelike;
use serde_json::{Map, Value};

/// As far back as windows may reach: 100 years.
const FARTHEST: i64 = 100 * 366 * DAY;
const DAY: i64 = 86_400_000_000;

pub fn parse_span(object: &Map<String, Value>, at: &str) -> Result<Span> {
    let length = |key: &str| object.get(key).map(|value| duration(value, &join(at, key))).transpose();
    let time = |key: &str| object.get(key).map(|value| moment(key, value, &join(at, key))).transpose();
    let span = Span {
        within: length("within")?,
        older_than: length("older_than")?,
        from: time("from")?,
        until: time("until")?,
        on: time("on")?,
    };
    if span.within.zip(span.older_than).is_some_and(|(within, older_than)| older_than >= within) {
        return Err(empty(
            &join(at, "older_than"),
            "Write {\"within\": \"90 days\", \"older_than\": \"30 days\"}: between 90 and 30 days ago.",
        ));
    }
    if let Some(key) =
        ["from", "until"].into_iter().find(|key| span.on.is_some() && object.contains_key(*key))
    {
        return Err(criteria(
            &join(at, key),
            format!("\"{key}\" does not go with \"on\", which sets both ends"),
            "Leave one of them out.",
        ));
    }
    check_order(&span, at)?;
    Ok(span)
}

/// A time, or a period of the calendar, that event leaves can be kept up to date about.
fn moment(key: &str, value: &Value, at: &str) -> Result<Moment> {
    const FORM: &str =
        "Write a date or a time such as \"2026-01-31\", a period such as \"this_month\", or \"now-1M/M\".";
    let Some(text) = value.as_str() else { return Err(criteria(at, "expected a date or a time", FORM)) };
    let moment = Moment::parse(text).map_err(|problem| {
        let near = nearest(text, calendar_words());
        let near = near.map_or_else(String::new, |near| format!("Did you mean \"{near}\"? "));
        criteria(at, problem, format!("{near}{FORM}"))
    })?;
    let grain = if key == "on" { moment.grain_of_day() } else { moment.grain() };
    if moment.is_relative() && grain.is_none() {
        return Err(criteria(
            at,
            format!("\"{key}\" takes a period of the calendar, and this is no beginning of one"),
            "Write \"within\": \"30 days\" or \"older_than\": \"30 days\" for what is counted from now, and here a period such as \"today\" or \"now-30d/d\".",
        ));
    }
    if moment.is_relative() && grain.is_some_and(|seconds| seconds % 60 != 0) {
        return Err(criteria(
            at,
            "periods that move with the current time begin with a minute, and not with a second of one",
            "Round to \"/m\" or to something longer.",
        ));
    }
    if moment.is_relative() && moment.reach(key == "on") > FARTHEST || ends(&moment).is_none() {
        return Err(criteria(
            at,
            "this is too far away",
            "Write a time of the years 1 to 9999, and at most 99 years ago where it moves with the current time.",
        ));
    }
    Ok(moment)
}

/// The ends of a moment and of its day, if they lie in the years that are in use.
fn ends(moment: &Moment) -> Option<[Instant; 2]> {
    let span = Span { on: Some(moment.clone()), ..Span::default() };
    let ends = [span.lower(Zone::UTC)?.at(0)?, span.upper(Zone::UTC)?.at(0)?];
    ends.iter().all(|end| utc(*end).is_some_and(|end| (0..=10_000).contains(&end.year()))).then_some(ends)
}

/// Refuses ends that leave no time between them, or none that has come.
fn check_order(span: &Span, at: &str) -> Result<()> {
    let (Some(lower), upper) = (span.lower(Zone::UTC), span.upper(Zone::UTC)) else { return Ok(()) };
    // Every hour of four years, at another minute and second each.
    let mut moments = (0..4 * 366 * 24).map(|hour| hour * (DAY / 24 + 61_000_000));
    let left = match (lower.fixed(), upper.as_ref().map(Bound::fixed)) {
        (Some(from), Some(Some(until))) => {
            let with_offset = |moment: &Option<Moment>| moment.as_ref().is_some_and(Moment::has_offset);
            // In another time zone one of them may come a day earlier.
            from < until + if with_offset(&span.from) == with_offset(&span.until) { 0 } else { DAY }
        }
        (None, None | Some(None)) => {
            if !moments.clone().any(|now| lower.at(now).is_some_and(|lower| lower <= now)) {
                return Err(criteria(
                    &join(at, if span.on.is_some() { "on" } else { "from" }),
                    "nothing has happened yet in what is still to come",
                    "Events count from their time on; write a period that has begun, such as \"today\".",
                ));
            }
            let left = |upper: &Bound, now| {
                lower.at(now).zip(upper.at(now)).is_some_and(|(from, until)| from < until)
            };
            upper.is_none_or(|upper| moments.any(|now| left(&upper, now)))
        }
        _ => true,
    };
    if left {
        Ok(())
    } else {
        Err(empty(&join(at, "until"), "Write the later time as \"until\"; it is not included itself."))
    }
}

fn empty(at: &str, expected: &str) -> Error {
    criteria(at, "no time is left between the two ends", expected)
}
