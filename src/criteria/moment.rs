//! The times that criteria compare with: written out, counted from now, or a word of the calendar.

use super::clock::Clock;
use super::duration::Duration;
use super::instant::{Instant, Written, instant, print_instant};
use chrono::{Datelike, Days, Months, NaiveDateTime, NaiveTime, TimeDelta};
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

mod motion;

pub use motion::{Stretch, stretch_of_today};

/// A time, or a period of the calendar such as a day, as an expression: where it starts, and steps from there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Moment {
    anchor: Anchor,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Anchor {
    Now,
    Written(Written),
}

impl Anchor {
    fn written(written: Written) -> Result<Self, String> {
        let far = "times to compare with lie in the years 1 to 9999";
        if written.is_in_use() { Ok(Anchor::Written(written)) } else { Err(far.to_owned()) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// Of fixed length, whatever the clocks do.
    Seconds(i64),
    /// On the calendar, at the same time of the day.
    Days(i64),
    /// On the calendar, at the latest on the last day of the month.
    Months(i64),
    /// To the beginning of the period that the time lies in.
    Floor(Unit),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

const UNITS: [(char, Unit); 7] = [
    ('s', Unit::Second),
    ('m', Unit::Minute),
    ('h', Unit::Hour),
    ('d', Unit::Day),
    ('w', Unit::Week),
    ('M', Unit::Month),
    ('y', Unit::Year),
];

/// Words of the calendar, with the date math that each stands for.
const WORDS: [(&str, &str); 13] = [
    ("now", "now"),
    ("today", "now/d"),
    ("yesterday", "now-1d/d"),
    ("tomorrow", "now+1d/d"),
    ("this_week", "now/w"),
    ("last_week", "now-1w/w"),
    ("next_week", "now+1w/w"),
    ("this_month", "now/M"),
    ("last_month", "now-1M/M"),
    ("next_month", "now+1M/M"),
    ("this_year", "now/y"),
    ("last_year", "now-1y/y"),
    ("next_year", "now+1y/y"),
];

/// Longest expression, in bytes, and the greatest amount in one: far beyond every calendar in use, and far
/// below what overflows.
const LONGEST: usize = 100;
const GREATEST: i64 = 1_000_000;

/// The words of the calendar.
pub fn calendar_words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, _)| *word)
}

impl Moment {
    /// Reads an ISO 8601 date or time, a signed duration (`-30 days`), a word (`last_month`), or date math as
    /// Elasticsearch has it (`now-1M/M`, `2024-01-31||+1M`). What is written lies in the years 1 to 9999, which print as
    /// they are read. The error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("a time is limited to {LONGEST} bytes"));
        }
        if text.is_empty() {
            return Err("an empty string is no time".to_owned());
        }
        if let Some(written) = Written::parse(text) {
            return Ok(Moment { anchor: Anchor::written(written)?, steps: Vec::new() });
        }
        if let Some((_, math)) = WORDS.iter().find(|(word, _)| *word == text) {
            return date_math(math);
        }
        match text.as_bytes() {
            [b'+' | b'-', rest @ ..] if rest.contains(&b' ') => {
                let seconds = Duration::parse(&text[1..])?.seconds();
                let seconds = if text.starts_with('-') { -seconds } else { seconds };
                Ok(Moment { anchor: Anchor::Now, steps: vec![Step::Seconds(seconds)] })
            }
            _ => date_math(text),
        }
    }

    /// Whether it moves with the current time.
    pub fn is_relative(&self) -> bool {
        self.anchor == Anchor::Now
    }

    /// Whether it is written with an offset from UTC, and so the same in every time zone.
    pub fn has_offset(&self) -> bool {
        matches!(self.anchor, Anchor::Written(Written::Instant(_)))
    }

    /// Whether it names a period of the calendar, rather than an instant.
    pub fn is_period(&self) -> bool {
        self.unit().is_some()
    }

    /// The order of two moments where it is the same at every instant and in every time zone.
    pub fn compare(&self, other: &Moment) -> Option<Ordering> {
        match ((self.anchor, self.steps.as_slice()), (other.anchor, other.steps.as_slice())) {
            ((Anchor::Now, [Step::Seconds(a)]), (Anchor::Now, [Step::Seconds(b)])) => Some(a.cmp(b)),
            ((Anchor::Written(a), []), (Anchor::Written(b), [])) => match (a, b) {
                (Written::Instant(a), Written::Instant(b)) => Some(a.cmp(&b)),
                (Written::Local(a), Written::Local(b)) => Some(a.cmp(&b)),
                (Written::Day(a), Written::Day(b)) => Some(a.cmp(&b)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The instants that it covers: one, or those of the period that it names. `None` beyond the calendar.
    pub fn period(&self, clock: &Clock) -> Option<Range<Instant>> {
        let mut place = match self.anchor {
            Anchor::Now => Place::Instant(clock.now),
            Anchor::Written(Written::Instant(instant)) => Place::Instant(instant),
            Anchor::Written(Written::Local(local)) => Place::Local(local),
            Anchor::Written(Written::Day(day)) => Place::Local(day.and_time(NaiveTime::MIN)),
        };
        for step in &self.steps {
            place = place.step(*step, clock)?;
        }
        place.period(self.unit(), clock)
    }

    /// The instants of the day that it lies in, or of the longer or shorter period that it names.
    pub fn day(&self, clock: &Clock) -> Option<Range<Instant>> {
        if self.unit().is_some() {
            return self.period(clock);
        }
        let place = match self.whole_days() {
            Some(days) => Place::Instant(clock.now).step(Step::Days(days), clock)?,
            None => Place::Instant(self.period(clock)?.start),
        };
        place.step(Step::Floor(Unit::Day), clock)?.period(Some(Unit::Day), clock)
    }

    /// "-3 days" is three days back on the calendar, though one of them had 23 hours.
    fn whole_days(&self) -> Option<i64> {
        match (self.anchor, self.steps.as_slice()) {
            (Anchor::Now, [Step::Seconds(seconds)]) if seconds % 86_400 == 0 => Some(seconds / 86_400),
            _ => None,
        }
    }

    /// The period that it names, rather than an instant: what it was rounded to, or a date's day.
    fn unit(&self) -> Option<Unit> {
        match self.steps.last() {
            Some(Step::Floor(unit)) => Some(*unit),
            _ if !matches!(self.anchor, Anchor::Written(Written::Day(_))) => None,
            _ => {
                let by_days = |step: &Step| matches!(step, Step::Days(_) | Step::Months(_));
                self.steps.iter().all(by_days).then_some(Unit::Day)
            }
        }
    }
}

/// How far the steps have come.
#[derive(Clone, Copy, Debug)]
enum Place {
    Instant(Instant),
    Local(NaiveDateTime),
}

impl Place {
    fn local(self, clock: &Clock) -> Option<NaiveDateTime> {
        match self {
            Place::Instant(instant) => clock.local(instant),
            Place::Local(local) => Some(local),
        }
    }

    fn instant(self, clock: &Clock) -> Instant {
        match self {
            Place::Instant(instant) => instant,
            Place::Local(local) => clock.instant(local),
        }
    }

    fn step(self, step: Step, clock: &Clock) -> Option<Self> {
        Some(match step {
            Step::Seconds(seconds) => {
                Place::Instant(self.instant(clock).checked_add(seconds.checked_mul(1_000_000)?)?)
            }
            Step::Days(days) => Place::Local(add_days(self.local(clock)?, days)?),
            Step::Months(months) => Place::Local(add_months(self.local(clock)?, months)?),
            Step::Floor(unit) => match unit.seconds() {
                // On the clock of the zone, but by instants: an hour that the clocks show twice is two hours.
                Some(seconds) => {
                    let at = self.instant(clock);
                    let shown = instant(clock.local(at)?);
                    Place::Instant(at - shown.rem_euclid(seconds * 1_000_000))
                }
                None => Place::Local(unit.floor(self.local(clock)?)?),
            },
        })
    }

    fn period(self, unit: Option<Unit>, clock: &Clock) -> Option<Range<Instant>> {
        let Some(unit) = unit else {
            let instant = self.instant(clock);
            return Some(instant..instant.checked_add(1)?);
        };
        if let Some(seconds) = unit.seconds() {
            let start = self.instant(clock);
            return Some(start..start.checked_add(seconds * 1_000_000)?);
        }
        let start = self.local(clock)?;
        Some(clock.beginning(start)..clock.beginning(unit.end(start)?))
    }
}

impl Unit {
    /// The length of those that are shorter than a day.
    fn seconds(self) -> Option<i64> {
        match self {
            Unit::Second => Some(1),
            Unit::Minute => Some(60),
            Unit::Hour => Some(3_600),
            _ => None,
        }
    }

    /// The beginning of the period; weeks begin on Monday.
    fn floor(self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let day = local.date();
        let day = match self {
            Unit::Week => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())),
            Unit::Month => day.with_day(1),
            Unit::Year => day.with_ordinal(1),
            _ => Some(day),
        };
        Some(day?.and_time(NaiveTime::MIN))
    }

    /// The end of the period of a day or more that begins at a time.
    fn end(self, start: NaiveDateTime) -> Option<NaiveDateTime> {
        match self {
            Unit::Week => add_days(start, 7),
            Unit::Month => add_months(start, 1),
            Unit::Year => add_months(start, 12),
            _ => add_days(start, 1),
        }
    }
}

fn add_days(local: NaiveDateTime, days: i64) -> Option<NaiveDateTime> {
    local.checked_add_signed(TimeDelta::try_days(days)?)
}

fn add_months(local: NaiveDateTime, months: i64) -> Option<NaiveDateTime> {
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { local.checked_sub_months(count) } else { local.checked_add_months(count) }
}

/// `now` or a time with `||`, then steps: `+2h`, `-1M`, `/d`.
fn date_math(text: &str) -> Result<Moment, String> {
    let (anchor, mut rest) = if let Some(rest) = text.strip_prefix("now") {
        (Anchor::Now, rest)
    } else if let Some((anchor, rest)) = text.split_once("||") {
        let written = Written::parse(anchor).ok_or_else(|| format!("\"{anchor}\" is not a time"))?;
        (Anchor::written(written)?, rest)
    } else {
        return Err(format!("\"{text}\" is not a time"));
    };
    let mut steps = Vec::new();
    let unit = |rest: &str| {
        let letter = rest
            .chars()
            .next()
            .ok_or_else(|| format!("a unit of time is missing at the end of \"{text}\""))?;
        let known = UNITS.iter().find(|(known, _)| *known == letter);
        known
            .map(|(_, unit)| *unit)
            .ok_or_else(|| format!("\"{letter}\" is not a unit of time in \"{text}\""))
    };
    while let Some(sign) = rest.chars().next() {
        rest = &rest[sign.len_utf8()..];
        match sign {
            '/' if rest.starts_with(|next: char| next.is_ascii_digit()) => {
                return Err(format!("\"/\" rounds to one unit and takes no amount, in \"{text}\""));
            }
            '/' => steps.push(Step::Floor(unit(rest)?)),
            '+' | '-' => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let amount = match rest[..digits].parse::<i64>() {
                    Ok(amount) if amount <= GREATEST => amount,
                    _ if digits == 0 => {
                        return Err(format!("an amount is missing after \"{sign}\" in \"{text}\""));
                    }
                    _ => return Err(format!("amounts are limited to {GREATEST} in \"{text}\"")),
                };
                rest = &rest[digits..];
                add(&mut steps, Step::of(if sign == '-' { -amount } else { amount }, unit(rest)?));
            }
            _ => return Err(format!("\"{sign}\" is not \"+\", \"-\" or \"/\" in \"{text}\"")),
        }
        rest = &rest[1..];
    }
    Ok(Moment { anchor, steps })
}

/// Adds a step, into the last one where that makes no difference: two months one by one may end on an earlier day
/// than two at once.
fn add(steps: &mut Vec<Step>, step: Step) {
    match (steps.last_mut(), step) {
        (Some(Step::Seconds(sum)), Step::Seconds(more)) | (Some(Step::Days(sum)), Step::Days(more)) => {
            *sum += more
        }
        _ => steps.push(step),
    }
    if matches!(steps.last(), Some(Step::Seconds(0) | Step::Days(0) | Step::Months(0))) {
        steps.pop();
    }
}

impl Step {
    fn of(amount: i64, unit: Unit) -> Self {
        match unit {
            Unit::Day => Step::Days(amount),
            Unit::Week => Step::Days(7 * amount),
            Unit::Month => Step::Months(amount),
            Unit::Year => Step::Months(12 * amount),
            shorter => Step::Seconds(amount * shorter.seconds().unwrap_or_default()),
        }
    }
}

impl fmt::Display for Moment {
    /// In the shortest of the forms that [`Moment::parse`] reads; equal moments print alike.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Anchor::Now, [Step::Seconds(seconds)]) = (self.anchor, self.steps.as_slice())
            && let Ok(length) = Duration::from_seconds(seconds.abs())
        {
            return write!(formatter, "{}{length}", if *seconds < 0 { '-' } else { '+' });
        }
        let word = WORDS.iter().find(|(_, math)| date_math(math).as_ref() == Ok(self));
        if let Some((word, _)) = word {
            return formatter.write_str(word);
        }
        match self.anchor {
            Anchor::Now => formatter.write_str("now")?,
            Anchor::Written(Written::Instant(instant)) => formatter.write_str(&print_instant(instant))?,
            Anchor::Written(Written::Local(local)) => {
                write!(formatter, "{}", local.format("%Y-%m-%dT%H:%M:%S%.f"))?
            }
            Anchor::Written(Written::Day(day)) => write!(formatter, "{day}")?,
        }
        if self.anchor != Anchor::Now && !self.steps.is_empty() {
            formatter.write_str("||")?;
        }
        for step in &self.steps {
            match step {
                Step::Seconds(seconds) => write!(formatter, "{seconds:+}s")?,
                Step::Days(days) => write!(formatter, "{days:+}d")?,
                Step::Months(months) => write!(formatter, "{months:+}M")?,
                Step::Floor(unit) => {
                    let letter =
                        UNITS.iter().find(|(_, known)| known == unit).map_or('s', |(letter, _)| *letter);
                    write!(formatter, "/{letter}")?;
                }
            }
        }
        Ok(())
    }
}
