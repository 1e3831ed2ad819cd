//! How the touchpoints on the path to a conversion share the credit for it.

use crate::activity::Instant;

/// The models of the field, by their usual names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    FirstTouch,
    LastTouch,
    Linear,
    /// A touchpoint that lies a half-life further back weighs half.
    TimeDecay {
        half_life: Instant,
    },
    /// 40 % to the first, 40 % to the last, and 20 % in equal parts to those between them; half each where there are two.
    PositionBased,
}

/// The weight of the latest touchpoint where weights fade: one that lies 40 half-lives before it has none.
const WHOLE: f64 = (1_i64 << 40) as f64;

impl Model {
    /// The names of all models.
    pub const NAMES: [&'static str; 5] =
        ["first_touch", "last_touch", "linear", "time_decay", "position_based"];

    /// A model by its name; the half-life is that of `time_decay`.
    pub fn named(name: &str, half_life: Instant) -> Option<Self> {
        Some(match name {
            "first_touch" => Model::FirstTouch,
            "last_touch" => Model::LastTouch,
            "linear" => Model::Linear,
            "time_decay" => Model::TimeDecay { half_life },
            "position_based" => Model::PositionBased,
            _ => return None,
        })
    }

    /// The credit of each touchpoint on a path, given by their times in ascending order, as whole numbers in proportion. At least
    /// one is more than 0.
    pub fn weights(self, path: &[Instant]) -> Vec<i128> {
        let last = path.len().saturating_sub(1);
        let weight = |place: usize, at: Instant| match self {
            Model::FirstTouch => i128::from(place == 0),
            Model::LastTouch => i128::from(place == last),
            Model::Linear => 1,
            Model::TimeDecay { half_life } => {
                let age = (path[last] - at) as f64 / half_life as f64;
                (WHOLE * (-age).exp2()).round() as i128
            }
            // Of 5 (n - 2) parts each between has 1, which is a fifth, and the first and the last two fifths each.
            Model::PositionBased if place == 0 || place == last => 2 * (last as i128 - 1).max(1),
            Model::PositionBased => 1,
        };
        path.iter().enumerate().map(|(place, at)| weight(place, *at)).collect()
    }
}

/// An amount in parts proportional to weights, of which one is more than 0. The sum of the parts is the amount exactly, and
/// none is a whole unit off: each is the difference of two rounded running sums.
pub(super) fn parts(amount: i128, weights: &[i128]) -> impl Iterator<Item = i128> {
    let whole = weights.iter().sum::<i128>().max(1);
    let (mut weight, mut given) = (0, 0);
    weights.iter().map(move |next| {
        weight += next;
        let until = (2 * amount * weight + whole).div_euclid(2 * whole);
        let part = until - given;
        given = until;
        part
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::DAY;
    use proptest::prelude::*;

    fn shares(model: Model, path: &[Instant]) -> Vec<i128> {
        parts(1_000_000_000, &model.weights(path)).collect()
    }

    #[test]
    fn each_model_shares_as_its_name_says() {
        let path = [0, 5 * DAY, 7 * DAY, 14 * DAY];
        assert_eq!(shares(Model::FirstTouch, &path), [1_000_000_000, 0, 0, 0]);
        assert_eq!(shares(Model::LastTouch, &path), [0, 0, 0, 1_000_000_000]);
        assert_eq!(shares(Model::Linear, &path), [250_000_000; 4]);
        assert_eq!(shares(Model::PositionBased, &path), [400_000_000, 100_000_000, 100_000_000, 400_000_000]);
        let half = Model::TimeDecay { half_life: 7 * DAY };
        assert_eq!(shares(half, &[0, 7 * DAY, 14 * DAY]), [142_857_143, 285_714_286, 571_428_571]);
    }

    #[test]
    fn one_touchpoint_has_it_all_and_two_share_it_by_position() {
        for name in Model::NAMES {
            assert_eq!(Model::named(name, DAY).map(|model| shares(model, &[3])), Some(vec![1_000_000_000]));
        }
        assert_eq!(shares(Model::PositionBased, &[1, 2]), [500_000_000, 500_000_000]);
        assert_eq!(shares(Model::PositionBased, &[1, 2, 3]), [400_000_000, 200_000_000, 400_000_000]);
        assert_eq!(Model::named("shapley", DAY), None);
    }

    #[test]
    fn what_faded_long_ago_has_nothing_left() {
        let half = Model::TimeDecay { half_life: DAY };
        assert_eq!(shares(half, &[0, 3_650 * DAY]), [0, 1_000_000_000]);
        // However long before the conversion the latest one lies, somebody has the credit.
        assert_eq!(shares(half, &[-36_500 * DAY, -36_500 * DAY]), [500_000_000, 500_000_000]);
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_amount_and_are_proportional(
            amount in any::<i64>(),
            weights in prop::collection::vec(0_i128..1 << 40, 1..50),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let whole: i128 = weights.iter().sum();
            let found: Vec<i128> = parts(amount.into(), &weights).collect();
            prop_assert_eq!(found.iter().sum::<i128>(), i128::from(amount));
            for (part, weight) in found.iter().zip(&weights) {
                prop_assert!((part * whole - i128::from(amount) * weight).abs() <= whole);
            }
        }
    }
}
