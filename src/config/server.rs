//! `[server]`: listeners and request limits.

use ipnet::IpNet;
use serde::Deserialize;

/// Listeners and request limits. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `server.listen`.
    pub listen: String,
    /// `server.metrics_listen`.
    pub metrics_listen: String,
    /// `server.public_url`.
    pub public_url: String,
    /// `server.trusted_proxies`.
    #[serde(deserialize_with = "super::network::list")]
    pub trusted_proxies: Vec<IpNet>,
    /// `server.body_bytes_max`.
    pub body_bytes_max: usize,
    /// `server.bodies_bytes_max`.
    pub bodies_bytes_max: usize,
    /// `server.decompression_ratio_max`.
    pub decompression_ratio_max: usize,
    /// `server.drain_ms`.
    pub drain_ms: u64,
    /// `server.shutdown_ms`.
    pub shutdown_ms: u64,
}
