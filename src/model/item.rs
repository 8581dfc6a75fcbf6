//! An item of a shop's catalogue.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Currency, ItemId};

/// One thing a shop offers. Texts are bounded by `catalog` when it is taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The shop's own id of it.
    pub id: ItemId,
    /// Name shown to visitors.
    pub title: String,
    /// Address of its page; `http`, `https` or relative.
    pub url: String,
    /// Address of its picture; empty when none.
    pub image: String,
    /// Price in minor units.
    pub price_minor: i64,
    /// Currency of the price.
    pub currency: Currency,
    /// Categories, the main one first.
    pub categories: Vec<String>,
    /// Maker; empty when unknown.
    pub brand: String,
    /// Free marks.
    pub tags: Vec<String>,
    /// Whether it may be shown at all.
    pub available: bool,
    /// Whatever else the shop sent.
    pub attributes: Map<String, Value>,
}

impl Item {
    /// The main category; empty when the item has none.
    #[must_use]
    pub fn main_category(&self) -> &str {
        self.categories.first().map_or("", String::as_str)
    }
}

/// One line of an order, cart or list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemLine<'a> {
    /// The item's id.
    pub id: Cow<'a, str>,
    /// Price of one piece in minor units of the event's currency; 0 when unknown.
    pub price_minor: i64,
    /// Pieces; at least 1.
    pub quantity: u32,
}
