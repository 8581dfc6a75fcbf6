//! A feed: an address from which a site's items are fetched again and again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// What the owner says of a site's feed. Stored and edited as JSON in this form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedSettings {
    /// Where it is: `http` or `https`, on a public address.
    pub url: String,
    /// It is fetched so often, minutes.
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
    /// Limits of `every_minutes`.
    pub const MINUTES: std::ops::RangeInclusive<u32> = 5..=10_080;
}

/// How the last visit to a feed went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeedState {
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How.
    pub outcome: Option<FeedOutcome>,
    /// What to do about it, in one line; empty when there is nothing to do.
    pub message: String,
    /// Usable items in it.
    pub items: u64,
    /// Items that left it and were made unavailable.
    pub withdrawn: u64,
    /// Items that left it and wait for the owner's word, since they are suspiciously many.
    pub withheld: u64,
    /// What its server said to recognise this state by.
    pub etag: String,
    /// The same.
    pub last_modified: String,
    /// The counts of the import, as the command tells them.
    pub counts: serde_json::Value,
}

/// How a visit to a feed went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeedOutcome {
    /// Its items are the catalogue's.
    Taken,
    /// Its server says that nothing changed.
    Unchanged,
    /// Its items were taken, but too many left it to believe that.
    Withheld,
    /// It could not be fetched or read.
    Failed,
}

/// What is asked of a feed before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedRequest {
    /// To be fetched now.
    Fetch,
    /// And items that left it are really gone.
    Confirm,
}
