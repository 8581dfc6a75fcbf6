//! What recommendations brought, and what another choice would bring.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Moment;

/// What came of recommended slots?
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecommendationsQuestion {
    /// Seen from this moment on.
    pub from: Moment,
    /// Seen before this moment.
    pub to: Moment,
    /// IANA name; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Only this slot.
    #[serde(default)]
    pub slot: Option<String>,
    /// Days within which a purchase is credited to what was seen before, 1 to 90; absent: 7.
    #[serde(default)]
    pub window_days: Option<u32>,
}

/// A value with its interval at 95%; visitors, not views, are what was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Estimated {
    /// The value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What came of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recommendations {
    /// The site's currency.
    pub currency: String,
    /// Days within which purchases were credited.
    pub window_days: u32,
    /// By slot and model; `null` stands for all of them.
    pub rows: Vec<RecommendationRow>,
    /// By place.
    pub positions: Vec<PositionRow>,
    /// How much was left to chance for items that are hardly known.
    pub exploring: Exploring,
    /// Views of slots with items that came without the service's word on how they were drawn: sent by a page
    /// that does not give `exposure` back, or made up. They are not counted above.
    pub unproved: u64,
}

/// One slot and model.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecommendationRow {
    /// The slot.
    pub slot: Option<String>,
    /// The model that ranked it.
    pub model: Option<String>,
    /// Different visitors who saw it.
    pub visitors: u64,
    /// Times it was seen.
    pub impressions: u64,
    /// Of these, times something in it was clicked.
    pub clicked: u64,
    /// Items clicked in it.
    pub clicks: u64,
    /// Clicked views of all views.
    pub click_through: Option<Estimated>,
    /// Bought lines of orders credited to it: the visitor had seen the item in it.
    pub purchases: u64,
    /// Views to which a purchase was credited, of all views.
    pub conversion: Option<Estimated>,
    /// What these lines brought, minor units.
    pub revenue_minor: i64,
    /// The same for a thousand views, minor units.
    pub revenue_per_thousand: Option<Estimated>,
    /// Bought lines of items that the visitor had clicked in it.
    pub purchases_after_click: u64,
    /// What these brought, minor units.
    pub revenue_after_click_minor: i64,
}

/// One place of the slots.
#[derive(Debug, Serialize, ToSchema)]
pub struct PositionRow {
    /// Counted from 1.
    pub position: u64,
    /// Items seen there.
    pub views: u64,
    /// Of these, clicked.
    pub clicked: u64,
    /// Clicked of seen.
    pub click_through: Option<Estimated>,
    /// Items seen there out of turn.
    pub tried: u64,
    /// Of these, clicked.
    pub tried_clicked: u64,
    /// Clicked of seen out of turn: items at every place alike, so that only the place makes the difference.
    pub tried_click_through: Option<Estimated>,
}

/// How much was left to chance for items that are hardly known.
#[derive(Debug, Serialize, ToSchema)]
pub struct Exploring {
    /// Share of slots that is set.
    pub set: f64,
    /// Share that the draws of these views promised: less where there was nothing to try.
    pub promised: f64,
    /// Share of views with such an item.
    pub reached: Option<Estimated>,
    /// Such items of all items seen.
    pub share_of_items: f64,
}

/// What would the click-through have been, had other models ranked the slots, or other shares been set?
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatIfQuestion {
    /// Seen from this moment on.
    pub from: Moment,
    /// Seen before this moment.
    pub to: Moment,
    /// IANA name; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Only this slot.
    #[serde(default)]
    pub slot: Option<String>,
    /// Shares of the models by word, in proportion; absent: as it was.
    #[serde(default)]
    pub models: BTreeMap<String, f64>,
    /// Share of slots in which a place goes to an item that is hardly known, 0 to 0.5; absent: as it was.
    #[serde(default)]
    pub explore_items: Option<f64>,
}

/// What the log tells of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhatIf {
    /// Views in the log.
    pub views: u64,
    /// How many views of the choice itself they are worth.
    pub effective: u64,
    /// The mean weight; 1 where everything that the choice would show is in the log as often as it should be.
    pub mean_weight: f64,
    /// Whether only a part of the visitors was looked at.
    pub sampled: bool,
    /// Click-through in the log.
    pub now: Option<Estimated>,
    /// The estimates; `null` when it cannot be told.
    pub estimates: Option<WhatIfEstimates>,
    /// Why it cannot be told: `nothing`, `never_shown`, `too_little_overlap`, `too_few_clicks`, `unsupported`.
    pub refusal: Option<&'static str>,
    /// The same in a sentence.
    pub because: Option<String>,
    /// Models that were shown, and how often.
    pub models: BTreeMap<String, u64>,
}

/// Three estimates of one click-through.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhatIfEstimates {
    /// Inverse propensity (Horvitz, Thompson 1952).
    pub ips: WithLead,
    /// Self-normalized (Swaminathan, Joachims 2015).
    pub snips: WithLead,
    /// Doubly robust (Dudík, Langford, Li 2011); the one to read first.
    pub doubly_robust: WithLead,
}

/// An estimate, and by how much it is over the click-through in the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct WithLead {
    /// The estimate.
    #[serde(flatten)]
    pub estimate: Estimated,
    /// The difference; both were read from the same visitors.
    pub lead: Estimated,
}
