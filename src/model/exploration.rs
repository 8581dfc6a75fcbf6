//! A site's exploration settings for recommendations.

use serde::{Deserialize, Serialize};

/// How a site explores; by default the service's configuration applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExplorationSettings {
    /// Share of slots in which one position goes to a little-known item, in ten-thousandths; `None`:
    /// `decide.explore_items`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explore_items_bp: Option<u16>,
    /// Share of slots ranked by another model for comparison, in ten-thousandths; `None`: `decide.explore_models`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explore_models_bp: Option<u16>,
}

impl ExplorationSettings {
    /// Upper bound of both shares, in ten-thousandths: half of the slots.
    pub const SHARE_MAX_BP: u16 = 5_000;

    /// Converts a share from ten-thousandths to a fraction; `default` if the site has none.
    #[must_use]
    pub fn share(site_bp: Option<u16>, default: f64) -> f64 {
        site_bp.map_or(default, |bp| f64::from(bp) / 10_000.0).clamp(0.0, 0.5)
    }
}
