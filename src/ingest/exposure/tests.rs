use proptest::prelude::*;
use serde_json::{Value, json};

use super::{super::fixture, *};
use crate::{
    ingest::{Progress, Verdict, enrich::ReadingCache, run},
    model::Site,
    wire::collect,
};

const NOW: Timestamp = fixture::NOW;
const ITEMS: [&str; 3] = ["tea-1", "tea-2", "cup"];

fn exposure() -> Exposure {
    let explored = Some(Explored { position: 2, probability: 0.25 });
    Exposure { model: "auto", model_probability: 0.75, explore: 0.5, explored, pinned: 0b101 }
}

fn place(site: &Site, visitor: u128) -> Place<'static> {
    Place { site: site.id, visitor: VisitorId(visitor), slot: "home-recs" }
}

fn token(site: &Site, visitor: u128, at: Timestamp) -> String {
    fixture::SEAL.close(place(site, visitor), &exposure(), ITEMS.into_iter(), at, 9)
}

/// What is kept of an impression or click that the visitor 7 sends now.
fn kept(event: &str, change: impl FnOnce(&mut Value)) -> (Value, Vec<String>) {
    let site = fixture::site();
    let mut properties = json!({ "slot": "home-recs", "exposure": token(&site, 7, NOW), "items": ITEMS });
    change(&mut properties);
    let body = json!({ "events": [{ "type": "track", "event": event, "properties": properties }] }).to_string();
    let (limits, readings) = (crate::config::Config::defaults().ingest, ReadingCache::default());
    let batch = collect::parse(body.as_bytes()).unwrap();
    let setting = fixture::setting(&site, &limits, &readings);
    match run(&setting, &batch, &mut Progress::default(), batch.events[0]) {
        Verdict::Keep(event) => (
            serde_json::from_str(&event.exposure).unwrap_or(Value::Null),
            event.violations.iter().map(ToString::to_string).collect(),
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_model_can_be_signed() {
    let named = crate::catalog::snapshot::Model::WORDS.map(|(word, _)| word);
    let learned = crate::recommend::Model::WORDS.map(|(word, _)| word);
    for word in named.iter().chain(&learned) {
        assert!(MODELS.contains(word), "{word}: add it at the end of MODELS");
    }
}

#[test]
fn an_impression_of_what_was_decided_is_stored_with_its_draw() {
    let (stored, flaws) = kept("Slot Viewed", |_| ());
    let decision = stored["decision"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(decision > 0 && flaws.is_empty(), "{flaws:?}");
    assert_eq!(
        stored,
        json!({ "decision": decision.to_string(), "slot": "home-recs", "model": "auto", "model_probability": 0.75,
            "explore": 0.5, "explored": 2, "drawn": 0.25, "position": 0, "pinned": [1, 3] })
    );
    let (clicked, _) = kept("Slot Clicked", |p| p["position"] = json!(3));
    assert_eq!((&clicked["decision"], &clicked["position"]), (&stored["decision"], &json!(3)));
}

#[test]
fn what_is_made_up_or_moved_elsewhere_is_kept_without_a_draw_and_noted() {
    let site = fixture::site();
    let check = |what: &str, flaw: Option<ExposureIssue>, change: &dyn Fn(&mut Value)| {
        let (stored, flaws) = kept("Slot Viewed", change);
        let expected: Vec<&str> = flaw.iter().map(|flaw| flaw.as_str()).collect();
        assert_eq!((stored, flaws), (Value::Null, expected.iter().map(ToString::to_string).collect()), "{what}");
    };
    let foreign = Some(ExposureIssue::Foreign);
    check("another slot", foreign, &|p| p["slot"] = json!("cart-recs"));
    check("no slot", foreign, &|p| p["slot"] = Value::Null);
    check("another item", foreign, &|p| p["items"][1] = json!("tea-9"));
    check("another order", foreign, &|p| p["items"] = json!(["tea-2", "tea-1", "cup"]));
    check("one item less", foreign, &|p| p["items"] = json!(["tea-1", "tea-2"]));
    check("another visitor's", foreign, &|p| p["exposure"] = json!(token(&site, 8, NOW)));
    check("another key's", foreign, &|p| {
        let other = TokenSigner::new("other").close(place(&site, 7), &exposure(), ITEMS.into_iter(), NOW, 9);
        p["exposure"] = json!(other);
    });
    check("another site's", foreign, &|p| {
        let other = Place { site: SiteId(2), ..place(&site, 7) };
        p["exposure"] = json!(fixture::SEAL.close(other, &exposure(), ITEMS.into_iter(), NOW, 9));
    });
    check("no token", foreign, &|p| p["exposure"] = json!("x".repeat(10_000)));
    check("too old", Some(ExposureIssue::OutOfTime), &|p| {
        p["exposure"] = json!(token(&site, 7, NOW.plus(-LIFE_MS - 1000)))
    });
    check("not decided yet", Some(ExposureIssue::OutOfTime), &|p| {
        p["exposure"] = json!(token(&site, 7, NOW.plus(BEHIND_MS + 1000)));
    });
    check("nothing said", None, &|p| p["exposure"] = Value::Null);
    check("no items", None, &|p| p["items"] = json!([]));
    check("a slot's name without end", None, &|p| p["slot"] = json!("s".repeat(300)));
}

#[test]
fn impossible_positions_are_none_and_the_click_counts() {
    for position in [json!(0), json!(4), json!(-1), json!("x"), json!(1e300), json!(2.5)] {
        let (stored, flaws) = kept("Slot Clicked", |p| p["position"] = position.clone());
        assert_eq!((&stored["position"], &stored["model"]), (&json!(0), &json!("auto")), "{position}");
        assert_eq!(flaws, [ExposureIssue::NoSuchPosition.as_str()], "{position}");
    }
    let (stored, flaws) = kept("Slot Clicked", |_| ());
    assert_eq!((&stored["position"], flaws.len()), (&json!(0), 0), "a click beside the items has no position");
}

#[test]
fn what_was_decided_for_nobody_may_be_seen_by_somebody_but_not_the_other_way() {
    let site = fixture::site();
    let (stored, _) = kept("Slot Viewed", |p| p["exposure"] = json!(token(&site, 0, NOW)));
    assert_eq!(stored["model"], "auto");
    let own = token(&site, 7, NOW);
    assert_eq!(fixture::SEAL.open(&own, place(&site, 0), &ITEMS.into_iter()), None);
}

#[test]
fn no_character_of_a_token_can_be_changed() {
    let site = fixture::site();
    let plain = Exposure { pinned: 0, ..exposure() };
    let plain = fixture::SEAL.close(place(&site, 7), &plain, ITEMS.into_iter(), NOW, 9);
    let with_pins = token(&site, 7, NOW);
    assert_eq!((plain.len(), with_pins.len()), (47, LENGTH_MAX));
    for token in [plain, with_pins] {
        assert!(fixture::SEAL.open(&token, place(&site, 7), &ITEMS.into_iter()).is_some());
        for at in 0..token.len() {
            for other in ["A", "z", "_", "=", "é"] {
                let forged = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                if forged != token {
                    assert_eq!(fixture::SEAL.open(&forged, place(&site, 7), &ITEMS.into_iter()), None, "{forged}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn every_draw_comes_back(
        model in 0..MODELS.len(), shares in (0.0..=1.0_f64, 0.0..=0.5_f64, 0.0..=1.0_f64), position: u8,
        pinned: u64, visitor: u128, nonce: u32, second in 0..4_000_000_000_i64,
    ) {
        let explored = (position > 0).then_some(Explored { position, probability: shares.2 });
        let exposure = Exposure {
            model: MODELS[model], model_probability: shares.0, explore: shares.1, explored, pinned,
        };
        let place = Place { site: SiteId(3), visitor: VisitorId(visitor), slot: "s" };
        let at = Timestamp(second * 1000);
        let token = fixture::SEAL.close(place, &exposure, ITEMS.into_iter(), at, nonce);
        let opened = fixture::SEAL.open(&token, place, &ITEMS.into_iter()).unwrap();
        prop_assert_eq!(opened.at, at);
        prop_assert_eq!((opened.exposure.model, opened.exposure.pinned), (exposure.model, pinned));
        for places in [1, 3, 8] {
            for place in 1..=places {
                let (a, b) = (opened.exposure.propensity(place, places), exposure.propensity(place, places));
                prop_assert!((a - b).abs() < 1e-6, "{} {}", a, b);
            }
        }
    }

    #[test]
    fn no_text_is_a_token_by_chance(text in "[A-Za-z0-9_-]{47}|[A-Za-z0-9_-]{58}|.{0,60}") {
        let place = Place { site: SiteId(3), visitor: VisitorId(7), slot: "s" };
        prop_assert_eq!(fixture::SEAL.open(&text, place, &ITEMS.into_iter()), None);
    }
}
