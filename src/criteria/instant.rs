//! Times as JSON writes them: ISO 8601 dates and times, with an offset or without.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, Utc};

/// Microseconds since 2000-01-01 00:00 UTC, PostgreSQL's own count.
pub type Instant = i64;

/// 2000-01-01 00:00 UTC, in microseconds of the Unix epoch.
const EPOCH: i64 = 946_684_800_000_000;

/// A time as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Written {
    /// With an offset from UTC: the same everywhere.
    Instant(Instant),
    /// Without: what a clock on the wall shows.
    Local(NaiveDateTime),
    Day(NaiveDate),
}

impl Written {
    /// Reads `2026-11-22`, `2026-11-22T01:48`, `2026-11-22 01:48:38.123456+05:30` or `...Z`, of the years 1 to
    /// 9999, also before Christ with ` BC` at the end, as PostgreSQL writes it, and with a blank before the offset, as
    /// others do; digits beyond the microsecond are dropped. `None` for anything else, surrounding blanks included.
    pub fn parse(text: &str) -> Option<Self> {
        let (text, before_christ) = text.strip_suffix(" BC").map_or((text, false), |text| (text, true));
        let mut rest = Reader(text.as_bytes());
        let year = rest.digits(4).filter(|year| *year > 0)? as i32;
        rest.one(b"-")?;
        let month = rest.digits(2)?;
        rest.one(b"-")?;
        let year = if before_christ { 1 - year } else { year };
        let day = NaiveDate::from_ymd_opt(year, month, rest.digits(2)?)?;
        if rest.0.is_empty() {
            return Some(Written::Day(day));
        }
        rest.one(b"Tt ")?;
        let hour = rest.digits(2)?;
        rest.one(b":")?;
        let minute = rest.digits(2)?;
        let second = if rest.one(b":").is_some() { rest.digits(2)? } else { 0 };
        let micros = if rest.one(b".,").is_some() { rest.fraction()? } else { 0 };
        let midnight = (minute, second, micros) == (0, 0, 0);
        // ISO 8601 has 24:00 for the end of a day, and 60 for a leap second.
        if hour > 24 || hour == 24 && !midnight || minute > 59 || second > 60 {
            return None;
        }
        let seconds = i64::from(hour * 3_600 + minute * 60 + second);
        let time = TimeDelta::microseconds(seconds * 1_000_000 + i64::from(micros));
        let local = day.and_time(chrono::NaiveTime::MIN).checked_add_signed(time)?;
        if rest.0.is_empty() {
            return Some(Written::Local(local));
        }
        rest.one(b" ");
        let offset = rest.offset()?;
        rest.0.is_empty().then(|| Written::Instant(instant(local) - offset * 1_000_000))
    }
}

impl Written {
    /// The instant, of a date its beginning, where nothing else is said in UTC.
    pub fn in_utc(self) -> Instant {
        match self {
            Written::Instant(at) => at,
            Written::Local(local) => instant(local),
            Written::Day(day) => instant(day.and_time(chrono::NaiveTime::MIN)),
        }
    }

    /// Whether it lies in the years 1 to 9999, where nothing else is said of UTC.
    pub fn is_in_use(self) -> bool {
        utc(self.in_utc()).is_some_and(|time| (1..=9999).contains(&time.year()))
    }
}

/// The instant at which a clock of UTC shows a time.
pub fn instant(utc: NaiveDateTime) -> Instant {
    utc.and_utc().timestamp_micros() - EPOCH
}

/// What a clock of UTC shows at an instant; `None` far outside the years that are in use.
pub fn utc(instant: Instant) -> Option<NaiveDateTime> {
    DateTime::<Utc>::from_timestamp_micros(instant.checked_add(EPOCH)?).map(|time| time.naive_utc())
}

/// An instant in ISO 8601, in UTC.
pub fn print_instant(instant: Instant) -> String {
    utc(instant).map_or_else(String::new, |time| time.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// What is left to read.
struct Reader<'t>(&'t [u8]);

impl Reader<'_> {
    fn one(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first().filter(|(first, _)| wanted.contains(first))?;
        self.0 = rest;
        Some(*first)
    }

    /// A number of exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    }

    /// The digits after a point, in microseconds.
    fn fraction(&mut self) -> Option<u32> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let micro = |place: usize| digits.get(place).map_or(0, |digit: &u8| u32::from(*digit - b'0'));
        (count > 0).then(|| (0..6).fold(0, |micros, place| micros * 10 + micro(place)))
    }

    /// `Z`, `+05`, `+0530`, `+05:30` or `+05:30:15`, in seconds east of Greenwich.
    fn offset(&mut self) -> Option<i64> {
        if self.one(b"Zz").is_some() {
            return Some(0);
        }
        let sign = if self.one(b"+-")? == b'-' { -1 } else { 1 };
        let mut seconds = self.digits(2).filter(|hours| *hours < 24)? * 3_600;
        for unit in [60, 1] {
            if self.0.is_empty() {
                break;
            }
            self.one(b":");
            seconds += self.digits(2).filter(|amount| *amount < 60)? * unit;
        }
        Some(sign * i64::from(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Instant {
        match Written::parse(text) {
            Some(Written::Instant(instant)) => instant,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn offsets_in_every_form_name_the_same_instant() {
        for text in [
            "2000-01-01T06:30:00+05:30",
            "2000-01-01t06:30+0530",
            "2000-01-01 06:30:00,000+05:30:00",
            "2000-01-01T01:00:00.000000000Z",
            "1999-12-31T23:00:00-02",
            "2000-01-01 01:00:00z",
            "2000-01-01 00:59:60Z",
            "2000-01-01 06:30:00 +0530",
        ] {
            assert_eq!(at(text), 3_600_000_000, "{text}");
        }
        assert_eq!(at("1999-12-31T24:00:00Z"), 0);
        assert_eq!(at("2000-01-01T00:00:00.1234567Z"), 123_456);
    }

    #[test]
    fn without_an_offset_a_time_is_local() {
        assert!(matches!(Written::parse("2024-02-29"), Some(Written::Day(_))));
        assert!(matches!(Written::parse("2024-02-29T10:00"), Some(Written::Local(_))));
    }

    #[test]
    fn years_before_christ_are_read_as_postgresql_writes_them() {
        assert_eq!(at("0044-03-15T12:00:00+00:00 BC"), -64_464_465_600_000_000);
        let day = |text: &str| Written::parse(text).map(Written::in_utc);
        assert_eq!(day("0001-12-31 BC").map(|last| last + 86_400_000_000), day("0001-01-01"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2024",
            "2024-02",
            "2023-02-29",
            "2024-13-01",
            "2024-1-1",
            "0000-01-01",
            "0000-01-01 BC",
            "10000-01-01",
            "2024-01-01BC",
            "2024-01-01 BC BC",
            " BC",
            "20240101",
            "2024-01-01T",
            "2024-01-01T10",
            "2024-01-01T10:60",
            "2024-01-01T24:00:01",
            "2024-01-01T25:00",
            " 2024-01-01",
            "2024-01-01 ",
            "2024-01-01T10:00:00.",
            "2024-01-01T10:00+",
            "2024-01-01T10:00 ",
            "2024-01-01T10:00  +01:00",
            "2024-01-01 +01:00",
            "2024-01-01T10:00+24",
            "2024-01-01T10:00Zx",
            "2024-01-01T10:00:00+05:30:15:00",
            "infinity",
            "2024-01-01T10:00é",
            "１999-01-01",
        ] {
            assert_eq!(Written::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn printed_instants_read_back(instant in -60_000_000_000_000_000_i64..250_000_000_000_000_000) {
            prop_assert_eq!(at(&print_instant(instant)), instant);
        }

        #[test]
        fn no_text_faults(text in ".{0,30}") {
            let _ = Written::parse(&text);
        }
    }
}
