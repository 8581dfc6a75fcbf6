//! `[dedup]`: deduplication of messages.

use serde::Deserialize;

/// Deduplication of messages. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dedup {
    /// `dedup.window_hours`.
    pub window_hours: u64,
    /// `dedup.bucket_ids_max`.
    pub bucket_ids_max: usize,
}
