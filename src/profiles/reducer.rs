//! Folds events into a profile, one after the other.
//!
//! PURE. Events of the service's own journal are folded in the order of their positions, and one that
//! was folded is never folded again: a store that has it and a memory that still holds it may be merged
//! without counting twice. The times in them may run backwards (a phone that was offline, a second tab):
//! what fades with time, comes out the same in any order; what is "the last one" goes by time; only the
//! cart follows the order of arrival, except that nothing from before an order comes back into it.

use std::collections::VecDeque;

use serde_json::Value;

use super::interest;
use crate::{
    config,
    model::{Action, Event, ItemId, Kind, Position, Profile, ProfileEvent, SiteId, Timestamp, VisitorId},
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
        Action::ItemViewed => event.items.iter().for_each(|(id, ..)| put_recent(&mut profile.recent_items, id, at)),
        Action::CartAdded => {
            event.items.iter().for_each(|(id, ..)| put_recent(&mut profile.recent_items, id, at));
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
            profile.revenue_minor = profile.revenue_minor.saturating_sub(event.amount_minor.saturating_abs());
        }
        _ => {}
    }
}

fn take_order(profile: &mut Profile, event: &ProfileEvent) {
    let at = event.occurred_at;
    profile.orders = profile.orders.saturating_add(1);
    profile.revenue_minor = profile.revenue_minor.saturating_add(event.amount_minor);
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

/// Keeps the list newest first whatever order the times come in.
fn put_recent(recent: &mut VecDeque<(ItemId, Timestamp)>, id: &ItemId, at: Timestamp) {
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARAMS: Params = Params { half_life_ms: 14.0 * 86_400_000.0, session_ms: 1_800_000 };
    const MINUTE: i64 = 60_000;
    const T0: Timestamp = Timestamp(1_763_798_400_000);

    fn event(position: u64, minute: i64, action: Action) -> ProfileEvent {
        ProfileEvent {
            journal: 1,
            position: Position(position),
            occurred_at: T0.plus(minute * MINUTE),
            kind: Kind::Track,
            action,
            session_start: T0.plus(minute * MINUTE),
            items: vec![("i".into(), 500, 1)],
            category: "Coffee".into(),
            amount_minor: 1500,
            user_id: Box::default(),
            user_verified: false,
            path: "/".into(),
            channel: "Internal",
            source: Box::default(),
            campaign: Box::default(),
            country: Box::default(),
            device: "",
            slot: Box::default(),
            traits: Box::default(),
        }
    }

    fn came(position: u64, minute: i64, channel: &'static str, campaign: &str) -> ProfileEvent {
        let page = event(position, minute, Action::Other);
        ProfileEvent { kind: Kind::Page, channel, campaign: campaign.into(), items: Vec::new(), ..page }
    }

    fn folded(events: &[ProfileEvent]) -> Profile {
        let mut profile = Profile::empty(SiteId(1), VisitorId(1));
        for event in events {
            fold(&mut profile, event, &PARAMS);
        }
        profile
    }

    #[test]
    fn silence_ends_a_visit_and_each_visit_has_its_source() {
        let profile = folded(&[
            came(1, 0, "Email", "letter"),
            came(2, 5, "Internal", ""),
            came(3, 6, "Direct", ""),
            came(4, 36, "Internal", ""),
        ]);
        assert_eq!((profile.visits, profile.pageviews, &*profile.campaign), (1, 4, "letter"));
        let profile = folded(&[came(1, 0, "Email", "letter"), came(2, 31, "Direct", ""), came(3, 32, "Internal", "")]);
        assert_eq!((profile.visits, &*profile.channel, &*profile.campaign), (2, "Direct", ""));
        assert_eq!(profile.session_start, T0.plus(31 * MINUTE));
    }

    #[test]
    fn late_events_neither_make_visits_nor_take_the_source_away() {
        let late = came(3, 1, "Direct", "");
        let profile = folded(&[came(1, 0, "Email", "letter"), came(2, 100, "Referral", "x"), late]);
        assert_eq!((profile.visits, &*profile.channel, profile.first_seen), (2, "Referral", T0));
        let profile = folded(&[came(1, 100, "Email", "letter"), came(2, 0, "Referral", "x")]);
        assert_eq!((profile.visits, &*profile.channel, profile.first_seen), (2, "Email", T0));
    }

    #[test]
    fn an_order_empties_the_cart_and_nothing_older_comes_back() {
        let add = |position, minute| event(position, minute, Action::CartAdded);
        let profile = folded(&[add(1, 0), add(2, 1), event(3, 2, Action::CartRemoved)]);
        assert_eq!(profile.cart, [("i".into(), 500, 1)]);
        let profile = folded(&[add(1, 0), event(2, 5, Action::Ordered), add(3, 1)]);
        assert_eq!((profile.cart.len(), profile.orders, profile.revenue_minor), (0, 1, 1500));
        assert_eq!((&*profile.bought_items[0], &*profile.bought_categories[0]), ("i", "Coffee"));
        let profile = folded(&[event(1, 5, Action::Ordered), add(2, 6)]);
        assert_eq!(profile.cart.len(), 1);
        let profile = folded(&[event(1, 5, Action::Ordered), event(2, 6, Action::Refunded)]);
        assert_eq!((profile.orders, profile.revenue_minor), (1, 0));
    }

    #[test]
    fn a_told_cart_replaces_the_remembered_one() {
        let told = ProfileEvent { items: vec![("j".into(), 100, 3)], ..event(2, 1, Action::CartViewed) };
        let silent = ProfileEvent { items: Vec::new(), ..event(3, 2, Action::CartViewed) };
        assert_eq!(folded(&[event(1, 0, Action::CartAdded), told, silent]).cart, [("j".into(), 100, 3)]);
    }

    #[test]
    fn recent_items_are_newest_first_without_repeats_and_bounded() {
        let view = |position: u64, minute: i64, id: &str| ProfileEvent {
            items: vec![(id.into(), 0, 1)],
            ..event(position, minute, Action::ItemViewed)
        };
        let ids = |profile: &Profile| profile.recent_items.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>();
        let profile = folded(&[view(1, 5, "a"), view(2, 9, "b"), view(3, 7, "c"), view(4, 6, "a"), view(5, 1, "b")]);
        assert_eq!(ids(&profile), ["b", "c", "a"]);
        let many: Vec<_> = (0..100).map(|n| view(n, i64::try_from(n).unwrap(), &n.to_string())).collect();
        let profile = folded(&many);
        assert_eq!((profile.recent_items.len(), &*profile.recent_items[0].0), (Profile::RECENT_MAX, "99"));
    }

    #[test]
    fn another_unproved_name_ends_the_proof_and_traits_are_plain_and_bounded() {
        let called = |position, user: &str, verified, traits: &str| ProfileEvent {
            kind: Kind::Identify,
            user_id: user.into(),
            user_verified: verified,
            traits: traits.into(),
            ..event(position, 0, Action::Other)
        };
        let proved = folded(&[called(1, "u", true, r#"{"plan":"gold","deep":{"x":1}}"#), called(2, "u", false, "{}")]);
        assert!(proved.user_verified && proved.traits["plan"] == "gold" && !proved.traits.contains_key("deep"));
        let other = folded(&[called(1, "u", true, "{"), called(2, "w", false, r#"{"plan":null}"#)]);
        assert_eq!((&*other.user_id, other.user_verified), ("w", false));
    }

    #[test]
    fn an_event_is_folded_once() {
        let once = folded(&[event(5, 0, Action::CartAdded)]);
        let thrice = [event(5, 0, Action::CartAdded), event(5, 0, Action::CartAdded), event(4, 0, Action::CartAdded)];
        assert_eq!(folded(&thrice), once);
    }

    fn any_event() -> impl Strategy<Value = ProfileEvent> {
        let channels = prop_oneof![Just("Internal"), Just("Direct"), Just("Email"), Just("Referral")];
        (0_u8..12, 1_u8..7, -3000_i64..3000, 0_u8..6, channels, 0_u32..4).prop_map(
            |(action, kind, minute, n, channel, pieces)| ProfileEvent {
                kind: [Kind::Track, Kind::Page, Kind::Identify][usize::from(kind) % 3],
                items: vec![(format!("i{n}").into(), 100, pieces)],
                category: format!("c{}", n % 4).into(),
                channel,
                user_id: if n == 0 { "u".into() } else { Box::default() },
                ..event(0, minute, Action::from_number(action))
            },
        )
    }

    proptest! {
        /// The store has some rows, memory has some, some are in both: the profile is the one that
        /// folding everything in the order of position gives.
        #[test]
        fn any_split_between_store_and_memory_gives_the_same_profile(
            events in proptest::collection::vec((any_event(), 1_u64..5, 0_u8..3), 0..60),
            foreign in proptest::collection::vec(any_event(), 0..5),
        ) {
            let mut position = 0;
            let (mut all, mut merged) = (Vec::new(), Vec::new());
            for event in &foreign {
                merged.push(ProfileEvent { journal: 2, position: Position(900), ..event.clone() });
            }
            all.extend(merged.clone());
            for (event, gap, place) in events {
                position += gap;
                let event = ProfileEvent { position: Position(position), ..event };
                if place != 1 {
                    merged.push(event.clone());
                }
                if place != 0 {
                    merged.insert(0, event.clone());
                }
                all.push(event);
            }
            let whole = rebuild(SiteId(1), VisitorId(1), all.clone(), 1, &PARAMS);
            let split = rebuild(SiteId(1), VisitorId(1), merged, 1, &PARAMS);
            prop_assert_eq!(&split, &whole);
            if foreign.is_empty() {
                prop_assert_eq!(&folded(&all), &whole);
            }
            prop_assert!(whole.affinities.len() <= Profile::CATEGORIES_MAX);
            prop_assert!(whole.cart.len() <= Profile::CART_MAX && whole.cart.iter().all(|line| line.2 > 0));
            prop_assert!(whole.first_seen <= whole.last_seen);
        }
    }
}
