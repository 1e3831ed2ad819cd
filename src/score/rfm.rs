//! RFM: recency, frequency and monetary value in quintiles, and the eleven usual cells of customers.
//!
//! The names, and the ranges of R and of the mean of F and M that each is used for, are the customary ones (Putler's article on
//! RFM made them so). Those ranges overlap; here every pair belongs to one cell, which lies within the range of its name.

use super::tiers::Tier;
use crate::criteria::Decimal;
use serde_json::{Value, json};

/// The four numbers that part the customers into fifths, of each feature, in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub struct Quintiles {
    pub recency: [Decimal; 4],
    pub frequency: [Decimal; 4],
    pub monetary: [Decimal; 4],
}

/// Who is in no cell.
pub const NO_CELL: &str = "rfm_no_purchase";

impl Quintiles {
    /// Scores by name, with their descriptions: a quintile each, from 1 to 5, the better the higher, and 0 without a purchase; and
    /// the mean of those of frequency and monetary value. Who is equal to a bound is in the lower fifth of the numbers.
    pub fn scores(&self) -> [(String, Value, String); 4] {
        let bought = json!({"when": {"frequency": {"min": 1}}, "points": 1});
        let quintile = |feature: &str, bounds: &[Decimal; 4], test: fn(&Value) -> Value| {
            let passed = bounds.iter().map(|bound| {
                let bound = serde_json::from_str(&bound.to_string()).unwrap_or(Value::Null);
                json!({"when": {"all": [{feature: test(&bound)}, {"frequency": {"min": 1}}]}, "points": 1})
            });
            json!({"terms": std::iter::once(bought.clone()).chain(passed).collect::<Vec<_>>()})
        };
        let half = |score: &str| json!({"of": score, "weight": 0.5});
        let recency = quintile("recency", &self.recency, |bound| json!({"max": bound}));
        let frequency = quintile("frequency", &self.frequency, |bound| json!({"gt": bound}));
        let monetary = quintile("monetary", &self.monetary, |bound| json!({"gt": bound}));
        let mean = json!({"terms": [half("rfm_frequency"), half("rfm_monetary")]});
        [
            ("rfm_recency", recency, "quintile of recency, 5 the latest"),
            ("rfm_frequency", frequency, "quintile of frequency, 5 the most"),
            ("rfm_monetary", monetary, "quintile of monetary value, 5 the most"),
            ("rfm_frequency_monetary", mean, "mean of both quintiles"),
        ]
        .map(|(name, spec, what)| (name.to_owned(), spec, what.to_owned()))
    }
}

/// Cell, what it says, and its parts: of each the least and the most R, and the least and the most rounded mean of F and M.
type Cell = (&'static str, &'static str, &'static [[u8; 4]]);

/// The best first.
const CELLS: [Cell; 11] = [
    ("champions", "bought lately, often and for much", &[[4, 5, 4, 5]]),
    ("loyal", "buy often, and not long ago", &[[4, 5, 3, 3], [3, 3, 4, 5]]),
    ("potential_loyalist", "bought lately, and more than once or for some money", &[[4, 5, 2, 2]]),
    ("new", "bought very lately, and little yet", &[[5, 5, 1, 1]]),
    ("promising", "bought lately, and little yet", &[[4, 4, 1, 1]]),
    ("needs_attention", "average in all, and not lately", &[[3, 3, 3, 3]]),
    ("about_to_sleep", "below average, and not lately", &[[3, 3, 1, 2]]),
    ("cannot_lose", "bought often and for much, and not for long", &[[1, 1, 4, 5]]),
    ("at_risk", "bought often or for some money, and not for some time", &[[2, 2, 3, 5], [1, 1, 3, 3]]),
    ("hibernating", "bought little, and not for some time", &[[2, 2, 1, 2]]),
    ("lost", "bought little, and not for long", &[[1, 1, 1, 2]]),
];

/// The segments of the cells, the best first: everybody who has bought is in one.
pub fn cells() -> Vec<Tier> {
    let part = |[least, most, fewest, more]: &[u8; 4]| {
        // Halves are rounded up.
        let mean = json!({"min": f64::from(*fewest) - 0.5, "lt": f64::from(*more) + 0.5});
        json!({"all": [{"rfm_recency": {"between": [least, most]}}, {"rfm_frequency_monetary": mean}]})
    };
    let cell = |(name, description, parts): &Cell| Tier {
        name: format!("rfm_{name}"),
        description: (*description).to_owned(),
        criteria: json!({"any": parts.iter().map(part).collect::<Vec<_>>()}),
        is_tier: true,
    };
    CELLS.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_quintiles_belongs_to_one_cell_of_its_customary_range() {
        // R and F&M of the customary names, as they overlap.
        let customary = |name: &str| match name {
            "champions" => [4, 5, 4, 5],
            "loyal" => [2, 5, 3, 5],
            "potential_loyalist" => [3, 5, 1, 3],
            "new" => [4, 5, 0, 1],
            "promising" => [3, 4, 0, 1],
            "needs_attention" => [2, 3, 2, 3],
            "about_to_sleep" => [2, 3, 0, 2],
            "at_risk" => [0, 2, 2, 5],
            "cannot_lose" => [0, 1, 4, 5],
            "hibernating" => [1, 2, 1, 2],
            _ => [0, 2, 0, 2],
        };
        let within = |r: u8, fm: u8, part: &[u8; 4]| {
            (part[0]..=part[1]).contains(&r) && (part[2]..=part[3]).contains(&fm)
        };
        for r in 1..=5 {
            for fm in 1..=5 {
                let found: Vec<_> = CELLS
                    .iter()
                    .filter(|(_, _, parts)| parts.iter().any(|part| within(r, fm, part)))
                    .collect();
                assert_eq!(found.len(), 1, "{r} {fm}");
                assert!(within(r, fm, &customary(found[0].0)), "{r} {fm} {}", found[0].0);
            }
        }
    }
}
