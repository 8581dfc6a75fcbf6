//! `[checks]`: the installation check.

use ipnet::IpNet;
use serde::Deserialize;

/// The installation check.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// Private networks from which pages may be fetched.
    #[serde(deserialize_with = "super::network::list")]
    pub inside_networks: Vec<IpNet>,
    /// Time limit for fetching a page, milliseconds.
    pub timeout_ms: u64,
    /// Lifetime of a link to a check in the browser, minutes.
    pub link_minutes: u64,
}
