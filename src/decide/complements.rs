//! Complements and alternatives of the seed items: bought with them, bought after them, similar, or similar and more
//! expensive.
//!
//! The seed is the page's item; else the items in the cart; else the items viewed last. Two items serve the same need if
//! they share their main category; without categories, if their content is nearly the same.

use std::collections::HashMap;

use super::{
    candidates::Candidates,
    types::{Candidate, Evidence, Key},
};
use crate::model::{Item, ItemId};

/// Seed items.
const SEEDS_MAX: usize = 8;
/// Similar items and up-sell items considered for one seed.
const SIMILAR_MAX: usize = 60;
const UP_SELL_MAX: usize = 300;
/// Similarity from which items without category serve the same need.
const SAME_NEED: f32 = 0.5;
/// Minimum similarity of items of the same category.
const CATEGORY_SIMILARITY: f32 = 0.05;
/// Price factor from which an item is an up-sell.
const UP_SELL_FROM: f64 = 1.02;

impl<'a> Candidates<'a> {
    fn seed_items(&self) -> Vec<&'a str> {
        let facts = self.facts;
        if !facts.context.item.is_empty() {
            return vec![facts.context.item];
        }
        if !facts.cart.is_empty() {
            return facts.cart.iter().take(SEEDS_MAX).copied().collect();
        }
        facts.profile.recent_items.iter().take(SEEDS_MAX).map(|(id, _)| &**id).collect()
    }

    /// Items in the same orders; without orders, items in the same visits.
    pub(super) fn bought_together(&self) -> Vec<Candidate> {
        let mut found = Sums::default();
        for seed in self.seed_items().into_iter().filter_map(|id| self.index.number(id)) {
            for near in self.index.bought().together(seed) {
                let evidence = Evidence::BoughtTogether { seed, support: near.support };
                found.add(Key::Learned(near.item), near.score, evidence);
            }
        }
        if found.0.is_empty() { self.together(&self.narrow_seeds()) } else { found.into_candidates() }
    }

    /// Items for another need bought with or after the seeds; without orders, items for another need viewed in the same
    /// visits.
    pub(super) fn cross_sell(&self) -> Vec<Candidate> {
        let seeds = self.seed_items();
        let mut found = Sums::default();
        for seed in seeds.iter().filter_map(|id| self.index.number(id)) {
            for near in self.index.bought().after(seed) {
                let evidence = Evidence::BoughtAfter { seed, support: near.support };
                found.add(Key::Learned(near.item), near.score, evidence);
            }
        }
        let mut list = if found.0.is_empty() { self.together(&self.narrow_seeds()) } else { found.into_candidates() };
        list.retain(|candidate| {
            let item = self.item(candidate.key);
            item.is_some_and(|item| !seeds.iter().any(|id| self.serves_same_need(id, item)))
        });
        list
    }

    /// Items with content similar to the seeds.
    pub(super) fn similar_items(&self) -> Vec<Candidate> {
        let mut found = Sums::default();
        for id in self.seed_items() {
            for (other, cosine) in self.index.content().similar(id, SIMILAR_MAX) {
                if let Some(number) = self.facts.snapshot.items.number(other) {
                    found.add(Key::Listed(number), cosine, Evidence::Similar);
                }
            }
        }
        found.into_candidates()
    }

    /// More expensive items for the same need as the seeds, up to the configured factor: ranked by similarity and
    /// popularity.
    pub(super) fn up_sell(&self) -> Vec<Candidate> {
        let (items, factor) = (&self.facts.snapshot.items, self.facts.context.settings.up_sell_factor);
        let mut found = Sums::default();
        for id in self.seed_items() {
            let Some(seed) = items.get(id).filter(|item| item.price_minor > 0) else { continue };
            let similar: HashMap<&ItemId, f32> = self.index.content().similar(id, UP_SELL_MAX).into_iter().collect();
            let of_category = items.in_category(seed.main_category()).iter().take(UP_SELL_MAX).copied();
            let further = similar.keys().filter_map(|id| items.number(id));
            for number in of_category.chain(further) {
                let Some(item) = items.at(number) else { continue };
                let ratio = item.price_minor as f64 / seed.price_minor as f64;
                let is_up_sell = item.currency == seed.currency && (UP_SELL_FROM..=factor).contains(&ratio);
                let key = Key::Listed(number);
                if !is_up_sell || found.0.contains_key(&key) || !self.serves_same_need(id, item) {
                    continue;
                }
                let similarity = similar.get(&item.id).copied().unwrap_or(0.0).max(CATEGORY_SIMILARITY);
                let popularity = self.index.number(&item.id).map_or(0.0, |n| self.index.popularity(n));
                found.add(key, similarity * (1.0 + popularity.max(0.0).ln_1p()), Evidence::UpSell);
            }
        }
        found.into_candidates()
    }

    fn item(&self, key: Key) -> Option<&'a Item> {
        self.listed(key).map(|(_, item)| item)
    }

    fn serves_same_need(&self, id: &str, other: &Item) -> bool {
        let category = self.facts.snapshot.items.get(id).map_or("", Item::main_category);
        if !category.is_empty() && !other.main_category().is_empty() {
            return category == other.main_category();
        }
        let similar = self.index.content().similar(id, SIMILAR_MAX);
        similar.iter().any(|(known, cosine)| **known == other.id && *cosine >= SAME_NEED)
    }
}

/// Sums of scores by item, with the strongest evidence.
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

    fn into_candidates(self) -> Vec<Candidate> {
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
        model::{Item, Profile, RankedBy, SiteId, VisitorId},
        recommend::{
            content::Content,
            purchases::{CoPurchases, Orders},
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
        let bought = CoPurchases::new(orders, items.len());
        let content = Arc::new(Content::new(shop().iter()));
        Index::new(Parts { items, ..Parts::default() }).with_bought(bought).with_content(content)
    }

    fn recommended(index: &Index, page: &str, model: Model) -> Vec<(String, RankedBy)> {
        let anonymous = Profile::empty(SiteId(1), VisitorId(1));
        let context = Context { item: page, ..fixture::context() };
        let snapshot = snapshot();
        let decision = recommend(&anonymous, &snapshot, index, &context, Recommend { model, k: 3 }, "");
        let items = decision.map(|decision| decision.items).unwrap_or_default();
        items.iter().map(|ranked| (snapshot.items.at(ranked.number).unwrap().id.to_string(), ranked.why)).collect()
    }

    fn expected_item(id: &str, why: RankedBy) -> (String, RankedBy) {
        (id.to_owned(), why)
    }

    #[test]
    fn each_model_recommends_its_kind_of_items() {
        let check = |page: &str, model: Model, expected: &[(String, RankedBy)]| {
            assert_eq!(recommended(&index(), page, model), expected, "{page} {model:?}");
        };
        let both =
            [expected_item("camera-old", RankedBy::BoughtTogether), expected_item("card", RankedBy::BoughtTogether)];
        let mut found = recommended(&index(), "camera", Model::BoughtTogether);
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found, both);
        check("camera", Model::CrossSell, &[expected_item("card", RankedBy::CrossSell)]);
        check("camera", Model::UpSell, &[expected_item("camera-pro", RankedBy::UpSell)]);
        check("camera-luxury", Model::UpSell, &[]);
        let similar = recommended(&index(), "camera", Model::SimilarItems);
        assert_eq!((similar.len(), similar[0].1), (3, RankedBy::SimilarItem));
        assert!(similar.iter().all(|(id, _)| id.starts_with("camera")));
        check("bag", Model::CrossSell, &[]);
    }

    #[test]
    fn the_page_of_an_item_without_views_shows_similar_items() {
        let content = Arc::new(Content::new(shop().iter()));
        let index = Index::default().with_content(content);
        let found = recommended(&index, "camera", Model::Auto);
        assert!(found.iter().all(|(id, why)| id.starts_with("camera") && *why == RankedBy::SimilarItem), "{found:?}");
    }
}
