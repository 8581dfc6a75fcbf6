//! What a site's owner chose for its recommendations.

use serde::{Deserialize, Serialize};

/// How a site recommends; the default leaves everything to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Recommending {
    /// Share of slots in which one place goes to an item that is hardly known yet, in ten-thousandths;
    /// `None`: `decide.explore_items`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explore_items_bp: Option<u16>,
    /// Share of slots that another model ranks, for comparison, in ten-thousandths; `None`:
    /// `decide.explore_models`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explore_models_bp: Option<u16>,
}

impl Recommending {
    /// Both shares may not be larger, in ten-thousandths: half of the slots.
    pub const SHARE_MAX_BP: u16 = 5_000;

    /// A share in ten-thousandths as a fraction, else what holds for all sites.
    #[must_use]
    pub fn share(chosen_bp: Option<u16>, of_all_sites: f64) -> f64 {
        chosen_bp.map_or(of_all_sites, |bp| f64::from(bp) / 10_000.0).clamp(0.0, 0.5)
    }
}
