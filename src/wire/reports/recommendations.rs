//! Recommendation report, and its off-policy evaluation (what-if).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Moment;

/// Request of the `recommendations` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecommendationsQuestion {
    /// Start of the period of impressions, inclusive.
    pub from: Moment,
    /// End of the period of impressions, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Only this slot.
    #[serde(default)]
    pub slot: Option<String>,
    /// Attribution window: days within which a purchase is credited to an impression, 1 to 90; absent: 7.
    #[serde(default)]
    pub window_days: Option<u32>,
}

/// An estimate with its 95% confidence interval; the sampling unit is the visitor, not the impression.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Estimated {
    /// The estimate.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// Response of the `recommendations` report.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recommendations {
    /// The site's currency.
    pub currency: String,
    /// Attribution window in days.
    pub window_days: u32,
    /// Results by slot and model; null stands for all of them.
    pub rows: Vec<RecommendationRow>,
    /// Results by position.
    pub positions: Vec<PositionRow>,
    /// Exploration of items with little data.
    pub exploring: Exploration,
    /// Impressions without a valid `exposure` token: sent by a page that does not return the token, or forged. They are
    /// not counted in the other figures.
    pub unproved: u64,
}

/// One slot and model.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecommendationRow {
    /// The slot.
    pub slot: Option<String>,
    /// The model that ranked it.
    pub model: Option<String>,
    /// Unique visitors who saw it.
    pub visitors: u64,
    /// Impressions.
    pub impressions: u64,
    /// Impressions with at least one click.
    pub clicked: u64,
    /// Items clicked.
    pub clicks: u64,
    /// Click-through rate: impressions with a click of all impressions.
    pub click_through: Option<Estimated>,
    /// Order lines attributed by impression: the visitor had seen the item in it.
    pub purchases: u64,
    /// Conversion rate: impressions with an attributed purchase of all impressions.
    pub conversion: Option<Estimated>,
    /// Revenue of these order lines, in minor units.
    pub revenue_minor: i64,
    /// Revenue per thousand impressions, in minor units.
    pub revenue_per_thousand: Option<Estimated>,
    /// Order lines attributed by click: the visitor had clicked the item in it.
    pub purchases_after_click: u64,
    /// Revenue of order lines attributed by click, in minor units.
    pub revenue_after_click_minor: i64,
}

/// One position within slots.
#[derive(Debug, Serialize, ToSchema)]
pub struct PositionRow {
    /// Position, from 1.
    pub position: u64,
    /// Item impressions at this position.
    pub views: u64,
    /// How many of them were clicked.
    pub clicked: u64,
    /// Click-through rate.
    pub click_through: Option<Estimated>,
    /// Impressions of randomly placed (exploration) items.
    pub tried: u64,
    /// How many of them were clicked.
    pub tried_clicked: u64,
    /// Click-through rate of exploration items. They are drawn alike for every position, so the rates show the effect of
    /// the position alone.
    pub tried_click_through: Option<Estimated>,
}

/// Exploration of items with little data.
#[derive(Debug, Serialize, ToSchema)]
pub struct Exploration {
    /// Configured share of slots.
    pub set: f64,
    /// Expected share by the selection probabilities of these impressions: lower if there was no candidate to explore.
    pub promised: f64,
    /// Observed share of impressions with an exploration item.
    pub reached: Option<Estimated>,
    /// Share of exploration items in all item impressions.
    pub share_of_items: f64,
}

/// Request of the `what-if` report: the click-through rate under other models or exploration rates.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatIfQuestion {
    /// Start of the period of impressions, inclusive.
    pub from: Moment,
    /// End of the period of impressions, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Only this slot.
    #[serde(default)]
    pub slot: Option<String>,
    /// Relative weights by model name; absent: as logged.
    #[serde(default)]
    pub models: BTreeMap<String, f64>,
    /// Share of slots in which one position is given to an item with little data, 0 to 0.5; absent: as logged.
    #[serde(default)]
    pub explore_items: Option<f64>,
}

/// Response of the `what-if` report.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhatIf {
    /// Impressions in the log.
    pub views: u64,
    /// Effective sample size.
    pub effective: u64,
    /// Mean importance weight; 1 if the log covers everything the policy would show, in the expected proportion.
    pub mean_weight: f64,
    /// Whether only a sample of the visitors was evaluated.
    pub sampled: bool,
    /// Click-through rate in the log.
    pub now: Option<Estimated>,
    /// The estimates; null if no estimate is possible.
    pub estimates: Option<WhatIfEstimates>,
    /// Why no estimate is possible: `nothing`, `never_shown`, `too_little_overlap`, `too_few_clicks`, `unsupported`.
    pub refusal: Option<&'static str>,
    /// The same as a sentence.
    pub because: Option<String>,
    /// Impressions by model.
    pub models: BTreeMap<String, u64>,
}

/// Three estimates of the same click-through rate.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhatIfEstimates {
    /// Inverse propensity scoring (Horvitz, Thompson 1952).
    pub ips: EstimateWithLead,
    /// Self-normalized (Swaminathan, Joachims 2015).
    pub snips: EstimateWithLead,
    /// Doubly robust (Dudík, Langford, Li 2011); the preferred estimate.
    pub doubly_robust: EstimateWithLead,
}

/// An estimate and its difference to the click-through rate in the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct EstimateWithLead {
    /// The estimate.
    #[serde(flatten)]
    pub estimate: Estimated,
    /// The difference; both are computed from the same visitors.
    pub lead: Estimated,
}
