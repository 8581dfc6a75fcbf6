//! `[geo]`: location of IP addresses.

use serde::Deserialize;

/// Location of IP addresses. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geo {
    /// `geo.database`.
    pub database: String,
    /// `geo.refresh_seconds`.
    pub refresh_seconds: u64,
}
