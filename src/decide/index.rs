//! The index learned from the clicks of all visitors: popular items, and items that go together.
//!
//! Items are numbered. All versions between two builds share the large part; later changes (new items, current
//! popularity) are kept separately, so that a new version every second costs milliseconds.

use std::collections::HashMap;
use std::sync::{Arc, atomic::AtomicU32, atomic::AtomicU64, atomic::Ordering::Relaxed};

use crate::{
    catalog::{
        items::{Fingerprint, fingerprint},
        snapshot::{ItemNumber, Items},
    },
    model::{Item, ItemId, Timestamp},
    recommend::{Learned, content::Content, persistent_vec::PersistentVec, purchases::CoPurchases},
};

/// Number of an item in an [`Index`]; valid for it and for those grown from it.
pub type Number = u32;

/// The learned data of one site. `Index::default()` is empty, for a new site.
/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Index {
    base: Arc<Base>,
    new_items: Arc<NewItems>,
    popularity: PersistentVec<f32>,
    trending: Arc<[Number]>,
    /// Of categories with changes since the large part was built.
    trending_in: Arc<HashMap<Box<str>, Box<[Number]>, ahash::RandomState>>,
    events: usize,
    learned: Option<Learned>,
    /// Unique number of `learned`; 0 without it.
    version: u64,
    bought: Arc<CoPurchases>,
    content: Arc<Content>,
}

/// The large part.
#[derive(Debug, Default)]
struct Base {
    ids: Box<[ItemId]>,
    numbers: HashMap<ItemId, Number, ahash::RandomState>,
    /// Last known position of each item in the catalogue.
    positions: Box<[CataloguePosition]>,
    popularity: PersistentVec<f32>,
    trending: Arc<[Number]>,
    trending_in: HashMap<Box<str>, Box<[Number]>, ahash::RandomState>,
    /// Popularity of all items of a category, and of those of all categories.
    in_categories: (HashMap<Box<str>, f64, ahash::RandomState>, f64),
    neighbours: Vec<Vec<Neighbour>>,
}

/// Last known position of an item in the catalogue, and its fingerprint there.
#[derive(Debug)]
struct CataloguePosition {
    fingerprint: Fingerprint,
    number: AtomicU32,
}

/// Items first seen after the large part was built; their numbers follow on.
#[derive(Debug, Clone, Default)]
struct NewItems {
    ids: Vec<ItemId>,
    numbers: HashMap<ItemId, Number, ahash::RandomState>,
}

/// An item that goes together with another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The item.
    pub item: Number,
    /// Strength, 0 to 1.
    pub score: f32,
    /// Visitors who viewed both in one visit.
    pub support: u32,
}

/// Input of an index; items are numbered by their position in `items`.
#[derive(Debug, Default)]
pub struct Parts {
    /// Every item with its main category (empty if unknown) and its decayed popularity.
    pub items: Vec<(ItemId, Arc<str>, f32)>,
    /// Neighbours from other sources than visits, best first; may be shorter than `items`.
    pub neighbours: Vec<Vec<Neighbour>>,
    /// Number of events it was learned from.
    pub events: usize,
}

/// Changes of one item since the large part was built.
#[derive(Debug, Clone)]
pub struct Delta {
    /// Its number, from [`Index::number_or_new`].
    pub item: Number,
    /// Its main category; empty if unknown.
    pub category: Arc<str>,
    /// Increase of its popularity.
    pub popularity: f32,
}

/// The next version, for all sites.
static NEXT_VERSION: AtomicU64 = AtomicU64::new(1);

/// Popular items kept overall and per category.
pub const TRENDING_MAX: usize = 200;
/// Minimum support of a pair, so that one visitor alone does not count.
const SUPPORT_MIN: u32 = 2;
/// Support at which a pair has half of its full weight.
const SUPPORT_DAMPING: f32 = 2.0;

impl Index {
    /// Builds an index. Neighbours with an unknown item are left out.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { items, mut neighbours, events } = parts;
        let popularity: PersistentVec<f32> = items.iter().map(|(_, _, popularity)| *popularity).collect();
        let mut by_category: HashMap<&str, Vec<Number>> = HashMap::new();
        for (number, (_, category, _)) in (0..).zip(&items).filter(|(_, (_, category, _))| !category.is_empty()) {
            by_category.entry(category).or_default().push(number);
        }
        let sum = |members: &[Number]| members.iter().map(|n| f64::from(popularity.get(*n as usize))).sum::<f64>();
        let of_category: HashMap<Box<str>, f64, ahash::RandomState> =
            by_category.iter().map(|(category, members)| (Box::from(*category), sum(members))).collect();
        let in_all = of_category.values().sum();
        let trending_in = by_category
            .into_iter()
            .map(|(category, members)| (category.into(), most_popular(members, &popularity)))
            .collect();
        let trending: Arc<[Number]> = most_popular((0..).take(items.len()).collect(), &popularity).into();
        for near in &mut neighbours {
            near.retain(|near| (near.item as usize) < items.len() && near.score.is_finite());
        }
        let ids: Box<[ItemId]> = items.into_iter().map(|(id, _, _)| id).collect();
        let numbers = ids.iter().cloned().zip(0..).collect();
        let position =
            |id: &ItemId| CataloguePosition { fingerprint: fingerprint(id), number: AtomicU32::new(ItemNumber::MAX) };
        let positions = ids.iter().map(position).collect();
        let (base_popularity, base_trending) = (popularity.clone(), Arc::clone(&trending));
        Self {
            base: Arc::new(Base {
                ids,
                numbers,
                positions,
                popularity: base_popularity,
                trending: base_trending,
                trending_in,
                in_categories: (of_category, in_all),
                neighbours,
            }),
            new_items: Arc::default(),
            popularity,
            trending,
            trending_in: Arc::default(),
            events,
            learned: None,
            version: 0,
            bought: Arc::default(),
            content: Arc::default(),
        }
    }

    /// The number of an item, which is assigned if it has none; true if it was.
    pub fn number_or_new(&mut self, id: &ItemId) -> (Number, bool) {
        if let Some(number) = self.number(id) {
            return (number, false);
        }
        let new_items = Arc::make_mut(&mut self.new_items);
        let number = Number::try_from(self.base.ids.len() + new_items.ids.len()).unwrap_or(Number::MAX);
        new_items.ids.push(ItemId::clone(id));
        new_items.numbers.insert(ItemId::clone(id), number);
        (number, true)
    }

    /// The index with all changes since the large part was built, which replace those of an earlier call.
    #[must_use]
    pub fn grown(mut self, deltas: &[Delta], learned: Learned) -> Self {
        self.popularity = self.base.popularity.clone();
        let mut by_category: HashMap<&str, Vec<Number>, ahash::RandomState> = HashMap::default();
        for Delta { item, category, popularity } in deltas {
            *self.popularity.get_mut(*item as usize) += popularity;
            if !category.is_empty() {
                by_category.entry(category).or_default().push(*item);
            }
        }
        let popularity = &self.popularity;
        let merged = |new: Vec<Number>, old: &[Number]| {
            let mut members = new;
            members.extend(old);
            members.sort_unstable();
            members.dedup();
            most_popular(members, popularity)
        };
        let trending = merged(deltas.iter().map(|delta| delta.item).collect(), &self.base.trending);
        let in_category = |(category, new): (&str, Vec<Number>)| {
            let old = self.base.trending_in.get(category).map_or(&[][..], |members| members);
            (Box::from(category), merged(new, old))
        };
        let trending_in = by_category.into_iter().map(in_category).collect();
        (self.trending, self.trending_in) = (trending.into(), Arc::new(trending_in));
        self.with(learned)
    }

    /// Adds the models of whole visits; they use the same item numbers.
    #[must_use]
    pub fn with(mut self, learned: Learned) -> Self {
        self.learned = Some(learned);
        self.version = NEXT_VERSION.fetch_add(1, Relaxed);
        self
    }

    /// Adds co-purchases; they use the same item numbers.
    #[must_use]
    pub fn with_bought(mut self, bought: CoPurchases) -> Self {
        self.bought = Arc::new(bought);
        self
    }

    /// Adds the content index.
    #[must_use]
    pub fn with_content(mut self, content: Arc<Content>) -> Self {
        self.content = content;
        self
    }

    /// Co-purchases.
    #[must_use]
    pub fn bought(&self) -> &CoPurchases {
        &self.bought
    }

    /// The content index.
    #[must_use]
    pub fn content(&self) -> &Arc<Content> {
        &self.content
    }

    /// The models of whole visits.
    #[must_use]
    pub fn learned(&self) -> Option<&Learned> {
        self.learned.as_ref()
    }

    /// Version of the models: changes whenever their results may change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A time in the unit of [`Learned::rank`].
    #[must_use]
    pub fn learned_time(learned: &Learned, at: Timestamp) -> u32 {
        learned.sessions().since_origin(at.0)
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.base.ids.len() + self.new_items.ids.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of events the large part was learned from.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// The number of an item.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<Number> {
        self.base.numbers.get(id).or_else(|| self.new_items.numbers.get(id)).copied()
    }

    /// The item with this number.
    #[must_use]
    pub fn id(&self, number: Number) -> Option<&ItemId> {
        let number = number as usize;
        self.base.ids.get(number).or_else(|| self.new_items.ids.get(number.checked_sub(self.base.ids.len())?))
    }

    /// The item with this number in a catalogue; its last known position is tried first.
    #[must_use]
    pub fn listed<'i>(&self, number: Number, items: &'i Items) -> Option<(ItemNumber, &'i Item)> {
        let last = self.base.positions.get(number as usize);
        if let Some(last) = last {
            let number = last.number.load(Relaxed);
            if let Some(item) = items.at_if(number, last.fingerprint) {
                return Some((number, item));
            }
        }
        let listed = items.number(self.id(number)?)?;
        if let Some(last) = last {
            last.number.store(listed, Relaxed);
        }
        Some((listed, items.at(listed)?))
    }

    /// Decayed popularity of an item; 0 if unknown.
    #[must_use]
    pub fn popularity(&self, number: Number) -> f32 {
        self.popularity.get(number as usize)
    }

    /// The most popular items, best first.
    #[must_use]
    pub fn trending(&self) -> &[Number] {
        &self.trending
    }

    /// The most popular items of a category, best first.
    #[must_use]
    pub fn trending_in(&self, category: &str) -> &[Number] {
        let found = self.trending_in.get(category).or_else(|| self.base.trending_in.get(category));
        found.map_or(&[], |items| items)
    }

    /// The part of all popularity that a category had when the large part was built; never 0.
    #[must_use]
    pub fn category_share(&self, category: &str) -> f64 {
        let (popularity, total) = &self.base.in_categories;
        super::share::smoothed(popularity.get(category).copied().unwrap_or_default(), *total)
    }

    /// Items that go together with an item, best first: cosine over visits, so that popular items are not neighbours of
    /// everything; low support is damped, and pairs of a single visitor are left out.
    #[must_use]
    pub fn neighbours(&self, number: Number) -> Vec<Neighbour> {
        let mut near: Vec<Neighbour> = self.base.neighbours.get(number as usize).cloned().unwrap_or_default();
        let together = self.learned.iter().flat_map(|learned| learned.together(number));
        near.extend(together.filter(|(_, _, support)| *support >= SUPPORT_MIN).map(|(item, cosine, support)| {
            let damped = support as f32 / (support as f32 + SUPPORT_DAMPING);
            Neighbour { item, score: (cosine * damped).min(1.0), support }
        }));
        near.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.item.cmp(&b.item)));
        near
    }
}

/// The most popular of `members`, equal ones by number.
fn most_popular(mut members: Vec<Number>, popularity: &PersistentVec<f32>) -> Box<[Number]> {
    let score = |n: &Number| popularity.get(*n as usize);
    let by_score = |a: &Number, b: &Number| score(b).total_cmp(&score(a)).then_with(|| a.cmp(b));
    if members.len() > TRENDING_MAX {
        members.select_nth_unstable_by(TRENDING_MAX, by_score);
        members.truncate(TRENDING_MAX);
    }
    members.sort_unstable_by(by_score);
    members.into()
}

#[cfg(test)]
mod tests;
