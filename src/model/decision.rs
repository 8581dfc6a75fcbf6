//! The decision engine's answer for one slot.

use serde_json::{Map, Value};
use strum::IntoStaticStr;

use super::{Evidence, Exposure, ItemId};

/// Texts of an offer by field name.
pub type Content = Map<String, Value>;

/// The answer for one slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The slot asked for.
    pub slot: String,
    /// The offer shown, if one was.
    pub offer: Option<String>,
    /// Variant of the experiment, if the visitor takes part in one.
    pub variant: Option<String>,
    /// What to show in addition to items.
    pub content: Content,
    /// Items to show, best first.
    pub items: Vec<RankedItem>,
    /// How the items were selected; `None` without items.
    pub exposure: Option<Exposure>,
    /// Why this was shown, as a category.
    pub reason: Reason,
    /// Why this was shown, in detail; only for `server` and `admin` keys.
    pub explanation: Vec<String>,
    /// Why each item was shown and others were not; like `explanation`, and `None` unless requested.
    pub slot_explanation: Option<Box<SlotExplanation>>,
}

/// Why a slot shows these items.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SlotExplanation {
    /// The items shown, in order.
    pub items: Vec<ItemReason>,
    /// Items whose score would have sufficed but that a rule excluded, best first.
    pub left_out: Vec<ExcludedItem>,
}

/// Why an item is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemReason {
    /// Its strongest evidence.
    pub evidence: Evidence,
    /// The model's score, before merchandising rules.
    pub model_score: f32,
    /// The rules that changed its rank.
    pub rules: Vec<String>,
}

/// An item that is not shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ExcludedItem {
    /// The item.
    pub id: ItemId,
    /// The rule that excluded it.
    pub because: String,
}

/// Why a slot shows what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// An offer whose rule matches.
    Offer,
    /// A variant of an experiment.
    Experiment,
    /// Items selected for this visitor.
    Recommendation,
    /// Nothing is known about the visitor yet: popular items.
    Fallback,
    /// The visitor is in the control group, held out to measure the effect.
    Control,
}

impl Reason {
    /// Value in API answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One recommended item.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedItem {
    /// The item's number in the catalogue snapshot it was picked from. Not its id: cloning an `Arc` would make all
    /// threads write to one reference count.
    pub number: u32,
    /// Its score; comparable within one answer only.
    pub score: f32,
    /// Which model recommended it.
    pub why: RankedBy,
}

/// What recommended an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RankedBy {
    /// Seen by the same visitors as the items this visitor looks at.
    ViewedTogether,
    /// Seen in similar sessions.
    SimilarVisits,
    /// From a category the visitor prefers.
    Affinity,
    /// Popular now.
    Trending,
    /// The visitor viewed it recently.
    RecentlyViewed,
    /// New in the catalogue.
    New,
    /// Pinned by the marketer.
    Pinned,
    /// Bought in the same order as an item the visitor looks at.
    BoughtTogether,
    /// Bought with it or after it, from another category.
    CrossSell,
    /// A more expensive alternative.
    UpSell,
    /// Similar content (text, categories, attributes).
    SimilarItem,
}

impl RankedBy {
    /// Value in API answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
