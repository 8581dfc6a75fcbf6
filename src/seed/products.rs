//! What the shop's slots showed a visitor: an offer for the hero, goods for the shelves.

use serde_json::{Value, json};

use super::{chance::Chance, person::Person, shop::Shop};

const SHELF: usize = 8;

/// A slot as it was filled.
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

    /// A click on the item at a place counted from 0, or on the offer.
    pub(super) fn clicked(&self, shop: &Shop, place: Option<usize>) -> Value {
        let mut told = self.seen(shop);
        if let Some((place, item)) = place.and_then(|place| Some((place, self.items.get(place)?))) {
            told["item"] = shop.items[*item].id.as_str().into();
            told["position"] = (place + 1).into();
        }
        told
    }
}

/// The hero by the rules of the shop's offers; `None` where no rule fits and the page's default stays.
/// The second value is the page that the offer leads to.
pub(super) fn hero(person: &Person, campaign: &str, shop: &Shop) -> Option<(ShownProducts, String)> {
    let (offer, url) = if person.cart_minor(shop) >= 1_500 && person.orders == 0 {
        ("basket-waiting".into(), "/demo/cart".into())
    } else if campaign == "autumn-letter" {
        ("letter-readers".into(), "/demo/p/kitchen-saffron".into())
    } else if let Some(liked) = person.preferred() {
        let slug = &shop.categories[liked].slug;
        (format!("likes-{slug}"), format!("/demo/c/{slug}"))
    } else if person.visits == 0 {
        (String::from("welcome"), String::from("/demo/c/coffee"))
    } else {
        return None;
    };
    Some((ShownProducts { slot: "home-hero", offer: offer.into(), reason: "offer", items: Vec::new() }, url))
}

/// Goods for the home page: of the category they like, or what most people like.
pub(super) fn home(person: &mut Person, shop: &Shop) -> ShownProducts {
    let liked = person.preferred();
    let all: Vec<usize> = (0..shop.items.len()).collect();
    let from = liked.map_or(&all, |liked| &shop.categories[liked].items);
    let items = several(&mut person.chance, shop, from, &[]);
    let reason = if liked.is_some() { "recommendation" } else { "fallback" };
    ShownProducts { slot: "home-recs", offer: Value::Null, reason, items }
}

/// Goods beside an item, on its page or in the basket: what belongs to it, then its like.
pub(super) fn beside(chance: &mut Chance, slot: &'static str, item: usize, shop: &Shop) -> ShownProducts {
    let mut first = shop.companions(item).to_vec();
    first.retain(|other| shop.items[*other].available);
    let from = &shop.categories[shop.main_category(item)].items;
    let mut items = several(chance, shop, from, &first);
    items.retain(|other| *other != item);
    ShownProducts { slot, offer: Value::Null, reason: "recommendation", items }
}

/// `first`, and then others by their appeal, each once and only what can be bought.
fn several(chance: &mut Chance, shop: &Shop, from: &[usize], first: &[usize]) -> Vec<usize> {
    let mut chosen = first.to_vec();
    let mut left: Vec<usize> =
        from.iter().copied().filter(|item| shop.items[*item].available && !first.contains(item)).collect();
    while chosen.len() < SHELF && !left.is_empty() {
        let one = *chance.pick(&left, |item| shop.items[*item].appeal());
        left.retain(|item| *item != one);
        chosen.push(one);
    }
    chosen
}
