//! Report requests and responses.
//!
//! Requests reject unknown keys. An absent `timezone` is the site's. Periods include `from` and exclude `to`.

mod attribution;
mod campaigns;
mod data_quality;
mod events;
mod experiments;
mod filter;
mod funnel;
mod list;
mod offers;
mod paths;
mod recommendations;
mod retention;
mod rfm;
mod satisfaction;
mod segments;
mod shop;
mod tables;
mod visitor;

pub use attribution::*;
pub use campaigns::*;
pub use data_quality::*;
pub use events::*;
pub use experiments::*;
pub use filter::*;
pub use funnel::*;
pub use list::*;
pub use offers::*;
pub use paths::*;
pub use recommendations::*;
pub use retention::*;
pub use rfm::*;
pub use satisfaction::*;
pub use segments::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
pub use shop::*;
pub use tables::*;
use utoipa::ToSchema;
pub use visitor::*;

use crate::model::Timestamp;

/// A time: RFC 3339 or milliseconds since 1970 in requests, RFC 3339 in UTC in responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub struct Moment(pub Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Format {
            Ms(i64),
            Text(String),
        }
        let moment = match Format::deserialize(deserializer) {
            Ok(Format::Ms(ms)) => Some(Timestamp(ms)),
            Ok(Format::Text(text)) => Timestamp::parse_rfc3339(&text),
            Err(_) => None,
        };
        moment.map(Self).ok_or_else(|| D::Error::custom("a time must be RFC 3339, such as 2026-11-22T00:00:00Z"))
    }
}

/// Step width of a time series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// One hour.
    Hour,
    /// One calendar day in the time zone.
    #[default]
    Day,
    /// One week, starting on Monday (Saturday in the Persian calendar).
    Week,
    /// One calendar month.
    Month,
}

/// The calendar of weeks and months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    /// Weeks start on Monday.
    #[default]
    Gregorian,
    /// The Persian solar calendar; weeks start on Saturday.
    Persian,
}

/// What a report counts as one visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountUnit {
    /// A person: browsers and devices in which the same user was identified count as one.
    #[default]
    Person,
    /// A browser or device.
    Visitor,
}

/// Request of the `overview` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverviewQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Step width of the series.
    #[serde(default)]
    pub interval: Interval,
    /// Calendar of the series' weeks and months, and of the previous period.
    #[serde(default)]
    pub calendar: Calendar,
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

/// Metrics of a period.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Totals {
    /// Stored events, without bots.
    pub events: u64,
    /// Page and screen views.
    pub pageviews: u64,
    /// Unique visitors.
    pub visitors: u64,
    /// Sessions started.
    pub sessions: u64,
    /// Share of sessions with a single page view and no action of the visitor, 0 to 1; null without sessions.
    pub bounce_rate: Option<f64>,
    /// Revenue minus refunds in minor units of the site's currency, converted at the rate of the event's date.
    pub revenue_minor: i64,
    /// Orders.
    pub orders: u64,
    /// Orders in currencies without an exchange rate, which `revenue_minor` excludes.
    pub other_currency_orders: u64,
}

/// One step of the time series.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SeriesPoint {
    /// Start of the step; the first may start before the period.
    pub at: Moment,
    /// Events.
    pub events: u64,
    /// Page and screen views.
    pub pageviews: u64,
    /// Unique visitors.
    pub visitors: u64,
    /// Sessions started.
    pub sessions: u64,
    /// Revenue minus refunds in minor units of the site's currency.
    pub revenue_minor: i64,
    /// Orders.
    pub orders: u64,
}

/// Response of the `overview` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Overview {
    /// Totals of the period.
    pub totals: Totals,
    /// Totals of the period before: as many months or days before, by the calendar, else of equal length. While the
    /// period is not over, only of the part of the one before that corresponds to the part that has passed.
    pub previous: Totals,
    /// Currency of the revenue, ISO 4217 code.
    pub currency: String,
    /// All steps of the period in order, including empty ones.
    pub series: Vec<SeriesPoint>,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<OverviewCompared>,
}

/// What an overview is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OverviewCompared {
    /// Totals of the period.
    pub totals: Totals,
    /// Currency of the revenue, ISO 4217 code.
    pub currency: String,
    /// All steps of the period in order, including empty ones.
    pub series: Vec<SeriesPoint>,
}

/// Request of the `pages` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PagesQuestion {
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
    /// Substring of path or title, case-insensitive.
    #[serde(default)]
    pub search: Option<String>,
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

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PageRow {
    /// Path.
    pub path: String,
    /// Latest title.
    pub title: String,
    /// Page views.
    pub pageviews: u64,
    /// Unique visitors.
    pub visitors: u64,
    /// Sessions that started on the page.
    pub entries: u64,
    /// Sessions that ended on the page.
    pub exits: u64,
}

/// Response of the `pages` report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pages {
    /// Pages, most viewed first.
    pub rows: Vec<PageRow>,
    /// Total number of matching pages.
    pub total: u64,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Pages>>,
}

/// Dimension of the `sources` report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceBy {
    /// Traffic channel.
    Channel,
    /// Traffic source.
    Source,
    /// Referring host.
    Referrer,
    /// Campaign.
    Campaign,
}

/// Request of the `sources` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourcesQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Dimension of the `sources` report.
    pub by: SourceBy,
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

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceRow {
    /// Value of the dimension; empty if none.
    pub value: String,
    /// Unique visitors.
    pub visitors: u64,
    /// Sessions.
    pub sessions: u64,
    /// Page and screen views.
    pub pageviews: u64,
    /// Orders.
    pub orders: u64,
    /// Revenue minus refunds in minor units of the site's currency.
    pub revenue_minor: i64,
}

/// Response of the `sources` report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sources {
    /// One row per source, most visitors first.
    pub rows: Vec<SourceRow>,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Sources>>,
}
