//! What a visitor is interested in.

use serde::Serialize;
use utoipa::ToSchema;

/// Affinity to one category.
#[derive(Debug, Serialize, ToSchema)]
pub struct AffinityBody {
    /// The category.
    pub category: String,
    /// Current score; a view adds 1, and the score decays exponentially.
    pub score: f64,
    /// The visitor's share of interest divided by the site's: 1 is as everybody.
    pub lift: f64,
}

/// Affinity to a brand, a tag or a price band.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreferenceBody {
    /// The brand or tag; `low`, `middle` or `high` for prices, each a third of the site's popularity.
    pub name: String,
    /// Current score: items viewed, decaying exponentially.
    pub score: f64,
    /// The visitor's share of interest divided by the site's: 1 is as everybody.
    pub lift: f64,
}

/// A visitor's interests, each strongest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Interests {
    /// Categories.
    pub affinities: Vec<AffinityBody>,
    /// Brands of items viewed, by the catalogue.
    pub brand_affinities: Vec<PreferenceBody>,
    /// Tags of items viewed, by the catalogue.
    pub tag_affinities: Vec<PreferenceBody>,
    /// Price bands of items viewed, by the catalogue.
    pub price_affinities: Vec<PreferenceBody>,
}
