//! Metrics of reports.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::Reason;

/// The label of a report.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReportLabel {
    report: &'static str,
}

/// Report metrics. Clones share their values.
#[derive(Debug, Clone)]
pub struct ReportMetrics {
    /// Reports that the warehouse is running.
    pub running: Gauge,
    /// Reports waiting in the queue.
    pub waiting: Gauge,
    /// Reports that got the result of an identical one that was running.
    pub shared: Counter,
    /// Reports cancelled because their client disconnected.
    pub cancelled: Counter,
    refused: Family<Reason, Counter>,
    seconds: Family<ReportLabel, Histogram>,
}

impl Default for ReportMetrics {
    fn default() -> Self {
        Self {
            running: Gauge::default(),
            waiting: Gauge::default(),
            shared: Counter::default(),
            cancelled: Counter::default(),
            refused: Family::default(),
            // 10 ms to 82 s.
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.01, 2.0, 14))),
        }
    }
}

impl ReportMetrics {
    /// Counts a report that failed or was refused.
    pub fn refuse(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Reports that failed or were refused for this reason.
    #[must_use]
    pub fn refused(&self, reason: &'static str) -> u64 {
        self.refused.get_or_create(&Reason { reason }).get()
    }

    /// Records the time from the request of a report to its end.
    pub fn observe(&self, report: &'static str, seconds: f64) {
        self.seconds.get_or_create(&ReportLabel { report }).observe(seconds);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("reports_running", "Reports that the warehouse is running", self.running.clone());
        registry.register("reports_waiting", "Reports waiting in the queue", self.waiting.clone());
        registry.register("reports_refused", "Reports that failed or were refused, by reason", self.refused.clone());
        registry.register(
            "reports_shared",
            "Reports that got the result of an identical running one",
            self.shared.clone(),
        );
        registry.register(
            "reports_cancelled",
            "Reports cancelled because their client disconnected",
            self.cancelled.clone(),
        );
        registry.register_with_unit(
            "reports",
            "Time from the request of a report to its end, including the wait",
            Unit::Seconds,
            self.seconds.clone(),
        );
    }
}
