//! PostHog: `/batch`, `/capture`, `/e`, `/i/v0/e`.
//!
//! A `distinct_id` is a browser's id or a user's: the browser's if it equals `$device_id`, has the form of the browser
//! client's ids (UUID version 7) or comes without a person profile; otherwise it is the user's.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    CallWriter, Connection, ForeignRequest,
    fields::{Fields, object},
};
use crate::wire::collect::{Text, Unreadable};

/// Recordings and the like, which are not events.
const NOT_EVENTS: [&str; 3] = ["$snapshot", "$$heatmap", "$performance_event"];

/// Properties that are stored elsewhere, or describe the client itself.
const CONTEXT_PROPERTIES: &[&str] =
    &["token", "distinct_id", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "gclid"];

/// A request: one event or several.
#[derive(Debug)]
pub struct Posthog<'a> {
    shared: Shared<'a>,
    events: Vec<&'a RawValue>,
}

/// The fields around the events.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shared<'a> {
    #[serde(borrow)]
    api_key: Text<'a>,
    #[serde(borrow)]
    token: Text<'a>,
    #[serde(borrow)]
    sent_at: Text<'a>,
    #[serde(borrow)]
    batch: Option<Vec<&'a RawValue>>,
}

impl<'a> Posthog<'a> {
    /// Whether a body that is no batch of our tracker comes from a client of PostHog.
    #[must_use]
    pub fn is_body(body: &[u8]) -> bool {
        let has = |name: &[u8]| memchr::memmem::find(body, name).is_some();
        body.starts_with(b"data=") || ((has(b"\"api_key\"") || has(b"\"token\"")) && !has(b"\"events\""))
    }

    /// Decodes the form `data=BASE64`; other bodies stay as they are.
    ///
    /// # Errors
    /// If the form holds no base64.
    pub fn decode(body: &[u8]) -> Result<Cow<'_, [u8]>, Unreadable> {
        if !body.starts_with(b"data=") {
            return Ok(Cow::Borrowed(body));
        }
        let data = form_urlencoded::parse(body).next().map(|(_, data)| data).unwrap_or_default();
        if data.starts_with(['{', '[']) {
            return Ok(Cow::Owned(data.into_owned().into_bytes()));
        }
        // An unescaped `+` of base64 was decoded as a space.
        let decoded = STANDARD.decode(data.trim().replace(' ', "+"));
        decoded.map(Cow::Owned).map_err(|error| Unreadable::NotJson(format!("`data` is not base64: {error}")))
    }

    /// Parses one event, a list of events, or an object with a `batch`.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn parse(body: &'a [u8]) -> Result<Self, Unreadable> {
        let unreadable = |error: serde_json::Error| Unreadable::NotJson(error.to_string());
        match body.trim_ascii_start().first() {
            Some(b'[') => {
                let events = serde_json::from_slice(body).map_err(unreadable)?;
                Ok(Self { shared: Shared::default(), events })
            }
            Some(b'{') => {
                let mut shared: Shared<'a> = serde_json::from_slice(body).map_err(unreadable)?;
                let events = match shared.batch.take() {
                    Some(events) => events,
                    None => vec![serde_json::from_slice(body).map_err(unreadable)?],
                };
                Ok(Self { shared, events })
            }
            _ => Err(Unreadable::NotJson("it does not start with `{` or `[`".into())),
        }
    }

    fn write_event(&self, mut event: Fields, now: i64, calls: &mut CallWriter) {
        let mut properties = event.take_object("properties");
        let name = event.text("event");
        if NOT_EVENTS.contains(&name.as_str()) {
            return;
        }
        let sent_at = self.shared.sent_at.as_str();
        let offset = event.get("offset").as_i64().filter(|offset| (0..=86_400_000).contains(offset));
        let (timestamp, sent_at) = match offset {
            // Without a clock of the client: milliseconds before it was sent.
            Some(offset) if event.get("timestamp").is_null() => (Value::from(now - offset), Value::Null),
            _ => (event.get("timestamp"), sent_at.into()),
        };
        let id = [event.first_text(&["uuid", "messageId"]), properties.text("$insert_id")];
        let id = id.into_iter().find(|id| !id.is_empty()).unwrap_or_default();
        let ids = Ids::new(&event, &properties, &name);
        let mut traits = properties.take_object("$set_once");
        for mut more in [event.take_object("$set_once"), properties.take_object("$set"), event.take_object("$set")] {
            traits.0.append(&mut more.0);
        }
        let context = context(&properties);
        let call = |kind: &str, id: &str, fields: Vec<(&str, Value)>| {
            let own = fields.into_iter().filter(|(_, value)| !value.is_null());
            let shared = object([
                ("type", kind.into()),
                ("messageId", id.into()),
                ("timestamp", timestamp.clone()),
                ("sentAt", sent_at.clone()),
                ("anonymousId", ids.anonymous.as_str().into()),
                ("userId", ids.user.as_str().into()),
                ("context", context.clone()),
            ]);
            let mut call = shared;
            for (name, value) in own {
                call[name] = value;
            }
            call
        };
        match name.as_str() {
            "$identify" | "$set" => {
                calls.push(&call("identify", &id, vec![("traits", traits.into())]));
                return;
            }
            "$create_alias" => {
                let alias = properties.text("alias");
                // Either of the two may be the browser's.
                let (previous, user) =
                    if ids.user.is_empty() { (ids.anonymous.clone(), alias) } else { (alias, ids.user.clone()) };
                let fields = vec![("previousId", previous.into()), ("userId", user.into())];
                calls.push(&call("alias", &id, fields));
                return;
            }
            "$groupidentify" => {
                let group = properties.get("$group_key");
                let mut group_traits = properties.take_object("$group_set");
                group_traits.set("groupType", properties.text("$group_type"));
                let fields = vec![("groupId", group), ("traits", group_traits.into())];
                calls.push(&call("group", &id, fields));
                return;
            }
            _ => {}
        }
        let title = properties.first_text(&["title", "$title"]);
        let screen = properties.text("$screen_name");
        let is_own = !name.starts_with('$');
        properties.remove(CONTEXT_PROPERTIES);
        properties.0.retain(|name, _| !name.starts_with('$') || (!is_own && is_fact(name)));
        let properties = Value::from(properties);
        let fields = match name.as_str() {
            "$pageview" => vec![("name", title.into()), ("properties", properties)],
            "$screen" => vec![("name", screen.into()), ("properties", properties)],
            _ => vec![("event", name.as_str().into()), ("properties", properties)],
        };
        let kind = match name.as_str() {
            "$pageview" => "page",
            "$screen" => "screen",
            _ => "track",
        };
        calls.push(&call(kind, &id, fields));
        // The server clients set traits with any event; the browser client adds only its own with a `$`.
        traits.0.retain(|name, _| !name.starts_with('$') && !CONTEXT_PROPERTIES.contains(&name.as_str()));
        if is_own && !traits.0.is_empty() {
            let id = if id.is_empty() { id } else { format!("{id}-set") };
            calls.push(&call("identify", &id, vec![("traits", traits.into())]));
        }
    }
}

/// Whether a property with a `$` belongs to an event of the client's own, such as `$autocapture` or `$exception`.
fn is_fact(name: &str) -> bool {
    const FACTS: [&str; 8] = [
        "$event_type",
        "$el_text",
        "$external_click_target_url",
        "$prev_pageview_",
        "$web_vitals_",
        "$exception_",
        "$feature_flag",
        "$survey_",
    ];
    FACTS.iter().any(|fact| name.starts_with(fact)) && !name.ends_with("_event")
}

/// Whose event it is.
struct Ids {
    anonymous: String,
    user: String,
}

impl Ids {
    fn new(event: &Fields, properties: &Fields, name: &str) -> Self {
        let distinct = event.first_text(&["distinct_id", "$distinct_id"]);
        let distinct = if distinct.is_empty() { properties.text("distinct_id") } else { distinct };
        let device = properties.first_text(&["$anon_distinct_id", "$device_id"]);
        if name == "$identify" {
            return Self { anonymous: device, user: distinct };
        }
        let is_anonymous = distinct == device
            || properties.get("$process_person_profile") == Value::Bool(false)
            || (properties.get("$is_identified") != Value::Bool(true) && is_uuid_v7(&distinct));
        if is_anonymous {
            return Self { anonymous: if device.is_empty() { distinct } else { device }, user: String::new() };
        }
        Self { anonymous: device, user: distinct }
    }
}

fn is_uuid_v7(id: &str) -> bool {
    let bytes = id.as_bytes();
    bytes.len() == 36 && [8, 13, 18, 23].iter().all(|at| bytes[*at] == b'-') && bytes[14] == b'7'
}

fn context(properties: &Fields) -> Value {
    let referrer = properties.text("$referrer");
    let referrer = if referrer == "$direct" { String::new() } else { referrer };
    object([
        (
            "page",
            object([
                ("url", properties.get("$current_url")),
                ("path", properties.get("$pathname")),
                ("title", properties.first(&["title", "$title"])),
                ("referrer", referrer.into()),
            ]),
        ),
        ("library", object([("name", properties.get("$lib")), ("version", properties.get("$lib_version"))])),
        ("userAgent", properties.first(&["$raw_user_agent", "$user_agent", "$useragent"])),
        ("ip", properties.get("$ip")),
        ("locale", properties.first(&["$browser_language", "$locale"])),
        ("timezone", properties.get("$timezone")),
        ("screen", object([("width", properties.get("$screen_width")), ("height", properties.get("$screen_height"))])),
        ("os", object([("name", properties.get("$os")), ("version", properties.get("$os_version"))])),
        ("device", object([("type", properties.text("$device_type").to_lowercase().into())])),
        (
            "campaign",
            object([
                ("source", properties.get("utm_source")),
                ("medium", properties.get("utm_medium")),
                ("name", properties.get("utm_campaign")),
                ("term", properties.get("utm_term")),
                ("content", properties.get("utm_content")),
            ]),
        ),
    ])
}

impl ForeignRequest for Posthog<'_> {
    fn keys(&self) -> Vec<String> {
        let shared = self.shared.api_key.or(&self.shared.token).as_str();
        if !shared.is_empty() {
            return vec![shared.to_owned()];
        }
        let Some(mut first) = self.events.first().and_then(|raw| Fields::parse(raw)) else { return Vec::new() };
        let own = first.first_text(&["api_key", "token"]);
        vec![if own.is_empty() { first.take_object("properties").text("token") } else { own }]
    }

    fn write(&self, connection: &Connection<'_>, calls: &mut CallWriter) {
        for raw in &self.events {
            match Fields::parse(raw) {
                Some(event) => self.write_event(event, connection.now.0, calls),
                None => calls.push_raw(raw.get()),
            }
        }
    }
}
