//! Settings, captures and cross-origin tokens exchanged between tracker and service.

use ashna::control::Scope;
use serde_json::{Value, json};

use crate::support::{app::TestApp, client::TestVisitor};

const SISTER: &str = "https://sister.example";

fn noticed(kind: &str, properties: &Value) -> Value {
    let page = json!({ "page": { "url": "https://shop.example/p/1?q=tea" } });
    json!([{ "type": kind, "properties": properties, "context": page }])
}

#[tokio::test]
async fn a_tracker_receives_settings_once_and_again_after_a_change() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.extra = json!({ "settings": "" });
    let answer = visitor.views("/").await;
    assert_eq!(answer.status, 200);
    let settings = answer.json()["settings"].clone();
    assert_eq!((&settings["consent"], &settings["gpc"]), (&json!(true), &json!(true)));
    assert!(settings["on"].as_array().unwrap().contains(&json!("view")), "{settings}");

    visitor.extra = json!({ "settings": settings["v"] });
    assert_eq!(visitor.views("/").await.status, 204, "no changed settings");
    assert_eq!(visitor.asks(json!({ "slots": [] })).await.json().get("settings"), None);

    app.changes_site(json!({ "captures": ["pages", "copy"], "consent_default": "denied" })).await;
    let changed = visitor.asks(json!({ "slots": [] })).await.json()["settings"].clone();
    assert_eq!((&changed["on"], &changed["consent"]), (&json!(["view", "copy"]), &json!(false)));
    assert_ne!(changed["v"], settings["v"]);

    let path = format!("/api/v1/sites/{}", app.site.id);
    let refused = app.with_key(Scope::Admin).await.patch(&path, json!({ "captures": ["pages", "keys"] })).await;
    refused.refuses(422, "invalid");
    app.finish().await;
}

#[tokio::test]
async fn captured_events_have_their_report_names() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    for (kind, properties) in [
        ("view", json!({})),
        ("click", json!({ "href": "https://shop.example/list.PDF?x=1" })),
        ("click", json!({ "href": "https://other.example/" })),
        ("click", json!({ "localName": "button" })),
        ("play", json!({ "localName": "video" })),
        ("ended", json!({ "localName": "audio" })),
        ("abandon", json!({ "field": "email" })),
    ] {
        let answer = visitor.sends(noticed(kind, &properties)).await;
        assert_eq!(answer.outcome(), "kept=1, dropped=0, rejected=0", "{kind}");
    }
    visitor.tracks("productAddedToWishlist", json!({ "product_id": "p-7" })).await;
    let stored = app
        .stored(
            "SELECT concat_ws('|', toString(kind), name, toString(action), properties) FROM events ORDER BY position",
        )
        .await;
    assert_eq!(
        stored,
        [
            "2||9|{}",
            r#"1|Link Clicked|0|{"download":true,"href":"https://shop.example/list.PDF?x=1"}"#,
            r#"1|Link Clicked|0|{"outbound":true,"href":"https://other.example/"}"#,
            r#"1|Button Clicked|0|{"localName":"button"}"#,
            r#"1|Video Playback Started|0|{"localName":"video"}"#,
            r#"1|Audio Playback Completed|0|{"localName":"audio"}"#,
            r#"1|Form Abandoned|0|{"field":"email"}"#,
            r#"1|Product Added to Wishlist|0|{"product_id":"p-7"}"#,
        ]
    );
    app.finish().await;
}

#[tokio::test]
async fn google_tag_events_are_mapped() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let page = json!({ "page": { "url": "https://shop.example/thanks" } });
    let item = json!({ "item_id": "p-1", "price": 12.5, "quantity": 2, "item_category": "Tea" });
    let order = json!({ "transaction_id": "o-1", "value": 25, "currency": "EUR", "items": [item] });
    let answer = visitor
        .sends(json!([
            { "type": "gtag", "event": "add_to_cart", "properties": { "items": [item] }, "context": page },
            { "type": "gtag", "event": "purchase", "properties": { "event": "purchase", "ecommerce": order }, "context": page },
            { "type": "gtag", "event": "newsletter", "context": page },
        ]))
        .await;
    assert_eq!(answer.outcome(), "kept=3, dropped=0, rejected=0");
    let stored = app
        .stored("SELECT concat_ws('|', name, arrayStringConcat(items, ','), category, order_id, toString(amount_minor)) FROM events ORDER BY position")
        .await;
    assert_eq!(stored, ["Product Added|p-1|Tea||0", "Order Completed|p-1|Tea|o-1|2500", "newsletter||||0"]);
    app.finish().await;
}

#[tokio::test]
async fn disabled_captures_are_dropped_and_counted() {
    let app = TestApp::start().await;
    app.changes_site(json!({ "captures": ["clicks"] })).await;
    let mut visitor = app.visitor();
    let answer = visitor.sends(noticed("view", &json!({}))).await;
    assert_eq!(answer.outcome(), "kept=0, dropped=1 (switched_off=1), rejected=0");
    // Events that the page sends itself are kept.
    assert_eq!(visitor.views("/").await.outcome(), "kept=1, dropped=0, rejected=0");
    app.finish().await;
}

/// A browser on the sister site's pages with a token.
fn arriving(app: &TestApp, token: &str, referrer: &str) -> TestVisitor {
    let mut there = app.visitor();
    SISTER.clone_into(&mut there.origin);
    there.extra = json!({ "link": { "token": token, "referrer": referrer } });
    there
}

#[tokio::test]
async fn a_visitor_id_is_passed_to_another_origin_of_the_site() {
    let app = TestApp::start().await;
    app.changes_site(json!({ "origins": ["https://shop.example", SISTER] })).await;
    let mut here = app.visitor();
    here.extra = json!({ "settings": "" });
    let body = here.views("/").await.json();
    assert_eq!(body["settings"]["origins"], json!([SISTER]));
    here.extra = json!({ "linking": true });
    let answer = here.sends(json!([])).await;
    let token = answer.json()["link"].as_str().expect("a token").to_owned();
    assert!(!token.contains(&here.id));

    let mut there = arriving(&app, &token, "https://shop.example/");
    assert_eq!(there.views("/").await.json()["visitor"], here.id, "carried");
    // This browser has a cookie by now, which wins over the token in a URL.
    there.extra = json!({ "link": { "token": "x", "referrer": "https://shop.example/" } });
    assert_eq!(there.asks(json!({ "slots": [] })).await.json()["visitor"], here.id);

    for (token, referrer) in [
        (token.as_str(), "https://evil.example/"),
        (token.as_str(), ""),
        (&token[1..], "https://shop.example/"),
        ("", "https://shop.example/"),
    ] {
        let mut stranger = arriving(&app, token, referrer);
        assert_eq!(stranger.views("/").await.status, 204, "{token} from {referrer}: the proposed id is used");
        assert_ne!(stranger.asks(json!({ "slots": [] })).await.json()["visitor"], here.id);
    }
    app.finish().await;
}
