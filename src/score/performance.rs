//! What became of what was sent: counts and rates of all events with one value of a property, such as one campaign.

use crate::criteria::canonical_event;

/// The events of one campaign, or channel, or category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Performance {
    pub events: i64,
    pub sends: i64,
    pub opens: i64,
    pub clicks: i64,
    pub purchases: i64,
    /// The sum of the values of purchases, in units of `10^-VALUE_SCALE`.
    pub revenue: i128,
}

impl Performance {
    pub fn add(&mut self, event_type: &str, units: i64) {
        self.events += 1;
        match canonical_event(event_type) {
            "sent" => self.sends += 1,
            "email_open" => self.opens += 1,
            "email_click" => self.clicks += 1,
            "purchase" => {
                self.purchases += 1;
                self.revenue += i128::from(units);
            }
            _ => {}
        }
    }

    /// So many by what was sent; `None` where nothing was.
    pub fn per_send(&self, count: i64) -> Option<f64> {
        (self.sends > 0).then(|| count as f64 / self.sends as f64)
    }

    /// (opens + 2 clicks + 5 purchases) / sends
    pub fn score(&self) -> Option<f64> {
        self.per_send(self.opens + 2 * self.clicks + 5 * self.purchases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_by_what_was_sent() {
        let mut performance = Performance::default();
        assert_eq!(performance.score(), None);
        for (kind, units) in
            [("sent", 0), ("sent", 5), ("open", 0), ("click", 0), ("purchase", 30), ("reply", 1)]
        {
            performance.add(kind, units);
        }
        assert_eq!((performance.events, performance.revenue), (6, 30));
        assert_eq!((performance.per_send(performance.opens), performance.score()), (Some(0.5), Some(4.0)));
    }
}
