//! Catalogues on the private side: pages of items, what became of those sent, rules for shelves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::item::ItemBody;
use crate::model::{
    MerchandisingRules,
    feed::{FeedOutcome, FeedSettings, FeedState},
};

/// A page of a catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemPage {
    /// The items.
    pub items: Vec<ItemBody>,
    /// How many match in all.
    pub total: usize,
}

/// Rules for shelves of recommended items.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct MerchandisingRulesBody {
    /// Those of the whole site.
    pub site: MerchandisingRules,
    /// What holds for single slots on top of them.
    pub slots: BTreeMap<String, MerchandisingRules>,
}

/// What became of an upsert of items.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct UpsertAnswer {
    /// Items that are stored now as they were sent.
    pub upserted: usize,
    /// Of them, those that were there just so already; not told when there were none.
    #[serde(skip_serializing_if = "is_none")]
    pub unchanged: usize,
    /// Items refused, with the line (or place in the array) counted from 1.
    pub rejected: Vec<RejectedLine>,
}

/// One refused item.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectedLine {
    /// Counted from 1.
    pub line: usize,
    /// In one word: `bad_price`, `bad_id` …
    pub reason: &'static str,
    /// Why.
    pub message: String,
}

/// A site's feed, and how the last visit to it went.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct FeedAnswer {
    /// `url`, `every_minutes`, `enabled`; null when the site has no feed.
    pub settings: Option<FeedSettings>,
    /// Whether a visit is asked for or under way.
    pub visiting: bool,
    /// When the last visit ended; RFC 3339.
    pub visited_at: Option<String>,
    /// When the next visit begins; null while the feed is switched off. RFC 3339.
    pub next_visit_at: Option<String>,
    /// taken, unchanged, withheld or failed.
    pub outcome: Option<FeedOutcome>,
    /// What went wrong, in one line.
    pub message: String,
    /// Usable items in it.
    pub items: u64,
    /// Items that left it and were made unavailable.
    pub withdrawn: u64,
    /// Items that left it and stay until the owner confirms, since they are suspiciously many.
    pub withheld: u64,
    /// The counts of the import; null before the first visit.
    #[schema(value_type = Option<Object>)]
    pub counts: serde_json::Value,
}

impl FeedAnswer {
    /// Of a feed as it is stored.
    #[must_use]
    pub fn new(settings: FeedSettings, state: FeedState, requested: bool) -> Self {
        let under_way = state.started_at > state.finished_at;
        let pause = i64::from(settings.every_minutes) * 60_000;
        let next = state.started_at.filter(|_| settings.enabled).map(|at| at.plus(pause).to_string());
        Self {
            settings: Some(settings),
            visiting: requested || under_way,
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

/// A visit to a feed before its time.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeedVisit {
    /// Whether items that left it are really gone.
    pub confirm: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
const fn is_none(n: &usize) -> bool {
    *n == 0
}
