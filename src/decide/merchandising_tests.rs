//! Tests of each merchandising rule.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Context, fixture, run};
use crate::{
    catalog::{
        compile::{compile, compile_merchandising},
        snapshot::{Items, SiteSnapshot},
    },
    model::{Decision, Item, Profile, SiteId, Timestamp, VisitorId, profile::Ignored},
};

/// The fixture's shop with rules for `x-recs`, and changed items.
fn shop(rules: &Value, change: impl Fn(&mut Item)) -> SiteSnapshot {
    let mut items = fixture::items();
    items.iter_mut().for_each(change);
    let snapshot = compile(fixture::site(), Arc::new(Items::new(items)), &[]).unwrap();
    let rules = [("x-recs".to_owned(), serde_json::from_value(rules.clone()).unwrap())];
    let plans = compile_merchandising(&rules, &snapshot.items).unwrap();
    snapshot.with_merchandising(plans)
}

fn decide(snapshot: &SiteSnapshot, profile: &Profile, context: &Context<'_>) -> Option<Decision> {
    run(profile, snapshot, &fixture::index(), context, &["x-recs"]).pop()
}

fn ids(decision: Option<&Decision>) -> Vec<&'static str> {
    decision.map(fixture::ids).unwrap_or_default()
}

fn anonymous() -> Profile {
    Profile::empty(SiteId(1), VisitorId(1))
}

#[test]
fn filters_and_exclusions_leave_items_out_with_a_reason() {
    let tea = json!({"only": {"field": "category", "op": "eq", "value": "tea"}, "exclude": {"items": ["tea-2"]}});
    let context = Context { explain: true, ..fixture::context() };
    let decision = decide(&shop(&tea, |_| {}), &anonymous(), &context).unwrap();
    assert_eq!(ids(Some(&decision)), ["tea-1", "tea-3", "tea-4", "tea-5", "tea-6"]);
    let left_out = &decision.slot_explanation.as_ref().unwrap().left_out;
    let because = |id: &str| left_out.iter().find(|left| &*left.id == id).map(|left| left.because.clone());
    assert_eq!(because("gone-1").unwrap(), "not available");
    assert_eq!(because("coffee-1").unwrap(), "rule: only category is “tea” (x-recs)");
    assert_eq!(because("tea-2").unwrap(), "rule: an excluded item (x-recs)");
}

#[test]
fn a_pin_has_its_position_unless_it_is_unavailable() {
    let pins = json!({"pins": [{"item": "kitchen-6", "position": 1}, {"item": "gone-1", "position": 2},
                               {"item": "tea-6", "position": 3}]});
    let context = Context { explain: true, ..fixture::context() };
    let decision = decide(&shop(&pins, |_| {}), &anonymous(), &context).unwrap();
    let shown = ids(Some(&decision));
    assert_eq!((shown[0], shown[2], shown.len()), ("kitchen-6", "tea-6", 8));
    assert_eq!((decision.items[0].why.as_str(), decision.items[1].why.as_str()), ("pinned", "trending"));
    assert!(!shown.contains(&"gone-1"));
}

#[test]
fn a_boost_changes_the_order_and_is_explained() {
    let boost = json!({"boosts": [{"when": {"field": "category", "op": "eq", "value": "Kitchen"}, "percent": 300}]});
    let context = Context { explain: true, ..fixture::context() };
    let plain = decide(&shop(&json!({}), |_| {}), &anonymous(), &context).unwrap();
    let boosted = decide(&shop(&boost, |_| {}), &anonymous(), &context).unwrap();
    assert_eq!((ids(Some(&plain))[0], ids(Some(&boosted))[0]), ("coffee-1", "kitchen-1"));
    let why = &boosted.slot_explanation.as_ref().unwrap().items[0];
    assert_eq!(why.rules, ["boost: 300% for category is “kitchen” (x-recs)"]);
    assert!((boosted.items[0].score / why.model_score - 3.0).abs() < 0.01);
}

#[test]
fn bought_items_are_shown_if_the_rules_allow_it() {
    let visitor = fixture::regular();
    let again = json!({"hide_bought": false, "only": {"field": "category", "op": "eq", "value": "Kitchen"}});
    assert!(ids(decide(&shop(&again, |_| {}), &visitor, &fixture::context()).as_ref()).contains(&"kitchen-1"));
    let not = json!({"only": {"field": "category", "op": "eq", "value": "Kitchen"}});
    assert!(!ids(decide(&shop(&not, |_| {}), &visitor, &fixture::context()).as_ref()).contains(&"kitchen-1"));
}

#[test]
fn the_language_is_that_of_the_page_or_of_its_item() {
    let persian = |item: &mut Item| item.language = if item.id.ends_with('1') { "fa" } else { "en" }.into();
    let snapshot = shop(&json!({"same_language": true}), persian);
    let of_page = Context { language: "fa-IR", ..fixture::context() };
    let check = |context: &Context<'_>, expected: &[&str]| {
        let decision = decide(&snapshot, &anonymous(), context);
        let mut shown = ids(decision.as_ref());
        shown.sort_unstable();
        assert_eq!(shown, expected);
    };
    check(&of_page, &["coffee-1", "kitchen-1", "tea-1"]);
    check(&Context { item: "tea-1", ..fixture::context() }, &["coffee-1", "kitchen-1"]);
}

#[test]
fn the_price_band_is_relative_to_the_item_of_the_page() {
    let priced = |item: &mut Item| item.price_minor = 500 * i64::from(item.id.as_bytes().last().unwrap() - b'0');
    let snapshot = shop(&json!({"price_band": {"from_percent": 100, "to_percent": 134}}), priced);
    let context = Context { item: "tea-3", ..fixture::context() };
    let decision = decide(&snapshot, &anonymous(), &context);
    // 1500 to 2010.
    let mut shown = ids(decision.as_ref());
    shown.sort_unstable();
    assert_eq!(shown, ["coffee-3", "coffee-4", "kitchen-3", "kitchen-4", "tea-4"]);
    assert_eq!(ids(decide(&snapshot, &anonymous(), &fixture::context()).as_ref()).len(), 8, "a page without an item");
}

#[test]
fn diversity_limits_items_even_if_the_slot_stays_short() {
    let two = json!({"diversity": {"by": "category", "at_most": 2}});
    let decision = decide(&shop(&two, |_| {}), &anonymous(), &fixture::context());
    let shown = ids(decision.as_ref());
    assert_eq!(shown.len(), 6, "{shown:?}");
    for category in ["coffee", "tea", "kitchen"] {
        assert_eq!(shown.iter().filter(|id| id.starts_with(category)).count(), 2);
    }
}

#[test]
fn freshness_boosts_new_items_and_excludes_old_ones() {
    let day = 86_400_000;
    let aged = |item: &mut Item| {
        item.added_at = fixture::NOW.plus(if &*item.id == "kitchen-6" { 0 } else { -40 * day });
    };
    let lifted = json!({"freshness": {"lift_percent": 900, "half_life_days": 5}});
    assert_eq!(ids(decide(&shop(&lifted, aged), &anonymous(), &fixture::context()).as_ref())[0], "kitchen-6");
    let young = json!({"freshness": {"max_age_days": 30}});
    assert_eq!(ids(decide(&shop(&young, aged), &anonymous(), &fixture::context()).as_ref()), ["kitchen-6"]);
}

#[test]
fn an_ignored_item_is_hidden_for_a_time() {
    let ignored = |impressions, hours_ago: i64| {
        let item = "coffee-1".into();
        Ignored { item, impressions, last: Timestamp(fixture::NOW.0 - hours_ago * 3_600_000) }
    };
    let snapshot = shop(&json!({"fatigue": {"shown_max": 3, "rest_hours": 24}}), |_| {});
    let check = |ignored: Ignored, expected: bool| {
        let visitor = Profile { ignored: [ignored].into(), ..anonymous() };
        let shown = decide(&snapshot, &visitor, &fixture::context());
        assert_eq!(ids(shown.as_ref()).contains(&"coffee-1"), expected);
    };
    check(ignored(2, 1), true);
    check(ignored(3, 1), false);
    check(ignored(9, 23), false);
    check(ignored(9, 24), true);
}

#[test]
fn the_rules_of_another_slot_do_not_matter() {
    let nothing = json!({"exclude": {"categories": ["Coffee", "Tea", "Kitchen"]}});
    let snapshot = shop(&nothing, |_| {});
    assert!(decide(&snapshot, &anonymous(), &fixture::context()).is_none());
    let other = run(&anonymous(), &snapshot, &fixture::index(), &fixture::context(), &["y-recs"]);
    assert_eq!(other[0].items.len(), 8);
}
