//! The law of propensities on shelves with pins, against the draw itself and the clicks of invented people.

use std::{collections::HashMap, sync::Arc};

use serde_json::json;

use super::*;
use crate::{
    catalog::{
        compile::{compile, compile_shelves},
        snapshot::{Items, SiteSnapshot},
    },
    decide::{Context, fixture, run},
    estimate::{Choice, Interval, Moments, Row, judge},
    model::{Decision, Profile},
};

/// Three of eight places are taken: the first, one amid the others, and one whose item is hardly known itself.
const PINS: [(&str, usize); 3] = [("kitchen-3", 1), ("tea-2", 4), ("kitchen-5", 6)];
const ITEMS: f64 = 0.5;
const MODELS: f64 = 0.4;

struct Shop {
    snapshot: SiteSnapshot,
    index: crate::decide::Index,
    shown: Shown,
    profile: Profile,
}

impl Shop {
    fn new() -> Self {
        let pins: Vec<_> = PINS.iter().map(|(item, position)| json!({"item": item, "position": position})).collect();
        let rules = [("home-recs".to_owned(), serde_json::from_value(json!({ "pins": pins })).unwrap())];
        let snapshot = compile(fixture::site(), Arc::new(Items::new(fixture::items())), &[]).unwrap();
        let plans = compile_shelves(&rules, &snapshot.items).unwrap();
        let hardly = ["tea-6", "tea-5", "kitchen-5", "kitchen-6"];
        let seen = fixture::items().into_iter().filter(|item| !hardly.contains(&&*item.id));
        Self {
            snapshot: snapshot.with_shelves(plans),
            index: fixture::index(),
            shown: seen.map(|item| (item.id, 100)).collect(),
            profile: fixture::regular(),
        }
    }

    fn decide(&self, throw: u64, items: f64, models: f64) -> Decision {
        let dice = throw.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x1234_5678_9abc_def1);
        let exploring = Exploring { dice, items, models, shown: &self.shown, known_from: 100 };
        let context = Context { exploring: Some(exploring), ..fixture::context() };
        run(&self.profile, &self.snapshot, &self.index, &context, &["home-recs"]).pop().unwrap()
    }
}

#[test]
fn beside_pins_too_what_is_shown_is_shown_as_often_as_its_propensity_says() {
    let shop = Shop::new();
    let throws = 60_000_u64;
    let mut seen: HashMap<(&str, usize, String), (f64, f64)> = HashMap::new();
    for throw in 0..throws {
        let decision = shop.decide(throw, ITEMS, MODELS);
        let exposure = decision.exposure.clone().unwrap();
        for (item, position) in fixture::ids(&decision).into_iter().zip(1..) {
            // What is pinned counts whoever ranked.
            let model = if exposure.is_pinned(position) { "pinned" } else { exposure.model };
            let entry = seen.entry((model, position, item.to_owned())).or_default();
            entry.0 += 1.0;
            entry.1 = exposure.propensity(position, decision.items.len());
        }
    }
    for (item, position) in PINS {
        assert_eq!(seen[&("pinned", position, item.to_owned())], (throws as f64, 1.0));
    }
    assert_eq!(seen.keys().filter(|(model, ..)| *model == "pinned").count(), PINS.len());
    let tried = seen.values().filter(|(_, propensity)| *propensity < 0.02).count();
    assert!(tried >= 20, "{tried} of {}", seen.len());
    for (what, (count, propensity)) in &seen {
        let (expected, n) = (propensity * throws as f64, throws as f64);
        let spread = 5.0 * (n * propensity * (1.0 - propensity)).sqrt();
        assert!((count - expected).abs() <= spread, "{what:?}: {count} for {expected} ± {spread}");
    }
}

/// How likely an item is clicked at a place: the truth that estimates have to find.
fn truth(item: &str, position: usize) -> f64 {
    let worth = item.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))) % 10;
    (0.05 + 0.02 * worth as f64) / (1.0 + 0.1 * position as f64)
}

/// The places that no pin fills.
fn open(decision: &Decision) -> impl Iterator<Item = (usize, &str)> {
    let exposure = decision.exposure.as_ref().unwrap();
    let places = (1..).zip(fixture::ids(decision));
    places.filter(|(position, _)| !exposure.is_pinned(*position))
}

/// What a log of so many visitors tells of the usual model alone with nothing tried: clicks a view, summed over
/// items by their propensities, and the share of clicked views, by the report's estimates.
fn estimates(shop: &Shop, dice: &mut Seed, from: u64, visitors: u64) -> (Interval, [Interval; 3]) {
    let mut models: Vec<&str> = vec!["auto"];
    let (mut clicks, mut rows) = (Moments::default(), Vec::new());
    for visitor in from..from + visitors {
        let decision = shop.decide(visitor, ITEMS, MODELS);
        let exposure = decision.exposure.as_ref().unwrap();
        let known = models.iter().position(|model| *model == exposure.model);
        let model = known.unwrap_or_else(|| (models.push(exposure.model), models.len() - 1).1);
        let (mut weighed, mut clicked) = (0.0, false);
        for (position, item) in open(&decision) {
            let tried = exposure.explored.is_some_and(|explored| usize::from(explored.position) == position);
            if dice.throw() < truth(item, position) {
                clicked = true;
                let counts = model == 0 && !tried;
                weighed += f64::from(u8::from(counts)) / exposure.propensity(position, decision.items.len());
            }
        }
        clicks.add(1.0, weighed);
        rows.push(Row {
            cluster: u128::from(visitor).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            slot: 0,
            model: u32::try_from(model).unwrap(),
            model_probability: exposure.model_probability,
            explore: exposure.explore,
            explored: exposure.explored.is_some(),
            views: 1.0,
            clicked: f64::from(u8::from(clicked)),
        });
    }
    let told = judge(&rows, &Choice { models: vec![1.0], explore: Some(0.0) }).outcome.expect("enough to tell");
    (clicks.ratio().unwrap(), [told.ips.0, told.snips.0, told.doubly_robust.0])
}

#[test]
fn beside_pins_too_intervals_hold_the_truth_as_often_as_they_say() {
    const LOGS: u64 = 120;
    const VISITORS: u64 = 1_200;
    let shop = Shop::new();
    let alone = shop.decide(0, 0.0, 0.0);
    assert_eq!((open(&alone).count(), alone.items.len()), (5, 8));
    let clicks: f64 = open(&alone).map(|(position, item)| truth(item, position)).sum();
    let clicked = 1.0 - open(&alone).map(|(position, item)| 1.0 - truth(item, position)).product::<f64>();
    let mut holds = [0.0; 4];
    let mut mean = 0.0;
    for log in 0..LOGS {
        // Not a multiple of the step of the dice: the logs would be one, shifted.
        let mut dice = Seed(log.wrapping_mul(0xd134_2543_de82_ef95));
        let (items, [ips, snips, robust]) = estimates(&shop, &mut dice, log * VISITORS, VISITORS);
        mean += items.value / LOGS as f64;
        let told = [(items, clicks), (ips, clicked), (snips, clicked), (robust, clicked)];
        for (held, (interval, truth)) in holds.iter_mut().zip(told) {
            *held += f64::from(u8::from(interval.low <= truth && truth <= interval.high)) / LOGS as f64;
        }
    }
    assert!((mean / clicks - 1.0).abs() < 0.02, "{mean} on average where {clicks} is true");
    assert!(holds.iter().all(|held| (0.89..=1.0).contains(held)), "{holds:?}");
}
