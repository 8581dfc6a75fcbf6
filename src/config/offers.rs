//! `[offers]`: limits of what offers share between people, and of the list of slots.

use serde::Deserialize;

/// Limits of offers. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offers {
    /// `offers.coupons_per_network_hour`.
    pub coupons_per_network_hour: u32,
    /// `offers.impressions_per_network_hour`.
    pub impressions_per_network_hour: u32,
    /// `offers.reservations_max`.
    pub reservations_max: usize,
    /// `offers.slots_max`.
    pub slots_max: usize,
}
