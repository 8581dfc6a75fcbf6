//! `[webhooks]`: calls to other systems.

use ipnet::IpNet;
use serde::Deserialize;

/// Calls to addresses that marketers choose.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Private networks that may be called.
    #[serde(deserialize_with = "super::network::list")]
    pub inside_networks: Vec<IpNet>,
    /// Time limit for one call, milliseconds.
    pub timeout_ms: u64,
    /// First pause after a failed attempt, milliseconds.
    pub retry_backoff_ms: u64,
    /// Longest pause, milliseconds.
    pub retry_backoff_max_ms: u64,
    /// A call that has failed for this long is given up, milliseconds.
    pub give_up_ms: u64,
    /// Maximum number of calls that wait for one webhook.
    pub waiting_max: u32,
}
