//! Folding events in and out of order, never twice.

use proptest::prelude::*;

use super::*;
use crate::model::Currency;

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
        currency: Currency(*b"EUR"),
        user_id: Box::default(),
        user_verified: false,
        path: "/".into(),
        channel: "Internal",
        source: Box::default(),
        campaign: Box::default(),
        country: Box::default(),
        device: "",
        slot: Box::default(),
        offer: Box::default(),
        traits: Box::default(),
        name: Box::default(),
        order_id: Box::default(),
        refunds_whole_order: false,
        by_server_key: false,
        past: Vec::new(),
        rules: 0,
    }
}

fn page_view(position: u64, minute: i64, channel: &'static str, campaign: &str) -> ProfileEvent {
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
fn inactivity_ends_a_session_and_each_session_has_its_source() {
    let profile = folded(&[
        page_view(1, 0, "Email", "letter"),
        page_view(2, 5, "Internal", ""),
        page_view(3, 6, "Direct", ""),
        page_view(4, 36, "Internal", ""),
    ]);
    assert_eq!((profile.visits, profile.pageviews, &*profile.campaign), (1, 4, "letter"));
    let profile =
        folded(&[page_view(1, 0, "Email", "letter"), page_view(2, 31, "Direct", ""), page_view(3, 32, "Internal", "")]);
    assert_eq!((profile.visits, &*profile.channel, &*profile.campaign), (2, "Direct", ""));
    assert_eq!(profile.session_start, T0.plus(31 * MINUTE));
}

#[test]
fn late_events_neither_start_sessions_nor_replace_the_source() {
    let late = page_view(3, 1, "Direct", "");
    let profile = folded(&[page_view(1, 0, "Email", "letter"), page_view(2, 100, "Referral", "x"), late]);
    assert_eq!((profile.visits, &*profile.channel, profile.first_seen), (2, "Referral", T0));
    let profile = folded(&[page_view(1, 100, "Email", "letter"), page_view(2, 0, "Referral", "x")]);
    assert_eq!((profile.visits, &*profile.channel, profile.first_seen), (2, "Email", T0));
}

#[test]
fn an_order_empties_the_cart_and_earlier_events_do_not_refill_it() {
    let add = |position, minute| event(position, minute, Action::CartAdded);
    let profile = folded(&[add(1, 0), add(2, 1), event(3, 2, Action::CartRemoved)]);
    assert_eq!(profile.cart, [("i".into(), 500, 1)]);
    let profile = folded(&[add(1, 0), event(2, 5, Action::Ordered), add(3, 1)]);
    assert_eq!((profile.cart.len(), profile.orders, &*profile.revenue), (0, 1, &[(Currency(*b"EUR"), 1500)][..]));
    assert_eq!((&*profile.bought_items[0], &*profile.bought_categories[0]), ("i", "Coffee"));
    let profile = folded(&[event(1, 5, Action::Ordered), add(2, 6)]);
    assert_eq!(profile.cart.len(), 1);
    let profile = folded(&[event(1, 5, Action::Ordered), event(2, 6, Action::Refunded)]);
    assert_eq!((profile.orders, &*profile.revenue), (1, &[(Currency(*b"EUR"), 0)][..]));
}

#[test]
fn a_reported_cart_replaces_the_known_one() {
    let reported = ProfileEvent { items: vec![("j".into(), 100, 3)], ..event(2, 1, Action::CartViewed) };
    let without_items = ProfileEvent { items: Vec::new(), ..event(3, 2, Action::CartViewed) };
    assert_eq!(folded(&[event(1, 0, Action::CartAdded), reported, without_items]).cart, [("j".into(), 100, 3)]);
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
fn another_unverified_user_id_ends_the_verification_and_traits_are_plain_and_bounded() {
    let identify = |position, user: &str, verified, traits: &str| ProfileEvent {
        kind: Kind::Identify,
        user_id: user.into(),
        user_verified: verified,
        traits: traits.into(),
        ..event(position, 0, Action::Other)
    };
    let same = folded(&[identify(1, "u", true, r#"{"plan":"gold","deep":{"x":1}}"#), identify(2, "u", false, "{}")]);
    assert!(same.user_verified && same.traits["plan"] == "gold" && !same.traits.contains_key("deep"));
    let other = folded(&[identify(1, "u", true, "{"), identify(2, "w", false, r#"{"plan":null}"#)]);
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
    /// Some events are in the store, some in memory, some in both: the profile equals the one from folding all of them
    /// in order of position.
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
        for (event, gap, location) in events {
            position += gap;
            let event = ProfileEvent { position: Position(position), ..event };
            if location != 1 {
                merged.push(event.clone());
            }
            if location != 0 {
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
