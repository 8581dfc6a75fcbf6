//! The effect of a treatment against a control group, with 95% intervals.
//!
//! Conversions: the ratio of two rates by the delta method on its logarithm (Katz, Baptista, Azen, Pike 1978, "Obtaining
//! confidence intervals for the risk ratio in cohort studies"). Money: the difference of two means with unequal variances
//! (Welch 1947), times the number of people treated. Both groups are people drawn at random; the intervals are for a
//! single look at the end.

use super::{Interval, ratio::t_quantile};

/// The standard normal quantile of 97.5%.
const Z: f64 = 1.959_964;

/// A group's people, those who converted, and their money.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Group {
    /// People.
    pub people: u64,
    /// Those who converted.
    pub conversions: u64,
    /// Sum of their money.
    pub sum: f64,
    /// Sum of its squares over people.
    pub sum_squared: f64,
}

impl Group {
    fn rate(&self) -> f64 {
        self.conversions as f64 / self.people as f64
    }

    fn mean(&self) -> f64 {
        self.sum / self.people as f64
    }

    /// Variance of the mean.
    fn mean_variance(&self) -> f64 {
        let people = self.people as f64;
        let variance = (self.sum_squared - self.sum * self.mean()).max(0.0) / (people - 1.0);
        variance / people
    }
}

/// The relative lift of the conversion rate: 0.1 is ten per cent. `None` unless both groups have conversions.
#[must_use]
pub fn relative_lift(treated: &Group, control: &Group) -> Option<Interval> {
    if treated.conversions == 0 || control.conversions == 0 {
        return None;
    }
    let ratio = treated.rate() / control.rate();
    let variance = |group: &Group| (1.0 - group.rate()).max(0.0) / group.conversions as f64;
    let margin = Z * (variance(treated) + variance(control)).sqrt();
    Some(Interval { value: ratio - 1.0, low: ratio * (-margin).exp() - 1.0, high: ratio * margin.exp() - 1.0 })
}

/// The money that the treatment brought in all, compared with treating none of its people. `None` unless both groups have
/// at least two people.
#[must_use]
pub fn total_lift(treated: &Group, control: &Group) -> Option<Interval> {
    if treated.people < 2 || control.people < 2 {
        return None;
    }
    let people = treated.people as f64;
    let value = (treated.mean() - control.mean()) * people;
    let (a, b) = (treated.mean_variance(), control.mean_variance());
    let margin = t_quantile(freedom(a, treated.people, b, control.people)) * (a + b).sqrt() * people;
    Some(Interval { value, low: value - margin, high: value + margin })
}

/// Clusters whose t quantile has Welch's degrees of freedom.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the number of people")]
fn freedom(a: f64, a_people: u64, b: f64, b_people: u64) -> u64 {
    let denominator = a * a / (a_people as f64 - 1.0) + b * b / (b_people as f64 - 1.0);
    if denominator > 0.0 { ((a + b).powi(2) / denominator).floor() as u64 + 1 } else { a_people + b_people }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn a_known_case_and_cases_without_an_answer() {
        // Katz's method: ratio 2, log interval ± 1.96 × sqrt(0.9/100 + 0.95/50) = ± 0.328.
        let group = |people, conversions| Group { people, conversions, ..Group::default() };
        let lift = relative_lift(&group(1000, 100), &group(1000, 50)).unwrap();
        assert!(
            (lift.value - 1.0).abs() < 1e-12 && (lift.low - 0.4407).abs() < 1e-3 && (lift.high - 1.776).abs() < 2e-3
        );
        assert_eq!(relative_lift(&group(10, 0), &group(10, 1)), None);
        assert_eq!(relative_lift(&group(10, 1), &Group::default()), None);
        assert_eq!(total_lift(&group(10, 1), &group(1, 1)), None);
        let money = |sum, sum_squared| Group { people: 100, conversions: 1, sum, sum_squared };
        let total = total_lift(&money(1000.0, 20_000.0), &money(500.0, 5000.0)).unwrap();
        assert!((total.value - 500.0).abs() < 1e-9 && total.low < 500.0 && total.high > 500.0);
    }

    #[test]
    fn ninety_five_of_a_hundred_intervals_cover_the_truth() {
        let mut random = StdRng::seed_from_u64(7);
        let (mut covered, mut covered_money, rounds) = (0, 0, 600);
        let mut draw = |rate: f64, people: u64| {
            let mut group = Group { people, ..Group::default() };
            for _ in 0..people {
                if random.random::<f64>() < rate {
                    let paid = -(1.0 - random.random::<f64>()).ln() * 100.0;
                    group.conversions += 1;
                    group.sum += paid;
                    group.sum_squared += paid * paid;
                }
            }
            group
        };
        for _ in 0..rounds {
            let (treated, control) = (draw(0.12, 2000), draw(0.10, 600));
            let lift = relative_lift(&treated, &control).unwrap();
            covered += u32::from(lift.low <= 0.2 && 0.2 <= lift.high);
            let money = total_lift(&treated, &control).unwrap();
            covered_money += u32::from(money.low <= 4000.0 && 4000.0 <= money.high);
        }
        // Three standard errors around 570 of 600.
        for n in [covered, covered_money] {
            assert!((554..=586).contains(&n), "{covered} {covered_money} of {rounds}");
        }
    }
}
