//! Webhooks: their settings, deliveries, and the body of a call.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A webhook to add or replace.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookChange {
    /// Id of a new webhook, letters, digits, `-` and `_`; absent: chosen by the service.
    #[serde(default)]
    pub id: Option<String>,
    /// The `http` or `https` address that is called.
    pub url: String,
    /// What it is called for: `segment.entered:ID`, `segment.left:ID`, `event:NAME`.
    pub events: Vec<String>,
    /// Whether it is called.
    #[serde(default = "yes")]
    pub enabled: bool,
}

const fn yes() -> bool {
    true
}

/// A webhook.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WebhookBody {
    /// Id.
    pub id: String,
    /// The address that is called.
    pub url: String,
    /// What it is called for.
    pub events: Vec<String>,
    /// Whether it is called.
    pub enabled: bool,
    /// Key of the signatures; only in the answer that created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Calls that were dropped because too many waited.
    pub dropped: u64,
    /// Time of creation.
    pub created_at: String,
    /// Time of the last change.
    pub updated_at: String,
}

/// State of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookDeliveryState {
    /// It will be sent, or sent again.
    Waiting,
    /// The receiver answered with a status of success.
    Delivered,
    /// It failed for too long.
    GivenUp,
}

/// One call of a webhook.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WebhookDelivery {
    /// Its id, the same in every attempt and replay.
    pub id: String,
    /// What happened: a name of the webhook's `events`, or `test`.
    #[serde(rename = "type")]
    pub kind: String,
    /// State.
    pub state: WebhookDeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// HTTP status of the last attempt.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was queued.
    pub created_at: String,
    /// When it is sent next.
    pub next_attempt_at: Option<String>,
    /// When it was delivered or given up.
    pub finished_at: Option<String>,
}

/// Calls of a webhook, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WebhookDeliveries {
    /// The calls.
    pub deliveries: Vec<WebhookDelivery>,
    /// Value of `before` for the next page.
    pub next: Option<i64>,
}

/// The body of a call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WebhookCall<'a> {
    /// Stable id: a receiver that has seen it ignores the call.
    pub id: &'a str,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// When it happened.
    pub at: String,
    /// The site.
    pub site_id: u32,
    /// Whom it concerns.
    pub person: WebhookPerson<'a>,
    /// What is known of it; depends on the type.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    pub data: &'a Value,
}

/// The person of a call; without consent neither is known.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct WebhookPerson<'a> {
    /// Visitor id.
    pub visitor: Option<String>,
    /// The site's user id.
    pub user_id: Option<&'a str>,
    /// Whether the site vouched for the user id.
    pub user_verified: bool,
}
