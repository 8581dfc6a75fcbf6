//! Metrics of learning from all visitors' events.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Learning metrics. Clones share their values.
#[derive(Debug, Default, Clone)]
pub struct Learning {
    /// Seconds since the indexes were last known to be up to date, or were built.
    pub age_seconds: Gauge,
    /// Failed warehouse queries, index builds and tunings.
    pub failures: Counter,
    /// Indexes built.
    pub builds: Counter,
    /// Events dropped from a full buffer; the next build includes them.
    pub events_dropped: Counter,
}

impl Learning {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "learn_age_seconds",
            "Seconds since recommendations were last known to be up to date",
            self.age_seconds.clone(),
        );
        registry.register("learn_failures", "Failures to learn from the warehouse's events", self.failures.clone());
        registry.register("learn_builds", "Recommendation indexes built", self.builds.clone());
        registry.register(
            "learn_events_dropped",
            "Events dropped from a full buffer; the next build includes them",
            self.events_dropped.clone(),
        );
    }
}
