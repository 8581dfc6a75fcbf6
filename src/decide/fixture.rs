//! A small shop and a regular visitor, for the tests of this module.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::{
    Context, Index, OfferState, Settings,
    index::{Neighbour, Parts},
};
use crate::{
    catalog::{
        compile::compile,
        snapshot::{Items, SiteSnapshot},
    },
    model::{
        ConsentDefault, Currency, Decision, Item, Offer, Profile, RobotsPolicy, Site, SiteId, Timestamp, VisitorId,
        VisitorRules, profile::Affinity,
    },
};

pub(super) const NOW: Timestamp = Timestamp(1_763_798_400_000);

pub(super) fn context() -> Context<'static> {
    let settings = Settings { slots_max: 200, items_max: 12, half_life_ms: 14.0 * 86_400_000.0, up_sell_factor: 1.5 };
    Context {
        now: NOW,
        item: "",
        cart: None,
        url_path: "/",
        contact_channel: "web",
        language: "",
        value: None,
        explain: false,
        exploration: None,
        session_cache: None,
        offers: OfferState::UNRECOGNIZED,
        settings,
    }
}

pub(super) fn item(id: &str, category: &str, available: bool) -> Item {
    Item {
        id: id.into(),
        title: id.to_owned(),
        url: format!("/p/{id}"),
        price_minor: 1000,
        currency: Currency(*b"EUR"),
        categories: vec![category.to_owned()],
        available,
        ..Item::default()
    }
}

/// Six items each of coffee, tea and kitchen, and one that is sold out.
pub(super) fn items() -> Vec<Item> {
    let mut items = vec![item("gone-1", "Coffee", false)];
    for category in ["Coffee", "Tea", "Kitchen"] {
        items.extend((1..=6).map(|i| item(&format!("{}-{i}", category.to_lowercase()), category, true)));
    }
    items
}

/// The ids of a decision's items, from a catalogue of [`items`].
pub(super) fn ids(decision: &Decision) -> Vec<&'static str> {
    static ITEMS: LazyLock<Vec<Item>> = LazyLock::new(items);
    decision.items.iter().map(|ranked| &*ITEMS[ranked.number as usize].id).collect()
}

pub(super) fn site() -> Site {
    Site {
        id: SiteId(1),
        name: "Shop".into(),
        origins: Vec::new(),
        write_key: "key".into(),
        secret: "".into(),
        currency: Currency(*b"EUR"),
        timezone: "UTC".into(),
        robots: RobotsPolicy::Drop,
        consent_default: ConsentDefault::Granted,
        honour_gpc: true,
        events_per_second_max: 0,
        visitors: VisitorRules::default(),
        rate_entries: [].into(),
        rates: std::sync::Arc::new(crate::model::rates::Rates::identity(Currency(*b"EUR"))),
        rules: std::sync::Arc::default(),
        captures: crate::model::Captures::ALL,
        exploration: crate::model::ExplorationSettings::default(),
        offer_html: false,
        traffic_filters: std::sync::Arc::default(),
        contact_costs: std::sync::Arc::default(),
        holdout_bp: 0,
        demo: false,
        created_at: Timestamp(0),
    }
}

pub(super) fn snapshot(offers: &[Value]) -> SiteSnapshot {
    let offers: Vec<Offer> = offers.iter().map(|offer| serde_json::from_value(offer.clone()).unwrap()).collect();
    compile(site(), Arc::new(Items::new(items())), &offers).unwrap()
}

/// Coffees are viewed together, the first one also with a tea; an item no longer in the catalogue is the most popular.
pub(super) fn index() -> Index {
    let mut known = vec![("not-in-the-catalogue".into(), "Coffee".into(), 50.0)];
    known.extend(
        items()
            .iter()
            .zip(1_u8..)
            .map(|(item, n)| (Arc::clone(&item.id), item.main_category().into(), 40.0 - f32::from(n))),
    );
    // 0 unknown, 1 gone, 2..=7 coffee, 8..=13 tea, 14..=19 kitchen
    let near = |item, score, support| Neighbour { item, score, support };
    let mut neighbours = vec![Vec::new(); known.len()];
    neighbours[2] = vec![near(0, 0.9, 30), near(1, 0.8, 20), near(3, 0.5, 14), near(8, 0.4, 9)];
    neighbours[8] = vec![near(9, 0.5, 7), near(2, 0.4, 9)];
    Index::new(Parts { items: known, neighbours, events: 100 })
}

/// Three visits from the autumn newsletter, prefers coffee, has two units of one in the cart, bought once.
pub(super) fn regular() -> Profile {
    let affinity = |category: &str, score| Affinity { category: category.into(), score, at: NOW };
    Profile {
        visits: 3,
        pageviews: 20,
        affinities: vec![affinity("Coffee", 6.0), affinity("Tea", 1.0)],
        recent_items: [("coffee-1".into(), NOW), ("tea-1".into(), NOW.plus(-1000))].into(),
        cart: vec![("coffee-3".into(), 1000, 2)],
        bought_items: ["kitchen-1".into()].into(),
        orders: 1,
        revenue: vec![(Currency(*b"EUR"), 1000)],
        user_id: "u-1".into(),
        traits: [("plan", json!("gold")), ("age", json!(41)), ("newsletter", json!(true))]
            .map(|(name, value)| (name.into(), value))
            .into(),
        channel: "Email".into(),
        source: "letter".into(),
        campaign: "autumn-letter".into(),
        country: "DE".into(),
        device: "desktop".into(),
        ..Profile::empty(SiteId(1), VisitorId(7))
    }
}
