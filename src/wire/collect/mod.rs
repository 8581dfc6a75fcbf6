//! Collection requests: the tracker's batches and the calls of Segment's HTTP Tracking API, in one common form.
//!
//! A body is parsed once, without copying its strings. Only the outer structure can make it unreadable; each event
//! stays raw JSON until `ingest` parses it, so that an invalid event does not affect the others.
//! Example: `parse(br#"{"key":"k","events":[{"type":"page"}]}"#)` is a batch of one event.

mod body;
mod consent;
mod repair;
pub(super) mod text;
mod unmapped;

pub use body::{parse, parse_call};
pub use consent::Consent;
pub use repair::repair;
use serde::Deserialize;
use serde_json::value::RawValue;
pub use text::{ClientTime, Text};
use text::{lenient, nested};
pub use unmapped::{UnmappedContext, UnmappedFields};

use super::tracker::Link;
use crate::model::Kind;

/// A body that cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body is not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The body is not a JSON object of the expected structure.
    #[error("the body is not a JSON object with a list of events: {0}")]
    NotJson(String),
}

/// The events of one request and their common fields.
#[derive(Debug, Clone, Default)]
pub struct Batch<'a> {
    /// The site's write key, if the body contains one.
    pub key: Text<'a>,
    /// Visitor id proposed by the tracker.
    pub visitor: Text<'a>,
    /// The visitor id was created on this page, so there is no history to load.
    pub fresh: bool,
    /// The visitor reset their identity in this browser: use `visitor` and ignore the cookie.
    pub reset: bool,
    /// Version of the settings the tracker has: empty if it has none, `None` from other clients.
    pub settings: Option<Text<'a>>,
    /// Cross-domain link from another origin of the site.
    pub link: Link<'a>,
    /// The tracker requests a token for cross-domain links.
    pub linking: bool,
    /// When the batch was sent, by the client's clock.
    pub sent_at: ClientTime,
    /// The session as the tracker sees it.
    pub session: SessionHint,
    /// Consent of the visitor.
    pub consent: Consent,
    /// Context of all events; an event's own context takes precedence.
    pub context: Context<'a>,
    /// The call given by the route, for bodies that are a single event; replaces the event's `type`.
    pub call: Option<Kind>,
    /// The events as raw JSON.
    pub events: Vec<&'a RawValue>,
}

/// The session as the tracker sees it.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct SessionHint {
    /// Start of the session.
    pub start: ClientTime,
    /// Last activity before this batch.
    pub last: ClientTime,
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
    /// Message id, for deduplication.
    #[serde(borrow)]
    pub message_id: Text<'a>,
    /// When it happened, by the client's clock.
    pub timestamp: ClientTime,
    /// The timestamp field of older libraries.
    pub original_timestamp: ClientTime,
    /// When it was sent, by the client's clock.
    pub sent_at: ClientTime,
    /// The client's visitor id.
    #[serde(borrow)]
    pub anonymous_id: Text<'a>,
    /// The site's user id.
    #[serde(borrow)]
    pub user_id: Text<'a>,
    /// HMAC of the user id, keyed with the site's secret.
    #[serde(borrow)]
    pub signature: Text<'a>,
    /// The id before an `alias`.
    #[serde(borrow)]
    pub previous_id: Text<'a>,
    /// The group of a `group` call.
    #[serde(borrow)]
    pub group_id: Text<'a>,
    /// Properties of the event.
    #[serde(borrow)]
    pub properties: Option<&'a RawValue>,
    /// Traits of the user or group.
    #[serde(borrow)]
    pub traits: Option<&'a RawValue>,
    /// Context of the event.
    #[serde(borrow, deserialize_with = "lenient")]
    pub context: Context<'a>,
}

/// Page, device and settings of an event, with Segment's names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Context<'a> {
    /// The web page.
    #[serde(borrow, deserialize_with = "nested")]
    pub page: Page<'a>,
    /// The visitor's user agent, if the client is a server.
    #[serde(borrow)]
    pub user_agent: Text<'a>,
    /// `navigator.userAgentData`, if the page sends it.
    #[serde(borrow, deserialize_with = "lenient")]
    pub user_agent_data: UserAgentData<'a>,
    /// `navigator.webdriver`: whether the browser is automated.
    #[serde(deserialize_with = "lenient")]
    pub webdriver: bool,
    /// The visitor's IP address, if the client is a server.
    #[serde(borrow)]
    pub ip: Text<'a>,
    /// Language tag.
    #[serde(borrow)]
    pub locale: Text<'a>,
    /// IANA time zone.
    #[serde(borrow)]
    pub timezone: Text<'a>,
    /// Campaign parameters already extracted by the client.
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
    /// Where a contact took place, such as `call_centre`.
    #[serde(borrow)]
    pub channel: Text<'a>,
    /// Consent, in the format of Segment's libraries.
    #[serde(deserialize_with = "consent::from_context")]
    pub consent: Consent,
}

/// User-Agent Client Hints as a page reads them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UserAgentData<'a> {
    /// `[{"brand","version"}]`.
    #[serde(borrow)]
    pub brands: Option<&'a RawValue>,
    /// Whether the device is a phone.
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
    /// Returns whether nothing was sent.
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
    /// Address of the referring page.
    #[serde(borrow)]
    pub referrer: Text<'a>,
}

/// Campaign parameters.
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

/// A name with a version.
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

/// Parses one event of a batch.
///
/// # Errors
/// If it is not a JSON object, or repeats a field.
pub fn event(raw: &RawValue) -> Result<Event<'_>, serde_json::Error> {
    // serde would accept an array as the fields in order.
    if !raw.get().starts_with('{') {
        return Err(serde::de::Error::custom("an event is a JSON object"));
    }
    serde_json::from_str(raw.get())
}

#[cfg(test)]
mod tests;
