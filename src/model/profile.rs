//! What is known of one visitor right now, and the small part of an event that changes it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::{Action, Currency, ItemId, Kind, Position, SiteId, Timestamp, VisitorId};

/// The part of an event that a profile folds: small and owned, kept while the event waits for the
/// store and read back from it afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileEvent {
    /// The journal that gave the position: positions of two journals cannot be compared.
    pub journal: u64,
    /// Journal position: order of arrival, and identity when memory and store are merged.
    pub position: Position,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Which call.
    pub kind: Kind,
    /// What it means to a shop.
    pub action: Action,
    /// Start of the session it belongs to.
    pub session_start: Timestamp,
    /// Items, prices in minor units, pieces.
    pub items: Vec<(ItemId, i64, u32)>,
    /// Category of the item or list; empty when none.
    pub category: Box<str>,
    /// Revenue of an order.
    pub amount_minor: i64,
    /// Its currency; [`Currency::NONE`] stands for the site's own.
    pub currency: Currency,
    /// The site's id of the person; empty when unknown.
    pub user_id: Box<str>,
    /// Whether that id was proved.
    pub user_verified: bool,
    /// Page path; empty when none.
    pub path: Box<str>,
    /// Name of the channel; `Internal` within a visit.
    pub channel: &'static str,
    /// Traffic source.
    pub source: Box<str>,
    /// Campaign.
    pub campaign: Box<str>,
    /// Country code.
    pub country: Box<str>,
    /// Name of the device class.
    pub device: &'static str,
    /// Slot of a `Slot Viewed` or `Slot Clicked`; empty otherwise.
    pub slot: Box<str>,
    /// Traits of an `identify`: one JSON object; empty otherwise.
    pub traits: Box<str>,
}

/// Everything the decision engine knows of a visitor. Bounded: lists keep their newest entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The site.
    pub site: SiteId,
    /// The visitor.
    pub visitor: VisitorId,
    /// First event seen.
    pub first_seen: Timestamp,
    /// Last event seen.
    pub last_seen: Timestamp,
    /// Number of sessions.
    pub visits: u32,
    /// Start of the current session.
    pub session_start: Timestamp,
    /// Page and screen views ever.
    pub pageviews: u32,
    /// Events ever.
    pub events: u32,
    /// Interest by category, decayed exponentially; strongest first, at most [`Profile::CATEGORIES_MAX`].
    pub affinities: Vec<Affinity>,
    /// Items looked at, newest first, at most [`Profile::RECENT_MAX`], without repeats.
    pub recent_items: VecDeque<(ItemId, Timestamp)>,
    /// Items shown in slots and not looked at since, the last shown first, at most [`Profile::RECENT_MAX`].
    pub ignored: VecDeque<Ignored>,
    /// Items now in the cart: id, price in minor units, pieces.
    pub cart: Vec<(ItemId, i64, u32)>,
    /// Items ever ordered, newest first, at most [`Profile::RECENT_MAX`].
    pub bought_items: VecDeque<ItemId>,
    /// Categories ever bought from.
    pub bought_categories: Vec<Box<str>>,
    /// Orders ever.
    pub orders: u32,
    /// When the last order was placed; nothing from before it returns to the cart.
    pub ordered_at: Option<Timestamp>,
    /// Revenue of them less refunds, in minor units of each currency they were paid in, at most
    /// [`Profile::CURRENCIES_MAX`].
    pub revenue: Vec<(Currency, i64)>,
    /// The person's id as the site gave it; empty when unknown. Only a verified one may widen decisions.
    pub user_id: Box<str>,
    /// Whether `user_id` was proved.
    pub user_verified: bool,
    /// What the site told of the person with `identify`, at most [`Profile::TRAITS_MAX`] plain values.
    pub traits: BTreeMap<Box<str>, Value>,
    /// Channel of the current visit.
    pub channel: Box<str>,
    /// Source of the current visit.
    pub source: Box<str>,
    /// Campaign of the current visit.
    pub campaign: Box<str>,
    /// Country of the last event that had one.
    pub country: Box<str>,
    /// Device class of the last event that had one.
    pub device: Box<str>,
    /// The highest position of the service's own journal folded in; `None` before the first.
    pub folded: Option<Position>,
}

/// An item that was shown to the visitor, who has not looked at it since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The item.
    pub item: ItemId,
    /// How often it was shown.
    pub times: u32,
    /// When last.
    pub last: Timestamp,
}

/// Interest in one category.
#[derive(Debug, Clone, PartialEq)]
pub struct Affinity {
    /// The category.
    pub category: Box<str>,
    /// Strength at `at`; halves every half-life afterwards.
    pub score: f64,
    /// When the score was last brought up to date.
    pub at: Timestamp,
}

impl Profile {
    /// Categories kept.
    pub const CATEGORIES_MAX: usize = 32;
    /// Recent and bought items kept.
    pub const RECENT_MAX: usize = 64;
    /// Traits kept.
    pub const TRAITS_MAX: usize = 64;
    /// Currencies kept.
    pub const CURRENCIES_MAX: usize = 8;
    /// Lines of a cart kept.
    pub const CART_MAX: usize = 64;

    /// A visitor nothing is known of yet.
    #[must_use]
    pub fn empty(site: SiteId, visitor: VisitorId) -> Self {
        Self {
            site,
            visitor,
            first_seen: Timestamp::default(),
            last_seen: Timestamp::default(),
            visits: 0,
            session_start: Timestamp::default(),
            pageviews: 0,
            events: 0,
            affinities: Vec::new(),
            recent_items: VecDeque::new(),
            ignored: VecDeque::new(),
            cart: Vec::new(),
            bought_items: VecDeque::new(),
            bought_categories: Vec::new(),
            orders: 0,
            ordered_at: None,
            revenue: Vec::new(),
            user_id: Box::default(),
            user_verified: false,
            traits: BTreeMap::new(),
            channel: Box::default(),
            source: Box::default(),
            campaign: Box::default(),
            country: Box::default(),
            device: Box::default(),
            folded: None,
        }
    }
}
