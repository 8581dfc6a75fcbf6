//! `[learn]`: the recommendation index.

use serde::Deserialize;

/// The recommendation index. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learn {
    /// `learn.refresh_seconds`.
    pub refresh_seconds: u64,
    /// `learn.rest_factor`.
    pub rest_factor: u32,
    /// `learn.history_days`.
    pub history_days: u64,
    /// `learn.events_max`.
    pub events_max: usize,
    /// `learn.trending_half_life_hours`.
    pub trending_half_life_hours: f64,
}
