//! Snowplow's tracker protocol: `POST /com.snowplowanalytics.snowplow/tp2` and `GET /i`.
//!
//! Self-describing events and entities of Snowplow's own e-commerce schemas become Segment's; all others keep the name
//! of their schema.

use std::collections::BTreeMap;

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    CallWriter, Connection, ForeignRequest,
    fields::{Fields, number, object, screen},
};
use crate::wire::collect::Unreadable;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Types of the action `snowplow_ecommerce_action`, and of the events before it.
const ECOMMERCE_NAMES: &[(&str, &str)] = &[
    ("product_view", "Product Viewed"),
    ("list_view", "Product List Viewed"),
    ("list_click", "Product Clicked"),
    ("add_to_cart", "Product Added"),
    ("remove_from_cart", "Product Removed"),
    ("checkout_step", "Checkout Step Completed"),
    ("transaction", "Order Completed"),
    ("refund", "Order Refunded"),
    ("promo_view", "Promotion Viewed"),
    ("promo_click", "Promotion Clicked"),
    ("site_search", "Products Searched"),
    ("link_click", "Link Clicked"),
];

/// A request: a list of events, or the query of one.
#[derive(Debug)]
pub enum Snowplow<'a> {
    /// The `data` of a body.
    Payload(Vec<&'a RawValue>),
    /// A query.
    Query(Fields),
}

impl<'a> Snowplow<'a> {
    /// Parses the body of `tp2`.
    ///
    /// # Errors
    /// If it is not an object with the list `data`.
    pub fn parse(body: &'a [u8]) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Payload<'a> {
            #[serde(borrow)]
            data: Vec<&'a RawValue>,
        }
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(Unreadable::NotJson("it does not start with `{`".into()));
        }
        let payload: Payload<'a> =
            serde_json::from_slice(body).map_err(|error| Unreadable::NotJson(error.to_string()))?;
        Ok(Self::Payload(payload.data))
    }
}

impl ForeignRequest for Snowplow<'_> {
    fn keys(&self) -> Vec<String> {
        match self {
            Self::Payload(data) => {
                data.first().and_then(|raw| Fields::parse(raw)).map(|first| first.text("aid")).into_iter().collect()
            }
            Self::Query(query) => vec![query.text("aid")],
        }
    }

    fn write(&self, connection: &Connection<'_>, calls: &mut CallWriter) {
        let data = match self {
            Self::Payload(data) => data,
            Self::Query(query) => return calls.push(&call(query, Vec::new(), connection)),
        };
        let mut items = Items::of_orders(data);
        for raw in data {
            let Some(event) = Fields::parse(raw) else {
                calls.push_raw(raw.get());
                continue;
            };
            match event.text("e").as_str() {
                "tr" => {
                    let products = items.0.get_mut(&event.text("tr_id")).map(std::mem::take).unwrap_or_default();
                    calls.push(&call(&event, products, connection));
                }
                "ti" if items.belongs(&event) => {}
                _ => calls.push(&call(&event, Vec::new(), connection)),
            }
        }
    }
}

/// Items (`ti`) by the order (`tr`) of the same request that they belong to.
struct Items(BTreeMap<String, Vec<Value>>);

impl Items {
    fn of_orders(data: &[&RawValue]) -> Self {
        // Most requests have no orders: then nothing is parsed here.
        let parse = |kind: &'static str| {
            let quoted = format!("\"{kind}\"");
            data.iter()
                .filter(move |raw| raw.get().contains(&quoted))
                .filter_map(|raw| Fields::parse(raw))
                .filter(move |event| event.text("e") == kind)
        };
        let mut orders: BTreeMap<String, Vec<Value>> =
            parse("tr").map(|order| (order.text("tr_id"), Vec::new())).collect();
        if !orders.is_empty() {
            for item in parse("ti") {
                if let Some(items) = orders.get_mut(&item.text("ti_id")) {
                    items.push(product(&item));
                }
            }
        }
        Self(orders)
    }

    /// Whether an item was added to its order.
    fn belongs(&self, item: &Fields) -> bool {
        self.0.contains_key(&item.text("ti_id"))
    }
}

fn product(item: &Fields) -> Value {
    object([
        ("product_id", item.get("ti_sk")),
        ("name", item.get("ti_nm")),
        ("category", item.get("ti_ca")),
        ("price", number(item.get("ti_pr"))),
        ("quantity", number(item.get("ti_qu"))),
        ("currency", item.get("ti_cu")),
    ])
}

fn call(event: &Fields, products: Vec<Value>, connection: &Connection<'_>) -> Value {
    let (kind, name, properties) = match event.text("e").as_str() {
        "pv" => ("page", event.text("page"), Value::Null),
        "pp" => ("track", "Page Ping".into(), page_ping(event)),
        "se" => ("track", event.text("se_ac"), structured(event)),
        "tr" => ("track", "Order Completed".into(), order(event, products)),
        "ti" => ("track", "Order Item".into(), product(event)),
        "ue" => return self_describing(event, connection),
        // Without a known type there is no kind of call: it is rejected.
        other => ("track", other.into(), Value::Null),
    };
    finish(event, connection, kind, &name, properties)
}

fn page_ping(event: &Fields) -> Value {
    object([
        ("min_x", number(event.get("pp_mix"))),
        ("max_x", number(event.get("pp_max"))),
        ("min_y", number(event.get("pp_miy"))),
        ("max_y", number(event.get("pp_may"))),
    ])
}

/// The number of a structured event is not money, so it is not called `value`.
fn structured(event: &Fields) -> Value {
    object([
        ("event_category", event.get("se_ca")),
        ("event_label", event.get("se_la")),
        ("event_property", event.get("se_pr")),
        ("event_value", number(event.get("se_va"))),
    ])
}

fn order(event: &Fields, products: Vec<Value>) -> Value {
    object([
        ("order_id", event.get("tr_id")),
        ("affiliation", event.get("tr_af")),
        ("revenue", number(event.get("tr_tt"))),
        ("tax", number(event.get("tr_tx"))),
        ("shipping", number(event.get("tr_sh"))),
        ("currency", event.get("tr_cu")),
        ("products", if products.is_empty() { Value::Null } else { products.into() }),
    ])
}

/// A call with the ids, the time and the context of an event.
fn finish(event: &Fields, connection: &Connection<'_>, kind: &str, name: &str, properties: Value) -> Value {
    let agent = event.text("ua");
    let (ip, user) = (event.text("ip"), event.text("uid"));
    let anonymous = event.first_text(&["duid", "tnuid", "nuid"]);
    let daily = || (connection.daily_id)(&ip, &agent).unwrap_or_default();
    let anonymous = if anonymous.is_empty() && user.is_empty() { daily() } else { anonymous };
    object([
        ("type", kind.into()),
        (if kind == "track" { "event" } else { "name" }, name.into()),
        ("messageId", event.get("eid")),
        ("timestamp", event.first(&["ttm", "dtm"])),
        ("sentAt", event.get("stm")),
        ("anonymousId", anonymous.into()),
        ("userId", user.into()),
        ("properties", properties),
        (
            "context",
            object([
                (
                    "page",
                    object([("url", event.get("url")), ("title", event.get("page")), ("referrer", event.get("refr"))]),
                ),
                ("library", object([("name", event.get("tv"))])),
                ("userAgent", agent.into()),
                ("ip", ip.into()),
                ("locale", event.get("lang")),
                ("timezone", event.get("tz")),
                ("screen", screen(&event.text("res"))),
            ]),
        ),
    ])
}

/// A JSON field, as text or in base64url.
fn json(event: &Fields, plain: &str, encoded: &str) -> Fields {
    let text = event.text(plain);
    if !text.is_empty() {
        return Fields::parse_text(&text).unwrap_or_default();
    }
    let decoded = BASE64.decode(event.text(encoded)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.and_then(|text| Fields::parse_text(&text)).unwrap_or_default()
}

/// The name in `iglu:vendor/name/format/version`.
fn schema_name(schema: &str) -> &str {
    schema.split('/').nth(1).unwrap_or_default()
}

fn self_describing(event: &Fields, connection: &Connection<'_>) -> Value {
    let mut inner = json(event, "ue_pr", "ue_px").take_object("data");
    let schema = inner.text("schema");
    let mut data = inner.take_object("data");
    let mut entities = Vec::new();
    for mut entity in json(event, "co", "cx").objects("data") {
        entities.push((schema_name(&entity.text("schema")).to_owned(), entity.take_object("data")));
    }
    let name = match schema_name(&schema) {
        "snowplow_ecommerce_action" => data.text("type"),
        other => other.to_owned(),
    };
    if name == "screen_view" {
        return finish(event, connection, "screen", &data.text("name"), data.into());
    }
    let standard = ECOMMERCE_NAMES.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
    add_commerce(&mut data, entities);
    finish(event, connection, "track", standard.unwrap_or(&name), data.into())
}

/// Adds what the entities say about products, cart and order; other entities of the site are kept by their names.
fn add_commerce(data: &mut Fields, entities: Vec<(String, Fields)>) {
    const OF_CLIENT: [&str; 6] =
        ["web_page", "client_session", "browser_context", "mobile_context", "http_client_hints", "application"];
    data.rename(&[("unitPrice", "price"), ("sku", "product_id"), ("targetUrl", "url"), ("terms", "query")]);
    let mut products = Vec::new();
    for (name, mut entity) in entities {
        match name.as_str() {
            "product" => {
                entity.rename(&[("id", "product_id")]);
                data.set("currency", entity.get("currency"));
                products.push(Value::from(entity));
            }
            "transaction" | "refund" | "cart" => {
                entity.rename(&[
                    ("transaction_id", "order_id"),
                    ("refund_amount", "revenue"),
                    ("total_value", "value"),
                ]);
                for (name, value) in entity.0 {
                    data.set(&name, value);
                }
            }
            "promotion" | "checkout_step" => {
                for (name, value) in entity.0 {
                    data.set(&name, value);
                }
            }
            name if OF_CLIENT.contains(&name) || name.is_empty() => {}
            name => data.set(name, entity),
        }
    }
    if !products.is_empty() {
        data.set("products", products);
    }
}
