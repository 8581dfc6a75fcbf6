//! `[value]`: the values of customers.

use serde::Deserialize;

/// The values of customers. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// `value.check_seconds`.
    pub check_seconds: u64,
    /// `value.refresh_minutes`.
    pub refresh_minutes: u64,
    /// `value.people_max`.
    pub people_max: usize,
}
