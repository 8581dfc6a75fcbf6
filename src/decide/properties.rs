//! What holds for every input.

use std::{collections::HashSet, sync::Arc};

use proptest::prelude::*;

use super::{
    Context, Index, fixture,
    index::{Neighbour, Parts},
    run,
};
use crate::{
    catalog::{
        compile::compile,
        snapshot::{Items, SiteSnapshot},
    },
    model::{Profile, SiteId, Timestamp, VisitorId, profile::Affinity},
    recommend::{Learned, Sessions, Tuned},
};

const CATEGORIES: [&str; 4] = ["A", "B", "C", ""];

fn item_id(n: u8) -> String {
    format!("i-{n}")
}

fn any_snapshot() -> impl Strategy<Value = SiteSnapshot> {
    proptest::collection::vec((0_u8..40, 0_usize..4, any::<bool>()), 0..40).prop_map(|rows| {
        let items =
            rows.iter().map(|(n, category, available)| fixture::item(&item_id(*n), CATEGORIES[*category], *available));
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
        for visit in visits {
            sessions.push(visit.into_iter().map(|n| u32::try_from(n % items).unwrap()), fixture::NOW.0);
        }
        index.with(Learned::new(sessions, &Tuned::default()))
    })
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let ids = || proptest::collection::vec(0_u8..50, 0..12);
    let affinities = proptest::collection::vec((0_usize..4, 0.0_f64..9.0, 0_i64..10_000_000_000), 0..4);
    (ids(), ids(), ids(), affinities).prop_map(|(recent, cart, bought, affinities)| Profile {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn answers_are_bounded_allowed_without_repeats_and_always_the_same(
        snapshot in any_snapshot(),
        index in any_index(),
        profile in any_profile(),
        page in proptest::option::of(0_u8..50),
        items_max in 0_usize..12,
    ) {
        let page = page.map(item_id).unwrap_or_default();
        let mut context = Context { item: &page, explain: true, ..fixture::context() };
        context.settings.items_max = items_max;
        let answer = run(&profile, &snapshot, &index, &context, &["home-recs", "other-recs", "hero"]);
        prop_assert!(answer.len() <= 2);
        for decision in &answer {
            prop_assert!(!decision.items.is_empty() && decision.items.len() <= items_max.min(8));
            let mut shown = HashSet::new();
            for ranked in &decision.items {
                prop_assert!(shown.insert(&*ranked.id), "{} twice", ranked.id);
                prop_assert!(snapshot.items.get(&ranked.id).is_some_and(|item| item.available));
                prop_assert!(*ranked.id != *page);
                prop_assert!(profile.cart.iter().all(|(id, ..)| *id != ranked.id));
                prop_assert!(!profile.bought_items.contains(&ranked.id));
            }
            // A shelf stays short only when nothing else may be shown.
            let may_show = snapshot.items.iter().filter(|item| {
                item.available && *item.id != *page && !profile.bought_items.contains(&item.id)
                    && profile.cart.iter().all(|(id, ..)| *id != item.id)
            });
            prop_assert_eq!(decision.items.len(), may_show.count().min(items_max.min(8)));
        }
        let again = run(&profile, &snapshot, &index, &context, &["home-recs", "other-recs", "hero"]);
        prop_assert_eq!(answer, again);
    }
}
