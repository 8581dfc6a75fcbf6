//! Types shared by the files of this module.

use std::collections::HashMap;

use super::index::Number;
use crate::{
    catalog::snapshot::{ItemNumber, Model},
    model::{Item, ItemId, RankedBy},
    recommend,
};

/// An item, by the number that its source uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    /// By its number in the index.
    Learned(Number),
    /// By its number in the catalogue.
    Listed(ItemNumber),
}

/// An item that may be recommended, its score and the evidence for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) key: Key,
    pub(super) score: f32,
    pub(super) evidence: Evidence,
}

/// The main reason to recommend an item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Evidence {
    /// Visitors who viewed this seed viewed it too.
    Together { seed: Number, support: u32 },
    /// Similar visits contain it.
    Visits { visits: u32 },
    /// Two steps away from the visitor's items.
    TwoHop,
    /// It is popular in a category the visitor prefers.
    Category { rank: usize },
    /// It is popular.
    Popular,
    /// The visitor viewed it.
    Seen,
    /// It is new.
    New,
    /// The marketer gave it its position.
    Pinned,
    /// In orders with this seed.
    BoughtTogether { seed: Number, support: u32 },
    /// In orders with this seed or after them, for another need.
    BoughtAfter { seed: Number, support: u32 },
    /// For the same need, and more expensive.
    UpSell,
    /// Its content is similar to that of a seed.
    Similar,
}

impl Evidence {
    pub(super) const fn why(self) -> RankedBy {
        match self {
            Self::Together { .. } => RankedBy::ViewedTogether,
            Self::Visits { .. } | Self::TwoHop => RankedBy::SimilarVisits,
            Self::Category { .. } => RankedBy::Affinity,
            Self::Popular => RankedBy::Trending,
            Self::Seen => RankedBy::RecentlyViewed,
            Self::New => RankedBy::New,
            Self::Pinned => RankedBy::Pinned,
            Self::BoughtTogether { .. } => RankedBy::BoughtTogether,
            Self::BoughtAfter { .. } => RankedBy::CrossSell,
            Self::UpSell => RankedBy::UpSell,
            Self::Similar => RankedBy::SimilarItem,
        }
    }
}

/// A ranking strategy: a model that an offer names, or one learned from whole visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RankingStrategy {
    Named(Model),
    Learned(recommend::Model),
}

impl RankingStrategy {
    /// Its name in exposures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Named(model) => model.as_str(),
            Self::Learned(model) => model.as_str(),
        }
    }
}

/// A listed item that may fill a position of a slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotItem<'a> {
    pub(super) number: ItemNumber,
    pub(super) item: &'a Item,
    pub(super) candidate: Candidate,
}

impl SlotItem<'_> {
    /// Whether the marketer gave it its position.
    pub(super) fn is_pinned(&self) -> bool {
        self.candidate.evidence == Evidence::Pinned
    }
}

/// Why an item is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExclusionReason<'a> {
    /// It is not available.
    Unavailable,
    /// It is the item of the page.
    OnPage,
    /// It is in the cart.
    InCart,
    /// The visitor has bought it.
    Bought,
    /// A filter or exclusion, by its description.
    Rule(&'a str),
    /// Its language differs from that of the page.
    Language,
    /// Its price is outside the band around that of the page's item.
    Price,
    /// It has been in the catalogue for too long.
    Age,
    /// It was shown often enough without being viewed.
    Fatigue,
    /// Enough items of its kind are shown.
    Diversity,
}

impl ExclusionReason<'_> {
    /// The sentence for explanations.
    pub(super) fn description(self) -> String {
        match self {
            Self::Unavailable => "not available".into(),
            Self::OnPage => "the page is about it".into(),
            Self::InCart => "in the cart".into(),
            Self::Bought => "bought already".into(),
            Self::Rule(description) => format!("rule: {description}"),
            Self::Language => "rule: same language".into(),
            Self::Price => "rule: price band".into(),
            Self::Age => "rule: maximum age".into(),
            Self::Fatigue => "rule: shown often without a view".into(),
            Self::Diversity => "rule: enough of its kind".into(),
        }
    }
}

/// Items that are never recommended to this visitor, and bought ones, which only some rules exclude.
pub(super) type UsedItems<'a> = HashMap<ItemNumber, ExclusionReason<'a>, ahash::RandomState>;

/// Recent views of each item in slots. `ImpressionCounts::default()` is empty.
#[derive(Debug, Default)]
pub struct ImpressionCounts(HashMap<ItemId, u64, ahash::RandomState>);

impl FromIterator<(ItemId, u64)> for ImpressionCounts {
    fn from_iter<I: IntoIterator<Item = (ItemId, u64)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl ImpressionCounts {
    /// Views of an item.
    #[must_use]
    pub fn views(&self, id: &str) -> u64 {
        self.0.get(id).copied().unwrap_or(0)
    }
}

/// Randomization of one request.
#[derive(Debug, Clone, Copy)]
pub struct Exploration<'a> {
    /// Random bits of this visitor on this page.
    pub seed: u64,
    /// Share of slots in which one position goes to a rarely shown item.
    pub items: f64,
    /// Share of slots that an alternative model ranks.
    pub models: f64,
    /// Recent impressions.
    pub impressions: &'a ImpressionCounts,
    /// An item with at least this many impressions is not explored.
    pub known_from: u64,
}
