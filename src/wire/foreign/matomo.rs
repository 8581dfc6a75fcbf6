//! Matomo's tracking API: `GET` and `POST /matomo.php`, also several requests in one body.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    CallWriter, Connection, EVENT_BYTES_MAX, ForeignRequest,
    fields::{Fields, number, object, screen},
};
use crate::wire::collect::{Text, Unreadable};

/// The parameters of one or several requests.
#[derive(Debug)]
pub struct Matomo<'a> {
    /// The parameters of the address, and of a form.
    single: Option<Fields>,
    bulk: Vec<&'a RawValue>,
    token: String,
}

#[derive(Deserialize)]
struct Bulk<'a> {
    #[serde(borrow)]
    requests: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    token_auth: Text<'a>,
}

impl<'a> Matomo<'a> {
    /// Parses the query, and the body: a form, or JSON with `requests`.
    ///
    /// # Errors
    /// If a JSON body has no list of requests.
    pub fn parse(query: &str, body: &'a [u8]) -> Result<Self, Unreadable> {
        if body.trim_ascii_start().starts_with(b"{") {
            let bulk: Bulk<'a> =
                serde_json::from_slice(body).map_err(|error| Unreadable::NotJson(error.to_string()))?;
            return Ok(Self { single: None, bulk: bulk.requests, token: bulk.token_auth.0.into_owned() });
        }
        let mut fields = Fields::parse_form(query.as_bytes());
        fields.0.append(&mut Fields::parse_form(body).0);
        Ok(Self { token: fields.text("token_auth"), single: Some(fields), bulk: Vec::new() })
    }

    /// How many requests the body has, if it has several.
    #[must_use]
    pub fn bulk_len(&self) -> Option<usize> {
        self.single.is_none().then_some(self.bulk.len())
    }
}

/// The parameters of one of several requests: a query as text, or an object.
fn parse_request(raw: &RawValue) -> Option<Fields> {
    if raw.get().starts_with('{') {
        return Fields::parse(raw);
    }
    let text: String = serde_json::from_str(raw.get()).ok().filter(|text: &String| text.len() <= EVENT_BYTES_MAX)?;
    let query = text.split_once('?').map_or(text.as_str(), |(_, query)| query);
    Some(Fields::parse_form(query.as_bytes()))
}

impl ForeignRequest for Matomo<'_> {
    fn keys(&self) -> Vec<String> {
        let site = match &self.single {
            Some(fields) => fields.text("idsite"),
            None => self.bulk.first().and_then(|raw| parse_request(raw)).map(|f| f.text("idsite")).unwrap_or_default(),
        };
        vec![site, self.token.clone()]
    }

    fn write(&self, connection: &Connection<'_>, calls: &mut CallWriter) {
        if let Some(fields) = &self.single {
            write_request(fields, connection, calls);
        }
        for raw in &self.bulk {
            match parse_request(raw) {
                Some(fields) => write_request(&fields, connection, calls),
                None => calls.push_raw(raw.get()),
            }
        }
    }
}

fn write_request(fields: &Fields, connection: &Connection<'_>, calls: &mut CallWriter) {
    let shared = Shared::new(fields, connection);
    let has = |name: &str| !fields.text(name).is_empty();
    if fields.text("ping") == "1" {
        return;
    }
    if has("idgoal") || has("ec_id") {
        let (name, properties) = conversion(fields);
        calls.push(&shared.call("track", name, properties));
    } else if has("e_c") || has("e_a") {
        // The number is not money, so it is not called `value`.
        let properties = object([
            ("event_category", fields.get("e_c")),
            ("event_label", fields.get("e_n")),
            ("event_value", number(fields.get("e_v"))),
        ]);
        calls.push(&shared.call("track", &fields.text("e_a"), properties));
    } else if has("search") {
        let properties = object([
            ("query", fields.get("search")),
            ("search_category", fields.get("search_cat")),
            ("results", number(fields.get("search_count"))),
        ]);
        calls.push(&shared.call("track", "Products Searched", properties));
    } else if has("download") || has("link") {
        let name = if has("download") { "File Downloaded" } else { "Link Clicked" };
        calls.push(&shared.call("track", name, object([("href", fields.first(&["download", "link"]))])));
    } else if has("c_n") {
        let name = if has("c_i") { "Promotion Clicked" } else { "Promotion Viewed" };
        let properties = object([
            ("name", fields.get("c_n")),
            ("creative", fields.get("c_p")),
            ("target", fields.get("c_t")),
            ("interaction", fields.get("c_i")),
        ]);
        calls.push(&shared.call("track", name, properties));
    } else if fields.text("ca") != "1" {
        calls.push(&shared.call("page", &fields.text("action_name"), dimensions(fields)));
        if let Some((name, properties)) = viewed(fields) {
            calls.push(&shared.call("track", name, properties));
        }
    }
}

/// An order, a changed cart, or a goal.
fn conversion(fields: &Fields) -> (&'static str, Value) {
    let products = products(&fields.text("ec_items"));
    if fields.text("ec_id").is_empty() {
        if fields.text("idgoal") != "0" {
            let goal = [("goal_id", number(fields.get("idgoal"))), ("revenue", number(fields.get("revenue")))];
            return ("Goal Completed", object(goal));
        }
        return ("Cart Updated", object([("cart_value", number(fields.get("revenue"))), ("products", products)]));
    }
    let order = object([
        ("order_id", fields.get("ec_id")),
        ("revenue", number(fields.get("revenue"))),
        ("subtotal", number(fields.get("ec_st"))),
        ("tax", number(fields.get("ec_tx"))),
        ("shipping", number(fields.get("ec_sh"))),
        ("discount", number(fields.get("ec_dt"))),
        ("products", products),
    ]);
    ("Order Completed", order)
}

/// `ec_items`: lists of SKU, name, category or categories, price and quantity.
fn products(json: &str) -> Value {
    let lines: Vec<Vec<Value>> =
        if json.len() > EVENT_BYTES_MAX { Vec::new() } else { serde_json::from_str(json).unwrap_or_default() };
    let product = |line: &Vec<Value>| {
        let at = |index: usize| line.get(index).cloned().unwrap_or_default();
        object([
            ("product_id", at(0)),
            ("name", at(1)),
            ("category", first_of(at(2))),
            ("price", number(at(3))),
            ("quantity", number(at(4))),
        ])
    };
    let products: Vec<Value> = lines.iter().map(product).filter(|product| !product.is_null()).collect();
    if products.is_empty() { Value::Null } else { products.into() }
}

/// The first of several categories, or the only one.
fn first_of(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().next().unwrap_or_default(),
        one => one,
    }
}

/// The product or category that a page view is about.
fn viewed(fields: &Fields) -> Option<(&'static str, Value)> {
    let category = fields.text("_pkc");
    let category = serde_json::from_str(&category).map_or_else(|_| category.into(), first_of);
    let id = fields.get("_pks");
    let name = if id.is_null() { "Product List Viewed" } else { "Product Viewed" };
    let properties = object([
        ("product_id", id),
        ("name", fields.get("_pkn")),
        ("category", category),
        ("price", number(fields.get("_pkp"))),
    ]);
    (!properties.is_null()).then_some((name, properties))
}

/// Custom dimensions, by their numbers.
fn dimensions(fields: &Fields) -> Value {
    let mut kept = Fields::default();
    for (name, value) in &fields.0 {
        if name.strip_prefix("dimension").is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())) {
            kept.set(name, value.clone());
        }
    }
    kept.into()
}

/// What all calls of a request share.
struct Shared<'f> {
    fields: &'f Fields,
    anonymous: String,
    context: Value,
}

impl<'f> Shared<'f> {
    fn new(fields: &'f Fields, connection: &Connection<'_>) -> Self {
        let (ip, agent) = (fields.text("cip"), fields.text("ua"));
        let id = fields.first_text(&["_id", "cid"]);
        let anonymous = if id.is_empty() && fields.text("uid").is_empty() {
            (connection.daily_id)(&ip, &agent).unwrap_or_default()
        } else {
            id
        };
        let or_else = |own: String, other: &str| if own.is_empty() { other.to_owned() } else { own };
        let context = object([
            (
                "page",
                object([
                    ("url", fields.get("url")),
                    ("title", fields.get("action_name")),
                    ("referrer", fields.get("urlref")),
                ]),
            ),
            ("library", object([("name", "matomo".into())])),
            ("userAgent", or_else(agent, connection.browser()).into()),
            ("ip", or_else(ip, connection.address).into()),
            ("locale", fields.text("lang").split([',', ';']).next().unwrap_or_default().into()),
            ("screen", screen(&fields.text("res"))),
            ("campaign", object([("name", fields.get("_rcn")), ("term", fields.get("_rck"))])),
        ]);
        Self { fields, anonymous, context }
    }

    fn call(&self, kind: &str, name: &str, properties: Value) -> Value {
        object([
            ("type", kind.into()),
            (if kind == "track" { "event" } else { "name" }, name.into()),
            ("anonymousId", self.anonymous.as_str().into()),
            ("userId", self.fields.get("uid")),
            ("timestamp", self.fields.get("cdt")),
            ("properties", properties),
            ("context", self.context.clone()),
        ])
    }
}
