//! Instants, resolutions and windows.
//!
//! With r the resolution of a window W, an event at ts counts at t when `ts <= t` and
//! `floor_r(ts) > floor_r(t) - W`.

use crate::criteria::Duration;
pub use crate::criteria::Instant;
use std::ops::Range;

pub const SECOND: i64 = 1_000_000;
pub const HOUR: i64 = 3_600 * SECOND;
pub const DAY: i64 = 86_400 * SECOND;

/// Event times outside the years 1 to 9999 are set aside: nothing can be said about them that holds in every
/// time zone, and the infinities are among them.
pub const VALID_TIMES: Range<Instant> = -730_119 * DAY..2_921_940 * DAY;

/// How finely the events of a window are told apart in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// To the microsecond: nothing is rounded.
    Exact,
    Second,
    Minute,
    Hour,
}

impl Resolution {
    pub const COUNT: usize = 4;
    pub const ALL: [Resolution; Self::COUNT] =
        [Resolution::Exact, Resolution::Second, Resolution::Minute, Resolution::Hour];

    pub const fn micros(self) -> i64 {
        match self {
            Resolution::Exact => 1,
            Resolution::Second => SECOND,
            Resolution::Minute => 60 * SECOND,
            Resolution::Hour => HOUR,
        }
    }

    /// The index of the pane that an instant falls into.
    pub const fn pane(self, at: Instant) -> i64 {
        at.div_euclid(self.micros())
    }
}

/// The last so much time, at the resolution that its length calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    pub resolution: Resolution,
    /// Whole panes, the length rounded up.
    panes: i64,
}

impl Window {
    /// Up to 2 hours to the second, up to 7 days to the minute, longer to the hour: never off by more than 1 %.
    pub const fn new(length: Duration) -> Self {
        let seconds = length.seconds();
        let resolution = if seconds <= 2 * 3_600 {
            Resolution::Second
        } else if seconds <= 7 * 86_400 {
            Resolution::Minute
        } else {
            Resolution::Hour
        };
        let pane = resolution.micros() / SECOND;
        Window { resolution, panes: (seconds + pane - 1) / pane }
    }

    pub const fn days(days: i64) -> Self {
        Self::new(Duration::from_days(days))
    }

    pub const fn panes(self) -> i64 {
        self.panes
    }

    /// The oldest pane that counts at an instant.
    pub const fn oldest(self, at: Instant) -> i64 {
        self.resolution.pane(at) - self.panes + 1
    }

    /// A window at the resolution of the microsecond that holds all that this one does.
    pub const fn exact(self) -> Self {
        Window { resolution: Resolution::Exact, panes: (self.panes + 1) * self.resolution.micros() }
    }

    /// The oldest instant that counts at an instant.
    pub const fn begin(self, at: Instant) -> Instant {
        self.oldest(at) * self.resolution.micros()
    }

    /// The first instant at which a pane no longer counts.
    pub const fn expiry(self, pane: i64) -> Instant {
        (pane + self.panes) * self.resolution.micros()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn resolution_follows_the_length() {
        let resolution = |text: &str| Window::new(Duration::parse(text).unwrap()).resolution;
        assert_eq!(resolution("2 hours"), Resolution::Second);
        assert_eq!(resolution("121 minutes"), Resolution::Minute);
        assert_eq!(resolution("7 days"), Resolution::Minute);
        assert_eq!(resolution("8 days"), Resolution::Hour);
    }

    proptest! {
        /// The definition of a window, word for word, against pane arithmetic.
        #[test]
        fn panes_agree_with_the_definition(seconds in 1_i64..4_000_000, ts in -DAY * 90..DAY * 90, after in 0..DAY * 90) {
            let window = Window::new(Duration::parse(&format!("{seconds} seconds")).unwrap());
            let r = window.resolution.micros();
            let floor = |at: i64| at.div_euclid(r) * r;
            let counts = |t: i64| floor(ts) > floor(t) - seconds * SECOND;
            let t = ts + after;
            let pane = window.resolution.pane(ts);
            prop_assert_eq!(pane >= window.oldest(t), counts(t));
            let expiry = window.expiry(pane);
            prop_assert!(!counts(expiry) && counts(expiry - 1));
        }
    }
}
