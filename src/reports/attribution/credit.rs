//! How the credit of conversions is divided among the sessions before them. Pure; the data-driven model is in `markov`.

use std::collections::BTreeMap;

use crate::wire::reports::AttributionModel;

/// After this time before the conversion a session's credit is half as much, milliseconds.
const HALF_LIFE_MS: f64 = 7.0 * 86_400_000.0;

/// A session before a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Touch<'a> {
    /// When it began, milliseconds.
    pub(super) began_ms: i64,
    /// Whether nothing is known of where it came from.
    pub(super) is_direct: bool,
    /// Its value; empty if direct.
    pub(super) value: &'a str,
}

/// What values are credited with: conversions and revenue.
pub(super) type Credits = BTreeMap<String, (f64, f64)>;

/// Shares of the sessions before a conversion at `at_ms`, in order; they add up to 1. Empty without sessions.
pub(super) fn shares(model: AttributionModel, touches: &[Touch<'_>], at_ms: i64) -> Vec<f64> {
    let count = touches.len();
    let Some(last) = count.checked_sub(1) else { return Vec::new() };
    let all_to = |place: usize| (0..count).map(|index| if index == place { 1.0 } else { 0.0 }).collect::<Vec<_>>();
    match model {
        AttributionModel::First => all_to(0),
        AttributionModel::Last => all_to(last),
        AttributionModel::LastNonDirect => all_to(touches.iter().rposition(|touch| !touch.is_direct).unwrap_or(last)),
        AttributionModel::Linear | AttributionModel::Markov => vec![1.0 / count as f64; count],
        AttributionModel::Position if count <= 2 => vec![1.0 / count as f64; count],
        AttributionModel::Position => {
            let between = 0.2 / (count - 2) as f64;
            (0..count).map(|index| if index == 0 || index == last { 0.4 } else { between }).collect()
        }
        AttributionModel::TimeDecay => {
            // By the distance to the last session: long before the conversion all weights would be 0.
            let newest = touches[last].began_ms.min(at_ms);
            let weight = |touch: &Touch<'_>| (-((newest - touch.began_ms) as f64) / HALF_LIFE_MS).exp2();
            let weights: Vec<f64> = touches.iter().map(weight).collect();
            let total: f64 = weights.iter().sum();
            weights.into_iter().map(|weight| weight / total).collect()
        }
    }
}

/// Whole numbers near these weights that add up to `total`: what is left after rounding down goes to the largest
/// remainders. The weights add up to about `total`.
pub(super) fn apportion(weights: &[f64], total: i64) -> Vec<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "weights are far below the range of 64 bits")]
    let mut whole: Vec<i64> = weights.iter().map(|weight| weight.floor() as i64).collect();
    let mut left = total - whole.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let remainder = |index: usize| weights[index] - weights[index].floor();
    order.sort_by(|a, b| remainder(*b).total_cmp(&remainder(*a)).then(a.cmp(b)));
    let count = i64::try_from(order.len()).unwrap_or(i64::MAX).max(1);
    for index in &order {
        let extra = left.signum() * (left.abs() + count - 1).div_euclid(count).min(left.abs());
        whole[*index] += extra;
        left -= extra;
        if left == 0 {
            break;
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400_000;
    const MODELS: [AttributionModel; 6] = [
        AttributionModel::First,
        AttributionModel::Last,
        AttributionModel::LastNonDirect,
        AttributionModel::Linear,
        AttributionModel::Position,
        AttributionModel::TimeDecay,
    ];

    fn touches(values: &[(i64, &'static str)]) -> Vec<Touch<'static>> {
        let touch =
            |(day, value): &(i64, &'static str)| Touch { began_ms: day * DAY, is_direct: value.is_empty(), value };
        values.iter().map(touch).collect()
    }

    #[test]
    fn models_divide_as_they_are_described() {
        let journey = touches(&[(0, "a"), (7, "b"), (14, "c"), (14, "")]);
        let of = |model| shares(model, &journey, 14 * DAY);
        assert_eq!(of(AttributionModel::First), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(of(AttributionModel::Last), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(of(AttributionModel::LastNonDirect), [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(of(AttributionModel::Linear), [0.25; 4]);
        assert_eq!(of(AttributionModel::Position), [0.4, 0.1, 0.1, 0.4]);
        let weights = [0.25, 0.5, 1.0, 1.0].map(|weight| weight / 2.75);
        for (share, weight) in of(AttributionModel::TimeDecay).iter().zip(weights) {
            assert!((share - weight).abs() < 1e-12);
        }
        assert_eq!(shares(AttributionModel::Position, &journey[..2], 7 * DAY), [0.5, 0.5]);
        assert_eq!(shares(AttributionModel::LastNonDirect, &journey[3..], 14 * DAY), [1.0]);
        assert!(shares(AttributionModel::First, &[], 0).is_empty());
    }

    proptest! {
        #[test]
        fn shares_add_up_to_one(days in prop::collection::vec(0_i64..3_000, 1..30), direct in any::<u32>()) {
            let mut days = days;
            days.sort_unstable();
            let touch = |(index, day): (usize, &i64)| {
                let is_direct = direct >> (index % 32) & 1 == 1;
                Touch { began_ms: day * DAY, is_direct, value: if is_direct { "" } else { "a" } }
            };
            let journey: Vec<Touch<'_>> = days.iter().enumerate().map(touch).collect();
            for model in MODELS {
                let shares = shares(model, &journey, 3_000 * DAY);
                prop_assert_eq!(shares.len(), journey.len());
                prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
            }
        }

        #[test]
        fn apportioned_numbers_add_up(weights in prop::collection::vec(-1_000.0..1_000.0_f64, 1..40)) {
            #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
            let total = weights.iter().sum::<f64>().round() as i64;
            let whole = apportion(&weights, total);
            prop_assert_eq!(whole.iter().sum::<i64>(), total);
            for (whole, weight) in whole.iter().zip(&weights) {
                prop_assert!((*whole as f64 - weight).abs() < 1.0 + 1e-9, "{} of {}", whole, weight);
            }
        }
    }
}
