//! What marketers edit and export: items, offers, funnels, CSV, and the OpenAPI description.

use ashna::{control::Scope, http};
use reqwest::Method;
use serde_json::json;

use crate::support::app::{TestApp, these_days};

#[tokio::test]
async fn items_are_posted_as_an_array_and_replaced_by_id() {
    let app = TestApp::start().await;
    let shop = app.with_key(Scope::Server).await;
    let beans = json!({ "id": "p-1", "title": "Beans", "price_minor": 1250, "currency": "EUR", "categories": ["Coffee"], "roast": "dark" });
    let answer = shop.post(&app.path("items"), json!([beans, { "id": "p-2", "title": "Mug" }])).await;
    assert_eq!(answer.json(), json!({ "upserted": 2, "rejected": [] }));
    let answer = shop.post(&app.path("items"), json!({ "id": "p-2", "title": "Large mug" })).await;
    assert_eq!(answer.json()["upserted"], 1, "one object is one item");
    // Stock alone can be changed; what is not in the change stays.
    let changes = json!([{ "id": "p-2", "available": false }, { "id": "p-9", "available": false }, 7]);
    let answer = shop.sends(Method::PATCH, &app.path("items"), changes.to_string()).await.json();
    assert_eq!((&answer["upserted"], answer["rejected"].as_array().unwrap().len()), (&json!(1), 2), "{answer}");
    assert_eq!((&answer["rejected"][0]["line"], &answer["rejected"][0]["reason"]), (&json!(2), &json!("bad_id")));
    let mug = shop.get(&app.path("items?search=p-2")).await.json()["items"][0].clone();
    assert_eq!((&mug["title"], &mug["available"]), (&json!("Large mug"), &json!(false)));
    let page = shop.get(&app.path("items?limit=1")).await.json();
    assert_eq!((&page["total"], page["items"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!((&page["items"][0]["price_minor"], &page["items"][0]["roast"]), (&json!(1250), &json!("dark")));
    let found = shop.get(&app.path("items?search=LARGE")).await.json();
    assert_eq!((&found["total"], &found["items"][0]["id"]), (&json!(1), &json!("p-2")));
    assert_eq!(shop.delete(&app.path("items/p-2")).await.status, 204);
    shop.delete(&app.path("items/p-2")).await.refuses(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn an_invalid_item_is_rejected_alone_and_reported() {
    let app = TestApp::start().await;
    let shop = app.with_key(Scope::Server).await;
    let lines = "{\"id\":\"p-1\"}\n\nno JSON\r\n{\"title\":\"no id\"}\n{\"id\":\"p-2\",\"url\":\"javascript:alert(1)\"}\n{\"id\":\"p-3\"}";
    let answer = shop.sends(Method::POST, &app.path("items"), lines).await.json();
    assert_eq!(answer["upserted"], 2);
    let rejected = answer["rejected"].as_array().unwrap();
    let places: Vec<_> = rejected.iter().map(|one| one["line"].as_u64().unwrap()).collect();
    assert_eq!(places, [3, 4, 5], "blank lines count");
    assert!(rejected[2]["message"].as_str().unwrap().contains("p-2"), "{answer}");
    let answer = shop.post(&app.path("items"), json!([{ "id": "p-4" }, 7])).await.json();
    assert_eq!((&answer["upserted"], &answer["rejected"][0]["line"]), (&json!(1), &json!(2)));
    shop.sends(Method::POST, &app.path("items"), "[{\"id\":").await.refuses(400, "unreadable");
    assert_eq!(shop.get(&app.path("items")).await.json()["total"], 3);
    app.finish().await;
}

#[tokio::test]
async fn an_invalid_offer_is_refused_with_its_field_and_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let good = json!({ "id": "hello", "slot": "home-hero", "when": { "field": "visits", "op": "gte", "value": 2 } });
    let stored = admin.post(&app.path("offers"), good.clone()).await;
    assert_eq!((stored.status, &stored.json()["id"]), (201, &json!("hello")));
    admin.post(&app.path("offers"), good.clone()).await.refuses(409, "conflict");
    let mut bad = good;
    bad["when"]["field"] = json!("visit");
    let answer = admin.put(&app.path("offers/hello"), bad.clone()).await;
    answer.refuses(422, "invalid");
    assert!(answer.text.contains("hello") && answer.text.contains("visits"), "{}", answer.text);
    bad["id"] = json!("another");
    admin.post(&app.path("offers"), bad.clone()).await.refuses(422, "invalid");
    admin.put(&app.path("offers/hello"), bad).await.refuses(422, "invalid");
    admin.post(&app.path("offers"), json!({ "id": "x" })).await.refuses(400, "unreadable");
    let offers = admin.get(&app.path("offers")).await.json();
    assert_eq!((offers.as_array().unwrap().len(), &offers[0]["when"]["field"]), (1, &json!("visits")));
    assert_eq!(admin.delete(&app.path("offers/hello")).await.status, 204);
    admin.delete(&app.path("offers/hello")).await.refuses(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn an_offer_id_must_fit_into_a_url() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    for id in ["", "a/b", "a b", "é", "..", &"x".repeat(101)] {
        admin.post(&app.path("offers"), json!({ "id": id, "slot": "s" })).await.refuses(422, "invalid");
    }
    for slot in ["", &"s".repeat(201)] {
        admin.post(&app.path("offers"), json!({ "id": "o", "slot": slot })).await.refuses(422, "invalid");
    }
    app.finish().await;
}

#[tokio::test]
async fn funnels_are_saved_changed_and_removed() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let path = app.path("funnels");
    let question = json!({ "steps": [{ "event": "page" }, { "event": "Order Completed" }], "order": "sequential" });
    let saved = admin.post(&path, json!({ "name": " Shop ", "question": question })).await;
    assert_eq!(saved.status, 201, "{}", saved.text);
    let one = format!("{path}/{}", saved.json()["id"]);
    let listed = admin.get(&path).await.json();
    assert_eq!((&listed[0]["name"], &listed[0]["question"]), (&json!("Shop"), &question));
    assert_eq!(saved.json()["name"], "Shop", "the answer is what was stored");
    assert_eq!(admin.put(&one, json!({ "name": "Sales", "question": question })).await.status, 200);
    assert_eq!(admin.get(&path).await.json()[0]["name"], "Sales");
    admin.put(&one, json!({ "name": "", "question": question })).await.refuses(422, "invalid");
    admin.post(&path, json!({ "name": "F", "question": "?" })).await.refuses(422, "invalid");
    assert_eq!(admin.delete(&one).await.status, 204);
    admin.delete(&one).await.refuses(404, "not_found");
    admin.put(&one, json!({ "name": "Sales", "question": question })).await.refuses(404, "not_found");
    admin.delete(&format!("{path}/first")).await.refuses(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn reports_are_exported_as_csv() {
    let app = TestApp::start().await;
    app.visitor().views("/=cmd").await;
    app.visitor().views("/b,\"c\"").await;
    app.settled().await;
    let viewer = app.with_key(Scope::Read).await;
    let answer = viewer.post(&app.path("reports/pages?format=csv"), these_days()).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert!(answer.header("content-disposition").contains("ashna-pages.csv"));
    let mut reader = csv::Reader::from_reader(answer.text.trim_start_matches('\u{feff}').as_bytes());
    assert_eq!(reader.headers().unwrap().get(0), Some("path"));
    assert_eq!(reader.records().map(Result::unwrap).count(), 2, "{}", answer.text);
    for (report, by) in [("overview", None), ("sources", Some("channel")), ("visitors", Some("country"))] {
        let mut question = these_days();
        if let Some(by) = by {
            question["by"] = by.into();
        }
        let answer = viewer.post(&app.path(&format!("reports/{report}?format=csv")), question).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/csv; charset=utf-8"), "{report}");
    }
    viewer.post(&app.path("reports/nothing"), these_days()).await.refuses(404, "not_found");
    viewer.post(&app.path("reports/overview"), json!({ "from": "yesterday" })).await.refuses(422, "invalid");
    app.finish().await;
}

#[tokio::test]
async fn the_openapi_description_is_complete_and_committed() {
    let app = TestApp::start().await;
    let served = app.api().get("/api/v1/openapi.json").await;
    assert_eq!((served.status, served.header("content-type")), (200, "application/json"));
    let paths = served.json()["paths"].clone();
    for path in [
        "/api/v1/setup",
        "/api/v1/session",
        "/api/v1/sites",
        "/api/v1/sites/{site}/items",
        "/api/v1/sites/{site}/offers/{offer}",
        "/api/v1/sites/{site}/funnels/{funnel}",
        "/api/v1/sites/{site}/reports/{report}",
        "/api/v1/sites/{site}/visitors/{visitor}",
    ] {
        assert!(paths[path].is_object(), "{path} is not described");
    }
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json")).unwrap_or_default();
    assert!(
        committed == http::openapi() && committed == served.text,
        "openapi.json is out of date: run `cargo run -- openapi > openapi.json`"
    );
    app.finish().await;
}
