//! `[profiles]`: live visitor profiles.

use serde::Deserialize;

/// Live visitor profiles. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// `profiles.cached_max`.
    pub cached_max: usize,
    /// `profiles.undelivered_events_max`.
    pub undelivered_events_max: usize,
    /// `profiles.history_days`.
    pub history_days: u64,
    /// `profiles.history_events_max`.
    pub history_events_max: usize,
    /// `profiles.read_budget_ms`.
    pub read_budget_ms: u64,
    /// `profiles.affinity_half_life_days`.
    pub affinity_half_life_days: f64,
}
