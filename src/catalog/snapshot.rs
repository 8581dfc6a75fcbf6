//! What one decision reads of the catalogue: immutable, complete, shared by `Arc`.
//!
//! PURE. A snapshot is built beside the one in use and swapped in whole, so that no request ever
//! sees an offer of one edit with the items of another. Nothing here may do IO or change in place.

use std::{collections::HashMap, sync::Arc};

pub use super::items::{ItemNumber, Items};
use super::{condition::Condition, merchandising::CompiledRules};
use crate::model::{Content, Site, SiteId, Timestamp};

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

/// One site, ready for decisions. A copy shares all of it.
#[derive(Debug, Clone)]
pub struct SiteSnapshot {
    /// The site and its settings.
    pub site: Arc<Site>,
    /// The name of its settings' present state, for trackers.
    pub settings_version: Arc<str>,
    /// Its items.
    pub items: Arc<Items>,
    /// Its enabled offers by slot, the one to try first in front.
    pub offers: Arc<HashMap<Box<str>, Box<[CompiledOffer]>>>,
    /// Its rules for shelves of items.
    pub shelves: Arc<CompiledRules>,
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

    /// The same site after some of its items changed.
    #[must_use]
    pub fn with_items(&self, items: Arc<Items>, changed: &[ItemNumber]) -> Self {
        let shelves = Arc::new(self.shelves.after(&items, changed));
        Self { items, shelves, ..self.clone() }
    }

    /// The same site with these rules for shelves.
    #[must_use]
    pub fn with_shelves(&self, shelves: CompiledRules) -> Self {
        Self { shelves: Arc::new(shelves), ..self.clone() }
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
    /// What is in the same orders.
    BoughtTogether,
    /// What is bought with it or after it, for another need.
    CrossSell,
    /// For the same need, dearer within a band.
    UpSell,
    /// What says of itself what the item says.
    SimilarItems,
}

impl Model {
    /// Every model with its word in an offer.
    pub const WORDS: [(&'static str, Self); 11] = [
        ("auto", Self::Auto),
        ("trending", Self::Trending),
        ("viewed_together", Self::ViewedTogether),
        ("affinity", Self::Affinity),
        ("recently_viewed", Self::RecentlyViewed),
        ("session_neighbours", Self::SessionNeighbours),
        ("sequential_rules", Self::SequentialRules),
        ("bought_together", Self::BoughtTogether),
        ("cross_sell", Self::CrossSell),
        ("up_sell", Self::UpSell),
        ("similar_items", Self::SimilarItems),
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
