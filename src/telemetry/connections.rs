//! Metrics of the listeners' connections.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Connection metrics. Clones share their values.
#[derive(Debug, Default, Clone)]
pub struct Connections {
    /// Open now.
    pub open: Gauge,
    /// Closed to make room for new ones: they had sent no complete request head, were idle, or sent a body slowly.
    pub evicted: Counter,
    /// Refused because all other connections were busy.
    pub refused: Counter,
}

impl Connections {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("connections", "Open connections", self.open.clone());
        registry.register(
            "connections_evicted",
            "Idle or slow connections closed to make room for new ones",
            self.evicted.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections refused because the limit was reached",
            self.refused.clone(),
        );
    }
}
