//! `[feeds]`.

use ipnet::IpNet;
use serde::Deserialize;

/// Files of items that are fetched or sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeds {
    /// Networks inside, from which feeds may be fetched.
    #[serde(deserialize_with = "super::network::list")]
    pub inside_networks: Vec<IpNet>,
    /// How long fetching or sending one may take, milliseconds.
    pub timeout_ms: u64,
    /// How long a feed's server may say nothing before it is given up, milliseconds.
    pub silence_ms: u64,
    /// Feeds of different sites that are fetched at the same time.
    pub at_once: usize,
    /// Largest file, bytes, packed and unpacked.
    pub bytes_max: u64,
}
