//! A slot: a named place on a page, as a marketer configures it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What fills a slot. Stored and edited as JSON in this form.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotSettings {
    /// What may fill it; absent: `offers`, or `offers_then_recommendations` for a name that ends with `-recs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<SlotMode>,
    /// Content fields that are shown if nothing else is; absent: the page keeps its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub fallback: Option<Map<String, Value>>,
}

/// What may fill a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlotMode {
    /// Offers only.
    Offers,
    /// Recommended items only.
    Recommendations,
    /// Offers, and recommended items if no offer is shown.
    OffersThenRecommendations,
}

impl SlotMode {
    /// A slot with this suffix shows recommendations even if no offer names it, so that a new site's pages are
    /// personalized before its marketer has written anything.
    pub const RECOMMENDATION_SUFFIX: &str = "-recs";

    /// The mode of a slot that was never configured.
    #[must_use]
    pub fn by_name(slot: &str) -> Self {
        if slot.ends_with(Self::RECOMMENDATION_SUFFIX) { Self::OffersThenRecommendations } else { Self::Offers }
    }

    /// Whether offers may fill it.
    #[must_use]
    pub const fn shows_offers(self) -> bool {
        !matches!(self, Self::Recommendations)
    }

    /// Whether recommended items may fill it.
    #[must_use]
    pub const fn shows_recommendations(self) -> bool {
        !matches!(self, Self::Offers)
    }
}
