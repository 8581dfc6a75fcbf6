//! A marketer's merchandising rules for recommended items: for a whole site and for single slots.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Rule;

/// The rules of one slot or of the whole site. Stored and edited as JSON in this form. Filters, exclusions, pins and
/// boosts of a slot are added to the site's; other settings of a slot override the site's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MerchandisingRules {
    /// Only items that match; `{}` matches all. Fields are those of items: `category`, `brand`, `tag`, `price_minor`,
    /// `language`, `item_group`, `id`, `title`, `attribute.NAME`.
    pub only: Rule,
    /// Items that are never shown.
    pub exclude: Exclude,
    /// Items with a fixed position.
    pub pins: Vec<Pin>,
    /// Items whose score is raised or lowered.
    pub boosts: Vec<Boost>,
    /// Whether items the visitor has bought are hidden; default: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_bought: Option<bool>,
    /// Whether items in languages other than the page's are hidden; default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_language: Option<bool>,
    /// Only items with a price similar to that of the item on the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_band: Option<PriceBand>,
    /// Limit on similar items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diversity: Option<Diversity>,
    /// Raises new items and hides old ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    /// Hides items that were shown and not clicked, for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fatigue: Option<Fatigue>,
}

/// Items that are never shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exclude {
    /// By id.
    pub items: Vec<String>,
    /// By category: any of an item's.
    pub categories: Vec<String>,
    /// By brand.
    pub brands: Vec<String>,
}

/// An item with a fixed position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The item's id.
    pub item: String,
    /// Its position, counted from 1.
    pub position: u32,
}

/// A factor on the score of some items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Boost {
    /// Which items it applies to.
    pub when: Rule,
    /// In percent: 200 doubles the score, 50 halves it.
    pub percent: u32,
}

/// Prices around that of the item on the page, in percent of it, inclusive. Not applied to pages without an item or to
/// items in other currencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceBand {
    /// Lower bound.
    pub from_percent: u32,
    /// Upper bound.
    pub to_percent: u32,
}

/// Limit on similar items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Diversity {
    /// What makes two items similar.
    pub by: DiversityKey,
    /// How many of them at most; pinned items count, but are never removed.
    pub at_most: u32,
}

/// What makes two items similar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiversityKey {
    /// The main category.
    Category,
    /// The brand.
    Brand,
    /// The item group: variants of one thing.
    Group,
}

/// How an item's age counts, by the time it was added to the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Freshness {
    /// How much the score of an item added just now is raised, percent.
    pub lift_percent: u32,
    /// Half-life of that bonus, days.
    pub half_life_days: u32,
    /// Older items are hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { lift_percent: 0, half_life_days: 14, max_age_days: None }
    }
}

/// Frequency cap for ignored items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fatigue {
    /// An item is hidden after so many impressions without a view.
    pub shown_max: u32,
    /// For so many hours since its last impression.
    pub rest_hours: u32,
}
