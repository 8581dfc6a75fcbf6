//! Results of offers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CountUnit, Moment};

/// Request of the `offers` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OffersQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Only this offer.
    #[serde(default)]
    pub offer: Option<String>,
    /// What counts as one person.
    #[serde(default)]
    pub unit: CountUnit,
}

/// Response of the `offers` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OfferResults {
    /// Currency of the amounts.
    pub currency: String,
    /// How lift and intervals are computed, in one sentence.
    pub method: &'static str,
    /// Offers by id: those seen in the period, and those that exist.
    pub rows: Vec<OfferResult>,
}

/// What an offer brought about. A person converts who reaches its goal, or else orders, at or after the first impression
/// and within the period.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OfferResult {
    /// Its id.
    pub offer: String,
    /// Its name; empty if it was removed.
    pub name: String,
    /// Its state; null if it was removed.
    pub status: Option<&'static str>,
    /// People who saw it.
    pub people: u64,
    /// Impressions.
    pub impressions: u64,
    /// Clicks.
    pub clicks: u64,
    /// People who clicked.
    pub clickers: u64,
    /// People who converted.
    pub conversions: u64,
    /// Revenue less refunds of these people after the first impression, in minor units.
    pub revenue_minor: i64,
    /// Cost of the impressions, in minor units; null if the offer has none.
    pub cost_minor: Option<i64>,
    /// What it is compared with: `control`, its own control group, or `holdout`, people held out from all offers; null
    /// without either.
    pub compared_with: Option<&'static str>,
    /// People of that group.
    pub control_people: u64,
    /// Those of them who converted.
    pub control_conversions: u64,
    /// Their revenue.
    pub control_revenue_minor: i64,
    /// Relative lift of the conversion rate: 0.1 is ten per cent; null without conversions in both groups.
    pub lift: Option<f64>,
    /// Its 95% interval.
    pub interval: Option<[f64; 2]>,
    /// Revenue that it brought in all, compared with showing it to none of its people, in minor units.
    pub lift_revenue_minor: Option<i64>,
    /// Its 95% interval.
    pub lift_revenue_interval: Option<[i64; 2]>,
}
