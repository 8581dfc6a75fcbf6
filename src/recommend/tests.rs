//! The room as a whole, on invented shops.

use proptest::prelude::*;

use super::{train::Rng, *};

const MINUTE: i64 = 60_000;

/// Visits one after the other, ten minutes apart, a click a minute.
fn visits(visits: &[Vec<Number>]) -> Sessions {
    let clicks = (0_u64..).zip(visits).flat_map(|(session, items)| {
        let begin = i64::try_from(session).unwrap() * 10 * MINUTE;
        (0_i64..).zip(items).map(move |(n, item)| Click { session, item: *item, at_ms: begin + n * MINUTE })
    });
    Sessions::new(clicks.collect())
}

fn list(learned: &Learned, clicks: &[Number], model: Model) -> Vec<Number> {
    let now = learned.sessions().last_ended();
    let ask = Ask { clicks, now, k: 20, model };
    learned.rank(&ask, &mut Scratch::default()).iter().map(|(_, item)| *item).collect()
}

fn bounds() -> Bounds {
    Bounds { predictions_max: 800, trial_max: 100, passes_max: 4, ..Bounds::default() }
}

/// Visits that walk a ring of items, step after step; `again` in ten clicks look at the same item again.
fn ring(count: usize, items: u32, again: usize) -> Vec<Vec<Number>> {
    let mut dice = Rng(1);
    let walk = |_| {
        let mut at = dice.below(items as usize) as Number;
        let mut visit = vec![at];
        for _ in 0..4 {
            if dice.below(10) >= again {
                at = (at + 1) % items;
            }
            visit.push(at);
        }
        visit
    };
    (0..count).map(walk).collect()
}

#[test]
fn what_followed_in_other_visits_is_told_first() {
    let (a, b, c, d) = (0, 1, 2, 3);
    let learned = Learned::new(visits(&[vec![a, b, c], vec![a, b, d], vec![b, d]]), &Arc::default());
    assert_eq!(list(&learned, &[a, b], Model::NextClick)[0], d);
    assert_eq!(list(&learned, &[a], Model::SequentialRules)[0], b);
    assert_eq!(list(&learned, &[c, a], Model::RecentlyViewed)[..2], [a, c]);
    assert_eq!(list(&learned, &[], Model::Trending)[0], b);
    assert_eq!(list(&learned, &[a, b], Model::SessionNeighbours).len(), 4);
}

#[test]
fn two_steps_lead_to_what_nobody_saw_in_one_visit() {
    let learned = Learned::new(visits(&[vec![0, 1], vec![1, 2], vec![1, 2]]), &Arc::default());
    assert!(list(&learned, &[0], Model::TwoHop).starts_with(&[2]));
    assert!(!list(&learned, &[0], Model::TwoHop).is_empty());
}

#[test]
fn a_new_shop_and_a_visitor_without_clicks_get_an_answer() {
    let nothing = Learned::new(Sessions::default(), &Arc::default());
    assert!(list(&nothing, &[], Model::Blend).is_empty());
    assert_eq!(list(&nothing, &[7], Model::Blend), [7], "what is looked at now is all there is");
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
fn whether_items_are_shown_again_is_learned_from_the_shop() {
    let returns = |again| {
        let tuned = tune(&visits(&ring(900, 30, again)), &bounds(), &mut |_| ());
        tuned.returns[Model::ViewedTogether as usize]
    };
    assert_eq!(returns(6), Returns::Keep);
    assert_ne!(returns(0), Returns::Keep);
}

#[test]
fn tuning_twice_gives_the_same() {
    let sessions = visits(&ring(900, 60, 2));
    let once = tune(&sessions, &bounds(), &mut |_| ());
    assert!(once.net.is_some());
    let twice = tune(&sessions, &bounds(), &mut |_| ());
    assert_eq!((once.net, once.settings, once.trial), (twice.net, twice.settings, twice.trial));
}

/// A newspaper: an item lives for a day, and the next one is the one after it that day, or any of them.
fn news(days: usize) -> Vec<Vec<Number>> {
    let mut dice = Rng(3);
    let visit = |day: usize, dice: &mut Rng| {
        let mut at = dice.below(12);
        let mut visit = vec![(day * 12 + at) as Number];
        for _ in 0..3 {
            at = if dice.below(4) > 0 { (at + 1) % 12 } else { dice.below(12) };
            visit.push((day * 12 + at) as Number);
        }
        visit
    };
    // A visit every ten minutes.
    (0..days).flat_map(|day| (0..144).map(move |_| day)).map(|day| visit(day, &mut dice)).collect()
}

#[test]
fn where_items_live_for_a_day_the_trial_knows_what_was_known_then() {
    let all = news(14);
    let tuned = tune(&visits(&all), &bounds(), &mut |_| ());
    // Nothing of the last two days was there before: without them no model would find anything.
    let (best, second) = tuned.margin();
    assert_eq!(tuned.winner, Model::Blend);
    assert!(best.hit_rate > 0.6 && best.mrr > 0.4, "{best:?}, then {second:?}");
    assert!(tuned.trial[Model::Trending.place()].hit_rate < best.hit_rate, "{:?}", tuned.trial);
    assert!(tuned.net.is_some());
}

#[test]
fn too_short_a_past_tunes_nothing() {
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
    fn every_answer_is_a_short_list_of_different_items_best_first(
        past in prop::collection::vec(prop::collection::vec(0_u32..40, 0..12), 0..60),
        clicks in prop::collection::vec(0_u32..60, 0..30),
        k in 0_usize..25,
        model in 0..Model::WORDS.len(),
    ) {
        let learned = Learned::new(visits(&past), &Arc::default());
        let mut scratch = Scratch::default();
        let ask = Ask { clicks: &clicks, now: learned.sessions().last_ended(), k, model: Model::WORDS[model].1 };
        let ranked = learned.rank(&ask, &mut scratch).to_vec();
        prop_assert!(ranked.len() <= k && ranked.iter().all(|(score, _)| score.is_finite()));
        prop_assert!(ranked.windows(2).all(|pair| pair[0].0 >= pair[1].0));
        let mut items: Vec<Number> = ranked.iter().map(|(_, item)| *item).collect();
        items.sort_unstable();
        items.dedup();
        prop_assert_eq!(items.len(), ranked.len());
        prop_assert_eq!(ranked, learned.rank(&ask, &mut scratch).to_vec());
    }
}
