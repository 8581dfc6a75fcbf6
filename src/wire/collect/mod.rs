//! What clients send: the tracker's batches and the calls of Segment's HTTP Tracking API, in one form.
//!
//! A body is read once, without copying its texts. Only its outer shape can make it unreadable; each
//! event stays raw until `ingest` reads it, so that a bad one fails alone.
//! Example: `parse(br#"{"key":"k","events":[{"type":"page"}]}"#)` is a batch of one event.

mod body;
mod consent;
mod repair;
mod text;

pub use body::{parse, parse_call};
pub use consent::Consent;
pub use repair::repaired;
use serde::Deserialize;
use serde_json::value::RawValue;
pub use text::{Moment, Text};
use text::{lenient, nested};

use super::tracker::Link;
use crate::model::Kind;

/// A body that cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body is not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The body is no JSON object of the expected shape.
    #[error("the body is not a JSON object with a list of events: {0}")]
    NotJson(String),
}

/// One request's events and what they share.
#[derive(Debug, Clone, Default)]
pub struct Batch<'a> {
    /// The site's write key, if the body carries one.
    pub key: Text<'a>,
    /// The visitor id the tracker proposes.
    pub visitor: Text<'a>,
    /// The proposed id was made on this page: it has no history to look for.
    pub fresh: bool,
    /// The visitor asked to be forgotten by this browser: the proposal counts, the old cookie does not.
    pub reset: bool,
    /// The settings the tracker has: the name of their state, empty when it has none, `None` from others.
    pub settings: Option<Text<'a>>,
    /// What the visitor brought along from another origin of the site.
    pub link: Link<'a>,
    /// The tracker wants a token to carry its visitor over.
    pub linking: bool,
    /// When the batch left the client, by its clock.
    pub sent_at: Moment,
    /// The tracker's idea of the session.
    pub session: SessionHint,
    /// What the visitor agreed to.
    pub consent: Consent,
    /// What all events share unless they say otherwise.
    pub context: Context<'a>,
    /// The call of the route, for bodies that are one event; its `type` field is then not needed.
    pub call: Option<Kind>,
    /// The events, not yet read.
    pub events: Vec<&'a RawValue>,
}

/// The tracker's idea of the session.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct SessionHint {
    /// When it began.
    pub start: Moment,
    /// Its last activity before this batch.
    pub last: Moment,
}

/// One call of the Segment specification.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event<'a> {
    /// `track`, `page`, `screen`, `identify`, `group` or `alias`.
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    /// Name of a `track` call.
    #[serde(borrow)]
    pub event: Text<'a>,
    /// Name of a page or screen.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Category of a page or screen.
    #[serde(borrow)]
    pub category: Text<'a>,
    /// Identity of the message.
    #[serde(borrow)]
    pub message_id: Text<'a>,
    /// When it happened, by the client's clock.
    pub timestamp: Moment,
    /// The same in older libraries.
    pub original_timestamp: Moment,
    /// When it left the client.
    pub sent_at: Moment,
    /// The client's own id of the visitor.
    #[serde(borrow)]
    pub anonymous_id: Text<'a>,
    /// The site's id of the person.
    #[serde(borrow)]
    pub user_id: Text<'a>,
    /// HMAC of the user id with the site's secret.
    #[serde(borrow)]
    pub signature: Text<'a>,
    /// The id before an `alias`.
    #[serde(borrow)]
    pub previous_id: Text<'a>,
    /// The group of a `group` call.
    #[serde(borrow)]
    pub group_id: Text<'a>,
    /// What is told of the event.
    #[serde(borrow)]
    pub properties: Option<&'a RawValue>,
    /// What is told of the person or group.
    #[serde(borrow)]
    pub traits: Option<&'a RawValue>,
    /// Where it happened.
    #[serde(borrow, deserialize_with = "lenient")]
    pub context: Context<'a>,
}

/// What an SDK sends beside the event and no column holds: kept with the properties.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Unread<'a> {
    /// The whole context.
    #[serde(borrow)]
    pub context: Option<&'a RawValue>,
    /// Which destinations the event was meant for.
    #[serde(borrow)]
    pub integrations: Option<&'a RawValue>,
}

/// Where and with what an event happened; Segment's names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Context<'a> {
    /// The web page.
    #[serde(borrow, deserialize_with = "nested")]
    pub page: Page<'a>,
    /// The visitor's user agent, when the caller is a server.
    #[serde(borrow)]
    pub user_agent: Text<'a>,
    /// `navigator.userAgentData`, where the page reads it.
    #[serde(borrow, deserialize_with = "lenient")]
    pub user_agent_data: UserAgentData<'a>,
    /// `navigator.webdriver`: whether a program drives the browser.
    #[serde(deserialize_with = "lenient")]
    pub webdriver: bool,
    /// The visitor's address, when the caller is a server.
    #[serde(borrow)]
    pub ip: Text<'a>,
    /// Language tag.
    #[serde(borrow)]
    pub locale: Text<'a>,
    /// IANA time zone.
    #[serde(borrow)]
    pub timezone: Text<'a>,
    /// Campaign marks already taken from the address.
    #[serde(borrow, deserialize_with = "nested")]
    pub campaign: Campaign<'a>,
    /// The screen.
    #[serde(borrow, deserialize_with = "nested")]
    pub screen: Screen<'a>,
    /// The sending library.
    #[serde(borrow, deserialize_with = "nested")]
    pub library: Named<'a>,
    /// The device of an app.
    #[serde(borrow, deserialize_with = "nested")]
    pub device: AppDevice<'a>,
    /// The operating system of an app.
    #[serde(borrow, deserialize_with = "nested")]
    pub os: Named<'a>,
    /// Traits sent along with any call.
    #[serde(borrow)]
    pub traits: Option<&'a RawValue>,
    /// What the visitor agreed to, as Segment's libraries tell it.
    #[serde(deserialize_with = "consent::of_context")]
    pub consent: Consent,
}

/// User-Agent Client Hints as a page reads them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UserAgentData<'a> {
    /// `[{"brand","version"}]`.
    #[serde(borrow)]
    pub brands: Option<&'a RawValue>,
    /// Whether it says it is a telephone's.
    #[serde(borrow)]
    pub mobile: Text<'a>,
    /// Such as `Windows`.
    #[serde(borrow)]
    pub platform: Text<'a>,
    /// Such as `15.0.0`.
    #[serde(borrow)]
    pub platform_version: Text<'a>,
}

impl UserAgentData<'_> {
    /// Whether nothing was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.brands.is_none() && self.platform.is_empty()
    }
}

/// The web page of an event.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Page<'a> {
    /// Full address.
    #[serde(borrow)]
    pub url: Text<'a>,
    /// Path alone.
    #[serde(borrow)]
    pub path: Text<'a>,
    /// Query with its question mark.
    #[serde(borrow)]
    pub search: Text<'a>,
    /// Title.
    #[serde(borrow)]
    pub title: Text<'a>,
    /// Address of the page before.
    #[serde(borrow)]
    pub referrer: Text<'a>,
}

/// Campaign marks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Campaign<'a> {
    /// `utm_source`.
    #[serde(borrow)]
    pub source: Text<'a>,
    /// `utm_medium`.
    #[serde(borrow)]
    pub medium: Text<'a>,
    /// `utm_campaign`.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// `utm_term`.
    #[serde(borrow)]
    pub term: Text<'a>,
    /// `utm_content`.
    #[serde(borrow)]
    pub content: Text<'a>,
    /// `utm_id`.
    #[serde(borrow)]
    pub id: Text<'a>,
}

/// A screen in CSS pixels.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Screen<'a> {
    /// Width.
    #[serde(borrow)]
    pub width: Text<'a>,
    /// Height.
    #[serde(borrow)]
    pub height: Text<'a>,
}

/// Something with a name and a version.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Named<'a> {
    /// Name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Version.
    #[serde(borrow)]
    pub version: Text<'a>,
}

/// The device of an app.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AppDevice<'a> {
    /// Such as `ios`, `android`, `phone`, `tablet`.
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
}

/// Reads one event of a batch.
///
/// # Errors
/// When it is no JSON object, or names a field twice.
pub fn event(raw: &RawValue) -> Result<Event<'_>, serde_json::Error> {
    // A JSON array would be read as the fields in order: that is not what anybody means.
    if !raw.get().starts_with('{') {
        return Err(serde::de::Error::custom("an event is a JSON object"));
    }
    serde_json::from_str(raw.get())
}

#[cfg(test)]
mod tests;
