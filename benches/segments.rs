//! Time to evaluate the segments of one person: 200 rules, of which an event concerns some, over a profile with 200 past
//! events. At 10,000 events a second, some 3,000 people a second are evaluated.

use std::{hint::black_box, sync::Arc};

use ashna::{
    catalog::{
        compile::{compile_segments, compile_with},
        snapshot::{Items, SiteSnapshot},
    },
    decide::{self, Context, Settings},
    membership::{
        person::Person,
        transition::{FollowedRule, evaluate},
    },
    model::{
        Action, ConsentDefault, Currency, Kind, PastEvent, Position, Profile, RobotsPolicy, Rule, Site, SiteId,
        Timestamp, VisitorId, VisitorRules,
    },
    segments::{CompiledSegment, Evaluator, EventTraits, RuleSet, TriggerIndex},
};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;

const NOW: Timestamp = Timestamp(1_763_798_400_000);
const HOUR: i64 = 3_600_000;
const NAMES: [&str; 10] = [
    "page",
    "Product Viewed",
    "Product Added",
    "Order Completed",
    "Products Searched",
    "Signed Up",
    "Video Played",
    "Coupon Applied",
    "Review Written",
    "Cart Viewed",
];

/// Twenty rules on each event.
fn site() -> SiteSnapshot {
    let rules: Vec<(String, Rule)> = (0..200_u32)
        .map(|n| {
            let event = NAMES[n as usize % NAMES.len()];
            let rule = json!({"all": [
                {"event": event, "within_days": 1 + n % 60, "count": {"op": "gte", "value": 1 + n % 5}},
                {"any": [
                    {"not": {"event": "Order Completed", "within_days": 7}},
                    {"field": "orders", "op": "gte", "value": 2},
                ]},
            ]});
            (format!("segment-{n}"), serde_json::from_value(rule).expect("a rule"))
        })
        .collect();
    let rules: Vec<(&str, &Rule)> = rules.iter().map(|(id, rule)| (id.as_str(), rule)).collect();
    let segments = compile_segments(&rules).expect("segments");
    let site = Site {
        id: SiteId(1),
        contact_costs: Arc::default(),
        holdout_bp: 0,
        name: String::new(),
        origins: Vec::new(),
        write_key: "k".into(),
        secret: "".into(),
        currency: Currency(*b"EUR"),
        timezone: "UTC".into(),
        robots: RobotsPolicy::Drop,
        consent_default: ConsentDefault::Granted,
        honour_gpc: true,
        events_per_second_max: 0,
        visitors: VisitorRules::default(),
        rate_entries: [].into(),
        rates: Arc::new(ashna::model::rates::Rates::identity(Currency(*b"EUR"))),
        rules: Arc::default(),
        traffic_filters: Arc::default(),
        captures: ashna::model::Captures::ALL,
        exploration: ashna::model::ExplorationSettings::default(),
        offer_html: false,
        demo: false,
        created_at: Timestamp(0),
    };
    compile_with(site, Arc::new(Items::new(Vec::new())), &[], segments).expect("a site")
}

fn profile() -> Profile {
    let mut profile = Profile::empty(SiteId(1), VisitorId(42));
    (profile.events, profile.visits, profile.pageviews) = (200, 9, 120);
    (profile.first_seen, profile.last_seen) = (NOW.plus(-60 * 24 * HOUR), NOW);
    for n in 0..200_u32 {
        profile.history.add(PastEvent {
            at: NOW.plus(-i64::from(200 - n) * 5 * HOUR),
            position: Position(n.into()),
            name: NAMES[(n as usize * n as usize) % NAMES.len()].into(),
            order: None,
            values: None,
            currency: Currency::NONE,
        });
    }
    profile
}

fn segments(c: &mut Criterion) {
    let (site, profile) = (site(), profile());
    let own: Vec<&CompiledSegment> = site.segments.iter().filter(|segment| !segment.is_builtin()).collect();
    let index = TriggerIndex::new(own.iter().map(|segment| &*segment.rule));
    let rule = |place: usize| {
        Some(FollowedRule { number: u32::try_from(place).unwrap_or_default(), rule: &own[place].rule, fades: false })
    };
    let settings = Settings { slots_max: 1, items_max: 1, half_life_ms: 1e9, up_sell_factor: 1.5 };
    let run = |asked: &RuleSet, all: bool| {
        let context = Context::without_page(NOW, None, settings);
        let facts = decide::facts(&profile, &site, &context);
        let mut person = Person::new(&profile);
        let transitions = evaluate(&Evaluator::new(&facts, &site.site, NOW), &mut person, (rule, asked, all), NOW);
        (transitions.len(), person)
    };
    let view = EventTraits { kind: Kind::Page, action: Action::Other, name: "", has_items: false };
    let mut group = c.benchmark_group("segments of one person, 200 rules");
    group.bench_function("find the rules of an event", |b| b.iter(|| black_box(index.of(black_box(&view)))));
    let of_view = index.of(&view);
    group.bench_function("rules that an event concerns", |b| b.iter(|| black_box(run(&of_view, false))));
    let all = index.all();
    group.bench_function("all rules", |b| b.iter(|| black_box(run(&all, true))));
    group.finish();
}

criterion_group!(benches, segments);
criterion_main!(benches);
