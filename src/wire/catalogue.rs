//! Admin API: catalog pages, upsert results, merchandising rules, product feeds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::item::ItemBody;
use crate::model::{
    MerchandisingRules,
    feed::{FeedOutcome, FeedSettings, FeedState},
};

/// A page of a catalog.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemPage {
    /// The items.
    pub items: Vec<ItemBody>,
    /// Total number of matching items.
    pub total: usize,
}

/// Merchandising rules for recommended items.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct MerchandisingRulesBody {
    /// Rules of the whole site.
    pub site: MerchandisingRules,
    /// Additional rules by slot.
    pub slots: BTreeMap<String, MerchandisingRules>,
}

/// Result of an upsert of items.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct UpsertAnswer {
    /// Items now stored as sent.
    pub upserted: usize,
    /// How many of them were already stored unchanged; absent when 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub unchanged: usize,
    /// Rejected items.
    pub rejected: Vec<RejectedLine>,
}

/// One rejected item.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectedLine {
    /// Line in the body or position in the array, from 1.
    pub line: usize,
    /// Error code: `bad_price`, `bad_id` …
    pub reason: &'static str,
    /// One-line explanation.
    pub message: String,
}

/// A site's product feed and the result of the last fetch.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct FeedAnswer {
    /// `url`, `every_minutes`, `enabled`; null when the site has no feed.
    pub settings: Option<FeedSettings>,
    /// Whether a fetch is requested or running.
    pub visiting: bool,
    /// When the last fetch ended, RFC 3339.
    pub visited_at: Option<String>,
    /// When the next fetch starts, RFC 3339; null while the feed is disabled.
    pub next_visit_at: Option<String>,
    /// `taken`, `unchanged`, `withheld` or `failed`.
    pub outcome: Option<FeedOutcome>,
    /// One-line error message; empty without an error.
    pub message: String,
    /// Valid items in the feed.
    pub items: u64,
    /// Items missing from the feed that were made unavailable.
    pub withdrawn: u64,
    /// Items missing from the feed that stay available until confirmed, because they are suspiciously many.
    pub withheld: u64,
    /// Import counts; null before the first fetch.
    #[schema(value_type = Option<super::import::Counts>)]
    pub counts: serde_json::Value,
}

impl FeedAnswer {
    /// Builds the response from the stored feed.
    #[must_use]
    pub fn new(settings: FeedSettings, state: FeedState, requested: bool) -> Self {
        let running = state.started_at > state.finished_at;
        let interval_ms = i64::from(settings.every_minutes) * 60_000;
        let next = state.started_at.filter(|_| settings.enabled).map(|at| at.plus(interval_ms).to_string());
        Self {
            settings: Some(settings),
            visiting: requested || running,
            visited_at: state.finished_at.map(|at| at.to_string()),
            next_visit_at: next,
            outcome: state.outcome,
            message: state.message,
            items: state.items,
            withdrawn: state.withdrawn,
            withheld: state.withheld,
            counts: state.counts,
        }
    }
}

/// Request to fetch a feed now.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeedVisit {
    /// Confirms that items missing from the feed are to be made unavailable.
    pub confirm: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde requires")]
const fn is_zero(n: &usize) -> bool {
    *n == 0
}
