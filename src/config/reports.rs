//! `[reports]`: limits of report queries.

use serde::Deserialize;

/// Limits of report queries. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reports {
    /// `reports.running_max`.
    pub running_max: usize,
    /// `reports.waiting_max`.
    pub waiting_max: usize,
    /// `reports.wait_ms`.
    pub wait_ms: u64,
    /// `reports.memory_bytes_max`.
    pub memory_bytes_max: u64,
    /// `reports.threads_max`.
    pub threads_max: u64,
    /// `reports.finished_days_check_seconds`.
    pub finished_days_check_seconds: u64,
}
