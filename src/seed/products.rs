//! What the shop's slots showed a visitor: an offer in the hero, recommended items elsewhere.

use serde_json::{Value, json};

use super::{rng::Rng, shop::Shop, visitor::Visitor};

const SLOT_ITEMS: usize = 8;

/// A filled slot.
#[derive(Debug)]
pub(super) struct ShownProducts {
    slot: &'static str,
    offer: Value,
    reason: &'static str,
    pub(super) items: Vec<usize>,
}

impl ShownProducts {
    pub(super) fn seen(&self, shop: &Shop) -> Value {
        let ids: Vec<&str> = self.items.iter().map(|item| shop.items[*item].id.as_str()).collect();
        json!({ "slot": self.slot, "offer": self.offer, "variant": null, "reason": self.reason, "items": ids })
    }

    /// A click on the item at an index, from 0, or on the offer.
    pub(super) fn clicked(&self, shop: &Shop, index: Option<usize>) -> Value {
        let mut properties = self.seen(shop);
        if let Some((index, item)) = index.and_then(|index| Some((index, self.items.get(index)?))) {
            properties["item"] = shop.items[*item].id.as_str().into();
            properties["position"] = (index + 1).into();
        }
        properties
    }
}

/// The hero slot by the rules of the shop's offers, with the page the offer links to; `None` if no rule matches and the
/// page's default stays.
pub(super) fn hero(visitor: &Visitor, campaign: &str, shop: &Shop) -> Option<(ShownProducts, String)> {
    let (offer, url) = if visitor.cart_minor(shop) >= 1_500 && visitor.orders == 0 {
        ("basket-waiting".into(), "/demo/cart".into())
    } else if campaign == "autumn-letter" {
        ("letter-readers".into(), "/demo/p/kitchen-saffron".into())
    } else if let Some(liked) = visitor.preferred() {
        let slug = &shop.categories[liked].slug;
        (format!("likes-{slug}"), format!("/demo/c/{slug}"))
    } else if visitor.visits == 0 {
        (String::from("welcome"), String::from("/demo/c/coffee"))
    } else {
        return None;
    };
    Some((ShownProducts { slot: "home-hero", offer: offer.into(), reason: "offer", items: Vec::new() }, url))
}

/// Recommendations on the home page: from the preferred category, or popular items.
pub(super) fn home(visitor: &mut Visitor, shop: &Shop) -> ShownProducts {
    let liked = visitor.preferred();
    let all: Vec<usize> = (0..shop.items.len()).collect();
    let from = liked.map_or(&all, |liked| &shop.categories[liked].items);
    let items = fill_slot(&mut visitor.rng, shop, from, &[]);
    let reason = if liked.is_some() { "recommendation" } else { "fallback" };
    ShownProducts { slot: "home-recs", offer: Value::Null, reason, items }
}

/// Recommendations for an item, on its page or in the cart: related items, then items of its category.
pub(super) fn related_to(rng: &mut Rng, slot: &'static str, item: usize, shop: &Shop) -> ShownProducts {
    let mut first = shop.related(item).to_vec();
    first.retain(|other| shop.items[*other].available);
    let from = &shop.categories[shop.main_category(item)].items;
    let mut items = fill_slot(rng, shop, from, &first);
    items.retain(|other| *other != item);
    ShownProducts { slot, offer: Value::Null, reason: "recommendation", items }
}

/// `first`, then others weighted by appeal, each once and only available ones.
fn fill_slot(rng: &mut Rng, shop: &Shop, from: &[usize], first: &[usize]) -> Vec<usize> {
    let mut chosen = first.to_vec();
    let mut left: Vec<usize> =
        from.iter().copied().filter(|item| shop.items[*item].available && !first.contains(item)).collect();
    while chosen.len() < SLOT_ITEMS && !left.is_empty() {
        let one = *rng.pick(&left, |item| shop.items[*item].appeal());
        left.retain(|item| *item != one);
        chosen.push(one);
    }
    chosen
}
