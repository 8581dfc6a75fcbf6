//! A lock-free histogram of durations.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

/// Upper bounds of the buckets, seconds: from a sync to a fast disk up to a request that timed out.
const BOUNDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, f64::INFINITY];

/// The histogram.
#[derive(Debug, Default)]
pub struct Timings {
    counts: [AtomicU64; BOUNDS.len()],
    nanos: AtomicU64,
}

impl Timings {
    /// Adds one duration.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len() - 1);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Writes it as a histogram.
    pub(super) fn write(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        let mut buckets = [(0.0, 0); BOUNDS.len()];
        let mut total = 0;
        for ((bucket, bound), count) in buckets.iter_mut().zip(BOUNDS).zip(&self.counts) {
            let count = count.load(Ordering::Relaxed);
            *bucket = (bound, count);
            total += count;
        }
        let sum = Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, total, &buckets, None)
    }
}

/// A registered histogram; its `Arc` is shared with the code that measures.
#[derive(Debug, Clone, Default)]
pub struct SharedTimings(pub std::sync::Arc<Timings>);

impl EncodeMetric for SharedTimings {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.write(&mut encoder)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::{
        encoding::text,
        registry::{Registry, Unit},
    };

    use super::*;

    #[test]
    fn durations_fall_into_cumulative_buckets() {
        let timings = SharedTimings::default();
        for millis in [1, 3, 3, 700, 60_000] {
            timings.0.observe(Duration::from_millis(millis));
        }
        let mut registry = Registry::default();
        registry.register_with_unit("sync", "Syncs", Unit::Seconds, timings);
        let mut out = String::new();
        text::encode(&mut out, &registry).unwrap();
        for line in [
            "sync_seconds_bucket{le=\"0.0005\"} 0",
            "sync_seconds_bucket{le=\"0.001\"} 1",
            "sync_seconds_bucket{le=\"0.005\"} 3",
            "sync_seconds_bucket{le=\"1.0\"} 4",
            "sync_seconds_bucket{le=\"+Inf\"} 5",
            "sync_seconds_count 5",
            "sync_seconds_sum 60.707",
        ] {
            assert!(out.contains(line), "{line} in {out}");
        }
    }
}
