//! Sets e-commerce fields: action, items, category, amount, order. Names follow Segment's e-commerce specification.
//! Amounts are converted from the sender's digits to minor units, never through a float.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    amount::{self, AmountError, AmountParser, RawAmount},
    limits, text,
    types::RequestContext,
};
use crate::{
    model::{Action, Currency, Event, Kind, currency_names::parse_currency, event::ItemLine},
    wire::collect::{self, Text},
};

const QUANTITY_MAX: u32 = 1_000_000;

/// The e-commerce properties of an event or of one product in its list.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CommerceProperties<'a> {
    #[serde(borrow)]
    product_id: Text<'a>,
    /// Name in the typed libraries of apps.
    #[serde(borrow, rename = "productId")]
    product_id_camel: Text<'a>,
    #[serde(borrow)]
    sku: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    item_id: Text<'a>,
    #[serde(borrow)]
    category: Text<'a>,
    #[serde(borrow)]
    item_category: Text<'a>,
    #[serde(borrow)]
    price: RawAmount<'a>,
    #[serde(borrow)]
    quantity: Text<'a>,
    #[serde(borrow)]
    revenue: RawAmount<'a>,
    #[serde(borrow)]
    total: RawAmount<'a>,
    #[serde(borrow)]
    value: RawAmount<'a>,
    #[serde(borrow)]
    currency: Text<'a>,
    #[serde(borrow)]
    order_id: Text<'a>,
    /// Name in the typed libraries of apps.
    #[serde(borrow, rename = "orderId")]
    order_id_camel: Text<'a>,
    #[serde(borrow)]
    transaction_id: Text<'a>,
    #[serde(borrow)]
    products: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    /// Google tag set-ups nest all of the above in it.
    #[serde(borrow)]
    ecommerce: Option<&'a RawValue>,
}

pub(super) fn set_commerce_fields<'a>(event: &mut Event<'a>, request: &RequestContext<'_>, call: &collect::Event<'a>) {
    if event.kind == Kind::Track {
        event.action = Action::from_event_name(&event.name);
    }
    let properties: CommerceProperties<'a> = match (event.kind, call.properties) {
        (Kind::Track | Kind::Page | Kind::Screen, Some(raw)) => {
            let outer: CommerceProperties<'a> = serde_json::from_str(raw.get()).unwrap_or_default();
            outer.ecommerce.and_then(|inner| serde_json::from_str(inner.get()).ok()).unwrap_or(outer)
        }
        _ => CommerceProperties::default(),
    };
    event.category =
        text::clean(&properties.category.or(&properties.item_category).or(&call.category).0, limits::CATEGORY);
    if event.kind != Kind::Track {
        return;
    }
    let lines = products(&properties).unwrap_or_else(|| {
        event.violations.push(Cow::Borrowed("products: not a list"));
        Vec::new()
    });
    let amounts = amount_parser(event, &properties, &lines, request.site.currency);
    let lines_total = set_items(event, &properties, &lines, &amounts);
    event.amount_minor = event_amount(event, &properties, &amounts).unwrap_or(lines_total);
    if event.amount_minor != 0 || event.items.iter().any(|line| line.price_minor != 0) {
        event.currency = amounts.currency;
    }
    if matches!(event.action, Action::Ordered | Action::Refunded) {
        event.order_id = text::clean(
            &properties.order_id.or(&properties.order_id_camel).or(&properties.transaction_id).0,
            limits::ORDER_ID,
        );
    }
}

/// Returns the products of an event, at most [`limits::ITEMS`]; `None` if they are neither a list nor an object, as which
/// some clients send keyed lists.
fn products<'a>(properties: &CommerceProperties<'a>) -> Option<Vec<CommerceProperties<'a>>> {
    let mut products = Vec::new();
    for list in [properties.products, properties.items].into_iter().flatten() {
        let lines: Vec<&'a RawValue> = match list.get().as_bytes().first() {
            Some(b'[') => serde_json::from_str(list.get()).ok()?,
            Some(b'{') => keyed(list.get())?,
            // `null`, or a number of products: no details.
            _ => continue,
        };
        let left = limits::ITEMS - products.len();
        products.extend(lines.into_iter().take(left).map(|raw| {
            if raw.get().starts_with('{') {
                serde_json::from_str(raw.get()).unwrap_or_default()
            } else {
                CommerceProperties { id: Text::from_json(raw), ..CommerceProperties::default() }
            }
        }));
    }
    Some(products)
}

/// Returns the values of an object, ordered by key; an object with a product's fields is one product.
fn keyed(object: &str) -> Option<Vec<&RawValue>> {
    let values: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(object).ok()?;
    if values.values().all(|value| value.get().starts_with('{')) {
        return Some(values.into_values().collect());
    }
    serde_json::from_str(object).ok().map(|whole| vec![whole])
}

/// Returns a parser for the event's amounts. Their currency is `currency`, else the one in the amounts, else the site's. An unknown
/// `currency` counts as none and is a violation.
fn amount_parser<'a>(
    event: &mut Event<'a>,
    properties: &CommerceProperties<'a>,
    lines: &[CommerceProperties<'a>],
    site: Currency,
) -> AmountParser {
    let stated = properties.currency.as_str().trim();
    if !stated.is_empty() {
        let known = parse_currency(stated, site);
        if known.is_none() {
            event.violations.push(Cow::Borrowed("currency: unknown"));
        }
        return AmountParser::new(known.unwrap_or(Currency::NONE), site);
    }
    let own = [&properties.revenue, &properties.total, &properties.value, &properties.price];
    let mut texts = own.into_iter().chain(lines.iter().map(|line| &line.price)).filter(|amount| amount.quoted);
    let currency = texts.find_map(|amount| amount::currency_in(amount, site));
    AmountParser::new(currency.unwrap_or(site), site)
}

/// Sets the items: those of the list, or the one product of the event. Returns their total in minor units.
fn set_items<'a>(
    event: &mut Event<'a>,
    properties: &CommerceProperties<'a>,
    lines: &[CommerceProperties<'a>],
    amounts: &AmountParser,
) -> i64 {
    let mut sum = 0_i64;
    for line in lines {
        if event.category.is_empty() {
            event.category = text::clean(&line.category.or(&line.item_category).0, limits::CATEGORY);
        }
        let price = minor(event, "price", &line.price, amounts).unwrap_or(0);
        event.items.extend(line.item(true, price));
        sum = sum.saturating_add(cost(price, line.quantity.as_str()));
    }
    if event.items.is_empty() {
        // A bare `id` is the product's only in events about one product.
        let about_item = matches!(event.action, Action::ItemViewed | Action::CartAdded | Action::CartRemoved);
        let price = amounts.minor(&properties.price).ok().flatten().unwrap_or(0);
        event.items.extend(properties.item(about_item, price));
        sum = if event.items.is_empty() { 0 } else { cost(price, properties.quantity.as_str()) };
    }
    sum
}

/// Parses an amount to minor units; an invalid one becomes a violation of the event.
fn minor(event: &mut Event<'_>, name: &'static str, amount: &RawAmount<'_>, amounts: &AmountParser) -> Option<i64> {
    amounts.minor(amount).unwrap_or_else(|error: AmountError| {
        let violation = format!("{name}: {}", error.as_str());
        if !event.violations.iter().any(|known| *known == violation) {
            event.violations.push(Cow::Owned(violation));
        }
        None
    })
}

/// A price times a quantity, which may be a weight such as `1.5`; rounded half away from zero.
fn cost(price_minor: i64, quantity: &str) -> i64 {
    const MILLIONTHS: i128 = 1_000_000;
    let quantity = quantity.trim();
    let (whole, fraction) = quantity.split_once(['.', ',']).unwrap_or((quantity, ""));
    let fraction: i128 = format!("{fraction:0<6}").get(..6).and_then(|six| six.parse().ok()).unwrap_or(0);
    let whole: i128 = if whole.is_empty() && fraction > 0 { 0 } else { whole.parse().unwrap_or(1) };
    let millionths = (whole * MILLIONTHS + fraction).clamp(0, i128::from(QUANTITY_MAX) * MILLIONTHS);
    let millionths = if millionths == 0 { MILLIONTHS } else { millionths };
    let product = i128::from(price_minor) * millionths;
    let rounded = (product.abs() + MILLIONTHS / 2) / MILLIONTHS * product.signum();
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

impl<'a> CommerceProperties<'a> {
    /// An `id` takes precedence over the SKU, as the typed libraries of apps send both.
    fn item(&self, bare_id: bool, price_minor: i64) -> Option<ItemLine<'a>> {
        let empty = Text::default();
        let bare = if bare_id { &self.id } else { &empty };
        let id = self.product_id.or(&self.product_id_camel).or(&self.item_id).or(bare).or(&self.sku);
        let id = text::clean(&id.0, limits::ITEM_ID);
        let pieces = self.quantity.as_str().split(['.', ',']).next().and_then(|whole| whole.parse().ok()).unwrap_or(1);
        (!id.is_empty()).then(|| ItemLine { id, price_minor, quantity: u32::clamp(pieces, 1, QUANTITY_MAX) })
    }
}

/// Revenue of an order, value of a cart, or price of the item, in minor units; `None` where the items' total counts.
fn event_amount(event: &mut Event<'_>, properties: &CommerceProperties<'_>, amounts: &AmountParser) -> Option<i64> {
    let (revenue, total) = (("revenue", &properties.revenue), ("total", &properties.total));
    let (value, price) = (("value", &properties.value), ("price", &properties.price));
    let action = event.action;
    let mut first = |candidates: [(&'static str, &RawAmount<'_>); 3]| {
        candidates.into_iter().find_map(|(name, amount)| minor(event, name, amount, amounts))
    };
    match action {
        Action::Ordered | Action::Refunded | Action::CheckoutStarted | Action::CartViewed => {
            first([revenue, total, value])
        }
        Action::ItemViewed | Action::CartAdded | Action::CartRemoved => {
            Some(first([price, value, revenue]).unwrap_or(0))
        }
        _ => Some(first([revenue, value, price]).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractional_quantities_are_weights() {
        let check = |price, quantity: &str, expected| assert_eq!(cost(price, quantity), expected, "{quantity}");
        check(1800, "1.5", 2700);
        check(1800, "1,5", 2700);
        check(1800, "0.333", 599);
        check(-1800, "0.333", -599);
        check(1800, "", 1800);
        check(1800, "2", 3600);
        check(1800, "two", 1800);
        check(1800, "0", 1800);
        check(i64::MAX, "1000000", i64::MAX);
    }
}
