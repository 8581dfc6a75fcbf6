//! The `events` report: names, a trend, or samples.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Calendar, Compare, CountUnit, Interval, Moment, ReportFilter};

/// Request of the `events` report: the names of all events, or of one event a trend or samples.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsQuestion {
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
    /// Name of an event, `page` for page views; absent: all names.
    #[serde(default)]
    pub event: Option<String>,
    /// Property, or column with `$`, by whose values the trend of an event is.
    #[serde(default)]
    pub property: Option<String>,
    /// Step width of the trend.
    #[serde(default)]
    pub interval: Interval,
    /// Calendar of the trend's weeks and months.
    #[serde(default)]
    pub calendar: Calendar,
    /// How many of the latest events are listed instead of a trend, 1 to 100.
    #[serde(default)]
    pub samples: Option<u32>,
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

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventRow {
    /// Its name; `page` is any page or screen view.
    pub event: String,
    /// How often it happened.
    pub count: u64,
    /// People.
    pub people: u64,
}

/// Response of the `events` report without an event.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventNames {
    /// Events, most frequent first.
    pub rows: Vec<EventRow>,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<EventNames>>,
}

/// One step of a trend.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TrendPoint {
    /// Start of the step; the first may start before the period.
    pub at: Moment,
    /// How often it happened by value, or by its name without a property. All but the 10 most frequent values are `$other`.
    pub values: BTreeMap<String, u64>,
}

/// Response of the `events` report for one event.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventTrend {
    /// All steps of the period in order, empty ones too.
    pub series: Vec<TrendPoint>,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<EventTrend>>,
}

/// One event as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventSample {
    /// When it happened.
    pub at: Moment,
    /// Path of the page.
    pub path: String,
    /// Class of the device.
    pub device: String,
    /// Country code; empty if unknown.
    pub country: String,
    /// Its properties.
    #[schema(value_type = Object)]
    pub properties: serde_json::Value,
}

/// Response of the `events` report for samples.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventSamples {
    /// The latest events, the latest first.
    pub samples: Vec<EventSample>,
}

/// Response of the `events` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Events {
    /// Without an event.
    Names(EventNames),
    /// For an event.
    Trend(EventTrend),
    /// For `samples` of an event.
    Samples(EventSamples),
}
