//! One generated call in the format of Segment's specification.

use serde_json::{Map, Value, json};

use super::{
    shop::Product,
    world::{Browser, Country},
};
use crate::model::Timestamp;

/// Library name of all generated events, which distinguishes them from real ones permanently.
pub const LIBRARY: &str = "ashna-seed";

/// A call with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it happened.
    pub at: Timestamp,
    /// The call: one JSON object.
    pub json: String,
}

/// What all calls of a visitor share.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) origin: String,
    pub(super) anonymous_id: String,
    pub(super) browser: &'static Browser,
    pub(super) country: &'static Country,
}

/// The page an event happened on.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    pub(super) url: String,
    pub(super) title: String,
    pub(super) referrer: String,
}

/// The kind of call.
#[derive(Debug)]
pub(super) enum Call {
    Page,
    Track(&'static str, Value),
    Identify { email: String, name: String },
}

impl Sender {
    pub(super) fn line(&self, at: Timestamp, message_id: &str, page: &Page, call: Call) -> Line {
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        match call {
            Call::Page => put("type", "page".into()),
            Call::Track(event, properties) => {
                put("event", event.into());
                put("properties", properties);
                put("type", "track".into())
            }
            Call::Identify { email, name } => {
                put("userId", email.as_str().into());
                put("traits", json!({ "name": name, "email": email }));
                put("type", "identify".into())
            }
        };
        put("messageId", message_id.into());
        put("timestamp", at.to_string().into());
        put("anonymousId", self.anonymous_id.as_str().into());
        put("context", self.context(page));
        Line { at, json: Value::Object(line).to_string() }
    }

    fn context(&self, page: &Page) -> Value {
        json!({
            "page": { "url": page.url, "title": page.title, "referrer": page.referrer },
            "userAgent": self.browser.user_agent,
            "ip": self.country.address,
            "locale": self.country.locale,
            "timezone": self.country.timezone,
            "screen": self.browser.screen(),
            "library": { "name": LIBRARY, "version": env!("CARGO_PKG_VERSION") },
        })
    }

    /// An item as the subject of an event, as the shop's page sends it.
    pub(super) fn subject(&self, item: &Product) -> Value {
        let mut properties = product_line(item);
        properties["currency"] = item.currency.as_str().into();
        properties["url"] = format!("{}{}", self.origin, item.url).into();
        properties["image_url"] = format!("{}{}", self.origin, item.image).into();
        properties
    }
}

/// An item as one line of a list, a cart or an order.
pub(super) fn product_line(item: &Product) -> Value {
    json!({
        "product_id": item.id,
        "name": item.title,
        "category": item.categories[0],
        "brand": item.brand,
        "price": major(item.price_minor),
    })
}

/// An amount as the shop's page sends it.
pub(super) fn major(minor: i64) -> Value {
    if minor % 100 == 0 { json!(minor / 100) } else { json!(minor as f64 / 100.0) }
}
