//! `[rate]`: rate limits by site and by client address.

use serde::Deserialize;

/// Rate limits by site and by client address. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// `rate.site_events_per_second`.
    pub site_events_per_second: u32,
    /// `rate.address_events_per_second`.
    pub address_events_per_second: u32,
    /// `rate.site_decisions_per_second`.
    pub site_decisions_per_second: u32,
    /// `rate.address_decisions_per_second`.
    pub address_decisions_per_second: u32,
    /// `rate.address_requests_per_second`.
    pub address_requests_per_second: u32,
    /// `rate.burst_seconds`.
    pub burst_seconds: u32,
    /// `rate.addresses_max`.
    pub addresses_max: usize,
}
