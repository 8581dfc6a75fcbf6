//! What becomes of marketers' questions.

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

/// A label set of a report's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Report {
    report: &'static str,
}

/// Counters of marketers' questions. Clones count into the same.
#[derive(Debug, Clone)]
pub struct ReportMetrics {
    /// Questions that the warehouse works on.
    pub running: Gauge,
    /// Questions that wait for their turn.
    pub waiting: Gauge,
    /// Questions answered by the run of an equal one.
    pub shared: Counter,
    /// Questions given up because their asker was gone.
    pub cancelled: Counter,
    refused: Family<Reason, Counter>,
    seconds: Family<Report, Histogram>,
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
    /// Counts a question without an answer.
    pub fn refuse(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Questions without an answer for this reason.
    #[must_use]
    pub fn refused(&self, reason: &'static str) -> u64 {
        self.refused.get_or_create(&Reason { reason }).get()
    }

    /// Notes how long an asker waited for the end of a report.
    pub fn took(&self, report: &'static str, seconds: f64) {
        self.seconds.get_or_create(&Report { report }).observe(seconds);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("reports_running", "Reports that the warehouse works on", self.running.clone());
        registry.register("reports_waiting", "Reports that wait for their turn", self.waiting.clone());
        registry.register("reports_refused", "Reports without an answer, by reason", self.refused.clone());
        registry.register("reports_shared", "Reports answered by the run of an equal one", self.shared.clone());
        registry.register("reports_cancelled", "Reports given up because their asker was gone", self.cancelled.clone());
        registry.register_with_unit(
            "reports",
            "Time from a question to its end, waiting included",
            Unit::Seconds,
            self.seconds.clone(),
        );
    }
}
