//! Features and scores that are there as data: used by name, and kept from when something uses them.

use super::feature::Feature;
use crate::criteria::Features;
use serde_json::Value;

/// Name, what it is, and how it is computed.
pub const READY: [(&str, &str, &str); 41] = [
    // Windows.
    (
        "open_rate_7d",
        "opens / events of 7 days",
        r#"{"divide": [{"event": "email_open", "within": "7 days"}, {"event": "*", "within": "7 days"}]}"#,
    ),
    (
        "open_rate_90d",
        "opens / events of 90 days",
        r#"{"divide": [{"event": "email_open", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "click_rate_7d",
        "clicks / events of 7 days",
        r#"{"divide": [{"event": "email_click", "within": "7 days"}, {"event": "*", "within": "7 days"}]}"#,
    ),
    (
        "click_rate_90d",
        "clicks / events of 90 days",
        r#"{"divide": [{"event": "email_click", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "conversion_rate_7d",
        "purchases / events of 7 days",
        r#"{"divide": [{"event": "purchase", "within": "7 days"}, {"event": "*", "within": "7 days"}]}"#,
    ),
    (
        "conversion_rate_30d",
        "purchases / events of 30 days",
        r#"{"divide": [{"event": "purchase", "within": "30 days"}, {"event": "*", "within": "30 days"}]}"#,
    ),
    ("total_value_7d", "sum of values, 7 days", r#"{"event": "*", "sum": "value", "within": "7 days"}"#),
    ("total_value_30d", "sum of values, 30 days", r#"{"event": "*", "sum": "value", "within": "30 days"}"#),
    (
        "avg_value_7d",
        "sum of values / events, 7 days",
        r#"{"divide": [{"event": "*", "sum": "value", "within": "7 days"}, {"event": "*", "within": "7 days"}]}"#,
    ),
    (
        "avg_value_30d",
        "sum of values / events, 30 days",
        r#"{"divide": [{"event": "*", "sum": "value", "within": "30 days"}, {"event": "*", "within": "30 days"}]}"#,
    ),
    (
        "avg_value_90d",
        "sum of values / events, 90 days",
        r#"{"divide": ["total_value_90d", "total_events_90d"]}"#,
    ),
    (
        "last_activity_days",
        "whole days since the last event of any type",
        r#"{"event": "*", "days_since_last": true}"#,
    ),
    (
        "engagement_velocity",
        "growth of the number of events, 7 days against the 7 before",
        r#"{"event": "*", "trend": true, "within": "7 days"}"#,
    ),
    ("engagement_streak", "days in a row with events", r#"{"event": "*", "streak": true}"#),
    // Shares of types, 90 days.
    (
        "freq_email_open",
        "share of email_open in the events of 90 days",
        r#"{"divide": [{"event": "email_open", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "freq_email_click",
        "share of email_click in the events of 90 days",
        r#"{"divide": [{"event": "email_click", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "freq_website_visit",
        "share of website_visit in the events of 90 days",
        r#"{"divide": [{"event": "website_visit", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "freq_product_view",
        "share of product_view in the events of 90 days",
        r#"{"divide": [{"event": "product_view", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "freq_cart_add",
        "share of cart_add in the events of 90 days",
        r#"{"divide": [{"event": "cart_add", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "freq_cart_abandon",
        "share of cart_abandon in the events of 90 days",
        r#"{"divide": [{"event": "cart_abandon", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "freq_purchase",
        "share of purchase in the events of 90 days",
        r#"{"divide": [{"event": "purchase", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "freq_download",
        "share of download in the events of 90 days",
        r#"{"divide": [{"event": "download", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "freq_form_submit",
        "share of form_submit in the events of 90 days",
        r#"{"divide": [{"event": "form_submit", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    (
        "freq_social_share",
        "share of social_share in the events of 90 days",
        r#"{"divide": [{"event": "social_share", "within": "90 days"}, {"event": "*", "within": "90 days"}]}"#,
    ),
    // Purchases.
    (
        "avg_order_value",
        "sum of the values of purchases / purchases, ever",
        r#"{"divide": [{"event": "purchase", "sum": "value"}, {"event": "purchase"}]}"#,
    ),
    (
        "purchase_frequency",
        "purchases of 90 days / 90, per day",
        r#"{"divide": [{"event": "purchase", "within": "90 days"}, 90]}"#,
    ),
    ("recency", "whole days since the last purchase", r#"{"event": "purchase", "days_since_last": true}"#),
    ("frequency", "purchases, ever", r#"{"event": "purchase"}"#),
    ("monetary", "sum of the values of purchases, ever", r#"{"event": "purchase", "sum": "value"}"#),
    (
        "predicted_value",
        "total_value_90d * (1 + 2 engagement_score)",
        r#"{"multiply": ["total_value_90d", {"terms": [{"of": "engagement_score", "scale": 2, "offset": 1}]}]}"#,
    ),
    // Rates per mail, as the industry has them.
    (
        "opens_per_delivered_30d",
        "email_open / delivered, 30 days",
        r#"{"divide": [{"event": "email_open", "within": "30 days"}, {"event": "delivered", "within": "30 days"}]}"#,
    ),
    (
        "clicks_per_delivered_30d",
        "email_click / delivered, 30 days",
        r#"{"divide": [{"event": "email_click", "within": "30 days"}, {"event": "delivered", "within": "30 days"}]}"#,
    ),
    (
        "unsubscribes_per_delivered_30d",
        "unsubscribe / delivered, 30 days",
        r#"{"divide": [{"event": "unsubscribe", "within": "30 days"}, {"event": "delivered", "within": "30 days"}]}"#,
    ),
    (
        "bounces_per_sent_30d",
        "bounce / sent, 30 days",
        r#"{"divide": [{"event": "bounce", "within": "30 days"}, {"event": "sent", "within": "30 days"}]}"#,
    ),
    // Scores by increments, each at most 1.
    (
        "email_engagement",
        "0.1 per open and 0.2 per click, at most 1",
        r#"{"terms": [{"of": {"event": "email_open"}, "weight": 0.1}, {"of": {"event": "email_click"}, "weight": 0.2}], "clamp": [0, 1]}"#,
    ),
    (
        "purchase_propensity",
        "0.15 per purchase, at most 1",
        r#"{"terms": [{"of": {"event": "purchase"}, "weight": 0.15}], "clamp": [0, 1]}"#,
    ),
    (
        "website_activity",
        "0.05 per website_visit, 0.1 per product_view, 0.15 per cart_add, at most 1",
        r#"{"terms": [{"of": {"event": "website_visit"}, "weight": 0.05}, {"of": {"event": "product_view"}, "weight": 0.1}, {"of": {"event": "cart_add"}, "weight": 0.15}], "clamp": [0, 1]}"#,
    ),
    (
        "content_affinity",
        "0.1 per download, 0.15 per form_submit, at most 1",
        r#"{"terms": [{"of": {"event": "download"}, "weight": 0.1}, {"of": {"event": "form_submit"}, "weight": 0.15}], "clamp": [0, 1]}"#,
    ),
    (
        "social_engagement",
        "0.2 per social_share, at most 1",
        r#"{"terms": [{"of": {"event": "social_share"}, "weight": 0.2}], "clamp": [0, 1]}"#,
    ),
    (
        "behavior_engagement_score",
        "mean of email_engagement, website_activity and social_engagement",
        r#"{"divide": [{"terms": [{"of": "email_engagement"}, {"of": "website_activity"}, {"of": "social_engagement"}]}, 3]}"#,
    ),
    (
        "fading_engagement",
        "opens, clicks twice and purchases five times, of each half its weight after 30 days, at most 3 opens a day",
        r#"{"terms": [{"of": {"event": "email_open", "half_life": "30 days", "cap": {"most": 3, "per": "1 day"}}}, {"of": {"event": "email_click", "half_life": "30 days"}, "weight": 2}, {"of": {"event": "purchase", "half_life": "30 days"}, "weight": 5}]}"#,
    ),
];

/// The features that there are before anybody creates one.
pub fn features() -> Features {
    let spec = |(name, _, spec): &(&str, &str, &str)| {
        Some(((*name).to_owned(), serde_json::from_str::<Value>(spec).ok()?))
    };
    Features {
        builtin: Feature::ALL.map(Feature::name).to_vec(),
        specs: READY.iter().filter_map(spec).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_can_be_read() {
        let features = features();
        assert_eq!(features.specs.len(), READY.len());
        for (name, ..) in READY {
            features.formula(name).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        }
    }
}
