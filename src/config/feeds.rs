//! `[feeds]`: product feeds and item files.

use ipnet::IpNet;
use serde::Deserialize;

/// Product feeds that are fetched, and item files that are uploaded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeds {
    /// Private networks from which feeds may be fetched.
    #[serde(deserialize_with = "super::network::list")]
    pub inside_networks: Vec<IpNet>,
    /// Time limit for fetching or uploading one, milliseconds.
    pub timeout_ms: u64,
    /// Idle timeout of a feed's server, milliseconds.
    pub silence_ms: u64,
    /// Feeds of different sites fetched concurrently.
    pub at_once: usize,
    /// Maximum file size in bytes, compressed and decompressed.
    pub bytes_max: u64,
}
