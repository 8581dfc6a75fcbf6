//! What one decision reads of the catalogue: immutable, complete, shared by `Arc`.
//!
//! PURE. A snapshot is built beside the one in use and swapped in whole, so that no request ever
//! sees an offer of one edit with the items of another. Nothing here may do IO or change in place.

use std::{collections::HashMap, sync::Arc};

use super::condition::Condition;
use crate::model::{Content, Item, ItemId, Site, SiteId, Timestamp};

/// Every site, as of one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The sites by number.
    pub sites: HashMap<SiteId, Arc<SiteSnapshot>>,
    /// Which site a tracker's key belongs to.
    pub by_write_key: HashMap<Box<str>, SiteId>,
}

impl Snapshot {
    /// Gathers compiled sites.
    #[must_use]
    pub fn of(sites: impl IntoIterator<Item = Arc<SiteSnapshot>>) -> Self {
        let sites: HashMap<SiteId, Arc<SiteSnapshot>> = sites.into_iter().map(|s| (s.site.id, s)).collect();
        let by_write_key = sites.values().map(|s| (s.site.write_key.as_str().into(), s.site.id)).collect();
        Self { sites, by_write_key }
    }

    /// The site a tracker's key belongs to.
    #[must_use]
    pub fn site_of_key(&self, write_key: &str) -> Option<&Arc<SiteSnapshot>> {
        self.sites.get(self.by_write_key.get(write_key)?)
    }
}

/// One site, ready for decisions.
#[derive(Debug)]
pub struct SiteSnapshot {
    /// The site and its settings.
    pub site: Arc<Site>,
    /// The name of its settings' present state, for trackers.
    pub settings_version: Box<str>,
    /// Its items.
    pub items: Arc<Items>,
    /// Its enabled offers by slot, the one to try first in front.
    pub offers: HashMap<Box<str>, Box<[CompiledOffer]>>,
}

/// A slot with this ending shows recommendations even if no offer names it, so that a page of a new
/// site is personal before its marketer has written anything.
pub const RECOMMENDATION_SUFFIX: &str = "-recs";

impl SiteSnapshot {
    /// The offers that compete for a slot, best first.
    #[must_use]
    pub fn offers_for(&self, slot: &str) -> &[CompiledOffer] {
        self.offers.get(slot).map_or(&[], |offers| offers)
    }

    /// Whether the slot is answered at all; the page keeps its own default otherwise.
    #[must_use]
    pub fn knows_slot(&self, slot: &str) -> bool {
        slot.ends_with(RECOMMENDATION_SUFFIX) || self.offers.contains_key(slot)
    }
}

/// An offer whose rule was checked and turned into a tree of typed tests.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledOffer {
    /// The marketer's id of it.
    pub id: Box<str>,
    /// The highest is tried first.
    pub priority: i32,
    /// Who sees it.
    pub condition: Condition,
    /// What the page gets besides items.
    pub content: Content,
    /// The items it shows, when it shows any.
    pub recommend: Option<Recommend>,
    /// Not before this moment.
    pub starts_at: Option<Timestamp>,
    /// Not from this moment on.
    pub ends_at: Option<Timestamp>,
}

impl CompiledOffer {
    /// Whether it runs at `now`.
    #[must_use]
    pub fn runs_at(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= now) && self.ends_at.is_none_or(|end| now < end)
    }
}

/// A marketer's way to say that an offer shows items: `{"recommend": "auto", "k": 4, "title": …}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recommend {
    /// How the items are found.
    pub model: Model,
    /// How many, at least 1; the service's own limit still holds.
    pub k: usize,
}

impl Recommend {
    /// Items shown when nobody says how many.
    pub const K_DEFAULT: usize = 8;
    /// What a slot shows by the suffix convention.
    pub const DEFAULT: Self = Self { model: Model::Auto, k: Self::K_DEFAULT };
}

/// How recommended items are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// Everything below but the last, blended.
    Auto,
    /// Popular now.
    Trending,
    /// Seen by the same visitors as the item on the page, in the cart, or seen last.
    ViewedTogether,
    /// Popular in the categories the visitor prefers.
    Affinity,
    /// What the visitor looked at, newest first.
    RecentlyViewed,
    /// What visits like this one had.
    SessionNeighbours,
    /// What is looked at after the current item.
    SequentialRules,
}

impl Model {
    /// Every model with its word in an offer.
    pub const WORDS: [(&'static str, Self); 7] = [
        ("auto", Self::Auto),
        ("trending", Self::Trending),
        ("viewed_together", Self::ViewedTogether),
        ("affinity", Self::Affinity),
        ("recently_viewed", Self::RecentlyViewed),
        ("session_neighbours", Self::SessionNeighbours),
        ("sequential_rules", Self::SequentialRules),
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, model)| *model == self).map_or("", |(word, _)| word)
    }

    /// The model an offer's word names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, model)| *model)
    }
}

/// Place of an item in [`Items`]; valid for that one instance only.
pub type ItemNumber = u32;

/// The items of a site with the ways in that decisions need.
#[derive(Debug, Default)]
pub struct Items {
    rows: Vec<Item>,
    by_id: HashMap<ItemId, ItemNumber, ahash::RandomState>,
    by_category: HashMap<Box<str>, Vec<ItemNumber>, ahash::RandomState>,
    newest: Vec<ItemNumber>,
}

impl Items {
    /// Takes the items in the order in which they were first added; of two with one id the later counts.
    #[must_use]
    pub fn new(items: Vec<Item>) -> Self {
        let mut by_id: HashMap<ItemId, ItemNumber, ahash::RandomState> = HashMap::default();
        let mut rows: Vec<Item> = Vec::with_capacity(items.len());
        for item in items {
            if let Some(known) = by_id.get(&item.id) {
                rows[*known as usize] = item;
            } else if let Ok(number) = ItemNumber::try_from(rows.len()) {
                by_id.insert(Arc::clone(&item.id), number);
                rows.push(item);
            }
        }
        let mut by_category: HashMap<Box<str>, Vec<ItemNumber>, ahash::RandomState> = HashMap::default();
        let mut newest = Vec::new();
        let numbered: Vec<(ItemNumber, &Item)> = (0..).zip(&rows).filter(|(_, item)| item.available).collect();
        for (number, item) in numbered.into_iter().rev() {
            newest.push(number);
            for category in &item.categories {
                let members = by_category.entry(category.as_str().into()).or_default();
                if members.last() != Some(&number) {
                    members.push(number);
                }
            }
        }
        Self { rows, by_id, by_category, newest }
    }

    /// How many there are, unavailable ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The item with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Item> {
        self.number(id).map(|number| &self.rows[number as usize])
    }

    /// The place of the item with this id.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<ItemNumber> {
        self.by_id.get(id).copied()
    }

    /// The item at a place that this instance gave out.
    #[must_use]
    pub fn at(&self, number: ItemNumber) -> Option<&Item> {
        self.rows.get(number as usize)
    }

    /// Available items of a category, newest first.
    #[must_use]
    pub fn in_category(&self, category: &str) -> &[ItemNumber] {
        self.by_category.get(category).map_or(&[], Vec::as_slice)
    }

    /// Available items, newest first.
    #[must_use]
    pub fn newest(&self) -> &[ItemNumber] {
        &self.newest
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.rows.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Currency;

    fn item(id: &str, category: &str, available: bool) -> Item {
        Item {
            id: id.into(),
            title: id.to_uppercase(),
            url: String::new(),
            image: String::new(),
            price_minor: 100,
            currency: Currency::NONE,
            categories: vec![category.to_owned(), category.to_owned()],
            brand: String::new(),
            tags: Vec::new(),
            available,
            attributes: serde_json::Map::new(),
        }
    }

    #[test]
    fn categories_and_newest_list_available_items_only_and_the_last_one_first() {
        let items = Items::new(vec![item("a", "x", true), item("b", "x", false), item("c", "x", true)]);
        let ids = |numbers: &[ItemNumber]| numbers.iter().map(|n| &*items.at(*n).unwrap().id).collect::<Vec<_>>();
        assert_eq!(ids(items.in_category("x")), ["c", "a"]);
        assert_eq!(ids(items.newest()), ["c", "a"]);
        assert!(items.in_category("y").is_empty());
        assert_eq!(items.get("b").map(|i| i.available), Some(false));
    }

    #[test]
    fn of_two_items_with_one_id_the_later_counts() {
        let items = Items::new(vec![item("a", "x", true), item("a", "y", true)]);
        assert_eq!((items.len(), items.get("a").unwrap().main_category()), (1, "y"));
        assert!(items.in_category("x").is_empty());
    }
}
