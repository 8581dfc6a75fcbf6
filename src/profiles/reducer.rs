//! Folds events into a profile, one after the other.
//!
//! PURE. Events of the service's own journal are folded in the order of their positions, and one that
//! was folded is never folded again: a store that has it and a memory that still holds it may be merged
//! without counting twice. The times in them may run backwards (a phone that was offline, a second tab):
//! what fades with time, comes out the same in any order; what is "the last one" goes by time; only the
//! cart follows the order of arrival, except that nothing from before an order comes back into it.

use std::collections::VecDeque;

use serde_json::Value;

use super::{ignored, interest};
use crate::{
    config,
    model::{Action, Currency, Event, ItemId, Kind, Position, Profile, ProfileEvent, SiteId, Timestamp, VisitorId},
};

/// Constants of the fold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Interest in a category halves in this time, milliseconds.
    pub half_life_ms: f64,
    /// A visit ends after this long without an event, milliseconds.
    pub session_ms: i64,
}

impl Params {
    /// From the settings of the owner.
    #[must_use]
    pub fn new(profiles: &config::Profiles, session_minutes: u64) -> Self {
        let minutes = i64::try_from(session_minutes).unwrap_or(i64::MAX);
        Self {
            half_life_ms: interest::half_life_ms(profiles.affinity_half_life_days),
            session_ms: minutes.saturating_mul(60_000),
        }
    }
}

/// Minutes of silence that end a session of a site; `None` where the setting for all sites holds.
pub type SessionMinutes = std::sync::Arc<dyn Fn(SiteId) -> Option<u32> + Send + Sync>;

/// The constants of every site.
#[derive(Clone)]
pub struct Rules {
    common: Params,
    session_minutes: Option<SessionMinutes>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rules").field(&self.common).finish()
    }
}

impl Rules {
    /// The same constants for all sites, but for the silence that some choose themselves.
    #[must_use]
    pub const fn new(common: Params, session_minutes: Option<SessionMinutes>) -> Self {
        Self { common, session_minutes }
    }

    /// The constants of one site.
    #[must_use]
    pub fn of(&self, site: SiteId) -> Params {
        match self.session_minutes.as_ref().and_then(|chosen| chosen(site)) {
            Some(minutes) => Params { session_ms: i64::from(minutes) * 60_000, ..self.common },
            None => self.common,
        }
    }
}

/// The traits of an `identify` that a profile event carries; larger ones stay in the store only.
const TRAITS_BYTES_MAX: usize = 4096;
/// Longest single trait that is kept, bytes.
const TRAIT_BYTES_MAX: usize = 256;

/// The part of an event that profiles fold.
#[must_use]
pub fn event_of(event: &Event<'_>, journal: u64, position: Position) -> ProfileEvent {
    let is_slot = matches!(event.action, Action::SlotViewed | Action::SlotClicked);
    let traits = event.kind == Kind::Identify && event.properties.len() <= TRAITS_BYTES_MAX;
    ProfileEvent {
        journal,
        position,
        occurred_at: event.occurred_at,
        kind: event.kind,
        action: event.action,
        session_start: event.session_start,
        items: event.items.iter().map(|line| (ItemId::from(&*line.id), line.price_minor, line.quantity)).collect(),
        category: (&*event.category).into(),
        amount_minor: event.amount_minor,
        currency: event.currency,
        user_id: (&*event.user_id).into(),
        user_verified: event.user_verified,
        path: (&*event.page.path).into(),
        channel: event.traffic.channel.as_str(),
        source: (&*event.traffic.source).into(),
        campaign: (&*event.traffic.campaign).into(),
        country: event.place.country.as_str().into(),
        device: event.device.class.as_str(),
        slot: if is_slot { slot_of(&event.properties) } else { Box::default() },
        traits: if traits { (&*event.properties).into() } else { Box::default() },
    }
}

fn slot_of(properties: &str) -> Box<str> {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow, default)]
        slot: std::borrow::Cow<'a, str>,
    }
    serde_json::from_str::<Named<'_>>(properties).map(|named| named.slot.into()).unwrap_or_default()
}

/// Folds one event of the service's own journal. False, and no change, when it is in the profile already.
pub fn fold(profile: &mut Profile, event: &ProfileEvent, params: &Params) -> bool {
    if profile.folded.is_some_and(|folded| event.position <= folded) {
        return false;
    }
    profile.folded = Some(event.position);
    take(profile, event, params);
    true
}

/// Builds a profile from events in any order, some perhaps twice: those of the service's own journal by
/// position, after those of other journals (an earlier one, or another machine's) by time.
#[must_use]
pub fn rebuild(
    site: SiteId,
    visitor: VisitorId,
    events: Vec<ProfileEvent>,
    own_journal: u64,
    params: &Params,
) -> Profile {
    let mut profile = Profile::empty(site, visitor);
    let (mut own, mut foreign): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| event.journal == own_journal);
    foreign.sort_by_key(|event| (event.occurred_at, event.journal, event.position));
    foreign.dedup_by_key(|event| (event.occurred_at, event.journal, event.position));
    for event in &foreign {
        take(&mut profile, event, params);
    }
    own.sort_by_key(|event| event.position);
    for event in &own {
        fold(&mut profile, event, params);
    }
    profile
}

fn take(profile: &mut Profile, event: &ProfileEvent, params: &Params) {
    let at = event.occurred_at;
    let first = profile.events == 0;
    let latest = first || at >= profile.last_seen;
    take_visit(profile, event, params);
    profile.first_seen = if first { at } else { profile.first_seen.min(at) };
    profile.last_seen = if first { at } else { profile.last_seen.max(at) };
    profile.events = profile.events.saturating_add(1);
    if matches!(event.kind, Kind::Page | Kind::Screen) {
        profile.pageviews = profile.pageviews.saturating_add(1);
    }
    take_person(profile, event, latest);
    if !event.category.is_empty() {
        interest::add(profile, &event.category, interest::weight(event), at, params.half_life_ms);
    }
    take_items(profile, event);
}

/// A visit is what lies between two silences, the rule by which reports count sessions too. A late
/// event from between two known visits is counted to the nearer one.
fn take_visit(profile: &mut Profile, event: &ProfileEvent, params: &Params) {
    let at = event.occurred_at;
    let first = profile.events == 0;
    let after = at.since(profile.last_seen) > params.session_ms;
    let before = profile.first_seen.since(at) > params.session_ms;
    if first || after || before {
        profile.visits = profile.visits.saturating_add(1);
    }
    let came_from_outside = event.channel != "Internal" && !event.channel.is_empty();
    if first || after {
        // The sender knows when its session began; it cannot have begun in the visit before.
        let told = event.session_start;
        let plausible = told <= at && at.since(told) <= params.session_ms && (first || told > profile.last_seen);
        profile.session_start = if plausible { told } else { at };
        // A tab left open and taken up again is still the visit's first source.
        if came_from_outside || first {
            put_source(profile, event);
        }
    } else if came_from_outside && event.channel != "Direct" && at >= profile.session_start {
        put_source(profile, event);
    }
}

fn put_source(profile: &mut Profile, event: &ProfileEvent) {
    profile.channel = event.channel.into();
    profile.source = event.source.clone();
    profile.campaign = event.campaign.clone();
}

fn take_person(profile: &mut Profile, event: &ProfileEvent, latest: bool) {
    if !event.country.is_empty() && (latest || profile.country.is_empty()) {
        profile.country = event.country.clone();
    }
    if !event.device.is_empty() && (latest || profile.device.is_empty()) {
        profile.device = event.device.into();
    }
    if !event.user_id.is_empty() && (latest || profile.user_id.is_empty()) {
        // Another id ends the proof of the one before; the same id keeps it.
        profile.user_verified = event.user_verified || (profile.user_verified && profile.user_id == event.user_id);
        profile.user_id = event.user_id.clone();
    }
    if let Ok(Value::Object(traits)) = serde_json::from_str::<Value>(&event.traits) {
        for (name, value) in traits {
            put_trait(profile, &name, value, latest);
        }
    }
}

/// Plain values only; `null` takes a trait away, as Segment's specification has it.
fn put_trait(profile: &mut Profile, name: &str, value: Value, latest: bool) {
    let known = profile.traits.contains_key(name);
    if known && !latest {
        return;
    }
    match value {
        Value::Null => {
            profile.traits.remove(name);
        }
        Value::Array(_) | Value::Object(_) => {}
        Value::String(text) if text.len() > TRAIT_BYTES_MAX => {}
        plain if known || profile.traits.len() < Profile::TRAITS_MAX => {
            profile.traits.insert(name.into(), plain);
        }
        _ => {}
    }
}

fn take_items(profile: &mut Profile, event: &ProfileEvent) {
    let at = event.occurred_at;
    let after_the_order = profile.ordered_at.is_none_or(|ordered| at > ordered);
    match event.action {
        Action::ItemViewed => event.items.iter().for_each(|(id, ..)| look_at(profile, id, at)),
        Action::SlotViewed => ignored::shown(profile, event.items.iter().map(|(id, ..)| id), at),
        Action::CartAdded => {
            event.items.iter().for_each(|(id, ..)| look_at(profile, id, at));
            if after_the_order {
                event.items.iter().for_each(|line| add_to_cart(&mut profile.cart, line));
            }
        }
        Action::CartRemoved if after_the_order => {
            event.items.iter().for_each(|line| remove_from_cart(&mut profile.cart, line));
        }
        // These tell the whole cart, if they tell it at all.
        Action::CartViewed | Action::CheckoutStarted if after_the_order && !event.items.is_empty() => {
            profile.cart.clear();
            event.items.iter().for_each(|line| add_to_cart(&mut profile.cart, line));
        }
        Action::Ordered => take_order(profile, event),
        Action::Refunded => {
            add_revenue(&mut profile.revenue, event.currency, event.amount_minor.saturating_abs().saturating_neg());
        }
        _ => {}
    }
}

fn look_at(profile: &mut Profile, id: &ItemId, at: Timestamp) {
    put_recent(&mut profile.recent_items, id, at);
    ignored::looked_at(profile, id, at);
}

fn take_order(profile: &mut Profile, event: &ProfileEvent) {
    let at = event.occurred_at;
    profile.orders = profile.orders.saturating_add(1);
    add_revenue(&mut profile.revenue, event.currency, event.amount_minor);
    for (id, ..) in &event.items {
        profile.bought_items.retain(|known| known != id);
        profile.bought_items.push_front(id.clone());
    }
    profile.bought_items.truncate(Profile::RECENT_MAX);
    let category = &event.category;
    if !category.is_empty()
        && profile.bought_categories.len() < Profile::CATEGORIES_MAX
        && !profile.bought_categories.contains(category)
    {
        profile.bought_categories.push(category.clone());
    }
    if profile.ordered_at.is_none_or(|known| at >= known) {
        profile.ordered_at = Some(at);
        profile.cart.clear();
    }
}

pub(super) fn add_revenue(revenue: &mut Vec<(Currency, i64)>, currency: Currency, amount_minor: i64) {
    if let Some((_, sum)) = revenue.iter_mut().find(|(known, _)| *known == currency) {
        *sum = sum.saturating_add(amount_minor);
    } else if amount_minor != 0 && revenue.len() < Profile::CURRENCIES_MAX {
        revenue.push((currency, amount_minor));
    }
}

/// Keeps the list newest first whatever order the times come in.
pub(super) fn put_recent(recent: &mut VecDeque<(ItemId, Timestamp)>, id: &ItemId, at: Timestamp) {
    if let Some(known) = recent.iter().position(|(known, _)| known == id) {
        if recent[known].1 > at {
            return;
        }
        recent.remove(known);
    }
    let place = recent.iter().position(|(_, other)| *other <= at).unwrap_or(recent.len());
    if place < Profile::RECENT_MAX {
        recent.insert(place, (id.clone(), at));
        recent.truncate(Profile::RECENT_MAX);
    }
}

type Line = (ItemId, i64, u32);

fn add_to_cart(cart: &mut Vec<Line>, (id, price_minor, pieces): &Line) {
    if let Some((_, price, sum)) = cart.iter_mut().find(|(known, ..)| known == id) {
        *sum = sum.saturating_add(*pieces);
        if *price_minor != 0 {
            *price = *price_minor;
        }
    } else if cart.len() < Profile::CART_MAX {
        cart.push((id.clone(), *price_minor, (*pieces).max(1)));
    }
}

fn remove_from_cart(cart: &mut Vec<Line>, (id, _, pieces): &Line) {
    if let Some(line) = cart.iter().position(|(known, ..)| known == id) {
        cart[line].2 = cart[line].2.saturating_sub((*pieces).max(1));
        if cart[line].2 == 0 {
            cart.remove(line);
        }
    }
}

#[cfg(test)]
mod tests;
