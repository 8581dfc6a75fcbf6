//! Look-up of people by contact centres and shops, and the channel of contacts.

use ashna::control::{Membership, Role, Scope};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{app::TestApp, client::ApiClient};

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Sends calls with a server key.
async fn sends(server: &ApiClient, calls: Value) {
    let answer = server.post("/v1/batch", json!({ "batch": calls })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn finds(app: &TestApp, server: &ApiClient, by: Value) -> Value {
    let answer = server.post(&app.path("customers/lookup"), by.clone()).await;
    assert_eq!(answer.status, 200, "{by}: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_person_is_found_by_id_and_by_hashes_and_has_contacts() {
    let app = TestApp::start().await;
    let server = app.with_key(Scope::Server).await;
    let traits = json!({ "email": " Ada@Shop.Example ", "phone": "+۹۸ (912) 123-45 67" });
    sends(
        &server,
        json!([
            { "type": "identify", "userId": "ada", "traits": traits },
            { "type": "track", "event": "Called", "userId": "ada", "context": { "channel": "Call-Center" },
              "properties": { "minutes": 4 } },
            { "type": "track", "event": "Visited", "userId": "ada", "context": { "channel": "shop" } },
            { "type": "track", "event": "Read", "userId": "ada", "context": { "channel": "web" } },
            { "type": "track", "event": "Guessed", "userId": "ada", "context": { "channel": "pigeon" } },
            { "type": "identify", "userId": "bob", "traits": { "phone": 989_121_230_000_i64 } },
        ]),
    )
    .await;
    app.settled().await;
    let by_id = finds(&app, &server, json!({ "user_id": "ada" })).await;
    assert_eq!((&by_id["user_id"], &by_id["events"]), (&json!("ada"), &json!(5)), "{by_id}");
    let contacts: Vec<(&str, &str)> = by_id["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|contact| (contact["channel"].as_str().unwrap(), contact["event"].as_str().unwrap()))
        .collect();
    assert_eq!(contacts.len(), 2, "{by_id}");
    assert!(contacts.contains(&("call_centre", "Called")) && contacts.contains(&("shop", "Visited")), "{by_id}");
    let called = by_id["timeline"].as_array().unwrap().iter().find(|entry| entry["event"] == "Called").unwrap();
    assert_eq!((&called["channel"], &called["properties"]["minutes"]), (&json!("call_centre"), &json!(4)), "{called}");
    for by in [
        json!({ "email_sha256": sha256("ada@shop.example") }),
        json!({ "email_sha256": sha256("ada@shop.example").to_uppercase() }),
        json!({ "phone_sha256": sha256("+989121234567") }),
    ] {
        assert_eq!(finds(&app, &server, by).await["visitor"], by_id["visitor"]);
    }
    let bob = finds(&app, &server, json!({ "phone_sha256": sha256("989121230000") })).await;
    assert_eq!(bob["user_id"], "bob");

    // An unknown channel is named, and the event kept.
    let violations = app.stored("SELECT toString(violations) FROM events WHERE name = 'Guessed'").await;
    assert_eq!(violations, ["['context.channel: unknown']"]);
    app.finish().await;
}

#[tokio::test]
async fn an_order_counts_once_for_its_person_and_a_refund_takes_no_more_than_it() {
    let app = TestApp::start().await;
    let server = app.with_key(Scope::Server).await;
    let order = |name: &str, order_id: &str, revenue: Value| {
        json!({ "type": "track", "event": name, "userId": "ada",
            "properties": { "order_id": order_id, "revenue": revenue, "currency": "EUR" } })
    };
    let refunded_whole =
        json!({ "type": "track", "event": "Order Refunded", "userId": "ada", "properties": { "order_id": "3" } });
    sends(
        &server,
        json!([
            order("Order Completed", "1", json!(100)),
            order("Order Completed", "1", json!(100)),
            order("Order Completed", "2", json!(50)),
            order("Order Refunded", "2", json!(20)),
            order("Order Refunded", "2", json!(500)),
            order("Order Completed", "3", json!(7)),
            refunded_whole,
            order("Order Refunded", "never paid", json!(9)),
            order("Order Completed", "", json!(5)),
        ]),
    )
    .await;
    app.settled().await;
    let person = finds(&app, &server, json!({ "user_id": "ada" })).await;
    assert_eq!((&person["orders"], &person["revenue_minor"]), (&json!(4), &json!(10_500)), "{person}");
    app.finish().await;
}

#[tokio::test]
async fn what_anyone_can_say_does_not_replace_what_the_site_vouched_for() {
    let app = TestApp::start().await;
    let server = app.with_key(Scope::Server).await;
    let ada = json!({ "email": "ada@shop.example" });
    sends(&server, json!([{ "type": "identify", "userId": "ada", "traits": ada }])).await;
    let mut stranger = app.visitor();
    for id in ["mallory", "ada"] {
        stranger.sends(json!([{ "type": "identify", "userId": id, "traits": ada }])).await;
    }
    app.settled().await;
    let found = finds(&app, &server, json!({ "email_sha256": sha256("ada@shop.example") })).await;
    assert_eq!(found["user_id"], "ada", "{found}");
    assert_ne!(found["visitor"], json!(stranger.id));
    assert_eq!(finds(&app, &server, json!({ "user_id": "ada" })).await["visitor"], found["visitor"]);
    app.finish().await;
}

#[tokio::test]
async fn an_erased_person_is_not_found_and_an_export_has_the_hashes() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let mut visitor = app.visitor();
    let traits = json!({ "email": "eve@shop.example" });
    visitor.sends(json!([{ "type": "identify", "userId": "eve", "traits": traits }])).await;
    app.settled().await;
    let by = json!({ "email_sha256": sha256("eve@shop.example") });
    finds(&app, &admin, by.clone()).await;
    let export = admin.get(&app.path(&format!("visitors/{}/export", visitor.id))).await.json();
    let key = &export["contact_keys"][0];
    assert_eq!((&key["field"], &key["sha256"]), (&json!("email"), &by["email_sha256"]), "{export}");
    assert_eq!(admin.delete(&app.path(&format!("visitors/{}", visitor.id))).await.status, 200);
    admin.post(&app.path("customers/lookup"), by).await.refuses(404, "not_found");
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn strangers_and_masked_accounts_find_no_one_and_bad_questions_are_refused() {
    let app = TestApp::start().await;
    let path = app.path("customers/lookup");
    let by = json!({ "user_id": "x" });
    app.with_key(Scope::Read).await.post(&path, by.clone()).await.refuses(403, "forbidden");
    let masked = Membership { masked: true, ..Membership::with_all_sites(Role::Marketer) };
    app.with_login_of("masked@shop.example", &masked).await.post(&path, by.clone()).await.refuses(403, "forbidden");
    app.with_login(Role::Marketer).await.post(&path, by.clone()).await.refuses(404, "not_found");
    let server = app.with_key(Scope::Server).await;
    server.post(&path, by).await.refuses(404, "not_found");
    for bad in [json!({}), json!({ "email_sha256": "abc" }), json!({ "user_id": "x", "phone_sha256": "y" })] {
        server.post(&path, bad).await.refuses(422, "invalid");
    }
    server.post(&path, json!({ "email": "ada@shop.example" })).await.refuses(400, "unreadable");
    app.finish().await;
}
