//! What differs from site to site and is found by trying on the site's own past.

use serde::{Deserialize, Serialize};

use super::memory::endless;

/// How neighbours are found and how the past fades. The blend's weights are learned apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Newest visits of each recent item among which neighbours are sought.
    pub visits_max: usize,
    /// Neighbours that vote.
    pub neighbours_max: usize,
    /// What a click says of the visitor's intent halves after this many further clicks.
    pub lag_half_life: f32,
    /// Power of an item's rarity in the likeness of two visits.
    pub rarity_power: f32,
    /// Power of a neighbour's length by which its likeness is divided.
    pub length_power: f32,
    /// What a visit says halves in this time, seconds; infinite: never.
    #[serde(with = "endless")]
    pub visit_half_life_s: f32,
    /// The same for rules between items.
    #[serde(with = "endless")]
    pub rule_half_life_s: f32,
    /// Popularity halves in this time, seconds.
    #[serde(with = "endless")]
    pub popularity_half_life_s: f32,
    /// Trends halve in this time, seconds.
    #[serde(with = "endless")]
    pub trend_half_life_s: f32,
}

/// A day, seconds.
pub(super) const DAY_S: f32 = 86_400.0;

impl Default for Settings {
    fn default() -> Self {
        Self {
            visits_max: 250,
            neighbours_max: 200,
            lag_half_life: 1.5,
            rarity_power: 0.5,
            length_power: 0.0,
            visit_half_life_s: 14.0 * DAY_S,
            rule_half_life_s: 30.0 * DAY_S,
            popularity_half_life_s: 14.0 * DAY_S,
            trend_half_life_s: DAY_S,
        }
    }
}
