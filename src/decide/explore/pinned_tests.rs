//! Propensities in slots with pins, compared with actual draws and with clicks of simulated visitors.

use std::{collections::HashMap, sync::Arc};

use serde_json::json;

use super::*;
use crate::{
    catalog::{
        compile::{compile, compile_merchandising},
        snapshot::{Items, SiteSnapshot},
    },
    decide::{Context, ImpressionCounts, fixture, run},
    estimate::{Interval, LogRow, Moments, TargetPolicy, evaluate},
    model::{Decision, Profile},
};

/// Three of eight positions are pinned: the first, one in the middle, and one whose item is rarely shown itself.
const PINS: [(&str, usize); 3] = [("kitchen-3", 1), ("tea-2", 4), ("kitchen-5", 6)];
const ITEMS: f64 = 0.5;
const MODELS: f64 = 0.4;

struct Shop {
    snapshot: SiteSnapshot,
    index: crate::decide::Index,
    impressions: ImpressionCounts,
    profile: Profile,
}

impl Shop {
    fn new() -> Self {
        let pins: Vec<_> = PINS.iter().map(|(item, position)| json!({"item": item, "position": position})).collect();
        let rules = [("home-recs".to_owned(), serde_json::from_value(json!({ "pins": pins })).unwrap())];
        let snapshot = compile(fixture::site(), Arc::new(Items::new(fixture::items())), &[]).unwrap();
        let plans = compile_merchandising(&rules, &snapshot.items).unwrap();
        let rare = ["tea-6", "tea-5", "kitchen-5", "kitchen-6"];
        let seen = fixture::items().into_iter().filter(|item| !rare.contains(&&*item.id));
        Self {
            snapshot: snapshot.with_merchandising(plans),
            index: fixture::index(),
            impressions: seen.map(|item| (item.id, 100)).collect(),
            profile: fixture::regular(),
        }
    }

    fn decide(&self, n: u64, items: f64, models: f64) -> Decision {
        let seed = n.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x1234_5678_9abc_def1);
        let exploration = Exploration { seed, items, models, impressions: &self.impressions, known_from: 100 };
        let context = Context { exploration: Some(exploration), ..fixture::context() };
        run(&self.profile, &self.snapshot, &self.index, &context, &["home-recs"]).pop().unwrap()
    }
}

#[test]
fn with_pins_items_are_shown_as_often_as_their_propensity() {
    let shop = Shop::new();
    let draws = 60_000_u64;
    let mut seen: HashMap<(&str, usize, String), (f64, f64)> = HashMap::new();
    for n in 0..draws {
        let decision = shop.decide(n, ITEMS, MODELS);
        let exposure = decision.exposure.clone().unwrap();
        for (item, position) in fixture::ids(&decision).into_iter().zip(1..) {
            // Pinned items count for any model.
            let model = if exposure.is_pinned(position) { "pinned" } else { exposure.model };
            let entry = seen.entry((model, position, item.to_owned())).or_default();
            entry.0 += 1.0;
            entry.1 = exposure.propensity(position, decision.items.len());
        }
    }
    for (item, position) in PINS {
        assert_eq!(seen[&("pinned", position, item.to_owned())], (draws as f64, 1.0));
    }
    assert_eq!(seen.keys().filter(|(model, ..)| *model == "pinned").count(), PINS.len());
    let tried = seen.values().filter(|(_, propensity)| *propensity < 0.02).count();
    assert!(tried >= 20, "{tried} of {}", seen.len());
    for (what, (count, propensity)) in &seen {
        let (expected, n) = (propensity * draws as f64, draws as f64);
        let spread = 5.0 * (n * propensity * (1.0 - propensity)).sqrt();
        assert!((count - expected).abs() <= spread, "{what:?}: {count} for {expected} ± {spread}");
    }
}

/// True click probability of an item at a position, which estimates have to recover.
fn truth(item: &str, position: usize) -> f64 {
    let worth = item.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))) % 10;
    (0.05 + 0.02 * worth as f64) / (1.0 + 0.1 * position as f64)
}

/// The positions without a pin.
fn open(decision: &Decision) -> impl Iterator<Item = (usize, &str)> {
    let exposure = decision.exposure.as_ref().unwrap();
    let positions = (1..).zip(fixture::ids(decision));
    positions.filter(|(position, _)| !exposure.is_pinned(*position))
}

/// Estimates, from a log of `visitors`, for the default model alone without exploration: clicks per view, summed over
/// items by inverse propensity, and the share of clicked views as in the report.
fn estimates(shop: &Shop, rng: &mut Rng, from: u64, visitors: u64) -> (Interval, [Interval; 3]) {
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
            if rng.draw() < truth(item, position) {
                clicked = true;
                let counts = model == 0 && !tried;
                weighed += f64::from(u8::from(counts)) / exposure.propensity(position, decision.items.len());
            }
        }
        clicks.add(1.0, weighed);
        rows.push(LogRow {
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
    let estimates =
        evaluate(&rows, &TargetPolicy { models: vec![1.0], explore: Some(0.0) }).outcome.expect("enough data");
    (clicks.ratio().unwrap(), [estimates.ips.0, estimates.snips.0, estimates.doubly_robust.0])
}

#[test]
fn with_pins_intervals_have_their_nominal_coverage() {
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
        // Not a multiple of the generator's step: the logs would be shifted copies of one.
        let mut rng = Rng(log.wrapping_mul(0xd134_2543_de82_ef95));
        let (items, [ips, snips, robust]) = estimates(&shop, &mut rng, log * VISITORS, VISITORS);
        mean += items.value / LOGS as f64;
        let estimated = [(items, clicks), (ips, clicked), (snips, clicked), (robust, clicked)];
        for (held, (interval, truth)) in holds.iter_mut().zip(estimated) {
            *held += f64::from(u8::from(interval.low <= truth && truth <= interval.high)) / LOGS as f64;
        }
    }
    assert!((mean / clicks - 1.0).abs() < 0.02, "{mean} on average where {clicks} is true");
    assert!(holds.iter().all(|held| (0.89..=1.0).contains(held)), "{holds:?}");
}
