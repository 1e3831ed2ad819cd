//! What is predicted, of whom, and when its outcome is known.

use crate::activity::{DAY, Instant};
use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whether somebody active does nothing in the horizon.
    Churn,
    /// What somebody spends in it.
    Value,
    /// Whether somebody opens or clicks in it.
    Engagement,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Churn, Kind::Value, Kind::Engagement];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Churn => "churn",
            Kind::Value => "value",
            Kind::Engagement => "engagement",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the outcome is yes or no, and the prediction a probability.
    pub fn is_class(self) -> bool {
        self != Kind::Value
    }

    /// Events whose presence, or sum, makes the outcome; those of the second list do not count among "*".
    pub fn events(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Kind::Churn => (&["*"], &["sent", "delivered", "bounce", "unsubscribe", "complaint"]),
            Kind::Value => (&["purchase"], &[]),
            Kind::Engagement => (&["email_open", "email_click"], &[]),
        }
    }

    /// The features that guide B gives a model of the kind, by the names that they have here.
    pub fn features(self) -> &'static [&'static str] {
        match self {
            Kind::Churn => &[
                "total_events_7d",
                "open_rate_30d",
                "click_rate_30d",
                "conversion_rate_90d",
                "engagement_consistency",
                "days_since_last",
                "weekend_share",
                "peak_hour",
                "freq_email_open",
                "freq_email_click",
            ],
            Kind::Value => &[
                "total_value_30d",
                "total_value_90d",
                "conversion_rate_30d",
                "engagement_score",
                "freq_purchase",
                "avg_order_value",
            ],
            Kind::Engagement => &[
                "total_events_7d",
                "open_rate_30d",
                "click_rate_30d",
                "engagement_consistency",
                "weekend_share",
            ],
        }
    }
}

/// Lengths of time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// Only who did something in so long before a snapshot is looked at.
    pub window: Instant,
    /// From a snapshot to the beginning of the outcome.
    pub gap: Instant,
    /// How long the outcome takes.
    pub horizon: Instant,
}

/// The instants at which subscribers are looked at, each later than the outcomes of those before it are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Ascending; never empty.
    pub train: Vec<Instant>,
    /// Without one, a fifth of the subscribers of the training are held back.
    pub validation: Option<Instant>,
    pub test: Instant,
}

impl Spans {
    /// From one snapshot to the next.
    fn step(self) -> Instant {
        self.gap + self.horizon
    }

    /// Snapshots for events from the first to the last: at the latest one whose outcome is known, or the one that is wanted, the
    /// model is tested; a step earlier it is validated; and at as many as there are before, it is trained.
    pub fn plan(self, first: Instant, last: Instant, wanted: Option<Instant>, most: usize) -> Result<Plan> {
        let latest = last - self.step();
        let test = wanted.unwrap_or(latest);
        if test > latest {
            return Err(Error::Argument {
                problem: format!(
                    "the outcome of a snapshot is known {} later, and there are events to {} only",
                    days(self.step()),
                    time(last)
                ),
                hint: format!("The latest snapshot is {}; or choose a shorter horizon.", time(latest)),
            });
        }
        let earlier = (1..).map(|steps| test - steps * self.step());
        let mut earlier: Vec<Instant> =
            earlier.take_while(|snapshot| *snapshot >= first + self.window).take(most + 1).collect();
        earlier.reverse();
        let validation = if earlier.len() > 1 { earlier.pop() } else { None };
        if earlier.is_empty() {
            let needed = self.window + 2 * self.step();
            let until = test + self.step();
            return Err(Error::Argument {
                problem: format!(
                    "there is too little history to learn from: {} are needed, and there are {}",
                    days(needed),
                    days(until - first)
                ),
                hint: "A model is trained at one time and tested at a later one, with a window before the first and a horizon \
                       after each: choose shorter ones, or wait."
                    .to_owned(),
            });
        }
        Ok(Plan { train: earlier, validation, test })
    }
}

fn days(span: Instant) -> String {
    format!("{:.1} days", span as f64 / DAY as f64)
}

/// Microseconds since 2000, in UTC.
fn time(at: Instant) -> String {
    let unix = at.saturating_add(946_684_800_000_000);
    match chrono::DateTime::from_timestamp_micros(unix) {
        Some(at) => at.format("%Y-%m-%d %H:%M:%S+00").to_string(),
        None => "a time out of range".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPANS: Spans = Spans { window: 90 * DAY, gap: 2 * DAY, horizon: 30 * DAY };

    #[test]
    fn every_outcome_is_known_before_the_next_snapshot() {
        let plan = SPANS.plan(0, 300 * DAY, None, 4).unwrap();
        assert_eq!(plan.test, 268 * DAY);
        assert_eq!(plan.validation, Some(236 * DAY));
        assert_eq!(plan.train, [108 * DAY, 140 * DAY, 172 * DAY, 204 * DAY]);
        assert_eq!(SPANS.plan(0, 300 * DAY, None, 2).unwrap().train, [172 * DAY, 204 * DAY]);
        let earlier = SPANS.plan(0, 300 * DAY, Some(160 * DAY), 4).unwrap();
        assert_eq!(earlier, Plan { train: vec![96 * DAY], validation: Some(128 * DAY), test: 160 * DAY });
        let short = SPANS.plan(0, 154 * DAY, None, 4).unwrap();
        assert_eq!(short, Plan { train: vec![90 * DAY], validation: None, test: 122 * DAY });
    }

    #[test]
    fn too_little_history_is_refused_with_how_much_is_needed() {
        let error = SPANS.plan(0, 153 * DAY, None, 4).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is too little history to learn from: 154.0 days are needed, and there are 153.0 days"
        );
        let error = SPANS.plan(0, 153 * DAY, Some(122 * DAY), 4).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the outcome of a snapshot is known 32.0 days later, and there are events to 2000-06-02 00:00:00+00 only"
        );
        assert!(error.hint().unwrap().starts_with("The latest snapshot is 2000-05-01 00:00:00+00"));
    }
}
