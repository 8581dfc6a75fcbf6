//! What an event means to a shop: items, category, money, order. Names follow Segment's e-commerce
//! specification. Amounts go from the sender's digits to minor units without ever being a float.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Setting,
    amount::{self, Fault, Unit, Written},
    currency_names, limits, text,
};
use crate::{
    model::{Action, Currency, Event, Kind, event::ItemLine},
    wire::collect::{self, Text},
};

const QUANTITY_MAX: u32 = 1_000_000;

/// The properties that have a meaning, of an event or of one product in its list; all others are only kept.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told<'a> {
    #[serde(borrow)]
    product_id: Text<'a>,
    /// As the typed libraries of apps name it.
    #[serde(borrow, rename = "productId")]
    product_id_of_app: Text<'a>,
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
    price: Written<'a>,
    #[serde(borrow)]
    quantity: Text<'a>,
    #[serde(borrow)]
    revenue: Written<'a>,
    #[serde(borrow)]
    total: Written<'a>,
    #[serde(borrow)]
    value: Written<'a>,
    #[serde(borrow)]
    currency: Text<'a>,
    #[serde(borrow)]
    order_id: Text<'a>,
    /// As the typed libraries of apps name it.
    #[serde(borrow, rename = "orderId")]
    order_id_of_app: Text<'a>,
    #[serde(borrow)]
    transaction_id: Text<'a>,
    #[serde(borrow)]
    products: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    /// Where the Google tag's set-ups put all the former.
    #[serde(borrow)]
    ecommerce: Option<&'a RawValue>,
}

pub(super) fn put_shop<'a>(event: &mut Event<'a>, setting: &Setting<'_>, call: &collect::Event<'a>) {
    if event.kind == Kind::Track {
        event.action = Action::of_name(&event.name);
    }
    let told: Told<'a> = match (event.kind, call.properties) {
        (Kind::Track | Kind::Page | Kind::Screen, Some(properties)) => {
            let told: Told<'a> = serde_json::from_str(properties.get()).unwrap_or_default();
            told.ecommerce.and_then(|inner| serde_json::from_str(inner.get()).ok()).unwrap_or(told)
        }
        _ => Told::default(),
    };
    event.category = text::clean(&told.category.or(&told.item_category).or(&call.category).0, limits::CATEGORY);
    if event.kind != Kind::Track {
        return;
    }
    let lines = lines(&told).unwrap_or_else(|| {
        event.violations.push(Cow::Borrowed("products: not a list"));
        Vec::new()
    });
    let unit = put_unit(event, &told, &lines, setting.site.currency);
    let of_lines = put_items(event, &told, &lines, &unit);
    event.amount_minor = amount_of(event, &told, &unit).unwrap_or(of_lines);
    if event.amount_minor != 0 || event.items.iter().any(|line| line.price_minor != 0) {
        event.currency = unit.currency;
    }
    if matches!(event.action, Action::Ordered | Action::Refunded) {
        event.order_id =
            text::clean(&told.order_id.or(&told.order_id_of_app).or(&told.transaction_id).0, limits::ORDER_ID);
    }
}

/// The products of an event, of which no more than [`limits::ITEMS`] are read. `None` when they are neither a list nor
/// an object of such, as keyed lists are written.
fn lines<'a>(told: &Told<'a>) -> Option<Vec<Told<'a>>> {
    let mut found = Vec::new();
    for list in [told.products, told.items].into_iter().flatten() {
        let lines: Vec<&'a RawValue> = match list.get().as_bytes().first() {
            Some(b'[') => serde_json::from_str(list.get()).ok()?,
            Some(b'{') => keyed(list.get())?,
            // `null`, or a number of products: nothing is told of any.
            _ => continue,
        };
        let left = limits::ITEMS - found.len();
        found.extend(lines.into_iter().take(left).map(|raw| {
            if raw.get().starts_with('{') {
                serde_json::from_str(raw.get()).unwrap_or_default()
            } else {
                Told { id: Text::of_json(raw), ..Told::default() }
            }
        }));
    }
    Some(found)
}

/// The values of an object, in the order of their text; an object with a product's own fields is one product.
fn keyed(object: &str) -> Option<Vec<&RawValue>> {
    let values: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(object).ok()?;
    if values.values().all(|value| value.get().starts_with('{')) {
        return Some(values.into_values().collect());
    }
    serde_json::from_str(object).ok().map(|whole| vec![whole])
}

/// The currency of the event's amounts: as `currency` says, else as the amounts are written, else the site's. One
/// that is not understood is none, and named.
fn put_unit<'a>(event: &mut Event<'a>, told: &Told<'a>, lines: &[Told<'a>], site: Currency) -> Unit {
    let said = told.currency.as_str().trim();
    if !said.is_empty() {
        let known = currency_names::currency_of(said, site);
        if known.is_none() {
            event.violations.push(Cow::Borrowed("currency: unknown"));
        }
        return Unit::of(known.unwrap_or(Currency::NONE), site);
    }
    let own = [&told.revenue, &told.total, &told.value, &told.price];
    let mut written = own.into_iter().chain(lines.iter().map(|line| &line.price)).filter(|amount| amount.quoted);
    let sign = written.find_map(|amount| amount::sign_of(amount, site));
    Unit::of(sign.unwrap_or(site), site)
}

/// Puts the lines of the list, or the one product the event is about. Returns what all of them cost.
fn put_items<'a>(event: &mut Event<'a>, told: &Told<'a>, lines: &[Told<'a>], unit: &Unit) -> i64 {
    let mut sum = 0_i64;
    for line in lines {
        if event.category.is_empty() {
            event.category = text::clean(&line.category.or(&line.item_category).0, limits::CATEGORY);
        }
        let price = readable(event, "price", &line.price, unit).unwrap_or(0);
        event.items.extend(line.item(true, price));
        sum = sum.saturating_add(cost(price, line.quantity.as_str()));
    }
    if event.items.is_empty() {
        // A bare `id` may be anybody's; only events about one product have it of the product.
        let about_item = matches!(event.action, Action::ItemViewed | Action::CartAdded | Action::CartRemoved);
        let price = unit.minor(&told.price).ok().flatten().unwrap_or(0);
        event.items.extend(told.item(about_item, price));
        sum = if event.items.is_empty() { 0 } else { cost(price, told.quantity.as_str()) };
    }
    sum
}

/// The amount, if it can be read; else the event says what is wrong with it.
fn readable(event: &mut Event<'_>, name: &'static str, amount: &Written<'_>, unit: &Unit) -> Option<i64> {
    unit.minor(amount).unwrap_or_else(|fault: Fault| {
        let violation = format!("{name}: {}", fault.as_str());
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

impl<'a> Told<'a> {
    /// A shop's own `id` counts before its stock number, as the typed libraries of apps send both.
    fn item(&self, bare_id: bool, price_minor: i64) -> Option<ItemLine<'a>> {
        let nothing = Text::default();
        let bare = if bare_id { &self.id } else { &nothing };
        let id = self.product_id.or(&self.product_id_of_app).or(&self.item_id).or(bare).or(&self.sku);
        let id = text::clean(&id.0, limits::ITEM_ID);
        let pieces = self.quantity.as_str().split(['.', ',']).next().and_then(|whole| whole.parse().ok()).unwrap_or(1);
        (!id.is_empty()).then(|| ItemLine { id, price_minor, quantity: u32::clamp(pieces, 1, QUANTITY_MAX) })
    }
}

/// Revenue of an order, value of a cart, or price of the item; `None` where the lines tell it.
fn amount_of(event: &mut Event<'_>, told: &Told<'_>, unit: &Unit) -> Option<i64> {
    let named = |name, amount| (name, amount);
    let (revenue, total) = (named("revenue", &told.revenue), named("total", &told.total));
    let (value, price) = (named("value", &told.value), named("price", &told.price));
    let action = event.action;
    let mut first = |amounts: [(&'static str, &Written<'_>); 3]| {
        amounts.into_iter().find_map(|(name, amount)| readable(event, name, amount, unit))
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
    fn goods_by_weight_cost_what_they_weigh() {
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
