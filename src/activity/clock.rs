//! Reads instants as people and PostgreSQL write them.

use super::time::{Instant, VALID_TIMES};
use crate::criteria::Written;

/// Reads an ISO 8601 date or time; UTC unless it states an offset. `None` outside the years 1 to 9999.
pub fn parse_instant(text: &str) -> Option<Instant> {
    Written::parse(text.trim()).map(Written::in_utc).filter(|instant| VALID_TIMES.contains(instant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{DAY, HOUR};

    #[test]
    fn reads_dates_and_times() {
        assert_eq!(parse_instant("2000-01-02"), Some(DAY));
        assert_eq!(parse_instant("2000-01-02 00:00:00+00"), Some(DAY));
        assert_eq!(parse_instant("2000-01-02 00:00+00"), Some(DAY));
        assert_eq!(parse_instant("2000-01-02T01:00:00.5Z"), Some(DAY + HOUR + 500_000));
        assert_eq!(parse_instant("2000-01-02 05:30:00+05:30"), Some(DAY));
        assert_eq!(parse_instant("2000-01-02 00:00"), Some(DAY));
        assert_eq!(parse_instant("1999-12-31 00:00:00"), Some(-DAY));
        for text in ["", "now", "2000-13-01", "2000-01-02 25:00:00", "infinity", "99999-01-01"] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }
}
