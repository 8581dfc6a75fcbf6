//! Plausible's events: `POST /api/event`. They have no visitor ids, so the day's id of address and browser is used.

use serde_json::{Value, value::RawValue};

use super::{
    CallWriter, Connection, ForeignRequest,
    fields::{Fields, number, object},
};
use crate::wire::collect::Unreadable;

/// One event, with long or short names.
#[derive(Debug)]
pub struct Plausible(Fields);

impl Plausible {
    /// Parses a body.
    ///
    /// # Errors
    /// If it is not an object with a name and an address.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let unreadable = |error: serde_json::Error| Unreadable::NotJson(error.to_string());
        let raw: &RawValue = serde_json::from_slice(body).map_err(unreadable)?;
        let event = Fields::parse(raw).ok_or_else(|| Unreadable::NotJson("it is not an event".into()))?;
        if event.first_text(&["n", "name"]).is_empty() || event.first_text(&["u", "url"]).is_empty() {
            return Err(Unreadable::NotJson("`name` and `url` are needed".into()));
        }
        Ok(Self(event))
    }
}

impl ForeignRequest for Plausible {
    fn keys(&self) -> Vec<String> {
        vec![self.0.first_text(&["d", "domain"])]
    }

    fn write(&self, connection: &Connection<'_>, calls: &mut CallWriter) {
        let mut event = self.0.clone();
        let name = event.first_text(&["n", "name"]);
        event.rename(&[("p", "props"), ("m", "props"), ("meta", "props"), ("$", "revenue")]);
        let mut properties = event.take_object("props");
        let revenue = event.take_object("revenue");
        properties.set("revenue", number(revenue.get("amount")));
        properties.set("currency", revenue.get("currency"));
        let (kind, event_name) = match name.as_str() {
            "pageview" => ("page", Value::Null),
            "engagement" => {
                properties.set("engaged_ms", event.get("e"));
                properties.set("scroll_percent", event.get("sd"));
                ("track", "Page Engaged".into())
            }
            _ => ("track", name.as_str().into()),
        };
        let agent = connection.browser();
        calls.push(&object([
            ("type", kind.into()),
            ("event", event_name),
            ("anonymousId", (connection.daily_id)("", "").unwrap_or_default().into()),
            ("properties", properties.into()),
            (
                "context",
                object([
                    (
                        "page",
                        object([("url", event.first(&["u", "url"])), ("referrer", event.first(&["r", "referrer"]))]),
                    ),
                    ("library", object([("name", "plausible".into())])),
                    ("userAgent", agent.into()),
                    ("ip", connection.address.into()),
                    ("screen", object([("width", event.first(&["w", "screen_width"]))])),
                ]),
            ),
        ]));
    }
}
