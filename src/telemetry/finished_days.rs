//! Metrics of the counting of finished days.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// Metrics of finished days. Clones share their values.
#[derive(Debug, Default, Clone)]
pub struct FinishedDayMetrics {
    /// Days of a site that were counted.
    pub counted: Counter,
    /// Failed attempts.
    pub failures: Counter,
}

impl FinishedDayMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "finished_days_counted",
            "Days of a site that were counted for reports",
            self.counted.clone(),
        );
        registry.register("finished_day_failures", "Failures to count finished days", self.failures.clone());
    }
}
