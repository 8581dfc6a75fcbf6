//! `[engine]`: the embedded ClickHouse engine.

use serde::Deserialize;

/// The embedded ClickHouse engine. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// `engine.library`.
    pub library: String,
    /// `engine.memory_bytes_max`.
    pub memory_bytes_max: u64,
    /// `engine.niceness`.
    pub niceness: u8,
    /// `engine.restart_backoff_ms`.
    pub restart_backoff_ms: u64,
    /// `engine.restart_backoff_max_ms`.
    pub restart_backoff_max_ms: u64,
}
