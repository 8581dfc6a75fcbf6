//! The input of a decision: the page, the limits, and the facts about the visitor.

use super::{
    affinity::Affinities,
    session_cache::SessionCache,
    skip::OfferState,
    types::{ExclusionReason, Exploration, UsedItems},
};
use crate::{
    catalog::snapshot::SiteSnapshot,
    config,
    model::{PersonValue, Profile, Timestamp, time::half_life_ms},
};

/// The page of a request, and the limits of the response.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// Time of the request.
    pub now: Timestamp,
    /// The item of the page; empty if none.
    pub item: &'a str,
    /// Items in the cart as the page reports them. `None`: not reported, the profile's cart counts.
    pub cart: Option<&'a [String]>,
    /// Path of the page; empty if unknown.
    pub url_path: &'a str,
    /// Where the contact takes place, such as `web`; empty if nothing is shown to anyone.
    pub contact_channel: &'a str,
    /// Language of the page, a tag such as `fa`; empty if unknown: then that of its item.
    pub language: &'a str,
    /// The visitor's value; `None` if nothing is known.
    pub value: Option<PersonValue>,
    /// Whether explanations are requested; writing them costs more than deciding.
    pub explain: bool,
    /// Randomization; `None`: nothing is randomized.
    pub exploration: Option<Exploration<'a>>,
    /// Cache of recent rankings; `None`: everything is computed.
    pub session_cache: Option<&'a SessionCache>,
    /// The person's part in limited offers.
    pub offers: OfferState<'a>,
    /// Limits and constants.
    pub settings: Settings,
}

impl Context<'_> {
    /// Of a person without a page.
    #[must_use]
    pub const fn without_page(now: Timestamp, value: Option<PersonValue>, settings: Settings) -> Self {
        Self {
            now,
            item: "",
            cart: None,
            url_path: "",
            contact_channel: "",
            language: "",
            value,
            explain: false,
            exploration: None,
            session_cache: None,
            offers: OfferState::UNRECOGNIZED,
            settings,
        }
    }
}

/// Limits and constants of decisions, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Slots decided in one request; the rest is left out.
    pub slots_max: usize,
    /// Items in one slot.
    pub items_max: usize,
    /// Half-life of interest in a category, milliseconds.
    pub half_life_ms: f64,
    /// An up-sell item costs at most this many times as much as the item it is shown for.
    pub up_sell_factor: f64,
}

impl Settings {
    /// From the configuration.
    #[must_use]
    pub fn new(decide: &config::Decide, profiles: &config::Profiles) -> Self {
        Self {
            slots_max: decide.slots_max,
            items_max: decide.items_max,
            up_sell_factor: decide.up_sell_factor,
            half_life_ms: half_life_ms(profiles.affinity_half_life_days),
        }
    }
}

/// Everything known for one request, gathered once for all its slots.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) profile: &'a Profile,
    pub(super) snapshot: &'a SiteSnapshot,
    pub(super) context: &'a Context<'a>,
    pub(super) affinity: Affinities<'a>,
    /// Ids of the items in the cart.
    pub(super) cart: Vec<&'a str>,
    pub(super) cart_items: f64,
    pub(super) cart_value_minor: f64,
}

impl<'a> Facts<'a> {
    pub(super) fn gather(profile: &'a Profile, snapshot: &'a SiteSnapshot, context: &'a Context<'a>) -> Self {
        let affinity = Affinities::new(profile, &snapshot.items, context.now, context.settings.half_life_ms);
        let mut facts =
            Self { profile, snapshot, context, affinity, cart: Vec::new(), cart_items: 0.0, cart_value_minor: 0.0 };
        match context.cart {
            None => profile.cart.iter().for_each(|(id, price, quantity)| facts.add_line(id, *price, *quantity)),
            // The page's cart is authoritative; prices and quantities come from the profile.
            Some(reported) => reported.iter().take(Profile::CART_MAX).for_each(|id| {
                match profile.cart.iter().find(|(known, ..)| **known == **id) {
                    Some((id, price, quantity)) => facts.add_line(id, *price, *quantity),
                    None => facts.add_line(id, 0, 1),
                }
            }),
        }
        facts
    }

    fn add_line(&mut self, id: &'a str, price_minor: i64, quantity: u32) {
        if self.cart.contains(&id) {
            return;
        }
        let price_minor = match price_minor {
            0 => self.snapshot.items.get(id).map_or(0, |item| item.price_minor),
            known => known,
        };
        self.cart.push(id);
        self.cart_items += f64::from(quantity);
        self.cart_value_minor += price_minor as f64 * f64::from(quantity);
    }

    /// Items that are not recommended: that of the page, those in the cart, those bought.
    pub(super) fn used_items(&self) -> UsedItems<'a> {
        let bought = self.profile.bought_items.iter().map(|id| (&**id, ExclusionReason::Bought));
        let in_cart = self.cart.iter().map(|id| (*id, ExclusionReason::InCart));
        let on_page = Some((self.context.item, ExclusionReason::OnPage)).filter(|(id, _)| !id.is_empty());
        let all = bought.chain(in_cart).chain(on_page);
        all.filter_map(|(id, reason)| Some((self.snapshot.items.number(id)?, reason))).collect()
    }
}
