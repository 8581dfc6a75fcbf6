//! `[decide]`: limits of one decision request.

use serde::Deserialize;

/// Limits of one decision request. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// `decide.slots_max`.
    pub slots_max: usize,
    /// `decide.items_max`.
    pub items_max: usize,
    /// `decide.up_sell_factor`.
    pub up_sell_factor: f64,
    /// `decide.explore_items`.
    pub explore_items: f64,
    /// `decide.explore_models`.
    pub explore_models: f64,
    /// `decide.item_known_views`.
    pub item_known_views: u64,
    /// `decide.remembered_max`.
    pub remembered_max: usize,
}
