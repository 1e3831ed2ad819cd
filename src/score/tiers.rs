//! The engagement tiers: rules over features, and the place by the score alone of whoever meets none.
//!
//! Highest first, with the reason for the order. The thresholds are those of the field's usual tiers; what is added is that
//! every rule is evaluated, and that the order is stated. Without a prediction nobody is likely or unlikely to churn: a rule
//! that bounds churn from above lets such a one pass, and a rule that bounds it from below does not.

use serde_json::{Value, json};

/// A tier, or a segment that tiers refer to.
#[derive(Clone, Debug)]
pub struct Tier {
    pub name: String,
    pub description: String,
    pub criteria: Value,
    /// Whether it is a tier itself.
    pub is_tier: bool,
}

/// What a tier demands: name, why it comes where it does, rule, and the range of the score in which whoever meets no rule is.
type Rule = (&'static str, &'static str, Value, Option<Value>);

/// The segments of the engagement tiers, each after those that it refers to; the tiers among them the highest first. `churn`
/// is the attribute with the probability of churn, if there is one; the prefix stands before each name.
pub fn engagement_tiers(churn: Option<&str>, prefix: &str) -> Vec<Tier> {
    let name = |name: &str| format!("{prefix}{name}");
    let segment = |tier: &str| json!({"segment": name(tier)});
    let rule_name = |(tier, _, _, range): &Rule| match range {
        Some(_) => format!("{tier}_rule"),
        None => (*tier).to_owned(),
    };
    let rules = rules(churn);
    let of_rule = |rule: &Rule| Tier {
        name: name(&rule_name(rule)),
        description: match &rule.3 {
            Some(_) => format!("who meets the rule of the tier {}", name(rule.0)),
            None => rule.1.to_owned(),
        },
        criteria: rule.2.clone(),
        is_tier: rule.3.is_none(),
    };
    let none: Vec<Value> = rules.iter().map(|rule| segment(&rule_name(rule))).collect();
    let by_score = "engagement_by_score";
    let rest = Tier {
        name: name(by_score),
        description: "who meets no rule of the engagement tiers and has a place by the score alone"
            .to_owned(),
        criteria: json!({"none": none}),
        is_tier: false,
    };
    let tier = |rule: &Rule| {
        let range = rule.3.as_ref()?;
        let by_rule = segment(&rule_name(rule));
        let otherwise = json!({"all": [segment(by_score), {"engagement_score": range}]});
        Some(Tier {
            name: name(rule.0),
            description: rule.1.to_owned(),
            criteria: json!({"any": [by_rule, otherwise]}),
            is_tier: true,
        })
    };
    let mut tiers: Vec<Tier> = rules.iter().map(of_rule).chain([rest]).collect();
    tiers.extend(rules.iter().filter_map(tier));
    tiers
}

/// The names of the tiers, the highest first.
pub fn engagement_order(prefix: &str) -> Vec<String> {
    rules(None).into_iter().map(|(tier, ..)| format!("{prefix}{tier}")).collect()
}

fn rules(churn: Option<&str>) -> [Rule; 8] {
    // Nobody is above a bound who has no value, and nobody at least at one.
    let above = |least: f64| churn.map(|churn| json!({"attribute": churn, "gt": least}));
    let at_least = |least: f64| churn.map(|churn| json!({"attribute": churn, "min": least}));
    let engaged = |score: f64, opens: f64, clicks: Option<f64>, most: f64| {
        let mut all =
            vec![json!({"engagement_score": {"min": score}}), json!({"open_rate_30d": {"min": opens}})];
        all.extend(clicks.map(|clicks| json!({"click_rate_30d": {"min": clicks}})));
        all.extend(above(most).map(|above| json!({"not": above})));
        json!({"all": all})
    };
    let churning = |least: f64, mut all: Vec<Value>| match at_least(least) {
        Some(churn) => {
            all.insert(0, churn);
            json!({"all": all})
        }
        None => json!({"any": []}),
    };
    [
        (
            "champions",
            "the best customers: first, as nearly all of them meet the rule of highly_engaged too",
            json!({"all": [{"engagement_score": {"min": 0.9}}, {"lifetime_value": {"min": 500}}, {"purchase_frequency": {"min": 0.1}}]}),
            None,
        ),
        (
            "potential_churners",
            "likely to be lost, and all but silent for a week: before what they did until then, as there is little time",
            churning(0.8, vec![json!({"total_events_7d": {"max": 1}})]),
            None,
        ),
        (
            "at_risk",
            "about to be lost, and silent for a month, or the lowest score",
            churning(
                0.7,
                vec![json!({"engagement_score": {"max": 0.2}}), json!({"days_since_last": {"min": 30}})],
            ),
            Some(json!({"max": 0.1})),
        ),
        (
            "highly_engaged",
            "reads and clicks all the time",
            engaged(0.8, 0.4, Some(0.1), 0.2),
            Some(json!({"gt": 0.8})),
        ),
        (
            "engaged",
            "reads and clicks often",
            engaged(0.6, 0.25, Some(0.05), 0.4),
            Some(json!({"gt": 0.6, "max": 0.8})),
        ),
        (
            "moderate",
            "reads and clicks now and then",
            engaged(0.3, 0.1, Some(0.02), 0.6),
            Some(json!({"gt": 0.3, "max": 0.6})),
        ),
        ("low_engaged", "reads little", engaged(0.1, 0.05, None, 0.8), Some(json!({"gt": 0.1, "max": 0.3}))),
        (
            "new",
            "nothing of them is known from before the last 7 days, and they meet no rule: too early for a place by the score",
            json!({"event": "*", "older_than": "7 days", "count": {"equals": 0}}),
            None,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criteria::{Scope, parse_value};

    #[test]
    fn every_definition_can_be_read_and_refers_to_earlier_ones() {
        for churn in [None, Some("traits.churn")] {
            let tiers = engagement_tiers(churn, "e ");
            for (place, tier) in tiers.iter().enumerate() {
                parse_value(&tier.criteria, Scope::Subscriber).unwrap();
                let text = tier.criteria.to_string();
                assert_eq!(
                    tiers[place..]
                        .iter()
                        .find(|other| text.contains(&format!("\"{}\"", other.name)))
                        .map(|other| &other.name),
                    None
                );
            }
            let mut names: Vec<&String> =
                tiers.iter().filter(|tier| tier.is_tier).map(|tier| &tier.name).collect();
            names.sort_unstable();
            let mut order = engagement_order("e ");
            order.sort_unstable();
            assert_eq!(names, order.iter().collect::<Vec<_>>());
        }
    }
}
