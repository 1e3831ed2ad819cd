//! Lengths of time: a fixed number of seconds, so that a window means the same in every time zone.

use std::fmt;

/// A positive length of time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(i64);

const DAY: i64 = 86_400;
const UNITS: [(&str, i64); 6] =
    [("second", 1), ("minute", 60), ("hour", 3_600), ("day", DAY), ("week", 7 * DAY), ("year", 365 * DAY)];

/// The longest window: 100 years of 365 days.
const LONGEST: i64 = 100 * 365 * DAY;

impl Duration {
    /// Reads `90 days` or `1 day 12 hours`: whole numbers with a unit from second to year, a year being 365
    /// days. The error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() || !words.len().is_multiple_of(2) {
            return Err(format!("\"{text}\" is not a duration"));
        }
        let mut seconds = 0_i64;
        for pair in words.chunks_exact(2) {
            if pair[0].is_empty() || !pair[0].bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(format!("\"{}\" is not a whole number of {}", pair[0], pair[1]));
            }
            let amount: i64 = pair[0].parse().unwrap_or(i64::MAX);
            let unit = pair[1].strip_suffix('s').unwrap_or(pair[1]);
            if unit == "month" {
                return Err("a month has no fixed length".to_owned());
            }
            let (_, length) = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(|| format!("\"{}\" is not a unit of time", pair[1]))?;
            seconds = seconds.saturating_add(amount.saturating_mul(*length));
        }
        Self::from_seconds(seconds)
    }

    /// A length of at least a second and at most 100 years.
    pub fn from_seconds(seconds: i64) -> Result<Self, String> {
        match seconds {
            ..=0 => Err("a duration of zero selects nothing".to_owned()),
            seconds if seconds > LONGEST => Err("a duration is limited to 100 years".to_owned()),
            seconds => Ok(Duration(seconds)),
        }
    }

    pub const fn from_days(days: i64) -> Self {
        Duration(days * DAY)
    }

    pub const fn seconds(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Duration {
    /// In the largest unit that divides it, weeks and years left aside: `90 days`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, length) =
            UNITS[..4].iter().rev().find(|(_, length)| self.0 % length == 0).unwrap_or(&UNITS[0]);
        let amount = self.0 / length;
        write!(formatter, "{amount} {name}{}", if amount == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        assert_eq!(Duration::parse("90 days").unwrap().seconds(), 90 * DAY);
        assert_eq!(Duration::parse("1 day 12 hours").unwrap().to_string(), "36 hours");
        assert_eq!(Duration::parse("1 year").unwrap().to_string(), "365 days");
        assert_eq!(Duration::parse("2 weeks").unwrap().to_string(), "14 days");
        assert_eq!(Duration::parse("1 second").unwrap().to_string(), "1 second");
    }

    #[test]
    fn refuses_what_has_no_fixed_positive_length() {
        for text in [
            "",
            "90",
            "days",
            "-1 days",
            "1.5 hours",
            "3 months",
            "0 days",
            "1 fortnight",
            "101 years",
            "99999999999999999999 days",
        ] {
            assert!(Duration::parse(text).is_err(), "{text:?}");
        }
    }
}
