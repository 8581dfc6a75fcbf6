//! Visitor reports: dimensions, realtime, event schema, one visitor's history.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Compare, CountUnit, Moment, ReportFilter};
use crate::model::Profile;

/// Dimension of the `visitors` report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VisitorsBy {
    /// Country code.
    Country,
    /// Device type.
    Device,
    /// Browser.
    Browser,
    /// Operating system.
    Os,
    /// Language tag.
    Language,
}

/// Request of the `visitors` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisitorsQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Dimension of the `visitors` report.
    pub by: VisitorsBy,
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

/// Visitors with one value of the dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VisitorRow {
    /// The value; empty if unknown.
    pub value: String,
    /// Unique visitors.
    pub visitors: u64,
    /// Sessions.
    pub sessions: u64,
    /// Page and screen views.
    pub pageviews: u64,
}

/// Response of the `visitors` report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Visitors {
    /// One row per value, most visitors first.
    pub rows: Vec<VisitorRow>,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Visitors>>,
}

/// Request of the `realtime` report; it has no parameters.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RealtimeQuestion {}

/// Response of the `realtime` report.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Realtime {
    /// Active visitors in the last five minutes.
    pub visitors: u64,
    /// The last thirty minutes, current minute last.
    pub minutes: Vec<Minute>,
    /// Pages of the active visitors.
    pub pages: Vec<PageNow>,
    /// Traffic sources of the active visitors.
    pub sources: Vec<SourceNow>,
    /// Countries of the active visitors.
    pub countries: Vec<CountryNow>,
    /// The last fifty events, newest first.
    pub recent: Vec<RecentEvent>,
}

/// One minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Minute {
    /// Start of the minute.
    pub at: Moment,
    /// Unique visitors.
    pub visitors: u64,
    /// Page and screen views.
    pub pageviews: u64,
}

/// Active visitors on one page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PageNow {
    /// Path.
    pub path: String,
    /// Title.
    pub title: String,
    /// Active visitors.
    pub visitors: u64,
}

/// Active visitors from one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceNow {
    /// Channel.
    pub channel: String,
    /// Source name; empty if none.
    pub source: String,
    /// Active visitors.
    pub visitors: u64,
}

/// Active visitors in one country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CountryNow {
    /// Country code; empty if unknown.
    pub country: String,
    /// Active visitors.
    pub visitors: u64,
}

/// A recent event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecentEvent {
    /// Time of the event.
    pub at: Moment,
    /// Visitor id; empty for anonymous events.
    pub visitor: String,
    /// Event name, `page` for a page view.
    pub event: String,
    /// Path of the page.
    pub path: String,
    /// Country code.
    pub country: String,
    /// Device type.
    pub device: String,
    /// Item id.
    pub item: Option<String>,
}

/// The event names and properties a site sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Schema {
    /// Event names, most frequent first.
    pub events: Vec<EventSchema>,
}

/// One event name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventSchema {
    /// Event name, `page` for page and screen views.
    pub name: String,
    /// Number of events.
    pub count: u64,
    /// Property names.
    pub properties: Vec<String>,
}

/// A page of a person's events.
#[derive(Debug, Serialize, ToSchema)]
pub struct Timeline {
    /// The events, newest first.
    pub entries: Vec<TimelineEntry>,
    /// The value of `before` that continues the list; null at its end.
    pub next: Option<String>,
}

/// Stored history of one visitor.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VisitorHistory {
    /// Visitor id.
    pub visitor: String,
    /// All visitor ids of this person, merged by `identify` and `alias`, the requested one first; figures and timeline
    /// cover all of them.
    pub visitors: Vec<String>,
    /// Time of the first event.
    pub first_seen: Moment,
    /// Time of the last event.
    pub last_seen: Moment,
    /// The site's user id.
    pub user_id: Option<String>,
    /// Last known country.
    pub country: String,
    /// Last known device type.
    pub device: String,
    /// Events.
    pub events: u64,
    /// Page and screen views.
    pub pageviews: u64,
    /// Orders.
    pub orders: u64,
    /// Revenue minus refunds in minor units of the site's currency.
    pub revenue_minor: i64,
    /// The latest events, newest first.
    pub timeline: Vec<TimelineEntry>,
}

impl VisitorHistory {
    /// What the live profile knows, for a visitor of whom nothing is stored yet.
    #[must_use]
    pub fn of_profile(profile: &Profile) -> Self {
        Self {
            visitor: profile.visitor.to_string(),
            visitors: vec![profile.visitor.to_string()],
            first_seen: Moment(profile.first_seen),
            last_seen: Moment(profile.last_seen),
            user_id: (!profile.user_id.is_empty()).then(|| profile.user_id.to_string()),
            country: profile.country.to_string(),
            device: profile.device.to_string(),
            events: profile.events.into(),
            pageviews: profile.pageviews.into(),
            orders: profile.orders.into(),
            revenue_minor: 0,
            timeline: Vec::new(),
        }
    }
}

/// One event of a visitor.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TimelineEntry {
    /// Time of the event.
    pub at: Moment,
    /// Event name, `page` for a page view.
    pub event: String,
    /// Channel of a contact, such as `call_centre`; null if none was stated.
    pub channel: Option<String>,
    /// Path of the page.
    pub path: String,
    /// Item id.
    pub item: Option<String>,
    /// Properties as sent.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    pub properties: Box<RawValue>,
}
