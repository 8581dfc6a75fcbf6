//! Which offer is chosen, and why the others are not.

use std::{collections::HashMap, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Context, Index, OfferState, Skip, fixture, run};
use crate::{
    catalog::snapshot::SiteSnapshot,
    model::{
        Currency, Decision, PastEvent, Position, Profile, Reason, SiteId, SlotMode, SlotSettings, Timestamp, VisitorId,
    },
};

const HOUR_MS: i64 = 3_600_000;

fn offer(id: &str, more: &Value) -> Value {
    let mut offer = json!({ "id": id, "slot": "hero", "content": { "title": id } });
    offer.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    offer
}

fn state(unit: &str) -> OfferState<'_> {
    OfferState { unit: Some(unit), may_get_coupons: true, ..OfferState::UNRECOGNIZED }
}

/// A profile that saw offers so many milliseconds ago.
fn saw(views: &[(&str, i64)]) -> Profile {
    let mut profile = Profile::empty(SiteId(1), VisitorId(7));
    for ((offer, ago), position) in views.iter().zip(1..) {
        profile.history.add(PastEvent {
            at: fixture::NOW.plus(-ago),
            position: Position(position),
            name: "Slot Viewed".into(),
            order: None,
            values: Some([("offer".into(), Value::from(*offer))].into()),
            currency: Currency::NONE,
        });
    }
    profile
}

fn decide(snapshot: &SiteSnapshot, profile: &Profile, offers: OfferState<'_>, slots: &[&str]) -> Vec<Decision> {
    let context = Context { offers, explain: true, ..fixture::context() };
    run(profile, snapshot, &Index::default(), &context, slots)
}

fn chosen(snapshot: &SiteSnapshot, profile: &Profile, offers: OfferState<'_>) -> Option<String> {
    decide(snapshot, profile, offers, &["hero"]).pop().and_then(|decision| decision.offer)
}

#[test]
fn each_other_offer_is_explained() {
    let refused = [("sold-out".into(), Skip::NoCoupon)];
    let snapshot = fixture::snapshot(&[
        offer("draft", &json!({"status": "draft", "priority": 9})),
        offer("paused", &json!({"enabled": false, "priority": 9})),
        offer("night", &json!({"priority": 8, "schedule": {"timezone": "UTC", "from": "01:00", "to": "02:00"}})),
        offer("gold", &json!({"priority": 7, "when": {"field": "trait.plan", "op": "eq", "value": "gold"}})),
        offer("capped", &json!({"priority": 6, "caps": [{"count": 1, "per": "day"}]})),
        offer("sold-out", &json!({"priority": 5, "coupons": true})),
        offer("winner", &json!({"priority": 4})),
        offer("next", &json!({"priority": 3})),
    ]);
    let offers = OfferState { refused: &refused, ..state("visitor:1") };
    let decision = decide(&snapshot, &saw(&[("capped", HOUR_MS)]), offers, &["hero"]).pop().unwrap();
    assert_eq!((decision.offer.as_deref(), decision.reason), (Some("winner"), Reason::Offer));
    for line in [
        "offer `draft` skipped: it is draft",
        "offer `paused` skipped: it is paused",
        "offer `night` skipped: not running now",
        "offer `gold` skipped: its condition does not hold",
        "offer `capped` skipped: its frequency cap is reached (day)",
        "offer `sold-out` skipped: no coupon is left",
        "offer `winner` (priority 4) matches: everyone",
        "offer `next` skipped: another offer comes first",
    ] {
        assert!(decision.explanation.iter().any(|known| known == line), "{line}: {:?}", decision.explanation);
    }
}

#[test]
fn caps_count_what_was_seen_and_what_is_reserved() {
    let check = |caps: Value, views: &[(&str, i64)], reserved: &[i64], expected: bool| {
        let snapshot = fixture::snapshot(&[offer("o", &json!({ "caps": caps }))]);
        let reserved: Vec<_> = reserved.iter().map(|ago| ("o".into(), fixture::NOW.plus(-ago))).collect();
        let offers = OfferState { reserved: &reserved, ..state("visitor:1") };
        assert_eq!(chosen(&snapshot, &saw(views), offers).is_some(), expected, "{caps} {views:?} {reserved:?}");
    };
    let day = |count: u32| json!([{ "count": count, "per": "day" }]);
    check(day(2), &[], &[], true);
    check(day(2), &[("o", 1)], &[], true);
    check(day(2), &[("o", 1), ("o", 24 * HOUR_MS - 1)], &[], false);
    check(day(2), &[("o", 1), ("o", 24 * HOUR_MS)], &[], true);
    check(day(2), &[("o", 1), ("other", 1)], &[], true);
    check(day(2), &[("o", 1)], &[1], false);
    check(day(1), &[], &[1], false);
    let both = json!([{ "count": 1, "per": "hour" }, { "count": 3, "per": "ever" }]);
    check(both.clone(), &[("o", HOUR_MS), ("o", 90 * 24 * HOUR_MS)], &[], true);
    check(both.clone(), &[("o", HOUR_MS - 1)], &[], false);
    check(both, &[("o", HOUR_MS), ("o", 2 * HOUR_MS), ("o", 900 * 24 * HOUR_MS)], &[], false);
    // Without the stored past nothing is certain.
    let snapshot = fixture::snapshot(&[offer("o", &json!({ "caps": day(1) }))]);
    let unknown = OfferState { history_is_complete: false, ..state("visitor:1") };
    assert_eq!(chosen(&snapshot, &saw(&[]), unknown), None);
}

#[test]
fn visitors_who_are_not_recognized_get_unlimited_offers_only() {
    for limited in [
        json!({"caps": [{"count": 1, "per": "day"}]}),
        json!({"budget": {"impressions": 5}}),
        json!({"coupons": true}),
        json!({"control_percent": 10}),
    ] {
        let mut snapshot = fixture::snapshot(&[offer("limited", &limited), offer("plain", &json!({"priority": -1}))]);
        assert_eq!(chosen(&snapshot, &saw(&[]), OfferState::UNRECOGNIZED).as_deref(), Some("plain"), "{limited}");
        let fallback = json!({"title": "Hello"}).as_object().cloned();
        let settings = SlotSettings { mode: None, fallback };
        snapshot = fixture::snapshot(&[offer("limited", &limited)]);
        snapshot.slots = Arc::new(HashMap::from([("hero".into(), settings)]));
        let decision = decide(&snapshot, &saw(&[]), OfferState::UNRECOGNIZED, &["hero"]).pop().unwrap();
        assert_eq!((decision.offer, decision.reason), (None, Reason::Fallback));
        assert_eq!(decision.content["title"], "Hello");
    }
    let snapshot = fixture::snapshot(&[offer("coupon", &json!({"coupons": true}))]);
    assert_eq!(chosen(&snapshot, &saw(&[]), OfferState { may_get_coupons: false, ..state("visitor:1") }), None);
}

#[test]
fn a_page_shows_one_offer_of_an_exclusion_group() {
    let in_group = |id: &str, slot: &str| json!({ "id": id, "slot": slot, "exclusion_group": "sale" });
    let other = json!({ "id": "c", "slot": "b", "priority": -1 });
    let snapshot = fixture::snapshot(&[in_group("a", "a"), in_group("b", "b"), other]);
    let shown = |slots: &[&str]| -> Vec<_> {
        decide(&snapshot, &saw(&[]), state("visitor:1"), slots).into_iter().filter_map(|d| d.offer).collect()
    };
    assert_eq!(shown(&["a", "b"]), ["a", "c"]);
    assert_eq!(shown(&["b", "a"]), ["b"]);
}

#[test]
fn a_slot_shows_what_its_mode_says() {
    let mut snapshot = fixture::snapshot(&[json!({ "id": "o", "slot": "home-recs" })]);
    let shown = |snapshot: &SiteSnapshot| {
        let context = Context { offers: state("visitor:1"), ..fixture::context() };
        let decision = run(&saw(&[]), snapshot, &fixture::index(), &context, &["home-recs"]).pop();
        decision.map(|decision| (decision.offer.is_some(), !decision.items.is_empty()))
    };
    assert_eq!(shown(&snapshot), Some((true, false)));
    let mut set = |mode| {
        let settings = SlotSettings { mode: Some(mode), fallback: None };
        snapshot.slots = Arc::new(HashMap::from([("home-recs".into(), settings)]));
        shown(&snapshot)
    };
    assert_eq!(set(SlotMode::Recommendations), Some((false, true)));
    assert_eq!(set(SlotMode::Offers), Some((true, false)));
    let mut other = fixture::snapshot(&[]);
    let settings = SlotSettings { mode: Some(SlotMode::Offers), fallback: None };
    other.slots = Arc::new(HashMap::from([("home-recs".into(), settings)]));
    assert_eq!(shown(&other), None);
}

#[test]
fn weights_are_shares_of_people() {
    let weighted = |id: &str, weight: f64| offer(id, &json!({ "weight": weight }));
    let snapshot = fixture::snapshot(&[weighted("a", 1.0), weighted("b", 3.0), offer("c", &json!({"priority": -1}))]);
    let people = 4000;
    let choices: Vec<_> =
        (0..people).map(|n| chosen(&snapshot, &saw(&[]), state(&format!("visitor:{n}"))).unwrap()).collect();
    let of_b = choices.iter().filter(|id| *id == "b").count() as f64 / f64::from(people);
    // Four standard errors around 0.75.
    assert!((0.722..=0.778).contains(&of_b), "{of_b}");
    // An offer that joins moves people only to itself.
    let more = fixture::snapshot(&[weighted("a", 1.0), weighted("b", 3.0), weighted("d", 4.0)]);
    for (n, before) in choices.iter().enumerate() {
        let now = chosen(&more, &saw(&[]), state(&format!("visitor:{n}"))).unwrap();
        assert!(now == *before || now == "d", "{before} {now}");
    }
    assert!(choices.iter().all(|id| id != "c"));
}

fn with_control(percent: f64, holdout_bp: u16) -> SiteSnapshot {
    let snapshot = fixture::snapshot(&[offer("o", &json!({ "control_percent": percent }))]);
    SiteSnapshot { site: Arc::new(crate::model::Site { holdout_bp, ..fixture::site() }), ..snapshot }
}

#[test]
fn control_groups_are_as_large_as_they_should_be_and_independent() {
    let snapshot = with_control(20.0, 1000);
    let (mut control, mut holdout, people) = (0, 0, 8000);
    for n in 0..people {
        let decision = decide(&snapshot, &saw(&[]), state(&format!("visitor:{n}")), &["hero"]).pop().unwrap();
        assert_eq!(decision.offer.as_deref(), Some("o"));
        match (decision.reason, decision.variant.as_deref()) {
            (Reason::Control, Some("holdout")) => holdout += 1,
            (Reason::Control, None) => control += 1,
            (Reason::Offer, None) => assert_eq!(decision.content["title"], "o"),
            other => panic!("{other:?}"),
        }
        assert!(decision.reason == Reason::Offer || decision.content.is_empty());
    }
    // Four standard errors around 10 % and 20 % of the other 90 %.
    assert!((693..=907).contains(&holdout), "{holdout}");
    assert!((1301..=1579).contains(&control), "{control}");
}

proptest! {
    /// Whoever asks, whenever: a person stays in the group, and a larger control group contains the smaller one.
    #[test]
    fn a_person_stays_in_the_group(n in any::<u64>(), percent in 1.0_f64..99.0, more in 0.0_f64..50.0, later in 0_i64..1_000_000_000) {
        let unit = format!("user:{n}");
        let reason = |percent: f64, now: Timestamp| {
            let context = Context { offers: state(&unit), now, ..fixture::context() };
            let snapshot = with_control(percent, 0);
            run(&saw(&[]), &snapshot, &Index::default(), &context, &["hero"]).pop().unwrap().reason
        };
        let first = reason(percent, fixture::NOW);
        prop_assert_eq!(first, reason(percent, fixture::NOW.plus(later)));
        if first == Reason::Control {
            prop_assert_eq!(reason((percent + more).min(100.0), fixture::NOW), Reason::Control);
        }
    }
}
