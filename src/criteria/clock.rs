//! The instant and the time zone that criteria are evaluated at.

use super::instant::{Instant, instant, utc};
use crate::error::{Error, Result, nearest};
use chrono::{Datelike, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike};
use chrono_tz::{TZ_VARIANTS, Tz};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// Less than lies between any two changes of the clocks of a zone: four days in Freetown in 1939, else at least six.
const CLOSEST: i64 = 2 * DAY;

/// How far ahead changes of the clocks are looked for.
const FAR: i64 = 32 * DAY;

/// Which "now" and which calendar days criteria mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Clock {
    pub now: Instant,
    pub zone: Zone,
}

/// A time zone, whose rules say what clocks on its walls show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zone(Tz);

impl Zone {
    pub const UTC: Zone = Zone(Tz::UTC);

    /// By its IANA name, in any case.
    pub fn by_name(name: &str) -> Result<Self> {
        Tz::from_str_insensitive(name).map(Zone).map_err(|_| Error::Argument {
            problem: format!("time zone \"{name}\" is not known"),
            hint: match nearest(name, TZ_VARIANTS.iter().map(|zone| zone.name())) {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => "Write an IANA name such as \"Europe/Paris\" or \"UTC\".".to_owned(),
            },
        })
    }

    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What its clocks show at an instant: the hour, the day of the week from Monday, which is 1, on, and the month from 1 on;
    /// `None` far outside the years that are in use.
    pub fn shows(self, at: Instant) -> Option<[u32; 3]> {
        let local = Clock { now: at, zone: self }.local(at)?;
        Some([local.hour(), local.weekday().number_from_monday(), local.month()])
    }

    /// Whether its clocks have been whole hours ahead of UTC, or behind it, since 1970, and will be.
    pub fn is_hourly(self) -> bool {
        let clock = Clock { now: 0, zone: self };
        // None had another offset for less than a month; and what is to come follows from rules.
        let mut moments = (-30 * 24..40 * 24).map(|place| place * 15 * DAY);
        self == Zone::UTC || moments.all(|at| clock.offset(at) % HOUR == 0)
    }
}

impl Clock {
    /// For criteria that do not depend on the current time, as [`super::Scope::Document`] makes sure of: times
    /// without an offset are those of UTC.
    pub const TIMELESS: Clock = Clock { now: 0, zone: Zone::UTC };

    /// An instant in a time zone by its IANA name, in any case.
    pub fn new(now: Instant, zone: &str) -> Result<Self> {
        Ok(Clock { now, zone: Zone::by_name(zone)? })
    }

    /// What a clock on the wall shows at an instant.
    pub fn local(&self, at: Instant) -> Option<NaiveDateTime> {
        let utc = utc(at)?;
        utc.checked_add_offset(self.zone.0.offset_from_utc_datetime(&utc).fix())
    }

    /// The instant that a time without an offset names. A time that a change of the clocks skips, or shows
    /// twice, is read by standard time, as PostgreSQL reads it.
    pub fn instant(&self, local: NaiveDateTime) -> Instant {
        self.resolve(local, |_, latest| latest)
    }

    /// The first instant that belongs to a period, which begins at a local time.
    pub fn beginning(&self, local: NaiveDateTime) -> Instant {
        self.resolve(local, |earliest, _| earliest)
    }

    /// For how many microseconds after an instant the offset stays what it is, up to 32 days.
    pub fn holds(&self, at: Instant) -> i64 {
        let far = at.saturating_add(FAR);
        self.next_change(at, far).unwrap_or(far) - at
    }

    /// For how many microseconds after a time without an offset it is read by the same offset, up to 32 days.
    pub fn reads(&self, local: NaiveDateTime) -> i64 {
        let local = instant(local);
        // Of a change, the times that it skips or repeats lie between what the clocks show before it and after.
        let mut change = local.saturating_sub(2 * DAY);
        let last = local.saturating_add(FAR + 2 * DAY);
        while let Some(next) = self.next_change(change, last) {
            let edges = [next + self.offset(next - 1), next + self.offset(next)];
            if let Some(edge) = edges.into_iter().filter(|edge| *edge > local).min() {
                return (edge - local).min(FAR);
            }
            change = next;
        }
        FAR
    }

    /// The first instant after one, and not after another, from which the offset is a different one.
    fn next_change(&self, after: Instant, last: Instant) -> Option<Instant> {
        if self.zone == Zone::UTC {
            return None;
        }
        let offset = self.offset(after);
        let (mut low, mut high) = (after, after);
        while self.offset(high) == offset {
            if high >= last {
                return None;
            }
            (low, high) = (high, high.saturating_add(CLOSEST).min(last));
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            *(if self.offset(middle) == offset { &mut low } else { &mut high }) = middle;
        }
        Some(high)
    }

    /// How far the clocks are ahead of UTC, in microseconds.
    fn offset(&self, at: Instant) -> i64 {
        self.local(at).map_or(0, |local| instant(local) - at)
    }

    fn resolve(&self, local: NaiveDateTime, choose: fn(i32, i32) -> i32) -> Instant {
        let seconds = |offset: <Tz as TimeZone>::Offset| offset.fix().local_minus_utc();
        let offset = match self.zone.0.offset_from_local_datetime(&local) {
            chrono::LocalResult::Single(offset) => seconds(offset),
            chrono::LocalResult::Ambiguous(earliest, latest) => choose(seconds(earliest), seconds(latest)),
            // Skipped: the offset before the change.
            chrono::LocalResult::None => {
                let before = local.checked_sub_signed(TimeDelta::days(1)).unwrap_or(local);
                seconds(self.zone.0.offset_from_utc_datetime(&before))
            }
        };
        instant(local) - i64::from(offset) * 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::super::instant::{Written, print_instant};
    use super::*;

    fn local(text: &str) -> NaiveDateTime {
        match Written::parse(text) {
            Some(Written::Local(local)) => local,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn skipped_and_repeated_times_are_read_by_standard_time() {
        let clock = Clock::new(0, "America/New_York").unwrap();
        assert_eq!(print_instant(clock.instant(local("2024-03-10 02:30"))), "2024-03-10T07:30:00Z");
        assert_eq!(print_instant(clock.instant(local("2024-11-03 01:30"))), "2024-11-03T06:30:00Z");
        assert_eq!(print_instant(clock.beginning(local("2024-11-03 01:00"))), "2024-11-03T05:00:00Z");
    }

    #[test]
    fn a_day_begins_at_its_first_instant() {
        // Havana sets its clocks back from 1:00 to 0:00; Beirut sets them forward from 0:00 to 1:00.
        let havana = Clock::new(0, "America/Havana").unwrap();
        assert_eq!(print_instant(havana.beginning(local("2024-11-03 00:00"))), "2024-11-03T04:00:00Z");
        let beirut = Clock::new(0, "asia/beirut").unwrap();
        assert_eq!(print_instant(beirut.beginning(local("2024-03-31 00:00"))), "2024-03-30T22:00:00Z");
    }

    #[test]
    fn an_unknown_zone_is_refused_with_the_nearest() {
        let error = Clock::new(0, "Europe/Pariss").unwrap_err();
        assert_eq!(error.hint().unwrap(), "Did you mean \"Europe/Paris\"?");
        assert!(Clock::new(0, "").is_err());
    }
}
