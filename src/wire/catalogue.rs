//! Catalogues on the private side: pages of items, what became of those sent, rules for shelves.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::item::ItemBody;
use crate::model::ShelfRules;

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
pub struct ShelfRulesBody {
    /// Those of the whole site.
    #[schema(value_type = Object)]
    pub site: ShelfRules,
    /// What holds for single slots on top of them.
    #[schema(value_type = Object)]
    pub slots: BTreeMap<String, ShelfRules>,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
const fn is_none(n: &usize) -> bool {
    *n == 0
}
