//! Questions about visitors: who came, who is here now, one of them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Moment;

/// What visitors are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VisitorsBy {
    /// Country code.
    Country,
    /// Class of device.
    Device,
    /// Browser.
    Browser,
    /// Operating system.
    Os,
    /// Language tag.
    Language,
}

/// Who came in a period?
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisitorsQuestion {
    /// From this moment on.
    pub from: Moment,
    /// Before this moment.
    pub to: Moment,
    /// IANA name; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// What visitors are told apart by.
    pub by: VisitorsBy,
    /// Rows wanted, 1 to 1,000; absent: 50.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Visitors with one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VisitorRow {
    /// The value; empty when unknown.
    pub value: String,
    /// Different visitors.
    pub visitors: u64,
    /// Sessions.
    pub sessions: u64,
    /// Page and screen views.
    pub pageviews: u64,
}

/// Who came, the most first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Visitors {
    /// One a value.
    pub rows: Vec<VisitorRow>,
}

/// What goes on right now? There is nothing to choose.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RealtimeQuestion {}

/// What goes on right now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Realtime {
    /// Visitors of the last five minutes.
    pub visitors: u64,
    /// The last thirty minutes, the current one last.
    pub minutes: Vec<Minute>,
    /// Where those visitors are.
    pub pages: Vec<PageNow>,
    /// Where they came from.
    pub sources: Vec<SourceNow>,
    /// Their countries.
    pub countries: Vec<CountryNow>,
    /// The last fifty events, newest first.
    pub recent: Vec<RecentEvent>,
}

/// One minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Minute {
    /// Its beginning.
    pub at: Moment,
    /// Different visitors.
    pub visitors: u64,
    /// Page and screen views.
    pub pageviews: u64,
}

/// A page that visitors are on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PageNow {
    /// Its path.
    pub path: String,
    /// Its title.
    pub title: String,
    /// How many.
    pub visitors: u64,
}

/// A source that visitors came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceNow {
    /// Its channel.
    pub channel: String,
    /// Its name; empty when there is none.
    pub source: String,
    /// How many.
    pub visitors: u64,
}

/// A country that visitors are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CountryNow {
    /// Its code; empty when unknown.
    pub country: String,
    /// How many.
    pub visitors: u64,
}

/// An event that just happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecentEvent {
    /// When.
    pub at: Moment,
    /// Whose; empty for nobody's.
    pub visitor: String,
    /// Its name, `page` for a page view.
    pub event: String,
    /// On which page.
    pub path: String,
    /// In which country.
    pub country: String,
    /// On which class of device.
    pub device: String,
    /// About which item.
    pub item: Option<String>,
}

/// The events a site sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Schema {
    /// The most frequent first.
    pub events: Vec<EventSchema>,
}

/// One kind of event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventSchema {
    /// Its name, `page` for page and screen views.
    pub name: String,
    /// How many.
    pub count: u64,
    /// Names of its properties.
    pub properties: Vec<String>,
}

/// What the warehouse knows of one visitor.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VisitorHistory {
    /// The id.
    pub visitor: String,
    /// All the visitors that are this person, by `identify` and `alias`, the one asked for first: the
    /// figures and the timeline are theirs together.
    pub visitors: Vec<String>,
    /// First event.
    pub first_seen: Moment,
    /// Last event.
    pub last_seen: Moment,
    /// The site's id of the person.
    pub user_id: Option<String>,
    /// Latest country known.
    pub country: String,
    /// Latest class of device known.
    pub device: String,
    /// Events.
    pub events: u64,
    /// Page and screen views.
    pub pageviews: u64,
    /// Orders.
    pub orders: u64,
    /// Orders minus refunds in the site's currency.
    pub revenue_minor: i64,
    /// The latest events, newest first.
    pub timeline: Vec<TimelineEntry>,
}

/// One event of a visitor.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TimelineEntry {
    /// When.
    pub at: Moment,
    /// Its name, `page` for a page view.
    pub event: String,
    /// On which page.
    pub path: String,
    /// About which item.
    pub item: Option<String>,
    /// As the sender gave them.
    #[schema(value_type = Object)]
    pub properties: Box<RawValue>,
}
