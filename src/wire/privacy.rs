//! Privacy API: export and erasure of a visitor's data.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::people::BrowserBody;

/// Everything stored about a visitor.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitorCopy {
    /// The site.
    pub site_id: u32,
    /// The visitor's id: 32 hexadecimal digits.
    pub visitor: String,
    /// Whether all events are included; very long histories are exported in part.
    pub complete: bool,
    /// Identities linked to the visitor.
    #[schema(value_type = Vec<HashMap<String, Value>>)]
    pub identities: Vec<Value>,
    /// Hashes of e-mail addresses and phone numbers by which the visitor can be looked up.
    #[schema(value_type = Vec<HashMap<String, Value>>)]
    pub contact_keys: Vec<Value>,
    /// All browsers and devices of the visitor's person; those that are not `verified` were joined without proof.
    pub browsers: Vec<BrowserBody>,
    /// The events with all columns, oldest first. 128-bit ids are 32 hexadecimal digits; numbers beyond 2^53 are
    /// strings.
    #[schema(value_type = Vec<HashMap<String, Value>>)]
    pub events: Vec<Value>,
}

/// Result of an erasure.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitorErased {
    /// Number of erased events.
    pub erased_events: u64,
}

/// The secret that a site's servers use to sign user ids.
#[derive(Debug, Serialize, ToSchema)]
pub struct SiteSecret {
    /// The secret.
    pub secret: String,
}
