//! Impressions and clicks from the decision to the warehouse: draws, propensities, exploration, preview.

use ashna::{config::Config, control::Scope};
use serde_json::{Value, json};

use crate::support::{app::TestApp, client::TestVisitor};

/// A shop of twelve items with much exploration.
async fn shop(change: impl FnOnce(&mut Config)) -> TestApp {
    let app = TestApp::with(|config| {
        (config.decide.explore_items, config.decide.explore_models) = (0.5, 0.4);
        change(config);
    })
    .await;
    let items: Vec<Value> =
        (1..=12).map(|n| json!({ "id": format!("p-{n}"), "title": "T", "categories": ["Coffee"] })).collect();
    let answer = app.with_key(Scope::Admin).await.post(&app.path("items"), json!(items)).await;
    assert_eq!(answer.json()["upserted"], 12, "{}", answer.text);
    app
}

/// The properties that the tracker sends for a slot.
fn facts(decision: &Value) -> Value {
    let ids: Vec<&Value> = decision["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    json!({ "slot": "home-recs", "exposure": decision["exposure"], "items": ids })
}

async fn decided(visitor: &mut TestVisitor) -> Value {
    visitor.decides(&["home-recs"]).await["decisions"]["home-recs"].clone()
}

#[tokio::test]
async fn impressions_and_clicks_are_stored_with_model_position_and_propensity() {
    let app = shop(|_| ()).await;
    for _ in 0..24 {
        let mut visitor = app.visitor();
        visitor.views("/").await;
        let decision = decided(&mut visitor).await;
        let again = decided(&mut visitor).await;
        assert_eq!(decision["items"], again["items"], "the same request at the same time has the same answer");
        visitor.tracks("Slot Viewed", facts(&decision)).await;
        visitor.tracks("Slot Viewed", facts(&decision)).await;
        let mut click = facts(&decision);
        click["position"] = json!(2);
        visitor.tracks("Slot Clicked", click).await;
    }
    let all = app
        .stored(
            "SELECT toString((count(), uniqExact(decision), uniqExact(visitor), countIf(clicked = 2), \
             min(length(items)), max(length(items)), countIf(length(items) != length(propensities)))) FROM exposures",
        )
        .await;
    assert_eq!(all, ["(72,24,24,24,8,8,0)"]);
    let sums = app
        .stored(
            "SELECT DISTINCT toString((model = 'auto', model_probability, round(explore, 6), \
             round(propensities[if(explored = 1, 2, 1)], 6), if(explored = 0, 0, round(propensities[explored], 6)))) AS line \
             FROM exposures ORDER BY line",
        )
        .await;
    // The four oldest of twelve equal items are candidates for exploration: a quarter each.
    // 0.6 for the default model, 15/16 that this position was not explored; 1/16 that it was, by one of four items.
    assert!(sums.iter().any(|line| line.contains("(1,0.6000000238418579,0.5,0.5625,")), "{sums:?}");
    assert!(sums.iter().any(|line| line.contains(",0.5625,0.009375)")), "{sums:?}");
    app.finish().await;
}

#[tokio::test]
async fn pinned_items_have_propensity_one_and_are_not_credited_to_models() {
    let app = shop(|_| ()).await;
    let admin = app.with_key(Scope::Admin).await;
    let pins = json!({ "pins": [{ "item": "p-5", "position": 1 }, { "item": "p-7", "position": 3 }] });
    assert_eq!(admin.put(&app.path("recommendation-rules"), pins).await.status, 200);
    for n in 0..24 {
        let mut visitor = app.visitor();
        let decision = decided(&mut visitor).await;
        visitor.tracks("Slot Viewed", facts(&decision)).await;
        // Half of them click the pinned item, a quarter another one.
        if n % 4 < 3 {
            let mut click = facts(&decision);
            click["position"] = json!(if n % 4 < 2 { 1 } else { 2 });
            visitor.tracks("Slot Clicked", click).await;
        }
    }
    let draws = app
        .stored(
            "SELECT DISTINCT toString((pinned, propensities[1], propensities[3], items[1], items[3], \
             round(arraySum(propensities) / model_probability, 4), explored IN (1, 3))) AS line \
             FROM exposures WHERE model = 'auto' ORDER BY line",
        )
        .await;
    // One of six positions is explored in half of the slots, by one of four items: next to two pins of 1 / 0.6 each,
    // six positions of 11/12, or five of them and one of 1/12 · 1/4.
    let places = |sum: f64| format!("([1,3],1,1,'p-5','p-7',{},0)", (2.0 / 0.6 + sum).mul_add(1e4, 0.5).floor() / 1e4);
    let expected = [places(5.0 * 11.0 / 12.0 + 1.0 / 48.0), places(5.5)];
    assert!(!draws.is_empty() && draws.iter().all(|line| expected.contains(line)), "{draws:?} of {expected:?}");
    let now = ashna::clock::now().0;
    let at = |ms: i64| ashna::model::Timestamp(ms).to_string();
    let question = json!({ "from": at(now - 3_600_000), "to": at(now + 60_000), "models": { "auto": 1 } });
    let answer = admin.post(&app.path("reports/what-if"), question).await;
    let estimate = answer.json();
    assert_eq!((&estimate["views"], &estimate["now"]["value"]), (&json!(24), &json!(0.25)), "{}", answer.text);
    app.finish().await;
}

#[tokio::test]
async fn invalid_decision_tokens_are_kept_without_a_draw_and_counted() {
    let app = shop(|_| ()).await;
    let mut visitor = app.visitor();
    let decision = decided(&mut visitor).await;
    let mut moved = facts(&decision);
    moved["items"][0] = json!("p-999");
    visitor.tracks("Slot Viewed", moved).await;
    let mut other = app.visitor();
    other.tracks("Slot Viewed", facts(&decision)).await;
    let mut nowhere = facts(&decision);
    nowhere["slot"] = json!("no-such-slot");
    visitor.tracks("Slot Viewed", nowhere).await;
    let mut impossible = facts(&decision);
    impossible["position"] = json!(99);
    visitor.tracks("Slot Clicked", impossible).await;
    // An impression sent twice with one message id counts once.
    let twice = json!({ "type": "track", "event": "Slot Viewed", "messageId": "once", "properties": facts(&decision) });
    visitor.sends(json!([twice, twice])).await;
    assert_eq!(
        app.stored("SELECT toString((action, clicked)) FROM exposures ORDER BY action").await,
        ["(10,0)", "(11,0)"]
    );
    let metrics = app.metrics();
    let noticed = |what: &str| {
        let lines = metrics.iter().filter(|(name, _)| name.contains(what));
        lines.map(|(_, count)| *count).max().unwrap_or_default()
    };
    assert_eq!((noticed("exposure_foreign"), noticed("exposure_no_such_position")), (3, 1), "{metrics:?}");
    app.finish().await;
}

#[tokio::test]
async fn without_consent_impressions_are_anonymous() {
    let app = shop(|_| ()).await;
    let mut visitor = app.visitor();
    visitor.extra = json!({ "consent": { "analytics": false, "personalization": false } });
    let decision = decided(&mut visitor).await;
    visitor.tracks("Slot Viewed", facts(&decision)).await;
    visitor.extra = json!({ "consent": { "analytics": true, "personalization": false } });
    let decision = decided(&mut visitor).await;
    visitor.tracks("Slot Viewed", facts(&decision)).await;
    let stored =
        app.stored("SELECT toString((visitor != 0, model != '', decision != 0)) FROM exposures ORDER BY 1").await;
    assert_eq!(stored, ["(0,1,1)", "(1,1,1)"]);
    app.finish().await;
}

#[tokio::test]
async fn owners_can_set_and_reset_exploration() {
    let app = shop(|_| ()).await;
    let admin = app.with_key(Scope::Admin).await;
    let path = app.path("recommendations/exploring");
    let settings = admin.get(&path).await.json();
    assert_eq!(settings, json!({ "items": 0.5, "models": 0.4, "own_items": false, "own_models": false }));
    let answer = admin.put(&path, json!({ "items": 0, "models": 0 })).await;
    assert_eq!(answer.json(), json!({ "items": 0.0, "models": 0.0, "own_items": true, "own_models": true }));
    let mut visitor = app.visitor();
    for page in 0..20 {
        let context = json!({ "url": format!("https://shop.example/{page}") });
        let answer =
            visitor.asks(json!({ "visitor": visitor.id, "slots": ["home-recs"], "context": context })).await.json();
        visitor.tracks("Slot Viewed", facts(&answer["decisions"]["home-recs"])).await;
    }
    let certain =
        "SELECT toString((uniqExact(decision), sum(explored), min(model_probability), max(explore))) FROM exposures";
    assert_eq!(app.stored(certain).await, ["(20,0,1,0)"], "exploration is off");

    assert_eq!(admin.put(&app.path("recommendations/choice"), json!({ "model": "next_click" })).await.status, 200);
    assert_eq!(admin.put(&path, json!({ "items": null })).await.json()["items"], 0.5);
    for wrong in [json!({ "items": 0.51 }), json!({ "models": -0.1 }), json!({ "items": "x" }), json!({ "item": 0.1 })]
    {
        let status = admin.put(&path, wrong.clone()).await.status;
        assert!([400, 422].contains(&status), "{status} for {wrong}");
    }
    let history = admin.get(&app.path("recommendations/history")).await.json();
    let choices: Vec<&Value> = history["choices"].as_array().unwrap().iter().map(|one| &one["choice"]).collect();
    let expected = [
        json!({ "items": null, "models": null }),
        json!({ "model": "next_click" }),
        json!({ "items": 0.0, "models": 0.0 }),
    ];
    assert_eq!(choices, expected.iter().collect::<Vec<_>>(), "the newest first");
    let reader = app.with_key(Scope::Read).await;
    assert_eq!(reader.put(&path, json!({ "items": 0.1 })).await.status, 403);
    assert_eq!(reader.get(&app.path("recommendations/history")).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn a_preview_for_a_visitor_is_deterministic_and_not_counted() {
    let app = shop(|_| ()).await;
    let reader = app.with_key(Scope::Read).await;
    let mut visitor = app.visitor();
    visitor.tracks("Product Viewed", json!({ "product_id": "p-3", "category": "Coffee" })).await;
    let before = app.metric("decisions_total");
    let path = app.path("recommendations/preview");
    let mut seen = reader.post(&path, json!({ "visitor": visitor.id, "slots": ["home-recs"] })).await.json();
    assert_eq!(
        (&seen["known"], &seen["recent"][0]["id"], &seen["interests"][0]),
        (&json!(true), &json!("p-3"), &json!("Coffee"))
    );
    let slot = seen["decisions"]["home-recs"].clone();
    assert_eq!(slot["items"].as_array().unwrap().len(), 8, "{seen:#}");
    for item in slot["items"].as_array().unwrap() {
        let why = &item["explanation"];
        let expected = match why["grounds"]["kind"].as_str().unwrap() {
            "liked_category" => {
                format!("popular in {}, a category of this visit", why["grounds"]["category"].as_str().unwrap())
            }
            "seen" => "the visitor viewed it recently".to_owned(),
            "popular" => "popular now".to_owned(),
            "alike" => "similar text, categories and attributes".to_owned(),
            other => panic!("{other}: nothing else is known of this shop"),
        };
        assert_eq!(why["evidence"], expected, "the sentence matches the evidence and its numbers: {item:#}");
    }
    assert_eq!(slot["exposure"], Value::Null);
    // The items and the view are learned from at some moment after they came.
    let mut changes = 0;
    for _ in 0..10 {
        let again = reader.post(&path, json!({ "visitor": visitor.id, "slots": ["home-recs"] })).await.json();
        changes += usize::from(again != seen);
        seen = again;
    }
    assert!(changes <= 3, "{seen:#}");
    let made_up = reader.post(&path, json!({ "viewed": ["p-1", "p-2"], "item": "p-2" })).await.json();
    assert_eq!((&made_up["recent"][0]["id"], &made_up["recent"][1]["id"]), (&json!("p-2"), &json!("p-1")));
    assert!(made_up["slots"].as_array().unwrap().contains(&json!("home-recs")));
    let anonymous = reader.post(&path, json!({})).await.json();
    assert_eq!((&anonymous["known"], &anonymous["recent"]), (&json!(false), &json!([])));
    assert_eq!(app.metric("decisions_total"), before, "a preview makes no decision");
    for wrong in [json!({ "visitor": "me" }), json!({ "viewed": vec!["x"; 51] }), json!({ "view": [] })] {
        let status = reader.post(&path, wrong.clone()).await.status;
        assert!([400, 422].contains(&status), "{status} for {wrong}");
    }
    assert_eq!(app.api().post(&path, json!({})).await.status, 401);
    app.finish().await;
}
