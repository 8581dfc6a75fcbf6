//! Metrics of the members of segments.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// Metrics of the members of segments. Clones share their values.
#[derive(Debug, Default, Clone)]
pub struct MembershipMetrics {
    /// People whose segments were evaluated because of events, time or values.
    pub evaluated: Counter,
    /// People who entered a segment.
    pub entered: Counter,
    /// People who left a segment.
    pub left: Counter,
    /// Visitors that were not evaluated: too many waited.
    pub forgotten: Counter,
    /// Events that the journal no longer had.
    pub lost: Counter,
}

impl MembershipMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("segment_evaluations", "People whose segments were evaluated", &self.evaluated),
            ("segment_entries", "People who entered a segment", &self.entered),
            ("segment_exits", "People who left a segment", &self.left),
            ("segment_evaluations_dropped", "Visitors that were not evaluated: too many waited", &self.forgotten),
            ("segment_events_lost", "Events that segments missed because the journal no longer had them", &self.lost),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}
