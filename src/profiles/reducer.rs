//! Folds events into a profile, one at a time.
//!
//! No I/O. Events of the service's own journal are folded in order of position, and never twice: stored and pending
//! events may be merged without counting any event twice. Their timestamps may go backwards (a phone that was offline,
//! a second tab): decaying scores do not depend on order, "last" values go by timestamp, and only the cart follows
//! arrival order, except that nothing from before an order is added to it.

use std::collections::VecDeque;

use serde_json::Value;

use super::{ignored, interest, orders, rules::Params};
use crate::model::{
    Action, Event, EventParts, ItemId, Kind, PastEvent, Position, Profile, ProfileEvent, SiteId, Timestamp, VisitorId,
    WantedSnapshot,
};

/// Longest `identify` traits that a profile event carries, bytes; longer ones are only in the store.
const TRAITS_BYTES_MAX: usize = 4096;
/// Longest trait value, bytes.
const TRAIT_BYTES_MAX: usize = 256;

/// Extracts the part of an event that profiles fold.
#[must_use]
pub fn profile_event(event: &Event<'_>, journal: u64, position: Position, wanted: &WantedSnapshot) -> ProfileEvent {
    let is_slot = matches!(event.action, Action::SlotViewed | Action::SlotClicked);
    let (slot, offer) = if is_slot { slot_of(&event.properties) } else { Default::default() };
    let traits = event.kind == Kind::Identify && event.properties.len() <= TRAITS_BYTES_MAX;
    ProfileEvent {
        journal,
        position,
        occurred_at: event.occurred_at,
        kind: event.kind,
        action: event.action,
        name: (&*event.name).into(),
        session_start: event.session_start,
        items: event.items.iter().map(|line| (ItemId::from(&*line.id), line.price_minor, line.quantity)).collect(),
        category: (&*event.category).into(),
        amount_minor: event.amount_minor,
        currency: event.currency,
        order_id: (&*event.order_id).into(),
        refunds_whole_order: refunds_whole_order(event),
        by_server_key: event.by_server_key,
        user_id: (&*event.user_id).into(),
        user_verified: event.user_verified,
        path: (&*event.page.path).into(),
        channel: event.traffic.channel.as_str(),
        source: (&*event.traffic.source).into(),
        campaign: (&*event.traffic.campaign).into(),
        country: event.place.country.as_str().into(),
        device: event.device.class.as_str(),
        slot,
        offer: if event.action == Action::SlotViewed { offer } else { Box::default() },
        traits: if traits { (&*event.properties).into() } else { Box::default() },
        past: if wanted.version == 0 { Vec::new() } else { parts(event, position, wanted) },
        rules: wanted.version,
    }
}

fn parts(event: &Event<'_>, position: Position, wanted: &WantedSnapshot) -> Vec<PastEvent> {
    let columns = [
        ("path", &*event.page.path),
        ("host", &*event.page.host),
        ("title", &*event.page.title),
        ("referrer_host", &*event.page.referrer_host),
        ("channel", event.traffic.channel.as_str()),
        ("source", &*event.traffic.source),
        ("medium", &*event.traffic.medium),
        ("campaign", &*event.traffic.campaign),
        ("device", event.device.class.as_str()),
        ("os", &*event.device.os),
        ("browser", &*event.device.browser),
        ("country", event.place.country.as_str()),
        ("city", event.place.city.as_str()),
        ("language", &*event.language),
        ("category", &*event.category),
        ("user_id", &*event.user_id),
    ];
    let event_parts = EventParts {
        at: event.occurred_at,
        position,
        kind: event.kind,
        action: event.action,
        name: &event.name,
        order_id: &event.order_id,
        by_server_key: event.by_server_key,
        currency: event.currency,
        properties: &event.properties,
        columns: &columns,
        items: event.items.iter().map(|line| &*line.id).collect(),
    };
    event_parts.past_events(&wanted.wanted)
}

/// Whether a refund has no amount, rather than one that cannot be read.
fn refunds_whole_order(event: &Event<'_>) -> bool {
    let names_amount = |violation: &str| {
        ["revenue", "total", "value", "amount", "price"].iter().any(|name| violation.starts_with(name))
    };
    event.action == Action::Refunded
        && event.amount_minor == 0
        && !event.violations.iter().any(|violation| names_amount(violation))
}

/// The slot of an impression or click, and its offer.
fn slot_of(properties: &str) -> (Box<str>, Box<str>) {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow, default)]
        slot: std::borrow::Cow<'a, str>,
        #[serde(default)]
        offer: Value,
    }
    let named = serde_json::from_str::<Named<'_>>(properties);
    named.map(|named| (named.slot.into(), named.offer.as_str().unwrap_or_default().into())).unwrap_or_default()
}

/// Folds one event of the service's own journal. Returns false, without a change, if the profile already includes it.
pub fn fold(profile: &mut Profile, event: &ProfileEvent, params: &Params) -> bool {
    if profile.folded.is_some_and(|folded| event.position <= folded) {
        return false;
    }
    profile.folded = Some(event.position);
    apply(profile, event, params);
    true
}

/// Builds a profile from events in any order, duplicates allowed: events of other journals (an earlier one, or another
/// machine's) by time, then those of the service's own journal by position.
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
        apply(&mut profile, event, params);
    }
    own.sort_by_key(|event| event.position);
    for event in &own {
        fold(&mut profile, event, params);
    }
    profile
}

fn apply(profile: &mut Profile, event: &ProfileEvent, params: &Params) {
    let at = event.occurred_at;
    let first = profile.events == 0;
    let latest = first || at >= profile.last_seen;
    apply_session(profile, event, params);
    profile.first_seen = if first { at } else { profile.first_seen.min(at) };
    profile.last_seen = if first { at } else { profile.last_seen.max(at) };
    profile.events = profile.events.saturating_add(1);
    if matches!(event.kind, Kind::Page | Kind::Screen) {
        profile.pageviews = profile.pageviews.saturating_add(1);
    }
    apply_attributes(profile, event, latest);
    if !event.category.is_empty() {
        interest::add(profile, &event.category, interest::weight(event), at, params.half_life_ms);
    }
    apply_items(profile, event);
    apply_past(profile, event, first);
}

/// Adds the event to those that rules look back at. Its channel, source and campaign are those of its session.
fn apply_past(profile: &mut Profile, event: &ProfileEvent, first: bool) {
    if first {
        profile.rules = event.rules;
    } else if profile.rules != event.rules {
        profile.rules = Profile::STALE_RULES;
    }
    for past in &event.past {
        let mut past = past.clone();
        for (column, text) in
            PastEvent::SESSION_COLUMNS.iter().zip([&profile.channel, &profile.source, &profile.campaign])
        {
            past.set_column(column, text);
        }
        profile.history.add(past);
    }
}

/// Sessions are separated by inactivity, as in reports. A late event from between two known sessions is counted with
/// the nearer one.
fn apply_session(profile: &mut Profile, event: &ProfileEvent, params: &Params) {
    let at = event.occurred_at;
    let first = profile.events == 0;
    let after = at.since(profile.last_seen) > params.session_ms;
    let before = profile.first_seen.since(at) > params.session_ms;
    if first || after || before {
        profile.visits = profile.visits.saturating_add(1);
    }
    let is_external = event.channel != "Internal" && !event.channel.is_empty();
    if first || after {
        // The sender knows when its session started; it cannot have started within the previous one.
        let start = event.session_start;
        let plausible = start <= at && at.since(start) <= params.session_ms && (first || start > profile.last_seen);
        profile.session_start = if plausible { start } else { at };
        // Without a new source (a tab left open and resumed), the first source is kept.
        if is_external || first {
            put_source(profile, event);
        }
    } else if is_external && event.channel != "Direct" && at >= profile.session_start {
        put_source(profile, event);
    }
}

fn put_source(profile: &mut Profile, event: &ProfileEvent) {
    profile.channel = event.channel.into();
    profile.source = event.source.clone();
    profile.campaign = event.campaign.clone();
}

fn apply_attributes(profile: &mut Profile, event: &ProfileEvent, latest: bool) {
    if !event.country.is_empty() && (latest || profile.country.is_empty()) {
        profile.country = event.country.clone();
    }
    if !event.device.is_empty() && (latest || profile.device.is_empty()) {
        profile.device = event.device.into();
    }
    if !event.user_id.is_empty() && (latest || profile.user_id.is_empty()) {
        // Another user id ends the verification of the previous one; the same id keeps it.
        profile.user_verified = event.user_verified || (profile.user_verified && profile.user_id == event.user_id);
        profile.user_id = event.user_id.clone();
    }
    if let Ok(Value::Object(traits)) = serde_json::from_str::<Value>(&event.traits) {
        for (name, value) in traits {
            put_trait(profile, &name, value, latest);
        }
    }
}

/// Plain values only; `null` removes a trait, as in Segment's specification.
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

fn apply_items(profile: &mut Profile, event: &ProfileEvent) {
    let at = event.occurred_at;
    let after_the_order = profile.ordered_at.is_none_or(|ordered| at > ordered);
    match event.action {
        Action::ItemViewed => event.items.iter().for_each(|(id, ..)| view_item(profile, id, at)),
        Action::SlotViewed => ignored::shown(profile, event.items.iter().map(|(id, ..)| id), at),
        Action::CartAdded => {
            event.items.iter().for_each(|(id, ..)| view_item(profile, id, at));
            if after_the_order {
                event.items.iter().for_each(|line| add_to_cart(&mut profile.cart, line));
            }
        }
        Action::CartRemoved if after_the_order => {
            event.items.iter().for_each(|line| remove_from_cart(&mut profile.cart, line));
        }
        // These contain the whole cart, if they contain items at all.
        Action::CartViewed | Action::CheckoutStarted if after_the_order && !event.items.is_empty() => {
            profile.cart.clear();
            event.items.iter().for_each(|line| add_to_cart(&mut profile.cart, line));
        }
        Action::Ordered => apply_order(profile, event),
        Action::Refunded => orders::add_refund(profile, event),
        _ => {}
    }
}

fn view_item(profile: &mut Profile, id: &ItemId, at: Timestamp) {
    put_recent(&mut profile.recent_items, id, at);
    ignored::viewed(profile, id, at);
}

fn apply_order(profile: &mut Profile, event: &ProfileEvent) {
    let at = event.occurred_at;
    orders::add_order(profile, event);
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

/// Keeps the list newest first, in whatever order the times arrive.
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

fn add_to_cart(cart: &mut Vec<Line>, (id, price_minor, quantity): &Line) {
    if let Some((_, price, sum)) = cart.iter_mut().find(|(known, ..)| known == id) {
        *sum = sum.saturating_add(*quantity);
        if *price_minor != 0 {
            *price = *price_minor;
        }
    } else if cart.len() < Profile::CART_MAX {
        cart.push((id.clone(), *price_minor, (*quantity).max(1)));
    }
}

fn remove_from_cart(cart: &mut Vec<Line>, (id, _, quantity): &Line) {
    if let Some(line) = cart.iter().position(|(known, ..)| known == id) {
        cart[line].2 = cart[line].2.saturating_sub((*quantity).max(1));
        if cart[line].2 == 0 {
            cart.remove(line);
        }
    }
}

#[cfg(test)]
mod tests;
