//! `[decide]`: limits of one decision request.

use serde::Deserialize;

/// Limits of one decision request. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// `decide.slots_max`.
    pub slots_max: usize,
    /// `decide.items_max`.
    pub items_max: usize,
}
