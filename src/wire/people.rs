//! Lists of people: found by what is known of them, or ranked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reports::Moment;
use crate::model::PersonValue;

/// Order of a list of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeopleSort {
    /// Last seen first.
    #[default]
    LastSeen,
    /// Customers only, the highest revenue less refunds first.
    Value,
}

/// By what a person was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// The site's user id.
    UserId,
    /// The SHA-256 of an e-mail address.
    Email,
    /// The SHA-256 of a phone number.
    Phone,
    /// The id of an order.
    Order,
    /// A visitor id, or an anonymousId as it was sent.
    Visitor,
}

/// A page of a list of people.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct People {
    /// The people.
    pub people: Vec<PersonRow>,
    /// The value of `after` that continues the list; null at its end.
    pub next: Option<String>,
}

/// A person in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PersonRow {
    /// Visitor id that stands for the person.
    pub visitor: String,
    /// The site's user id.
    pub user_id: Option<String>,
    /// Browsers and devices.
    pub visitors: u64,
    /// Time of the first event.
    pub first_seen: Moment,
    /// Time of the last event.
    pub last_seen: Moment,
    /// Events.
    pub events: u64,
    /// Last known country.
    pub country: String,
    /// Last known device type.
    pub device: String,
    /// Orders and value, as of the last computation; null for one who never ordered.
    pub value: Option<PersonValue>,
    /// By what the person was found; null in a list without a search.
    pub found_by: Option<FoundBy>,
}

/// One browser or device of a person.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BrowserBody {
    /// Visitor id.
    pub visitor: String,
    /// The user id that it was last identified with.
    pub user_id: Option<String>,
    /// Whether the site vouched for that, by a signature or a server key. Without it, the browser is joined in reports
    /// only, and decisions do not use the person's data for it.
    pub verified: bool,
    /// When it was first identified so.
    pub identified_at: Option<Moment>,
    /// Time of its first event.
    pub first_seen: Moment,
    /// Time of its last event.
    pub last_seen: Moment,
    /// Events.
    pub events: u64,
    /// Last known device type.
    pub device: String,
    /// Last known browser.
    pub browser: String,
    /// Last known operating system.
    pub os: String,
    /// Last known country.
    pub country: String,
}

/// What to list of a person's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TimelineKind {
    /// Every event.
    #[default]
    All,
    /// Page and screen views.
    Pages,
    /// Products viewed, added or removed, and lists.
    Products,
    /// Orders and refunds.
    Orders,
    /// Events with a contact channel other than the web.
    Contacts,
    /// Answers of surveys, feedback and complaints.
    Feedback,
    /// Identification and consent.
    Identity,
}
