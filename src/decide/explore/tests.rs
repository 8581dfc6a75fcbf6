use std::collections::HashMap;

use super::*;
use crate::{
    decide::{Context, fixture, run},
    model::{Decision, Profile, SiteId, VisitorId},
};

const KNOWN_FROM: u64 = 100;

/// All items but these were seen often.
fn seen_but(hardly: &[&str]) -> Shown {
    let seen = fixture::items().into_iter().filter(|item| !hardly.contains(&&*item.id));
    seen.map(|item| (item.id, KNOWN_FROM)).collect()
}

fn exploring(dice: u64, items: f64, models: f64, shown: &Shown) -> Exploring<'_> {
    Exploring { dice, items, models, shown, known_from: KNOWN_FROM }
}

fn decide(profile: &Profile, exploring: Exploring<'_>) -> Decision {
    let context = Context { exploring: Some(exploring), ..fixture::context() };
    run(profile, &fixture::snapshot(&[]), &fixture::index(), &context, &["home-recs"]).pop().unwrap()
}

fn ids(decision: &Decision) -> Vec<String> {
    fixture::ids(decision).into_iter().map(str::to_owned).collect()
}

#[test]
fn the_same_dice_give_the_same_answer_and_slots_differ() {
    let shown = Shown::default();
    let profile = fixture::regular();
    for dice in 0..200 {
        let once = decide(&profile, exploring(dice, 0.5, 0.5, &shown));
        assert_eq!(once, decide(&profile, exploring(dice, 0.5, 0.5, &shown)));
    }
    let tries = |dice: u64, slot: &str| {
        Draw::new(Some(exploring(dice, 0.5, 0.5, &shown)), RankingStrategy::Named(Model::Auto), slot).tries_item
    };
    assert!((0..64).any(|dice| tries(dice, "a-recs") != tries(dice, "b-recs")));
}

#[test]
fn nothing_is_left_to_chance_where_nothing_may_be() {
    let shown = Shown::default();
    let profile = fixture::regular();
    let plain = run(&profile, &fixture::snapshot(&[]), &fixture::index(), &fixture::context(), &["home-recs"]);
    for dice in 0..50 {
        let decision = decide(&profile, exploring(dice, 0.0, 0.0, &shown));
        assert_eq!((ids(&decision), &decision.exposure), (ids(&plain[0]), &Some(Exposure::certain("auto"))));
    }
}

#[test]
fn a_place_is_given_to_what_is_hardly_known_and_to_nothing_else() {
    let hardly = ["tea-6", "kitchen-5"];
    let shown = seen_but(&hardly);
    let plain = ids(&decide(&fixture::regular(), exploring(0, 0.0, 0.0, &shown)));
    for dice in 0..300 {
        let decision = decide(&fixture::regular(), exploring(dice, 0.5, 0.0, &shown));
        let exposure = decision.exposure.clone().unwrap();
        let changed: Vec<usize> = (0..plain.len()).filter(|at| ids(&decision)[*at] != plain[*at]).collect();
        match exposure.explored {
            None => assert!(changed.is_empty()),
            Some(explored) => {
                assert_eq!(changed, [usize::from(explored.position) - 1]);
                let tried = fixture::ids(&decision)[changed[0]];
                assert!(hardly.contains(&tried) && !plain.contains(&tried.to_owned()), "{tried}");
            }
        }
    }
}

#[test]
fn where_everything_is_known_no_chance_is_claimed() {
    let shown = seen_but(&[]);
    for dice in 0..100 {
        let exposure = decide(&fixture::regular(), exploring(dice, 0.5, 0.0, &shown)).exposure.unwrap();
        assert_eq!((exposure.explore.to_bits(), exposure.explored), (0, None));
    }
}

#[test]
fn a_share_of_the_slots_is_divided_among_other_models() {
    let snapshot = fixture::snapshot(&[]);
    let shown = Shown::default();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for dice in 0..4000_u64 {
        let dice = dice.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let context = Context { exploring: Some(exploring(dice, 0.0, 0.4, &shown)), ..fixture::context() };
        let decision = run(&fixture::regular(), &snapshot, &fixture::index(), &context, &["home-recs"]).pop().unwrap();
        assert!(!decision.items.is_empty());
        *counts.entry(decision.exposure.unwrap().model).or_default() += 1;
    }
    assert_eq!(counts.len(), 1 + UNTUNED.len());
    assert!(counts["auto"].abs_diff(2400) < 150, "{counts:?}");
    assert!(counts["trending"].abs_diff(533) < 100, "{counts:?}");
}

#[test]
fn what_is_shown_is_shown_as_often_as_its_propensity_says() {
    let shown = seen_but(&["tea-6", "tea-5", "kitchen-5", "kitchen-6"]);
    let profile = fixture::regular();
    let throws = 60_000_u64;
    let mut seen: HashMap<(&str, usize, String), (f64, f64)> = HashMap::new();
    for throw in 0..throws {
        let dice = throw.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x1234_5678_9abc_def1);
        let decision = decide(&profile, exploring(dice, 0.5, 0.4, &shown));
        let exposure = decision.exposure.clone().unwrap();
        for (place, item) in ids(&decision).into_iter().enumerate() {
            let entry = seen.entry((exposure.model, place, item)).or_default();
            entry.0 += 1.0;
            entry.1 = exposure.propensity(place + 1, decision.items.len());
        }
    }
    assert!(seen.len() > 50, "{}", seen.len());
    for (what, (count, propensity)) in &seen {
        let (expected, n) = (propensity * throws as f64, throws as f64);
        let spread = 5.0 * (n * propensity * (1.0 - propensity)).sqrt();
        assert!((count - expected).abs() < spread, "{what:?}: {count} for {expected} ± {spread}");
    }
}

#[test]
fn a_newcomer_of_an_empty_shop_sees_what_there_is() {
    let nobody = Profile::empty(SiteId(1), VisitorId(1));
    let shown = Shown::default();
    let context = Context { exploring: Some(exploring(3, 0.5, 0.5, &shown)), ..fixture::context() };
    let decisions = run(&nobody, &fixture::snapshot(&[]), &crate::decide::Index::default(), &context, &["home-recs"]);
    assert_eq!(decisions[0].items.len(), 8);
}
