//! The live profile of one visitor, and the part of an event that updates it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::{Action, Currency, History, ItemId, Kind, OrderRecord, PastEvent, Position, SiteId, Timestamp, VisitorId};

/// The part of an event that a profile folds: small and owned, kept until the event is stored and read back from the
/// store afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileEvent {
    /// The journal of the position: positions of different journals cannot be compared.
    pub journal: u64,
    /// Journal position: arrival order, and identity when memory and store are merged.
    pub position: Position,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Segment call.
    pub kind: Kind,
    /// E-commerce meaning.
    pub action: Action,
    /// Name, such as `Product Viewed`.
    pub name: Box<str>,
    /// Start of the session it belongs to.
    pub session_start: Timestamp,
    /// Items: id, unit price in minor units, quantity.
    pub items: Vec<(ItemId, i64, u32)>,
    /// Category of the item or list; empty when none.
    pub category: Box<str>,
    /// Revenue of an order.
    pub amount_minor: i64,
    /// Its currency; [`Currency::NONE`] stands for the site's own.
    pub currency: Currency,
    /// The site's id of the order; empty when none.
    pub order_id: Box<str>,
    /// Whether a refund names only its order, and so takes all of it.
    pub refunds_whole_order: bool,
    /// Whether it was sent with a server key.
    pub by_server_key: bool,
    /// The site's id of the user; empty when unknown.
    pub user_id: Box<str>,
    /// Whether that id was verified.
    pub user_verified: bool,
    /// Page path; empty when none.
    pub path: Box<str>,
    /// Channel name; `Internal` within a session.
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
    /// Offer of a `Slot Viewed`; empty otherwise.
    pub offer: Box<str>,
    /// Traits of an `identify`: one JSON object; empty otherwise.
    pub traits: Box<str>,
    /// The event as the site's rules see it; empty if they do not mention it.
    pub past: Vec<PastEvent>,
    /// [`WantedSnapshot::version`](super::WantedSnapshot) of those rules.
    pub rules: u64,
}

impl ProfileEvent {
    /// The same event at its place in the journal, which is known when it is durable.
    #[must_use]
    pub fn at_position(mut self, position: Position) -> Self {
        self.position = position;
        for past in &mut self.past {
            past.position = position;
        }
        self
    }
}

/// Everything the decision engine knows about a visitor. Bounded: lists keep their newest entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The site.
    pub site: SiteId,
    /// The visitor's id.
    pub visitor: VisitorId,
    /// First event seen.
    pub first_seen: Timestamp,
    /// Last event seen.
    pub last_seen: Timestamp,
    /// Number of sessions.
    pub visits: u32,
    /// Start of the current session.
    pub session_start: Timestamp,
    /// Number of page and screen views.
    pub pageviews: u32,
    /// Number of events.
    pub events: u32,
    /// Interest by category, decayed exponentially; strongest first, at most [`Profile::CATEGORIES_MAX`].
    pub affinities: Vec<Affinity>,
    /// Items viewed, newest first, at most [`Profile::RECENT_MAX`], without repeats.
    pub recent_items: VecDeque<(ItemId, Timestamp)>,
    /// Items shown in slots and not viewed since, the last shown first, at most [`Profile::RECENT_MAX`].
    pub ignored: VecDeque<Ignored>,
    /// Items in the cart: id, unit price in minor units, quantity.
    pub cart: Vec<(ItemId, i64, u32)>,
    /// Items ever ordered, newest first, at most [`Profile::RECENT_MAX`].
    pub bought_items: VecDeque<ItemId>,
    /// Categories ever bought from.
    pub bought_categories: Vec<Box<str>>,
    /// Number of orders.
    pub orders: u32,
    /// The newest orders that have an id, oldest first, at most [`OrderRecord::KEPT_MAX`].
    pub order_records: VecDeque<OrderRecord>,
    /// When the last order was placed; earlier events add nothing to the cart.
    pub ordered_at: Option<Timestamp>,
    /// Revenue less refunds, in minor units of each currency paid in, at most [`Profile::CURRENCIES_MAX`].
    pub revenue: Vec<(Currency, i64)>,
    /// The user id that the site assigned; empty when unknown. Only a verified one may widen decisions.
    pub user_id: Box<str>,
    /// Whether `user_id` was verified.
    pub user_verified: bool,
    /// Traits the site sent with `identify`, at most [`Profile::TRAITS_MAX`] plain values.
    pub traits: BTreeMap<Box<str>, Value>,
    /// Channel of the current session.
    pub channel: Box<str>,
    /// Source of the current session.
    pub source: Box<str>,
    /// Campaign of the current session.
    pub campaign: Box<str>,
    /// Last known country.
    pub country: Box<str>,
    /// Last known device class.
    pub device: Box<str>,
    /// Past events that the site's segment rules mention.
    pub history: History,
    /// [`WantedSnapshot::version`](super::WantedSnapshot) of the rules that `history` serves; [`Profile::STALE_RULES`]
    /// if parts of it serve others.
    pub rules: u64,
    /// The highest folded position of the service's own journal; `None` before the first.
    pub folded: Option<Position>,
}

/// An item that was shown to the visitor and not viewed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The item.
    pub item: ItemId,
    /// Number of impressions.
    pub impressions: u32,
    /// When it was last shown.
    pub last: Timestamp,
}

/// Interest in one category.
#[derive(Debug, Clone, PartialEq)]
pub struct Affinity {
    /// The category.
    pub category: Box<str>,
    /// Strength at `at`; halves with every half-life afterwards.
    pub score: f64,
    /// When the score was last updated.
    pub at: Timestamp,
}

impl Profile {
    /// No version of any rules.
    pub const STALE_RULES: u64 = u64::MAX;
    /// Maximum number of categories.
    pub const CATEGORIES_MAX: usize = 32;
    /// Maximum number of recent and of bought items.
    pub const RECENT_MAX: usize = 64;
    /// Maximum number of traits.
    pub const TRAITS_MAX: usize = 64;
    /// Maximum number of currencies.
    pub const CURRENCIES_MAX: usize = 8;
    /// Maximum number of cart lines.
    pub const CART_MAX: usize = 64;

    /// A visitor about whom nothing is known yet.
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
            order_records: VecDeque::new(),
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
            history: History::default(),
            rules: 0,
            folded: None,
        }
    }
}
