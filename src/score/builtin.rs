//! Features and scores that are there as data: used by name, and kept from when something uses them.

use super::feature::Feature;
use crate::criteria::{Family, Features};
use serde_json::Value;

/// Name, what it is, and how it is computed.
pub const READY: [(&str, &str, &str); 42] = [
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
    // Times.
    (
        "peak_hour",
        "hour of the day with most of the events of 90 days",
        r#"{"event": "*", "peak_hour": true, "within": "90 days"}"#,
    ),
    (
        "peak_weekday",
        "day of the week with most of the events of 90 days, Monday being 1",
        r#"{"event": "*", "peak_weekday": true, "within": "90 days"}"#,
    ),
    (
        "weekend_share",
        "share of Saturdays and Sundays in the events of 90 days",
        r#"{"divide": [{"event": "*", "weekdays": [6, 7], "within": "90 days"}, "total_events_90d"]}"#,
    ),
    // The latest event.
    ("latest_hour", "hour of the day of the latest event", r#"{"event": "*", "latest_hour": true}"#),
    (
        "latest_weekday",
        "day of the week of the latest event, Monday being 1",
        r#"{"event": "*", "latest_weekday": true}"#,
    ),
    (
        "latest_weekend",
        "whether the latest event was on a Saturday or Sunday",
        r#"{"event": "*", "last": true, "weekdays": [6, 7]}"#,
    ),
    ("latest_value", "value of the latest event", r#"{"event": "*", "latest": "value"}"#),
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
        "inter_purchase_days",
        "days between purchases, on average",
        r#"{"event": "purchase", "average_gap": true}"#,
    ),
    (
        "next_purchase_days",
        "days until the next purchase at that pace, negative when it is overdue: inter_purchase_days - recency",
        r#"{"multiply": ["inter_purchase_days", {"terms": [{"of": {"divide": ["recency", "inter_purchase_days"]}, "scale": -1, "offset": 1}]}]}"#,
    ),
    (
        "purchase_velocity",
        "growth of the number of purchases, 30 days against the 30 before",
        r#"{"event": "purchase", "trend": true, "within": "30 days"}"#,
    ),
    (
        "order_value_shift",
        "value per purchase of 30 days / the same of the 60 before",
        r#"{"divide": [
            {"divide": [{"event": "purchase", "sum": "value", "within": "30 days"}, {"event": "purchase", "within": "30 days"}]},
            {"divide": [{"event": "purchase", "sum": "value", "within": "90 days", "older_than": "30 days"}, {"event": "purchase", "within": "90 days", "older_than": "30 days"}]}
        ]}"#,
    ),
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

/// Of which there is one for each text at the end of the name: what stands before it, what it is called, what the feature is, and
/// how it is computed.
pub const FAMILIES: [(&str, &str, &str, &str); 21] = [
    (
        "freq_",
        "<type>",
        "share of the type in the events of 90 days",
        r#"{"divide": [{"event": "<type>", "within": "90 days"}, "total_events_90d"]}"#,
    ),
    (
        "category_shift_",
        "<category>",
        "share of the category in the events of 30 days - that in those of the 60 before",
        r#"{"terms": [
            {"of": {"divide": [{"event": "*", "where": {"category": {"equals": "<category>"}}, "within": "30 days"}, "total_events_30d"]}},
            {"of": {"divide": [{"event": "*", "where": {"category": {"equals": "<category>"}}, "within": "90 days", "older_than": "30 days"},
                               {"event": "*", "within": "90 days", "older_than": "30 days"}]}, "weight": -1}
        ]}"#,
    ),
    (
        "pref_",
        "<category>",
        "share of the category in the events of 90 days",
        r#"{"divide": [{"event": "*", "where": {"category": {"equals": "<category>"}}, "within": "90 days"}, "total_events_90d"]}"#,
    ),
    (
        "content_preference_",
        "<category>",
        "what is made of the category by clicks, purchases, forwards, replies, unsubscribes and complaints, in order",
        r#"{"preference": "<category>"}"#,
    ),
    (
        "latest_is_",
        "<type>",
        "whether the latest event is of the type",
        r#"{"event": "<type>", "last": "*"}"#,
    ),
    (
        "latest_category_is_",
        "<category>",
        "whether the latest event is of the category",
        r#"{"event": "*", "last": true, "where": {"category": {"equals": "<category>"}}}"#,
    ),
    (
        "weekday_share_",
        "<weekday>",
        "share of the day of the week, Monday being 1, in the events of 365 days",
        r#"{"divide": [{"event": "*", "weekdays": ["<weekday>"], "within": "365 days"}, {"event": "*", "within": "365 days"}]}"#,
    ),
    (
        "month_share_",
        "<month>",
        "share of the month, January being 1, in all events ever",
        r#"{"divide": [{"event": "*", "months": ["<month>"]}, {"event": "*"}]}"#,
    ),
    (
        "channel_share_",
        "<channel>",
        "share of the channel in the events of 90 days",
        r#"{"divide": [{"event": "*", "where": {"channel": {"equals": "<channel>"}}, "within": "90 days"}, "total_events_90d"]}"#,
    ),
    (
        "channel_events_",
        "<channel>",
        "events of the channel, 90 days",
        r#"{"event": "*", "where": {"channel": {"equals": "<channel>"}}, "within": "90 days"}"#,
    ),
    (
        "channel_value_",
        "<channel>",
        "sum of the values of the events of the channel, 90 days",
        r#"{"event": "*", "where": {"channel": {"equals": "<channel>"}}, "sum": "value", "within": "90 days"}"#,
    ),
    (
        "channel_open_rate_",
        "<channel>",
        "email_open / delivered on the channel, 90 days",
        r#"{"divide": [{"event": "email_open", "where": {"channel": {"equals": "<channel>"}}, "within": "90 days"},
                       {"event": "delivered", "where": {"channel": {"equals": "<channel>"}}, "within": "90 days"}]}"#,
    ),
    (
        "channel_click_rate_",
        "<channel>",
        "email_click / delivered on the channel, 90 days",
        r#"{"divide": [{"event": "email_click", "where": {"channel": {"equals": "<channel>"}}, "within": "90 days"},
                       {"event": "delivered", "where": {"channel": {"equals": "<channel>"}}, "within": "90 days"}]}"#,
    ),
    (
        "channel_conversion_rate_",
        "<channel>",
        "purchases / events on the channel, 90 days",
        r#"{"divide": [{"event": "purchase", "where": {"channel": {"equals": "<channel>"}}, "within": "90 days"},
                       {"event": "*", "where": {"channel": {"equals": "<channel>"}}, "within": "90 days"}]}"#,
    ),
    (
        "prefers_channel_",
        "<channel>",
        "whether no channel has more of the events of 90 days",
        r#"{"event": "*", "mode": "<channel>", "of": "channel", "within": "90 days"}"#,
    ),
    (
        "campaign_sends_",
        "<campaign>",
        "mails of the campaign sent",
        r#"{"event": "sent", "where": {"campaign": {"equals": "<campaign>"}}}"#,
    ),
    (
        "campaign_open_rate_",
        "<campaign>",
        "email_open / sent of the campaign",
        r#"{"divide": [{"event": "email_open", "where": {"campaign": {"equals": "<campaign>"}}}, {"event": "sent", "where": {"campaign": {"equals": "<campaign>"}}}]}"#,
    ),
    (
        "campaign_click_rate_",
        "<campaign>",
        "email_click / sent of the campaign",
        r#"{"divide": [{"event": "email_click", "where": {"campaign": {"equals": "<campaign>"}}}, {"event": "sent", "where": {"campaign": {"equals": "<campaign>"}}}]}"#,
    ),
    (
        "campaign_conversion_rate_",
        "<campaign>",
        "purchases / sent of the campaign",
        r#"{"divide": [{"event": "purchase", "where": {"campaign": {"equals": "<campaign>"}}}, {"event": "sent", "where": {"campaign": {"equals": "<campaign>"}}}]}"#,
    ),
    (
        "campaign_average_value_",
        "<campaign>",
        "value per purchase of the campaign",
        r#"{"divide": [{"event": "purchase", "where": {"campaign": {"equals": "<campaign>"}}, "sum": "value"}, {"event": "purchase", "where": {"campaign": {"equals": "<campaign>"}}}]}"#,
    ),
    (
        "campaign_score_",
        "<campaign>",
        "(email_open + 2 email_click + 5 purchases) / sent of the campaign",
        r#"{"divide": [{"terms": [
            {"of": {"event": "email_open", "where": {"campaign": {"equals": "<campaign>"}}}},
            {"of": {"event": "email_click", "where": {"campaign": {"equals": "<campaign>"}}}, "weight": 2},
            {"of": {"event": "purchase", "where": {"campaign": {"equals": "<campaign>"}}}, "weight": 5}
        ]}, {"event": "sent", "where": {"campaign": {"equals": "<campaign>"}}}]}"#,
    ),
];

/// The features that there are before anybody creates one.
pub fn features() -> Features {
    thread_local!(static READ: Features = read());
    READ.with(Features::clone)
}

fn read() -> Features {
    let spec = |(name, _, spec): &(&str, &str, &str)| {
        Some(((*name).to_owned(), serde_json::from_str::<Value>(spec).ok()?))
    };
    let family = |(prefix, placeholder, _, spec): (&'static str, &'static str, &str, &str)| {
        Some(Family { prefix, placeholder, spec: serde_json::from_str(spec).ok()? })
    };
    Features {
        builtin: Feature::ALL.map(|feature| (feature.name(), feature.quantity())).to_vec(),
        specs: READY.iter().filter_map(spec).collect(),
        families: FAMILIES.into_iter().filter_map(family).collect(),
    }
}

/// What a feature is that is ready by that name, if there is one.
pub fn ready(name: &str) -> Option<String> {
    if let Some((_, what, _)) = READY.iter().find(|(known, ..)| *known == name) {
        return Some((*what).to_owned());
    }
    FAMILIES.iter().find_map(|(prefix, placeholder, what, _)| {
        let text = name.strip_prefix(prefix).filter(|text| !text.is_empty())?;
        Some(format!("{what}; {} is {text}", placeholder.trim_matches(['<', '>'])))
    })
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
        assert_eq!(features.families.len(), FAMILIES.len());
        for (prefix, ..) in FAMILIES {
            let name = format!("{prefix}1");
            let formula = features.formula(&name).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert!(!format!("{formula:?}").contains('<'), "{name} has its text everywhere");
        }
        assert!(features.formula("pref_").is_err());
        assert!(features.formula("month_share_13").is_err());
        assert!(features.formula("weekday_share_sunday").is_err());
        assert_eq!(
            ready("category_shift_hats").as_deref(),
            Some(
                "share of the category in the events of 30 days - that in those of the 60 before; category is hats"
            )
        );
    }
}
