//! What webhooks are called for. No I/O.

use serde_json::Value;

use crate::model::{Timestamp, VisitorId};

/// Something that webhooks may be called for.
#[derive(Debug, Clone)]
pub struct WebhookEvent {
    /// Its name, such as `segment.entered:loyal`.
    pub kind: String,
    /// Whom it concerns.
    pub person: Person,
    /// When it happened.
    pub at: Timestamp,
    /// What is known of it, a JSON object.
    pub data: Value,
}

/// The person that an event concerns.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// The visitor; anonymous without consent.
    pub visitor: VisitorId,
    /// The site's user id; empty when unknown.
    pub user_id: String,
    /// Whether the site vouched for the user id.
    pub user_verified: bool,
}
