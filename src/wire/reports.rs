//! Questions of the dashboard and the answers to them.
//!
//! Questions refuse unknown keys; `timezone` absent is the site's. Periods include `from` and exclude `to`.

mod data_quality;
mod funnel;
mod list;
mod recommendations;
mod visitor;

pub use data_quality::*;
pub use funnel::*;
pub use list::*;
pub use recommendations::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::ToSchema;
pub use visitor::*;

use crate::model::Timestamp;

/// A moment: RFC 3339 or milliseconds since the epoch in questions, RFC 3339 in UTC in answers.
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
        enum Written {
            Ms(i64),
            Text(String),
        }
        let moment = match Written::deserialize(deserializer) {
            Ok(Written::Ms(ms)) => Some(Timestamp(ms)),
            Ok(Written::Text(text)) => Timestamp::parse_rfc3339(&text),
            Err(_) => None,
        };
        moment.map(Self).ok_or_else(|| D::Error::custom("a time must be RFC 3339, such as 2026-11-22T00:00:00Z"))
    }
}

/// Width of the steps of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// An hour.
    Hour,
    /// A day of the time zone.
    #[default]
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
}

/// What happened in a period?
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverviewQuestion {
    /// From this moment on.
    pub from: Moment,
    /// Before this moment.
    pub to: Moment,
    /// IANA name; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Width of the steps of the series.
    #[serde(default)]
    pub interval: Interval,
}

/// Figures of a period.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Totals {
    /// Every stored event, robots kept aside.
    pub events: u64,
    /// Page and screen views.
    pub pageviews: u64,
    /// Different visitors.
    pub visitors: u64,
    /// Sessions that began.
    pub sessions: u64,
    /// Share of the sessions with one page view and nothing else, 0 to 1.
    pub bounce_rate: f64,
    /// Orders minus refunds in the site's currency, each converted by the rate of its moment.
    pub revenue_minor: i64,
    /// Orders.
    pub orders: u64,
    /// Orders in currencies that no rate converts, which `revenue_minor` leaves out.
    pub other_currency_orders: u64,
}

/// One step of the series.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SeriesPoint {
    /// Its beginning; that of the first may lie before the period's.
    pub at: Moment,
    /// Events.
    pub events: u64,
    /// Page and screen views.
    pub pageviews: u64,
    /// Different visitors.
    pub visitors: u64,
    /// Sessions that began.
    pub sessions: u64,
    /// Orders minus refunds in the site's currency.
    pub revenue_minor: i64,
    /// Orders.
    pub orders: u64,
}

/// What happened in a period.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Overview {
    /// Of the period.
    pub totals: Totals,
    /// Of the period of equal length before it.
    pub previous: Totals,
    /// Currency of the revenue.
    pub currency: String,
    /// Every step of the period in order, empty ones too.
    pub series: Vec<SeriesPoint>,
}

/// Which pages were looked at?
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PagesQuestion {
    /// From this moment on.
    pub from: Moment,
    /// Before this moment.
    pub to: Moment,
    /// IANA name; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Rows wanted, 1 to 1,000; absent: 50.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Part of a path or title, any case.
    #[serde(default)]
    pub search: Option<String>,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PageRow {
    /// Its path.
    pub path: String,
    /// Its latest title.
    pub title: String,
    /// Views.
    pub pageviews: u64,
    /// Different visitors.
    pub visitors: u64,
    /// Sessions that began with it.
    pub entries: u64,
    /// Sessions that ended with it.
    pub exits: u64,
}

/// The pages looked at, most viewed first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pages {
    /// The first of them.
    pub rows: Vec<PageRow>,
    /// How many there are.
    pub total: u64,
}

/// What sources are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceBy {
    /// Class of traffic.
    Channel,
    /// Name of the source.
    Source,
    /// Host of the page before.
    Referrer,
    /// Campaign.
    Campaign,
}

/// Where did visits come from?
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourcesQuestion {
    /// From this moment on.
    pub from: Moment,
    /// Before this moment.
    pub to: Moment,
    /// IANA name; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// What sources are told apart by.
    pub by: SourceBy,
    /// Rows wanted, 1 to 1,000; absent: 50.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceRow {
    /// Its name; empty when there is none.
    pub value: String,
    /// Different visitors.
    pub visitors: u64,
    /// Sessions.
    pub sessions: u64,
    /// Page and screen views.
    pub pageviews: u64,
    /// Orders.
    pub orders: u64,
    /// Orders minus refunds in the site's currency.
    pub revenue_minor: i64,
}

/// Where visits came from, most visitors first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sources {
    /// One a source.
    pub rows: Vec<SourceRow>,
}
