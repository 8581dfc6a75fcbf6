//! No I/O. Aggregates visitors' paths into the numbers of a funnel.

use super::types::FunnelPath;
use crate::wire::reports::FunnelStepAnswer;

/// Aggregate of all visitors so far.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Visitors by depth: `by_depth[0]` reached only the first step.
    by_depth: Vec<u64>,
    /// For each step but the first, the durations since the previous step, milliseconds.
    durations: Vec<Vec<i64>>,
}

impl Tally {
    pub(super) fn new(steps: usize) -> Self {
        Self { by_depth: vec![0; steps], durations: vec![Vec::new(); steps - 1] }
    }

    pub(super) fn add(&mut self, path: &FunnelPath) {
        self.by_depth[path.depth - 1] += 1;
        let pairs = path.reached_at[..path.depth].windows(2);
        for (durations, pair) in self.durations.iter_mut().zip(pairs) {
            durations.push(pair[1] - pair[0]);
        }
    }

    /// Visitors whose last step is `step` (from 0).
    pub(super) fn dropped_at(&self, step: usize) -> u64 {
        self.by_depth[step]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_depth.iter().all(|count| *count == 0)
    }

    pub(super) fn into_steps(mut self) -> Vec<FunnelStepAnswer> {
        let reached: Vec<u64> = (0..self.by_depth.len()).map(|step| self.by_depth[step..].iter().sum()).collect();
        let to_step = |step: usize| {
            let previous = reached[step.saturating_sub(1)];
            let durations = step.checked_sub(1).map(|before| std::mem::take(&mut self.durations[before]));
            let mut durations = durations.unwrap_or_default();
            durations.sort_unstable();
            FunnelStepAnswer {
                reached: reached[step],
                rate_of_first: share(reached[step], reached[0]),
                rate_of_previous: share(reached[step], previous),
                median_ms: quantile(&durations, 1, 2),
                p90_ms: quantile(&durations, 9, 10),
                dropped_list: None,
            }
        };
        (0..reached.len()).map(to_step).collect()
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The quantile `part / whole` of sorted values, linearly interpolated (so the median of an even number of values is
/// the mean of the middle two), rounded down to a millisecond.
fn quantile(sorted: &[i64], part: i64, whole: i64) -> Option<i64> {
    let last = i64::try_from(sorted.len().checked_sub(1)?).ok()?;
    let below = usize::try_from(last * part / whole).ok()?;
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    Some(low + (high - low) * (last * part % whole) / whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::funnel::types::STEPS_MAX;

    fn path(times: &[i64]) -> FunnelPath {
        let mut reached_at = [0; STEPS_MAX];
        reached_at[..times.len()].copy_from_slice(times);
        FunnelPath { depth: times.len(), entry: 0, reached_at }
    }

    #[test]
    fn visitors_of_later_steps_count_for_earlier_steps() {
        let mut tally = Tally::new(3);
        for times in [&[0][..], &[0, 10], &[0, 20, 25], &[0, 30, 70]] {
            tally.add(&path(times));
        }
        assert_eq!((tally.dropped_at(0), tally.dropped_at(1), tally.dropped_at(2)), (1, 1, 2));
        let steps = tally.into_steps();
        assert_eq!(steps.iter().map(|s| s.reached).collect::<Vec<_>>(), [4, 3, 2]);
        assert_eq!((steps[0].median_ms, steps[1].median_ms, steps[2].median_ms), (None, Some(20), Some(22)));
        assert!((steps[2].rate_of_previous - 2.0 / 3.0).abs() < 1e-9 && (steps[2].rate_of_first - 0.5).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_interpolated() {
        let check = |values: &[i64], median, p90| {
            assert_eq!((quantile(values, 1, 2), quantile(values, 9, 10)), (median, p90), "{values:?}");
        };
        check(&[], None, None);
        check(&[7], Some(7), Some(7));
        check(&[10, 20], Some(15), Some(19));
        check(&[0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100], Some(50), Some(90));
    }
}
