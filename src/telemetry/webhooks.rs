//! Metrics of webhooks.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Metrics of webhooks. Clones share their values.
#[derive(Debug, Default, Clone)]
pub struct WebhookMetrics {
    /// Calls that were delivered.
    pub sent: Counter,
    /// Failed attempts.
    pub failed: Counter,
    /// Calls that failed for too long.
    pub given_up: Counter,
    /// Calls that were not queued: too many waited, or the disk was full.
    pub dropped: Counter,
    /// Calls that wait.
    pub waiting: Gauge,
}

impl WebhookMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("webhook_calls_sent", "Webhook calls that were delivered", &self.sent),
            ("webhook_attempts_failed", "Failed attempts to deliver a webhook call", &self.failed),
            ("webhook_calls_given_up", "Webhook calls that failed for too long", &self.given_up),
            (
                "webhook_calls_dropped",
                "Webhook calls that were not queued: the queue or the disk was full",
                &self.dropped,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register("webhook_calls_waiting", "Webhook calls that wait to be delivered", self.waiting.clone());
    }
}
