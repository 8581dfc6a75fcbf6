//! What learning from all visitors' events reports of itself.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// The figures; a clone counts the same.
#[derive(Debug, Default, Clone)]
pub struct Learning {
    /// Seconds since the indexes were last known to be up to date, or were built.
    pub age_seconds: Gauge,
    /// Times that asking the warehouse, building an index or tuning failed.
    pub failures: Counter,
    /// Indexes built.
    pub builds: Counter,
    /// Events that came faster than they could be taken up; the next build has them.
    pub events_dropped: Counter,
}

impl Learning {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "learn_age_seconds",
            "Seconds since recommendations were last known to be up to date",
            self.age_seconds.clone(),
        );
        registry.register("learn_failures", "Failures to learn from what the warehouse has", self.failures.clone());
        registry.register("learn_builds", "Recommendation indexes built", self.builds.clone());
        registry.register(
            "learn_events_dropped",
            "Events that came faster than they could be taken up before the next build",
            self.events_dropped.clone(),
        );
    }
}
