//! Requests of other products' clients, translated into batches of Segment's calls, so that a site moves here by changing
//! an address. One module per product; pure translation.
//!
//! Events are translated one at a time, so that memory stays bounded; what is no event, or too large for one, is passed
//! on as it is, and is rejected and counted by `ingest`. `docs/clients.md` has the list of what is understood.

pub mod fields;
pub mod ga4;
pub mod matomo;
pub mod plausible;
pub mod posthog;
pub mod snowplow;
pub mod umami;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::collect::{self, Unreadable};
use crate::model::Timestamp;

/// Larger events are not translated. `ingest` rejects them by its own, smaller limit.
const EVENT_BYTES_MAX: usize = 256 * 1024;

/// The connection of a request.
pub struct Connection<'r> {
    /// Its user agent.
    pub user_agent: &'r str,
    /// The visitor's address as the connection or its proxies report it; empty if unknown.
    pub address: &'r str,
    /// Time of arrival.
    pub now: Timestamp,
    /// The day's id of a visitor without any id, by address and user agent; `None` if the address is unusable.
    pub daily_id: &'r dyn Fn(&str, &str) -> Option<String>,
}

impl Connection<'_> {
    /// The user agent if it is a browser's: a server's own describes no visitor.
    fn browser(&self) -> &str {
        if self.user_agent.starts_with("Mozilla/") { self.user_agent } else { "" }
    }
}

/// The parsed request of a product's client.
pub trait ForeignRequest {
    /// The values that may be the site's key, the likeliest first.
    fn keys(&self) -> Vec<String>;

    /// Writes the events as Segment's calls.
    fn write(&self, connection: &Connection<'_>, calls: &mut CallWriter);
}

/// Writes the body of a batch.
#[derive(Debug)]
pub struct CallWriter {
    body: Vec<u8>,
    is_empty: bool,
}

impl Default for CallWriter {
    fn default() -> Self {
        Self { body: b"{\"batch\":[".to_vec(), is_empty: true }
    }
}

impl CallWriter {
    /// Adds a call.
    pub fn push(&mut self, call: &Value) {
        self.push_raw(&call.to_string());
    }

    /// Adds an event that cannot be translated, for `ingest` to reject.
    pub fn push_raw(&mut self, json: &str) {
        if !std::mem::take(&mut self.is_empty) {
            self.body.push(b',');
        }
        self.body.extend_from_slice(json.as_bytes());
    }

    /// Returns the body, which [`collect::parse`] reads.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.body.extend_from_slice(b"]}");
        self.body
    }
}

/// Returns the body as valid JSON, repaired if it is almost JSON.
///
/// # Errors
/// If it cannot be repaired.
pub fn valid_json(body: &[u8]) -> Result<Cow<'_, [u8]>, Unreadable> {
    let Err(error) = serde_json::from_slice::<IgnoredAny>(body) else { return Ok(Cow::Borrowed(body)) };
    let repaired = collect::repair(body).filter(|body| serde_json::from_slice::<IgnoredAny>(body).is_ok());
    repaired.map(Cow::Owned).ok_or_else(|| Unreadable::NotJson(error.to_string()))
}
