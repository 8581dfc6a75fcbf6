use std::collections::HashMap;

use super::*;
use crate::{
    decide::{Context, ImpressionCounts, fixture, run},
    model::{Decision, Profile, SiteId, VisitorId},
};

const KNOWN_FROM: u64 = 100;

/// All items except these were shown often.
fn shown_except(rare: &[&str]) -> ImpressionCounts {
    let seen = fixture::items().into_iter().filter(|item| !rare.contains(&&*item.id));
    seen.map(|item| (item.id, KNOWN_FROM)).collect()
}

fn exploration(seed: u64, items: f64, models: f64, impressions: &ImpressionCounts) -> Exploration<'_> {
    Exploration { seed, items, models, impressions, known_from: KNOWN_FROM }
}

fn decide(profile: &Profile, exploration: Exploration<'_>) -> Decision {
    let context = Context { exploration: Some(exploration), ..fixture::context() };
    run(profile, &fixture::snapshot(&[]), &fixture::index(), &context, &["home-recs"]).pop().unwrap()
}

fn ids(decision: &Decision) -> Vec<String> {
    fixture::ids(decision).into_iter().map(str::to_owned).collect()
}

#[test]
fn the_same_seed_gives_the_same_result_and_slots_differ() {
    let impressions = ImpressionCounts::default();
    let profile = fixture::regular();
    for seed in 0..200 {
        let once = decide(&profile, exploration(seed, 0.5, 0.5, &impressions));
        assert_eq!(once, decide(&profile, exploration(seed, 0.5, 0.5, &impressions)));
    }
    let tries = |seed: u64, slot: &str| {
        Draw::new(Some(exploration(seed, 0.5, 0.5, &impressions)), RankingStrategy::Named(Model::Auto), slot).tries_item
    };
    assert!((0..64).any(|seed| tries(seed, "a-recs") != tries(seed, "b-recs")));
}

#[test]
fn nothing_is_randomized_with_zero_shares() {
    let impressions = ImpressionCounts::default();
    let profile = fixture::regular();
    let plain = run(&profile, &fixture::snapshot(&[]), &fixture::index(), &fixture::context(), &["home-recs"]);
    for seed in 0..50 {
        let decision = decide(&profile, exploration(seed, 0.0, 0.0, &impressions));
        assert_eq!((ids(&decision), &decision.exposure), (ids(&plain[0]), &Some(Exposure::certain("auto"))));
    }
}

#[test]
fn a_position_goes_to_rarely_shown_items_only() {
    let rare = ["tea-6", "kitchen-5"];
    let impressions = shown_except(&rare);
    let plain = ids(&decide(&fixture::regular(), exploration(0, 0.0, 0.0, &impressions)));
    for seed in 0..300 {
        let decision = decide(&fixture::regular(), exploration(seed, 0.5, 0.0, &impressions));
        let exposure = decision.exposure.clone().unwrap();
        let changed: Vec<usize> = (0..plain.len()).filter(|at| ids(&decision)[*at] != plain[*at]).collect();
        match exposure.explored {
            None => assert!(changed.is_empty()),
            Some(explored) => {
                assert_eq!(changed, [usize::from(explored.position) - 1]);
                let tried = fixture::ids(&decision)[changed[0]];
                assert!(rare.contains(&tried) && !plain.contains(&tried.to_owned()), "{tried}");
            }
        }
    }
}

#[test]
fn without_rarely_shown_items_there_is_no_exploration() {
    let impressions = shown_except(&[]);
    for seed in 0..100 {
        let exposure = decide(&fixture::regular(), exploration(seed, 0.5, 0.0, &impressions)).exposure.unwrap();
        assert_eq!((exposure.explore.to_bits(), exposure.explored), (0, None));
    }
}

#[test]
fn a_share_of_the_slots_is_ranked_by_other_models() {
    let snapshot = fixture::snapshot(&[]);
    let impressions = ImpressionCounts::default();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for seed in 0..4000_u64 {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let context = Context { exploration: Some(exploration(seed, 0.0, 0.4, &impressions)), ..fixture::context() };
        let decision = run(&fixture::regular(), &snapshot, &fixture::index(), &context, &["home-recs"]).pop().unwrap();
        assert!(!decision.items.is_empty());
        *counts.entry(decision.exposure.unwrap().model).or_default() += 1;
    }
    assert_eq!(counts.len(), 1 + UNTUNED.len());
    assert!(counts["auto"].abs_diff(2400) < 150, "{counts:?}");
    assert!(counts["trending"].abs_diff(533) < 100, "{counts:?}");
}

#[test]
fn items_are_shown_as_often_as_their_propensity() {
    let impressions = shown_except(&["tea-6", "tea-5", "kitchen-5", "kitchen-6"]);
    let profile = fixture::regular();
    let draws = 60_000_u64;
    let mut seen: HashMap<(&str, usize, String), (f64, f64)> = HashMap::new();
    for n in 0..draws {
        let random = n.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x1234_5678_9abc_def1);
        let decision = decide(&profile, exploration(random, 0.5, 0.4, &impressions));
        let exposure = decision.exposure.clone().unwrap();
        for (index, item) in ids(&decision).into_iter().enumerate() {
            let entry = seen.entry((exposure.model, index, item)).or_default();
            entry.0 += 1.0;
            entry.1 = exposure.propensity(index + 1, decision.items.len());
        }
    }
    assert!(seen.len() > 50, "{}", seen.len());
    for (what, (count, propensity)) in &seen {
        let (expected, n) = (propensity * draws as f64, draws as f64);
        let spread = 5.0 * (n * propensity * (1.0 - propensity)).sqrt();
        assert!((count - expected).abs() < spread, "{what:?}: {count} for {expected} ± {spread}");
    }
}

#[test]
fn a_new_visitor_of_a_shop_without_data_sees_all_there_is() {
    let anonymous = Profile::empty(SiteId(1), VisitorId(1));
    let impressions = ImpressionCounts::default();
    let context = Context { exploration: Some(exploration(3, 0.5, 0.5, &impressions)), ..fixture::context() };
    let decisions =
        run(&anonymous, &fixture::snapshot(&[]), &crate::decide::Index::default(), &context, &["home-recs"]);
    assert_eq!(decisions[0].items.len(), 8);
}
