use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::fixture,
    token::{LENGTH_MAX, MODELS},
    *,
};
use crate::{
    ingest::{ParseCache, Progress, Verdict, run},
    model::{Exposure, Site, SiteId, Timestamp, VisitorId},
    wire::collect,
};

const NOW: Timestamp = fixture::NOW;
const ITEMS: [&str; 3] = ["tea-1", "tea-2", "cup"];

fn exposure() -> Exposure {
    let explored = Some(Explored { position: 2, probability: 0.25 });
    Exposure { model: "auto", model_probability: 0.75, explore: 0.5, explored, pinned: 0b101 }
}

fn slot(site: &Site, visitor: u128) -> SlotContext<'static> {
    SlotContext { site: site.id, visitor: VisitorId(visitor), slot: "home-recs" }
}

fn token(site: &Site, visitor: u128, at: Timestamp) -> String {
    fixture::TOKEN_SIGNER.sign(slot(site, visitor), &exposure(), ITEMS.into_iter(), at, 9)
}

/// The exposure and violations of an impression or click that visitor 7 sends now.
fn kept(event: &str, change: impl FnOnce(&mut Value)) -> (Value, Vec<String>) {
    let site = fixture::site();
    let mut properties = json!({ "slot": "home-recs", "exposure": token(&site, 7, NOW), "items": ITEMS });
    change(&mut properties);
    let body = json!({ "events": [{ "type": "track", "event": event, "properties": properties }] }).to_string();
    let (limits, cache) = (crate::config::Config::defaults().ingest, ParseCache::default());
    let batch = collect::parse(body.as_bytes()).unwrap();
    let request = fixture::request(&site, &limits, &cache);
    match run(&request, &batch, &mut Progress::default(), batch.events[0]) {
        Verdict::Keep(event) => (
            serde_json::from_str(&event.exposure).unwrap_or(Value::Null),
            event.violations.iter().map(ToString::to_string).collect(),
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_model_can_be_signed() {
    let of_offers = crate::catalog::snapshot::Model::NAMES.map(|(name, _)| name);
    let learned = crate::recommend::Model::ALL.iter().map(|model| model.as_str());
    for name in of_offers.into_iter().chain(learned) {
        assert!(MODELS.contains(&name), "{name}: add it at the end of MODELS");
    }
}

#[test]
fn an_impression_with_a_valid_token_is_stored_with_its_exposure() {
    let (stored, issues) = kept("Slot Viewed", |_| ());
    let decision = stored["decision"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(decision > 0 && issues.is_empty(), "{issues:?}");
    assert_eq!(
        stored,
        json!({ "decision": decision.to_string(), "slot": "home-recs", "model": "auto", "model_probability": 0.75,
            "explore": 0.5, "explored": 2, "drawn": 0.25, "position": 0, "pinned": [1, 3] })
    );
    let (clicked, _) = kept("Slot Clicked", |p| p["position"] = json!(3));
    assert_eq!((&clicked["decision"], &clicked["position"]), (&stored["decision"], &json!(3)));
}

#[test]
fn an_invalid_token_is_a_violation_and_the_event_is_kept_without_an_exposure() {
    let site = fixture::site();
    let check = |what: &str, issue: Option<ExposureIssue>, change: &dyn Fn(&mut Value)| {
        let (stored, issues) = kept("Slot Viewed", change);
        let expected: Vec<&str> = issue.iter().map(|issue| issue.as_str()).collect();
        assert_eq!((stored, issues), (Value::Null, expected.iter().map(ToString::to_string).collect()), "{what}");
    };
    let foreign = Some(ExposureIssue::Foreign);
    check("another slot", foreign, &|p| p["slot"] = json!("cart-recs"));
    check("no slot", foreign, &|p| p["slot"] = Value::Null);
    check("another item", foreign, &|p| p["items"][1] = json!("tea-9"));
    check("another order", foreign, &|p| p["items"] = json!(["tea-2", "tea-1", "cup"]));
    check("one item less", foreign, &|p| p["items"] = json!(["tea-1", "tea-2"]));
    check("another visitor's", foreign, &|p| p["exposure"] = json!(token(&site, 8, NOW)));
    check("another key's", foreign, &|p| {
        let other = TokenSigner::new("other").sign(slot(&site, 7), &exposure(), ITEMS.into_iter(), NOW, 9);
        p["exposure"] = json!(other);
    });
    check("another site's", foreign, &|p| {
        let other = SlotContext { site: SiteId(2), ..slot(&site, 7) };
        p["exposure"] = json!(fixture::TOKEN_SIGNER.sign(other, &exposure(), ITEMS.into_iter(), NOW, 9));
    });
    check("no token", foreign, &|p| p["exposure"] = json!("x".repeat(10_000)));
    check("too old", Some(ExposureIssue::OutOfTime), &|p| {
        p["exposure"] = json!(token(&site, 7, NOW.plus(-LIFE_MS - 1000)));
    });
    check("not decided yet", Some(ExposureIssue::OutOfTime), &|p| {
        p["exposure"] = json!(token(&site, 7, NOW.plus(BEHIND_MS + 1000)));
    });
    check("no exposure", None, &|p| p["exposure"] = Value::Null);
    check("no items", None, &|p| p["items"] = json!([]));
    check("a very long slot name", None, &|p| p["slot"] = json!("s".repeat(300)));
}

#[test]
fn invalid_positions_are_ignored_and_the_click_counts() {
    for position in [json!(0), json!(4), json!(-1), json!("x"), json!(1e300), json!(2.5)] {
        let (stored, issues) = kept("Slot Clicked", |p| p["position"] = position.clone());
        assert_eq!((&stored["position"], &stored["model"]), (&json!(0), &json!("auto")), "{position}");
        assert_eq!(issues, [ExposureIssue::NoSuchPosition.as_str()], "{position}");
    }
    let (stored, issues) = kept("Slot Clicked", |_| ());
    assert_eq!((&stored["position"], issues.len()), (&json!(0), 0), "a click outside of the items has no position");
}

#[test]
fn a_token_for_an_anonymous_visitor_is_valid_for_an_identified_one_but_not_vice_versa() {
    let site = fixture::site();
    let (stored, _) = kept("Slot Viewed", |p| p["exposure"] = json!(token(&site, 0, NOW)));
    assert_eq!(stored["model"], "auto");
    let own = token(&site, 7, NOW);
    assert_eq!(fixture::TOKEN_SIGNER.verify(&own, slot(&site, 0), &ITEMS.into_iter()), None);
}

#[test]
fn no_character_of_a_token_can_be_changed() {
    let site = fixture::site();
    let plain = Exposure { pinned: 0, ..exposure() };
    let plain = fixture::TOKEN_SIGNER.sign(slot(&site, 7), &plain, ITEMS.into_iter(), NOW, 9);
    let with_pins = token(&site, 7, NOW);
    assert_eq!((plain.len(), with_pins.len()), (47, LENGTH_MAX));
    for token in [plain, with_pins] {
        assert!(fixture::TOKEN_SIGNER.verify(&token, slot(&site, 7), &ITEMS.into_iter()).is_some());
        for at in 0..token.len() {
            for other in ["A", "z", "_", "=", "é"] {
                let forged = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                if forged != token {
                    assert_eq!(
                        fixture::TOKEN_SIGNER.verify(&forged, slot(&site, 7), &ITEMS.into_iter()),
                        None,
                        "{forged}"
                    );
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn every_exposure_survives_the_token(
        model in 0..MODELS.len(), shares in (0.0..=1.0_f64, 0.0..=0.5_f64, 0.0..=1.0_f64), position: u8,
        pinned: u64, visitor: u128, nonce: u32, second in 0..4_000_000_000_i64,
    ) {
        let explored = (position > 0).then_some(Explored { position, probability: shares.2 });
        let exposure = Exposure {
            model: MODELS[model], model_probability: shares.0, explore: shares.1, explored, pinned,
        };
        let slot = SlotContext { site: SiteId(3), visitor: VisitorId(visitor), slot: "s" };
        let at = Timestamp(second * 1000);
        let token = fixture::TOKEN_SIGNER.sign(slot, &exposure, ITEMS.into_iter(), at, nonce);
        let verified = fixture::TOKEN_SIGNER.verify(&token, slot, &ITEMS.into_iter()).unwrap();
        prop_assert_eq!(verified.at, at);
        prop_assert_eq!((verified.exposure.model, verified.exposure.pinned), (exposure.model, pinned));
        for positions in [1, 3, 8] {
            for position in 1..=positions {
                let (a, b) = (verified.exposure.propensity(position, positions), exposure.propensity(position, positions));
                prop_assert!((a - b).abs() < 1e-6, "{} {}", a, b);
            }
        }
    }

    #[test]
    fn arbitrary_text_is_not_a_token(text in "[A-Za-z0-9_-]{47}|[A-Za-z0-9_-]{58}|.{0,60}") {
        let slot = SlotContext { site: SiteId(3), visitor: VisitorId(7), slot: "s" };
        prop_assert_eq!(fixture::TOKEN_SIGNER.verify(&text, slot, &ITEMS.into_iter()), None);
    }
}
