//! What a visitor's rights bring: a copy of everything, or the end of it.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Everything stored of a visitor.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitorCopy {
    /// The site.
    pub site_id: u32,
    /// The visitor's id: 32 hexadecimal digits.
    pub visitor: String,
    /// Whether these are all events; a visitor with very many is exported in part.
    pub complete: bool,
    /// The people whom the visitor was said to be.
    #[schema(value_type = Vec<Object>)]
    pub identities: Vec<Value>,
    /// The events with all their columns, oldest first. Ids of 128 bits are 32 hexadecimal digits; numbers
    /// beyond 2^53 are texts.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Value>,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitorErased {
    /// How many events there were.
    pub erased_events: u64,
}

/// The secret with which a site's servers sign user ids.
#[derive(Debug, Serialize, ToSchema)]
pub struct SiteSecret {
    /// The secret.
    pub secret: String,
}
