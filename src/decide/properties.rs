//! Invariants for every input.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use proptest::prelude::*;
use serde_json::json;

use super::{
    Context, Index, SessionCache, fixture,
    index::{Neighbour, Parts},
    run,
};
use crate::{
    catalog::{
        compile::{compile, compile_merchandising},
        snapshot::{Items, Model, Recommend, SiteSnapshot},
    },
    model::{
        Item, MerchandisingRules, Profile, Rule, SiteId, Timestamp, VisitorId,
        profile::{Affinity, Ignored},
    },
    recommend::{Learned, Sessions},
    telemetry::Counter,
};

/// Models of whole visits.
const LEARNED_MODELS: [Model; 3] = [Model::Auto, Model::SessionNeighbours, Model::SequentialRules];
const CATEGORIES: [&str; 4] = ["A", "B", "C", ""];

fn item_id(n: u8) -> String {
    format!("i-{n}")
}

fn any_snapshot() -> impl Strategy<Value = SiteSnapshot> {
    proptest::collection::vec((0_u8..40, 0_usize..4, any::<bool>()), 0..40).prop_map(|rows| {
        let items = rows.iter().map(|(n, category, available)| Item {
            price_minor: i64::from(*n) * 50,
            language: if n % 5 == 0 { String::new() } else { ["en", "fa"][usize::from(n % 2)].to_owned() },
            added_at: fixture::NOW.plus(i64::from(*n) * -40_000_000),
            ..fixture::item(&item_id(*n), CATEGORIES[*category], *available)
        });
        compile(fixture::site(), Arc::new(Items::new(items.collect())), &[]).unwrap()
    })
}

fn any_index() -> impl Strategy<Value = Index> {
    let neighbour = (0_u32..50, prop_oneof![0.0_f32..1.0, Just(f32::NAN)], 0_u32..99);
    let row = (0_u8..50, 0_usize..4, 0.0_f32..9.0, proptest::collection::vec(neighbour, 0..6));
    let visits = proptest::option::of(proptest::collection::vec(proptest::collection::vec(0_usize..60, 1..6), 1..20));
    (proptest::collection::vec(row, 0..50), visits).prop_map(|(rows, visits)| {
        let mut known = HashSet::new();
        let mut parts = Parts::default();
        for (n, category, popularity, near) in rows.into_iter().filter(|row| known.insert(row.0)) {
            parts.items.push((item_id(n).into(), CATEGORIES[category].into(), popularity));
            parts
                .neighbours
                .push(near.into_iter().map(|(item, score, support)| Neighbour { item, score, support }).collect());
        }
        let items = parts.items.len();
        let index = Index::new(parts);
        let Some(visits) = visits.filter(|_| items > 0) else { return index };
        let mut sessions = Sessions::empty(fixture::NOW.0 / 1000);
        for (visitor, visit) in (0..).zip(visits) {
            sessions.push(visit.into_iter().map(|n| u32::try_from(n % items).unwrap()), fixture::NOW.0, visitor);
        }
        index.with(Learned::new(sessions, &Arc::default()))
    })
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let ids = || proptest::collection::vec(0_u8..50, 0..12);
    let affinities = proptest::collection::vec((0_usize..4, 0.0_f64..9.0, 0_i64..10_000_000_000), 0..4);
    let ignored = proptest::collection::vec((0_u8..50, 1_u32..5, 0_i64..200_000_000), 0..20);
    (ids(), ids(), ids(), affinities, ignored).prop_map(|(recent, cart, bought, affinities, ignored)| Profile {
        ignored: ignored
            .into_iter()
            .map(|(n, times, ago)| (n, (times, ago)))
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            .map(|(n, (times, ago))| Ignored {
                item: item_id(n).into(),
                impressions: times,
                last: fixture::NOW.plus(-ago),
            })
            .collect(),
        recent_items: recent.iter().map(|n| (item_id(*n).into(), fixture::NOW)).collect(),
        cart: cart.iter().map(|n| (item_id(*n).into(), 100, 1)).collect(),
        bought_items: bought.iter().map(|n| item_id(*n).into()).collect(),
        affinities: affinities
            .into_iter()
            .map(|(category, score, ago)| Affinity {
                category: CATEGORIES[category].into(),
                score,
                at: Timestamp(fixture::NOW.0 - ago),
            })
            .collect(),
        ..Profile::empty(SiteId(1), VisitorId(1))
    })
}

/// Rules of every kind, about the items of [`any_snapshot`].
fn any_rules() -> impl Strategy<Value = MerchandisingRules> {
    let ids = |most| proptest::collection::vec(0_u8..45, 0..most);
    let category = || (0_usize..4).prop_map(|n| CATEGORIES[n]);
    let only = proptest::option::of(category());
    let boost = (category(), 1_u32..500);
    let switches = (any::<Option<bool>>(), any::<Option<bool>>(), proptest::option::of((0_u32..120, 80_u32..300)));
    let limits = (proptest::option::of(1_u32..4), proptest::option::of((1_u32..4, 1_u32..40)), any::<bool>());
    (only, ids(4), ids(4), proptest::collection::vec(boost, 0..3), switches, limits).prop_map(
        |(only, excluded, pinned, boosts, (hide_bought, same_language, band), (at_most, fatigue, young))| {
            let mut pinned_once = HashSet::new();
            let is = |category: &str| json!({"field": "category", "op": "eq", "value": category});
            serde_json::from_value(json!({
                "only": only.map_or(json!({}), is),
                "exclude": {"items": excluded.into_iter().map(item_id).collect::<Vec<_>>(), "categories": ["B"]},
                "pins": pinned.into_iter().filter(|n| pinned_once.insert(*n)).zip([2, 1, 5, 8])
                    .map(|(n, position)| json!({"item": item_id(n), "position": position})).collect::<Vec<_>>(),
                "boosts": boosts.into_iter()
                    .map(|(category, percent)| json!({"when": is(category), "percent": percent})).collect::<Vec<_>>(),
                "hide_bought": hide_bought,
                "same_language": same_language,
                "price_band": band.map(|(from, to)| json!({"from_percent": from.min(to), "to_percent": to})),
                "diversity": at_most.map(|at_most| json!({"by": "category", "at_most": at_most})),
                "fatigue": fatigue.map(|(shown, hours)| json!({"shown_max": shown, "rest_hours": hours})),
                "freshness": young.then(|| json!({"lift_percent": 50, "half_life_days": 3, "max_age_days": 9})),
            }))
            .unwrap()
        },
    )
}

/// Whether the rules allow an item, evaluated independently of the compiled rules.
fn may_show(item: &Item, rules: &MerchandisingRules, profile: &Profile, page: Option<&Item>) -> bool {
    let only = match &rules.only {
        Rule::Test { value, .. } => item.categories.iter().any(|category| value == category),
        _ => true,
    };
    let language = page.map_or("", |page| &page.language);
    let in_band = page.zip(rules.price_band).is_none_or(|(page, band)| {
        page.price_minor == 0
            || (item.price_minor * 100 >= page.price_minor * i64::from(band.from_percent)
                && item.price_minor * 100 <= page.price_minor * i64::from(band.to_percent))
    });
    let young = rules.freshness.is_none_or(|f| {
        f.max_age_days.is_none_or(|days| fixture::NOW.since(item.added_at) <= i64::from(days) * 86_400_000)
    });
    item.available
        && only
        && in_band
        && young
        && !rules.exclude.items.iter().any(|id| **id == *item.id)
        && !item.categories.iter().any(|category| category == "B")
        && (rules.hide_bought == Some(false) || !profile.bought_items.contains(&item.id))
        && profile.cart.iter().all(|(id, ..)| *id != item.id)
        && page.is_none_or(|page| page.id != item.id)
        && (rules.same_language != Some(true) || item.is_in_language(language))
}

fn is_fatigued(item: &Item, rules: &MerchandisingRules, profile: &Profile) -> bool {
    rules.fatigue.is_some_and(|fatigue| {
        let rests = i64::from(fatigue.rest_hours) * 3_600_000;
        let known = profile.ignored.iter().find(|ignored| ignored.item == item.id);
        known.is_some_and(|i| i.impressions >= fatigue.shown_max && fixture::NOW.since(i.last) < rests)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_rules_hold(
        snapshot in any_snapshot(),
        index in any_index(),
        profile in any_profile(),
        page in proptest::option::of(0_u8..50),
        rules in any_rules(),
        k in 1_usize..12,
    ) {
        let plans = compile_merchandising(&[("x".to_owned(), rules.clone())], &snapshot.items).unwrap();
        let snapshot = snapshot.with_merchandising(plans);
        let page = page.map(item_id).unwrap_or_default();
        let on_page = snapshot.items.get(&page);
        let context = Context { item: &page, explain: true, ..fixture::context() };
        let recommend = Recommend { model: Model::Auto, k };
        let decision = super::recommend(&profile, &snapshot, &index, &context, recommend, "x");
        let free = |item: &Item| may_show(item, &rules, &profile, on_page);
        let items = decision.map(|decision| decision.items).unwrap_or_default();
        let shown: Vec<&Item> = items.iter().map(|ranked| snapshot.items.at(ranked.number).unwrap()).collect();
        prop_assert!(shown.len() <= k);
        prop_assert_eq!(shown.iter().map(|item| &item.id).collect::<HashSet<_>>().len(), shown.len());
        for item in &shown {
            prop_assert!(free(item), "{:?} is not allowed", item);
        }
        let pin_of = |item: &Item| rules.pins.iter().find(|pin| *pin.item == *item.id && pin.position as usize <= k);
        // An allowed pinned item is shown: at its position, or at the end of a shorter slot.
        for pin in rules.pins.iter().filter(|pin| pin.position as usize <= k) {
            if let Some(item) = snapshot.items.get(&pin.item).filter(|item| free(item)) {
                let index = shown.iter().position(|other| other.id == item.id);
                prop_assert!(index.is_some(), "the pin {:?} is missing", pin);
                let position = index.unwrap() + 1;
                let only_pins_follow = shown[position - 1..].iter().all(|item| pin_of(item).is_some());
                prop_assert!(
                    position == pin.position as usize || (position < pin.position as usize && only_pins_follow)
                );
            }
        }
        for item in shown.iter().filter(|item| pin_of(item).is_none()) {
            prop_assert!(!is_fatigued(item, &rules, &profile), "{:?} is fatigued", item);
        }
        if let Some(diversity) = rules.diversity {
            for category in CATEGORIES.iter().filter(|category| !category.is_empty()) {
                let of_it = || shown.iter().filter(|item| item.main_category() == *category);
                let pinned = of_it().filter(|item| pin_of(item).is_some()).count();
                prop_assert!(of_it().count() <= pinned.max(diversity.at_most as usize), "too much of {}", category);
            }
        }
        // It stays short only if nothing else is allowed.
        if shown.len() < k && rules.diversity.is_none() {
            let left = snapshot.items.iter().filter(|item| free(item) && !is_fatigued(item, &rules, &profile));
            let left: Vec<_> = left.filter(|item| shown.iter().all(|known| known.id != item.id)).collect();
            prop_assert!(left.is_empty(), "{:?} could have been shown", left);
        }
        let again = super::recommend(&profile, &snapshot, &index, &context, recommend, "x");
        prop_assert_eq!(items, again.map(|decision| decision.items).unwrap_or_default());
    }

    /// For any sequence of visitors, pages, models and versions.
    #[test]
    fn cached_results_equal_computed_ones(
        snapshot in any_snapshot(),
        index in any_index(),
        profiles in proptest::collection::vec(any_profile(), 1..4),
        requests in proptest::collection::vec((0_usize..4, proptest::option::of(0_u8..50), 0_usize..3, any::<bool>()), 1..20),
        entries in 1_usize..6,
    ) {
        let cache = SessionCache::new(entries, Counter::default(), Counter::default());
        let newer = match index.learned() {
            Some(learned) => {
                let mut since = Sessions::empty(learned.sessions().origin_s());
                since.push([0].into_iter(), fixture::NOW.0, 99);
                index.clone().grown(&[], learned.grown(since, &[0]))
            }
            None => index.clone(),
        };
        for (visitor, page, model, is_newer) in requests {
            let (profile, page) = (&profiles[visitor % profiles.len()], page.map(item_id).unwrap_or_default());
            let (index, model) = (if is_newer { &newer } else { &index }, LEARNED_MODELS[model]);
            let run = |session_cache| {
                let context = Context { item: &page, session_cache, ..fixture::context() };
                super::recommend(profile, &snapshot, index, &context, Recommend { model, k: 8 }, "")
            };
            prop_assert_eq!(run(Some(&cache)), run(None));
        }
    }

    #[test]
    fn decisions_are_limited_allowed_without_duplicates_and_deterministic(
        snapshot in any_snapshot(),
        index in any_index(),
        profile in any_profile(),
        page in proptest::option::of(0_u8..50),
        items_max in 0_usize..12,
    ) {
        let page = page.map(item_id).unwrap_or_default();
        let mut context = Context { item: &page, explain: true, ..fixture::context() };
        context.settings.items_max = items_max;
        let decisions = run(&profile, &snapshot, &index, &context, &["home-recs", "other-recs", "hero"]);
        prop_assert!(decisions.len() <= 2);
        for decision in &decisions {
            prop_assert!(!decision.items.is_empty() && decision.items.len() <= items_max.min(8));
            let mut shown = HashSet::new();
            for ranked in &decision.items {
                let item = snapshot.items.at(ranked.number).unwrap();
                prop_assert!(shown.insert(&*item.id), "{} twice", item.id);
                prop_assert!(item.available);
                prop_assert!(*item.id != *page);
                prop_assert!(profile.cart.iter().all(|(id, ..)| *id != item.id));
                prop_assert!(!profile.bought_items.contains(&item.id));
            }
            // A slot stays short only if nothing else is allowed.
            let may_show = snapshot.items.iter().filter(|item| {
                item.available && *item.id != *page && !profile.bought_items.contains(&item.id)
                    && profile.cart.iter().all(|(id, ..)| *id != item.id)
            });
            prop_assert_eq!(decision.items.len(), may_show.count().min(items_max.min(8)));
        }
        let again = run(&profile, &snapshot, &index, &context, &["home-recs", "other-recs", "hero"]);
        prop_assert_eq!(decisions, again);
    }
}
