//! What goes with the item at hand: bought with it, bought after it, like it, or like it and dearer.
//!
//! The item at hand is the one on the page; where the page is about none, what is in the cart, else what
//! the visitor looked at last. Two items are for the same need when they share their main category; where
//! the catalogue tells none, when they say nearly the same of themselves.

use std::collections::HashMap;

use super::candidates::{Candidate, Candidates, Evidence, Key};
use crate::model::{Item, ItemId};

/// Items at hand that are asked.
const AT_HAND_MAX: usize = 8;
/// Items of a kind that are looked at for one at hand.
const ALIKE_MAX: usize = 60;
const DEARER_MAX: usize = 300;
/// Items without category that are this much alike are for the same need.
const SAME_NEED: f32 = 0.5;
/// What an item of the same category counts at least, however different its words are.
const CATEGORY_LIKENESS: f32 = 0.05;
/// An item counts as dearer from this factor on.
const DEARER_FROM: f64 = 1.02;

impl<'a> Candidates<'a> {
    fn at_hand(&self) -> Vec<&'a str> {
        let facts = self.facts;
        if !facts.context.item.is_empty() {
            return vec![facts.context.item];
        }
        if !facts.cart.is_empty() {
            return facts.cart.iter().take(AT_HAND_MAX).copied().collect();
        }
        facts.profile.recent_items.iter().take(AT_HAND_MAX).map(|(id, _)| &**id).collect()
    }

    /// What is in the same orders; while there are none, what is in the same visits.
    pub(super) fn bought_together(&self) -> Vec<Candidate> {
        let mut found = Sums::default();
        for seed in self.at_hand().into_iter().filter_map(|id| self.index.number(id)) {
            for near in self.index.bought().together(seed) {
                let evidence = Evidence::BoughtTogether { seed, support: near.support };
                found.add(Key::Learned(near.item), near.score, evidence);
            }
        }
        if found.0.is_empty() { self.together(&self.narrow_seeds()) } else { found.list() }
    }

    /// What is bought with the items at hand or after them, for another need; while there are no orders,
    /// what is looked at beside them, for another need.
    pub(super) fn cross_sell(&self) -> Vec<Candidate> {
        let at_hand = self.at_hand();
        let mut found = Sums::default();
        for seed in at_hand.iter().filter_map(|id| self.index.number(id)) {
            for near in self.index.bought().after(seed) {
                let evidence = Evidence::BoughtAfter { seed, support: near.support };
                found.add(Key::Learned(near.item), near.score, evidence);
            }
        }
        let mut list = if found.0.is_empty() { self.together(&self.narrow_seeds()) } else { found.list() };
        list.retain(|candidate| {
            let item = self.item(candidate.key);
            item.is_some_and(|item| !at_hand.iter().any(|id| self.is_same_need(id, item)))
        });
        list
    }

    /// What says of itself what the items at hand say.
    pub(super) fn similar_items(&self) -> Vec<Candidate> {
        let mut found = Sums::default();
        for id in self.at_hand() {
            for (other, cosine) in self.index.content().like(id, ALIKE_MAX) {
                if let Some(number) = self.facts.snapshot.items.number(other) {
                    found.add(Key::Listed(number), cosine, Evidence::Alike);
                }
            }
        }
        found.list()
    }

    /// Items for the need of those at hand that cost more, up to the owner's factor: the most alike first,
    /// and what many look at before what nobody does.
    pub(super) fn up_sell(&self) -> Vec<Candidate> {
        let (items, factor) = (&self.facts.snapshot.items, self.facts.context.settings.up_sell_factor);
        let mut found = Sums::default();
        for id in self.at_hand() {
            let Some(seed) = items.get(id).filter(|item| item.price_minor > 0) else { continue };
            let alike: HashMap<&ItemId, f32> = self.index.content().like(id, DEARER_MAX).into_iter().collect();
            let of_category = items.in_category(seed.main_category()).iter().take(DEARER_MAX).copied();
            let further = alike.keys().filter_map(|id| items.number(id));
            for number in of_category.chain(further) {
                let Some(item) = items.at(number) else { continue };
                let ratio = item.price_minor as f64 / seed.price_minor as f64;
                let is_dearer = item.currency == seed.currency && (DEARER_FROM..=factor).contains(&ratio);
                let key = Key::Listed(number);
                if !is_dearer || found.0.contains_key(&key) || !self.is_same_need(id, item) {
                    continue;
                }
                let likeness = alike.get(&item.id).copied().unwrap_or(0.0).max(CATEGORY_LIKENESS);
                let popularity = self.index.number(&item.id).map_or(0.0, |n| self.index.popularity(n));
                found.add(key, likeness * (1.0 + popularity.max(0.0).ln_1p()), Evidence::Dearer);
            }
        }
        found.list()
    }

    fn item(&self, key: Key) -> Option<&'a Item> {
        self.listed(key).map(|(_, item)| item)
    }

    fn is_same_need(&self, id: &str, other: &Item) -> bool {
        let category = self.facts.snapshot.items.get(id).map_or("", Item::main_category);
        if !category.is_empty() && !other.main_category().is_empty() {
            return category == other.main_category();
        }
        let alike = self.index.content().like(id, ALIKE_MAX);
        alike.iter().any(|(known, cosine)| **known == other.id && *cosine >= SAME_NEED)
    }
}

/// Candidates, each once, with the strongest of what speaks for it.
#[derive(Default)]
struct Sums(HashMap<Key, (Candidate, f32), ahash::RandomState>);

impl Sums {
    fn add(&mut self, key: Key, part: f32, evidence: Evidence) {
        let (sum, best_part) = self.0.entry(key).or_insert((Candidate { key, score: 0.0, evidence }, 0.0));
        sum.score += part;
        if part > *best_part {
            (sum.evidence, *best_part) = (evidence, part);
        }
    }

    fn list(self) -> Vec<Candidate> {
        self.0.into_values().map(|(candidate, _)| candidate).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Context, Index, fixture, recommend};
    use crate::{
        catalog::{
            compile::compile,
            snapshot::{Items, Model, Recommend, SiteSnapshot},
        },
        decide::index::Parts,
        model::{Item, Profile, SiteId, VisitorId, Why},
        recommend::{
            content::Content,
            purchases::{Bought, Orders},
        },
    };

    fn item(id: &str, title: &str, category: &str, price_minor: i64) -> Item {
        Item { title: title.into(), price_minor, ..fixture::item(id, category, true) }
    }

    fn shop() -> Vec<Item> {
        vec![
            item("camera", "Camera X100", "Cameras", 10_000),
            item("camera-pro", "Camera X200 pro", "Cameras", 14_000),
            item("camera-luxury", "Camera X900", "Cameras", 90_000),
            item("camera-old", "Camera X50", "Cameras", 6_000),
            item("card", "Memory card", "Cards", 1_000),
            item("bag", "Bag", "Bags", 3_000),
        ]
    }

    fn snapshot() -> SiteSnapshot {
        compile(fixture::site(), Arc::new(Items::new(shop())), &[]).unwrap()
    }

    /// Cameras and cards are ordered together, and old cameras with new ones.
    fn index() -> Index {
        let items: Vec<_> = shop().iter().map(|item| (item.id.clone(), "".into(), 1.0)).collect();
        let mut orders = Orders::default();
        for buyer in 0..30 {
            orders.push(buyer, 0, if buyer < 10 { &[0, 4, 3] } else { &[5] });
        }
        let bought = Bought::new(orders, items.len());
        let content = Arc::new(Content::new(shop().iter()));
        Index::new(Parts { items, ..Parts::default() }).with_bought(bought).with_content(content)
    }

    fn told(index: &Index, page: &str, model: Model) -> Vec<(String, Why)> {
        let nobody = Profile::empty(SiteId(1), VisitorId(1));
        let context = Context { item: page, ..fixture::context() };
        let snapshot = snapshot();
        let decision = recommend(&nobody, &snapshot, index, &context, Recommend { model, k: 3 }, "");
        let items = decision.map(|decision| decision.items).unwrap_or_default();
        items.iter().map(|ranked| (snapshot.items.at(ranked.number).unwrap().id.to_string(), ranked.why)).collect()
    }

    fn of(id: &str, why: Why) -> (String, Why) {
        (id.to_owned(), why)
    }

    #[test]
    fn each_model_tells_what_its_name_says() {
        let check = |page: &str, model: Model, expected: &[(String, Why)]| {
            assert_eq!(told(&index(), page, model), expected, "{page} {model:?}");
        };
        let both = [of("camera-old", Why::BoughtTogether), of("card", Why::BoughtTogether)];
        let mut found = told(&index(), "camera", Model::BoughtTogether);
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found, both);
        check("camera", Model::CrossSell, &[of("card", Why::CrossSell)]);
        check("camera", Model::UpSell, &[of("camera-pro", Why::UpSell)]);
        check("camera-luxury", Model::UpSell, &[]);
        let alike = told(&index(), "camera", Model::SimilarItems);
        assert_eq!((alike.len(), alike[0].1), (3, Why::SimilarItem));
        assert!(alike.iter().all(|(id, _)| id.starts_with("camera")));
        check("bag", Model::CrossSell, &[]);
    }

    #[test]
    fn a_page_about_an_item_nobody_saw_shows_what_is_like_it() {
        let content = Arc::new(Content::new(shop().iter()));
        let index = Index::default().with_content(content);
        let found = told(&index, "camera", Model::Auto);
        assert!(found.iter().all(|(id, why)| id.starts_with("camera") && *why == Why::SimilarItem), "{found:?}");
    }
}
