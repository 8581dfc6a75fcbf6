//! Decisions for the slots of a page: offers by rule and priority, recommendations, explanations, consent.

use ashna::control::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    client::{Answer, ApiClient, TestVisitor},
    engine::{PATIENCE, eventually},
};

async fn with_offers(offers: &[Value]) -> (TestApp, ApiClient) {
    let app = TestApp::with(|config| config.learn.refresh_seconds = 1).await;
    let marketer = app.with_key(Scope::Admin).await;
    for offer in offers {
        let answer = marketer.post(&app.path("offers"), offer.clone()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    (app, marketer)
}

fn offer(id: &str, priority: i32, when: impl Into<Value>) -> Value {
    let when = when.into();
    json!({ "id": id, "slot": "home-hero", "priority": priority, "when": when, "content": { "title": id } })
}

async fn hero(visitor: &mut TestVisitor) -> Value {
    visitor.decides(&["home-hero"]).await["decisions"]["home-hero"]["offer"].clone()
}

#[tokio::test]
async fn an_event_counts_in_the_next_decision() {
    let returning = json!({ "field": "pageviews", "op": "gte", "value": 2 });
    let coffee = json!({ "field": "affinity", "op": "eq", "value": "Coffee" });
    let full_cart = json!({ "field": "cart_items", "op": "gte", "value": 3 });
    let (app, _) =
        with_offers(&[offer("again", 1, returning), offer("coffee", 2, coffee), offer("cart", 3, full_cart)]).await;
    let mut visitor = app.visitor();
    assert_eq!(hero(&mut visitor).await, Value::Null);
    visitor.views("/a").await;
    assert_eq!(hero(&mut visitor).await, Value::Null, "one view is not two");
    visitor.views("/b").await;
    assert_eq!(hero(&mut visitor).await, "again");
    for id in ["p-1", "p-2", "p-3"] {
        visitor.tracks("Product Viewed", json!({ "product_id": id, "category": "Coffee" })).await;
    }
    assert_eq!(hero(&mut visitor).await, "coffee");
    visitor.tracks("Product Added", json!({ "product_id": "p-1", "quantity": 3 })).await;
    assert_eq!(hero(&mut visitor).await, "cart");
    visitor.tracks("Order Completed", json!({ "order_id": "o", "products": [{ "product_id": "p-1" }] })).await;
    assert_eq!(hero(&mut visitor).await, "coffee", "the cart is empty again");
    assert_eq!(hero(&mut app.visitor()).await, Value::Null, "another visitor");
    app.finish().await;
}

#[tokio::test]
async fn an_answer_has_the_documented_form() {
    let (app, _) = with_offers(&[offer("hello", 1, json!({}))]).await;
    let mut visitor = app.visitor();
    let answer = visitor.asks(json!({ "visitor": visitor.id, "slots": ["home-hero", "unknown-slot"] })).await;
    assert_eq!(
        answer.json(),
        json!({ "visitor": visitor.id, "degraded": false, "decisions": { "home-hero": {
            "offer": "hello", "variant": null, "content": { "title": "hello" }, "items": [], "reason": "offer" } } })
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let timing = answer.header("server-timing");
    assert!(timing.contains("profile;dur=") && timing.contains("decide;dur="), "{timing}");
    app.finish().await;
}

#[tokio::test]
async fn the_eligible_offer_with_the_highest_priority_wins() {
    let elsewhere = json!({ "field": "url_path", "op": "starts_with", "value": "/checkout" });
    let (app, marketer) = with_offers(&[
        offer("everyone", 1, json!({})),
        offer("checkout", 9, elsewhere),
        json!({ "id": "off", "slot": "home-hero", "priority": 90, "enabled": false }),
        json!({ "id": "over", "slot": "home-hero", "priority": 91, "ends_at": "2020-01-01T00:00:00Z" }),
        json!({ "id": "not-yet", "slot": "home-hero", "priority": 92, "starts_at": "2100-01-01T00:00:00Z" }),
    ])
    .await;
    let mut visitor = app.visitor();
    assert_eq!(hero(&mut visitor).await, "everyone");
    let on_checkout = json!({ "slots": ["home-hero"], "context": { "url": "https://shop.example/checkout/pay" } });
    assert_eq!(visitor.asks(on_checkout).await.json()["decisions"]["home-hero"]["offer"], "checkout");
    let on = json!({ "id": "off", "slot": "home-hero", "priority": 90, "enabled": true });
    assert_eq!(marketer.put(&app.path("offers/off"), on).await.status, 200);
    assert_eq!(hero(&mut visitor).await, "off", "a change applies from the next request on");
    assert_eq!(marketer.delete(&app.path("offers/off")).await.status, 204);
    assert_eq!(hero(&mut visitor).await, "everyone");
    app.finish().await;
}

#[tokio::test]
async fn explanations_require_a_server_key() {
    let never = json!({ "field": "visits", "op": "gte", "value": 99 });
    let (app, admin) = with_offers(&[offer("hello", 1, json!({})), offer("never", 2, never)]).await;
    let explanation = async |api: ApiClient| {
        let answer = api.post("/v1/decide", json!({ "key": app.site.write_key, "slots": ["home-hero"] })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["decisions"]["home-hero"]["explanation"].clone()
    };
    assert_eq!(explanation(app.api()).await, Value::Null, "a write key is public");
    assert_eq!(explanation(app.with_key(Scope::Read).await).await, Value::Null);
    for api in [app.with_key(Scope::Server).await, admin] {
        let lines = explanation(api).await.to_string();
        assert!(lines.contains("`never` skipped") && lines.contains("`hello` (priority 1)"), "{lines}");
    }
    app.finish().await;
}

#[tokio::test]
async fn new_visitors_get_popular_items_and_known_visitors_get_personal_ones() {
    let (app, marketer) = with_offers(&[]).await;
    let items: Vec<Value> =
        (1..=6).map(|n| json!({ "id": format!("p-{n}"), "title": "T", "categories": ["Coffee"] })).collect();
    assert_eq!(marketer.post(&app.path("items"), json!(items)).await.json()["upserted"], 6);
    for _ in 0..4 {
        let mut visitor = app.visitor();
        for id in ["p-1", "p-2", "p-3"] {
            visitor.tracks("Product Viewed", json!({ "product_id": id })).await;
        }
    }
    app.settled().await;
    let mut newcomer = app.visitor();
    eventually("the index knows the views", PATIENCE, async || {
        !newcomer.decides(&["home-recs"]).await["decisions"]["home-recs"].is_null()
    })
    .await;
    let popular = newcomer.decides(&["home-recs"]).await["decisions"]["home-recs"].clone();
    assert_eq!((&popular["reason"], &popular["offer"]), (&json!("fallback"), &Value::Null));
    let mut known = app.visitor();
    known.tracks("Product Viewed", json!({ "product_id": "p-1" })).await;
    let picked = known.decides(&["home-recs"]).await["decisions"]["home-recs"].clone();
    assert_eq!(picked["reason"], "recommendation", "{picked}");
    let ids: Vec<_> = picked["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"p-2") && ids.contains(&"p-3"), "items viewed together with p-1: {ids:?}");

    let path = |rest: &str| format!("/v1/recommend?key={}{rest}", app.site.write_key);
    let related = app.api().get(&path("&item=p-2&k=1")).await.json();
    assert_eq!(related["items"].as_array().unwrap().len(), 1);
    assert_ne!(related["items"][0]["id"], "p-2", "not the item itself");
    let personal = app.api().get(&path(&format!("&visitor={}", known.id))).await.json();
    assert!(personal["items"].as_array().is_some_and(|items| !items.is_empty()), "{personal}");
    assert_eq!(marketer.delete(&app.path("items/p-2")).await.status, 204);
    assert!(!known.decides(&["home-recs"]).await.to_string().contains("p-2"), "gone from the catalogue at once");
    app.finish().await;
}

#[tokio::test]
async fn without_consent_there_is_no_id_and_no_personal_decision() {
    let viewed = json!({ "field": "pageviews", "op": "gte", "value": 1 });
    let (app, _) = with_offers(&[offer("everyone", 1, json!({})), offer("personal", 2, viewed)]).await;
    let mut visitor = app.visitor();
    visitor.views("/").await;
    assert_eq!(hero(&mut visitor).await, "personal");

    let mut not_personal = visitor.clone();
    not_personal.extra = json!({ "consent": { "analytics": true, "personalization": false } });
    let answer = not_personal.decides(&["home-hero"]).await;
    assert_eq!(
        (&answer["visitor"], &answer["decisions"]["home-hero"]["offer"]),
        (&json!(visitor.id), &json!("everyone"))
    );

    let mut refusing = visitor.clone();
    refusing.headers.push(("sec-gpc", "1"));
    let answer = refusing.asks(json!({ "visitor": visitor.id, "slots": ["home-hero"] })).await;
    assert_eq!(answer.json()["visitor"], Value::Null);
    assert_eq!((answer.json()["decisions"]["home-hero"]["offer"].as_str(), answer.cookie()), (Some("everyone"), ""));
    app.finish().await;
}

#[tokio::test]
async fn a_gpc_refusal_applies_to_recommendations() {
    let (app, marketer) = with_offers(&[]).await;
    marketer.post(&app.path("items"), json!([{ "id": "p-1", "title": "T" }, { "id": "p-2", "title": "T" }])).await;
    let mut visitor = app.visitor();
    visitor.tracks("Order Completed", json!({ "order_id": "o", "products": [{ "product_id": "p-1" }] })).await;
    let path = format!("/v1/recommend?key={}&visitor={}", app.site.write_key, visitor.id);
    let ids = async |visitor: &TestVisitor| Answer::to(visitor.request(Method::GET, &path)).await.text;
    eventually("what was bought is not recommended, all else is", PATIENCE, async || {
        let text = ids(&visitor).await;
        text.contains("p-2") && !text.contains("p-1")
    })
    .await;
    visitor.headers.push(("sec-gpc", "1"));
    assert!(ids(&visitor).await.contains("p-1"), "no profile is used after a refusal");
    app.finish().await;
}

#[tokio::test]
async fn an_invalid_request_has_a_clear_error() {
    let (app, _) = with_offers(&[]).await;
    let key = app.site.write_key.as_str();
    let api = app.api();
    for body in
        ["", "hello", "[]", "{\"slots\":\"home-hero\"}", "{\"slots\":[1]}", "{\"consent\":{\"analytics\":\"yes\"}}"]
    {
        let path = format!("/v1/decide?key={key}");
        api.sends(Method::POST, &path, body).await.refuses(400, "unreadable");
    }
    let too_long = json!({ "key": key, "slots": ["x".repeat(201)] });
    api.post("/v1/decide", too_long).await.refuses(422, "invalid");
    let slots: Vec<String> = (0..1001).map(|n| format!("s-{n}")).collect();
    api.post("/v1/decide", json!({ "key": key, "slots": slots })).await.refuses(422, "invalid");
    api.post("/v1/decide", json!({ "slots": [] })).await.refuses(401, "unauthorized");
    api.post("/v1/decide", json!({ "key": "unknown", "slots": [] })).await.refuses(401, "unauthorized");
    api.get("/v1/recommend").await.refuses(401, "unauthorized");
    api.get(&format!("/v1/recommend?key={key}&item={}", "x".repeat(3000))).await.refuses(422, "invalid");
    let many: Vec<String> = (0..1000).map(|n| format!("{n}-recs")).collect();
    assert_eq!(api.post("/v1/decide", json!({ "key": key, "slots": many })).await.status, 200);
    app.finish().await;
}
