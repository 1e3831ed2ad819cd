//! Reads instants as people and PostgreSQL write them.

use super::time::{Instant, VALID_TIMES};
use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// 2000-01-01 00:00 UTC, in microseconds of the Unix epoch.
const EPOCH: i64 = 946_684_800_000_000;

/// Reads an ISO 8601 date or time; UTC unless it states an offset. `None` outside the years 1 to 9999.
pub fn parse_instant(text: &str) -> Option<Instant> {
    let text = text.trim();
    let with_offset = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"];
    let without = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let upper = text.strip_suffix('Z').map(|text| format!("{text}+00"));
    let zoned = upper.as_deref().unwrap_or(text);
    let micros = with_offset
        .iter()
        .find_map(|format| DateTime::parse_from_str(zoned, format).ok())
        .map(|time| time.timestamp_micros())
        .or_else(|| {
            let local = without.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
            let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
            local.or_else(day).map(|time| time.and_utc().timestamp_micros())
        })?;
    micros.checked_sub(EPOCH).filter(|instant| VALID_TIMES.contains(instant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{DAY, HOUR};

    #[test]
    fn reads_dates_and_times() {
        assert_eq!(parse_instant("2000-01-02"), Some(DAY));
        assert_eq!(parse_instant("2000-01-02 00:00:00+00"), Some(DAY));
        assert_eq!(parse_instant("2000-01-02T01:00:00.5Z"), Some(DAY + HOUR + 500_000));
        assert_eq!(parse_instant("2000-01-02 05:30:00+05:30"), Some(DAY));
        assert_eq!(parse_instant("2000-01-02 00:00"), Some(DAY));
        assert_eq!(parse_instant("1999-12-31 00:00:00"), Some(-DAY));
        for text in ["", "now", "2000-13-01", "2000-01-02 25:00:00", "infinity", "99999-01-01"] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }
}
