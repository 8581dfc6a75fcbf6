//! `[delivery]`: how the journal is moved into the warehouse.

use serde::Deserialize;

/// How the journal is moved into the warehouse. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// `delivery.batch_events_max`.
    pub batch_events_max: usize,
    /// `delivery.batch_bytes_max`.
    pub batch_bytes_max: usize,
    /// `delivery.flush_interval_ms`.
    pub flush_interval_ms: u64,
    /// `delivery.retry_backoff_ms`.
    pub retry_backoff_ms: u64,
    /// `delivery.retry_backoff_max_ms`.
    pub retry_backoff_max_ms: u64,
    /// `delivery.quarantine_bytes_max`.
    pub quarantine_bytes_max: u64,
}
