//! Google Analytics 4, Measurement Protocol: `POST /mp/collect`.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    CallWriter, Connection, ForeignRequest,
    fields::{Fields, object, text_of},
};
use crate::wire::collect::{Text, Unreadable};

/// The e-commerce events, also of the Google tag, and Segment's names.
pub const ECOMMERCE_NAMES: &[(&str, &str)] = &[
    ("view_item", "Product Viewed"),
    ("view_item_list", "Product List Viewed"),
    ("select_item", "Product Clicked"),
    ("add_to_cart", "Product Added"),
    ("remove_from_cart", "Product Removed"),
    ("view_cart", "Cart Viewed"),
    ("begin_checkout", "Checkout Started"),
    ("add_shipping_info", "Checkout Step Completed"),
    ("add_payment_info", "Payment Info Entered"),
    ("purchase", "Order Completed"),
    ("refund", "Order Refunded"),
    ("add_to_wishlist", "Product Added to Wishlist"),
    ("view_promotion", "Promotion Viewed"),
    ("select_promotion", "Promotion Clicked"),
    ("search", "Products Searched"),
    ("view_search_results", "Products Searched"),
];

/// The body of a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ga4<'a> {
    #[serde(borrow)]
    client_id: Text<'a>,
    #[serde(borrow)]
    app_instance_id: Text<'a>,
    #[serde(borrow)]
    user_id: Text<'a>,
    #[serde(borrow)]
    timestamp_micros: Text<'a>,
    #[serde(borrow)]
    user_properties: Option<&'a RawValue>,
    #[serde(borrow)]
    device: Option<&'a RawValue>,
    #[serde(borrow)]
    ip_override: Text<'a>,
    #[serde(borrow)]
    user_agent: Text<'a>,
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    /// `measurement_id` and `api_secret` of the address.
    #[serde(skip)]
    keys: Vec<String>,
}

impl<'a> Ga4<'a> {
    /// Parses a body; `keys` are those of the address.
    ///
    /// # Errors
    /// If it is not an object with a list of events.
    pub fn parse(body: &'a [u8], keys: Vec<String>) -> Result<Self, Unreadable> {
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(Unreadable::NotJson("it does not start with `{`".into()));
        }
        let parsed: Self = serde_json::from_slice(body).map_err(|error| Unreadable::NotJson(error.to_string()))?;
        Ok(Self { keys, ..parsed })
    }

    fn anonymous_id(&self) -> Value {
        self.client_id.or(&self.app_instance_id).as_str().into()
    }

    /// The fields that all calls share.
    fn context(&self, page: Value) -> Value {
        let device = self.device.and_then(Fields::parse).unwrap_or_default();
        object([
            ("library", object([("name", "ga4-measurement-protocol".into())])),
            ("ip", self.ip_override.as_str().into()),
            ("userAgent", self.user_agent.as_str().into()),
            ("locale", device.get("language")),
            (
                "os",
                object([("name", device.get("operating_system")), ("version", device.get("operating_system_version"))]),
            ),
            ("device", object([("type", device.get("category"))])),
            ("screen", super::fields::screen(&device.text("screen_resolution"))),
            ("page", page),
        ])
    }

    /// An `identify` call if the request has user properties, each of which is wrapped as `{"value": …}`.
    fn traits(&self) -> Option<Value> {
        let mut traits = Fields::default();
        for (name, value) in self.user_properties.and_then(Fields::parse)?.0 {
            match value {
                Value::Object(mut wrapped) => traits.set(&name, wrapped.remove("value").unwrap_or_default()),
                bare => traits.set(&name, bare),
            }
        }
        (!traits.0.is_empty()).then(|| {
            object([
                ("type", "identify".into()),
                ("anonymousId", self.anonymous_id()),
                ("userId", self.user_id.as_str().into()),
                ("timestamp", self.timestamp_micros.as_str().into()),
                ("traits", traits.into()),
                ("context", self.context(Value::Null)),
            ])
        })
    }

    fn call(&self, mut event: Fields) -> Value {
        let name = event.text("name");
        let mut params = event.take_object("params");
        let page = object([
            ("url", params.get("page_location")),
            ("title", params.get("page_title")),
            ("referrer", params.get("page_referrer")),
        ]);
        params.remove(&["page_location", "page_title", "page_referrer", "debug_mode"]);
        let standard = ECOMMERCE_NAMES.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
        let (kind, event_name, page_name) = match name.as_str() {
            "page_view" => ("page", Value::Null, page.get("title").map(text_of).unwrap_or_default()),
            "screen_view" => ("screen", Value::Null, params.first_text(&["screen_name", "firebase_screen"])),
            _ => ("track", standard.unwrap_or(&name).into(), String::new()),
        };
        if standard.is_some() {
            set_commerce(&mut params);
        }
        let own_time = event.text("timestamp_micros");
        object([
            ("type", kind.into()),
            ("event", event_name),
            ("name", page_name.into()),
            ("anonymousId", self.anonymous_id()),
            ("userId", self.user_id.as_str().into()),
            ("timestamp", if own_time.is_empty() { self.timestamp_micros.as_str().into() } else { own_time.into() }),
            ("properties", params.into()),
            ("context", self.context(page)),
        ])
    }
}

/// Renames e-commerce parameters to Segment's.
fn set_commerce(params: &mut Fields) {
    params.rename(&[("transaction_id", "order_id"), ("search_term", "query")]);
    let mut products = params.objects("items");
    if products.is_empty() {
        return;
    }
    for product in &mut products {
        product.rename(&[
            ("item_id", "product_id"),
            ("item_name", "name"),
            ("item_brand", "brand"),
            ("item_category", "category"),
            ("item_variant", "variant"),
        ]);
    }
    params.remove(&["items"]);
    params.set("products", products.into_iter().map(Value::from).collect::<Vec<_>>());
}

impl ForeignRequest for Ga4<'_> {
    fn keys(&self) -> Vec<String> {
        self.keys.clone()
    }

    fn write(&self, _: &Connection<'_>, calls: &mut CallWriter) {
        if let Some(identify) = self.traits() {
            calls.push(&identify);
        }
        for raw in &self.events {
            match Fields::parse(raw) {
                Some(event) => calls.push(&self.call(event)),
                None => calls.push_raw(raw.get()),
            }
        }
    }
}
