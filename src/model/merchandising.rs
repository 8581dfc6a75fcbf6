//! What a marketer says about shelves of recommended items: for a whole site, and for single slots.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Rule;

/// The rules of one slot, or of the whole site. Stored and edited as JSON in this form. What a slot says
/// about filters, exclusions, pins and boosts comes on top of the site's; of the single settings a slot's
/// own word holds, and where it has none, the site's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MerchandisingRules {
    /// Only items for which this holds; `{}` is all. Fields are those of items: `category`, `brand`, `tag`,
    /// `price_minor`, `language`, `item_group`, `id`, `title`, `attribute.NAME`.
    pub only: Rule,
    /// Never these.
    pub exclude: Exclude,
    /// Items with a fixed place.
    pub pins: Vec<Pin>,
    /// Items that count more, or less.
    pub boosts: Vec<Boost>,
    /// Whether what the visitor has bought is left out; yes where nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_bought: Option<bool>,
    /// Whether items in other languages than the page's are left out; no where nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_language: Option<bool>,
    /// Only items priced like the one on the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_band: Option<PriceBand>,
    /// Not too many alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diversity: Option<Diversity>,
    /// New items count more, old ones are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    /// What was shown and not looked at rests for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fatigue: Option<Fatigue>,
}

/// Items that are never shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exclude {
    /// Their ids.
    pub items: Vec<String>,
    /// Their categories, any of them.
    pub categories: Vec<String>,
    /// Their makers.
    pub brands: Vec<String>,
}

/// An item with a fixed place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Its id.
    pub item: String,
    /// Its place, counted from 1.
    pub position: u32,
}

/// A factor on the score of some items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Boost {
    /// Which items.
    pub when: Rule,
    /// In percent: 200 doubles the score, 50 halves it.
    pub percent: u32,
}

/// Prices around that of the item on the page, in percent of it, edges included. Pages about no item, and
/// items in other currencies, are not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceBand {
    /// Not below this share.
    pub from_percent: u32,
    /// Not above this share.
    pub to_percent: u32,
}

/// Not too many alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Diversity {
    /// What makes two items alike.
    pub by: Alike,
    /// So many of them at most; pinned items count, but are never left out for it.
    pub at_most: u32,
}

/// What makes two items alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alike {
    /// The main category.
    Category,
    /// The maker.
    Brand,
    /// The item group: variants of one thing.
    Group,
}

/// How age counts, by the moment an item was first in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Freshness {
    /// By how much the score of an item added this moment is lifted, percent.
    pub lift_percent: u32,
    /// The lift halves in so many days.
    pub half_life_days: u32,
    /// Older items are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { lift_percent: 0, half_life_days: 14, max_age_days: None }
    }
}

/// A cap on how often an ignored item comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fatigue {
    /// Shown to the visitor so often without being looked at, it rests.
    pub shown_max: u32,
    /// For so many hours since it was last shown.
    pub rest_hours: u32,
}
