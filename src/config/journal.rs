//! `[journal]`: the write-ahead log in front of the warehouse.

use serde::Deserialize;

/// The write-ahead log in front of the warehouse. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// `journal.segment_bytes`.
    pub segment_bytes: u64,
    /// `journal.disk_bytes_max`.
    pub disk_bytes_max: u64,
    /// `journal.disk_free_bytes_min`.
    pub disk_free_bytes_min: u64,
    /// `journal.append_timeout_ms`.
    pub append_timeout_ms: u64,
    /// `journal.gather_us`.
    pub gather_us: u64,
    /// `journal.pending_bytes_max`.
    pub pending_bytes_max: usize,
}
