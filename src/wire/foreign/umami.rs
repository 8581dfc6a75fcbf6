//! Umami's events: `POST /api/send`, and lists of them to `/api/batch`.

use serde_json::{Value, value::RawValue};

use super::{
    CallWriter, Connection, ForeignRequest,
    fields::{Fields, object, screen},
};
use crate::wire::collect::Unreadable;

/// One event, or several.
#[derive(Debug)]
pub struct Umami<'a>(Vec<&'a RawValue>);

impl<'a> Umami<'a> {
    /// Parses a body.
    ///
    /// # Errors
    /// If it is neither an object nor a list.
    pub fn parse(body: &'a [u8]) -> Result<Self, Unreadable> {
        let unreadable = |error: serde_json::Error| Unreadable::NotJson(error.to_string());
        match body.trim_ascii_start().first() {
            Some(b'[') => serde_json::from_slice(body).map(Self).map_err(unreadable),
            Some(b'{') => Ok(Self(vec![serde_json::from_slice(body).map_err(unreadable)?])),
            _ => Err(Unreadable::NotJson("it does not start with `{` or `[`".into())),
        }
    }
}

impl ForeignRequest for Umami<'_> {
    fn keys(&self) -> Vec<String> {
        let first = self.0.first().and_then(|raw| Fields::parse(raw));
        first.map(|mut event| event.take_object("payload").text("website")).into_iter().collect()
    }

    fn write(&self, connection: &Connection<'_>, calls: &mut CallWriter) {
        for raw in &self.0 {
            match Fields::parse(raw) {
                Some(event) => calls.push(&call(event, connection)),
                None => calls.push_raw(raw.get()),
            }
        }
    }
}

fn call(mut event: Fields, connection: &Connection<'_>) -> Value {
    let kind = event.text("type");
    let mut payload = event.take_object("payload");
    let name = payload.text("name");
    let data = payload.take_object("data");
    let agent = payload.text("userAgent");
    let agent = if agent.is_empty() { connection.browser() } else { &agent };
    let own_address = payload.text("ip");
    let address = if own_address.is_empty() { connection.address } else { &own_address };
    let user = payload.text("id");
    let is_identify = kind == "identify";
    let is_view = !is_identify && name.is_empty();
    // Other types are rejected by `ingest`.
    let segment = match (kind.as_str(), is_view) {
        ("identify", _) => "identify",
        ("event", true) => "page",
        ("event", false) => "track",
        (other, _) => other,
    };
    let (traits, properties) = if is_identify { (data.into(), Value::Null) } else { (Value::Null, data.into()) };
    object([
        ("type", segment.into()),
        ("event", if is_view { Value::Null } else { name.into() }),
        ("anonymousId", (connection.daily_id)(&own_address, agent).unwrap_or_default().into()),
        ("userId", user.into()),
        ("timestamp", payload.get("timestamp")),
        ("traits", traits),
        ("properties", properties),
        (
            "context",
            object([
                (
                    "page",
                    object([
                        ("url", address_of(&payload).into()),
                        ("title", payload.get("title")),
                        ("referrer", payload.get("referrer")),
                    ]),
                ),
                ("library", object([("name", "umami".into())])),
                ("userAgent", agent.into()),
                ("ip", address.into()),
                ("locale", payload.get("language")),
                ("screen", screen(&payload.text("screen"))),
            ]),
        ),
    ])
}

/// The full address of the page: the client may send only the path, with the host beside it.
fn address_of(payload: &Fields) -> String {
    let (url, host) = (payload.text("url"), payload.text("hostname"));
    if url.starts_with('/') && !host.is_empty() { format!("https://{host}{url}") } else { url }
}
