//! `[checks]`.

use ipnet::IpNet;
use serde::Deserialize;

/// The installation check.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// Networks inside, pages of which the service may read for a check.
    #[serde(deserialize_with = "super::network::list")]
    pub inside_networks: Vec<IpNet>,
    /// How long a page may take, milliseconds.
    pub timeout_ms: u64,
    /// How long a link to a check in the browser is good for, minutes.
    pub link_minutes: u64,
}
