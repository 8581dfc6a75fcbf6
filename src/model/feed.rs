//! A feed: a URL from which a site's items are fetched periodically.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// Settings of a site's feed. Stored and edited as JSON in this form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedSettings {
    /// URL: `http` or `https`, on a public address.
    pub url: String,
    /// Fetch interval, minutes.
    #[serde(default = "hourly")]
    pub every_minutes: u32,
    /// Whether it is fetched at all.
    #[serde(default = "yes")]
    pub enabled: bool,
}

const fn hourly() -> u32 {
    60
}

const fn yes() -> bool {
    true
}

impl FeedSettings {
    /// Allowed values of `every_minutes`.
    pub const MINUTES: std::ops::RangeInclusive<u32> = 5..=10_080;
}

/// Result of the last fetch of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeedState {
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<FeedOutcome>,
    /// What the owner should do about it, in one line; empty if nothing.
    pub message: String,
    /// Number of valid items.
    pub items: u64,
    /// Items missing from the feed and therefore made unavailable.
    pub withdrawn: u64,
    /// Items missing from the feed that await the owner's confirmation because there are suspiciously many.
    pub withheld: u64,
    /// `ETag` of the last response.
    pub etag: String,
    /// `Last-Modified` of the last response.
    pub last_modified: String,
    /// Counts of the import, in the form the import command prints.
    pub counts: serde_json::Value,
}

/// How a fetch of a feed ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeedOutcome {
    /// Its items were imported.
    Taken,
    /// The server reported no change.
    Unchanged,
    /// Its items were imported, but too many were missing to withdraw them without confirmation.
    Withheld,
    /// It could not be fetched or parsed.
    Failed,
}

/// A request to fetch a feed before its scheduled time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedRequest {
    /// Fetch it now.
    Fetch,
    /// Fetch it now, and withdraw the items missing from it.
    Confirm,
}
