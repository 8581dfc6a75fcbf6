//! What owners choose for their recommendations, and what was chosen and found before.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// How much of the recommended slots is left to chance.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExploringBody {
    /// Share of slots in which a place goes to an item that is hardly known.
    pub items: f64,
    /// Share of slots that another model ranks, for comparison.
    pub models: f64,
    /// Whether the first is the site's own; else it is what holds for all sites.
    pub own_items: bool,
    /// The same for the second.
    pub own_models: bool,
}

/// Shares to set, 0 to 0.5 each; `null` or absent: what holds for all sites.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExploringChange {
    /// Share of slots in which a place goes to an item that is hardly known.
    #[serde(default)]
    pub items: Option<f64>,
    /// Share of slots that another model ranks.
    #[serde(default)]
    pub models: Option<f64>,
}

/// What was chosen and found before, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecommendingHistory {
    /// Choices of people: `{"model": WORD or null}` or `{"items": SHARE or null, "models": SHARE or null}`.
    pub choices: Vec<PastChoice>,
    /// What tuning found: `{"winner", "clicks", "predictions", "models": [{"model", "hit_rate", "mrr"}]}`.
    pub tunings: Vec<PastTuning>,
}

/// A choice.
#[derive(Debug, Serialize, ToSchema)]
pub struct PastChoice {
    /// RFC 3339.
    pub at: String,
    /// Who chose.
    pub who: String,
    /// What.
    #[schema(value_type = Object)]
    pub choice: Box<RawValue>,
}

/// A tuning.
#[derive(Debug, Serialize, ToSchema)]
pub struct PastTuning {
    /// RFC 3339.
    pub at: String,
    /// What it found.
    #[schema(value_type = Object)]
    pub found: Box<RawValue>,
}

/// Whose shop is to be seen, and where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewQuestion {
    /// A visitor's id; absent: somebody made up who looked at `viewed`.
    #[serde(default)]
    pub visitor: Option<String>,
    /// Ids of items, oldest first.
    #[serde(default)]
    pub viewed: Vec<String>,
    /// The slots; none: those that offers name, and `home-recs`.
    #[serde(default)]
    pub slots: Vec<String>,
    /// The item on the page.
    #[serde(default)]
    pub item: Option<String>,
    /// Items in the cart; absent: those of the profile.
    #[serde(default)]
    pub cart: Option<Vec<String>>,
    /// Path of the page.
    #[serde(default)]
    pub url_path: Option<String>,
    /// Language of the page.
    #[serde(default)]
    pub language: Option<String>,
}

/// What this visitor sees.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewAnswer {
    /// Whether anything is known of the visitor.
    pub known: bool,
    /// Items looked at, newest first.
    pub recent: Vec<SeenItem>,
    /// Items in the cart.
    pub cart: Vec<SeenItem>,
    /// Items bought.
    pub bought: Vec<SeenItem>,
    /// Categories that the visitor likes, most first.
    pub interests: Vec<String>,
    /// The slots that were looked at, in their order.
    pub slots: Vec<String>,
    /// As `POST /v1/decide` answers them to a `server` key; slots nobody fills are absent.
    #[schema(value_type = Object)]
    pub decisions: Box<RawValue>,
    /// True when the stored profile could not be read in time.
    pub degraded: bool,
}

/// An item of a profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct SeenItem {
    /// Its id.
    pub id: String,
    /// Its name; null when it is not in the catalogue.
    pub title: Option<String>,
}
