//! The `campaigns` report.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Compare, CountUnit, Moment, ReportFilter};

/// Request of the `campaigns` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignsQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Maximum number of rows, 1 to 1,000; absent: 50.
    #[serde(default)]
    pub limit: Option<u32>,
    /// What counts as one visitor.
    #[serde(default)]
    pub unit: CountUnit,
    /// What is kept of the events, at most 20 filters that must all hold.
    #[serde(default)]
    pub filters: Vec<ReportFilter>,
    /// Another period or other filters to compare with.
    #[serde(default)]
    pub compare: Option<Compare>,
}

/// One campaign, from one source and medium.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CampaignRow {
    /// Campaign.
    pub campaign: String,
    /// Traffic source; empty if none.
    pub source: String,
    /// Medium; empty if none.
    pub medium: String,
    /// Unique visitors.
    pub visitors: u64,
    /// Sessions.
    pub sessions: u64,
    /// Page and screen views.
    pub pageviews: u64,
    /// Share of sessions with a single page view and no action of the visitor, 0 to 1; null without sessions.
    pub bounce_rate: Option<f64>,
    /// Orders.
    pub orders: u64,
    /// Revenue minus refunds in minor units of the site's currency.
    pub revenue_minor: i64,
}

/// Response of the `campaigns` report. Sessions without a campaign are left out.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Campaigns {
    /// One row per campaign, source and medium, most visitors first.
    pub rows: Vec<CampaignRow>,
    /// Currency of the revenue, ISO 4217 code.
    pub currency: String,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Campaigns>>,
}
