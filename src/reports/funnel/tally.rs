//! No I/O. Aggregates visitors' paths into the numbers of a funnel.

use super::{
    times::{histogram, quantile},
    types::{FunnelPath, STEPS_MAX},
};
use crate::wire::reports::FunnelStepAnswer;

/// Aggregate of all visitors so far.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Visitors by the last step reached: `by_depth[0]` reached only the first.
    by_depth: Vec<u64>,
    /// For each step but the first, the durations since the step reached before it, milliseconds.
    durations: Vec<Vec<i64>>,
    /// The steps that may be left out, as bits.
    optional: u32,
}

impl Tally {
    pub(super) fn new(steps: usize, optional: u32) -> Self {
        Self { by_depth: vec![0; steps], durations: vec![Vec::new(); steps - 1], optional }
    }

    pub(super) fn add(&mut self, path: &FunnelPath) {
        self.by_depth[path.depth - 1] += 1;
        let mut before = path.reached_at[0];
        for step in (1..path.depth).filter(|step| path.has(*step)) {
            self.durations[step - 1].push(path.reached_at[step] - before);
            before = path.reached_at[step];
        }
    }

    /// Visitors whose last step is `step` (from 0).
    pub(super) fn dropped_at(&self, step: usize) -> u64 {
        self.by_depth[step]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_depth.iter().all(|count| *count == 0)
    }

    /// The visitors who reached a step.
    fn reached(&self, step: usize) -> u64 {
        match step.checked_sub(1) {
            // Those who reached it have a duration.
            Some(before) => self.durations[before].len() as u64,
            None => self.by_depth.iter().sum(),
        }
    }

    /// The last step before this one that cannot be left out; the first for itself.
    fn required_before(&self, step: usize) -> usize {
        (0..step.min(STEPS_MAX)).rev().find(|before| self.optional >> before & 1 == 0).unwrap_or(0)
    }

    /// The answer; with histograms of durations up to `longest_ms`, if given.
    pub(super) fn into_steps(mut self, longest_ms: Option<i64>) -> Vec<FunnelStepAnswer> {
        let reached: Vec<u64> = (0..self.by_depth.len()).map(|step| self.reached(step)).collect();
        let to_step = |step: usize| {
            let previous = reached[self.required_before(step)];
            let durations = step.checked_sub(1).map(|before| std::mem::take(&mut self.durations[before]));
            let mut durations = durations.unwrap_or_default();
            durations.sort_unstable();
            FunnelStepAnswer {
                reached: reached[step],
                rate_of_first: share(reached[step], reached[0]),
                rate_of_previous: share(reached[step], previous),
                median_ms: quantile(&durations, 1, 2),
                p90_ms: quantile(&durations, 9, 10),
                histogram: longest_ms.filter(|_| step > 0).map(|longest| histogram(&durations, longest)),
                dropped_list: None,
                converted_list: None,
            }
        };
        (0..reached.len()).map(to_step).collect()
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::funnel::types::FunnelEvent;

    fn path(times: &[(usize, i64)]) -> FunnelPath {
        let history: Vec<FunnelEvent> =
            times.iter().map(|(_, at)| FunnelEvent { at: *at, flags: 0, excluded: 0 }).collect();
        FunnelPath::new(&history, times.iter().enumerate().map(|(event, (step, _))| (*step, event)))
    }

    #[test]
    fn visitors_of_later_steps_count_for_earlier_steps() {
        let mut tally = Tally::new(3, 0);
        for times in [&[(0, 0)][..], &[(0, 0), (1, 10)], &[(0, 0), (1, 20), (2, 25)], &[(0, 0), (1, 30), (2, 70)]] {
            tally.add(&path(times));
        }
        assert_eq!((tally.dropped_at(0), tally.dropped_at(1), tally.dropped_at(2)), (1, 1, 2));
        let steps = tally.into_steps(None);
        assert_eq!(steps.iter().map(|s| s.reached).collect::<Vec<_>>(), [4, 3, 2]);
        assert_eq!((steps[0].median_ms, steps[1].median_ms, steps[2].median_ms), (None, Some(20), Some(22)));
        assert!((steps[2].rate_of_previous - 2.0 / 3.0).abs() < 1e-9 && (steps[2].rate_of_first - 0.5).abs() < 1e-9);
    }

    #[test]
    fn an_optional_step_that_is_left_out_is_not_in_the_rates_and_times_of_others() {
        let mut tally = Tally::new(3, 0b10);
        for times in [&[(0, 0)][..], &[(0, 0), (1, 10)], &[(0, 0), (2, 25)], &[(0, 0), (1, 30), (2, 70)]] {
            tally.add(&path(times));
        }
        let steps = tally.into_steps(Some(100));
        assert_eq!(steps.iter().map(|s| s.reached).collect::<Vec<_>>(), [4, 2, 2]);
        assert!((steps[2].rate_of_previous - 0.5).abs() < 1e-9, "of the first, the last that is not optional");
        assert_eq!(steps[2].median_ms, Some(32), "of 25 since the first and 40 since the second");
        assert_eq!(steps[2].histogram.as_ref().unwrap()[0].people, 2);
    }
}
