//! Connections of the service's listeners.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// The figures; a clone counts the same.
#[derive(Debug, Default, Clone)]
pub struct Connections {
    /// Open now.
    pub open: Gauge,
    /// Closed because another needed the place: they had sent no whole head, were idle, or sent a body slowly.
    pub evicted: Counter,
    /// Refused because all others were at work.
    pub refused: Counter,
}

impl Connections {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("connections", "Open connections", self.open.clone());
        registry.register(
            "connections_evicted",
            "Connections closed without a request under way, to make room",
            self.evicted.clone(),
        );
        registry.register("connections_refused", "Connections refused because there was no room", self.refused.clone());
    }
}
