//! What the service learned from everybody's clicks: which items are popular, which go together.
//!
//! Items are numbered. The large part is shared by all versions between two builds; what came since (items
//! first seen, what is popular now) lies beside it, so that a version every second costs milliseconds.

use std::collections::HashMap;
use std::sync::{Arc, atomic::AtomicU32, atomic::AtomicU64, atomic::Ordering::Relaxed};

use crate::{
    catalog::{
        items::{Fingerprint, fingerprint},
        snapshot::{ItemNumber, Items},
    },
    model::{Item, ItemId, Timestamp},
    recommend::{Learned, content::Content, persistent_vec::Chunks, purchases::Bought},
};

/// Place of an item in an [`Index`]; valid for it and for those grown from it.
pub type Number = u32;

/// What was learned of one site. `Index::default()` knows nothing, which is right for a new site.
/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Index {
    known: Arc<Known>,
    newcomers: Arc<Newcomers>,
    popularity: Chunks<f32>,
    trending: Arc<[Number]>,
    /// Of categories with something new since the large part was built.
    trending_in: Arc<HashMap<Box<str>, Box<[Number]>, ahash::RandomState>>,
    events: usize,
    learned: Option<Learned>,
    /// Of `learned`: no two are alike, those without any apart.
    version: u64,
    bought: Arc<Bought>,
    content: Arc<Content>,
}

/// The large part.
#[derive(Debug, Default)]
struct Known {
    ids: Box<[ItemId]>,
    numbers: HashMap<ItemId, Number, ahash::RandomState>,
    /// Where each was found in the catalogue last.
    places: Box<[Place]>,
    popularity: Chunks<f32>,
    trending: Arc<[Number]>,
    trending_in: HashMap<Box<str>, Box<[Number]>, ahash::RandomState>,
    neighbours: Vec<Vec<Neighbour>>,
}

/// Where an item was found in the catalogue last, and what it is known by there.
#[derive(Debug)]
struct Place {
    fingerprint: Fingerprint,
    number: AtomicU32,
}

/// Items first seen since; numbered after the known ones.
#[derive(Debug, Clone, Default)]
struct Newcomers {
    ids: Vec<ItemId>,
    numbers: HashMap<ItemId, Number, ahash::RandomState>,
}

/// An item that goes together with another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The item.
    pub item: Number,
    /// How strongly, 0 to 1.
    pub score: f32,
    /// Visitors who looked at both in one visit.
    pub support: u32,
}

/// What an index is put together from; items are numbered by their place in `items`.
#[derive(Debug, Default)]
pub struct Parts {
    /// Every item with its main category (empty when unknown) and its decayed popularity.
    pub items: Vec<(ItemId, Arc<str>, f32)>,
    /// Neighbours that are known otherwise than from visits, best first; may be shorter than `items`.
    pub neighbours: Vec<Vec<Neighbour>>,
    /// Events it was learned from.
    pub events: usize,
}

/// What came since, of one item.
#[derive(Debug, Clone)]
pub struct Delta {
    /// Its number, as [`Index::number_or_new`] told it.
    pub item: Number,
    /// Its main category; empty when unknown.
    pub category: Arc<str>,
    /// What is to be added to its popularity.
    pub popularity: f32,
}

/// Versions of what was learned so far, of all sites.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

/// Popular items kept overall and for each category.
pub const TRENDING_MAX: usize = 200;
/// Visits, not all of one visitor, that must have had a pair.
const SUPPORT_MIN: u32 = 2;
/// A pair that so many had counts half of what it would with very many.
const SUPPORT_DAMPING: f32 = 2.0;

impl Index {
    /// Puts an index together. Neighbours that point nowhere are left out.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { items, mut neighbours, events } = parts;
        let popularity: Chunks<f32> = items.iter().map(|(_, _, popularity)| *popularity).collect();
        let mut by_category: HashMap<&str, Vec<Number>> = HashMap::new();
        for (number, (_, category, _)) in (0..).zip(&items).filter(|(_, (_, category, _))| !category.is_empty()) {
            by_category.entry(category).or_default().push(number);
        }
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
        let place = |id: &ItemId| Place { fingerprint: fingerprint(id), number: AtomicU32::new(ItemNumber::MAX) };
        let places = ids.iter().map(place).collect();
        let (whole, popular) = (popularity.clone(), Arc::clone(&trending));
        Self {
            known: Arc::new(Known {
                ids,
                numbers,
                places,
                popularity: whole,
                trending: popular,
                trending_in,
                neighbours,
            }),
            newcomers: Arc::default(),
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

    /// The number of an item, and whether this is the first time that it is asked for.
    pub fn number_or_new(&mut self, id: &ItemId) -> (Number, bool) {
        if let Some(number) = self.number(id) {
            return (number, false);
        }
        let newcomers = Arc::make_mut(&mut self.newcomers);
        let number = Number::try_from(self.known.ids.len() + newcomers.ids.len()).unwrap_or(Number::MAX);
        newcomers.ids.push(ItemId::clone(id));
        newcomers.numbers.insert(ItemId::clone(id), number);
        (number, true)
    }

    /// The same index with what came since the large part was built; it replaces what an earlier call told.
    #[must_use]
    pub fn grown(mut self, news: &[Delta], learned: Learned) -> Self {
        self.popularity = self.known.popularity.clone();
        let mut by_category: HashMap<&str, Vec<Number>, ahash::RandomState> = HashMap::default();
        for Delta { item, category, popularity } in news {
            *self.popularity.at(*item as usize) += popularity;
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
        let trending = merged(news.iter().map(|news| news.item).collect(), &self.known.trending);
        let in_category = |(category, new): (&str, Vec<Number>)| {
            let old = self.known.trending_in.get(category).map_or(&[][..], |members| members);
            (Box::from(category), merged(new, old))
        };
        let trending_in = by_category.into_iter().map(in_category).collect();
        (self.trending, self.trending_in) = (trending.into(), Arc::new(trending_in));
        self.with(learned)
    }

    /// Adds what was learned of whole visits; its items are numbered as here.
    #[must_use]
    pub fn with(mut self, learned: Learned) -> Self {
        self.learned = Some(learned);
        self.version = VERSIONS.fetch_add(1, Relaxed);
        self
    }

    /// Adds what was learned of orders; its items are numbered as here.
    #[must_use]
    pub fn with_bought(mut self, bought: Bought) -> Self {
        self.bought = Arc::new(bought);
        self
    }

    /// Adds what items say of themselves.
    #[must_use]
    pub fn with_content(mut self, content: Arc<Content>) -> Self {
        self.content = content;
        self
    }

    /// What goes together in orders.
    #[must_use]
    pub fn bought(&self) -> &Bought {
        &self.bought
    }

    /// What items say of themselves.
    #[must_use]
    pub fn content(&self) -> &Arc<Content> {
        &self.content
    }

    /// What was learned of whole visits.
    #[must_use]
    pub fn learned(&self) -> Option<&Learned> {
        self.learned.as_ref()
    }

    /// Which version of what was learned this is: another as soon as anything in it may differ.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A moment as [`Learned::rank`] takes it.
    #[must_use]
    pub fn moment(learned: &Learned, at: Timestamp) -> u32 {
        learned.sessions().since_origin(at.0)
    }

    /// Items known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.ids.len() + self.newcomers.ids.len()
    }

    /// Whether nothing was learned yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Events the large part was learned from.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// The number of an item.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<Number> {
        self.known.numbers.get(id).or_else(|| self.newcomers.numbers.get(id)).copied()
    }

    /// The item with this number.
    #[must_use]
    pub fn id(&self, number: Number) -> Option<&ItemId> {
        let number = number as usize;
        self.known.ids.get(number).or_else(|| self.newcomers.ids.get(number.checked_sub(self.known.ids.len())?))
    }

    /// The item with this number in a catalogue, looked for first where it was found the last time.
    #[must_use]
    pub fn listed<'i>(&self, number: Number, items: &'i Items) -> Option<(ItemNumber, &'i Item)> {
        let last = self.known.places.get(number as usize);
        if let Some(last) = last {
            let place = last.number.load(Relaxed);
            if let Some(item) = items.at_if(place, last.fingerprint) {
                return Some((place, item));
            }
        }
        let place = items.number(self.id(number)?)?;
        if let Some(last) = last {
            last.number.store(place, Relaxed);
        }
        Some((place, items.at(place)?))
    }

    /// Decayed popularity of an item; 0 when unknown.
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
        let found = self.trending_in.get(category).or_else(|| self.known.trending_in.get(category));
        found.map_or(&[], |items| items)
    }

    /// What goes together with an item, best first: cosine over visits, so that what everybody looks at
    /// does not go together with everything; what few visits had is damped, what one visitor had is not told.
    #[must_use]
    pub fn neighbours(&self, number: Number) -> Vec<Neighbour> {
        let mut near: Vec<Neighbour> = self.known.neighbours.get(number as usize).cloned().unwrap_or_default();
        let together = self.learned.iter().flat_map(|learned| learned.together(number));
        near.extend(together.filter(|(_, _, support)| *support >= SUPPORT_MIN).map(|(item, cosine, support)| {
            let damped = support as f32 / (support as f32 + SUPPORT_DAMPING);
            Neighbour { item, score: (cosine * damped).min(1.0), support }
        }));
        near.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.item.cmp(&b.item)));
        near
    }
}

/// The best of `members`, equal ones in the order of their numbers.
fn most_popular(mut members: Vec<Number>, popularity: &Chunks<f32>) -> Box<[Number]> {
    let of = |n: &Number| popularity.get(*n as usize);
    let by_score = |a: &Number, b: &Number| of(b).total_cmp(&of(a)).then_with(|| a.cmp(b));
    if members.len() > TRENDING_MAX {
        members.select_nth_unstable_by(TRENDING_MAX, by_score);
        members.truncate(TRENDING_MAX);
    }
    members.sort_unstable_by(by_score);
    members.into()
}

#[cfg(test)]
mod tests;
