//! Computation time of one decision request: a live profile in memory and three slots over a shop of 10,000 items with an
//! index. No warehouse is involved.

use std::{hint::black_box, sync::Arc, time::Duration};

use ashna::{
    catalog::{
        compile::{compile, compile_merchandising},
        snapshot::{Items, SiteSnapshot},
    },
    config::{Config, Endpoint},
    decide::{
        self, Context, Index, Settings,
        index::{Neighbour, Parts},
    },
    model::{
        Action, ConsentDefault, Currency, Item, Kind, Position, Profile, ProfileEvent, RobotsPolicy, Site, SiteId,
        Timestamp, VisitorId, VisitorRules, profile::Ignored,
    },
    profiles::{Freshness, Profiles},
    store::Store,
};
use criterion::{Criterion, criterion_group, criterion_main};

const ITEMS: u32 = 10_000;
const CATEGORIES: u32 = 25;
const NEIGHBOURS: u32 = 50;
const NOW: Timestamp = Timestamp(1_763_798_400_000);
const VISITOR: VisitorId = VisitorId(42);
const SLOTS: [&str; 3] = ["home-hero", "home-recs", "cart-recs"];

fn category(n: u32) -> String {
    format!("category-{}", n % CATEGORIES)
}

fn shop() -> SiteSnapshot {
    let items = (0..ITEMS).map(|n| Item {
        id: format!("item-{n}").into(),
        title: format!("Item {n}"),
        url: format!("/p/{n}"),
        price_minor: 1000,
        currency: Currency(*b"EUR"),
        categories: vec![category(n)],
        available: n % 20 != 0,
        attributes: serde_json::json!({ "margin": n % 100, "colour": if n % 3 == 0 { "red" } else { "blue" } })
            .as_object()
            .cloned()
            .unwrap_or_default(),
        ..Item::default()
    });
    let offers: Vec<_> = (0..20)
        .map(|n| {
            serde_json::from_value(serde_json::json!({
                "id": format!("offer-{n}"), "slot": "home-hero", "priority": n,
                "when": {"all": [{"field": "affinity", "op": "eq", "value": category(n)},
                                 {"field": "visits", "op": "gte", "value": 1}]},
                "content": {"title": "A title", "text": "A text", "url": "/c", "cta": "See"}
            }))
            .expect("an offer")
        })
        .collect();
    let site = Site {
        id: SiteId(1),
        name: "Bench".into(),
        origins: Vec::new(),
        write_key: "key".into(),
        secret: "".into(),
        currency: Currency(*b"EUR"),
        timezone: "UTC".into(),
        robots: RobotsPolicy::Drop,
        consent_default: ConsentDefault::Granted,
        honour_gpc: true,
        rate_entries: [].into(),
        rates: std::sync::Arc::new(ashna::model::rates::Rates::identity(Currency(*b"EUR"))),
        rules: std::sync::Arc::default(),
        captures: ashna::model::Captures::ALL,
        exploration: ashna::model::ExplorationSettings::default(),
        events_per_second_max: 0,
        visitors: VisitorRules::default(),
        offer_html: false,
        traffic_filters: std::sync::Arc::default(),
        contact_costs: std::sync::Arc::default(),
        holdout_bp: 0,
        demo: false,
        created_at: NOW,
    };
    compile(site, Arc::new(Items::new(items.collect())), &offers).expect("a shop")
}

/// An index in which every item has the maximum number of neighbours.
fn index() -> Index {
    let items = (0..ITEMS).map(|n| (format!("item-{n}").into(), category(n).into(), 1000.0 / (n + 1) as f32));
    let neighbours = (0..ITEMS).map(|n| {
        let near =
            (1..=NEIGHBOURS).map(|d| Neighbour { item: (n + d * 37) % ITEMS, score: 1.0 / d as f32, support: 9 });
        near.collect()
    });
    Index::new(Parts { items: items.collect(), neighbours: neighbours.collect(), events: 1_000_000 })
}

/// A visitor with forty item views, a cart and an order.
fn visit(profiles: &Profiles) {
    for n in 0..44_u32 {
        let action = match n {
            40..=42 => Action::CartAdded,
            20 => Action::Ordered,
            _ => Action::ItemViewed,
        };
        let event = ProfileEvent {
            journal: 1,
            position: Position(n.into()),
            occurred_at: NOW.plus(i64::from(n) * 1000),
            kind: Kind::Track,
            action,
            session_start: NOW,
            items: vec![(format!("item-{}", n * 131).into(), 1000, 1)],
            category: category(n % 4).into(),
            amount_minor: 1000,
            currency: ashna::model::Currency(*b"EUR"),
            user_id: Box::default(),
            user_verified: false,
            path: "/p".into(),
            channel: "Direct",
            source: Box::default(),
            campaign: Box::default(),
            country: "DE".into(),
            device: "desktop",
            slot: Box::default(),
            offer: Box::default(),
            traits: Box::default(),
            name: Box::default(),
            order_id: Box::default(),
            refunds_whole_order: false,
            by_server_key: false,
            past: Vec::new(),
            rules: 0,
        };
        profiles.apply(SiteId(1), VISITOR, &event);
    }
}

/// Cost of one slot of an item page without rules, with each rule, and with all of them.
fn rules(c: &mut Criterion, profile: &Profile, index: &Index, context: &Context<'_>) {
    let recently = context.now.plus(-3_600_000);
    let ignored = (0..50).map(|n| Ignored {
        item: format!("item-{}", (7 + n * 37) % ITEMS).into(),
        impressions: 5,
        last: recently,
    });
    let profile = Profile { ignored: ignored.collect(), ..profile.clone() };
    let filter = serde_json::json!({ "all": [
        { "field": "attribute.margin", "op": "gte", "value": 30 },
        { "any": [{ "field": "attribute.colour", "op": "eq", "value": "red" },
                  { "field": "price_minor", "op": "lte", "value": 5000 }] }
    ] });
    let cases = [
        ("none", serde_json::json!({ "hide_bought": false })),
        ("a filter on attributes", serde_json::json!({ "hide_bought": false, "only": filter })),
        ("hide bought items", serde_json::json!({ "hide_bought": true })),
        ("diversity", serde_json::json!({ "hide_bought": false, "diversity": { "by": "category", "at_most": 2 } })),
        (
            "a frequency cap",
            serde_json::json!({ "hide_bought": false,
            "fatigue": { "shown_max": 3, "rest_hours": 24 } }),
        ),
        (
            "all of these, pins and boosts",
            serde_json::json!({ "hide_bought": true, "only": filter,
            "diversity": { "by": "category", "at_most": 2 }, "fatigue": { "shown_max": 3, "rest_hours": 24 },
            "pins": [{ "item": "item-33", "position": 1 }],
            "boosts": [{ "when": { "field": "attribute.margin", "op": "gte", "value": 80 }, "percent": 150 }] }),
        ),
    ];
    for (name, rules) in cases {
        let rules = [("product-recs".to_owned(), serde_json::from_value(rules).expect("rules"))];
        let shop = shop();
        let plans = compile_merchandising(&rules, &shop.items).expect("rules of this shop");
        let shop = shop.with_merchandising(plans);
        let decide_slot = || decide::run(&profile, &shop, index, black_box(context), &["product-recs"]);
        assert_eq!(decide_slot().first().map_or(0, |decision| decision.items.len()), 8, "{name} fill the slot");
        c.bench_function(&format!("1 slot, rules: {name}"), |b| b.iter(decide_slot));
    }
}

fn decisions(c: &mut Criterion) {
    let config = Config::defaults();
    let unreachable = Endpoint {
        url: "http://127.0.0.1:9".into(),
        user: "none".into(),
        password: "".into(),
        database: "none".into(),
    };
    let profiles = Profiles::new(&config.profiles, 30, 1, Store::connect_to(unreachable, &config.clickhouse));
    profiles.start_profile(SiteId(1), VISITOR);
    visit(&profiles);
    let (snapshot, index) = (shop(), index());
    let settings = Settings::new(&config.decide, &config.profiles);
    let context = Context {
        value: None,
        now: NOW.plus(60_000),
        item: "",
        cart: None,
        url_path: "/",
        contact_channel: "web",
        language: "",
        explain: false,
        exploration: None,
        session_cache: None,
        offers: decide::OfferState::UNRECOGNIZED,
        settings,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let get = || runtime.block_on(profiles.get(SiteId(1), VISITOR, Duration::ZERO));
    assert_eq!(get().1, Freshness::Complete, "the profile is in memory");

    c.bench_function("profile hit", |b| b.iter(|| black_box(get())));
    c.bench_function("profile hit and decide 3 slots, 10k items", |b| {
        b.iter(|| decide::run(&get().0, &snapshot, &index, black_box(&context), &SLOTS));
    });
    let page = Context { item: "item-7", ..context };
    c.bench_function("profile hit and decide 1 slot of an item page", |b| {
        b.iter(|| decide::run(&get().0, &snapshot, &index, black_box(&page), &["product-recs"]));
    });
    rules(c, &get().0, &index, &page);
}

criterion_group!(benches, decisions);
criterion_main!(benches);
