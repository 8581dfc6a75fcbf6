//! What an event means to a shop: items, category, money, order. Names follow Segment's e-commerce
//! specification. Amounts go from the sender's digits to minor units without ever being a float.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Setting, limits, text};
use crate::{
    model::{Action, Currency, Event, Kind, Money, event::ItemLine},
    wire::collect::{self, Text},
};

const QUANTITY_MAX: u32 = 1_000_000;

/// The properties that have a meaning, of an event or of one product in its list; all others are only kept.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told<'a> {
    #[serde(borrow)]
    product_id: Text<'a>,
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
    price: Text<'a>,
    #[serde(borrow)]
    quantity: Text<'a>,
    #[serde(borrow)]
    revenue: Text<'a>,
    #[serde(borrow)]
    total: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
    #[serde(borrow)]
    currency: Text<'a>,
    #[serde(borrow)]
    order_id: Text<'a>,
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
    let purse = Purse::of(told.currency.as_str(), setting.site.currency);
    put_items(event, &told, &purse);
    event.amount_minor = amount(event, &told, &purse);
    if event.amount_minor != 0 || event.items.iter().any(|line| line.price_minor != 0) {
        event.currency = purse.currency;
    }
    if matches!(event.action, Action::Ordered | Action::Refunded) {
        event.order_id = text::clean(&told.order_id.or(&told.transaction_id).0, limits::ORDER_ID);
    }
}

/// Puts the lines of the list, or the one product the event is about.
fn put_items<'a>(event: &mut Event<'a>, told: &Told<'a>, purse: &Purse) {
    for list in [told.products, told.items].into_iter().flatten() {
        let Ok(lines) = serde_json::from_str::<Vec<&'a RawValue>>(list.get()) else { continue };
        for raw in lines.into_iter().take(limits::ITEMS - event.items.len()) {
            let line: Told<'a> = if raw.get().starts_with('{') {
                serde_json::from_str(raw.get()).unwrap_or_default()
            } else {
                Told { id: Text::of_json(raw), ..Told::default() }
            };
            if event.category.is_empty() {
                event.category = text::clean(&line.category.or(&line.item_category).0, limits::CATEGORY);
            }
            event.items.extend(line.item(true, purse));
        }
    }
    if event.items.is_empty() {
        // A bare `id` may be anybody's; only events about one product have it of the product.
        let about_item = matches!(event.action, Action::ItemViewed | Action::CartAdded | Action::CartRemoved);
        event.items.extend(told.item(about_item, purse));
    }
}

impl<'a> Told<'a> {
    fn item(&self, bare_id: bool, purse: &Purse) -> Option<ItemLine<'a>> {
        let id = self.product_id.or(&self.sku).or(&self.item_id);
        let id = if id.is_empty() && bare_id { &self.id } else { id };
        let id = text::clean(&id.0, limits::ITEM_ID);
        let pieces = self.quantity.as_str().split('.').next().and_then(|whole| whole.parse().ok()).unwrap_or(1);
        (!id.is_empty()).then(|| ItemLine {
            id,
            price_minor: purse.minor(&self.price).unwrap_or(0),
            quantity: u32::clamp(pieces, 1, QUANTITY_MAX),
        })
    }
}

/// Revenue of an order, value of a cart, or price of the item.
fn amount(event: &Event<'_>, told: &Told<'_>, purse: &Purse) -> i64 {
    let first = |texts: [&Text<'_>; 3]| texts.into_iter().find_map(|text| purse.minor(text));
    let of_lines = || {
        event
            .items
            .iter()
            .fold(0_i64, |sum, line| sum.saturating_add(line.price_minor.saturating_mul(i64::from(line.quantity))))
    };
    match event.action {
        Action::Ordered | Action::Refunded | Action::CheckoutStarted | Action::CartViewed => {
            first([&told.revenue, &told.total, &told.value]).unwrap_or_else(of_lines)
        }
        Action::ItemViewed | Action::CartAdded | Action::CartRemoved => {
            first([&told.price, &told.value, &told.revenue]).unwrap_or(0)
        }
        _ => first([&told.revenue, &told.value, &told.price]).unwrap_or(0),
    }
}

/// In which currency amounts are told, and in how many of it.
struct Purse {
    currency: Currency,
    factor: i64,
}

impl Purse {
    /// Toman, ten rials, have no code of ISO 4217 and are told as `IRT`.
    fn of(told: &str, site: Currency) -> Self {
        let is_word = |word: &str| told.trim().eq_ignore_ascii_case(word) || told.trim() == "تومان";
        let told = if is_word("toman") { Some(Currency::TOMAN) } else { Currency::parse(told) };
        let told = told.unwrap_or(site);
        Self { currency: told.stored(), factor: if told == Currency::TOMAN { 10 } else { 1 } }
    }

    fn minor(&self, amount: &Text<'_>) -> Option<i64> {
        Money::parse_major(amount.as_str(), self.currency)?.minor.checked_mul(self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_minor_units_of_what_was_told() {
        let check = |amount: &'static str, told: &str, expected: Option<(i64, &str)>| {
            let purse = Purse::of(told, Currency(*b"EUR"));
            let minor = purse.minor(&Text::from(amount)).map(|minor| (minor, purse.currency.as_str()));
            assert_eq!(minor, expected, "{amount} {told}");
        };
        check("12.5", "", Some((1250, "EUR")));
        check("12.5", "usd", Some((1250, "USD")));
        check("1250", "JPY", Some((1250, "JPY")));
        check("1.2345", "KWD", Some((1235, "KWD")));
        check("45000", "IRT", Some((45_000_000, "IRR")));
        check("450000", "IRR", Some((45_000_000, "IRR")));
        check("45000", "Toman", Some((45_000_000, "IRR")));
        check("0.30000000000000004", "EUR", Some((30, "EUR")));
        check("45000", "تومان", Some((45_000_000, "IRR")));
        check("9223372036854775807", "IRT", None);
        check("free", "EUR", None);
        check("", "EUR", None);
        let of_site = Purse::of("", Currency::TOMAN);
        assert_eq!((of_site.minor(&Text::from("45000")), of_site.currency), (Some(45_000_000), Currency::RIAL));
    }
}
