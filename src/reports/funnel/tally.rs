//! PURE: from visitors' depths to the figures of a funnel.

use super::matcher::Found;
use crate::wire::reports::FunnelStepAnswer;

/// What was found of all visitors so far.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Visitors by the steps they reached: `deepest[0]` reached only the first.
    deepest: Vec<u64>,
    /// For each step but the first, the times since the step before.
    times: Vec<Vec<i64>>,
}

impl Tally {
    pub(super) fn new(steps: usize) -> Self {
        Self { deepest: vec![0; steps], times: vec![Vec::new(); steps - 1] }
    }

    pub(super) fn add(&mut self, found: &Found) {
        self.deepest[found.depth - 1] += 1;
        let reached = found.at[..found.depth].windows(2);
        for (times, pair) in self.times.iter_mut().zip(reached) {
            times.push(pair[1] - pair[0]);
        }
    }

    /// Visitors who came to a step (from 0) and no further.
    pub(super) fn ended_at(&self, step: usize) -> u64 {
        self.deepest[step]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deepest.iter().all(|count| *count == 0)
    }

    pub(super) fn answers(mut self) -> Vec<FunnelStepAnswer> {
        let reached: Vec<u64> = (0..self.deepest.len()).map(|step| self.deepest[step..].iter().sum()).collect();
        let answer = |step: usize| {
            let previous = reached[step.saturating_sub(1)];
            let times = step.checked_sub(1).map(|before| std::mem::take(&mut self.times[before]));
            let mut times = times.unwrap_or_default();
            times.sort_unstable();
            FunnelStepAnswer {
                reached: reached[step],
                rate_of_first: share(reached[step], reached[0]),
                rate_of_previous: share(reached[step], previous),
                median_ms: quantile(&times, 1, 2),
                p90_ms: quantile(&times, 9, 10),
                dropped_list: None,
            }
        };
        (0..reached.len()).map(answer).collect()
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The quantile `part / whole` of sorted values, between two of them in proportion (so that the median of
/// an even number is the mean of the middle two), rounded down to a millisecond.
fn quantile(sorted: &[i64], part: i64, whole: i64) -> Option<i64> {
    let last = i64::try_from(sorted.len().checked_sub(1)?).ok()?;
    let below = usize::try_from(last * part / whole).ok()?;
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    Some(low + (high - low) * (last * part % whole) / whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::funnel::matcher::STEPS_MAX;

    fn found(times: &[i64]) -> Found {
        let mut at = [0; STEPS_MAX];
        at[..times.len()].copy_from_slice(times);
        Found { depth: times.len(), entry: 0, at }
    }

    #[test]
    fn those_who_came_further_came_here_too() {
        let mut tally = Tally::new(3);
        for times in [&[0][..], &[0, 10], &[0, 20, 25], &[0, 30, 70]] {
            tally.add(&found(times));
        }
        assert_eq!((tally.ended_at(0), tally.ended_at(1), tally.ended_at(2)), (1, 1, 2));
        let steps = tally.answers();
        assert_eq!(steps.iter().map(|s| s.reached).collect::<Vec<_>>(), [4, 3, 2]);
        assert_eq!((steps[0].median_ms, steps[1].median_ms, steps[2].median_ms), (None, Some(20), Some(22)));
        assert!((steps[2].rate_of_previous - 2.0 / 3.0).abs() < 1e-9 && (steps[2].rate_of_first - 0.5).abs() < 1e-9);
    }

    #[test]
    fn quantiles_lie_between_values_in_proportion() {
        let check = |values: &[i64], median, p90| {
            assert_eq!((quantile(values, 1, 2), quantile(values, 9, 10)), (median, p90), "{values:?}");
        };
        check(&[], None, None);
        check(&[7], Some(7), Some(7));
        check(&[10, 20], Some(15), Some(19));
        check(&[0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100], Some(50), Some(90));
    }
}
