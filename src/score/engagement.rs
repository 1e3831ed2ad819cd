//! The engagement score, and the measure of regularity it uses.

/// What the engagement score is computed from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Engagement {
    pub events_7d: i64,
    /// Share of opens in the events of 30 days, 0 to 1.
    pub open_rate_30d: f64,
    /// Share of clicks in the events of 30 days, 0 to 1.
    pub click_rate_30d: f64,
    /// Share of purchases in the events of 90 days, 0 to 1.
    pub conversion_rate_90d: f64,
    /// See [`consistency`], over 90 days.
    pub consistency: f64,
}

impl Engagement {
    /// 0.30 min(events_7d / 10, 1) + 0.20 open_rate_30d + 0.25 * 5 click_rate_30d
    /// + 0.15 * 10 conversion_rate_90d + 0.10 max(0, 1 - consistency), clamped to 0 to 1.
    ///
    /// Added from left to right, so that the same events give the same bits everywhere. Someone without
    /// events scores 0.1: the last term rewards the absence of irregularity.
    pub fn score(&self) -> f64 {
        let sum = 0.30 * (self.events_7d as f64 / 10.0).min(1.0)
            + 0.20 * self.open_rate_30d
            + 0.25 * (5.0 * self.click_rate_30d)
            + 0.15 * (10.0 * self.conversion_rate_90d)
            + 0.10 * (1.0 - self.consistency).max(0.0);
        sum.clamp(0.0, 1.0)
    }
}

/// Population standard deviation over mean of the daily counts, over the days that have events; 0 with fewer
/// than two such days. Lower is steadier.
pub fn consistency(daily_counts: &[i64]) -> f64 {
    if daily_counts.len() < 2 {
        return 0.0;
    }
    // With n days, sum s and sum of squares q, sd / mean = sqrt(n q - s²) / s: exact up to the root.
    let days = daily_counts.len() as i128;
    let sum: i128 = daily_counts.iter().map(|count| i128::from(*count)).sum();
    let squares: i128 = daily_counts.iter().map(|count| i128::from(*count).pow(2)).sum();
    if sum == 0 { 0.0 } else { ((days * squares - sum * sum) as f64).sqrt() / sum as f64 }
}

/// `part / whole`, and 0 without a whole.
pub fn rate(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_term_by_term() {
        let score = |engagement: Engagement| (engagement.score() * 1e9).round() / 1e9;
        let none = Engagement { consistency: 1.0, ..Engagement::default() };
        assert_eq!(score(none), 0.0);
        assert_eq!(score(Engagement::default()), 0.1);
        assert_eq!(score(Engagement { events_7d: 5, ..none }), 0.15);
        assert_eq!(score(Engagement { events_7d: 50, ..none }), 0.3);
        assert_eq!(score(Engagement { open_rate_30d: 0.5, ..none }), 0.1);
        assert_eq!(score(Engagement { click_rate_30d: 0.1, ..none }), 0.125);
        assert_eq!(score(Engagement { conversion_rate_90d: 0.1, ..none }), 0.15);
        assert_eq!(score(Engagement { conversion_rate_90d: 1.0, ..none }), 1.0);
        assert_eq!(score(Engagement { consistency: 3.0, ..none }), 0.0);
    }

    #[test]
    fn consistency_is_relative_deviation_of_daily_counts() {
        assert_eq!(consistency(&[]), 0.0);
        assert_eq!(consistency(&[7]), 0.0);
        assert_eq!(consistency(&[3, 3, 3]), 0.0);
        // Mean 2, population standard deviation 1.
        assert_eq!(consistency(&[1, 3]), 0.5);
    }
}
