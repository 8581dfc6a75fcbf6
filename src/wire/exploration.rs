//! Admin API: exploration settings, history of model choices and evaluations, preview of decisions.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::decided_items::DecisionBody;

/// Exploration rates of recommended slots.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplorationBody {
    /// Share of slots in which one position is given to an item with little data.
    pub items: f64,
    /// Share of slots ranked by a different model, for comparison.
    pub models: f64,
    /// Whether `items` is set for this site; otherwise it is the service-wide setting.
    pub own_items: bool,
    /// Whether `models` is set for this site; otherwise it is the service-wide setting.
    pub own_models: bool,
}

/// Exploration rates to set, 0 to 0.5 each; null or absent uses the service-wide setting.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplorationChange {
    /// Share of slots in which one position is given to an item with little data.
    #[serde(default)]
    pub items: Option<f64>,
    /// Share of slots ranked by a different model.
    #[serde(default)]
    pub models: Option<f64>,
}

/// Past choices and evaluations, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecommendationHistory {
    /// Choices of users: `{"model": NAME or null}` or `{"items": SHARE or null, "models": SHARE or null}`.
    pub choices: Vec<PastChoice>,
    /// Evaluations: `{"winner", "clicks", "predictions", "models": [{"model", "hit_rate", "mrr"}]}`.
    pub tunings: Vec<PastTuning>,
}

/// One choice of a user.
#[derive(Debug, Serialize, ToSchema)]
pub struct PastChoice {
    /// Time, RFC 3339.
    pub at: String,
    /// Who chose.
    pub who: String,
    /// The values chosen.
    #[schema(value_type = RecommendationChoice)]
    pub choice: Box<RawValue>,
}

/// What a user chose: a model, or shares of exploration.
#[derive(Debug, ToSchema)]
#[schema(as = RecommendationChoice)]
pub struct RecommendationChoice {
    /// The model chosen; null: the winner of the evaluation again; absent: shares were chosen.
    pub model: Option<String>,
    /// Share of slots in which one position is explored; null: the service-wide setting.
    pub items: Option<f64>,
    /// Share of slots ranked by a different model; null: the service-wide setting.
    pub models: Option<f64>,
}

/// The result of an evaluation.
#[derive(Debug, ToSchema)]
pub struct TuningFound {
    /// The best model.
    pub winner: String,
    /// Clicks used.
    pub clicks: u64,
    /// Clicks predicted.
    pub predictions: u64,
    /// By model, best first.
    pub models: Vec<super::admin::ModelQuality>,
}

/// One evaluation of the models.
#[derive(Debug, Serialize, ToSchema)]
pub struct PastTuning {
    /// Time, RFC 3339.
    pub at: String,
    /// The result.
    #[schema(value_type = TuningFound)]
    pub found: Box<RawValue>,
}

/// The visitor and the page to preview decisions for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewQuestion {
    /// A visitor's id; absent: a hypothetical visitor who viewed the items in `viewed`.
    #[serde(default)]
    pub visitor: Option<String>,
    /// Ids of viewed items, oldest first.
    #[serde(default)]
    pub viewed: Vec<String>,
    /// The slots; if empty, all slots used by offers plus `home-recs`.
    #[serde(default)]
    pub slots: Vec<String>,
    /// The item on the page.
    #[serde(default)]
    pub item: Option<String>,
    /// Items in the cart; absent uses the profile's cart.
    #[serde(default)]
    pub cart: Option<Vec<String>>,
    /// Path of the page.
    #[serde(default)]
    pub url_path: Option<String>,
    /// Language of the page.
    #[serde(default)]
    pub language: Option<String>,
}

/// What the visitor would see.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewAnswer {
    /// Whether the visitor has a profile.
    pub known: bool,
    /// Items viewed, newest first.
    pub recent: Vec<SeenItem>,
    /// Items in the cart.
    pub cart: Vec<SeenItem>,
    /// Items bought.
    pub bought: Vec<SeenItem>,
    /// Categories by affinity, strongest first.
    pub interests: Vec<String>,
    /// The slots that were decided, in order.
    pub slots: Vec<String>,
    /// Decisions as `POST /v1/decide` returns them to a `server` key; unfilled slots are absent.
    #[schema(value_type = HashMap<String, DecisionBody>)]
    pub decisions: Box<RawValue>,
    /// True if the stored profile could not be read in time.
    pub degraded: bool,
}

/// An item of a profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct SeenItem {
    /// Item id.
    pub id: String,
    /// Title; null if the item is not in the catalog.
    pub title: Option<String>,
}
