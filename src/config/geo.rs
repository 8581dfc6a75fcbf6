//! `[geo]`: where addresses lie.

use serde::Deserialize;

/// Where addresses lie. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geo {
    /// `geo.database`.
    pub database: String,
    /// `geo.refresh_seconds`.
    pub refresh_seconds: u64,
}
