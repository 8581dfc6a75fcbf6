//! Tests of the whole module on synthetic shops.

use std::sync::Arc;

use proptest::prelude::*;

use super::{train::Rng, *};

const MINUTE: i64 = 60_000;

/// Visits ten minutes apart, a click a minute.
fn visits(visits: &[Vec<Number>]) -> Sessions {
    let clicks = (0_u64..).zip(visits).flat_map(|(session, items)| {
        let begin = i64::try_from(session).unwrap() * 10 * MINUTE;
        (0_i64..).zip(items).map(move |(n, item)| Click { session, item: *item, at_ms: begin + n * MINUTE })
    });
    Sessions::new(clicks.collect())
}

fn list(learned: &Learned, clicks: &[Number], model: Model) -> Vec<Number> {
    let now = learned.sessions().last_ended();
    let request = RankRequest { clicks, now, k: 20, model };
    learned.rank(&request, &mut Scratch::default()).iter().map(|(_, item)| *item).collect()
}

fn bounds() -> Bounds {
    Bounds { predictions_max: 800, trial_max: 100, epochs_max: 4, ..Bounds::default() }
}

/// Visits that walk a ring of items step by step; `again` in ten clicks repeat the same item.
fn ring(count: usize, items: u32, again: usize) -> Vec<Vec<Number>> {
    let mut rng = Rng(1);
    let walk = |_| {
        let mut at = rng.below(items as usize) as Number;
        let mut visit = vec![at];
        for _ in 0..4 {
            if rng.below(10) >= again {
                at = (at + 1) % items;
            }
            visit.push(at);
        }
        visit
    };
    (0..count).map(walk).collect()
}

#[test]
fn items_that_followed_in_other_visits_come_first() {
    let (a, b, c, d) = (0, 1, 2, 3);
    let learned = Learned::new(visits(&[vec![a, b, c], vec![a, b, d], vec![b, d]]), &Arc::default());
    assert_eq!(list(&learned, &[a, b], Model::NextClick)[0], d);
    assert_eq!(list(&learned, &[a], Model::SequentialRules)[0], b);
    assert_eq!(list(&learned, &[c, a], Model::RecentlyViewed)[..2], [a, c]);
    assert_eq!(list(&learned, &[], Model::Trending)[0], b);
    assert_eq!(list(&learned, &[a, b], Model::SessionNeighbours).len(), 4);
}

#[test]
fn two_hop_finds_items_never_viewed_in_one_visit() {
    let learned = Learned::new(visits(&[vec![0, 1], vec![1, 2], vec![1, 2]]), &Arc::default());
    assert!(list(&learned, &[0], Model::TwoHop).starts_with(&[2]));
    assert!(!list(&learned, &[0], Model::TwoHop).is_empty());
}

#[test]
fn a_new_shop_and_a_visitor_without_clicks_get_a_list() {
    let nothing = Learned::new(Sessions::default(), &Arc::default());
    assert!(list(&nothing, &[], Model::Blend).is_empty());
    assert_eq!(list(&nothing, &[7], Model::Blend), [7], "the current item is the only one");
    let learned = Learned::new(visits(&[vec![3], vec![3, 1]]), &Arc::default());
    assert_eq!(list(&learned, &[], Model::Blend)[0], 3);
}

#[test]
fn the_blend_learns_a_shop_and_beats_its_parts() {
    let all = ring(1000, 60, 0);
    let tuned = tune(&visits(&all[..900]), &bounds(), &mut |share| assert!((0.0..=1.0).contains(&share)));
    assert_eq!(tuned.winner, Model::Blend);
    let (best, second) = tuned.margin();
    assert!(best.hit_rate > 0.95 && best.mrr > 0.7, "{best:?}");
    assert!(best.hit_rate + best.mrr >= second.hit_rate + second.mrr);
    let learned = Learned::new(visits(&all[..900]), &Arc::new(tuned));
    let right = all[900..].iter().filter(|visit| list(&learned, &visit[..2], Model::Blend)[0] == visit[2]).count();
    assert!(right > 80, "{right} of 100");
}

#[test]
fn the_repeat_policy_is_learned_from_the_shop() {
    let repeats = |again| {
        let tuned = tune(&visits(&ring(900, 30, again)), &bounds(), &mut |_| ());
        tuned.repeats[Model::ViewedTogether as usize]
    };
    assert_eq!(repeats(6), RepeatPolicy::Keep);
    assert_ne!(repeats(0), RepeatPolicy::Keep);
}

#[test]
fn tuning_is_deterministic() {
    let sessions = visits(&ring(900, 60, 2));
    let once = tune(&sessions, &bounds(), &mut |_| ());
    assert!(once.net.is_some());
    let twice = tune(&sessions, &bounds(), &mut |_| ());
    assert_eq!((once.net, once.settings, once.trial), (twice.net, twice.settings, twice.trial));
}

/// A newspaper: an item lives for a day, and the next click is on the next item of that day, or on any of them.
fn news(days: usize) -> Vec<Vec<Number>> {
    let mut rng = Rng(3);
    let visit = |day: usize, rng: &mut Rng| {
        let mut at = rng.below(12);
        let mut visit = vec![(day * 12 + at) as Number];
        for _ in 0..3 {
            at = if rng.below(4) > 0 { (at + 1) % 12 } else { rng.below(12) };
            visit.push((day * 12 + at) as Number);
        }
        visit
    };
    // A visit every ten minutes.
    (0..days).flat_map(|day| (0..144).map(move |_| day)).map(|day| visit(day, &mut rng)).collect()
}

#[test]
fn short_lived_items_are_evaluated_with_the_data_of_their_time() {
    let all = news(14);
    let tuned = tune(&visits(&all), &bounds(), &mut |_| ());
    // No item of the last two days existed before: without stages no model would find anything.
    let (best, second) = tuned.margin();
    assert_eq!(tuned.winner, Model::Blend);
    assert!(best.hit_rate > 0.6 && best.mrr > 0.4, "{best:?}, then {second:?}");
    assert!(tuned.trial[Model::Trending.position()].hit_rate < best.hit_rate, "{:?}", tuned.trial);
    assert!(tuned.net.is_some());
}

#[test]
fn too_short_a_history_tunes_nothing() {
    let tuned = tune(&visits(&ring(20, 10, 0)), &bounds(), &mut |_| ());
    assert!(tuned.net.is_none());
}

#[test]
fn visits_are_ordered_by_their_ends_and_long_ones_keep_their_last_clicks() {
    let mut clicks: Vec<Click> = (0..500).map(|n| Click { session: 1, item: n, at_ms: i64::from(n) }).collect();
    clicks.push(Click { session: 2, item: 7, at_ms: -5_000 });
    let sessions = Sessions::new(clicks);
    assert_eq!((sessions.len(), sessions.items(0), sessions.ended(0)), (2, &[7][..], 0));
    assert_eq!((sessions.items(1).len(), sessions.items(1)[0]), (200, 300));
    assert_eq!((sessions.catalogue(), sessions.ended(1), sessions.since_origin(-90_000)), (500, 5, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_list_is_short_sorted_and_without_duplicates(
        past in prop::collection::vec(prop::collection::vec(0_u32..40, 0..12), 0..60),
        clicks in prop::collection::vec(0_u32..60, 0..30),
        k in 0_usize..25,
        model in 0..Model::ALL.len(),
    ) {
        let learned = Learned::new(visits(&past), &Arc::default());
        let mut scratch = Scratch::default();
        let request = RankRequest { clicks: &clicks, now: learned.sessions().last_ended(), k, model: Model::ALL[model] };
        let ranked = learned.rank(&request, &mut scratch).to_vec();
        prop_assert!(ranked.len() <= k && ranked.iter().all(|(score, _)| score.is_finite()));
        prop_assert!(ranked.windows(2).all(|pair| pair[0].0 >= pair[1].0));
        let mut items: Vec<Number> = ranked.iter().map(|(_, item)| *item).collect();
        items.sort_unstable();
        items.dedup();
        prop_assert_eq!(items.len(), ranked.len());
        prop_assert_eq!(ranked, learned.rank(&request, &mut scratch).to_vec());
    }
}
