//! Sources of recommended items: three lists with scores from 0 to 1, and their blend.
//!
//! Learned items are identified by their number in the index and looked up in the catalogue only when they are ranked
//! high enough; most candidates never are.

use std::{collections::HashMap, sync::Arc};

use super::{
    context::Facts,
    index::{Index, Number},
    types::{Candidate, Evidence, Key, RankingStrategy},
};
use crate::{
    catalog::snapshot::{ItemNumber, Model},
    model::Item,
    recommend,
};

/// Weights of the lists in the blend: co-views predict best, then the visitor's category affinity, then popularity.
/// Used until the site's own clicks have been tuned on.
const TOGETHER_WEIGHT: f32 = 1.0;
const AFFINITY_WEIGHT: f32 = 0.5;
const TRENDING_WEIGHT: f32 = 0.15;
/// Items with similar content, if the current item has no views yet.
const SIMILAR_WEIGHT: f32 = 1.0;
/// Items the visitor already viewed are recommended again, but behind equals.
const SEEN_FACTOR: f32 = 0.5;

/// Seeds of "viewed together": the item of the page has full weight, those in the cart half, and recently viewed ones
/// less with every further one.
const CART_SEED_WEIGHT: f32 = 0.5;
const RECENT_SEED_WEIGHT: f32 = 0.6;
const RECENT_SEED_DECAY: f32 = 0.8;
const CART_SEEDS_MAX: usize = 8;
const RECENT_SEEDS_MAX: usize = 10;

/// The category of the page's item counts like this share of all interest.
const PAGE_CATEGORY_SHARE: f32 = 0.5;
/// Items taken from a category and from the popular ones; more than any slot shows or excludes.
const CATEGORY_ITEMS_MAX: usize = 40;
const TRENDING_ITEMS_MAX: usize = 100;

/// Gathers candidates for one visitor on one page.
#[derive(Debug)]
pub(super) struct Candidates<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) index: &'a Index,
    /// Categories recommended from, with their share of the visitor's interest.
    pub(super) categories: Vec<(&'a str, f32)>,
}

impl<'a> Candidates<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, index: &'a Index) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a share, 0 to 1")]
        let mut categories: Vec<(&str, f32)> =
            facts.affinity.top_categories().map(|(category, share)| (category, share as f32)).collect();
        let page = facts.snapshot.items.get(facts.context.item).map_or("", Item::main_category);
        match categories.iter_mut().find(|(category, _)| *category == page) {
            Some((_, share)) => *share += PAGE_CATEGORY_SHARE,
            None if !page.is_empty() => categories.push((page, PAGE_CATEGORY_SHARE)),
            None => {}
        }
        Self { facts, index, categories }
    }

    /// The item of a key, if it is in the catalogue.
    pub(super) fn listed(&self, key: Key) -> Option<(ItemNumber, &'a Item)> {
        let items = &self.facts.snapshot.items;
        match key {
            Key::Learned(number) => self.index.listed(number, items),
            Key::Listed(number) => Some((number, items.at(number)?)),
        }
    }

    /// The strategy if no model is named: the serving model, or before tuning the blend with fixed weights.
    pub(super) fn default_strategy(&self) -> RankingStrategy {
        let serving = self.index.learned().filter(|learned| learned.is_tuned()).map(|learned| learned.tuned().winner);
        serving.map_or(RankingStrategy::Named(Model::Auto), RankingStrategy::Learned)
    }

    /// The candidates of a strategy, in no particular order, each item once.
    pub(super) fn gather(&self, strategy: RankingStrategy) -> Arc<[Candidate]> {
        let session_model = match strategy {
            RankingStrategy::Learned(model) => Some(model),
            RankingStrategy::Named(Model::Auto) => Some(recommend::Model::Blend),
            RankingStrategy::Named(Model::SessionNeighbours) => Some(recommend::Model::SessionNeighbours),
            RankingStrategy::Named(Model::SequentialRules) => Some(recommend::Model::SequentialRules),
            RankingStrategy::Named(_) => None,
        };
        let found = session_model.and_then(|model| self.by_visits(model));
        found.unwrap_or_else(|| match strategy {
            RankingStrategy::Learned(_) => Arc::default(),
            RankingStrategy::Named(model) => self.named(model).into(),
        })
    }

    /// The candidates of a model that does not use whole visits, or that has no data of them.
    fn named(&self, model: Model) -> Vec<Candidate> {
        match model {
            Model::Auto => self.blend(),
            Model::SessionNeighbours | Model::SequentialRules => Vec::new(),
            Model::Trending => self.trending().collect(),
            Model::ViewedTogether => self.together(&self.narrow_seeds()),
            Model::Affinity => self.affinity(),
            Model::RecentlyViewed => self.recently_viewed(),
            Model::BoughtTogether => self.bought_together(),
            Model::CrossSell => self.cross_sell(),
            Model::UpSell => self.up_sell(),
            Model::SimilarItems => self.similar_items(),
        }
    }

    fn blend(&self) -> Vec<Candidate> {
        let together = self.together(&self.seeds());
        let strongest = together.iter().map(|c| c.score).fold(f32::MIN_POSITIVE, f32::max);
        let mut blended: HashMap<Key, (Candidate, f32), ahash::RandomState> = HashMap::default();
        let mut add = |candidate: Candidate, part: f32| {
            let (sum, best_part) = blended.entry(candidate.key).or_insert((Candidate { score: 0.0, ..candidate }, 0.0));
            sum.score += part;
            if part > *best_part {
                (sum.evidence, *best_part) = (candidate.evidence, part);
            }
        };
        for candidate in &together {
            add(*candidate, TOGETHER_WEIGHT * candidate.score / strongest);
        }
        if together.is_empty() || self.page_item_is_unseen() {
            for candidate in self.similar_items() {
                add(candidate, SIMILAR_WEIGHT * candidate.score);
            }
        }
        for candidate in self.affinity() {
            add(candidate, AFFINITY_WEIGHT * candidate.score);
        }
        for candidate in self.trending() {
            add(candidate, TRENDING_WEIGHT * candidate.score);
        }
        for (id, _) in &self.facts.profile.recent_items {
            if let Some((seen, _)) = self.index.number(id).and_then(|n| blended.get_mut(&Key::Learned(n))) {
                seen.score *= SEEN_FACTOR;
            }
        }
        blended.into_values().map(|(candidate, _)| candidate).collect()
    }

    /// Items viewed together with the seeds in other visits.
    pub(super) fn together(&self, seeds: &[(Number, f32)]) -> Vec<Candidate> {
        let mut found: HashMap<Number, (Candidate, f32), ahash::RandomState> = HashMap::default();
        for (seed, weight) in seeds {
            for near in self.index.neighbours(*seed) {
                let part = weight * near.score;
                let evidence = Evidence::Together { seed: *seed, support: near.support };
                let candidate = Candidate { key: Key::Learned(near.item), score: 0.0, evidence };
                let (sum, best_part) = found.entry(near.item).or_insert((candidate, 0.0));
                sum.score += part;
                if part > *best_part {
                    (sum.evidence, *best_part) = (evidence, part);
                }
            }
        }
        found.into_values().map(|(candidate, _)| candidate).collect()
    }

    /// The items the visitor is interested in, strongest first.
    fn seeds(&self) -> Vec<(Number, f32)> {
        let mut seeds: Vec<(Number, f32)> = Vec::with_capacity(1 + CART_SEEDS_MAX + RECENT_SEEDS_MAX);
        let mut add = |id: &str, weight: f32| {
            if let Some(number) = self.index.number(id)
                && seeds.iter().all(|(known, _)| *known != number)
            {
                seeds.push((number, weight));
            }
        };
        add(self.facts.context.item, 1.0);
        self.facts.cart.iter().take(CART_SEEDS_MAX).for_each(|id| add(id, CART_SEED_WEIGHT));
        let mut weight = RECENT_SEED_WEIGHT;
        for (id, _) in self.facts.profile.recent_items.iter().take(RECENT_SEEDS_MAX) {
            add(id, weight);
            weight *= RECENT_SEED_DECAY;
        }
        seeds
    }

    /// The page's item alone, if it has neighbours: a slot called "viewed together" refers to that item. Else all seeds.
    pub(super) fn narrow_seeds(&self) -> Vec<(Number, f32)> {
        match self.index.number(self.facts.context.item) {
            Some(item) if !self.index.neighbours(item).is_empty() => vec![(item, 1.0)],
            _ => self.seeds(),
        }
    }

    /// Popular items of the visitor's categories; of a category without views the newest.
    fn affinity(&self) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::with_capacity(self.categories.len() * CATEGORY_ITEMS_MAX);
        for (rank, (category, share)) in self.categories.iter().enumerate() {
            let evidence = Evidence::Category { rank };
            let learned = self.index.trending_in(category);
            let top = learned.first().map_or(1.0, |n| self.index.popularity(*n)).max(f32::MIN_POSITIVE);
            found.extend(learned.iter().take(CATEGORY_ITEMS_MAX).map(|n| {
                // The square root keeps a bestseller from hiding its category.
                let score = share * (self.index.popularity(*n) / top).sqrt();
                Candidate { key: Key::Learned(*n), score, evidence }
            }));
            if learned.is_empty() {
                let listed = self.facts.snapshot.items.in_category(category).iter().take(CATEGORY_ITEMS_MAX);
                found.extend(listed.zip(0_u16..).map(|(n, position)| {
                    let score = share / f32::from(position + 1).sqrt();
                    Candidate { key: Key::Listed(*n), score, evidence }
                }));
            }
        }
        found
    }

    fn trending(&self) -> impl Iterator<Item = Candidate> {
        let popular = self.index.trending();
        let top = popular.first().map_or(1.0, |n| self.index.popularity(*n)).max(f32::MIN_POSITIVE);
        popular.iter().take(TRENDING_ITEMS_MAX).map(move |n| Candidate {
            key: Key::Learned(*n),
            score: self.index.popularity(*n) / top,
            evidence: Evidence::Popular,
        })
    }

    fn recently_viewed(&self) -> Vec<Candidate> {
        let items = &self.facts.snapshot.items;
        let seen = self.facts.profile.recent_items.iter().filter_map(|(id, _)| items.number(id));
        seen.zip(0_u16..)
            .map(|(n, position)| Candidate {
                key: Key::Listed(n),
                score: 1.0 / f32::from(position + 1),
                evidence: Evidence::Seen,
            })
            .collect()
    }
}
