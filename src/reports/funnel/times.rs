//! No I/O. Quantiles and histograms of durations.

use crate::wire::reports::{FunnelBar, FunnelTimes};

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Longest durations of the bars: each about three times the one before, at lengths that people use.
const BARS_MS: [i64; 14] = [
    10 * SECOND_MS,
    30 * SECOND_MS,
    MINUTE_MS,
    3 * MINUTE_MS,
    10 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    3 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    3 * DAY_MS,
    7 * DAY_MS,
    30 * DAY_MS,
    90 * DAY_MS,
];

/// The bars of sorted durations, up to the first that contains the longest possible one.
pub(super) fn histogram(sorted: &[i64], longest_ms: i64) -> Vec<FunnelBar> {
    let mut bars = Vec::new();
    let mut below = 0;
    for to_ms in BARS_MS {
        let until = sorted.partition_point(|duration| *duration <= to_ms);
        bars.push(FunnelBar { to_ms: Some(to_ms), people: (until - below) as u64 });
        below = until;
        if longest_ms <= to_ms {
            return bars;
        }
    }
    bars.push(FunnelBar { to_ms: None, people: (sorted.len() - below) as u64 });
    bars
}

/// Quantiles and bars of durations in any order.
pub(super) fn times(mut durations: Vec<i64>, longest_ms: i64) -> FunnelTimes {
    durations.sort_unstable();
    FunnelTimes {
        median_ms: quantile(&durations, 1, 2),
        p90_ms: quantile(&durations, 9, 10),
        histogram: histogram(&durations, longest_ms),
    }
}

/// The quantile `part / whole` of sorted values, linearly interpolated (so the median of an even number of values is
/// the mean of the middle two), rounded down to a millisecond.
pub(super) fn quantile(sorted: &[i64], part: i64, whole: i64) -> Option<i64> {
    let last = i64::try_from(sorted.len().checked_sub(1)?).ok()?;
    let below = usize::try_from(last * part / whole).ok()?;
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    Some(low + (high - low) * (last * part % whole) / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn every_duration_is_in_one_bar_and_the_ends_belong_to_their_bars() {
        let bars = histogram(&[0, 10_000, 10_001, 60_000, 60_001], 120_000);
        let shown: Vec<_> = bars.iter().map(|bar| (bar.to_ms, bar.people)).collect();
        assert_eq!(shown, [(Some(10_000), 2), (Some(30_000), 1), (Some(60_000), 1), (Some(180_000), 1)]);
        let long = histogram(&[91 * DAY_MS], 365 * DAY_MS);
        assert_eq!(long.last(), Some(&FunnelBar { to_ms: None, people: 1 }));
        assert_eq!(long.iter().map(|bar| bar.people).sum::<u64>(), 1);
    }
}
