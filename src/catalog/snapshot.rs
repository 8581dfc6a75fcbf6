//! The part of the catalogue that decisions read: immutable, complete, shared by `Arc`.
//!
//! No I/O and no mutation. A new snapshot is built separately and swapped in as a whole, so that no request combines an
//! offer of one edit with the items of another.

use std::{collections::HashMap, sync::Arc};

pub use super::items::{ItemNumber, Items};
use super::{condition::Condition, merchandising::CompiledRules, schedule::CompiledSchedule};
use crate::{
    experiments::{CompiledExperiment, ExperimentSet},
    model::{
        CapPeriod, Content, Offer, OfferStatus, Site, SiteId, SlotMode, SlotSettings, Timestamp, WantedEvents,
        WantedSnapshot,
    },
    segments::SegmentSet,
};

/// All sites at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The sites by number.
    pub sites: HashMap<SiteId, Arc<SiteSnapshot>>,
    /// Site by the tracker's write key.
    pub by_write_key: HashMap<Box<str>, SiteId>,
}

impl Snapshot {
    /// Creates a snapshot of compiled sites.
    #[must_use]
    pub fn new(sites: impl IntoIterator<Item = Arc<SiteSnapshot>>) -> Self {
        let sites: HashMap<SiteId, Arc<SiteSnapshot>> = sites.into_iter().map(|s| (s.site.id, s)).collect();
        let by_write_key = sites.values().map(|s| (s.site.write_key.as_str().into(), s.site.id)).collect();
        Self { sites, by_write_key }
    }

    /// The site a write key belongs to.
    #[must_use]
    pub fn site_of_key(&self, write_key: &str) -> Option<&Arc<SiteSnapshot>> {
        self.sites.get(self.by_write_key.get(write_key)?)
    }
}

/// Offers of a slot that are not live, and why.
pub type InactiveOffers = Vec<(Box<str>, OfferStatus)>;

/// One site, compiled for decisions. Cheap to clone: everything is shared.
#[derive(Debug, Clone)]
pub struct SiteSnapshot {
    /// The site and its settings.
    pub site: Arc<Site>,
    /// Version of its settings, for trackers.
    pub settings_version: Arc<str>,
    /// Its items.
    pub items: Arc<Items>,
    /// Its live offers by slot, in order of priority.
    pub offers: Arc<HashMap<Box<str>, Box<[CompiledOffer]>>>,
    /// Its other offers by slot, for explanations.
    pub inactive_offers: Arc<HashMap<Box<str>, InactiveOffers>>,
    /// Its configured slots by name.
    pub slots: Arc<HashMap<Box<str>, SlotSettings>>,
    /// Its merchandising rules.
    pub merchandising: Arc<CompiledRules>,
    /// Its segments.
    pub segments: SegmentSet,
    /// Its experiments; `None` until a snapshot that was compiled without them is published, which keeps those before.
    pub experiments: Option<ExperimentSet>,
    /// The past events that its segments, offers and experiments need.
    pub wanted: Arc<WantedSnapshot>,
}

impl SiteSnapshot {
    /// The offers that compete for a slot, highest priority first.
    #[must_use]
    pub fn offers_for(&self, slot: &str) -> &[CompiledOffer] {
        self.offers.get(slot).map_or(&[], |offers| offers)
    }

    /// The same site after some of its items changed.
    #[must_use]
    pub fn with_items(&self, items: Arc<Items>, changed: &[ItemNumber]) -> Self {
        let merchandising = Arc::new(self.merchandising.after_changes(&items, changed));
        Self { items, merchandising, ..self.clone() }
    }

    /// The same site with these merchandising rules.
    #[must_use]
    pub fn with_merchandising(&self, merchandising: CompiledRules) -> Self {
        Self { merchandising: Arc::new(merchandising), ..self.clone() }
    }

    /// The same site with these experiments.
    #[must_use]
    pub fn with_experiments(self, experiments: ExperimentSet) -> Self {
        let mut wanted = self.wanted.wanted.clone();
        experiments.add_wanted(&mut wanted);
        Self { experiments: Some(experiments), wanted: Arc::new(WantedSnapshot::new(wanted)), ..self }
    }

    /// The experiment with this key.
    #[must_use]
    pub fn experiment(&self, key: &str) -> Option<&CompiledExperiment> {
        self.experiments.as_ref()?.get(key)
    }

    /// The same with what an edit of offers or segments does not change of the `shown` snapshot.
    #[must_use]
    pub fn keeping(self, shown: &Self) -> Self {
        Self { merchandising: Arc::clone(&shown.merchandising), slots: Arc::clone(&shown.slots), ..self }
    }

    /// The live offer of this id.
    #[must_use]
    pub fn offer(&self, slot: &str, id: &str) -> Option<&CompiledOffer> {
        self.offers_for(slot).iter().find(|offer| &*offer.id == id)
    }

    /// What may fill a slot.
    #[must_use]
    pub fn slot_mode(&self, slot: &str) -> SlotMode {
        self.slots.get(slot).and_then(|settings| settings.mode).unwrap_or_else(|| SlotMode::by_name(slot))
    }

    /// What a slot shows if nothing else is shown.
    #[must_use]
    pub fn fallback(&self, slot: &str) -> Option<Content> {
        let mut content = self.slots.get(slot)?.fallback.clone()?;
        if !self.site.offer_html {
            content.remove(Offer::HTML);
        }
        Some(content)
    }

    /// Whether the service decides for the slot; otherwise the page keeps its own default.
    #[must_use]
    pub fn knows_slot(&self, slot: &str) -> bool {
        self.slot_mode(slot).shows_recommendations() || self.offers.contains_key(slot) || self.slots.contains_key(slot)
    }
}

/// A validated offer with its rule compiled to a tree of typed tests.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledOffer {
    /// The marketer's id.
    pub id: Box<str>,
    /// The highest is tried first.
    pub priority: i32,
    /// Share among offers of equal priority, if it has one.
    pub weight: Option<f64>,
    /// Who sees it.
    pub condition: Condition,
    /// What the page gets in addition to items.
    pub content: Content,
    /// The items it shows, if any.
    pub recommend: Option<Recommend>,
    /// Start time, inclusive.
    pub starts_at: Option<Timestamp>,
    /// End time, exclusive.
    pub ends_at: Option<Timestamp>,
    /// Days and hours, if not all.
    pub schedule: Option<CompiledSchedule>,
    /// How often one person sees it.
    pub caps: Box<[CompiledCap]>,
    /// Impressions for all people together, if limited.
    pub budget: Option<u64>,
    /// Whether each person gets a coupon.
    pub coupons: bool,
    /// Of the offers of one group a page shows at most one.
    pub exclusion_group: Option<Box<str>>,
    /// Share of people who do not see it, 0 to 1.
    pub control_share: f64,
}

/// A frequency cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompiledCap {
    /// Impressions.
    pub count: u32,
    /// In which time.
    pub per: CapPeriod,
}

impl CompiledOffer {
    /// The event by which an impression of an offer is known.
    pub const VIEWED: &str = "Slot Viewed";
    /// Its property with the offer's id.
    pub const VIEWED_OFFER: &str = "offer";

    /// Whether it is active at `now`.
    #[must_use]
    pub fn runs_at(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= now)
            && self.ends_at.is_none_or(|end| now < end)
            && self.schedule.as_ref().is_none_or(|schedule| schedule.includes(now))
    }

    /// Whether it is only for people that can be recognized: what it counts, it counts by person.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        self.needs_reservation() || self.control_share > 0.0
    }

    /// Whether something that is limited must be reserved before it is shown.
    #[must_use]
    pub fn needs_reservation(&self) -> bool {
        !self.caps.is_empty() || self.budget.is_some() || self.coupons
    }

    /// Adds the past events that decisions about it need.
    pub fn add_wanted(&self, wanted: &mut WantedEvents) {
        self.condition.add_wanted(wanted);
        if !self.caps.is_empty() {
            wanted.add_value(Self::VIEWED, Self::VIEWED_OFFER);
        }
    }
}

/// An offer's instruction to show items: `{"recommend": "auto", "k": 4, "title": …}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recommend {
    /// The recommendation model.
    pub model: Model,
    /// Number of items, at least 1; the service's own limit applies too.
    pub k: usize,
}

impl Recommend {
    /// Default number of items.
    pub const K_DEFAULT: usize = 8;
    /// What a slot shows because of its suffix.
    pub const DEFAULT: Self = Self { model: Model::Auto, k: Self::K_DEFAULT };
}

/// A recommendation model, as an offer names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// All of the following except the last, blended.
    Auto,
    /// Popular now.
    Trending,
    /// Seen by the same visitors as the item on the page, in the cart, or seen last.
    ViewedTogether,
    /// Popular in the categories the visitor prefers.
    Affinity,
    /// Items the visitor viewed, newest first.
    RecentlyViewed,
    /// Items of similar sessions.
    SessionNeighbours,
    /// Items viewed after the current item.
    SequentialRules,
    /// Items in the same orders.
    BoughtTogether,
    /// Items bought with the current one or after it, from another category.
    CrossSell,
    /// More expensive alternatives within a price band.
    UpSell,
    /// Items with similar content.
    SimilarItems,
}

impl Model {
    /// Every model with its name in offers.
    pub const NAMES: [(&'static str, Self); 11] = [
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

    /// Its name in offers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, model)| *model == self).map_or("", |(name, _)| name)
    }

    /// The model with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, model)| *model)
    }
}
