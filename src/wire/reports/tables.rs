//! The reports `searches`, `links`, `errors` and `vitals`: tables of what the tracker notices.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Compare, CountUnit, Moment, ReportFilter};

/// Request of the reports `goals`, `searches`, `links`, `errors` and `vitals`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TableQuestion {
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
    /// What counts as one person.
    #[serde(default)]
    pub unit: CountUnit,
    /// What is kept of the events, at most 20 filters that must all hold.
    #[serde(default)]
    pub filters: Vec<ReportFilter>,
    /// Another period or other filters to compare with.
    #[serde(default)]
    pub compare: Option<Compare>,
}

/// What was searched for on the site.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SearchRow {
    /// The terms, in lower case.
    pub query: String,
    /// Searches.
    pub searches: u64,
    /// People.
    pub people: u64,
    /// Searches that the site said found nothing.
    pub no_results: u64,
}

/// Response of the `searches` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Searches {
    /// Terms, most searches first.
    pub rows: Vec<SearchRow>,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Searches>>,
}

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Another site.
    Outbound,
    /// A file.
    Download,
}

/// A link that leaves the site, or a download.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LinkRow {
    /// What it leads to.
    pub kind: LinkKind,
    /// Its address.
    pub url: String,
    /// Clicks.
    pub clicks: u64,
    /// People.
    pub people: u64,
}

/// Response of the `links` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Links {
    /// Links, most clicks first.
    pub rows: Vec<LinkRow>,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Links>>,
}

/// An error of the pages' scripts.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ErrorRow {
    /// Its message, cut to 300 characters.
    pub message: String,
    /// The script's address; empty if unknown.
    pub source: String,
    /// How often it happened.
    pub events: u64,
    /// People who had it.
    pub people: u64,
    /// First time in the period.
    pub first_at: Moment,
    /// Last time in the period.
    pub last_at: Moment,
}

/// Response of the `errors` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Errors {
    /// Errors, most frequent first.
    pub rows: Vec<ErrorRow>,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Errors>>,
}

/// How fast a page was. 75th percentiles, null where browsers measured nothing.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VitalsRow {
    /// The page.
    pub path: String,
    /// Page views that were measured.
    pub samples: u64,
    /// Largest contentful paint, milliseconds.
    pub lcp_p75_ms: Option<f64>,
    /// Interaction to next paint, milliseconds.
    pub inp_p75_ms: Option<f64>,
    /// Cumulative layout shift.
    pub cls_p75: Option<f64>,
    /// First contentful paint, milliseconds.
    pub fcp_p75_ms: Option<f64>,
    /// Time to first byte, milliseconds.
    pub ttfb_p75_ms: Option<f64>,
}

/// Response of the `vitals` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Vitals {
    /// Pages, most samples first.
    pub rows: Vec<VitalsRow>,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Vitals>>,
}
