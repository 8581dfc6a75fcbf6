//! `[feeds]`.

use ipnet::IpNet;
use serde::Deserialize;

/// Files of items that are fetched or sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeds {
    /// Networks inside, from which feeds may be fetched.
    pub inside_networks: Vec<IpNet>,
    /// How long fetching or sending one may take, milliseconds.
    pub timeout_ms: u64,
    /// Largest file, bytes, packed and unpacked.
    pub bytes_max: u64,
}
